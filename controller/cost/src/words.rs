//! Kubecost's words for windows of time and for aggregates, so that its queries can be pasted.
//!
//! Windows are in UTC; a week begins on Sunday, as there. What kubeopt cannot answer is refused with what to write instead.

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{Span, Timestamp, Zoned};
use kubeopt_model::{Problem, Window, Workload};
use serde::{Deserialize, Serialize};

/// Longest window: usage is kept for 90 days.
pub const WINDOW_DAYS_MAX: i64 = 90;

const HOUR_S: i64 = 3600;

/// A name of Kubecost for what has no value of the aggregate.
pub const UNALLOCATED: &str = "__unallocated__";

/// Why a word is not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WordError {
    /// Not a window.
    #[error("`{0}` is not a window of time")]
    Window(String),
    /// It ends before it begins, or is too long.
    #[error("the window `{0}` is empty, in the future, or longer than {WINDOW_DAYS_MAX} days")]
    WindowSize(String),
    /// Not an aggregate.
    #[error("`{0}` is not an aggregate")]
    Aggregate(String),
}

impl WordError {
    /// Its code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::Window(_) | Self::WindowSize(_) => "E-CST-001",
            Self::Aggregate(_) => "E-CST-002",
        }
    }

    /// What people are shown.
    pub fn problem(&self) -> Problem {
        let help = match self {
            Self::Window(_) => {
                "write 7d, 24h, today, yesterday, week, month, lastweek, lastmonth, or two times as 2026-11-01T00:00:00Z,2026-11-08T00:00:00Z"
            }
            Self::WindowSize(_) => "choose a window within the last 90 days, which is how long usage is kept",
            Self::Aggregate(_) => {
                "write all, cluster, namespace, controllerKind, controller, container, team, label:NAME, or several with commas; usage is not kept by pod, node or service"
            }
        };
        Problem::new(self.code(), self.to_string(), help)
    }
}

/// Reads a window: `7d`, `24h`, `90m`, `today`, `yesterday`, `week`, `month`, `lastweek`, `lastmonth`, two times in RFC 3339
/// or two in Unix seconds with a comma between. It ends at `now` at the latest, and is widened to whole hours, in which
/// usage is kept.
///
/// # Errors
/// [`WordError::Window`], [`WordError::WindowSize`].
pub fn read_window(text: &str, now: Timestamp) -> Result<Window, WordError> {
    let shown = || text.chars().take(80).collect::<String>();
    let window = named(text, now)
        .or_else(|| lasting(text, now))
        .or_else(|| pair(text))
        .ok_or_else(|| WordError::Window(shown()))?;
    let to_unix_s = window.to_unix_s.min(now.as_second());
    let earliest = now.as_second() - WINDOW_DAYS_MAX * 24 * HOUR_S;
    if window.from_unix_s >= to_unix_s || window.from_unix_s < earliest {
        return Err(WordError::WindowSize(shown()));
    }
    Ok(Window { from_unix_s: window.from_unix_s.div_euclid(HOUR_S) * HOUR_S, to_unix_s })
}

/// Reads since when: `30d`, or a time in RFC 3339. The time may be as long ago as one likes.
///
/// # Errors
/// [`WordError::Window`] for what is neither, [`WordError::WindowSize`] for what is not in the past.
pub fn read_since(text: &str, now: Timestamp) -> Result<Timestamp, WordError> {
    let shown = || text.chars().take(80).collect::<String>();
    let ago = lasting(text, now).and_then(|window| Timestamp::from_second(window.from_unix_s).ok());
    let since = ago.or_else(|| text.parse().ok()).ok_or_else(|| WordError::Window(shown()))?;
    if since < now { Ok(since) } else { Err(WordError::WindowSize(shown())) }
}

fn named(text: &str, now: Timestamp) -> Option<Window> {
    let today = now.to_zoned(TimeZone::UTC).start_of_day().ok()?;
    let back = |span: Span| today.checked_sub(span).ok();
    let sunday = back(Span::new().days(today.weekday().since(Weekday::Sunday)))?;
    let first = today.first_of_month().ok()?;
    let now = now.to_zoned(TimeZone::UTC);
    let (from, to) = match text {
        "today" => (today, now),
        "yesterday" => (back(Span::new().days(1))?, today),
        "week" => (sunday, now),
        "lastweek" => (sunday.checked_sub(Span::new().days(7)).ok()?, sunday),
        "month" => (first, now),
        "lastmonth" => (first.checked_sub(Span::new().months(1)).ok()?, first),
        _ => return None,
    };
    Some(window(&from, &to))
}

fn window(from: &Zoned, to: &Zoned) -> Window {
    Window { from_unix_s: from.timestamp().as_second(), to_unix_s: to.timestamp().as_second() }
}

fn lasting(text: &str, now: Timestamp) -> Option<Window> {
    let (count, unit) = text.split_at_checked(text.len().checked_sub(1)?)?;
    let seconds = match unit {
        "m" => 60,
        "h" => HOUR_S,
        "d" => 24 * HOUR_S,
        _ => return None,
    };
    let count = count.parse::<u32>().ok()?;
    Some(Window::ending(now, i64::from(count).checked_mul(seconds)?))
}

fn pair(text: &str) -> Option<Window> {
    let (from, to) = text.split_once(',')?;
    let time = |text: &str| match text.parse::<i64>() {
        Ok(unix_s) => Some(unix_s),
        Err(_) => text.parse::<Timestamp>().ok().map(Timestamp::as_second),
    };
    Some(Window { from_unix_s: time(from)?, to_unix_s: time(to)? })
}

/// By what costs are summed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub enum Aggregate {
    /// Everything together.
    All,
    /// Cluster.
    Cluster,
    /// Namespace.
    Namespace,
    /// `deployment`, `statefulset`, ...
    ControllerKind,
    /// `deployment:api`
    Controller,
    /// Container name.
    Container,
    /// Value of a label of the workload.
    Label(String),
}

/// Reads aggregates, with commas between: `namespace,label:team`. `workload` is `controller`; `team`, `owner`, `department`,
/// `environment` and `product` are Kubecost's names for the labels `team`, `owner`, `department`, `env` and `app`.
///
/// # Errors
/// [`WordError::Aggregate`] for the first that is none.
pub fn read_aggregates(text: &str) -> Result<Vec<Aggregate>, WordError> {
    text.split(',').map(|word| aggregate(word.trim())).collect()
}

fn aggregate(word: &str) -> Result<Aggregate, WordError> {
    let label = |name: &str| Ok(Aggregate::Label(name.to_owned()));
    match word {
        "all" => Ok(Aggregate::All),
        "cluster" => Ok(Aggregate::Cluster),
        "namespace" => Ok(Aggregate::Namespace),
        "controllerKind" => Ok(Aggregate::ControllerKind),
        "controller" | "workload" => Ok(Aggregate::Controller),
        "container" => Ok(Aggregate::Container),
        "team" | "owner" | "department" => label(word),
        "environment" => label("env"),
        "product" => label("app"),
        other => match other.strip_prefix("label:") {
            Some(name) if !name.is_empty() => label(name),
            Some(_) | None => Err(WordError::Aggregate(other.chars().take(80).collect())),
        },
    }
}

/// The name of the row that a container of a workload belongs to; parts are joined by `/`, as Kubecost does.
pub fn row_name(aggregates: &[Aggregate], workload: &Workload, container: &str) -> String {
    let part = |aggregate: &Aggregate| {
        let kind = workload.id.kind.as_str().to_ascii_lowercase();
        match aggregate {
            Aggregate::All => "all".to_owned(),
            Aggregate::Cluster => workload.id.cluster.to_string(),
            Aggregate::Namespace => workload.id.namespace.to_string(),
            Aggregate::ControllerKind => kind,
            Aggregate::Controller => format!("{kind}:{}", workload.id.name),
            Aggregate::Container => container.to_owned(),
            Aggregate::Label(name) => workload.labels.get(name).cloned().unwrap_or(UNALLOCATED.to_owned()),
        }
    };
    aggregates.iter().map(part).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A Sunday, 03:30.
    const NOW: &str = "2026-11-22T03:30:00Z";

    fn spoken(text: &str) -> Result<(String, String), WordError> {
        let window = read_window(text, NOW.parse().unwrap())?;
        let time = |unix_s| Timestamp::from_second(unix_s).unwrap().to_string();
        Ok((time(window.from_unix_s), time(window.to_unix_s)))
    }

    #[test]
    fn windows_are_those_of_kubecost() {
        for (text, from, to) in [
            ("today", "2026-11-22T00:00:00Z", NOW),
            ("yesterday", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z"),
            ("week", "2026-11-22T00:00:00Z", NOW),
            ("lastweek", "2026-11-15T00:00:00Z", "2026-11-22T00:00:00Z"),
            ("month", "2026-11-01T00:00:00Z", NOW),
            ("lastmonth", "2026-10-01T00:00:00Z", "2026-11-01T00:00:00Z"),
            ("2h", "2026-11-22T01:00:00Z", NOW),
            ("30m", "2026-11-22T03:00:00Z", NOW),
            ("7d", "2026-11-15T03:00:00Z", NOW),
            ("2026-11-01T00:00:00Z,2026-11-02T00:00:00Z", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"),
            ("1793491200,1793577600", "2026-11-01T00:00:00Z", "2026-11-02T00:00:00Z"),
            ("2026-11-21T00:00:00Z,2027-01-01T00:00:00Z", "2026-11-21T00:00:00Z", NOW),
        ] {
            assert_eq!(spoken(text), Ok((from.to_owned(), to.to_owned())), "{text}");
        }
    }

    #[test]
    fn since_is_a_duration_or_a_time_in_the_past() {
        let since = |text| read_since(text, NOW.parse().unwrap()).map(|at| at.to_string());
        assert_eq!(since("365d"), Ok("2025-11-22T03:30:00Z".to_owned()));
        assert_eq!(since("2026-01-01T00:00:00Z"), Ok("2026-01-01T00:00:00Z".to_owned()));
        for text in ["", "soon", "2027-01-01T00:00:00Z", "0d", "4294967295d"] {
            assert_eq!(since(text).unwrap_err().code(), "E-CST-001", "{text}");
        }
    }

    #[test]
    fn what_is_no_window_is_refused_with_what_to_write() {
        for text in ["", "d", "7", "-7d", "7w", "yesteryear", "a,b", "2026-11-01,", "é"] {
            let error = spoken(text).unwrap_err();
            assert_eq!((error.code(), matches!(error, WordError::Window(_))), ("E-CST-001", true), "{text}");
            assert!(error.problem().help.contains("lastweek"));
        }
        for text in ["0d", "91d", "4294967295d", "1793577600,1793491200", "1893456000,1893459600"] {
            assert!(matches!(spoken(text), Err(WordError::WindowSize(_))), "{text}");
        }
    }

    #[test]
    fn aggregates_are_those_of_kubecost() {
        let read = read_aggregates("namespace, controller,label:app.kubernetes.io/name,team").unwrap();
        let label = |name: &str| Aggregate::Label(name.to_owned());
        let expected =
            [Aggregate::Namespace, Aggregate::Controller, label("app.kubernetes.io/name"), label("team")];
        assert_eq!(read, expected);
        for text in ["", "pod", "node", "namespace,", "label:", "Namespace"] {
            assert_eq!(read_aggregates(text).unwrap_err().code(), "E-CST-002", "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,40}") {
            let read = read_window(&text, NOW.parse().unwrap());
            prop_assert!(read.is_err() || read.is_ok_and(|window| window.seconds() > 0));
            prop_assert!(read_aggregates(&text).map_or(true, |aggregates| !aggregates.is_empty()));
        }
    }
}
