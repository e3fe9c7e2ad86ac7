//! The network that node agents forecast with: its versions, who has which, and the rounds in which nodes train the next one.
//!
//! [`kubeopt_federation`] decides; here is what it cannot know: where state is kept between two calls (the journal, so that a
//! restart goes on where it was), when a round begins, and the controller's own history that a new version is tested on.
//! One replica, the leader, changes anything. What the controller itself forecasts with is `forecast.model`, not this.

mod agents;
mod asked;
mod judged;
mod life;
mod schedule;
mod service;
mod shown;
mod told;

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Arc, Mutex as Lock, PoisonError};

use kubeopt_api::config::TrainingConfig;
use kubeopt_federation::{Event, Federation, Versions, Why};
use kubeopt_history::{Journal, ModelsChange, RoundRecord, UploadRecord, UsageStore, WeightsRecord};
use kubeopt_lstm::{Weights, digest};
use kubeopt_model::{ClusterName, Problem, Timestamp};
use kubeopt_server::Metrics;
use serde::{Deserialize, Serialize};
use tokio::sync::{Mutex, Notify};

use crate::edges::{Edges, Permit};
use crate::own_fault;

#[cfg(test)]
mod tests;

pub(crate) use self::agents::OfCluster;
pub use self::asked::{RoundAsked, TakenBack, ask_round, roll_back};
pub use self::life::keep_going;
pub use self::service::{Given, Learned, Plan, Taken};
pub use self::shown::{HEADERS, ModelDetail, ModelRow, ModelTable, list, show};

/// Longest way of any upload from its base; what is usual bounds it further after the first rounds.
pub(crate) const CLIP_MAX: f64 = 10.0;

/// Files of weights that are held in memory: those of versions that are served, each some 200 kB.
const FILES_HELD: usize = 4;

/// Others who write at the same time are few: another command, or a controller that leads no longer.
const TRIES: usize = 5;

/// All that is kept between two calls, beside weights and what nodes sent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct State {
    /// Versions and rounds.
    pub(crate) federation: Federation,
    /// SHA-256 of the last version that was trained in one place, as hexadecimal text.
    own_sha256: String,
    /// When a round was due last, in seconds since the epoch.
    scheduled_unix_s: i64,
    /// When live losses were looked at last, in seconds since the epoch.
    looked_unix_s: i64,
    /// A person wants a round now.
    #[serde(default)]
    round_asked: bool,
}

/// The network that rounds begin with: of the configuration, or the one that comes with kubeopt.
#[derive(Debug, Clone)]
pub struct OwnModel {
    weights: Arc<Vec<u8>>,
    sha256: [u8; 32],
    why: Why,
}

impl OwnModel {
    /// By its file of weights; without one that which comes with kubeopt.
    ///
    /// # Errors
    /// Where it cannot be read.
    pub fn read(weights: Option<&Path>) -> Result<Self, Problem> {
        let bytes = crate::forecast::model(weights)?.weights();
        let why = if weights.is_some() { Why::Trained } else { Why::Shipped };
        Ok(Self { sha256: digest(&bytes), weights: Arc::new(bytes), why })
    }

    fn text(&self) -> String {
        hex::encode(self.sha256)
    }
}

/// Where models are kept, and what they are tested on.
#[derive(Clone)]
pub struct Stores {
    /// Versions, rounds, weights, the audit.
    pub journal: Arc<dyn Journal>,
    /// What every container used.
    pub history: Arc<dyn UsageStore>,
    /// Clusters of that history.
    pub clusters: Vec<ClusterName>,
}

impl Stores {
    /// Those of the edges.
    pub fn of(edges: &Edges) -> Self {
        Self {
            journal: Arc::clone(&edges.journal),
            history: Arc::clone(&edges.history),
            clusters: edges.clusters.iter().map(|cluster| cluster.name.clone()).collect(),
        }
    }
}

/// Models and rounds. Share it in an `Arc`.
pub struct Models {
    stores: Stores,
    training: Option<TrainingConfig>,
    own: OwnModel,
    metrics: Arc<Metrics>,
    permit: Arc<dyn Permit>,
    known: Lock<Option<Known>>,
    /// Uploads of this process come one after the other.
    turn: Mutex<()>,
    files: Lock<BTreeMap<String, Arc<Vec<u8>>>>,
    /// Refusals that were written to the audit since the round began.
    refusals: std::sync::atomic::AtomicU32,
    /// A round has as many uploads as it waits for.
    enough: Notify,
}

/// The state that was read last.
#[derive(Debug, Clone)]
struct Known {
    revision: u64,
    state: Arc<State>,
    /// Whether this process led then: who begins to lead looks again whether the network of the configuration is in it.
    led: bool,
}

/// What a step leads to, beside the new state.
#[derive(Debug, Default)]
struct Change {
    weights: Vec<WeightsRecord>,
    round: Option<RoundRecord>,
    upload: Option<UploadRecord>,
    ended: Option<u64>,
    events: Vec<Event>,
    /// Lines of the audit that no event tells.
    lines: Vec<kubeopt_history::Event>,
}

impl Models {
    /// Over these stores. `permit` is asked before anything is changed.
    pub fn new(
        stores: Stores,
        training: Option<TrainingConfig>,
        own: OwnModel,
        metrics: Arc<Metrics>,
        permit: Arc<dyn Permit>,
    ) -> Self {
        Self {
            stores,
            training,
            own,
            metrics,
            permit,
            known: Lock::default(),
            turn: Mutex::default(),
            files: Lock::default(),
            refusals: std::sync::atomic::AtomicU32::new(0),
            enough: Notify::new(),
        }
    }

    /// The state now, with its revision: what this process has read, unless somebody changed it since.
    async fn state(&self, now: Timestamp) -> Result<(u64, Arc<State>), Problem> {
        for _ in 0..TRIES {
            let revision = self.stores.journal.models_revision().await.map_err(|error| error.problem())?;
            let leads = self.permit.may_write();
            if let Some(known) = self.lock_known().as_ref()
                && known.revision == revision
                && known.led == leads
            {
                return Ok((revision, Arc::clone(&known.state)));
            }
            let kept = self.stores.journal.models().await.map_err(|error| error.problem())?;
            let (state, change) = if kept.detail.is_null() {
                self.first(now)
            } else {
                let state =
                    serde_json::from_value::<State>(kept.detail).map_err(|error| unreadable(&error))?;
                // Who does not lead hands out what there is: its own network may be that of another release.
                if leads { self.with_own(state, now) } else { (state, None) }
            };
            let Some(change) = change else {
                let state = Arc::new(state);
                *self.lock_known() =
                    Some(Known { revision: kept.revision, state: Arc::clone(&state), led: leads });
                return Ok((kept.revision, state));
            };
            if !leads {
                return Ok((kept.revision, Arc::new(state)));
            }
            // Whoever was faster has written; it is read in the next try.
            self.commit(kept.revision, state, change, now).await?;
        }
        Err(busy())
    }

    /// Before anything was kept.
    fn first(&self, now: Timestamp) -> (State, Option<Change>) {
        let versions = Versions::of(self.own.sha256, self.own.why, unix_ms(now));
        let state = State {
            federation: Federation::new(versions, CLIP_MAX),
            own_sha256: self.own.text(),
            scheduled_unix_s: now.as_second(),
            looked_unix_s: now.as_second(),
            round_asked: false,
        };
        let lines = vec![told::added(1, &self.own.text(), now)];
        (state, Some(Change { weights: vec![self.own_record(now)], lines, ..Change::default() }))
    }

    /// With the network of the configuration, where it is another one than before.
    fn with_own(&self, mut state: State, now: Timestamp) -> (State, Option<Change>) {
        if state.own_sha256 == self.own.text() {
            return (state, None);
        }
        state.own_sha256 = self.own.text();
        let number = state.federation.versions_mut().replace(self.own.sha256, unix_ms(now));
        let lines = vec![told::added(number, &self.own.text(), now)];
        (state, Some(Change { weights: vec![self.own_record(now)], lines, ..Change::default() }))
    }

    fn own_record(&self, now: Timestamp) -> WeightsRecord {
        WeightsRecord {
            sha256: self.own.text(),
            at_unix_s: now.as_second(),
            weights: self.own.weights.to_vec(),
        }
    }

    /// Writes a state in the place of the one of `revision`. False where somebody else has written since: the step is done
    /// again from what they wrote.
    async fn commit(
        &self,
        revision: u64,
        mut state: State,
        change: Change,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        let forgotten = state.federation.prune();
        let detail = serde_json::to_value(&state).map_err(|error| own_fault(&error.to_string()))?;
        let mut events: Vec<_> = change.events.iter().filter_map(|event| told::line(event, now)).collect();
        events.extend(change.lines);
        let written = ModelsChange {
            revision,
            detail,
            weights: change.weights,
            forgotten: forgotten.into_iter().filter(|own| *own != state.own_sha256).collect(),
            round: change.round,
            upload: change.upload,
            ended: change.ended,
            events,
        };
        let is_written =
            self.stores.journal.change_models(&written).await.map_err(|error| error.problem())?;
        if is_written {
            change.events.iter().for_each(|event| told::count(&self.metrics, event));
            told::measure(&self.metrics, &state.federation);
            *self.lock_known() = Some(Known { revision: revision + 1, state: Arc::new(state), led: true });
        }
        Ok(is_written)
    }

    /// A file of weights.
    async fn file(&self, sha256: &str) -> Result<Arc<Vec<u8>>, Problem> {
        if sha256 == self.own.text() {
            return Ok(Arc::clone(&self.own.weights));
        }
        if let Some(file) = self.lock_files().get(sha256) {
            return Ok(Arc::clone(file));
        }
        let found = self.stores.journal.weights(sha256).await.map_err(|error| error.problem())?;
        let file =
            found.filter(|bytes| hex::encode(digest(bytes)) == sha256).ok_or_else(|| missing(sha256))?;
        let file = Arc::new(file);
        let mut files = self.lock_files();
        if files.len() >= FILES_HELD {
            files.clear();
        }
        files.insert(sha256.to_owned(), Arc::clone(&file));
        Ok(file)
    }

    /// The weights of the version that a round began with.
    async fn base(&self, state: &State) -> Result<Option<Weights>, Problem> {
        let Some(round) = state.federation.round() else { return Ok(None) };
        let all = state.federation.versions().all();
        let Some(base) = all.iter().find(|own| own.number == round.base) else { return Ok(None) };
        let file = self.file(&base.sha256).await?;
        let read = Weights::from_bytes(&file, &kubeopt_forecast::schema_hash());
        Ok(Some(read.map_err(|_| missing(&base.sha256))?))
    }

    fn lock_known(&self) -> std::sync::MutexGuard<'_, Option<Known>> {
        // Nothing panics while it holds the lock.
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock_files(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Arc<Vec<u8>>>> {
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Milliseconds since the epoch; 0 before it.
fn unix_ms(now: Timestamp) -> u64 {
    u64::try_from(now.as_millisecond()).unwrap_or(0)
}

fn busy() -> Problem {
    let text = "models are changed by another process again and again";
    Problem::new(crate::codes::MODELS_KEPT, text, "make sure that only one controller uses this database")
}

fn missing(sha256: &str) -> Problem {
    let shown: String = sha256.chars().take(12).collect();
    let text =
        format!("the weights {shown} of a network of node agents are missing in the database, or damaged");
    let help =
        "take its version back with `kubeopt models rollback`; agents go on with the one that they have";
    Problem::new(crate::codes::MODELS_KEPT, text, help)
}

fn unreadable(error: &serde_json::Error) -> Problem {
    let text = format!("the models in the database are not what this version of kubeopt writes: {error}");
    Problem::new(
        crate::codes::MODELS_KEPT,
        text,
        "run the version of kubeopt that wrote the database, or a later one",
    )
}
