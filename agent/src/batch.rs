//! Steps in a row become batches in the buffer.

use kubeopt_buffer::AppendError;
use kubeopt_proto::{Batch, ContainerSeries, NodeFinding, NodeForecast};

use crate::clock::Moment;
use crate::log;
use crate::metrics::count;
use crate::packed::pack;
use crate::shared::Shared;

/// Rows of one batch: 250 containers of six steps. A row takes 130 bytes at worst, and 25 mostly.
const ROWS_MAX: usize = 1500;

/// Findings and forecasts of one batch, at most; what is beyond waits for the next. Each takes up to 200 bytes.
const TOLD_MAX: usize = 120;

/// Findings and forecasts that wait, at most.
const WAITING_MAX: usize = 4 * kubeopt_proto::CONTAINERS_MAX;

/// The batch that is being filled.
#[derive(Debug)]
pub(crate) struct Filling {
    /// What the wall clock said at the beginning of its first step, in milliseconds.
    begin_unix_ms: u64,
    step_ms: u32,
    /// Steps that are over.
    steps: u32,
    pub(crate) findings: Vec<NodeFinding>,
    pub(crate) forecasts: Vec<NodeForecast>,
    packed: Vec<u8>,
    is_disk_full: bool,
}

impl Filling {
    pub(crate) fn new(step_ms: u32) -> Self {
        Self {
            begin_unix_ms: 0,
            step_ms,
            steps: 0,
            findings: Vec::new(),
            forecasts: Vec::new(),
            packed: Vec::new(),
            is_disk_full: false,
        }
    }

    pub(crate) fn steps(&self) -> u32 {
        self.steps
    }

    /// True if a step that ends now cannot stand where it would: the wall clock was set.
    pub(crate) fn is_jumped(&self, now: Moment) -> bool {
        let end = self.begin_unix_ms + u64::from(self.step_ms) * u64::from(self.steps + 1);
        self.steps > 0 && end.abs_diff(now.unix_ms) > u64::from(self.step_ms) / 2
    }

    /// The number of the step that ends now.
    pub(crate) fn next_step(&mut self, now: Moment) -> u32 {
        if self.steps == 0 {
            self.begin_unix_ms = now.unix_ms.saturating_sub(self.step_ms.into());
        }
        self.steps += 1;
        self.steps - 1
    }

    /// Puts the batch into the buffer, as several where it is large, and begins anew.
    pub(crate) fn close(&mut self, mut containers: Vec<ContainerSeries>, shared: &Shared) {
        let steps = std::mem::take(&mut self.steps);
        if steps == 0 {
            return;
        }
        let now_ms = shared.clock.calm_unix_ms();
        let mut gpus = shared.gpus.borrow_mut().take();
        shared.metrics.gpus.set(gpus.len() as u64);
        let containers_max = (ROWS_MAX / steps as usize).max(1);
        loop {
            let rest = containers.split_off(containers.len().min(containers_max));
            let mut buffer = shared.buffer.borrow_mut();
            let batch = Batch {
                boot_id: buffer.boot_id().to_string(),
                seq: buffer.next_seq(),
                begin_unix_ms: self.begin_unix_ms,
                step_ms: self.step_ms,
                steps,
                schema_sha256: kubeopt_outlook::schema_hash().to_vec(),
                model_sha256: shared.model.borrow().sha256(),
                dropped_batches: buffer.counts().dropped,
                containers,
                findings: self.findings.drain(..self.findings.len().min(TOLD_MAX)).collect(),
                gpus: std::mem::take(&mut gpus),
                forecasts: self.forecasts.drain(..self.forecasts.len().min(TOLD_MAX)).collect(),
            };
            self.packed.clear();
            pack(&batch, &mut self.packed);
            let kept = buffer.append(now_ms, &self.packed);
            drop(buffer);
            self.tell(kept);
            containers = rest;
            count(&shared.metrics.batches);
            if containers.is_empty() {
                break;
            }
        }
        // The oldest of a storm do not wait for ever.
        self.findings.drain(..self.findings.len().saturating_sub(WAITING_MAX));
        self.forecasts.drain(..self.forecasts.len().saturating_sub(WAITING_MAX));
        shared.appended.notify_one();
    }

    /// A full disk is said once, and that it is over too.
    fn tell(&mut self, kept: Result<u64, AppendError>) {
        match kept {
            Ok(_) if self.is_disk_full => {
                self.is_disk_full = false;
                log::info(format_args!("the buffer takes batches again"));
            }
            Ok(_) => {}
            Err(error) if !self.is_disk_full => {
                self.is_disk_full = true;
                log::warn(format_args!("{}", log::chain(&error)));
            }
            Err(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wall_clock_that_is_set_ends_the_batch_and_small_differences_do_not() {
        let at = |unix_ms| Moment { unix_ms, steady_us: 0 };
        let mut filling = Filling::new(10_000);
        assert!(!filling.is_jumped(at(5)), "nothing is filled yet");
        assert_eq!(filling.next_step(at(1_000_000)), 0);
        assert!(!filling.is_jumped(at(1_010_400)));
        assert_eq!(filling.next_step(at(1_010_400)), 1);
        assert!(!filling.is_jumped(at(1_019_800)));
        for jumped in [1_040_000, 1_000_000, 0, 9_000_000_000] {
            assert!(filling.is_jumped(at(jumped)), "{jumped}");
        }
    }
}
