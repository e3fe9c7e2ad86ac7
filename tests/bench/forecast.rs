//! The network of forecasts: a day and the peaks of many loads foretold, its forward pass beside that of ONNX Runtime on the
//! same numbers, and how fast it learns. One thread each, so that figures compare.

use std::ops::ControlFlow;
use std::path::Path;
use std::time::Instant;

use kubeopt_forecast::{
    Card, Cuts, FEATURES, HISTORY_MIN, Load, Model, Plan, Recorded, STATICS, STEPS, Trainer,
};
use kubeopt_lstm::{Batch, Tape};
use kubeopt_model::Resource;
use kubeopt_model::usage::HourPoint;
use kubeopt_tests::process::Launch;
use kubeopt_tests::{OrFail, servers};
use serde_json::{Value, json};

use crate::options;
use crate::say;

/// Loads that differ; each is asked at several origins.
const LOADS: usize = 400;

/// Hours of a load: what statics look back over, and the origins after it.
const HOURS: usize = 70 * 24;

/// Windows that are run at once, here and there.
const BATCH: usize = 64;

/// Batches that are learned from.
const LEARNED: usize = 60;

/// Measures and prints a table.
pub(crate) async fn run(load: &options::Load) {
    let model = Model::shipped().or_fail("read the model that comes with kubeopt");
    let loads: Vec<Load> = (0..LOADS).map(made).collect();
    let windows: Vec<(&Load, usize)> =
        (0..load.containers).map(|at| (&loads[at % LOADS], HISTORY_MIN + 600 + 3 * (at / LOADS))).collect();
    let foretold = best(load.rounds, || {
        let failed = model.foretell(&windows).iter().filter(|own| own.is_err()).count();
        assert_eq!(failed, 0, "each load has enough history");
    });
    let batches = load.containers.div_ceil(BATCH);
    let (inputs, statics) = (waves(STEPS * BATCH * FEATURES, 0.37), waves(BATCH * STATICS, 0.11));
    let batch = Batch { steps: STEPS, size: BATCH, inputs: &inputs, statics: &statics };
    let mut tape = Tape::default();
    let own = best(load.rounds, || {
        for _ in 0..batches {
            model.network().quantiles_with(&batch, &mut tape).or_fail("run the network");
        }
    });
    let others = onnx_runtime(&model, load.rounds, batches).await;
    let (steps, plan) = (learned(&loads), Plan::default());
    say(&format!(
        "{} loads, {} quantiles each, one thread, best of {} rounds\n",
        load.containers,
        26 * 5,
        load.rounds
    ));
    say("| what | seconds | a second |\n|---|---|---|");
    let row = |what: &str, seconds: f64, count: f64| {
        say(&format!("| {what} | {seconds:.2} | {:.0} |", count / seconds));
    };
    row("inputs, network, offsets: all quantiles", foretold, load.containers as f64);
    row("the network's forward pass alone", own, (batches * BATCH) as f64);
    row("the same in ONNX Runtime", others, (batches * BATCH) as f64);
    row("training, in batches", LEARNED as f64 / steps, LEARNED as f64);
    say(&format!(
        "\nforward pass beside ONNX Runtime: {:.2} of its time. The shipped weights are those after {} of {} batches: {:.0} s on one thread at this rate.",
        own / others,
        step_of_shipped(),
        plan.steps,
        step_of_shipped() as f64 / steps,
    ));
}

/// The shortest of so many times, in seconds.
fn best(rounds: usize, mut work: impl FnMut()) -> f64 {
    let mut once = || {
        let begun = Instant::now();
        work();
        begun.elapsed().as_secs_f64()
    };
    (0..rounds.max(1)).map(|_| once()).fold(f64::INFINITY, f64::min)
}

/// The same numbers through the exported file, in an engine of others.
async fn onnx_runtime(model: &Model, rounds: usize, batches: usize) -> f64 {
    let folder = kubeopt_tests::folder("forecast");
    let file = folder.path().join("network.onnx");
    std::fs::write(&file, model.onnx()).or_fail("write the network");
    let told = json!({
        "windowsShape": [STEPS, BATCH, FEATURES], "staticsShape": [BATCH, STATICS],
        "batches": batches, "rounds": rounds.max(1),
    });
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("bench/forecast.py");
    let python = Launch::new("python", servers::program("onnx", "python"));
    let answer = python.arg(script).arg(&file).arg(told.to_string()).run().await;
    let seconds: Value = serde_json::from_str(&answer).or_fail("read the engine's time");
    seconds.as_f64().unwrap_or(f64::NAN)
}

/// Batches a second.
fn learned(loads: &[Load]) -> f64 {
    let cuts = Cuts::for_recording(0, HOURS as i64);
    let recorded: Vec<Recorded> = loads
        .iter()
        .enumerate()
        .filter_map(|(at, load)| Recorded::of(&at.to_string(), load.clone(), cuts))
        .collect();
    // No look at the validation part but after the last step.
    let mut trainer = Trainer::new(Plan { steps: LEARNED + 1, look_every: LEARNED + 1, ..Plan::default() });
    let begun = Instant::now();
    let trained = trainer.run(&recorded, 1, &mut |_, told| {
        if told.step == LEARNED { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    trained.or_fail("train");
    LEARNED as f64 / begun.elapsed().as_secs_f64()
}

fn step_of_shipped() -> usize {
    let card = include_str!("../../controller/forecast/model/outlook.json");
    Card::read(card).or_fail("read the card of the model").training.step
}

/// Office hours of some height, with noise and a burst now and then.
fn made(number: usize) -> Load {
    let mut state = number as u64 + 1;
    let mut random = move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    };
    let height = 20.0 + 30.0 * (number % 40) as f64;
    let points = (0..HOURS).map(|hour| {
        let office = if (8..18).contains(&(hour % 24)) { 2.0 } else { 1.0 };
        let burst = if random() > 0.99 { 5.0 } else { 1.0 };
        let max = height * office * burst * (0.8 + 0.4 * random());
        HourPoint { at_unix_s: hour as i64 * 3600, median: max * 0.7, p95: max, max }
    });
    Load::of(Resource::Cpu, points).or_fail("make a load")
}

fn waves(count: usize, step: f32) -> Vec<f32> {
    (0..count).map(|at| (at as f32 * step).sin() * 2.0).collect()
}
