//! Merges pull requests of kubeopt's own, where the policy says so and nothing and nobody speaks against it; and says of each
//! open one what it waits for.
//!
//! Only what this pass left as it was is merged, and only a commit that this process knows to be its own. What becomes of a
//! merge is looked at by the next pass, as of every other one.

use std::collections::BTreeMap;

use kubeopt_forge::{CheckOutcome, Forge, ForgeError, MergeOrder, PullRequest};
use kubeopt_history::{Event, OutboxStep};
use kubeopt_model::policy::{EffectivePolicy, RevertMode};
use kubeopt_model::pull_request::{Marker, rollback_of};
use kubeopt_model::{Problem, RepositoryId, Timestamp};
use kubeopt_policy::{ChangeSize, Hindrance, Merging, Voices, may_merge, may_merge_revert};
use kubeopt_report::escape::word;

use super::arrange::Written;
use super::order::{Behind, Places, environments_of};
use super::publish::is_own;
use super::published::Published;
use super::voices::{Asked, POLICY, status_of_policy, voices_of};
use crate::codes;
use crate::edges::Edges;
use crate::orders::{AllOrders, Orders, Redo};
use crate::proposing::Proposal;

/// A commit younger than this is not merged: the forge's machines may not have begun to look at it, and what has not begun
/// is neither red nor pending. GitHub gives a workflow's runs some seconds after the push; a busy runner minutes.
const CHECKS_BEGIN_S: i64 = 300;

/// Names that the message of a merge holds of each kind.
const NAMED_MAX: usize = 10;

/// What a pass found of what is open, and what of it it merged.
#[derive(Debug, Default)]
pub struct OwnMerges {
    /// What kubeopt merged: repository, number, and what spoke for it.
    pub merged: Vec<(RepositoryId, u64, String)>,
    /// What the others that were looked at wait for, as a sentence without a full stop.
    pub waits: BTreeMap<(RepositoryId, u64), String>,
    /// What could not be asked, put or merged.
    pub problems: Vec<Problem>,
}

/// What merging is decided on.
#[derive(Clone, Copy)]
pub(crate) struct Deciding<'a> {
    /// What is proposed, and what became of each.
    pub(crate) proposals: &'a [Proposal],
    pub(crate) published: &'a [Published],
    pub(crate) orders: &'a AllOrders,
    pub(crate) places: &'a Places<'a>,
    /// Open ones that are behind another environment or cluster.
    pub(crate) behind: &'a Behind,
    pub(crate) now: Timestamp,
}

/// Who merges a pull request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Merger {
    People,
    /// kubeopt, where `autoMerge` lets it.
    Kubeopt,
    /// kubeopt, where `watch.revert` lets it.
    KubeoptAfterHarm,
}

/// One open pull request that this pass left as it was.
struct Candidate<'a> {
    proposal: &'a Proposal,
    pull: &'a PullRequest,
    orders: &'a Orders,
    merger: Merger,
    /// When kubeopt last wrote it, in seconds since the epoch.
    written_unix_s: i64,
}

/// What the forge says of a candidate's head.
struct Head {
    red: Vec<String>,
    pending: Vec<String>,
    green: Vec<String>,
    is_touched: bool,
}

impl Edges {
    /// Looks at what this pass left as it was: puts the status of the policy, and merges what the policy lets kubeopt merge.
    /// One that fails leaves a problem; the others go on.
    pub(crate) async fn merge_own(&self, deciding: &Deciding<'_>) -> OwnMerges {
        let mut own = OwnMerges::default();
        let none = Orders::default();
        for (proposal, published) in deciding.proposals.iter().zip(deciding.published) {
            let Published::Unchanged(pull) = published else { continue };
            let orders = deciding.orders.of(&proposal.draft.repository).unwrap_or(&none);
            let policy = &proposal.change_set.policy;
            let merger = merger(proposal, policy, orders);
            if merger == Merger::People && !policy.approval.may_ask() {
                continue;
            }
            let looked = self.look_at(proposal, pull, (orders, merger), deciding, &mut own).await;
            own.problems.extend(looked.err());
        }
        own
    }

    async fn look_at(
        &self,
        proposal: &Proposal,
        pull: &PullRequest,
        (orders, merger): (&Orders, Merger),
        deciding: &Deciding<'_>,
        own: &mut OwnMerges,
    ) -> Result<(), Problem> {
        let repository = &proposal.draft.repository;
        let forge = self.forge(repository)?.forge.as_ref();
        let entry = self.outbox_entry(&proposal.draft).await?;
        let written_unix_s = entry.map_or(deciding.now.as_second(), |entry| entry.at_unix_s);
        let candidate = Candidate { proposal, pull, orders, merger, written_unix_s };
        let heads = &self.heads;
        let asked = Asked { proposal, pull, orders, heads, written_unix_s };
        let voices = voices_of(forge, &asked).await.map_err(|error| unknown(&candidate, &error))?;
        let bare = status_of_policy(proposal, &voices, None);
        let judged = match merger {
            Merger::People => None,
            Merger::Kubeopt | Merger::KubeoptAfterHarm => {
                let head = head_of(forge, &candidate).await.map_err(|error| unknown(&candidate, &error))?;
                Some(judge(&candidate, &voices, head, deciding))
            }
        };
        let against = judged.as_ref().and_then(|judged| judged.as_ref().err());
        let first = against.and_then(|against| against.first());
        let status = status_of_policy(proposal, &voices, first.map(String::as_str));
        own.problems.extend(self.put(forge, repository, &pull.head_oid, &status).await);
        let key = (repository.clone(), pull.number);
        match judged {
            None if bare.state == kubeopt_forge::StatusState::Success => {}
            None => drop(own.waits.insert(key, bare.description)),
            Some(Err(against)) => {
                let text = format!("kubeopt does not merge it: {}", against.join("; "));
                own.waits.insert(key, text);
            }
            Some(Ok(why)) => self.merge_one(forge, &candidate, why, deciding.now, own).await?,
        }
        Ok(())
    }

    /// Merges, unless the commit has to be made anew first: then its checks are waited for.
    async fn merge_one(
        &self,
        forge: &dyn Forge,
        candidate: &Candidate<'_>,
        why: String,
        now: Timestamp,
        own: &mut OwnMerges,
    ) -> Result<(), Problem> {
        let Candidate { proposal, pull, .. } = *candidate;
        let repository = &proposal.draft.repository;
        if !self.is_known(candidate) && !self.is_made_anew_the_same(forge, candidate, now, own).await? {
            let text = "its commit was made anew; kubeopt merges it when the checks of that one are green";
            own.waits.insert((repository.clone(), pull.number), text.to_owned());
            return Ok(());
        }
        // What is merged without a person is in the audit before it is done.
        self.journal.record(&[merge_event(candidate, &why, now)]).await.map_err(|error| error.problem())?;
        self.may_write()?;
        let order = MergeOrder {
            head_oid: pull.head_oid.clone(),
            title: format!("{} (#{})", proposal.draft.title, pull.number),
            message: format!("Merged by kubeopt: {why}.\n"),
        };
        forge.merge(repository, pull.number, &order).await.map_err(|error| {
            let problem = error.problem();
            let text = format!("#{} of {repository} was not merged: {}", pull.number, problem.text);
            Problem::new(codes::NOT_MERGED, text, problem.help)
        })?;
        own.merged.push((repository.clone(), pull.number, why));
        Ok(())
    }

    /// Whether this process wrote the very commit that is there, with the very values that it wants now.
    fn is_known(&self, candidate: &Candidate<'_>) -> bool {
        let Candidate { proposal, pull, .. } = *candidate;
        let draft = &proposal.draft;
        let wanted = &draft.marker.proposal;
        Marker::find(&pull.body).is_some_and(|marker| marker.proposal == *wanted)
            && self.heads.knows(&draft.repository, &draft.branch, wanted, &pull.head_oid)
    }

    /// Makes the commit anew on the newest base; gives whether it was exactly so already. Whoever commits in kubeopt's name
    /// to kubeopt's branch has nothing merged by it.
    async fn is_made_anew_the_same(
        &self,
        forge: &dyn Forge,
        candidate: &Candidate<'_>,
        now: Timestamp,
        own: &mut OwnMerges,
    ) -> Result<bool, Problem> {
        let Candidate { proposal, pull, orders, .. } = *candidate;
        let published = self.write(forge, &proposal.draft, Some(pull.clone()), Redo::Anew, now).await?;
        let written = match published {
            Published::Opened(pull) | Published::Updated(pull) | Published::Unchanged(pull) => pull,
            Published::Waiting(problem) | Published::Failed(problem) => return Err(problem),
        };
        let arranged = Written { proposal, pull: &written, before: Some(pull), is_new: false, orders };
        own.problems.extend(self.arrange(forge, &arranged).await);
        self.note(&proposal.draft, OutboxStep::Announced, now).await?;
        Ok(written.head_oid == pull.head_oid)
    }
}

fn merger(proposal: &Proposal, policy: &EffectivePolicy, orders: &Orders) -> Merger {
    match rollback_of(&proposal.draft.marker.group) {
        Some(of)
            if policy.watch.revert == RevertMode::AutoMerge && orders.standing.harmed.contains_key(&of) =>
        {
            Merger::KubeoptAfterHarm
        }
        // What a person asked to take back is for people to merge.
        Some(_) => Merger::People,
        None if policy.auto_merge.enabled => Merger::Kubeopt,
        None => Merger::People,
    }
}

async fn head_of(forge: &dyn Forge, candidate: &Candidate<'_>) -> Result<Head, ForgeError> {
    let Candidate { proposal, pull, .. } = *candidate;
    let repository = &proposal.draft.repository;
    let there = forge.branch(repository, &pull.head_branch).await?;
    let is_touched =
        there.is_none_or(|head| !is_own(&head) || head.parents.len() != 1 || head.oid != pull.head_oid);
    let mut head = Head { red: Vec::new(), pending: Vec::new(), green: Vec::new(), is_touched };
    for check in forge.checks(repository, &pull.head_oid).await? {
        match check.outcome {
            // Its own word of the policy is known here, and is put anew below.
            _ if check.name == POLICY => {}
            CheckOutcome::Red => head.red.push(check.name),
            CheckOutcome::Pending => head.pending.push(check.name),
            CheckOutcome::Green => head.green.push(check.name),
            CheckOutcome::Neutral => {}
        }
    }
    Ok(head)
}

/// What speaks for a merge, as a sentence without a full stop, or everything that speaks against it.
fn judge(
    candidate: &Candidate<'_>,
    voices: &Voices,
    mut head: Head,
    deciding: &Deciding<'_>,
) -> Result<String, Vec<String>> {
    let Candidate { proposal, pull, orders, merger, .. } = *candidate;
    let policy = &proposal.change_set.policy;
    let size = ChangeSize::of(&proposal.change_set.recommendations);
    if status_of_policy(proposal, voices, None).state == kubeopt_forge::StatusState::Success {
        head.green.push(POLICY.to_owned());
    }
    let environments = environments_of(proposal, deciding.places);
    let merging = Merging {
        now: deciding.now,
        voices,
        red: &head.red,
        pending: &head.pending,
        green: &head.green,
        environments: &environments,
        confidence: proposal.confidence,
        size: &size,
        is_draft: pull.is_draft,
        is_touched: head.is_touched,
        is_held: orders.standing.held.contains_key(&pull.number),
    };
    let allowed = match merger {
        Merger::KubeoptAfterHarm => may_merge_revert(&merging, policy),
        Merger::Kubeopt | Merger::People => may_merge(&merging, policy),
    };
    let mut against: Vec<String> = texts(allowed.err());
    against.extend(further(candidate, deciding));
    if against.is_empty() { Ok(spoken_for(&merging, merger)) } else { Err(against) }
}

fn texts(hindrances: Option<Vec<Hindrance>>) -> Vec<String> {
    hindrances.into_iter().flatten().map(|hindrance| hindrance.text).collect()
}

/// What the policy does not know of, and what stands against a merge all the same.
fn further(candidate: &Candidate<'_>, deciding: &Deciding<'_>) -> Vec<String> {
    let Candidate { proposal, pull, orders, merger, written_unix_s } = *candidate;
    let mut against = Vec::new();
    if proposal.verifications.is_empty()
        || proposal.verifications.iter().any(|proof| proof.by.not_rendered().is_some())
    {
        against.push("not all of it is proven".to_owned());
    }
    if deciding.now.as_second() - written_unix_s < CHECKS_BEGIN_S {
        against.push("its commit is new, and its checks may not have begun".to_owned());
    }
    if merger == Merger::KubeoptAfterHarm {
        return against;
    }
    if let Some(paused) = &orders.standing.paused {
        against.push(format!("`{}` paused this repository", paused.by));
    }
    let behind = deciding.behind.get(&(proposal.draft.repository.clone(), pull.head_branch.clone()));
    against.extend(behind.cloned());
    against
}

/// What a merge commit and the audit say.
fn spoken_for(merging: &Merging<'_>, merger: Merger) -> String {
    let list = |names: &mut dyn Iterator<Item = &String>| {
        let mut all: Vec<String> = names.map(|name| word(name, 60)).collect();
        let more = all.len().saturating_sub(NAMED_MAX);
        all.truncate(NAMED_MAX);
        if more > 0 {
            all.push(format!("{more} more"));
        }
        all.join(", ")
    };
    let mut parts = Vec::new();
    if merger == Merger::KubeoptAfterHarm {
        parts.push("it takes back what did harm (watch.revert)".to_owned());
    } else {
        let known = merging.environments.iter().flatten();
        let environments: std::collections::BTreeSet<&str> = known.map(|each| each.as_str()).collect();
        let environments: Vec<&str> = environments.into_iter().collect();
        parts.push(format!("the policy says so for {} (autoMerge)", environments.join(", ")));
        parts.push(format!("no value moves by more than {:.1} %", merging.size.ratio() * 100.0));
        parts.push(format!("risk {}", merging.size.risk));
        parts.extend(merging.confidence.map(|confidence| format!("confidence {confidence:.2}")));
    }
    if !merging.voices.approving.is_empty() {
        parts.push(format!("approved by {}", list(&mut merging.voices.approving.iter())));
    }
    parts.push(format!("green checks: {}", list(&mut merging.green.iter())));
    parts.join("; ")
}

fn merge_event(candidate: &Candidate<'_>, why: &str, now: Timestamp) -> Event {
    let Candidate { proposal, pull, .. } = *candidate;
    let at_unix_s = now.as_second();
    Event {
        at_unix_s,
        pass: at_unix_s.to_string(),
        kind: "auto-merge".to_owned(),
        subject: format!("{} #{}", proposal.draft.repository, pull.number),
        detail: serde_json::json!({ "text": why, "head": pull.head_oid }),
    }
}

fn unknown(candidate: &Candidate<'_>, error: &ForgeError) -> Problem {
    let (problem, number) = (error.problem(), candidate.pull.number);
    let repository = &candidate.proposal.draft.repository;
    let text = format!("who approved #{number} of {repository} and what its checks say: {}", problem.text);
    Problem::new(codes::NOT_ARRANGED, text, problem.help)
}
