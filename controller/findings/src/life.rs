//! The life of findings from pass to pass: what is found now meets what was known, and people are told once that something
//! opened, once each time that it is worse, and once that it is over.

use std::collections::BTreeMap;

use kubeopt_model::finding::{Evidence, Kind, Silenced};
use kubeopt_model::{Amount, ContainerId, Finding};

const DAY_S: i64 = 86_400;

/// A container that was killed may be killed again: a day without a kill is over it.
const KILLED_S: i64 = DAY_S;

/// What people are to be told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Turn {
    /// It is new.
    Opened,
    /// It is worse than it was told.
    Worsened,
    /// It is over.
    Resolved,
}

impl Turn {
    /// As the journal and notices write it: `opened`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Opened => "opened",
            Self::Worsened => "worsened",
            Self::Resolved => "resolved",
        }
    }
}

/// How the floor of memory rises from day to day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// How fast.
    pub bytes_per_hour: f64,
    /// Seconds until the limit is reached; none without a limit.
    pub eta_s: Option<i64>,
    /// The limit as it is now.
    pub limit: Option<Amount>,
}

/// What is known of a container.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Known {
    /// There is no such container any more.
    Gone,
    /// Nobody has looked: its cluster or its usage could not be read.
    NotLookedAt,
    /// It was looked at.
    Seen {
        /// The floor of its memory still rises, so fast.
        growth: Option<Growth>,
    },
}

/// The moment of a look, and what is asked of it.
pub struct Look<'a> {
    /// Now, in seconds since the epoch.
    pub now_unix_s: i64,
    /// What is known of a container.
    pub known: &'a dyn Fn(&ContainerId) -> Known,
    /// Why nobody is told, where a silence holds.
    pub silenced: &'a dyn Fn(&Finding) -> Option<Silenced>,
    /// Whether the policy lets people be told, silences aside.
    pub is_told: &'a dyn Fn(&Finding) -> bool,
}

/// What became of all findings.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Settled {
    /// Those that are open, silenced ones among them, the most urgent first.
    pub open: Vec<Finding>,
    /// What people are to be told.
    pub news: Vec<(Turn, Finding)>,
    /// Those that are not as they were known, to be stored.
    pub changed: Vec<Finding>,
}

/// What is found now meets what was known. `before` may hold findings that are over.
pub fn settle(before: &[Finding], found: Vec<Finding>, look: &Look<'_>) -> Settled {
    let open = before.iter().filter(|finding| finding.is_open());
    let mut known: BTreeMap<String, &Finding> = open.map(|finding| (finding.key(), finding)).collect();
    let mut settled = Settled::default();
    for finding in found {
        let before = known.remove(&finding.key());
        let finding = before.map_or_else(|| finding.clone(), |before| joined(before, &finding));
        settled.take(before, finding, look);
    }
    for before in known.into_values() {
        settled.take(Some(before), without_sight(before, look), look);
    }
    settled.open.sort_by(|a, b| a.urgency().cmp(&b.urgency()));
    settled.news.sort_by(|(a_turn, a), (b_turn, b)| (a.urgency(), a_turn).cmp(&(b.urgency(), b_turn)));
    settled.changed.sort_by_key(Finding::key);
    settled
}

impl Settled {
    fn take(&mut self, before: Option<&Finding>, mut finding: Finding, look: &Look<'_>) {
        finding.silenced = (look.silenced)(&finding);
        let may_tell = finding.silenced.is_none() && (look.is_told)(&finding);
        // What was told before a silence is told anew after it.
        let is_new = before.is_some_and(|before| before.silenced.is_some()) && finding.silenced.is_none();
        let turn = match (finding.is_open(), finding.told) {
            (true, Some(_)) if is_new => Some(Turn::Opened),
            (true, None) => Some(Turn::Opened),
            (true, Some(told)) if told < finding.severity => Some(Turn::Worsened),
            (false, Some(_)) => Some(Turn::Resolved),
            (true, Some(_)) | (false, None) => None,
        };
        // Who was told that it began is told that it is over, whatever holds by then.
        if let Some(turn) = turn.filter(|turn| may_tell || *turn == Turn::Resolved) {
            if turn != Turn::Resolved {
                finding.told = Some(finding.severity);
            }
            self.news.push((turn, finding.clone()));
        }
        if before != Some(&finding) {
            self.changed.push(finding.clone());
        }
        if finding.is_open() {
            self.open.push(finding);
        }
    }
}

/// The same finding, seen again. Its numbers are taken over where it is worse and once a day: a text that says the same in
/// other numbers is not worth an edit of a pull request.
fn joined(before: &Finding, now: &Finding) -> Finding {
    let is_worse = now.severity > before.severity;
    let is_another_day = now.last_unix_s.div_euclid(DAY_S) > before.last_unix_s.div_euclid(DAY_S);
    let is_counted = now.kind() == Kind::OutOfMemory;
    let takes = is_worse || is_counted || is_another_day;
    Finding {
        severity: before.severity.max(now.severity),
        since_unix_s: before.since_unix_s.min(now.since_unix_s),
        last_unix_s: before.last_unix_s.max(now.last_unix_s),
        evidence: if takes { now.evidence } else { before.evidence },
        limit: now.limit,
        ..before.clone()
    }
}

/// What was known and is not found: it goes on, nobody knows, or it is over.
fn without_sight(before: &Finding, look: &Look<'_>) -> Finding {
    let over = || Finding { resolved_unix_s: Some(look.now_unix_s), ..before.clone() };
    match (look.known)(&before.container) {
        Known::Gone => over(),
        Known::NotLookedAt => before.clone(),
        Known::Seen { growth } => match (before.evidence, growth) {
            (Evidence::Leak { .. }, Some(growth)) => joined(before, &grown(before, &growth, look.now_unix_s)),
            (Evidence::OutOfMemory { .. }, _) if look.now_unix_s - before.last_unix_s < KILLED_S => {
                before.clone()
            }
            (
                Evidence::Leak { .. }
                | Evidence::OutOfMemory { .. }
                | Evidence::Spike { .. }
                | Evidence::Shift { .. }
                | Evidence::Drift { .. }
                | Evidence::Saturation { .. },
                _,
            ) => over(),
        },
    }
}

/// A leak that the detector takes for usual by now, as the last days show it.
fn grown(before: &Finding, growth: &Growth, now_unix_s: i64) -> Finding {
    let Growth { bytes_per_hour, eta_s, limit } = *growth;
    let evidence = Evidence::Leak { bytes_per_hour, grown_bytes: bytes_per_hour * 24.0, hours: 24, eta_s };
    Finding { severity: evidence.severity(), last_unix_s: now_unix_s, evidence, limit, ..before.clone() }
}

#[cfg(test)]
pub(crate) mod tests;
