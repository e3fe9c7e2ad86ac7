//! Says below a merged pull request what became of it, once.

use kubeopt_commands::{Carried, Wish};
use kubeopt_model::{Problem, Timestamp};
use kubeopt_report::outcome_text;

use super::{Judged, OUTCOME, Watching};
use crate::edges::Edges;

impl Edges {
    /// Comments on every merge that was judged in this pass. What fails is said by the next pass, which judges it again.
    pub(crate) async fn tell_outcomes(&self, watching: &Watching, now: Timestamp) -> Vec<Problem> {
        let mut problems = Vec::new();
        for judged in &watching.judged {
            problems.extend(self.tell_outcome(judged, now).await.err());
        }
        problems
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
