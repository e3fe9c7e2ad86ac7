//! An outcome as one sentence with its numbers. The typed fields hold the same.

use kubeopt_model::outcome::{Outcome, Seen, Settled, Sign, SignOutcome, SignVerdict, Unclaimed, WaitingFor};
use kubeopt_model::{Change, Field, Resources};

/// The sentence, without a full stop.
pub(super) fn sentence(outcome: &Outcome) -> String {
    let changed = changed(&outcome.resources);
    let ran = format!("{} replica-hours", hours(outcome.replica_hours.after));
    match &outcome.settled {
        Settled::Keep if outcome.signs.iter().all(|sign| sign.verdict == SignVerdict::NotItsDoing) => {
            format!("{changed}: nothing was lowered, so it can have taken nothing away")
        }
        Settled::Keep => format!("{changed}: no worse in {ran}: {}", tested(outcome)),
        Settled::Revert { .. } => format!("{changed}: {}{}", worse(outcome), besides(outcome)),
        Settled::Wait { why, .. } => {
            let why = match why {
                WaitingFor::NextLook => format!("no worse so far, in {ran}"),
                WaitingFor::Explanation => {
                    format!("{}, which may have another cause{}", worse(outcome), besides(outcome))
                }
                WaitingFor::Data => "the metrics source does not tell all; it is asked again".to_owned(),
            };
            format!("{changed}: {why}")
        }
        Settled::NothingClaimed { why } => {
            let why = match why {
                Unclaimed::TooFewData => format!("too few data to tell, {ran}"),
                Unclaimed::PartialData => "the metrics source did not tell all".to_owned(),
                Unclaimed::NotMeasured => "no sign that it could have worsened is measured".to_owned(),
                Unclaimed::Confounded if has_worse(outcome) => {
                    format!("{}, which may have another cause{}", worse(outcome), besides(outcome))
                }
                Unclaimed::Confounded => {
                    format!("no worse in {ran}, which proves little{}", besides(outcome))
                }
            };
            format!("{changed}: nothing is claimed: {why}")
        }
    }
}

/// The signs that are worse, with their numbers and the test.
pub(super) fn worse(outcome: &Outcome) -> String {
    let worse = outcome.signs.iter().filter(|sign| sign.verdict == SignVerdict::Worse);
    let of = outcome.look.map(|look| format!(" at look {} of {}", look.number, look.of)).unwrap_or_default();
    let told = |sign: &SignOutcome| {
        let numbers = numbers(sign);
        match sign.test {
            Some(test) if test.p <= test.level => {
                format!("{numbers} (p {}, n = {}, less than {:.4}{of})", chance(test.p), test.n, test.level)
            }
            // The clear rule: no test says so.
            Some(_) | None => format!("{numbers} (none before, and the limit was lowered: proof enough{of})"),
        }
    };
    worse.map(told).collect::<Vec<String>>().join("; ")
}

fn has_worse(outcome: &Outcome) -> bool {
    outcome.signs.iter().any(|sign| sign.verdict == SignVerdict::Worse)
}

/// Signs that were tested and are not worse, and those that nothing tells.
fn tested(outcome: &Outcome) -> String {
    let fine = outcome.signs.iter().filter(|sign| sign.verdict == SignVerdict::NotWorse).map(numbers);
    let silent = outcome.signs.iter().filter_map(|sign| match sign.verdict {
        SignVerdict::NotTold => Some(format!("{} not told", sign.sign)),
        SignVerdict::TooFew => Some(format!("{} in too few hours", sign.sign)),
        SignVerdict::Worse | SignVerdict::NotWorse | SignVerdict::NotItsDoing => None,
    });
    fine.chain(silent).collect::<Vec<String>>().join(", ")
}

fn besides(outcome: &Outcome) -> String {
    let said: Vec<String> = outcome.confounders.iter().map(|confounder| confounder.sentence()).collect();
    if said.is_empty() { String::new() } else { format!("; besides, {}", said.join(", and ")) }
}

/// `OOM kills 4 in 71 replica-hours, before 0 in 2016`.
fn numbers(outcome: &SignOutcome) -> String {
    let name = outcome.sign.as_str();
    match (outcome.seen.before, outcome.seen.after) {
        (
            Some(Seen::Count { events: events_before, hours: hours_before, replica_hours: before }),
            Some(Seen::Count { events, hours: hours_after, replica_hours: after }),
        ) => {
            let (count_before, count_after) = match outcome.sign {
                Sign::Restarts => (hours_before, hours_after),
                Sign::OomKills | Sign::Throttling | Sign::CpuPressure | Sign::Objective => {
                    (events_before, events)
                }
            };
            format!(
                "{name} {count_after} in {} replica-hours, before {count_before} in {}",
                hours(after),
                hours(before)
            )
        }
        (Some(Seen::Share { mean: before, .. }), Some(Seen::Share { mean: after, .. })) => {
            format!("{name} {:.1} %, before {:.1} %", after * 100.0, before * 100.0)
        }
        (None | Some(Seen::Count { .. } | Seen::Share { .. }), _) => name.to_owned(),
    }
}

/// `limits.memory 1Gi to 512Mi`.
fn changed(resources: &Change<Resources>) -> String {
    let shown = |side: &Resources, field: Field| {
        side.get(field).map_or_else(|| "none".to_owned(), |amount| amount.to_string())
    };
    let differs = |field: &Field| resources.before.get(*field) != resources.after.get(*field);
    let told = |field: Field| {
        format!("{field} {} to {}", shown(&resources.before, field), shown(&resources.after, field))
    };
    let all: Vec<String> = Field::ALL.into_iter().filter(differs).map(told).collect();
    if all.is_empty() { "no change".to_owned() } else { all.join(", ") }
}

/// Whole hours above ten, with thousands apart, so that they can be read.
fn hours(hours: f64) -> String {
    if hours < 10.0 {
        return format!("{hours:.1}");
    }
    // The cast saturates; nothing runs that long.
    let digits = (hours.round() as u64).to_string();
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

fn chance(p: f64) -> String {
    if p < 0.0001 { "< 0.0001".to_owned() } else { format!("= {p:.4}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hours_and_chances_are_short() {
        for (value, wanted) in [(0.5, "0.5"), (71.4, "71"), (2016.0, "2,016"), (1_234_567.0, "1,234,567")] {
            assert_eq!(hours(value), wanted);
        }
        assert_eq!((chance(1e-9), chance(0.00166)), ("< 0.0001".to_owned(), "= 0.0017".to_owned()));
    }
}
