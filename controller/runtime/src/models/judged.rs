//! The controller's own history as what versions are tested on: what every container used, hour by hour, whoever saw it.

use kubeopt_federation::Score;
use kubeopt_forecast::{Load, days_before, judge};
use kubeopt_lstm::Network;
use kubeopt_model::{Problem, Timestamp, Window};

use super::Stores;

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 86_400;

/// History before a day that a network sees, and some more that tells what is typical of a load.
const DAYS_SEEN: i64 = 36;

/// The last days that a new version is tested on.
pub(super) const DAYS_TESTED: usize = 7;

/// Days of loads without which a test tells nothing: a week of four containers.
pub(super) const WINDOWS_MIN: usize = 50;

/// Loads without which a day tells nothing of a version that is in use: there it is the same loads that both versions are
/// judged by, look after look.
pub(super) const LOADS_MIN: usize = 8;

/// Loads up to an hour.
#[derive(Debug, Clone)]
pub(super) struct OwnHistory {
    loads: Vec<Load>,
    end_hour: i64,
}

impl OwnHistory {
    /// Of all containers, up to the last full hour, or to the last midnight of UTC.
    pub(super) async fn read(stores: &Stores, until: Until, now: Timestamp) -> Result<Self, Problem> {
        let unit = match until {
            Until::Hour => HOUR_S,
            Until::Midnight => DAY_S,
        };
        let end = now.as_second().div_euclid(unit) * unit;
        let window = Window { from_unix_s: end - DAYS_SEEN * DAY_S, to_unix_s: end };
        let is_wanted = |id: &kubeopt_model::ContainerId| !id.workload.kind.is_batch();
        let loads =
            crate::forecast::kept_loads(stores.history.as_ref(), &stores.clusters, window, &is_wanted)
                .await?;
        Ok(Self { loads: loads.into_iter().map(|(_, load)| load).collect(), end_hour: end / HOUR_S })
    }

    /// How many days of loads the last days have.
    pub(super) fn windows(&self, days: usize) -> usize {
        days_before(&self.loads, self.end_hour, days).len()
    }

    /// How a network does on the last days; none where there are fewer than `least` days of loads, or it says what is no number.
    pub(super) fn score(&self, network: &Network, days: usize, least: usize) -> Option<Score> {
        let days = days_before(&self.loads, self.end_hour, days);
        if days.len() < least {
            return None;
        }
        let judged = judge(network, &days)?;
        Some(Score { pinball: judged.pinball, coverage: judged.coverage })
    }
}

/// Where history ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Until {
    /// The last full hour.
    Hour,
    /// The last midnight of UTC.
    Midnight,
}
