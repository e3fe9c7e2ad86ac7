//! What kubeopt says below a merged pull request when its watch is over: the comparison, container by container.

use kubeopt_model::Money;
use kubeopt_model::cost::CapacityCost;
use kubeopt_model::outcome::{MeasuredSaving, Outcome, Settled};
use serde::Serialize;

use crate::error::ReportError;
use crate::figures;
use crate::templates::Templates;

/// Containers that are listed.
const LISTED_MAX: usize = 30;

#[derive(Serialize)]
struct OutcomeView {
    /// In bold.
    verdict: &'static str,
    rest: &'static str,
    containers: Vec<Line>,
    left_out: usize,
    before: String,
    after: String,
}

#[derive(Serialize)]
struct Line {
    container: String,
    text: String,
}

/// What became of a merge, as Markdown; what did harm comes first. `takes_back` says whether kubeopt opens a pull request that
/// takes it back. None without an outcome.
///
/// # Errors
/// [`ReportError::Render`] where an operator's own template fails.
pub fn outcome_text(
    templates: &Templates,
    outcomes: &[Outcome],
    takes_back: bool,
) -> Result<Option<String>, ReportError> {
    let Some(first) = outcomes.first() else { return Ok(None) };
    let is_harm = |outcome: &&Outcome| matches!(outcome.settled, Settled::Revert { .. });
    let is_kept = |outcome: &Outcome| outcome.settled == Settled::Keep;
    let (verdict, rest) = if outcomes.iter().any(|outcome| is_harm(&outcome)) {
        if takes_back {
            ("It did harm", ", so kubeopt proposes to take it back.")
        } else {
            ("It did harm", ". The policy leaves it to people to take it back: comment `/kubeopt rollback`.")
        }
    } else if outcomes.iter().all(is_kept) {
        ("No harm was seen", ", so the new values are kept.")
    } else {
        ("Nothing is claimed", " for some of it: what could be seen does not prove that it did no harm.")
    };
    let (harmed, others): (Vec<&Outcome>, Vec<&Outcome>) = outcomes.iter().partition(is_harm);
    let line =
        |outcome: &&Outcome| Line { container: outcome.container.to_string(), text: outcome.text.clone() };
    let containers: Vec<Line> = harmed.iter().chain(&others).take(LISTED_MAX).map(line).collect();
    let view = OutcomeView {
        verdict,
        rest,
        left_out: outcomes.len() - containers.len(),
        containers,
        before: format!("{} days", figures::days(first.windows.before.days())),
        after: format!("{} hours", first.windows.after.seconds() / 3600),
    };
    Ok(Some(templates.render("comments/outcome.md.tera", &view)?.trim().to_owned()))
}

#[derive(Serialize)]
struct SavingView {
    days: String,
    containers: String,
    one: bool,
    before: Option<String>,
    after: Option<String>,
    delta: Option<String>,
    cpu: String,
    memory: String,
    estimated: Option<String>,
    confounders: Vec<String>,
}

/// What a merge saved, measured, as Markdown, beside what was `estimated` a month when it was proposed; none without a
/// measurement.
///
/// # Errors
/// As [`outcome_text`].
pub fn saving_text(
    templates: &Templates,
    savings: &[MeasuredSaving],
    estimated: Option<CapacityCost>,
) -> Result<Option<String>, ReportError> {
    let Some(first) = savings.first() else { return Ok(None) };
    // One container without a price makes the sum unknown.
    let sum = |side: fn(&MeasuredSaving) -> Option<Money>| savings.iter().map(side).sum::<Option<Money>>();
    let before = sum(|one| one.monthly.map(|monthly| monthly.before));
    let after = sum(|one| one.monthly.map(|monthly| monthly.after));
    let both = before.zip(after);
    let mut confounders: Vec<String> = savings
        .iter()
        .flat_map(|one| &one.confounders)
        .map(kubeopt_model::outcome::Confounder::sentence)
        .collect();
    confounders.sort();
    confounders.dedup();
    confounders.truncate(LISTED_MAX);
    let total = |mean: fn(&MeasuredSaving) -> f64| savings.iter().map(mean).sum::<f64>();
    let view = SavingView {
        days: figures::days(first.windows.after.days()),
        containers: figures::counted(savings.len(), "container"),
        one: savings.len() == 1,
        before: both.map(|(before, _)| total_of(before)),
        after: both.map(|(_, after)| total_of(after)),
        delta: both.map(|(before, after)| figures::dollars_short(after - before)),
        cpu: format!("{:.0}m", total(|one| one.requested.after.cpu_millicores)),
        memory: format!("{:.0} MiB", total(|one| one.requested.after.memory_bytes) / 1_048_576.0),
        estimated: estimated.map(estimate),
        confounders,
    };
    Ok(Some(templates.render("comments/saving.md.tera", &view)?.trim().to_owned()))
}

/// `$16.80 instead of $20.00 (-$3.20)`
fn estimate(cost: CapacityCost) -> String {
    let CapacityCost { before, after } = cost;
    let delta = figures::dollars_short(cost.delta());
    format!("{} instead of {} ({delta})", total_of(after), total_of(before))
}

/// `$16.80`: what something costs is no difference, and has no sign.
fn total_of(money: Money) -> String {
    figures::dollars(money).trim_start_matches('+').to_owned()
}

#[cfg(test)]
mod tests {
    use kubeopt_model::outcome::RequestedMean;
    use kubeopt_model::{
        Change, ClusterName, ContainerId, ContainerName, Namespace, ObjectName, Window, WorkloadId,
        WorkloadKind,
    };

    use super::*;

    fn saving(monthly: Option<Change<Money>>) -> MeasuredSaving {
        let workload = WorkloadId {
            cluster: ClusterName::new("prod").unwrap(),
            namespace: Namespace::new("shop").unwrap(),
            kind: WorkloadKind::Deployment,
            name: ObjectName::new("api").unwrap(),
        };
        let mean = RequestedMean { cpu_millicores: 250.0, memory_bytes: 1_048_576.0 };
        let week = Window { from_unix_s: 0, to_unix_s: 7 * 86_400 };
        MeasuredSaving {
            container: ContainerId { workload, container: ContainerName::new("api").unwrap() },
            windows: Change { before: week, after: week },
            replica_hours: Change { before: 1.0, after: 1.0 },
            requested: Change { before: mean, after: mean },
            monthly,
            confounders: Vec::new(),
        }
    }

    fn money(text: &str) -> Money {
        Money(text.parse().unwrap())
    }

    #[test]
    fn the_estimate_stands_beside_what_was_measured() {
        let measured = saving(Some(Change { before: money("40"), after: money("28") }));
        let cost = CapacityCost { before: money("20"), after: money("16.8") };
        for (estimated, wanted) in [
            (Some(cost), "Estimated when it was proposed: $16.80 instead of $20.00 (-$3.20) a month"),
            (None, "The estimate is not known any more."),
        ] {
            let text = saving_text(&Templates::embedded(), std::slice::from_ref(&measured), estimated);
            let text = text.unwrap().unwrap();
            assert!(text.contains(wanted), "{text}");
            assert!(text.contains("costs $28.00 a month instead of $40.00 (-$12)"), "{text}");
        }
        assert_eq!(saving_text(&Templates::embedded(), &[], Some(cost)).unwrap(), None);
    }
}
