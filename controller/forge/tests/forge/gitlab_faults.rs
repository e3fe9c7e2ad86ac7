//! What GitLab and the way to it do wrong, and what only GitLab does.

use std::time::Duration;

use kubeopt_forge::contract::Fixture as _;
use kubeopt_forge::{
    Asked, AuthorKind, BranchWrite, CommitOptions, Conversation as _, ExpectedHead, Forge as _, ForgeError,
    GitlabForge, Made, NewPullRequest, Permission, Person, PullRequest, PullRequestQuery, PullRequestState,
    PullRequestUpdate, Signing, StateFilter,
};
use kubeopt_model::{Change, EditedFile, FileSet, RepoPath, RepositoryId, Timestamp};

use crate::fake::server::Wrong;
use crate::gitlab::{Place, path_of};

const FILE: &str = "apps/prod/api.yaml";
const BRANCH: &str = "kubeopt/api-00000000";
const LISTED: &str = "GET /projects/{id}/merge_requests";
const NOTED: &str = "POST /projects/{id}/merge_requests/{merge_request_iid}/notes";

pub(crate) async fn repository(place: &Place) -> RepositoryId {
    let files: FileSet = [(RepoPath::new(FILE).unwrap(), b"cpu: 1\n".to_vec())].into_iter().collect();
    place.repository("gitops", &files).await
}

pub(crate) async fn sizing(forge: &GitlabForge, repository: &RepositoryId, signing: Signing) -> BranchWrite {
    let content = Change { before: b"cpu: 1\n".to_vec(), after: b"cpu: 310m\n".to_vec() };
    BranchWrite {
        base: "main".to_owned(),
        base_oid: forge.branch(repository, "main").await.unwrap().unwrap().oid,
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

pub(crate) async fn opened(forge: &GitlabForge, repository: &RepositoryId) -> PullRequest {
    let write = sizing(forge, repository, Signing::Never).await;
    forge.regenerate_branch(repository, &write).await.unwrap();
    forge.open_pull_request(repository, &draft()).await.unwrap()
}

fn all() -> PullRequestQuery {
    PullRequestQuery::with_prefix("kubeopt/", StateFilter::All)
}

#[tokio::test]
async fn a_limit_silences_all_calls_until_its_end() {
    let at_eight = || ("date", "Fri, 20 Nov 2026 08:00:00 GMT".to_owned());
    let reset = || ("ratelimit-reset", "1795163400".to_owned());
    for headers in [
        vec![("retry-after", "1800".to_owned())],
        vec![("ratelimit-remaining", "0".to_owned()), reset(), at_eight()],
    ] {
        let place = Place::start("acme").await;
        let (forge, repository) = (place.forge(), repository(&place).await);
        let number = opened(&forge, &repository).await.number;
        place.server.fault(NOTED, 9, Wrong::Instead(429, headers, "Retry later"));
        place.server.take_seen();
        let first = forge.comment(&repository, number, "x").await;
        assert_eq!(first, Err(ForgeError::RateLimited { retry_after: Some(Duration::from_secs(1800)) }));
        let second = forge.permission(&repository, "writer").await;
        assert!(matches!(second, Err(ForgeError::RateLimited { .. })), "{second:?}");
        assert_eq!(place.server.take_seen(), [NOTED], "nothing more was sent");
    }
}

#[tokio::test]
async fn an_answer_lost_on_the_way_doubles_nothing_the_next_time() {
    for operation in ["POST /projects/{id}/repository/commits", "POST /projects/{id}/merge_requests"] {
        let place = Place::start("acme").await;
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
        let commits = place
            .server
            .take_seen()
            .into_iter()
            .filter(|seen| seen == "POST /projects/{id}/repository/commits");
        assert_eq!(commits.count(), 1, "{operation}");
        let found = forge.pull_requests(&repository, &all()).await.unwrap();
        assert_eq!(found.iter().map(|pull| pull.number).collect::<Vec<_>>(), [1], "{operation}");
        place.server.assert_documented();
    }
}

#[tokio::test]
async fn a_list_that_is_cut_is_told_and_never_taken_for_whole() {
    let place = Place::start("acme").await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    opened(&forge, &repository).await;
    let without_end = Wrong::Header("x-total-pages", "3".to_owned());
    for wrong in [Wrong::Cut, without_end, Wrong::Instead(200, vec![], "<html>")] {
        place.server.fault(LISTED, 1, wrong);
        let outcome = forge.pull_requests(&repository, &all()).await;
        assert!(matches!(outcome, Err(ForgeError::Malformed { .. })), "{outcome:?}");
    }
    place.server.fault(LISTED, 1, Wrong::Instead(503, vec![], ""));
    assert_eq!(forge.pull_requests(&repository, &all()).await.unwrap().len(), 1, "reads are repeated");
}

#[tokio::test]
async fn a_renamed_project_keeps_its_id_and_is_written_to_by_it() {
    let place = Place::start("acme").await;
    let repository = repository(&place).await;
    let before = place.forge().repository(&repository).await.unwrap();
    place.server.forge.lock().unwrap().rename("acme/gitops", "umbrella/platform/deployments");
    // One that knew it, and one that asks for the first time.
    for forge in [place.forge(), place.forge()] {
        assert_eq!(forge.repository(&repository).await.unwrap().id, before.id);
        let pull = opened(&forge, &repository).await;
        assert_eq!(forge.pull_requests(&repository, &all()).await, Ok(vec![pull]));
    }
}

#[tokio::test]
async fn a_group_within_a_group_has_projects_too() {
    let place = Place::start("acme/platform/teams").await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    let facts = forge.repository(&repository).await.unwrap();
    assert_eq!(facts.clone_url, format!("{}acme/platform/teams/gitops.git", place.server.url));
    let pull = opened(&forge, &repository).await;
    assert_eq!(pull.url, format!("{}acme/platform/teams/gitops/-/merge_requests/1", place.server.url));
    let dots = RepositoryId { owner: "acme/../other".to_owned(), ..repository };
    assert!(matches!(forge.repository(&dots).await, Err(ForgeError::Refused { .. })));
}

#[tokio::test]
async fn a_token_that_is_not_accepted_is_told_and_never_shown() {
    let place = Place::start("acme").await;
    let repository = repository(&place).await;
    let forge = place.forge_with("glpat-expired");
    let error = forge.repository(&repository).await.unwrap_err();
    assert_eq!(error, ForgeError::Unauthorized);
    assert!(!format!("{forge:?} {error:?} {}", error.problem()).contains("glpat-"));
    assert_eq!(place.server.tokens(), ["glpat-expired"]);
}

#[tokio::test]
async fn the_account_commits_and_the_person_is_the_author() {
    let place = Place::start("acme").await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    let write = sizing(&forge, &repository, Signing::Never).await;
    let written = forge.regenerate_branch(&repository, &write).await.unwrap();
    assert_eq!((written.made, written.author_email.as_str()), (Made::CommittedByOwn, "kubeopt@example.org"));
    assert!(written.is_by("kubeopt@example.org") && !written.is_by("other@example.org"));
    place.commit(&repository, BRANCH, FILE, b"cpu: 2\n").await;
    let by_hand = forge.branch(&repository, BRANCH).await.unwrap().unwrap();
    assert!(!by_hand.is_by("kubeopt@example.org"), "{by_hand:?}");
}

#[tokio::test]
async fn a_signature_is_asked_for_where_it_matters() {
    let place = Place::start("acme").await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    let required = sizing(&forge, &repository, Signing::Required).await;
    let error = forge.regenerate_branch(&repository, &required).await.unwrap_err();
    assert_eq!(error.to_string(), "the forge refuses: the forge did not sign the commit (unsigned)");
    let wanted = sizing(&forge, &repository, Signing::Wanted).await;
    assert_eq!(forge.regenerate_branch(&repository, &wanted).await.unwrap().made, Made::ByOwn);
    place.server.forge.lock().unwrap().signs = true;
    let written = forge.regenerate_branch(&repository, &required).await.unwrap();
    assert!(written.is_by("kubeopt@example.org"));
    assert_eq!(forge.regenerate_branch(&repository, &required).await, Ok(written), "the same again");
}

#[tokio::test]
async fn words_of_others_are_no_commands_in_kubeopts_name() {
    let place = Place::start("acme").await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    let pull = opened(&forge, &repository).await;
    forge.comment(&repository, pull.number, "as asked:\n/close\n").await.unwrap();
    forge.ensure_comment(&repository, pull.number, "1", "/close").await.unwrap();
    let body = PullRequestUpdate { body: Some("/close\nnow".to_owned()), ..PullRequestUpdate::default() };
    let updated = forge.update_pull_request(&repository, pull.number, &body).await.unwrap();
    assert_eq!((updated.state, updated.body.as_str()), (PullRequestState::Open, "\\/close\nnow"));
    place.server.take_seen();
    assert_eq!(forge.update_pull_request(&repository, pull.number, &body).await, Ok(updated));
    assert!(place.server.take_seen().iter().all(|seen| seen.starts_with("GET ")), "nothing is sent again");
    let texts = place.comments(&repository, pull.number).await;
    assert_eq!(texts, ["as asked:\n\\/close\n", "\\/close\n\n<!-- kubeopt:reply:1 -->"]);
}

#[tokio::test]
async fn what_gitlab_notes_itself_and_remarks_on_lines_are_no_comments() {
    let place = Place::start("acme").await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    let number = opened(&forge, &repository).await.number;
    let path = path_of(&repository);
    {
        let mut gitlab = place.server.forge.lock().unwrap();
        for who in ["writer", "group_7_bot_x", "ghost"] {
            gitlab.say_at(&path, number, who, "/kubeopt status");
        }
        let on_line = gitlab.say_at(&path, number, "writer", "why?");
        gitlab.of(&path).notes.get_mut(&on_line).unwrap().kind = Some("DiffNote");
        let system = gitlab.say_at(&path, number, "writer", "changed the description");
        gitlab.of(&path).notes.get_mut(&system).unwrap().is_system = true;
    }
    let found = forge.comments(&repository, Timestamp::UNIX_EPOCH).await.unwrap();
    let kinds: Vec<AuthorKind> = found.iter().map(|comment| comment.author.kind).collect();
    assert_eq!(kinds, [AuthorKind::Person, AuthorKind::Bot, AuthorKind::Bot]);
}

#[tokio::test]
async fn roles_say_what_an_account_may() {
    let place = Place::start("acme").await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    for (role, visibility, expected) in [
        (50, "private", Permission::Admin),
        (40, "private", Permission::Admin),
        (30, "private", Permission::Write),
        (20, "private", Permission::Read),
        (10, "private", Permission::Read),
        (5, "private", Permission::None),
        (5, "internal", Permission::Read),
        (0, "public", Permission::Read),
    ] {
        {
            let mut gitlab = place.server.forge.lock().unwrap();
            let project = gitlab.of("acme/gitops");
            project.visibility = visibility;
            project.members.insert("ada".to_owned(), role);
        }
        assert_eq!(forge.permission(&repository, "Ada").await, Ok(expected), "{role} {visibility}");
    }
}

#[tokio::test]
async fn whom_gitlab_does_not_take_is_told() {
    let place = Place::start("acme").await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    let number = opened(&forge, &repository).await.number;
    place.server.forge.lock().unwrap().people_max = 1;
    let asked = |names: &[&str]| Asked {
        wanted: names.iter().map(|name| (*name).to_owned()).collect(),
        set_before: Vec::new(),
    };
    let done =
        forge.reviewers(&repository, number, &asked(&["writer", "reader", "acme/platform"])).await.unwrap();
    assert_eq!((done.set.len(), done.declined.len()), (1, 2), "{done:?}");
    let done = forge.labels(&repository, number, &asked(&["one,two", "three"])).await.unwrap();
    assert_eq!((done.set, done.declined.len()), (vec!["three".to_owned()], 1));
    let done = forge.assignees(&repository, number, &asked(&["nobody"])).await.unwrap();
    assert_eq!((done.there.len(), done.declined.len()), (0, 1));
    place.server.assert_documented();
}

#[tokio::test]
async fn requests_from_forks_are_not_shown_and_a_fast_forward_has_its_own_merge_commit() {
    let place = Place::start("acme").await;
    let (forge, repository) = (place.forge(), repository(&place).await);
    let pull = opened(&forge, &repository).await;
    {
        let mut gitlab = place.server.forge.lock().unwrap();
        let request = gitlab.of("acme/gitops").requests.get_mut(&pull.number).unwrap();
        (request.state, request.merge_commit) = ("merged", None);
    }
    let merged = forge.pull_requests(&repository, &all()).await.unwrap();
    assert_eq!(merged[0].merge_commit.as_ref(), Some(&pull.head_oid));
    place.server.forge.lock().unwrap().of("acme/gitops").requests.get_mut(&pull.number).unwrap().from = 9_999;
    assert_eq!(forge.pull_requests(&repository, &all()).await, Ok(Vec::new()));
}
