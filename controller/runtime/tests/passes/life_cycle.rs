//! What becomes of a pull request: merged, closed, edited by a person, overtaken by a change of the base branch.

use kubeopt_forge::{ExpectedHead, PullRequestState};
use kubeopt_history::{EventFilter, RecordedState};
use kubeopt_model::{Change, EditedFile, RepoPath};
use kubeopt_runtime::publishing::{Published, Sync};

use crate::apps::{API, DAY_S, NOW_S, WEB, quiet_millicores, recorded};
use crate::doubles::{To, Trouble};
use crate::said::told;
use crate::world::{MERGE_S, World};

/// From [`NOW_S`] on the apps use twice as much.
fn busier(at: i64) -> f64 {
    if at < NOW_S { quiet_millicores(at) } else { 2.0 * quiet_millicores(at) }
}

#[tokio::test]
async fn a_second_pass_on_unchanged_input_changes_nothing() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    let first = world.pass(&kubeopt).await;
    assert!(first.published.iter().all(|one| matches!(one, Published::Opened(_))), "{:?}", first.published);
    let before = (world.the_open_one(&API).await, world.the_open_one(&WEB).await);

    world.advance(600);
    let second = world.pass(&kubeopt).await;
    assert!(
        second.published.iter().all(|one| matches!(one, Published::Unchanged(_))),
        "{:?}",
        second.published
    );
    assert_eq!((world.the_open_one(&API).await, world.the_open_one(&WEB).await), before);
    let events = kubeopt.journal.events(&EventFilter::default()).await.unwrap();
    assert_eq!(events.iter().filter(|event| event.kind == "opened").count(), 2);
    let news: Vec<_> = events.iter().filter(|event| event.kind != "repository").collect();
    assert_eq!(news.len(), 2, "what did not change is no news: {events:?}");
}

#[tokio::test]
async fn a_pull_request_that_a_person_closed_is_not_opened_again_with_the_same_values() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.forge.close(&API.repository_id(), pull.number).await.unwrap();

    for _ in 0..3 {
        world.advance(DAY_S / 4);
        let report = world.pass(&kubeopt).await;
        assert!(told(&report, "E-RUN-003").text.contains(&format!("#{}", pull.number)));
        assert_eq!(world.pulls_of(&API).await.len(), 1);
    }
    world.the_open_one(&WEB).await;

    world.metrics["prod"].set(recorded(&[API, WEB], busier));
    world.advance(DAY_S);
    world.pass(&kubeopt).await;
    let pulls = world.pulls_of(&API).await;
    assert_eq!(pulls.len(), 2, "other numbers are another question");
    assert_eq!((pulls[0].state, pulls[1].state), (PullRequestState::Closed, PullRequestState::Open));
}

#[tokio::test]
async fn numbers_that_move_update_the_open_pull_request() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let before = world.the_open_one(&API).await;

    world.metrics["prod"].set(recorded(&[API], busier));
    world.advance(DAY_S);
    let report = world.pass(&kubeopt).await;
    assert!(matches!(report.published.as_slice(), [Published::Updated(_)]), "{:?}", report.published);
    let after = world.the_open_one(&API).await;
    assert_eq!(after.number, before.number);
    assert_ne!((after.head_oid, after.body), (before.head_oid, before.body));
}

#[tokio::test]
async fn a_commit_of_a_person_on_the_branch_stops_kubeopt_there() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    let snapshot = world.snapshot("shop").await;
    let path = RepoPath::new(&API.path()).unwrap();
    let before = snapshot.read(&path).unwrap().unwrap();
    let files = vec![EditedFile {
        path,
        content: Change { before, after: API.manifest(("350m", "512Mi")).into_bytes() },
    }];
    let expected = ExpectedHead::At(pull.head_oid.clone());
    world.push("shop", &snapshot.commit, &pull.head_branch, files, expected).await;
    let theirs = world.branch(&API, &pull.head_branch).await.unwrap();

    world.metrics["prod"].set(recorded(&[API, WEB], busier));
    world.advance(DAY_S);
    let report = world.pass(&kubeopt).await;
    told(&report, "E-RUN-004");
    assert_eq!(world.branch(&API, &pull.head_branch).await.unwrap(), theirs);
    let still = world.pulls_of(&API).await.remove(0);
    assert_eq!((still.body, still.state), (pull.body, PullRequestState::Open));
    world.the_open_one(&WEB).await;

    world.pass(&kubeopt).await;
    world.pass(&world.controller("b").await).await;
    let comments = world.forge.comments_on(&API.repository_id(), pull.number).await.unwrap();
    let [comment] = comments.as_slice() else { panic!("it is said once: {comments:#?}") };
    let theirs = format!("(`{}`)", &theirs.oid[..8]);
    assert!(comment.body.contains(&theirs) && comment.body.contains("/kubeopt recreate"), "{comment:?}");
}

#[tokio::test]
async fn a_pull_request_whose_values_are_on_the_base_already_is_closed_as_obsolete() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.commit_as_proposed(&API, &pull).await;
    for _ in 0..2 {
        assert_eq!(world.pass(&kubeopt).await.merges.closed, [], "it may just be merged");
    }

    // Another process goes on with the same database.
    drop(kubeopt);
    let kubeopt = world.controller("a").await;
    world.advance(MERGE_S);
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.merges.closed.len(), 1, "{:?}", report.merges);
    let closed = world.pulls_of(&API).await;
    assert_eq!((closed.len(), closed[0].state), (1, PullRequestState::Closed));
    assert_eq!(world.branch(&API, &pull.head_branch).await, None);
    let comments = world.forge.comments_on(&API.repository_id(), pull.number).await.unwrap();
    assert!(comments.iter().any(|comment| comment.body.contains("already")), "{comments:?}");
    assert!(report.merge_lines().iter().any(|line| line.contains(&format!("closed #{}", pull.number))));
    world.the_open_one(&WEB).await;

    world.apply().await;
    world.pass(&kubeopt).await;
    assert_eq!(world.pulls_of(&API).await.len(), 1);
}

#[tokio::test]
async fn a_merge_that_the_forge_does_not_call_so_yet_is_not_closed_as_obsolete() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.forge.merge(&API.repository_id(), pull.number, "alice").await.unwrap();
    let says_open = |to| world.troubles.lock().unwrap().insert(API.repository, Trouble::SaysOpen(to));
    let nothing_was_done = async || {
        let report = world.pass(&kubeopt).await;
        assert_eq!((&report.merges.closed[..], report.problems()), (&[][..], vec![]));
        assert_eq!(world.forge.comments_on(&API.repository_id(), pull.number).await.unwrap(), []);
        let head = world.branch(&API, &pull.head_branch).await.unwrap();
        assert_eq!(head.oid, pull.head_oid);
    };
    says_open(To::Everybody);
    nothing_was_done().await;
    world.apply().await;
    nothing_was_done().await;
    // Its patience is over, and the look before the close tells the truth.
    says_open(To::Lists);
    world.advance(MERGE_S);
    nothing_was_done().await;

    world.troubles.lock().unwrap().clear();
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.merges.merges[0].pull.number, pull.number);
    assert_eq!(world.pulls_of(&API).await[0].state, PullRequestState::Merged);
    assert_eq!(world.branch(&API, &pull.head_branch).await, None);
}

#[tokio::test]
async fn a_merge_is_followed_until_the_cluster_shows_it_and_its_branch_is_deleted() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.forge.merge(&API.repository_id(), pull.number, "alice").await.unwrap();

    let report = world.pass(&kubeopt).await;
    assert!(
        matches!(report.merges.merges[0].sync, Sync::Waiting { synced: 0, of: 2 }),
        "{:?}",
        report.merges
    );
    assert_eq!(world.branch(&API, &pull.head_branch).await, None);

    world.advance(2 * 3600);
    let report = world.pass(&kubeopt).await;
    told(&report, "E-RUN-005");

    world.apply().await;
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.merges.merges[0].sync, Sync::Synced);
    assert!(report.merges.merges[0].is_news);
    assert!(
        report.merge_lines()[0].contains("the cluster runs all of its values"),
        "{:?}",
        report.merge_lines()
    );
    assert_eq!(report.problems(), []);

    let report = world.pass(&kubeopt).await;
    assert!(!report.merges.merges[0].is_news);
    assert_eq!(report.merge_lines(), Vec::<String>::new());
    assert_eq!(world.pulls_of(&API).await.len(), 1, "merged values are right");
    let records = kubeopt.journal.pull_requests().await.unwrap();
    let states: Vec<_> = records.iter().map(|record| (record.number, record.state)).collect();
    assert_eq!(states, [(pull.number, RecordedState::Synced)]);
    world.the_open_one(&WEB).await;
}
