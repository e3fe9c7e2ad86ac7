//! The three steps of a fetch: what the server can do, where the branch is, and the pack.

use std::time::Duration;

use kubeopt_model::RepositoryId;
use tokio::sync::mpsc;

use crate::error::GitError;
use crate::quota::Allowance;
use crate::smart::answer::{ANSWER_BYTES_MAX, protocol};
use crate::smart::line::{Line, Way};
use crate::smart::protocol::{
    Capabilities, PackAnswer, Tip, Want, ask_pack, ask_refs, read_capabilities, read_tip,
};

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
    line: Line<'a>,
    repository: &'a RepositoryId,
    capabilities: Capabilities,
}

impl Session<'_> {
    /// Large blobs are left out of packs.
    pub(crate) fn filters(&self) -> bool {
        self.capabilities.filter
    }

    /// Tells the server that nothing more will be asked.
    pub(crate) async fn close(self) {
        self.line.close().await;
    }
}

/// Asks what the server can do, and where the branch (none: the default branch) is.
///
/// # Errors
/// All of [`GitError`] but `Store`, `Object` and `OverQuota`.
pub(crate) async fn ask_tip<'a>(
    way: Way<'a>,
    repository: &'a RepositoryId,
    branch: Option<&str>,
) -> Result<(Session<'a>, Tip), GitError> {
    let (mut line, greeting) = Line::open(way, repository).await?;
    let capabilities = read_capabilities(&greeting).map_err(|why| protocol(repository, why))?;
    let answer = line.ask(ask_refs(branch), repository, ANSWER_BYTES_MAX, None).await?;
    let packets = answer.rest().await?;
    let tip = read_tip(&packets, branch).map_err(|why| protocol(repository, why))?;
    let tip = tip.ok_or_else(|| match branch {
        Some(branch) => {
            GitError::BranchNotFound { repository: repository.clone(), branch: branch.to_owned() }
        }
        None => GitError::Empty(repository.clone()),
    })?;
    Ok((Session { line, repository, capabilities }, tip))
}

/// Fetches the pack of one commit into the channel. Gives the commits whose parents were not sent.
///
/// # Errors
/// As [`ask_tip`], and [`GitError::OverQuota`]. A receiver that has gone away ends the fetch without an error: it knows
/// why.
pub(crate) async fn fetch_pack(
    session: &mut Session<'_>,
    want: &Want<'_>,
    allowance: &Allowance,
    to: mpsc::Sender<Piece>,
) -> Result<Vec<String>, GitError> {
    let repository = session.repository;
    let question = ask_pack(want, &session.capabilities);
    let over = |error| {
        if matches!(error, GitError::TooLarge { .. }) { allowance.exceeded(repository) } else { error }
    };
    let limit_bytes = framed(allowance.bytes);
    let answer = session.line.ask(question, repository, limit_bytes, Some(PACK_TIME_MAX));
    let mut answer = answer.await.map_err(over)?;
    let failed = |why| protocol(repository, why);
    let (mut pack, mut received) = (PackAnswer::default(), 0_u64);
    while let Some(packet) = answer.packet().await.map_err(over)? {
        let Some(bytes) = pack.take(packet).map_err(failed)? else { continue };
        received += bytes.len() as u64;
        if received > allowance.bytes {
            return Err(allowance.exceeded(repository));
        }
        if to.send(Piece::Bytes(bytes)).await.is_err() {
            return Ok(pack.shallow);
        }
    }
    if !pack.is_complete() {
        return Err(failed("the answer ended before the pack was complete".to_owned()));
    }
    // A receiver that has gone away reports its own error.
    let _gone = to.send(Piece::End).await;
    Ok(pack.shallow)
}

/// Bytes of an answer that carries a pack of so many: frames of a kilobyte, the smallest that servers send, add half a
/// per cent, and a little is said beside the pack.
fn framed(pack_bytes: u64) -> u64 {
    pack_bytes.saturating_add(pack_bytes / 64).saturating_add(ANSWER_BYTES_MAX)
}
