//! What the clauses make: repositories, branches and pull requests of a small sample.

use kubeopt_model::{Change, EditedFile, FileSet, RepoPath, RepositoryId};

use super::fixture::Fixture;
use crate::branch::{BranchHead, BranchWrite, CommitOptions, ExpectedHead, Person};
use crate::forge::Forge;
use crate::pull_request::{NewPullRequest, PullRequest};

/// The file that most clauses change.
pub(super) const FILE: &str = "apps/api.yaml";

pub(super) const BEFORE: &str = "# sized by hand\nresources:\n  requests:\n    cpu: \"1\"\n";

fn files(entries: &[(&str, &str)]) -> FileSet {
    entries.iter().map(|(path, text)| (path_of(path), text.as_bytes().to_vec())).collect()
}

fn path_of(text: &str) -> RepoPath {
    RepoPath::new(text).expect("the suite writes valid paths")
}

pub(super) async fn repository(fixture: &dyn Fixture, name: &str) -> RepositoryId {
    fixture.repository(name, &files(&[(FILE, BEFORE), ("README.md", "# gitops\n")])).await
}

pub(super) async fn head(forge: &dyn Forge, repository: &RepositoryId, branch: &str) -> BranchHead {
    let found = forge.branch(repository, branch).await.expect("a branch can be read");
    found.unwrap_or_else(|| panic!("branch {branch} is there"))
}

/// A write that sets the CPU request to `cpu`, on the base as it is now.
pub(super) async fn sizing(
    forge: &dyn Forge,
    repository: &RepositoryId,
    branch: &str,
    cpu: &str,
) -> BranchWrite {
    BranchWrite {
        base: "main".to_owned(),
        base_oid: head(forge, repository, "main").await.oid,
        branch: branch.to_owned(),
        message: format!("chore(rightsizing): api to {cpu}\n\nMeasured over 28 days."),
        files: vec![edit(FILE, BEFORE, &BEFORE.replace("\"1\"", cpu))],
        by: Person { name: "kubeopt".to_owned(), email: "kubeopt@example.org".to_owned() },
        at_unix_s: 1_790_000_000,
        expected: ExpectedHead::Any,
        options: CommitOptions::default(),
    }
}

pub(super) fn edit(path: &str, before: &str, after: &str) -> EditedFile {
    EditedFile {
        path: path_of(path),
        content: Change { before: before.as_bytes().to_vec(), after: after.as_bytes().to_vec() },
    }
}

pub(super) fn draft(branch: &str, body: &str) -> NewPullRequest {
    NewPullRequest {
        title: format!("chore(rightsizing): {branch}"),
        is_draft: false,
        body: body.to_owned(),
        head: branch.to_owned(),
        base: "main".to_owned(),
        labels: vec!["kubeopt".to_owned()],
    }
}

/// A branch with a change, and its pull request.
pub(super) async fn opened(
    forge: &dyn Forge,
    repository: &RepositoryId,
    branch: &str,
    body: &str,
) -> PullRequest {
    let write = sizing(forge, repository, branch, "310m").await;
    forge.regenerate_branch(repository, &write).await.expect("the branch is written");
    forge.open_pull_request(repository, &draft(branch, body)).await.expect("the pull request is opened")
}
