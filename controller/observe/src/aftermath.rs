//! The signs by which a merge is judged, of its containers over a window: two range queries for all of them, those of OOM
//! kills, and one for the objective that the policy names.
//!
//! Everything is asked by whole hours and narrowed to the namespaces and pods of the merge, so that four weeks of it are small.
//! A sign that no series tells is unknown and never 0. Knows nothing of what is made of it.

mod gather;
mod objective;
mod query;

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::outcome::{HOUR_S, Objective, WindowSigns};
use kubeopt_model::usage::OomKill;
use kubeopt_model::{ContainerId, Problem, Window};

use crate::attempt::Steps;
use crate::error::ObserveError;
use crate::owners::PodOwners;
use crate::prometheus::Prometheus;
use crate::source::{STEP_S, SliceReport};

pub use objective::OBJECTIVE_CHARS_MAX;

pub(crate) use gather::Gathering;

/// Longest window, days: four weeks before a merge, and some room. Hours of it are far below Prometheus' 11,000 points a
/// series.
pub const WINDOW_DAYS_MAX: i64 = 31;

/// Most containers that are read at once: a thousand of them over four weeks are 80 MB of hours. The others of a larger
/// merge are left out, and a problem says so.
pub const CONTAINERS_MAX: usize = 1000;

/// What is asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignsAsked {
    /// Whole hours, at most [`WINDOW_DAYS_MAX`].
    pub window: Window,
    /// The containers of a merge.
    pub containers: BTreeSet<ContainerId>,
    /// The objective of the policy, if it names one.
    pub objective: Option<Objective>,
}

impl SignsAsked {
    /// The same, if the window can be read: whole hours, not empty, not too long; and no more containers than are read at once.
    ///
    /// # Errors
    /// [`ObserveError::Slice`].
    pub(crate) fn checked(&self) -> Result<Self, ObserveError> {
        let window = self.window;
        let whole = window.from_unix_s % HOUR_S == 0 && window.to_unix_s % HOUR_S == 0;
        let length = window.to_unix_s.saturating_sub(window.from_unix_s);
        if !whole || !(1..=WINDOW_DAYS_MAX * 86_400).contains(&length) {
            return Err(ObserveError::Slice { window });
        }
        let mut checked = self.clone();
        checked.containers = self.containers.iter().take(CONTAINERS_MAX).cloned().collect();
        Ok(checked)
    }
}

/// What was told.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SignsRead {
    /// One entry a container that was asked for, with or without hours.
    pub containers: BTreeMap<ContainerId, WindowSigns>,
    /// What could not be read and does not make the rest useless: an objective, containers beyond [`CONTAINERS_MAX`].
    pub problems: Vec<Problem>,
    /// What it took.
    pub report: SliceReport,
}

impl SignsRead {
    /// Entries without hours, all of them incomplete for this reason.
    pub(crate) fn nothing(asked: &SignsAsked, why: &str) -> Self {
        let untold =
            WindowSigns { window: asked.window, partial: Some(why.to_owned()), ..WindowSigns::default() };
        let containers = asked.containers.iter().map(|id| (id.clone(), untold.clone())).collect();
        let report = SliceReport { partial: untold.partial.clone(), ..SliceReport::default() };
        Self { containers, problems: Vec::new(), report }
    }

    /// Says which containers were left out, if any.
    pub(crate) fn tell_left_out(&mut self, wanted: usize) {
        let read = self.containers.len();
        if wanted > read {
            let text = format!(
                "{} of {wanted} containers of the merge are not watched: at most {CONTAINERS_MAX} are",
                wanted - read
            );
            let help = "let `pullRequests.groupBy` make smaller pull requests, such as one a namespace";
            self.problems.push(Problem::new(crate::codes::TOO_MANY_WATCHED, text, help));
        }
    }
}

impl Prometheus {
    /// Two range queries, one to four for OOM kills, and one for the objective. Owners of pods that are gone are asked for where
    /// names alone do not tell them.
    pub(crate) async fn read_window_signs(
        &self,
        asked: &SignsAsked,
        owners: &PodOwners,
    ) -> Result<SignsRead, ObserveError> {
        let wanted = asked.containers.len();
        let asked = asked.checked()?;
        let Some(narrow) = query::Narrow::to(&self.selector, &asked.containers) else {
            return Ok(SignsRead::nothing(
                &asked,
                "the metrics source leaves out the namespaces of the merge",
            ));
        };
        let mut gathering = Gathering::new(&asked, owners);
        let Window { from_unix_s, to_unix_s } = asked.window;
        let steps = Steps { first: from_unix_s + HOUR_S, last: to_unix_s, step: HOUR_S };
        for query in [narrow.usage(), narrow.state()] {
            let tally =
                self.api.range(&query, steps, &mut |labels, points| gathering.take(labels, points)).await?;
            gathering.account(&tally);
        }
        if gathering.holds_any() {
            let (past, tally) = self.past_owners(asked.window).await?;
            gathering.account(&tally);
            gathering.release(|namespace, pod| past.owner(namespace, pod, owners));
        }
        // A kill is found at the end of its step: what happened in the window's last step shows after it.
        let shown = Window { from_unix_s: from_unix_s + STEP_S, to_unix_s: to_unix_s + STEP_S };
        let (kills, tally) = self.kills_of(&narrow.selector, shown, owners).await?;
        gathering.account(&tally);
        let kills: Vec<OomKill> =
            kills.into_iter().filter(|kill| asked.containers.contains(&kill.container)).collect();
        let mut problems = Vec::new();
        let mut bad_shares = Vec::new();
        if let Some(wanted) = &asked.objective {
            match self.read_objective(wanted, steps).await {
                Ok((shares, tally)) => {
                    gathering.account(&tally);
                    bad_shares = shares;
                }
                Err(error) => problems.push(error.problem()),
            }
        }
        let mut read = gathering.finish(&kills, &bad_shares);
        read.problems.extend(problems);
        read.tell_left_out(wanted);
        Ok(read)
    }
}
