//! Tokens of Google: servers that play its token service, which checks the signed claim, and its metadata server.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use kubeopt_net::{
    Auth, Client, ClientPolicy, Environment, GoogleIdentity, HostRule, NetError, StatusCode, Url,
};
use ring::signature::{KeyPair as _, RSA_PKCS1_2048_8192_SHA256, RsaKeyPair, UnparsedPublicKey};
use serde_json::{Value, json};
use wiremock::matchers::{any, header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

/// An RSA key of this test and of nothing else.
const KEY: &str = include_str!("service-account-of-the-test.pem");
const ACCOUNT: &str = "kubeopt@acme.iam.gserviceaccount.com";
const SCOPE: &str = "https://www.googleapis.com/auth/monitoring.read";

/// Plays the token service: gives a token for a claim that is signed by the account and says what it must.
struct TokenService {
    lives_s: i64,
}

impl TokenService {
    fn claimed(&self, request: &Request) -> Option<(Value, Value)> {
        let form: std::collections::BTreeMap<_, _> =
            url::form_urlencoded::parse(&request.body).into_owned().collect();
        if form.get("grant_type")? != "urn:ietf:params:oauth:grant-type:jwt-bearer" {
            return None;
        }
        let (signed, signature) = form.get("assertion")?.rsplit_once('.')?;
        let body: String = KEY.lines().filter(|line| !line.starts_with('-')).collect();
        let pair = RsaKeyPair::from_pkcs8(&BASE64_STANDARD.decode(body).ok()?).ok()?;
        UnparsedPublicKey::new(&RSA_PKCS1_2048_8192_SHA256, pair.public_key().as_ref())
            .verify(signed.as_bytes(), &BASE64_URL_SAFE_NO_PAD.decode(signature).ok()?)
            .ok()?;
        let (header, claims) = signed.split_once('.')?;
        let part = |text: &str| serde_json::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(text).ok()?).ok();
        Some((part(header)?, part(claims)?))
    }
}

impl Respond for TokenService {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let now = jiff::Timestamp::now().as_second();
        let right = self.claimed(request).is_some_and(|(header, claims)| {
            let issued = claims["iat"].as_i64().unwrap_or_default();
            header == json!({"alg": "RS256", "typ": "JWT", "kid": "key-1"})
                && claims["iss"] == ACCOUNT
                && claims["scope"] == SCOPE
                && claims["aud"].as_str().is_some_and(|aud| aud.ends_with("/token"))
                && (now - issued).abs() < 60
                && claims["exp"] == issued + 3600
        });
        if !right {
            let error = json!({"error": "invalid_grant", "error_description": "Invalid JWT Signature."});
            return ResponseTemplate::new(400).set_body_json(error);
        }
        let token = json!({"access_token": "ya29.right", "expires_in": self.lives_s, "token_type": "Bearer"});
        ResponseTemplate::new(200).set_body_json(token)
    }
}

async fn token_service(lives_s: i64) -> MockServer {
    let server = MockServer::start().await;
    Mock::given(method("POST"))
        .and(path("/token"))
        .respond_with(TokenService { lives_s })
        .mount(&server)
        .await;
    server
}

fn key_file(key: &str, token_uri: &str) -> tempfile::NamedTempFile {
    let file = tempfile::NamedTempFile::new().unwrap();
    let content = json!({
        "type": "service_account", "project_id": "acme", "private_key_id": "key-1", "private_key": key,
        "client_email": ACCOUNT, "token_uri": token_uri,
    });
    std::fs::write(file.path(), content.to_string()).unwrap();
    file
}

/// Answers 200 to the right token only.
async fn managed_prometheus() -> MockServer {
    let server = MockServer::start().await;
    let right = Mock::given(header("authorization", "Bearer ya29.right"));
    right.respond_with(ResponseTemplate::new(200)).mount(&server).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(401)).with_priority(9).mount(&server).await;
    server
}

fn client(server: &MockServer, identity: GoogleIdentity) -> Client {
    let rule = HostRule::for_url(&Url::parse(&server.uri()).unwrap()).unwrap();
    Client::new(ClientPolicy::new(vec![rule.with_auth(Auth::Google(identity))])).unwrap()
}

async fn status(client: &Client, server: &MockServer) -> Result<StatusCode, NetError> {
    let url = Url::parse(&format!("{}/v1/projects/acme/location/global/prometheus/", server.uri())).unwrap();
    client.get_stream(&url, &[]).await.map(|response| response.status)
}

#[tokio::test]
async fn a_key_of_a_service_account_becomes_a_token_that_is_kept_while_it_holds() {
    for (lives_s, asked) in [(3600, 1), (60, 2)] {
        let (server, tokens) = (managed_prometheus().await, token_service(lives_s).await);
        let file = key_file(KEY, &format!("{}/token", tokens.uri()));
        let named = GoogleIdentity::new(Some(file.path().to_owned()), Environment::of([]));
        let client = client(&server, named);
        assert_eq!(status(&client, &server).await, Ok(StatusCode::OK));
        assert_eq!(status(&client, &server).await, Ok(StatusCode::OK));
        assert_eq!(tokens.received_requests().await.unwrap().len(), asked, "{lives_s} s");
    }
}

#[tokio::test]
async fn a_key_file_that_cannot_be_used_is_named_and_nothing_is_sent() {
    let (server, tokens) = (managed_prometheus().await, token_service(3600).await);
    let other = rcgen::KeyPair::generate().unwrap().serialize_pem();
    let uri = format!("{}/token", tokens.uri());
    for (file, why) in [
        (key_file("no key", &uri), "no RSA key"),
        (key_file(&other, &uri), "no RSA key"),
        (key_file(KEY, "http://example.org/token"), "not https"),
    ] {
        let path = file.path().display().to_string();
        let environment = Environment::of([("GOOGLE_APPLICATION_CREDENTIALS", path.clone())]);
        let client = client(&server, GoogleIdentity::new(None, environment));
        let error = status(&client, &server).await.unwrap_err();
        assert!(error.to_string().contains(why) && error.to_string().contains(&path), "{error}");
        assert_eq!(error.code(), "E-NET-010");
    }
    assert_eq!(tokens.received_requests().await.unwrap().len(), 0);
    assert_eq!(server.received_requests().await.unwrap().len(), 0);
}

#[tokio::test]
async fn a_refusal_of_the_token_service_is_told_in_its_words() {
    let (server, tokens) = (managed_prometheus().await, token_service(3600).await);
    let elsewhere = key_file(KEY, &format!("{}/token", tokens.uri()));
    let content = std::fs::read_to_string(elsewhere.path()).unwrap().replace(ACCOUNT, "other@acme.example");
    std::fs::write(elsewhere.path(), content).unwrap();
    let identity = GoogleIdentity::new(Some(elsewhere.path().to_owned()), Environment::of([]));
    let error = status(&client(&server, identity), &server).await.unwrap_err();
    assert_eq!(error.code(), "E-NET-016");
    assert!(error.to_string().contains("HTTP 400 invalid_grant Invalid JWT Signature."), "{error}");
}

#[tokio::test]
async fn without_a_key_the_metadata_server_gives_a_token() {
    let (server, metadata) = (managed_prometheus().await, MockServer::start().await);
    let token = json!({"access_token": "ya29.right", "expires_in": 3599, "token_type": "Bearer"});
    let answer = ResponseTemplate::new(200).set_body_json(token);
    Mock::given(path("/computeMetadata/v1/instance/service-accounts/default/token"))
        .and(header("metadata-flavor", "Google"))
        .and(query_param("scopes", SCOPE))
        .respond_with(answer.clone().insert_header("metadata-flavor", "Google"))
        .mount(&metadata)
        .await;
    let environment =
        |server: &MockServer| Environment::of([("GCE_METADATA_HOST", server.uri().replace("http://", ""))]);
    let right = client(&server, GoogleIdentity::new(None, environment(&metadata)));
    assert_eq!(status(&right, &server).await, Ok(StatusCode::OK));
    // Something else at that address.
    let other = MockServer::start().await;
    Mock::given(any()).respond_with(answer).mount(&other).await;
    let wrong = client(&server, GoogleIdentity::new(None, environment(&other)));
    let error = status(&wrong, &server).await.unwrap_err();
    assert!(error.to_string().contains("in the place of the metadata server"), "{error}");
}
