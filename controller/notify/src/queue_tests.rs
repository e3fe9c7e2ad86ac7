//! The rules of the queue, with a clock that tests move.

use kubeopt_model::ClusterName;

use super::*;
use crate::notice::{NoticeKind, NoticeState};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_800_000_000 + seconds).unwrap()
}

fn notice(key: &str, severity: Severity) -> Notice {
    Notice {
        kind: NoticeKind::Finding,
        severity,
        state: NoticeState::Raised,
        title: "a title".to_owned(),
        text: String::new(),
        url: None,
        key: key.to_owned(),
        at: at(0),
        cluster: ClusterName::new("prod").unwrap(),
    }
}

const BUSY: NotifyError = NotifyError::Busy { status: 503, retry_after_s: None };

#[test]
fn a_notice_is_tried_for_a_day_with_growing_waits_and_then_listed() {
    let mut queue = Queue::default();
    queue.push("team", notice("a", Severity::Info), at(0));
    let (mut now, mut attempts, mut longest) = (0, 0, 0);
    while queue.backlog().waiting() > 0 {
        let due = queue.due("team", at(now));
        if let Some(delivery) = due.first() {
            attempts += 1;
            assert!(queue.failed(delivery, &BUSY, at(now)));
            if let Some(waiting) = queue.backlog.waiting.first() {
                longest = longest.max(waiting.next_at.duration_since(at(now)).as_secs());
            }
        }
        now += 10;
    }
    assert!((24..60).contains(&attempts), "{attempts}");
    assert!(now <= 24 * 3600 + 10 && now > 22 * 3600 && longest <= 3600, "{now} {longest}");
    let dead: Vec<&DeadLetter> = queue.backlog().dead_letters().collect();
    assert_eq!((dead.len(), dead[0].why.code.as_str(), dead[0].attempts), (1, "E-NTF-003", attempts));
}

#[test]
fn what_is_refused_is_given_up_at_once_and_others_go_on() {
    let mut queue = Queue::default();
    queue.push("team", notice("a", Severity::Info), at(0));
    queue.push("team", notice("b", Severity::Info), at(0));
    let due = queue.due("team", at(0));
    assert_eq!(due.len(), 2);
    assert!(!queue.failed(&due[0], &NotifyError::Refused { status: 400 }, at(0)));
    queue.delivered(&due[1], at(0));
    assert_eq!((queue.backlog().waiting(), queue.backlog().dead_letters().count()), (0, 1));
}

#[test]
fn a_receiver_that_asks_for_time_gets_it_up_to_an_hour() {
    let mut queue = Queue::default();
    queue.push("team", notice("a", Severity::Info), at(0));
    let due = queue.due("team", at(0));
    queue.failed(&due[0], &NotifyError::Busy { status: 429, retry_after_s: Some(300) }, at(0));
    queue.push("team", notice("b", Severity::Info), at(1));
    assert_eq!(queue.due("team", at(299)), []);
    assert_eq!(queue.due("team", at(300)).len(), 2);
    queue.push("other", notice("a", Severity::Info), at(1));
    assert_eq!(queue.due("other", at(1)).len(), 1, "others do not wait for it");
    queue.failed(&due[0], &NotifyError::Busy { status: 429, retry_after_s: Some(u64::MAX) }, at(300));
    assert_eq!(queue.due("team", at(300 + 3600)).len(), 2);
}

#[test]
fn the_newer_notice_of_a_key_replaces_the_one_that_waits() {
    let mut queue = Queue::default();
    queue.push("team", notice("a", Severity::Info), at(0));
    let sending = queue.due("team", at(0));
    let resolved = Notice { state: NoticeState::Resolved, ..notice("a", Severity::Info) };
    queue.push("team", resolved.clone(), at(1));
    queue.delivered(&sending[0], at(1));
    let due = queue.due("team", at(1));
    assert_eq!(
        due.iter().map(|delivery| &delivery.notice).collect::<Vec<_>>(),
        [&resolved],
        "what came meanwhile stays"
    );
}

#[test]
fn nobody_is_flooded_and_nothing_grows_without_end() {
    let mut queue = Queue::default();
    queue.push("team", notice("first", Severity::Critical), at(0));
    for number in 0..WAITING_MAX {
        queue.push("team", notice(&number.to_string(), Severity::Info), at(1));
    }
    assert_eq!(queue.backlog().waiting(), WAITING_MAX);
    assert_eq!(queue.backlog().dead_letters().next().map(|dead| dead.why.code.as_str()), Some("E-NTF-005"));
    let due = queue.due("team", at(1));
    assert_eq!(
        (due.len(), due[0].notice.key.as_str()),
        (PER_MINUTE_MAX, "first"),
        "what is critical is not dropped"
    );
    due.iter().for_each(|delivery| queue.delivered(delivery, at(1)));
    assert_eq!(queue.due("team", at(60)), []);
    assert_eq!(queue.due("team", at(61)).len(), PER_MINUTE_MAX);
    for number in 0..DEAD_MAX + WAITING_MAX {
        queue.push("team", notice(&format!("more-{number}"), Severity::Info), at(2));
    }
    assert_eq!(queue.backlog().dead_letters().count(), DEAD_MAX);
}

#[test]
fn a_restart_loses_nothing_and_a_receiver_that_went_is_said() {
    let mut queue = Queue::default();
    queue.push("team", notice("a", Severity::Info), at(5000));
    queue.push("gone", notice("b", Severity::Info), at(5000));
    let stored = serde_json::to_string(queue.backlog()).unwrap();
    let mut restarted = Queue::default();
    restarted.push("team", notice("c", Severity::Info), at(0));
    restarted.recall(serde_json::from_str(&stored).unwrap(), at(0));
    restarted.keep_only(|name| name == "team", at(0));
    assert_eq!(restarted.backlog().waiting(), 2);
    assert_eq!(restarted.due("team", at(3600)).len(), 2, "a clock that was ahead holds nothing up");
    assert_eq!(
        restarted.backlog().dead_letters().map(|dead| dead.why.code.as_str()).collect::<Vec<_>>(),
        ["E-NTF-006"]
    );
}
