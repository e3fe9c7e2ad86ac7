//! What only the local forge does: merging, diffs, records that several processes write.

use std::sync::Arc;

use kubeopt_forge::{
    BranchWrite, Check, CheckOutcome, CommitOptions, Conversation as _, ExpectedHead, Forge as _, ForgeError,
    Judgement, LocalForge, MergeOrder, NewPullRequest, Person, PullRequestQuery, PullRequestState,
    PullRequestUpdate, StateFilter, Status, StatusState, Tracking as _,
};
use kubeopt_model::{Change, EditedFile, FileSet, ForgeName, RepoPath, RepositoryId, Timestamp};
use tempfile::TempDir;

const FILE: &str = "apps/api.yaml";
const BEFORE: &str = "a: 1\nb: 2\nc: 3\nd: 4\ne: 5\nf: 6\ng: 7\nh: 8\n";

struct Place {
    forge: LocalForge,
    repository: RepositoryId,
    _folder: TempDir,
}

async fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let clock = Arc::new(|| Timestamp::from_second(1_790_000_000).unwrap());
    let forge = LocalForge::open(folder.path().join("forge")).unwrap().with_clock(clock);
    let files: FileSet = [(RepoPath::new(FILE).unwrap(), BEFORE.as_bytes().to_vec())].into();
    forge.create_repository("acme", "gitops", &files, "main").await.unwrap();
    let name = ForgeName::new("demo").unwrap();
    let repository = RepositoryId { forge: name, owner: "acme".to_owned(), name: "gitops".to_owned() };
    Place { forge, repository, _folder: folder }
}

impl Place {
    /// A branch on which one line is another, and its pull request.
    async fn propose(&self, branch: &str, from: &str, to: &str) -> u64 {
        let base = self.forge.branch(&self.repository, "main").await.unwrap().unwrap();
        let content =
            Change { before: BEFORE.as_bytes().to_vec(), after: BEFORE.replace(from, to).into_bytes() };
        let write = BranchWrite {
            base: "main".to_owned(),
            base_oid: base.oid,
            branch: branch.to_owned(),
            message: "change".to_owned(),
            files: vec![EditedFile { path: RepoPath::new(FILE).unwrap(), content }],
            by: Person { name: "kubeopt".to_owned(), email: "kubeopt@example.org".to_owned() },
            at_unix_s: 1_790_000_000,
            expected: ExpectedHead::Absent,
            options: CommitOptions::default(),
        };
        self.forge.regenerate_branch(&self.repository, &write).await.unwrap();
        self.open(branch).await.unwrap()
    }

    async fn open(&self, branch: &str) -> Result<u64, ForgeError> {
        let new = NewPullRequest {
            title: format!("size {branch}"),
            is_draft: false,
            body: "body".to_owned(),
            head: branch.to_owned(),
            base: "main".to_owned(),
            labels: vec!["b".to_owned(), "a".to_owned(), "b".to_owned()],
        };
        self.forge.open_pull_request(&self.repository, &new).await.map(|pull| pull.number)
    }

    async fn state(&self, number: u64) -> PullRequestState {
        self.forge.pull_request(&self.repository, number).await.unwrap().state
    }

    fn git(&self) -> git2::Repository {
        git2::Repository::open_bare(self.forge.repository_folder(&self.repository).unwrap()).unwrap()
    }
}

#[tokio::test]
async fn two_requests_that_touch_other_lines_both_merge() {
    let place = place().await;
    let first = place.propose("kubeopt/a", "a: 1", "a: one").await;
    let second = place.propose("kubeopt/h", "h: 8", "h: eight").await;
    for number in [first, second] {
        place.forge.merge(&place.repository, number, "ada").await.unwrap();
        assert_eq!(place.state(number).await, PullRequestState::Merged);
    }
    let git = place.git();
    let head = git.find_reference("refs/heads/main").unwrap().peel_to_commit().unwrap();
    assert_eq!(head.parent_count(), 2);
    assert_eq!(head.author().name().unwrap(), "ada");
    let blob = head.tree().unwrap().get_path(FILE.as_ref()).unwrap().to_object(&git).unwrap();
    let text = String::from_utf8(blob.as_blob().unwrap().content().to_vec()).unwrap();
    assert_eq!(text, BEFORE.replace("a: 1", "a: one").replace("h: 8", "h: eight"));
}

#[tokio::test]
async fn requests_that_change_the_same_line_conflict_and_nothing_moves() {
    let place = place().await;
    let first = place.propose("kubeopt/one", "a: 1", "a: one").await;
    let second = place.propose("kubeopt/two", "a: 1", "a: two").await;
    let merge = place.forge.merge(&place.repository, first, "ada").await.unwrap();
    let outcome = place.forge.merge(&place.repository, second, "ada").await;
    assert!(matches!(outcome, Err(ForgeError::Conflict { .. })), "{outcome:?}");
    assert_eq!(place.state(second).await, PullRequestState::Open);
    let head = place.forge.branch(&place.repository, "main").await.unwrap().unwrap();
    assert_eq!(head.oid, merge.oid);
    let again = place.forge.merge(&place.repository, first, "ada").await;
    assert!(matches!(again, Err(ForgeError::Conflict { .. })), "{again:?}");
}

#[tokio::test]
async fn a_diff_shows_the_change_before_and_after_the_merge() {
    let place = place().await;
    let number = place.propose("kubeopt/a", "b: 2", "b: two").await;
    let other = place.propose("kubeopt/h", "h: 8", "h: eight").await;
    place.forge.merge(&place.repository, other, "ada").await.unwrap();
    let open = place.forge.diff(&place.repository, number).await.unwrap();
    assert!(open.contains("--- a/apps/api.yaml\n+++ b/apps/api.yaml\n"), "{open}");
    assert!(open.contains("\n-b: 2\n+b: two\n") && !open.contains("eight"), "{open}");
    place.forge.merge(&place.repository, number, "ada").await.unwrap();
    let merged = place.forge.diff(&place.repository, number).await.unwrap();
    assert!(merged.contains("\n-b: 2\n+b: two\n") && !merged.contains("+h: eight"), "{merged}");
}

#[tokio::test]
async fn a_draft_is_not_merged_before_somebody_says_that_it_is_ready() {
    let place = place().await;
    let number = place.propose("kubeopt/a", "a: 1", "a: one").await;
    let draft = PullRequestUpdate { is_draft: Some(true), ..PullRequestUpdate::default() };
    place.forge.update_pull_request(&place.repository, number, &draft).await.unwrap();
    let base = place.forge.branch(&place.repository, "main").await.unwrap();
    let outcome = place.forge.merge(&place.repository, number, "ada").await;
    assert_eq!(outcome, Err(ForgeError::Draft { number }));
    let problem = ForgeError::Draft { number }.problem();
    assert_eq!(problem.text, "pull request 1 is a draft, and a draft is not merged");
    assert!(problem.help.contains("\"Ready for review\""), "{problem}");
    assert_eq!(place.forge.branch(&place.repository, "main").await.unwrap(), base);
    for _ in 0..2 {
        let ready = place.forge.mark_ready(&place.repository, number).await.unwrap();
        assert!(!ready.is_draft);
    }
    place.forge.merge(&place.repository, number, "ada").await.unwrap();
    assert_eq!(place.state(number).await, PullRequestState::Merged);
}

#[tokio::test]
async fn a_record_of_a_version_without_drafts_is_none() {
    let place = place().await;
    let number = place.propose("kubeopt/a", "a: 1", "a: one").await;
    let (git, reference) = (place.git(), "refs/kubeopt/pulls/1");
    let tip = git.find_reference(reference).unwrap().peel_to_commit().unwrap();
    let blob = tip.tree().unwrap().get_name("pull.json").unwrap().to_object(&git).unwrap();
    let mut record: serde_json::Value = serde_json::from_slice(blob.as_blob().unwrap().content()).unwrap();
    assert_eq!(record.as_object_mut().unwrap().remove("draft"), Some(serde_json::json!(false)));
    let mut update = git2::build::TreeUpdateBuilder::new();
    let old = git.blob(record.to_string().as_bytes()).unwrap();
    update.upsert("pull.json", old, git2::FileMode::Blob);
    let tree = git.find_tree(update.create_updated(&git, &tip.tree().unwrap()).unwrap()).unwrap();
    let who = git2::Signature::new("p", "p@example.org", &git2::Time::new(1, 0)).unwrap();
    git.commit(Some(reference), &who, &who, "old", &tree, &[&tip]).unwrap();
    assert!(!place.forge.pull_request(&place.repository, number).await.unwrap().is_draft);
}

#[tokio::test]
async fn a_merge_by_git_itself_is_seen() {
    let place = place().await;
    let number = place.propose("kubeopt/a", "a: 1", "a: one").await;
    let pull = place.forge.pull_request(&place.repository, number).await.unwrap();
    let head = git2::Oid::from_str(&pull.head_oid).unwrap();
    // A fast-forward push to main, as `git merge --ff` and `git push` would do.
    place.git().reference("refs/heads/main", head, true, "push").unwrap();
    let seen = place.forge.pull_request(&place.repository, number).await.unwrap();
    assert_eq!((seen.state, seen.merge_commit), (PullRequestState::Merged, Some(pull.head_oid)));
}

#[tokio::test]
async fn a_stop_between_merge_and_record_loses_nothing() {
    let place = place().await;
    let number = place.propose("kubeopt/a", "a: 1", "a: one").await;
    let record = place.git().refname_to_id("refs/kubeopt/pulls/1").unwrap();
    let merge = place.forge.merge(&place.repository, number, "ada").await.unwrap();
    // The record as it was before: the process ended right after the branch moved.
    place.git().reference("refs/kubeopt/pulls/1", record, true, "back").unwrap();
    let seen = place.forge.pull_request(&place.repository, number).await.unwrap();
    assert_eq!((seen.state, seen.merge_commit), (PullRequestState::Merged, Some(merge.oid)));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn numbers_and_comments_are_never_given_twice() {
    let place = Arc::new(place().await);
    let branches: Vec<String> = (0..8).map(|at| format!("kubeopt/n{at}")).collect();
    let mut number = 0;
    for (at, branch) in branches.iter().enumerate() {
        number = place.propose(branch, "a: 1", &format!("a: {at}x")).await;
    }
    assert_eq!(number, 8);
    let mut tasks = Vec::new();
    for at in 0..16 {
        let place = Arc::clone(&place);
        tasks.push(tokio::spawn(async move {
            let text = format!("comment {at}");
            place.forge.comment_as(&place.repository, 1, "ada", &text).await.unwrap()
        }));
    }
    let mut ids = Vec::new();
    for task in tasks {
        ids.push(task.await.unwrap());
    }
    ids.sort_unstable();
    assert_eq!(ids, (1..=16).collect::<Vec<u64>>());
    let texts = place.forge.comments_on(&place.repository, 1).await.unwrap();
    assert_eq!(texts.iter().map(|c| c.body.as_str()).collect::<std::collections::BTreeSet<_>>().len(), 16);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn racing_for_one_branch_opens_one_request() {
    let place = Arc::new(place().await);
    let first = place.propose("kubeopt/a", "a: 1", "a: one").await;
    place.forge.close(&place.repository, first).await.unwrap();
    let mut tasks = Vec::new();
    for _ in 0..8 {
        let place = Arc::clone(&place);
        tasks.push(tokio::spawn(async move { place.open("kubeopt/a").await.unwrap() }));
    }
    let mut numbers = std::collections::BTreeSet::new();
    for task in tasks {
        numbers.insert(task.await.unwrap());
    }
    assert_eq!(numbers, [2].into());
    let query = PullRequestQuery::with_prefix("kubeopt/", StateFilter::All);
    assert_eq!(place.forge.pull_requests(&place.repository, &query).await.unwrap().len(), 2);
}

#[tokio::test]
async fn names_that_leave_the_folder_are_refused() {
    let place = place().await;
    let files = FileSet::new();
    for (owner, name) in
        [("..", "x"), ("a/b", "x"), ("acme", ".hidden"), ("acme", "-x"), ("", "x"), ("acme", "")]
    {
        let outcome = place.forge.create_repository(owner, name, &files, "main").await;
        assert!(matches!(outcome, Err(ForgeError::Refused { .. })), "{owner}/{name}");
    }
    let again = place.forge.create_repository("acme", "gitops", &files, "main").await;
    assert!(matches!(again, Err(ForgeError::Refused { .. })), "{again:?}");
    let all = place.forge.repositories().await.unwrap();
    assert_eq!(all, [("acme".to_owned(), "gitops".to_owned())]);
}

#[tokio::test]
async fn files_keep_their_mode_and_links_are_never_written_over() {
    let place = place().await;
    let git = place.git();
    let main = git.find_reference("refs/heads/main").unwrap().peel_to_commit().unwrap();
    let mut update = git2::build::TreeUpdateBuilder::new();
    update.upsert("run.sh", git.blob(b"old\n").unwrap(), git2::FileMode::BlobExecutable);
    update.upsert("link", git.blob(b"old\n").unwrap(), git2::FileMode::Link);
    let tree = git.find_tree(update.create_updated(&git, &main.tree().unwrap()).unwrap()).unwrap();
    let who = git2::Signature::new("p", "p@example.org", &git2::Time::new(1, 0)).unwrap();
    let base = git.commit(Some("refs/heads/main"), &who, &who, "m", &tree, &[&main]).unwrap();
    let write = |path: &str| BranchWrite {
        base: "main".to_owned(),
        base_oid: base.to_string(),
        branch: "kubeopt/mode".to_owned(),
        message: "change".to_owned(),
        files: vec![EditedFile {
            path: RepoPath::new(path).unwrap(),
            content: Change { before: b"old\n".to_vec(), after: b"new\n".to_vec() },
        }],
        by: Person { name: "kubeopt".to_owned(), email: "kubeopt@example.org".to_owned() },
        at_unix_s: 0,
        expected: ExpectedHead::Any,
        options: CommitOptions::default(),
    };
    let outcome = place.forge.regenerate_branch(&place.repository, &write("link")).await;
    assert!(matches!(outcome, Err(ForgeError::Conflict { .. })), "{outcome:?}");
    place.forge.regenerate_branch(&place.repository, &write("run.sh")).await.unwrap();
    let tree = git.find_reference("refs/heads/kubeopt/mode").unwrap().peel_to_tree().unwrap();
    assert_eq!(tree.get_name("run.sh").unwrap().filemode(), i32::from(git2::FileMode::BlobExecutable));
}

#[tokio::test]
async fn a_merge_that_was_ordered_lands_the_head_that_was_decided_about_and_no_other() {
    let place = place().await;
    let number = place.propose("kubeopt/a", "a: 1", "a: one").await;
    let pull = place.forge.pull_request(&place.repository, number).await.unwrap();
    let order = |head_oid: &str| MergeOrder {
        head_oid: head_oid.to_owned(),
        title: "chore(rightsizing): api".to_owned(),
        message: "Kept within the policy.\n".to_owned(),
    };
    let merge = async |head_oid: &str| {
        Judgement::merge(&place.forge, &place.repository, number, &order(head_oid)).await
    };
    let base = place.forge.branch(&place.repository, "main").await.unwrap().unwrap();
    let outcome = merge(&base.oid).await;
    assert!(matches!(outcome, Err(ForgeError::Conflict { .. })), "{outcome:?}");
    assert_eq!(place.forge.branch(&place.repository, "main").await.unwrap().unwrap(), base);
    let merged = merge(&pull.head_oid).await.unwrap();
    let head = place.forge.branch(&place.repository, "main").await.unwrap().unwrap();
    assert_eq!((head.oid.as_str(), head.parents), (merged.as_str(), vec![base.oid, pull.head_oid.clone()]));
    assert_eq!(head.message, "chore(rightsizing): api\n\nKept within the policy.");
    // The answer was lost: asked again, it is the same merge.
    assert_eq!(merge(&pull.head_oid).await, Ok(merged));
}

#[tokio::test]
async fn a_tick_of_a_person_changes_one_box() {
    let place = place().await;
    let (forge, repository) = (&place.forge, &place.repository);
    let body = "- [ ] a <!-- open=a -->\n  - [ ] b <!-- open=b -->\r\n- [x] b <!-- open=b -->\n- [ ] b";
    let issue = forge.open_issue(repository, "Rightsizing", body).await.unwrap();
    let ticked = forge.tick_box(repository, issue.number, "<!-- open=b -->").await.unwrap();
    assert_eq!(ticked.body, body.replacen("- [ ] b", "- [x] b", 1));
    let outcome = forge.tick_box(repository, issue.number, "<!-- open=b -->").await;
    assert!(matches!(outcome, Err(ForgeError::NotFound { .. })), "{outcome:?}");
    forge.switch_issues(repository, false).await.unwrap();
    forge.switch_issues(repository, true).await.unwrap();
    assert_eq!(forge.own_issues(repository).await.unwrap(), [ticked]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn issues_that_are_opened_at_once_have_numbers_of_their_own() {
    let place = Arc::new(place().await);
    let mut tasks = Vec::new();
    for at in 0..8 {
        let place = Arc::clone(&place);
        tasks.push(tokio::spawn(async move {
            place.forge.open_issue(&place.repository, &format!("t{at}"), "").await.unwrap().number
        }));
    }
    let mut numbers = Vec::new();
    for task in tasks {
        numbers.push(task.await.unwrap());
    }
    numbers.sort_unstable();
    assert_eq!(numbers, (1..=8).collect::<Vec<u64>>());
    let records = place.git().references_glob("refs/kubeopt/pulls/*").unwrap().count();
    assert_eq!(records, 0, "issues are no pull requests");
}

#[tokio::test]
async fn checks_and_statuses_of_one_name_are_told_as_the_worse_one() {
    let place = place().await;
    let number = place.propose("kubeopt/a", "a: 1", "a: one").await;
    let oid = place.forge.pull_request(&place.repository, number).await.unwrap().head_oid;
    let check = |outcome| Check { name: "kubeopt/verify".to_owned(), outcome };
    let status = Status {
        context: "kubeopt/verify".to_owned(),
        state: StatusState::Success,
        description: String::new(),
        url: None,
    };
    place.forge.set_check(&place.repository, &oid, &check(CheckOutcome::Red)).await.unwrap();
    place.forge.set_status(&place.repository, &oid, &status).await.unwrap();
    let seen = async || place.forge.checks(&place.repository, &oid).await.unwrap();
    assert_eq!(seen().await, [check(CheckOutcome::Red)]);
    place.forge.set_check(&place.repository, &oid, &check(CheckOutcome::Neutral)).await.unwrap();
    assert_eq!(seen().await, [check(CheckOutcome::Green)]);
    assert_eq!(place.forge.statuses(&place.repository, &oid).await.unwrap(), [status], "only statuses");
}
