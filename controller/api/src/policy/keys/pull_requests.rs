//! Manners of pull requests, and what their commits carry.

use kubeopt_model::EffectivePolicy;
use kubeopt_model::policy::Schedule;
use serde_json::json;

use crate::policy::key::Merge::{Guardrail, Preference};
use crate::policy::key::{AnyKey, key, lower};
use crate::policy::manner_words::{Person, Reviewers, TitleWord};
use crate::policy::words::{Cron, GroupWord, Zone};
use crate::text::values::{Count, Share};

/// Of `pullRequests` and `commits`.
pub(crate) static KEYS: &[&dyn AnyKey] = &[
    key!(
        "pullRequests.groupBy",
        Preference,
        GroupWord,
        pull_requests.group_by,
        |p, v| p.pull_requests.group_by = (*v).into(),
        |p| json!(p.pull_requests.group_by)
    ),
    key!("pullRequests.maxOpen", Guardrail(lower), Count<0, 100>, pull_requests.max_open,
        |p, v| p.pull_requests.max_open = v.0, |p| json!(p.pull_requests.max_open)),
    key!("pullRequests.perHour", Guardrail(lower), Count<0, 100>, pull_requests.per_hour,
        |p, v| p.pull_requests.per_hour = v.0, |p| json!(p.pull_requests.per_hour)),
    key!(
        "pullRequests.schedule",
        Preference,
        Vec<Cron>,
        pull_requests.schedule,
        |p, v| schedule(p).crons = v.iter().map(|cron| cron.0.clone()).collect(),
        |p| json!(p.pull_requests.schedules.first().cloned().unwrap_or_default().crons)
    ),
    key!(
        "pullRequests.timezone",
        Preference,
        Zone,
        pull_requests.timezone,
        |p, v| schedule(p).timezone.clone_from(&v.0),
        |p| json!(p.pull_requests.schedules.first().cloned().unwrap_or_default().timezone)
    ),
    key!(
        "pullRequests.labels",
        Preference,
        Vec<String>,
        pull_requests.labels,
        |p, v| p.pull_requests.labels.clone_from(v),
        |p| json!(p.pull_requests.labels)
    ),
    key!(
        "pullRequests.reviewers",
        Preference,
        Reviewers,
        pull_requests.reviewers,
        |p, v| v.put(&mut p.pull_requests),
        |p| json!(Reviewers::show(&p.pull_requests))
    ),
    key!(
        "pullRequests.assignees",
        Preference,
        Vec<Person>,
        pull_requests.assignees,
        |p, v| p.pull_requests.assignees = v.iter().map(|person| person.0.clone()).collect(),
        |p| json!(p.pull_requests.assignees)
    ),
    key!(
        "pullRequests.draft",
        Preference,
        bool,
        pull_requests.draft,
        |p, v| p.pull_requests.draft = *v,
        |p| json!(p.pull_requests.draft)
    ),
    key!(
        "pullRequests.titles",
        Preference,
        TitleWord,
        pull_requests.titles,
        |p, v| p.pull_requests.titles = (*v).into(),
        |p| json!(p.pull_requests.titles)
    ),
    key!(
        "pullRequests.onboarding",
        Preference,
        bool,
        pull_requests.onboarding,
        |p, v| p.pull_requests.onboarding = *v,
        |p| json!(p.pull_requests.onboarding)
    ),
    key!(
        "pullRequests.dashboard",
        Preference,
        bool,
        pull_requests.dashboard,
        |p, v| p.pull_requests.dashboard = *v,
        |p| json!(p.pull_requests.dashboard)
    ),
    key!("pullRequests.reopenAfter.moved", Preference, Share<1, 1000>, pull_requests.reopen_after.moved,
        // At most 1000 %, as the type says: the cast cannot lose anything.
        |p, v| p.pull_requests.reopen_moved_percent = (v.0 * 100.0).round() as u32,
        |p| json!(format!("{}%", p.pull_requests.reopen_moved_percent))),
    key!("pullRequests.reopenAfter.days", Preference, Count<1, 3650>, pull_requests.reopen_after.days,
        |p, v| p.pull_requests.reopen_days = v.0, |p| json!(p.pull_requests.reopen_days)),
    key!(
        "commits.signoff",
        Guardrail(|a, b| *a && !*b),
        bool,
        commits.signoff,
        |p, v| p.commits.signoff = *v,
        |p| json!(p.commits.signoff)
    ),
    key!(
        "commits.signed",
        Guardrail(|a, b| *a && !*b),
        bool,
        commits.signed,
        |p, v| p.commits.signed = *v,
        |p| json!(p.commits.signed)
    ),
];

/// The schedule of one policy: two keys say its halves.
fn schedule(policy: &mut EffectivePolicy) -> &mut Schedule {
    let schedules = &mut policy.pull_requests.schedules;
    if schedules.is_empty() {
        schedules.push(Schedule::default());
    }
    &mut schedules[0]
}
