//! What people think of a pull request, from all the places where they say it: commands, the label, reviews of the forge; and
//! the status that tells it.

use std::collections::BTreeSet;

use kubeopt_forge::{
    AuthorKind, Forge, ForgeError, Permission, PullRequest, Review, Status, StatusState, Verdict,
};
use kubeopt_model::RepositoryId;
use kubeopt_model::pull_request::Marker;
use kubeopt_policy::{ChangeSize, Says, Voice, Voices, count_voices, policy_status};

use super::written_heads::WrittenHeads;
use crate::orders::Orders;
use crate::proposing::Proposal;

/// Says whether the policy lets a pull request be merged.
pub(super) const POLICY: &str = "kubeopt/policy";

/// The longest description of a status: GitHub's limit, the lowest of all forges.
const STATUS_CHARS_MAX: usize = 140;

/// Names of people that a status holds.
const NAMED_MAX: usize = 3;

/// Where voices are looked for.
#[derive(Clone, Copy)]
pub(super) struct Asked<'a> {
    pub(super) proposal: &'a Proposal,
    /// As the forge has it now.
    pub(super) pull: &'a PullRequest,
    pub(super) orders: &'a Orders,
    pub(super) heads: &'a WrittenHeads,
    /// When kubeopt last wrote it, in seconds since the epoch.
    pub(super) written_unix_s: i64,
}

/// What people think of the values that a pull request proposes now.
///
/// # Errors
/// When the forge does not tell who said what, or who may what.
pub(super) async fn voices_of(forge: &dyn Forge, asked: &Asked<'_>) -> Result<Voices, ForgeError> {
    let Asked { proposal, pull, orders, .. } = *asked;
    let repository = &proposal.draft.repository;
    let key = (pull.number, proposal_of(asked));
    let mut said: Vec<(String, Says, bool)> = Vec::new();
    for person in orders.standing.approved.get(&key).into_iter().flatten() {
        said.push((person.clone(), Says::Yes, false));
    }
    // The forge's word of a person comes after their comments: an objection stands until it is dismissed there.
    for review in forge.reviews(repository, pull.number).await? {
        let is_bot = review.author.kind != AuthorKind::Person;
        let says = match review.verdict {
            Verdict::ChangesRequested => Says::No,
            Verdict::Approved if is_current(&review, asked) => Says::Yes,
            Verdict::Approved | Verdict::Commented => continue,
        };
        said.push((review.author.login, says, is_bot));
    }
    let mut people = Vec::new();
    for (person, says, is_bot) in &said {
        // Whoever objects is heard, whatever they may.
        let may_write = *says == Says::Yes && !is_bot && may_write(forge, repository, person).await?;
        let (person, says, is_bot) = (person.as_str(), *says, *is_bot);
        people.push(Voice { person, says, may_write, is_bot, is_current: true });
    }
    // Who set a label is not told by all forges; it is the word of one person, and goes when the values change.
    if pull.labels.contains(&proposal.change_set.policy.approval.label) {
        let (person, says) = ("the label", Says::Yes);
        people.push(Voice { person, says, may_write: true, is_bot: false, is_current: true });
    }
    Ok(count_voices(people))
}

/// What the pull request proposes by its own word.
fn proposal_of(asked: &Asked<'_>) -> String {
    let marker = Marker::find(&asked.pull.body);
    marker.map_or_else(|| asked.proposal.draft.marker.proposal.clone(), |marker| marker.proposal)
}

/// Whether an approving review speaks of the values that are proposed now: it was given for this head, or for an earlier one
/// that kubeopt wrote with the very same values. Where the forge does not say for which, it came after the last write.
fn is_current(review: &Review, asked: &Asked<'_>) -> bool {
    let Asked { proposal, pull, heads, written_unix_s, .. } = *asked;
    match &review.head_oid {
        Some(oid) if *oid == pull.head_oid => true,
        Some(oid) => heads.knows(&proposal.draft.repository, &pull.head_branch, &proposal_of(asked), oid),
        None => review.submitted_at.as_second() > written_unix_s,
    }
}

async fn may_write(forge: &dyn Forge, repository: &RepositoryId, person: &str) -> Result<bool, ForgeError> {
    match forge.permission(repository, person).await {
        Ok(may) => Ok(may >= Permission::Write),
        Err(ForgeError::Forbidden { .. } | ForgeError::NotFound { .. }) => Ok(false),
        Err(error) => Err(error),
    }
}

/// The status of the policy: who approved, who objects, what is missing; and of one that nothing is missing of, why kubeopt
/// does not merge it, where it would.
pub(super) fn status_of_policy(proposal: &Proposal, voices: &Voices, against: Option<&str>) -> Status {
    let size = ChangeSize::of(&proposal.change_set.recommendations);
    let judged = policy_status(&size, voices, &proposal.change_set.policy);
    let names = |people: &BTreeSet<String>| {
        let mut named: Vec<&str> = people.iter().take(NAMED_MAX).map(String::as_str).collect();
        if people.len() > NAMED_MAX {
            named.push("and others");
        }
        named.join(", ")
    };
    let is_green = judged.is_green && voices.objecting.is_empty();
    let mut text = judged.text;
    if !voices.objecting.is_empty() {
        text = format!("objected to by {}; {text}", names(&voices.objecting));
    } else if is_green && !voices.approving.is_empty() {
        text = format!("{text}: {}", names(&voices.approving));
    }
    if let (true, Some(against)) = (is_green, against) {
        text = format!("{text}; kubeopt does not merge it: {against}");
    }
    let state = if is_green { StatusState::Success } else { StatusState::Pending };
    Status { context: POLICY.to_owned(), state, description: shortened(&text), url: None }
}

fn shortened(text: &str) -> String {
    if text.chars().count() <= STATUS_CHARS_MAX {
        return text.to_owned();
    }
    let mut short: String = text.chars().take(STATUS_CHARS_MAX - 1).collect();
    short.push('…');
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_status_is_cut_by_characters() {
        let short = shortened(&"é".repeat(200));
        assert_eq!((short.chars().count(), short.ends_with("é…")), (STATUS_CHARS_MAX, true));
        assert_eq!(shortened("fine"), "fine");
    }
}
