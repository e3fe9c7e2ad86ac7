//! The values that the body's template shows, and which of them go when there is no room. Knows nothing of Markdown:
//! the template escapes.

use std::collections::BTreeSet;

use kubeopt_model::pull_request::{Marker, rollback_of};
use kubeopt_model::quantity::Field;
use kubeopt_model::recommendation::{Member, Recommendation, SET_BY_HAND};
use kubeopt_model::{Change, Resources, Verification};
use serde::Serialize;

use crate::cost::CostView;
use crate::figures;
use crate::marker::hidden_text;
use crate::pull_request_input::PullRequestInput;

/// Most entries of each list below the table; a longer one is read in `kubeopt scan`.
const LIST_MAX: usize = 20;

/// A row with the longest names that Kubernetes allows; dividing by it never drops too many rows at once.
const ROW_CHARS_MAX: usize = 500;

/// From this share of throttled periods on it is worth a word: kubernetes-mixin's alert CPUThrottlingHigh fires there.
const THROTTLED_NOTICED: f64 = 0.25;

#[derive(Debug, Serialize)]
pub(crate) struct BodyView {
    label: String,
    takes_back: Option<TakesBackView>,
    cluster: String,
    days: String,
    containers: String,
    delivered_by: Option<String>,
    draft: Option<DraftView>,
    show_cpu_limit: bool,
    rows: Vec<RowView>,
    rows_left_out: usize,
    cost: CostView,
    pub(crate) details: Vec<String>,
    pub(crate) details_left_out: usize,
    noticed: List<String>,
    left_alone: List<LeftView>,
    proofs: List<ProofView>,
    repeat_command: Option<String>,
    reopen_moved_percent: u32,
    reopen_days: u32,
    marker: String,
}

/// The pull request that is taken back.
#[derive(Debug, Serialize)]
struct TakesBackView {
    number: u64,
    why: String,
    freeze_days: i64,
}

#[derive(Debug, Serialize)]
struct RowView {
    workload: String,
    replicas: u32,
    container: String,
    cpu_request: String,
    cpu_limit: String,
    memory_request: String,
    memory_limit: String,
    delta: String,
    confidence: String,
    risk: String,
}

/// The first entries and the number of those that are not shown.
#[derive(Debug, Serialize)]
struct List<T> {
    shown: Vec<T>,
    left_out: usize,
}

#[derive(Debug, Serialize)]
struct LeftView {
    subject: String,
    why: String,
}

/// Why it is a draft: the first entry point that was not rendered, and the number of the others.
#[derive(Debug, Serialize)]
struct DraftView {
    entry: String,
    reason: String,
    others: usize,
    /// Something of it was found by reading files: a renderer, or a chart, is missing.
    was_read: bool,
}

#[derive(Debug, Serialize)]
struct ProofView {
    entry: String,
    how: String,
    is_rendered: bool,
    shows: bool,
    fields: String,
    containers: String,
}

impl BodyView {
    /// Gives up about `excess` characters of the longest part; false when nothing is left to give.
    pub(crate) fn shorten(&mut self, excess: usize) -> bool {
        if self.rows.len() > 1 {
            let gone = (excess / ROW_CHARS_MAX).max(1).min(self.rows.len() - 1);
            self.rows.truncate(self.rows.len() - gone);
            self.rows_left_out += gone;
            return true;
        }
        [self.left_alone.halve(), self.proofs.halve(), self.noticed.halve()].contains(&true)
    }

    /// Whether rows had to go: then there is no room for details either.
    pub(crate) fn is_short_of_rows(&self) -> bool {
        self.rows_left_out > 0
    }
}

impl<T> List<T> {
    fn of(all: impl IntoIterator<Item = T>) -> Self {
        let mut shown: Vec<T> = all.into_iter().collect();
        let left_out = shown.len().saturating_sub(LIST_MAX);
        shown.truncate(LIST_MAX);
        Self { shown, left_out }
    }

    fn halve(&mut self) -> bool {
        let keep = self.shown.len() / 2;
        let gone = self.shown.len() - keep;
        self.shown.truncate(keep);
        self.left_out += gone;
        gone > 0
    }
}

/// Collects what the body says; details are added by who knows how many fit.
fn takes_back(input: &PullRequestInput<'_>) -> Option<TakesBackView> {
    let number = rollback_of(input.group)?;
    let mut reasons = input.recommendations.iter().flat_map(|recommendation| &recommendation.reasons);
    let why = reasons.next().map_or_else(String::new, |reason| reason.text.clone());
    Some(TakesBackView { number, why, freeze_days: input.freeze_days })
}

pub(crate) fn body_view(input: &PullRequestInput<'_>, cost: CostView, marker: &Marker) -> BodyView {
    let members = || input.recommendations.iter().flat_map(|recommendation| &recommendation.members);
    let takes_back = takes_back(input);
    let is_taken_back = takes_back.is_some();
    let rows = input.recommendations.iter().flat_map(|recommendation| {
        recommendation.members.iter().map(move |member| row(recommendation, member, is_taken_back))
    });
    let (unproven, proven): (Vec<_>, Vec<_>) =
        input.verifications.iter().partition(|proof| proof.by.not_rendered().is_some());
    // What is not proven comes first: of a long list the end is left out.
    let proofs = unproven.into_iter().chain(proven).map(proof);
    BodyView {
        label: input.label.to_owned(),
        takes_back,
        cluster: input.cluster.to_string(),
        days: days_seen(input),
        containers: figures::counted(members().count(), "container"),
        delivered_by: input.delivered_by.map(str::to_owned),
        draft: draft(input.verifications),
        show_cpu_limit: members().any(|member| {
            member.resources.before.get(Field::CPU_LIMIT) != member.resources.after.get(Field::CPU_LIMIT)
        }),
        rows: rows.collect(),
        rows_left_out: 0,
        cost,
        details: Vec::new(),
        details_left_out: 0,
        noticed: List::of(
            input
                .findings
                .iter()
                .cloned()
                .chain(moved_targets(input))
                .chain(members().flat_map(noticed))
                .chain(input.noticed.iter().cloned()),
        ),
        left_alone: List::of(
            input
                .left_alone
                .iter()
                .map(|(subject, why)| LeftView { subject: subject.clone(), why: why.sentence() }),
        ),
        proofs: List::of(proofs),
        repeat_command: input.repeat_command.map(str::to_owned),
        reopen_moved_percent: input.reopen_moved_percent,
        reopen_days: input.reopen_days,
        marker: hidden_text(marker),
    }
}

/// The longest history among the members, in days.
pub(crate) fn days_seen(input: &PullRequestInput<'_>) -> String {
    let longest = input
        .recommendations
        .iter()
        .flat_map(|recommendation| &recommendation.members)
        .map(|member| member.usage.seen.days())
        .fold(0.0, f64::max);
    figures::days(longest)
}

fn row(recommendation: &Recommendation, member: &Member, takes_back: bool) -> RowView {
    let cell = |field| change_cell(&member.resources, field);
    RowView {
        workload: member.container.workload.short(),
        replicas: member.replicas,
        container: member.container.container.to_string(),
        cpu_request: cell(Field::CPU_REQUEST),
        cpu_limit: cell(Field::CPU_LIMIT),
        memory_request: cell(Field::MEMORY_REQUEST),
        memory_limit: cell(Field::MEMORY_LIMIT),
        delta: member.cost.map_or("unknown".to_owned(), |cost| figures::dollars(cost.delta().to_cents())),
        confidence: confidence_cell(recommendation, member, takes_back),
        risk: if recommendation.cures_oom { "fixes OOM".to_owned() } else { recommendation.risk.to_string() },
    }
}

/// `0.93 (n=41)`; what no rule gave has none, and of a rule that was asked for too few days none is known.
/// Numbers and words of ours, so the template may show it as it is.
fn confidence_cell(recommendation: &Recommendation, member: &Member, takes_back: bool) -> String {
    let by_hand = || recommendation.reasons.iter().any(|reason| reason.rule == SET_BY_HAND);
    match &member.confidence {
        Some(stated) => stated.with_n(),
        None if takes_back || by_hand() => "-".to_owned(),
        None => "too few days".to_owned(),
    }
}

/// `1000m → **310m**`, `2Gi`, `1000m → **removed**`, or `-` where nothing is set. Amounts hold only digits and unit letters, so the template
/// may show it as it is.
fn change_cell(resources: &Change<Resources>, field: Field) -> String {
    let change = resources.map(|side| side.get(field).map(|amount| amount.to_string()));
    match (change.before, change.after) {
        (None, None) => "-".to_owned(),
        (Some(before), None) => format!("{before} → **{}**", figures::REMOVED),
        (None, Some(after)) => format!("- → **{after}**"),
        (Some(before), Some(after)) if before == after => before,
        (Some(before), Some(after)) => format!("{before} → **{after}**"),
    }
}

/// The targets of autoscalers that move with requests.
fn moved_targets(input: &PullRequestInput<'_>) -> impl Iterator<Item = String> {
    let targets = input.recommendations.iter().flat_map(|recommendation| &recommendation.targets);
    targets.map(|target| format!("{target}: it moves together with the request, in {}", target.target.site))
}

/// What a reader should know of a container beside the change.
fn noticed(member: &Member) -> Vec<String> {
    let mut sentences = Vec::new();
    let container = &member.container;
    if let Some(last) = member.usage.oom_kills.last() {
        let at = last.limit.map_or(String::new(), |limit| format!(" at a limit of {limit}"));
        sentences.push(format!(
            "`{container}` was killed for memory {}, last on {}{at}",
            figures::times(member.usage.oom_kills.len()),
            figures::day(last.at_unix_s)
        ));
    }
    if let Some(ratio) = member.usage.throttled_ratio.filter(|ratio| *ratio >= THROTTLED_NOTICED) {
        sentences.push(format!(
            "`{container}` is throttled in {:.0} % of its periods: its CPU limit holds it back",
            ratio * 100.0
        ));
    }
    sentences
}

fn draft(verifications: &[Verification]) -> Option<DraftView> {
    let mut unproven = verifications
        .iter()
        .filter_map(|verification| Some((&verification.entry, verification.by.not_rendered()?)));
    let (entry, reason) = unproven.next()?;
    let others = unproven.count();
    let was_read = verifications.iter().any(|one| one.by.not_rendered().is_some() && shows(one));
    Some(DraftView { entry: entry.to_string(), reason: reason.to_owned(), others, was_read })
}

/// Whether anything was found to change, by rendering or by reading.
fn shows(verification: &Verification) -> bool {
    !verification.changed.is_empty() || !verification.targets.is_empty()
}

fn proof(verification: &Verification) -> ProofView {
    let containers: BTreeSet<_> =
        verification.changed.iter().map(|changed| (&changed.workload, &changed.container)).collect();
    ProofView {
        entry: verification.entry.to_string(),
        how: verification.by.to_string(),
        is_rendered: verification.by.not_rendered().is_none(),
        shows: shows(verification),
        fields: figures::counted(verification.changed.len() + verification.targets.len(), "field"),
        containers: figures::counted(containers.len(), "container"),
    }
}
