//! Closes pull requests of kubeopt's own, and looks twice before it does. A merge moves the base branch before the forge says
//! "merged": for that while a merge looks like values that somebody wrote on the base by hand.
//!
//! Must not decide whether a pull request is needed; that is said by whoever asks.

use kubeopt_forge::{
    ExpectedHead, Forge, PullRequest, PullRequestQuery, PullRequestState, PullRequestUpdate, StateFilter,
    WantedState,
};
use kubeopt_history::{Event, EventFilter};
use kubeopt_model::pull_request::{MarkedField, Marker};
use kubeopt_model::{Field, Problem, RepositoryId, Timestamp, TracedField};
use kubeopt_report::{Comment, comment_text};

use super::manners::CLOSED_BY_KUBEOPT;
use super::marked::{selector, wanted};
use super::publish::is_own;
use crate::edges::Edges;
use crate::located::Sites;

/// A look that lies further back says nothing of today: what it saw may have gone and come again.
const LOOK_KEPT_S: i64 = 86_400;

/// What must have stood for a while before a pull request is closed for it. The journal remembers since when, so that a restart
/// does not begin anew.
pub(super) struct Stands {
    /// The kind of the journal's line.
    kind: &'static str,
    /// What was seen.
    text: &'static str,
    /// For how long.
    patience_s: i64,
}

/// Gitea says "merged" within seconds, GitLab's queue of jobs within a minute or two; people can wait for the end of a pull
/// request that nobody needs.
const ON_BASE: Stands = Stands {
    kind: "on-base",
    text: "all of its values are on the base, and the forge does not call it merged yet",
    patience_s: 300,
};

/// A branch that was deleted by mistake is put back within minutes.
pub(super) const BASE_GONE: Stands =
    Stands { kind: "base-gone", text: "its base branch is not there", patience_s: 3600 };

/// What a pull request is measured by before it is closed.
#[derive(Clone, Copy)]
pub(crate) struct Moment<'a> {
    pub(crate) sites: &'a Sites,
    pub(crate) now: Timestamp,
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
        self.has_stood(repository, pull, &ON_BASE, moment.now).await
    }

    /// Whether something that is seen now was seen before, and for as long as it takes. The first look is written down.
    pub(super) async fn has_stood(
        &self,
        repository: &RepositoryId,
        pull: &PullRequest,
        stands: &Stands,
        now: Timestamp,
    ) -> Result<bool, Problem> {
        let at_unix_s = now.as_second();
        let subject = format!("{repository} #{}", pull.number);
        let filter = EventFilter {
            since_unix_s: at_unix_s - LOOK_KEPT_S,
            subject: Some(subject.clone()),
            kind: Some(stands.kind.to_owned()),
            ..EventFilter::default()
        };
        let looks = self.journal.events(&filter).await.map_err(|error| error.problem())?;
        if looks.is_empty() {
            let look = Event {
                pass: at_unix_s.to_string(),
                at_unix_s,
                kind: stands.kind.to_owned(),
                subject,
                detail: serde_json::json!({ "text": stands.text }),
            };
            self.journal.record(&[look]).await.map_err(|error| error.problem())?;
        }
        Ok(looks.iter().any(|look| look.at_unix_s + stands.patience_s <= at_unix_s))
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

/// Whether all values of a pull request stand on its base.
pub(crate) fn is_on_base(marker: &Marker, repository: &RepositoryId, sites: &Sites) -> bool {
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
