//! Calls to GitHub within one repository, by octocrab: addresses, pages, and its errors as ours.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use kubeopt_model::RepositoryId;
use kubeopt_net::{Secret, Url};
use octocrab::{AuthState, Octocrab, OctocrabBuilder, Page};
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::access::{Access, Own};
use super::api::{ASKED, Api};
use super::places::Places;
use crate::error::ForgeError;
use crate::transport::{Transport, address};

/// Most repositories whose client is kept: a few kilobytes each. What is cleared is made again.
const CLIENTS_MAX: usize = 1_000;

/// Most pages of one list: 10,000 items of 100.
const PAGES_MAX: u32 = 100;

#[derive(Debug)]
pub(super) struct Calls {
    transport: Arc<Transport>,
    access: Arc<Access>,
    places: Places,
    /// One for each repository: what it may is told from its owner and name.
    clients: Mutex<HashMap<RepositoryId, Octocrab>>,
}

/// Calls within one repository.
pub(super) struct InRepository<'a> {
    octocrab: Octocrab,
    rest: &'a Url,
    pub(super) repository: &'a RepositoryId,
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
    pub(super) fn new(transport: Arc<Transport>, access: Arc<Access>, places: Places) -> Self {
        Self { transport, access, places, clients: Mutex::default() }
    }

    /// What came of requests since the last call.
    pub(super) fn take_tally(&self) -> Vec<(Option<u16>, u64)> {
        self.transport.take_tally()
    }

    pub(super) async fn own(&self) -> Result<Own, ForgeError> {
        self.access.own().await
    }

    pub(super) async fn token(&self, repository: &RepositoryId) -> Result<Secret, ForgeError> {
        Ok(self.access.granted(&repository.owner, &repository.name, None).await?.token)
    }

    /// Whether the App may write there; none for an account.
    pub(super) async fn may_write(&self, repository: &RepositoryId) -> Result<Option<bool>, ForgeError> {
        Ok(self.access.granted(&repository.owner, &repository.name, None).await?.may_write)
    }

    /// An address where people look; nothing of it is the choice of an answer.
    pub(super) fn page(&self, parts: &[&str]) -> Result<Url, ForgeError> {
        address(&self.places.web, parts)
    }

    /// Calls within a repository. Must be called within the runtime.
    pub(super) fn of<'a>(&'a self, repository: &'a RepositoryId) -> InRepository<'a> {
        let mut clients = self.clients.lock().unwrap_or_else(PoisonError::into_inner);
        if clients.len() >= CLIENTS_MAX && !clients.contains_key(repository) {
            clients.clear();
        }
        let octocrab = clients.entry(repository.clone()).or_insert_with(|| self.client(repository)).clone();
        InRepository { octocrab, rest: &self.places.rest, repository }
    }

    fn client(&self, repository: &RepositoryId) -> Octocrab {
        let api = Api {
            transport: Arc::clone(&self.transport),
            access: Arc::clone(&self.access),
            places: self.places.clone(),
            owner: repository.owner.clone(),
            repository: repository.name.clone(),
        };
        let built = OctocrabBuilder::new_empty().with_service(api).with_auth(AuthState::None).build();
        built.unwrap_or_else(|never| match never {})
    }
}

impl InRepository<'_> {
    /// GET; none for 404.
    pub(super) async fn find<T: DeserializeOwned>(
        &self,
        parts: &[&str],
        query: &[(&str, &str)],
    ) -> Result<Option<T>, ForgeError> {
        let url = self.url(parts, query)?;
        match self.octocrab.get(url.as_str(), None::<&()>).await.map_err(|error| taken(error, ASKED)) {
            Ok(found) => Ok(Some(found)),
            Err(ForgeError::NotFound { what }) if what == ASKED => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// GET of a list, page by page, until `each` has enough, the list ends, or the bound is reached.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        parts: &[&str],
        query: &[(&str, &str)],
        what: &str,
        mut each: impl FnMut(Vec<T>) -> Paging,
    ) -> Result<(), ForgeError> {
        let mut url = self.url(parts, query)?.to_string();
        let mut pages_told = None;
        for read in 1..=PAGES_MAX {
            let mut page: Page<T> =
                self.octocrab.get(&url, None::<&()>).await.map_err(|error| taken(error, what))?;
            pages_told = pages_told.or_else(|| page.number_of_pages());
            if each(page.take_items()) == Paging::Enough {
                return Ok(());
            }
            match page.next {
                Some(next) => url = next.to_string(),
                // The first page told how many there are.
                None if pages_told.is_some_and(|told| read < told) => {
                    let why =
                        format!("{what}: the list ends after {read} of {} pages", pages_told.unwrap_or(read));
                    return Err(ForgeError::Malformed { why });
                }
                None => return Ok(()),
            }
        }
        Err(ForgeError::TooLarge { what: format!("{what} (more than {PAGES_MAX} pages)") })
    }

    pub(super) async fn post<B: Serialize, T: DeserializeOwned>(
        &self,
        parts: &[&str],
        body: &B,
        what: &str,
    ) -> Result<T, ForgeError> {
        let url = self.url(parts, &[])?;
        self.octocrab.post(url.as_str(), Some(body)).await.map_err(|error| taken(error, what))
    }

    pub(super) async fn patch<B: Serialize, T: DeserializeOwned>(
        &self,
        parts: &[&str],
        body: &B,
        what: &str,
    ) -> Result<T, ForgeError> {
        let url = self.url(parts, &[])?;
        self.octocrab.patch(url.as_str(), Some(body)).await.map_err(|error| taken(error, what))
    }

    pub(super) async fn put<B: Serialize, T: DeserializeOwned>(
        &self,
        parts: &[&str],
        body: &B,
        what: &str,
    ) -> Result<T, ForgeError> {
        let url = self.url(parts, &[])?;
        self.octocrab.put(url.as_str(), Some(body)).await.map_err(|error| taken(error, what))
    }

    /// DELETE, with a body where it names what; what is already gone is fine.
    pub(super) async fn delete<B: Serialize>(
        &self,
        parts: &[&str],
        body: Option<&B>,
        what: &str,
    ) -> Result<(), ForgeError> {
        let url = self.url(parts, &[])?;
        // The answer is empty or what is left; neither is of interest.
        match self.octocrab._delete(url.as_str(), body).await.map_err(|error| taken(error, what)) {
            Ok(_) | Err(ForgeError::NotFound { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A mutation of the GraphQL API.
    pub(super) async fn query<T: DeserializeOwned>(
        &self,
        payload: &serde_json::Value,
        what: &str,
    ) -> Result<T, ForgeError> {
        self.octocrab.graphql(payload).await.map_err(|error| taken(error, what))
    }

    /// `{rest}/repos/{owner}/{name}/{parts...}?{query...}`
    fn url(&self, parts: &[&str], query: &[(&str, &str)]) -> Result<Url, ForgeError> {
        let mut all = vec!["repos", self.repository.owner.as_str(), self.repository.name.as_str()];
        all.extend(parts);
        let mut url = address(self.rest, &all)?;
        if !query.is_empty() {
            url.query_pairs_mut().extend_pairs(query);
        }
        Ok(url)
    }
}

/// octocrab's errors: what the service judged, or an answer that is not what was promised.
fn taken(error: octocrab::Error, what: &str) -> ForgeError {
    if let octocrab::Error::Service { source, .. } = error {
        return judged(source, what);
    }
    let why = if let octocrab::Error::Json { source, .. } = &error {
        source.to_string()
    } else if let octocrab::Error::Serde { source, .. } = &error {
        source.to_string()
    } else {
        "the answer is not one of GitHub's API".to_owned()
    };
    ForgeError::Malformed { why: format!("{what}: {why}") }
}

fn judged(source: tower::BoxError, what: &str) -> ForgeError {
    match source.downcast::<ForgeError>().map(|judged| *judged) {
        Ok(ForgeError::NotFound { what: asked }) if asked == ASKED => {
            ForgeError::NotFound { what: what.to_owned() }
        }
        Ok(judged) => judged,
        Err(other) => ForgeError::Malformed { why: format!("{what}: {other}") },
    }
}
