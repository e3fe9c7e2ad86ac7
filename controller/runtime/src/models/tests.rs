//! Rounds from their schedule to a version that nodes have, with made-up nodes and a real database.

use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, Ordering};

use kubeopt_history::{EventFilter, MemoryUsage, SqliteJournal};
use kubeopt_model::usage::{Signal, UsageSeries};
use kubeopt_model::{ContainerId, ContainerName, Namespace, ObjectName, Window, WorkloadId, WorkloadKind};

use super::*;

/// 2026-11-22, midnight UTC.
const DAY: i64 = 1_795_305_600;
const HOUR_S: i64 = 3600;
const DAY_S: i64 = 86_400;

/// The history of eight containers reaches so far back.
const DAYS: i64 = 36;

/// And so far beyond the beginning of the tests.
const DAYS_TOLD: i64 = 11;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(DAY + seconds).unwrap()
}

struct MayWrite(Arc<AtomicBool>);

impl Permit for MayWrite {
    fn may_write(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}

/// A controller whose process may end at any time.
struct Controller {
    folder: tempfile::TempDir,
    history: Arc<dyn UsageStore>,
    leads: Arc<AtomicBool>,
    own: OwnModel,
    metrics: Arc<Metrics>,
}

impl Controller {
    /// With a history of so many containers.
    async fn of(containers: usize) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (leads, own) = (Arc::new(AtomicBool::new(true)), OwnModel::read(None).unwrap());
        let metrics = Arc::new(Metrics::new("1", "a"));
        Self { folder, history: Arc::new(usage(containers).await), leads, own, metrics }
    }

    fn database(&self) -> PathBuf {
        self.folder.path().join("kubeopt.db")
    }

    async fn journal(&self) -> Arc<dyn Journal> {
        Arc::new(SqliteJournal::open(self.database()).await.unwrap())
    }

    /// As after a start: nothing is known but what the database holds.
    async fn started(&self) -> Models {
        let stores = Stores {
            journal: self.journal().await,
            history: Arc::clone(&self.history),
            clusters: vec![cluster()],
        };
        let training = TrainingConfig {
            schedule: "0 2 * * *".to_owned(),
            nodes_min: 4,
            nodes_max: 12,
            deadline_seconds: 2 * HOUR_S,
            cpu_max_seconds: 20,
        };
        let permit = Arc::new(MayWrite(Arc::clone(&self.leads)));
        Models::new(stores, Some(training), self.own.clone(), Arc::clone(&self.metrics), permit)
    }

    /// What the audit says of this kind, the newest first.
    async fn audit(&self, kind: &str) -> Vec<String> {
        let filter = EventFilter { kind: Some(kind.to_owned()), ..EventFilter::default() };
        let events = self.journal().await.events(&filter).await.unwrap();
        events.iter().map(|event| event.detail["text"].as_str().unwrap().to_owned()).collect()
    }

    fn counts(&self, line: &str) -> bool {
        self.metrics.text().unwrap().lines().any(|there| there == line)
    }
}

fn cluster() -> ClusterName {
    ClusterName::new("prod").unwrap()
}

/// Office hours of different heights, with some unrest, over all days of the tests.
async fn usage(containers: usize) -> MemoryUsage {
    let store = MemoryUsage::default();
    let slice = Window { from_unix_s: DAY - DAYS * DAY_S, to_unix_s: DAY + DAYS_TOLD * DAY_S };
    let mut rollup = store.begin(&cluster(), slice);
    for number in 0..containers {
        let workload = WorkloadId {
            cluster: cluster(),
            namespace: Namespace::new("shop").unwrap(),
            kind: WorkloadKind::Deployment,
            name: ObjectName::new(format!("api-{number}")).unwrap(),
        };
        let container = ContainerId { workload, container: ContainerName::new("app").unwrap() };
        let used = |at: i64| {
            let busy = if (9..17).contains(&(at / HOUR_S % 24)) { 3.0 } else { 1.0 };
            busy * (number + 1) as f64 * 10.0 + (at / HOUR_S * 7919 % 97) as f64 / 10.0
        };
        for (signal, unit) in [(Signal::CpuMillicores, 1.0), (Signal::MemoryBytes, 1e6)] {
            let hours = (slice.from_unix_s..slice.to_unix_s).step_by(3600);
            let points = hours.map(|at| (at, unit * used(at))).collect();
            let pod = format!("api-{number}-a");
            rollup.add(UsageSeries { container: container.clone(), pod, signal, points });
        }
    }
    store.append(rollup, None).await.unwrap();
    store
}

/// What a node says that it learned: each parameter moved by up to `step`.
fn learned(plan: &Plan, node: u8, step: f32) -> Learned {
    let count = kubeopt_forecast::Model::shipped().unwrap().network().parameters().len();
    let moved = |place: usize| step * ((place * 7919 + usize::from(node) * 104_729) % 199) as f32 / 198.0;
    Learned {
        round: plan.round,
        base_sha256: plan.base_sha256,
        nonce: std::array::from_fn(|place| if place == 0 { plan.round as u8 } else { node }),
        delta: (0..count).flat_map(|place| moved(place).to_le_bytes()).collect(),
        windows: 40,
        loss_before: 0.4,
        loss_after: 0.35,
        cpu_ms: 1_500,
    }
}

fn node(number: u8) -> String {
    format!("node-{number}")
}

/// What becomes of an upload, where this replica leads.
async fn sent(models: &Models, name: &str, learned: Learned, now: Timestamp) -> Taken {
    models.take(name, learned, now).await.unwrap().expect("it leads")
}

async fn plan(models: &Models, name: &str, now: Timestamp) -> Option<Plan> {
    models.given(name, &[], &kubeopt_forecast::schema_hash(), now).await.unwrap().plan
}

/// Each of these nodes asks, and sends what it learned.
async fn send(models: &Models, nodes: std::ops::Range<u8>, step: f32, now: Timestamp) {
    for number in nodes {
        let plan = plan(models, &node(number), now).await.expect("a plan");
        let taken = sent(models, &node(number), learned(&plan, number, step), now).await;
        assert!(taken.accepted, "{taken:?}");
    }
}

async fn having(models: &Models, number: u64, now: Timestamp) -> usize {
    let mut having = 0;
    for place in 0..200 {
        let given = models.given(&format!("node-{place}"), &[], &[], now).await.unwrap();
        let (version, sha256, weights) = given.model.unwrap();
        assert_eq!(digest(&weights), sha256);
        having += usize::from(version == number);
    }
    having
}

/// A controller of so many containers, and its first round, which is open since two o'clock.
async fn opened(containers: usize) -> (Controller, Models) {
    let controller = Controller::of(containers).await;
    let models = controller.started().await;
    models.tick(at(0)).await.unwrap();
    models.tick(at(2 * HOUR_S)).await.unwrap();
    (controller, models)
}

#[tokio::test]
async fn a_round_that_helps_becomes_a_version_that_some_nodes_have_and_then_all() {
    let controller = Controller::of(8).await;
    let models = controller.started().await;
    models.tick(at(0)).await.unwrap();
    assert_eq!(plan(&models, "node-1", at(1)).await, None, "no round is due yet");
    let have = models.given("node-1", &controller.own.sha256, &[], at(1)).await.unwrap();
    assert_eq!(have.model, None, "it has what it should have");

    models.tick(at(2 * HOUR_S)).await.unwrap();
    send(&models, 0..6, 1e-5, at(2 * HOUR_S + 60)).await;
    models.tick(at(3 * HOUR_S)).await.unwrap();
    assert_eq!(having(&models, 2, at(3 * HOUR_S)).await, 0, "nodes have time until the deadline");
    models.tick(at(4 * HOUR_S)).await.unwrap();
    assert_eq!(controller.audit("round-accepted").await, ["it became version 2"]);
    assert!((5..40).contains(&having(&models, 2, at(4 * HOUR_S)).await));
    assert!(controller.counts("kubeopt_rounds_total{result=\"accepted\"} 1"));
    assert!(controller.counts("kubeopt_model_version{state=\"canary\"} 2"));
    assert!(models.stores.journal.uploads(1).await.unwrap().is_empty(), "what nodes sent is not kept");

    models.tick(at(28 * HOUR_S)).await.unwrap();
    assert!((70..130).contains(&having(&models, 2, at(28 * HOUR_S)).await));
    models.tick(at(52 * HOUR_S)).await.unwrap();
    assert_eq!(having(&models, 2, at(52 * HOUR_S)).await, 200);
    let row = list(models.stores.journal.as_ref()).await.unwrap().rows.remove(0);
    assert_eq!((row.version, row.given_to.as_str(), row.from.as_str()), (2, "all nodes", "round 1"));
    let shown = show(models.stores.journal.as_ref(), 2).await.unwrap();
    assert_eq!((shown.nodes.len(), shown.row.parent), (6, Some(1)));
    assert!(shown.text().contains("its .9 quantile held") && shown.text().contains("0.3500 after"));
    assert!(shown.text().contains("training took 1.5 s of CPU"), "{}", shown.text());
    assert!(controller.counts("kubeopt_rounds_train_cpu_seconds_count 6"));
    let told = controller.audit("round-upload").await;
    assert!(told.iter().all(|text| text.contains("from 40 windows in 1.5 s of CPU")), "{told:?}");
}

/// With the schedule as it comes, for ten days: every version is given to all nodes before the next round begins.
#[tokio::test]
async fn of_ten_daily_rounds_those_begin_whose_base_all_nodes_have() {
    let controller = Controller::of(8).await;
    let models = controller.started().await;
    models.tick(at(0)).await.unwrap();
    let mut newest = 1;
    for hour in (2..=10 * 24).step_by(2) {
        let now = at(hour * HOUR_S);
        models.tick(now).await.unwrap();
        if plan(&models, "node-1", now).await.is_some() {
            let rejected = controller.audit("round-rejected").await;
            assert_eq!(having(&models, newest, now).await, 200, "hour {hour}: {rejected:?}");
            // There and back: small losses must not add up.
            send(&models, 0..6, if newest % 2 == 1 { 2e-6 } else { -2e-6 }, now).await;
            newest += 1;
        }
    }
    assert_eq!(controller.audit("round-rejected").await, [""; 0]);
    let accepted = controller.audit("round-accepted").await;
    assert_eq!(accepted.len(), 4, "on the first day and on each third one after: {accepted:?}");
    assert_eq!(controller.audit("round-left-out").await.len(), 6);
    assert_eq!(controller.audit("model-rolled-back").await, [""; 0]);
    assert_eq!(controller.audit("model-rolled-out").await.len(), 6, "half of the nodes, and all of them");
    let table = list(models.stores.journal.as_ref()).await.unwrap();
    let given: Vec<&str> = table.rows.iter().map(|row| row.given_to.as_str()).collect();
    assert_eq!(given, ["10 % of the nodes", "all nodes", "all nodes", "all nodes", "all nodes"]);
}

#[tokio::test]
async fn a_round_ends_early_with_as_many_nodes_as_it_waits_for() {
    let (controller, models) = opened(8).await;
    let now = at(2 * HOUR_S + 60);
    send(&models, 0..11, 2e-5, now).await;
    models.tick(now).await.unwrap();
    assert_eq!(controller.audit("round-closed").await, [""; 0]);
    send(&models, 11..12, 2e-5, now).await;
    models.enough.notified().await;
    models.tick(now).await.unwrap();
    assert_eq!(controller.audit("round-accepted").await, ["it became version 2"]);
}

#[tokio::test]
async fn a_round_that_a_person_asks_for_begins_at_the_next_look() {
    let controller = Controller::of(8).await;
    let models = controller.started().await;
    models.tick(at(0)).await.unwrap();
    let journal = controller.journal().await;
    let journal = journal.as_ref();
    let problem = ask_round(journal, None, None, at(5)).await.unwrap_err();
    assert!(problem.code == "E-RUN-033" && problem.text.contains("do not train"), "{problem}");
    let training = models.training.as_ref();
    let asked = ask_round(journal, training, Some("a try"), at(5)).await.unwrap();
    assert_eq!(asked.base, 1);
    let round = list(journal).await.unwrap().round.unwrap();
    assert!(round.starts_with("a round was asked for"), "{round}");
    models.tick(at(10)).await.unwrap();
    assert_eq!(controller.audit("round-asked").await, ["a round is to begin now: a try"]);
    let problem = ask_round(journal, training, None, at(15)).await.unwrap_err();
    assert!(problem.text.contains("round 1 is not over yet") && !problem.help.is_empty(), "{problem}");
    send(&models, 0..12, 2e-5, at(20)).await;
    models.tick(at(30)).await.unwrap();
    let problem = ask_round(journal, training, None, at(40)).await.unwrap_err();
    assert!(problem.text.contains("version 2 is given to 10 % of the nodes so far"), "{problem}");
    models.tick(at(50)).await.unwrap();
    assert_eq!(controller.audit("round-opened").await.len(), 1, "what was asked for was done once");
}

#[tokio::test]
async fn a_poisoned_round_is_refused_and_uploads_that_cannot_be_are_counted() {
    let (controller, models) = opened(8).await;
    let now = at(2 * HOUR_S + 60);
    send(&models, 0..5, -0.5, now).await;
    let plan = plan(&models, "node-9", now).await.unwrap();
    let sound = learned(&plan, 9, 1e-5);
    let mut no_number = sound.delta.clone();
    no_number[..4].copy_from_slice(&f32::NAN.to_le_bytes());
    for (upload, why) in [
        (Learned { delta: no_number, ..sound.clone() }, "not_finite"),
        (Learned { delta: sound.delta[..402].to_vec(), ..sound.clone() }, "wrong_length"),
        (Learned { base_sha256: [7; 32], ..sound.clone() }, "wrong_base"),
        (Learned { round: 8, ..sound.clone() }, "unknown_round"),
        (Learned { windows: 0, ..sound.clone() }, "no_windows"),
    ] {
        let taken = sent(&models, "node-9", upload, now).await;
        assert!(!taken.accepted && !taken.reason.is_empty(), "{why}: {taken:?}");
        assert!(controller.counts(&format!("kubeopt_rounds_uploads_total{{result=\"{why}\"}} 1")), "{why}");
    }
    assert_eq!(controller.audit("round-upload-refused").await.len(), 5);

    models.tick(at(4 * HOUR_S)).await.unwrap();
    let why = controller.audit("round-rejected").await;
    assert!(why[0].contains("its loss on the controller's history is"), "{why:?}");
    assert_eq!(having(&models, 1, at(4 * HOUR_S)).await, 200);
    assert!(controller.counts("kubeopt_rounds_total{result=\"rejected\"} 1"));
    let late = sent(&models, "node-9", sound, at(4 * HOUR_S)).await;
    assert!(late.reason.contains("no round is open"), "{late:?}");
}

#[tokio::test]
async fn a_round_goes_on_where_it_was_after_every_step() {
    let controller = Controller::of(8).await;
    controller.started().await.tick(at(0)).await.unwrap();
    controller.started().await.tick(at(2 * HOUR_S)).await.unwrap();
    let now = at(2 * HOUR_S + 60);
    send(&controller.started().await, 0..3, 2e-5, now).await;
    let again = controller.started().await;
    assert_eq!(plan(&again, "node-1", now).await, None, "it has sent");
    send(&again, 3..5, 2e-5, now).await;
    let over = at(4 * HOUR_S);
    let mut steps = 0;
    while controller.started().await.step(over).await.unwrap() {
        steps += 1;
    }
    assert_eq!(steps, 3, "closed, put together, validated");
    assert_eq!(controller.audit("round-accepted").await, ["it became version 2"]);
    let shown = show(controller.journal().await.as_ref(), 2).await.unwrap();
    assert_eq!(shown.nodes, (0..5).map(node).collect::<Vec<_>>());
}

#[tokio::test]
async fn what_is_sent_twice_counts_once_and_a_node_speaks_once_a_round() {
    let (controller, models) = opened(1).await;
    let now = at(2 * HOUR_S + 60);
    let plan = plan(&models, "node-1", now).await.unwrap();
    let first = learned(&plan, 1, 1e-5);
    for _ in 0..2 {
        assert!(sent(&models, "node-1", first.clone(), now).await.accepted);
    }
    let other = sent(&models, "node-1", Learned { nonce: [2; 16], ..first.clone() }, now).await;
    assert!(other.reason.contains("another upload in this round"), "{other:?}");
    // The answer was lost with the process.
    assert!(sent(&controller.started().await, "node-1", first, now).await.accepted);
    assert_eq!(models.stores.journal.uploads(1).await.unwrap().len(), 1);
    assert_eq!(controller.audit("round-upload").await.len(), 1);
    models.tick(at(4 * HOUR_S)).await.unwrap();
    assert_eq!(
        controller.audit("round-rejected").await,
        ["it came to nothing: 1 nodes took part, and 4 are needed"]
    );
}

#[tokio::test]
async fn a_round_that_cannot_be_tested_comes_to_nothing() {
    let (controller, models) = opened(2).await;
    send(&models, 0..5, 1e-5, at(2 * HOUR_S + 60)).await;
    models.tick(at(4 * HOUR_S)).await.unwrap();
    let why = controller.audit("round-rejected").await;
    assert!(why[0].contains("fewer than 50 days of loads"), "{why:?}");
}

#[tokio::test]
async fn a_version_that_a_person_takes_back_is_gone_at_the_next_question() {
    let (controller, models) = opened(8).await;
    send(&models, 0..5, 2e-5, at(2 * HOUR_S + 60)).await;
    models.tick(at(4 * HOUR_S)).await.unwrap();
    assert!(having(&models, 2, at(4 * HOUR_S)).await > 0);

    // Another process: the command line.
    let journal = controller.journal().await;
    let back = roll_back(journal.as_ref(), 2, Some("it looks odd"), at(5 * HOUR_S)).await.unwrap();
    assert_eq!((back.version, back.to), (2, 1));
    assert_eq!(having(&models, 1, at(5 * HOUR_S)).await, 200);
    assert_eq!(controller.audit("model-rolled-back").await, ["its nodes get version 1 again"]);
    assert_eq!(
        controller.audit("model-rollback-asked").await,
        ["version 2 is to be taken back: it looks odd"]
    );
    for (number, why) in [(2, "taken back already"), (1, "no other version"), (7, "no version 7")] {
        let problem = roll_back(journal.as_ref(), number, None, at(5 * HOUR_S)).await.unwrap_err();
        assert!(problem.text.contains(why) && !problem.help.is_empty(), "{problem}");
    }
    models.tick(at(6 * HOUR_S)).await.unwrap();
    assert_eq!(list(journal.as_ref()).await.unwrap().rows[0].given_to, "no node");
}

/// What the state says of the momentum: where it lies.
async fn momentum(journal: &dyn Journal) -> Option<String> {
    let detail = journal.models().await.unwrap().detail;
    assert!(detail.to_string().len() < 20_000, "what is long lies elsewhere");
    detail["federation"]["momentum"]["sha256"].as_str().map(str::to_owned)
}

#[tokio::test]
async fn momentum_goes_on_after_a_restart_and_goes_with_its_version() {
    let (controller, models) = opened(8).await;
    let journal = controller.journal().await;
    let journal = journal.as_ref();
    assert_eq!(momentum(journal).await, None);
    send(&models, 0..5, 2e-6, at(2 * HOUR_S + 60)).await;
    models.tick(at(4 * HOUR_S)).await.unwrap();
    let first = momentum(journal).await.unwrap();
    let parameters = kubeopt_forecast::Model::shipped().unwrap().network().parameters().len();
    assert_eq!(journal.weights(&first).await.unwrap().unwrap().len(), 4 * parameters);
    for hour in [28, 52, 74] {
        controller.started().await.tick(at(hour * HOUR_S)).await.unwrap();
    }
    send(&controller.started().await, 0..5, -2e-6, at(74 * HOUR_S + 60)).await;
    for state in ["closed", "put together"] {
        assert!(controller.started().await.step(at(76 * HOUR_S)).await.unwrap(), "{state}");
    }
    let round = journal.models().await.unwrap().detail["federation"]["round"].clone();
    assert_eq!(round["momentum"].as_str(), Some(first.as_str()), "it goes on in this round");
    controller.started().await.tick(at(76 * HOUR_S)).await.unwrap();
    assert_eq!(controller.audit("round-accepted").await.len(), 2);
    let second = momentum(journal).await.unwrap();
    assert_eq!(journal.weights(&first).await.unwrap(), None, "nobody needs it any more");
    assert!(journal.weights(&second).await.unwrap().is_some());

    roll_back(journal, 3, None, at(77 * HOUR_S)).await.unwrap();
    let models = controller.started().await;
    ask_round(journal, models.training.as_ref(), None, at(77 * HOUR_S)).await.unwrap();
    models.tick(at(77 * HOUR_S + 10)).await.unwrap();
    assert_eq!(momentum(journal).await, None);
    assert_eq!(journal.weights(&second).await.unwrap(), None);
}

/// A network like this one, with all parameters turned over, as its file.
fn turned_over() -> Vec<u8> {
    let mut network = kubeopt_forecast::Model::shipped().unwrap().network().clone();
    network.parameters_mut().iter_mut().for_each(|own| *own = -*own);
    Weights { network, schema: kubeopt_forecast::schema_hash() }.to_bytes()
}

#[tokio::test]
async fn a_version_that_does_worse_for_a_day_is_taken_back() {
    let (controller, models) = opened(8).await;
    send(&models, 0..5, 2e-5, at(2 * HOUR_S + 60)).await;
    models.tick(at(4 * HOUR_S)).await.unwrap();
    // The test let it through, and on the days after it does badly.
    let journal = controller.journal().await;
    let kept = journal.models().await.unwrap();
    let (mut detail, weights) = (kept.detail, turned_over());
    let sha256 = hex::encode(digest(&weights));
    detail["federation"]["versions"]["all"][1]["sha256"] = sha256.clone().into();
    let weights = vec![WeightsRecord { sha256, at_unix_s: 0, weights }];
    let change = ModelsChange { revision: kept.revision, detail, weights, ..ModelsChange::default() };
    assert!(journal.change_models(&change).await.unwrap());
    for hours in [10, 16, 22, 28] {
        models.tick(at(hours * HOUR_S)).await.unwrap();
        assert!(
            (5..40).contains(&having(&models, 2, at(hours * HOUR_S)).await),
            "nobody else gets it: {hours}"
        );
    }
    assert!(controller.metrics.text().unwrap().contains("kubeopt_model_loss{state=\"newest\"}"));
    models.tick(at(34 * HOUR_S)).await.unwrap();
    assert_eq!(controller.audit("model-rolled-back").await, ["its nodes get version 1 again"]);
    assert_eq!(having(&models, 1, at(34 * HOUR_S)).await, 200);
    assert!(controller.counts("kubeopt_model_rollbacks_total 1"));
}

#[tokio::test]
async fn who_does_not_lead_hands_out_what_there_is_and_changes_nothing() {
    let controller = Controller::of(1).await;
    controller.leads.store(false, Ordering::Relaxed);
    let waiting = controller.started().await;
    waiting.tick(at(2 * HOUR_S)).await.unwrap();
    assert_eq!(having(&waiting, 1, at(2 * HOUR_S)).await, 200);
    assert_eq!(waiting.stores.journal.models_revision().await.unwrap(), 0);
    let sent = Learned {
        round: 1,
        base_sha256: controller.own.sha256,
        nonce: [1; 16],
        delta: vec![0; 8],
        windows: 1,
        loss_before: 1.0,
        loss_after: 1.0,
        cpu_ms: 0,
    };
    let taken = waiting.take("node-1", sent, at(2 * HOUR_S)).await.unwrap();
    assert_eq!(taken, None, "the node keeps it until somebody decides");
}

#[tokio::test]
async fn another_network_in_the_configuration_is_a_new_version_for_all() {
    let mut controller = Controller::of(1).await;
    controller.started().await.tick(at(0)).await.unwrap();
    let shipped = kubeopt_forecast::Model::shipped().unwrap();
    let mut network = shipped.network().clone();
    network.parameters_mut()[0] += 1.0;
    let bytes = Weights { network, schema: kubeopt_forecast::schema_hash() }.to_bytes();
    controller.own = OwnModel { sha256: digest(&bytes), weights: Arc::new(bytes), why: Why::Trained };
    for _ in 0..2 {
        let models = controller.started().await;
        models.tick(at(60)).await.unwrap();
        assert_eq!(having(&models, 2, at(60)).await, 200);
    }
    assert_eq!(controller.audit("model-added").await.len(), 2);
    let rows = list(controller.journal().await.as_ref()).await.unwrap().rows;
    assert_eq!(rows.iter().map(|row| row.from.as_str()).collect::<Vec<_>>(), ["configured", "shipped"]);
}

#[tokio::test]
async fn a_state_that_cannot_be_read_is_told_and_nothing_is_written_over_it() {
    let controller = Controller::of(1).await;
    let journal = controller.journal().await;
    journal.models().await.unwrap();
    let detail = serde_json::json!({"federation": "of another version"});
    let change = ModelsChange { detail: detail.clone(), ..ModelsChange::default() };
    assert!(journal.change_models(&change).await.unwrap());
    let problem = controller.started().await.tick(at(0)).await.unwrap_err();
    assert!(problem.code == "E-RUN-032" && problem.help.contains("version"), "{problem}");
    assert_eq!(journal.models().await.unwrap().detail, detail);
    assert_eq!(list(journal.as_ref()).await.unwrap_err().code, "E-RUN-032");
}

#[tokio::test]
async fn agents_are_answered_in_their_protocol() {
    use kubeopt_agents::Models as _;
    use kubeopt_proto::{GradientUpload, ModelRequest};

    let controller = Controller::of(1).await;
    let models = controller.started().await;
    let given = models.update("node-1", ModelRequest::default()).await;
    let model = given.model.unwrap();
    assert_eq!((model.version, model.sha256.as_slice()), (1, &controller.own.sha256[..]));
    assert_eq!(digest(&model.weights), controller.own.sha256);
    assert!(given.plan.is_none() && given.next_poll_s > 0);
    let of_another_version = ModelRequest { schema_sha256: vec![7; 32], ..ModelRequest::default() };
    assert_eq!(models.update("node-1", of_another_version).await.model, None, "it keeps what it understands");

    let short = GradientUpload { nonce: vec![1; 3], ..Default::default() };
    let short = models.upload("node-1", short).await.unwrap();
    assert!(!short.accepted && short.reason.contains("another length"), "{short:?}");
    let sound = GradientUpload { nonce: vec![1; 16], base_sha256: model.sha256, ..Default::default() };
    let late = models.upload("node-1", sound.clone()).await.unwrap();
    assert!(!late.accepted && late.reason.contains("no round is open"), "{late:?}");
    controller.leads.store(false, Ordering::Relaxed);
    let undecided = models.upload("node-1", sound).await.unwrap_err();
    assert!(undecided.to_string().contains("does not lead"), "{undecided}");
}

#[tokio::test]
async fn nodes_of_one_name_in_two_clusters_are_two_nodes() {
    use kubeopt_agents::Models as Asked;
    use kubeopt_proto::{GradientUpload, ModelRequest};

    let controller = Controller::of(1).await;
    let models = Arc::new(controller.started().await);
    let now = Timestamp::now();
    models.tick(now).await.unwrap();
    ask_round(controller.journal().await.as_ref(), models.training.as_ref(), None, now).await.unwrap();
    models.tick(now).await.unwrap();
    let far = OfCluster { models: Arc::clone(&models), cluster: ClusterName::new("far").unwrap() };
    let doors: [&dyn Asked; 2] = [&*models, &far];
    for (number, door) in (0..).zip(doors) {
        let schema_sha256 = kubeopt_forecast::schema_hash().to_vec();
        let asked = ModelRequest { schema_sha256, ..ModelRequest::default() };
        let given = door.update("node-1", asked.clone()).await.plan.expect("it has not sent");
        let plan = plan(&models, "node-2", now).await.unwrap();
        let Learned { nonce, delta, .. } = learned(&plan, number, 1e-5);
        let upload = GradientUpload {
            round_id: given.round_id,
            base_sha256: given.base_sha256,
            nonce: nonce.to_vec(),
            delta,
            windows: 40,
            loss_before: 0.4,
            loss_after: 0.35,
            ..GradientUpload::default()
        };
        let taken = door.upload("node-1", upload).await.unwrap();
        assert!(taken.accepted, "{taken:?}");
        assert_eq!(door.update("node-1", asked).await.plan, None, "it has sent");
    }
    let told = controller.audit("round-upload").await;
    let mut names: Vec<&str> = told.iter().filter_map(|line| line.split(' ').next()).collect();
    names.sort_unstable();
    assert_eq!(names, ["far/node-1", "node-1"]);
}
