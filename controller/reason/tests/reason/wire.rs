//! What goes over the wire, and what becomes of every kind of answer, from servers of both APIs.

use std::time::Duration;

use kubeopt_model::WordedBy;
use kubeopt_net::{Secret, SecretSource};
use kubeopt_reason::Provider::{Anthropic, OpenAiCompatible};
use kubeopt_reason::{ModelExplainer, NamePolicy, Provider, explain};
use serde_json::{Value, json};
use wiremock::ResponseTemplate;

use crate::cases::{all, named};
use crate::servers::{
    FIT, Hands, KEY, answer, ask, asked, completion, message, saying, server, settings, worded,
};

const BOTH: [Provider; 2] = [Anthropic, OpenAiCompatible];

fn facts() -> kubeopt_reason::Facts {
    named("api-with-office-hours").facts()
}

#[tokio::test]
async fn a_model_s_words_stand_over_kubeopt_s_numbers() {
    for provider in BOTH {
        let server = saying(provider, &worded(FIT, json!([]))).await;
        let explainer = ModelExplainer::new(settings(provider, &server.uri()), Hands::new().clock()).unwrap();
        let (explained, own) = (ask(&explainer, &facts()).await, explain(&facts()));
        assert_eq!(explained.why_not, None);
        let explanation = explained.explanation;
        assert_eq!(explanation.worded_by, WordedBy::Model { model: "small-1".to_owned() });
        assert!(
            explanation.summary.contains("go from 1000m to 310m; over 28 days"),
            "{}",
            explanation.summary
        );
        assert_eq!((explanation.figures, explanation.confidence), (own.figures, own.confidence));
    }
}

#[tokio::test]
async fn requests_have_the_shape_that_the_apis_publish_and_hold_no_number_of_the_workload() {
    for provider in BOTH {
        let server = saying(provider, &worded(FIT, json!([]))).await;
        let explainer = ModelExplainer::new(settings(provider, &server.uri()), Hands::new().clock()).unwrap();
        ask(&explainer, &facts()).await;
        let request = &server.received_requests().await.unwrap()[0];
        let body: Value = serde_json::from_slice(&request.body).unwrap();
        let header = |name: &str| request.headers.get(name).map(|value| value.to_str().unwrap().to_owned());
        let (schema, user) = match provider {
            Anthropic => {
                assert_eq!(request.url.path(), "/v1/messages");
                assert_eq!(header("x-api-key").as_deref(), Some(KEY));
                assert_eq!(header("anthropic-version").as_deref(), Some("2023-06-01"));
                assert_eq!(body["output_config"]["format"]["type"], "json_schema");
                assert!(body["max_tokens"].is_u64() && body["system"].is_string());
                (&body["output_config"]["format"]["schema"], &body["messages"][0])
            }
            OpenAiCompatible => {
                assert_eq!(request.url.path(), "/v1/chat/completions");
                assert_eq!(header("authorization"), Some(format!("Bearer {KEY}")));
                let format = &body["response_format"];
                assert_eq!(
                    (&format["type"], &format["json_schema"]["strict"]),
                    (&json!("json_schema"), &json!(true))
                );
                assert_eq!(body["messages"][0]["role"], "system");
                (&format["json_schema"]["schema"], &body["messages"][1])
            }
        };
        assert_eq!(user["role"], "user");
        let input = user["content"].as_str().unwrap();
        assert!(!input.contains(|c: char| c.is_ascii_digit()), "no number is told: {input}");
        let input: Value = serde_json::from_str(input).unwrap();
        let keys: Vec<&String> = input.as_object().unwrap().keys().collect();
        let listed = [
            "changes",
            "confidence",
            "figures",
            "kind",
            "mustName",
            "names",
            "profile",
            "risk",
            "risks",
            "summary",
        ];
        assert_eq!(keys, listed, "what is not listed is not sent");
        let valid = jsonschema::validator_for(schema).unwrap();
        assert!(valid.is_valid(&serde_json::from_str(&worded(FIT, json!([]))).unwrap()));
        assert!(!valid.is_valid(&json!({"summary": "x", "risks": []})));
        assert!(!valid.is_valid(&json!({"summary": "x", "risks": [], "confidence": "high", "number": 1})));
    }
}

#[tokio::test]
async fn pseudonyms_go_out_and_names_come_back() {
    let mut settings = settings(Anthropic, "http://127.0.0.1:1");
    settings.names = NamePolicy::Pseudonyms { key: Secret::new("of this installation") };
    let unheard = server(vec![ResponseTemplate::new(500)]).await;
    settings.endpoint.base_url = unheard.uri().parse().unwrap();
    let explainer = ModelExplainer::new(settings.clone(), Hands::new().clock()).unwrap();
    ask(&explainer, &facts()).await;
    let input: Value =
        serde_json::from_str(asked(&unheard).await[0]["messages"][0]["content"].as_str().unwrap()).unwrap();
    let told = input["names"]["workload"].as_str().unwrap();
    assert!(told.starts_with("workload-") && !input.to_string().contains("payments"), "{input}");
    let text = FIT.replace("This service", &format!("The workload {told}"));
    let server = saying(Anthropic, &worded(&text, json!([]))).await;
    settings.endpoint.base_url = server.uri().parse().unwrap();
    let explainer = ModelExplainer::new(settings, Hands::new().clock()).unwrap();
    let explained = ask(&explainer, &facts()).await;
    assert!(explained.explanation.summary.starts_with("The workload api is calm"), "{explained:?}");
}

/// What a model or its server may do wrong, for both APIs: the answers, and the code that is told.
fn faults(provider: Provider) -> Vec<(&'static str, Vec<ResponseTemplate>, &'static str)> {
    let text = |text: &str| vec![answer(provider, text)];
    let raw = |body: Value| vec![ResponseTemplate::new(200).set_body_json(body)];
    let status = |status: u16| vec![ResponseTemplate::new(status)];
    let whole = worded(FIT, json!([]));
    let stopped = |anthropic: &str, openai: &str| match provider {
        Anthropic => raw(message(&whole, anthropic)),
        OpenAiCompatible => raw(completion(json!(whole), openai, Value::Null)),
    };
    let patient = |status: u16, seconds: &str| {
        vec![ResponseTemplate::new(status).insert_header("retry-after", seconds)]
    };
    vec![
        ("prose instead of JSON", text("The CPU request can go down a lot."), "E-RSN-005"),
        ("JSON of another shape", text(r#"{"answer": 42}"#), "E-RSN-005"),
        ("a field for numbers", text(&whole.replace("\"risks\"", "\"cpu\": 42, \"risks\"")), "E-RSN-005"),
        ("JSON that ends early", text(&whole[..whole.len() - 20]), "E-RSN-005"),
        ("nothing", text(""), "E-RSN-005"),
        ("a text without end", text(&"x".repeat(100_000)), "E-RSN-005"),
        (
            "other numbers",
            text(&worded(&FIT.replace("a calm", "250m of"), json!([])).replace("{{days}}", "90")),
            "E-RSN-008",
        ),
        (
            "an image link",
            text(&worded(&format!("{FIT} ![x](https://evil.example/p.png)"), json!([]))),
            "E-RSN-008",
        ),
        ("a command", text(&worded(&format!("{FIT} /kubeopt set"), json!([]))), "E-RSN-008"),
        ("a value left out", text(&worded("Everything about this change is fine.", json!([]))), "E-RSN-008"),
        (
            "a risk of its own",
            text(&worded(FIT, json!([{"code": "oom-again", "text": "It may be killed again."}]))),
            "E-RSN-008",
        ),
        ("a model in doubt", text(&whole.replace("\"high\"", "\"low\"")), "E-RSN-008"),
        ("a refusal", stopped("refusal", "content_filter"), "E-RSN-006"),
        ("an answer cut off", stopped("max_tokens", "length"), "E-RSN-007"),
        ("a call of a tool", stopped("tool_use", "tool_calls"), "E-RSN-004"),
        ("another API", raw(json!({"result": "ok"})), "E-RSN-004"),
        ("no JSON at all", vec![ResponseTemplate::new(200).set_body_string("<html>")], "E-RSN-004"),
        ("no permission", status(401), "E-RSN-001"),
        ("no such model", status(404), "E-RSN-001"),
        ("a created", status(201), "E-RSN-004"),
        ("a fault", patient(500, "0"), "E-RSN-002"),
        ("overload", patient(529, "0"), "E-RSN-002"),
        ("too many requests", patient(429, "3600"), "E-RSN-002"),
        ("ten megabytes", vec![ResponseTemplate::new(200).set_body_bytes(vec![b' '; 10 << 20])], "E-RSN-001"),
    ]
}

#[tokio::test]
async fn whatever_goes_wrong_kubeopt_s_own_sentences_stand() {
    for provider in BOTH {
        for (what, answers, code) in faults(provider) {
            let server = server(answers).await;
            let explainer =
                ModelExplainer::new(settings(provider, &server.uri()), Hands::new().clock()).unwrap();
            let explained = ask(&explainer, &facts()).await;
            assert_eq!(explained.explanation, explain(&facts()), "{provider:?}: {what}");
            let problem = explained.why_not.unwrap();
            assert_eq!(problem.code, code, "{provider:?}: {what}: {problem}");
            assert!(!format!("{problem} {explainer:?}").contains(KEY));
            assert!(asked(&server).await.len() <= 2, "{provider:?}: {what}");
        }
    }
}

#[tokio::test]
async fn a_fault_that_passes_costs_one_more_attempt() {
    for provider in BOTH {
        for status in [408, 429, 500, 503, 529] {
            let later = ResponseTemplate::new(status).insert_header("retry-after", "0");
            let server = server(vec![later, answer(provider, &worded(FIT, json!([])))]).await;
            let explainer =
                ModelExplainer::new(settings(provider, &server.uri()), Hands::new().clock()).unwrap();
            assert_eq!(ask(&explainer, &facts()).await.why_not, None, "{provider:?} {status}");
            assert_eq!(asked(&server).await.len(), 2);
        }
    }
}

#[tokio::test]
async fn a_server_that_knows_no_schema_is_asked_for_json() {
    let fenced = format!("```json\n{}\n```", worded(FIT, json!([])));
    for first in [ResponseTemplate::new(400), answer(OpenAiCompatible, "Sure! Here it is: {}")] {
        let server = server(vec![first, answer(OpenAiCompatible, &fenced)]).await;
        let explainer =
            ModelExplainer::new(settings(OpenAiCompatible, &server.uri()), Hands::new().clock()).unwrap();
        assert_eq!(ask(&explainer, &facts()).await.why_not, None);
        let formats: Vec<Value> =
            asked(&server).await.iter().map(|body| body["response_format"]["type"].clone()).collect();
        assert_eq!(formats, ["json_schema", "json_object"]);
    }
}

#[tokio::test]
async fn a_model_that_refuses_in_words_is_understood() {
    let refusal =
        ResponseTemplate::new(200).set_body_json(completion(Value::Null, "stop", json!("I cannot")));
    let server = server(vec![refusal]).await;
    let explainer =
        ModelExplainer::new(settings(OpenAiCompatible, &server.uri()), Hands::new().clock()).unwrap();
    assert_eq!(ask(&explainer, &facts()).await.why_not.unwrap().code, "E-RSN-006");
}

#[tokio::test(start_paused = true)]
async fn an_answer_after_a_minute_is_not_waited_for() {
    // Nobody ever takes the connection: the answer comes after any time.
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("http://{}", silent.local_addr().unwrap());
    for provider in BOTH {
        let explainer = ModelExplainer::new(settings(provider, &uri), Hands::new().clock()).unwrap();
        let begun = tokio::time::Instant::now();
        let explained = ask(&explainer, &facts()).await;
        assert!(
            begun.elapsed() <= Duration::from_secs(21),
            "in the time of the test, which passes by itself"
        );
        assert_eq!(explained.explanation, explain(&facts()));
        let code = explained.why_not.unwrap().code;
        assert!(["E-RSN-001", "E-RSN-003"].contains(&code.as_str()), "{code}");
    }
}

#[tokio::test]
async fn nobody_there_is_no_reason_to_fail() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let explainer =
        ModelExplainer::new(settings(Anthropic, &format!("http://{free}")), Hands::new().clock()).unwrap();
    let explained = ask(&explainer, &facts()).await;
    assert_eq!(
        (explained.explanation, explained.why_not.unwrap().code.as_str()),
        (explain(&facts()), "E-RSN-001")
    );
}

#[tokio::test]
async fn kubeopt_s_own_draft_is_fit_in_every_case() {
    for case in all() {
        let silent = server(vec![ResponseTemplate::new(500).insert_header("retry-after", "0")]).await;
        let explainer =
            ModelExplainer::new(settings(Anthropic, &silent.uri()), Hands::new().clock()).unwrap();
        ask(&explainer, &case.facts()).await;
        let input = asked(&silent).await[0]["messages"][0]["content"].as_str().unwrap().to_owned();
        let input: Value = serde_json::from_str(&input).unwrap();
        let echo = worded(input["summary"].as_str().unwrap(), input["risks"].clone());
        let server = saying(Anthropic, &echo).await;
        let explainer =
            ModelExplainer::new(settings(Anthropic, &server.uri()), Hands::new().clock()).unwrap();
        let (explained, own) = (ask(&explainer, &case.facts()).await, explain(&case.facts()));
        assert_eq!(explained.why_not, None, "{}", case.name);
        assert_eq!((explained.explanation.summary, explained.explanation.risks), (own.summary, own.risks));
    }
}

#[test]
fn settings_that_cannot_work_are_told_before_anything_is_asked() {
    let with = |edit: fn(&mut kubeopt_reason::ModelSettings)| {
        let mut settings = settings(Anthropic, "https://model.example");
        edit(&mut settings);
        ModelExplainer::new(settings, Hands::new().clock()).map(|_| ()).map_err(|error| error.code())
    };
    assert_eq!(with(|_| {}), Ok(()));
    assert_eq!(with(|settings| settings.model.clear()), Err("E-RSN-013"));
    assert_eq!(with(|settings| settings.model = "a b".to_owned()), Err("E-RSN-013"));
    assert_eq!(with(|settings| settings.endpoint.base_url = "mailto:x".parse().unwrap()), Err("E-RSN-013"));
    assert_eq!(
        with(|settings| settings.endpoint.base_url = "https://u:p@model.example".parse().unwrap()),
        Err("E-RSN-001")
    );
}

#[test]
fn a_key_is_never_shown() {
    let mut settings = settings(Anthropic, "https://model.example");
    settings.names = NamePolicy::Pseudonyms { key: Secret::new(KEY) };
    let shown = format!("{settings:?}");
    assert!(!shown.contains(KEY) && shown.contains("***"), "{shown}");
    settings.endpoint.key = Some(SecretSource::File("/etc/kubeopt/model-key".into()));
    assert!(format!("{settings:?}").contains("/etc/kubeopt/model-key"), "a file may be named");
}
