//! Kubeconfig files: the administrator's, and those of service accounts.

use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use k8s_openapi::api::authentication::v1::{TokenRequest, TokenRequestSpec};
use k8s_openapi::api::core::v1::ServiceAccount;
use kube::api::PostParams;
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Config};

use super::Kubernetes;
use crate::OrFail;

/// Longer than any test run; the API server accepts between ten minutes and 2^32 seconds.
const TOKEN_SECONDS: i64 = 6 * 3600;

impl Kubernetes {
    /// Mints a token for a service account, as a pod of it would get one, and writes a kubeconfig file with it.
    pub async fn service_account_kubeconfig(&self, namespace: &str, name: &str) -> PathBuf {
        let token = self.service_account_token(namespace, name).await;
        let path = self.folder.path().join(format!("{namespace}.{name}.kubeconfig"));
        write(&path, &self.url, &self.authority, (namespace, &token));
        path
    }

    /// Mints a token for a service account (TokenRequest).
    pub async fn service_account_token(&self, namespace: &str, name: &str) -> String {
        let accounts: Api<ServiceAccount> = Api::namespaced(self.client().await, namespace);
        let spec =
            TokenRequestSpec { expiration_seconds: Some(TOKEN_SECONDS), ..TokenRequestSpec::default() };
        let request = TokenRequest { spec: Some(spec), ..TokenRequest::default() };
        accounts
            .create_token_request(name, &PostParams::default(), &request)
            .await
            .or_fail(&format!("mint a token for {namespace}/{name}"))
            .status
            .and_then(|status| status.token)
            .expect("the API server fills the status of a TokenRequest")
    }
}

/// Writes a file whose context names a namespace, as a pod's own account belongs to one.
pub(super) fn write(path: &Path, url: &str, authority: &str, (namespace, token): (&str, &str)) {
    let authority = BASE64_STANDARD.encode(authority);
    let text = format!(
        r"apiVersion: v1
kind: Config
clusters:
- name: tests
  cluster:
    server: {url}
    certificate-authority-data: {authority}
users:
- name: tests
  user:
    token: {token}
contexts:
- name: tests
  context:
    cluster: tests
    namespace: {namespace}
    user: tests
current-context: tests
"
    );
    std::fs::write(path, text).or_fail("write a kubeconfig file");
}

pub(super) async fn read(path: &Path) -> Config {
    let kubeconfig = Kubeconfig::read_from(path).or_fail("read a kubeconfig file");
    Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default())
        .await
        .or_fail("use a kubeconfig file")
}
