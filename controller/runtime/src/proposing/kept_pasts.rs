//! What past days came to, kept from pass to pass.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use kubeopt_model::ContainerId;
use kubeopt_model::policy::EffectivePolicy;
use kubeopt_recommend::{Evidence, Fleet, PastCounts, past_days, past_key};

/// Containers of which the past is kept; 100 bytes and a name each. More are judged again in each pass.
const KEPT_MAX: usize = 200_000;

/// What past days came to, from pass to pass: judged once a day, and where something they rest on has changed.
#[derive(Debug, Default)]
pub struct KeptPasts(Mutex<BTreeMap<ContainerId, (u64, PastCounts)>>);

impl KeptPasts {
    /// Of one container; `fleet_at` says what the fleet requested at a moment, in seconds since the epoch.
    pub(super) fn of(
        &self,
        evidence: &Evidence,
        policy: &EffectivePolicy,
        fleet_at: &(dyn Fn(i64) -> Option<Fleet> + Sync),
    ) -> PastCounts {
        let (id, key) = (evidence.id(), past_key(evidence, policy, fleet_at));
        // Nothing panics while it holds the lock.
        let kept = || self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some((_, counts)) = kept().get(&id).filter(|(of, _)| *of == key) {
            return *counts;
        }
        let counts = past_days(evidence, policy, fleet_at).counts();
        let mut kept = kept();
        if kept.len() < KEPT_MAX || kept.contains_key(&id) {
            kept.insert(id, (key, counts));
        }
        counts
    }
}
