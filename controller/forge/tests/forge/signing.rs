//! Signing where the forge may sign after its own settings, or not at all.

use kubeopt_forge::{
    BranchWrite, CommitOptions, ExpectedHead, Forge as _, ForgeError, LocalForge, Person, Signing,
};
use kubeopt_model::{Change, EditedFile, FileSet, ForgeName, RepoPath, RepositoryId};
use serde_json::{Value, json};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::gitea::{forge_at, repository};

const BASE: &str = "0123456789abcdef0123456789abcdef01234567";

fn write(base_oid: &str, signing: Signing) -> BranchWrite {
    let content = Change { before: b"cpu: 1\n".to_vec(), after: b"cpu: 310m\n".to_vec() };
    BranchWrite {
        base: "main".to_owned(),
        base_oid: base_oid.to_owned(),
        branch: "kubeopt/x".to_owned(),
        message: "size api".to_owned(),
        files: vec![EditedFile { path: RepoPath::new("api.yaml").unwrap(), content }],
        by: Person { name: "kubeopt".to_owned(), email: "kubeopt@example.org".to_owned() },
        at_unix_s: 1_790_000_000,
        expected: ExpectedHead::Any,
        options: CommitOptions { sign_off: true, signing },
    }
}

/// A Gitea that takes any write and says this of its signature.
async fn gitea_that_says(verification: &Value) -> MockServer {
    let server = MockServer::start().await;
    let repository = "/api/v1/repos/acme/gitops";
    let branch = ResponseTemplate::new(200).set_body_json(json!({"commit": {"id": BASE}}));
    let facts = ResponseTemplate::new(200).set_body_json(json!({"id": 1, "default_branch": "main"}));
    let written = json!({
        "commit": {"sha": "aa", "parents": [{"sha": BASE}], "message": "size api"}, "verification": verification,
    });
    for (at, answer) in [(format!("{repository}/branches/main"), branch), (repository.to_owned(), facts)] {
        Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(&server).await;
    }
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(201).set_body_json(written))
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn gitea_signs_after_its_own_settings_and_what_it_did_not_is_told() {
    let unsigned = json!({"verified": false, "reason": "gpg.error.not_signed_commit"});
    for (verification, signing, is_taken) in [
        (json!({"verified": true, "reason": "kubeopt"}), Signing::Required, true),
        (unsigned.clone(), Signing::Required, false),
        (Value::Null, Signing::Required, false),
        (unsigned.clone(), Signing::Wanted, true),
        (unsigned, Signing::Never, true),
    ] {
        let server = gitea_that_says(&verification).await;
        let outcome = forge_at(&server.uri()).regenerate_branch(&repository(), &write(BASE, signing)).await;
        assert_eq!(outcome.is_ok(), is_taken, "{verification} {signing:?}: {outcome:?}");
        assert!(is_taken || matches!(outcome, Err(ForgeError::Refused { .. })));
        let seen = server.received_requests().await.unwrap();
        let sent: Value = serde_json::from_slice(&seen.last().unwrap().body).unwrap();
        assert_eq!(sent["message"], "size api\n\nSigned-off-by: kubeopt <kubeopt@example.org>");
    }
}

#[tokio::test]
async fn the_local_forge_says_that_it_signs_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let forge = LocalForge::open(folder.path()).unwrap();
    let files: FileSet = [(RepoPath::new("api.yaml").unwrap(), b"cpu: 1\n".to_vec())].into_iter().collect();
    forge.create_repository("acme", "gitops", &files, "main").await.unwrap();
    let name = ForgeName::new("local").unwrap();
    let id = RepositoryId { forge: name, owner: "acme".to_owned(), name: "gitops".to_owned() };
    let base = forge.branch(&id, "main").await.unwrap().unwrap().oid;
    let refused = forge.regenerate_branch(&id, &write(&base, Signing::Required)).await;
    assert_eq!(refused, Err(ForgeError::Refused { why: "the local forge signs no commits".to_owned() }));
    let written = forge.regenerate_branch(&id, &write(&base, Signing::Wanted)).await.unwrap();
    assert!(written.message.ends_with("\n\nSigned-off-by: kubeopt <kubeopt@example.org>"), "{written:?}");
}
