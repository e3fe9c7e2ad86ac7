//! *Roll out*: which environment and which wave of clusters may be proposed now, given how far the others are. Knows no
//! repository: the caller says which steps belong together.

use globset::GlobBuilder;
use jiff::{SignedDuration, Timestamp};
use kubeopt_model::policy::{Environment, RolloutPolicy};
use kubeopt_model::{ClusterName, EffectivePolicy};

use crate::hold::Hold;

/// How far a change is in one environment of one cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Wanted, admitted by every guardrail, and not proposed yet. What a guardrail refuses is [`Stage::Unneeded`]: nothing
    /// will come of it that others could wait for.
    Wanted,
    /// A pull request is open.
    Open,
    /// Merged, and not seen in the cluster yet.
    Merged,
    /// The cluster has run it, unharmed, since then.
    Running {
        /// Since the cluster showed it.
        since: Timestamp,
    },
    /// Closed without a merge: not these values.
    Declined,
    /// It did harm, or was reverted.
    Harmed,
    /// There is nothing to change.
    Unneeded,
}

/// One environment of one cluster that gets the same change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RolloutStep {
    /// The environment; none where nothing tells one, which waits for no environment and lets none wait.
    pub environment: Option<Environment>,
    /// The cluster.
    pub cluster: ClusterName,
    /// How far it is there.
    pub stage: Stage,
}

/// Whether a step has to wait for others, by the order of environments and the waves of clusters; none if it may be proposed.
/// The step itself may be among `steps`.
pub fn rollout_hold(
    step: &RolloutStep,
    steps: &[RolloutStep],
    policy: &EffectivePolicy,
    now: Timestamp,
) -> Option<Hold> {
    let rollout = &policy.rollout;
    let waits = steps.iter().filter_map(|other| {
        let key = comes_before(other, step, rollout)?;
        blocking(other, rollout, now).map(|(until, state)| (until, state, other, key))
    });
    // What depends on people is told before what depends on time, and of times the last one.
    let (until, state, other, key) = waits.max_by_key(|(until, ..)| (until.is_none(), *until))?;
    let place = match other.environment {
        Some(environment) => format!("{environment} in cluster {}", other.cluster),
        None => format!("cluster {}", other.cluster),
    };
    Some(Hold { guardrail: "rollout", until, text: format!("waits for {place}, where it {state} ({key})") })
}

/// The first environment of the order in which something is wanted that may be proposed now; none where all wait, or nothing
/// is wanted.
pub fn next_environment(
    steps: &[RolloutStep],
    policy: &EffectivePolicy,
    now: Timestamp,
) -> Option<Environment> {
    policy.rollout.order.iter().copied().find(|environment| {
        steps
            .iter()
            .filter(|step| step.environment == Some(*environment) && step.stage == Stage::Wanted)
            .any(|step| rollout_hold(step, steps, policy, now).is_none())
    })
}

/// The number of a cluster's wave, counted from 0. Clusters that no pattern names are the last wave.
pub fn wave_of(cluster: &ClusterName, rollout: &RolloutPolicy) -> usize {
    let matches = |pattern: &String| {
        // Patterns were checked when the policy was read; one that cannot be read matches nothing.
        let glob = GlobBuilder::new(pattern).literal_separator(true).build();
        glob.is_ok_and(|glob| glob.compile_matcher().is_match(cluster.as_str()))
    };
    rollout.waves.iter().position(matches).unwrap_or(rollout.waves.len())
}

/// The key by which a step comes before another one, if it does.
fn comes_before(first: &RolloutStep, then: &RolloutStep, rollout: &RolloutPolicy) -> Option<&'static str> {
    let place = |step: &RolloutStep| step.environment.filter(|each| rollout.order.contains(each));
    if let Some((first, then)) = place(first).zip(place(then))
        && first != then
    {
        return (first < then).then_some("rollout.order");
    }
    let is_wave = !rollout.waves.is_empty()
        && first.environment == then.environment
        && wave_of(&first.cluster, rollout) < wave_of(&then.cluster, rollout);
    is_wave.then_some("rollout.waves")
}

/// Until when a step lets others wait, and what it does meanwhile; none where it does not.
fn blocking(
    step: &RolloutStep,
    rollout: &RolloutPolicy,
    now: Timestamp,
) -> Option<(Option<Timestamp>, String)> {
    let waits = |what: &str| Some((None, what.to_owned()));
    match step.stage {
        Stage::Unneeded => None,
        Stage::Wanted => waits("is not proposed yet"),
        Stage::Open => waits("is open and not merged"),
        Stage::Merged => waits("is merged and not seen in the cluster yet"),
        Stage::Declined => waits("was closed without a merge"),
        Stage::Harmed => waits("did harm"),
        Stage::Running { since } => {
            let soak = SignedDuration::from_secs(rollout.soak_seconds.max(0));
            match since.checked_add(soak) {
                Ok(end) if end <= now => None,
                Ok(end) => Some((Some(end), format!("soaks until {}", end.strftime("%Y-%m-%d %H:%M UTC")))),
                // A soak beyond the end of time never ends.
                Err(_) => waits("soaks for ever"),
            }
        }
    }
}
