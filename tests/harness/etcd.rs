//! etcd, the API server's store.

use tempfile::TempDir;

use crate::process::{Launch, Process};
use crate::{port, servers};

/// One etcd on loopback.
pub struct Etcd {
    url: String,
    // Ended before its folder is removed: fields are dropped in this order.
    process: Process,
    _folder: TempDir,
}

impl Etcd {
    /// Starts etcd and waits until it is healthy.
    pub async fn start() -> Self {
        let folder = crate::folder("etcd");
        let url = format!("http://127.0.0.1:{}", port::free());
        let peer = format!("http://127.0.0.1:{}", port::free());
        let process = Launch::new("etcd", servers::program("etcd", "etcd"))
            .home(folder.path())
            .arg("--data-dir=data")
            .flag("--listen-client-urls", &url)
            .flag("--advertise-client-urls", &url)
            .flag("--listen-peer-urls", &peer)
            .flag("--initial-advertise-peer-urls", &peer)
            .flag("--initial-cluster", format!("default={peer}"))
            // Nothing here has to survive a power cut, and fsync is most of a small cluster's time.
            .arg("--unsafe-no-fsync")
            .arg("--log-level=warn")
            .arg("--logger=zap")
            .spawn(folder.path());
        process.until_healthy(&format!("{url}/health")).await;
        Self { url, process, _folder: folder }
    }

    /// The client URL.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The server's process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}
