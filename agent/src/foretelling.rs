//! Forecasts of each container's peaks, by the controller's model: every five minutes for those with a new hour.

use kubeopt_model::Resource;
use kubeopt_outlook::{OutlookError, Quantiles, Scratch};
use kubeopt_proto::{LoadKind, NodeForecast};

use crate::metrics::{Metrics, count};
use crate::model::Current;
use crate::node::{Container, Node};
use crate::shared::Shared;

/// Containers of a second: two forward passes each, so that no second is taken up.
const PER_SECOND: usize = 8;

const RESOURCES: [(Resource, LoadKind); 2] =
    [(Resource::Cpu, LoadKind::Cpu), (Resource::Memory, LoadKind::Memory)];

/// Where the round is.
#[derive(Debug, Default)]
pub(crate) struct Foretelling {
    begun_us: Option<u64>,
    /// The next container, or none between rounds.
    next: Option<usize>,
    /// The model of the round before: a new one forecasts everything anew.
    version: u64,
    scratch: Scratch,
}

impl Foretelling {
    /// One second's part.
    pub(crate) fn second(&mut self, shared: &Shared, node: &mut Node, told: &mut Vec<NodeForecast>) {
        if !shared.args.forecast {
            return;
        }
        let now_us = shared.clock.steady_us();
        let every_us = u64::from(shared.settings.forecast_every_s.get()) * 1_000_000;
        if self.begun_us.is_none_or(|begun| now_us.saturating_sub(begun) >= every_us) {
            (self.begun_us, self.next) = (Some(now_us), Some(0));
        }
        let Some(from) = self.next else { return };
        let store = shared.model.borrow();
        let Some(current) = &store.current else {
            count(&shared.metrics.forecasts_without_model);
            self.next = None;
            return;
        };
        let is_new_model = from == 0 && current.version != self.version;
        if is_new_model {
            for at in 0..node.containers().len() {
                if let Some(container) = node.container_mut(at) {
                    container.hours.iter_mut().for_each(|hours| hours.is_new |= !hours.ring().is_empty());
                }
            }
        }
        self.version = current.version;
        let unix_ms = shared.clock.now().unix_ms;
        let (mut at, mut done) = (from, 0);
        while let Some(container) = node.container_mut(at).filter(|_| done < PER_SECOND) {
            at += 1;
            done += usize::from(self.foretell(current, container, unix_ms, &shared.metrics, told));
        }
        self.next = (at < node.containers().len()).then_some(at);
    }

    fn foretell(
        &mut self,
        current: &Current,
        container: &mut Container,
        unix_ms: u64,
        metrics: &Metrics,
        told: &mut Vec<NodeForecast>,
    ) -> bool {
        let mut worked = false;
        for (at, (resource, load)) in RESOURCES.into_iter().enumerate() {
            let hours = &mut container.hours[at];
            if !std::mem::take(&mut hours.is_new) {
                continue;
            }
            worked = true;
            let foretold = hours
                .ring()
                .load(resource)
                .and_then(|hours| current.model.foretell_one(&hours, hours.len(), &mut self.scratch));
            match foretold {
                Ok(foretold) => {
                    count(&metrics.forecasts);
                    let path = container.path();
                    let mut push = |horizon_hours: u32, quantiles: Quantiles| {
                        told.push(NodeForecast {
                            pod_uid: path.pod_uid.to_string(),
                            container_id: path.container_id.to_string(),
                            load: load.into(),
                            made_unix_ms: unix_ms,
                            horizon_hours,
                            peak_quantiles: quantiles.iter().map(|value| f64::from(value.max(0.0))).collect(),
                        });
                    };
                    push(24, foretold.peak_day);
                    push(168, foretold.peak_week);
                }
                Err(OutlookError::TooShort { .. } | OutlookError::Nothing) => {
                    count(&metrics.forecasts_too_little_history);
                }
                Err(
                    OutlookError::Model(_)
                    | OutlookError::Shape
                    | OutlookError::TooFewWindows { .. }
                    | OutlookError::OutOfTime { .. }
                    | OutlookError::Kept { .. },
                ) => count(&metrics.models_refused),
            }
        }
        worked
    }
}
