//! A day of one store and the same day of another, as one day.
//!
//! Hours are taken whole, never mixed: an hour that both have stays as it is, unless it is incomplete here and complete
//! there. So doing it twice changes nothing, and nothing that was there is lost.

use std::collections::BTreeSet;

use polars::prelude::DataFrame;

use super::day::Ledger;
use super::frame;
use super::tables::Tables;
use crate::error::HistoryError;

/// A day as a whole; points are there for the youngest days only.
pub(super) struct Day {
    pub(super) ledger: Ledger,
    pub(super) tables: Tables,
    pub(super) points: Option<DataFrame>,
}

/// A day that was merged, and how many hours it took over.
pub(super) struct Merged {
    pub(super) day: Day,
    pub(super) hours: usize,
}

/// The day with what the other one has and it lacks; none where it lacks nothing.
pub(super) fn merged(own: Option<Day>, other: Day) -> Result<Option<Merged>, HistoryError> {
    let Some(own) = own else {
        let hours = other.ledger.hours.len();
        return Ok(Some(Merged { day: other, hours }));
    };
    let mut ledger = own.ledger;
    let known: BTreeSet<i64> = ledger.hours.keys().copied().collect();
    let mut taken = BTreeSet::new();
    for (hour, state) in &other.ledger.hours {
        let kept = ledger.hours.get(hour);
        if kept.is_none_or(|kept| kept.partial.is_some() && state.partial.is_none()) {
            ledger.hours.insert(*hour, state.clone());
            taken.insert(*hour);
        }
    }
    let kills: Vec<_> = other.ledger.oom_kills.iter().collect();
    let has_new_kills = ledger.add_oom_kills(&kills);
    if taken.is_empty() && !has_new_kills {
        return Ok(None);
    }
    if !taken.is_empty() {
        ledger.containers.extend(other.ledger.containers);
    }
    let joined = |own: &DataFrame, other: &DataFrame| {
        let own = frame::picked(own, &|hour| known.contains(&hour) && !taken.contains(&hour))?;
        frame::stacked(own, &frame::picked(other, &|hour| taken.contains(&hour))?)
    };
    let tables = Tables {
        bins: joined(&own.tables.bins, &other.tables.bins)?,
        pods: joined(&own.tables.pods, &other.tables.pods)?,
    };
    let points = match (own.points, other.points) {
        (Some(own), Some(other)) => Some(joined(&own, &other)?),
        (None, Some(other)) => Some(frame::picked(&other, &|hour| taken.contains(&hour))?),
        (own, None) => own,
    };
    Ok(Some(Merged { day: Day { ledger, tables, points }, hours: taken.len() }))
}
