//! Between values and rows. Knows the columns, not how they are reached.

use kubeopt_model::{ForgeName, RepositoryId};
use sqlx::Row as _;
use sqlx::sqlite::SqliteRow;

use super::{BranchKey, DETAIL_BYTES_MAX, Event, OutboxEntry, OutboxStep, SeenPullRequest, SeenState};
use crate::error::HistoryError;

/// `step`, `oid`, `number`.
pub(super) type StepColumns<'a> = (&'static str, Option<&'a str>, Option<i64>);

/// `state`, `oid`, `ended_unix_s`, `synced_unix_s`.
pub(super) type StateColumns<'a> = (&'static str, Option<&'a str>, Option<i64>, Option<i64>);

pub(super) fn step_columns(step: &OutboxStep) -> StepColumns<'_> {
    match step {
        OutboxStep::Planned => ("planned", None, None),
        OutboxStep::Pushed { oid } => ("pushed", Some(oid), None),
        OutboxStep::Opened { oid, number } => ("opened", Some(oid), Some(column(*number))),
        OutboxStep::Announced { oid, number } => ("announced", Some(oid), Some(column(*number))),
    }
}

pub(super) fn state_columns(state: &SeenState) -> StateColumns<'_> {
    match state {
        SeenState::Open => ("open", None, None, None),
        SeenState::Merged { oid, at_unix_s, synced_unix_s } => {
            ("merged", Some(oid), Some(*at_unix_s), *synced_unix_s)
        }
        SeenState::Closed { at_unix_s } => ("closed", None, Some(*at_unix_s), None),
    }
}

pub(super) fn outbox_entry(row: &SqliteRow) -> Result<OutboxEntry, HistoryError> {
    let step: String = row.try_get("step").map_err(broken)?;
    let oid: Option<String> = row.try_get("oid").map_err(broken)?;
    let number: Option<i64> = row.try_get("number").map_err(broken)?;
    let number = number.and_then(|number| u64::try_from(number).ok());
    let step = match (step.as_str(), oid, number) {
        ("planned", _, _) => OutboxStep::Planned,
        ("pushed", Some(oid), _) => OutboxStep::Pushed { oid },
        ("opened", Some(oid), Some(number)) => OutboxStep::Opened { oid, number },
        ("announced", Some(oid), Some(number)) => OutboxStep::Announced { oid, number },
        _ => return Err(unreadable("step of the outbox", &step)),
    };
    Ok(OutboxEntry {
        key: BranchKey { repository: repository(row)?, branch: text(row, "branch")? },
        base: text(row, "base")?,
        group: text(row, "group_name")?,
        proposal: text(row, "proposal")?,
        draft_digest: text(row, "draft_digest")?,
        step,
        planned_unix_s: row.try_get("planned_unix_s").map_err(broken)?,
        moved_unix_s: row.try_get("moved_unix_s").map_err(broken)?,
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

pub(super) fn pull_request(row: &SqliteRow) -> Result<SeenPullRequest, HistoryError> {
    let state = text(row, "state")?;
    let oid: Option<String> = row.try_get("oid").map_err(broken)?;
    let ended: Option<i64> = row.try_get("ended_unix_s").map_err(broken)?;
    let synced_unix_s: Option<i64> = row.try_get("synced_unix_s").map_err(broken)?;
    let state = match (state.as_str(), oid, ended) {
        ("open", _, _) => SeenState::Open,
        ("merged", Some(oid), Some(at_unix_s)) => SeenState::Merged { oid, at_unix_s, synced_unix_s },
        ("closed", _, Some(at_unix_s)) => SeenState::Closed { at_unix_s },
        _ => return Err(unreadable("state of a pull request", &state)),
    };
    let number: i64 = row.try_get("number").map_err(broken)?;
    Ok(SeenPullRequest {
        repository: repository(row)?,
        number: u64::try_from(number)
            .map_err(|_| unreadable("number of a pull request", &number.to_string()))?,
        branch: text(row, "branch")?,
        base: text(row, "base")?,
        group: text(row, "group_name")?,
        proposal: text(row, "proposal")?,
        state,
        seen_unix_s: row.try_get("seen_unix_s").map_err(broken)?,
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
