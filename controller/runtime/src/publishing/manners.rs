//! Whether a proposal may be published now: what is open already, what a person closed, what a person edited, limits.
//!
//! Pure: the forge's pull requests come in, a verdict goes out. The forge is the truth; nothing here needs the database.

use std::collections::BTreeMap;

use kubeopt_commands::Paused;
use kubeopt_forge::{PullRequest, PullRequestState};
use kubeopt_model::policy::{ChangePolicy, EffectivePolicy, PullRequestPolicy};
use kubeopt_model::pull_request::{MarkedField, Marker, PullRequestDraft, rollback_of};
use kubeopt_model::{Amount, Field, Problem, RepoPath, Resource, Timestamp};

use kubeopt_policy::{Publishing, hold};

use super::marked::selector;
use crate::codes;
use crate::orders::{Orders, Redo, date};

/// Ends the body of a pull request that kubeopt closed itself, so that it is not taken for a person's "no".
pub(crate) const CLOSED_BY_KUBEOPT: &str = "<!-- kubeopt:closed -->";

/// Stands in the body of a pull request that a person closed and that is to be forgotten, because somebody ticked so.
pub(crate) const FORGOTTEN: &str = "<!-- kubeopt:forgotten -->";

/// What is to be done with a draft.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Open a new pull request.
    Open,
    /// Bring this one up to date.
    Update(u64),
    /// Make this one anew, whatever it says.
    Redo(u64, Redo),
    /// It is open and says the same, or almost: leave it in peace.
    Unchanged(u64),
    /// Not now, or not these values.
    Wait(Problem),
}

/// Decides for one draft. `pulls` are kubeopt's pull requests of the repository, all states.
pub(crate) fn judge(
    draft: &PullRequestDraft,
    pulls: &[PullRequest],
    policy: &EffectivePolicy,
    orders: &Orders,
    now: Timestamp,
) -> Verdict {
    let mut own: Vec<&PullRequest> =
        pulls.iter().filter(|pull| pull.head_branch == draft.branch && pull.base == draft.base).collect();
    own.sort_by_key(|pull| pull.number);
    if let Some(open) = own.iter().rev().find(|pull| pull.state == PullRequestState::Open) {
        if let Some(by) = orders.standing.held.get(&open.number) {
            return Verdict::Wait(held_by(open.number, by));
        }
        // Who asks for it by name is not told to wait for a limit or a window.
        if let Some(redo) = orders.redo.get(&open.number) {
            return Verdict::Redo(open.number, *redo);
        }
        return match Marker::find(&open.body) {
            // A mark of before it was opened again is taken out: to close it again is another "no".
            Some(marker)
                if !open.body.contains(FORGOTTEN)
                    && says_almost_the_same(&marker, &draft.marker, &policy.changes)
                    && says_what_was_asked_for(&marker, &draft.marker, orders) =>
            {
                Verdict::Unchanged(open.number)
            }
            _ => held(pulls, policy, now, true).map_or(Verdict::Update(open.number), Verdict::Wait),
        };
    }
    if let Some(closed) = own.last().filter(|pull| pull.state == PullRequestState::Closed)
        && !is_wanted_again(closed, &draft.marker, orders)
        && let Some(problem) = remembered(closed, &draft.marker, &policy.pull_requests, now)
    {
        return Verdict::Wait(problem);
    }
    // What does harm is taken back at any time.
    if rollback_of(&draft.marker.group).is_some() {
        return Verdict::Open;
    }
    if let Some(paused) = &orders.standing.paused {
        return Verdict::Wait(paused_by(paused));
    }
    // Who asks for it now is told to wait for blackouts, and for no limit.
    let is_asked = orders.proposed_now.contains(&draft.branch);
    held(pulls, policy, now, is_asked).map_or(Verdict::Open, Verdict::Wait)
}

fn held_by(number: u64, by: &str) -> Problem {
    let text = format!("`{by}` asked to keep #{number} as it is");
    Problem::new(codes::HELD, text, format!("comment `/kubeopt unhold` on #{number} to let it go on"))
}

pub(super) fn paused_by(paused: &Paused) -> Problem {
    let until = paused.until_unix_s.and_then(date).map(|date| format!(" until {date}")).unwrap_or_default();
    let because = paused.because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
    let text =
        format!("`{}` asked in #{} to open nothing new{until}{because}", paused.by, paused.pull_request);
    Problem::new(codes::PAUSED, text, "comment `/kubeopt resume` on any pull request to let it go on")
}

/// A person asked for it again since it was closed.
fn is_wanted_again(closed: &PullRequest, wanted: &Marker, orders: &Orders) -> bool {
    let is_unignored = |field: &MarkedField| {
        orders.standing.unignored.iter().any(|(selection, at)| {
            *at >= closed.updated_unix_s
                && selector(&field.container).is_some_and(|container| selection.means_named(&container))
        })
    };
    orders.redo.contains_key(&closed.number)
        || orders.forgotten.contains(&closed.number)
        || wanted.fields.iter().any(is_unignored)
}

/// The same fields, every value within what the policy calls too small to bother anyone, and no news of the proof: what
/// could not be rendered then and can be now is worth a word, and so is the reverse.
fn says_almost_the_same(there: &Marker, wanted: &Marker, changes: &ChangePolicy) -> bool {
    if there.not_rendered != wanted.not_rendered {
        return false;
    }
    if there.proposal == wanted.proposal {
        return true;
    }
    if targets_before(there) != targets_before(wanted) {
        return false;
    }
    let pairs = paired(&there.fields, &wanted.fields);
    pairs.len() == there.fields.len()
        && pairs.len() == wanted.fields.len()
        && pairs.iter().all(|(a, b)| {
            a.value.before == b.value.before
                && (both_removed(a, b)
                    || amounts(a, b).is_some_and(|(there, wanted)| {
                        let least = match there.resource() {
                            Resource::Cpu => changes.ignore_below_cpu.0,
                            Resource::Memory => changes.ignore_below_memory.0,
                        };
                        let delta = there.base().abs_diff(wanted.base());
                        delta < least || (delta as f64) < changes.ignore_below_ratio * there.base() as f64
                    }))
        })
}

/// A value that a person gave is taken to the letter, however little it differs from what is open.
fn says_what_was_asked_for(there: &Marker, wanted: &Marker, orders: &Orders) -> bool {
    let is_given = |marked: &MarkedField| {
        let (field, container) = (marked.field.parse::<Field>().ok(), selector(&marked.container));
        let mut given = orders.standing.given.iter();
        given.any(|given| {
            field == Some(given.field)
                && container.as_ref().is_some_and(|container| given.selection.means_named(container))
        })
    };
    let pairs = paired(&there.fields, &wanted.fields);
    pairs.iter().all(|(there, wanted)| there.value.after == wanted.value.after || !is_given(wanted))
}

/// The targets of autoscalers that move, as they stand: what a request of nearly the same value brings them to is nearly
/// the same too.
fn targets_before(marker: &Marker) -> Vec<(&str, Resource, &RepoPath, u32)> {
    let targets = marker.targets.iter();
    targets.map(|it| (it.workload.as_str(), it.resource, &it.file, it.percent.before)).collect()
}

/// Closing means "not these values": remembered until the numbers move or time passes.
fn remembered(
    closed: &PullRequest,
    wanted: &Marker,
    manners: &PullRequestPolicy,
    now: Timestamp,
) -> Option<Problem> {
    if closed.body.trim_end().ends_with(CLOSED_BY_KUBEOPT) || closed.body.contains(FORGOTTEN) {
        return None;
    }
    let there = Marker::find(&closed.body)?;
    let age_days = (now.as_second() - closed.updated_unix_s) / 86_400;
    if age_days >= i64::from(manners.reopen_days) {
        return None;
    }
    let pairs = paired(&there.fields, &wanted.fields);
    let moved = pairs.len() != wanted.fields.len()
        || pairs.iter().any(|(a, b)| {
            !both_removed(a, b)
                && amounts(a, b).is_none_or(|(there, wanted)| {
                    let delta = there.base().abs_diff(wanted.base()) as f64;
                    delta * 100.0 >= f64::from(manners.reopen_moved_percent) * there.base() as f64
                })
        });
    (!moved).then(|| {
        let text = format!("#{} with these values was closed by a person", closed.number);
        let help = format!(
            "reopen #{} to have them after all; else kubeopt comes back when the numbers move by {} % or after {} days",
            closed.number, manners.reopen_moved_percent, manners.reopen_days
        );
        Problem::new(codes::CLOSED_BY_PERSON, text, help)
    })
}

/// Fields that both speak of.
fn paired<'a>(a: &'a [MarkedField], b: &'a [MarkedField]) -> Vec<(&'a MarkedField, &'a MarkedField)> {
    let key = |field: &MarkedField| (field.container.clone(), field.field.clone(), field.file.clone());
    let by_key: BTreeMap<_, _> = a.iter().map(|field| (key(field), field)).collect();
    b.iter().filter_map(|field| Some((*by_key.get(&key(field))?, field))).collect()
}

/// Both take the field out of Git.
fn both_removed(a: &MarkedField, b: &MarkedField) -> bool {
    a.value.after.is_empty() && b.value.after.is_empty()
}

fn amounts(a: &MarkedField, b: &MarkedField) -> Option<(Amount, Amount)> {
    let field: Field = a.field.parse().ok()?;
    let amount = |text: &str| Amount::parse(field.resource, text).ok();
    Some((amount(&a.value.after)?, amount(&b.value.after)?))
}

/// What the policy says of the moment: blackout windows, and limits where they count.
fn held(pulls: &[PullRequest], policy: &EffectivePolicy, now: Timestamp, is_update: bool) -> Option<Problem> {
    let count = |of: &dyn Fn(&&PullRequest) -> bool| {
        u32::try_from(pulls.iter().filter(of).count()).unwrap_or(u32::MAX)
    };
    let publishing = Publishing {
        now,
        open: count(&|pull| pull.state == PullRequestState::Open),
        opened_last_hour: count(&|pull| now.as_second() - pull.created_unix_s < 3600),
        is_update,
    };
    let held = hold(policy, &publishing)?;
    let until = held.until.map_or(String::new(), |until| format!(", not before {until}"));
    Some(Problem::new(codes::LIMITED, held.text, format!("nothing to do: it follows by itself{until}")))
}

#[cfg(test)]
mod tests;
