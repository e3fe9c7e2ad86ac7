//! The cluster kept up to date: a watch of each kind, read object by object into kube's reflector stores.
//!
//! What is lost is said, never forgotten: a kind that may no longer be listed keeps the objects that were last seen and
//! is told in [`ClusterFacts::unseen`], because a workload without its HPA would look like one that may be resized. Only
//! a kind that the cluster no longer has (404) is emptied.

mod keep;
mod state;

use std::time::Duration;

use kube::core::{DynamicObject, PartialObjectMeta};
use kube::runtime::reflector::{self, Store};
use kubeopt_model::{ClusterFacts, ClusterName};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::connect::Cluster;
use crate::facts::facts_from;
use crate::kinds::Watched;
use crate::objects::Objects;
use crate::seen::Reading;
use keep::Keeper;
use state::State;

/// The watches of one cluster; they end when this is dropped.
#[derive(Debug)]
pub struct Watches {
    cluster: ClusterName,
    shelves: Vec<Shelf>,
    changes: watch::Receiver<u64>,
    _tasks: JoinSet<()>,
}

/// What is held of one kind.
#[derive(Debug)]
struct Shelf {
    kind: Watched,
    store: Store<Reading>,
    state: watch::Receiver<State>,
}

impl Watches {
    /// Starts a watch of each kind. Returns at once; [`Watches::wait_until_synced`] tells when all have answered.
    pub fn start(cluster: &Cluster) -> Self {
        let (change, changes) = watch::channel(0);
        let mut tasks = JoinSet::new();
        let shelves = Watched::ALL
            .into_iter()
            .map(|kind| {
                let (store, writer) = reflector::store();
                let (told, state) = watch::channel(State::Starting);
                let keeper = Keeper::new(cluster.clone(), kind, writer, told, change.clone());
                if kind.is_metadata_enough() {
                    tasks.spawn(keeper.keep::<PartialObjectMeta<DynamicObject>>());
                } else {
                    tasks.spawn(keeper.keep::<DynamicObject>());
                }
                Shelf { kind, store, state }
            })
            .collect();
        Self { cluster: cluster.name().clone(), shelves, changes, _tasks: tasks }
    }

    /// Whether each kind has answered at least once, if only with a refusal.
    pub fn is_synced(&self) -> bool {
        self.shelves.iter().all(|shelf| *shelf.state.borrow() != State::Starting)
    }

    /// Waits until each kind has answered at least once. False when the deadline passed before; the kinds that are
    /// missing are then told in [`ClusterFacts::unseen`].
    pub async fn wait_until_synced(&self, deadline: Duration) -> bool {
        let all = async {
            for shelf in &self.shelves {
                let mut state = shelf.state.clone();
                // An error here means that the watch has ended, which only happens when `self` is dropped.
                let _ = state.wait_for(|state| *state != State::Starting).await;
            }
        };
        tokio::time::timeout(deadline, all).await.is_ok()
    }

    /// Waits until something differs from the last call of [`Watches::facts`]: an object, or how a kind stands.
    pub async fn changed(&mut self) {
        // An error means that no watch is left to change anything.
        if self.changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }

    /// The facts of this moment.
    pub fn facts(&mut self) -> ClusterFacts {
        self.changes.mark_unchanged();
        let mut objects = Objects::none(self.cluster.clone());
        for shelf in &self.shelves {
            match &*shelf.state.borrow() {
                State::Synced => {}
                State::Starting => objects.unseen.push(shelf.kind.unreachable("not answered yet")),
                State::Lost(problem) => objects.unseen.push(problem.clone()),
            }
            objects.seen.extend(shelf.store.state().iter().map(|reading| reading.seen.clone()));
        }
        facts_from(&objects)
    }
}
