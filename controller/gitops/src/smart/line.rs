//! One conversation with a Git server: questions out, frames in. What is said is the same over HTTP and over ssh; here
//! is what differs: over HTTP each answer ends with its body, over ssh all go through one channel and end with a flush.

use std::time::Duration;

use kubeopt_model::RepositoryId;
use kubeopt_net::{Client, Response, Url};
use tokio::time::Instant;

use crate::error::GitError;
use crate::smart::answer::{ANSWER_BYTES_MAX, protocol};
use crate::smart::http::{self, HttpLine};
use crate::smart::pkt::{Decoder, Packet};
use crate::ssh::{SshAddress, SshClient, SshLine};

/// The way to a server.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Way<'a> {
    /// Smart HTTP.
    Http {
        /// The client that may call it.
        client: &'a Client,
        /// The address of the repository.
        url: &'a Url,
    },
    /// `git-upload-pack` behind ssh.
    Ssh {
        /// The client that may call it.
        client: &'a SshClient,
        /// The address of the repository.
        address: &'a SshAddress,
    },
}

/// A server that answers.
#[derive(Debug)]
pub(crate) enum Line<'a> {
    /// Over HTTP.
    Http(HttpLine<'a>),
    /// Over ssh.
    Ssh(Box<SshLine>),
}

impl<'a> Line<'a> {
    /// Connects; gives what the server says first, which is what it can do.
    ///
    /// # Errors
    /// All of [`GitError`] but `Store`, `Object` and `OverQuota`.
    pub(crate) async fn open(
        way: Way<'a>,
        repository: &'a RepositoryId,
    ) -> Result<(Self, Vec<Packet>), GitError> {
        match way {
            Way::Http { client, url } => {
                let (line, response) = HttpLine::open(client, url, repository).await?;
                let answer = Answer::new(Source::Http(Box::new(response)), repository);
                Ok((Self::Http(line), answer.rest().await?))
            }
            Way::Ssh { client, address } => {
                let mut line = Box::new(client.start(address, repository).await?);
                let greeting = read_greeting(of_ssh(&mut line, repository, ANSWER_BYTES_MAX, None)).await?;
                Ok((Self::Ssh(line), greeting))
            }
        }
    }

    /// Asks one question, whose answer may have so many bytes and take so much time; none is the client's usual time.
    ///
    /// # Errors
    /// As [`Line::open`].
    pub(crate) async fn ask<'s>(
        &'s mut self,
        question: Vec<u8>,
        repository: &'s RepositoryId,
        limit_bytes: u64,
        time: Option<Duration>,
    ) -> Result<Answer<'s>, GitError> {
        match self {
            Self::Http(line) => {
                let response = line.ask(question, limit_bytes, time).await?;
                Ok(Answer::new(Source::Http(Box::new(response)), repository))
            }
            Self::Ssh(line) => {
                let answer = of_ssh(line, repository, limit_bytes, time);
                answer.say(&question).await
            }
        }
    }

    /// Tells the server that nothing more will be asked.
    pub(crate) async fn close(self) {
        match self {
            Self::Http(_) => {}
            Self::Ssh(line) => line.close().await,
        }
    }
}

fn of_ssh<'s>(
    line: &'s mut SshLine,
    repository: &'s RepositoryId,
    limit_bytes: u64,
    time: Option<Duration>,
) -> Answer<'s> {
    let until = line.until(time);
    Answer::new(Source::Ssh { line, until, left_bytes: limit_bytes, limit_bytes }, repository)
}

/// A server of an older version of the protocol begins with its branches, however many: they are not read.
async fn read_greeting(mut answer: Answer<'_>) -> Result<Vec<Packet>, GitError> {
    let Some(first) = answer.packet().await? else { return Ok(Vec::new()) };
    let versioned = first.line().is_some_and(|line| line.starts_with("version "));
    let mut packets = vec![first];
    if versioned {
        packets.extend(answer.rest().await?);
    }
    Ok(packets)
}

/// Where the bytes of an answer come from.
#[derive(Debug)]
enum Source<'s> {
    Http(Box<Response>),
    Ssh { line: &'s mut SshLine, until: Instant, left_bytes: u64, limit_bytes: u64 },
}

/// An answer, frame by frame.
#[derive(Debug)]
pub(crate) struct Answer<'s> {
    source: Source<'s>,
    decoder: Decoder,
    ended: bool,
    repository: &'s RepositoryId,
}

impl<'s> Answer<'s> {
    fn new(source: Source<'s>, repository: &'s RepositoryId) -> Self {
        Self { source, decoder: Decoder::default(), ended: false, repository }
    }

    /// The next frame; none at the end.
    ///
    /// # Errors
    /// As [`Line::open`].
    pub(crate) async fn packet(&mut self) -> Result<Option<Packet>, GitError> {
        loop {
            let next = self.decoder.next().map_err(|why| protocol(self.repository, why))?;
            if let Some(packet) = next {
                self.ended |= packet == Packet::Flush && matches!(self.source, Source::Ssh { .. });
                return Ok(Some(packet));
            }
            let piece = if self.ended { None } else { self.piece().await? };
            match piece {
                Some(bytes) => self.decoder.push(&bytes),
                None if self.decoder.is_empty() => return Ok(None),
                None => return Err(protocol(self.repository, "the answer ended within a frame".to_owned())),
            }
        }
    }

    /// All that is left.
    ///
    /// # Errors
    /// As [`Line::open`].
    pub(crate) async fn rest(mut self) -> Result<Vec<Packet>, GitError> {
        let mut packets = Vec::new();
        while let Some(packet) = self.packet().await? {
            packets.push(packet);
        }
        Ok(packets)
    }

    /// The next bytes; none at the end of an HTTP answer. Over ssh the end is a frame, so a closed channel is an error.
    async fn piece(&mut self) -> Result<Option<Vec<u8>>, GitError> {
        match &mut self.source {
            Source::Http(response) => {
                let chunk = response.chunk().await.map_err(|error| http::net(self.repository, error))?;
                Ok(chunk.map(|chunk| chunk.to_vec()))
            }
            Source::Ssh { line, until, left_bytes, limit_bytes } => {
                let bytes = line.hear(*until).await?;
                let Some(left) = left_bytes.checked_sub(bytes.len() as u64) else {
                    let limit = format!("{limit_bytes} bytes for one answer of the Git server");
                    return Err(GitError::TooLarge { repository: self.repository.clone(), limit });
                };
                *left_bytes = left;
                Ok(Some(bytes))
            }
        }
    }

    /// Sends the question that it answers; over HTTP the request has done so.
    async fn say(mut self, question: &[u8]) -> Result<Self, GitError> {
        if let Source::Ssh { line, until, .. } = &mut self.source {
            line.say(question, *until).await?;
        }
        Ok(self)
    }
}
