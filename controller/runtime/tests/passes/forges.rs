//! Bad days of a forge: 401, 404 and 500 as Gitea's client meets them, and each single call that fails.

use std::sync::Arc;
use std::time::Duration;

use kubeopt_forge::{ForgeError, GiteaConfig, GiteaForge};
use kubeopt_net::{RetryPolicy, Secret, SecretSource, Url};
use kubeopt_runtime::publishing::Published;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::apps::{API, SITE};
use crate::doubles::Trouble;
use crate::said::told;
use crate::world::World;

/// Gitea's client before a server that answers everything with one status.
async fn gitea_that_answers(status: u16) -> (MockServer, GiteaForge) {
    let server = MockServer::start().await;
    let answer = ResponseTemplate::new(status).set_body_json(serde_json::json!({"message": "no"}));
    Mock::given(any()).respond_with(answer).mount(&server).await;
    let token = SecretSource::Value(Secret::new("token-that-nobody-may-see"));
    let mut config = GiteaConfig::new(Url::parse(&server.uri()).unwrap(), token);
    let wait = Duration::from_millis(1);
    config.retry = RetryPolicy { attempts: 2, first_wait: wait, longest_wait: wait };
    config.write_gap = wait;
    (server, GiteaForge::new(config).unwrap())
}

#[tokio::test]
async fn a_forge_that_answers_401_404_or_500_is_said_and_the_other_repository_goes_on() {
    for (status, code) in [(401, "E-FRG-001"), (404, "E-FRG-003"), (500, "E-FRG-006")] {
        let world = World::of(&[API, SITE]).await;
        let (_server, gitea) = gitea_that_answers(status).await;
        let kubeopt = world.controller("a").await;
        world.troubles.lock().unwrap().insert("shop", Trouble::Answers(Arc::new(gitea)));

        let report = world.pass(&kubeopt).await;
        told(&report, code);
        assert!(!report.to_json().to_string().contains("token-that-nobody-may-see"));
        assert!(world.pulls("shop").await.is_empty());
        let other = world.the_open_one(&SITE).await;

        world.troubles.lock().unwrap().clear();
        assert_eq!(world.pass(&kubeopt).await.problems(), []);
        world.the_open_one(&API).await;
        assert_eq!(world.the_open_one(&SITE).await, other);
    }
}

#[tokio::test]
async fn a_call_that_fails_on_the_way_to_a_pull_request_is_made_up_for_by_the_next_pass() {
    let calls = ["pull_requests", "branch", "regenerate_branch", "open_pull_request"];
    for call in calls {
        for (error, code) in [
            (ForgeError::Unauthorized, "E-FRG-001"),
            (ForgeError::NotFound { what: "it".to_owned() }, "E-FRG-003"),
            (ForgeError::Server { status: 500 }, "E-FRG-006"),
        ] {
            let world = World::of(&[API, SITE]).await;
            let kubeopt = world.controller("a").await;
            world.troubles.lock().unwrap().insert("shop", Trouble::Fails(call, error));

            let report = world.pass(&kubeopt).await;
            told(&report, code);
            assert!(
                report
                    .published
                    .iter()
                    .any(|one| matches!(one, Published::Failed(problem) if problem.code == code))
            );
            assert!(world.pulls("shop").await.is_empty(), "{call}");
            let other = world.the_open_one(&SITE).await;

            world.troubles.lock().unwrap().clear();
            world.advance(600);
            assert_eq!(world.pass(&kubeopt).await.problems(), [], "{call}");
            world.the_open_one(&API).await;
            assert_eq!(world.the_open_one(&SITE).await, other, "{call}");
            assert_eq!(world.pass(&kubeopt).await.problems(), [], "{call}");
            world.the_open_one(&API).await;
        }
    }
}

#[tokio::test]
async fn a_merged_branch_that_could_not_be_deleted_is_deleted_by_the_next_pass() {
    let world = World::of(&[API, SITE]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.forge.merge(&API.repository_id(), pull.number, "alice").await.unwrap();
    world.apply().await;
    world
        .troubles
        .lock()
        .unwrap()
        .insert("shop", Trouble::Fails("delete_branch", ForgeError::Server { status: 500 }));

    let report = world.pass(&kubeopt).await;
    told(&report, "E-FRG-006");
    assert_eq!(report.merges.merges.len(), 1, "the merge is seen all the same");

    world.troubles.lock().unwrap().clear();
    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    assert_eq!(world.branch(&API, &pull.head_branch).await, None);
    assert_eq!(world.pulls_of(&API).await.len(), 1);
    world.the_open_one(&SITE).await;
}
