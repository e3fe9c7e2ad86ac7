//! What people asked for by comment, as the stages of a pass obey it. Knows nothing of comments or of who may say what.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_commands::Standing;
use kubeopt_model::outcome::Lesson;
use kubeopt_model::pull_request::Marker;
use kubeopt_model::{ContainerId, RepositoryId, WorkloadId};
use kubeopt_recommend::{Freeze, GivenValue};

/// How a pull request is to be made anew.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Redo {
    /// Whether or not its values moved.
    Anew,
    /// The same, and what people committed to its branch goes.
    Over,
}

/// A merged pull request that is to be taken back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakeBack {
    /// Its number.
    pub number: u64,
    /// What it changed.
    pub marker: Marker,
    /// Why, as a sentence without a full stop.
    pub why: String,
    /// The pull request that takes it back is open.
    pub is_under_way: bool,
}

/// Containers whose values were taken back by a merge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TakenBack {
    /// The pull request that took them back.
    pub by: u64,
    /// The one that was taken back.
    pub number: u64,
    /// `namespace/kind/name/container`, sorted.
    pub containers: BTreeSet<String>,
    /// When that was merged, in seconds since the epoch.
    pub at_unix_s: i64,
}

/// What people asked for in one repository.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    /// What stands.
    pub standing: Standing,
    /// Pull requests that are to be made anew in this pass.
    pub redo: BTreeMap<u64, Redo>,
    /// Merged pull requests that are to be taken back.
    pub back: Vec<TakeBack>,
    /// What was taken back by a merge.
    pub taken_back: Vec<TakenBack>,
    /// Branches whose proposals are to be opened now, whatever limits and schedules say.
    pub proposed_now: BTreeSet<String>,
    /// Closed pull requests that are to be forgotten.
    pub forgotten: BTreeSet<u64>,
    /// Base branches and groups that have a pull request for each workload.
    pub split: BTreeSet<(String, String)>,
}

/// What people asked for, by repository.
#[derive(Debug, Clone, Default)]
pub struct AllOrders(pub BTreeMap<RepositoryId, Orders>);

impl AllOrders {
    /// Those of a repository, where people said anything.
    pub fn of(&self, repository: &RepositoryId) -> Option<&Orders> {
        self.0.get(repository)
    }

    /// The values that people gave to a container whose scalars are in this repository.
    pub(crate) fn given(&self, repository: &RepositoryId, container: &ContainerId) -> Vec<GivenValue> {
        let standing = self.of(repository).map(|orders| &orders.standing);
        let given = standing.into_iter().flat_map(|standing| standing.given_to(container));
        given
            .map(|given| GivenValue {
                field: given.field,
                value: given.value,
                text: format!("set to {} by `{}` in #{}", given.value, given.by, given.pull_request),
            })
            .collect()
    }

    /// What harm taught of the containers of a workload.
    pub(crate) fn lessons(&self, repository: &RepositoryId, workload: &WorkloadId) -> Vec<Lesson> {
        let lessons = self.of(repository).into_iter().flat_map(|orders| &orders.standing.lessons);
        lessons.filter(|lesson| &lesson.container.workload == workload).cloned().collect()
    }

    /// Why a container is to be left alone, if somebody asked for it: a sentence without a full stop.
    pub(crate) fn ignored(&self, repository: &RepositoryId, container: &ContainerId) -> Option<String> {
        let ignored = self.of(repository)?.standing.ignores(container)?;
        let until = ignored.until_unix_s.and_then(date).map(|date| format!(" until {date}"));
        let because = ignored.because.as_ref().map(|because| format!(": {because}"));
        Some(format!(
            "ignored by `{}` in #{}{}{}",
            ignored.by,
            ignored.pull_request,
            until.unwrap_or_default(),
            because.unwrap_or_default()
        ))
    }

    /// What keeps a container from being lowered because its values were taken back less than `seconds` ago.
    pub(crate) fn frozen(
        &self,
        repository: &RepositoryId,
        container: &ContainerId,
        seconds: i64,
        now_unix_s: i64,
    ) -> Option<Freeze> {
        let name = container.to_string();
        let own = self.of(repository)?.taken_back.iter();
        let frozen = own.filter(|it| it.at_unix_s + seconds > now_unix_s && it.containers.contains(&name));
        let frozen = frozen.max_by_key(|it| it.at_unix_s)?;
        let until = date(frozen.at_unix_s + seconds).unwrap_or_default();
        let text =
            format!("#{} took #{} back, and nothing is lowered before {until}", frozen.by, frozen.number);
        Some(Freeze { since_unix_s: frozen.at_unix_s, text })
    }

    /// Whether a group has a pull request for each workload.
    pub(crate) fn is_split(&self, repository: &RepositoryId, base: &str, group: &str) -> bool {
        let key = (base.to_owned(), group.to_owned());
        self.of(repository).is_some_and(|orders| orders.split.contains(&key))
    }
}

/// `2026-12-24`
pub(crate) fn date(unix_s: i64) -> Option<String> {
    let at = kubeopt_model::Timestamp::from_second(unix_s).ok()?;
    Some(at.to_string().chars().take(10).collect())
}
