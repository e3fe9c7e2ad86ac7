//! What a merge saved, measured once seven days have passed since the new values ran, and said below its pull request.

use kubeopt_model::outcome::{MeasuredSaving, Watched};
use kubeopt_model::policy::EffectivePolicy;
use kubeopt_model::pull_request::rollback_of;
use kubeopt_model::{Change, Problem, Timestamp};
use kubeopt_recommend::measured_saving;
use kubeopt_report::saving_text;

use super::merged::{Changed, changed};
use super::{others, read_sides, side};
use crate::edges::Edges;
use crate::publishing::{Merge, Merges};
use crate::seen::Seen;
use crate::talking::Talk;

/// The key of the comment that says what was saved.
const SAVING: &str = "saving";

/// How long both the new values ran: a week has every day of the week once.
const MEASURED_S: i64 = 7 * 86_400;

impl Edges {
    /// Measures and says what merges saved, each once. What fails is tried again by the next pass.
    pub(crate) async fn tell_savings(
        &self,
        seen: &Seen,
        merges: &Merges,
        talk: &Talk,
        now: Timestamp,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        for merge in &merges.merges {
            let ran = merge.synced_unix_s.map_or(0, |synced| now.as_second() - synced);
            // The hour of the rollout counts for neither side.
            let is_due = ran >= MEASURED_S + 2 * 3600;
            let told = talk.told.get(&merge.repository);
            let is_told = told.is_some_and(|told| told.contains(&(merge.pull.number, SAVING.to_owned())));
            let is_back = rollback_of(&merge.marker.group).is_some() || was_taken_back(merge, talk);
            if is_due && !is_told && !is_back {
                problems.extend(self.tell_saving(merge, merges, seen, now).await.err());
            }
        }
        problems
    }

    async fn tell_saving(
        &self,
        merge: &Merge,
        merges: &Merges,
        seen: &Seen,
        now: Timestamp,
    ) -> Result<(), Problem> {
        let synced_unix_s = merge.synced_unix_s.unwrap_or(now.as_second());
        let changed = changed(&merge.marker, seen);
        let windows = Watched::windows(synced_unix_s, MEASURED_S, now.as_second());
        let mut savings: Vec<MeasuredSaving> = Vec::new();
        for cluster in &self.clusters {
            let own: Vec<&Changed> =
                changed.iter().filter(|one| one.container.workload.cluster == cluster.name).collect();
            if own.is_empty() {
                continue;
            }
            let sides = read_sides(cluster, &own, &windows, &EffectivePolicy::default(), seen).await?;
            let prices = seen.prices.get(&cluster.name).and_then(|prices| prices.mean());
            savings.extend(own.into_iter().filter_map(|one| {
                let watched = Watched {
                    container: one.container.clone(),
                    resources: one.resources,
                    synced_unix_s,
                    soak_s: MEASURED_S,
                    sides: Change { before: side(&sides.before, one), after: side(&sides.after, one) },
                    others: others(one, merge, merges),
                };
                measured_saving(&watched, prices)
            }));
        }
        let text = saving_text(&self.templates, &savings).map_err(|error| error.problem())?;
        // Without kube-state-metrics nothing tells what running pods requested; there is nothing to say then.
        let Some(text) = text else { return Ok(()) };
        let forge = self.forge(&merge.repository)?.forge.as_ref();
        self.may_write()?;
        let told = forge.ensure_comment(&merge.repository, merge.pull.number, SAVING, &text).await;
        told.map(|_| ()).map_err(|error| error.problem())
    }
}

fn was_taken_back(merge: &Merge, talk: &Talk) -> bool {
    let orders = talk.orders.of(&merge.repository);
    orders.is_some_and(|orders| {
        orders.taken_back.iter().any(|back| back.number == merge.pull.number)
            || orders.back.iter().any(|back| back.number == merge.pull.number)
    })
}
