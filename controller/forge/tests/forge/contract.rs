//! The contract on the local forge.

use async_trait::async_trait;
use kubeopt_forge::contract::{Accounts, Deleted, Fixture, Judges, TakeOff, contract, contract_of_judgement};
use kubeopt_forge::{
    Asked, Check, CheckOutcome, CommentId, Conversation as _, Forge as _, IssueUpdate, LocalForge, Status,
    Tracking as _, Verdict,
};
use kubeopt_model::{FileSet, ForgeName, RepositoryId};

struct Folder(LocalForge);

impl Folder {
    fn git(&self, repository: &RepositoryId) -> git2::Repository {
        git2::Repository::open_bare(self.0.repository_folder(repository).unwrap()).unwrap()
    }
}

#[async_trait(?Send)]
impl Fixture for Folder {
    async fn repository(&self, name: &str, files: &FileSet) -> RepositoryId {
        self.0.create_repository("acme", name, files, "main").await.unwrap();
        let forge = ForgeName::new("local").unwrap();
        RepositoryId { forge, owner: "acme".to_owned(), name: name.to_owned() }
    }

    async fn commit(&self, repository: &RepositoryId, branch: &str, path: &str, content: &[u8]) -> String {
        let git = self.git(repository);
        let reference = format!("refs/heads/{branch}");
        let parent = git.find_reference(&reference).unwrap().peel_to_commit().unwrap();
        let mut update = git2::build::TreeUpdateBuilder::new();
        update.upsert(path, git.blob(content).unwrap(), git2::FileMode::Blob);
        let tree = update.create_updated(&git, &parent.tree().unwrap()).unwrap();
        let who = git2::Signature::new("Person", "person@example.org", &git2::Time::new(1, 0)).unwrap();
        let tree = git.find_tree(tree).unwrap();
        git.commit(Some(&reference), &who, &who, "By hand", &tree, &[&parent]).unwrap().to_string()
    }

    async fn copy_branch(&self, repository: &RepositoryId, from: &str, to: &str) {
        let git = self.git(repository);
        let head = git.refname_to_id(&format!("refs/heads/{from}")).unwrap();
        git.reference(&format!("refs/heads/{to}"), head, false, "copy").unwrap();
    }

    async fn merge(&self, repository: &RepositoryId, number: u64) -> String {
        self.0.merge(repository, number, "reviewer").await.unwrap().oid
    }

    async fn file(&self, repository: &RepositoryId, branch: &str, path: &str) -> Option<Vec<u8>> {
        let git = self.git(repository);
        let tree = git.find_reference(&format!("refs/heads/{branch}")).unwrap().peel_to_tree().unwrap();
        let entry = tree.get_path(std::path::Path::new(path)).ok()?;
        Some(entry.to_object(&git).unwrap().peel_to_blob().unwrap().content().to_vec())
    }

    async fn comments(&self, repository: &RepositoryId, number: u64) -> Vec<String> {
        let found = self.0.comments_on(repository, number).await.unwrap();
        found.into_iter().map(|comment| comment.body).collect()
    }

    async fn comment(&self, repository: &RepositoryId, number: u64, text: &str) -> u64 {
        self.0.comment_as(repository, number, "writer", text).await.unwrap()
    }

    async fn edit_comment(&self, repository: &RepositoryId, comment: CommentId, text: &str) {
        self.0.edit_comment(repository, comment, text).await.unwrap();
    }

    async fn delete_comment(&self, _repository: &RepositoryId, _comment: CommentId) -> Deleted {
        Deleted::Never
    }

    async fn reactions(&self, repository: &RepositoryId, comment: CommentId) -> Vec<String> {
        let found = self.0.comments_on(repository, comment.pull_request).await.unwrap();
        let found = found.into_iter().find(|found| found.id == comment.id).unwrap();
        let mut words: Vec<String> =
            found.reactions.into_iter().map(|reaction| reaction.word().to_owned()).collect();
        words.sort();
        words
    }

    async fn accounts(&self, repository: &RepositoryId) -> Accounts {
        let file = self.0.repository_folder(repository).unwrap().join("kubeopt-people");
        std::fs::write(file, "writer write\nacme admin\nreader read\n").unwrap();
        let [writer, reader, nobody] = ["writer", "reader", "nobody"].map(str::to_owned);
        Accounts { writer, reader, nobody }
    }

    async fn statuses(&self, repository: &RepositoryId, oid: &str) -> Vec<(String, String, String)> {
        let found = self.0.statuses(repository, oid).await.unwrap();
        let as_text = |status: Status| (status.context, status.state.word().to_owned(), status.description);
        found.into_iter().map(as_text).collect()
    }

    async fn take_off(&self, repository: &RepositoryId, number: u64, what: TakeOff<'_>) {
        let off = |name: &str| Asked { wanted: Vec::new(), set_before: vec![name.to_owned()] };
        let done = match what {
            TakeOff::Label(name) => self.0.labels(repository, number, &off(name)).await,
            TakeOff::Reviewer(name) => self.0.reviewers(repository, number, &off(name)).await,
            TakeOff::Assignee(name) => self.0.assignees(repository, number, &off(name)).await,
        };
        assert!(done.unwrap().declined.is_empty());
    }
}

#[async_trait(?Send)]
impl Judges for Folder {
    async fn review(&self, repository: &RepositoryId, number: u64, by: &str, verdict: Verdict) {
        self.0.review_as(repository, number, by, verdict).await.unwrap();
    }

    async fn dismiss(&self, repository: &RepositoryId, number: u64, of: &str) {
        self.0.dismiss_reviews(repository, number, of).await.unwrap();
    }

    async fn check(&self, repository: &RepositoryId, oid: &str, name: &str, outcome: CheckOutcome) {
        let check = Check { name: name.to_owned(), outcome };
        self.0.set_check(repository, oid, &check).await.unwrap();
    }

    async fn settle(&self, _repository: &RepositoryId, _number: u64) {}

    async fn open_issue_as_person(&self, repository: &RepositoryId, title: &str) {
        self.0.open_issue_as(repository, "writer", title, "").await.unwrap();
    }

    async fn edit_issue(&self, repository: &RepositoryId, number: u64, body: &str) {
        let update = IssueUpdate { body: Some(body.to_owned()), ..IssueUpdate::default() };
        self.0.update_issue(repository, number, &update).await.unwrap();
    }

    async fn switch_issues_off(&self, repository: &RepositoryId) {
        self.0.switch_issues(repository, false).await.unwrap();
    }
}

#[tokio::test]
async fn the_local_forge_keeps_the_contract_of_judgement() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Folder(LocalForge::open(folder.path()).unwrap());
    contract_of_judgement(&fixture.0.clone(), &fixture).await;
    let made = fixture.0.repositories().await.unwrap();
    assert!(made.contains(&("acme".to_owned(), "trackless".to_owned())), "the suite has run: {made:?}");
}

#[tokio::test]
async fn the_local_forge_keeps_the_contract() {
    let folder = tempfile::tempdir().unwrap();
    let fixture = Folder(LocalForge::open(folder.path()).unwrap());
    contract(&fixture.0.clone(), &fixture).await;
    let made = fixture.0.repositories().await.unwrap();
    assert!(made.contains(&("acme".to_owned(), "many".to_owned())), "the suite has run: {made:?}");
    let id = RepositoryId {
        forge: ForgeName::new("local").unwrap(),
        owner: "acme".to_owned(),
        name: "many".to_owned(),
    };
    assert_eq!(fixture.0.repository(&id).await.unwrap().default_branch, "main");
}
