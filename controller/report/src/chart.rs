//! A chart of usage against requests as a value, and as Mermaid text in a pull request.
//!
//! The Mermaid text carries all that the value holds, so that a page can draw its own picture from a pull request's
//! body. Knows nothing of pictures.

use jiff::Timestamp;
use kubeopt_model::quantity::{Field, MIB, Resource};
use kubeopt_model::recommendation::Member;
use kubeopt_model::usage::HourSeries;
use kubeopt_model::{Bound, ContainerId};

use crate::figures;

/// Most points of a line: two a day for four weeks. More cannot be told apart on the width of a forge's page.
pub const POINTS_MAX: usize = 56;

/// Largest Mermaid text that is read back, and most points of it; what we write stays far below both.
const MERMAID_BYTES_MAX: usize = 20_000;
const READ_POINTS_MAX: usize = 1_000;

/// Readable on white and on black. Mermaid gives colours out in the order of the lines.
const USAGE_COLOUR: &str = "#3b82f6";
const TODAY_COLOUR: &str = "#9aa4b2";
const PROPOSED_COLOUR: &str = "#16a34a";
const FORETOLD_COLOUR: &str = "#d97706";

/// How far a peak is foretold: what the band of a chart stands for.
pub const AHEAD_S: i64 = 7 * 86_400;

const LOW: &str = "foretold, 10 %";
const HIGH: &str = "foretold, 90 %";
const TODAY: &str = "request today";
const PROPOSED: &str = "proposed request";

/// Usage of one resource of one container over time, against its request before and after.
#[derive(Debug, Clone, PartialEq)]
pub struct UsageChart {
    /// What is shown, of whom.
    pub title: String,
    /// CPU in millicores or memory in MiB: the unit of all values.
    pub resource: Resource,
    /// Start of the first step, in seconds since the epoch.
    pub from_unix_s: i64,
    /// End of the last step, in seconds since the epoch.
    pub to_unix_s: i64,
    /// Evenly spaced, oldest first; at least two. A step without samples repeats the one before.
    pub usage: Vec<f64>,
    /// The request today, if one is set.
    pub before: Option<f64>,
    /// The proposed request, if one is set.
    pub after: Option<f64>,
    /// What is foretold of the highest of the next 7 days, if anything.
    pub ahead: Option<PeakBand>,
}

/// Between these the highest value of the next days is foretold, in the unit of the chart.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PeakBand {
    /// The .1 quantile.
    pub low: f64,
    /// The .9 quantile.
    pub high: f64,
}

impl UsageChart {
    /// The chart of one resource of a member; none where history has no hours of it.
    pub fn of(member: &Member, resource: Resource) -> Option<Self> {
        let (hours, statistic): (&HourSeries, _) = match resource {
            Resource::Cpu => (&member.usage.cpu_hours, "hourly p95"),
            Resource::Memory => (&member.usage.memory_hours, "hourly maximum"),
        };
        let points: Vec<(i64, f64)> = hours
            .iter()
            .map(|hour| (hour.at_unix_s, if resource == Resource::Cpu { hour.p95 } else { hour.max }))
            .filter(|(_, value)| value.is_finite() && *value >= 0.0)
            .map(|(at, value)| (at, value / unit_base(resource)))
            .collect();
        let (from_unix_s, to_unix_s, usage) = downsample(&points)?;
        let request = |resources: &kubeopt_model::Resources| {
            let amount = resources.get(Field { bound: Bound::Request, resource })?;
            Some(amount.base() as f64 / unit_base(resource))
        };
        Some(Self {
            title: title(&member.container, resource, statistic, to_unix_s - from_unix_s),
            resource,
            from_unix_s,
            to_unix_s,
            usage,
            before: request(&member.resources.before),
            after: request(&member.resources.after),
            ahead: band(member, resource),
        })
    }

    /// The highest value of all lines, at least 1.
    pub fn peak(&self) -> f64 {
        let ahead = self.ahead.map(|band| band.high);
        self.usage.iter().copied().chain(self.before).chain(self.after).chain(ahead).fold(1.0, f64::max)
    }

    /// `millicores` or `MiB`.
    pub fn unit(&self) -> &'static str {
        match self.resource {
            Resource::Cpu => "millicores",
            Resource::Memory => "MiB",
        }
    }

    /// The Mermaid text, without its fence.
    pub fn to_mermaid(&self) -> String {
        let days = figures::days((self.to_unix_s - self.from_unix_s) as f64 / 86_400.0);
        let flat = self.flat_lines();
        let colours = flat.iter().map(|(_, colour, _)| *colour);
        let palette: Vec<&str> = std::iter::once(USAGE_COLOUR).chain(colours).collect();
        let palette = palette.join(", ");
        let mut out = format!(
            "%%{{init: {{\"themeVariables\": {{\"xyChart\": {{\"plotColorPalette\": \"{palette}\"}}}}}}}}%%\n\
             xychart-beta\n  title \"{}\"\n  x-axis \"days\" 0 --> {days}\n  y-axis \"{}\" 0 --> {:.0}\n",
            quoted(&self.title),
            self.unit(),
            (self.peak() * 1.1).ceil(),
        );
        let line = |values: &[f64]| values.iter().map(|value| number(*value)).collect::<Vec<_>>().join(", ");
        let (from, to) = (instant(self.from_unix_s), instant(self.to_unix_s));
        out.push_str(&format!("  %% usage from {from} to {to}\n  line [{}]\n", line(&self.usage)));
        for (name, _, value) in flat {
            // Two points span the whole width.
            out.push_str(&format!("  %% {name}\n  line [{}]\n", line(&[value, value])));
        }
        out
    }

    /// Name, colour and value of each line that is level.
    fn flat_lines(&self) -> Vec<(&'static str, &'static str, f64)> {
        let lines = [
            (TODAY, TODAY_COLOUR, self.before),
            (PROPOSED, PROPOSED_COLOUR, self.after),
            (LOW, FORETOLD_COLOUR, self.ahead.map(|band| band.low)),
            (HIGH, FORETOLD_COLOUR, self.ahead.map(|band| band.high)),
        ];
        lines.into_iter().filter_map(|(name, colour, value)| Some((name, colour, value?))).collect()
    }

    /// Reads what [`UsageChart::to_mermaid`] wrote; none for any other text.
    pub fn from_mermaid(text: &str) -> Option<Self> {
        if text.len() > MERMAID_BYTES_MAX {
            return None;
        }
        let mut lines = text.lines().map(str::trim);
        lines.by_ref().find(|line| *line == "xychart-beta")?;
        let (mut title, mut unit, mut span) = (None, None, None);
        let (mut usage, mut before, mut after) = (None, None, None);
        let (mut low, mut high) = (None, None);
        let mut name = "";
        for line in lines {
            if let Some(rest) = line.strip_prefix("title ") {
                title = Some(rest.trim_matches('"').to_owned());
            } else if let Some(rest) = line.strip_prefix("y-axis ") {
                unit = rest.split('"').nth(1);
            } else if let Some(comment) = line.strip_prefix("%% ") {
                name = comment;
            } else if let Some(values) = line.strip_prefix("line ") {
                let values = read_numbers(values)?;
                match name {
                    TODAY => before = values.first().copied(),
                    PROPOSED => after = values.first().copied(),
                    LOW => low = values.first().copied(),
                    HIGH => high = values.first().copied(),
                    other => (usage, span) = (Some(values), read_span(other)),
                }
            }
        }
        let resource = match unit? {
            "millicores" => Resource::Cpu,
            "MiB" => Resource::Memory,
            _ => return None,
        };
        let (from_unix_s, to_unix_s) = span?;
        let usage = usage.filter(|values| values.len() >= 2)?;
        let ahead = low.zip(high).map(|(low, high)| PeakBand { low, high });
        Some(Self { title: title?, resource, from_unix_s, to_unix_s, usage, before, after, ahead })
    }
}

fn band(member: &Member, resource: Resource) -> Option<PeakBand> {
    let peak = &member.foretold.as_ref()?.resource(resource)?.peak_week;
    let of = |value: f64| Some(value / unit_base(resource)).filter(|value| value.is_finite());
    Some(PeakBand { low: of(peak.q10)?, high: of(peak.q90)? })
}

fn unit_base(resource: Resource) -> f64 {
    match resource {
        Resource::Cpu => 1.0,
        Resource::Memory => MIB as f64,
    }
}

fn title(container: &ContainerId, resource: Resource, statistic: &str, seconds: i64) -> String {
    let (what, unit) = match resource {
        Resource::Cpu => ("CPU", "millicores"),
        Resource::Memory => ("Memory", "MiB"),
    };
    let days = figures::days(seconds as f64 / 86_400.0);
    format!("{what} of {container}, {statistic}, {days} days ({unit})")
}

/// At most [`POINTS_MAX`] steps of whole hours, the highest value of each: (from, to, values).
fn downsample(points: &[(i64, f64)]) -> Option<(i64, i64, Vec<f64>)> {
    const HOUR: i64 = 3_600;
    let from = points.iter().map(|(at, _)| *at).min()?;
    let to = points.iter().map(|(at, _)| *at).max()?.checked_add(HOUR)?;
    let span = to.checked_sub(from)?;
    let hours = (span + HOUR - 1) / HOUR;
    let step = (hours + POINTS_MAX as i64 - 1) / POINTS_MAX as i64 * HOUR;
    let steps = usize::try_from((span + step - 1) / step).ok()?.max(2);
    let mut values: Vec<Option<f64>> = vec![None; steps];
    for (at, value) in points {
        let slot = usize::try_from((at - from) / step).ok().and_then(|at| values.get_mut(at))?;
        *slot = Some(slot.map_or(*value, |highest| highest.max(*value)));
    }
    let mut last = 0.0;
    let values = values.into_iter().map(|value| {
        last = value.unwrap_or(last);
        last
    });
    Some((from, to, values.collect()))
}

/// What Mermaid's quoted text takes without meaning something: `%%{` would be a directive even there.
fn quoted(text: &str) -> String {
    text.chars().map(|c| if c.is_alphanumeric() || " -./,:()_".contains(c) { c } else { '_' }).collect()
}

/// Whole numbers from ten on: a tenth of a millicore says nothing there.
fn number(value: f64) -> String {
    if value < 10.0 && value.fract() != 0.0 { format!("{value:.1}") } else { format!("{value:.0}") }
}

fn instant(unix_s: i64) -> String {
    figures::at(unix_s, "%Y-%m-%dT%H:%M:%SZ")
}

fn read_numbers(text: &str) -> Option<Vec<f64>> {
    let inner = text.trim().strip_prefix('[')?.strip_suffix(']')?;
    let values: Option<Vec<f64>> = inner
        .split(',')
        .take(READ_POINTS_MAX + 1)
        .map(|part| part.trim().parse::<f64>().ok().filter(|value| value.is_finite() && *value >= 0.0))
        .collect();
    values.filter(|values| values.len() <= READ_POINTS_MAX)
}

/// `usage from A to B`
fn read_span(comment: &str) -> Option<(i64, i64)> {
    let (from, to) = comment.strip_prefix("usage from ")?.split_once(" to ")?;
    let second = |text: &str| text.parse::<Timestamp>().ok().map(Timestamp::as_second);
    let (from, to) = (second(from)?, second(to)?);
    (from < to).then_some((from, to))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn chart(title: &str, usage: Vec<f64>) -> UsageChart {
        UsageChart {
            title: title.to_owned(),
            resource: Resource::Cpu,
            from_unix_s: 1_700_000_000,
            to_unix_s: 1_700_000_000 + 28 * 86_400,
            usage,
            before: Some(1000.0),
            after: None,
            ahead: None,
        }
    }

    #[test]
    fn what_is_foretold_is_two_level_lines_that_read_back() {
        let mut chart = chart("CPU", vec![1.0, 2.0]);
        chart.ahead = Some(PeakBand { low: 700.0, high: 2400.0 });
        let text = chart.to_mermaid();
        assert!(text.contains("%% foretold, 90 %\n  line [2400, 2400]"), "{text}");
        assert!(text.contains("0 --> 2640"), "the axis holds it: {text}");
        assert_eq!(UsageChart::from_mermaid(&text), Some(chart));
    }

    #[test]
    fn a_month_of_hours_becomes_two_points_a_day_that_keep_the_peaks() {
        let points: Vec<(i64, f64)> =
            (0..28 * 24).map(|hour| (hour * 3600, if hour == 300 { 410.0 } else { 100.0 })).collect();
        let (from, to, values) = downsample(&points).unwrap();
        assert_eq!((from, to, values.len()), (0, 28 * 86_400, 56));
        assert_eq!(values.iter().filter(|value| **value == 410.0).count(), 1);
    }

    #[test]
    fn odd_hours_neither_panic_nor_leave_the_chart() {
        assert_eq!(downsample(&[]), None);
        assert_eq!(downsample(&[(0, 1.0)]), Some((0, 3600, vec![1.0, 1.0])));
        assert_eq!(downsample(&[(i64::MIN, 1.0), (i64::MAX, 2.0)]), None);
        // A gap repeats the step before it.
        assert_eq!(downsample(&[(0, 5.0), (4 * 3600, 7.0)]).unwrap().2, [5.0, 5.0, 5.0, 5.0, 7.0]);
    }

    #[test]
    fn a_title_cannot_leave_its_quotes_or_configure_mermaid() {
        let text =
            chart("x\"\n%%{init: {\"securityLevel\": \"loose\"}}%% ``` <b>", vec![1.0, 2.0]).to_mermaid();
        assert_eq!(text.matches("%%{").count(), 1);
        assert_eq!(text.lines().filter(|line| line.contains("title")).count(), 1);
        assert!(!text.contains("```") && !text.contains('<'));
    }

    #[test]
    fn foreign_mermaid_is_not_read() {
        for text in [
            "",
            "graph TD; A-->B",
            "xychart-beta\n  line [1, 2]",
            "xychart-beta\n title \"x\"\n y-axis \"sheep\" 0 --> 1\n %% usage from 2026-01-01T00:00:00Z to 2026-01-02T00:00:00Z\n line [1,2]",
        ] {
            assert_eq!(UsageChart::from_mermaid(text), None, "{text}");
        }
        let long = format!("xychart-beta\n  line [{}]", "1,".repeat(20_000));
        assert_eq!(UsageChart::from_mermaid(&long), None);
    }

    proptest! {
        #[test]
        fn what_is_written_reads_back(usage in prop::collection::vec(0_u32..50_000, 2..POINTS_MAX)) {
            let chart = chart("CPU of payments/deploy/api/api, 28 days (millicores)", usage.into_iter().map(f64::from).collect());
            prop_assert_eq!(UsageChart::from_mermaid(&chart.to_mermaid()), Some(chart));
        }

        #[test]
        fn reading_never_panics(text in "(xychart-beta\n)?(.{0,40}\n){0,6}") {
            let read = UsageChart::from_mermaid(&text);
            prop_assert!(read.is_none_or(|chart| chart.usage.len() >= 2));
        }
    }
}
