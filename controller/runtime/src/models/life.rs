//! The life of rounds and versions: what is due is done, step by step, each of them written before the next begins. A process
//! that ends between two steps leaves the round where the next one finds it.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use kubeopt_federation::{Event, FederationError, Next, Score, Why};
use kubeopt_history::{RoundRecord, WeightsRecord};
use kubeopt_lstm::{Network, Weights};
use kubeopt_model::{Problem, Timestamp};
use serde::Serialize;
use tokio::sync::watch;

use super::judged::{DAYS_TESTED, LOADS_MIN, OwnHistory, Until, WINDOWS_MIN};
use super::service::floats;
use super::{Change, Models, State, unix_ms};
use crate::own_fault;

/// How often it is looked at what is due: what the command line asks for is seen so soon.
const EVERY: Duration = Duration::from_secs(5);

/// How often the live losses of the newest version and of the one before are compared.
const LIVE_EVERY_S: i64 = 6 * 3600;

/// A look has few steps: open; or close, put together, validate.
const STEPS_MAX: usize = 6;

/// Does what is due until `stop` turns true. What fails is told in the log, and tried again at the next look.
pub async fn keep_going(models: Arc<Models>, mut stop: watch::Receiver<bool>) {
    loop {
        if let Err(problem) = models.tick(Timestamp::now()).await {
            models.metrics.count_problem(&problem.code);
            tracing::warn!(code = problem.code, help = problem.help, "{}", problem.text);
        }
        tokio::select! {
            () = tokio::time::sleep(EVERY) => {}
            () = models.enough.notified() => {}
            // An error means that nobody can ask to stop any more, which is a stop.
            _ = stop.wait_for(|stop| *stop) => return,
        }
    }
}

impl Models {
    /// Does what is due now, if this process may write.
    ///
    /// # Errors
    /// Where a store cannot be read or written. What was done before stays done.
    pub async fn tick(&self, now: Timestamp) -> Result<(), Problem> {
        if !self.permit.may_write() {
            return Ok(());
        }
        for _ in 0..STEPS_MAX {
            if !self.step(now).await? {
                break;
            }
        }
        self.follow(now).await
    }

    /// The next step of a round; false where none is due.
    pub(super) async fn step(&self, now: Timestamp) -> Result<bool, Problem> {
        let (revision, state) = self.state(now).await?;
        let mut state = State::clone(&state);
        let change = match state.federation.due(unix_ms(now)) {
            Next::Wait { .. } if self.has_enough(&state) => Some(self.close(&mut state, now)?),
            Next::Wait { .. } => None,
            Next::Nothing => self.begin(&mut state, now).await?,
            Next::Close => Some(self.close(&mut state, now)?),
            Next::PutTogether => Some(self.put_together(&mut state, now).await?),
            Next::Validate => Some(self.validate(&mut state, now).await?),
        };
        let Some(change) = change else { return Ok(false) };
        // Where somebody else wrote meanwhile, the next step begins from what they wrote.
        self.commit(revision, state, change, now).await?;
        Ok(true)
    }

    /// Opens a round, where one is due or was asked for; not while a version is tried, which the next one would take the place of
    /// before it was given to all.
    async fn begin(&self, state: &mut State, now: Timestamp) -> Result<Option<Change>, Problem> {
        let Some(training) = &self.training else { return Ok(None) };
        let since = Timestamp::from_second(state.scheduled_unix_s).unwrap_or(now);
        let due = super::schedule::due(&training.schedule, since, now);
        let is_asked = std::mem::take(&mut state.round_asked);
        if due.is_none() && !is_asked {
            return Ok(None);
        }
        state.scheduled_unix_s = due.map_or(state.scheduled_unix_s, Timestamp::as_second);
        if let Some(tried) = state.federation.versions().tried() {
            let lines = vec![super::told::round_left_out(tried, now)];
            return Ok(Some(Change { lines, ..Change::default() }));
        }
        let deadline = now.as_second().saturating_add(training.deadline_seconds);
        let file = self.file(&state.federation.versions().head().sha256.clone()).await?;
        let head = Weights::from_bytes(&file, &kubeopt_forecast::schema_hash());
        let head = head.map_err(|_| super::missing(&state.federation.versions().head().sha256))?;
        let parameters = head.network.parameters().len();
        let deadline_ms = u64::try_from(deadline).unwrap_or(0).saturating_mul(1000);
        let opened = state.federation.open(unix_ms(now), deadline_ms, parameters);
        let event = opened.map_err(|error| fault(&error))?;
        self.refusals.store(0, Ordering::Relaxed);
        let round = self.open_record(state, now)?;
        Ok(Some(Change { round, events: vec![event], ..Change::default() }))
    }

    /// As many nodes have sent what they learned as a round waits for.
    pub(super) fn has_enough(&self, state: &State) -> bool {
        let most = self.training.as_ref().map(|training| training.nodes_max);
        let have = state.federation.round().map(|round| round.participants.len());
        have.zip(most).is_some_and(|(have, most)| u32::try_from(have).is_ok_and(|have| have >= most))
    }

    fn close(&self, state: &mut State, now: Timestamp) -> Result<Change, Problem> {
        let least = self.training.as_ref().map_or(0, |training| training.nodes_min);
        let least = usize::try_from(least).unwrap_or(usize::MAX);
        let events = state.federation.close_with(least).map_err(|error| fault(&error))?;
        self.after(state, events, now)
    }

    async fn put_together(&self, state: &mut State, now: Timestamp) -> Result<Change, Problem> {
        let Some(round) = state.federation.round().map(|round| round.id) else {
            return Ok(Change::default());
        };
        for upload in self.stores.journal.uploads(round).await.map_err(|error| error.problem())? {
            state.federation.give_delta(&upload.node, floats(&upload.delta));
        }
        self.give_momentum(state).await?;
        let base = self.base(state).await?;
        let mut federation = state.federation.clone();
        let outcome = in_background(move || {
            let done = base
                .map_or(Err(FederationError::OtherBase { base: 0 }), |base| federation.put_together(&base));
            (federation, done)
        });
        let (federation, done) = outcome.await?;
        state.federation = federation;
        if let Err(error) = done {
            tracing::warn!(round, "a round came to nothing: {error}");
            let events = state.federation.abandon().into_iter().collect();
            return self.after(state, events, now);
        }
        let round = self.open_record(state, now)?;
        Ok(Change { round, ..Change::default() })
    }

    async fn validate(&self, state: &mut State, now: Timestamp) -> Result<Change, Problem> {
        let own = OwnHistory::read(&self.stores, Until::Midnight, now).await?;
        let windows = own.windows(DAYS_TESTED);
        if windows < WINDOWS_MIN {
            tracing::warn!(
                "a round cannot be tested: the controller's own history has {windows} days of loads, and {WINDOWS_MIN} are needed"
            );
        }
        let base = self.base(state).await?;
        let mut federation = state.federation.clone();
        let outcome = in_background(move || {
            let mut score = |network: &Network| own.score(network, DAYS_TESTED, WINDOWS_MIN);
            let done = base.map_or(Err(FederationError::OtherBase { base: 0 }), |base| {
                federation.validate(unix_ms(now), &base, &mut score)
            });
            (federation, done)
        });
        let (federation, done) = outcome.await?;
        state.federation = federation;
        let verdict = match done {
            Ok(verdict) => verdict,
            Err(error) => {
                tracing::warn!("a round came to nothing: {error}");
                let events = state.federation.abandon().into_iter().collect();
                return self.after(state, events, now);
            }
        };
        let momentum = state.federation.take_momentum();
        let mut change = self.after(state, vec![verdict.event], now)?;
        let at_unix_s = now.as_second();
        change.weights.extend(verdict.weights.map(|weights| {
            let weights = weights.to_bytes();
            WeightsRecord { sha256: hex::encode(kubeopt_lstm::digest(&weights)), at_unix_s, weights }
        }));
        change.weights.extend(momentum.map(|(sha256, way)| {
            let weights = way.iter().flat_map(|own| own.to_le_bytes()).collect();
            WeightsRecord { sha256, at_unix_s, weights }
        }));
        Ok(change)
    }

    /// The momentum lies beside the weights: the state stays small. Without it a round begins anew, and is as sound.
    async fn give_momentum(&self, state: &mut State) -> Result<(), Problem> {
        let Some(sha256) = state.federation.momentum().map(str::to_owned) else { return Ok(()) };
        let kept = self.stores.journal.weights(&sha256).await.map_err(|error| error.problem())?;
        match kept {
            Some(bytes) => state.federation.give_momentum(floats(&bytes)),
            None => {
                tracing::warn!("the momentum of rounds is missing in the database: this round goes without")
            }
        }
        Ok(())
    }

    /// What is written when a round went on or ended.
    fn after(&self, state: &State, events: Vec<Event>, now: Timestamp) -> Result<Change, Problem> {
        if state.federation.round().is_some() {
            let round = self.open_record(state, now)?;
            return Ok(Change { round, events, ..Change::default() });
        }
        let report = state.federation.reports().last();
        let ended = report.map(|report| report.round);
        let round = report.map(|report| record(report.round, report, now)).transpose()?;
        if let Some(report) = report {
            super::told::measure_round(&self.metrics, report);
        }
        Ok(Change { round, ended, events, ..Change::default() })
    }

    /// The round that goes on as it is kept, without its candidate.
    fn open_record(&self, state: &State, now: Timestamp) -> Result<Option<RoundRecord>, Problem> {
        let Some(round) = state.federation.round() else { return Ok(None) };
        let detail = serde_json::json!({
            "round": round.id,
            "base": round.base,
            "openedUnixMs": round.opened_unix_ms,
            "deadlineUnixMs": round.deadline_unix_ms,
        });
        record(round.id, &detail, now).map(Some)
    }

    /// Gives the newest version to more nodes when its time has come, and takes it back where it does worse than the one before.
    async fn follow(&self, now: Timestamp) -> Result<(), Problem> {
        let (revision, state) = self.state(now).await?;
        let mut state = State::clone(&state);
        let mut events = Vec::new();
        let is_looked_at = now.as_second() >= state.looked_unix_s.saturating_add(LIVE_EVERY_S);
        if is_looked_at {
            state.looked_unix_s = now.as_second();
            if let Some((number, [newest, before])) = self.live(&state, now).await? {
                self.metrics.models().set_losses(newest.pinball, before.pinball);
                let live = state.federation.versions_mut().live(
                    unix_ms(now),
                    number,
                    newest.pinball,
                    before.pinball,
                );
                events.extend(live);
            }
        }
        events.extend(state.federation.versions_mut().advance(unix_ms(now)));
        if is_looked_at || !events.is_empty() {
            self.commit(revision, state, Change { events, ..Change::default() }, now).await?;
        }
        Ok(())
    }

    /// How the newest version that stands did on the last day, and the one before it; none where it did not come from a round.
    async fn live(&self, state: &State, now: Timestamp) -> Result<Option<(u64, [Score; 2])>, Problem> {
        let versions = state.federation.versions();
        let newest = versions.head();
        let standing = versions.all().iter().rev().filter(|own| super::shown::stands(own));
        let before = standing.clone().find(|own| own.number < newest.number);
        let (Why::Round(_), Some(before)) = (newest.why, before) else { return Ok(None) };
        let mut networks = Vec::new();
        for version in [newest, before] {
            let file = self.file(&version.sha256).await?;
            let read = Weights::from_bytes(&file, &kubeopt_forecast::schema_hash());
            networks.push(read.map_err(|_| super::missing(&version.sha256))?.network);
        }
        let own = OwnHistory::read(&self.stores, Until::Hour, now).await?;
        let scores = in_background(move || {
            let mut of = networks.iter().map(|network| own.score(network, 1, LOADS_MIN));
            Some([of.next()??, of.next()??])
        });
        Ok(scores.await?.map(|scores| (newest.number, scores)))
    }
}

fn record(round: u64, detail: &impl Serialize, now: Timestamp) -> Result<RoundRecord, Problem> {
    let detail = serde_json::to_value(detail).map_err(|error| own_fault(&error.to_string()))?;
    Ok(RoundRecord { round, at_unix_s: now.as_second(), detail })
}

/// Work of seconds, beside everything that waits.
async fn in_background<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Result<T, Problem> {
    tokio::task::spawn_blocking(work)
        .await
        .map_err(|error| own_fault(&format!("a round of training: {error}")))
}

fn fault(error: &FederationError) -> Problem {
    own_fault(&format!("a round of training: {error}"))
}
