//! Redis, the cache between the parts of Argo CD.

use tempfile::TempDir;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::process::{Launch, Process};
use crate::{port, servers, wait};

/// One Redis on loopback that keeps nothing.
pub struct Redis {
    address: String,
    // Ended before its folder is removed: fields are dropped in this order.
    process: Process,
    _folder: TempDir,
}

impl Redis {
    /// Starts Redis and waits until it answers.
    pub async fn start() -> Self {
        let folder = crate::folder("redis");
        let port = port::free();
        let address = format!("127.0.0.1:{port}");
        let process = Launch::new("redis", servers::program("redis", "redis-server"))
            .home(folder.path())
            .args(["--bind", "127.0.0.1", "--port", &port.to_string()])
            .args(["--save", "", "--appendonly", "no"])
            .spawn(folder.path());
        process.until("Redis to answer", wait::START, async || ping(&address).await).await;
        Self { address, process, _folder: folder }
    }

    /// Host and port.
    pub fn address(&self) -> &str {
        &self.address
    }

    /// The server's process.
    pub fn process(&self) -> &Process {
        &self.process
    }
}

async fn ping(address: &str) -> Result<(), String> {
    let asked = async {
        let mut stream = TcpStream::connect(address).await?;
        stream.write_all(b"PING\r\n").await?;
        let mut answer = [0; 7];
        stream.read_exact(&mut answer).await?;
        Ok(answer)
    };
    match asked.await.map_err(|error: std::io::Error| error.to_string())? {
        answer if &answer == b"+PONG\r\n" => Ok(()),
        answer => Err(String::from_utf8_lossy(&answer).into_owned()),
    }
}
