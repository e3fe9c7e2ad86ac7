//! What people and machines think of a pull request, and the merge itself.
//!
//! Whether that is good enough to merge is decided elsewhere: here it is what the forge says now, never remembered.
//! Nothing here knows a policy. A review counts as much as its author may do with the repository: who decides asks for
//! that with [`crate::Conversation::permission`].

use std::collections::BTreeMap;

use async_trait::async_trait;
use kubeopt_model::{RepositoryId, Timestamp};
use serde::{Deserialize, Serialize};

use crate::conversation::CommentAuthor;
use crate::error::ForgeError;
use crate::pull_request::{PullRequest, PullRequestState, stored_title};

/// Most reviews of one pull request that are read. People give some; whoever gives a thousand is a program gone wild.
pub const REVIEWS_MAX: usize = 1_000;

/// Most checks of one commit that are read; GitHub keeps as many statuses for one. What is left out could be red, so that
/// more of them are an error.
pub const CHECKS_MAX: usize = 1_000;

/// Longest name of a check that is kept, in characters; forges keep 255.
const CHECK_NAME_CHARS_MAX: usize = 255;

/// Longest message of a merge in bytes; that of an edit is a few lines.
const MESSAGE_BYTES_MAX: usize = 64 * 1024;

/// What somebody thinks of a pull request. A review that was dismissed is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It is good.
    Approved,
    /// It is not to be merged as it is.
    ChangesRequested,
    /// Neither.
    Commented,
}

/// A review of a pull request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Who gave it.
    pub author: CommentAuthor,
    /// What they think.
    pub verdict: Verdict,
    /// When it was given.
    pub submitted_at: Timestamp,
    /// The head that it was given for; none where the forge does not say.
    pub head_oid: Option<String>,
}

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CheckOutcome {
    /// Not known yet.
    Pending,
    /// Good.
    Green,
    /// Not good, cancelled, or out of time; also what kubeopt does not know.
    Red,
    /// Skipped, or of no consequence by its own word.
    Neutral,
}

impl CheckOutcome {
    /// How much it matters beside another one of the same name.
    fn weight(self) -> u8 {
        match self {
            Self::Neutral => 0,
            Self::Green => 1,
            Self::Pending => 2,
            Self::Red => 3,
        }
    }
}

/// What a machine thinks of a commit: a status or a check run.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Check {
    /// Its name, or the context of a status. A stranger's text.
    pub name: String,
    /// What it came to.
    pub outcome: CheckOutcome,
}

/// A merge that was decided.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MergeOrder {
    /// The only head that may be merged.
    pub head_oid: String,
    /// First line of the merge commit's message; cut at [`crate::pull_request::TITLE_CHARS_MAX`].
    pub title: String,
    /// The rest of its message.
    pub message: String,
}

impl MergeOrder {
    /// As every forge is given it.
    ///
    /// # Errors
    /// [`ForgeError::Refused`] without a title or for a head that is no commit's id; [`ForgeError::TooLarge`] for a
    /// message of more than 64 KiB.
    pub(crate) fn stored(&self) -> Result<Self, ForgeError> {
        let title = stored_title(&self.title);
        if title.is_empty() {
            return Err(ForgeError::Refused { why: "a merge needs a title".to_owned() });
        }
        if !is_oid(&self.head_oid) {
            return Err(ForgeError::Refused { why: "a merge needs the id of its head".to_owned() });
        }
        let message = self.message.trim();
        if message.len() > MESSAGE_BYTES_MAX {
            return Err(ForgeError::TooLarge { what: "the message of a merge (64 KiB)".to_owned() });
        }
        Ok(Self { head_oid: self.head_oid.clone(), title, message: message.to_owned() })
    }

    /// The commit that merged it, where somebody did already; none where it may be tried.
    ///
    /// # Errors
    /// [`ForgeError::Conflict`] for another head than was decided about, or one that is closed; [`ForgeError::Draft`].
    pub(crate) fn merged_already(&self, pull: &PullRequest) -> Result<Option<String>, ForgeError> {
        let number = pull.number;
        match (pull.state, &pull.merge_commit) {
            (PullRequestState::Merged, Some(oid)) => return Ok(Some(oid.clone())),
            (PullRequestState::Merged, None) => {
                let why =
                    format!("pull request {number} is merged, and the forge does not say by which commit");
                return Err(ForgeError::Malformed { why });
            }
            (PullRequestState::Closed, _) => {
                return Err(ForgeError::Conflict { what: format!("pull request {number} is closed") });
            }
            (PullRequestState::Open, _) => {}
        }
        if pull.is_draft {
            return Err(ForgeError::Draft { number });
        }
        if pull.head_oid != self.head_oid {
            let what = format!("pull request {number} is no longer at {}", self.head_oid);
            return Err(ForgeError::Conflict { what });
        }
        Ok(None)
    }

    /// What came of an attempt, with the pull request as it stands after it: its answer may have been lost, or somebody
    /// else was faster.
    pub(crate) fn outcome(
        &self,
        answered: Result<(), ForgeError>,
        pull: &PullRequest,
    ) -> Result<String, ForgeError> {
        if pull.state == PullRequestState::Merged
            && let Some(merged) = self.merged_already(pull)?
        {
            return Ok(merged);
        }
        answered?;
        let what = format!("pull request {} is not merged yet, though the forge took the order", pull.number);
        Err(ForgeError::Conflict { what })
    }
}

/// What people and machines think of a pull request, and the merge itself.
#[async_trait]
pub trait Judgement: Send + Sync {
    /// The latest review of each person that is no mere comment, oldest first; of who only commented, the latest comment.
    /// A person whose latest one was dismissed is left out, whatever they said before. Reviews that are not submitted yet
    /// are not among them.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`] when there is no such pull request; [`ForgeError::TooLarge`] beyond [`REVIEWS_MAX`].
    async fn reviews(&self, repository: &RepositoryId, number: u64) -> Result<Vec<Review>, ForgeError>;

    /// Statuses and check runs of a commit, sorted by name: the latest of each name, kubeopt's own included. Where
    /// several count under one name, such as the jobs of two workflows, it is the worst of them.
    ///
    /// # Errors
    /// [`ForgeError::NotFound`] when the commit is not there; [`ForgeError::TooLarge`] beyond [`CHECKS_MAX`].
    async fn checks(&self, repository: &RepositoryId, head_oid: &str) -> Result<Vec<Check>, ForgeError>;

    /// Merges a pull request by a merge commit while its head is the one of the order; gives the id of the commit on the
    /// base that did it. One that is merged already, by whomever, gives its own.
    ///
    /// # Errors
    /// [`ForgeError::Conflict`] when the head is another one, it is closed, or both sides changed the same lines;
    /// [`ForgeError::Draft`] for a draft; [`ForgeError::MergeBlocked`] where a rule of the forge keeps kubeopt from it;
    /// [`ForgeError::NotFound`] when there is no such pull request.
    async fn merge(
        &self,
        repository: &RepositoryId,
        number: u64,
        order: &MergeOrder,
    ) -> Result<String, ForgeError>;
}

/// A review as a forge lists it.
#[derive(Debug, Clone)]
pub(crate) struct Given {
    pub(crate) review: Review,
    pub(crate) is_dismissed: bool,
    /// The account is no more; those of all such accounts look alike.
    pub(crate) is_gone: bool,
}

/// The one of each person that counts. Of those whose account is gone, all that they said stands.
pub(crate) fn latest_of_each(mut all: Vec<Given>) -> Vec<Review> {
    // Forges list them in order of time; of the same second the later one counts.
    all.sort_by_key(|given| given.review.submitted_at);
    let (mut nameless, mut named) = (Vec::new(), BTreeMap::<String, Given>::new());
    for given in all {
        let id = given.review.author.id.clone();
        if given.is_gone {
            nameless.push(given);
            continue;
        }
        let is_opinion = given.is_dismissed || given.review.verdict != Verdict::Commented;
        let had_opinion = named
            .get(&id)
            .is_some_and(|before| before.is_dismissed || before.review.verdict != Verdict::Commented);
        if is_opinion || !had_opinion {
            named.insert(id, given);
        }
    }
    let kept = nameless.into_iter().chain(named.into_values()).filter(|given| !given.is_dismissed);
    let mut reviews: Vec<Review> = kept.map(|given| given.review).collect();
    reviews.sort_by(|one, other| {
        (one.submitted_at, &one.author.login).cmp(&(other.submitted_at, &other.author.login))
    });
    reviews
}

/// One check for each name, the worst, sorted by name.
pub(crate) fn worst_of_each(all: impl IntoIterator<Item = Check>) -> Vec<Check> {
    let mut by_name = BTreeMap::<String, CheckOutcome>::new();
    for Check { name, outcome } in all {
        let name: String = name.chars().take(CHECK_NAME_CHARS_MAX).collect();
        let worst = by_name.entry(name).or_insert(outcome);
        if outcome.weight() > worst.weight() {
            *worst = outcome;
        }
    }
    by_name.into_iter().map(|(name, outcome)| Check { name, outcome }).collect()
}

/// More of them than are read.
pub(crate) fn too_many(what: &str, most: usize) -> ForgeError {
    ForgeError::TooLarge { what: format!("the list of {what} (more than {most})") }
}

/// Whether this can be the id of a commit; anything else would be another address.
pub(crate) fn is_oid(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conversation::AuthorKind;

    fn given(login: &str, verdict: Verdict, at_s: i64, is_dismissed: bool) -> Given {
        let author = CommentAuthor {
            login: if login.is_empty() { "ghost" } else { login }.to_owned(),
            id: login.to_owned(),
            kind: AuthorKind::Person,
        };
        let submitted_at = Timestamp::from_second(at_s).unwrap();
        let review = Review { author, verdict, submitted_at, head_oid: None };
        Given { review, is_dismissed, is_gone: login.is_empty() }
    }

    #[test]
    fn the_latest_opinion_of_each_person_counts() {
        use Verdict::{Approved, ChangesRequested, Commented};
        let all = vec![
            given("ada", ChangesRequested, 1, false),
            given("ada", Approved, 2, false),
            given("ada", Commented, 3, false),
            // An approval that was taken back does not bring back what was said before it.
            given("eve", ChangesRequested, 1, false),
            given("eve", Approved, 4, true),
            given("eve", Commented, 5, false),
            given("grace", Commented, 1, false),
            given("grace", Commented, 6, false),
            given("ida", Approved, 7, false),
            given("ida", ChangesRequested, 7, false),
            given("", ChangesRequested, 1, false),
            given("", Approved, 8, false),
        ];
        let kept = latest_of_each(all);
        let seen: Vec<_> = kept
            .iter()
            .map(|review| (review.author.login.as_str(), review.verdict, review.submitted_at.as_second()))
            .collect();
        assert_eq!(
            seen,
            [
                ("ghost", ChangesRequested, 1),
                ("ada", Approved, 2),
                ("grace", Commented, 6),
                ("ida", ChangesRequested, 7),
                ("ghost", Approved, 8),
            ]
        );
    }

    #[test]
    fn a_good_check_hides_no_bad_one_of_its_name() {
        use CheckOutcome::{Green, Neutral, Pending, Red};
        let check = |name: &str, outcome| Check { name: name.to_owned(), outcome };
        let found = worst_of_each([
            check("build", Green),
            check("build", Red),
            check("build", Pending),
            check("test", Neutral),
            check("test", Green),
            check("slow", Green),
            check("slow", Pending),
            check(&"x".repeat(256), Green),
            check(&"x".repeat(300), Red),
        ]);
        let long = "x".repeat(255);
        assert_eq!(
            found,
            [check("build", Red), check("slow", Pending), check("test", Green), check(&long, Red)]
        );
    }

    #[test]
    fn an_order_that_no_forge_should_get_is_refused() {
        let oid = "0123456789abcdef0123456789abcdef01234567";
        let order = |head_oid: &str, title: &str, message: &str| MergeOrder {
            head_oid: head_oid.to_owned(),
            title: title.to_owned(),
            message: message.to_owned(),
        };
        assert_eq!(order(oid, " a\nb ", "\nc\n").stored(), Ok(order(oid, "a b", "c")));
        for (order, code) in [
            (order(oid, " \n", ""), "E-FRG-010"),
            (order("", "t", ""), "E-FRG-010"),
            (order("main", "t", ""), "E-FRG-010"),
            (order(oid, "t", &"x".repeat(MESSAGE_BYTES_MAX + 1)), "E-FRG-009"),
        ] {
            assert_eq!(order.stored().map_err(|error| error.code()), Err(code));
        }
    }
}
