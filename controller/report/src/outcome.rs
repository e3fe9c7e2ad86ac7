//! What kubeopt says below a merged pull request when its watch is over: the comparison, container by container.

use kubeopt_model::Money;
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
    confounders: Vec<String>,
}

/// What a merge saved, measured, as Markdown; none without a measurement.
///
/// # Errors
/// As [`outcome_text`].
pub fn saving_text(templates: &Templates, savings: &[MeasuredSaving]) -> Result<Option<String>, ReportError> {
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
        before: both.map(|(before, _)| figures::dollars(before)),
        after: both.map(|(_, after)| figures::dollars(after)),
        delta: both.map(|(before, after)| figures::dollars_short(after - before)),
        cpu: format!("{:.0}m", total(|one| one.requested.after.cpu_millicores)),
        memory: format!("{:.0} MiB", total(|one| one.requested.after.memory_bytes) / 1_048_576.0),
        confounders,
    };
    Ok(Some(templates.render("comments/saving.md.tera", &view)?.trim().to_owned()))
}
