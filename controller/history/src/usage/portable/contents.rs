//! A file of exported usage, day by day, as far as it is what it should be: every row is checked before it counts.

use std::collections::{BTreeSet, HashSet};
use std::fs::File;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};

use kubeopt_model::ClusterName;
use kubeopt_model::usage::Signal;
use polars::prelude::*;

use super::super::day::Ledger;
use super::super::merge::Day;
use super::super::rollup::series_id;
use super::super::tables::Tables;
use super::super::{DAY_S, HOUR_S};
use super::flat::{Part, columns};
use crate::error::HistoryError;

/// Rows of which the keys are read at a time.
const ROWS: usize = 500_000;

/// Most days of all clusters in a file: a hundred clusters of 400 days.
const DAYS_MAX: usize = 40_000;

/// How much of what the engine says is shown.
const SHOWN_CHARS: usize = 200;

/// Where the rows of a part of a day are: first, count.
type Rows = (usize, usize);

/// Where a day is in the file.
#[derive(Debug)]
struct Place {
    cluster: ClusterName,
    day: i64,
    parts: [Option<Rows>; 4],
}

/// A file that was looked through.
#[derive(Debug)]
pub(super) struct Contents {
    path: PathBuf,
    days: Vec<Place>,
}

impl Contents {
    /// Looks through the keys of all rows.
    pub(super) fn open(path: &Path) -> Result<Self, HistoryError> {
        let mut contents = Self { path: path.to_owned(), days: Vec::new() };
        let total = contents.caught("the file", || {
            let mut reader = ParquetReader::new(contents.file()?);
            let schema = reader.schema()?;
            for (name, _) in columns() {
                if !schema.contains(name) {
                    polars_bail!(ColumnNotFound: "the column `{name}` is missing");
                }
            }
            reader.num_rows()
        })?;
        let mut first = 0;
        while first < total {
            let keys = contents.rows((first, ROWS.min(total - first)), &["part", "cluster", "day"])?;
            contents.note(first, &keys)?;
            first += keys.height().max(1);
        }
        Ok(contents)
    }

    /// How many days of clusters it has.
    pub(super) fn days(&self) -> usize {
        self.days.len()
    }

    /// How many clusters.
    pub(super) fn clusters(&self) -> u64 {
        self.days.iter().map(|place| &place.cluster).collect::<BTreeSet<_>>().len() as u64
    }

    /// The day at a place, checked: whose, when, what.
    pub(super) fn day(&self, at: usize) -> Result<(ClusterName, i64, Day), HistoryError> {
        let place = &self.days[at];
        let [Some(ledger), bins, pods, points] = place.parts else {
            return Err(self.refused(&place.shown(), "its ledger is missing"));
        };
        let text = self.part(ledger, Part::Ledger)?;
        let text =
            self.caught(&place.shown(), || Ok(text.column("ledger")?.str()?.get(0).map(str::to_owned)))?;
        let ledger = Ledger::read(text.unwrap_or_default().as_bytes());
        let ledger = ledger.map_err(|why| self.refused(&place.shown(), &why))?;
        check_ledger(&ledger, place).map_err(|why| self.refused(&place.shown(), &why))?;
        let whole = |rows: Option<Rows>, part: Part| self.part(rows.unwrap_or((0, 0)), part);
        let tables = Tables { bins: whole(bins, Part::Bins)?, pods: whole(pods, Part::Pods)? };
        let points = points.map(|rows| self.part(rows, Part::Points)).transpose()?;
        let day = Day { ledger, tables, points };
        let checked = self.caught(&place.shown(), || Ok(check_rows(&day)))?;
        checked.map_err(|why| self.refused(&place.shown(), &why))?;
        Ok((place.cluster.clone(), place.day, day))
    }

    /// Adds the days of some rows.
    fn note(&mut self, first: usize, keys: &DataFrame) -> Result<(), HistoryError> {
        let columns = || -> PolarsResult<_> {
            Ok((keys.column("part")?.str()?, keys.column("cluster")?.str()?, keys.column("day")?.i64()?))
        };
        let (parts, clusters, days) = self.caught("the keys of rows", columns)?;
        for (row, ((part, cluster), day)) in parts.iter().zip(clusters.iter()).zip(days.iter()).enumerate() {
            let row = first + row;
            let refused = |why: &str| Self::refusal(&self.path, &format!("row {row}"), why);
            let part = part.and_then(|name| Part::ALL.into_iter().position(|part| part.name() == name));
            let (Some(part), Some(cluster), Some(day)) = (part, cluster, day) else {
                return Err(refused("`part`, `cluster` and `day` do not say of what it is"));
            };
            let is_same = |place: &Place| place.cluster.as_str() == cluster && place.day == day;
            if !self.days.last().is_some_and(is_same) {
                let cluster = ClusterName::new(cluster).map_err(|error| refused(&error.to_string()))?;
                if day.rem_euclid(DAY_S) != 0 || self.days.len() >= DAYS_MAX {
                    return Err(refused("`day` is not the start of a day, or there are too many of them"));
                }
                if self.days.iter().any(|place| place.cluster == cluster && place.day == day) {
                    return Err(refused("the rows of its day do not stand together"));
                }
                self.days.push(Place { cluster, day, parts: [None; 4] });
            }
            let Some(place) = self.days.last_mut() else { continue };
            let after = place.parts[part + 1..].iter().any(Option::is_some);
            match &mut place.parts[part] {
                Some((from, count)) if *from + *count == row && part > 0 => *count += 1,
                empty @ None if !after => *empty = Some((row, 1)),
                Some(_) | None => {
                    let why = "the rows of its table do not stand together";
                    return Err(Self::refusal(&self.path, &format!("row {row}"), why));
                }
            }
        }
        Ok(())
    }

    fn part(&self, rows: Rows, part: Part) -> Result<DataFrame, HistoryError> {
        let wanted = part.columns();
        let names: Vec<&str> = wanted.iter().map(|(name, _)| *name).collect();
        let table = self.rows(rows, &names)?;
        for (name, kind) in &wanted {
            let place = format!("rows {} to {}", rows.0, rows.0 + rows.1);
            let (found, missing) = self.caught(&place, || {
                let column = table.column(name)?;
                Ok((column.dtype().clone(), column.null_count()))
            })?;
            if found != *kind || missing > 0 {
                let why = format!("the column `{name}` is not {kind}, or has no value in some row");
                return Err(self.refused(&place, &why));
            }
        }
        Ok(table)
    }

    /// Some columns of some rows. None are read for no rows.
    fn rows(&self, (first, count): Rows, names: &[&str]) -> Result<DataFrame, HistoryError> {
        self.caught(&format!("rows {first} to {}", first + count), || {
            let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
            let reader = ParquetReader::new(self.file()?).with_slice(Some((first, count)));
            let mut table = reader.with_columns(Some(names.clone())).finish()?;
            table.as_single_chunk_par();
            table.select(names)
        })
    }

    fn file(&self) -> PolarsResult<File> {
        Ok(File::open(&self.path)?)
    }

    /// The engine may panic on damaged bytes; nothing of it is used afterwards.
    fn caught<T>(&self, place: &str, read: impl FnOnce() -> PolarsResult<T>) -> Result<T, HistoryError> {
        match catch_unwind(AssertUnwindSafe(read)) {
            Ok(read) => read.map_err(|error| self.refused(place, &error.to_string())),
            Err(_) => Err(self.refused(place, "it is damaged")),
        }
    }

    fn refused(&self, place: &str, why: &str) -> HistoryError {
        Self::refusal(&self.path, place, why)
    }

    fn refusal(path: &Path, place: &str, why: &str) -> HistoryError {
        let why = why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN_CHARS).collect();
        HistoryError::Portable { path: path.to_owned(), place: place.to_owned(), why }
    }
}

impl Place {
    fn shown(&self) -> String {
        let date = jiff::Timestamp::from_second(self.day)
            .map_or_else(|_| self.day.to_string(), |at| at.strftime("%F").to_string());
        format!("cluster {}, {date}", self.cluster)
    }
}

/// Its hours, containers and kills are of this day and cluster.
fn check_ledger(ledger: &Ledger, place: &Place) -> Result<(), String> {
    let day = place.day..place.day + DAY_S;
    if let Some(hour) = ledger.hours.keys().find(|hour| !day.contains(*hour) || *hour % HOUR_S != 0) {
        return Err(format!("the hour {hour} is not one of its day"));
    }
    let kills = &ledger.oom_kills;
    if kills.iter().any(|kill| !day.contains(&kill.at_unix_s)) {
        return Err("an OOM kill is not of its day".to_owned());
    }
    let clusters = ledger.containers.iter().map(|container| &container.workload.cluster);
    if clusters
        .chain(kills.iter().map(|kill| &kill.container.workload.cluster))
        .any(|of| *of != place.cluster)
    {
        return Err("a container is of another cluster".to_owned());
    }
    Ok(())
}

/// Every row is of an hour and of a container that the ledger names, and its numbers are such as the store writes.
fn check_rows(day: &Day) -> Result<(), String> {
    let series: HashSet<u64> = day
        .ledger
        .containers
        .iter()
        .flat_map(|container| Signal::ALL.map(|signal| series_id(container, signal)))
        .collect();
    let tables = [Some(&day.tables.bins), Some(&day.tables.pods), day.points.as_ref()];
    for table in tables.into_iter().flatten() {
        for id in values(table, "series", |column| Ok(column.u64()?.into_no_null_iter().collect::<Vec<_>>()))?
        {
            if !series.contains(&id) {
                return Err(format!("series {id} is of no container of its ledger"));
            }
        }
        for hour in values(table, "hour", |column| Ok(column.i64()?.into_no_null_iter().collect::<Vec<_>>()))?
        {
            if !day.ledger.hours.contains_key(&hour) {
                return Err(format!("the hour {hour} is not in its ledger"));
            }
        }
    }
    check_pods(&day.tables.pods)
}

fn check_pods(pods: &DataFrame) -> Result<(), String> {
    let whole = |name: &str| values(pods, name, |c| Ok(c.i64()?.into_no_null_iter().collect::<Vec<_>>()));
    let real = |name: &str| values(pods, name, |c| Ok(c.f64()?.into_no_null_iter().collect::<Vec<_>>()));
    let hours = whole("hour")?;
    for name in ["first", "last", "max_at"] {
        let times = whole(name)?;
        if hours.iter().zip(&times).any(|(hour, at)| !(*hour..hour + HOUR_S).contains(at)) {
            return Err(format!("`{name}` of a pod is not within its hour"));
        }
    }
    for name in ["sum", "max"] {
        if real(name)?.iter().any(|value| !value.is_finite() || *value < 0.0) {
            return Err(format!("`{name}` of a pod is no amount"));
        }
    }
    Ok(())
}

fn values<T>(
    table: &DataFrame,
    name: &str,
    read: impl FnOnce(&Column) -> PolarsResult<Vec<T>>,
) -> Result<Vec<T>, String> {
    table.column(name).and_then(read).map_err(|error| error.to_string())
}
