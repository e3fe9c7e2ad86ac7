//! Training, measuring and exporting the network of forecasts: history reads the file of recorded usage or the store, the
//! forecast crate learns and measures, here files are written.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::ops::{ControlFlow, Range};
use std::path::{Path, PathBuf};

use kubeopt_forecast::{
    Card, CardData, Cuts, ForecastError, Load, LoadPart, Model, Plan, Recorded, Trainer, calibrate, evaluate,
    recording_digest,
};
use kubeopt_history::{TraceFile, UsageStore};
use kubeopt_model::cluster::ClusterFacts;
use kubeopt_model::trace::ResourceTrace;
use kubeopt_model::usage::HourPoint;
use kubeopt_model::{
    ClusterName, ContainerId, ContainerRole, ContainerUsage, Problem, Resource, Timestamp, Window,
};

use files::{read, write};

use crate::codes;
use crate::edges::Edges;
use crate::progress::Progress;

mod federate;
pub(crate) mod files;

pub use federate::{FederateOptions, Federated, FederatedRow, federate};
pub(crate) use files::model;
pub use kubeopt_forecast::{Difference, Evaluation, OUTLOOK, Row, Scores, TO_BEAT, Wins};

/// Threads beyond these wait for each other: a batch has four chunks.
const THREADS_MAX: usize = 4;

/// All that the store keeps, in seconds.
const KEPT_S: i64 = 90 * 86_400;

/// What is called the recording where it is the history of the store.
const KEPT: &str = "kept history";

/// What is trained, and where it goes.
#[derive(Debug, Clone)]
pub struct TrainOptions {
    /// The file of weights; the card is beside it, with the ending `json`, and while training lasts its state, `state`.
    pub to: PathBuf,
    /// All the chance there is.
    pub seed: u64,
    /// Batches; none for those of the model that comes with kubeopt.
    pub steps: Option<usize>,
    /// Cells of the LSTM; none for those of the model that comes with kubeopt.
    pub hidden: Option<usize>,
}

/// Usage hour by hour that a network is trained or measured on.
#[derive(Debug, Clone)]
pub struct Recording {
    /// The name of the file, or what else it is called on a card.
    name: String,
    /// Each load with the name of its machine or container.
    loads: Vec<(String, Load)>,
}

impl Recording {
    /// Of a file of recorded usage.
    ///
    /// # Errors
    /// Where the file cannot be read.
    pub fn of_file(path: &Path, progress: &dyn Progress) -> Result<Self, Problem> {
        progress.stage("reading recorded usage", None);
        let traces = TraceFile::open(path).and_then(|file| file.traces()).map_err(|error| error.problem())?;
        let mut loads = Vec::new();
        for trace in traces {
            let trace = trace.map_err(|error| error.problem())?;
            for resource in [Resource::Cpu, Resource::Memory] {
                // A container may have one resource only.
                if let Ok(load) = Load::of(resource, hours(trace.resource(resource))) {
                    loads.push((trace.name.clone(), load));
                }
            }
        }
        let name = path.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        Ok(Self { name, loads })
    }

    /// Of the history of the configured store, after what it lacks has been read: of what is selected, without Jobs, CronJobs and
    /// init containers, up to the last midnight of UTC. Gives what could not be seen beside it.
    ///
    /// # Errors
    /// Where history cannot be read.
    pub async fn of_store(edges: &Edges, now: Timestamp) -> Result<(Self, Vec<Problem>), Problem> {
        let seen = edges.observe(now).await;
        let clusters: Vec<ClusterName> = seen.clusters.keys().cloned().collect();
        let init: BTreeSet<ContainerId> = seen.clusters.values().flat_map(init_containers).collect();
        let is_wanted = |id: &ContainerId| {
            edges.shown.covers(&id.workload) && !id.workload.kind.is_batch() && !init.contains(id)
        };
        Ok((Self::kept(edges.history.as_ref(), &clusters, now, &is_wanted).await?, seen.problems))
    }

    async fn kept(
        history: &dyn UsageStore,
        clusters: &[ClusterName],
        now: Timestamp,
        is_wanted: &(dyn Fn(&ContainerId) -> bool + Sync),
    ) -> Result<Self, Problem> {
        // An interrupted training finds the same hours again on the same day.
        let midnight = now.as_second().div_euclid(86_400) * 86_400;
        let window = Window { from_unix_s: midnight - KEPT_S, to_unix_s: midnight };
        Ok(Self { name: KEPT.to_owned(), loads: kept_loads(history, clusters, window, is_wanted).await? })
    }

    /// Hours since the epoch from the first to the last, and where training ends; to measure a model that was trained, after what
    /// it has seen.
    fn cuts(&self, seen: Option<&CardData>) -> Result<(Range<i64>, Cuts), Problem> {
        let from = self.loads.iter().map(|(_, load)| load.hour(0)).min();
        let to = self.loads.iter().map(|(_, load)| load.hour(load.len())).max();
        let (Some(from), Some(to)) = (from, to) else {
            return Err(ForecastError::NoLoads { what: "train on", have: 0 }.problem());
        };
        let cuts = match seen {
            Some(seen) => seen.cuts(&(from..to)).map_err(|error| error.problem())?,
            None => Cuts::for_recording(from, to),
        };
        Ok((from..to, cuts))
    }

    /// All loads that last long enough, and where training ends.
    fn cut(self, seen: Option<&CardData>) -> Result<(String, Vec<Recorded>, Cuts), Problem> {
        let (hours, cuts) = self.cuts(seen)?;
        let recorded = self.loads.into_iter().filter_map(|(name, load)| Recorded::of(&name, load, cuts));
        let mut recorded: Vec<Recorded> = recorded.collect();
        if seen.is_some_and(|seen| !seen.is_of(&self.name, &hours)) {
            recorded.iter_mut().for_each(|own| own.part = LoadPart::Other);
        }
        Ok((self.name, recorded, cuts))
    }
}

/// The loads of all containers that are wanted, with their names.
pub(crate) async fn kept_loads(
    history: &dyn UsageStore,
    clusters: &[ClusterName],
    window: Window,
    is_wanted: &(dyn Fn(&ContainerId) -> bool + Sync),
) -> Result<Vec<(String, Load)>, Problem> {
    let mut loads = Vec::new();
    for cluster in clusters {
        let usage = history.usage(cluster, window, None).await;
        let usage = usage.map_err(|error| error.problem())?;
        loads.extend(usage.iter().filter(|usage| is_wanted(&usage.container)).flat_map(of_container));
    }
    Ok(loads)
}

/// Those that end before the others start: they have no next day.
fn init_containers(facts: &ClusterFacts) -> impl Iterator<Item = ContainerId> {
    facts.workloads.iter().flat_map(|workload| {
        let init = workload.containers.iter().filter(|own| own.role == ContainerRole::Init);
        init.map(|own| ContainerId { workload: workload.id.clone(), container: own.name.clone() })
    })
}

fn of_container(usage: &ContainerUsage) -> impl Iterator<Item = (String, Load)> {
    let name = usage.container.to_string();
    let both = [(Resource::Cpu, &usage.cpu_hours), (Resource::Memory, &usage.memory_hours)];
    both.into_iter().filter_map(move |(resource, hours)| {
        Load::of(resource, hours.iter()).ok().map(|load| (name.clone(), load))
    })
}

/// Whether weights may have this name: their state and card are beside them, under its other endings.
///
/// # Errors
/// Where it ends in `.state` or `.json`, so that one would overwrite the other.
pub fn check_weights_name(to: &Path) -> Result<(), Problem> {
    let ending = to.extension().and_then(|ending| ending.to_str()).unwrap_or_default();
    if ["state", "json"].iter().any(|taken| ending.eq_ignore_ascii_case(taken)) {
        let text = format!("`{}` is no name of weights: .{ending} is of what lies beside them", to.display());
        return Err(Problem::new(codes::NO_FOLDER, text, "end the name in .weights"));
    }
    Ok(())
}

/// Trains, calibrates and measures a network, and writes weights and card. A training that was interrupted goes on.
///
/// # Errors
/// Where the recording has too few weeks, the state is of another recording, or what comes of it cannot be written.
pub fn train(recording: Recording, options: &TrainOptions, progress: &dyn Progress) -> Result<Card, Problem> {
    check_weights_name(&options.to)?;
    let plan = plan(options);
    let (name, recorded, cuts) = recording.cut(None)?;
    let digest = recording_digest(&recorded);
    let state = options.to.with_extension("state");
    let mut trainer = match state.exists() {
        true => Trainer::from_bytes(plan, &digest, &read(&state)?).map_err(|error| error.problem())?,
        false => Trainer::new(plan),
    };
    // Whether it can be written is asked before the long work.
    write(&state, &trainer.to_bytes(&digest))?;
    let mut failed = None;
    let left = plan.steps.saturating_sub(trainer.step()) as u64;
    progress.stage("training; it may end before, where it no longer helps", Some(left));
    let trained = trainer.run(&recorded, threads(), &mut |trainer, told| {
        progress.step();
        let written = told.validation_loss.map_or(Ok(()), |_| write(&state, &trainer.to_bytes(&digest)));
        failed = written.err();
        if failed.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
    });
    let trained = failed.map_or_else(|| trained.map_err(|error| error.problem()), Err)?;
    progress.stage("calibrating", None);
    let offsets = calibrate(&trained.network, &recorded, cuts, threads()).map_err(|error| error.problem())?;
    let model = Model::of(trained.network.clone(), offsets);
    let scores = scored(&model, &recorded, cuts, progress)?;
    let card = Card::of(&model, &trained, &plan, CardData::of(&name, &recorded, cuts), scores);
    write(&options.to, &model.weights())?;
    write(&options.to.with_extension("json"), card.to_json().as_bytes())?;
    // What is left of a training that ended says nothing any more; where it stays, the next one finds it at its end.
    let _left = std::fs::remove_file(&state);
    progress.done();
    Ok(card)
}

/// Measures a model on recorded usage beside all baselines, on weeks that it was not trained or calibrated on.
///
/// # Errors
/// Where the model cannot be used, or the recording has too few such weeks.
pub fn eval(traces: &Path, model: Option<&Path>, progress: &dyn Progress) -> Result<Evaluation, Problem> {
    let model = self::model(model)?;
    let (_, recorded, cuts) = Recording::of_file(traces, progress)?.cut(model.data())?;
    let scores = scored(&model, &recorded, cuts, progress)?;
    progress.done();
    Ok(scores)
}

/// Writes a model as ONNX; gives how many bytes.
///
/// # Errors
/// Where a file cannot be read or written.
pub fn export(model: Option<&Path>, to: &Path) -> Result<usize, Problem> {
    let bytes = self::model(model)?.onnx();
    write(to, &bytes)?;
    Ok(bytes.len())
}

fn plan(options: &TrainOptions) -> Plan {
    let default = Plan::default();
    Plan {
        seed: options.seed,
        steps: options.steps.unwrap_or(default.steps),
        hidden: options.hidden.unwrap_or(default.hidden),
        ..default
    }
}

fn threads() -> usize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN).get().min(THREADS_MAX)
}

fn scored(
    model: &Model,
    recorded: &[Recorded],
    cuts: Cuts,
    progress: &dyn Progress,
) -> Result<Evaluation, Problem> {
    progress.stage("measuring on weeks that were not trained on", Some(recorded.len() as u64));
    evaluate(model, recorded, cuts, threads(), &|| progress.step()).map_err(|error| error.problem())
}

/// Samples by the hour, in the order in which they came.
pub(crate) fn hours(trace: &ResourceTrace) -> Vec<HourPoint> {
    let hour = |point: &(i64, f64)| point.0.div_euclid(3600);
    let of_one = |samples: &[(i64, f64)]| {
        let mut values: Vec<f64> = samples.iter().map(|(_, value)| *value).collect();
        values.sort_unstable_by(f64::total_cmp);
        let last = values.len().checked_sub(1)?;
        Some(HourPoint {
            at_unix_s: hour(samples.first()?) * 3600,
            median: (values[last / 2] + values[last.div_ceil(2)]) / 2.0,
            p95: values[(last as f64 * 0.95).round() as usize],
            max: values[last],
        })
    };
    trace.points.chunk_by(|one, next| hour(one) == hour(next)).filter_map(of_one).collect()
}

#[cfg(test)]
mod tests {
    use kubeopt_history::MemoryUsage;
    use kubeopt_model::usage::{Signal, UsageSeries};
    use kubeopt_model::{ContainerId, ContainerName, Namespace, ObjectName, WorkloadId, WorkloadKind};

    use super::*;
    use crate::progress::Quiet;

    #[test]
    fn samples_of_an_hour_become_its_median_and_its_highest() {
        let points = vec![(3600, 4.0), (3900, 1.0), (7199, 3.0), (7200, 9.0), (10_801, 2.0), (10_802, 5.0)];
        let found = hours(&ResourceTrace { points, provisioned: Vec::new() });
        let short: Vec<(i64, f64, f64)> =
            found.iter().map(|own| (own.at_unix_s, own.median, own.max)).collect();
        assert_eq!(short, [(3600, 3.0, 4.0), (7200, 9.0, 9.0), (10_800, 3.5, 5.0)]);
    }

    #[test]
    fn a_recording_of_an_hour_is_too_short_to_train_on() {
        let folder = tempfile::tempdir().unwrap();
        let traces = folder.path().join("usage.csv");
        let header = "series,unix_s,cpu_cores,cpu_request_cores,memory_bytes,memory_request_bytes";
        std::fs::write(&traces, format!("{header}\na,0,1,1,1,1\n")).unwrap();
        let to = folder.path().join("model.weights");
        let recording = Recording::of_file(&traces, &Quiet).unwrap();
        let problem = train(recording, &options(&to), &Quiet).unwrap_err();
        assert_eq!(problem.code, "E-FOR-005", "{problem}");
        assert!(!to.exists());
    }

    fn options(to: &Path) -> TrainOptions {
        TrainOptions { to: to.to_owned(), seed: 1, steps: Some(4), hidden: Some(4) }
    }

    const DAYS: i64 = 56;

    /// A store of eight weeks of twenty containers, each with office hours of its own height.
    async fn store(cluster: &ClusterName) -> MemoryUsage {
        let store = MemoryUsage::default();
        let slice = Window { from_unix_s: 0, to_unix_s: DAYS * 86_400 };
        let mut rollup = store.begin(cluster, slice);
        for number in 0..20_i64 {
            let container = ContainerId {
                workload: WorkloadId {
                    cluster: cluster.clone(),
                    namespace: Namespace::new("shop").unwrap(),
                    kind: WorkloadKind::Deployment,
                    name: ObjectName::new(format!("api-{number}")).unwrap(),
                },
                container: ContainerName::new("main").unwrap(),
            };
            let used = |at: i64| {
                let busy = if (9..17).contains(&(at / 3600 % 24)) { 3.0 } else { 1.0 };
                busy * (number + 1) as f64 * 10.0 + (at / 3600 * 7919 % 97) as f64 / 10.0
            };
            for (signal, unit) in [(Signal::CpuMillicores, 1.0), (Signal::MemoryBytes, 1e6)] {
                let points = (0..DAYS * 24).map(|hour| (hour * 3600, unit * used(hour * 3600))).collect();
                let pod = format!("api-{number}-a");
                rollup.add(UsageSeries { container: container.clone(), pod, signal, points });
            }
        }
        store.append(rollup, None).await.unwrap();
        store
    }

    #[tokio::test]
    async fn the_kept_history_trains_a_network_that_is_read_back_and_a_damaged_one_is_refused() {
        let cluster = ClusterName::new("test").unwrap();
        let now = Timestamp::from_second(DAYS * 86_400).unwrap();
        let recording = Recording::kept(&store(&cluster).await, &[cluster], now, &|_| true).await.unwrap();
        assert_eq!(recording.loads.len(), 40, "both resources of each container");
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("own.weights");
        let card = train(recording, &options(&to), &Quiet).unwrap();
        assert_eq!(card.data.name, KEPT);
        assert_eq!(card.data.loads.iter().sum::<usize>(), 40);
        assert!(card.scores.hours.iter().any(|row| row.part == "unseen" && row.method == OUTLOOK));
        assert!(model(Some(&to)).is_ok());
        assert!(!to.with_extension("state").exists());

        let whole = std::fs::read(&to).unwrap();
        let mut changed = whole.clone();
        changed[500] ^= 1;
        for (bytes, why) in
            [(&whole[..whole.len() / 2], "cut short"), (&changed[..], "digest"), (&[][..], "cut short")]
        {
            std::fs::write(&to, bytes).unwrap();
            let problem = eval(Path::new("unread.csv"), Some(&to), &Quiet).unwrap_err();
            assert_eq!(problem.code, "E-FOR-003", "{problem}");
            assert!(problem.text.contains(why) && !problem.help.is_empty(), "{problem}");
        }
    }

    #[tokio::test]
    async fn a_training_that_was_interrupted_ends_with_the_same_weights() {
        let cluster = ClusterName::new("test").unwrap();
        let now = Timestamp::from_second(DAYS * 86_400).unwrap();
        let recording = Recording::kept(&store(&cluster).await, &[cluster], now, &|_| true).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let (whole, halves) = (folder.path().join("whole.weights"), folder.path().join("halves.weights"));
        let card = train(recording.clone(), &options(&whole), &Quiet).unwrap();
        let plan = plan(&options(&halves));
        let (_, recorded, _) = recording.clone().cut(None).unwrap();
        let mut trainer = Trainer::new(plan);
        let stopped = trainer.run(&recorded, 2, &mut |_, told| {
            if told.step == 2 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(stopped.unwrap().is_interrupted);
        write(&halves.with_extension("state"), &trainer.to_bytes(&recording_digest(&recorded))).unwrap();
        let gone_on = train(recording.clone(), &options(&halves), &Quiet).unwrap();
        assert_eq!(gone_on.weights_sha256, card.weights_sha256);
        assert_eq!(std::fs::read(&whole).unwrap(), std::fs::read(&halves).unwrap());

        write(&halves.with_extension("state"), b"no state").unwrap();
        let problem = train(recording.clone(), &options(&halves), &Quiet).unwrap_err();
        assert_eq!(problem.code, "E-FOR-006", "{problem}");

        write(&halves.with_extension("state"), &trainer.to_bytes(&recording_digest(&recorded))).unwrap();
        let mut other = recording;
        other.loads.pop();
        let problem = train(other, &options(&halves), &Quiet).unwrap_err();
        assert!(problem.text.contains("another recording") && problem.help.contains("--to"), "{problem}");
    }

    #[test]
    fn weights_that_their_own_card_or_state_would_overwrite_are_refused_before_training() {
        for name in ["own.state", "own.json", "own.JSON"] {
            let recording = Recording { name: String::new(), loads: Vec::new() };
            let problem = train(recording, &options(Path::new(name)), &Quiet).unwrap_err();
            assert_eq!(problem.code, codes::NO_FOLDER, "{problem}");
        }
        assert_eq!(check_weights_name(Path::new("own")), Ok(()));
        assert_eq!(check_weights_name(Path::new("own.state.weights")), Ok(()));
    }

    #[tokio::test]
    async fn a_model_is_measured_after_what_it_has_seen_and_tells_loads_of_another_recording() {
        let cluster = ClusterName::new("test").unwrap();
        let now = Timestamp::from_second(DAYS * 86_400).unwrap();
        let own = Recording::kept(&store(&cluster).await, &[cluster], now, &|_| true).await.unwrap();
        let (name, recorded, cuts) = own.clone().cut(None).unwrap();
        let card = CardData::of(&name, &recorded, cuts);
        assert_eq!(own.clone().cut(Some(&card)).unwrap(), (name, recorded, cuts), "its own recording");

        let shorter = |(name, load): &(String, Load)| {
            let hours = (0..load.len() - 7 * 24).map(|at| HourPoint {
                at_unix_s: load.hour(at) * 3600,
                median: f64::from(load.median()[at]),
                p95: f64::from(load.highest()[at]),
                max: f64::from(load.highest()[at]),
            });
            (name.clone(), Load::of(load.resource(), hours).unwrap())
        };
        let copy = Recording { name: "copy.csv".to_owned(), loads: own.loads.iter().map(shorter).collect() };
        let (_, recorded, cut) = copy.clone().cut(Some(&card)).unwrap();
        assert_eq!(cut, cuts, "a copy without its last week is not measured on what was trained on");
        assert!(recorded.iter().all(|own| own.part == LoadPart::Other));
        let later = CardData { tested_from_unix_s: now.as_second(), ..card };
        assert_eq!(copy.cut(Some(&later)).unwrap_err().code, "E-FOR-005");
    }

    #[tokio::test]
    async fn only_what_is_wanted_is_learned_from_up_to_midnight() {
        let cluster = ClusterName::new("test").unwrap();
        let now = Timestamp::from_second(DAYS * 86_400 - 3600).unwrap();
        let store = store(&cluster).await;
        let is_wanted = |id: &ContainerId| id.workload.name.as_str() == "api-3";
        let found = Recording::kept(&store, &[cluster], now, &is_wanted).await.unwrap();
        assert_eq!(found.loads.len(), 2, "CPU and memory of one container");
        assert!(found.loads.iter().all(|(_, load)| load.hour(load.len()) == (DAYS - 1) * 24));
    }

    #[test]
    fn the_model_that_comes_with_kubeopt_becomes_onnx() {
        let folder = tempfile::tempdir().unwrap();
        let to = folder.path().join("outlook.onnx");
        let bytes = export(None, &to).unwrap();
        assert_eq!(std::fs::read(&to).unwrap().len(), bytes);
        let missing = export(Some(&folder.path().join("none.weights")), &to).unwrap_err();
        assert!(missing.text.contains("none.json"), "{missing}");
    }
}
