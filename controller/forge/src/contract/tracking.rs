//! Clauses on issues.

use kubeopt_model::RepositoryId;
use kubeopt_model::pull_request::BODY_CHARS_MAX;

use super::branches::assert_not_found;
use super::fixture::Judges;
use super::made::{opened, repository};
use crate::error::ForgeError;
use crate::forge::Forge;
use crate::tracking::{Issue, IssueUpdate};

/// What a dashboard may hold, and what a forge could take for something else.
const AWKWARD: &str = "- [ ] `api` <!-- kubeopt:open=api-0123 -->\n- [ ] all | 🦀 \u{202e}\n\n> /assign @nobody\n\n```\n/label ~bug\n```\n<details>x</details> #1";

pub(super) async fn an_issue_keeps_what_people_make_of_it(forge: &dyn Forge, fixture: &dyn Judges) {
    let repository = repository(fixture, "tracked").await;
    assert_eq!(forge.own_issues(&repository).await, Ok(Vec::new()));
    opened(forge, &repository, "kubeopt/tracked-00000000", "no issue").await;
    fixture.open_issue_as_person(&repository, "Rightsizing").await;
    assert_eq!(forge.own_issues(&repository).await, Ok(Vec::new()), "neither theirs nor pull requests");

    let made = forge.open_issue(&repository, "  Rightsizing\n", AWKWARD).await.expect("it is opened");
    assert_eq!((made.title.as_str(), made.body.as_str(), made.is_open), ("Rightsizing", AWKWARD, true));
    assert_eq!(forge.own_issues(&repository).await, Ok(vec![made.clone()]));
    assert_eq!(update(forge, &repository, made.number, None, Some(AWKWARD), Some(true)).await, made);

    let ticked = AWKWARD.replacen("- [ ]", "- [x]", 1);
    fixture.edit_issue(&repository, made.number, &ticked).await;
    let found = only(forge, &repository).await;
    assert_eq!(
        (found.number, found.body.as_str()),
        (made.number, ticked.as_str()),
        "a tick of a person is seen"
    );

    let long = "é✓|<&>\"'\\\n".repeat(BODY_CHARS_MAX / 10);
    let long: String = format!("{}x", long.trim_end());
    for (title, body, is_open) in [
        (None, Some("everything is sized"), None),
        (Some("Rightsizing of acme | 🦀"), None, None),
        (None, None, Some(false)),
        (None, None, Some(true)),
        (None, Some(long.as_str()), Some(false)),
    ] {
        let before = only(forge, &repository).await;
        let after = update(forge, &repository, made.number, title, body, is_open).await;
        assert_eq!(after.title, title.unwrap_or(&before.title));
        assert_eq!(after.body, body.unwrap_or(&before.body));
        assert_eq!(after.is_open, is_open.unwrap_or(before.is_open));
        assert!(after.updated_at >= before.updated_at);
        assert_eq!(only(forge, &repository).await, after, "open or closed, it is found");
    }
    let second = forge.open_issue(&repository, "Another", "").await.expect("it is opened");
    let numbers: Vec<u64> = forge
        .own_issues(&repository)
        .await
        .expect("the issues are read")
        .into_iter()
        .map(|issue| issue.number)
        .collect();
    assert_eq!(numbers, [made.number, second.number]);
}

pub(super) async fn what_cannot_be_an_issue_is_refused(forge: &dyn Forge, fixture: &dyn Judges) {
    let repository = repository(fixture, "untracked").await;
    let closed = IssueUpdate { is_open: Some(false), ..IssueUpdate::default() };
    assert_not_found(forge.update_issue(&repository, 4711, &closed).await);
    let nowhere = RepositoryId { name: "nowhere".to_owned(), ..repository.clone() };
    assert_not_found(forge.own_issues(&nowhere).await);
    assert_not_found(forge.open_issue(&nowhere, "t", "b").await);
    assert_not_found(forge.update_issue(&nowhere, 1, &closed).await);
    let outcome = forge.open_issue(&repository, " \n", "b").await;
    assert!(matches!(outcome, Err(ForgeError::Refused { .. })), "{outcome:?}");
    let outcome = forge.open_issue(&repository, "t", &"é".repeat(BODY_CHARS_MAX + 1)).await;
    assert!(matches!(outcome, Err(ForgeError::TooLarge { .. })), "{outcome:?}");
    assert_eq!(forge.own_issues(&repository).await, Ok(Vec::new()));
}

pub(super) async fn issues_that_are_switched_off_are_told(forge: &dyn Forge, fixture: &dyn Judges) {
    let repository = repository(fixture, "trackless").await;
    let made = forge.open_issue(&repository, "Rightsizing", "").await.expect("it is opened");
    fixture.switch_issues_off(&repository).await;
    let closed = IssueUpdate { is_open: Some(false), ..IssueUpdate::default() };
    for outcome in [
        forge.own_issues(&repository).await.map(drop),
        forge.open_issue(&repository, "t", "b").await.map(drop),
        forge.update_issue(&repository, made.number, &closed).await.map(drop),
    ] {
        let Err(error @ ForgeError::Refused { .. }) = outcome else { panic!("it is refused: {outcome:?}") };
        assert!(error.to_string().contains("switched off"), "{error}");
    }
}

async fn update(
    forge: &dyn Forge,
    repository: &RepositoryId,
    number: u64,
    title: Option<&str>,
    body: Option<&str>,
    is_open: Option<bool>,
) -> Issue {
    let update = IssueUpdate { title: title.map(str::to_owned), body: body.map(str::to_owned), is_open };
    forge.update_issue(repository, number, &update).await.expect("it is changed")
}

async fn only(forge: &dyn Forge, repository: &RepositoryId) -> Issue {
    let mut found = forge.own_issues(repository).await.expect("the issues are read");
    assert_eq!(found.len(), 1, "{found:?}");
    found.remove(0)
}
