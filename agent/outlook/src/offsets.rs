//! What is added to a network's quantiles so that they hold as often as they say: offsets for each resource, span of the
//! horizon and quantile. They are fitted where the network is trained, and travel with it.

use kubeopt_lstm::QUANTILES;
use kubeopt_model::Resource;
use serde::{Deserialize, Serialize};

use crate::shape::{HORIZON, Quantiles};

/// Hours at which a span of the horizon begins: the near end is easier.
pub const SPANS: [usize; 3] = [0, 6, 12];

/// Factors of peaks end here: a load that grew more than a thousandfold tells nothing of others.
pub const ABOVE_MAX: f32 = 1000.0;

/// Offsets of the network's quantiles, in spreads of a load's scale.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Offsets {
    /// Of CPU, by span of the horizon.
    pub cpu: [Quantiles; SPANS.len()],
    /// Of memory, by span of the horizon.
    pub memory: [Quantiles; SPANS.len()],
    /// Of CPU: of the highest of a day, and of a week.
    pub cpu_peaks: [Quantiles; 2],
    /// The same of memory.
    pub memory_peaks: [Quantiles; 2],
    /// Of CPU: by what the highest of the last 28 days is multiplied to hold the peak of a day, and of a week.
    #[serde(default = "unchanged")]
    pub cpu_above: [Quantiles; 2],
    /// The same of memory.
    #[serde(default = "unchanged")]
    pub memory_above: [Quantiles; 2],
}

/// The highest as it is, for a card that says nothing of it.
fn unchanged() -> [Quantiles; 2] {
    [[1.0; QUANTILES.len()]; 2]
}

impl Offsets {
    /// None: what was forecast stands.
    pub fn none() -> Self {
        let spans = [[0.0; QUANTILES.len()]; SPANS.len()];
        let peaks = [[0.0; QUANTILES.len()]; 2];
        Self {
            cpu: spans,
            memory: spans,
            cpu_peaks: peaks,
            memory_peaks: peaks,
            cpu_above: unchanged(),
            memory_above: unchanged(),
        }
    }

    /// Whether each is a number, and the factors of peaks ascend from 0 to 1000 at most, as in a card from outside they must.
    pub fn are_valid(&self) -> bool {
        let all = [
            self.cpu.as_flattened(),
            self.memory.as_flattened(),
            self.cpu_peaks.as_flattened(),
            self.memory_peaks.as_flattened(),
        ];
        let is_factor = |times: &f32| (0.0..=ABOVE_MAX).contains(times);
        let mut above = self.cpu_above.iter().chain(&self.memory_above);
        all.into_iter().flatten().all(|offset| offset.is_finite())
            && above.all(|own| own.iter().all(is_factor) && own.is_sorted())
    }

    /// By what the highest of the last 28 days is multiplied to hold the peak of the next day, and of the next week.
    pub fn above(&self, resource: Resource) -> &[Quantiles; 2] {
        match resource {
            Resource::Cpu => &self.cpu_above,
            Resource::Memory => &self.memory_above,
        }
    }

    /// What is added to the quantiles of a target: the hours of the horizon, then the two peaks.
    pub fn of(&self, resource: Resource, target: usize) -> &Quantiles {
        let (spans, peaks) = match resource {
            Resource::Cpu => (&self.cpu, &self.cpu_peaks),
            Resource::Memory => (&self.memory, &self.memory_peaks),
        };
        match target.checked_sub(HORIZON) {
            Some(peak) => &peaks[peak.min(1)],
            None => &spans[span(target)],
        }
    }
}

/// The place in [`SPANS`] of an hour of the horizon.
pub fn span(hour: usize) -> usize {
    SPANS.iter().rposition(|from| hour >= *from).unwrap_or(0)
}

/// Ascending, and never below 0.
pub fn in_order(mut quantiles: Quantiles) -> Quantiles {
    quantiles.iter_mut().for_each(|value| *value = value.max(0.0));
    quantiles.sort_unstable_by(f32::total_cmp);
    quantiles
}
