//! Between values and rows. Knows the columns, not how they are reached.

use kubeopt_model::{ForgeName, RepositoryId};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{DETAIL_BYTES_MAX, Event, OutboxEntry, OutboxStep, PullRequestRecord, RecordedState};
use crate::error::HistoryError;

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

pub(super) fn outbox_entry(row: &SqliteRow) -> Result<OutboxEntry, HistoryError> {
    let step = text(row, "step")?;
    let oid: Option<String> = row.try_get("oid").map_err(broken)?;
    let number: Option<i64> = row.try_get("number").map_err(broken)?;
    let step = match (step.as_str(), oid, number.map(u64::try_from)) {
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
        at_unix_s: row.try_get("at_unix_s").map_err(broken)?,
    })
}

pub(super) fn event(row: &SqliteRow) -> Result<Event, HistoryError> {
    let detail = text(row, "detail")?;
    Ok(Event {
        pass: text(row, "pass")?,
        at_unix_s: row.try_get("at_unix_s").map_err(broken)?,
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

pub(super) fn pull_request(row: &SqliteRow) -> Result<PullRequestRecord, HistoryError> {
    let state = text(row, "state")?;
    let state = match state.as_str() {
        "open" => RecordedState::Open,
        "closed" => RecordedState::Closed,
        "merged" => RecordedState::Merged,
        "synced" => RecordedState::Synced,
        _ => return Err(unreadable("state of a pull request", &state)),
    };
    let number: i64 = row.try_get("number").map_err(broken)?;
    Ok(PullRequestRecord {
        repository: repository(row)?,
        number: u64::try_from(number)
            .map_err(|_| unreadable("number of a pull request", &number.to_string()))?,
        branch: text(row, "branch")?,
        state,
        commit: row.try_get("oid").map_err(broken)?,
        at_unix_s: row.try_get("at_unix_s").map_err(broken)?,
    })
}

/// Forges number from 1 upwards; what does not fit cannot have come from one.
pub(super) fn column(number: u64) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}

fn repository(row: &SqliteRow) -> Result<RepositoryId, HistoryError> {
    let forge = text(row, "forge")?;
    let forge = ForgeName::new(forge.clone()).map_err(|_| unreadable("forge", &forge))?;
    Ok(RepositoryId { forge, owner: text(row, "owner")?, name: text(row, "name")? })
}

fn text(row: &SqliteRow, column: &str) -> Result<String, HistoryError> {
    row.try_get(column).map_err(broken)
}

fn unreadable(what: &'static str, text: &str) -> HistoryError {
    HistoryError::Unreadable { what, text: text.chars().take(80).collect() }
}

/// An error of the database as ours.
pub(super) fn broken(error: sqlx::Error) -> HistoryError {
    // Primary result codes of SQLite, https://www.sqlite.org/rescode.html; extended ones carry them in the low byte.
    let code = error
        .as_database_error()
        .and_then(|error| error.code())
        .and_then(|code| code.parse::<i32>().ok())
        .map(|code| code & 0xff);
    match (code, &error) {
        (Some(5 | 6), _) | (_, sqlx::Error::PoolTimedOut) => HistoryError::Locked,
        (Some(13), _) => HistoryError::DiskFull,
        _ => HistoryError::Database(error.to_string().chars().take(300).collect()),
    }
}
