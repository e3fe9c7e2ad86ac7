//! The harness: real servers, started only as a test asks for them.
//!
//! Each server is a value: it runs from its `start` until it is dropped,
//! listens on a free loopback port, keeps its files in a temporary folder
//! and, when the test that owns it fails, prints the end of its log.
//!
//! ```no_run
//! # async fn test() {
//! use kubeopt_tests::{kubernetes::Kubernetes, kwok::Kwok};
//!
//! let kubernetes = Kubernetes::start().await;
//! let kwok = Kwok::start(&kubernetes).await;
//! kwok.nodes(&kubernetes, 3, ("8", "32Gi")).await;
//! # }
//! ```
//!
//! Whatever goes wrong here is a panic with a sentence: a test cannot go on
//! without its servers, and a panic is what makes the servers print their logs.
//! The harness knows nothing of kubeopt itself.

pub mod argocd;
pub mod authority;
pub mod browser;
pub mod etcd;
pub mod flux;
pub mod gitea;
pub mod kubernetes;
pub mod kwok;
pub mod lot;
pub mod manifest;
pub mod metrics_server;
pub mod port;
pub mod process;
pub mod prometheus;
pub mod redis;
pub mod rendered;
pub mod servers;
pub mod usage;
pub mod vpa;
pub mod wait;

mod archive;
mod certificates;

use std::error::Error;
use std::fmt::Write as _;

pub use servers::servers_enabled;

/// Turns an error into the end of the test, with a sentence and the whole chain of causes.
pub trait OrFail<T> {
    /// The value, or a panic that says "failed to `what`: ...".
    fn or_fail(self, what: &str) -> T;
}

impl<T, E: Error> OrFail<T> for Result<T, E> {
    #[track_caller]
    fn or_fail(self, what: &str) -> T {
        match self {
            Ok(value) => value,
            Err(error) => panic!("failed to {what}: {}", chain(&error)),
        }
    }
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(next) = cause {
        let text = next.to_string();
        if !line.contains(&text) {
            // Writing to a String cannot fail.
            let _ = write!(line, ": {text}");
        }
        cause = next.source();
    }
    line
}

/// An HTTP client for loopback servers, each call limited to 30 seconds.
pub fn http() -> reqwest::Client {
    // A second installation is refused and changes nothing.
    let _ = rustls::crypto::ring::default_provider().install_default();
    reqwest::Client::builder()
        .timeout(std::time::Duration::from_secs(30))
        .no_proxy()
        .build()
        .or_fail("build the HTTP client of the harness")
}

/// A temporary folder that says whose it is, removed with its value.
pub fn folder(name: &str) -> tempfile::TempDir {
    let prefix = format!("kubeopt-tests-{name}-");
    tempfile::Builder::new().prefix(&prefix).tempdir().or_fail("make a temporary folder")
}
