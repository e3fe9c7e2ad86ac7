//! What comes when a server is down, slow, overloaded, not allowed to be asked, or not Prometheus at all.

use super::*;

#[tokio::test]
async fn a_refused_size_is_halved_until_it_fits() {
    let server = MockServer::start().await;
    let refused = json!({"status": "error", "errorType": "execution", "error": "query processing would load too many samples into memory in query execution"});
    let whole = format!("start={}&end={}&", at(1), at(24));
    Mock::given(body_string_contains(&whole))
        .and(body_string_contains(CPU))
        .respond_with(ResponseTemplate::new(422).set_body_json(&refused))
        .with_priority(1)
        .mount(&server)
        .await;
    for (first, last) in [(1, 12), (13, 24)] {
        Mock::given(body_string_contains(format!("start={}&end={}&", at(first), at(last))))
            .and(body_string_contains(CPU))
            .respond_with(matrix(&[row("live", json!([[at(first), "1"], [at(last), "2"]]))]))
            .with_priority(2)
            .mount(&server)
            .await;
    }
    answers(&server, MEMORY, matrix(&[row("live", json!([[at(1), "1"]]))])).await;
    else_empty(&server).await;
    let (report, series) = read(&source(&server, |_| {}).await).await.unwrap();
    assert_eq!((report.queries, report.samples), (6, 5));
    let cpu: Vec<i64> = series
        .iter()
        .filter(|one| one.signal == Signal::CpuMillicores)
        .flat_map(|one| one.points.iter().map(|(at, _)| *at))
        .collect();
    assert_eq!(cpu, [at(0), at(11), at(12), at(23)]);
}

#[tokio::test]
async fn what_is_too_much_for_an_hour_is_given_up_with_the_reason() {
    for answer in [
        ResponseTemplate::new(503).set_body_string("query timed out in expression evaluation"),
        ResponseTemplate::new(422).set_body_string("the query exceeded the maximum number of samples"),
    ] {
        let server = MockServer::start().await;
        Mock::given(method("POST")).respond_with(answer).mount(&server).await;
        let error = read(&source(&server, |_| {}).await).await.unwrap_err();
        assert!(matches!(error, ObserveError::TooMuch { seconds: 3600, .. }), "{error}");
        assert!(server.received_requests().await.unwrap().len() <= 6);
    }
}

#[tokio::test]
async fn an_outage_is_borne_for_a_while() {
    let server = MockServer::start().await;
    Mock::given(body_string_contains(CPU))
        .respond_with(ResponseTemplate::new(502))
        .up_to_n_times(2)
        .with_priority(1)
        .mount(&server)
        .await;
    answers(&server, CPU, matrix(&[row("live", json!([[at(1), "1"]]))])).await;
    answers(&server, MEMORY, matrix(&[row("live", json!([[at(1), "1"]]))])).await;
    else_empty(&server).await;
    let (report, _) = read(&source(&server, |_| {}).await).await.unwrap();
    assert_eq!((report.queries, report.samples), (6, 2));

    server.reset().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(500).set_body_string("panic"))
        .mount(&server)
        .await;
    let error = read(&source(&server, |_| {}).await).await.unwrap_err();
    assert!(
        matches!(&error, ObserveError::Refused { status: 500, excerpt } if excerpt == "panic"),
        "{error}"
    );
    assert!(error.is_transient());
}

#[tokio::test]
async fn what_came_before_a_broken_connection_is_not_given_twice() {
    let rows: Vec<Value> =
        (0..3).map(|n| json!({"metric": {"pod": format!("p{n}")}, "values": [[1, "1"], [2, "2"]]})).collect();
    let body = json!({"status": "success", "data": {"result": rows}}).to_string();
    let cut = body.find("p2").unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let uri = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move {
        for part in [&body[..cut], &body[..]] {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0_u8; 4096];
            let _some = tokio::io::AsyncReadExt::read(&mut stream, &mut request).await.unwrap();
            let head =
                format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\nconnection: close\r\n\r\n", body.len());
            tokio::io::AsyncWriteExt::write_all(&mut stream, format!("{head}{part}").as_bytes())
                .await
                .unwrap();
            tokio::io::AsyncWriteExt::shutdown(&mut stream).await.unwrap();
        }
    });
    let source = source_at(&uri, |_| {});
    let mut found = Vec::new();
    let steps = attempt::Steps { first: 300, last: 3600, step: 300 };
    let tally = source
        .api
        .range("up", steps, &mut |labels, points| found.push((labels["pod"].clone(), points.len())))
        .await;
    server.await.unwrap();
    assert_eq!(found, [("p0".to_owned(), 2), ("p1".to_owned(), 2), ("p2".to_owned(), 2)]);
    assert_eq!(tally.unwrap().queries, 2);
}

#[tokio::test]
async fn a_slow_server_is_not_waited_for_for_ever() {
    let server = MockServer::start().await;
    let late = matrix(&[]).set_delay(Duration::from_secs(600));
    Mock::given(method("POST")).respond_with(late).mount(&server).await;
    let client = {
        let url = Url::parse(&server.uri()).unwrap();
        kubeopt_net::install_crypto_provider();
        Client::new(ClientPolicy::new(vec![HostRule::for_url(&url).unwrap()])).unwrap()
    };
    let api = attempt::Api::new(
        client,
        Url::parse(&format!("{}/", server.uri())).unwrap(),
        Duration::ZERO,
        Duration::from_millis(1),
    )
    .with_patience(Duration::from_millis(20));
    let error = api.instant("up", None, &mut |_, _| {}).await.unwrap_err();
    assert!(
        matches!(&error, ObserveError::TooMuch { excerpt, .. } if excerpt.contains("in time")),
        "{error}"
    );
}

#[tokio::test]
async fn refusals_that_waiting_does_not_cure_are_told_at_once() {
    for (status, code, help) in
        [(401, "E-OBS-002", "credentials"), (403, "E-OBS-002", "tenant"), (404, "E-OBS-002", "path")]
    {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(status).set_body_string("no\u{1b}[31m"))
            .mount(&server)
            .await;
        let error = read(&source(&server, |_| {}).await).await.unwrap_err();
        let problem = error.problem();
        assert!(problem.code == code && problem.help.contains(help), "{problem}");
        assert!(!problem.text.contains('\u{1b}'));
        // One per signal: none is repeated.
        assert!(server.received_requests().await.unwrap().len() <= 3);
    }
}

#[tokio::test]
async fn a_server_that_is_down_is_named() {
    let error = read(&source_at("http://127.0.0.1:9", |_| {})).await.unwrap_err();
    let problem = error.problem();
    assert!(problem.code == "E-OBS-001" && problem.text.contains("127.0.0.1"), "{problem}");
    assert!(error.is_transient());
}

#[tokio::test]
async fn what_is_no_answer_of_prometheus_is_said() {
    for body in [
        "<html>log in</html>",
        "",
        "{\"status\":\"success\",\"data\":{\"result\":[{\"values\":[[1,",
        "{}",
        "[]",
    ] {
        let server = MockServer::start().await;
        Mock::given(method("POST"))
            .respond_with(ResponseTemplate::new(200).set_body_string(body))
            .mount(&server)
            .await;
        let code = read(&source(&server, |_| {}).await).await.unwrap_err().code();
        assert!(code == "E-OBS-004" || (body == "{}" && code == "E-OBS-005"), "{body}: {code}");
    }
}

#[tokio::test]
async fn a_huge_answer_is_read_in_bounded_memory() {
    // 40 MB in one answer; each series must leave before the next is read whole.
    let server = MockServer::start().await;
    let values: Vec<Value> = (1..=24).map(|step| json!([at(step), "123456789.123456789"])).collect();
    let rows: Vec<Value> = (0..10_000).map(|n| json!({"metric": {"namespace": "shop", "pod": "live", "container": format!("c{n}")}, "values": values})).collect();
    answers(&server, MEMORY, matrix(&rows)).await;
    else_empty(&server).await;
    let (mut count, mut longest) = (0_u64, 0);
    let report = source(&server, |_| {})
        .await
        .read(SLICE, &owners(), &mut |one| {
            count += 1;
            longest = longest.max(one.points.capacity());
        })
        .await
        .unwrap();
    assert_eq!((count, report.samples, longest), (10_000, 240_000, 24));
}

#[tokio::test]
async fn falls_back_to_get_where_post_is_not_allowed() {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(405))
        .with_priority(1)
        .mount(&server)
        .await;
    for metric in [CPU, MEMORY] {
        Mock::given(method("GET"))
            .and(query_param_contains("query", metric))
            .respond_with(matrix(&[row("live", json!([[at(1), "1"]]))]))
            .mount(&server)
            .await;
    }
    else_empty(&server).await;
    let (report, _) = read(&source(&server, |_| {}).await).await.unwrap();
    assert_eq!(report.samples, 2);
}
