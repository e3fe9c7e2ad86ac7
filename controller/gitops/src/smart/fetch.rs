//! The three requests of a fetch: what the server can do, where the branch is, and the pack.

use std::time::Duration;

use kubeopt_model::RepositoryId;
use kubeopt_net::{Client, Method, NetError, Request, Response, Url};
use tokio::sync::mpsc;

use crate::error::GitError;
use crate::quota::Allowance;
use crate::smart::pkt::{Decoder, Packet};
use crate::smart::protocol::{
    Capabilities, PackAnswer, Tip, Want, ask_pack, ask_refs, read_capabilities, read_tip,
};

/// Longest answer to the first two questions. One branch is a line; a server that lists everything is misled by us.
const ANSWER_BYTES_MAX: u64 = 1024 * 1024;

/// Time for the pack, from the question to its last byte: half a GiB, the largest by default, at 5 MB/s.
const PACK_TIME_MAX: Duration = Duration::from_secs(100);

/// A piece of a pack on its way to the index.
pub(crate) enum Piece {
    /// Some bytes.
    Bytes(Vec<u8>),
    /// The pack is complete. Without it, what has arrived is thrown away.
    End,
}

/// A server that was found to speak the protocol.
#[derive(Debug)]
pub(crate) struct Session<'a> {
    client: &'a Client,
    repository: &'a RepositoryId,
    base: Url,
    capabilities: Capabilities,
}

impl Session<'_> {
    /// Large blobs are left out of packs.
    pub(crate) fn filters(&self) -> bool {
        self.capabilities.filter
    }
}

/// Asks what the server can do, and where the branch (none: the default branch) is.
///
/// # Errors
/// All of [`GitError`] but `Store` and `Object`.
pub(crate) async fn ask_tip<'a>(
    client: &'a Client,
    url: &Url,
    repository: &'a RepositoryId,
    branch: Option<&str>,
) -> Result<(Session<'a>, Tip), GitError> {
    let session = open(client, url, repository).await?;
    let response = session.post(ask_refs(branch), ANSWER_BYTES_MAX, None).await?;
    let packets = read_packets(response, repository).await?;
    let tip = read_tip(&packets, branch).map_err(|why| protocol(repository, why))?;
    let tip = tip.ok_or_else(|| match branch {
        Some(branch) => {
            GitError::BranchNotFound { repository: repository.clone(), branch: branch.to_owned() }
        }
        None => GitError::Empty(repository.clone()),
    })?;
    Ok((session, tip))
}

/// Fetches the pack of one commit into the channel. Gives the commits whose parents were not sent.
///
/// # Errors
/// As [`ask_tip`], and [`GitError::OverQuota`]. A receiver that has gone away ends the fetch without an error: it knows
/// why.
pub(crate) async fn fetch_pack(
    session: &Session<'_>,
    want: &Want<'_>,
    allowance: &Allowance,
    to: mpsc::Sender<Piece>,
) -> Result<Vec<String>, GitError> {
    let question = ask_pack(want, &session.capabilities);
    let over = |error| {
        if matches!(error, GitError::TooLarge { .. }) {
            allowance.exceeded(session.repository)
        } else {
            error
        }
    };
    let limit_bytes = framed(allowance.bytes);
    let mut response = session.post(question, limit_bytes, Some(PACK_TIME_MAX)).await.map_err(over)?;
    let failed = |why| protocol(session.repository, why);
    let (mut decoder, mut answer, mut received) = (Decoder::default(), PackAnswer::default(), 0_u64);
    while let Some(chunk) = response.chunk().await.map_err(|error| over(net(session.repository, error)))? {
        decoder.push(&chunk);
        while let Some(packet) = decoder.next().map_err(failed)? {
            let Some(bytes) = answer.take(packet).map_err(failed)? else { continue };
            received += bytes.len() as u64;
            if received > allowance.bytes {
                return Err(allowance.exceeded(session.repository));
            }
            if to.send(Piece::Bytes(bytes)).await.is_err() {
                return Ok(answer.shallow);
            }
        }
    }
    if !answer.is_complete() {
        return Err(failed("the answer ended before the pack was complete".to_owned()));
    }
    // A receiver that has gone away reports its own error.
    let _gone = to.send(Piece::End).await;
    Ok(answer.shallow)
}

/// Bytes of an answer that carries a pack of so many: frames of a kilobyte, the smallest that servers send, add half a
/// per cent, and a little is said beside the pack.
fn framed(pack_bytes: u64) -> u64 {
    pack_bytes.saturating_add(pack_bytes / 64).saturating_add(ANSWER_BYTES_MAX)
}

async fn open<'a>(
    client: &'a Client,
    url: &Url,
    repository: &'a RepositoryId,
) -> Result<Session<'a>, GitError> {
    let mut refs = service(url, "info/refs", repository)?;
    refs.set_query(Some("service=git-upload-pack"));
    let request = headers(Request::get(refs).max_body_bytes(ANSWER_BYTES_MAX), "advertisement")
        .map_err(|error| net(repository, error))?;
    let response = client.send(request).await.map_err(|error| net(repository, error))?;
    let response = judge(response, repository, "advertisement")?;
    // A repository that was renamed redirects; the next questions go to where the answer came from.
    let mut base = response.url.clone();
    base.set_query(None);
    let path = base.path().strip_suffix("/info/refs").unwrap_or(url.path()).to_owned();
    base.set_path(&path);
    let packets = read_packets(response, repository).await?;
    let capabilities = read_capabilities(&packets).map_err(|why| protocol(repository, why))?;
    Ok(Session { client, repository, base, capabilities })
}

impl Session<'_> {
    async fn post(
        &self,
        question: Vec<u8>,
        limit_bytes: u64,
        time: Option<Duration>,
    ) -> Result<Response, GitError> {
        let url = service(&self.base, "git-upload-pack", self.repository)?;
        let mut request = Request::new(Method::POST, url).max_body_bytes(limit_bytes).idempotent();
        if let Some(time) = time {
            request = request.timeout(time);
        }
        let request = headers(request, "result")
            .and_then(|request| request.body("application/x-git-upload-pack-request", question))
            .map_err(|error| net(self.repository, error))?;
        let response = self.client.send(request).await.map_err(|error| net(self.repository, error))?;
        judge(response, self.repository, "result")
    }
}

fn headers(request: Request, what: &str) -> Result<Request, NetError> {
    request.header("git-protocol", "version=2")?.header("accept", &media_type(what))
}

fn media_type(what: &str) -> String {
    format!("application/x-git-upload-pack-{what}")
}

fn service(base: &Url, tail: &str, repository: &RepositoryId) -> Result<Url, GitError> {
    let mut url = base.clone();
    url.path_segments_mut()
        .map_err(|()| protocol(repository, "the address has no path".to_owned()))?
        .pop_if_empty()
        .extend(tail.split('/'));
    Ok(url)
}

/// The answer if it is a Git server's, otherwise what its status means.
fn judge(response: Response, repository: &RepositoryId, what: &str) -> Result<Response, GitError> {
    let status = response.status.as_u16();
    let repository = repository.clone();
    match status {
        200 => {}
        401 | 403 => return Err(GitError::Unauthorized { repository, status }),
        404 | 410 => return Err(GitError::RepositoryNotFound(repository)),
        429 | 500.. => {
            return Err(GitError::Unreachable {
                repository,
                why: format!("the server answered HTTP {status}"),
            });
        }
        _ => return Err(protocol(&repository, format!("it answered HTTP {status}"))),
    }
    let found = response.headers.get("content-type").and_then(|value| value.to_str().ok());
    if found != Some(media_type(what).as_str()) {
        return Err(protocol(&repository, "it answered with something other than Git's protocol".to_owned()));
    }
    Ok(response)
}

async fn read_packets(mut response: Response, repository: &RepositoryId) -> Result<Vec<Packet>, GitError> {
    let (mut decoder, mut packets) = (Decoder::default(), Vec::new());
    while let Some(chunk) = response.chunk().await.map_err(|error| net(repository, error))? {
        decoder.push(&chunk);
        while let Some(packet) = decoder.next().map_err(|why| protocol(repository, why))? {
            packets.push(packet);
        }
    }
    if decoder.is_empty() {
        Ok(packets)
    } else {
        Err(protocol(repository, "the answer ended within a frame".to_owned()))
    }
}

fn protocol(repository: &RepositoryId, why: String) -> GitError {
    GitError::Protocol { repository: repository.clone(), why }
}

fn net(repository: &RepositoryId, error: NetError) -> GitError {
    let repository = repository.clone();
    if let NetError::BodyTooLarge { limit_bytes, .. } = error {
        let limit = format!("{limit_bytes} bytes for one answer of the Git server");
        return GitError::TooLarge { repository, limit };
    }
    if error.is_transient() {
        return GitError::Unreachable { repository, why: error.to_string() };
    }
    GitError::Net(error)
}
