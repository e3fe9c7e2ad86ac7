//! All signs of one container at one look: what was seen, which test says what, and the correction for looking at several.
//!
//! A sign is worse if it is worse by enough ([`RevertOn`]) and a test proves it. The proof must hold for all signs
//! together: the smallest of m chances is compared with the level of the look over m, the next with that over m - 1, and so
//! on to the first that does not hold (Holm, 1979), so that five signs find no more by chance than one would.
//!
//! One rule needs no test. A memory limit kills what exceeds it: that is how it works and not a coincidence. Two OOM kills
//! after it was lowered, where there was none in as much time before, are proof enough, although two events alone are hardly
//! significant. Waiting for a number that is would mean to watch a service die.

use kubeopt_model::Change;
use kubeopt_model::outcome::{
    HourSigns, RevertOn, Seen, Sign, SignOutcome, SignTest, SignVerdict, TestMethod,
};

use super::rates::{self, EventHour};
use super::shares;
use super::view::View;

/// The pods' time before, in hours, that rates are compared with at least: a day of one replica.
const EXPOSED_BEFORE_MIN: f64 = 24.0;

/// The pods' time after, in hours, that rates are made of at least.
const EXPOSED_AFTER_MIN: f64 = 1.0;

/// How many times as frequent events must be. What is a little more frequent is a little more load.
const RATE_RATIO_MIN: f64 = 2.0;

/// What is known of one sign before the correction.
struct Compared {
    sign: Sign,
    seen: Change<Option<Seen>>,
    test: Option<(TestMethod, u64, f64)>,
    /// By enough to matter.
    matters: bool,
    /// By the rule that needs no test.
    is_clear: bool,
}

/// What kills of this container would mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kills {
    /// Its memory limit was lowered: they are the limit's.
    ByLimit,
    /// The limit is what it was: they may be the node's.
    Otherwise,
}

/// What is tested, and how much of it is worse.
pub(super) struct Tested<'a> {
    pub(super) relevant: &'a [Sign],
    pub(super) kills: Kills,
    pub(super) on: &'a RevertOn,
}

/// Every sign. Without a level, what was seen is told and nothing is tested.
pub(super) fn compare(view: &View<'_>, tested: &Tested<'_>, level: Option<f64>) -> Vec<SignOutcome> {
    let relevant = tested.relevant;
    let compared: Vec<Compared> = Sign::ALL.into_iter().map(|sign| of_sign(view, sign, tested)).collect();
    let is_tested = |one: &Compared| level.is_some() && relevant.contains(&one.sign) && one.test.is_some();
    let mut chances: Vec<f64> =
        compared.iter().filter(|one| is_tested(one)).filter_map(|one| Some(one.test?.2)).collect();
    chances.sort_by(f64::total_cmp);
    compared
        .iter()
        .map(|one| {
            let test = one.test.filter(|_| is_tested(one)).map(|(method, n, p)| {
                let (level, proves) = corrected(&chances, p, level.unwrap_or(0.0));
                (SignTest { method, n, p, level }, proves)
            });
            let verdict = verdict(one, relevant, level.is_some(), test.map(|(_, proves)| proves));
            SignOutcome { sign: one.sign, seen: one.seen, test: test.map(|(test, _)| test), verdict }
        })
        .collect()
}

fn verdict(one: &Compared, relevant: &[Sign], is_look: bool, proves: Option<bool>) -> SignVerdict {
    if !relevant.contains(&one.sign) {
        return SignVerdict::NotItsDoing;
    }
    if one.seen.before.is_none() || one.seen.after.is_none() {
        return SignVerdict::NotTold;
    }
    if is_look && one.is_clear {
        return SignVerdict::Worse;
    }
    match proves {
        Some(true) if one.matters => SignVerdict::Worse,
        Some(_) => SignVerdict::NotWorse,
        None => SignVerdict::TooFew,
    }
}

/// The level that this chance is compared with among all of the look's, and whether it and all smaller ones hold.
fn corrected(sorted: &[f64], p: f64, level: f64) -> (f64, bool) {
    let at = |index: usize| level / (sorted.len() - index) as f64;
    let index = sorted.partition_point(|other| *other < p).min(sorted.len().saturating_sub(1));
    let holds = sorted.iter().take(index + 1).enumerate().all(|(index, p)| *p <= at(index));
    (at(index), holds)
}

fn of_sign(view: &View<'_>, sign: Sign, tested: &Tested<'_>) -> Compared {
    match sign {
        Sign::OomKills | Sign::Restarts => of_count(view, sign, tested),
        Sign::Throttling => of_share(view, sign, tested.on.throttled),
        Sign::CpuPressure => of_share(view, sign, tested.on.cpu_pressure),
        Sign::Objective => of_share(view, sign, tested.on.objective),
    }
}

fn of_count(view: &View<'_>, sign: Sign, tested: &Tested<'_>) -> Compared {
    let (before, after) = (Counted::of(&view.before, sign), Counted::of(&view.after, sign));
    let seen = Change { before: before.seen(), after: after.seen() };
    let is_enough = before.ran() >= EXPOSED_BEFORE_MIN && after.ran() >= EXPOSED_AFTER_MIN;
    if !is_enough {
        return Compared { sign, seen, test: None, matters: false, is_clear: false };
    }
    let (hours_before, hours_after) = (rates::count(&before.hours), rates::count(&after.hours));
    let is_frequent = hours_after as f64 * before.ran() >= RATE_RATIO_MIN * hours_before as f64 * after.ran();
    let is_many = match sign {
        Sign::OomKills => after.events >= u64::from(tested.on.oom_kills.max(1)),
        Sign::Restarts | Sign::Throttling | Sign::CpuPressure | Sign::Objective => {
            hours_after >= u64::from(tested.on.restart_hours.max(1))
        }
    };
    let is_clear = sign == Sign::OomKills
        && tested.kills == Kills::ByLimit
        && is_many
        && before.events == 0
        && before.ran() >= after.ran();
    let chance = rates::chance(&before.hours, &after.hours);
    let test = Some((TestMethod::TwoRates, hours_before + hours_after, chance));
    Compared { sign, seen, test, matters: is_many && is_frequent, is_clear }
}

/// The hours of one side that tell a count.
struct Counted {
    events: u64,
    hours: Vec<EventHour>,
}

impl Counted {
    fn of(hours: &[&HourSigns], sign: Sign) -> Self {
        let told = hours.iter().filter_map(|hour| Some((hour.count(sign)?, hour.replica_hours)));
        let mut counted = Self { events: 0, hours: Vec::new() };
        for (events, replica_hours) in told {
            counted.events += u64::from(events);
            counted.hours.push(EventHour { replica_hours, has_event: events > 0 });
        }
        counted
    }

    /// The pods' time in which events could have come, in hours.
    fn ran(&self) -> f64 {
        self.hours.iter().map(|hour| hour.replica_hours).sum()
    }

    /// None where nothing tells.
    fn seen(&self) -> Option<Seen> {
        let hours = rates::count(&self.hours);
        let seen = Seen::Count { events: self.events, hours, replica_hours: self.ran() };
        (!self.hours.is_empty()).then_some(seen)
    }
}

fn of_share(view: &View<'_>, sign: Sign, rise_min: f64) -> Compared {
    let of = |hours: &[&HourSigns]| -> Vec<shares::HourShare> {
        let told = hours.iter().filter_map(|hour| Some((hour.at_unix_s, hour.share(sign)?)));
        told.filter(|(_, share)| (0.0..=1.0).contains(share)).collect()
    };
    let (before, after) = (of(&view.before), of(&view.after));
    let seen = |shares: &[shares::HourShare], hours: &[&HourSigns]| {
        let mean = shares.iter().map(|(_, share)| share).sum::<f64>() / shares.len() as f64;
        let ran = hours.iter().filter(|hour| hour.share(sign).is_some());
        let replica_hours = ran.map(|hour| hour.replica_hours).sum();
        mean.is_finite().then_some(Seen::Share { mean, hours: shares.len() as u64, replica_hours })
    };
    let seen = Change { before: seen(&before, &view.before), after: seen(&after, &view.after) };
    let shifted = shares::compare(&before, &after);
    Compared {
        sign,
        seen,
        test: shifted.map(|shifted| (TestMethod::ShiftedWindows, shifted.n, shifted.p)),
        matters: shifted.is_some_and(|shifted| shifted.rise >= rise_min),
        is_clear: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_smallest_chance_meets_the_hardest_level_and_one_that_fails_ends_it() {
        let sorted = [0.001, 0.004, 0.02];
        assert_eq!(corrected(&sorted, 0.001, 0.01), (0.01 / 3.0, true));
        assert_eq!(corrected(&sorted, 0.004, 0.01), (0.005, true));
        assert_eq!(corrected(&sorted, 0.02, 0.01), (0.01, false));
        let fails_first = [0.006, 0.006, 0.007];
        assert_eq!(corrected(&fails_first, 0.007, 0.01), (0.01, false), "smaller ones do not hold");
        assert_eq!(corrected(&[0.009], 0.009, 0.01), (0.01, true));
    }
}
