//! Clauses on repositories and branches.

use kubeopt_model::RepositoryId;

use super::fixture::Fixture;
use super::made::{BEFORE, FILE, edit, head, repository, sizing};
use crate::branch::ExpectedHead;
use crate::error::ForgeError;
use crate::forge::Forge;

const BRANCH: &str = "kubeopt/payments-0123abcd";

pub(super) async fn facts_tell_what_writing_needs(forge: &dyn Forge, fixture: &dyn Fixture) {
    let (one, two) = (repository(fixture, "facts-1").await, repository(fixture, "facts-2").await);
    let facts = forge.repository(&one).await.expect("a repository can be read");
    assert_eq!(facts.default_branch, "main");
    assert!(facts.may_write && !facts.archived);
    assert!(facts.clone_url.contains("facts-1"), "{}", facts.clone_url);
    assert!(!facts.id.is_empty());
    assert_ne!(facts.id, forge.repository(&two).await.expect("a repository can be read").id);
    assert_eq!(forge.repository(&one).await, Ok(facts));
}

pub(super) async fn a_branch_is_one_commit_on_its_base(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "one-commit").await;
    assert_eq!(forge.branch(&repository, BRANCH).await, Ok(None));
    for cpu in ["310m", "320m"] {
        let write = sizing(forge, &repository, BRANCH, cpu).await;
        let written = forge.regenerate_branch(&repository, &write).await.expect("the branch is written");
        assert_eq!(written.parents, [write.base_oid], "one commit on the base, also the second time");
        assert_eq!(written, head(forge, &repository, BRANCH).await);
        assert_eq!(written.author_email, "kubeopt@example.org");
        assert!(written.is_by("kubeopt@example.org"), "{written:?}");
        assert_eq!(written.message, write.message);
        let content = fixture.file(&repository, BRANCH, FILE).await.expect("the file is there");
        assert_eq!(String::from_utf8(content), Ok(BEFORE.replace("\"1\"", cpu)));
    }
    let readme = fixture.file(&repository, BRANCH, "README.md").await;
    assert_eq!(readme.as_deref(), Some("# gitops\n".as_bytes()), "other files stay");
    let base = fixture.file(&repository, "main", FILE).await;
    assert_eq!(base.as_deref(), Some(BEFORE.as_bytes()), "the base is not touched");
}

pub(super) async fn the_same_content_again_changes_nothing(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "no-op").await;
    let mut write = sizing(forge, &repository, BRANCH, "310m").await;
    let first = forge.regenerate_branch(&repository, &write).await.expect("the branch is written");
    // Another time of writing is not another content.
    write.at_unix_s += 3600;
    write.expected = ExpectedHead::At(first.oid.clone());
    let second = forge.regenerate_branch(&repository, &write).await.expect("the branch is left alone");
    assert_eq!(second, first);
}

pub(super) async fn regenerating_follows_the_base(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "follows-base").await;
    let write = sizing(forge, &repository, BRANCH, "310m").await;
    forge.regenerate_branch(&repository, &write).await.expect("the branch is written");
    let moved = fixture.commit(&repository, "main", "README.md", b"# moved\n").await;
    let write = sizing(forge, &repository, BRANCH, "310m").await;
    assert_eq!(write.base_oid, moved);
    let written = forge.regenerate_branch(&repository, &write).await.expect("the branch is written again");
    assert_eq!(written.parents, [moved]);
    let readme = fixture.file(&repository, BRANCH, "README.md").await;
    assert_eq!(readme.as_deref(), Some("# moved\n".as_bytes()));
}

pub(super) async fn an_unexpected_head_is_a_conflict(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "unexpected").await;
    let mut write = sizing(forge, &repository, BRANCH, "310m").await;
    write.expected = ExpectedHead::At(write.base_oid.clone());
    assert_conflict(forge.regenerate_branch(&repository, &write).await);
    write.expected = ExpectedHead::Absent;
    let own = forge.regenerate_branch(&repository, &write).await.expect("the branch is written");
    assert_conflict(forge.regenerate_branch(&repository, &write).await);

    let person = fixture.commit(&repository, BRANCH, "README.md", b"by hand\n").await;
    let found = head(forge, &repository, BRANCH).await;
    assert_eq!((found.oid.as_str(), found.author_email.as_str()), (person.as_str(), "person@example.org"));
    let mut again = sizing(forge, &repository, BRANCH, "320m").await;
    again.expected = ExpectedHead::At(own.oid);
    assert_conflict(forge.regenerate_branch(&repository, &again).await);
    assert_eq!(head(forge, &repository, BRANCH).await.oid, person, "the person's commit stays");
    again.expected = ExpectedHead::At(person);
    forge.regenerate_branch(&repository, &again).await.expect("recreated where it was asked for");
}

pub(super) async fn a_moved_base_or_file_is_a_conflict(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "moved-base").await;
    let old = sizing(forge, &repository, BRANCH, "310m").await;
    fixture.commit(&repository, "main", FILE, b"cpu: 2\n").await;
    assert_conflict(forge.regenerate_branch(&repository, &old).await);
    assert_eq!(forge.branch(&repository, BRANCH).await, Ok(None));
    // The base is right, but the edit was made from another content.
    let stale = sizing(forge, &repository, BRANCH, "310m").await;
    let error = forge.regenerate_branch(&repository, &stale).await.expect_err("nothing is written over");
    assert!(matches!(error, ForgeError::Conflict { .. } | ForgeError::Refused { .. }), "{error}");
    assert_eq!(forge.branch(&repository, BRANCH).await, Ok(None));
}

pub(super) async fn a_write_without_change_is_refused(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "nothing").await;
    let mut write = sizing(forge, &repository, BRANCH, "310m").await;
    write.files = vec![edit(FILE, BEFORE, BEFORE)];
    let refused = |outcome| matches!(outcome, Err(ForgeError::Refused { .. }));
    assert!(refused(forge.regenerate_branch(&repository, &write).await));
    let mut onto_base = sizing(forge, &repository, "main", "310m").await;
    onto_base.branch = "main".to_owned();
    assert!(refused(forge.regenerate_branch(&repository, &onto_base).await));
    for name in ["kubeopt/../main", "-x", "kubeopt//x", "kubeopt/x.lock", "kubeopt/a b", "kubeopt/a:b", ""] {
        let write = sizing(forge, &repository, name, "310m").await;
        assert!(refused(forge.regenerate_branch(&repository, &write).await), "{name}");
        assert_eq!(forge.branch(&repository, name).await, Ok(None), "{name}");
    }
}

pub(super) async fn new_files_and_awkward_paths_are_written(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "awkward").await;
    let mut write = sizing(forge, &repository, BRANCH, "310m").await;
    let paths = [".kubeopt.yaml", "apps/déjà vu/50% #1?.yaml", "apps/a&b=c/+x.yaml"];
    write.files.extend(paths.iter().map(|path| edit(path, "", "new: \"✓\"\r\n")));
    let written = forge.regenerate_branch(&repository, &write).await.expect("the branch is written");
    for path in paths {
        let content = fixture.file(&repository, BRANCH, path).await;
        assert_eq!(content.as_deref(), Some("new: \"✓\"\r\n".as_bytes()), "{path}");
    }
    let again = forge.regenerate_branch(&repository, &write).await;
    assert_eq!(again, Ok(written), "the same again, also with awkward paths");
}

pub(super) async fn a_sign_off_stands_in_the_message_once(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "sign-off").await;
    let mut write = sizing(forge, &repository, BRANCH, "310m").await;
    write.options.sign_off = true;
    let written = forge.regenerate_branch(&repository, &write).await.expect("the branch is written");
    let own = "Signed-off-by: kubeopt <kubeopt@example.org>";
    assert_eq!(written.message, format!("{}\n\n{own}", write.message));
    assert!(written.is_by("kubeopt@example.org") && !written.is_by("person@example.org"));
    assert_eq!(forge.regenerate_branch(&repository, &write).await, Ok(written), "the same again");
}

pub(super) async fn deleting_needs_the_expected_head(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "delete").await;
    let write = sizing(forge, &repository, BRANCH, "310m").await;
    let written = forge.regenerate_branch(&repository, &write).await.expect("the branch is written");
    let other = ExpectedHead::At(write.base_oid);
    assert_conflict(forge.delete_branch(&repository, BRANCH, &other).await);
    let expected = ExpectedHead::At(written.oid);
    assert_eq!(forge.delete_branch(&repository, BRANCH, &expected).await, Ok(()));
    assert_eq!(forge.branch(&repository, BRANCH).await, Ok(None));
    assert_eq!(forge.delete_branch(&repository, BRANCH, &expected).await, Ok(()), "gone is gone");
    let error = forge.delete_branch(&repository, "main", &ExpectedHead::Any).await;
    assert!(matches!(error, Err(ForgeError::Forbidden { .. })), "{error:?}");
}

pub(super) async fn unknown_repositories_are_not_found(forge: &dyn Forge, fixture: &dyn Fixture) {
    let known = repository(fixture, "known").await;
    let write = sizing(forge, &known, BRANCH, "310m").await;
    let named = |owner: &str, name: &str| RepositoryId {
        forge: known.forge.clone(),
        owner: owner.to_owned(),
        name: name.to_owned(),
    };
    for unknown in [named(&known.owner, "nowhere"), named("nobody", "known")] {
        assert_not_found(forge.repository(&unknown).await);
        assert_not_found(forge.branch(&unknown, "main").await);
        assert_not_found(forge.regenerate_branch(&unknown, &write).await);
    }
    for hostile in [named("..", "known"), named(&known.owner, "../known"), named("", ""), named("a/b", "x")] {
        assert!(forge.repository(&hostile).await.is_err(), "{hostile}");
    }
}

fn assert_conflict<T: std::fmt::Debug>(outcome: Result<T, ForgeError>) {
    assert!(matches!(outcome, Err(ForgeError::Conflict { .. })), "{outcome:?}");
}

pub(super) fn assert_not_found<T: std::fmt::Debug>(outcome: Result<T, ForgeError>) {
    assert!(matches!(outcome, Err(ForgeError::NotFound { .. })), "{outcome:?}");
}
