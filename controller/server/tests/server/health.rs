//! Health and metrics.

use axum::body::Body;
use axum::http::{Request, StatusCode};
use kubeopt_model::Problem;
use kubeopt_server::App;

use crate::sample::{get, sample, send, text};

#[tokio::test]
async fn a_starting_process_is_alive_but_not_ready_and_says_why() {
    let app = sample().app;
    assert_eq!(send(&app, get("/livez")).await.status(), StatusCode::OK);
    let response = send(&app, get("/readyz")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    let body: serde_json::Value = serde_json::from_str(&text(response).await).unwrap();
    assert_eq!((&body["ready"], &body["reasons"][0]["code"]), (&false.into(), &"starting".into()));
    assert!(body["reasons"][0]["help"].as_str().unwrap().starts_with("wait"));
}

#[tokio::test]
async fn readiness_follows_what_runtime_says() {
    let app = sample().app;
    app.readiness.ready();
    assert_eq!(text(send(&app, get("/readyz")).await).await, "{\"ready\":true}");
    app.readiness.not_ready(vec![Problem::new("E-CLU-001", "the API server does not answer", "check it")]);
    let response = send(&app, get("/readyz")).await;
    assert_eq!(response.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(text(response).await.contains("the API server does not answer"));
}

#[tokio::test]
async fn probes_and_scrapes_may_use_any_host_name_but_pages_may_not() {
    let app = sample().app;
    for path in ["/livez", "/metrics"] {
        let request = Request::get(path).header("host", "10.1.2.3:8080").body(Body::empty()).unwrap();
        assert_eq!(send(&app, request).await.status(), StatusCode::OK, "{path}");
    }
    let metrics = send(&app, get("/metrics")).await;
    assert!(metrics.headers()["content-type"].to_str().unwrap().starts_with("application/openmetrics-text"));
    assert!(text(metrics).await.contains("kubeopt_build_info{version=\"1.2.3\""));
}

#[tokio::test]
async fn without_a_local_forge_there_are_no_pages() {
    let app = App { pages: None, ..sample().app };
    for path in ["/", "/assets/style.css", "/acme/gitops/pulls/1", "/%2e%2e"] {
        let response = send(&app, get(path)).await;
        assert_eq!(response.status(), StatusCode::NOT_FOUND, "{path}");
        assert!(text(response).await.contains("E-SRV-003"), "{path}");
    }
}
