//! What load is foretold for a container: peaks of the next day and week, the hours of the next day, and how much of it a
//! network says. A plain value; how it is made is the business of `controller/forecast`.

use serde::{Deserialize, Serialize};

use crate::quantity::Resource;

/// Quantiles of one value to come, ascending, in millicores or bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PeakQuantiles {
    /// It is lower in one of ten cases.
    pub q10: f64,
    /// As often higher as lower.
    pub q50: f64,
    /// It is higher in one of ten cases.
    pub q90: f64,
    /// It is higher in one of 20 cases.
    pub q95: f64,
    /// It is higher in one of 100 cases.
    pub q99: f64,
}

/// The highest sample of one hour to come, in millicores or bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForetoldHour {
    /// It is lower in one of ten cases.
    pub q10: f64,
    /// As often higher as lower.
    pub q50: f64,
    /// It is higher in one of ten cases.
    pub q90: f64,
}

/// What is foretold of one resource.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ForetoldLoad {
    /// The highest sample of the next 24 hours.
    pub peak_day: PeakQuantiles,
    /// The highest sample of the next 7 days.
    pub peak_week: PeakQuantiles,
    /// The highest sample of the last 28 days, in the same unit: what the peaks are compared with.
    pub seen: f64,
    /// The next 24 hours, one after the other from [`Foretold::from_unix_s`] on; fewer where the last hours were not measured,
    /// as they are foretold from the last one that was, and none where history is too short.
    pub hours: Vec<ForetoldHour>,
    /// The part of the network in the week's peak, from 0 to 1; the rest is said by baselines.
    pub network_weight: f64,
    /// Why the network has that part, as a sentence without a full stop.
    pub because: String,
    /// How often such bands held where they were measured; none where they were not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub held: Option<BandHeld>,
}

/// Part of the peaks, from 0 to 1, that were above the .1 quantile and not above the .9 quantile, on loads that the network has
/// never seen: measured when it was trained.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BandHeld {
    /// Of peaks of a day.
    pub day: f64,
    /// Of peaks of a week.
    pub week: f64,
}

impl PeakQuantiles {
    /// Each times a factor.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let Self { q10, q50, q90, q95, q99 } = *self;
        let [q10, q50, q90, q95, q99] = [q10, q50, q90, q95, q99].map(|value| value * factor);
        Self { q10, q50, q90, q95, q99 }
    }
}

impl ForetoldLoad {
    /// As if all load had been this many times as large: what is foretold is scaled by the load itself.
    #[must_use]
    pub fn scaled(&self, factor: f64) -> Self {
        let hour = |hour: &ForetoldHour| ForetoldHour {
            q10: hour.q10 * factor,
            q50: hour.q50 * factor,
            q90: hour.q90 * factor,
        };
        Self {
            peak_day: self.peak_day.scaled(factor),
            peak_week: self.peak_week.scaled(factor),
            seen: self.seen * factor,
            hours: self.hours.iter().map(hour).collect(),
            network_weight: self.network_weight,
            because: self.because.clone(),
            held: self.held,
        }
    }
}

/// What is foretold of one container.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Foretold {
    /// The first hour that was not looked at, in seconds since the epoch: midnight of UTC.
    pub from_unix_s: i64,
    /// SHA-256 of the weights of the network, as hexadecimal text; none where baselines speak alone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// CPU in millicores; none where history is too short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cpu: Option<ForetoldLoad>,
    /// Memory in bytes; none where history is too short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<ForetoldLoad>,
}

impl Foretold {
    /// Of one resource.
    pub fn resource(&self, resource: Resource) -> Option<&ForetoldLoad> {
        match resource {
            Resource::Cpu => self.cpu.as_ref(),
            Resource::Memory => self.memory.as_ref(),
        }
    }

    /// The same, to be changed.
    pub fn resource_mut(&mut self, resource: Resource) -> Option<&mut ForetoldLoad> {
        match resource {
            Resource::Cpu => self.cpu.as_mut(),
            Resource::Memory => self.memory.as_mut(),
        }
    }

    /// Nothing is foretold.
    pub fn is_empty(&self) -> bool {
        self.cpu.is_none() && self.memory.is_none()
    }
}
