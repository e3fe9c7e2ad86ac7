//! How far each node's batches are stored, by the boot id of its buffer.

use std::collections::{BTreeMap, HashMap};

use crate::spool::frame::Head;

/// Boot ids of one node: a new one comes with a new buffer folder. More are a fault, and the one unused longest goes.
const BOOT_IDS_MAX: usize = 8;
/// Nodes: twice what Kubernetes supports in a cluster.
const NODES_MAX: usize = 10_000;

/// Of one buffer.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The highest number that is stored.
    pub(crate) seq: u64,
    /// Batches that the agent says it lost.
    pub(crate) dropped: u64,
    /// The end of the newest reading, and when the last batch came in; milliseconds since the epoch.
    pub(crate) newest_ms: i64,
    pub(crate) arrived_ms: i64,
}

/// Of all.
#[derive(Debug, Clone, Default)]
pub(crate) struct Marks(HashMap<String, BTreeMap<String, Mark>>);

impl Marks {
    pub(crate) fn of(&self, node: &str, boot_id: &str) -> Option<Mark> {
        self.0.get(node)?.get(boot_id).copied()
    }

    /// Notes a batch; false for one that was noted before.
    pub(crate) fn note(&mut self, head: &Head) -> bool {
        let known = self.of(&head.node, &head.boot_id).unwrap_or_default();
        if head.seq <= known.seq {
            return false;
        }
        let mark = Mark {
            seq: head.seq,
            dropped: head.dropped.max(known.dropped),
            newest_ms: head.to_ms.max(known.newest_ms),
            arrived_ms: head.arrived_ms.max(known.arrived_ms),
        };
        self.set(&head.node, &head.boot_id, mark);
        true
    }

    fn set(&mut self, node: &str, boot_id: &str, mark: Mark) {
        if !self.0.contains_key(node) && self.0.len() >= NODES_MAX {
            let oldest =
                self.0.iter().min_by_key(|(_, boots)| boots.values().map(|mark| mark.arrived_ms).max());
            if let Some(oldest) = oldest.map(|(node, _)| node.clone()) {
                self.0.remove(&oldest);
            }
        }
        let boots = self.0.entry(node.to_owned()).or_default();
        if !boots.contains_key(boot_id) && boots.len() >= BOOT_IDS_MAX {
            let oldest = boots.iter().min_by_key(|(_, mark)| mark.arrived_ms).map(|(id, _)| id.clone());
            oldest.and_then(|id| boots.remove(&id));
        }
        boots.insert(boot_id.to_owned(), mark);
    }

    /// Nodes with the newest reading of each and what its last buffer lost.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = (&str, Mark)> {
        self.0.iter().filter_map(|(node, boots)| {
            let last = boots.values().max_by_key(|mark| mark.arrived_ms)?;
            Some((node.as_str(), *last))
        })
    }

    /// The end of the newest reading of all that was stored.
    pub(crate) fn newest_ms(&self) -> Option<i64> {
        self.0.values().flat_map(BTreeMap::values).map(|mark| mark.newest_ms).max()
    }

    /// As the body of a frame.
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        for (node, boots) in &self.0 {
            for (boot_id, mark) in boots {
                for text in [node, boot_id] {
                    let text = &text.as_bytes()[..text.len().min(u8::MAX.into())];
                    bytes.push(text.len() as u8);
                    bytes.extend(text);
                }
                bytes.extend(mark.seq.to_le_bytes());
                bytes.extend(mark.dropped.to_le_bytes());
                bytes.extend(mark.newest_ms.to_le_bytes());
                bytes.extend(mark.arrived_ms.to_le_bytes());
            }
        }
        bytes
    }

    /// Takes what a frame says, where it is further than what is known.
    pub(crate) fn restore(&mut self, body: &[u8]) -> Option<()> {
        let mut rest = body;
        while !rest.is_empty() {
            let node = text(&mut rest)?;
            let boot_id = text(&mut rest)?;
            let mut word = || -> Option<[u8; 8]> { rest.split_off(..8)?.try_into().ok() };
            let mark = Mark {
                seq: u64::from_le_bytes(word()?),
                dropped: u64::from_le_bytes(word()?),
                newest_ms: i64::from_le_bytes(word()?),
                arrived_ms: i64::from_le_bytes(word()?),
            };
            if self.of(node, boot_id).is_none_or(|known| known.seq < mark.seq) {
                self.set(node, boot_id, mark);
            }
        }
        Some(())
    }
}

fn text<'a>(rest: &mut &'a [u8]) -> Option<&'a str> {
    let length = *rest.split_off_first()?;
    std::str::from_utf8(rest.split_off(..usize::from(length))?).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::spool::frame::Kind;

    fn head(node: &str, boot_id: &str, seq: u64) -> Head {
        Head {
            kind: Kind::Batch,
            node: node.to_owned(),
            boot_id: boot_id.to_owned(),
            seq,
            arrived_ms: seq as i64,
            from_ms: 0,
            to_ms: 10 * seq as i64,
            dropped: 1,
        }
    }

    #[test]
    fn marks_come_back_from_their_frame() {
        let mut marks = Marks::default();
        for (node, boot, seq) in [("a", "x", 3), ("a", "y", 5), ("b", "x", 1)] {
            assert!(marks.note(&head(node, boot, seq)));
            assert!(!marks.note(&head(node, boot, seq)), "a double");
        }
        let mut restored = Marks::default();
        restored.restore(&marks.encode()).expect("what was written");
        for (node, boot) in [("a", "x"), ("a", "y"), ("b", "x"), ("c", "x")] {
            assert_eq!(restored.of(node, boot), marks.of(node, boot), "{node} {boot}");
        }
        assert!(restored.restore(&[200, 1, 2]).is_none(), "a torn frame");
    }

    #[test]
    fn a_node_that_makes_up_boot_ids_takes_no_memory() {
        let mut marks = Marks::default();
        for seq in 1..1_000 {
            marks.note(&head("a", &format!("boot-{seq}"), seq));
        }
        assert_eq!(marks.0["a"].len(), BOOT_IDS_MAX);
        assert!(marks.of("a", "boot-999").is_some(), "the newest stays");
    }
}
