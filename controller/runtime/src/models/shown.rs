//! `kubeopt models`: which versions there are, and what one came from. Works on the journal alone, beside a controller that runs.

use kubeopt_federation::{Report, Rollout, Version, Versions, Why};
use kubeopt_history::{Event, Journal};
use kubeopt_model::{Problem, Timestamp};
use serde::Serialize;

use super::{State, told, unreadable};
use crate::codes;

/// What the columns of the table are called.
pub const HEADERS: [&str; 8] = ["VERSION", "GIVEN TO", "MADE", "FROM", "OF", "LOSS", "HELD", "SHA-256"];

/// Characters of a digest that people are told.
const DIGEST_SHOWN: usize = 12;

/// Nodes that are named in one line.
const NODES_SHOWN: usize = 10;

/// Versions of the network of node agents, and the round that goes on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelTable {
    /// The newest first.
    pub rows: Vec<ModelRow>,
    /// The round that goes on, or the last one, as a sentence; none before the first.
    pub round: Option<String>,
}

/// A version.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelRow {
    /// Its number.
    pub version: u64,
    /// To whom it is given: `all nodes`, `10 % of the nodes`, `no node`.
    pub given_to: String,
    /// When it was made: `2026-11-23T04:00:12Z`.
    pub made: String,
    /// What made it: `shipped`, `configured`, `round 3`.
    pub from: String,
    /// The version that it was made of.
    pub parent: Option<u64>,
    /// Its pinball loss on the controller's own last days when it was made.
    pub loss: Option<f64>,
    /// Part of their hours that its .9 quantile held.
    pub held: Option<f64>,
    /// SHA-256 of its weights.
    pub sha256: String,
}

/// A version with what it came from.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelDetail {
    /// The version.
    #[serde(flatten)]
    pub row: ModelRow,
    /// SHA-256 of what it was made of: base, nodes, nonces, windows, momentum.
    pub made_of: String,
    /// Nodes that took part.
    pub nodes: Vec<String>,
    /// Mean of what nodes say of their losses, before and after.
    pub node_losses: Option<[f64; 2]>,
    /// How far nodes went, in the middle.
    pub norm_median: Option<f64>,
    /// CPU time that nodes say training took, in the middle, milliseconds.
    pub cpu_ms_median: Option<f64>,
    /// What the audit says of it, the newest first.
    pub audit: Vec<String>,
}

impl ModelTable {
    /// Cells of the table, in the order of [`HEADERS`].
    pub fn cells(&self) -> Vec<[String; 8]> {
        self.rows.iter().map(ModelRow::cells).collect()
    }
}

impl ModelRow {
    fn of(version: &Version) -> Self {
        Self {
            version: version.number,
            given_to: told::rollout(version.rollout),
            made: time(version.made_unix_ms),
            from: match version.why {
                Why::Shipped => "shipped".to_owned(),
                Why::Trained => "configured".to_owned(),
                Why::Round(round) => format!("round {round}"),
            },
            parent: version.parent,
            loss: version.score.map(|score| score.pinball),
            held: version.score.map(|score| score.coverage),
            sha256: version.sha256.clone(),
        }
    }

    fn cells(&self) -> [String; 8] {
        let none = || "-".to_owned();
        [
            self.version.to_string(),
            self.given_to.clone(),
            self.made.clone(),
            self.from.clone(),
            self.parent.map_or_else(none, |parent| parent.to_string()),
            self.loss.map_or_else(none, |loss| format!("{loss:.4}")),
            self.held.map_or_else(none, |held| format!("{:.1} %", 100.0 * held)),
            self.sha256.chars().take(DIGEST_SHOWN).collect(),
        ]
    }
}

impl ModelDetail {
    /// As lines for people.
    pub fn text(&self) -> String {
        let row = &self.row;
        let mut lines = vec![
            format!("version {}, given to {}", row.version, row.given_to),
            format!("made     {} ({})", row.made, self.origin()),
            format!("weights  sha256 {}", row.sha256),
            format!("made of  sha256 {}", self.made_of),
        ];
        if let (Some(loss), Some(held)) = (row.loss, row.held) {
            let held = 100.0 * held;
            lines.push(format!(
                "tested   loss {loss:.4}, its .9 quantile held {held:.1} % of hours, on the controller's own history"
            ));
        }
        if let Some([before, after]) = self.node_losses {
            let nodes: Vec<&str> = self.nodes.iter().take(NODES_SHOWN).map(String::as_str).collect();
            let more = match self.nodes.len().saturating_sub(NODES_SHOWN) {
                0 => String::new(),
                more => format!(" and {more} more"),
            };
            lines.push(format!("nodes    {}{more}", nodes.join(", ")));
            lines.push(format!("         say of their own loss: {before:.4} before, {after:.4} after"));
            if let Some(cpu_ms) = self.cpu_ms_median {
                lines.push(format!(
                    "         say that training took {:.1} s of CPU, in the middle",
                    cpu_ms / 1000.0
                ));
            }
        }
        lines.extend(self.audit.iter().map(|line| format!("audit    {line}")));
        lines.iter().fold(String::new(), |text, line| format!("{text}{}\n", crate::terminal_line(line)))
    }

    fn origin(&self) -> String {
        match self.row.parent {
            Some(parent) => format!("{}, of version {parent}", self.row.from),
            None => self.row.from.clone(),
        }
    }
}

/// All versions that are kept.
///
/// # Errors
/// Where the journal cannot be read, or knows of no model.
pub async fn list(journal: &dyn Journal) -> Result<ModelTable, Problem> {
    let (_, state) = read(journal).await?;
    let rows = state.federation.versions().all().iter().rev().map(ModelRow::of).collect();
    let round = state.federation.round().map(|round| {
        let nodes = round.participants.len();
        format!(
            "round {} on version {}: {nodes} nodes sent what they learned, until {}",
            round.id,
            round.base,
            time(round.deadline_unix_ms)
        )
    });
    let last = state.federation.reports().last().map(|report| match (&report.version, &report.rejected) {
        (Some(version), _) => format!("round {} became version {version}", report.round),
        (None, Some(why)) => format!("round {} came to nothing: {}", report.round, told::rejection(why)),
        (None, None) => format!("round {} is over", report.round),
    });
    let asked = state
        .round_asked
        .then(|| "a round was asked for: it begins when the controller looks next".to_owned());
    Ok(ModelTable { rows, round: round.or(asked).or(last) })
}

/// One version.
///
/// # Errors
/// Where the journal cannot be read, or there is no such version.
pub async fn show(journal: &dyn Journal, number: u64) -> Result<ModelDetail, Problem> {
    let (_, state) = read(journal).await?;
    let version = find(state.federation.versions(), number)?;
    let report = match version.why {
        Why::Shipped | Why::Trained => None,
        Why::Round(round) => report(journal, &state, round).await?,
    };
    let subject = Some(told::model_name(number));
    let filter = kubeopt_history::EventFilter { subject, limit: 10, ..Default::default() };
    let events = journal.events(&filter).await.map_err(|error| error.problem())?;
    Ok(ModelDetail {
        row: ModelRow::of(version),
        made_of: version.made_of.clone(),
        node_losses: report.as_ref().map(|report| report.losses),
        norm_median: report.as_ref().map(|report| report.norm_median),
        cpu_ms_median: report.as_ref().and_then(|report| report.cpu_ms_median),
        nodes: report.map(|report| report.participants).unwrap_or_default(),
        audit: events.iter().map(audit_line).collect(),
    })
}

/// The report of a round: of the state, else of the table that goes further back.
async fn report(journal: &dyn Journal, state: &State, round: u64) -> Result<Option<Report>, Problem> {
    if let Some(report) = state.federation.reports().find(|report| report.round == round) {
        return Ok(Some(report.clone()));
    }
    let rounds = journal.rounds().await.map_err(|error| error.problem())?;
    let kept = rounds.into_iter().find(|kept| kept.round == round);
    // A round of another version of kubeopt may not be readable, and is left out.
    Ok(kept.and_then(|kept| serde_json::from_value(kept.detail).ok()))
}

fn audit_line(event: &Event) -> String {
    let text = event.detail.get("text").and_then(|text| text.as_str()).unwrap_or(&event.kind);
    format!("{} {text}", time(u64::try_from(event.at_unix_s).unwrap_or(0).saturating_mul(1000)))
}

/// Whether some node may have it.
pub(super) fn stands(version: &Version) -> bool {
    match version.rollout {
        Rollout::Canary { .. } | Rollout::Full => true,
        Rollout::RolledBack => false,
    }
}

pub(super) async fn read(journal: &dyn Journal) -> Result<(u64, State), Problem> {
    let kept = journal.models().await.map_err(|error| error.problem())?;
    if kept.detail.is_null() {
        let text = "the database knows of no network of node agents";
        let help = "run the controller with `agents:` in kubeopt.yaml, and name the same file with --config";
        return Err(Problem::new(codes::NO_SUCH_MODEL, text, help));
    }
    let state = serde_json::from_value(kept.detail).map_err(|error| unreadable(&error))?;
    Ok((kept.revision, state))
}

pub(super) fn find(versions: &Versions, number: u64) -> Result<&Version, Problem> {
    versions.all().iter().find(|own| own.number == number).ok_or_else(|| {
        let text = format!("there is no version {number}, or it is no longer kept");
        Problem::new(codes::NO_SUCH_MODEL, text, "kubeopt models list shows the versions that there are")
    })
}

fn time(unix_ms: u64) -> String {
    let seconds = i64::try_from(unix_ms / 1000).unwrap_or(i64::MAX);
    Timestamp::from_second(seconds).map_or_else(|_| "-".to_owned(), |at| at.to_string())
}
