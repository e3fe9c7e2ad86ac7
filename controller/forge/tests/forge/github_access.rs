//! Tokens of GitHub: an App's are renewed, a personal one is told when it ends; and what GitHub signs.

use kubeopt_forge::{
    Forge as _, ForgeError, GithubApp, GithubAuth, GithubConfig, GithubForge, Made, Signing,
};
use kubeopt_model::RepositoryId;
use kubeopt_net::{Secret, SecretSource};

use crate::fake::github::{APP_ID, APP_KEY, TOKEN};
use crate::fake::server::Wrong;
use crate::github::Place;
use crate::github_faults::{BRANCH, repository, sizing};

const FACTS: &str = "GET /repos/{owner}/{repo}";
const MINTED: &str = "POST /app/installations/{installation_id}/access_tokens";

fn minted(place: &Place) -> usize {
    place.server.take_seen().into_iter().filter(|operation| operation == MINTED).count()
}

#[tokio::test]
async fn an_apps_token_is_kept_and_renewed_when_it_nears_its_end_or_is_refused() {
    let place = Place::start().await;
    let (forge, repository) = (place.app(), repository(&place).await);
    for _ in 0..3 {
        forge.repository(&repository).await.unwrap();
    }
    assert_eq!(minted(&place), 1, "an hour is long");
    place.server.forge.lock().unwrap().installation_tokens.clear();
    assert!(forge.repository(&repository).await.unwrap().may_write, "renewed once, and asked again");
    assert_eq!(minted(&place), 1);
    let write = sizing(&forge, &repository, Signing::Never).await;
    place.server.forge.lock().unwrap().installation_tokens.clear();
    forge.regenerate_branch(&repository, &write).await.unwrap();
    place.server.assert_documented();

    let short = Place::start().await;
    let (forge, repository) = (short.app(), self::repository(&short).await);
    short.server.forge.lock().unwrap().token_life_s = 0;
    for _ in 0..3 {
        forge.branch(&repository, "nothing").await.unwrap();
    }
    assert!(minted(&short) >= 6, "each request has a token of its own");
}

#[tokio::test]
async fn a_token_that_stays_refused_is_told_after_one_more_try() {
    let place = Place::start().await;
    let repository = repository(&place).await;
    let refused = || Wrong::Instead(401, vec![], r#"{"message": "Bad credentials"}"#);
    for (forge, tries) in [(place.app(), 2), (place.forge(), 1)] {
        forge.repository(&repository).await.unwrap();
        place.server.take_seen();
        place.server.fault(FACTS, tries, refused());
        assert_eq!(forge.repository(&repository).await, Err(ForgeError::Unauthorized));
        let asked = place.server.take_seen().into_iter().filter(|operation| operation == FACTS).count();
        assert_eq!(asked, tries);
        forge.repository(&repository).await.unwrap();
    }
}

#[tokio::test]
async fn git_reads_with_the_same_token() {
    let place = Place::start().await;
    let repository = repository(&place).await;
    assert_eq!(place.forge().git_token(&repository).await.unwrap().expose(), TOKEN);
    let token = place.app().git_token(&repository).await.unwrap();
    assert!(place.server.forge.lock().unwrap().installation_tokens.contains(token.expose()));
}

#[tokio::test]
async fn an_app_that_is_not_there_or_has_no_key_says_so() {
    let place = Place::start().await;
    let known = repository(&place).await;
    let elsewhere = RepositoryId { owner: "umbrella".to_owned(), ..known.clone() };
    let error = place.app().repository(&elsewhere).await.unwrap_err();
    assert_eq!(error.code(), "E-FRG-003");
    assert!(error.to_string().contains("installation of the GitHub App for umbrella/gitops"), "{error}");
    let other = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----";
    for (id, key, code) in [(APP_ID, other, "E-FRG-007"), ("9", APP_KEY, "E-FRG-001")] {
        let app = GithubApp {
            id: id.to_owned(),
            private_key: SecretSource::Value(Secret::new(key)),
            installation: Some(77),
        };
        let config = GithubConfig::new(place.server.url.clone(), GithubAuth::App(app));
        let forge = GithubForge::new(config).unwrap();
        assert_eq!(forge.repository(&known).await.unwrap_err().code(), code, "{id}");
    }
}

#[tokio::test]
async fn nothing_shows_a_secret() {
    let place = Place::start().await;
    let repository = repository(&place).await;
    let secrets = ["BEGIN RSA", TOKEN, "ghs_", "eyJ"];
    for (forge, tries) in [(place.app(), 2), (place.forge(), 1)] {
        forge.repository(&repository).await.unwrap();
        let shown = format!("{forge:?}");
        assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
        place.server.fault(FACTS, tries, Wrong::Instead(401, vec![], ""));
        let error = forge.repository(&repository).await.unwrap_err();
        let shown = format!("{error:?} {}", error.problem());
        assert!(secrets.iter().all(|secret| !shown.contains(secret)), "{shown}");
    }
    let sent = place.server.tokens();
    assert!(sent.iter().all(|token| token.starts_with("Bearer ")), "each request has one");
}

#[tokio::test]
async fn github_signs_for_an_app_and_its_commit_is_known_as_kubeopts_own() {
    let place = Place::start().await;
    let (forge, repository) = (place.app(), repository(&place).await);
    let write = sizing(&forge, &repository, Signing::Required).await;
    let written = forge.regenerate_branch(&repository, &write).await.unwrap();
    assert!(written.made == Made::ByOwn && written.is_by("kubeopt@example.org"), "{written:?}");
    assert_eq!(written.committer_email, "noreply@github.example");
    assert_eq!(forge.branch(&repository, BRANCH).await, Ok(Some(written.clone())));
    assert_eq!(forge.regenerate_branch(&repository, &write).await, Ok(written), "the same again");

    let unsigned = sizing(&forge, &repository, Signing::Never).await;
    let other = kubeopt_forge::BranchWrite { message: "other".to_owned(), ..unsigned };
    let written = forge.regenerate_branch(&repository, &other).await.unwrap();
    assert!(written.made == Made::AsNamed && written.is_by("kubeopt@example.org"), "{written:?}");
    place.server.assert_documented();
}

#[tokio::test]
async fn a_commit_that_github_did_not_sign_is_told_before_anybody_sees_it() {
    let place = Place::start().await;
    let repository = repository(&place).await;
    place.server.forge.lock().unwrap().signs = false;
    // GitHub signs for Apps, and for no token of a person.
    for forge in [place.app(), place.forge()] {
        let write = sizing(&forge, &repository, Signing::Required).await;
        let error = forge.regenerate_branch(&repository, &write).await.unwrap_err();
        assert_eq!(error.to_string(), "the forge refuses: the forge did not sign the commit (unsigned)");
        assert_eq!(forge.branch(&repository, BRANCH).await, Ok(None));
    }
    let forge = place.app();
    let write = sizing(&forge, &repository, Signing::Wanted).await;
    let written = forge.regenerate_branch(&repository, &write).await.unwrap();
    assert!(written.made == Made::AsNamed);
}
