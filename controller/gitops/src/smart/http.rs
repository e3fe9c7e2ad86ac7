//! The HTTP side of a conversation: each question is a request of its own (smart HTTP).
//!
//! Reference: gitprotocol-http(5).

use std::time::Duration;

use kubeopt_model::RepositoryId;
use kubeopt_net::{Client, Method, NetError, Request, Response, Url};

use crate::error::GitError;
use crate::smart::answer::{ANSWER_BYTES_MAX, protocol};

/// A server that was found.
#[derive(Debug)]
pub(crate) struct HttpLine<'a> {
    client: &'a Client,
    repository: &'a RepositoryId,
    base: Url,
}

impl<'a> HttpLine<'a> {
    /// Asks what the server can do; the answer says it.
    ///
    /// # Errors
    /// All of [`GitError`] but `Store` and `Object`.
    pub(crate) async fn open(
        client: &'a Client,
        url: &Url,
        repository: &'a RepositoryId,
    ) -> Result<(Self, Response), GitError> {
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
        Ok((Self { client, repository, base }, response))
    }

    /// Asks one question. Without a time the client's own limit counts.
    ///
    /// # Errors
    /// As [`HttpLine::open`].
    pub(crate) async fn ask(
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

/// What an error of the client means for a repository.
pub(crate) fn net(repository: &RepositoryId, error: NetError) -> GitError {
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
        401 | 403 => return Err(GitError::Unauthorized { repository, how: format!("HTTP {status}") }),
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
