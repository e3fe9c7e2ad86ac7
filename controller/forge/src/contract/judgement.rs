//! Clauses on reviews, checks and merging.

use kubeopt_model::RepositoryId;

use super::branches::assert_not_found;
use super::fixture::Judges;
use super::made::{BEFORE, FILE, draft, head, opened, repository, sizing};
use crate::conversation::AuthorKind;
use crate::error::ForgeError;
use crate::forge::Forge;
use crate::judgement::{Check, CheckOutcome, MergeOrder, Verdict};
use crate::pull_request::{
    NewPullRequest, PullRequest, PullRequestQuery, PullRequestState, PullRequestUpdate, StateFilter,
    WantedState,
};
use crate::status::{Status, StatusState};

pub(super) async fn the_latest_review_of_each_person_counts(forge: &dyn Forge, fixture: &dyn Judges) {
    let repository = repository(fixture, "reviewed").await;
    let pull = opened(forge, &repository, "kubeopt/review-00000000", "r").await;
    let writer = fixture.accounts(&repository).await.writer;
    let owner = repository.owner.as_str();
    let seen = async || {
        let found = forge.reviews(&repository, pull.number).await.expect("the reviews are read");
        assert!(found.windows(2).all(|pair| pair[0].submitted_at <= pair[1].submitted_at), "{found:?}");
        for review in &found {
            assert!(!review.author.id.is_empty() && review.author.kind == AuthorKind::Person, "{review:?}");
            assert!(review.head_oid.as_ref().is_none_or(|oid| *oid == pull.head_oid), "{review:?}");
            assert!(review.submitted_at.as_second() > 0);
        }
        let mut found: Vec<_> =
            found.into_iter().map(|review| (review.author.login, review.verdict)).collect();
        found.sort_by(|one, other| one.0.cmp(&other.0));
        found
    };
    let mut both = [(writer.clone(), Verdict::Approved), (owner.to_owned(), Verdict::Commented)];
    both.sort_by(|one, other| one.0.cmp(&other.0));
    assert_eq!(seen().await, []);
    fixture.review(&repository, pull.number, &writer, Verdict::ChangesRequested).await;
    assert_eq!(seen().await, [(writer.clone(), Verdict::ChangesRequested)]);
    fixture.review(&repository, pull.number, &writer, Verdict::Approved).await;
    fixture.review(&repository, pull.number, owner, Verdict::Commented).await;
    assert_eq!(seen().await, both);
    fixture.dismiss(&repository, pull.number, &writer).await;
    assert_eq!(seen().await, [(owner.to_owned(), Verdict::Commented)], "what was dismissed is left out");
    fixture.review(&repository, pull.number, owner, Verdict::Approved).await;
    assert_eq!(seen().await, [(owner.to_owned(), Verdict::Approved)]);
    assert_not_found(forge.reviews(&repository, 4711).await);
}

pub(super) async fn no_review_is_taken_for_one_of_a_later_head(forge: &dyn Forge, fixture: &dyn Judges) {
    let repository = repository(fixture, "overtaken").await;
    let pull = opened(forge, &repository, "kubeopt/overtaken-00000000", "o").await;
    let writer = fixture.accounts(&repository).await.writer;
    fixture.review(&repository, pull.number, &writer, Verdict::Approved).await;
    let write = sizing(forge, &repository, "kubeopt/overtaken-00000000", "320m").await;
    let later = forge.regenerate_branch(&repository, &write).await.expect("the branch is written");
    let found = forge.reviews(&repository, pull.number).await.expect("the reviews are read");
    // Some forges take it back, some keep it with its head, some only keep it.
    assert!(found.iter().all(|review| review.head_oid.as_ref() != Some(&later.oid)), "{found:?}");
}

pub(super) async fn the_latest_check_of_each_name_counts(forge: &dyn Forge, fixture: &dyn Judges) {
    let repository = repository(fixture, "checked").await;
    let pull = opened(forge, &repository, "kubeopt/check-00000000", "c").await;
    let seen = async || forge.checks(&repository, &pull.head_oid).await;
    let checks = |all: &[(&str, CheckOutcome)]| {
        let check =
            |(name, outcome): &(&str, CheckOutcome)| Check { name: (*name).to_owned(), outcome: *outcome };
        Ok(all.iter().map(check).collect::<Vec<_>>())
    };
    assert_eq!(seen().await, checks(&[]));
    let own = Status {
        context: "kubeopt/verify".to_owned(),
        state: StatusState::Success,
        description: "only these fields changed".to_owned(),
        url: None,
    };
    forge.set_status(&repository, &pull.head_oid, &own).await.expect("the status is put");
    fixture.check(&repository, &pull.head_oid, "ci/build", CheckOutcome::Pending).await;
    fixture.check(&repository, &pull.head_oid, "ci/test", CheckOutcome::Green).await;
    use CheckOutcome::{Green, Pending, Red};
    assert_eq!(seen().await, checks(&[("ci/build", Pending), ("ci/test", Green), ("kubeopt/verify", Green)]));
    fixture.check(&repository, &pull.head_oid, "ci/build", CheckOutcome::Green).await;
    fixture.check(&repository, &pull.head_oid, "ci/test", CheckOutcome::Red).await;
    assert_eq!(seen().await, checks(&[("ci/build", Green), ("ci/test", Red), ("kubeopt/verify", Green)]));
    for unknown in ["0123456789abcdef0123456789abcdef01234567", "", "main", "../../x"] {
        assert_not_found(forge.checks(&repository, unknown).await);
    }
}

pub(super) async fn only_the_head_that_was_decided_about_is_merged(forge: &dyn Forge, fixture: &dyn Judges) {
    let repository = repository(fixture, "lands").await;
    let pull = opened(forge, &repository, "kubeopt/land-00000000", "l").await;
    let base = head(forge, &repository, "main").await;
    let other = forge.merge(&repository, pull.number, &order(&base.oid)).await;
    assert!(matches!(other, Err(ForgeError::Conflict { .. })), "{other:?}");
    assert_eq!(head(forge, &repository, "main").await, base);

    fixture.settle(&repository, pull.number).await;
    let merged = forge.merge(&repository, pull.number, &order(&pull.head_oid)).await;
    let merged = merged.expect("it is merged");
    let after = head(forge, &repository, "main").await;
    assert_eq!((&after.oid, &after.parents), (&merged, &vec![base.oid, pull.head_oid.clone()]));
    assert_eq!(after.message.lines().next(), Some("chore(rightsizing): smaller api | 🦀"));
    assert!(after.message.contains("Kept within the policy.\nTwice."), "{}", after.message);
    let seen = only(forge, &repository, "kubeopt/land-00000000").await;
    assert_eq!((seen.state, seen.merge_commit.as_ref()), (PullRequestState::Merged, Some(&merged)));
    // An answer that was lost is asked for again, maybe much later.
    fixture.commit(&repository, "main", "README.md", b"# later\n").await;
    let again = forge.merge(&repository, pull.number, &order(&pull.head_oid)).await;
    assert_eq!(again, Ok(merged));

    let repository = super::made::repository(fixture, "landed").await;
    let by_hand = opened(forge, &repository, "kubeopt/hand-00000000", "h").await;
    let merged = fixture.merge(&repository, by_hand.number).await;
    assert_eq!(forge.merge(&repository, by_hand.number, &order(&by_hand.head_oid)).await, Ok(merged));
    assert_not_found(forge.merge(&repository, 4711, &order(&pull.head_oid)).await);
    for order in [order("main"), MergeOrder { title: "\n".to_owned(), ..order(&pull.head_oid) }] {
        let outcome = forge.merge(&repository, pull.number, &order).await;
        assert!(matches!(outcome, Err(ForgeError::Refused { .. })), "{outcome:?}");
    }
}

pub(super) async fn what_cannot_be_merged_is_left_alone(forge: &dyn Forge, fixture: &dyn Judges) {
    let repository = repository(fixture, "stays").await;
    let branch = "kubeopt/draft-00000000";
    let write = sizing(forge, &repository, branch, "310m").await;
    forge.regenerate_branch(&repository, &write).await.expect("the branch is written");
    let new = NewPullRequest { is_draft: true, ..draft(branch, "not rendered") };
    let drafted = forge.open_pull_request(&repository, &new).await.expect("the draft is opened");
    let closed = opened(forge, &repository, "kubeopt/closed-00000000", "c").await;
    let close = PullRequestUpdate { state: Some(WantedState::Closed), ..PullRequestUpdate::default() };
    forge.update_pull_request(&repository, closed.number, &close).await.expect("it is closed");
    let crossed = opened(forge, &repository, "kubeopt/crossed-00000000", "x").await;
    let theirs = BEFORE.replace("\"1\"", "2500m");
    let base = fixture.commit(&repository, "main", FILE, theirs.as_bytes()).await;

    let merge =
        async |pull: &PullRequest| forge.merge(&repository, pull.number, &order(&pull.head_oid)).await;
    assert_eq!(merge(&drafted).await, Err(ForgeError::Draft { number: drafted.number }));
    for pull in [&closed, &crossed] {
        let outcome = merge(pull).await;
        assert!(matches!(outcome, Err(ForgeError::Conflict { .. })), "{outcome:?}");
    }
    assert_eq!(head(forge, &repository, "main").await.oid, base);
}

fn order(head_oid: &str) -> MergeOrder {
    MergeOrder {
        head_oid: head_oid.to_owned(),
        title: " chore(rightsizing): smaller api | 🦀\n".to_owned(),
        message: "Kept within the policy.\nTwice.\n".to_owned(),
    }
}

async fn only(forge: &dyn Forge, repository: &RepositoryId, branch: &str) -> PullRequest {
    let query = PullRequestQuery::of_branch(branch, StateFilter::All);
    let mut found = forge.pull_requests(repository, &query).await.expect("the list is read");
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}
