//! What became of kubeopt's pull requests: merges are remembered, and the cluster is asked whether it follows.

use std::collections::BTreeMap;

use kubeopt_forge::{ExpectedHead, PullRequest, PullRequestState};
use kubeopt_history::{OutboxEntry, OutboxStep, PullRequestRecord, RecordedState};
use kubeopt_model::pull_request::{MarkedField, MarkedTarget, Marker, ONBOARDING};
use kubeopt_model::{ClusterFacts, Field, Problem, RepositoryId, Timestamp, WorkloadId};

use super::closing::{Moment, obsolete};
use super::marked::{selector, wanted};
use super::publish::{is_own, own_pull_requests};
use crate::edges::Edges;
use crate::located::Sites;
use crate::orders::AllOrders;
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
    /// When it was first seen to be merged, in seconds since the epoch; where nobody remembers that, when it last changed.
    pub merged_unix_s: i64,
    /// Whether the cluster follows.
    pub sync: Sync,
    /// When the cluster was first seen to show all values, in seconds since the epoch; none while it does not.
    pub synced_unix_s: Option<i64>,
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

/// What one pass compares pull requests with.
#[derive(Clone, Copy)]
struct Look<'a> {
    seen: &'a Seen,
    sites: &'a Sites,
    known: &'a [PullRequestRecord],
    held: Option<&'a BTreeMap<u64, String>>,
    now: Timestamp,
}

impl Edges {
    /// Looks at kubeopt's pull requests in every traced repository.
    pub async fn follow_merges(
        &self,
        seen: &Seen,
        sites: &Sites,
        orders: &AllOrders,
        now: Timestamp,
    ) -> Merges {
        let mut merges = Merges::default();
        for trace in sites.traces.values().flatten() {
            let repository = &trace.snapshot.repository;
            let held = orders.of(repository).map(|orders| &orders.standing.held);
            let look = Look { seen, sites, known: &[], held, now };
            let followed = self.follow_repository(repository, &look, &mut merges).await;
            merges.problems.extend(followed.err());
        }
        merges.problems.extend(self.journal.take_problems());
        merges
    }

    async fn follow_repository(
        &self,
        repository: &RepositoryId,
        look: &Look<'_>,
        merges: &mut Merges,
    ) -> Result<(), Problem> {
        let forge = self.forge(repository)?.forge.as_ref();
        let known = self.journal.pull_requests().await.map_err(|error| error.problem())?;
        let pulls = own_pull_requests(forge, repository).await?;
        merges.problems.extend(self.remember_again(repository, &pulls, &known, look.now).await?);
        let look = Look { known: &known, ..*look };
        for pull in pulls {
            // One that fails is tried again by the next pass; the others go on.
            let followed = self.follow_pull_request(repository, pull, &look, merges).await;
            merges.problems.extend(followed.err());
        }
        Ok(())
    }

    async fn follow_pull_request(
        &self,
        repository: &RepositoryId,
        pull: PullRequest,
        look: &Look<'_>,
        merges: &mut Merges,
    ) -> Result<(), Problem> {
        let Some(marker) = Marker::find(&pull.body) else { return Ok(()) };
        let Look { seen, sites, known, held, now } = *look;
        let record =
            known.iter().find(|record| record.repository == *repository && record.number == pull.number);
        if marker.group == ONBOARDING {
            return match (pull.state, record) {
                (PullRequestState::Merged, None) => self.remember_first_contact(repository, &pull, now).await,
                (PullRequestState::Merged | PullRequestState::Open | PullRequestState::Closed, _) => Ok(()),
            };
        }
        match pull.state {
            PullRequestState::Merged if now.as_second() - pull.updated_unix_s < WATCHED_S => {
                let merge = follow_merge(repository, pull, marker, record, seen, now);
                merges.problems.extend(not_synced(&merge, now));
                let remembered = self.remember_merge(&merge, now).await;
                merges.merges.push(merge);
                remembered
            }
            PullRequestState::Open => {
                if held.is_some_and(|held| held.contains_key(&pull.number)) {
                    return Ok(());
                }
                if let Some(reason) = obsolete(&marker, repository, sites)
                    && self.close(repository, &pull, &reason, Moment { sites, now }).await?
                {
                    merges.closed.push((repository.clone(), pull.number, reason));
                }
                Ok(())
            }
            PullRequestState::Merged | PullRequestState::Closed => Ok(()),
        }
    }

    /// A database that knows none of the pull requests on the forge was lost. The forge is the truth: what is open, closed
    /// and merged is written down again.
    async fn remember_again(
        &self,
        repository: &RepositoryId,
        pulls: &[PullRequest],
        known: &[PullRequestRecord],
        now: Timestamp,
    ) -> Result<Option<Problem>, Problem> {
        let outbox = self.journal.outbox().await.map_err(|error| error.problem())?;
        let is_known = known.iter().any(|record| record.repository == *repository)
            || outbox.iter().any(|entry| entry.repository == *repository);
        if is_known || pulls.is_empty() {
            return Ok(None);
        }
        for pull in pulls {
            match (pull.state, Marker::find(&pull.body)) {
                (PullRequestState::Open, Some(marker)) => {
                    self.journal.note(&announced(repository, pull, marker, now)).await
                }
                (PullRequestState::Closed, _) => {
                    self.journal.remember_pull_request(&closed(repository, pull, now)).await
                }
                // Merges of the last days are remembered when they are followed; older ones are history.
                (PullRequestState::Merged, _) | (PullRequestState::Open, None) => Ok(()),
            }
            .map_err(|error| error.problem())?;
        }
        let text = format!(
            "the database knew none of kubeopt's {} pull requests in {repository}; they were read from the forge again, the audit of earlier passes is lost",
            pulls.len()
        );
        let help = "nothing to do; to keep the audit, put `store.database` on a volume that outlives the pod";
        Ok(Some(Problem::new(crate::codes::MEMORY_REBUILT, text, help)))
    }

    /// Nothing of a first contact shows in a cluster: its branch is all that there is to clean up.
    async fn remember_first_contact(
        &self,
        repository: &RepositoryId,
        pull: &PullRequest,
        now: Timestamp,
    ) -> Result<(), Problem> {
        self.delete_merged_branch(repository, pull).await?;
        let record = merged(repository, pull, RecordedState::Synced, now);
        self.journal.remember_pull_request(&record).await.map_err(|error| error.problem())
    }

    /// Cleans up after a merge, then writes it down: what fails in between is done by the next pass.
    async fn remember_merge(&self, merge: &Merge, now: Timestamp) -> Result<(), Problem> {
        if !merge.is_news {
            return Ok(());
        }
        self.delete_merged_branch(&merge.repository, &merge.pull).await?;
        let record = merged(&merge.repository, &merge.pull, recorded_state(merge.sync), now);
        self.journal.remember_pull_request(&record).await.map_err(|error| error.problem())
    }

    /// A merged branch of our own is cleaned up, unless a person went on with it.
    async fn delete_merged_branch(
        &self,
        repository: &RepositoryId,
        pull: &PullRequest,
    ) -> Result<(), Problem> {
        let forge = self.forge(repository)?.forge.as_ref();
        let head = forge.branch(repository, &pull.head_branch).await.map_err(|error| error.problem())?;
        if let Some(head) = head.filter(|head| is_own(head) && head.oid == pull.head_oid) {
            self.may_write()?;
            let expected = ExpectedHead::At(head.oid);
            forge
                .delete_branch(repository, &pull.head_branch, &expected)
                .await
                .map_err(|error| error.problem())?;
        }
        Ok(())
    }
}

fn merged(
    repository: &RepositoryId,
    pull: &PullRequest,
    state: RecordedState,
    now: Timestamp,
) -> PullRequestRecord {
    PullRequestRecord {
        repository: repository.clone(),
        number: pull.number,
        branch: pull.head_branch.clone(),
        state,
        commit: pull.merge_commit.clone(),
        at_unix_s: now.as_second(),
    }
}

fn follow_merge(
    repository: &RepositoryId,
    pull: PullRequest,
    marker: Marker,
    record: Option<&PullRequestRecord>,
    seen: &Seen,
    now: Timestamp,
) -> Merge {
    // What the cluster showed once was rolled out; what comes after is another change.
    let was_synced = record.filter(|record| record.state == RecordedState::Synced);
    let sync = match was_synced {
        Some(_) => Sync::Synced,
        None => sync_of(&marker, seen.clusters.values()),
    };
    let is_news = record.is_none_or(|record| record.state < recorded_state(sync));
    let synced_unix_s = match (sync, was_synced) {
        (Sync::Synced, Some(record)) => Some(record.at_unix_s),
        (Sync::Synced, None) => Some(now.as_second()),
        (Sync::Waiting { .. }, _) => None,
    };
    // A comment changes a pull request too.
    let seen_unix_s = record.map(|record| record.at_unix_s);
    let merged_unix_s = seen_unix_s.map_or(pull.updated_unix_s, |seen| seen.min(pull.updated_unix_s));
    Merge { repository: repository.clone(), pull, marker, merged_unix_s, sync, synced_unix_s, is_news }
}

fn recorded_state(sync: Sync) -> RecordedState {
    match sync {
        Sync::Synced => RecordedState::Synced,
        Sync::Waiting { .. } => RecordedState::Merged,
    }
}

fn announced(repository: &RepositoryId, pull: &PullRequest, marker: Marker, now: Timestamp) -> OutboxEntry {
    OutboxEntry {
        repository: repository.clone(),
        base: marker.base,
        branch: pull.head_branch.clone(),
        group: marker.group,
        proposal: marker.proposal,
        step: OutboxStep::Announced,
        at_unix_s: now.as_second(),
    }
}

fn closed(repository: &RepositoryId, pull: &PullRequest, now: Timestamp) -> PullRequestRecord {
    PullRequestRecord {
        repository: repository.clone(),
        number: pull.number,
        branch: pull.head_branch.clone(),
        state: RecordedState::Closed,
        commit: None,
        at_unix_s: now.as_second(),
    }
}

/// Whether every value of the marker shows in the templates of the live workloads, and every target in their autoscalers.
fn sync_of<'a>(marker: &Marker, facts: impl Iterator<Item = &'a ClusterFacts> + Clone) -> Sync {
    let of = marker.fields.len() + marker.targets.len();
    let fields = marker.fields.iter().filter(|field| shows(field, facts.clone())).count();
    let synced = fields + marker.targets.iter().filter(|target| target_shows(target, facts.clone())).count();
    if synced == of { Sync::Synced } else { Sync::Waiting { synced, of } }
}

fn shows<'a>(marked: &MarkedField, mut facts: impl Iterator<Item = &'a ClusterFacts>) -> bool {
    let Some((namespace, kind, name, container)) = selector(&marked.container) else { return false };
    let Ok(field) = marked.field.parse::<Field>() else { return false };
    let Some(wanted) = wanted(marked, field) else { return false };
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

/// Whether the workload's autoscaler has the target.
fn target_shows<'a>(marked: &MarkedTarget, mut facts: impl Iterator<Item = &'a ClusterFacts>) -> bool {
    facts.any(|facts| {
        let mut workloads = facts.workloads.iter().filter(|it| it.id.to_string() == marked.workload);
        let scaler = workloads.find_map(|workload| workload.scaler.as_ref());
        scaler.is_some_and(|scaler| {
            let mut own = scaler.targets.iter().filter(|target| target.resource == marked.resource);
            own.any(|target| target.utilization_percent == Some(marked.percent.after))
        })
    })
}

fn not_synced(merge: &Merge, now: Timestamp) -> Option<Problem> {
    let Sync::Waiting { synced, of } = merge.sync else { return None };
    let age_s = age_s(merge, now);
    is_overdue(merge, now).then(|| {
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

/// A merge that should show by now, and does not.
pub(crate) fn is_overdue(merge: &Merge, now: Timestamp) -> bool {
    merge.sync != Sync::Synced && age_s(merge, now) > SYNC_PATIENCE_S
}

fn age_s(merge: &Merge, now: Timestamp) -> i64 {
    now.as_second() - merge.merged_unix_s
}
