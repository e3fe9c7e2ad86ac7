//! What a policy says of findings: which are told, and when nobody is told. Knows no other key.

use jiff::civil::Date;
use jiff::{Timestamp, tz::TimeZone};
use kubeopt_model::finding::{Kind, Severity};
use kubeopt_model::policy::{Silence, SilentTime};
use schemars::json_schema;

use crate::policy::selector::Match;
use crate::policy::words::{Cron, Zone};
use crate::text::tree::Node;
use crate::text::values::{Span, scalar_schema, scalar_text};
use crate::text::{At, Fault, FromNode, Reading, choice, section};

/// A silence of more than a month is `from` and `to`.
type SilenceSpan = Span<60, { 31 * 86_400 }>;

section! {
    /// What is told of findings: what is unusual in usage.
    pub(crate) struct Findings {
        /// Is anything looked for?
        "enabled" => enabled: bool = true,
        /// From which severity on people are told: `low`, `medium`, `high` or `critical`.
        "minSeverity" => min_severity: SeverityOfFinding = "medium",
        /// Times in which nobody is told. Those of all layers count; a repository's where `allowedOverrides` holds `findings.silences`.
        "silences" => silences: Vec<At<SilenceWords>> = [],
    }
}

section! {
    /// A time in which nobody is told: once, with `from` and `to`, or again and again, with `cron` and `duration`.
    pub(crate) struct SilenceWords {
        /// Which workloads; each key that is given must match. Without it: all.
        "match" => matching: Match = null,
        /// Of which kinds: `spike`, `leak`, `drift`, `saturation` and `out-of-memory`. Without any: of all.
        "kinds" => kinds: Vec<KindWord> = [],
        /// From when on, as `2026-12-01T22:00:00Z` or `2026-12-01`, which is midnight UTC.
        "from" => from: Moment = null,
        /// Until when; the moment itself is no longer silent.
        "to" => to: Moment = null,
        /// When it begins: a cron expression of five fields.
        "cron" => cron: Cron = null,
        /// How long it lasts, from 1m to 31d; with `cron`.
        "duration" => duration: SilenceSpan = null,
        /// Time zone of the cron expression.
        "timezone" => timezone: Zone = "UTC",
        /// Why; shown beside what is silenced.
        "reason" => reason: String = null,
    }
}

choice! {
    /// How bad a finding is.
    pub(crate) enum SeverityOfFinding {
        /// To be known.
        "low" => Low,
        /// To be looked at.
        "medium" => Medium,
        /// To be looked at today.
        "high" => High,
        /// To be looked at now.
        "critical" => Critical,
    } later []
}

/// The severity that a word means.
pub(crate) fn severity_of(word: SeverityOfFinding) -> Severity {
    match word {
        SeverityOfFinding::Low => Severity::Low,
        SeverityOfFinding::Medium => Severity::Medium,
        SeverityOfFinding::High => Severity::High,
        SeverityOfFinding::Critical => Severity::Critical,
    }
}

choice! {
    /// What was found.
    pub(crate) enum KindWord {
        /// Usage far above what was expected.
        "spike" => Spike,
        /// Memory that only grows.
        "leak" => Leak,
        /// Usage is distributed otherwise than before, for days.
        "drift" => Drift,
        /// Near or at a limit.
        "saturation" => Saturation,
        /// Killed for lack of memory.
        "out-of-memory" => OutOfMemory,
    } later []
}

fn kind_of(word: KindWord) -> Kind {
    match word {
        KindWord::Spike => Kind::Spike,
        KindWord::Leak => Kind::Leak,
        KindWord::Drift => Kind::Drift,
        KindWord::Saturation => Kind::Saturation,
        KindWord::OutOfMemory => Kind::OutOfMemory,
    }
}

/// An instant, or the midnight (UTC) at which a date begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(pub(crate) i64);

/// No moment is written longer.
const LONGEST_MOMENT: usize = 40;

impl Moment {
    fn new(text: &str) -> Option<Self> {
        if text.len() > LONGEST_MOMENT {
            return None;
        }
        let midnight = || Some(text.parse::<Date>().ok()?.to_zoned(TimeZone::UTC).ok()?.timestamp());
        // Of a longer text a date would take the beginning.
        let is_date = text.len() == "2026-12-01".len();
        let at = if is_date { midnight()? } else { text.parse::<Timestamp>().ok()? };
        Some(Self(at.as_second()))
    }
}

impl FromNode for Moment {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        match scalar_text(node).and_then(Self::new) {
            Some(moment) => Some(moment),
            None => reading.wrong_type(node, path, "a time such as `2026-12-01T22:00:00Z` or `2026-12-01`"),
        }
    }
}
scalar_schema!([] Moment, "Moment", json_schema!({"type": "string", "maxLength": LONGEST_MOMENT}));

impl SilenceWords {
    /// As the effective policy has it; none where it does not say when.
    pub(crate) fn silence(&self, by: String) -> Option<Silence> {
        let second = |moment: &Option<At<Moment>>| moment.as_ref().map(|at| at.value.0);
        let when = match (&self.cron, &self.duration) {
            (Some(cron), Some(duration)) => SilentTime::Recurring {
                cron: cron.value.0.clone(),
                seconds: duration.value.0,
                timezone: self.timezone.as_ref().map_or_else(|| "UTC".to_owned(), |at| at.value.0.clone()),
            },
            (None, None) if self.from.is_some() || self.to.is_some() => {
                SilentTime::Span { from_unix_s: second(&self.from), to_unix_s: second(&self.to) }
            }
            (Some(_), None) | (None, Some(_)) | (None, None) => return None,
        };
        let kinds = self.kinds.iter().flat_map(|at| &at.value).map(|word| kind_of(*word)).collect();
        let reason = self.reason.as_ref().map_or_else(|| "no reason given".to_owned(), |at| at.value.clone());
        Some(Silence { kinds, when, reason, by })
    }
}

/// Refuses silences that do not say when, say it in two ways, end before they begin, or are for nothing.
pub(crate) fn check_silences(findings: Option<&At<Findings>>, reading: &mut Reading<'_>) {
    let silences = findings.and_then(|at| at.value.silences.as_ref());
    for at in silences.iter().flat_map(|silences| &silences.value) {
        let SilenceWords { matching, from, to, cron, duration, reason, .. } = &at.value;
        let mut missing = |key: &str, help: &str| {
            let path = format!("findings.silences[].{key}");
            reading.refuse(at.line, Fault::Missing { path, help: help.to_owned() });
        };
        let (once, again) = (from.is_some() || to.is_some(), cron.is_some() || duration.is_some());
        match (once, again) {
            (false, false) => missing("to", "say when: `from` and `to`, or `cron` and `duration`"),
            (false, true) if cron.is_none() => missing("cron", "say when it begins: `cron: 0 22 * * SAT`"),
            (false, true) if duration.is_none() => {
                missing("duration", "say how long it lasts: `duration: 4h`")
            }
            (true, true) | (true, false) | (false, true) => {}
        }
        if reason.is_none() {
            missing("reason", "say why: it is shown beside what is silenced");
        }
        let mut contradiction = |text: &str, help: &str| {
            let fault = Fault::Contradiction { text: text.to_owned(), help: help.to_owned() };
            reading.refuse(at.line, fault);
        };
        if once && again {
            contradiction(
                "a silence has both a span and a cron expression",
                "write two silences, or leave out one of the two",
            );
        }
        if let (Some(from), Some(to)) = (from, to)
            && from.value >= to.value
        {
            contradiction("a silence ends before it begins", "let `to` be later than `from`");
        }
        if matching.as_ref().is_some_and(|matching| matching.value.is_empty()) {
            contradiction(
                "`match` of a silence names nothing",
                "leave it out for all workloads, or name a namespace, kind, name, labels or environment",
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_an_instant_or_a_date_and_nothing_else() {
        for (text, second) in [
            ("2026-12-01T22:00:00Z", 1_796_162_400),
            ("2026-12-01T23:00:00+01:00", 1_796_162_400),
            ("2026-12-01", 1_796_083_200),
        ] {
            assert_eq!(Moment::new(text), Some(Moment(second)), "{text}");
        }
        for text in ["", "tomorrow", "2026-13-01", "2026-12-01T22:00:00", "0", "2026-12-01 ", &"9".repeat(99)]
        {
            assert_eq!(Moment::new(text), None, "{text}");
        }
    }
}
