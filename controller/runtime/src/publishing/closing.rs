//! Closes pull requests of kubeopt's own, and looks twice before it does. A merge moves the base branch before the forge says
//! "merged": for that while a merge looks like values that somebody wrote on the base by hand.
//!
//! Must not decide whether a pull request is needed; that is said by whoever asks.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kubeopt_forge::{
    ExpectedHead, Forge, PullRequest, PullRequestQuery, PullRequestState, PullRequestUpdate, StateFilter,
    WantedState,
};
use kubeopt_history::{Event, EventFilter};
use kubeopt_model::pull_request::{MarkedField, Marker};
use kubeopt_model::{Field, Problem, RepositoryId, Timestamp, TracedField};
use kubeopt_report::{Comment, comment_text};

use super::manners::CLOSED_BY_KUBEOPT;
use super::marked::selector;
use super::merges::wanted;
use super::publish::is_own;
use crate::edges::Edges;
use crate::located::Sites;

/// How long the values of an open pull request stand on the base before it is taken for obsolete. Gitea says "merged" within
/// seconds, GitLab's queue of jobs within a minute or two; people can wait for the end of a pull request that nobody needs.
const MERGE_PATIENCE_S: i64 = 300;

/// A look that lies further back says nothing of today: the values may have gone and come again.
const LOOK_KEPT_S: i64 = 86_400;

/// The kind of the journal's line that says since when the values of an open pull request stand on the base.
const ON_BASE: &str = "on-base";

/// What a pull request is measured by before it is closed.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) sites: &'a Sites,
    pub(crate) now: Timestamp,
}

/// The heads of open pull requests that were looked at, so that each is asked for once; what a restart forgets is asked
/// for once more.
#[derive(Debug, Default)]
pub struct Heads(Mutex<BTreeMap<(RepositoryId, u64), String>>);

impl Heads {
    /// Whether this head was not looked at yet.
    pub(super) fn is_news(&self, repository: &RepositoryId, pull: &PullRequest) -> bool {
        let heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heads.get(&(repository.clone(), pull.number)) != Some(&pull.head_oid)
    }

    /// This head was looked at.
    pub(super) fn looked_at(&self, repository: &RepositoryId, pull: &PullRequest) {
        let mut heads = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        heads.insert((repository.clone(), pull.number), pull.head_oid.clone());
    }
}

impl Edges {
    /// Closes a pull request of our own; gives whether it did. It stays open while it may just be merged, where the forge shows
    /// another than the one that `reason` was found for, and where a person committed to it.
    pub(super) async fn close(
        &self,
        repository: &RepositoryId,
        pull: &PullRequest,
        reason: &str,
        moment: Moment<'_>,
    ) -> Result<bool, Problem> {
        if !self.is_no_merge(repository, pull, moment).await? {
            return Ok(false);
        }
        let forge = self.forge(repository)?.forge.as_ref();
        // The list is as old as the pass.
        let Some(pull) = read_again(forge, repository, pull).await? else { return Ok(false) };
        let head = forge.branch(repository, &pull.head_branch).await.map_err(|error| error.problem())?;
        if head.as_ref().is_some_and(|head| !is_own(head)) {
            return Ok(false);
        }
        self.may_write()?;
        let comment = Comment::Closed { reason: reason.to_owned() };
        let text = comment_text(&self.templates, &comment).map_err(|error| error.problem())?;
        let body = format!("{}\n{CLOSED_BY_KUBEOPT}\n", pull.body.trim_end());
        let update =
            PullRequestUpdate { body: Some(body), state: Some(WantedState::Closed), ..Default::default() };
        forge.update_pull_request(repository, pull.number, &update).await.map_err(|error| error.problem())?;
        forge.comment(repository, pull.number, &text).await.map_err(|error| error.problem())?;
        if let Some(head) = head {
            let expected = ExpectedHead::At(head.oid);
            forge
                .delete_branch(repository, &pull.head_branch, &expected)
                .await
                .map_err(|error| error.problem())?;
        }
        Ok(true)
    }

    /// Whether its values are not on the base, or were there so long ago that the forge would call it merged by now.
    async fn is_no_merge(
        &self,
        repository: &RepositoryId,
        pull: &PullRequest,
        moment: Moment<'_>,
    ) -> Result<bool, Problem> {
        let stands =
            Marker::find(&pull.body).is_some_and(|marker| is_on_base(&marker, repository, moment.sites));
        if !stands {
            return Ok(true);
        }
        let at_unix_s = moment.now.as_second();
        let subject = format!("{repository} #{}", pull.number);
        let filter = EventFilter {
            since_unix_s: at_unix_s - LOOK_KEPT_S,
            subject: Some(subject.clone()),
            kind: Some(ON_BASE.to_owned()),
            ..EventFilter::default()
        };
        let looks = self.journal.events(&filter).await.map_err(|error| error.problem())?;
        if looks.is_empty() {
            let text = "all of its values are on the base, and the forge does not call it merged yet";
            let look = Event {
                pass: at_unix_s.to_string(),
                at_unix_s,
                kind: ON_BASE.to_owned(),
                subject,
                detail: serde_json::json!({ "text": text }),
            };
            self.journal.record(&[look]).await.map_err(|error| error.problem())?;
        }
        Ok(looks.iter().any(|look| look.at_unix_s + MERGE_PATIENCE_S <= at_unix_s))
    }
}

/// The pull request as the forge shows it at this moment; none where it is not open any more, or proposes other values.
async fn read_again(
    forge: &dyn Forge,
    repository: &RepositoryId,
    pull: &PullRequest,
) -> Result<Option<PullRequest>, Problem> {
    let query = PullRequestQuery::of_branch(pull.head_branch.as_str(), StateFilter::All);
    let pulls = forge.pull_requests(repository, &query).await.map_err(|error| error.problem())?;
    let same = |now: &PullRequest| {
        now.number == pull.number
            && now.state == PullRequestState::Open
            && now.head_oid == pull.head_oid
            && Marker::find(&now.body) == Marker::find(&pull.body)
    };
    Ok(pulls.into_iter().find(same))
}

/// Why an open pull request is no longer needed: its values stand on the base branch already.
pub(super) fn obsolete(marker: &Marker, repository: &RepositoryId, sites: &Sites) -> Option<String> {
    is_on_base(marker, repository, sites)
        .then(|| format!("all of its values are on `{}` already", marker.base))
}

fn is_on_base(marker: &Marker, repository: &RepositoryId, sites: &Sites) -> bool {
    let Some(trace) = sites.trace(repository, &marker.base) else { return false };
    let stands = |marked: &MarkedField| {
        let (namespace, kind, name, container) = selector(&marked.container)?;
        let field: Field = marked.field.parse().ok()?;
        let wanted = wanted(marked, field)?;
        let of_container = |traced: &&TracedField| {
            traced.container == container
                && traced.workload.kind == kind
                && traced.workload.name == name
                && traced.workload.namespace.as_ref().is_none_or(|own| *own == namespace)
        };
        let fields = || trace.entries.values().flatten().flat_map(|entry| &entry.fields).filter(of_container);
        // A container that is gone says nothing of its fields; a request always stays beside a removed limit.
        fields().next()?;
        Some(fields().find(|traced| traced.field == field).and_then(|traced| traced.value) == wanted)
    };
    !marker.fields.is_empty() && marker.fields.iter().all(|field| stands(field) == Some(true))
}
