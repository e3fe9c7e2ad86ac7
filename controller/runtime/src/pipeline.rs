//! The whole pass on one screen. Data flows one way; what a pass learns returns through the journal and the forge.

use kubeopt_model::pull_request::PullRequestDraft;
use kubeopt_model::{Problem, Timestamp};

use crate::edges::Edges;
use crate::located::Sites;
use crate::policy_files::PolicyFiles;
use crate::proposing::Decided;
use crate::publishing::{
    Deciding, Earlier, Merges, Moment, OwnMerges, Places, Published, Showing, ShownBoards, in_order,
};
use crate::seen::Seen;
use crate::talking::{Answers, Talk};
use crate::watching::Watching;

/// Everything that one pass saw, decided and did.
#[derive(Debug)]
pub struct PassReport {
    /// When it began.
    pub at: Timestamp,
    /// Facts and usage.
    pub seen: Seen,
    /// Sources and traces.
    pub sites: Sites,
    /// What people said, and what they asked for.
    pub talk: Talk,
    /// What became of earlier pull requests.
    pub merges: Merges,
    /// What became of merges that are watched.
    pub watching: Watching,
    /// First contacts with repositories.
    pub first_contacts: Vec<(PullRequestDraft, Published)>,
    /// What is proposed, what is left, and why.
    pub decided: Decided,
    /// What became of each proposal, in the order of `decided.proposals`; empty for a plan.
    pub published: Vec<Published>,
    /// What kubeopt merged itself, and what the others wait for.
    pub own_merges: OwnMerges,
    /// What became of dashboards.
    pub boards: ShownBoards,
    /// What people were answered.
    pub answers: Answers,
}

/// Observes, sizes, edits, proves and publishes. What fails on the way is a problem of the report; the rest goes on.
///
/// # Errors
/// When nothing can be decided at all: usage history cannot be read.
pub async fn pass(edges: &Edges, now: Timestamp) -> Result<PassReport, Problem> {
    let mut seen = edges.observe(now).await; //                    IO in: clusters, metrics; prices of nodes
    let mut sites = edges.sites(&seen).await; //                   IO: fetch, mark, render, read back; cached by tree
    edges.recognise(&mut sites, now).await; //                     IO: a name may have come to mean another repository
    edges.find(&mut seen, &sites, now).await; //                   what is unusual in usage, and what became of it
    let mut talk = edges.take_up(&seen, &sites, now).await; //         IO: comments, and who may say what
    let boards = edges.read_boards(&talk.pulls, &seen, &sites, &mut talk.orders, now).await; // IO in: what people ticked
    let mut merges = edges.follow_merges(&seen, &sites, &talk.orders, now).await; // IO: what became of earlier pull requests
    let watching = edges.watch(&seen, &sites, &merges, &mut talk, now).await; // IO in: signs of before and after a merge
    let orders = &talk.orders;
    let wanted = edges.want(&seen, &sites, orders, now).await?; //         recommend, then guardrails, per scalar in Git
    let decided = edges.decide(wanted, &seen, &sites, orders, now).await; // edit, prove (IO: render again), bill, describe
    let first = edges.onboard(&talk.pulls, &seen, &sites, &decided, now).await; // IO out: first contacts
    let files = PolicyFiles::read(edges.operator_policy.as_ref(), &seen.policies, &sites);
    let earlier = Earlier { pulls: &talk.pulls, merges: &merges, orders };
    let places = Places { files: &files, seen: &seen };
    let (mut waiting, behind) = in_order(&decided, &earlier, &places, now);
    waiting.extend(first.waiting);
    let (published, not_arranged) = edges.publish(&decided.proposals, orders, &waiting, now).await; // IO out
    let (proposals, places, behind) = (&decided.proposals, &places, &behind);
    let deciding = Deciding { proposals, published: &published, orders, places, behind, now };
    let own_merges = edges.merge_own(&deciding).await; //                    IO out: what the policy lets kubeopt merge
    merges.problems.extend(not_arranged.into_iter().chain(first.problems));
    let moment = Moment { sites: &sites, now };
    edges.withdraw_all(&talk, &decided, moment, &mut merges).await; //       IO out: what nothing stands behind any more
    let untold = edges.tell_outcomes(&watching, &merges, &talk, moment).await; // IO out: what became of merges
    merges.problems.extend(untold);
    merges.problems.extend(edges.tell_edited(&talk).await);
    let untold = edges.tell_savings(&seen, &merges, &talk, now).await; //    and what they saved
    merges.problems.extend(untold);
    let answers = edges.answer(&talk, &decided, &published).await; //        IO out: replies to comments
    let showing = Showing {
        pulls: &talk.pulls,
        decided: &decided,
        published: &published,
        waiting: &waiting,
        strangers: &first.strangers,
        orders: &talk.orders,
        merges: &merges,
        own_merges: &own_merges,
        sites: &sites,
        now,
    };
    let boards = edges.show_boards(boards, &showing).await; //                 IO out: the dashboards
    let mut report = PassReport {
        at: now,
        seen,
        sites,
        talk,
        merges,
        watching,
        first_contacts: first.published,
        decided,
        published,
        own_merges,
        boards,
        answers,
    };
    edges.record(&mut report).await; //                            IO state: the audit, for people and the next pass
    Ok(report)
}

/// A pass that publishes nothing.
///
/// # Errors
/// As [`pass`].
pub async fn plan(edges: &Edges, now: Timestamp) -> Result<PassReport, Problem> {
    let mut seen = edges.observe(now).await;
    let sites = edges.sites(&seen).await;
    edges.find(&mut seen, &sites, now).await;
    let (talk, _) = edges.hear_people(&sites, now).await;
    let wanted = edges.want(&seen, &sites, &talk.orders, now).await?;
    let decided = edges.decide(wanted, &seen, &sites, &talk.orders, now).await;
    let (merges, watching) = (Merges::default(), Watching::default());
    let (own_merges, boards) = (OwnMerges::default(), ShownBoards::default());
    let answers = Answers::default();
    Ok(PassReport {
        at: now,
        seen,
        sites,
        talk,
        merges,
        watching,
        first_contacts: Vec::new(),
        decided,
        published: Vec::new(),
        own_merges,
        boards,
        answers,
    })
}

impl PassReport {
    /// Every problem of the pass, once.
    pub fn problems(&self) -> Vec<Problem> {
        let published = self.published.iter().filter_map(|published| match published {
            Published::Waiting(problem) | Published::Failed(problem) => Some(problem),
            Published::Opened(_) | Published::Updated(_) | Published::Unchanged(_) => None,
        });
        let traces = self.sites.traces.values().filter_map(|trace| trace.as_ref().err());
        let mut problems: Vec<Problem> = self
            .seen
            .problems
            .iter()
            .chain(traces)
            .chain(&self.talk.problems)
            .chain(&self.merges.problems)
            .chain(&self.watching.problems)
            .chain(&self.own_merges.problems)
            .chain(&self.boards.problems)
            .chain(&self.answers.problems)
            .chain(&self.decided.problems)
            .chain(published)
            .cloned()
            .collect();
        problems.sort();
        problems.dedup();
        problems
    }

    /// Nothing was proposed, and nothing failed.
    pub fn is_quiet(&self) -> bool {
        self.decided.proposals.is_empty() && self.problems().is_empty()
    }
}
