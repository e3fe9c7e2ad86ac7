//! The way to usage that a configuration names: the client with its credentials, and what is asked for.

use std::time::Duration;

use async_trait::async_trait;
use kubeopt_api::config::{CloudIdentity, PrometheusConfig};
use kubeopt_cluster::Cluster;
use kubeopt_model::usage::Moment;
use kubeopt_model::{Namespace, Problem};
use kubeopt_net::identity::AzureClient;
use kubeopt_net::{
    Auth, AwsIdentity, AzureIdentity, Client, ClientCertificate, ClientPolicy, Environment, GoogleIdentity,
    HostRule, NetError, SecretSource,
};
use kubeopt_observe::{
    LabelMatcher, MetricsServer, MetricsSource, MomentReader, ObserveError, Prometheus, PrometheusOptions,
    Selector,
};

use super::charts::auth;

/// The server that a configuration names, asked for these namespaces; none means all.
pub(super) fn source(
    config: &PrometheusConfig,
    namespaces: Vec<Namespace>,
    environment: Environment,
) -> Result<Box<dyn MetricsSource>, Problem> {
    let client = client(config, environment).map_err(|error| error.problem())?;
    let mut options = PrometheusOptions::new(config.url.clone());
    if let Some(tenant) = &config.tenant {
        options.headers.push(("X-Scope-OrgID".to_owned(), tenant.clone()));
    }
    options.parameters = config.parameters.clone().into_iter().collect();
    options.remote_read = config.remote_read;
    options.timeout = Duration::from_secs(config.timeout_seconds.unsigned_abs());
    let labels = config.cluster_label.iter().map(|(name, value)| LabelMatcher::new(name, value));
    let cluster = labels.collect::<Result<Vec<_>, _>>().map_err(|error| error.problem())?;
    options.selector = Selector { cluster, namespaces };
    Ok(Box::new(Prometheus::new(client, options).map_err(|error| error.problem())?))
}

/// What the cluster itself tells of usage, where nothing else does.
pub(super) fn metrics_server(cluster: Cluster) -> Box<dyn MetricsSource> {
    Box::new(MetricsServer::new(Asked(cluster)))
}

/// A cluster that is asked what its containers use at this moment.
struct Asked(Cluster);

#[async_trait]
impl MomentReader for Asked {
    async fn moment(&self) -> Result<Moment, ObserveError> {
        self.0.moment().await.map_err(|error| ObserveError::Moment {
            code: error.code(),
            text: error.problem().text,
            help: error.help(),
        })
    }
}

fn client(config: &PrometheusConfig, environment: Environment) -> Result<Client, NetError> {
    let auth = match &config.identity {
        Some(identity) => of_cloud(identity, environment),
        None => auth(config.bearer_file.as_ref(), config.basic.as_ref()),
    };
    let mut policy = ClientPolicy::new(vec![HostRule::for_url(&config.url)?.with_auth(auth)]);
    policy.ca_file.clone_from(&config.ca_file);
    if let (Some(certificate), Some(key)) = (&config.client_cert_file, &config.client_key_file) {
        policy.client_certificate =
            Some(ClientCertificate { certificate: certificate.clone(), key: key.clone() });
    }
    Client::new(policy)
}

fn of_cloud(identity: &CloudIdentity, environment: Environment) -> Auth {
    match identity.clone() {
        CloudIdentity::Aws { region, profile, role_arn } => {
            Auth::Aws(AwsIdentity::for_prometheus(&region, profile, role_arn, environment))
        }
        CloudIdentity::Google { credentials_file } => {
            Auth::Google(GoogleIdentity::new(credentials_file, environment))
        }
        CloudIdentity::Azure { tenant_id, client_id, client_secret_file } => {
            let secret = client_secret_file.map(SecretSource::File);
            Auth::Azure(AzureIdentity::new(AzureClient { tenant_id, client_id, secret }, environment))
        }
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_api::Config;
    use wiremock::matchers::{any, body_string_contains, header, header_regex, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    /// The source that `kubeopt.yaml` with these keys of `prometheus` makes.
    fn configured(url: &str, keys: &str) -> Box<dyn MetricsSource> {
        configured_in(Environment::of([]), url, keys)
    }

    fn configured_in(environment: Environment, url: &str, keys: &str) -> Box<dyn MetricsSource> {
        let text = format!("clusters: [{{name: a, metrics: {{prometheus: {{url: \"{url}\", {keys}}}}}}}]");
        let config = Config::parse(&text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap();
        source(config.clusters[0].prometheus.as_ref().unwrap(), Vec::new(), environment).unwrap()
    }

    async fn refusing() -> MockServer {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(401)).with_priority(9).mount(&server).await;
        server
    }

    fn nothing() -> ResponseTemplate {
        let data = serde_json::json!({"resultType": "vector", "result": []});
        ResponseTemplate::new(200).set_body_json(serde_json::json!({"status": "success", "data": data}))
    }

    #[tokio::test]
    async fn credentials_of_the_configuration_open_a_server_that_asks_for_them() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "open sesame\n").unwrap();
        let file = file.display();
        for (keys, name, value) in [
            (format!("bearerFile: {file}"), "authorization", "Bearer open sesame"),
            (
                format!("basic: {{username: Aladdin, passwordFile: {file}}}"),
                "authorization",
                "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ==",
            ),
            ("tenant: team-a".to_owned(), "x-scope-orgid", "team-a"),
        ] {
            let server = refusing().await;
            Mock::given(header(name, value)).respond_with(nothing()).mount(&server).await;
            assert!(configured(&server.uri(), &keys).check().await.is_ok(), "{keys}");
            let error = configured(&server.uri(), "").check().await.unwrap_err();
            assert_eq!(error.code(), "E-OBS-002", "{error}");
        }
    }

    #[tokio::test]
    async fn parameters_and_the_cluster_label_go_with_every_query() {
        let server = refusing().await;
        Mock::given(body_string_contains("dedup=true"))
            .and(body_string_contains("cluster%3D%22eu%22"))
            .respond_with(nothing())
            .mount(&server)
            .await;
        let keys = "parameters: {dedup: \"true\"}, clusterLabel: {cluster: eu}";
        assert!(configured(&server.uri(), keys).check().await.is_ok());
    }

    #[tokio::test]
    async fn an_identity_of_a_cloud_signs_or_shows_its_token() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "open sesame\n").unwrap();
        let server = refusing().await;
        // The token services of the two others are played by the same server.
        let token = serde_json::json!({"access_token": "right", "expires_in": 3599, "token_type": "Bearer"});
        let token =
            ResponseTemplate::new(200).set_body_json(token).insert_header("metadata-flavor", "Google");
        for at in
            ["/computeMetadata/v1/instance/service-accounts/default/token", "/acme.example/oauth2/v2.0/token"]
        {
            Mock::given(path(at)).respond_with(token.clone()).with_priority(1).mount(&server).await;
        }
        let signed = "^AWS4-HMAC-SHA256 Credential=AKID/[0-9]{8}/eu-west-1/aps/aws4_request, ";
        Mock::given(header_regex("authorization", signed)).respond_with(nothing()).mount(&server).await;
        Mock::given(header("authorization", "Bearer right")).respond_with(nothing()).mount(&server).await;
        let environment = Environment::of([
            ("AWS_ACCESS_KEY_ID", "AKID".to_owned()),
            ("AWS_SECRET_ACCESS_KEY", "open sesame".to_owned()),
            ("GCE_METADATA_HOST", server.uri().replace("http://", "")),
            ("AZURE_AUTHORITY_HOST", server.uri()),
        ]);
        let azure =
            format!("azure: {{tenantId: acme.example, clientId: a-b, clientSecretFile: {}}}", file.display());
        for keys in ["sigv4: {region: eu-west-1}", "google: {}", &azure] {
            let checked = configured_in(environment.clone(), &server.uri(), keys).check().await;
            assert!(checked.is_ok(), "{keys}: {checked:?}");
        }
    }
}
