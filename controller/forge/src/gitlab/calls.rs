//! Calls to GitLab's API version 4: the endpoints of the crate `gitlab`, sent through kubeopt's own client.

use std::collections::HashMap;
use std::fmt::Display;
use std::sync::{Mutex, PoisonError};

use gitlab::api::Endpoint;
use gitlab::api::projects::Project;
use gitlab::api::users::CurrentUser;
use kubeopt_model::RepositoryId;
use kubeopt_net::{Answer, Method, Request, StatusCode, Url};
use serde::de::DeserializeOwned;
use tokio::sync::OnceCell;

use super::wire;
use crate::error::ForgeError;
use crate::transport::{Transport, address};

/// Items that are asked for per page; GitLab gives no more.
const PAGE_ITEMS: usize = 100;

/// Most projects whose id is remembered; what is cleared is asked for again.
const IDS_MAX: usize = 1_000;

/// Most pages of one list: 10,000 items.
const PAGES_MAX: usize = 100;

#[derive(Debug)]
pub(super) struct Calls {
    transport: Transport,
    root: Url,
    /// The ids of projects, which survive renames; their paths do not.
    ids: Mutex<HashMap<RepositoryId, u64>>,
    own: OnceCell<wire::Own>,
}

/// Whether a list is read on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Paging {
    /// The next page is wanted.
    More,
    /// What comes now is not of interest.
    Enough,
}

impl Calls {
    pub(super) fn new(transport: Transport, root: Url) -> Self {
        Self { transport, root, ids: Mutex::default(), own: OnceCell::new() }
    }

    /// What came of requests since the last call.
    pub(super) fn take_tally(&self) -> Vec<(Option<u16>, u64)> {
        self.transport.take_tally()
    }

    /// kubeopt's own account, asked for once.
    pub(super) async fn own(&self) -> Result<&wire::Own, ForgeError> {
        let ask = || async { self.take(&built(CurrentUser::builder().build())?, "kubeopt's account").await };
        self.own.get_or_try_init(ask).await
    }

    /// The project's id.
    pub(super) async fn project(&self, repository: &RepositoryId) -> Result<u64, ForgeError> {
        let known = self.ids.lock().unwrap_or_else(PoisonError::into_inner).get(repository).copied();
        match known {
            Some(id) => Ok(id),
            None => self.facts(repository).await.map(|found| found.id),
        }
    }

    /// What GitLab says of the project.
    pub(super) async fn facts(&self, repository: &RepositoryId) -> Result<wire::Project, ForgeError> {
        let parts = repository.owner.split('/').chain([repository.name.as_str()]);
        if parts.clone().any(|part| matches!(part, "" | "." | "..")) {
            return Err(ForgeError::Refused { why: "a name is empty or made of dots".to_owned() });
        }
        let path = format!("{}/{}", repository.owner, repository.name);
        let endpoint = built(Project::builder().project(path).build())?;
        let found: wire::Project = self.take(&endpoint, &format!("repository {repository}")).await?;
        let mut ids = self.ids.lock().unwrap_or_else(PoisonError::into_inner);
        if ids.len() >= IDS_MAX {
            ids.clear();
        }
        ids.insert(repository.clone(), found.id);
        Ok(found)
    }

    /// An address where people look; nothing of it is the choice of an answer.
    pub(super) fn page(&self, repository: &RepositoryId, rest: &[&str]) -> Result<Url, ForgeError> {
        let mut parts: Vec<&str> = repository.owner.split('/').collect();
        parts.push(&repository.name);
        parts.extend(rest);
        address(&self.root, &parts)
    }

    /// None for 404.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        endpoint: &impl Endpoint,
    ) -> Result<Option<T>, ForgeError> {
        let answer = self.send(endpoint, &[]).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            _ => read(&self.transport.judge(answer, "it")?).map(Some),
        }
    }

    /// `what` is named when it is not there.
    pub(super) async fn take<T: DeserializeOwned>(
        &self,
        endpoint: &impl Endpoint,
        what: &str,
    ) -> Result<T, ForgeError> {
        read(&self.transport.judge(self.send(endpoint, &[]).await?, what)?)
    }

    /// A call whose status is for the caller to judge.
    pub(super) async fn answer_to(&self, endpoint: &impl Endpoint) -> Result<Answer, ForgeError> {
        self.send(endpoint, &[]).await
    }

    /// What a status means.
    pub(super) fn judge(&self, answer: Answer, what: &str) -> Result<Answer, ForgeError> {
        self.transport.judge(answer, what)
    }

    /// A write whose answer is of no interest; what is already gone is fine.
    pub(super) async fn remove(&self, endpoint: &impl Endpoint, what: &str) -> Result<(), ForgeError> {
        let answer = self.send(endpoint, &[]).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(()),
            _ => self.transport.judge(answer, what).map(drop),
        }
    }

    /// A list, page by page, until `each` has enough, the list ends, or the bound is reached. Pages are counted here
    /// rather than followed by links, so that no answer can lead to another server.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        endpoint: &impl Endpoint,
        query: &[(&str, &str)],
        what: &str,
        mut each: impl FnMut(Vec<T>) -> Paging,
    ) -> Result<(), ForgeError> {
        let items_max = PAGE_ITEMS.to_string();
        for page in 1..=PAGES_MAX {
            let number = page.to_string();
            let mut asked = query.to_vec();
            asked.extend([("page", number.as_str()), ("per_page", items_max.as_str())]);
            let answer = self.transport.judge(self.send(endpoint, &asked).await?, what)?;
            let items: Vec<T> = read(&answer)?;
            let got = items.len();
            if each(items) == Paging::Enough {
                return Ok(());
            }
            let header = |name: &str| answer.headers.get(name).and_then(|value| value.to_str().ok());
            let pages_told = header("x-total-pages").and_then(|text| text.parse::<usize>().ok());
            // Where GitLab does not say whether there are more, a page that is not full is the last one.
            let is_last = header("x-next-page").map_or(got < PAGE_ITEMS, |next| next.trim().is_empty());
            if let (true, Some(told)) = (is_last || got == 0, pages_told.filter(|told| page < *told)) {
                let why = format!("{what}: the list ends after {page} of {told} pages");
                return Err(ForgeError::Malformed { why });
            }
            if is_last || got == 0 {
                return Ok(());
            }
        }
        Err(ForgeError::TooLarge { what: format!("{what} (more than {PAGES_MAX} pages)") })
    }

    async fn send(&self, endpoint: &impl Endpoint, query: &[(&str, &str)]) -> Result<Answer, ForgeError> {
        let mut url = address(&self.root, &["api", "v4", "x"])?
            .join(&endpoint.endpoint())
            .map_err(|_| ForgeError::Refused { why: "a name cannot be part of an address".to_owned() })?;
        endpoint.parameters().add_to_url(&mut url);
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        let method = endpoint.method();
        let mut request = Request::new(method.clone(), url).header("accept", "application/json")?;
        if let Some((media_type, body)) = built(endpoint.body())? {
            request = request.body(media_type, body)?;
        }
        match method {
            Method::GET => self.transport.read(request).await,
            _ => self.transport.write(request).await,
        }
    }
}

/// An endpoint that its crate could not build says why.
pub(super) fn built<T, E: Display>(endpoint: Result<T, E>) -> Result<T, ForgeError> {
    endpoint.map_err(|error| ForgeError::Refused { why: error.to_string() })
}

fn read<T: DeserializeOwned>(answer: &Answer) -> Result<T, ForgeError> {
    answer.json().map_err(|error| ForgeError::Malformed { why: error.to_string() })
}
