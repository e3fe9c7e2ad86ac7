//! What GitHub and the way to it do wrong: limits, lost answers, cut lists, other people's links.

use std::time::Duration;

use kubeopt_forge::contract::Fixture as _;
use kubeopt_forge::{
    AuthorKind, BranchWrite, CommitOptions, Conversation as _, ExpectedHead, Forge as _, ForgeError,
    GithubForge, NewPullRequest, Person, PullRequest, PullRequestQuery, PullRequestUpdate, Signing,
    StateFilter, Status, StatusState,
};
use kubeopt_model::{Change, EditedFile, FileSet, RepoPath, RepositoryId, Timestamp};

use crate::fake::server::Wrong;
use crate::github::Place;

pub(crate) const FILE: &str = "apps/prod/api.yaml";
pub(crate) const BRANCH: &str = "kubeopt/api-00000000";
const LISTED: &str = "GET /repos/{owner}/{repo}/pulls";
const COMMENTED: &str = "POST /repos/{owner}/{repo}/issues/{issue_number}/comments";

pub(crate) async fn repository(place: &Place) -> RepositoryId {
    let files: FileSet = [(RepoPath::new(FILE).unwrap(), b"cpu: 1\n".to_vec())].into_iter().collect();
    place.repository("gitops", &files).await
}

pub(crate) async fn sizing(forge: &GithubForge, repository: &RepositoryId, signing: Signing) -> BranchWrite {
    let base_oid = forge.branch(repository, "main").await.unwrap().unwrap().oid;
    let content = Change { before: b"cpu: 1\n".to_vec(), after: b"cpu: 310m\n".to_vec() };
    BranchWrite {
        base: "main".to_owned(),
        base_oid,
        branch: BRANCH.to_owned(),
        message: "size api".to_owned(),
        files: vec![EditedFile { path: RepoPath::new(FILE).unwrap(), content }],
        by: Person { name: "kubeopt".to_owned(), email: "kubeopt@example.org".to_owned() },
        at_unix_s: 1_790_000_000,
        expected: ExpectedHead::Any,
        options: CommitOptions { sign_off: false, signing },
    }
}

fn draft() -> NewPullRequest {
    NewPullRequest {
        title: "size api".to_owned(),
        is_draft: false,
        body: "b".to_owned(),
        head: BRANCH.to_owned(),
        base: "main".to_owned(),
        labels: vec!["kubeopt".to_owned()],
    }
}

pub(crate) async fn opened(forge: &GithubForge, repository: &RepositoryId) -> PullRequest {
    let write = sizing(forge, repository, Signing::Never).await;
    forge.regenerate_branch(repository, &write).await.unwrap();
    forge.open_pull_request(repository, &draft()).await.unwrap()
}

fn all() -> PullRequestQuery {
    PullRequestQuery::with_prefix("kubeopt/", StateFilter::All)
}

#[tokio::test]
async fn every_limit_silences_all_calls_until_its_end() {
    let (date, in_half_an_hour) = ("Fri, 20 Nov 2026 08:00:00 GMT".to_owned(), "1795163400".to_owned());
    let secondary = r#"{"message": "You have exceeded a secondary rate limit. Please wait."}"#;
    for (status, headers, body, asked) in [
        (403, vec![("retry-after", "1800".to_owned())], secondary, Some(1800)),
        (403, vec![], secondary, None),
        (429, vec![("retry-after", "1800".to_owned())], "", Some(1800)),
        (
            403,
            vec![
                ("x-ratelimit-remaining", "0".to_owned()),
                ("x-ratelimit-reset", in_half_an_hour),
                ("date", date),
            ],
            r#"{"message": "API rate limit exceeded"}"#,
            Some(1800),
        ),
    ] {
        let place = Place::start().await;
        let (forge, repository) = (place.forge(), repository(&place).await);
        let number = opened(&forge, &repository).await.number;
        place.server.fault(COMMENTED, 9, Wrong::Instead(status, headers, body));
        place.server.take_seen();
        let first = forge.comment(&repository, number, "x").await;
        assert_eq!(
            first,
            Err(ForgeError::RateLimited { retry_after: asked.map(Duration::from_secs) }),
            "{status}"
        );
        for outcome in [
            forge.comment(&repository, number, "x").await.map(drop),
            forge.branch(&repository, "main").await.map(drop),
            forge.permission(&repository, "writer").await.map(drop),
            forge
                .regenerate_branch(&repository, &BranchWrite { expected: ExpectedHead::Absent, ..write() })
                .await
                .map(drop),
        ] {
            assert!(matches!(outcome, Err(ForgeError::RateLimited { .. })), "{outcome:?}");
        }
        assert_eq!(place.server.take_seen(), [COMMENTED], "nothing more was sent");
    }
}

fn write() -> BranchWrite {
    let content = Change { before: Vec::new(), after: b"x".to_vec() };
    BranchWrite {
        base: "main".to_owned(),
        base_oid: "0".repeat(40),
        branch: BRANCH.to_owned(),
        message: "m".to_owned(),
        files: vec![EditedFile { path: RepoPath::new(FILE).unwrap(), content }],
        by: Person { name: "k".to_owned(), email: "k@example.org".to_owned() },
        at_unix_s: 0,
        expected: ExpectedHead::Any,
        options: CommitOptions::default(),
    }
}

#[tokio::test]
async fn reads_are_repeated_and_writes_are_not() {
    let place = Place::start().await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    let number = opened(&forge, &repository).await.number;
    place.server.fault(LISTED, 1, Wrong::Instead(502, vec![], ""));
    assert_eq!(forge.pull_requests(&repository, &all()).await.unwrap().len(), 1);
    place.server.fault(COMMENTED, 1, Wrong::DoneBut(502));
    place.server.take_seen();
    assert_eq!(forge.comment(&repository, number, "x").await, Err(ForgeError::Server { status: 502 }));
    assert_eq!(place.server.take_seen(), [COMMENTED]);
    assert_eq!(place.comments(&repository, number).await, ["x"], "it had been written");
}

#[tokio::test]
async fn an_answer_lost_on_the_way_doubles_nothing_the_next_time() {
    for operation in [
        "POST /repos/{owner}/{repo}/git/refs",
        "POST /repos/{owner}/{repo}/pulls",
        "POST /repos/{owner}/{repo}/git/commits",
    ] {
        let place = Place::start().await;
        let (forge, repository) = (place.forge(), repository(&place).await);
        place.server.fault(operation, 1, Wrong::DoneBut(502));
        let mut failures = 0;
        for _ in 0..3 {
            let write = sizing(&forge, &repository, Signing::Never).await;
            let outcome = match forge.regenerate_branch(&repository, &write).await {
                Ok(_) => forge.open_pull_request(&repository, &draft()).await.map(drop),
                Err(error) => Err(error),
            };
            failures += usize::from(outcome.is_err());
        }
        assert_eq!(failures, 1, "{operation}");
        let found = forge.pull_requests(&repository, &all()).await.unwrap();
        assert_eq!(found.iter().map(|pull| pull.number).collect::<Vec<_>>(), [1], "{operation}");
        let head = forge.branch(&repository, BRANCH).await.unwrap().unwrap();
        assert_eq!(found[0].head_oid, head.oid);
        place.server.assert_documented();
    }
}

#[tokio::test]
async fn a_list_that_is_cut_is_told_and_never_taken_for_whole() {
    let place = Place::start().await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    let first = opened(&forge, &repository).await;
    for at in 0..120 {
        let head = format!("kubeopt/x-{at:08}");
        place.copy_branch(&repository, &first.head_branch, &head).await;
        let new = NewPullRequest { head, labels: Vec::new(), ..draft() };
        forge.open_pull_request(&repository, &new).await.unwrap();
    }
    assert_eq!(forge.pull_requests(&repository, &all()).await.unwrap().len(), 121);
    let last = format!("<{}api/v3/repositories/1/pulls?page=2>; rel=\"last\"", place.server.url);
    for (times, wrong) in [(1, Wrong::Cut), (1, Wrong::Header("link", last))] {
        place.server.fault(LISTED, times, wrong);
        let outcome = forge.pull_requests(&repository, &all()).await;
        assert!(matches!(outcome, Err(ForgeError::Malformed { .. })), "{outcome:?}");
    }
}

#[tokio::test]
async fn a_link_to_another_server_is_not_followed() {
    let (place, elsewhere) = (Place::start().await, Place::start().await);
    let (forge, repository) = (place.forge(), repository(&place).await);
    for link in [
        format!("{}api/v3/repos/acme/gitops/pulls?page=2", elsewhere.server.url),
        format!("{}api/v30/pulls", place.server.url),
        format!("{}login", place.server.url),
        "https://169.254.169.254/latest".to_owned(),
        "ftp://x/y".to_owned(),
    ] {
        place.server.fault(LISTED, 1, Wrong::Header("link", format!("<{link}>; rel=\"next\"")));
        place.server.take_seen();
        let outcome = forge.pull_requests(&repository, &all()).await;
        assert!(matches!(outcome, Err(ForgeError::Malformed { .. })), "{link}: {outcome:?}");
        assert_eq!(place.server.take_seen(), [LISTED], "{link}");
    }
    assert_eq!(elsewhere.server.take_seen(), [] as [String; 0]);
}

#[tokio::test]
async fn a_renamed_repository_is_found_under_its_old_name_and_keeps_its_id() {
    let place = Place::start().await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    let before = forge.repository(&repository).await.unwrap();
    let other = place.repository("other", &FileSet::new()).await;
    place.server.forge.lock().unwrap().rename("acme/gitops", "umbrella/deployments");
    assert_eq!(forge.repository(&repository).await.unwrap().id, before.id);
    let pull = opened(&forge, &repository).await;
    let query = PullRequestQuery::of_branch(BRANCH, StateFilter::Open);
    assert_eq!(forge.pull_requests(&repository, &query).await, Ok(vec![pull.clone()]));
    let body = PullRequestUpdate { body: Some("new".to_owned()), ..PullRequestUpdate::default() };
    assert_eq!(forge.update_pull_request(&repository, pull.number, &body).await.unwrap().body, "new");
    assert_ne!(forge.repository(&other).await.unwrap().id, before.id);
    place.server.assert_documented();
}

#[tokio::test]
async fn a_redirect_to_another_server_is_refused() {
    let (place, elsewhere) = (Place::start().await, Place::start().await);
    let (forge, repository) = (place.forge(), repository(&place).await);
    let number = opened(&forge, &repository).await.number;
    let there = format!("{}api/v3/x", elsewhere.server.url);
    for operation in [COMMENTED, LISTED] {
        place.server.fault(operation, 1, Wrong::Instead(301, vec![("location", there.clone())], ""));
    }
    assert!(forge.comment(&repository, number, "x").await.is_err());
    assert!(forge.pull_requests(&repository, &all()).await.is_err());
    assert_eq!(elsewhere.server.take_seen(), [] as [String; 0]);
}

#[tokio::test]
async fn an_unchanged_list_costs_no_limit() {
    let place = Place::start().await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    opened(&forge, &repository).await;
    let first = forge.comments(&repository, Timestamp::UNIX_EPOCH).await;
    let before = place.server.not_modified();
    assert_eq!(forge.comments(&repository, Timestamp::UNIX_EPOCH).await, first);
    assert!(place.server.not_modified() > before);
    let statuses: Vec<Option<u16>> = forge.take_tally().into_iter().map(|(status, _)| status).collect();
    assert!(statuses.contains(&Some(304)) && statuses.contains(&Some(201)), "{statuses:?}");
}

#[tokio::test]
async fn a_tree_that_github_cuts_is_read_folder_by_folder() {
    let place = Place::start().await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    place.server.forge.lock().unwrap().tree_entries_max = 2;
    let mut write = sizing(&forge, &repository, Signing::Never).await;
    let new = Change { before: Vec::new(), after: b"new\n".to_vec() };
    write.files.push(EditedFile { path: RepoPath::new("apps/dev/new.yaml").unwrap(), content: new.clone() });
    let written = forge.regenerate_branch(&repository, &write).await.unwrap();
    assert_eq!(place.file(&repository, BRANCH, FILE).await.unwrap(), b"cpu: 310m\n");
    assert_eq!(place.file(&repository, BRANCH, "apps/dev/new.yaml").await.unwrap(), b"new\n");
    assert_eq!(forge.regenerate_branch(&repository, &write).await, Ok(written));
    let below_a_file = RepoPath::new(&format!("{FILE}/x.yaml")).unwrap();
    write.files = vec![EditedFile { path: below_a_file, content: new }];
    let outcome = forge.regenerate_branch(&repository, &write).await;
    assert!(matches!(outcome, Err(ForgeError::Conflict { .. })), "{outcome:?}");
}

#[tokio::test]
async fn modes_are_kept_links_never_written_over_and_bytes_that_are_no_text_arrive() {
    let place = Place::start().await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    {
        let mut github = place.server.forge.lock().unwrap();
        let git = &github.of("acme/gitops").git;
        let blob = |bytes: &[u8]| git.repository.blob(bytes).unwrap();
        let entries = [
            ("run.sh", "100755", blob(b"#!/bin/sh\n")),
            ("link", "120000", blob(b"run.sh")),
            ("data", "100644", blob(&[0xff, 0])),
        ];
        let entries = entries.map(|(path, mode, oid)| (path.to_owned(), mode.to_owned(), oid));
        let head = git.head("main").unwrap();
        let tree = git.tree(Some(&head), &entries).unwrap();
        let who =
            crate::fake::git::Who { name: "P".to_owned(), email: "p@example.org".to_owned(), at_unix_s: 5 };
        git.set("main", &git.commit(&tree, &[head], "more", &who, &who).unwrap());
    }
    let mut write = sizing(&forge, &repository, Signing::Never).await;
    let edit = |path: &str, before: &[u8], after: &[u8]| EditedFile {
        path: RepoPath::new(path).unwrap(),
        content: Change { before: before.to_vec(), after: after.to_vec() },
    };
    write.files =
        vec![edit("run.sh", b"#!/bin/sh\n", b"#!/bin/sh\nexit\n"), edit("data", &[0xff, 0], &[0xfe, 0xff])];
    forge.regenerate_branch(&repository, &write).await.unwrap();
    assert_eq!(place.file(&repository, BRANCH, "data").await.unwrap(), [0xfe, 0xff]);
    {
        let mut github = place.server.forge.lock().unwrap();
        let git = &github.of("acme/gitops").git;
        let entries = git.entries(git.tree_of(&git.head(BRANCH).unwrap()).unwrap(), false);
        let script = entries.iter().find(|entry| entry["path"] == "run.sh").unwrap();
        assert_eq!(script["mode"], "100755");
    }
    write.files = vec![edit("link", b"run.sh", b"other")];
    let outcome = forge.regenerate_branch(&repository, &write).await;
    assert!(matches!(outcome, Err(ForgeError::Conflict { .. })), "{outcome:?}");
    place.server.assert_documented();
}

#[tokio::test]
async fn forks_are_not_shown_and_authors_are_told_apart() {
    let place = Place::start().await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    let number = opened(&forge, &repository).await.number;
    for who in ["ada", "other[bot]", "kubeopt-bot"] {
        place.server.forge.lock().unwrap().say_at("acme/gitops", number, who, "/kubeopt status");
    }
    let found = forge.comments(&repository, Timestamp::UNIX_EPOCH).await.unwrap();
    let kinds: Vec<AuthorKind> = found.iter().map(|comment| comment.author.kind).collect();
    assert_eq!(kinds, [AuthorKind::Person, AuthorKind::Bot, AuthorKind::Own]);
    place.server.forge.lock().unwrap().of("acme/gitops").pulls.get_mut(&number).unwrap().from = 9_999;
    assert_eq!(forge.pull_requests(&repository, &all()).await, Ok(Vec::new()));
    // Of a fork that is gone GitHub says nothing, which its document does not know.
    let gone = r#"[{"number": 9, "node_id": "PR_9", "title": "t", "state": "open", "created_at": "2026-11-20T08:00:00Z",
        "updated_at": "2026-11-20T08:00:00Z", "user": null, "body": null, "merged_at": null, "merge_commit_sha": null,
        "base": {"ref": "main", "sha": "a", "repo": {"id": 1}}, "head": {"ref": "kubeopt/x", "sha": "b", "repo": null}}]"#;
    place.server.fault(LISTED, 1, Wrong::Instead(200, vec![], gone));
    assert_eq!(forge.pull_requests(&repository, &all()).await, Ok(Vec::new()));
}

#[tokio::test]
async fn what_graphql_refuses_is_told_as_rest_would() {
    let place = Place::start().await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    let number = opened(&forge, &repository).await.number;
    let to_draft = PullRequestUpdate { is_draft: Some(true), ..PullRequestUpdate::default() };
    for (body, code) in [
        (r#"{"data": null, "errors": [{"type": "FORBIDDEN", "message": "no\nway"}]}"#, "E-FRG-002"),
        (r#"{"data": null, "errors": [{"type": "NOT_FOUND", "message": "x"}]}"#, "E-FRG-003"),
        (r#"{"data": null, "errors": [{"message": "drafts are not part of this plan"}]}"#, "E-FRG-010"),
        (r#"{"data": {"changed": {"pullRequest": {"isDraft": false}}}}"#, "E-FRG-008"),
        (r#"{"data": {"changed": null}}"#, "E-FRG-008"),
        ("<html>", "E-FRG-008"),
        (r#"{"data": null, "errors": [{"type": "RATE_LIMITED", "message": "x"}]}"#, "E-FRG-005"),
    ] {
        place.server.fault("POST /api/graphql", 1, Wrong::Instead(200, vec![], body));
        let error = forge.update_pull_request(&repository, number, &to_draft).await.unwrap_err();
        assert_eq!(error.code(), code, "{body}: {error}");
    }
}

#[tokio::test]
async fn a_label_or_reviewer_that_github_does_not_take_keeps_the_others() {
    let place = Place::start().await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    let number = opened(&forge, &repository).await.number;
    let asked = |names: &[&str]| kubeopt_forge::Asked {
        wanted: names.iter().map(|name| (*name).to_owned()).collect(),
        set_before: Vec::new(),
    };
    let long = "x".repeat(60);
    let done = forge.labels(&repository, number, &asked(&["risk: low", &long])).await.unwrap();
    assert_eq!(
        (done.there, done.set),
        (vec!["kubeopt".to_owned(), "risk: low".to_owned()], vec!["risk: low".to_owned()])
    );
    assert_eq!(done.declined[0].name, long);
    let done = forge
        .reviewers(&repository, number, &asked(&["acme/platform", "acme/none", "writer"]))
        .await
        .unwrap();
    assert_eq!(done.set, ["acme/platform", "writer"]);
    assert_eq!(done.declined.len(), 1);
    let off = kubeopt_forge::Asked { wanted: Vec::new(), set_before: done.set };
    assert_eq!(forge.reviewers(&repository, number, &off).await.unwrap().there, [] as [String; 0]);
    place.server.assert_documented();
}

#[tokio::test]
async fn a_status_that_stands_is_not_put_again() {
    let place = Place::start().await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    let oid = opened(&forge, &repository).await.head_oid;
    let status = Status {
        context: "kubeopt/verify".to_owned(),
        state: StatusState::Success,
        description: "fine".to_owned(),
        url: None,
    };
    for _ in 0..3 {
        forge.set_status(&repository, &oid, &status).await.unwrap();
    }
    let put = place
        .server
        .take_seen()
        .into_iter()
        .filter(|operation| operation.starts_with("POST /repos/{owner}/{repo}/statuses"));
    assert_eq!(put.count(), 1);
}

#[tokio::test]
async fn of_two_that_write_the_same_branch_at_once_one_is_told_that_it_was_slower() {
    let place = Place::start().await;
    let (one, other, repository) = (place.forge(), place.app(), repository(&place).await);
    let write = sizing(&one, &repository, Signing::Never).await;
    let first = BranchWrite { expected: ExpectedHead::Absent, ..write };
    let second = BranchWrite { message: "another".to_owned(), ..first.clone() };
    let outcomes = tokio::join!(
        one.regenerate_branch(&repository, &first),
        other.regenerate_branch(&repository, &second)
    );
    let (won, lost) = match outcomes {
        (Ok(won), Err(lost)) | (Err(lost), Ok(won)) => (won, lost),
        both => panic!("{both:?}"),
    };
    assert!(matches!(lost, ForgeError::Conflict { .. }), "{lost}");
    assert_eq!(one.branch(&repository, BRANCH).await.unwrap().map(|head| head.oid), Some(won.oid));
}
