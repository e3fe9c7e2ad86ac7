//! Webhooks the whole way: through the controller's own server and into its loop, which looks sooner and answers once.

use std::net::SocketAddr;
use std::time::Duration;

use kubeopt_api::Config;
use kubeopt_model::Timestamp;
use kubeopt_runtime::controller::{Until, run};
use sha2::{Digest as _, Sha256};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use crate::apps::{API, App, WEB};
use crate::world::World;

const SECRET: &str = "0123456789abcdef0123456789abcdef";

/// Longest wait for what must come; it comes within some seconds. Without webhooks comments are looked for once a minute.
const PATIENCE: Duration = Duration::from_secs(50);

/// HMAC-SHA-256 of RFC 2104 in hex, as Gitea signs; the key is shorter than a block.
fn signature(key: &str, body: &[u8]) -> String {
    let padded = |with: u8| -> Vec<u8> {
        let key = key.bytes().chain(std::iter::repeat(0)).take(64);
        key.map(|byte| byte ^ with).collect()
    };
    let inner = Sha256::new().chain_update(padded(0x36)).chain_update(body).finalize();
    hex::encode(Sha256::new().chain_update(padded(0x5c)).chain_update(inner).finalize())
}

/// The answer to a request: its status, and all of it.
async fn ask(at: SocketAddr, head: &str, body: &[u8]) -> (u16, String) {
    let mut stream = TcpStream::connect(at).await.unwrap();
    let length = body.len();
    let request = format!("{head}\r\nhost: {at}\r\ncontent-length: {length}\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).await.unwrap();
    // Who refuses a body closes before it has all of it.
    let _ = stream.write_all(body).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|word| word.parse().ok()).unwrap_or(0);
    (status, answer)
}

/// A delivery of a comment.
async fn deliver(at: SocketAddr, id: &str, secret: &str, body: &[u8]) -> u16 {
    let signature = signature(secret, body);
    let head = format!(
        "POST /webhooks/lab HTTP/1.1\r\nx-gitea-delivery: {id}\r\nx-gitea-event: issue_comment\r\nx-gitea-signature: {signature}"
    );
    ask(at, &head, body).await.0
}

async fn metric(at: SocketAddr, line: &str) -> Option<u64> {
    let (_, text) = ask(at, "GET /metrics HTTP/1.1", b"").await;
    let value = text.lines().find_map(|there| there.strip_prefix(line)?.strip_prefix(' '))?;
    value.parse().ok()
}

/// Waits until it is so.
async fn until<T>(what: &str, found: impl AsyncFn() -> Option<T>) -> T {
    let mut often = tokio::time::interval(Duration::from_millis(50));
    let look = async {
        loop {
            often.tick().await;
            if let Some(found) = found().await {
                return found;
            }
        }
    };
    tokio::time::timeout(PATIENCE, look).await.unwrap_or_else(|_| panic!("{what} did not come"))
}

impl World {
    async fn replies(&self, app: &App, number: u64) -> Vec<String> {
        let comments = self.forge.comments_on(&app.repository_id(), number).await.unwrap();
        let own = comments.into_iter().filter(|comment| comment.author == "kubeopt");
        own.map(|comment| comment.body).collect()
    }
}

/// An address that nobody listens on.
async fn free_address() -> SocketAddr {
    TcpListener::bind("127.0.0.1:0").await.unwrap().local_addr().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_duplicates_of_a_delivery_at_once_are_one_early_pass_and_one_answer() {
    let world = World::of(&[API, WEB]).await;
    world.pass(&world.controller("a").await).await;
    let pull = world.the_open_one(&API).await;
    // The controller has the clock of the machine.
    world.advance(Timestamp::now().as_second() - world.now().as_second());
    let secret = world.folder().join("secret");
    std::fs::write(&secret, SECRET).unwrap();
    let at = free_address().await;
    let text = format!(
        "server: {{listen: \"{at}\"}}\npasses: {{every: 1h}}\nforges:\n- {{name: lab, type: gitea, url: \"https://git.example\", tokenFile: /t, webhooks: {{secretFile: {}}}}}\n",
        secret.display()
    );
    let config = Config::parse(&text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap();
    let (stop, stopped) = watch::channel(false);
    let controller = world.controller("a").await;
    let running = tokio::spawn(async move { run(controller, &config, Until::Stopped, stopped).await });
    let passes = async || metric(at, "kubeopt_passes_total{result=\"done\"}").await;
    until("the server", async || TcpStream::connect(at).await.ok()).await;
    until("the first pass", async || passes().await.filter(|passes| *passes == 1)).await;

    world.forge.comment_as(&API.repository_id(), pull.number, "alice", "/kubeopt help").await.unwrap();
    let body = format!(
        r#"{{"action": "created", "repository": {{"id": 1, "name": "shop", "full_name": "acme/shop", "owner": {{"login": "acme"}}}}, "is_pull": true, "issue": {{"number": {}, "pull_request": {{}}}}, "comment": {{"body": "/kubeopt help"}}}}"#,
        pull.number
    );
    let deliveries = (0..50).map(|_| deliver(at, "d-1", SECRET, body.as_bytes()));
    let statuses = futures::future::join_all(deliveries).await;
    assert_eq!(statuses, [202; 50]);
    // What is not signed with the secret, and what is larger than anything that is read, is no reason to look.
    assert_eq!(deliver(at, "d-2", "another secret of enough bytes", body.as_bytes()).await, 401);
    let huge = "POST /webhooks/lab HTTP/1.1\r\nx-gitea-delivery: d-3";
    assert_eq!(ask(at, huge, &vec![b'x'; 2 * 1024 * 1024]).await.0, 413);

    until("the answer", async || world.replies(&API, pull.number).await.pop()).await;
    until("the second pass", async || passes().await.filter(|passes| *passes == 2)).await;
    for (result, count) in [("taken", 1), ("repeated", 49), ("forged", 1), ("refused", 1)] {
        let line = format!("kubeopt_webhooks_total{{forge=\"lab\",result=\"{result}\"}}");
        assert_eq!(metric(at, &line).await, Some(count), "{result}");
    }
    stop.send(true).unwrap();
    running.await.unwrap().unwrap();
    assert_eq!(world.replies(&API, pull.number).await.len(), 1);
    assert_eq!(world.the_open_one(&API).await.number, pull.number);
}
