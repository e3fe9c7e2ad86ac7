//! What is left over on a forge: branches of which no pull request came, pull requests whose base is gone, names that mean
//! another repository.

use kubeopt_forge::{ExpectedHead, ForgeError, PullRequestState};
use kubeopt_model::{Change, EditedFile, RepoPath};

use crate::apps::{API, App, DAY_S, SITE, WEB};
use crate::doubles::Trouble;
use crate::said::{left_code, told};
use crate::world::{MERGE_S, World};

/// The values that kubeopt proposes for the API, which a person writes instead.
const OTHERS: (&str, &str) = ("300m", "400Mi");

/// The branch that a first pass pushes where no pull request can be opened.
async fn orphan(world: &World, app: &App) -> String {
    let kubeopt = world.controller("a").await;
    let fails = Trouble::Fails("open_pull_request", ForgeError::Server { status: 500 });
    world.troubles.lock().unwrap().insert(app.repository, fails);
    world.pass(&kubeopt).await;
    world.troubles.lock().unwrap().clear();
    assert_eq!(world.pulls(app.repository).await, []);
    let outbox = kubeopt.journal.outbox().await.unwrap();
    let own = outbox.iter().find(|entry| entry.repository == app.repository_id());
    own.unwrap().branch.clone()
}

#[tokio::test]
async fn a_branch_of_which_no_pull_request_came_goes_when_its_proposal_does_not_come_again() {
    let world = World::of(&[API, SITE]).await;
    let branch = orphan(&world, &API).await;
    assert!(world.branch(&API, &branch).await.is_some());
    world.commit(API.repository, "apps/api/.kubeopt.yaml", "enabled: false\n").await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    assert!(world.branch(&API, &branch).await.is_some(), "it may come again");
    world.advance(2 * DAY_S);
    assert_eq!(world.pass(&kubeopt).await.merges.closed, []);
    assert_eq!(world.branch(&API, &branch).await, None);
    let outbox = kubeopt.journal.outbox().await.unwrap();
    assert!(outbox.iter().all(|entry| entry.branch != branch), "{outbox:?}");
    world.the_open_one(&SITE).await;
}

#[tokio::test]
async fn a_branch_that_a_person_went_on_with_stays() {
    let world = World::of(&[API]).await;
    let branch = orphan(&world, &API).await;
    let head = world.branch(&API, &branch).await.unwrap();
    let snapshot = world.snapshot(API.repository).await;
    let path = RepoPath::new(&API.path()).unwrap();
    let before = snapshot.read(&path).unwrap().unwrap();
    let content = Change { before, after: API.manifest(OTHERS).into_bytes() };
    let files = vec![EditedFile { path, content }];
    world.push(API.repository, &snapshot.commit, &branch, files, ExpectedHead::At(head.oid)).await;
    let theirs = world.branch(&API, &branch).await;
    world.commit(API.repository, "apps/api/.kubeopt.yaml", "enabled: false\n").await;
    world.advance(2 * DAY_S);
    world.pass(&world.controller("a").await).await;
    assert_eq!(world.branch(&API, &branch).await, theirs);
}

#[tokio::test]
async fn a_pull_request_whose_base_is_gone_is_closed_once_and_says_so() {
    let world = World::of(&[API, SITE]).await;
    let mut kubeopt = world.controller("a").await;
    for mapping in &mut kubeopt.mappings {
        if mapping.repository == API.repository_id() {
            mapping.branch = Some("release".to_owned());
        }
    }
    let id = API.repository_id();
    let folder = world.forge.repository_folder(&id).unwrap();
    let heads = folder.join("refs/heads");
    std::fs::copy(heads.join("main"), heads.join("release")).unwrap();
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    assert_eq!(pull.base, "release");

    let kept = folder.join("release-kept");
    std::fs::rename(heads.join("release"), &kept).unwrap();
    world.pass(&kubeopt).await;
    std::fs::rename(&kept, heads.join("release")).unwrap();
    world.advance(MERGE_S);
    world.pass(&kubeopt).await;
    assert_eq!(world.the_open_one(&API).await.number, pull.number, "it was gone for a moment");

    std::fs::remove_file(heads.join("release")).unwrap();
    for _ in 0..3 {
        world.pass(&kubeopt).await;
        world.advance(3600);
    }
    let closed = world.pulls_of(&API).await.remove(0);
    assert_eq!(closed.state, PullRequestState::Closed);
    let comments = world.forge.comments_on(&id, pull.number).await.unwrap();
    let told: Vec<_> =
        comments.iter().filter(|it| it.body.contains("its base branch `release` is gone")).collect();
    assert_eq!(told.len(), 1, "{comments:?}");
    world.the_open_one(&SITE).await;
}

#[tokio::test]
async fn another_repository_at_the_same_name_is_left_alone_and_told() {
    let world = World::of(&[API, WEB, SITE]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let before = (world.the_open_one(&API).await, world.the_open_one(&SITE).await);
    world.troubles.lock().unwrap().insert(API.repository, Trouble::IsAnother("4711"));
    world.advance(2 * 3600);
    for name in ["a", "a"] {
        let kubeopt = world.controller(name).await;
        let report = world.pass(&kubeopt).await;
        let problem = told(&report, "E-RUN-027");
        assert!(problem.text.contains("acme/shop is another repository than before"), "{problem}");
        assert_eq!(left_code(&report, &API), "E-RUN-027");
        world.advance(600);
        told(&world.pass(&kubeopt).await, "E-RUN-027");
    }
    assert_eq!((world.the_open_one(&API).await, world.the_open_one(&SITE).await), before);

    // The first one came back; a restart is not needed, since the forge is asked again within the hour.
    world.troubles.lock().unwrap().clear();
    world.advance(3600);
    assert_eq!(world.pass(&kubeopt).await.problems(), []);
}

#[tokio::test]
async fn a_pull_request_whose_workload_is_not_seen_stays_open_and_as_it_is() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    let whole = world.shown.lock().unwrap().clone();
    for facts in world.shown.lock().unwrap().values_mut() {
        facts.workloads.retain(|workload| workload.id != API.id());
    }
    for _ in 0..3 {
        world.advance(DAY_S);
        assert_eq!(world.pass(&kubeopt).await.merges.closed, []);
        assert_eq!(world.the_open_one(&API).await, pull);
    }
    *world.shown.lock().unwrap() = whole;
    world.pass(&kubeopt).await;
    assert_eq!(world.the_open_one(&API).await.number, pull.number);
}
