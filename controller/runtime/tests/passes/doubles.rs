//! What tests put in the place of the outside: facts, usage that can be exchanged, a forge whose calls can fail, leave to
//! write that can be taken.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use kubeopt_forge::{
    Arranged, Asked, BranchHead, BranchWrite, Check, CommentId, Conversation, ExpectedHead, Forge,
    ForgeComment, ForgeError, HeadFilter, Issue, IssueUpdate, Judgement, LocalForge, MergeOrder,
    NewPullRequest, Permission, PullRequest, PullRequestQuery, PullRequestState, PullRequestUpdate, Reaction,
    RepositoryFacts, Review, Status, Tracking,
};
use kubeopt_history::{HistoryError, MemoryUsage, Rollup, UsageStore};
use kubeopt_model::gpu::GpuUse;
use kubeopt_model::usage::{ContainerPoints, OomKill, UsageSeries};
use kubeopt_model::{
    ClusterFacts, ClusterName, ContainerId, ContainerUsage, Problem, RepositoryId, Timestamp, Window,
};
use kubeopt_observe::{
    MetricsSource, ObserveError, PodOwners, Reach, SignsAsked, SignsRead, SliceReport, SourceFacts,
};
use kubeopt_runtime::edges::{FactsSource, Permit};

/// What the clusters show.
pub(crate) type Shown = Arc<Mutex<BTreeMap<ClusterName, ClusterFacts>>>;

/// One cluster of [`Shown`].
pub(crate) struct ShownCluster(pub(crate) ClusterName, pub(crate) Shown);

#[async_trait]
impl FactsSource for ShownCluster {
    async fn facts(&self) -> Result<ClusterFacts, Problem> {
        Ok(self.1.lock().unwrap()[&self.0].clone())
    }
}

/// A metrics source that a test can exchange between passes.
#[derive(Clone)]
pub(crate) struct Switch(Arc<Mutex<Arc<dyn MetricsSource>>>);

impl Switch {
    pub(crate) fn to(source: impl MetricsSource + 'static) -> Self {
        Self(Arc::new(Mutex::new(Arc::new(source))))
    }

    pub(crate) fn set(&self, source: impl MetricsSource + 'static) {
        *self.0.lock().unwrap() = Arc::new(source);
    }

    fn now(&self) -> Arc<dyn MetricsSource> {
        Arc::clone(&self.0.lock().unwrap())
    }
}

#[async_trait]
impl MetricsSource for Switch {
    async fn reach(&self, now: Timestamp) -> Result<Reach, ObserveError> {
        self.now().reach(now).await
    }

    async fn read(
        &self,
        slice: Window,
        owners: &PodOwners,
        sink: &mut (dyn FnMut(UsageSeries) + Send),
    ) -> Result<SliceReport, ObserveError> {
        self.now().read(slice, owners, sink).await
    }

    fn stored(&self, slice: Window) {
        self.now().stored(slice);
    }

    async fn oom_kills(&self, window: Window, owners: &PodOwners) -> Result<Vec<OomKill>, ObserveError> {
        self.now().oom_kills(window, owners).await
    }

    async fn window_signs(&self, asked: &SignsAsked, owners: &PodOwners) -> Result<SignsRead, ObserveError> {
        self.now().window_signs(asked, owners).await
    }

    async fn gpu_use(&self, owners: &PodOwners) -> Result<Vec<GpuUse>, ObserveError> {
        self.now().gpu_use(owners).await
    }

    async fn check(&self) -> Result<SourceFacts, ObserveError> {
        self.now().check().await
    }
}

/// Usage that outlives a controller, as its volume does.
#[derive(Clone, Default)]
pub(crate) struct Kept(Arc<MemoryUsage>);

#[async_trait]
impl UsageStore for Kept {
    async fn append(&self, rollup: Rollup, partial: Option<String>) -> Result<u64, HistoryError> {
        self.0.append(rollup, partial).await
    }

    async fn remember_oom_kills(&self, cluster: &ClusterName, kills: &[OomKill]) -> Result<(), HistoryError> {
        self.0.remember_oom_kills(cluster, kills).await
    }

    async fn covered(&self, cluster: &ClusterName) -> Result<Vec<Window>, HistoryError> {
        self.0.covered(cluster).await
    }

    async fn usage(
        &self,
        cluster: &ClusterName,
        window: Window,
        containers: Option<&[ContainerId]>,
    ) -> Result<Vec<ContainerUsage>, HistoryError> {
        self.0.usage(cluster, window, containers).await
    }

    async fn points(
        &self,
        cluster: &ClusterName,
        containers: Option<&[ContainerId]>,
        window: Window,
    ) -> Result<Vec<ContainerPoints>, HistoryError> {
        self.0.points(cluster, containers, window).await
    }

    async fn prune(&self, cluster: &ClusterName, now: Timestamp) -> Result<u64, HistoryError> {
        self.0.prune(cluster, now).await
    }

    fn take_problems(&self) -> Vec<Problem> {
        self.0.take_problems()
    }
}

/// Leave to write that a test can take.
#[derive(Clone)]
pub(crate) struct Leave(pub(crate) Arc<AtomicBool>);

impl Permit for Leave {
    fn may_write(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// What is wrong with the forge, for one repository.
#[derive(Clone)]
pub(crate) enum Trouble {
    /// This call fails so.
    Fails(&'static str, ForgeError),
    /// Another forge answers all calls but the one for the repository's facts.
    Answers(Arc<dyn Forge>),
    /// Another repository has come to its name, with this id.
    IsAnother(&'static str),
    /// Merged pull requests are called open still, as a forge does that has moved the base and is not done.
    SaysOpen(To),
}

/// Who is told so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    /// Whoever asks.
    Everybody,
    /// Whoever asks for all pull requests; who asks for those of one branch is told the truth.
    Lists,
}

/// The troubles by repository's name; shared with the test.
pub(crate) type Troubles = Arc<Mutex<BTreeMap<&'static str, Trouble>>>;

/// The local forge with troubles.
pub(crate) struct TroubledForge {
    pub(crate) local: LocalForge,
    pub(crate) troubles: Troubles,
}

impl TroubledForge {
    /// Who answers a call, or the error.
    fn answering(&self, call: &str, repository: &RepositoryId) -> Result<Arc<dyn Forge>, ForgeError> {
        match self.troubles.lock().unwrap().get(repository.name.as_str()) {
            Some(Trouble::Fails(failing, error)) if *failing == call => Err(error.clone()),
            Some(Trouble::Answers(other)) => Ok(Arc::clone(other)),
            Some(Trouble::Fails(..) | Trouble::SaysOpen(_) | Trouble::IsAnother(_)) | None => {
                Ok(Arc::new(self.local.clone()))
            }
        }
    }
}

#[async_trait]
impl Conversation for TroubledForge {
    async fn comments(
        &self,
        repository: &RepositoryId,
        since: Timestamp,
    ) -> Result<Vec<ForgeComment>, ForgeError> {
        self.answering("comments", repository)?.comments(repository, since).await
    }

    async fn react(
        &self,
        repository: &RepositoryId,
        comment: CommentId,
        reaction: Reaction,
    ) -> Result<(), ForgeError> {
        self.answering("react", repository)?.react(repository, comment, reaction).await
    }

    async fn permission(&self, repository: &RepositoryId, login: &str) -> Result<Permission, ForgeError> {
        self.answering("permission", repository)?.permission(repository, login).await
    }

    async fn ensure_comment(
        &self,
        repository: &RepositoryId,
        number: u64,
        key: &str,
        body: &str,
    ) -> Result<u64, ForgeError> {
        self.answering("ensure_comment", repository)?.ensure_comment(repository, number, key, body).await
    }

    async fn set_status(
        &self,
        repository: &RepositoryId,
        oid: &str,
        status: &Status,
    ) -> Result<(), ForgeError> {
        self.answering("set_status", repository)?.set_status(repository, oid, status).await
    }

    async fn labels(
        &self,
        repository: &RepositoryId,
        number: u64,
        asked: &Asked,
    ) -> Result<Arranged, ForgeError> {
        self.answering("labels", repository)?.labels(repository, number, asked).await
    }

    async fn reviewers(
        &self,
        repository: &RepositoryId,
        number: u64,
        asked: &Asked,
    ) -> Result<Arranged, ForgeError> {
        self.answering("reviewers", repository)?.reviewers(repository, number, asked).await
    }

    async fn assignees(
        &self,
        repository: &RepositoryId,
        number: u64,
        asked: &Asked,
    ) -> Result<Arranged, ForgeError> {
        self.answering("assignees", repository)?.assignees(repository, number, asked).await
    }
}

#[async_trait]
impl Judgement for TroubledForge {
    async fn reviews(&self, repository: &RepositoryId, number: u64) -> Result<Vec<Review>, ForgeError> {
        self.answering("reviews", repository)?.reviews(repository, number).await
    }

    async fn checks(&self, repository: &RepositoryId, head_oid: &str) -> Result<Vec<Check>, ForgeError> {
        self.answering("checks", repository)?.checks(repository, head_oid).await
    }

    async fn merge(
        &self,
        repository: &RepositoryId,
        number: u64,
        order: &MergeOrder,
    ) -> Result<String, ForgeError> {
        self.answering("merge", repository)?.merge(repository, number, order).await
    }
}

#[async_trait]
impl Tracking for TroubledForge {
    async fn own_issues(&self, repository: &RepositoryId) -> Result<Vec<Issue>, ForgeError> {
        self.answering("own_issues", repository)?.own_issues(repository).await
    }

    async fn open_issue(
        &self,
        repository: &RepositoryId,
        title: &str,
        body: &str,
    ) -> Result<Issue, ForgeError> {
        self.answering("open_issue", repository)?.open_issue(repository, title, body).await
    }

    async fn update_issue(
        &self,
        repository: &RepositoryId,
        number: u64,
        update: &IssueUpdate,
    ) -> Result<Issue, ForgeError> {
        self.answering("update_issue", repository)?.update_issue(repository, number, update).await
    }
}

#[async_trait]
impl Forge for TroubledForge {
    async fn repository(&self, repository: &RepositoryId) -> Result<RepositoryFacts, ForgeError> {
        let mut facts = self.local.repository(repository).await?;
        if let Some(Trouble::IsAnother(id)) = self.troubles.lock().unwrap().get(repository.name.as_str()) {
            facts.id = (*id).to_owned();
        }
        Ok(facts)
    }

    async fn branch(&self, repository: &RepositoryId, name: &str) -> Result<Option<BranchHead>, ForgeError> {
        self.answering("branch", repository)?.branch(repository, name).await
    }

    async fn regenerate_branch(
        &self,
        repository: &RepositoryId,
        write: &BranchWrite,
    ) -> Result<BranchHead, ForgeError> {
        self.answering("regenerate_branch", repository)?.regenerate_branch(repository, write).await
    }

    async fn pull_requests(
        &self,
        repository: &RepositoryId,
        query: &PullRequestQuery,
    ) -> Result<Vec<PullRequest>, ForgeError> {
        let mut pulls = self.answering("pull_requests", repository)?.pull_requests(repository, query).await?;
        if let Some(Trouble::SaysOpen(to)) = self.troubles.lock().unwrap().get(repository.name.as_str())
            && (*to == To::Everybody || matches!(query.head, HeadFilter::Prefix(_)))
        {
            for pull in pulls.iter_mut().filter(|pull| pull.state == PullRequestState::Merged) {
                (pull.state, pull.merge_commit) = (PullRequestState::Open, None);
            }
        }
        Ok(pulls)
    }

    async fn open_pull_request(
        &self,
        repository: &RepositoryId,
        new: &NewPullRequest,
    ) -> Result<PullRequest, ForgeError> {
        self.answering("open_pull_request", repository)?.open_pull_request(repository, new).await
    }

    async fn update_pull_request(
        &self,
        repository: &RepositoryId,
        number: u64,
        update: &PullRequestUpdate,
    ) -> Result<PullRequest, ForgeError> {
        let forge = self.answering("update_pull_request", repository)?;
        forge.update_pull_request(repository, number, update).await
    }

    async fn comment(&self, repository: &RepositoryId, number: u64, body: &str) -> Result<u64, ForgeError> {
        self.answering("comment", repository)?.comment(repository, number, body).await
    }

    async fn delete_branch(
        &self,
        repository: &RepositoryId,
        name: &str,
        expected: &ExpectedHead,
    ) -> Result<(), ForgeError> {
        self.answering("delete_branch", repository)?.delete_branch(repository, name, expected).await
    }
}
