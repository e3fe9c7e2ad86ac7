//! When something may be published: blackout windows over changes of daylight saving time, and limits.

use jiff::Timestamp;
use kubeopt_model::EffectivePolicy;
use kubeopt_model::policy::{Blackout, Schedule};
use kubeopt_policy::{Hold, Publishing, hold};

fn blackout(cron: &str, hours: i64, timezone: &str) -> EffectivePolicy {
    let blackout = Blackout {
        cron: cron.to_owned(),
        seconds: hours * 3600,
        timezone: timezone.to_owned(),
        reason: Some("weekend".to_owned()),
    };
    EffectivePolicy { blackouts: vec![blackout], ..EffectivePolicy::default() }
}

fn at(now: &str) -> Publishing {
    Publishing { now: now.parse().unwrap(), open: 0, opened_last_hour: 0, is_update: false }
}

fn until(policy: &EffectivePolicy, now: &str) -> Option<String> {
    hold(policy, &at(now))
        .map(|hold| hold.until.map_or("never".to_owned(), |until: Timestamp| until.to_string()))
}

#[test]
fn a_window_holds_from_its_first_to_its_last_second() {
    let policy = blackout("0 18 * * FRI", 62, "Europe/Berlin");
    let end = Some("2026-01-19T07:00:00Z".to_owned());
    for (now, wanted) in [
        ("2026-01-16T16:59:59Z", None),
        ("2026-01-16T17:00:00Z", end.clone()),
        ("2026-01-16T17:00:00.5Z", end.clone()),
        ("2026-01-19T06:59:59Z", end.clone()),
        ("2026-01-19T07:00:00Z", None),
    ] {
        assert_eq!(until(&policy, now), wanted, "{now}");
    }
    let held = hold(&policy, &at("2026-01-17T00:00:00Z")).unwrap();
    assert_eq!(held.text, "blackout until 2026-01-19 08:00 CET: weekend");
}

#[test]
fn a_window_is_never_shorter_than_written_when_the_clocks_change() {
    let policy = blackout("0 18 * * FRI", 62, "Europe/Berlin");
    // Clocks go forward on 2026-03-29: 62 hours pass until 09:00 on the wall.
    assert_eq!(until(&policy, "2026-03-29T12:00:00Z"), Some("2026-03-30T07:00:00Z".to_owned()));
    // Clocks go back on 2026-10-25: 08:00 on the wall comes after 63 hours.
    assert_eq!(until(&policy, "2026-10-25T12:00:00Z"), Some("2026-10-26T07:00:00Z".to_owned()));
    // A start that the wall clock skips moves to the first instant there is.
    let skipped = blackout("30 2 * * *", 1, "Europe/Berlin");
    assert_eq!(until(&skipped, "2026-03-29T01:30:00Z"), Some("2026-03-29T02:00:00Z".to_owned()));
}

#[test]
fn of_several_windows_the_last_to_end_decides() {
    let mut policy = blackout("0 18 * * *", 4, "UTC");
    policy.blackouts.extend(blackout("0 19 * * *", 8, "UTC").blackouts);
    assert_eq!(until(&policy, "2026-01-16T20:00:00Z"), Some("2026-01-17T03:00:00Z".to_owned()));
}

#[test]
fn a_window_that_cannot_be_read_holds_rather_than_publishes() {
    for policy in [blackout("nonsense", 1, "UTC"), blackout("0 18 * * *", 1, "Mars/Olympus")] {
        assert_eq!(until(&policy, "2026-01-16T20:00:00Z"), Some("never".to_owned()));
    }
}

#[test]
fn limits_hold_new_pull_requests_and_let_updates_through() {
    let policy = EffectivePolicy::default();
    let state = |open, opened_last_hour, is_update| Publishing {
        open,
        opened_last_hour,
        is_update,
        ..at("2026-01-16T12:00:00Z")
    };
    let guardrail =
        |publishing: Publishing| hold(&policy, &publishing).map(|Hold { guardrail, .. }| guardrail);
    assert_eq!(guardrail(state(4, 1, false)), None);
    assert_eq!(guardrail(state(5, 0, false)), Some("max-open"));
    assert_eq!(guardrail(state(0, 2, false)), Some("per-hour"));
    assert_eq!(guardrail(state(9, 9, true)), None);
    let held = hold(&policy, &state(5, 0, false)).unwrap();
    assert_eq!(held.text, "5 of 5 pull requests are open (pullRequests.maxOpen)");
}

fn scheduled(crons: &[&str], timezone: &str) -> EffectivePolicy {
    let crons = crons.iter().map(|cron| (*cron).to_owned()).collect();
    let mut policy = EffectivePolicy::default();
    policy.pull_requests.schedules.push(Schedule { crons, timezone: timezone.to_owned() });
    policy
}

#[test]
fn new_pull_requests_wait_for_a_minute_that_the_schedule_names() {
    let policy = scheduled(&["* 8-16 * * 1-4", "* 8-11 * * FRI"], "Europe/Berlin");
    for (now, wanted) in [
        // A Thursday, 2026-01-15.
        ("2026-01-15T06:59:59Z", Some("2026-01-15T07:00:00Z")),
        ("2026-01-15T07:00:00Z", None),
        ("2026-01-15T15:59:59.9Z", None),
        ("2026-01-15T16:00:00Z", Some("2026-01-16T07:00:00Z")),
        ("2026-01-16T10:59:00Z", None),
        ("2026-01-16T11:00:00Z", Some("2026-01-19T07:00:00Z")),
        // In summer the same hours begin earlier.
        ("2026-07-16T05:59:59Z", Some("2026-07-16T06:00:00Z")),
        ("2026-07-16T06:30:00Z", None),
    ] {
        assert_eq!(until(&policy, now), wanted.map(str::to_owned), "{now}");
    }
    let night = at("2026-01-15T20:00:00Z");
    let held = hold(&policy, &night).unwrap();
    assert_eq!(held.guardrail, "schedule");
    assert_eq!(
        held.text,
        "pull requests are opened at `* 8-16 * * 1-4`, `* 8-11 * * FRI`, next at 2026-01-16 08:00 CET (pullRequests.schedule)"
    );
    assert_eq!(
        hold(&policy, &Publishing { is_update: true, ..night }),
        None,
        "an open one is kept up to date"
    );
}

#[test]
fn of_several_schedules_all_must_be_open_and_an_unreadable_one_never_is() {
    let mut policy = scheduled(&["* 8-16 * * *"], "UTC");
    policy.pull_requests.schedules.push(Schedule { crons: Vec::new(), timezone: "UTC".to_owned() });
    assert_eq!(until(&policy, "2026-01-15T09:00:00Z"), None, "without an expression every minute is open");
    policy.pull_requests.schedules.extend(scheduled(&["* 12 * * *"], "UTC").pull_requests.schedules);
    assert_eq!(until(&policy, "2026-01-15T09:00:00Z"), Some("2026-01-15T12:00:00Z".to_owned()));
    assert_eq!(until(&policy, "2026-01-15T12:00:00Z"), None);
    for (cron, timezone) in [("never", "UTC"), ("* 8 * * *", "Mars/Base"), ("0 0 30 2 *", "UTC")] {
        assert_eq!(
            until(&scheduled(&[cron], timezone), "2026-01-15T09:00:00Z"),
            Some("never".to_owned()),
            "{cron}"
        );
    }
}
