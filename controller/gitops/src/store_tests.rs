//! Tests of fetching: against Git's own HTTP server, against wrong answers, and from local folders.

use git2::{FileMode, ObjectType};
use kubeopt_model::RepoPath;
use kubeopt_net::{Client, ClientPolicy, HostRule, RetryPolicy};
use wiremock::{Mock, MockServer, ResponseTemplate, matchers};

use super::*;
use crate::fixture::{self, GitServer, bare, commit, commit_entries, noise, repository_id, texts};
use crate::snapshot::SkippedWhy;

pub(super) fn client(url: &Url) -> Client {
    let mut policy = ClientPolicy::new(vec![HostRule::for_url(url).unwrap()]);
    policy.retry = RetryPolicy { attempts: 1, ..RetryPolicy::default() };
    Client::new(policy).unwrap()
}

pub(super) fn remote(url: &Url) -> Remote {
    Remote { id: repository_id(), location: Location::Http { url: url.clone(), client: client(url) } }
}

fn path(text: &str) -> RepoPath {
    RepoPath::new(text).unwrap()
}

pub(super) struct Served {
    pub(super) dir: tempfile::TempDir,
    pub(super) origin: git2::Repository,
    pub(super) server: GitServer,
    pub(super) store: GitStore,
}

pub(super) fn served() -> Served {
    let dir = tempfile::tempdir().unwrap();
    let origin = bare(&dir.path().join("gitops.git"));
    let server = GitServer::start(dir.path());
    let store = GitStore::open(&dir.path().join("cache")).unwrap();
    Served { dir, origin, server, store }
}

#[tokio::test]
async fn a_branch_is_fetched_over_http_without_its_history() {
    let served = served();
    commit(&served.origin, "main", &[("old.bin", &"x1y2".repeat(50_000)), ("a.yaml", "a: 1\n")]);
    let newest = commit(&served.origin, "main", &[("old.bin", ""), ("apps/b.yaml", "b: 1\n")]);
    commit(&served.origin, "main-2", &[("other.yaml", "")]);
    let remote = remote(&served.server.url);
    let snapshot = served.store.fetch(&remote, None).await.unwrap();
    assert_eq!((snapshot.branch.as_str(), snapshot.commit.as_str()), ("main", newest.to_string().as_str()));
    let want = [("a.yaml", "a: 1\n"), ("apps/b.yaml", "b: 1\n"), ("old.bin", "")];
    assert_eq!(texts(&snapshot), want.map(|(path, text)| (path.to_owned(), text.to_owned())));
    assert_eq!(snapshot.read(&path("apps/b.yaml")).unwrap().as_deref(), Some(&b"b: 1\n"[..]));
    assert_eq!(snapshot.read(&path("apps")).unwrap(), None);
    assert!(served.server.last_bytes() < 2_000, "{}", served.server.last_bytes());
    let named = served.store.fetch(&remote, Some("main-2")).await.unwrap();
    assert_eq!(named.paths().collect::<Vec<_>>(), [&path("other.yaml")]);
}

#[tokio::test]
async fn an_unchanged_branch_costs_two_requests_and_a_change_only_what_is_new() {
    let served = served();
    let big: String = (0..20_000).map(|n| format!("key-{n}: {}\n", n * 7919 % 104_729)).collect();
    commit(&served.origin, "main", &[("big.yaml", &big), ("a.yaml", "a: 1\n")]);
    let remote = remote(&served.server.url);
    let first = served.store.fetch(&remote, Some("main")).await.unwrap();
    let after_first = served.server.count();
    let again = served.store.fetch(&remote, Some("main")).await.unwrap();
    assert_eq!(served.server.count() - after_first, 2);
    assert_eq!(again.commit, first.commit);
    commit(&served.origin, "main", &[("a.yaml", "a: 2\n")]);
    let changed = served.store.fetch(&remote, Some("main")).await.unwrap();
    assert!(served.server.last_bytes() < 2_000, "{}", served.server.last_bytes());
    assert_eq!(changed.read(&path("a.yaml")).unwrap().as_deref(), Some(&b"a: 2\n"[..]));
    assert_eq!(changed.tree_hash(&path("big.yaml")), first.tree_hash(&path("big.yaml")));
    assert_eq!(texts(&changed)[1].1, big);
    assert_eq!(first.read(&path("a.yaml")).unwrap().as_deref(), Some(&b"a: 1\n"[..]));
}

#[tokio::test]
async fn a_branch_that_was_rewritten_is_followed() {
    let served = served();
    commit(&served.origin, "main", &[("a.yaml", "a: 1\n")]);
    let remote = remote(&served.server.url);
    served.store.fetch(&remote, None).await.unwrap();
    served.origin.find_reference("refs/heads/main").unwrap().delete().unwrap();
    commit(&served.origin, "main", &[("b.yaml", "b: 1\n")]);
    let snapshot = served.store.fetch(&remote, None).await.unwrap();
    assert_eq!(texts(&snapshot), [("b.yaml".to_owned(), "b: 1\n".to_owned())]);
}

#[tokio::test]
async fn the_cache_may_vanish_or_be_damaged_between_fetches() {
    let served = served();
    commit(&served.origin, "main", &[("a.yaml", "a: 1\n")]);
    let remote = remote(&served.server.url);
    let first = served.store.fetch(&remote, None).await.unwrap();
    std::fs::write(served.store.dir.join("gitops-x"), "not ours").unwrap();
    for entry in std::fs::read_dir(&served.store.dir).unwrap().flatten() {
        if entry.path().join("0.git").is_dir() {
            std::fs::remove_file(entry.path().join("0.git/HEAD")).unwrap();
        }
    }
    let damaged = served.store.fetch(&remote, None).await.unwrap();
    assert_eq!(texts(&damaged), [("a.yaml".to_owned(), "a: 1\n".to_owned())]);
    std::fs::remove_dir_all(&served.store.dir).unwrap();
    assert_eq!(served.store.fetch(&remote, None).await.unwrap().tree, first.tree);
}

#[tokio::test]
async fn links_submodules_and_large_files_are_listed_and_never_read() {
    for filter in ["true", "false"] {
        let served = served();
        served.origin.config().unwrap().set_str("uploadpack.allowFilter", filter).unwrap();
        let noise = noise(0, 120_000);
        let limit = usize::try_from(FILE_BYTES_MAX).unwrap();
        commit_entries(
            &served.origin,
            "main",
            &[
                ("a.yaml".to_owned(), b"a: 1\n".to_vec(), FileMode::Blob),
                ("run.sh".to_owned(), b"#!/bin/sh\n".to_vec(), FileMode::BlobExecutable),
                ("link.yaml".to_owned(), b"/etc/passwd".to_vec(), FileMode::Link),
                ("vendor/lib".to_owned(), Vec::new(), FileMode::Commit),
                ("big.bin".to_owned(), noise.into_bytes(), FileMode::Blob),
                ("limit.txt".to_owned(), vec![b'x'; limit], FileMode::Blob),
                ("over.txt".to_owned(), vec![b'x'; limit + 1], FileMode::Blob),
            ],
        );
        let snapshot = served.store.fetch(&remote(&served.server.url), None).await.unwrap();
        let names: Vec<&str> = snapshot.paths().map(RepoPath::as_str).collect();
        assert_eq!(names, ["a.yaml", "limit.txt", "run.sh"]);
        let skipped: Vec<(&str, SkippedWhy)> =
            snapshot.skipped().iter().map(|skipped| (skipped.path.as_str(), skipped.why)).collect();
        let want = [
            ("big.bin", SkippedWhy::TooLarge),
            ("link.yaml", SkippedWhy::Symlink),
            ("over.txt", SkippedWhy::TooLarge),
            ("vendor/lib", SkippedWhy::Submodule),
        ];
        assert_eq!(skipped, want, "filter {filter}");
        assert_eq!(served.server.last_bytes() < 100_000, filter == "true");
    }
}

#[tokio::test]
async fn names_that_would_leave_the_repository_are_not_accepted() {
    let dir = tempfile::tempdir().unwrap();
    let origin = bare(dir.path());
    let blob = origin.blob(b"x").unwrap();
    let mut raw = Vec::new();
    for name in [&b".."[..], b".git", b"a\\b", b"a\nb", b"\xff\xfe", b"ok.yaml"] {
        raw.extend_from_slice(b"100644 ");
        raw.extend_from_slice(name);
        raw.push(0);
        raw.extend_from_slice(blob.as_bytes());
    }
    let tree = origin.odb().unwrap().write(ObjectType::Tree, &raw).unwrap();
    fixture::commit_tree(&origin, "refs/heads/main", tree);
    let store = GitStore::open(&dir.path().join("cache")).unwrap();
    let local = Remote { id: repository_id(), location: Location::Local(dir.path().to_owned()) };
    let snapshot = store.fetch(&local, None).await.unwrap();
    assert_eq!(snapshot.paths().map(RepoPath::as_str).collect::<Vec<_>>(), ["ok.yaml"]);
    assert_eq!(snapshot.skipped().len(), 5);
    assert!(snapshot.skipped().iter().all(|skipped| skipped.why == SkippedWhy::Name));
}

#[tokio::test]
async fn a_tree_that_holds_itself_many_times_ends_at_the_limit() {
    let dir = tempfile::tempdir().unwrap();
    let origin = bare(dir.path());
    let mut oid = origin.blob(b"x").unwrap();
    let mut mode = 0o100_644;
    for _ in 0..8 {
        let mut builder = origin.treebuilder(None).unwrap();
        for name in 0..10 {
            builder.insert(format!("d{name}"), oid, mode).unwrap();
        }
        oid = builder.write().unwrap();
        mode = 0o040_000;
    }
    fixture::commit_tree(&origin, "refs/heads/main", oid);
    let store = GitStore::open(&dir.path().join("cache")).unwrap();
    let local = Remote { id: repository_id(), location: Location::Local(dir.path().to_owned()) };
    assert_eq!(store.fetch(&local, None).await.unwrap_err().code(), crate::codes::REPOSITORY_TOO_LARGE);
}

#[tokio::test]
async fn a_local_repository_is_read_where_it_is() {
    let dir = tempfile::tempdir().unwrap();
    let origin = bare(dir.path());
    let store = GitStore::open(&dir.path().join("cache")).unwrap();
    let at = |path: &Path| Remote { id: repository_id(), location: Location::Local(path.to_owned()) };
    assert_eq!(store.fetch(&at(dir.path()), None).await.unwrap_err(), GitError::Empty(repository_id()));
    let newest = commit(&origin, "main", &[("a.yaml", "a: 1\n")]);
    let snapshot = store.fetch(&at(dir.path()), None).await.unwrap();
    assert_eq!((snapshot.branch.as_str(), snapshot.commit), ("main", newest.to_string()));
    let other = store.fetch(&at(dir.path()), Some("other")).await.unwrap_err();
    assert_eq!(other.code(), crate::codes::BRANCH_NOT_FOUND);
    let below = store.fetch(&at(&dir.path().join("refs")), None).await.unwrap_err();
    assert_eq!(below, GitError::RepositoryNotFound(repository_id()));
}

#[tokio::test]
async fn what_is_missing_on_the_server_is_told_apart() {
    let served = served();
    let remote = remote(&served.server.url);
    assert_eq!(served.store.fetch(&remote, None).await.unwrap_err(), GitError::Empty(repository_id()));
    commit(&served.origin, "main", &[("a.yaml", "a: 1\n")]);
    for branch in ["mai", "main\ndelete", "..", ""] {
        let error = served.store.fetch(&remote, Some(branch)).await.unwrap_err();
        assert_eq!(error.code(), crate::codes::BRANCH_NOT_FOUND, "{branch}");
    }
    let elsewhere = served.server.url.join("/none.git").unwrap();
    let error = served.store.fetch(&self::remote(&elsewhere), None).await.unwrap_err();
    assert_eq!(error, GitError::RepositoryNotFound(repository_id()));
}

async fn refused(answer: ResponseTemplate) -> GitError {
    let server = MockServer::start().await;
    Mock::given(matchers::path("/gitops.git/info/refs")).respond_with(answer).mount(&server).await;
    let dir = tempfile::tempdir().unwrap();
    let url = Url::parse(&format!("{}/gitops.git", server.uri())).unwrap();
    GitStore::open(dir.path()).unwrap().fetch(&remote(&url), None).await.unwrap_err()
}

#[tokio::test]
async fn each_wrong_answer_has_its_own_code_and_help() {
    let pack = "application/x-git-upload-pack-advertisement";
    for (answer, code) in [
        (ResponseTemplate::new(401), crate::codes::UNAUTHORIZED),
        (ResponseTemplate::new(403), crate::codes::UNAUTHORIZED),
        (ResponseTemplate::new(404), crate::codes::REPOSITORY_NOT_FOUND),
        (ResponseTemplate::new(500), crate::codes::UNREACHABLE),
        (ResponseTemplate::new(429), crate::codes::UNREACHABLE),
        (ResponseTemplate::new(400), crate::codes::PROTOCOL),
        (ResponseTemplate::new(200).set_body_string("<html>"), crate::codes::PROTOCOL),
        (ResponseTemplate::new(200).set_body_raw("000eversion 1\n0000", pack), crate::codes::PROTOCOL),
        (ResponseTemplate::new(200).set_body_raw("00ffshort", pack), crate::codes::PROTOCOL),
        (
            ResponseTemplate::new(200).set_body_raw(vec![b'0'; 2_000_000], pack),
            crate::codes::REPOSITORY_TOO_LARGE,
        ),
    ] {
        let error = refused(answer).await;
        assert_eq!(error.code(), code, "{error}");
        let problem = kubeopt_model::Problem::from(&error);
        assert!(!problem.help.is_empty() && problem.code == code, "{problem}");
    }
}

#[tokio::test]
async fn a_server_that_is_not_there_or_not_allowed_is_told_apart() {
    let dir = tempfile::tempdir().unwrap();
    let store = GitStore::open(dir.path()).unwrap();
    let url = Url::parse("http://127.0.0.1:9/gitops.git").unwrap();
    let nobody = store.fetch(&remote(&url), None).await.unwrap_err();
    assert!(nobody.code() == crate::codes::UNREACHABLE && nobody.is_transient(), "{nobody}");
    let other = Url::parse("http://127.0.0.1:8/gitops.git").unwrap();
    let location = Location::Http { url: other, client: client(&url) };
    let error = store.fetch(&Remote { id: repository_id(), location }, None).await.unwrap_err();
    assert!(error.code().starts_with("E-NET-") && !error.is_transient(), "{error}");
}
