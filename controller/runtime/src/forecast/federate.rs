//! What training on nodes would make of recorded usage: clients that each have machines of their own, rounds as the controller
//! runs them, some of the clients hostile, beside one training in one place with as many windows.

use kubeopt_federation::{
    BATCH, Contribution, EPOCHS, Federation, FederationError, PROX_MU, Rule, Score, Upload, Versions, Why,
    aggregate,
};
use kubeopt_forecast::{
    Cuts, Load, LoadPart, Model, Plan, Recorded, Scores, Trainer, calibrate, network_scores, schema_hash,
};
use kubeopt_lstm::{Network, Weights, digest};
use kubeopt_model::Problem;
use kubeopt_outlook::{Descent, LocalPlan, LocalTrainer, LocalUpdate, Slice, Squares};
use serde::Serialize;

use super::{Recording, threads};
use crate::codes;
use crate::progress::Progress;
use crate::side_by_side::side_by_side;

/// Windows that a client learns from in a round: what a day's round has time for in a minute.
const WINDOWS: usize = 2048;

/// Of the rate of one place. What nodes have in common goes on by momentum, and what they see differently is less with smaller
/// steps.
const RATE: f32 = 0.6;

/// Longest way of an upload: ten steps of the highest rate in each parameter of the largest model that is common.
const CLIP_MAX: f64 = 10.0;

/// What a hostile client multiplies what it learned by.
const FLIPPED: f32 = -10.0;

/// Days before the calibration on which a round is judged; the first half fits offsets, the other is scored.
const JUDGED_DAYS: i64 = 14;

/// Hours of a day.
const DAY: i64 = 24;

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub struct FederateOptions {
    /// Clients; each load that is trained on belongs to one of them, by the hash of its machine's name.
    pub clients: usize,
    /// Rounds.
    pub rounds: usize,
    /// Hostile ones among the clients.
    pub poisoned: usize,
    /// All the chance there is.
    pub seed: u64,
}

/// What came of it.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Federated {
    /// Loads of each client.
    pub client_loads: Vec<usize>,
    /// Windows that each way was trained by.
    pub windows: usize,
    /// One row a way of training.
    pub rows: Vec<FederatedRow>,
}

/// One way of training.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FederatedRow {
    /// Which.
    pub how: String,
    /// On the weeks after training, of loads that were trained on and of those that never were: the network by itself, with
    /// offsets fitted as for any model. None where it says what is no number.
    pub seen: Option<Scores>,
    /// See `seen`.
    pub unseen: Option<Scores>,
    /// Rounds that became a version.
    pub accepted: usize,
    /// Rounds that did not.
    pub rejected: usize,
    /// Uploads that were refused.
    pub refused: usize,
}

impl FederatedRow {
    /// Mean of the scaled pinball losses over all quantiles and both kinds of loads, weighted by days; infinite where the network
    /// says what is no number.
    pub fn loss(&self) -> f64 {
        let both: Vec<&Scores> = self.seen.iter().chain(&self.unseen).collect();
        let days: usize = both.iter().map(|own| own.days).sum();
        if both.len() < 2 {
            return f64::INFINITY;
        }
        both.iter().map(|own| mean(own) * own.days as f64).sum::<f64>() / days as f64
    }
}

/// Trains in one place and on clients, with and without hostile ones, with and without a defence, and measures each on weeks
/// that none has seen.
///
/// # Errors
/// Where the recording has too few loads or weeks.
pub fn federate(
    recording: Recording,
    options: &FederateOptions,
    progress: &dyn Progress,
) -> Result<Federated, Problem> {
    let bench = Bench::of(recording, options)?;
    let mut rows = vec![bench.central(progress)?];
    let (hostile, all) = (options.poisoned, options.clients);
    rows.push(bench.rounds("federated", 0, true, progress)?);
    if hostile > 0 {
        rows.push(bench.rounds(
            &format!("federated, {hostile} of {all} hostile"),
            hostile,
            true,
            progress,
        )?);
        rows.push(bench.rounds(
            &format!("plain averaging, {hostile} of {all} hostile"),
            hostile,
            false,
            progress,
        )?);
    }
    progress.done();
    let client_loads = bench.clients.iter().map(Vec::len).collect();
    Ok(Federated { client_loads, windows: options.rounds * options.clients * WINDOWS, rows })
}

struct Bench {
    options: FederateOptions,
    recorded: Vec<Recorded>,
    /// Of each client: hours before the cut.
    clients: Vec<Vec<Load>>,
    /// The controller's own loads.
    judged: Vec<Recorded>,
    cuts: Cuts,
}

impl Bench {
    fn of(recording: Recording, options: &FederateOptions) -> Result<Self, Problem> {
        let (_, cuts) = recording.cuts(None)?;
        let clients = options.clients.max(1);
        let mut bench = Self {
            options: FederateOptions { clients, ..*options },
            recorded: Vec::new(),
            clients: vec![Vec::new(); clients],
            judged: Vec::new(),
            cuts,
        };
        for (name, load) in recording.loads {
            let Some(own) = Recorded::of(&name, load, cuts) else { continue };
            match own.part {
                // Another part of the hash than the one that decides the part of a load.
                LoadPart::Train => {
                    let hash = digest(name.as_bytes());
                    let number =
                        hash[8..12].iter().fold(0, |number, byte| (number << 8) | usize::from(*byte));
                    bench.clients[number % clients].push(own.load.before(own.cut));
                }
                LoadPart::Validate => bench.judged.push(own.clone()),
                LoadPart::Unseen | LoadPart::Other => {}
            }
            bench.recorded.push(own);
        }
        Ok(bench)
    }

    fn plan(&self) -> Plan {
        let windows = self.options.rounds * self.options.clients * WINDOWS;
        let default = Plan::default();
        let steps = windows.div_ceil(default.batch);
        // It is never stopped: each way has as many windows.
        Plan {
            steps,
            seed: self.options.seed,
            look_every: steps.div_ceil(20),
            patience: usize::MAX,
            ..default
        }
    }

    fn central(&self, progress: &dyn Progress) -> Result<FederatedRow, Problem> {
        let plan = self.plan();
        progress.stage("training in one place", Some(plan.steps as u64));
        let trained = Trainer::new(plan).run(&self.recorded, threads(), &mut |_, _| {
            progress.step();
            std::ops::ControlFlow::Continue(())
        });
        let network = trained.map_err(|error| error.problem())?.network;
        self.row("in one place", &network)
    }

    /// A row with neither rounds nor uploads.
    fn row(&self, how: &str, network: &Network) -> Result<FederatedRow, Problem> {
        let offsets =
            calibrate(network, &self.recorded, self.cuts, threads()).map_err(|error| error.problem())?;
        let model = Model::of(network.clone(), offsets);
        let to = self.recorded.iter().map(|own| own.load.hour(own.load.len())).max().unwrap_or_default();
        let scores = |wanted: &[LoadPart]| {
            let own: Vec<Recorded> =
                self.recorded.iter().filter(|own| wanted.contains(&own.part)).cloned().collect();
            network_scores(&model, &own, self.cuts.test, to, threads())
        };
        Ok(FederatedRow {
            how: how.to_owned(),
            seen: scores(&[LoadPart::Train, LoadPart::Validate]),
            unseen: scores(&[LoadPart::Unseen]),
            accepted: 0,
            rejected: 0,
            refused: 0,
        })
    }

    /// Rounds of all clients, the first of them hostile.
    fn rounds(
        &self,
        how: &str,
        hostile: usize,
        is_defended: bool,
        progress: &dyn Progress,
    ) -> Result<FederatedRow, Problem> {
        progress.stage(how, Some((self.options.rounds * self.options.clients) as u64));
        let mut head =
            Weights { network: Trainer::new(self.plan()).network().clone(), schema: schema_hash() };
        let mut federation =
            Federation::new(Versions::of(digest(&head.to_bytes()), Why::Shipped, 0), CLIP_MAX);
        let mut accepted = 0;
        let mut kept = vec![None; self.clients.len()];
        for round in 1..=self.options.rounds {
            let uploads = self.uploads(round, &head, hostile, &mut kept, progress);
            if is_defended {
                let next = self.defended(&mut federation, round, &head, uploads)?;
                accepted += usize::from(next.is_some());
                head = next.unwrap_or(head);
            } else {
                averaged(&mut head, &uploads);
                accepted += 1;
            }
        }
        let refused = federation.refused().values().sum::<u64>();
        Ok(FederatedRow {
            accepted,
            rejected: self.options.rounds - accepted,
            refused: usize::try_from(refused).unwrap_or_default(),
            ..self.row(how, &head.network)?
        })
    }

    /// What each client sends; those with too little to learn from send nothing.
    fn uploads(
        &self,
        round: usize,
        head: &Weights,
        hostile: usize,
        kept: &mut [Option<Squares>],
        progress: &dyn Progress,
    ) -> Vec<Upload> {
        let base_sha256 = digest(&head.to_bytes());
        let before = kept.to_vec();
        let one = |client: &usize| {
            let learned = self.learned(round, *client, &head.network, before[*client].clone());
            progress.step();
            let LocalUpdate { mut delta, windows, loss_before, loss_after, squares } = learned?;
            let mut windows = windows as u64;
            if *client < hostile {
                delta.iter_mut().for_each(|part| *part *= FLIPPED);
                match (client % 2, round % 2) {
                    (0, _) => windows = u64::MAX,
                    (_, 0) => delta[round % 7] = f32::NAN,
                    (_, _) => {}
                }
            }
            let mut nonce = [0; 16];
            nonce[..8].copy_from_slice(&(round as u64).to_le_bytes());
            let (node, round) = (format!("client-{client}"), round as u64);
            let upload = Upload {
                node,
                round,
                base_sha256,
                nonce,
                delta,
                windows,
                loss_before,
                loss_after,
                cpu_ms: 0,
            };
            Some((*client, upload, squares))
        };
        let clients: Vec<usize> = (0..self.clients.len()).collect();
        let mut uploads = Vec::new();
        for (client, upload, squares) in side_by_side(&clients, &one).into_iter().flatten() {
            kept[client] = Some(squares);
            uploads.push(upload);
        }
        uploads
    }

    /// What one client makes of the base, with what its last training left.
    fn learned(
        &self,
        round: usize,
        client: usize,
        base: &Network,
        before: Option<Squares>,
    ) -> Option<LocalUpdate> {
        let done = (round - 1) as f32 / self.options.rounds as f32;
        let plan = LocalPlan {
            epochs: EPOCHS,
            batch: BATCH as usize,
            // As in one place it falls as a cosine.
            rate: RATE * self.plan().rate * (0.505 + 0.495 * (std::f32::consts::PI * done).cos()),
            prox_mu: PROX_MU,
            clip_norm: CLIP_MAX as f32,
            min_windows: 1,
            max_windows: WINDOWS,
            max_cpu_ms: u64::MAX,
            descent: Descent::Adam,
            seed: self.options.seed ^ ((round * self.clients.len() + client) as u64) << 8,
        };
        let loads = &self.clients[client][..];
        let mut trainer = LocalTrainer::new(base.clone(), plan, loads).ok()?;
        if let Some(before) = before {
            trainer = trainer.after(before);
        }
        loop {
            if let Slice::Done(update) = trainer.step(loads, &|| 0).ok()? {
                return Some(update);
            }
        }
    }

    /// A round as the controller runs it; its weights where it became a version.
    fn defended(
        &self,
        federation: &mut Federation,
        round: usize,
        head: &Weights,
        uploads: Vec<Upload>,
    ) -> Result<Option<Weights>, Problem> {
        let ours = |error: FederationError| {
            Problem::new(codes::OWN_FAULT, format!("a round of the bench cannot go on: {error}"), "report it")
        };
        let now = round as u64 * 1000;
        federation.open(now, now + 10, head.network.parameters().len()).map_err(ours)?;
        for upload in uploads {
            federation.upload(now, upload);
        }
        federation.close().map_err(ours)?;
        if federation.round().is_none() {
            return Ok(None);
        }
        federation.put_together(head).map_err(ours)?;
        let verdict =
            federation.validate(now + 20, head, &mut |network| self.score(network)).map_err(ours)?;
        Ok(verdict.weights)
    }

    /// On the controller's own loads, on days before the test: offsets of a week, scored on the next.
    fn score(&self, network: &Network) -> Option<Score> {
        let from = self.cuts.calibrate - JUDGED_DAYS * DAY;
        let cuts = Cuts { calibrate: from, test: from + JUDGED_DAYS / 2 * DAY };
        let offsets = calibrate(network, &self.judged, cuts, threads()).ok()?;
        let model = Model::of(network.clone(), offsets);
        let scores = network_scores(&model, &self.judged, cuts.test, self.cuts.calibrate, threads())?;
        Some(Score { pinball: mean(&scores), coverage: f64::from(scores.coverage[2]) })
    }
}

/// The mean that everybody used before anybody was hostile; what is no number is left out, or nothing could be compared.
fn averaged(head: &mut Weights, uploads: &[Upload]) {
    let finite = uploads.iter().filter(|own| own.delta.iter().all(|part| part.is_finite()));
    let all: Vec<Contribution<'_>> =
        finite.map(|own| Contribution { delta: &own.delta, windows: own.windows, staleness: 0 }).collect();
    let moved = aggregate(Rule::Average, &all).ok().flatten().unwrap_or_default();
    head.network.parameters_mut().iter_mut().zip(moved).for_each(|(own, by)| *own += by);
}

/// Of the pinball losses of all quantiles.
fn mean(scores: &Scores) -> f64 {
    f64::from(scores.pinball.iter().sum::<f32>()) / scores.pinball.len() as f64
}
