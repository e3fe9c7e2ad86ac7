//! What node agents ask: which version is theirs, what to train on it, and whether what they learned counts.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use kubeopt_api::config::TrainingConfig;
use kubeopt_federation::{Answer, BATCH, EPOCHS, Event, PROX_MU, Refusal, RoundState, Upload};
use kubeopt_history::UploadRecord;
use kubeopt_model::{Problem, Timestamp};

use super::{Change, Known, Models, State, TRIES, busy, unix_ms};

/// How often a node asks, in seconds; nodes are spread over half of it by their names. Where rounds are short it is an eighth
/// of one, so that nodes hear of it in time.
const POLL_S: u32 = 300;
const POLL_LEAST_S: u32 = 10;

/// Refused uploads of one round that are written to the audit; all are counted.
const REFUSALS_TOLD: u32 = 50;

/// Where training in one place ends: what is trained on is a network that has learned already.
const LEARNING_RATE: f32 = 3e-4;

/// Days of loads on a node without which it learns nothing that others would not know.
const WINDOWS_MIN: u32 = 20;

/// What a node should have, and do.
#[derive(Debug, Clone, PartialEq)]
pub struct Given {
    /// The version that it should have instead of its own: number, SHA-256 and file of weights.
    pub model: Option<(u64, [u8; 32], Arc<Vec<u8>>)>,
    /// What to train.
    pub plan: Option<Plan>,
    /// When to ask again, in seconds.
    pub next_poll_s: u32,
}

/// What a round asks of a node.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// The round.
    pub round: u64,
    /// SHA-256 of the weights to begin with: those that the node should have.
    pub base_sha256: [u8; 32],
    /// Passes over the node's windows.
    pub local_epochs: u32,
    /// Windows at a time.
    pub batch: u32,
    /// How far a parameter goes in a step.
    pub learning_rate: f32,
    /// How strongly the node is held to the base.
    pub prox_mu: f32,
    /// Longest way from the base.
    pub clip_norm: f32,
    /// Windows without which a node takes no part.
    pub min_windows: u32,
    /// Uploads are taken before.
    pub deadline_unix_ms: u64,
    /// CPU time.
    pub max_cpu_ms: u32,
}

/// What a node learned.
#[derive(Debug, Clone, PartialEq)]
pub struct Learned {
    /// The round whose plan it followed.
    pub round: u64,
    /// SHA-256 of the weights that it began with.
    pub base_sha256: [u8; 32],
    /// The same upload sent twice counts once.
    pub nonce: [u8; 16],
    /// New parameters less those of the base, f32 little-endian.
    pub delta: Vec<u8>,
    /// Windows that it learned from.
    pub windows: u64,
    /// Mean loss on its own windows, before.
    pub loss_before: f32,
    /// And after.
    pub loss_after: f32,
    /// CPU time that it says training took, milliseconds.
    pub cpu_ms: u32,
}

/// What becomes of an upload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Taken {
    /// It counts; also where it came before.
    pub accepted: bool,
    /// Why not; empty where it counts.
    pub reason: String,
    /// When to ask for a model again, in seconds.
    pub next_poll_s: u32,
}

impl Models {
    /// What a node should have and do. `have_sha256` is empty for an agent without a model. Whether it speaks for the node has
    /// been checked before.
    ///
    /// # Errors
    /// Where the database cannot be read.
    pub async fn given(
        &self,
        node: &str,
        have_sha256: &[u8],
        schema_sha256: &[u8],
        now: Timestamp,
    ) -> Result<Given, Problem> {
        let next_poll_s = self.poll_s(node);
        let nothing = Given { model: None, plan: None, next_poll_s };
        // An agent of another version keeps the model that it understands, and trains nothing.
        if !schema_sha256.is_empty() && schema_sha256 != kubeopt_forecast::schema_hash() {
            return Ok(nothing);
        }
        let (_, state) = self.state(now).await?;
        let served = state.federation.versions().served(node);
        let Some(sha256) = bytes(&served.sha256) else { return Ok(nothing) };
        let model = match have_sha256 == sha256 {
            true => None,
            false => Some((served.number, sha256, self.file(&served.sha256).await?)),
        };
        Ok(Given { model, plan: self.plan(&state, node, sha256, now), next_poll_s })
    }

    fn plan(&self, state: &State, node: &str, base_sha256: [u8; 32], now: Timestamp) -> Option<Plan> {
        let training = self.training.as_ref()?;
        let round = state.federation.round()?;
        let is_open = round.state == RoundState::Open && unix_ms(now) < round.deadline_unix_ms;
        let has_sent = round.participants.iter().any(|own| own.node == node);
        // A node that tries or keeps an older version learns from that one, as long as it is among the last.
        state.federation.versions().staleness(&base_sha256).filter(|_| is_open && !has_sent)?;
        Some(Plan {
            round: round.id,
            base_sha256,
            local_epochs: EPOCHS,
            batch: BATCH,
            learning_rate: LEARNING_RATE,
            prox_mu: PROX_MU,
            clip_norm: round.clip_norm as f32,
            min_windows: WINDOWS_MIN,
            deadline_unix_ms: round.deadline_unix_ms,
            max_cpu_ms: u32::try_from(training.cpu_max_seconds.saturating_mul(1000)).unwrap_or(u32::MAX),
        })
    }

    /// Takes what a node learned, or says why not; none where this replica does not lead, and decides nothing. What is accepted
    /// is in the database. Whether it speaks for the node has been checked before.
    ///
    /// # Errors
    /// Where the database cannot be read or written: the node sends it again.
    pub async fn take(&self, node: &str, learned: Learned, now: Timestamp) -> Result<Option<Taken>, Problem> {
        if !self.permit.may_write() {
            return Ok(None);
        }
        let delta = floats(&learned.delta);
        let _turn = self.turn.lock().await;
        for _ in 0..TRIES {
            let (revision, state) = self.state(now).await?;
            let mut state = State::clone(&state);
            let upload = Upload {
                node: node.to_owned(),
                round: learned.round,
                base_sha256: learned.base_sha256,
                nonce: learned.nonce,
                delta: delta.clone(),
                windows: learned.windows,
                loss_before: learned.loss_before,
                loss_after: learned.loss_after,
                cpu_ms: learned.cpu_ms,
            };
            let (answer, event) = state.federation.upload(unix_ms(now), upload);
            match answer {
                Answer::Again => {
                    self.metrics.models().count_upload("again");
                    return Ok(Some(self.taken(node)));
                }
                Answer::Refused(why) => {
                    self.refused(revision, state, event.into_iter().collect(), now).await?;
                    return Ok(Some(self.refusal(node, why)));
                }
                Answer::Accepted => {
                    // What was sent lies in a row of its own: the state stays small.
                    state.federation.take_deltas();
                    let upload = UploadRecord {
                        round: learned.round_of(&state),
                        node: node.to_owned(),
                        nonce: hex::encode(learned.nonce),
                        at_unix_s: now.as_second(),
                        delta: learned.delta.clone(),
                    };
                    let change = Change {
                        upload: Some(upload),
                        events: event.into_iter().collect(),
                        ..Change::default()
                    };
                    let has_enough = self.has_enough(&state);
                    if self.commit(revision, state, change, now).await? {
                        if has_enough {
                            self.enough.notify_one();
                        }
                        return Ok(Some(self.taken(node)));
                    }
                }
            }
        }
        Err(busy())
    }

    fn taken(&self, node: &str) -> Taken {
        Taken { accepted: true, reason: String::new(), next_poll_s: self.poll_s(node) }
    }

    fn refusal(&self, node: &str, why: Refusal) -> Taken {
        Taken { accepted: false, reason: why.reason().to_owned(), next_poll_s: self.poll_s(node) }
    }

    /// From three quarters to five quarters of the usual time, by the name.
    fn poll_s(&self, node: &str) -> u32 {
        let of_round =
            |training: &TrainingConfig| u32::try_from(training.deadline_seconds / 8).unwrap_or(POLL_S);
        let usual = self.training.as_ref().map_or(POLL_S, of_round).clamp(POLL_LEAST_S, POLL_S);
        let spread = kubeopt_lstm::digest(node.as_bytes())[0];
        usual * 3 / 4 + u32::from(spread) * (usual / 2) / 256
    }

    /// The first refusals of a round are written to the audit. All are counted: here, and with the next change in the state.
    async fn refused(
        &self,
        revision: u64,
        state: State,
        events: Vec<Event>,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let is_told = self.refusals.fetch_add(1, Ordering::Relaxed) < REFUSALS_TOLD;
        let change = Change { events: events.clone(), ..Change::default() };
        // Where somebody else wrote meanwhile the refusal is told all the same, and a line of the audit is missing.
        if is_told && self.commit(revision, state.clone(), change, now).await? {
            return Ok(());
        }
        events.iter().for_each(|event| super::told::count(&self.metrics, event));
        *self.lock_known() = Some(Known { revision, state: Arc::new(state), led: true });
        Ok(())
    }
}

impl Learned {
    /// An upload for an earlier round counts in the one that is open.
    fn round_of(&self, state: &State) -> u64 {
        state.federation.round().map_or(self.round, |round| round.id)
    }
}

fn bytes(sha256: &str) -> Option<[u8; 32]> {
    hex::decode(sha256).ok()?.try_into().ok()
}

/// Of bytes that are left over no number is made: the length then fits no model.
pub(super) fn floats(bytes: &[u8]) -> Vec<f32> {
    let (all, left) = bytes.as_chunks::<4>();
    let rest = (!left.is_empty()).then_some(f32::NAN);
    all.iter().map(|own| f32::from_le_bytes(*own)).chain(rest).collect()
}
