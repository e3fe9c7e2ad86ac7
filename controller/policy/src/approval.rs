//! *Approve*: whether people have to approve a change, and who did. Knows no forge: what people said comes in as values.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::EffectivePolicy;

use crate::size::{ChangeSize, percent};

/// An approval that is needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Approval {
    /// From so many people with write access.
    pub count: u32,
    /// Why, one sentence a threshold, without a full stop.
    pub why: Vec<String>,
}

/// Whether a change needs approvals; none where no threshold is exceeded. A cost that is unknown exceeds every threshold
/// of cost. Of values that appear or go no share can be told: what they cost counts.
pub fn approval_needed(size: &ChangeSize, policy: &EffectivePolicy) -> Option<Approval> {
    let limits = &policy.approval;
    let share = |share: f64, limit: Option<f64>, does: &str, key: &str| {
        let limit = limit.filter(|limit| share > *limit)?;
        Some(format!("a value {does} by {}, above {} (approval.large.{key})", percent(share), percent(limit)))
    };
    let mut why: Vec<String> = [
        share(size.ratio(), limits.above_ratio, "moves", "aboveRatio"),
        share(size.increase, limits.above_increase, "grows", "aboveIncrease"),
        share(size.decrease, limits.above_decrease, "shrinks", "aboveDecrease"),
    ]
    .into_iter()
    .flatten()
    .collect();
    if let Some(limit) = limits.above_monthly {
        match size.monthly {
            Some(monthly) if monthly.max(-monthly) > limit => why.push(format!(
                "requested capacity moves by {} a month, above {limit} (approval.large.aboveMonthly)",
                monthly.signed()
            )),
            Some(_) => {}
            None => why.push(format!(
                "what it costs is unknown, and above {limit} a month needs an approval (approval.large.aboveMonthly)"
            )),
        }
    }
    (!why.is_empty()).then_some(Approval { count: limits.approvers.max(1), why })
}

/// What a person said of a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Says {
    /// An approving review, the label of `approval.label`, or `/kubeopt approve`.
    Yes,
    /// A review that asks for changes.
    No,
    /// An approval or objection was taken back or dismissed.
    Nothing,
}

/// One statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Voice<'a> {
    /// The login, in any case.
    pub person: &'a str,
    /// What they said.
    pub says: Says,
    /// They have write access now, as the forge says.
    pub may_write: bool,
    /// It is an automaton, or kubeopt itself.
    pub is_bot: bool,
    /// It was said of the values that are proposed now.
    pub is_current: bool,
}

/// What people think of a pull request.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Voices {
    /// People with write access who approve the present values, in lower case.
    pub approving: BTreeSet<String>,
    /// Everybody who objects, whatever their access and whatever the values were: an objection holds until it is taken
    /// back.
    pub objecting: BTreeSet<String>,
}

/// Counts statements, the oldest first. Of one person the last word counts; an approval counts once a person, of people
/// with write access, and only for the values that they saw.
pub fn count_voices<'a>(voices: impl IntoIterator<Item = Voice<'a>>) -> Voices {
    let mut last: BTreeMap<String, Voice<'a>> = BTreeMap::new();
    for voice in voices {
        let earlier = last.get(&voice.person.to_lowercase());
        // An approval of earlier values takes no objection back.
        let is_stale = voice.says == Says::Yes && !voice.is_current;
        if !(is_stale && earlier.is_some_and(|earlier| earlier.says == Says::No)) {
            last.insert(voice.person.to_lowercase(), voice);
        }
    }
    let mut counted = Voices::default();
    for (person, voice) in last {
        match voice.says {
            Says::Yes if voice.may_write && voice.is_current && !voice.is_bot => {
                counted.approving.insert(person);
            }
            Says::No => {
                counted.objecting.insert(person);
            }
            Says::Yes | Says::Nothing => {}
        }
    }
    counted
}

/// What the status `kubeopt/policy` says of a head commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicyStatus {
    /// Nothing is missing; else it is pending, and never red: people can mend it.
    pub is_green: bool,
    /// At most 140 characters, without a full stop.
    pub text: String,
}

/// The longest description of a status: GitHub's limit, the lowest of all forges.
const STATUS_CHARS_MAX: usize = 140;

/// The status of a change under a policy, given what people said of it.
pub fn policy_status(size: &ChangeSize, voices: &Voices, policy: &EffectivePolicy) -> PolicyStatus {
    let needed = approval_needed(size, policy);
    let missing = approval_missing(needed.as_ref(), voices);
    let is_green = missing.is_none();
    let approved = || match &needed {
        Some(needed) => format!("{} of {} approved", voices.approving.len(), needed.count),
        None => "within all limits, no approval needed".to_owned(),
    };
    let text = missing.unwrap_or_else(approved);
    let mut short: String = text.chars().take(STATUS_CHARS_MAX).collect();
    if short.len() < text.len() {
        short.pop();
        short.push('…');
    }
    PolicyStatus { is_green, text: short }
}

/// What is still missing: a sentence without a full stop, or none where nothing is.
pub fn approval_missing(needed: Option<&Approval>, voices: &Voices) -> Option<String> {
    let needed = needed?;
    let have = u32::try_from(voices.approving.len()).unwrap_or(u32::MAX);
    (have < needed.count).then(|| {
        let people = if needed.count == 1 { "person" } else { "people" };
        format!("{have} of {} {people} with write access approved: {}", needed.count, needed.why.join("; "))
    })
}
