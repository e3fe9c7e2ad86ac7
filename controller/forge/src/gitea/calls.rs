//! Calls to Gitea's API: addresses and pages.

use kubeopt_model::RepositoryId;
use kubeopt_net::{Answer, Method, Request, StatusCode, Url};
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::error::ForgeError;
use crate::transport::{self, Transport};

/// Items that are asked for per page; Gitea's own highest default.
pub(super) const PAGE_ITEMS: usize = 50;

/// Most pages of one list: 5,000 items.
const PAGES_MAX: usize = 100;

#[derive(Debug)]
pub(super) struct Calls {
    transport: Transport,
    root: Url,
}

/// A page of a list, and whether to go on.
pub(super) enum Paging {
    /// The next page is wanted.
    More,
    /// What comes now is not of interest.
    Enough,
}

impl Calls {
    /// What came of requests since the last call.
    pub(super) fn take_tally(&self) -> Vec<(Option<u16>, u64)> {
        self.transport.take_tally()
    }

    pub(super) fn new(transport: Transport, root: Url) -> Self {
        Self { transport, root }
    }

    /// `{root}/api/v1/repos/{owner}/{name}/{rest...}`
    pub(super) fn of_repository(&self, repository: &RepositoryId, rest: &[&str]) -> Result<Url, ForgeError> {
        let (owner, name) = (repository.owner.as_str(), repository.name.as_str());
        let mut parts = vec!["api", "v1", "repos", owner, name];
        parts.extend(rest);
        self.address(&parts)
    }

    /// An address below the root.
    pub(super) fn address(&self, parts: &[&str]) -> Result<Url, ForgeError> {
        transport::address(&self.root, parts)
    }

    /// GET; none for 404.
    pub(super) async fn find<T: DeserializeOwned>(&self, url: Url) -> Result<Option<T>, ForgeError> {
        let answer = self.get(url).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(None),
            _ => self.judge(answer, "it")?.json().map(Some).map_err(malformed),
        }
    }

    /// GET of a list, page by page, until `each` has enough, the list ends, or the bound is reached.
    pub(super) async fn list<T: DeserializeOwned>(
        &self,
        url: &Url,
        what: &str,
        mut each: impl FnMut(Vec<T>) -> Paging,
    ) -> Result<(), ForgeError> {
        let mut seen = 0;
        for page in 1..=PAGES_MAX {
            let (items, total) = self.page::<T>(url, page, PAGE_ITEMS, None, what).await?;
            let got = items.len();
            seen += got;
            if let Paging::Enough = each(items) {
                return Ok(());
            }
            match total {
                Some(total) if seen >= total => return Ok(()),
                Some(total) if got == 0 => {
                    let why = format!("the list of {what} ends after {seen} of {total}");
                    return Err(ForgeError::Malformed { why });
                }
                None if got == 0 => return Ok(()),
                Some(_) | None => {}
            }
        }
        let items = PAGES_MAX * PAGE_ITEMS;
        Err(ForgeError::TooLarge { what: format!("the list of {what} (more than {items})") })
    }

    /// One page of a list, and how many items the whole list has, if the forge says so. Pages are counted here rather
    /// than followed by links, so that no answer can lead to another server.
    pub(super) async fn page<T: DeserializeOwned>(
        &self,
        url: &Url,
        page: usize,
        items: usize,
        bytes_max: Option<u64>,
        what: &str,
    ) -> Result<(Vec<T>, Option<usize>), ForgeError> {
        self.page_as(url, page, items, bytes_max, what).await
    }

    /// One page of a list that stands inside of something else.
    pub(super) async fn page_as<P: DeserializeOwned>(
        &self,
        url: &Url,
        page: usize,
        items: usize,
        bytes_max: Option<u64>,
        what: &str,
    ) -> Result<(P, Option<usize>), ForgeError> {
        let mut url = url.clone();
        url.query_pairs_mut().append_pair("page", &page.to_string()).append_pair("limit", &items.to_string());
        let request = Request::get(url);
        let request = match bytes_max {
            Some(bytes) => request.max_body_bytes(bytes),
            None => request,
        };
        let answer = self.judge(self.read(request).await?, what)?;
        let total = total_of(&answer);
        answer.json().map(|found| (found, total)).map_err(malformed)
    }

    /// A write with a JSON body; never repeated, since its first attempt may have succeeded.
    pub(super) async fn write<B: Serialize, T: DeserializeOwned>(
        &self,
        method: Method,
        url: Url,
        body: &B,
        what: &str,
    ) -> Result<T, ForgeError> {
        let request = Request::new(method, url).json(body)?;
        let answer = self.send_write(request).await?;
        self.judge(answer, what)?.json().map_err(malformed)
    }

    /// A write whose status is for the caller to judge.
    pub(super) async fn answer_to<B: Serialize>(
        &self,
        method: Method,
        url: Url,
        body: &B,
    ) -> Result<Answer, ForgeError> {
        self.send_write(Request::new(method, url).json(body)?).await
    }

    /// DELETE; one that is already gone is fine.
    pub(super) async fn delete(&self, url: Url, what: &str) -> Result<(), ForgeError> {
        self.send_delete(Request::new(Method::DELETE, url), what).await
    }

    /// DELETE of what a body names; what is already gone is fine.
    pub(super) async fn delete_with<B: Serialize>(
        &self,
        url: Url,
        body: &B,
        what: &str,
    ) -> Result<(), ForgeError> {
        self.send_delete(Request::new(Method::DELETE, url).json(body)?, what).await
    }

    async fn send_delete(&self, request: Request, what: &str) -> Result<(), ForgeError> {
        let answer = self.send_write(request).await?;
        match answer.status {
            StatusCode::NOT_FOUND => Ok(()),
            _ => self.judge(answer, what).map(drop),
        }
    }

    /// GET; the status is for the caller to judge.
    pub(super) async fn get(&self, url: Url) -> Result<Answer, ForgeError> {
        self.read(Request::get(url)).await
    }

    async fn read(&self, request: Request) -> Result<Answer, ForgeError> {
        self.transport.read(request.header("accept", "application/json")?).await
    }

    async fn send_write(&self, request: Request) -> Result<Answer, ForgeError> {
        self.transport.write(request.header("accept", "application/json")?).await
    }

    /// What a status means. `what` is named when it is not there.
    pub(super) fn judge(&self, answer: Answer, what: &str) -> Result<Answer, ForgeError> {
        self.transport.judge(answer, what)
    }
}

fn malformed(error: kubeopt_net::NetError) -> ForgeError {
    ForgeError::Malformed { why: error.to_string() }
}

fn total_of(answer: &Answer) -> Option<usize> {
    answer.headers.get("x-total-count")?.to_str().ok()?.parse().ok()
}
