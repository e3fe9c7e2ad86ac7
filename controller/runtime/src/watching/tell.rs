//! Says below a merged pull request what became of it, once; also that nothing did, because the cluster does not show it.

use kubeopt_commands::{Carried, Wish};
use kubeopt_model::{Problem, Timestamp};
use kubeopt_report::{Comment, comment_text, outcome_text};

use super::{Judged, OUTCOME, Watching, is_told};
use crate::edges::Edges;
use crate::publishing::{Merge, Merges, Moment, Sync, is_on_base, is_overdue};
use crate::talking::Talk;

/// The key of the comment that says that the cluster does not show a merge.
const NOT_SYNCED: &str = "not-synced";

impl Edges {
    /// Comments on every merge that was judged in this pass, and on those that the cluster does not show. What fails is said by
    /// the next pass, which judges it again.
    pub(crate) async fn tell_outcomes(
        &self,
        watching: &Watching,
        merges: &Merges,
        talk: &Talk,
        moment: Moment<'_>,
    ) -> Vec<Problem> {
        let mut problems = Vec::new();
        for judged in &watching.judged {
            problems.extend(self.tell_outcome(judged, moment.now).await.err());
        }
        for merge in &merges.merges {
            // Values that somebody changed since on the base will never show, and that is as it should be.
            let is_missed = is_overdue(merge, moment.now)
                && is_on_base(&merge.marker, &merge.repository, moment.sites)
                && !is_told(talk, merge, NOT_SYNCED);
            if is_missed {
                problems.extend(self.tell_not_synced(merge, moment.now).await.err());
            }
        }
        problems
    }

    async fn tell_not_synced(&self, merge: &Merge, now: Timestamp) -> Result<(), Problem> {
        let Sync::Waiting { synced, of } = merge.sync else { return Ok(()) };
        let minutes = (now.as_second() - merge.merged_unix_s) / 60;
        let ago =
            if minutes < 120 { format!("{minutes} minutes") } else { format!("{} hours", minutes / 60) };
        let comment = Comment::NotSynced { base: merge.marker.base.clone(), ago, synced, of };
        let text = comment_text(&self.templates, &comment).map_err(|error| error.problem())?;
        let forge = self.forge(&merge.repository)?.forge.as_ref();
        self.may_write()?;
        let told = forge.ensure_comment(&merge.repository, merge.pull.number, NOT_SYNCED, &text).await;
        told.map(|_| ()).map_err(|error| error.problem())
    }

    async fn tell_outcome(&self, judged: &Judged, now: Timestamp) -> Result<(), Problem> {
        let takes_back = matches!(judged.harm, Some(Wish::Harm { takes_back: true, .. }));
        let text = outcome_text(&self.templates, &judged.outcomes, takes_back);
        let Some(mut text) = text.map_err(|error| error.problem())? else { return Ok(()) };
        if let Some(harm) = &judged.harm {
            let carried = Carried {
                pull_request: judged.number,
                by: "kubeopt".to_owned(),
                at_unix_s: now.as_second(),
                wishes: vec![harm.clone()],
            };
            text.push_str("\n\n");
            text.push_str(&carried.to_html_comment());
        }
        let forge = self.forge(&judged.repository)?.forge.as_ref();
        self.may_write()?;
        let told = forge.ensure_comment(&judged.repository, judged.number, OUTCOME, &text).await;
        told.map(|_| ()).map_err(|error| error.problem())
    }
}
