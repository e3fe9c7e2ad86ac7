//! How sure a proposal says it is: the number in the text is what the stored days give, few days borrow those of similar
//! workloads, and what is not sure enough is left alone.

use kubeopt_model::quantity::MIB;
use kubeopt_model::usage::{OomKill, Signal, UsageSeries};
use kubeopt_model::{
    Amount, ClusterName, ContainerId, ContainerUsage, EffectivePolicy, NoRecommendation, Resources,
    StatedConfidence, Window,
};
use kubeopt_observe::{RecordedMetrics, STEP_S};
use kubeopt_recommend::{EarlierDays, Evidence, fleet_of, size};
use kubeopt_runtime::PassReport;
use kubeopt_runtime::edges::Edges;

use crate::apps::{API, ASKED, App, DAY_S, NOW_S, WEB};
use crate::said::left;
use crate::world::World;

const CLUSTER: &str = "prod";

/// What one container uses at an instant: millicores, and memory in MiB. Every fifth day is busier than the others.
fn needed(at: i64) -> (f64, f64) {
    let busy = if at.div_euclid(DAY_S) % 5 == 0 { 1.4 } else { 1.0 };
    let step = (at / STEP_S % 10) as f64;
    (busy * (100.0 + step), busy * (200.0 + step))
}

/// So many days of it until now.
fn recorded(apps: &[App], days: i64, oom_kills: Vec<OomKill>) -> RecordedMetrics {
    let steps = || (NOW_S - days * DAY_S..NOW_S).step_by(STEP_S as usize);
    let series = |app: &App, signal, of: &dyn Fn(i64) -> f64| UsageSeries {
        container: app.container(),
        pod: app.pod_name(),
        signal,
        points: steps().map(|at| (at, of(at))).collect(),
    };
    let both = |app: &App| {
        let memory = |at| needed(at).1 * MIB as f64;
        [series(app, Signal::CpuMillicores, &|at| needed(at).0), series(app, Signal::MemoryBytes, &memory)]
    };
    RecordedMetrics { series: apps.iter().flat_map(both).collect(), oom_kills, gpus: Vec::new() }
}

async fn controller(world: &World, days: i64, metrics: RecordedMetrics) -> Edges {
    world.metrics[CLUSTER].set(metrics);
    Edges { history_seconds: days * DAY_S, ..world.controller("a").await }
}

fn stated(report: &PassReport, app: &App) -> Option<StatedConfidence> {
    let mut members = report.decided.admitted.iter().flat_map(|admitted| &admitted.recommendation.members);
    members.find(|member| member.container == app.container()).unwrap().confidence
}

/// The usage that is stored of a window.
async fn stored(
    kubeopt: &Edges,
    id: &ContainerId,
    from_unix_s: i64,
    to_unix_s: i64,
) -> Option<ContainerUsage> {
    let (cluster, window) = (ClusterName::new(CLUSTER).unwrap(), Window { from_unix_s, to_unix_s });
    let ids = [id.clone()];
    kubeopt.history.usage(&cluster, window, Some(&ids)).await.unwrap().into_iter().next()
}

/// What the rules give at a moment, from the windows that are stored before it: CPU and memory.
async fn given_at(kubeopt: &Edges, app: &App, at: i64) -> Option<[Amount; 2]> {
    let policy = EffectivePolicy::default();
    let begins = at - policy.sizing.history_seconds;
    let usage = stored(kubeopt, &app.container(), begins, at).await?;
    let mut earlier = EarlierDays::default();
    if let Some(before) = stored(kubeopt, &app.container(), at - 90 * DAY_S, begins).await {
        earlier.add(before, begins);
    }
    let workload = app.workload(ASKED);
    let evidence = Evidence {
        container: workload.containers[0].clone(),
        workload,
        filled_in: Resources::default(),
        fleet: fleet_of([(&usage, 1)]),
        usage: Some(usage),
        earlier: Some(earlier),
        points: None,
        gpu: None,
        foretold: None,
        scale_targets: vec![],
        given: vec![],
        lessons: vec![],
        frozen: None,
        leak: None,
    };
    let sizing = size(&evidence, &policy);
    let requests = sizing.resources.requests;
    sizing.left.is_empty().then_some([Amount::Cpu(requests.cpu?), Amount::Memory(requests.memory?)])
}

/// The share that so many or more of the days hold in one case of twenty, found by trying.
fn bound(held: u64, days: u64) -> f64 {
    let at_least = |share: f64| {
        let mut sum = 0.0;
        for k in held..=days {
            let ways = (1..=days - k).fold(1.0, |ways, i| ways * (k + i) as f64 / i as f64);
            sum += ways * share.powi(k as i32) * (1.0 - share).powi((days - k) as i32);
        }
        sum
    };
    let tried = (0..100_000).map(|step| f64::from(step) / 100_000.0);
    tried.take_while(|share| at_least(*share) < 0.05).last().unwrap_or(0.0)
}

#[tokio::test]
async fn the_number_in_the_text_is_what_the_stored_windows_give() {
    const DAYS: i64 = 62;
    let world = World::of(&[API]).await;
    let killed = NOW_S.div_euclid(DAY_S) * DAY_S - 20 * DAY_S + 3600;
    let kill = OomKill { container: API.container(), at_unix_s: killed, limit: None };
    let kubeopt = controller(&world, DAYS, recorded(&[API], DAYS, vec![kill])).await;
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);

    let mut counts = [(0, 0); 2];
    let (first, today) = ((NOW_S - DAYS * DAY_S).div_euclid(DAY_S) + 1, NOW_S.div_euclid(DAY_S));
    for day in first..today {
        let Some(values) = given_at(&kubeopt, &API, day * DAY_S).await else { continue };
        let steps = || (day * DAY_S..(day + 1) * DAY_S).step_by(STEP_S as usize);
        let above = steps().filter(|at| needed(*at).0 > values[0].base() as f64).count();
        let highest = steps().map(|at| needed(at).1 * MIB as f64).fold(0.0, f64::max);
        let was_killed = killed.div_euclid(DAY_S) == day;
        let held = [above <= steps().count() / 4, highest <= values[1].base() as f64 && !was_killed];
        for (count, held) in counts.iter_mut().zip(held) {
            *count = (count.0 + u64::from(held), count.1 + 1);
        }
    }
    let [(cpu_held, cpu_days), (held, days)] = counts;
    assert_eq!((cpu_held, cpu_days, days), (54, 54, 54), "all days but the first week");
    assert!(held < days, "the day of the kill did not hold");
    let wanted = bound(held, days);
    let found = stated(&report, &API).unwrap();
    assert!((found.lower_bound - wanted).abs() < 2e-5, "{found} is not {wanted}");
    assert_eq!((u64::from(found.held_days), u64::from(found.days)), (held, days));
    let body = world.the_open_one(&API).await.body;
    for said in
        [format!("| {wanted:.2} (n={days}) |"), format!("Confidence {wanted:.2}, {held} of {days} days:")]
    {
        assert!(body.contains(&said), "{said}: {body}");
    }
    // An hour later the same days are over, and none is judged anew.
    world.advance(3600);
    assert_eq!(stated(&world.pass(&kubeopt).await, &API), Some(found));
}

#[tokio::test]
async fn few_days_borrow_those_of_similar_workloads_and_too_few_are_called_so() {
    const DAYS: i64 = 13;
    let apps = ["a", "b", "c", "d"].map(|name| App { name, folder: name, namespace: name, ..API });
    let world = World::of(&apps).await;
    let kubeopt = controller(&world, DAYS, recorded(&apps, DAYS, vec![])).await;
    let report = world.pass(&kubeopt).await;
    let each = apps.iter().map(|app| stated(&report, app).unwrap().to_string()).collect::<Vec<_>>();
    assert_eq!(each, ["0.86, 20 of 20 days of 4 similar workloads"; 4]);
    let body = world.the_open_one(&apps[0]).await.body;
    assert!(
        body.contains("| 0.86 (n=20 of 4 workloads) |") && body.contains("its own days are too few"),
        "{body}"
    );

    let alone = World::of(&[API]).await;
    let kubeopt = controller(&alone, DAYS, recorded(&[API], DAYS, vec![])).await;
    assert_eq!(stated(&alone.pass(&kubeopt).await, &API), None);
    let body = alone.the_open_one(&API).await.body;
    assert!(body.contains("| too few days |") && !body.contains("Confidence "), "{body}");
}

#[tokio::test]
async fn what_is_less_sure_than_its_policy_asks_for_is_left_alone_with_the_reason() {
    const DAYS: i64 = 40;
    let policy = "changes: {minConfidence: 0.95}\n";
    let world = World::with(&[API, WEB], &[("shop", "apps/api/.kubeopt.yaml", policy)]).await;
    let kubeopt = controller(&world, DAYS, recorded(&[API, WEB], DAYS, vec![])).await;
    let report = world.pass(&kubeopt).await;
    // 32 of 32 days: 0.91.
    let NoRecommendation::Refused { guardrail, text } = left(&report, &API) else { panic!("{report:#?}") };
    assert_eq!(guardrail, "confidence");
    assert_eq!(text, "confidence is 0.91, at least 0.95 (changes.minConfidence)");
    assert!(world.pulls_of(&API).await.is_empty());
    world.the_open_one(&WEB).await;
    world.commit("shop", "apps/api/.kubeopt.yaml", "changes: {minConfidence: 0.9}\n").await;
    world.pass(&kubeopt).await;
    world.the_open_one(&API).await;
}

#[tokio::test]
async fn what_is_not_known_is_not_sure_enough_for_anyone_who_asks() {
    let policy = "changes: {minConfidence: 0.1}\n";
    let world = World::with(&[API], &[("shop", "apps/api/.kubeopt.yaml", policy)]).await;
    let report = world.pass(&world.controller("a").await).await;
    let why = left(&report, &API).sentence();
    assert_eq!(why, "confidence is unknown, at least 0.1 (changes.minConfidence)");
}
