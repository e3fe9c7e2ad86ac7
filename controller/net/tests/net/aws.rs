//! Signed requests, and where the keys are from: servers that play AWS' managed Prometheus, its Security Token Service, the
//! agent of EKS pod identity and the metadata service of an instance. Each checks what it is asked.

use std::path::{Path, PathBuf};

use kubeopt_net::{
    Auth, AwsIdentity, Client, ClientPolicy, Environment, HostRule, Method, NetError, Request, StatusCode,
    Url,
};
use serde_json::json;
use tempfile::TempDir;
use wiremock::matchers::{any, header, method, path};
use wiremock::{Mock, MockServer, Request as Received, Respond, ResponseTemplate};

use crate::signature::{Expected, check};

const APS: &str = "eu-west-1/aps";
const ROLE: &str = "arn:aws:iam::123456789012:role/kubeopt";

/// Keys of a file or of variables, without a session.
const LASTING: Expected = Expected { id: "AKIDLASTING", secret: "lasting/secret", session: None, scope: APS };

/// Keys that a service gives out.
const PASSING: Expected =
    Expected { id: "ASIAPASSING", secret: "passing/secret", session: Some("passing+token/=="), scope: APS };

/// Answers 200 where the signature is right, and what is wrong with it otherwise.
struct Checks(Expected);

impl Respond for Checks {
    fn respond(&self, request: &Received) -> ResponseTemplate {
        match check(request, &self.0) {
            Ok(()) => ResponseTemplate::new(200).set_body_string("fine"),
            Err(why) => ResponseTemplate::new(403).set_body_string(why),
        }
    }
}

async fn managed_prometheus(expected: Expected) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(Checks(expected)).mount(&server).await;
    server
}

/// No place has credentials but those that a test adds.
fn elsewhere(folder: &TempDir) -> [(&'static str, String); 2] {
    [
        ("AWS_SHARED_CREDENTIALS_FILE", folder.path().join("none").display().to_string()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ]
}

fn written(folder: &TempDir, name: &str, content: &str) -> PathBuf {
    let path = folder.path().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn text(path: &Path) -> String {
    path.display().to_string()
}

fn client(server: &MockServer, identity: AwsIdentity) -> Client {
    let rule = HostRule::for_url(&Url::parse(&server.uri()).unwrap()).unwrap();
    Client::new(ClientPolicy::new(vec![rule.with_auth(Auth::Aws(identity))])).unwrap()
}

fn identity(environment: Environment) -> AwsIdentity {
    AwsIdentity::for_prometheus("eu-west-1", None, None, environment)
}

/// What the server says to a query as kubeopt sends it.
async fn said(client: &Client, server: &MockServer) -> Result<(StatusCode, String), NetError> {
    let url = Url::parse(&format!("{}/workspaces/ws-1/api/v1/query_range", server.uri())).unwrap();
    let request = Request::new(Method::POST, url).form(&[("query", "up{a=\"b c\"}"), ("step", "300")]);
    let answer = client.fetch(request.idempotent()).await?;
    Ok((answer.status, String::from_utf8_lossy(&answer.body).into_owned()))
}

fn fine() -> Result<(StatusCode, String), NetError> {
    Ok((StatusCode::OK, "fine".to_owned()))
}

fn served(keys: &Expected, ends: &str) -> serde_json::Value {
    json!({"AccessKeyId": keys.id, "SecretAccessKey": keys.secret, "Token": keys.session, "Expiration": ends})
}

#[tokio::test]
async fn signs_with_the_keys_of_variables_whatever_the_request() {
    let server = managed_prometheus(LASTING).await;
    let variables = |secret: &str| {
        Environment::of([
            ("AWS_ACCESS_KEY_ID", LASTING.id.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
        ])
    };
    let client_of = |secret: &str| client(&server, identity(variables(secret)));
    assert_eq!(said(&client_of(LASTING.secret), &server).await, fine());
    let (status, why) = said(&client_of("another"), &server).await.unwrap();
    assert_eq!((status, why.as_str()), (StatusCode::FORBIDDEN, "SignatureDoesNotMatch"));
    // A query in the address, with all that is encoded differently somewhere.
    let mut url = Url::parse(&format!("{}/a%20b/c%2Fd/", server.uri())).unwrap();
    url.query_pairs_mut()
        .append_pair("query", "a + b{c=~\"d|é\"}*1")
        .append_pair("b", "")
        .append_pair("a", "~");
    let answer = client_of(LASTING.secret).fetch(Request::get(url)).await.unwrap();
    assert_eq!((answer.status, answer.body.as_ref()), (StatusCode::OK, b"fine".as_slice()));
}

#[tokio::test]
async fn signs_with_a_profile_of_the_shared_file() {
    let folder = tempfile::tempdir().unwrap();
    let profiles = format!(
        "[default]\naws_access_key_id = other\naws_secret_access_key = other\n[work]\naws_access_key_id = {}\naws_secret_access_key = {}\n",
        LASTING.id, LASTING.secret
    );
    let file = text(&written(&folder, "credentials", &profiles));
    let server = managed_prometheus(LASTING).await;
    let by_variable =
        Environment::of([("AWS_SHARED_CREDENTIALS_FILE", file.clone()), ("AWS_PROFILE", "work".to_owned())]);
    assert_eq!(said(&client(&server, identity(by_variable)), &server).await, fine());
    let environment = Environment::of([("AWS_SHARED_CREDENTIALS_FILE", file)]);
    let named = |profile: &str| {
        AwsIdentity::for_prometheus("eu-west-1", Some(profile.to_owned()), None, environment.clone())
    };
    assert_eq!(said(&client(&server, named("work")), &server).await, fine());
    let error = said(&client(&server, named("none")), &server).await.unwrap_err();
    assert_eq!(error.code(), "E-NET-016");
    assert!(error.to_string().contains("no profile `none`"), "{error}");
}

/// Plays the Security Token Service as its reference has it; keys that it gives out end at `ends`.
struct TokenService {
    ends: &'static str,
}

impl Respond for TokenService {
    fn respond(&self, request: &Received) -> ResponseTemplate {
        let form: std::collections::BTreeMap<_, _> =
            url::form_urlencoded::parse(&request.body).into_owned().collect();
        let field = |name: &str| form.get(name).map(String::as_str);
        let sts = Expected { scope: "eu-west-1/sts", ..LASTING };
        let proven = match field("Action") {
            Some("AssumeRoleWithWebIdentity") => field("WebIdentityToken") == Some("the-token-of-the-pod"),
            Some("AssumeRole") => check(request, &sts) == Ok(()),
            _ => false,
        };
        let whole = field("Version") == Some("2011-06-15") && field("RoleSessionName") == Some("kubeopt");
        if !proven || !whole || field("RoleArn") != Some(ROLE) {
            let error = "<ErrorResponse><Error><Type>Sender</Type><Code>AccessDenied</Code><Message>Not authorized to perform sts:AssumeRole</Message></Error></ErrorResponse>";
            return ResponseTemplate::new(403).set_body_string(error);
        }
        let (id, secret, session) = (PASSING.id, PASSING.secret, PASSING.session.unwrap());
        ResponseTemplate::new(200).set_body_string(format!(
            "<AssumeRoleResponse xmlns=\"https://sts.amazonaws.com/doc/2011-06-15/\">\n <AssumeRoleResult>\n  <Credentials>\n   <AccessKeyId>{id}</AccessKeyId>\n   <SecretAccessKey>{secret}</SecretAccessKey>\n   <SessionToken>{session}</SessionToken>\n   <Expiration>{}</Expiration>\n  </Credentials>\n </AssumeRoleResult>\n</AssumeRoleResponse>",
            self.ends
        ))
    }
}

async fn token_service(ends: &'static str) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST")).and(path("/")).respond_with(TokenService { ends }).mount(&server).await;
    server
}

#[tokio::test]
async fn a_service_account_s_token_becomes_a_role_and_is_asked_for_once_while_it_holds() {
    let folder = tempfile::tempdir().unwrap();
    for (ends, asked) in [("2999-01-01T00:00:00Z", 1), ("2011-07-11T19:55:29.611Z", 2)] {
        let (server, tokens) = (managed_prometheus(PASSING).await, token_service(ends).await);
        let token = text(&written(&folder, "token", "the-token-of-the-pod\n"));
        let [nowhere, no_instance] = elsewhere(&folder);
        let environment = Environment::of([
            nowhere,
            no_instance,
            ("AWS_WEB_IDENTITY_TOKEN_FILE", token),
            ("AWS_ROLE_ARN", ROLE.to_owned()),
            ("AWS_ENDPOINT_URL_STS", tokens.uri()),
        ]);
        let client = client(&server, identity(environment));
        assert_eq!(said(&client, &server).await, fine());
        assert_eq!(said(&client, &server).await, fine());
        assert_eq!(tokens.received_requests().await.unwrap().len(), asked, "{ends}");
    }
}

#[tokio::test]
async fn a_role_is_assumed_with_the_keys_that_were_found() {
    let (server, tokens) = (managed_prometheus(PASSING).await, token_service("2999-01-01T00:00:00Z").await);
    let environment = |secret: &str| {
        Environment::of([
            ("AWS_ACCESS_KEY_ID", LASTING.id.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", secret.to_owned()),
            ("AWS_ENDPOINT_URL_STS", tokens.uri()),
        ])
    };
    let assuming = |secret: &str| {
        AwsIdentity::for_prometheus("eu-west-1", None, Some(ROLE.to_owned()), environment(secret))
    };
    assert_eq!(said(&client(&server, assuming(LASTING.secret)), &server).await, fine());
    let error = said(&client(&server, assuming("another")), &server).await.unwrap_err();
    assert!(error.to_string().contains("HTTP 403 AccessDenied Not authorized"), "{error}");
    assert!(!error.to_string().contains("another"), "{error}");
}

#[tokio::test]
async fn the_agent_of_pod_identity_gives_keys_for_the_token_of_the_pod() {
    let folder = tempfile::tempdir().unwrap();
    let (server, agent) = (managed_prometheus(PASSING).await, MockServer::start().await);
    Mock::given(path("/v1/credentials"))
        .and(header("authorization", "the-token-of-the-pod"))
        .respond_with(ResponseTemplate::new(200).set_body_json(served(&PASSING, "2999-01-01T00:00:00Z")))
        .mount(&agent)
        .await;
    let token = |content: &str| text(&written(&folder, "token", content));
    let environment = |address: String, token: String| {
        let [nowhere, _] = elsewhere(&folder);
        Environment::of([
            nowhere,
            ("AWS_CONTAINER_CREDENTIALS_FULL_URI", address),
            ("AWS_CONTAINER_AUTHORIZATION_TOKEN_FILE", token),
        ])
    };
    let address = format!("{}/v1/credentials", agent.uri());
    let right = environment(address.clone(), token("the-token-of-the-pod\n"));
    assert_eq!(said(&client(&server, identity(right)), &server).await, fine());
    let wrong = environment(address, token("another"));
    let error = said(&client(&server, identity(wrong)), &server).await.unwrap_err();
    assert!(error.to_string().contains("the agent of pod identity answered HTTP 404"), "{error}");
    let elsewhere = environment("http://example.org/v1/credentials".to_owned(), token("x"));
    let error = said(&client(&server, identity(elsewhere)), &server).await.unwrap_err();
    assert!(error.to_string().contains("neither https nor an address of the machine"), "{error}");
}

#[tokio::test]
async fn the_metadata_service_is_asked_last_and_with_a_session() {
    let folder = tempfile::tempdir().unwrap();
    let (server, instance) = (managed_prometheus(PASSING).await, MockServer::start().await);
    Mock::given(method("PUT"))
        .and(path("/latest/api/token"))
        .and(header("x-aws-ec2-metadata-token-ttl-seconds", "60"))
        .respond_with(ResponseTemplate::new(200).set_body_string("the-session"))
        .mount(&instance)
        .await;
    let role = "/latest/meta-data/iam/security-credentials/";
    let mut answer = served(&PASSING, "2999-01-01T00:00:00Z");
    answer["Code"] = json!("Success");
    for (at, body) in [(role.to_owned(), json!("kubeopt-node")), (format!("{role}kubeopt-node"), answer)] {
        let body = body.as_str().map_or_else(|| body.to_string(), str::to_owned);
        Mock::given(method("GET"))
            .and(path(at))
            .and(header("x-aws-ec2-metadata-token", "the-session"))
            .respond_with(ResponseTemplate::new(200).set_body_string(body))
            .mount(&instance)
            .await;
    }
    let [nowhere, no_instance] = elsewhere(&folder);
    let at = ("AWS_EC2_METADATA_SERVICE_ENDPOINT", instance.uri());
    let environment = Environment::of([nowhere.clone(), at.clone()]);
    assert_eq!(said(&client(&server, identity(environment)), &server).await, fine());
    let switched_off = Environment::of([nowhere, no_instance, at]);
    let error = said(&client(&server, identity(switched_off)), &server).await.unwrap_err();
    assert_eq!(error.code(), "E-NET-016");
    assert_eq!(instance.received_requests().await.unwrap().len(), 3);
    assert_eq!(server.received_requests().await.unwrap().len(), 1, "nothing goes out unsigned");
}

#[test]
fn no_debug_output_shows_a_key() {
    let environment = Environment::of([("AWS_SECRET_ACCESS_KEY", LASTING.secret.to_owned())]);
    let text = format!("{:?}", Auth::Aws(identity(environment)));
    assert!(text.contains("***") && text.contains("eu-west-1") && !text.contains(LASTING.secret), "{text}");
}
