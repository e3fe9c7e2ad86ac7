//! What the flags of a Java virtual machine say about its memory. Knows nothing of where they are read from.

use serde::{Deserialize, Serialize};

use crate::quantity::Bytes;

/// Flags of a JVM that decide how much memory it takes, as far as the pod template shows them. All none: there is a JVM,
/// and nothing says how large its heap may become.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub struct JavaFlags {
    /// `-Xmx`, `-XX:MaxHeapSize`
    pub heap_max: Option<Bytes>,
    /// `-Xms`, `-XX:InitialHeapSize`
    pub heap_initial: Option<Bytes>,
    /// `-XX:MaxRAMPercentage` in hundredths of a per cent; counts only where no highest heap is set.
    pub max_ram_basis_points: Option<u32>,
    /// Where the flag that counts stands: `env JAVA_TOOL_OPTIONS`, `args`.
    pub set_in: Option<String>,
    /// Options come from a Secret, a ConfigMap or a field, which are not read: they may say anything.
    pub is_hidden: bool,
}

impl JavaFlags {
    /// The highest heap with this memory limit; none where the flags do not say it.
    pub fn heap_within(&self, limit: Option<Bytes>) -> Option<Bytes> {
        self.heap_max.or_else(|| {
            let share = u128::from(self.max_ram_basis_points?);
            let heap = u128::from(limit?.0) * share / 10_000;
            Some(Bytes(u64::try_from(heap).unwrap_or(u64::MAX)))
        })
    }

    /// The heap grows and shrinks with the memory limit.
    pub fn heap_follows_limit(&self) -> bool {
        self.heap_max.is_none() && self.max_ram_basis_points.is_some()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_heap_in_bytes_counts_before_a_share_of_the_limit() {
        let limit = Some(Bytes::mebi(1000));
        let share = JavaFlags { max_ram_basis_points: Some(7500), ..JavaFlags::default() };
        assert_eq!((share.heap_within(limit), share.heap_within(None)), (Some(Bytes::mebi(750)), None));
        assert!(share.heap_follows_limit());
        let fixed = JavaFlags { heap_max: Some(Bytes::mebi(300)), ..share };
        assert_eq!(fixed.heap_within(limit), Some(Bytes::mebi(300)));
        assert!(!fixed.heap_follows_limit() && !JavaFlags::default().heap_follows_limit());
    }
}
