//! What is asked at all: texts that are at hand, tokens that are used up, servers that are left alone.

use jiff::SignedDuration;
use kubeopt_model::WordedBy;
use kubeopt_reason::Provider::{Anthropic, OpenAiCompatible};
use kubeopt_reason::{
    ComputedExplainer, Explainer as _, ModelExplainer, Remembered, Subject, TokenBudget, explain,
};
use serde_json::json;
use wiremock::ResponseTemplate;

use crate::cases::{all, named};
use crate::servers::{FIT, Hands, answer, ask, asked, saying, server, settings, worded};

#[tokio::test]
async fn the_same_proposal_has_the_same_text_and_costs_once() {
    let facts = named("api-with-office-hours").facts();
    let server = saying(Anthropic, &worded(FIT, json!([]))).await;
    let hands = Hands::new();
    let explainer = ModelExplainer::new(settings(Anthropic, &server.uri()), hands.clock()).unwrap();
    assert_eq!(explainer.at_hand(&facts), explain(&facts), "nothing waits for a model");
    let first = ask(&explainer, &facts).await.explanation;
    assert_eq!(ask(&explainer, &facts).await.explanation, first);
    assert_eq!(explainer.at_hand(&facts), first);
    let mut more = facts.clone();
    more.days = 29.0;
    more.coverage.have += 2000;
    let later = explainer.at_hand(&more);
    assert!(
        later.summary.contains("over 29 days") && later.worded_by == first.worded_by,
        "new numbers, same words"
    );
    assert_eq!(asked(&server).await.len(), 1);
    hands.forward(SignedDuration::from_hours(30 * 24));
    assert_eq!(explainer.at_hand(&facts), explain(&facts), "texts grow old");
}

#[tokio::test]
async fn texts_and_budgets_live_over_a_restart_and_are_not_trusted() {
    let facts = named("api-with-office-hours").facts();
    let server = saying(Anthropic, &worded(FIT, json!([]))).await;
    let hands = Hands::new();
    let new = || ModelExplainer::new(settings(Anthropic, &server.uri()), hands.clock()).unwrap();
    let explainer = new();
    let worded = ask(&explainer, &facts).await.explanation;
    let stored = serde_json::to_string(&explainer.remembered()).unwrap();
    let restarted = new();
    restarted.recall(serde_json::from_str(&stored).unwrap());
    assert_eq!(restarted.at_hand(&facts), worded);
    let forged = stored.replace("nothing came near", "see evil.example near");
    assert_ne!(forged, stored);
    restarted.recall(serde_json::from_str(&forged).unwrap());
    assert_eq!(restarted.at_hand(&facts), explain(&facts), "a text is checked again when it is used");
    assert_eq!(serde_json::from_str::<Remembered>("{}").unwrap(), Remembered::default());
}

#[tokio::test]
async fn a_text_that_was_not_fit_is_not_asked_for_again_on_the_same_day() {
    let facts = named("api-with-office-hours").facts();
    let server = saying(Anthropic, &worded("See evil.example for all of it.", json!([]))).await;
    let hands = Hands::new();
    let explainer = ModelExplainer::new(settings(Anthropic, &server.uri()), hands.clock()).unwrap();
    assert_eq!(ask(&explainer, &facts).await.why_not.unwrap().code, "E-RSN-008");
    assert_eq!(ask(&explainer, &facts).await.why_not.unwrap().code, "E-RSN-014");
    assert_eq!(asked(&server).await.len(), 1);
    hands.forward(SignedDuration::from_hours(24));
    ask(&explainer, &facts).await;
    assert_eq!(asked(&server).await.len(), 2);
}

#[tokio::test]
async fn budgets_are_hard_and_say_so() {
    let cases = all();
    let server =
        server(vec![ResponseTemplate::new(200).set_body_json(crate::servers::message("{}", "end_turn"))])
            .await;
    for (budget, code) in [
        (TokenBudget { per_pull_request: 6_000, ..TokenBudget::default() }, "E-RSN-009"),
        (TokenBudget { per_day: 6_000, namespace_percent: 100, ..TokenBudget::default() }, "E-RSN-010"),
        (TokenBudget { per_day: 24_000, ..TokenBudget::default() }, "E-RSN-011"),
        (TokenBudget { per_pull_request: 0, ..TokenBudget::default() }, "E-RSN-009"),
    ] {
        let mut settings = settings(Anthropic, &server.uri());
        settings.budget = budget;
        let explainer = ModelExplainer::new(settings, Hands::new().clock()).unwrap();
        let before = asked(&server).await.len();
        let mut last = String::new();
        for case in &cases[..4] {
            last = ask(&explainer, &case.facts()).await.why_not.unwrap().code;
        }
        assert_eq!(last, code);
        assert!(asked(&server).await.len() - before < 4, "{code}");
    }
}

#[tokio::test]
async fn every_attempt_is_counted() {
    let facts = named("api-with-office-hours").facts();
    for (first, spent) in [
        (answer(OpenAiCompatible, "Sure! Here it is:"), 2400),
        (ResponseTemplate::new(503).insert_header("retry-after", "0"), 1200),
    ] {
        let server = server(vec![first, answer(OpenAiCompatible, &worded(FIT, json!([])))]).await;
        let explainer =
            ModelExplainer::new(settings(OpenAiCompatible, &server.uri()), Hands::new().clock()).unwrap();
        assert_eq!(ask(&explainer, &facts).await.why_not, None);
        let remembered = serde_json::to_value(explainer.remembered()).unwrap();
        assert_eq!(remembered["spent"]["today"], spent);
        assert_eq!(remembered["spent"]["namespaces"]["payments"], spent);
    }
}

#[tokio::test]
async fn a_server_that_fails_five_times_rests_for_ten_minutes() {
    let facts = named("api-with-office-hours").facts();
    let mut answers = vec![ResponseTemplate::new(404); 5];
    answers.push(answer(Anthropic, &worded(FIT, json!([]))));
    let server = server(answers).await;
    let hands = Hands::new();
    let explainer = ModelExplainer::new(settings(Anthropic, &server.uri()), hands.clock()).unwrap();
    for _ in 0..5 {
        assert_eq!(ask(&explainer, &facts).await.why_not.unwrap().code, "E-RSN-001");
    }
    assert_eq!(ask(&explainer, &facts).await.why_not.unwrap().code, "E-RSN-012");
    assert_eq!(asked(&server).await.len(), 5);
    hands.forward(SignedDuration::from_mins(10));
    assert_eq!(ask(&explainer, &facts).await.why_not, None);
}

#[tokio::test]
async fn without_a_model_nothing_is_missing() {
    for case in all() {
        let facts = case.facts();
        let explained = ComputedExplainer.explain(Subject { facts: &facts, pull_request: "payments" }).await;
        assert_eq!((explained.explanation.clone(), explained.why_not), (explain(&facts), None));
        assert_eq!(explained.explanation.worded_by, WordedBy::Kubeopt);
    }
}
