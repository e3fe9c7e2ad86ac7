//! What the parts of an agent have in common: settings, the buffer, the model, and what wakes whom.

use std::cell::{Cell, RefCell};

use kubeopt_buffer::{Buffer, FolderDisk};
use kubeopt_proto::{AgentConfig, TrainPlan};
use kubeopt_sample::CgroupMode;
use tokio::sync::Notify;

use crate::args::Args;
use crate::clock::Clock;
use crate::gpus::Gpus;
use crate::learned::Learned;
use crate::metrics::Metrics;
use crate::model::ModelStore;

/// Seconds from one sample of a container to the next.
pub(crate) const SECONDS_OF_STEP: u32 = 10;

/// What all parts use; everything runs on one thread.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) args: Args,
    pub(crate) clock: Clock,
    pub(crate) mode: CgroupMode,
    pub(crate) buffer: RefCell<Buffer<FolderDisk>>,
    pub(crate) metrics: Metrics,
    /// What GPUs did since the last batch.
    pub(crate) gpus: RefCell<Gpus>,
    /// A batch was appended.
    pub(crate) appended: Notify,
    pub(crate) model: RefCell<ModelStore>,
    /// What the controller wants trained, until it is begun.
    pub(crate) plan: RefCell<Option<TrainPlan>>,
    /// The agent is to end.
    pub(crate) stopping: Notify,
    pub(crate) settings: Settings,
    /// What was trained, until the controller has decided about it.
    pub(crate) learned: RefCell<Option<Learned>>,
    pub(crate) trained: Notify,
}

/// What the operator may set for all agents; arguments say what holds until then.
#[derive(Debug)]
pub(crate) struct Settings {
    pub(crate) hot_max: Cell<usize>,
    pub(crate) batch_steps: Cell<u32>,
    pub(crate) forecast_every_s: Cell<u32>,
}

impl Settings {
    pub(crate) fn new(args: &Args) -> Self {
        Self {
            hot_max: Cell::new(args.hot_max),
            batch_steps: Cell::new(args.batch_steps),
            forecast_every_s: Cell::new(300),
        }
    }

    /// Takes what the controller says, within what arguments may say; 0 leaves what is. Steps stay ten seconds.
    pub(crate) fn take(&self, config: &AgentConfig) {
        if config.hot_max > 0 {
            self.hot_max.set(usize::try_from(config.hot_max).map_or(256, |most| most.min(256)));
        }
        if config.batch_steps > 0 {
            self.batch_steps.set(config.batch_steps.min(60));
        }
        if config.forecast_every_s > 0 {
            self.forecast_every_s.set(config.forecast_every_s.max(60));
        }
    }
}
