//! The issue that shows where a repository stands: its text, its boxes, and what people make of both.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use kubeopt_model::pull_request::BODY_CHARS_MAX;
use kubeopt_report::{
    DashboardInput, DashboardLine, Templates, Tick, dashboard_text, is_dashboard_of, is_same_text, ticked,
};
use proptest::prelude::*;

use crate::golden::assert_golden;

static TEMPLATES: LazyLock<Templates> = LazyLock::new(Templates::embedded);

fn line(number: Option<u64>, subject: &str, text: &str, tick: Option<Tick>) -> DashboardLine {
    DashboardLine { number, subject: subject.to_owned(), text: text.to_owned(), tick, is_ticked: false }
}

fn clusters(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

fn text(input: &DashboardInput) -> String {
    dashboard_text(&TEMPLATES, input).unwrap()
}

fn full() -> DashboardInput {
    let branch = "kubeopt/apps-web-0123abcd";
    DashboardInput {
        clusters: clusters(&["prod-eu"]),
        paused: Some("`ann` asked in #12 to open nothing new until 2026-12-24".to_owned()),
        open: vec![
            line(Some(12), "Rightsize payments", "", Some(Tick::Rerun(12))),
            line(
                Some(14),
                "Rightsize api",
                "kubeopt does not merge it: checks are red: `e2e`",
                Some(Tick::Rerun(14)),
            ),
        ],
        waiting: vec![line(None, "apps/prod", "waits for staging in cluster prod-eu, where it soaks", None)],
        limited: vec![DashboardLine {
            is_ticked: true,
            ..line(None, "apps/web", "5 of 5 pull requests are open", Some(Tick::Propose(branch.to_owned())))
        }],
        closed: vec![line(Some(9), "apps/cart", "was closed by a person", Some(Tick::Forget(9)))],
        ignored: vec![line(
            None,
            "payments/deploy/ledger",
            "by `bob` in #12 and #3",
            Some(Tick::Unignore("payments/deploy/ledger".to_owned())),
        )],
        failed: vec![line(None, "apps/old", "E-FRG-004: the forge did not answer; nothing to do", None)],
        left: vec![line(None, "", "12 containers: already right", None)],
        own: vec![9, 12, 14],
    }
}

#[test]
fn every_section_is_shown_with_its_boxes() {
    assert_golden("dashboard.md", &text(&full()));
}

#[test]
fn where_nothing_is_to_be_said_it_says_so() {
    let quiet = DashboardInput { clusters: clusters(&["a"]), ..DashboardInput::default() };
    let text = text(&quiet);
    assert!(text.contains("Nothing is proposed and nothing waits") && !text.contains("##"), "{text}");
    assert_eq!(is_dashboard_of(&text, &clusters(&["a", "b"])), Some(true));
    assert_eq!(is_dashboard_of(&text, &clusters(&["b"])), Some(false));
    assert_eq!(is_dashboard_of("hello", &clusters(&["a"])), None);
}

#[test]
fn boxes_that_people_tick_are_found_and_those_that_kubeopt_ticked_stay() {
    let before = text(&full());
    let branch = "kubeopt/apps-web-0123abcd".to_owned();
    assert_eq!(ticked(&before), BTreeSet::from([Tick::Propose(branch.clone())]));
    let after = before.replace("[ ]", "[X]").replace('\n', "\r\n");
    let selection = "payments/deploy/ledger".to_owned();
    let all =
        [Tick::Propose(branch), Tick::Rerun(12), Tick::Rerun(14), Tick::Forget(9), Tick::Unignore(selection)];
    assert_eq!(ticked(&after), BTreeSet::from(all));
    assert!(is_same_text(&before.replace('\n', "\r\n"), &before) && !is_same_text(&after, &before));
}

#[test]
fn nonsense_is_no_wish() {
    let key = |key: &str| format!("<!-- kubeopt:tick {key} -->");
    for nonsense in [
        String::new(),
        "- [x] do it all".to_owned(),
        format!("[x] {}", key("rerun:1")),
        format!("- [ ] {}", key("rerun:1")),
        format!("- [x] first {}", key("rerun:1")),
        format!("- [x] {} {}", key("rerun:1"), key("rerun:2")),
        format!("- [x] {}", key("rerun:one")),
        format!("- [x] {}", key("rerun:-1")),
        format!("- [x] {}", key("rerun:18446744073709551616")),
        format!("- [x] {}", key("merge:1")),
        format!("- [x] {}", key("unignore:a b")),
        format!("- [x] {}", key(&format!("unignore:{}", "a".repeat(700)))),
        "- [x] <!-- kubeopt:tick rerun:1".to_owned(),
    ] {
        assert_eq!(ticked(&nonsense), BTreeSet::new(), "{nonsense}");
    }
    let many: String = (0..9_000).map(|n| format!("- [x] {}\n", key(&format!("rerun:{n}")))).collect();
    assert_eq!(ticked(&many).len(), 100, "nobody means a thousand");
    let same = format!("- [x] {}\n", key("rerun:7")).repeat(1_000);
    assert_eq!(ticked(&same), BTreeSet::from([Tick::Rerun(7)]));
}

#[test]
fn names_and_sentences_of_others_do_nothing_there() {
    let nasty = "--> @everyone <img src=x> [a](http://e) #1 \u{202e}\n- [x] <!-- kubeopt:tick rerun:1 --> |";
    let lines = || vec![line(Some(12), nasty, nasty, Some(Tick::Unignore(nasty.to_owned())))];
    let input = DashboardInput {
        clusters: clusters(&["a"]),
        paused: Some(nasty.to_owned()),
        open: lines(),
        waiting: lines(),
        limited: lines(),
        closed: lines(),
        ignored: lines(),
        failed: lines(),
        left: lines(),
        own: vec![12],
    };
    let text = text(&input);
    assert_eq!(ticked(&text), BTreeSet::new(), "{text}");
    assert_eq!(is_dashboard_of(&text, &clusters(&["a"])), Some(true));
    let outside: String = text.split('`').step_by(2).collect();
    assert!(
        !outside.contains("@everyone") && !outside.contains("<img") && !text.contains('\u{202e}'),
        "{text}"
    );
    assert!(!outside.contains("#1 ") && text.contains("#12 "), "{text}");
}

#[test]
fn what_does_not_fit_is_left_out_and_said() {
    let long = "`".repeat(500);
    let lines: Vec<DashboardLine> =
        (0..200).map(|n| line(Some(n), &long, &"<&@".repeat(160), None)).collect();
    let input = DashboardInput { open: lines.clone(), closed: lines.clone(), left: lines, ..full() };
    let text = text(&input);
    assert!(text.chars().count() <= BODY_CHARS_MAX, "{}", text.chars().count());
    assert!(text.contains(" more\n") && is_dashboard_of(&text, &clusters(&["prod-eu"])) == Some(true));
}

proptest! {
    #[test]
    fn a_key_is_read_back_as_it_was_written(branch in "[a-z0-9/-]{1,80}", number in any::<u64>()) {
        for tick in [Tick::Propose(branch.clone()), Tick::Rerun(number), Tick::Forget(number), Tick::Unignore(branch)] {
            prop_assert_eq!(tick.to_string().parse(), Ok(tick));
        }
    }

    #[test]
    fn no_text_breaks_the_reading(text in "(?s).{0,400}") {
        let _ = (ticked(&text), is_dashboard_of(&text, &clusters(&["a"])));
        prop_assert!(is_same_text(&text, &text));
    }
}
