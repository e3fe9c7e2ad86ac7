//! The channel on which `git-upload-pack` talks, with what it says beside the protocol kept for an error.

use std::fmt;
use std::time::Duration;

use kubeopt_model::RepositoryId;
use russh::client::{Handle, Msg};
use russh::{Channel, ChannelMsg, Disconnect};
use tokio::time::{Instant, timeout, timeout_at};

use crate::error::GitError;
use crate::ssh::gate::Gate;

/// Bytes of the server's standard error that are kept; a sentence or two say what is wrong.
const SAID_BYTES_MAX: usize = 1024;

/// Bytes of standard error that are listened to. Progress is not asked for, so that hardly anything comes.
const BESIDE_BYTES_MAX: usize = 256 * 1024;

/// Time to say goodbye. Nobody waits for an answer.
const CLOSE_TIME_MAX: Duration = Duration::from_secs(1);

/// A running `git-upload-pack`.
pub(crate) struct SshLine {
    handle: Handle<Gate>,
    channel: Channel<Msg>,
    repository: RepositoryId,
    answer_time_max: Duration,
    said: Vec<u8>,
    beside_bytes: usize,
    answered: bool,
}

impl fmt::Debug for SshLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SshLine").field("repository", &self.repository).finish_non_exhaustive()
    }
}

impl SshLine {
    pub(crate) fn new(
        handle: Handle<Gate>,
        channel: Channel<Msg>,
        repository: RepositoryId,
        answer_time_max: Duration,
    ) -> Self {
        let said = Vec::new();
        Self { handle, channel, repository, answer_time_max, said, beside_bytes: 0, answered: false }
    }

    /// Until when an answer must be here that is asked for now; none is the usual time.
    pub(crate) fn until(&self, time: Option<Duration>) -> Instant {
        Instant::now() + time.unwrap_or(self.answer_time_max)
    }

    /// Sends bytes.
    ///
    /// # Errors
    /// [`GitError::Unreachable`].
    pub(crate) async fn say(&mut self, bytes: &[u8], until: Instant) -> Result<(), GitError> {
        let sent = timeout_at(until, self.channel.data(bytes)).await.map_err(|_| self.too_slow())?;
        sent.map_err(|error| library(&self.repository, error))
    }

    /// The next bytes that it says.
    ///
    /// # Errors
    /// [`GitError::Refused`] where the program ends before it says anything, [`GitError::Unreachable`] where it ends
    /// later or is too slow, [`GitError::Ssh`] where it talks on and on beside the protocol.
    pub(crate) async fn hear(&mut self, until: Instant) -> Result<Vec<u8>, GitError> {
        loop {
            let message = timeout_at(until, self.channel.wait()).await.map_err(|_| self.too_slow())?;
            let Some(message) = message else { return Err(self.ended()) };
            if let ChannelMsg::Data { data } = &message {
                self.answered = true;
                return Ok(data.to_vec());
            }
            if let ChannelMsg::ExtendedData { data, .. } = &message {
                let room = SAID_BYTES_MAX.saturating_sub(self.said.len());
                self.said.extend(data.iter().take(room));
                self.beside_bytes += data.len();
            }
            if self.beside_bytes > BESIDE_BYTES_MAX {
                let why = "the ssh server says too much beside Git's protocol".to_owned();
                return Err(GitError::Ssh { why });
            }
            // What it says on standard error comes before the end of the channel, but after that of its output.
            if matches!(message, ChannelMsg::Failure | ChannelMsg::Close) {
                return Err(self.ended());
            }
        }
    }

    /// Ends the program as Git does, with an empty question, and hangs up.
    pub(crate) async fn close(self) {
        let goodbye = async {
            self.channel.data(&b"0000"[..]).await?;
            self.channel.eof().await?;
            self.handle.disconnect(Disconnect::ByApplication, "", "en").await
        };
        // The answer is here already; a server that does not listen is left alone.
        let _unheard = timeout(CLOSE_TIME_MAX, goodbye).await;
    }

    fn too_slow(&self) -> GitError {
        let why = "the ssh server did not answer in time".to_owned();
        GitError::Unreachable { repository: self.repository.clone(), why }
    }

    fn ended(&self) -> GitError {
        let repository = self.repository.clone();
        let said = String::from_utf8_lossy(&self.said);
        let words: Vec<&str> = said
            .split(|c: char| c.is_control() || c.is_whitespace())
            .filter(|word| !word.is_empty())
            .collect();
        let says = if words.is_empty() { "nothing".to_owned() } else { words.join(" ") };
        if self.answered {
            let why = format!("the ssh server ended the connection; it says: {says}");
            return GitError::Unreachable { repository, why };
        }
        GitError::Refused { repository, says }
    }
}

/// What an error of the library means.
pub(crate) fn library(repository: &RepositoryId, error: russh::Error) -> GitError {
    if matches!(error, russh::Error::NoCommonAlgo { .. }) {
        return GitError::Ssh { why: format!("the ssh server and kubeopt share no algorithm: {error}") };
    }
    if matches!(error, russh::Error::Version) {
        return GitError::Ssh { why: "the server does not greet as an ssh server does".to_owned() };
    }
    GitError::Unreachable { repository: repository.clone(), why: format!("ssh: {error}") }
}
