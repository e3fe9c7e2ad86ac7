//! Between values and rows. Knows the columns, not how they are reached nor which database they are of.

use kubeopt_model::{Finding, ForgeName, RepositoryId};
use serde_json::Value;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;

use super::{
    DETAIL_BYTES_MAX, Event, KeptModels, KeptNotices, OutboxEntry, OutboxStep, PullRequestRecord,
    RecordedState, RoundRecord, UploadRecord,
};
use crate::error::HistoryError;

/// A row of either database.
pub(super) trait Columns {
    /// A text; none where it is null.
    fn text(&self, column: &str) -> Result<Option<String>, sqlx::Error>;

    /// A number; none where it is null.
    fn number(&self, column: &str) -> Result<Option<i64>, sqlx::Error>;

    /// Bytes; none where it is null.
    fn bytes(&self, column: &str) -> Result<Option<Vec<u8>>, sqlx::Error>;
}

impl Columns for SqliteRow {
    fn text(&self, column: &str) -> Result<Option<String>, sqlx::Error> {
        self.try_get(column)
    }

    fn number(&self, column: &str) -> Result<Option<i64>, sqlx::Error> {
        self.try_get(column)
    }

    fn bytes(&self, column: &str) -> Result<Option<Vec<u8>>, sqlx::Error> {
        self.try_get(column)
    }
}

impl Columns for PgRow {
    fn text(&self, column: &str) -> Result<Option<String>, sqlx::Error> {
        self.try_get(column)
    }

    fn number(&self, column: &str) -> Result<Option<i64>, sqlx::Error> {
        self.try_get(column)
    }

    fn bytes(&self, column: &str) -> Result<Option<Vec<u8>>, sqlx::Error> {
        self.try_get(column)
    }
}

/// `step`, `oid`, `number`.
pub(super) fn step_columns(step: &OutboxStep) -> (&'static str, Option<&str>, Option<i64>) {
    match step {
        OutboxStep::Planned => ("planned", None, None),
        OutboxStep::Pushed { oid } => ("pushed", Some(oid), None),
        OutboxStep::Opened { number } => ("opened", None, Some(column(*number))),
        OutboxStep::Announced => ("announced", None, None),
    }
}

pub(super) fn state_column(state: RecordedState) -> &'static str {
    match state {
        RecordedState::Open => "open",
        RecordedState::Closed => "closed",
        RecordedState::Merged => "merged",
        RecordedState::Synced => "synced",
    }
}

pub(super) fn outbox_entry<R: Columns>(row: &R) -> Result<OutboxEntry, HistoryError> {
    let step = text(row, "step")?;
    let oid = row.text("oid").map_err(broken)?;
    let opened = row.number("number").map_err(broken)?;
    let step = match (step.as_str(), oid, opened.map(u64::try_from)) {
        ("planned", _, _) => OutboxStep::Planned,
        ("pushed", Some(oid), _) => OutboxStep::Pushed { oid },
        ("opened", _, Some(Ok(number))) => OutboxStep::Opened { number },
        ("announced", _, _) => OutboxStep::Announced,
        _ => return Err(unreadable("step of the outbox", &step)),
    };
    Ok(OutboxEntry {
        repository: repository(row)?,
        base: text(row, "base")?,
        branch: text(row, "branch")?,
        group: text(row, "group_name")?,
        proposal: text(row, "proposal")?,
        step,
        at_unix_s: number(row, "at_unix_s")?,
    })
}

pub(super) fn event<R: Columns>(row: &R) -> Result<Event, HistoryError> {
    let detail = text(row, "detail")?;
    Ok(Event {
        pass: text(row, "pass")?,
        at_unix_s: number(row, "at_unix_s")?,
        kind: text(row, "kind")?,
        subject: text(row, "subject")?,
        detail: serde_json::from_str(&detail).map_err(|_| unreadable("detail of an event", &detail))?,
    })
}

/// The detail as it is stored.
pub(super) fn detail_text(detail: &serde_json::Value) -> String {
    let text = detail.to_string();
    if text.len() <= DETAIL_BYTES_MAX {
        return text;
    }
    serde_json::json!({"leftOut": format!("{} bytes of detail", text.len())}).to_string()
}

pub(super) fn pull_request<R: Columns>(row: &R) -> Result<PullRequestRecord, HistoryError> {
    let state = text(row, "state")?;
    let state = match state.as_str() {
        "open" => RecordedState::Open,
        "closed" => RecordedState::Closed,
        "merged" => RecordedState::Merged,
        "synced" => RecordedState::Synced,
        _ => return Err(unreadable("state of a pull request", &state)),
    };
    let stored = number(row, "number")?;
    Ok(PullRequestRecord {
        repository: repository(row)?,
        number: u64::try_from(stored)
            .map_err(|_| unreadable("number of a pull request", &stored.to_string()))?,
        branch: text(row, "branch")?,
        state,
        commit: row.text("oid").map_err(broken)?,
        at_unix_s: number(row, "at_unix_s")?,
    })
}

/// A finding as it is stored.
pub(super) fn finding_text(finding: &Finding) -> Result<String, HistoryError> {
    serde_json::to_string(finding).map_err(|error| HistoryError::Compute(error.to_string()))
}

/// A finding as it was stored; none where another version wrote it that this one cannot read.
pub(super) fn finding<R: Columns>(row: &R) -> Result<Option<Finding>, HistoryError> {
    Ok(serde_json::from_str(&text(row, "detail")?).ok())
}

/// Names of the two rows of notices.
const TOLD: &str = "told";
const WAITING: &str = "waiting";

/// `name`, `detail` of what is given.
pub(super) fn notice_columns(notices: &KeptNotices) -> impl Iterator<Item = (&'static str, &str)> {
    [(TOLD, &notices.told), (WAITING, &notices.waiting)]
        .into_iter()
        .filter_map(|(name, text)| Some((name, text.as_deref()?)))
}

pub(super) fn notices<R: Columns>(rows: &[R]) -> Result<KeptNotices, HistoryError> {
    let mut notices = KeptNotices::default();
    for row in rows {
        match text(row, "name")?.as_str() {
            TOLD => notices.told = Some(text(row, "detail")?),
            WAITING => notices.waiting = Some(text(row, "detail")?),
            other => return Err(unreadable("name of notices", other)),
        }
    }
    Ok(notices)
}

pub(super) fn models<R: Columns>(row: &R) -> Result<KeptModels, HistoryError> {
    Ok(KeptModels { revision: count(row, "revision")?, detail: json(row)? })
}

pub(super) fn round<R: Columns>(row: &R) -> Result<RoundRecord, HistoryError> {
    Ok(RoundRecord { round: count(row, "round")?, at_unix_s: number(row, "at_unix_s")?, detail: json(row)? })
}

pub(super) fn upload<R: Columns>(row: &R) -> Result<UploadRecord, HistoryError> {
    Ok(UploadRecord {
        round: count(row, "round")?,
        node: text(row, "node")?,
        nonce: text(row, "nonce")?,
        at_unix_s: number(row, "at_unix_s")?,
        delta: bytes(row, "delta")?,
    })
}

pub(super) fn bytes<R: Columns>(row: &R, column: &str) -> Result<Vec<u8>, HistoryError> {
    row.bytes(column).map_err(broken)?.ok_or_else(|| unreadable("row", column))
}

/// Forges number from 1 upwards; what does not fit cannot have come from one.
pub(super) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn repository<R: Columns>(row: &R) -> Result<RepositoryId, HistoryError> {
    let forge = text(row, "forge")?;
    let forge = ForgeName::new(forge.clone()).map_err(|_| unreadable("forge", &forge))?;
    Ok(RepositoryId { forge, owner: text(row, "owner")?, name: text(row, "name")? })
}

fn text<R: Columns>(row: &R, column: &str) -> Result<String, HistoryError> {
    row.text(column).map_err(broken)?.ok_or_else(|| unreadable("row", column))
}

fn number<R: Columns>(row: &R, column: &str) -> Result<i64, HistoryError> {
    row.number(column).map_err(broken)?.ok_or_else(|| unreadable("row", column))
}

pub(super) fn count<R: Columns>(row: &R, column: &str) -> Result<u64, HistoryError> {
    let stored = number(row, column)?;
    u64::try_from(stored).map_err(|_| unreadable("count", &stored.to_string()))
}

fn json<R: Columns>(row: &R) -> Result<Value, HistoryError> {
    let detail = text(row, "detail")?;
    serde_json::from_str(&detail).map_err(|_| unreadable("detail of a row", &detail))
}

fn unreadable(what: &'static str, text: &str) -> HistoryError {
    HistoryError::Unreadable { what, text: text.chars().take(80).collect() }
}

/// An error of reading a row as ours.
fn broken(error: sqlx::Error) -> HistoryError {
    HistoryError::Database(error.to_string().chars().take(300).collect())
}
