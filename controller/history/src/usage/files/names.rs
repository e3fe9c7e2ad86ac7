//! How the files of a day are called.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use kubeopt_model::{ClusterName, Timestamp};

use crate::usage::DAY_S;

/// Characters of a date.
const DATE_CHARS: usize = 10;

/// What the ledger is called after the date.
const LEDGER: &str = "json";

/// What a table of points is called after the date.
const POINTS: &str = "points";

/// The files of a day.
#[derive(Debug, Clone)]
pub(in crate::usage) struct FileNames {
    /// `cluster/date`.
    stem: String,
}

impl FileNames {
    /// Of the day that begins then.
    pub(in crate::usage) fn of(cluster: &ClusterName, day: i64) -> Self {
        let date = Timestamp::from_second(day)
            .map_or_else(|_| day.to_string(), |at| at.to_zoned(TimeZone::UTC).date().to_string());
        Self { stem: format!("{cluster}/{date}") }
    }

    /// Which hours count.
    pub(in crate::usage) fn ledger(&self) -> String {
        format!("{}.{LEDGER}", self.stem)
    }

    /// The digest.
    pub(super) fn digest(&self) -> String {
        format!("{}.digest.parquet", self.stem)
    }

    /// The tables of a segment: bins, pods, points. The first segment has no number.
    pub(super) fn segment(&self, segment: u32) -> [String; 3] {
        let number = if segment == 0 { String::new() } else { format!(".{segment}") };
        ["bins", "pods", POINTS].map(|part| format!("{}.{part}{number}.parquet", self.stem))
    }

    /// The day's own among the names of a folder, with the folder, the ledger first: without it, the tables count for
    /// nothing.
    pub(super) fn own(&self, names: Vec<String>) -> Vec<String> {
        let Some((folder, date)) = self.stem.split_once('/') else { return Vec::new() };
        let own = names
            .into_iter()
            .filter(|name| name.strip_prefix(date).is_some_and(|rest| rest.starts_with('.')));
        let mut own: Vec<String> = own.map(|name| format!("{folder}/{name}")).collect();
        own.sort_by_key(|name| *name != self.ledger());
        own
    }
}

/// Whether a file is a table of points.
pub(super) fn is_points(name: &str) -> bool {
    name.split('.').nth(1) == Some(POINTS)
}

/// The day of a file, from its name without the folder.
pub(super) fn day_in_name(name: &str) -> Option<i64> {
    let date: Date = name.get(..DATE_CHARS)?.parse().ok()?;
    Some(date.to_zoned(TimeZone::UTC).ok()?.timestamp().as_second())
}

/// The start of the day that a time is in.
pub(super) fn day_of(unix_s: i64) -> i64 {
    unix_s.div_euclid(DAY_S) * DAY_S
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_knows_its_files_among_others() {
        let names = FileNames::of(&ClusterName::new("test").unwrap(), DAY_S);
        let [bins, pods, points] = names.segment(0);
        assert_eq!(bins, "test/1970-01-02.bins.parquet");
        assert_eq!(names.segment(12)[2], "test/1970-01-02.points.12.parquet");
        assert!(is_points(&points) && is_points(&names.segment(12)[2]) && !is_points(&pods));
        let all = ["1970-01-02.bins.parquet", "1970-01-02.json", "1970-01-020.json", "1970-01-03.json"];
        let own = names.own(all.map(str::to_owned).to_vec());
        assert_eq!(own, [names.ledger(), bins]);
        assert_eq!(day_in_name("1970-01-02.json"), Some(DAY_S));
        assert_eq!(day_in_name("notes.json"), None);
    }
}
