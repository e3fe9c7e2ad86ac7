//! Clauses on pull requests and comments.

use kubeopt_model::pull_request::{BODY_CHARS_MAX, Marker};

use super::branches::assert_not_found;
use super::fixture::Fixture;
use super::made::{draft, head, opened, repository, sizing};
use crate::branch::ExpectedHead;
use crate::error::ForgeError;
use crate::forge::Forge;
use crate::pull_request::{
    NewPullRequest, PullRequestQuery, PullRequestState, PullRequestUpdate, StateFilter, TITLE_CHARS_MAX,
    WantedState,
};

/// More than one page of any forge.
const MANY: usize = 60;

pub(super) async fn opening_twice_gives_the_same_one(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "open-twice").await;
    let first = opened(forge, &repository, "kubeopt/a-00000000", "one").await;
    let second = forge.open_pull_request(&repository, &draft("kubeopt/a-00000000", "two")).await;
    let second = second.expect("the open one is given");
    assert_eq!((second.number, second.body.as_str()), (first.number, "one"));
    assert_eq!(first.state, PullRequestState::Open);
    assert_eq!(first.base, "main");
    assert_eq!(first.head_branch, "kubeopt/a-00000000");
    assert_eq!(first.head_oid, head(forge, &repository, "kubeopt/a-00000000").await.oid);
    assert_eq!(first.labels, ["kubeopt"]);
    assert!(first.url.contains(&first.number.to_string()) && !first.author.is_empty());
    assert!(first.created_unix_s > 0 && first.merge_commit.is_none());
    let all = PullRequestQuery::with_prefix("kubeopt/", StateFilter::All);
    assert_eq!(forge.pull_requests(&repository, &all).await.map(|found| found.len()), Ok(1));
}

pub(super) async fn bodies_survive_byte_for_byte(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "bodies").await;
    for (at, body) in hostile_bodies().into_iter().enumerate() {
        let branch = format!("kubeopt/body-{at:08}");
        let pull = opened(forge, &repository, &branch, &body).await;
        assert_eq!(pull.body, body, "as answered, body {at}");
        let query = PullRequestQuery::of_branch(&branch, StateFilter::Open);
        let found = forge.pull_requests(&repository, &query).await.expect("the list is read");
        assert_eq!(found.len(), 1);
        assert_eq!(found[0].body, body, "as listed, body {at}");
    }
}

/// A marker, hostile text around one, control characters that Markdown may hold, and the longest body.
fn hostile_bodies() -> Vec<String> {
    let marker = Marker {
        group: "--> <script>alert(1)</script> @everyone #1".to_owned(),
        proposal: "0123456789abcdef".to_owned(),
        base: "main".to_owned(),
        cluster: "prod \u{202e}dorp".to_owned(),
        fields: Vec::new(),
        labels: vec!["kubeopt".to_owned()],
        not_rendered: true,
        requests: vec![],
        targets: vec![],
    };
    let marked = format!("Text | with `pipes`\n\n{}", marker.to_html_comment());
    let long_tail = marker.to_html_comment();
    let filler = "é✓|<&>\"'\\\n".repeat(BODY_CHARS_MAX / 9);
    let long: String = filler.chars().take(BODY_CHARS_MAX - long_tail.chars().count()).collect();
    vec![
        marked,
        format!("{long}{long_tail}"),
        "tabs\tand\r\nCRLF, trailing spaces  \nand \u{200b}zero width, 🦀, \u{feff}".to_owned(),
        "${HOME} $(id) {{ .Values.x }} '; DROP TABLE issue; -- %00 %s \\u0000".to_owned(),
    ]
}

pub(super) async fn updating_changes_only_what_differs(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "update").await;
    let pull = opened(forge, &repository, "kubeopt/u-00000000", "old").await;
    let same = PullRequestUpdate {
        title: Some(pull.title.clone()),
        is_draft: Some(false),
        body: Some("old".to_owned()),
        state: Some(WantedState::Open),
    };
    assert_eq!(forge.update_pull_request(&repository, pull.number, &same).await, Ok(pull.clone()));

    let body = PullRequestUpdate { body: Some("new".to_owned()), ..PullRequestUpdate::default() };
    let changed = forge.update_pull_request(&repository, pull.number, &body).await.expect("it is changed");
    assert_eq!((changed.body.as_str(), changed.title.as_str()), ("new", pull.title.as_str()));

    let title = format!("  two\nlines {}  ", "x".repeat(400));
    let title = PullRequestUpdate { title: Some(title), ..PullRequestUpdate::default() };
    let changed = forge.update_pull_request(&repository, pull.number, &title).await.expect("it is changed");
    assert!(changed.title.starts_with("two lines x") && changed.title.chars().count() == TITLE_CHARS_MAX);
    let again = forge.update_pull_request(&repository, pull.number, &title).await;
    assert_eq!(again, Ok(changed), "a title that was cut is not sent again");
}

pub(super) async fn a_draft_keeps_its_title_and_becomes_ready(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "drafts").await;
    let branch = "kubeopt/draft-00000000";
    let write = sizing(forge, &repository, branch, "310m").await;
    forge.regenerate_branch(&repository, &write).await.expect("the branch is written");
    let new = NewPullRequest { is_draft: true, ..draft(branch, "not rendered") };
    let opened = forge.open_pull_request(&repository, &new).await.expect("the draft is opened");
    assert_eq!((opened.is_draft, opened.title.as_str()), (true, new.title.as_str()));
    let listed = async || {
        let query = PullRequestQuery::of_branch(branch, StateFilter::Open);
        let mut found = forge.pull_requests(&repository, &query).await.expect("the list is read");
        assert_eq!(found.len(), 1);
        found.remove(0)
    };
    assert_eq!(listed().await, opened);
    let ready = NewPullRequest { is_draft: false, ..new.clone() };
    let again = forge.open_pull_request(&repository, &ready).await.expect("the open one is given");
    assert!(again.is_draft, "an open one keeps its state");
    let change = async |title: Option<&str>, is_draft| {
        let update =
            PullRequestUpdate { title: title.map(str::to_owned), is_draft, ..PullRequestUpdate::default() };
        let changed = forge.update_pull_request(&repository, opened.number, &update).await;
        let changed = changed.expect("it is changed");
        assert_eq!(listed().await, changed);
        (changed.title, changed.is_draft)
    };
    let longest = "x".repeat(TITLE_CHARS_MAX);
    // What is asked for, and what stands there then.
    for (title, is_draft, then_title, then_draft) in [
        (Some(new.title.as_str()), Some(true), new.title.as_str(), true),
        (Some("chore(rightsizing): other values"), None, "chore(rightsizing): other values", true),
        (Some(longest.as_str()), None, longest.as_str(), true),
        (None, Some(false), longest.as_str(), false),
        (Some("ready"), None, "ready", false),
        (None, Some(true), "ready", true),
        (Some("at last"), Some(false), "at last", false),
    ] {
        let then = (then_title.to_owned(), then_draft);
        assert_eq!(change(title, is_draft).await, then, "{title:?}, {is_draft:?}");
    }
    fixture.merge(&repository, opened.number).await;
}

pub(super) async fn closed_and_merged_are_seen(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "states").await;
    let closed = opened(forge, &repository, "kubeopt/closed-00000000", "c").await;
    let merged = opened(forge, &repository, "kubeopt/merged-00000000", "m").await;
    let close = PullRequestUpdate { state: Some(WantedState::Closed), ..PullRequestUpdate::default() };
    let answer = forge.update_pull_request(&repository, closed.number, &close).await.expect("it is closed");
    assert_eq!(answer.state, PullRequestState::Closed);
    let merge_commit = fixture.merge(&repository, merged.number).await;
    for branch in [&closed, &merged] {
        let expected = ExpectedHead::At(branch.head_oid.clone());
        assert_eq!(forge.delete_branch(&repository, &branch.head_branch, &expected).await, Ok(()));
    }

    let list = async |state| {
        let query = PullRequestQuery::with_prefix("kubeopt/", state);
        forge.pull_requests(&repository, &query).await.expect("the list is read")
    };
    assert_eq!(list(StateFilter::Open).await, []);
    let past = list(StateFilter::Closed).await;
    assert_eq!(past, list(StateFilter::All).await);
    let seen: Vec<_> = past.iter().map(|pull| (pull.number, pull.state)).collect();
    assert_eq!(seen, [(closed.number, PullRequestState::Closed), (merged.number, PullRequestState::Merged)]);
    assert_eq!(past[1].merge_commit.as_deref(), Some(merge_commit.as_str()));
    assert_eq!(past[1].head_branch, "kubeopt/merged-00000000", "also after the branch is gone");
    assert_eq!(past[1].head_oid, merged.head_oid);
    assert_eq!(past[0].head_branch, "kubeopt/closed-00000000");
    let error = forge.update_pull_request(&repository, merged.number, &reopen()).await;
    assert!(matches!(error, Err(ForgeError::Conflict { .. })), "{error:?}");
    assert_eq!(head(forge, &repository, "main").await.oid, merge_commit);
}

fn reopen() -> PullRequestUpdate {
    PullRequestUpdate { state: Some(WantedState::Open), ..PullRequestUpdate::default() }
}

pub(super) async fn regenerating_moves_the_open_one(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "moves").await;
    let pull = opened(forge, &repository, "kubeopt/r-00000000", "r").await;
    let write = sizing(forge, &repository, "kubeopt/r-00000000", "320m").await;
    let written = forge.regenerate_branch(&repository, &write).await.expect("the branch is written");
    assert_ne!(written.oid, pull.head_oid);
    // Some forges note a push to a branch in the background; the branch itself is always right.
    let query = PullRequestQuery::of_branch("kubeopt/r-00000000", StateFilter::Open);
    let found = forge.pull_requests(&repository, &query).await.expect("the list is read");
    assert_eq!(found.iter().map(|found| found.number).collect::<Vec<_>>(), [pull.number]);
    assert_eq!(head(forge, &repository, "kubeopt/r-00000000").await, written);
}

pub(super) async fn comments_are_added_in_order(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "comments").await;
    let pull = opened(forge, &repository, "kubeopt/c-00000000", "c").await;
    let texts = ["first", "> /kubeopt rerun\n\nDone: `api` 310m → 320m @nobody"];
    let mut ids = Vec::new();
    for text in texts {
        ids.push(forge.comment(&repository, pull.number, text).await.expect("it is added"));
    }
    assert!(ids[0] < ids[1], "{ids:?}");
    assert_eq!(fixture.comments(&repository, pull.number).await, texts);
}

pub(super) async fn what_is_not_there_is_not_found(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "absent").await;
    assert_not_found(forge.comment(&repository, 4711, "x").await);
    assert_not_found(forge.update_pull_request(&repository, 4711, &reopen()).await);
    assert_not_found(forge.open_pull_request(&repository, &draft("kubeopt/none-00000000", "x")).await);
    let onto_nothing = NewPullRequest { base: "release".to_owned(), ..draft("main", "x") };
    assert_not_found(forge.open_pull_request(&repository, &onto_nothing).await);
    let other_repository = draft("someone:main", "x");
    assert_not_found(forge.open_pull_request(&repository, &other_repository).await);
    let query = PullRequestQuery::with_prefix("kubeopt/", StateFilter::All);
    assert_eq!(forge.pull_requests(&repository, &query).await, Ok(Vec::new()));
}

pub(super) async fn long_lists_are_complete(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "many").await;
    let first = opened(forge, &repository, "kubeopt/many-00000000", "m").await;
    let mut numbers = vec![first.number];
    for at in 1..MANY {
        let branch = format!("kubeopt/many-{at:08}");
        fixture.copy_branch(&repository, &first.head_branch, &branch).await;
        let pull = forge.open_pull_request(&repository, &draft(&branch, "m")).await;
        numbers.push(pull.expect("the pull request is opened").number);
    }
    for state in [StateFilter::Open, StateFilter::All] {
        let query = PullRequestQuery::with_prefix("kubeopt/many-", state);
        let found = forge.pull_requests(&repository, &query).await.expect("the list is read");
        assert_eq!(found.iter().map(|pull| pull.number).collect::<Vec<_>>(), numbers);
    }
    let one = PullRequestQuery::of_branch("kubeopt/many-00000007", StateFilter::All);
    let found = forge.pull_requests(&repository, &one).await.expect("the list is read");
    assert_eq!(found.iter().map(|pull| pull.number).collect::<Vec<_>>(), [numbers[7]]);
}
