//! What is asked of the window around a merge, and what was told.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::outcome::{HOUR_S, Objective, WindowSigns};
use kubeopt_model::{ContainerId, Problem, Window};

use crate::error::ObserveError;
use crate::slice::SliceReport;

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
