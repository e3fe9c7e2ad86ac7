//! Which nodes are connected. A node has one stream: a new one takes the place of the old one, whose connection may be dead
//! without anybody having noticed.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use kubeopt_model::agents::NodeStanding;
use tokio::sync::watch;

use crate::spool::marks::Mark;

/// Versions that are remembered: of more nodes than a cluster has.
const NODES_MAX: usize = 20_000;

#[derive(Debug, Default)]
pub(crate) struct Desk(Mutex<HashMap<String, Node>>);

#[derive(Debug, Default)]
struct Node {
    version: Option<String>,
    /// When it registered last.
    met: Option<Instant>,
    /// Told when another stream of the node begins.
    seated: Option<watch::Sender<bool>>,
    /// Which stream is the last one.
    streams: u64,
}

/// The place of a stream.
pub(crate) struct Seat {
    desk: Arc<Desk>,
    node: String,
    number: u64,
    pub(crate) taken: watch::Receiver<bool>,
}

impl Desk {
    fn nodes(&self) -> MutexGuard<'_, HashMap<String, Node>> {
        // Nothing can panic while it is held.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes which version a node runs.
    pub(crate) fn registered(&self, node: &str, version: String) {
        let mut nodes = self.nodes();
        if nodes.len() >= NODES_MAX {
            nodes.retain(|_, node| node.seated.is_some());
        }
        let entry = nodes.entry(node.to_owned()).or_default();
        entry.version = Some(version).filter(|version| !version.is_empty());
        entry.met = Some(Instant::now());
    }

    /// Gives a stream its node's place; the one before is told to go.
    pub(crate) fn sit(self: &Arc<Self>, node: &str) -> Seat {
        let (tell, taken) = watch::channel(false);
        let mut nodes = self.nodes();
        let entry = nodes.entry(node.to_owned()).or_default();
        entry.streams += 1;
        if let Some(before) = entry.seated.replace(tell) {
            before.send_replace(true);
        }
        Seat { desk: Arc::clone(self), node: node.to_owned(), number: entry.streams, taken }
    }

    /// Nodes with an open stream.
    pub(crate) fn connected(&self) -> usize {
        self.nodes().values().filter(|node| node.seated.is_some()).count()
    }

    /// How each node is doing, by name: those that are here, and those that registered or sent something within so many
    /// milliseconds. Nodes come and go, and how far they were is known for long.
    pub(crate) fn standing(
        &self,
        stored: Vec<(String, Mark)>,
        now_ms: i64,
        within_ms: i64,
    ) -> Vec<NodeStanding> {
        let nodes = self.nodes();
        let is_here = |node: &str| nodes.get(node).is_some_and(|node| node.seated.is_some());
        let is_recent = |met: &Instant| met.elapsed().as_millis() <= u128::from(within_ms.unsigned_abs());
        let is_met = |node: &str| nodes.get(node).and_then(|node| node.met.as_ref()).is_some_and(is_recent);
        let counts = |node: &str| is_here(node) || is_met(node);
        let mut all: HashMap<String, Option<Mark>> = stored
            .into_iter()
            .filter(|(node, mark)| mark.arrived_ms >= now_ms.saturating_sub(within_ms) || counts(node))
            .map(|(node, mark)| (node, Some(mark)))
            .collect();
        for node in nodes.keys().filter(|node| counts(node)) {
            all.entry(node.clone()).or_default();
        }
        let mut standing: Vec<NodeStanding> = all
            .into_iter()
            .map(|(node, mark)| NodeStanding {
                connected: is_here(&node),
                version: nodes.get(&node).and_then(|node| node.version.clone()),
                newest_unix_ms: mark.map(|mark| mark.newest_ms).filter(|newest| *newest > 0),
                dropped_batches: mark.map_or(0, |mark| mark.dropped),
                node,
            })
            .collect();
        standing.sort_by(|a, b| a.node.cmp(&b.node));
        standing
    }
}

impl Drop for Seat {
    fn drop(&mut self) {
        let mut nodes = self.desk.nodes();
        if let Some(node) = nodes.get_mut(&self.node).filter(|node| node.streams == self.number) {
            node.seated = None;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_node_that_is_gone_does_not_count_for_ever() {
        let desk = Arc::new(Desk::default());
        desk.registered("met", "1.0".to_owned());
        let _seats = ["here", "new"].map(|node| desk.sit(node));
        let mark = |arrived_ms| Mark { arrived_ms, newest_ms: arrived_ms, dropped: 1, ..Mark::default() };
        let stored = [("here", 5), ("gone", 99), ("asleep", 100)];
        let stored = stored.map(|(node, arrived_ms)| (node.to_owned(), mark(arrived_ms)));
        let standing = desk.standing(stored.to_vec(), 60_100, 60_000);
        let told: Vec<_> =
            standing.iter().map(|one| (one.node.as_str(), one.connected, one.newest_unix_ms)).collect();
        let asleep = ("asleep", false, Some(100));
        assert_eq!(told, [asleep, ("here", true, Some(5)), ("met", false, None), ("new", true, None)]);
    }

    #[test]
    fn a_new_stream_of_a_node_ends_the_one_before() {
        let desk = Arc::new(Desk::default());
        let first = desk.sit("a");
        let other = desk.sit("b");
        let second = desk.sit("a");
        assert!(*first.taken.borrow());
        assert!(!*second.taken.borrow() && !*other.taken.borrow());
        drop(first);
        assert_eq!(desk.connected(), 2, "the end of the old one is not the end of the new one");
        drop(second);
        assert_eq!(desk.connected(), 1);
    }
}
