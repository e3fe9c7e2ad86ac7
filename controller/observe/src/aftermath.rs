//! The signs by which a merge is judged, of its containers over a window: two range queries for all of them, those of OOM
//! kills, and one for the objective that the policy names.
//!
//! Everything is asked by whole hours and narrowed to the namespaces and pods of the merge, so that four weeks of it are small.
//! A sign that no series tells is unknown and never 0. Knows nothing of what is made of it.

mod gather;
mod objective;
mod query;

use kubeopt_model::Window;
use kubeopt_model::outcome::HOUR_S;
use kubeopt_model::usage::OomKill;

use crate::attempt::Steps;
use crate::error::ObserveError;
use crate::owners::PodOwners;
use crate::prometheus::Prometheus;
use crate::slice::STEP_S;

pub use objective::OBJECTIVE_CHARS_MAX;

pub use crate::window_signs::{CONTAINERS_MAX, SignsAsked, SignsRead, WINDOW_DAYS_MAX};

pub(crate) use gather::Gathering;

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
