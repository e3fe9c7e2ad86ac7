//! What load is foretold, for those who are asked about: it costs more than sizing, so that not everybody is.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kubeopt_model::policy::OutlookPolicy;
use kubeopt_model::{ContainerId, ContainerRole, Timestamp};

use super::demand::{Candidate, Unit};
use super::governed::Governed;
use super::ground::{EarlierByWindow, UsageByWindow};
use crate::foretelling::{Foretelling, Hours};

/// What was asked for so far.
pub(super) struct Ahead<'a> {
    foretelling: &'a Foretelling,
    usage: &'a UsageByWindow,
    earlier: &'a EarlierByWindow,
    now: Timestamp,
    told: Mutex<BTreeMap<ContainerId, Option<kubeopt_model::Foretold>>>,
}

impl<'a> Ahead<'a> {
    pub(super) fn of(
        foretelling: &'a Foretelling,
        usage: &'a UsageByWindow,
        earlier: &'a EarlierByWindow,
        now: Timestamp,
    ) -> Self {
        Self { foretelling, usage, earlier, now, told: Mutex::default() }
    }

    pub(super) fn get(&self, container: &ContainerId) -> Option<kubeopt_model::Foretold> {
        self.told().get(container).cloned().flatten()
    }

    /// Asks for the containers of these units that nobody has asked for.
    pub(super) fn tell(&self, units: &[&Unit]) {
        let hours: Vec<(ContainerId, Hours)> = {
            let told = self.told();
            let candidates = units.iter().flat_map(|unit| &unit.candidates).filter(|it| goes_on(it));
            let open = candidates.map(Candidate::id).filter(|id| !told.contains_key(id));
            open.filter_map(|id| Some((id.clone(), self.hours(&id)?))).collect()
        };
        let asked: Vec<Hours> = hours.iter().map(|(_, hours)| hours.clone()).collect();
        let mut found = self.foretelling.tell(&asked, self.now);
        let mut told = self.told();
        for (id, _) in hours {
            let foretold = found.remove(&id);
            told.insert(id, foretold);
        }
    }

    /// Of the longest window that it was read for, with the days before.
    fn hours(&self, container: &ContainerId) -> Option<Hours> {
        let mut windows = self.usage.iter().rev();
        let (seconds, usage) = windows.find_map(|(seconds, all)| Some((seconds, all.get(container)?)))?;
        let earlier = self.earlier.get(seconds).and_then(|all| all.get(container));
        Some(Hours::of(usage, earlier, self.now))
    }

    fn told(&self) -> std::sync::MutexGuard<'_, BTreeMap<ContainerId, Option<kubeopt_model::Foretold>>> {
        // Nothing panics while it holds the lock.
        self.told.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What ends has no next day.
fn goes_on(candidate: &Candidate) -> bool {
    !candidate.workload.id.kind.is_batch() && candidate.container.role != ContainerRole::Init
}

/// The units of which some policy lets a forecast raise a value.
pub(super) fn raised(governed: &[Governed]) -> Vec<&Unit> {
    let raises = |each: &&Governed| {
        each.sized_under().any(|(_, policy)| policy.sizing.outlook == OutlookPolicy::Raise)
    };
    governed.iter().filter(raises).map(|each| &each.unit).collect()
}
