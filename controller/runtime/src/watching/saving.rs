//! What a merge saved, measured once seven days have passed since the new values ran, and said below its pull request beside
//! what was estimated.

use kubeopt_model::cost::CapacityCost;
use kubeopt_model::outcome::MeasuredSaving;
use kubeopt_model::pull_request::rollback_of;
use kubeopt_model::{Change, Problem, Timestamp};
use kubeopt_recommend::measured_saving;
use kubeopt_report::saving_text;

use super::merged::changed;
use super::{Compared, is_told};
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
            let is_back = rollback_of(&merge.marker.group).is_some() || was_taken_back(merge, talk);
            if is_due && !is_told(talk, merge, SAVING) && !is_back {
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
        let compared = Compared { merge, merges, seen, soak_s: MEASURED_S, now };
        let (watched, _) = self.both_sides(&compared, &changed(&merge.marker, seen), None).await?;
        let saved = watched.iter().filter_map(|one| {
            let prices = seen.prices.get(&one.container.workload.cluster);
            measured_saving(one, prices.and_then(|prices| prices.mean()))
        });
        let savings: Vec<MeasuredSaving> = saved.collect();
        let estimated = self.estimate_of(&merge.repository, &merge.pull).await?;
        let text = saving_text(&self.templates, &savings, estimated).map_err(|error| error.problem())?;
        // Without kube-state-metrics nothing tells what running pods requested; there is nothing to say then.
        let Some(text) = text else { return Ok(()) };
        let forge = self.forge(&merge.repository)?.forge.as_ref();
        self.may_write()?;
        let told = forge.ensure_comment(&merge.repository, merge.pull.number, SAVING, &text).await;
        told.map_err(|error| error.problem())?;
        let cost =
            |one: &MeasuredSaving| one.monthly.map(|Change { before, after }| CapacityCost { before, after });
        let measured = savings.iter().try_fold(CapacityCost::default(), |sum, one| {
            let cost = cost(one)?;
            Some(CapacityCost { before: sum.before + cost.before, after: sum.after + cost.after })
        });
        self.record_saved(&merge.repository, merge.pull.number, measured, now.as_second()).await
    }
}

fn was_taken_back(merge: &Merge, talk: &Talk) -> bool {
    let orders = talk.orders.of(&merge.repository);
    orders.is_some_and(|orders| {
        orders.taken_back.iter().any(|back| back.number == merge.pull.number)
            || orders.back.iter().any(|back| back.number == merge.pull.number)
    })
}
