//! Why a value is right, in words: kubeopt's own at once, a model's in the next pass, and never another change for it.

use std::sync::Arc;

use kubeopt_api::Config;
use kubeopt_model::Timestamp;
use kubeopt_net::Url;
use kubeopt_reason::{Endpoint, ModelExplainer, ModelSettings, NamePolicy, Provider, TokenBudget};
use kubeopt_runtime::PassReport;
use kubeopt_runtime::edges::Edges;
use kubeopt_runtime::publishing::Published;
use kubeopt_runtime::wording::{ask, questions};
use serde_json::json;
use wiremock::matchers::path;
use wiremock::{Mock, MockServer, ResponseTemplate};

use crate::apps::{API, WEB};
use crate::world::World;

const OWN: &str = "; computed by kubeopt._";
const OF_MODEL: &str = "worded by the model small-1, numbers computed by kubeopt._";

/// A model whose words fit every change of both requests.
async fn server() -> MockServer {
    let summary = "This workload is calm, so the CPU request can go from {{cpu_request_change}}; over {{days}} days nothing \
                   came near the old value. Memory goes from {{memory_request_change}} and stays above {{memory_highest}}.";
    let text = json!({"summary": summary, "risks": [], "confidence": "high"}).to_string();
    let answer = json!({
        "id": "1", "object": "chat.completion", "created": 1, "model": "small-1",
        "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": {"prompt_tokens": 900, "completion_tokens": 300, "total_tokens": 1200},
    });
    let server = MockServer::start().await;
    let answers = Mock::given(path("/v1/chat/completions"));
    answers.respond_with(ResponseTemplate::new(200).set_body_json(answer)).mount(&server).await;
    server
}

fn model(server: &MockServer) -> Arc<ModelExplainer> {
    kubeopt_net::install_crypto_provider();
    let settings = ModelSettings {
        endpoint: Endpoint {
            provider: Provider::OpenAiCompatible,
            base_url: Url::parse(&format!("{}/v1", server.uri())).unwrap(),
            key: None,
            ca_file: None,
        },
        model: "small-1".to_owned(),
        budget: TokenBudget::default(),
        names: NamePolicy::Real,
    };
    Arc::new(ModelExplainer::new(settings, Arc::new(Timestamp::now)).unwrap())
}

async fn asked(server: &MockServer) -> usize {
    server.received_requests().await.unwrap().len()
}

/// All that becomes a commit.
fn commits(report: &PassReport) -> Vec<(String, String, String, String)> {
    let proposals = report.decided.proposals.iter();
    let of = |draft: &kubeopt_model::pull_request::PullRequestDraft| {
        (
            draft.branch.clone(),
            draft.title.clone(),
            draft.commit_message.clone(),
            draft.marker.proposal.clone(),
        )
    };
    proposals.map(|proposal| of(&proposal.draft)).collect()
}

#[tokio::test]
async fn a_pull_request_says_why_in_kubeopts_own_words_and_waits_for_no_model() {
    let world = World::of(&[API]).await;
    let server = server().await;
    let kubeopt = Edges { words: Some(model(&server)), ..world.controller("a").await };
    world.pass(&kubeopt).await;
    let body = world.the_open_one(&API).await.body;
    assert!(body.contains(OWN) && body.contains("The CPU request goes from 400m to "), "{body}");
    assert_eq!(asked(&server).await, 0, "a pass asks nobody");
}

#[tokio::test]
async fn the_next_pass_has_a_models_words_and_the_diff_is_the_same_with_and_without() {
    let (with, without) = (World::of(&[API, WEB]).await, World::of(&[API, WEB]).await);
    let server = server().await;
    let model = model(&server);
    let plain = without.controller("a").await;
    let kubeopt = Edges { words: Some(Arc::clone(&model)), ..with.controller("a").await };
    let first = with.pass(&kubeopt).await;
    let before = with.the_open_one(&API).await;
    assert_eq!(ask(&model, &questions(&first)).await, []);
    assert!(asked(&server).await >= 1);

    let second = with.pass(&kubeopt).await;
    let after = with.the_open_one(&API).await;
    assert!(after.body.contains(OF_MODEL) && !after.body.contains(OWN), "{}", after.body);
    assert!(after.body.contains("go from 400m to "), "{}", after.body);
    assert_eq!((after.head_oid, after.title), (before.head_oid, before.title), "only the text is another");
    assert!(
        second.published.iter().all(|one| matches!(one, Published::Unchanged(_))),
        "{:?}",
        second.published
    );

    without.pass(&plain).await;
    let silent = without.pass(&plain).await;
    assert!(without.the_open_one(&API).await.body.contains(OWN));
    assert_eq!(second.diff(), silent.diff(), "byte by byte");
    assert_eq!(commits(&second), commits(&silent));

    let number = asked(&server).await;
    let third = with.pass(&kubeopt).await;
    assert_eq!(ask(&model, &questions(&third)).await, []);
    assert_eq!(asked(&server).await, number, "what was asked is remembered");
    assert_eq!(with.the_open_one(&API).await.body, after.body);
}

#[tokio::test]
async fn a_policy_without_reasoning_keeps_a_model_out() {
    let world = World::of(&[API]).await;
    let server = server().await;
    let model = model(&server);
    let open = Edges { words: Some(Arc::clone(&model)), ..world.controller("a").await };
    let report = world.pass(&open).await;
    assert_eq!(ask(&model, &questions(&report)).await, []);

    let config =
        Config::parse("policy: {reasoning: false}", "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap();
    let closed = Edges { operator_policy: config.policy, ..open };
    let report = world.pass(&closed).await;
    assert_eq!(questions(&report), []);
    let draft = &report.decided.proposals[0].draft;
    assert!(draft.body.contains(OWN) && !draft.body.contains(OF_MODEL), "{}", draft.body);
}

#[tokio::test]
async fn a_model_that_fails_is_told_and_nothing_else_happens() {
    let world = World::of(&[API]).await;
    let server = MockServer::start().await;
    let model = model(&server);
    let kubeopt = Edges { words: Some(Arc::clone(&model)), ..world.controller("a").await };
    let report = world.pass(&kubeopt).await;
    let problems = ask(&model, &questions(&report)).await;
    assert_eq!(problems.len(), 1, "{problems:?}");
    assert!(problems[0].code.starts_with("E-RSN-"), "{problems:?}");
    world.pass(&kubeopt).await;
    assert!(world.the_open_one(&API).await.body.contains(OWN));
}
