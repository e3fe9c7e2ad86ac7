//! Tokens of Azure: servers that play the token service of Microsoft Entra and the metadata service of a machine.

use kubeopt_net::identity::AzureClient;
use kubeopt_net::{
    Auth, AzureIdentity, Client, ClientPolicy, Environment, HostRule, NetError, Secret, SecretSource,
    StatusCode, Url,
};
use serde_json::json;
use wiremock::matchers::{any, header, method, path, query_param};
use wiremock::{Mock, MockServer, Request, Respond, ResponseTemplate};

const TENANT: &str = "11111111-2222-3333-4444-555555555555";
const CLIENT: &str = "99999999-8888-7777-6666-555555555555";

/// Plays the token service: the client credentials grant, with a secret or with a token of Kubernetes.
struct TokenService;

impl Respond for TokenService {
    fn respond(&self, request: &Request) -> ResponseTemplate {
        let form: std::collections::BTreeMap<_, _> =
            url::form_urlencoded::parse(&request.body).into_owned().collect();
        let field = |name: &str| form.get(name).map(String::as_str);
        let assertion = field("client_assertion_type")
            == Some("urn:ietf:params:oauth:client-assertion-type:jwt-bearer")
            && field("client_assertion") == Some("the-token-of-the-pod");
        let proven = assertion || field("client_secret") == Some("open sesame");
        let asked = field("grant_type") == Some("client_credentials")
            && field("client_id") == Some(CLIENT)
            && field("scope") == Some("https://prometheus.monitor.azure.com/.default");
        if !proven || !asked {
            let error = json!({"error": "invalid_client", "error_description": "AADSTS7000215: Invalid client secret provided.\r\nTrace ID: 1"});
            return ResponseTemplate::new(401).set_body_json(error);
        }
        ResponseTemplate::new(200).set_body_json(
            json!({"token_type": "Bearer", "expires_in": 3599, "ext_expires_in": 3599, "access_token": "right"}),
        )
    }
}

async fn token_service() -> MockServer {
    let server = MockServer::start().await;
    let at = format!("/{TENANT}/oauth2/v2.0/token");
    Mock::given(method("POST")).and(path(at)).respond_with(TokenService).mount(&server).await;
    server
}

/// Answers 200 to the right token only.
async fn managed_prometheus() -> MockServer {
    let server = MockServer::start().await;
    let right = Mock::given(header("authorization", "Bearer right"));
    right.respond_with(ResponseTemplate::new(200)).mount(&server).await;
    Mock::given(any()).respond_with(ResponseTemplate::new(401)).with_priority(9).mount(&server).await;
    server
}

async fn status(server: &MockServer, identity: AzureIdentity) -> Result<StatusCode, NetError> {
    let url = Url::parse(&server.uri()).unwrap();
    let rule = HostRule::for_url(&url).unwrap().with_auth(Auth::Azure(identity));
    let client = Client::new(ClientPolicy::new(vec![rule])).unwrap();
    client.get_stream(&url, &[]).await?;
    client.get_stream(&url, &[]).await.map(|response| response.status)
}

#[tokio::test]
async fn a_token_of_workload_identity_or_a_secret_becomes_one_of_entra_once() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("token");
    std::fs::write(&file, "the-token-of-the-pod\n").unwrap();
    let secret = |text: &str| Some(SecretSource::Value(Secret::new(text)));
    let by_token = |tokens: &MockServer| {
        let environment = Environment::of([
            ("AZURE_TENANT_ID", TENANT.to_owned()),
            ("AZURE_CLIENT_ID", CLIENT.to_owned()),
            ("AZURE_FEDERATED_TOKEN_FILE", file.display().to_string()),
            ("AZURE_AUTHORITY_HOST", format!("{}/", tokens.uri())),
        ]);
        AzureIdentity::new(AzureClient::default(), environment)
    };
    let by_secret = |tokens: &MockServer, text: &str| {
        let client = AzureClient {
            tenant_id: Some(TENANT.to_owned()),
            client_id: Some(CLIENT.to_owned()),
            secret: secret(text),
        };
        AzureIdentity::new(client, Environment::of([("AZURE_AUTHORITY_HOST", tokens.uri())]))
    };
    let server = managed_prometheus().await;
    let by_right_secret = |tokens: &MockServer| by_secret(tokens, "open sesame");
    let rights: [&dyn Fn(&MockServer) -> AzureIdentity; 2] = [&by_token, &by_right_secret];
    for right in rights {
        let tokens = token_service().await;
        assert_eq!(status(&server, right(&tokens)).await, Ok(StatusCode::OK));
        assert_eq!(tokens.received_requests().await.unwrap().len(), 1);
    }
    let tokens = token_service().await;
    let error = status(&server, by_secret(&tokens, "hunter2")).await.unwrap_err();
    assert_eq!(error.code(), "E-NET-016");
    let text = error.to_string();
    assert!(text.contains("HTTP 401 invalid_client AADSTS7000215") && !text.contains("hunter2"), "{text}");
    assert!(!text.contains(char::is_control), "{text}");
}

#[tokio::test]
async fn a_managed_identity_is_asked_of_the_machine() {
    let (server, machine) = (managed_prometheus().await, MockServer::start().await);
    // This service writes its numbers as texts.
    let token = json!({"access_token": "right", "expires_in": "86399", "expires_on": "1586984735", "resource": "https://prometheus.monitor.azure.com", "token_type": "Bearer"});
    Mock::given(path("/metadata/identity/oauth2/token"))
        .and(header("metadata", "true"))
        .and(query_param("api-version", "2018-02-01"))
        .and(query_param("resource", "https://prometheus.monitor.azure.com"))
        .and(query_param("client_id", CLIENT))
        .respond_with(ResponseTemplate::new(200).set_body_json(token))
        .mount(&machine)
        .await;
    let environment = || Environment::of([("AZURE_POD_IDENTITY_AUTHORITY_HOST", machine.uri())]);
    let named = AzureClient { client_id: Some(CLIENT.to_owned()), ..AzureClient::default() };
    assert_eq!(status(&server, AzureIdentity::new(named, environment())).await, Ok(StatusCode::OK));
    assert_eq!(machine.received_requests().await.unwrap().len(), 1);
    let nobody = AzureIdentity::new(AzureClient::default(), environment());
    let error = status(&server, nobody).await.unwrap_err();
    assert!(error.to_string().contains("the metadata service answered HTTP 404"), "{error}");
}

#[tokio::test]
async fn who_is_not_named_is_told_and_no_directory_leads_elsewhere() {
    let (server, tokens) = (managed_prometheus().await, token_service().await);
    for (tenant, why) in [(None, "name directory and application"), (Some("a/../b?c"), "neither an id nor")] {
        let client = AzureClient {
            tenant_id: tenant.map(str::to_owned),
            client_id: Some(CLIENT.to_owned()),
            secret: Some(SecretSource::Value(Secret::new("open sesame"))),
        };
        let environment = Environment::of([("AZURE_AUTHORITY_HOST", tokens.uri())]);
        let error = status(&server, AzureIdentity::new(client, environment)).await.unwrap_err();
        assert!(error.to_string().contains(why), "{error}");
    }
    assert_eq!(tokens.received_requests().await.unwrap().len(), 0);
}
