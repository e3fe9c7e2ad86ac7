//! From what was seen before and after a merge to one of: keep, revert, wait, nothing claimed.
//!
//! It is looked at four times during the watch; each look spends a part of one chance of error, and what lies between two
//! looks tests nothing, so that asking every minute proves no more than asking four times. A sign that the change cannot
//! have worsened is told and not tested. What else changed is told, and where it may explain what was seen, nothing is
//! reverted. Knows no metrics source, no forge and no clock. docs/outcomes.md has the measured rates of error.

mod causes;
mod confounders;
mod lessons;
mod rates;
mod saving;
mod shares;
mod signs;
mod tell;
mod view;

use kubeopt_model::outcome::{
    Confounder, HOUR_S, Look, Outcome, RevertOn, Settled, Sign, SignOutcome, SignVerdict, Unclaimed,
    WaitingFor, Watched,
};

use signs::{Kills, Tested};
use view::View;

pub use lessons::{FREEZE_DAYS, LESSON_DAYS, blamed_fields, bound_from};
pub use saving::measured_saving;

/// The chance that a harmless change of one container is reverted, at most, over all looks and signs. The least
/// differences that count ([`RevertOn`]) make it smaller by far; docs/outcomes.md has what was measured.
pub const ERROR_MAX: f64 = 0.05;

/// When it is looked at, as a part of the watch, and which part of [`ERROR_MAX`] that look spends. Half of it is kept for the
/// end, where there are most data; the early looks are for harm that nobody overlooks.
const LOOKS: [(f64, f64); 4] = [(0.125, 0.1), (0.25, 0.2), (0.5, 0.2), (1.0, 0.5)];

/// Part of the watch in which pods must have run for "no harm" to be claimed. A workload that sleeps at night runs half of it.
const TOLD_SHARE_MIN: f64 = 0.5;

/// Hours in which a Job or CronJob must have run: fewer runs show no harm that comes now and then.
const BATCH_HOURS_MIN: usize = 3;

/// What one look found.
struct Found<'a> {
    view: View<'a>,
    look: Option<Look>,
    signs: Vec<SignOutcome>,
    confounders: Vec<Confounder>,
}

impl Found<'_> {
    fn worse(&self) -> impl Iterator<Item = Sign> {
        self.signs.iter().filter(|sign| sign.verdict == SignVerdict::Worse).map(|sign| sign.sign)
    }

    /// Signs that are worse and that nothing else explains.
    fn unexplained(&self) -> Vec<Sign> {
        let explained = |sign: Sign| self.confounders.iter().any(|other| confounders::explains(other, sign));
        self.worse().filter(|sign| !explained(*sign)).collect()
    }
}

/// What is to be made of a merge at this moment. The same data give the same answer, however often it is asked.
pub fn settle_outcome(watched: &Watched, on: &RevertOn, now_unix_s: i64) -> Outcome {
    let known_until = now_unix_s.min(watched.sides.after.window.to_unix_s);
    let relevant = causes::relevant_signs(&watched.resources);
    let timed = confounders::timed(watched);
    let cut = timed.iter().map(|(at, _)| *at).min().unwrap_or(i64::MAX);
    let looks = looks(watched);
    let kills =
        if causes::lowers_memory_limit(&watched.resources) { Kills::ByLimit } else { Kills::Otherwise };
    let tested = Tested { relevant: &relevant, kills, on };
    let look_at = |look: Option<Look>, until_unix_s: i64| {
        let mut found = look_at(watched, &tested, look, until_unix_s.min(cut));
        found.confounders.splice(0..0, timed.iter().map(|(_, confounder)| confounder.clone()));
        found
    };
    let mut found = look_at(None, known_until);
    if relevant.is_empty() {
        return outcome(watched, found, Settled::Keep);
    }
    let is_partial = watched.sides.before.partial.is_some() || watched.sides.after.partial.is_some();
    for look in looks.iter().filter(|look| look.at_unix_s <= known_until) {
        found = look_at(Some(*look), look.at_unix_s);
        let why = found.unexplained();
        if !why.is_empty() && !is_partial {
            return outcome(watched, found, Settled::Revert { why });
        }
    }
    // After the moment at which something else happened nothing more can be learned.
    let is_cut = found.look.is_some_and(|look| look.at_unix_s >= cut);
    let next = looks.iter().find(|look| look.at_unix_s > known_until && !is_cut);
    let settled = match next {
        Some(next) => Settled::Wait { until_unix_s: next.at_unix_s, why: waiting_for(&found, is_partial) },
        None if is_partial => Settled::NothingClaimed { why: Unclaimed::PartialData },
        None => settle_at_end(watched, &found, cut),
    };
    outcome(watched, found, settled)
}

/// The planned looks, in order.
fn looks(watched: &Watched) -> Vec<Look> {
    let (from, to) = (watched.starts_unix_s(), watched.ends_unix_s());
    let look = |(index, (part, spent)): (usize, (f64, f64))| {
        // Hours of a watch are small numbers; a look falls on the whole hour after its part.
        let hours = ((to - from) as f64 / HOUR_S as f64 * part).ceil() as i64;
        Look {
            number: index as u32 + 1,
            of: LOOKS.len() as u32,
            at_unix_s: from + hours * HOUR_S,
            level: ERROR_MAX * spent,
        }
    };
    LOOKS.into_iter().enumerate().map(look).collect()
}

fn look_at<'a>(
    watched: &'a Watched,
    tested: &Tested<'_>,
    look: Option<Look>,
    until_unix_s: i64,
) -> Found<'a> {
    let view = View::until(watched, until_unix_s);
    let level = look.map(|look| look.level);
    let signs = signs::compare(&view, tested, level);
    let confounders = confounders::untimed(&watched.sides, &view);
    Found { view, look, signs, confounders }
}

fn waiting_for(found: &Found<'_>, is_partial: bool) -> WaitingFor {
    if is_partial {
        WaitingFor::Data
    } else if found.worse().next().is_some() {
        WaitingFor::Explanation
    } else {
        WaitingFor::NextLook
    }
}

/// The last look found no harm that only the change explains. What may be claimed then?
fn settle_at_end(watched: &Watched, found: &Found<'_>, cut: i64) -> Settled {
    let nothing = |why: Unclaimed| Settled::NothingClaimed { why };
    let masks = found.confounders.iter().any(confounders::masks);
    let has = |verdict: SignVerdict| found.signs.iter().any(|sign| sign.verdict == verdict);
    if has(SignVerdict::Worse) || cut < watched.ends_unix_s() {
        nothing(Unclaimed::Confounded)
    } else if !ran_enough(watched, &found.view) {
        nothing(Unclaimed::TooFewData)
    } else if masks {
        nothing(Unclaimed::Confounded)
    } else if has(SignVerdict::NotWorse) {
        Settled::Keep
    } else if has(SignVerdict::TooFew) {
        nothing(Unclaimed::TooFewData)
    } else {
        nothing(Unclaimed::NotMeasured)
    }
}

/// Whether pods ran for so long after the merge that harm would have shown.
fn ran_enough(watched: &Watched, view: &View<'_>) -> bool {
    let watched_hours = (watched.ends_unix_s() - watched.starts_unix_s()) / HOUR_S;
    if watched.container.workload.kind.is_batch() {
        view.after.len() >= BATCH_HOURS_MIN
    } else {
        view.after.len() as f64 >= watched_hours as f64 * TOLD_SHARE_MIN
    }
}

fn outcome(watched: &Watched, found: Found<'_>, settled: Settled) -> Outcome {
    let replica_hours = found.view.replica_hours();
    let mut outcome = Outcome {
        container: watched.container.clone(),
        resources: watched.resources,
        windows: watched.sides.clone().map(|side| side.window),
        replica_hours,
        look: found.look,
        signs: found.signs,
        confounders: found.confounders,
        settled,
        text: String::new(),
    };
    outcome.text = tell::sentence(&outcome);
    outcome
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod simulated;
#[cfg(test)]
mod tests;
