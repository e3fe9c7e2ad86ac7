//! Servers of both APIs that say what a test wants, and a clock that stands still.

use std::sync::{Arc, Mutex};

use jiff::{SignedDuration, Timestamp};
use kubeopt_net::{Secret, SecretSource, Url};
use kubeopt_reason::{
    Clock, Endpoint, Explained, Explainer as _, Facts, ModelExplainer, ModelSettings, NamePolicy, Provider,
    Subject, TokenBudget,
};
use serde_json::{Value, json};
use wiremock::matchers::method;
use wiremock::{Mock, MockServer, Respond, ResponseTemplate};

/// The key that no log may show.
pub(crate) const KEY: &str = "sk-very-secret";

/// A clock that is moved by hand.
#[derive(Clone)]
pub(crate) struct Hands(Arc<Mutex<Timestamp>>);

impl Hands {
    pub(crate) fn new() -> Self {
        Self(Arc::new(Mutex::new("2026-11-22T10:00:00Z".parse().unwrap())))
    }

    pub(crate) fn clock(&self) -> Clock {
        let hands = self.clone();
        Arc::new(move || *hands.0.lock().unwrap())
    }

    pub(crate) fn forward(&self, by: SignedDuration) {
        let mut now = self.0.lock().unwrap();
        *now = now.checked_add(by).unwrap();
    }
}

/// Settings for a server.
pub(crate) fn settings(provider: Provider, base: &str) -> ModelSettings {
    let base = match provider {
        Provider::Anthropic => base.to_owned(),
        Provider::OpenAiCompatible => format!("{base}/v1"),
    };
    ModelSettings {
        endpoint: Endpoint {
            provider,
            base_url: Url::parse(&base).unwrap(),
            key: Some(SecretSource::Value(Secret::new(KEY))),
            ca_file: None,
        },
        model: "small-1".to_owned(),
        budget: TokenBudget::default(),
        names: NamePolicy::Real,
    }
}

/// Answers one after the other; the last one again and again.
pub(crate) struct InTurn(Mutex<Vec<ResponseTemplate>>);

impl Respond for InTurn {
    fn respond(&self, _: &wiremock::Request) -> ResponseTemplate {
        let mut answers = self.0.lock().unwrap();
        if answers.len() > 1 { answers.remove(0) } else { answers[0].clone() }
    }
}

/// A server that gives these answers.
pub(crate) async fn server(answers: Vec<ResponseTemplate>) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).respond_with(InTurn(Mutex::new(answers))).mount(&server).await;
    server
}

/// A server of an API whose model says this text.
pub(crate) async fn saying(provider: Provider, text: &str) -> MockServer {
    server(vec![answer(provider, text)]).await
}

/// A whole answer with this text.
pub(crate) fn answer(provider: Provider, text: &str) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(match provider {
        Provider::Anthropic => message(text, "end_turn"),
        Provider::OpenAiCompatible => completion(json!(text), "stop", Value::Null),
    })
}

pub(crate) fn message(text: &str, stop_reason: &str) -> Value {
    json!({
        "id": "msg_01", "type": "message", "role": "assistant", "model": "small-1",
        "content": [{"type": "text", "text": text}],
        "stop_reason": stop_reason, "stop_sequence": null,
        "usage": {"input_tokens": 900, "output_tokens": 300},
    })
}

pub(crate) fn completion(content: Value, finish_reason: &str, refusal: Value) -> Value {
    json!({
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1, "model": "small-1",
        "choices": [{
            "index": 0, "finish_reason": finish_reason,
            "message": {"role": "assistant", "content": content, "refusal": refusal},
        }],
        "usage": {"prompt_tokens": 900, "completion_tokens": 300, "total_tokens": 1200},
    })
}

/// A text in the shape that is asked for.
pub(crate) fn worded(summary: &str, risks: Value) -> String {
    json!({"summary": summary, "risks": risks, "confidence": "high"}).to_string()
}

/// A summary that is fit for every case that changes both requests.
pub(crate) const FIT: &str = "This service is calm between its busy hours, so the CPU request can go from \
{{cpu_request_change}}; over {{days}} days nothing came near the old value. Memory goes from {{memory_request_change}} and \
stays above {{memory_highest}}, the most that it ever held.";

/// Asks once.
pub(crate) async fn ask(explainer: &ModelExplainer, facts: &Facts) -> Explained {
    explainer.explain(Subject { facts, pull_request: "payments" }).await
}

/// The requests that a server got, as JSON.
pub(crate) async fn asked(server: &MockServer) -> Vec<Value> {
    let requests = server.received_requests().await.unwrap();
    requests.iter().map(|request| serde_json::from_slice(&request.body).unwrap()).collect()
}
