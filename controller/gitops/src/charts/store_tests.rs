//! The store against servers on this machine: repositories with an index, registries with tokens, and hostile ones.

use std::io::Write as _;

use kubeopt_net::{Auth, ClientPolicy, HostRule, Secret, SecretSource};
use serde_json::json;
use wiremock::matchers::{header, method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::digest::digest_of;
use super::store::*;
use crate::codes;
use kubeopt_model::{Problem, RepoPath};
use kubeopt_net::{Client, Url};

fn archive(version: &str) -> Vec<u8> {
    let content = format!("name: web\nversion: {version}\n");
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(content.len() as u64);
    builder.append_data(&mut header, "web/Chart.yaml", content.as_bytes()).unwrap();
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(&builder.into_inner().unwrap()).unwrap();
    encoder.finish().unwrap()
}

fn client(servers: &[&MockServer]) -> ChartAccess {
    access(servers, &Auth::None)
}

/// These servers, with credentials for all of them.
fn access(servers: &[&MockServer], auth: &Auth) -> ChartAccess {
    kubeopt_net::install_crypto_provider();
    let client = |auth: &Auth| {
        let rule = |server: &&MockServer| HostRule::for_url(&Url::parse(&server.uri()).unwrap()).unwrap();
        let rules = servers.iter().map(|server| rule(server).with_auth(auth.clone()));
        let mut policy = ClientPolicy::new(rules.collect());
        policy.retry.attempts = 1;
        Client::new(policy).unwrap()
    };
    ChartAccess { client: client(auth), with_tokens: client(&Auth::None) }
}

async fn answers(server: &MockServer, at: &str, answer: ResponseTemplate) {
    Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(server).await;
}

async fn fetch(
    store: &ChartStore,
    access: &ChartAccess,
    repository: &str,
    name: &str,
    version: Option<&str>,
) -> Result<FetchedChart, Problem> {
    store.fetch(access, &PublishedChart { repository, name, version, plain_http: true }).await
}

fn chart_yaml(chart: &FetchedChart) -> String {
    String::from_utf8(chart.files[&RepoPath::new("Chart.yaml").unwrap()].clone()).unwrap()
}

/// A repository with web 1.2.0, 1.3.0 and 2.0.0-rc.1, whose digests are true.
async fn repository() -> MockServer {
    let server = MockServer::start().await;
    let mut index = "apiVersion: v1\nentries:\n  web:\n".to_owned();
    for version in ["1.2.0", "1.3.0", "2.0.0-rc.1"] {
        let bytes = archive(version);
        index.push_str(&format!(
            "  - {{version: {version}, urls: [web-{version}.tgz], digest: {}}}\n",
            digest_of(&bytes)
        ));
        answers(
            &server,
            &format!("/stable/web-{version}.tgz"),
            ResponseTemplate::new(200).set_body_bytes(bytes),
        )
        .await;
    }
    answers(
        &server,
        "/stable/index.yaml",
        ResponseTemplate::new(200).insert_header("etag", "\"1\"").set_body_string(index),
    )
    .await;
    server
}

#[tokio::test]
async fn the_wanted_version_is_found_in_the_index_and_kept() {
    let (folder, server) = (tempfile::tempdir().unwrap(), repository().await);
    let (store, client) = (ChartStore::open(folder.path()).unwrap(), client(&[&server]));
    let base = format!("{}/stable", server.uri());
    for (wanted, found) in
        [(None, "1.3.0"), (Some("1.2.0"), "1.2.0"), (Some("~1.2"), "1.2.0"), (Some(">=1-0"), "2.0.0-rc.1")]
    {
        let chart = fetch(&store, &client, &base, "web", wanted).await.unwrap();
        assert_eq!(
            (chart.version.as_str(), chart_yaml(&chart)),
            (found, format!("name: web\nversion: {found}\n"))
        );
        assert!(folder.path().join(format!("{}.tgz", chart.digest)).is_file());
    }
    let kept = fetch(&store, &client, &base, "web", Some("1.2.0")).await.unwrap();
    assert_eq!(store.files_of(&kept.digest).await, Some(kept.files));
    for digest in [digest_of(b"never fetched"), "../token".to_owned()] {
        assert_eq!(store.files_of(&digest).await, None, "{digest}");
    }
}

#[tokio::test]
async fn an_index_is_asked_for_once_a_round_and_an_archive_once() {
    let (folder, server) = (tempfile::tempdir().unwrap(), repository().await);
    let (store, client) = (ChartStore::open(folder.path()).unwrap(), client(&[&server]));
    let base = format!("{}/stable", server.uri());
    let mut asked = 0;
    for expected in [&["/stable/index.yaml", "/stable/web-1.2.0.tgz"][..], &["/stable/index.yaml"]] {
        store.begin_round();
        for base in [base.clone(), format!("{base}/")] {
            fetch(&store, &client, &base, "web", Some("1.2.0")).await.unwrap();
        }
        let requests = server.received_requests().await.unwrap();
        let new: Vec<&str> = requests[asked..].iter().map(|request| request.url.path()).collect();
        assert_eq!(new, expected);
        asked = requests.len();
    }
}

#[tokio::test]
async fn an_index_that_did_not_change_is_not_sent_again() {
    let (folder, server) = (tempfile::tempdir().unwrap(), MockServer::start().await);
    let bytes = archive("1.0.0");
    let index =
        format!("entries: {{web: [{{version: 1.0.0, urls: [a.tgz], digest: {}}}]}}", digest_of(&bytes));
    Mock::given(path("/index.yaml"))
        .and(header("if-none-match", "\"1\""))
        .respond_with(ResponseTemplate::new(304))
        .expect(1)
        .mount(&server)
        .await;
    answers(
        &server,
        "/index.yaml",
        ResponseTemplate::new(200).insert_header("etag", "\"1\"").set_body_string(index),
    )
    .await;
    answers(&server, "/a.tgz", ResponseTemplate::new(200).set_body_bytes(bytes)).await;
    let (store, client) = (ChartStore::open(folder.path()).unwrap(), client(&[&server]));
    for _ in 0..2 {
        store.begin_round();
        assert_eq!(fetch(&store, &client, &server.uri(), "web", None).await.unwrap().version, "1.0.0");
    }
}

#[tokio::test]
async fn what_is_not_published_is_told_with_what_was_wanted() {
    let (folder, server) = (tempfile::tempdir().unwrap(), repository().await);
    let (store, client) = (ChartStore::open(folder.path()).unwrap(), client(&[&server]));
    let base = format!("{}/stable", server.uri());
    for (name, wanted) in [("web", "^3"), ("web", "1.2.9"), ("db", "*"), ("web", "latest")] {
        let problem = fetch(&store, &client, &base, name, Some(wanted)).await.unwrap_err();
        assert_eq!(problem.code, codes::CHART_VERSION);
        assert!(problem.text.contains(wanted) && problem.text.contains(name), "{problem}");
    }
}

#[tokio::test]
async fn an_archive_with_another_digest_is_neither_used_nor_kept() {
    let (folder, server) = (tempfile::tempdir().unwrap(), MockServer::start().await);
    let index =
        format!("entries: {{web: [{{version: 1.0.0, urls: [a.tgz], digest: {}}}]}}", digest_of(b"other"));
    answers(&server, "/index.yaml", ResponseTemplate::new(200).set_body_string(index)).await;
    answers(&server, "/a.tgz", ResponseTemplate::new(200).set_body_bytes(archive("1.0.0"))).await;
    let store = ChartStore::open(folder.path()).unwrap();
    let problem = fetch(&store, &client(&[&server]), &server.uri(), "web", None).await.unwrap_err();
    assert_eq!(problem.code, codes::CHART_DIGEST);
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0);
}

#[tokio::test]
async fn an_archive_that_was_damaged_on_disk_is_fetched_anew() {
    let (folder, server) = (tempfile::tempdir().unwrap(), repository().await);
    let (store, client) = (ChartStore::open(folder.path()).unwrap(), client(&[&server]));
    let base = format!("{}/stable", server.uri());
    let chart = fetch(&store, &client, &base, "web", Some("1.2.0")).await.unwrap();
    std::fs::write(folder.path().join(format!("{}.tgz", chart.digest)), "damaged").unwrap();
    assert_eq!(fetch(&store, &client, &base, "web", Some("1.2.0")).await.unwrap(), chart);
}

#[tokio::test]
async fn redirects_lead_only_to_servers_that_are_allowed() {
    let (folder, server, mirror) =
        (tempfile::tempdir().unwrap(), MockServer::start().await, MockServer::start().await);
    let bytes = archive("1.0.0");
    let index = format!(
        "entries: {{web: [{{version: 1.0.0, urls: [/a.tgz], digest: 'sha256:{}'}}]}}",
        digest_of(&bytes)
    );
    answers(&server, "/index.yaml", ResponseTemplate::new(200).set_body_string(index)).await;
    let to = format!("{}/b.tgz", mirror.uri());
    answers(&server, "/a.tgz", ResponseTemplate::new(302).insert_header("location", to.as_str())).await;
    answers(&mirror, "/b.tgz", ResponseTemplate::new(200).set_body_bytes(bytes)).await;
    let store = ChartStore::open(folder.path()).unwrap();
    let problem = fetch(&store, &client(&[&server]), &server.uri(), "web", None).await.unwrap_err();
    assert_eq!(problem.code, codes::CHART_FETCH);
    assert!(problem.help.contains(&format!("- url: {}", mirror.uri())), "the key to add is named: {problem}");
    let chart = fetch(&store, &client(&[&server, &mirror]), &server.uri(), "web", None).await.unwrap();
    assert_eq!(chart.version, "1.0.0");
}

#[tokio::test]
async fn what_is_too_large_or_no_index_or_without_digest_is_refused() {
    let large = ResponseTemplate::new(200).set_body_bytes(vec![0; 21 * 1024 * 1024]);
    for (index, code) in [
        ("entries: {web: [{version: 1.0.0, urls: [a.tgz], digest: DIGEST}]}", codes::CHART_FETCH),
        ("entries: {web: [{version: 1.0.0, urls: [a.tgz]}]}", codes::CHART_FETCH),
        ("entries: {web: [{version: 1.0.0, urls: [], digest: DIGEST}]}", codes::CHART_FETCH),
        ("entries: {web: [{version: 1.0.0, urls: [a.tgz], digest: 'md5:abc'}]}", codes::CHART_FETCH),
        ("<html>", codes::CHART_FETCH),
        (
            "entries: {web: [{version: 1.0.0, urls: ['file:///etc/passwd'], digest: DIGEST}]}",
            codes::CHART_FETCH,
        ),
    ] {
        let (folder, server) = (tempfile::tempdir().unwrap(), MockServer::start().await);
        let index = index.replace("DIGEST", &digest_of(b""));
        answers(&server, "/index.yaml", ResponseTemplate::new(200).set_body_string(index.as_str())).await;
        answers(&server, "/a.tgz", large.clone()).await;
        let store = ChartStore::open(folder.path()).unwrap();
        let problem = fetch(&store, &client(&[&server]), &server.uri(), "web", None).await.unwrap_err();
        assert_eq!(problem.code, code, "{index}: {problem}");
    }
}

const LAYER: &str = "application/vnd.cncf.helm.chart.content.v1.tar+gzip";

fn manifest(bytes: &[u8]) -> serde_json::Value {
    json!({"schemaVersion": 2, "layers": [
        {"mediaType": "application/vnd.cncf.helm.chart.provenance.v1.prov", "digest": "sha256:0"},
        {"mediaType": LAYER, "digest": format!("sha256:{}", digest_of(bytes)), "size": bytes.len()},
    ]})
}

/// A registry that wants a token for acme/web, in which 1.2.0 and 1.3.0+build are.
async fn registry() -> MockServer {
    let server = MockServer::start().await;
    let challenge =
        format!("Bearer realm=\"{}/token\",service=\"r\",scope=\"repository:acme/web:pull\"", server.uri());
    let token = || header("authorization", "Bearer secret");
    let tags =
        |list: &[&str]| ResponseTemplate::new(200).set_body_json(json!({"name": "acme/web", "tags": list}));
    Mock::given(path("/token"))
        .and(query_param("service", "r"))
        .and(query_param("scope", "repository:acme/web:pull"))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"token": "secret"})))
        .mount(&server)
        .await;
    Mock::given(path("/v2/acme/web/tags/list"))
        .and(query_param("last", "x"))
        .and(token())
        .respond_with(tags(&["1.3.0_build"]))
        .mount(&server)
        .await;
    let next = "</v2/acme/web/tags/list?n=1000&last=x>; rel=\"next\"";
    Mock::given(path("/v2/acme/web/tags/list"))
        .and(token())
        .respond_with(tags(&["latest", "1.2.0"]).insert_header("link", next))
        .mount(&server)
        .await;
    for (version, tag) in [("1.2.0", "1.2.0"), ("1.3.0+build", "1.3.0_build")] {
        let bytes = archive(version);
        let manifest = manifest(&bytes);
        let digest = digest_of(manifest.to_string().as_bytes());
        for reference in [tag.to_owned(), format!("sha256:{digest}")] {
            Mock::given(path(format!("/v2/acme/web/manifests/{reference}")))
                .and(token())
                .respond_with(ResponseTemplate::new(200).set_body_string(manifest.to_string()))
                .mount(&server)
                .await;
        }
        Mock::given(path(format!("/v2/acme/web/blobs/sha256:{}", digest_of(&bytes))))
            .and(token())
            .respond_with(ResponseTemplate::new(200).set_body_bytes(bytes))
            .mount(&server)
            .await;
    }
    Mock::given(path("/v2/acme/web/manifests/9.9.9"))
        .and(token())
        .respond_with(ResponseTemplate::new(404))
        .mount(&server)
        .await;
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(401).insert_header("www-authenticate", challenge.as_str()))
        .with_priority(200)
        .mount(&server)
        .await;
    server
}

#[tokio::test]
async fn a_registry_gives_its_charts_for_a_token() {
    let (folder, server) = (tempfile::tempdir().unwrap(), registry().await);
    let (store, client) = (ChartStore::open(folder.path()).unwrap(), client(&[&server]));
    let base = server.uri().replace("http://", "oci://");
    for (wanted, found) in [
        (None, "1.3.0+build"),
        (Some("1.2.0"), "1.2.0"),
        (Some("1.3.0+build"), "1.3.0+build"),
        (Some("~1.2"), "1.2.0"),
    ] {
        let chart = fetch(&store, &client, &format!("{base}/acme"), "web", wanted).await.unwrap();
        assert_eq!(
            (chart.version.as_str(), chart_yaml(&chart)),
            (found, format!("name: web\nversion: {found}\n"))
        );
    }
    let pinned = format!("@sha256:{}", digest_of(manifest(&archive("1.2.0")).to_string().as_bytes()));
    let chart = fetch(&store, &client, &format!("{base}/acme/web"), "", Some(&pinned)).await.unwrap();
    assert_eq!(chart_yaml(&chart), "name: web\nversion: 1.2.0\n");
    let problem = fetch(&store, &client, &format!("{base}/acme"), "web", Some("9.9.9")).await.unwrap_err();
    assert_eq!(problem.code, codes::CHART_VERSION, "{problem}");
}

/// As Docker's, GitHub's and GitLab's: credentials are good for a token, and only that for an archive.
#[tokio::test]
async fn credentials_go_where_the_token_is_and_the_token_to_the_registry() {
    let (folder, server) = (tempfile::tempdir().unwrap(), MockServer::start().await);
    let challenge = format!("Bearer realm=\"{}/token\",service=\"r\"", server.uri());
    Mock::given(path("/token"))
        .and(header("authorization", "Basic cm9ib3Q6aHVudGVyMg=="))
        .respond_with(ResponseTemplate::new(200).set_body_json(json!({"access_token": "secret"})))
        .mount(&server)
        .await;
    let bytes = archive("1.0.0");
    for (at, answer) in [
        ("/v2/web/manifests/1.0.0".to_owned(), ResponseTemplate::new(200).set_body_json(manifest(&bytes))),
        (
            format!("/v2/web/blobs/sha256:{}", digest_of(&bytes)),
            ResponseTemplate::new(200).set_body_bytes(bytes.clone()),
        ),
    ] {
        Mock::given(path(at))
            .and(header("authorization", "Bearer secret"))
            .respond_with(answer)
            .mount(&server)
            .await;
    }
    Mock::given(method("GET"))
        .respond_with(ResponseTemplate::new(401).insert_header("www-authenticate", challenge.as_str()))
        .mount(&server)
        .await;
    let store = ChartStore::open(folder.path()).unwrap();
    let password = SecretSource::Value(Secret::new("hunter2"));
    let access = access(&[&server], &Auth::Basic { user: "robot".to_owned(), password });
    let base = server.uri().replace("http://", "oci://");
    let chart = fetch(&store, &access, &base, "web", Some("1.0.0")).await.unwrap();
    assert_eq!(chart.version, "1.0.0");
}

#[tokio::test]
async fn a_registry_that_lies_or_asks_for_a_token_elsewhere_is_refused() {
    let (folder, server) = (tempfile::tempdir().unwrap(), MockServer::start().await);
    let (store, client) = (ChartStore::open(folder.path()).unwrap(), client(&[&server]));
    let base = server.uri().replace("http://", "oci://");
    let bytes = archive("1.0.0");
    answers(&server, "/v2/a/manifests/1.0.0", ResponseTemplate::new(200).set_body_json(manifest(b"other")))
        .await;
    answers(
        &server,
        &format!("/v2/a/blobs/sha256:{}", digest_of(b"other")),
        ResponseTemplate::new(200).set_body_bytes(bytes),
    )
    .await;
    let pinned = format!("sha256:{}", digest_of(b"a manifest"));
    answers(
        &server,
        &format!("/v2/a/manifests/{pinned}"),
        ResponseTemplate::new(200).set_body_json(manifest(b"")),
    )
    .await;
    let elsewhere = "Bearer realm=\"http://127.0.0.1:1/token\"";
    answers(
        &server,
        "/v2/b/manifests/1.0.0",
        ResponseTemplate::new(401).insert_header("www-authenticate", elsewhere),
    )
    .await;
    answers(
        &server,
        "/v2/c/manifests/1.0.0",
        ResponseTemplate::new(200).set_body_json(json!({"layers": []})),
    )
    .await;
    answers(
        &server,
        "/v2/d/manifests/1.0.0",
        ResponseTemplate::new(200)
            .set_body_json(json!({"layers": [{"mediaType": LAYER, "digest": "../../../token"}]})),
    )
    .await;
    for (name, version, code) in [
        ("a", "1.0.0", codes::CHART_DIGEST),
        ("a", pinned.as_str(), codes::CHART_DIGEST),
        ("b", "1.0.0", codes::CHART_FETCH),
        ("c", "1.0.0", codes::CHART_FETCH),
        ("d", "1.0.0", codes::CHART_FETCH),
        ("../x", "1.0.0", codes::CHART_FETCH),
        ("A b", "1.0.0", codes::CHART_FETCH),
    ] {
        let problem = fetch(&store, &client, &base, name, Some(version)).await.unwrap_err();
        assert_eq!(problem.code, code, "{name} {version}: {problem}");
    }
}
