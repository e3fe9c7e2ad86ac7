//! The collapsed section of one recommendation: why in words, charts, evidence, reasons, and the very lines. Knows nothing of the
//! rest of the body.

use kubeopt_model::explanation::Explanation;
use kubeopt_model::quantity::{Field, Resource};
use kubeopt_model::recommendation::{
    Member, Recommendation, SiteAddition, SiteChange, SitePatch, SiteRemoval,
};
use kubeopt_model::usage::ResourceUsage;
use kubeopt_model::{Amount, ContainerUsage, Coverage, StatedConfidence, TargetChange};
use serde::Serialize;

use crate::by_hour::ByHourView;
use crate::chart::UsageChart;
use crate::error::ReportError;
use crate::figures;
use crate::templates::Templates;

/// Members whose evidence is spelt out; the table lists all.
const MEMBERS_SHOWN_MAX: usize = 5;
/// Reasons and entry points that are listed.
const REASONS_SHOWN_MAX: usize = 20;
const FEEDS_SHOWN_MAX: usize = 5;

/// How a credit begins that names a model; whoever looks for one in a body finds it by this.
pub const MODEL_CREDIT: &str = "worded by the model ";

#[derive(Serialize)]
struct DetailsView {
    subject: String,
    headline: String,
    explanation: Option<ExplanationView>,
    charts: Vec<String>,
    /// Some request is created: its chart shows none of today.
    creates: bool,
    /// Some chart shows what is foretold.
    foretells: bool,
    evidence: Vec<String>,
    members_left_out: usize,
    by_hour: Option<ByHourView>,
    reasons: Vec<ReasonView>,
    left: Vec<ReasonView>,
    edits: Vec<EditView>,
}

/// Why, in words: of kubeopt or of a model, and the credit says whose.
#[derive(Serialize)]
struct ExplanationView {
    summary: String,
    risks: Vec<String>,
    confidence: String,
    credit: String,
}

#[derive(Serialize)]
struct ReasonView {
    field: String,
    text: String,
    rule: String,
    bound: bool,
}

#[derive(Serialize)]
struct EditView {
    place: String,
    field: String,
    before: String,
    after: String,
    /// The place in a base that stays as it is, and that a patch covers; empty where there is none.
    over: String,
    feeds: Vec<String>,
    feeds_left_out: usize,
}

/// One section per recommendation; explanations are in their order, and may be fewer.
pub(crate) fn details(
    templates: &Templates,
    recommendations: &[Recommendation],
    explanations: &[Option<Explanation>],
) -> Result<Vec<String>, ReportError> {
    let explained = explanations.iter().map(Option::as_ref).chain(std::iter::repeat(None));
    recommendations
        .iter()
        .zip(explained)
        .filter_map(|(recommendation, why)| Some((recommendation, recommendation.members.first()?, why)))
        .map(|(recommendation, first, why)| {
            let view =
                DetailsView { explanation: why.map(explanation), ..details_view(recommendation, first) };
            Ok(templates.render("pull-request/details.md.tera", &view)?.trim().to_owned())
        })
        .collect()
}

/// The lower coverage of the two resources; none without a sample.
pub(crate) fn worst_coverage(usage: &ContainerUsage) -> Option<Coverage> {
    [&usage.cpu, &usage.memory]
        .into_iter()
        .flatten()
        .map(|usage| usage.coverage)
        .min_by(|a, b| a.ratio().total_cmp(&b.ratio()))
}

fn details_view(recommendation: &Recommendation, first: &Member) -> DetailsView {
    let members = &recommendation.members;
    let others = members.len() - 1;
    let mut subject = format!("{} · {}", first.container.workload.short(), first.container.container);
    if others > 0 {
        subject.push_str(&format!(" and {} fed by the same lines", figures::counted(others, "other")));
    }
    let drawn = charts(recommendation);
    DetailsView {
        subject,
        headline: headline(recommendation),
        explanation: None,
        charts: drawn.iter().map(UsageChart::to_mermaid).collect(),
        foretells: drawn.iter().any(|chart| chart.ahead.is_some()),
        creates: !recommendation.additions.is_empty()
            || recommendation.patches.iter().any(|patch| patch.value.before.is_none()),
        evidence: members
            .iter()
            .take(MEMBERS_SHOWN_MAX)
            .flat_map(|member| evidence(member, others > 0))
            .collect(),
        members_left_out: members.len().saturating_sub(MEMBERS_SHOWN_MAX),
        by_hour: ByHourView::of(members),
        reasons: recommendation
            .reasons
            .iter()
            .take(REASONS_SHOWN_MAX)
            .map(|reason| ReasonView {
                field: reason.field.to_string(),
                text: reason.text.clone(),
                rule: reason.rule.clone(),
                bound: reason.bound,
            })
            .collect(),
        left: recommendation
            .left
            .iter()
            .map(|(field, why)| ReasonView {
                field: field.to_string(),
                text: why.sentence(),
                rule: String::new(),
                bound: false,
            })
            .collect(),
        edits: recommendation
            .changes
            .iter()
            .map(edit)
            .chain(recommendation.removals.iter().map(removal))
            .chain(recommendation.additions.iter().map(addition))
            .chain(recommendation.patches.iter().map(patch))
            .chain(recommendation.targets.iter().map(target))
            .collect(),
    }
}

fn explanation(why: &Explanation) -> ExplanationView {
    ExplanationView {
        summary: why.summary.clone(),
        risks: why.risks.iter().map(|risk| risk.text.clone()).collect(),
        confidence: why.confidence.to_string(),
        credit: why.worded_by.to_string(),
    }
}

/// `why 310m CPU, 1184Mi memory and no CPU limit`
fn headline(recommendation: &Recommendation) -> String {
    let what = |field| match field {
        Field::CPU_REQUEST => "CPU",
        Field::MEMORY_REQUEST => "memory",
        Field::CPU_LIMIT => "CPU limit",
        Field::MEMORY_LIMIT => "memory limit",
    };
    let changes = recommendation.changes.iter();
    let changed = changes.map(|change| format!("{} {}", change.value.after, what(change.field)));
    let removed = recommendation.removals.iter().map(|removal| format!("no {}", what(removal.field)));
    let additions = recommendation.additions.iter();
    let created = additions.map(|addition| format!("{} {}", addition.after, what(addition.field)));
    let patched = recommendation.patches.iter().filter_map(|patch| Some((patch.value.after?, patch.field)));
    let patched = patched.map(|(after, field)| format!("{after} {}", what(field)));
    let values: Vec<String> = changed.chain(created).chain(patched).chain(removed).collect();
    match values.split_last() {
        Some((last, rest)) if !rest.is_empty() => format!("why {} and {last}", rest.join(", ")),
        _ => format!("why {}", values.concat()),
    }
}

/// A chart for each resource that changes, of the member that uses most of it.
fn charts(recommendation: &Recommendation) -> Vec<UsageChart> {
    [Resource::Cpu, Resource::Memory]
        .into_iter()
        .filter(|resource| {
            let changed = recommendation.changes.iter().map(|change| change.field);
            let removed = recommendation.removals.iter().map(|removal| removal.field);
            let created = recommendation.additions.iter().map(|addition| addition.field);
            let patched = recommendation.patches.iter().map(|patch| patch.field);
            let mut fields = changed.chain(removed).chain(created).chain(patched);
            fields.any(|field| field.resource == *resource)
        })
        .filter_map(|resource| {
            let most = recommendation.members.iter().max_by(|a, b| {
                let peak = |member: &Member| member.usage.resource(resource).map_or(0.0, |usage| usage.max);
                peak(a).total_cmp(&peak(b)).then_with(|| b.container.cmp(&a.container))
            })?;
            UsageChart::of(most, resource)
        })
        .collect()
}

fn evidence(member: &Member, name_it: bool) -> Vec<String> {
    let usage = &member.usage;
    let whose = if name_it { format!(" of `{}`", member.container) } else { String::new() };
    let mut sentences = Vec::new();
    if let Some(cpu) = &usage.cpu {
        let throttled = usage.throttled_ratio.map_or("throttling not measured".to_owned(), |ratio| {
            format!("throttled in {:.1} % of its periods", ratio * 100.0)
        });
        sentences.push(format!("CPU{whose}: {}; {throttled}", of_resource(usage, Resource::Cpu, cpu)));
    }
    if let Some(memory) = &usage.memory {
        let kills = match usage.oom_kills.last() {
            Some(last) => format!(
                "{}, last on {}",
                figures::counted(usage.oom_kills.len(), "OOM kill"),
                figures::moment(last.at_unix_s)
            ),
            None => "no OOM kill".to_owned(),
        };
        sentences.push(format!("Memory{whose}: {}; {kills}", of_resource(usage, Resource::Memory, memory)));
    }
    sentences.extend(crate::nodes::of(usage, &whose));
    sentences.extend(crate::ahead::sentences(member, &whose));
    sentences.extend(member.confidence.map(|stated| sure(&stated, &whose)));
    if let Some(why) = &usage.partial {
        sentences.push(format!("The window{whose} is partial ({why}): nothing is lowered on it"));
    }
    sentences
}

/// `Confidence 0.93, 41 of 41 days: ...`
fn sure(stated: &StatedConfidence, whose: &str) -> String {
    let few = if stated.pooled_workloads.is_some() { ", as its own days are too few" } else { "" };
    format!(
        "Confidence{whose} {stated}{few}: so often a value of the same rule, made from what lay before the day, held on it \
         ({}); {:.2} is the lower bound at 95 %",
        figures::named(stated.resource),
        stated.lower_bound
    )
}

/// `highest 410m (2026-11-12 10:00 UTC), p99 300m, p95 240m, median 120m over 28 days; 48,384 samples of 6 pods, 99 % of the expected`
fn of_resource(usage: &ContainerUsage, resource: Resource, seen: &ResourceUsage) -> String {
    let quantile = |q| {
        seen.sketch
            .quantile(q)
            .map_or("unknown".to_owned(), |value| figures::measured(resource, value.min(seen.max)))
    };
    format!(
        "highest {} ({}), p99 {}, p95 {}, median {} over {} days; {} samples of {}, {} of the expected",
        figures::measured(resource, seen.max),
        figures::moment(seen.max_at_unix_s),
        quantile(0.99),
        quantile(0.95),
        quantile(0.5),
        figures::days(usage.seen.days()),
        figures::count(seen.coverage.have),
        figures::counted(usize::try_from(usage.pods).unwrap_or(usize::MAX), "pod"),
        seen.coverage
    )
}

fn edit(change: &SiteChange) -> EditView {
    EditView {
        place: change.site.to_string(),
        field: change.field.to_string(),
        before: change.site.text.clone(),
        after: change.value.after.to_string(),
        over: String::new(),
        feeds: change.feeds.iter().take(FEEDS_SHOWN_MAX).map(ToString::to_string).collect(),
        feeds_left_out: change.feeds.len().saturating_sub(FEEDS_SHOWN_MAX),
    }
}

/// A removal: its new text is empty, which the template spells out.
fn removal(removal: &SiteRemoval) -> EditView {
    EditView {
        place: removal.site.to_string(),
        field: removal.field.to_string(),
        before: removal.site.text.clone(),
        after: String::new(),
        over: String::new(),
        feeds: removal.feeds.iter().take(FEEDS_SHOWN_MAX).map(ToString::to_string).collect(),
        feeds_left_out: removal.feeds.len().saturating_sub(FEEDS_SHOWN_MAX),
    }
}

/// A request that nothing set: its old text is empty, which the template spells out; the line is where it goes.
fn addition(addition: &SiteAddition) -> EditView {
    EditView {
        place: addition.site.to_string(),
        field: addition.field.to_string(),
        before: String::new(),
        after: addition.after.to_string(),
        over: String::new(),
        feeds: addition.feeds.iter().take(FEEDS_SHOWN_MAX).map(ToString::to_string).collect(),
        feeds_left_out: addition.feeds.len().saturating_sub(FEEDS_SHOWN_MAX),
    }
}

/// A value in a patch; what the covered place feeds beside this overlay is why it stays.
fn patch(patch: &SitePatch) -> EditView {
    let text = |value: Option<Amount>| value.map_or(String::new(), |amount| amount.to_string());
    let others = || patch.feeds.iter().filter(|feed| **feed != patch.overlay);
    EditView {
        place: patch.file.to_string(),
        field: patch.field.to_string(),
        before: text(patch.value.before),
        after: text(patch.value.after),
        over: patch.base.to_string(),
        feeds: others().take(FEEDS_SHOWN_MAX).map(ToString::to_string).collect(),
        feeds_left_out: others().count().saturating_sub(FEEDS_SHOWN_MAX),
    }
}

/// The target of an autoscaler; which pods share it, its request tells.
fn target(change: &TargetChange) -> EditView {
    EditView {
        place: change.target.site.to_string(),
        field: format!("{} target of HPA {}", change.target.resource, change.target.scaler),
        before: format!("{} %", change.target.percent),
        after: format!("{} %", change.after),
        over: String::new(),
        feeds: Vec::new(),
        feeds_left_out: 0,
    }
}
