//! How sure a value is: the share of past days on which the same rule would have held, as a lower bound with its n.
//!
//! `past` asks the rule again for each past day, from what lay before it; `pool` lends the days
//! of similar workloads where a workload has too few of its own; `fleets` knows how large the fleet was on a past day;
//! `key` tells whether a past has changed.
//! docs/confidence.md says it for people. Never a guess: where too few days tell, nothing is stated.

mod fleets;
mod key;
mod past;
mod pool;
#[cfg(test)]
mod tests;

use kubeopt_model::confidence::StatedConfidence;
use kubeopt_model::recommendation::Member;
use kubeopt_model::{Bound, Field, Resource};

pub use fleets::PastFleets;
pub use key::past_key;
pub use kubeopt_strategies::lower_bound;
pub use past::{PastDay, PastDays, past_days};
pub use pool::{OWN_DAYS_MIN, Pool, state};

/// Days that were judged, and those of them that held.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DayCount {
    /// Days that held; never more than were judged.
    pub held: u32,
    /// Days that were judged.
    pub days: u32,
}

impl DayCount {
    /// One day more.
    pub fn add(&mut self, held: bool) {
        self.days = self.days.saturating_add(1);
        self.held = self.held.saturating_add(u32::from(held));
    }
}

/// Of both resources.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct PastCounts {
    /// Judged by CPU.
    pub cpu: DayCount,
    /// Judged by memory.
    pub memory: DayCount,
}

impl PastCounts {
    /// Of one resource.
    pub fn of(&self, resource: Resource) -> DayCount {
        match resource {
            Resource::Cpu => self.cpu,
            Resource::Memory => self.memory,
        }
    }
}

/// The confidence in a member's values: of the resources that change, the less sure one. None where one of them is not
/// known, or was given by a person (`by_hand`), of whom no rule knows how sure they are.
pub fn confidence_of<'p>(
    member: &Member,
    own: &PastCounts,
    by_hand: &[Field],
    pool: &dyn Fn(Resource) -> Option<&'p Pool>,
) -> Option<StatedConfidence> {
    let of = |resource| state(own.of(resource), resource, pool(resource));
    let changes = |resource: &Resource| {
        [Bound::Request, Bound::Limit].iter().any(|bound| {
            let field = Field { bound: *bound, resource: *resource };
            member.resources.before.get(field) != member.resources.after.get(field)
        })
    };
    let all = [Resource::Cpu, Resource::Memory];
    let changed: Vec<Resource> = all.into_iter().filter(changes).collect();
    if by_hand.iter().any(|field| changed.contains(&field.resource)) {
        return None;
    }
    // Where the line that changes moves nothing of this container, both of its values stand behind it.
    let speak = if changed.is_empty() { all.to_vec() } else { changed };
    let mut stated = speak.into_iter().map(of);
    let first = stated.next()??;
    stated.try_fold(first, |least, next| Some(least.least(next?)))
}
