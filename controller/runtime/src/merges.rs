//! What became of kubeopt's pull requests: merges are remembered, and the cluster is asked whether it follows.

use kubeopt_forge::{ExpectedHead, PullRequest, PullRequestState, PullRequestUpdate, WantedState};
use kubeopt_history::{PullRequestRecord, RecordedState};
use kubeopt_model::pull_request::{MarkedField, Marker};
use kubeopt_model::{
    Amount, ClusterFacts, ContainerName, Field, Namespace, ObjectName, Problem, RepositoryId, Timestamp, WorkloadId,
    WorkloadKind,
};
use kubeopt_report::{Comment, comment_text};

use crate::edges::Edges;
use crate::located::Sites;
use crate::manners::CLOSED_BY_KUBEOPT;
use crate::publish::{is_own, own_pull_requests};
use crate::seen::Seen;

/// Merges older than this are history: whether the cluster follows is no longer asked.
const WATCHED_S: i64 = 14 * 86_400;

/// A merge is expected to show within this time; Flux' usual interval is 10 minutes.
const SYNC_PATIENCE_S: i64 = 3600;

/// How far the cluster follows a merge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sync {
    /// Every merged value is in the workloads' templates.
    Synced,
    /// Some are not.
    Waiting {
        /// Fields that show the merged value.
        synced: usize,
        /// Fields that were merged.
        of: usize,
    },
}

/// A merge that is watched.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Merge {
    /// The repository.
    pub repository: RepositoryId,
    /// The pull request.
    pub pull: PullRequest,
    /// What it changed.
    pub marker: Marker,
    /// Whether the cluster follows.
    pub sync: Sync,
    /// This pass is the first that sees it so.
    pub is_news: bool,
}

/// What a pass learned of earlier pull requests.
#[derive(Debug, Default)]
pub struct Merges {
    /// Merged ones of the last two weeks.
    pub merges: Vec<Merge>,
    /// What was closed because it is no longer needed.
    pub closed: Vec<(RepositoryId, u64, String)>,
    /// What could not be asked, and merges that do not show.
    pub problems: Vec<Problem>,
}

impl Edges {
    /// Looks at kubeopt's pull requests in every traced repository.
    pub async fn follow_merges(&self, seen: &Seen, sites: &Sites, now: Timestamp) -> Merges {
        let mut merges = Merges::default();
        for trace in sites.traces.values().flatten() {
            let repository = &trace.snapshot.repository;
            let followed = self.follow_repository(repository, seen, sites, now, &mut merges).await;
            merges.problems.extend(followed.err());
        }
        merges
    }

    async fn follow_repository(
        &self,
        repository: &RepositoryId,
        seen: &Seen,
        sites: &Sites,
        now: Timestamp,
        merges: &mut Merges,
    ) -> Result<(), Problem> {
        let forge = self.forge(repository)?.forge.as_ref();
        let known = self.journal.pull_requests().await.map_err(|error| error.problem())?;
        for pull in own_pull_requests(forge, repository).await? {
            let Some(marker) = Marker::find(&pull.body) else { continue };
            let record = known.iter().find(|record| record.repository == *repository && record.number == pull.number);
            match pull.state {
                PullRequestState::Merged if now.as_second() - pull.updated_unix_s < WATCHED_S => {
                    let merge = self.follow_merge(repository, pull, marker, record, seen, now).await?;
                    merges.problems.extend(not_synced(&merge, now));
                    merges.merges.push(merge);
                }
                PullRequestState::Open => {
                    if let Some(reason) = obsolete(&marker, repository, sites) {
                        self.close(repository, &pull, &reason).await?;
                        merges.closed.push((repository.clone(), pull.number, reason));
                    }
                }
                PullRequestState::Merged | PullRequestState::Closed => {}
            }
        }
        Ok(())
    }

    async fn follow_merge(
        &self,
        repository: &RepositoryId,
        pull: PullRequest,
        marker: Marker,
        record: Option<&PullRequestRecord>,
        seen: &Seen,
        now: Timestamp,
    ) -> Result<Merge, Problem> {
        let sync = sync_of(&marker, seen.clusters.values());
        let state = match sync {
            Sync::Synced => RecordedState::Synced,
            Sync::Waiting { .. } => RecordedState::Merged,
        };
        let is_news = record.is_none_or(|record| record.state < state);
        if is_news {
            let record = PullRequestRecord {
                repository: repository.clone(),
                number: pull.number,
                branch: pull.head_branch.clone(),
                state,
                commit: pull.merge_commit.clone(),
                at_unix_s: now.as_second(),
            };
            self.journal.remember_pull_request(&record).await.map_err(|error| error.problem())?;
            self.delete_merged_branch(repository, &pull).await?;
        }
        Ok(Merge { repository: repository.clone(), pull, marker, sync, is_news })
    }

    /// A merged branch of our own is cleaned up, unless a person went on with it.
    async fn delete_merged_branch(&self, repository: &RepositoryId, pull: &PullRequest) -> Result<(), Problem> {
        let forge = self.forge(repository)?.forge.as_ref();
        let head = forge.branch(repository, &pull.head_branch).await.map_err(|error| error.problem())?;
        if let Some(head) = head.filter(|head| is_own(head) && head.oid == pull.head_oid)
            && self.permit.may_write()
        {
            let expected = ExpectedHead::At(head.oid);
            forge.delete_branch(repository, &pull.head_branch, &expected).await.map_err(|error| error.problem())?;
        }
        Ok(())
    }

    async fn close(&self, repository: &RepositoryId, pull: &PullRequest, reason: &str) -> Result<(), Problem> {
        let forge = self.forge(repository)?.forge.as_ref();
        let head = forge.branch(repository, &pull.head_branch).await.map_err(|error| error.problem())?;
        if !self.permit.may_write() || head.as_ref().is_some_and(|head| !is_own(head)) {
            return Ok(());
        }
        let comment = Comment::Closed { reason: reason.to_owned() };
        let text = comment_text(&self.templates, &comment).map_err(|error| error.problem())?;
        let body = format!("{}\n{CLOSED_BY_KUBEOPT}\n", pull.body.trim_end());
        let update = PullRequestUpdate { body: Some(body), state: Some(WantedState::Closed), ..Default::default() };
        forge.update_pull_request(repository, pull.number, &update).await.map_err(|error| error.problem())?;
        forge.comment(repository, pull.number, &text).await.map_err(|error| error.problem())?;
        if let Some(head) = head {
            let expected = ExpectedHead::At(head.oid);
            forge.delete_branch(repository, &pull.head_branch, &expected).await.map_err(|error| error.problem())?;
        }
        Ok(())
    }
}

/// Whether every value of the marker shows in the templates of the live workloads.
fn sync_of<'a>(marker: &Marker, facts: impl Iterator<Item = &'a ClusterFacts> + Clone) -> Sync {
    let of = marker.fields.len();
    let synced = marker.fields.iter().filter(|field| shows(field, facts.clone())).count();
    if synced == of { Sync::Synced } else { Sync::Waiting { synced, of } }
}

fn shows<'a>(marked: &MarkedField, mut facts: impl Iterator<Item = &'a ClusterFacts>) -> bool {
    let Some((namespace, kind, name, container)) = selector(&marked.container) else { return false };
    let Ok(field) = marked.field.parse::<Field>() else { return false };
    let wanted = Amount::parse(field.resource, &marked.value.after).ok();
    facts.any(|facts| {
        let id = WorkloadId {
            cluster: facts.cluster.clone(),
            namespace: namespace.clone(),
            kind,
            name: name.clone(),
        };
        let live = facts.workload(&id).and_then(|workload| workload.container(&container));
        live.is_some_and(|live| live.resources.get(field) == wanted)
    })
}

/// `namespace/kind/name/container`
fn selector(text: &str) -> Option<(Namespace, WorkloadKind, ObjectName, ContainerName)> {
    let mut parts = text.split('/');
    let namespace = Namespace::new(parts.next()?).ok()?;
    let kind = parts.next()?.parse().ok()?;
    let name = ObjectName::new(parts.next()?).ok()?;
    let container = ContainerName::new(parts.next()?).ok()?;
    parts.next().is_none().then_some((namespace, kind, name, container))
}

fn not_synced(merge: &Merge, now: Timestamp) -> Option<Problem> {
    let Sync::Waiting { synced, of } = merge.sync else { return None };
    let age_s = now.as_second() - merge.pull.updated_unix_s;
    (age_s > SYNC_PATIENCE_S).then(|| {
        let text = format!(
            "#{} of {} was merged {} minutes ago, and {synced} of {of} values show in the cluster",
            merge.pull.number,
            merge.repository,
            age_s / 60
        );
        let help = "look at the Ready condition of the Kustomization or Application that applies the branch";
        Problem::new(crate::codes::NOT_SYNCED, text, help)
    })
}

/// Why an open pull request is no longer needed: its values stand on the base branch already.
fn obsolete(marker: &Marker, repository: &RepositoryId, sites: &Sites) -> Option<String> {
    let trace = sites.trace(repository, &marker.base)?;
    let stands = |marked: &MarkedField| {
        let (namespace, kind, name, container) = selector(&marked.container)?;
        let field: Field = marked.field.parse().ok()?;
        let wanted = Amount::parse(field.resource, &marked.value.after).ok()?;
        let traced = trace.entries.values().flatten().flat_map(|entry| &entry.fields).find(|traced| {
            traced.field == field
                && traced.container == container
                && traced.workload.kind == kind
                && traced.workload.name == name
                && traced.workload.namespace.as_ref().is_none_or(|own| *own == namespace)
        })?;
        Some(traced.value == Some(wanted))
    };
    let all = !marker.fields.is_empty() && marker.fields.iter().all(|field| stands(field) == Some(true));
    all.then(|| format!("all of its values are on `{}` already", marker.base))
}
