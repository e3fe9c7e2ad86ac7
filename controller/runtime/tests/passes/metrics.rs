//! Bad days of the metrics source: down, slow, empty, answering with warnings.

use kubeopt_history::UsageStore as _;
use kubeopt_model::{NoRecommendation, Window};

use crate::apps::{API, App, HISTORY_S, NOW_S, SITE};
use crate::prometheus::{Mood, Played, source_at};
use crate::said::{left, told};
use crate::world::World;

/// In a cluster of its own, whose metrics source is well.
const ELSEWHERE: App = App { cluster: "stage", ..SITE };

/// An address where nobody listens: the port was free a moment ago and is never given out as a listening one.
const NOBODY: &str = "http://127.0.0.1:1";

async fn hours_kept(world: &World) -> Vec<Window> {
    world.history.covered(&API.id().cluster).await.unwrap()
}

fn all_hours(until: i64) -> Vec<Window> {
    vec![Window { from_unix_s: NOW_S - HISTORY_S, to_unix_s: until }]
}

/// What is wrong with the source, and how it is said.
const CASES: &[(&str, Mood, &str)] = &[
    ("gives up on every query", Mood::Slow, "E-OBS-003"),
    ("has no usage of containers", Mood::Bare, "E-RUN-013"),
    ("has usage of other clusters only", Mood::Foreign, "E-RUN-013"),
];

#[tokio::test]
async fn a_source_that_gives_nothing_stops_its_own_cluster_only_and_loses_nothing() {
    for (what, mood, code) in CASES {
        let world = World::of(&[API, ELSEWHERE]).await;
        let played = Played::of(&[API], *mood).await;
        world.metrics["prod"].set(played.source());
        let kubeopt = world.controller("a").await;

        let report = world.pass(&kubeopt).await;
        told(&report, code);
        assert_eq!(left(&report, &API), NoRecommendation::NoUsage, "{what}");
        assert!(world.pulls_of(&API).await.is_empty(), "{what}");
        let other = world.the_open_one(&ELSEWHERE).await;
        assert!(hours_kept(&world).await.is_empty(), "{what}: emptiness was kept as the truth");

        played.set(Mood::Fine);
        let report = world.pass(&kubeopt).await;
        assert_eq!(report.problems(), [], "{what}");
        world.the_open_one(&API).await;
        assert_eq!(world.the_open_one(&ELSEWHERE).await, other, "{what}");
        assert_eq!(hours_kept(&world).await, all_hours(NOW_S), "{what}");
    }
}

#[tokio::test]
async fn a_source_that_is_down_for_an_hour_leaves_no_hole() {
    let world = World::of(&[API, ELSEWHERE]).await;
    let played = Played::of(&[API], Mood::Fine).await;
    world.metrics["prod"].set(source_at(NOBODY));
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    told(&report, "E-OBS-001");
    assert_eq!(left(&report, &API), NoRecommendation::NoUsage);
    world.the_open_one(&ELSEWHERE).await;

    world.metrics["prod"].set(played.source());
    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    let open = world.the_open_one(&API).await;

    world.metrics["prod"].set(source_at(NOBODY));
    world.advance(3600);
    let report = world.pass(&kubeopt).await;
    told(&report, "E-OBS-001");
    assert_eq!(world.the_open_one(&API).await, open, "what is open stays as it is");
    assert_eq!(hours_kept(&world).await, all_hours(NOW_S));

    world.metrics["prod"].set(played.source());
    world.advance(3600);
    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    assert_eq!(hours_kept(&world).await, all_hours(NOW_S + 2 * 3600));
    assert_eq!(world.the_open_one(&API).await, open);
}

#[tokio::test]
async fn nothing_is_lowered_on_an_answer_with_warnings() {
    let world = World::of(&[API, ELSEWHERE]).await;
    let played = Played::of(&[API], Mood::Warns).await;
    world.metrics["prod"].set(played.source());
    let kubeopt = world.controller("a").await;

    let report = world.pass(&kubeopt).await;
    let problem = told(&report, "E-RUN-014");
    assert!(problem.text.contains("store 10.0.0.7 did not answer"), "{problem}");
    assert!(matches!(left(&report, &API), NoRecommendation::PartialData { .. }));
    assert!(world.pulls_of(&API).await.is_empty());
    let other = world.the_open_one(&ELSEWHERE).await;

    played.set(Mood::Fine);
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);
    world.the_open_one(&API).await;
    assert_eq!(world.the_open_one(&ELSEWHERE).await, other);
}

#[tokio::test]
async fn emptiness_after_good_days_is_doubted_and_read_again() {
    let world = World::of(&[API, ELSEWHERE]).await;
    let played = Played::of(&[API], Mood::Fine).await;
    world.metrics["prod"].set(played.source());
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let open = world.the_open_one(&API).await;

    played.set(Mood::Foreign);
    world.advance(3600);
    let report = world.pass(&kubeopt).await;
    told(&report, "E-RUN-013");
    assert_eq!(hours_kept(&world).await, all_hours(NOW_S), "the doubtful hour is not settled");
    assert_eq!(world.the_open_one(&API).await, open);

    played.set(Mood::Fine);
    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    assert_eq!(hours_kept(&world).await, all_hours(NOW_S + 3600));
    assert_eq!(world.the_open_one(&API).await, open);
}

#[tokio::test]
async fn without_the_list_of_hpas_nothing_that_one_may_scale_is_sized() {
    let world = World::of(&[API, ELSEWHERE]).await;
    let forbidden = kubeopt_model::Problem::new("E-CLU-003", "kubeopt may not list them", "allow it")
        .at("horizontalpodautoscalers.autoscaling", None);
    let cluster = API.id().cluster;
    world.shown.lock().unwrap().get_mut(&cluster).unwrap().unseen.push(forbidden);
    let kubeopt = world.controller("a").await;

    let report = world.pass(&kubeopt).await;
    told(&report, "E-CLU-003");
    let why = left(&report, &API);
    assert!(matches!(&why, NoRecommendation::Refused { guardrail, .. } if guardrail == "scaler"), "{why:?}");
    assert!(why.sentence().contains("could not be listed"), "{}", why.sentence());
    world.the_open_one(&ELSEWHERE).await;

    world.shown.lock().unwrap().get_mut(&cluster).unwrap().unseen.clear();
    world.pass(&kubeopt).await;
    world.the_open_one(&API).await;
}
