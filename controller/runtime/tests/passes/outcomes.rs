//! What becomes of a merge once it runs: kept, taken back by itself, or nothing is claimed.

use kubeopt_forge::{PullRequest, PullRequestState};
use kubeopt_model::pull_request::Marker;
use kubeopt_model::usage::OomKill;
use kubeopt_model::{Amount, Resource};
use kubeopt_observe::RecordedMetrics;
use kubeopt_runtime::edges::Edges;

use crate::apps::{API, ASKED, App, DAY_S, WEB, quiet_millicores, recorded};
use crate::said::told;
use crate::world::World;

const HOUR_S: i64 = 3600;

/// The usual usage, and kills of the API at these times.
fn with_kills(apps: &[App], at: &[i64]) -> RecordedMetrics {
    let kill = |at_unix_s: &i64| OomKill { container: API.container(), at_unix_s: *at_unix_s, limit: None };
    RecordedMetrics { oom_kills: at.iter().map(kill).collect(), ..recorded(apps, quiet_millicores) }
}

impl World {
    /// One pull request merged and rolled out; the watch begins.
    async fn watched(&self, kubeopt: &Edges) -> PullRequest {
        self.pass(kubeopt).await;
        let pull = self.the_open_one(&API).await;
        self.forge.merge(&API.repository_id(), pull.number, "alice").await.unwrap();
        self.apply().await;
        self.pass(kubeopt).await;
        pull
    }

    /// What kubeopt said below a pull request of a cluster that does not show it.
    async fn said_of_sync(&self, number: u64) -> Vec<String> {
        let comments = self.forge.comments_on(&API.repository_id(), number).await.unwrap();
        let bodies = comments.into_iter().map(|comment| comment.body);
        bodies.filter(|body| body.contains("<!-- kubeopt:reply:not-synced -->")).collect()
    }

    /// What kubeopt said below a pull request of what became of it.
    async fn outcome(&self, number: u64) -> Option<String> {
        let comments = self.forge.comments_on(&API.repository_id(), number).await.unwrap();
        let mut own = comments.into_iter().filter(|it| it.body.ends_with("<!-- kubeopt:reply:outcome -->"));
        let outcome = own.next().map(|comment| comment.body);
        assert_eq!(own.next(), None, "it is said once");
        outcome
    }
}

#[tokio::test]
async fn a_merge_after_which_containers_are_killed_is_taken_back_and_the_lesson_is_kept() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    let merged = world.watched(&kubeopt).await;
    assert_eq!(world.outcome(merged.number).await, None);
    let begins = world.now().as_second();
    world.metrics["prod"].set(with_kills(&[API, WEB], &[begins + 2 * HOUR_S, begins + 3 * HOUR_S]));
    world.advance(DAY_S / 2);
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.watching.judged.len(), 1, "{:?}", report.watching);
    let outcome = world.outcome(merged.number).await.unwrap();
    assert!(outcome.contains("**It did harm**") && outcome.contains("OOM kills 2 in "), "{outcome}");
    assert!(outcome.contains("before 0 in "), "{outcome}");
    let back = world.pulls_of(&API).await.pop().unwrap();
    assert_eq!((back.state, back.number > merged.number), (PullRequestState::Open, true));
    assert!(
        back.body.starts_with(&format!("This takes #{} back: after the merge", merged.number)),
        "{}",
        back.body
    );
    assert!(back.body.contains("OOM kills 2 in "), "{}", back.body);

    // Another process with another database goes on from what the forge tells.
    let other = world.controller("b").await;
    world.pass(&other).await;
    assert_eq!(world.pulls_of(&API).await.len(), 2);
    world.forge.merge(&API.repository_id(), back.number, "alice").await.unwrap();
    world.apply().await;
    world.pass(&other).await;
    let back_again = world.snapshot(API.repository).await;
    let path = kubeopt_model::RepoPath::new(&API.path()).unwrap();
    assert_eq!(back_again.read(&path).unwrap().unwrap(), API.manifest(ASKED).as_bytes());
    let mut report = world.pass(&other).await;
    for step in 1..=4 {
        assert_eq!(world.pulls_of(&API).await.len(), 2, "nothing is proposed for what was taken back");
        world.advance(4 * DAY_S);
        let usage = recorded(&[API, WEB], quiet_millicores);
        world.metrics["prod"].set(shifted(usage, step * 4 * DAY_S));
        report = world.pass(&other).await;
    }
    let left: Vec<String> = report.decided.left.iter().map(|left| left.why.sentence()).collect();
    let again = world.pulls_of(&API).await.pop().unwrap();
    assert!(again.number > back.number, "the freeze is over: {left:?}, {:?}", report.problems());
    let memory = |pull: &PullRequest| {
        let marker = Marker::find(&pull.body).unwrap();
        let field = marker.fields.into_iter().find(|field| field.field == "requests.memory");
        Amount::parse(Resource::Memory, &field.unwrap().value.after).unwrap()
    };
    assert!(memory(&again) > memory(&merged), "{} was too little", memory(&merged));
}

/// The same usage, later.
fn shifted(mut usage: RecordedMetrics, seconds: i64) -> RecordedMetrics {
    for series in &mut usage.series {
        for (at, _) in &mut series.points {
            *at += seconds;
        }
    }
    usage
}

#[tokio::test]
async fn a_merge_after_which_nothing_is_worse_is_kept() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    let merged = world.watched(&kubeopt).await;
    for _ in 0..3 {
        world.advance(DAY_S / 2);
        world.pass(&kubeopt).await;
    }
    let outcome = world.outcome(merged.number).await.unwrap();
    assert!(outcome.starts_with("**No harm was seen**"), "{outcome}");
    world.pass(&world.controller("b").await).await;
    assert_eq!(world.outcome(merged.number).await.unwrap(), outcome);
    assert_eq!(world.pulls_of(&API).await.len(), 1);
}

#[tokio::test]
async fn a_kill_of_before_the_merge_is_no_harm_of_it() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    let merged = world.watched(&kubeopt).await;
    let now = world.now().as_second();
    let always: Vec<i64> = (-6..3).map(|day| now + day * DAY_S / 2 + HOUR_S).collect();
    world.metrics["prod"].set(with_kills(&[API, WEB], &always));
    for _ in 0..3 {
        world.advance(DAY_S / 2);
        world.pass(&kubeopt).await;
    }
    let outcome = world.outcome(merged.number).await.unwrap();
    assert!(!outcome.contains("It did harm"), "{outcome}");
    assert!(world.pulls_of(&API).await.iter().all(|pull| !pull.body.starts_with("This takes")));
}

#[tokio::test]
async fn with_too_few_data_nothing_is_claimed() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    let merged = world.watched(&kubeopt).await;
    world.metrics["prod"].set(recorded(&[WEB], quiet_millicores));
    for _ in 0..4 {
        world.advance(DAY_S / 2);
        world.pass(&kubeopt).await;
    }
    let outcome = world.outcome(merged.number).await.unwrap();
    assert!(outcome.starts_with("**Nothing is claimed**"), "{outcome}");
}

#[tokio::test]
async fn of_a_sync_that_never_happened_nothing_is_said_but_that() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.forge.merge(&API.repository_id(), pull.number, "alice").await.unwrap();
    world.pass(&kubeopt).await;
    world.advance(HOUR_S / 2);
    world.pass(&kubeopt).await;
    assert_eq!(world.said_of_sync(pull.number).await, Vec::<String>::new());
    world.advance(2 * HOUR_S);
    told(&world.pass(&kubeopt).await, "E-RUN-005");
    let said = world.said_of_sync(pull.number).await;
    assert_eq!(said.len(), 1);
    assert!(said[0].starts_with("Merged 2 hours ago, and the cluster shows 0 of 2 values."), "{}", said[0]);
    for name in ["a", "b"] {
        world.advance(DAY_S);
        told(&world.pass(&world.controller(name).await).await, "E-RUN-005");
    }
    assert_eq!(world.said_of_sync(pull.number).await, said, "once, whoever goes on");
    assert_eq!(world.outcome(pull.number).await, None);
}

#[tokio::test]
async fn values_that_somebody_changed_on_the_base_are_not_missed_in_the_cluster() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.forge.merge(&API.repository_id(), pull.number, "alice").await.unwrap();
    world.pass(&kubeopt).await;
    world.commit(API.repository, &API.path(), &API.manifest(("350m", "700Mi"))).await;
    world.advance(2 * HOUR_S);
    world.pass(&kubeopt).await;
    assert_eq!(world.said_of_sync(pull.number).await, Vec::<String>::new());
}
