//! Series and labels as the Numenta Anomaly Benchmark writes them: text comes in, samples and windows go out.

use std::collections::BTreeMap;

use thiserror::Error;

use crate::codes;

/// Samples of a series; the largest of the benchmark has 22,695.
const SAMPLES_MAX: usize = 10_000_000;

/// Why a text is no series or no labels.
#[derive(Debug, Error, Clone, PartialEq, Eq)]
pub enum CorpusError {
    /// A line that is no sample.
    #[error("line {line} is no `timestamp,value`")]
    NoSample {
        /// From 1.
        line: usize,
    },
    /// More samples than anybody labels.
    #[error("there are more than {SAMPLES_MAX} samples")]
    TooLong,
    /// Not an object of lists of windows.
    #[error("the labels are no object that has a list of windows for each series")]
    NoLabels,
    /// A window that does not begin and end at samples of its series, or overlaps the one before.
    #[error("the window from {from} to {to} does not fit its series")]
    NoSuchWindow {
        /// As written.
        from: String,
        /// As written.
        to: String,
    },
}

impl CorpusError {
    /// The code of what users see.
    pub fn code(&self) -> &'static str {
        match self {
            Self::NoSample { .. } | Self::TooLong => codes::SERIES,
            Self::NoLabels | Self::NoSuchWindow { .. } => codes::LABELS,
        }
    }

    /// What to do.
    pub fn help(&self) -> &'static str {
        match self {
            Self::NoSample { .. } => {
                "write `2014-04-10 07:15:00,1.5` on each line below the header; the value is a finite number"
            }
            Self::TooLong => "cut the series, or keep fewer samples of each minute",
            Self::NoLabels => {
                "write `{\"folder/file.csv\": [[\"2014-04-10 07:15:00\", \"2014-04-11 16:45:00\"]]}`; docs/anomaly.md tells the layout"
            }
            Self::NoSuchWindow { .. } => {
                "let windows begin and end at times of samples, in order, without overlap"
            }
        }
    }
}

/// A recorded series, or the scores that a detector gave it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Column {
    /// When, in order.
    pub at_unix_s: Vec<i64>,
    /// What.
    pub values: Vec<f64>,
}

/// Windows by name of series: when each begins and ends, as written.
pub type Labels = BTreeMap<String, Vec<(String, String)>>;

/// Reads `timestamp,value` with a header; further columns are ignored. Times are UTC.
///
/// # Errors
/// Where a line is no sample, or there are too many.
pub fn column(csv: &str) -> Result<Column, CorpusError> {
    column_at(csv, 1)
}

/// Reads the scores of a detector: the column `anomaly_score`, or the second one where none has that name.
///
/// # Errors
/// As [`column`].
pub fn stored_scores(csv: &str) -> Result<Column, CorpusError> {
    let names = csv.lines().next().unwrap_or_default().split(',');
    let named = names.into_iter().position(|name| name.trim() == "anomaly_score");
    column_at(csv, named.unwrap_or(1))
}

fn column_at(csv: &str, value_at: usize) -> Result<Column, CorpusError> {
    let mut column = Column::default();
    for (i, line) in csv.lines().enumerate().skip(1).filter(|(_, line)| !line.trim().is_empty()) {
        let sample = || {
            let at = unix_s(line.split(',').next()?)?;
            let value: f64 = line.split(',').nth(value_at)?.trim().parse().ok()?;
            value.is_finite().then_some((at, value))
        };
        let (at, value) = sample().ok_or(CorpusError::NoSample { line: i + 1 })?;
        if column.values.len() == SAMPLES_MAX {
            return Err(CorpusError::TooLong);
        }
        column.at_unix_s.push(at);
        column.values.push(value);
    }
    Ok(column)
}

/// Reads labels: an object of lists of pairs of times.
///
/// # Errors
/// Where the text is something else.
pub fn labels(json: &str) -> Result<Labels, CorpusError> {
    serde_json::from_str(json).map_err(|_| CorpusError::NoLabels)
}

/// The first and last sample of each window.
///
/// # Errors
/// Where a window does not begin and end at samples, or windows are out of order.
pub fn windows(column: &Column, labels: &[(String, String)]) -> Result<Vec<(usize, usize)>, CorpusError> {
    let mut windows: Vec<(usize, usize)> = Vec::with_capacity(labels.len());
    for (from, to) in labels {
        // Clocks go back once a year: the first sample of that time counts.
        let sample = |time: &str| column.at_unix_s.iter().position(|at| Some(*at) == unix_s(time));
        let window = sample(from).zip(sample(to));
        let after = |first: usize| windows.last().is_none_or(|(_, last)| first > *last);
        let window = window.filter(|(first, last)| first < last && after(*first));
        let window =
            window.ok_or_else(|| CorpusError::NoSuchWindow { from: from.clone(), to: to.clone() })?;
        windows.push(window);
    }
    Ok(windows)
}

/// `2014-04-10 07:15:00`, fractions of a second ignored.
fn unix_s(text: &str) -> Option<i64> {
    let text = text.trim().get(..19)?;
    let number = |from: usize, to: usize| text.get(from..to)?.parse::<i64>().ok();
    let (year, month, day) = (number(0, 4)?, number(5, 7)?, number(8, 10)?);
    let (hour, minute, second) = (number(11, 13)?, number(14, 16)?, number(17, 19)?);
    let valid =
        (1..=12).contains(&month) && (1..=31).contains(&day) && hour < 24 && minute < 60 && second < 61;
    let (year, shifted) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    // Days since 1970-01-01 of the proleptic Gregorian calendar, years beginning in March.
    let of_years = 365 * year + year.div_euclid(4) - year.div_euclid(100) + year.div_euclid(400);
    let days = of_years + (153 * shifted + 2) / 5 + day - 1 - 719_468;
    valid.then_some(days * 86_400 + hour * 3600 + minute * 60 + second)
}
