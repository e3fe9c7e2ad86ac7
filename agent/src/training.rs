//! Training on the node's own hours: a slice a second, within the controller's budget, and none while the node waits.

use std::borrow::Cow;
use std::path::Path;

use kubeopt_model::Resource;
use kubeopt_outlook::{Descent, Load, LocalPlan, LocalTrainer, NodeLoads, Slice};
use kubeopt_proto::{GradientUpload, TrainPlan};

use crate::learned::Learned;
use crate::log;
use crate::metrics::{add, count};
use crate::node::Node;
use crate::shared::Shared;
use crate::squares::{keep_squares, kept_squares};

/// Above this share of time in which some task of the node waited for CPU, in hundredths over ten seconds, none is trained.
const PRESSURE_MAX: f32 = 20.0;

/// Where a training is.
#[derive(Debug, Default)]
pub(crate) struct Training {
    running: Option<Running>,
    /// The round and the model that CPU time was spent on last: the same again would teach nothing.
    begun: Option<(u64, Vec<u8>)>,
    /// The round of which it was told last why it cannot begin; it may with a later answer of the controller.
    told: u64,
}

#[derive(Debug)]
struct Running {
    trainer: LocalTrainer,
    plan: TrainPlan,
    spent_ms: u64,
}

impl NodeLoads for Node {
    fn count(&self) -> usize {
        self.containers().len() * 2
    }

    fn load(&self, at: usize) -> Option<Cow<'_, Load>> {
        let resource = if at.is_multiple_of(2) { Resource::Cpu } else { Resource::Memory };
        let hours = &self.containers().get(at / 2)?.hours[at % 2];
        hours.ring().load(resource).ok().map(Cow::Owned)
    }
}

impl Training {
    /// One second's part.
    pub(crate) fn second(&mut self, shared: &Shared, node: &Node) {
        if !shared.args.training {
            return;
        }
        if let Some(plan) = shared.plan.borrow_mut().take() {
            self.begin(shared, node, plan);
        }
        let Some(mut running) = self.running.take() else { return };
        if shared.clock.now().unix_ms > running.plan.deadline_unix_ms {
            return skip(shared, running.plan.round_id, &"its deadline has passed");
        }
        if node_waits(&shared.args.cgroup_root) {
            self.running = Some(running);
            return;
        }
        let (begun_ms, before_ms) = (cpu_ms(), running.spent_ms);
        let spent = || before_ms + cpu_ms().saturating_sub(begun_ms);
        let slice = running.trainer.step(node, &spent);
        add(&shared.metrics.training_cpu_ms, spent() - before_ms);
        running.spent_ms = spent();
        match slice {
            Ok(Slice::More) => self.running = Some(running),
            Ok(Slice::Done(update)) => {
                // Room for what is sent.
                drop(running.trainer);
                keep_squares(&shared.args.buffer, &update.squares);
                let mut nonce = [0; 16];
                if getrandom::fill(&mut nonce).is_err() {
                    return skip(shared, running.plan.round_id, &"there are no random numbers");
                }
                let upload = GradientUpload {
                    round_id: running.plan.round_id,
                    base_sha256: running.plan.base_sha256,
                    nonce: nonce.to_vec(),
                    delta: update.delta.iter().flat_map(|value| value.to_le_bytes()).collect(),
                    windows: update.windows as u64,
                    loss_before: update.loss_before,
                    loss_after: update.loss_after,
                    train_cpu_ms: u32::try_from(running.spent_ms).unwrap_or(u32::MAX),
                };
                let deadline_unix_ms = running.plan.deadline_unix_ms;
                *shared.learned.borrow_mut() = Some(Learned { upload, deadline_unix_ms });
                shared.trained.notify_one();
            }
            Err(error) => skip(shared, running.plan.round_id, &error),
        }
    }

    fn begin(&mut self, shared: &Shared, node: &Node, plan: TrainPlan) {
        let round = plan.round_id;
        let begun = self.begun.as_ref();
        if begun.is_some_and(|(own, base)| *own == round && *base == plan.base_sha256)
            || self.running.is_some()
        {
            return;
        }
        match trainer(shared, node, &plan) {
            Ok(trainer) => {
                self.begun = Some((round, plan.base_sha256.clone()));
                self.running = Some(Running { trainer, plan, spent_ms: 0 });
            }
            Err(why) if self.told != round => {
                self.told = round;
                skip(shared, round, &why);
            }
            Err(_) => {}
        }
    }
}

fn trainer(shared: &Shared, node: &Node, plan: &TrainPlan) -> Result<LocalTrainer, String> {
    let store = shared.model.borrow();
    let base = store.current.as_ref().filter(|current| plan.base_sha256 == current.sha256);
    let base = base.ok_or("it is for another model than this node has")?;
    let mut seed = [0; 8];
    getrandom::fill(&mut seed).map_err(|_| "there are no random numbers")?;
    let local = LocalPlan {
        epochs: plan.local_epochs,
        batch: plan.batch as usize,
        rate: plan.learning_rate,
        prox_mu: plan.prox_mu,
        clip_norm: plan.clip_norm,
        min_windows: plan.min_windows as usize,
        // The budget of CPU time bounds it.
        max_windows: usize::MAX,
        max_cpu_ms: plan.max_cpu_ms.into(),
        descent: Descent::Adam,
        seed: u64::from_le_bytes(seed),
    };
    let trainer = LocalTrainer::new(base.model.network().clone(), local, node);
    let trainer = trainer.map_err(|error| error.to_string())?;
    Ok(match kept_squares(&shared.args.buffer) {
        Some(before) => trainer.after(before),
        None => trainer,
    })
}

fn skip(shared: &Shared, round: u64, why: &dyn std::fmt::Display) {
    count(&shared.metrics.trainings_skipped);
    log::info(format_args!("no training in round {round}: {}", log::plain(&why.to_string())));
}

/// Of this thread, which is the only one.
fn cpu_ms() -> u64 {
    let used = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u64::try_from(used.tv_sec).unwrap_or(0) * 1000 + u64::try_from(used.tv_nsec).unwrap_or(0) / 1_000_000
}

/// Does some task of the node wait for CPU much of the time? Not where the kernel does not tell.
fn node_waits(cgroup_root: &Path) -> bool {
    // The root of version 2 tells of the whole node, and so does this.
    let text = std::fs::read_to_string(cgroup_root.join("cpu.pressure"))
        .or_else(|_| std::fs::read_to_string("/proc/pressure/cpu"))
        .unwrap_or_default();
    let average = text.split_whitespace().find_map(|word| word.strip_prefix("avg10="));
    average.and_then(|value| value.parse::<f32>().ok()).is_some_and(|average| average > PRESSURE_MAX)
}
