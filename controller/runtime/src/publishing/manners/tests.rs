//! Quiet, obedient, within limits.

use kubeopt_commands::Given;
use kubeopt_forge::{PullRequest, PullRequestState};
use kubeopt_model::pull_request::{MarkedField, Marker, PullRequestDraft};
use kubeopt_model::{Amount, Change, EffectivePolicy, Field, ForgeName, RepoPath, RepositoryId, Timestamp};

use super::{CLOSED_BY_KUBEOPT, Verdict, judge};
use crate::codes;
use crate::orders::Orders;

const NOW: i64 = 1_790_000_000;

fn marker(after: &str) -> Marker {
    let fields = vec![MarkedField {
        container: "payments/deploy/api/api".into(),
        field: "requests.cpu".into(),
        file: RepoPath::new("api.yaml").unwrap(),
        value: Change { before: "1000m".into(), after: after.into() },
    }];
    Marker {
        group: "all".into(),
        proposal: Marker::proposal_hash(&fields, &[]),
        base: "main".into(),
        cluster: "demo".into(),
        fields,
        labels: vec![],
        not_rendered: false,
        requests: vec![],
        targets: vec![],
    }
}

fn draft(after: &str) -> PullRequestDraft {
    PullRequestDraft {
        repository: RepositoryId { forge: ForgeName::new("f").unwrap(), owner: "o".into(), name: "n".into() },
        base: "main".into(),
        base_oid: "0".repeat(40),
        branch: "kubeopt/all-1".into(),
        title: "t".into(),
        is_draft: false,
        opens_as_draft: false,
        commits: Default::default(),
        body: marker(after).to_html_comment(),
        commit_message: "t".into(),
        files: vec![],
        labels: vec![],
        marker: marker(after),
    }
}

fn pull(number: u64, state: PullRequestState, after: &str, age_s: i64) -> PullRequest {
    PullRequest {
        number,
        title: "t".into(),
        is_draft: false,
        body: marker(after).to_html_comment(),
        state,
        head_branch: "kubeopt/all-1".into(),
        head_oid: "1".repeat(40),
        base: "main".into(),
        merge_commit: None,
        author: "kubeopt".into(),
        labels: vec![],
        created_unix_s: NOW - age_s,
        updated_unix_s: NOW - age_s,
        url: String::new(),
    }
}

fn verdict(after: &str, pulls: &[PullRequest]) -> Verdict {
    let policy = EffectivePolicy::default();
    judge(&draft(after), pulls, &policy, &Orders::default(), Timestamp::from_second(NOW).unwrap())
}

const DAY: i64 = 86_400;

#[test]
fn leaves_an_open_one_in_peace_while_the_numbers_hardly_move() {
    let open = [pull(4, PullRequestState::Open, "310m", DAY)];
    assert_eq!(verdict("310m", &open), Verdict::Unchanged(4));
    assert_eq!(verdict("330m", &open), Verdict::Unchanged(4));
    assert_eq!(verdict("400m", &open), Verdict::Update(4));
}

#[test]
fn what_a_person_asked_for_is_taken_to_the_letter() {
    let open = [pull(4, PullRequestState::Open, "310m", DAY)];
    let judged = |given: &str| {
        let mut orders = Orders::default();
        orders.standing.given.push(Given {
            selection: given.parse().unwrap(),
            field: Field::CPU_REQUEST,
            value: Amount::parse(Field::CPU_REQUEST.resource, "330m").unwrap(),
            by: "alice".into(),
            pull_request: 4,
        });
        let policy = EffectivePolicy::default();
        judge(&draft("330m"), &open, &policy, &orders, Timestamp::from_second(NOW).unwrap())
    };
    assert_eq!(judged("payments/deploy/api/api"), Verdict::Update(4));
    assert_eq!(judged("payments/deploy/web/web"), Verdict::Unchanged(4), "it was of another one");
}

#[test]
fn a_closed_one_means_not_these_values_until_they_move_or_time_passes() {
    let closed = |age| [pull(4, PullRequestState::Closed, "400m", age)];
    assert!(
        matches!(verdict("400m", &closed(DAY)), Verdict::Wait(problem) if problem.code == codes::CLOSED_BY_PERSON)
    );
    assert!(matches!(verdict("480m", &closed(DAY)), Verdict::Wait(_)));
    assert_eq!(verdict("500m", &closed(DAY)), Verdict::Open);
    assert_eq!(verdict("400m", &closed(61 * DAY)), Verdict::Open);
}

#[test]
fn one_that_kubeopt_closed_itself_is_nobodys_no() {
    let mut closed = pull(4, PullRequestState::Closed, "400m", DAY);
    closed.body = format!("{}\n{CLOSED_BY_KUBEOPT}\n", closed.body);
    assert_eq!(verdict("400m", &[closed]), Verdict::Open);
}

#[test]
fn a_merged_one_does_not_stand_in_the_way() {
    assert_eq!(verdict("400m", &[pull(4, PullRequestState::Merged, "600m", DAY)]), Verdict::Open);
}

#[test]
fn waits_at_the_limits_and_says_which() {
    let others = |n: u64, state, age| -> Vec<PullRequest> {
        (1..=n)
            .map(|k| PullRequest { head_branch: format!("kubeopt/o-{k}"), ..pull(k, state, "1m", age) })
            .collect()
    };
    let open = verdict("400m", &others(5, PullRequestState::Open, DAY));
    assert!(matches!(open, Verdict::Wait(problem) if problem.text.contains("5 of 5 pull requests are open")));
    let fresh = verdict("400m", &others(2, PullRequestState::Merged, 60));
    assert!(matches!(fresh, Verdict::Wait(problem) if problem.text.contains("in the last hour")));
}

#[test]
fn a_field_that_goes_is_the_same_proposal_until_it_comes_back() {
    let there = pull(7, PullRequestState::Closed, "", 86_400);
    let policy = EffectivePolicy::default();
    let now = Timestamp::from_second(NOW).unwrap();
    let remembered = judge(&draft(""), std::slice::from_ref(&there), &policy, &Orders::default(), now);
    assert!(matches!(remembered, Verdict::Wait(problem) if problem.code == codes::CLOSED_BY_PERSON));
    assert_eq!(judge(&draft("310m"), &[there], &policy, &Orders::default(), now), Verdict::Open);
}

fn said(after: &str, not_rendered: bool) -> Marker {
    Marker { not_rendered, ..marker(after) }
}

fn said_draft(after: &str, not_rendered: bool) -> PullRequestDraft {
    let marker = said(after, not_rendered);
    PullRequestDraft { is_draft: not_rendered, body: marker.to_html_comment(), marker, ..draft(after) }
}

#[test]
fn a_proof_that_is_found_or_lost_is_news_and_whoever_marked_it_as_ready_is_obeyed() {
    let policy = EffectivePolicy::default();
    let now = Timestamp::from_second(NOW).unwrap();
    let same = Verdict::Unchanged(4);
    let update = Verdict::Update(4);
    // Not rendered when it was opened, a draft by now; not rendered in this pass and its value; what is done.
    for (not_rendered, is_draft, (now_not_rendered, after), verdict) in [
        (true, true, (true, "310m"), &same),
        (true, true, (true, "330m"), &same),
        (true, true, (true, "400m"), &update),
        (true, true, (false, "310m"), &update),
        (true, true, (false, "330m"), &update),
        // A person said that it is ready: it stays so.
        (true, false, (true, "310m"), &same),
        (true, false, (false, "310m"), &update),
        // A person made a proven one a draft: it stays so.
        (false, true, (false, "310m"), &same),
        (false, false, (false, "310m"), &same),
        (false, false, (true, "310m"), &update),
    ] {
        let body = said("310m", not_rendered).to_html_comment();
        let open = PullRequest { is_draft, body, ..pull(4, PullRequestState::Open, "310m", DAY) };
        let judged = judge(&said_draft(after, now_not_rendered), &[open], &policy, &Orders::default(), now);
        assert_eq!(judged, *verdict, "{not_rendered} {is_draft}, then {now_not_rendered} {after}");
    }
}

#[test]
fn one_that_was_not_rendered_is_remembered_when_a_person_closes_it() {
    let body = said("310m", true).to_html_comment();
    let closed = PullRequest { body, ..pull(4, PullRequestState::Closed, "310m", DAY) };
    let now = Timestamp::from_second(NOW).unwrap();
    for not_rendered in [true, false] {
        let draft = said_draft("310m", not_rendered);
        let judged = judge(
            &draft,
            std::slice::from_ref(&closed),
            &EffectivePolicy::default(),
            &Orders::default(),
            now,
        );
        assert!(matches!(judged, Verdict::Wait(problem) if problem.code == codes::CLOSED_BY_PERSON));
    }
}
