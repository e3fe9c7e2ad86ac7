//! `kubeopt models`: what a person wants of versions and rounds. Works on the journal alone, beside a controller that runs and
//! sees it at its next look.

use kubeopt_api::config::TrainingConfig;
use kubeopt_history::{Event, Journal, ModelsChange};
use kubeopt_model::{Problem, Timestamp};
use serde::Serialize;

use super::shown::{find, read, stands};
use super::{State, TRIES, busy, told};
use crate::codes;
use crate::own_fault;

/// A version that was taken back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct TakenBack {
    /// The version.
    pub version: u64,
    /// The one that its nodes get.
    pub to: u64,
}

impl TakenBack {
    /// As a sentence.
    pub fn text(&self) -> String {
        let Self { version, to } = self;
        format!("version {version} is taken back: its nodes get version {to} when they ask next")
    }
}

/// Takes a version back: its nodes get the one before it when they ask next.
///
/// # Errors
/// Where the journal cannot be read or written, there is no such version, it was taken back already, or none stands before it.
pub async fn roll_back(
    journal: &dyn Journal,
    number: u64,
    because: Option<&str>,
    now: Timestamp,
) -> Result<TakenBack, Problem> {
    for _ in 0..TRIES {
        let (revision, mut state) = read(journal).await?;
        let version = find(state.federation.versions(), number)?;
        if !stands(version) {
            return Err(refused(format!("version {number} was taken back already")));
        }
        let versions = state.federation.versions_mut();
        let before = versions.all().iter().rev().find(|own| own.number < number && stands(own));
        let to = before.map(|own| own.number);
        let (Some(to), Some(event)) = (to, versions.roll_back(number)) else {
            return Err(refused(format!("no other version stands before version {number}")));
        };
        let because = because.unwrap_or("asked for on the command line");
        let mut events = vec![told::asked_back(number, because, now)];
        events.extend(told::line(&event, now));
        if write(journal, revision, &state, events).await? {
            return Ok(TakenBack { version: number, to });
        }
    }
    Err(busy())
}

/// A round that is to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RoundAsked {
    /// The version that it begins with.
    pub base: u64,
}

impl RoundAsked {
    /// As a sentence.
    pub fn text(&self) -> String {
        format!("a round on version {} begins when the controller looks next, within seconds", self.base)
    }
}

/// Asks for a round now, whatever the schedule says. The controller that leads opens it.
///
/// # Errors
/// Where the journal cannot be read or written, nodes do not train, a round goes on, or a version is still tried.
pub async fn ask_round(
    journal: &dyn Journal,
    training: Option<&TrainingConfig>,
    because: Option<&str>,
    now: Timestamp,
) -> Result<RoundAsked, Problem> {
    if training.is_none() {
        let text = "nodes do not train: `agents.training` is not enabled in kubeopt.yaml";
        return Err(Problem::new(
            codes::NO_ROUND,
            text,
            "set `agents.training.enabled: true`, and start the controller again",
        ));
    }
    for _ in 0..TRIES {
        let (revision, mut state) = read(journal).await?;
        if let Some(round) = state.federation.round() {
            let text = format!("round {} is not over yet", round.id);
            return Err(Problem::new(
                codes::NO_ROUND,
                text,
                "kubeopt models list shows until when it takes uploads",
            ));
        }
        if let Some(tried) = state.federation.versions().tried() {
            let help = "wait until all nodes have it, or take it back with `kubeopt models rollback`";
            return Err(Problem::new(codes::NO_ROUND, told::still_tried(tried), help));
        }
        state.round_asked = true;
        let events = vec![told::round_asked(because.unwrap_or("asked for on the command line"), now)];
        if write(journal, revision, &state, events).await? {
            return Ok(RoundAsked { base: state.federation.versions().head().number });
        }
    }
    Err(busy())
}

/// False where somebody else has written since.
async fn write(
    journal: &dyn Journal,
    revision: u64,
    state: &State,
    events: Vec<Event>,
) -> Result<bool, Problem> {
    let detail = serde_json::to_value(state).map_err(|error| own_fault(&error.to_string()))?;
    let change = ModelsChange { revision, detail, events, ..ModelsChange::default() };
    journal.change_models(&change).await.map_err(|error| error.problem())
}

fn refused(text: String) -> Problem {
    Problem::new(codes::NO_SUCH_MODEL, text, "kubeopt models list shows which version nodes are given")
}
