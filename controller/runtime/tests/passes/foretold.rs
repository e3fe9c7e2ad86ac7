//! What is foretold in a pull request: the numbers and the weight of the network are those that the stored hours give, a
//! second pass says the same, and a network that cannot be used is told.

use kubeopt_forecast::{HISTORY_MIN, Load, Model, Track, measured_day};
use kubeopt_model::quantity::MIB;
use kubeopt_model::usage::{Signal, UsageSeries};
use kubeopt_model::{ClusterName, Resource, Window};
use kubeopt_observe::{RecordedMetrics, STEP_S};
use kubeopt_runtime::edges::Edges;
use kubeopt_runtime::foretelling::Foretelling;

use crate::apps::{API, App, DAY_S, NOW_S};
use crate::world::World;

const DAYS: i64 = 35;
const HOURS_OF_DAY: usize = 24;

/// A day's wave, weekends of half its height, and something that differs from sample to sample. The wave of CPU grows by a part
/// of its height a day, up to the same height.
fn recorded(app: &App, days: i64, growth: f64) -> RecordedMetrics {
    let unrest = |at: i64| ((at / STEP_S).wrapping_mul(7919) % 101) as f64 / 100.0;
    let busy = |at: i64| {
        let of_day = (at % DAY_S) as f64 / DAY_S as f64;
        let weekend = if matches!((at / DAY_S + 4) % 7, 0 | 6) { 0.5 } else { 1.0 };
        weekend * (of_day * std::f64::consts::PI).sin()
    };
    let from = NOW_S - days * DAY_S;
    let steps = || (from..NOW_S).step_by(STEP_S as usize);
    let of = |signal, points| UsageSeries { container: app.container(), pod: app.pod_name(), signal, points };
    let grown = |at: i64| 1.0 + growth * (at - from) as f64 / DAY_S as f64;
    let height = |at: i64| 100.0 * grown(at) / grown(NOW_S);
    let memory = |at| (200.0 + 60.0 * busy(at) + 15.0 * unrest(at)) * MIB as f64;
    let series = vec![
        of(
            Signal::CpuMillicores,
            steps().map(|at| (at, 30.0 + height(at) * busy(at) + 20.0 * unrest(at))).collect(),
        ),
        of(Signal::MemoryBytes, steps().map(|at| (at, memory(at))).collect()),
    ];
    RecordedMetrics { series, oom_kills: Vec::new(), gpus: Vec::new() }
}

async fn controller(world: &World, name: &str) -> Edges {
    Edges { history_seconds: DAYS * DAY_S, ..world.controller(name).await }
}

/// The sentence of one resource and the weight of the network in it, as the stored hours give it: worked out here, without what
/// a pass uses for it.
async fn sentence(kubeopt: &Edges, resource: Resource) -> (String, f32) {
    let midnight = NOW_S.div_euclid(DAY_S) * DAY_S;
    let cluster = ClusterName::new("prod").unwrap();
    let window = Window { from_unix_s: NOW_S - DAYS * DAY_S, to_unix_s: NOW_S };
    let usage = kubeopt.history.usage(&cluster, window, None).await.unwrap().remove(0);
    let (hours, name, unit, base) = match resource {
        Resource::Cpu => (&usage.cpu_hours, "CPU", "m", 1.0),
        Resource::Memory => (&usage.memory_hours, "Memory", "Mi", MIB as f64),
    };
    let load = Load::of(resource, hours.iter().filter(|hour| hour.at_unix_s < midnight)).unwrap();
    let origin = load.place(midnight / 3600).unwrap();
    let model = Model::shipped().unwrap();
    let mut track = Track::default();
    let first = origin - 28 * HOURS_OF_DAY;
    for at in (first..origin).step_by(HOURS_OF_DAY).filter(|at| *at >= HISTORY_MIN) {
        let said = model.foretell(&[(&load, at)]).remove(0).ok();
        let (outlook, peaks) =
            (track.outlook(&load, at, said.as_ref()), track.peaks(&load, at, said.as_ref()));
        track.learn(&outlook, &measured_day(&load, at));
        track.learn_peaks(&peaks);
    }
    let said = model.foretell(&[(&load, origin)]).remove(0).ok();
    let peaks = track.peaks(&load, origin, said.as_ref());
    let (day, week) = (peaks.day.unwrap(), peaks.week.unwrap());
    let value = |value: f32| format!("{:.0}{unit}", f64::from(value) / base);
    let [low, middle, high, ..] = week.quantiles.map(value);
    let [day_low, day_middle, day_high, ..] = day.quantiles.map(value);
    let [held_day, held_week] = model.bands_held(resource).unwrap().map(|part| 100.0 * part);
    let weight = week.network_weight();
    let told = if weight == 0.0 {
        "the model is not better than seasonal naive here: its weight is 0".to_owned()
    } else {
        format!("the model has a weight of {weight:.2} in it")
    };
    let sentence = format!(
        "- {name}: forecast peak for the next 7 days {middle} (band {low} to {high}, held {held_week:.0} % when measured), for the next day {day_middle} ({day_low} to {day_high}, held {held_day:.0} %); {told}"
    );
    (sentence, weight)
}

#[tokio::test]
async fn the_foretold_peak_and_the_weight_of_the_network_are_those_of_the_stored_hours() {
    let world = World::of(&[API]).await;
    world.metrics["prod"].set(recorded(&API, DAYS, 0.0));
    let kubeopt = controller(&world, "a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    for resource in [Resource::Cpu, Resource::Memory] {
        let (wanted, weight) = sentence(&kubeopt, resource).await;
        assert!(weight > 0.0, "five weeks are enough for the network to be heard: {wanted}");
        assert!(pull.body.contains(&wanted), "{wanted}\n{}", pull.body);
    }
    assert!(pull.body.contains("%% foretold, 90 %"), "the chart shows the band: {}", pull.body);
    // Another process knows nothing of what was worked out, and says the same.
    world.pass(&controller(&world, "a").await).await;
    assert_eq!(world.the_open_one(&API).await.body, pull.body);
}

#[tokio::test]
async fn a_network_that_cannot_be_used_is_told_and_baselines_foretell() {
    let world = World::of(&[API]).await;
    world.metrics["prod"].set(recorded(&API, DAYS, 0.0));
    let weights = world.folder().join("own.weights");
    std::fs::write(&weights, "no weights").unwrap();
    std::fs::write(weights.with_extension("json"), "{}").unwrap();
    let foretelling = Foretelling::new(Some(weights), None);
    let kubeopt = Edges { foretelling, ..controller(&world, "a").await };
    let report = world.pass(&kubeopt).await;
    let codes: Vec<String> = report.problems().into_iter().map(|problem| problem.code).collect();
    assert!(codes.iter().any(|code| code.starts_with("E-FOR-00")), "{codes:?}");
    let body = world.the_open_one(&API).await.body;
    let refused = body.lines().filter(|line| line.contains("the model was refused (E-FOR-00")).count();
    assert_eq!(refused, 2, "{body}");
}

#[tokio::test]
async fn what_is_told_stays_the_same_all_day_though_windows_move_with_the_hour() {
    let days = 50;
    let world = World::of(&[API]).await;
    world.metrics["prod"].set(recorded(&API, days, 0.0));
    let file = world.folder().join("foretold.json");
    let foretold = async || {
        let foretelling = Foretelling::new(None, Some(file.clone()));
        let kubeopt = Edges { history_seconds: days * DAY_S, foretelling, ..world.controller("a").await };
        let report = world.pass(&kubeopt).await;
        let member = report.decided.admitted[0].recommendation.members[0].clone();
        (member.foretold.unwrap(), std::fs::read(&file).unwrap())
    };
    let (first, written) = foretold().await;
    assert_eq!(first.memory.as_ref().unwrap().hours.len(), HOURS_OF_DAY);
    world.advance(3600);
    let (second, kept) = foretold().await;
    assert_eq!(second, first);
    assert_eq!(
        String::from_utf8(kept).unwrap(),
        String::from_utf8(written).unwrap(),
        "nothing was worked out again"
    );
}

#[tokio::test]
async fn a_policy_lets_what_is_foretold_raise_cpu_and_without_it_nothing_changes() {
    let sized = |outlook: &'static str| async move {
        let policy = format!("extends: kubeopt:balanced\nsizing: {{outlook: {outlook}}}\n");
        let world = World::with(&[API], &[("shop", ".kubeopt.yaml", &policy)]).await;
        world.metrics["prod"].set(recorded(&API, DAYS, 0.2));
        let report = world.pass(&controller(&world, "a").await).await;
        let recommendation = &report.decided.admitted[0].recommendation;
        let mut said = recommendation.reasons.iter().filter(|reason| reason.rule == "outlook");
        let member = &recommendation.members[0];
        let peak = member.foretold.as_ref().unwrap().cpu.as_ref().unwrap().peak_week.q50;
        (member.resources.after.requests, said.next().map(|said| (said.field, said.text.clone())), peak)
    };
    let (off, raise) = (sized("off").await, sized("raise").await);
    assert_eq!(off.1, None);
    assert!(raise.0.cpu > off.0.cpu && raise.0.memory >= off.0.memory, "{raise:?} {off:?}");
    let (field, text) = raise.1.unwrap();
    assert_eq!(field, kubeopt_model::Field::CPU_REQUEST);
    let wanted = format!("the peak of the next 7 days is foretold at {:.0}m, and ", raise.2);
    assert!(text.starts_with(&wanted) && text.contains("sizing.outlook: raise"), "{text}");
}
