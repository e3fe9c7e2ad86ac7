//! What load is foretold for containers: from hours of usage to the value that sizing, pull requests and `explain` take.
//!
//! It is told once a day, from whole days of UTC that have passed, and rests on nothing but these hours and the weights of the
//! network: the weights of the blend come from doing the same on each of the last four weeks' days. So two passes on the
//! same history say the same, whatever ran before. What was told is kept for the day, by a fingerprint of all that it rests on.

mod kept;
mod network;
mod one;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use kubeopt_forecast::Load;
use kubeopt_model::usage::HourPoint;
use kubeopt_model::{ContainerId, ContainerUsage, Foretold, ForetoldLoad, Problem, Resource, Timestamp};
use kubeopt_recommend::EarlierDays;

pub(crate) use self::network::Network;
pub(crate) use self::one::foretell_load;

use self::kept::{Fingerprint, Kept};
use crate::side_by_side::side_by_side;

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 86_400;

/// Days that are looked at where those before the window were read: of the 42 that were, the first has begun already.
const DAYS_BEFORE: i64 = 41;

/// Where a network is, and what it said today.
#[derive(Debug, Default)]
pub struct Foretelling {
    network: Network,
    kept: Mutex<Kept>,
}

/// The hours of one container.
#[derive(Debug, Clone)]
pub(crate) struct Hours {
    container: ContainerId,
    cpu: Option<Load>,
    memory: Option<Load>,
}

impl Hours {
    /// The hours of a window and of the days before it, from the first midnight of it up to the midnight before `now`: a
    /// window moves from hour to hour, and what is foretold must not.
    pub(crate) fn of(usage: &ContainerUsage, earlier: Option<&EarlierDays>, now: Timestamp) -> Self {
        let midnight = midnight(now);
        let of_window = next_midnight(usage.window.from_unix_s);
        let from = if earlier.is_some() { of_window.min(midnight - DAYS_BEFORE * DAY_S) } else { of_window };
        let load = |resource| {
            let (before, own) = match resource {
                Resource::Cpu => (earlier.map(|it| &it.cpu_hours), &usage.cpu_hours),
                Resource::Memory => (earlier.map(|it| &it.memory_hours), &usage.memory_hours),
            };
            let all = before.into_iter().flat_map(|hours| hours.iter()).chain(own.iter());
            let known: Vec<HourPoint> =
                all.filter(|hour| (from..midnight).contains(&hour.at_unix_s)).collect();
            // Without a measured hour there is nothing to foretell from.
            Load::of(resource, known).ok()
        };
        let (cpu, memory) = (load(Resource::Cpu), load(Resource::Memory));
        Self { container: usage.container.clone(), cpu, memory }
    }
}

fn midnight(now: Timestamp) -> i64 {
    now.as_second().div_euclid(DAY_S) * DAY_S
}

/// The first midnight after: also where it is midnight, as the rest of that day begins the window a day later.
fn next_midnight(at_unix_s: i64) -> i64 {
    (at_unix_s.div_euclid(DAY_S) + 1) * DAY_S
}

impl Foretelling {
    /// With the network of this file of weights, or without one of the one that comes with kubeopt; what was told is kept in
    /// `kept`, where a path is given, so that it need not be told again after a restart.
    pub fn new(weights: Option<PathBuf>, kept: Option<PathBuf>) -> Self {
        Self { network: Network::new(weights), kept: Mutex::new(Kept::at(kept)) }
    }

    /// Why the network cannot be used, if so; baselines speak alone then.
    pub fn refused(&self) -> Option<Problem> {
        self.network.refused()
    }

    /// What network it is, as a sentence for `check`.
    pub fn about(&self) -> Result<String, Problem> {
        self.network.about()
    }

    /// What is foretold of containers; those without enough history are missing.
    pub(crate) fn tell(&self, all: &[Hours], now: Timestamp) -> BTreeMap<ContainerId, Foretold> {
        let midnight = midnight(now);
        let asked: Vec<(Fingerprint, &Load)> = all
            .iter()
            .flat_map(|hours| [&hours.cpu, &hours.memory])
            .flatten()
            .map(|load| (Fingerprint::of(load, midnight, self.network.mark()), load))
            .collect();
        let mut open: Vec<&(Fingerprint, &Load)> = {
            let mut kept = self.lock();
            kept.begin_day(midnight, self.network.mark());
            kept.ask(asked.iter().map(|(print, _)| *print));
            asked.iter().filter(|(print, _)| !kept.knows(print)).collect()
        };
        open.sort_by_key(|(print, _)| *print);
        open.dedup_by_key(|(print, _)| *print);
        let told = side_by_side(&open, &|(_, load)| self.one(load, midnight));
        let mut kept = self.lock();
        open.iter().zip(told).for_each(|((print, _), told)| kept.add(*print, told));
        let of = |load: Option<&Load>| {
            load.and_then(|load| kept.get(&Fingerprint::of(load, midnight, self.network.mark())).cloned())
        };
        let told = all.iter().filter_map(|hours| {
            let (cpu, memory) = (of(hours.cpu.as_ref()), of(hours.memory.as_ref()));
            let network = self.network.digest().map(str::to_owned);
            let foretold = Foretold { from_unix_s: midnight, network, cpu, memory };
            (!foretold.is_empty()).then(|| (hours.container.clone(), foretold))
        });
        told.collect()
    }

    /// A pass is over: writes what was told in it, so that it need not be told again after a restart, and forgets what it did
    /// not ask for.
    pub(crate) fn end_pass(&self) {
        self.lock().end_pass();
    }

    /// A fault of the forecast is no fault of a recommendation: it is told, and nothing is foretold.
    fn one(&self, load: &Load, midnight: i64) -> Option<ForetoldLoad> {
        let told = crate::panics::caught(&|| "a forecast".to_owned(), || {
            foretell_load(self.network.model(), load, midnight.div_euclid(HOUR_S))
        });
        let mut told = told.unwrap_or_else(|fault| {
            tracing::error!("{fault}");
            None
        })?;
        if let Some(problem) = self.refused() {
            told.because = format!("the model was refused ({}); baselines foretell it", problem.code);
        }
        Some(told)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Kept> {
        // Nothing panics while it holds the lock.
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests;
