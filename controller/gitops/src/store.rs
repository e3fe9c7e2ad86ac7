//! A folder of bare repositories, used as a cache of what was fetched. It may be deleted at any time while no fetch
//! runs; the next fetch fills it again.
//!
//! A repository on a server is fetched without history and, where the server can do that, without large blobs. A
//! repository in a local folder is read where it is. Nothing is checked out, no hook, filter or submodule runs.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use kubeopt_model::RepositoryId;
use kubeopt_net::{Client, Url};
use tokio::sync::mpsc;

use crate::cache::{self, Cached};
use crate::error::GitError;
use crate::local;
use crate::quota::StoreLimits;
use crate::smart::{self, Session, Tip, Want, Way};
use crate::snapshot::{FILE_BYTES_MAX, Snapshot};
use crate::ssh::{SshAddress, SshClient};

/// Time for one fetch in all, retries included.
const FETCH_TIME_MAX: Duration = Duration::from_secs(180);

/// Pieces of a pack that wait for the index; a piece is at most 64 KiB, so 4 MiB.
const PIECES_WAITING_MAX: usize = 64;

/// Where a repository is.
#[derive(Debug, Clone)]
pub enum Location {
    /// A folder on this machine: a bare repository, or one with a `.git` folder.
    Local(PathBuf),
    /// A Git server. The credentials belong to the client's rule for the origin.
    Http {
        /// The address that `git clone` would take.
        url: Url,
        /// The client that may call it.
        client: Client,
    },
    /// A Git server behind ssh. The key and the host keys belong to the client.
    Ssh {
        /// The address that `git clone` would take.
        address: SshAddress,
        /// The client that may call it.
        client: SshClient,
    },
}

/// A repository and the way to it.
#[derive(Debug, Clone)]
pub struct Remote {
    /// Which.
    pub id: RepositoryId,
    /// Where.
    pub location: Location,
}

/// The cache. Fetches of one repository wait for each other; others run side by side.
#[derive(Debug)]
pub struct GitStore {
    dir: PathBuf,
    limits: StoreLimits,
    turns: Mutex<HashMap<RepositoryId, Arc<tokio::sync::Mutex<()>>>>,
    refused: Mutex<HashMap<RepositoryId, Refused>>,
}

/// A commit that was over the quota, so that it is not fetched again in each pass.
#[derive(Debug, Clone)]
struct Refused {
    commit: String,
    why: GitError,
}

impl GitStore {
    /// Uses a folder, which is made if it is not there.
    ///
    /// # Errors
    /// [`GitError::Store`] when it cannot be made.
    pub fn open(dir: &Path) -> Result<Self, GitError> {
        std::fs::create_dir_all(dir)
            .map_err(|error| GitError::Store(format!("{}: {error}", dir.display())))?;
        Ok(Self {
            dir: dir.to_owned(),
            limits: StoreLimits::default(),
            turns: Mutex::default(),
            refused: Mutex::default(),
        })
    }

    /// With other limits than the default ones. Repositories that are read where they are have none.
    #[must_use]
    pub fn with_limits(mut self, limits: StoreLimits) -> Self {
        self.limits = limits;
        self
    }

    /// The newest commit of a branch (none: the default branch) with its files. An unchanged branch costs two small
    /// requests.
    ///
    /// # Errors
    /// Any [`GitError`]; at most 180 s.
    pub async fn fetch(&self, remote: &Remote, branch: Option<&str>) -> Result<Snapshot, GitError> {
        if let Some(branch) = branch
            && !git2::Reference::is_valid_name(&format!("refs/heads/{branch}"))
        {
            let branch = branch.escape_default().take(100).collect();
            return Err(GitError::BranchNotFound { repository: remote.id.clone(), branch });
        }
        let fetch = async {
            match &remote.location {
                Location::Local(path) => self.fetch_local(remote, path, branch).await,
                Location::Http { url, client } => {
                    self.fetch_remote(remote, Way::Http { client, url }, branch).await
                }
                Location::Ssh { address, client } => {
                    self.fetch_remote(remote, Way::Ssh { client, address }, branch).await
                }
            }
        };
        tokio::time::timeout(FETCH_TIME_MAX, fetch).await.unwrap_or_else(|_| {
            let why = format!("it took longer than {} s", FETCH_TIME_MAX.as_secs());
            Err(GitError::Unreachable { repository: remote.id.clone(), why })
        })
    }

    async fn fetch_local(
        &self,
        remote: &Remote,
        path: &Path,
        branch: Option<&str>,
    ) -> Result<Snapshot, GitError> {
        let (id, path, branch) = (remote.id.clone(), path.to_owned(), branch.map(str::to_owned));
        blocking(move || {
            let tip = local::find_tip(&path, &id, branch.as_deref())?;
            Snapshot::load(&path, id, &tip)
        })
        .await
    }

    async fn fetch_remote(
        &self,
        remote: &Remote,
        way: Way<'_>,
        branch: Option<&str>,
    ) -> Result<Snapshot, GitError> {
        let turn = self.turn(&remote.id);
        let _mine = turn.lock().await;
        let (session, mut tip) = smart::ask_tip(way, &remote.id, branch).await?;
        self.check_refused(&remote.id, &tip)?;
        let mut fetched = self.bring(remote, session, &tip).await;
        if is_over_quota(&fetched) && self.remove(&remote.id).await? {
            // Old commits of the cache may be what was too much: it is tried once more without them.
            let again = smart::ask_tip(way, &remote.id, branch).await?;
            tip = again.1;
            fetched = self.bring(remote, again.0, &tip).await;
            if is_over_quota(&fetched) {
                self.remove(&remote.id).await?;
            }
        }
        if let Err(why @ GitError::OverQuota { .. }) = &fetched {
            self.note_refused(&remote.id, Refused { commit: tip.commit, why: why.clone() });
        }
        fetched
    }

    /// Brings a commit into the cache, unless it is there, and reads its trees.
    async fn bring(
        &self,
        remote: &Remote,
        mut session: Session<'_>,
        tip: &Tip,
    ) -> Result<Snapshot, GitError> {
        let (dir, id, wanted, limits) = (self.dir.clone(), remote.id.clone(), tip.clone(), self.limits);
        let cached = blocking(move || Cached::prepare(&dir, &id, &wanted, limits.repository.0)).await?;
        if !cached.has_commit {
            let want = Want {
                commit: &tip.commit,
                have: cached.have.as_deref(),
                leave_out_bytes: FILE_BYTES_MAX + 1,
            };
            let (to, from) = mpsc::channel(PIECES_WAITING_MAX);
            let git_dir = cached.git_dir.clone();
            let index = blocking(move || cache::index_pack(&git_dir, from));
            let allowance = limits.allowance(cached.kept_bytes);
            let (shallow, indexed) =
                tokio::join!(smart::fetch_pack(&mut session, &want, &allowance, to), index);
            // A broken transfer breaks the index too; the transfer's error is the cause.
            let shallow = shallow?;
            indexed?;
            let filtered = session.filters();
            let (done, tip, id) = (cached.clone(), tip.clone(), remote.id.clone());
            blocking(move || {
                // The index, and what a pack is completed with, come on top of what was received.
                limits.check_kept(cache::bytes_below(&done.git_dir), &id)?;
                done.record(&tip, &shallow, filtered)
            })
            .await?;
        }
        session.close().await;
        let (id, git_dir, tip) = (remote.id.clone(), cached.git_dir, tip.clone());
        blocking(move || Snapshot::load(&git_dir, id, &tip)).await
    }

    /// Removes a repository from the cache; tells whether it held earlier commits.
    async fn remove(&self, id: &RepositoryId) -> Result<bool, GitError> {
        let (dir, id) = (self.dir.clone(), id.clone());
        blocking(move || cache::remove(&dir, &id)).await
    }

    fn check_refused(&self, id: &RepositoryId, tip: &Tip) -> Result<(), GitError> {
        // Nothing can panic while it is held, so a poisoned lock holds a whole map.
        let refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        match refused.get(id) {
            Some(refused) if refused.commit == tip.commit => Err(refused.why.clone()),
            Some(_) | None => Ok(()),
        }
    }

    fn note_refused(&self, id: &RepositoryId, refused: Refused) {
        let mut known = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        known.insert(id.clone(), refused);
    }

    fn turn(&self, id: &RepositoryId) -> Arc<tokio::sync::Mutex<()>> {
        // Nothing can panic while it is held, so a poisoned lock holds a whole map.
        let mut turns = self.turns.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(turns.entry(id.clone()).or_default())
    }
}

fn is_over_quota(fetched: &Result<Snapshot, GitError>) -> bool {
    matches!(fetched, Err(GitError::OverQuota { .. }))
}

/// Runs what waits for the disk beside the async threads.
async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    tokio::task::spawn_blocking(work)
        .await
        .unwrap_or_else(|error| Err(GitError::Store(format!("the work was interrupted: {error}"))))
}

#[cfg(test)]
#[path = "store_quota_tests.rs"]
mod quota_tests;
#[cfg(test)]
#[path = "store_tests.rs"]
mod tests;
