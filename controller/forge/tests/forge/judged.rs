//! What people, machines and the forge itself do about reviews, checks, merges and issues on GitHub and GitLab, beside the
//! contract.

use kubeopt_forge::{
    AuthorKind, Check, CheckOutcome, Forge as _, ForgeError, IssueUpdate, Judgement as _, MergeOrder,
    PullRequest, Tracking as _, Verdict,
};

use crate::fake::server::Wrong;
use crate::gitlab::path_of;
use crate::{github, github_faults, gitlab, gitlab_faults};

const ORDERED: &str = "PUT /repos/{owner}/{repo}/pulls/{pull_number}/merge";
const RUNS: &str = "GET /repos/{owner}/{repo}/commits/{ref}/check-runs";

fn order(pull: &PullRequest) -> MergeOrder {
    MergeOrder { head_oid: pull.head_oid.clone(), title: pull.title.clone(), message: "why".to_owned() }
}

fn outcomes(checks: &[Check]) -> Vec<(&str, CheckOutcome)> {
    checks.iter().map(|check| (check.name.as_str(), check.outcome)).collect()
}

#[tokio::test]
async fn github_reviews_by_programs_and_by_those_who_are_gone_are_told_apart() {
    let place = github::Place::start().await;
    let forge = place.forge();
    let repository = github_faults::repository(&place).await;
    let pull = github_faults::opened(&forge, &repository).await;
    for (by, state) in [
        (Some("ada"), "CHANGES_REQUESTED"),
        (Some("coder[bot]"), "APPROVED"),
        (None, "CHANGES_REQUESTED"),
        (Some("ghost"), "APPROVED"),
        (Some("eve"), "PENDING"),
        (Some("ida"), "APPROVED"),
        (Some("ida"), "DISMISSED"),
    ] {
        place.reviewed(&repository, pull.number, by, state);
    }
    let found = forge.reviews(&repository, pull.number).await.unwrap();
    let seen: Vec<_> = found
        .iter()
        .map(|review| (review.author.login.as_str(), review.author.kind, review.verdict))
        .collect();
    assert_eq!(
        seen,
        [
            ("ada", AuthorKind::Person, Verdict::ChangesRequested),
            ("coder[bot]", AuthorKind::Bot, Verdict::Approved),
            ("", AuthorKind::Bot, Verdict::ChangesRequested),
            ("ghost", AuthorKind::Bot, Verdict::Approved),
        ]
    );
    assert!(found.iter().all(|review| review.head_oid.as_ref() == Some(&pull.head_oid)));
    place.server.assert_documented();
}

#[tokio::test]
async fn github_runs_of_one_name_hide_no_red_one_and_a_second_attempt_counts() {
    let place = github::Place::start().await;
    let forge = place.forge();
    let repository = github_faults::repository(&place).await;
    let oid = github_faults::opened(&forge, &repository).await.head_oid;
    for (name, suite, status, conclusion) in [
        ("build", 1, "completed", Some("failure")),
        ("build", 2, "completed", Some("success")),
        ("flaky", 1, "completed", Some("timed_out")),
        ("flaky", 1, "completed", Some("success")),
        ("again", 1, "completed", Some("success")),
        ("again", 1, "queued", None),
        ("skipped", 1, "completed", Some("skipped")),
        ("neutral", 1, "completed", Some("neutral")),
        ("cancelled", 1, "completed", Some("cancelled")),
        ("waits", 1, "completed", Some("action_required")),
        ("lost", 1, "completed", None),
        ("waiting", 1, "waiting", None),
    ] {
        place.ran(&repository, &oid, name, suite, (status, conclusion));
    }
    use CheckOutcome::{Green, Neutral, Pending, Red};
    let found = forge.checks(&repository, &oid).await.unwrap();
    assert_eq!(
        outcomes(&found),
        [
            ("again", Pending),
            ("build", Red),
            ("cancelled", Red),
            ("flaky", Green),
            ("lost", Red),
            ("neutral", Neutral),
            ("skipped", Neutral),
            ("waiting", Pending),
            ("waits", Red),
        ]
    );
    place.server.assert_documented();
    // A list that ends before its end could have held a red one.
    let cut = r#"{"total_count": 3, "check_runs": []}"#;
    place.server.fault(RUNS, 1, Wrong::Instead(200, Vec::new(), cut));
    let outcome = forge.checks(&repository, &oid).await;
    assert!(matches!(outcome, Err(ForgeError::Malformed { .. })), "{outcome:?}");
    for at in 0..1_100 {
        place.ran(&repository, &oid, &format!("job {at}"), 3, ("completed", Some("success")));
    }
    let outcome = forge.checks(&repository, &oid).await;
    assert!(matches!(outcome, Err(ForgeError::TooLarge { .. })), "{outcome:?}");
}

#[tokio::test]
async fn github_says_what_keeps_a_merge_back() {
    let place = github::Place::start().await;
    let forge = place.forge();
    let repository = github_faults::repository(&place).await;
    let pull = github_faults::opened(&forge, &repository).await;
    let base = forge.branch(&repository, "main").await.unwrap();
    for (said, code) in [
        ("At least 1 approving review is required by reviewers with write access.", "E-FRG-019"),
        ("Required status check \"ci\" is expected.", "E-FRG-019"),
        ("Merge commits are not allowed on this repository.", "E-FRG-019"),
        ("Base branch was modified. Review and try the merge again.", "E-FRG-004"),
        ("Pull Request is not mergeable", "E-FRG-004"),
        ("Pull Request is still a draft", "E-FRG-012"),
    ] {
        place.server.forge.lock().unwrap().of("acme/gitops").protection = Some(said.to_owned());
        let error = forge.merge(&repository, pull.number, &order(&pull)).await.unwrap_err();
        assert_eq!(error.code(), code, "{said}: {error}");
        if code == "E-FRG-019" {
            let problem = error.problem();
            assert!(problem.text.contains(said) && problem.help.contains("protection"), "{problem}");
        }
    }
    assert_eq!(forge.branch(&repository, "main").await.unwrap(), base);
}

#[tokio::test]
async fn github_lost_answers_of_a_merge_are_found() {
    let place = github::Place::start().await;
    let forge = place.forge();
    let repository = github_faults::repository(&place).await;
    let pull = github_faults::opened(&forge, &repository).await;
    place.server.fault(ORDERED, 1, Wrong::Instead(502, Vec::new(), ""));
    let outcome = forge.merge(&repository, pull.number, &order(&pull)).await;
    assert_eq!(outcome, Err(ForgeError::Server { status: 502 }), "nothing was done");
    place.server.fault(ORDERED, 1, Wrong::DoneBut(502));
    let merged = forge.merge(&repository, pull.number, &order(&pull)).await.unwrap();
    assert_eq!(forge.branch(&repository, "main").await.unwrap().unwrap().oid, merged);
    assert_eq!(forge.merge(&repository, pull.number, &order(&pull)).await, Ok(merged));
    let orders = place.server.take_seen().iter().filter(|operation| *operation == ORDERED).count();
    assert_eq!(orders, 2, "a merged one is not merged again");
}

#[tokio::test]
async fn github_changes_no_pull_request_as_an_issue_and_sends_nothing_twice() {
    let place = github::Place::start().await;
    let forge = place.forge();
    let repository = github_faults::repository(&place).await;
    let pull = github_faults::opened(&forge, &repository).await;
    let closed = IssueUpdate { is_open: Some(false), ..IssueUpdate::default() };
    let outcome = forge.update_issue(&repository, pull.number, &closed).await;
    assert!(matches!(outcome, Err(ForgeError::NotFound { .. })), "{outcome:?}");
    let issue = forge.open_issue(&repository, "Rightsizing", "- [ ] all").await.unwrap();
    place.server.take_seen();
    let same = IssueUpdate { body: Some(issue.body.clone()), is_open: Some(true), title: None };
    assert_eq!(forge.update_issue(&repository, issue.number, &same).await, Ok(issue));
    assert!(place.server.take_seen().iter().all(|operation| operation.starts_with("GET ")));
}

#[tokio::test]
async fn gitlab_who_asks_for_changes_counts_before_an_approval() {
    let place = gitlab::Place::start("acme").await;
    let forge = place.forge();
    let repository = gitlab_faults::repository(&place).await;
    let pull = gitlab_faults::opened(&forge, &repository).await;
    {
        let mut gitlab = place.server.forge.lock().unwrap();
        let request = gitlab.of(&path_of(&repository)).requests.get_mut(&pull.number).unwrap();
        for (who, at) in
            [("ada", Some(1_790_000_100)), ("eve", None), ("project_9_bot", None), ("ghost", None)]
        {
            request.approvals.push((who.to_owned(), at));
        }
        for (who, state) in [
            ("eve", "requested_changes"),
            ("ida", "reviewed"),
            ("grace", "unreviewed"),
            ("mary", "review_started"),
            ("ada", "reviewed"),
            ("lost", "approved"),
        ] {
            request.states.insert(who.to_owned(), state);
        }
    }
    let found = forge.reviews(&repository, pull.number).await.unwrap();
    let mut seen: Vec<_> = found
        .iter()
        .map(|review| (review.author.login.as_str(), review.author.kind, review.verdict))
        .collect();
    seen.sort_by_key(|(login, _, _)| *login);
    assert_eq!(
        seen,
        [
            ("ada", AuthorKind::Person, Verdict::Approved),
            ("eve", AuthorKind::Person, Verdict::ChangesRequested),
            ("ghost", AuthorKind::Bot, Verdict::Approved),
            ("ida", AuthorKind::Person, Verdict::Commented),
            ("project_9_bot", AuthorKind::Bot, Verdict::Approved),
        ]
    );
    assert!(
        found
            .iter()
            .all(|review| review.head_oid.is_none() && review.submitted_at.as_second() < 2_000_000_000)
    );
    place.server.assert_documented();
}

#[tokio::test]
async fn gitlab_jobs_that_may_fail_keep_nobody_back_and_other_pipelines_hide_nothing() {
    let place = gitlab::Place::start("acme").await;
    let forge = place.forge();
    let repository = gitlab_faults::repository(&place).await;
    let oid = gitlab_faults::opened(&forge, &repository).await.head_oid;
    for (name, of, status, may_fail) in [
        ("build", "kubeopt/x", "failed", false),
        ("build", "refs/merge-requests/1/head", "success", false),
        ("retried", "kubeopt/x", "failed", false),
        ("retried", "kubeopt/x", "success", false),
        ("lint", "kubeopt/x", "failed", true),
        ("deploy", "kubeopt/x", "manual", true),
        ("gate", "kubeopt/x", "manual", false),
        ("stopped", "kubeopt/x", "canceled", false),
        ("skipped", "kubeopt/x", "skipped", false),
        ("waits", "kubeopt/x", "waiting_for_resource", false),
        ("new", "kubeopt/x", "a word of tomorrow", false),
    ] {
        place.ran(&repository, &oid, name, of, (status, may_fail));
    }
    use CheckOutcome::{Green, Neutral, Pending, Red};
    let found = forge.checks(&repository, &oid).await.unwrap();
    assert_eq!(
        outcomes(&found),
        [
            ("build", Red),
            ("deploy", Neutral),
            ("gate", Pending),
            ("lint", Neutral),
            ("new", Red),
            ("retried", Green),
            ("skipped", Neutral),
            ("stopped", Red),
            ("waits", Pending),
        ]
    );
    for at in 0..1_100 {
        place.ran(&repository, &oid, &format!("job {at}"), "kubeopt/x", ("success", false));
    }
    let outcome = forge.checks(&repository, &oid).await;
    assert!(matches!(outcome, Err(ForgeError::TooLarge { .. })), "{outcome:?}");
    place.server.assert_documented();
}

#[tokio::test]
async fn gitlab_says_what_keeps_a_merge_back_in_the_merge_request() {
    let place = gitlab::Place::start("acme").await;
    let forge = place.forge();
    let repository = gitlab_faults::repository(&place).await;
    let pull = gitlab_faults::opened(&forge, &repository).await;
    for (why, status, code) in [
        ("not_approved", 405, "E-FRG-019"),
        ("ci_must_pass", 405, "E-FRG-019"),
        ("discussions_not_resolved", 405, "E-FRG-019"),
        ("mergeable", 401, "E-FRG-019"),
        ("checking", 405, "E-FRG-004"),
        ("conflict", 422, "E-FRG-004"),
        ("need_rebase", 405, "E-FRG-004"),
        ("draft_status", 405, "E-FRG-012"),
        ("mergeable", 403, "E-FRG-002"),
        ("mergeable", 500, "E-FRG-006"),
    ] {
        place.server.forge.lock().unwrap().of(&path_of(&repository)).kept_back = Some((why, status));
        let error = forge.merge(&repository, pull.number, &order(&pull)).await.unwrap_err();
        assert_eq!(error.code(), code, "{why} {status}: {error}");
        if code == "E-FRG-019" && why != "mergeable" {
            assert!(error.to_string().contains(why), "{error}");
        }
    }
    place.server.forge.lock().unwrap().of(&path_of(&repository)).kept_back = None;
    let ordered = "PUT /projects/{id}/merge_requests/{merge_request_iid}/merge";
    place.server.fault(ordered, 1, Wrong::DoneBut(502));
    let merged = forge.merge(&repository, pull.number, &order(&pull)).await.unwrap();
    assert_eq!(forge.branch(&repository, "main").await.unwrap().unwrap().oid, merged);
    place.server.assert_documented();
}

#[tokio::test]
async fn gitlab_carries_nothing_out_that_stands_in_an_issue() {
    let place = gitlab::Place::start("acme").await;
    let forge = place.forge();
    let repository = gitlab_faults::repository(&place).await;
    let text = "- [ ] all\n\n/close\n/assign @ada\n";
    let issue = forge.open_issue(&repository, "Rightsizing", text).await.unwrap();
    assert_eq!(issue.body, "- [ ] all\n\n\\/close\n\\/assign @ada\n");
    place.server.take_seen();
    let same = IssueUpdate { body: Some(text.to_owned()), ..IssueUpdate::default() };
    assert_eq!(forge.update_issue(&repository, issue.number, &same).await, Ok(issue));
    assert!(place.server.take_seen().iter().all(|operation| operation.starts_with("GET ")));
}
