//! The summary of some days, from the lines that passes left in the journal.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_history::Event;
use kubeopt_model::cost::CapacityCost;
use kubeopt_model::policy::NotificationPolicy;
use kubeopt_model::{ClusterName, Money, Timestamp};
use kubeopt_notify::{NoticeKind, Severity};

use super::{About, Lasting, Noticed};
use crate::record::{CLOSED, FAILED, MERGED, MONTHLY, OPENED, OUTCOME, SAVED, SYNCED, UPDATED};

/// What is counted, and what is needed to know what it was worth.
pub(crate) const KINDS: [&str; 8] = [OPENED, UPDATED, MERGED, SYNCED, CLOSED, FAILED, OUTCOME, SAVED];

/// What is summed up.
pub(crate) struct Days<'a> {
    /// Lines of the journal of [`KINDS`]; earlier ones tell what was estimated.
    pub(crate) events: &'a [Event],
    /// From when on they are counted, in seconds since the epoch.
    pub(crate) since_unix_s: i64,
    /// Until when.
    pub(crate) at: Timestamp,
    /// Pull requests that are open now.
    pub(crate) open: usize,
}

/// The summary; none where nothing happened and nothing is open.
pub(crate) fn digest(days: &Days<'_>, home: &ClusterName) -> Option<Noticed> {
    let of = |kinds: &[&str]| -> BTreeSet<&str> {
        let own = days.events.iter().filter(|event| event.at_unix_s >= days.since_unix_s);
        own.filter(|event| kinds.contains(&event.kind.as_str())).map(|event| event.subject.as_str()).collect()
    };
    let merged = of(&[MERGED, SYNCED]);
    let counts = [
        ("opened", of(&[OPENED]).len()),
        ("merged", merged.len()),
        ("closed", of(&[CLOSED]).len()),
        ("did harm", harmful(days)),
        ("could not be published", of(&[FAILED]).len()),
    ];
    if days.open == 0 && counts.iter().all(|(_, count)| *count == 0) {
        return None;
    }
    let estimated: Vec<Option<CapacityCost>> =
        merged.iter().map(|name| estimate(days.events, name)).collect();
    let measured: Vec<Option<CapacityCost>> = measured(days).into_values().collect();
    let counted: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
    let text = format!(
        "{}; {} open now.\nSaved a month, as it was estimated when it was proposed: {}.\nSaved a month, as it was measured a week after the merge: {}.",
        counted.join(", "),
        days.open,
        saved(&estimated),
        saved(&measured)
    );
    let about = About { home, at: days.at };
    let title =
        format!("{} of kubeopt's pull requests were merged since {}", merged.len(), day(days.since_unix_s));
    let notice = about.notice(NoticeKind::Digest, Severity::Info, "digest".to_owned(), title);
    let notice = kubeopt_notify::Notice { text, ..notice };
    let (lasting, policy) = (Lasting::Happened, NotificationPolicy::default());
    Some(Noticed { notice, lasting, version: days.at.as_second().to_string(), policy })
}

fn harmful(days: &Days<'_>) -> usize {
    let own =
        days.events.iter().filter(|event| event.kind == OUTCOME && event.at_unix_s >= days.since_unix_s);
    let harmed = own.filter(|event| event.detail["outcome"]["settled"]["kind"] == "revert");
    harmed.map(|event| event.subject.as_str()).collect::<BTreeSet<_>>().len()
}

/// What the last text of a pull request said; `name` is `owner/name #7`.
fn estimate(events: &[Event], name: &str) -> Option<CapacityCost> {
    let (repository, number) = name.split_once(" #")?;
    let is_own = |event: &&Event| {
        [OPENED, UPDATED].contains(&event.kind.as_str())
            && event.subject.strip_prefix(repository).is_some_and(|rest| rest.starts_with(' '))
            && event.detail["text"].as_str().is_some_and(|text| text.starts_with(&format!("#{number} ")))
    };
    monthly(events.iter().filter(is_own).max_by_key(|event| event.at_unix_s)?)
}

/// By pull request.
fn measured<'a>(days: &Days<'a>) -> BTreeMap<&'a str, Option<CapacityCost>> {
    let own = days.events.iter().filter(|event| event.kind == SAVED && event.at_unix_s >= days.since_unix_s);
    own.map(|event| (event.subject.as_str(), monthly(event))).collect()
}

fn monthly(event: &Event) -> Option<CapacityCost> {
    serde_json::from_value(event.detail[MONTHLY].clone()).ok()
}

/// `$12.00 (of 3, 1 more is not known)`
fn saved(costs: &[Option<CapacityCost>]) -> String {
    let known: Vec<Money> = costs.iter().flatten().map(|cost| -cost.delta()).collect();
    let unknown = match costs.len() - known.len() {
        0 => String::new(),
        1 => ", 1 more is not known".to_owned(),
        more => format!(", {more} more are not known"),
    };
    match known.len() {
        0 => format!("nothing is known{}", unknown.replace(" more", "")),
        count => format!("{} (of {count}{unknown})", known.into_iter().sum::<Money>()),
    }
}

fn day(unix_s: i64) -> String {
    Timestamp::from_second(unix_s)
        .map_or_else(|_| unix_s.to_string(), |at| at.strftime("%Y-%m-%d").to_string())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const SINCE: i64 = 1_795_000_000;

    fn event(kind: &str, subject: &str, at_unix_s: i64, detail: serde_json::Value) -> Event {
        let (kind, subject, pass) = (kind.to_owned(), subject.to_owned(), String::new());
        Event { pass, at_unix_s, kind, subject, detail }
    }

    fn told(events: &[Event], open: usize) -> Option<(String, String)> {
        let at = Timestamp::from_second(SINCE + 7 * 86_400).unwrap();
        let days = Days { events, since_unix_s: SINCE, at, open };
        let noticed = digest(&days, &ClusterName::new("prod").unwrap())?;
        assert_eq!((noticed.notice.kind, noticed.notice.severity), (NoticeKind::Digest, Severity::Info));
        Some((noticed.notice.title, noticed.notice.text))
    }

    #[test]
    fn a_week_is_counted_with_what_was_estimated_and_what_was_measured() {
        let cost = |before: &str, after: &str| json!({ "before": before, "after": after });
        let opened =
            |number: u64, monthly| json!({ "text": format!("#{number} smaller"), "monthly": monthly });
        let events = [
            // Opened weeks ago and brought up to date since; merged now.
            event(OPENED, "acme/shop kubeopt/a", SINCE - 2_000_000, opened(1, cost("20", "10"))),
            event(UPDATED, "acme/shop kubeopt/a", SINCE - 1_000_000, opened(1, cost("20", "8"))),
            event(MERGED, "acme/shop #1", SINCE + 10, json!({})),
            event(SYNCED, "acme/shop #1", SINCE + 20, json!({})),
            // Of another repository with the same number, and without a price.
            event(OPENED, "acme/shop2 kubeopt/a", SINCE + 5, json!({ "text": "#1 smaller" })),
            event(SYNCED, "acme/shop2 #1", SINCE + 30, json!({})),
            event(OPENED, "acme/shop kubeopt/b", SINCE + 6, opened(11, cost("5", "4"))),
            // Before that week.
            event(MERGED, "acme/shop #0", SINCE - 10, json!({})),
            // The same one fails again and again.
            event(FAILED, "acme/shop kubeopt/c", SINCE + 7, json!({})),
            event(FAILED, "acme/shop kubeopt/c", SINCE + 8, json!({})),
            event(
                OUTCOME,
                "acme/shop #1",
                SINCE + 9,
                json!({ "outcome": { "settled": { "kind": "revert" } } }),
            ),
            event(
                OUTCOME,
                "acme/shop #2",
                SINCE + 9,
                json!({ "outcome": { "settled": { "kind": "keep" } } }),
            ),
            event(SAVED, "acme/shop #9", SINCE + 40, json!({ "monthly": cost("30", "20.5") })),
        ];
        let (title, text) = told(&events, 3).unwrap();
        assert_eq!(title, "2 of kubeopt's pull requests were merged since 2026-11-18");
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines,
            [
                "2 opened, 2 merged, 0 closed, 1 did harm, 1 could not be published; 3 open now.",
                "Saved a month, as it was estimated when it was proposed: $12.00 (of 1, 1 more is not known).",
                "Saved a month, as it was measured a week after the merge: $9.50 (of 1).",
            ]
        );
    }

    #[test]
    fn a_week_without_anything_is_not_told_and_one_without_prices_claims_nothing() {
        assert_eq!(told(&[], 0), None);
        let (_, text) = told(&[event(MERGED, "acme/shop #1", SINCE, json!({}))], 0).unwrap();
        assert!(text.contains("proposed: nothing is known, 1 is not known.\n"), "{text}");
        assert!(text.ends_with("the merge: nothing is known."), "{text}");
    }
}
