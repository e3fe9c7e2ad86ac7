//! The effective policy: what all layers together say for one path, namespace and workload. Parsing and combining the
//! layers is the business of `api`; the pure stages only read the result.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

mod findings;
mod life_cycle;
mod manners;
mod object;

pub use findings::{FindingPolicy, Silence, SilentTime};
pub use life_cycle::{
    ApprovalPolicy, AutoMergePolicy, Environment, NotificationPolicy, RevertMode, RolloutPolicy, Severity,
    WatchPolicy,
};
pub use manners::{CodeOwners, CommitPolicy, GroupBy, PullRequestPolicy, Schedule, TitleStyle};
pub use object::PolicyObject;

use crate::quantity::{Amount, Bytes, MilliCores};

/// What happens to a limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum LimitPolicy {
    /// The limit stays; it is raised only where the request would exceed it or an OOM kill demands it.
    Keep,
    /// limit' = limit x request' / request.
    Ratio,
    /// The limit is no longer wanted: its key is removed, unless the pod's quality of service class would change, the
    /// limit is the request too, or the namespace demands one.
    None,
}

/// May a value fall below what was seen?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BelowObservedMax {
    /// Memory never falls below the highest sample of the window.
    Never,
    /// It may.
    Allow,
}

/// What a forecast may do to a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum OutlookPolicy {
    /// It is told, and changes nothing.
    Off,
    /// It may raise a request before the load comes. It never lowers one.
    Raise,
}

impl OutlookPolicy {
    /// `off`, `raise`
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Off => "off",
            Self::Raise => "raise",
        }
    }
}

/// The rule that says what a container needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SizingStrategy {
    /// What is reserved, plus the price of what may exceed it, is least.
    Kubeopt,
    /// CPU from a quantile of all samples, memory from the highest sample, each with a margin.
    Quantile,
    /// The default strategy of Robusta KRR.
    KrrSimple,
    /// The strategy `simple_limit` of Robusta KRR.
    KrrSimpleLimit,
    /// The target of the Vertical Pod Autoscaler's recommender.
    Vpa,
}

impl SizingStrategy {
    /// All of them.
    pub const ALL: [Self; 5] =
        [Self::Kubeopt, Self::Quantile, Self::KrrSimple, Self::KrrSimpleLimit, Self::Vpa];

    /// It is told by 5-minute points, not by days and hours.
    pub fn needs_points(self) -> bool {
        match self {
            Self::Kubeopt | Self::Quantile => false,
            Self::KrrSimple | Self::KrrSimpleLimit | Self::Vpa => true,
        }
    }

    /// As policies write it: `krr-simple`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Kubeopt => "kubeopt",
            Self::Quantile => "quantile",
            Self::KrrSimple => "krr-simple",
            Self::KrrSimpleLimit => "krr-simple-limit",
            Self::Vpa => "vpa",
        }
    }
}

/// What happens where a VerticalPodAutoscaler sizes the same workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum VpaPolicy {
    /// Its target is proposed, so that Git says what runs.
    Follow,
    /// What a VPA sets itself is left to it; one that only recommends holds nobody back.
    Avoid,
    /// What a VPA speaks of is left to it, even if it only recommends.
    HandOver,
}

impl VpaPolicy {
    /// As policies write it: `hand-over`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Follow => "follow",
            Self::Avoid => "avoid",
            Self::HandOver => "hand-over",
        }
    }
}

/// What happens where a HorizontalPodAutoscaler keeps a resource at a share of its request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum HpaPolicy {
    /// Request and target move together, so that replicas are added at the same usage as before.
    Together,
    /// The resource stays as it is.
    Leave,
}

impl HpaPolicy {
    /// As policies write it: `together`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Together => "together",
            Self::Leave => "leave",
        }
    }
}

/// How numbers are made.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct SizingPolicy {
    /// The rule that says what a container needs.
    pub strategy: SizingStrategy,
    /// What happens where a VerticalPodAutoscaler sizes the same workload.
    pub vpa: VpaPolicy,
    /// What happens where a HorizontalPodAutoscaler keeps a resource at a share of its request.
    pub hpa: HpaPolicy,
    /// History that is looked at, seconds.
    pub history_seconds: i64,
    /// History that must be there, seconds.
    pub min_history_seconds: i64,
    /// Runs that a Job or CronJob must have.
    pub min_runs: u64,
    /// What samples above the CPU request cost, relative to the rule's own price: 2.0 buys more safety, 0.5 saves more.
    /// Counts where the strategy is `kubeopt`.
    pub cpu_price: f64,
    /// What a week that exceeds the memory request costs, relative to the rule's own price. Counts where the strategy is
    /// `kubeopt`.
    pub memory_price: f64,
    /// CPU quantile of all samples, 0 to 1. Counts where the strategy is `quantile`, as do the margins.
    pub cpu_quantile: f64,
    /// Margin on that quantile, 0.15 is 15 %.
    pub cpu_margin: f64,
    /// Lowest CPU request.
    pub cpu_floor: MilliCores,
    /// Highest CPU request.
    pub cpu_ceiling: Option<MilliCores>,
    /// Margin on the highest memory sample.
    pub memory_margin: f64,
    /// Lowest memory request.
    pub memory_floor: Bytes,
    /// Highest memory request.
    pub memory_ceiling: Option<Bytes>,
    /// What happens to CPU limits.
    pub cpu_limit: LimitPolicy,
    /// What happens to memory limits.
    pub memory_limit: LimitPolicy,
    /// May memory fall below what was seen?
    pub below_observed_max: BelowObservedMax,
    /// What a forecast may do to a request.
    pub outlook: OutlookPolicy,
    /// Least coverage of the window on which something may be lowered, 0 to 1.
    pub min_coverage: f64,
}

/// What happens to a value that several entry points take from one place, from the boldest to the most careful.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SharedBase {
    /// It is edited where it stands, sized for all that it feeds.
    EditBase,
    /// It is edited where it stands only if all that it feeds agree; else it stays, and each overlay that needs another
    /// value gets it in a patch of its own.
    OverlayPatch,
    /// It stays, and people are told what it feeds.
    Ask,
}

/// How far one pull request may go.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ChangePolicy {
    /// 2.0 is +200 %: at most three times the current value.
    pub max_increase: f64,
    /// 0.75 is -75 %.
    pub max_decrease: f64,
    /// A change below this share of the current value is not proposed.
    pub ignore_below_ratio: f64,
    /// A change below this is not proposed.
    pub ignore_below_cpu: MilliCores,
    /// A change below this is not proposed.
    pub ignore_below_memory: Bytes,
    /// What happens to a value that several entry points share.
    pub shared_base: SharedBase,
    /// Least confidence in a value that is proposed, 0 to 1; 0 asks for none.
    pub min_confidence: f64,
}

impl ChangePolicy {
    /// Whether two amounts of one resource are so near to each other that nobody should be bothered for the difference:
    /// it is below the least share of `now`, or below the least amount.
    pub fn is_too_small(&self, now: Amount, other: Amount) -> bool {
        let least = match now {
            Amount::Cpu(_) => Amount::Cpu(self.ignore_below_cpu),
            Amount::Memory(_) => Amount::Memory(self.ignore_below_memory),
        };
        // Millionths, so that 10 % of an amount is exactly that; the casts saturate, and ratios are at most 1.
        let ppm = (self.ignore_below_ratio * 1e6).round() as u64;
        let share = u128::from(now.base()) * u128::from(ppm) / 1_000_000;
        let difference = now.base().abs_diff(other.base());
        u128::from(difference) < share || difference < least.base()
    }
}

/// A recurring time in which nothing is opened or updated.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blackout {
    /// Five-field cron expression of its start.
    pub cron: String,
    /// Length, seconds.
    pub seconds: i64,
    /// IANA time zone.
    pub timezone: String,
    /// Why; shown when something waits.
    pub reason: Option<String>,
}

/// All that applies to one edit site.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct EffectivePolicy {
    /// May anything be proposed?
    pub enabled: bool,
    /// Sizing.
    pub sizing: SizingPolicy,
    /// Change limits.
    pub changes: ChangePolicy,
    /// When nothing is opened or updated.
    pub blackouts: Vec<Blackout>,
    /// Manners.
    pub pull_requests: PullRequestPolicy,
    /// What every commit carries.
    pub commits: CommitPolicy,
    /// When people have to approve.
    pub approval: ApprovalPolicy,
    /// When kubeopt merges by itself.
    pub auto_merge: AutoMergePolicy,
    /// In which order environments and clusters come.
    pub rollout: RolloutPolicy,
    /// What happens after a merge.
    pub watch: WatchPolicy,
    /// Who is told of what happens.
    pub notifications: NotificationPolicy,
    /// What is told of findings.
    pub findings: FindingPolicy,
    /// May a language model word the texts?
    pub reasoning: bool,
    /// Which layer set a key: `sizing.cpu.quantile` -> `.kubeopt.yaml:4`. Keys that are not here have their default.
    pub set_by: BTreeMap<String, String>,
}

/// 28 days: four weekly rhythms.
pub const DEFAULT_HISTORY_SECONDS: i64 = 28 * 86_400;
/// 7 days: one weekly rhythm.
pub const DEFAULT_MIN_HISTORY_SECONDS: i64 = 7 * 86_400;

impl Default for EffectivePolicy {
    fn default() -> Self {
        Self {
            enabled: true,
            sizing: SizingPolicy {
                strategy: SizingStrategy::Kubeopt,
                vpa: VpaPolicy::Avoid,
                hpa: HpaPolicy::Leave,
                cpu_price: 1.0,
                memory_price: 1.0,
                history_seconds: DEFAULT_HISTORY_SECONDS,
                min_history_seconds: DEFAULT_MIN_HISTORY_SECONDS,
                min_runs: 5,
                cpu_quantile: 0.98,
                cpu_margin: 0.15,
                cpu_floor: MilliCores(10),
                cpu_ceiling: None,
                memory_margin: 0.15,
                memory_floor: Bytes::mebi(32),
                memory_ceiling: None,
                cpu_limit: LimitPolicy::Keep,
                memory_limit: LimitPolicy::Keep,
                below_observed_max: BelowObservedMax::Never,
                outlook: OutlookPolicy::Off,
                min_coverage: 0.8,
            },
            changes: ChangePolicy {
                max_increase: 2.0,
                max_decrease: 0.75,
                ignore_below_ratio: 0.10,
                ignore_below_cpu: MilliCores(25),
                ignore_below_memory: Bytes::mebi(32),
                shared_base: SharedBase::OverlayPatch,
                min_confidence: 0.0,
            },
            blackouts: Vec::new(),
            pull_requests: PullRequestPolicy::default(),
            commits: CommitPolicy::default(),
            approval: ApprovalPolicy::default(),
            auto_merge: AutoMergePolicy::default(),
            rollout: RolloutPolicy::default(),
            watch: WatchPolicy::default(),
            notifications: NotificationPolicy::default(),
            findings: FindingPolicy::default(),
            reasoning: true,
            set_by: BTreeMap::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_difference_must_reach_the_share_and_the_amount() {
        let policy = EffectivePolicy::default().changes;
        let cpu =
            |now, other| policy.is_too_small(Amount::Cpu(MilliCores(now)), Amount::Cpu(MilliCores(other)));
        assert!(cpu(100, 124) && !cpu(100, 125), "25m is the least amount");
        assert!(cpu(1000, 1099) && !cpu(1000, 1100) && !cpu(1000, 900), "a tenth is the least share");
        let memory = |now, other| {
            policy.is_too_small(Amount::Memory(Bytes::mebi(now)), Amount::Memory(Bytes::mebi(other)))
        };
        assert!(memory(64, 95) && !memory(64, 96) && memory(1024, 1100));
    }

    #[test]
    fn asking_is_more_careful_than_patching_and_that_than_editing() {
        assert!(
            SharedBase::Ask > SharedBase::OverlayPatch && SharedBase::OverlayPatch > SharedBase::EditBase
        );
    }
}
