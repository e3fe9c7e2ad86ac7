//! Which kind of cgroup tree a node has, by what stands at its root.

/// The kind of tree.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum CgroupMode {
    /// A tree per controller.
    V1,
    /// One tree.
    V2,
    /// A tree per controller, and a unified one beside them that tells pressure.
    Hybrid,
}

/// What a look at the cgroup root showed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RootSeen<'a> {
    /// Content of `cgroup.controllers`, where it is there.
    pub controllers: Option<&'a [u8]>,
    /// Is there a folder `cpuacct` or `memory`?
    pub has_v1: bool,
    /// Is there a file `unified/cgroup.controllers`?
    pub has_unified: bool,
}

impl RootSeen<'_> {
    /// The kind of tree; nothing where this is no cgroup root. A unified root without the memory controller counts as
    /// version 2 only when there is nothing of version 1 beside it.
    #[must_use]
    pub fn mode(&self) -> Option<CgroupMode> {
        let with_memory = self.controllers.is_some_and(|text| {
            text.split(|byte| byte.is_ascii_whitespace()).any(|controller| controller == b"memory")
        });
        match (self.has_v1, self.has_unified) {
            _ if with_memory => Some(CgroupMode::V2),
            (true, true) => Some(CgroupMode::Hybrid),
            (true, false) => Some(CgroupMode::V1),
            (false, _) => self.controllers.map(|_| CgroupMode::V2),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_the_kinds_apart() {
        let mode = |controllers, has_v1, has_unified| RootSeen { controllers, has_v1, has_unified }.mode();
        assert_eq!(mode(Some(b"cpuset cpu io memory pids\n"), false, false), Some(CgroupMode::V2));
        assert_eq!(mode(Some(b"cpu io pids\n"), false, false), Some(CgroupMode::V2));
        assert_eq!(mode(None, true, true), Some(CgroupMode::Hybrid));
        assert_eq!(mode(None, true, false), Some(CgroupMode::V1));
        assert_eq!(mode(Some(b"hugetlb\n"), true, true), Some(CgroupMode::Hybrid));
        assert_eq!(mode(Some(b"memory_recursiveprot\n"), true, false), Some(CgroupMode::V1));
        assert_eq!(mode(None, false, false), None);
        assert_eq!(mode(None, false, true), None);
    }
}
