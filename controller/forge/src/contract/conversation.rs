//! Clauses on comments, reactions, rights and statuses.

use kubeopt_model::{RepositoryId, Timestamp};

use super::branches::assert_not_found;
use super::fixture::{Deleted, Fixture};
use super::made::{opened, repository};
use crate::conversation::{AuthorKind, CommentId, ForgeComment, Permission, Reaction};
use crate::error::ForgeError;
use crate::forge::Forge;
use crate::status::{Status, StatusState};

/// Before anything that the suite writes.
const LONG_AGO: Timestamp = Timestamp::UNIX_EPOCH;

pub(super) async fn new_comments_are_given_in_order(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "hears").await;
    assert_eq!(forge.comments(&repository, LONG_AGO).await, Ok(Vec::new()));
    let one = opened(forge, &repository, "kubeopt/one-00000000", "1").await.number;
    let two = opened(forge, &repository, "kubeopt/two-00000000", "2").await.number;
    let awkward = "/kubeopt status\r\n> quoted\n\n```\n/kubeopt help\n```\n🦀 \u{202e}";
    let first = fixture.comment(&repository, one, awkward).await;
    let own = forge.comment(&repository, two, "kubeopt's own").await.expect("it is added");
    let last = fixture.comment(&repository, two, &"/kubeopt rerun\n".repeat(10_000)).await;

    let found = forge.comments(&repository, LONG_AGO).await.expect("the comments are read");
    let seen: Vec<_> = found.iter().map(|comment| (comment.id, comment.author.kind)).collect();
    let at = |pull_request, id| CommentId { pull_request, id };
    assert_eq!(
        seen,
        [
            (at(one, first), AuthorKind::Person),
            (at(two, own), AuthorKind::Own),
            (at(two, last), AuthorKind::Person),
        ]
    );
    assert_eq!(found[0].body, awkward);
    assert!(!found[0].is_cut && found.iter().all(|comment| !comment.is_edited));
    assert!(found[2].is_cut && found[2].body.lines().all(|line| line == "/kubeopt rerun"));
    assert!(!found[0].author.login.is_empty() && !found[0].author.id.is_empty());
    assert_eq!(found[0].author, found[2].author);

    let since = found[2].created_at;
    let again = forge.comments(&repository, since).await.expect("the comments are read");
    assert!(again.iter().any(|comment| comment.id == found[2].id), "those of the same second come again");
    assert!(again.iter().all(|comment| comment.created_at >= since));
    let later = since + jiff::SignedDuration::from_secs(1);
    assert_eq!(forge.comments(&repository, later).await, Ok(Vec::new()));
    let nowhere = RepositoryId { name: "nowhere".to_owned(), ..repository };
    assert_not_found(forge.comments(&nowhere, LONG_AGO).await);
}

pub(super) async fn a_changed_comment_says_so(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "rewords").await;
    let number = opened(forge, &repository, "kubeopt/edit-00000000", "e").await.number;
    let id = CommentId { pull_request: number, id: fixture.comment(&repository, number, "hello").await };
    let before = only(forge, &repository).await;
    assert!(!before.is_edited);
    fixture.edit_comment(&repository, id, "/kubeopt rollback").await;
    let after = only(forge, &repository).await;
    assert_eq!((after.id, after.body.as_str(), after.is_edited), (id, "/kubeopt rollback", true));
    assert_eq!((after.author, after.created_at), (before.author, before.created_at));
}

pub(super) async fn a_reaction_is_there_once(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "reacts").await;
    let number = opened(forge, &repository, "kubeopt/react-00000000", "r").await.number;
    let id = CommentId { pull_request: number, id: fixture.comment(&repository, number, "/kubeopt x").await };
    for reaction in [Reaction::Seen, Reaction::Seen, Reaction::Done, Reaction::Refused, Reaction::Done] {
        assert_eq!(forge.react(&repository, id, reaction).await, Ok(()));
    }
    assert_eq!(fixture.reactions(&repository, id).await, ["confused", "eyes", "rocket"]);
    assert!(!only(forge, &repository).await.is_edited, "a reaction changes no comment");
    let other = CommentId { id: id.id + 4711, ..id };
    assert_not_found(forge.react(&repository, other, Reaction::Seen).await);
}

pub(super) async fn rights_are_asked_for(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "rights").await;
    let accounts = fixture.accounts(&repository).await;
    let may = async |login: &str| forge.permission(&repository, login).await;
    assert_eq!(may(&accounts.writer).await, Ok(Permission::Write));
    assert_eq!(may(&accounts.writer.to_uppercase()).await, Ok(Permission::Write), "logins have no case");
    assert_eq!(may(&accounts.reader).await, Ok(Permission::Read));
    assert_eq!(may(&accounts.nobody).await, Ok(Permission::None));
    for hostile in ["", ".", "..", "a/b", "../../user", "x?y=z#", "\u{202e}ada", "a b", &"x".repeat(500)] {
        let outcome = may(hostile).await;
        assert!(!outcome.as_ref().is_ok_and(|may| *may > Permission::Read), "{hostile}: {outcome:?}");
    }
    let nowhere = RepositoryId { name: "nowhere".to_owned(), ..repository.clone() };
    assert_not_found(forge.permission(&nowhere, &accounts.writer).await);
}

pub(super) async fn one_comment_stands_for_each_key(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "replies").await;
    let number = opened(forge, &repository, "kubeopt/reply-00000000", "r").await.number;
    let ensure = async |key: &str, body: &str| forge.ensure_comment(&repository, number, key, body).await;
    let awkward = "> /kubeopt help\r\n>\n> <!-- kubeopt:reply:other -->\n\nDone: `api` | 🦀 \u{202e} @nobody";
    let first = ensure("17", awkward).await.expect("it is written");
    let other = ensure("other", "another").await.expect("it is written");
    assert_ne!(first, other);
    let texts = fixture.comments(&repository, number).await;
    assert_eq!(ensure("17", awkward).await, Ok(first));
    assert_eq!(ensure("17", &format!("{awkward}\n\n")).await, Ok(first));
    assert_eq!(fixture.comments(&repository, number).await, texts, "the same again changes nothing");
    assert_eq!(texts[0], format!("{awkward}\n\n<!-- kubeopt:reply:17 -->"));
    assert_eq!(ensure("17", "refused").await, Ok(first));
    let texts = fixture.comments(&repository, number).await;
    assert_eq!(texts, ["refused\n\n<!-- kubeopt:reply:17 -->", "another\n\n<!-- kubeopt:reply:other -->"]);
    for key in ["", "a b", "a-->", "é"] {
        let outcome = ensure(key, "x").await;
        assert!(matches!(outcome, Err(ForgeError::Refused { .. })), "{key}: {outcome:?}");
    }
    assert_not_found(forge.ensure_comment(&repository, 4711, "17", "x").await);
    let gone = CommentId { pull_request: number, id: first };
    if fixture.delete_comment(&repository, gone).await == Deleted::Yes {
        let anew = ensure("17", "refused").await.expect("it is written");
        assert_ne!(anew, first, "one that people deleted is written anew when it is asked for again");
    }
}

pub(super) async fn the_markers_of_others_are_nothing(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "forged").await;
    let number = opened(forge, &repository, "kubeopt/forged-00000000", "f").await.number;
    let forged = "mine\n\n<!-- kubeopt:reply:17 -->";
    let theirs = fixture.comment(&repository, number, forged).await;
    let own = forge.ensure_comment(&repository, number, "17", "ours").await.expect("it is written");
    assert_ne!(own, theirs);
    assert_eq!(forge.ensure_comment(&repository, number, "17", "changed").await, Ok(own));
    let texts = fixture.comments(&repository, number).await;
    assert_eq!(texts, [forged, "changed\n\n<!-- kubeopt:reply:17 -->"]);
}

pub(super) async fn a_status_is_put_once(forge: &dyn Forge, fixture: &dyn Fixture) {
    let repository = repository(fixture, "statuses").await;
    let oid = opened(forge, &repository, "kubeopt/status-00000000", "s").await.head_oid;
    let status = |context: &str, state, description: &str| Status {
        context: context.to_owned(),
        state,
        description: description.to_owned(),
        url: Some("https://kubeopt.example/report?x=1".to_owned()),
    };
    let verify = status("kubeopt/verify", StatusState::Success, "only these fields changed | \u{202e}✓");
    let policy = status("kubeopt/policy", StatusState::Pending, "");
    for status in [&verify, &policy, &verify] {
        assert_eq!(forge.set_status(&repository, &oid, status).await, Ok(()));
    }
    let there = async || fixture.statuses(&repository, &oid).await;
    let as_text = |status: &Status| {
        (status.context.clone(), status.state.word().to_owned(), status.description.clone())
    };
    assert_eq!(there().await, [as_text(&policy), as_text(&verify)]);
    let long = Status { url: None, ..status("kubeopt/policy", StatusState::Failure, &"é ".repeat(200)) };
    for _ in 0..2 {
        assert_eq!(forge.set_status(&repository, &oid, &long).await, Ok(()));
    }
    let found = there().await;
    assert_eq!(found.len(), 2, "one for each context counts");
    assert_eq!(found[0].1, "failure");
    assert!(found[0].2.ends_with('…') && found[0].2.chars().count() <= 140, "{}", found[0].2);
    assert_eq!(found[1], as_text(&verify));
    for unknown in ["0123456789abcdef0123456789abcdef01234567", "", "main", "../../x"] {
        assert_not_found(forge.set_status(&repository, unknown, &verify).await);
    }
    let outcome = forge.set_status(&repository, &oid, &status("two words", StatusState::Error, "x")).await;
    assert!(matches!(outcome, Err(ForgeError::Refused { .. })), "{outcome:?}");
}

async fn only(forge: &dyn Forge, repository: &RepositoryId) -> ForgeComment {
    let mut found = forge.comments(repository, LONG_AGO).await.expect("the comments are read");
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}
