//! The watch of one kind: list, follow, and begin anew after a pause when that ends.

use std::pin::pin;
use std::time::Duration;

use futures::StreamExt;
use kube::Api;
use kube::runtime::reflector::{ObjectRef, store::Writer};
use kube::runtime::watcher::{self, DefaultBackoff, Event, watcher};
use tokio::sync::watch;

use super::state::State;
use crate::connect::Cluster;
use crate::kinds::Watched;
use crate::list::{Fetched, OBJECTS_MAX, PAGE_OBJECTS, lost, status_code};
use crate::read::read;
use crate::seen::Reading;

/// kube's pauses grow from 0.8 s to 30 s with jitter and never end; this is what they come to.
const PAUSE_MAX: Duration = Duration::from_secs(30);

/// Keeps the store of one kind up to date.
pub(super) struct Keeper {
    cluster: Cluster,
    kind: Watched,
    writer: Writer<Reading>,
    told: watch::Sender<State>,
    change: watch::Sender<u64>,
    pauses: DefaultBackoff,
    /// Objects of the list that is coming in.
    listed: usize,
}

/// What an error of a watch asks for.
enum Next {
    /// kube goes on where it was, after a pause.
    Resume,
    /// What was known may be out of date: say so and list anew.
    Restart(State),
}

impl Keeper {
    pub(super) fn new(
        cluster: Cluster,
        kind: Watched,
        writer: Writer<Reading>,
        told: watch::Sender<State>,
        change: watch::Sender<u64>,
    ) -> Self {
        Self { cluster, kind, writer, told, change, pauses: DefaultBackoff::default(), listed: 0 }
    }

    /// Runs until it is dropped.
    pub(super) async fn keep<K: Fetched>(mut self) {
        let api = Api::<K>::all_with(self.cluster.client(), &self.kind.api_resource());
        loop {
            let state = self.follow(&api).await;
            self.tell(state);
            self.pause().await;
        }
    }

    /// Lists and watches until the watch cannot go on; what is left then is how the kind stands.
    async fn follow<K: Fetched>(&mut self, api: &Api<K>) -> State {
        let config = watcher::Config {
            page_size: Some(PAGE_OBJECTS),
            field_selector: self.kind.field_selector(),
            ..watcher::Config::default()
        };
        let mut events = pin!(watcher(api.clone(), config));
        while let Some(event) = events.next().await {
            match event {
                Ok(event) => self.apply(event),
                Err(error) => match after(self.kind, &error) {
                    Next::Resume => self.pause().await,
                    Next::Restart(state) => return state,
                },
            }
        }
        State::Lost(self.kind.unreachable("the watch ended"))
    }

    fn apply<K: Fetched>(&mut self, event: Event<K>) {
        let read = |object: K| read(self.kind, self.cluster.name(), object.into_object());
        match event {
            Event::Init => {
                self.listed = 0;
                self.writer.apply_watcher_event(&Event::Init);
            }
            Event::InitApply(object) => {
                self.listed += 1;
                if self.listed <= OBJECTS_MAX {
                    self.writer.apply_watcher_event(&Event::InitApply(read(object)));
                }
            }
            Event::InitDone => {
                self.writer.apply_watcher_event(&Event::InitDone);
                let cut = self.listed > OBJECTS_MAX;
                self.tell(if cut { State::Lost(self.kind.too_many(OBJECTS_MAX)) } else { State::Synced });
            }
            Event::Apply(object) => {
                let reading = read(object);
                if self.has_room(&reading) {
                    self.writer.apply_watcher_event(&Event::Apply(reading));
                    self.changed();
                } else {
                    self.tell(State::Lost(self.kind.too_many(OBJECTS_MAX)));
                }
            }
            Event::Delete(object) => {
                self.writer.apply_watcher_event(&Event::Delete(read(object)));
                self.changed();
            }
        }
    }

    /// An object that is held already takes no more room.
    fn has_room(&self, reading: &Reading) -> bool {
        let store = self.writer.as_reader();
        let mut address = ObjectRef::new(&reading.name);
        address.namespace.clone_from(&reading.namespace);
        store.len() < OBJECTS_MAX || store.get(&address).is_some()
    }

    fn tell(&mut self, state: State) {
        if let State::Lost(problem) = &state {
            if *self.told.borrow() != state {
                if problem.code == crate::ABSENT {
                    // Most clusters have some of the kinds and not the others; `check` tells them.
                    tracing::info!(cluster = %self.cluster.name(), code = problem.code, "{}", problem.text);
                } else {
                    tracing::warn!(cluster = %self.cluster.name(), code = problem.code, "{}", problem.text);
                }
            }
            if *problem == self.kind.absent() {
                // What the cluster no longer has is gone for certain.
                self.writer.apply_watcher_event(&Event::Init);
                self.writer.apply_watcher_event(&Event::InitDone);
            }
        }
        self.told.send_replace(state);
        self.changed();
    }

    fn changed(&self) {
        self.change.send_modify(|count| *count += 1);
    }

    async fn pause(&mut self) {
        tokio::time::sleep(self.pauses.next().unwrap_or(PAUSE_MAX)).await;
    }
}

fn after(kind: Watched, error: &watcher::Error) -> Next {
    match error {
        // kube lists anew by itself after 410 and goes on from the last version after anything else.
        watcher::Error::WatchError(_) | watcher::Error::WatchFailed(_) => {
            tracing::debug!(kind = %kind.resource(), "the watch was interrupted: {error}");
            Next::Resume
        }
        // kube would try the same version for ever; one that is too old is answered only by a new list.
        watcher::Error::WatchStartFailed(cause) if status_code(cause) == Some(410) => {
            Next::Restart(State::Lost(kind.unreachable("the watch is begun anew")))
        }
        watcher::Error::WatchStartFailed(cause) | watcher::Error::InitialListFailed(cause) => {
            Next::Restart(State::Lost(lost(kind, cause)))
        }
        watcher::Error::NoResourceVersion => {
            Next::Restart(State::Lost(kind.unreachable("an object came without a version")))
        }
    }
}
