//! The one outbound HTTP factory: allow-lists, checked addresses, limits, retries, conditional requests.
//!
//! Every crate that speaks HTTP gets a [`Client`] from here and has no HTTP library of its own. A client talks only
//! to the origins that an operator wrote into the configuration; credentials belong to an origin and never leave it.
//! For what is not HTTP there is a [`TcpRoute`]: a connection to one configured host, after the same address checks.
//! This crate knows nothing of Prometheus, forges or Kubernetes.
//!
//! ```
//! use kubeopt_net::{Auth, Client, ClientPolicy, HostRule, SecretSource, Url};
//!
//! let url = Url::parse("https://prometheus.example/api/v1/").unwrap();
//! let token = SecretSource::File("/etc/kubeopt/prometheus-token".into());
//! let rule = HostRule::for_url(&url).unwrap().with_auth(Auth::Bearer(token));
//! let client = Client::new(ClientPolicy::new(vec![rule])).unwrap();
//! # let _ = client;
//! ```

pub mod address;
pub mod client;
pub mod codes;
pub mod error;
pub mod identity;
pub mod policy;
pub mod request;
pub mod response;
pub mod retry;
pub mod secret;
pub mod tcp;

mod auth;
mod conditional;
mod renewal;
mod tally;
mod transport;

pub use client::Client;
pub use error::NetError;
pub use identity::{AwsIdentity, AzureIdentity, Environment, GoogleIdentity};
pub use policy::{ClientCertificate, ClientPolicy, HostRule};
pub use request::Request;
pub use response::{Answer, Response};
pub use retry::RetryPolicy;
pub use secret::{Auth, Secret, SecretSource};
pub use tcp::TcpRoute;

pub use reqwest::{Method, StatusCode, header};
pub use url::Url;

/// Installs ring as the process's TLS provider; a second call, or a provider that is there already, changes nothing.
pub fn install_crypto_provider() {
    // The only error is "already installed", which is what the caller wants.
    let _already_there = rustls::crypto::ring::default_provider().install_default();
}
