//! From the open pull request to the measured outcome: who approves, when kubeopt merges, in which order environments come,
//! what is watched and who is told. Values only: what follows of them is decided in `policy`.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::manners::add;
use crate::cost::Money;
use crate::recommendation::Risk;

/// An environment, the most careful last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Environment {
    /// Where people try things on.
    Dev,
    /// Where a release is tried on.
    Staging,
    /// What customers use.
    Prod,
}

impl Environment {
    /// As policies write it: `prod`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Dev => "dev",
            Self::Staging => "staging",
            Self::Prod => "prod",
        }
    }
}

impl fmt::Display for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// When people have to approve before something is merged. Without any threshold nothing needs an approval.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ApprovalPolicy {
    /// A value that moves by more than this share of the current one, either way: 0.5 is 50 %.
    pub above_ratio: Option<f64>,
    /// A value that is raised by more than this share.
    pub above_increase: Option<f64>,
    /// A value that is lowered by more than this share.
    pub above_decrease: Option<f64>,
    /// A pull request that moves the cost of requested capacity by more than this a month, either way.
    pub above_monthly: Option<Money>,
    /// How many people with write access must approve.
    pub approvers: u32,
    /// A label that counts as the approval of the person who set it.
    pub label: String,
}

impl Default for ApprovalPolicy {
    fn default() -> Self {
        Self {
            above_ratio: None,
            above_increase: None,
            above_decrease: None,
            above_monthly: None,
            approvers: 1,
            label: "kubeopt/approved".to_owned(),
        }
    }
}

impl ApprovalPolicy {
    /// Whether any change could need an approval.
    pub fn may_ask(&self) -> bool {
        let shares = [self.above_ratio, self.above_increase, self.above_decrease];
        self.above_monthly.is_some() || shares.iter().any(Option::is_some)
    }

    /// The lower thresholds and the more approvers of both; the label is of `self`.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self {
            above_ratio: lowest(self.above_ratio, other.above_ratio),
            above_increase: lowest(self.above_increase, other.above_increase),
            above_decrease: lowest(self.above_decrease, other.above_decrease),
            above_monthly: self.above_monthly.into_iter().chain(other.above_monthly).min(),
            approvers: self.approvers.max(other.approvers),
            label: self.label,
        }
    }
}

/// When kubeopt merges a pull request of its own by itself.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutoMergePolicy {
    /// It may at all.
    pub enabled: bool,
    /// In these environments; a workload of another one, or of an unknown one, is merged by people.
    pub environments: BTreeSet<Environment>,
    /// No value moves by more than this share of the current one.
    pub max_change: f64,
    /// The least confidence of all its values, 0 to 1.
    pub min_confidence: f64,
    /// The highest risk of all its values.
    pub max_risk: Risk,
    /// Checks that must be there and green. Those that are not named must not be red or pending.
    pub require_status: BTreeSet<String>,
}

impl Default for AutoMergePolicy {
    fn default() -> Self {
        Self {
            enabled: false,
            environments: BTreeSet::new(),
            max_change: 0.2,
            min_confidence: 0.9,
            max_risk: Risk::Low,
            require_status: BTreeSet::new(),
        }
    }
}

impl AutoMergePolicy {
    /// What both allow.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self {
            enabled: self.enabled && other.enabled,
            environments: &self.environments & &other.environments,
            max_change: self.max_change.min(other.max_change),
            min_confidence: self.min_confidence.max(other.min_confidence),
            max_risk: self.max_risk.min(other.max_risk),
            require_status: &self.require_status | &other.require_status,
        }
    }
}

/// In which order environments and clusters come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RolloutPolicy {
    /// Environments that wait for each other, the first one first. Empty: none waits.
    pub order: BTreeSet<Environment>,
    /// How long a merged change must have run unharmed before the next environment or wave, seconds.
    pub soak_seconds: i64,
    /// Names or globs of clusters, one a wave; clusters that match none are the last wave. Empty: all at once.
    pub waves: Vec<String>,
}

impl Default for RolloutPolicy {
    fn default() -> Self {
        Self { order: BTreeSet::new(), soak_seconds: 86_400, waves: Vec::new() }
    }
}

impl RolloutPolicy {
    /// What suits both: the environments of both wait, for the longer time; the waves are of `self`, unless it has none.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        Self {
            order: &self.order | &other.order,
            soak_seconds: self.soak_seconds.max(other.soak_seconds),
            waves: if self.waves.is_empty() { other.waves.clone() } else { self.waves },
        }
    }
}

/// What happens when a merged change did harm, the most careful last.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RevertMode {
    /// A revert is opened, and merged by kubeopt where no check is red and nobody objects.
    AutoMerge,
    /// Nothing is opened; the harm is told.
    None,
    /// A revert is opened; people merge it.
    Propose,
}

/// What is watched after a merge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WatchPolicy {
    /// For how long, seconds.
    pub soak_seconds: i64,
    /// For how long a workload stays as it is after a revert, seconds.
    pub freeze_seconds: i64,
    /// What happens when it did harm.
    pub revert: RevertMode,
    /// So many OOM kills that were not there before are harm, whatever the test of significance says. None: it alone decides.
    pub oom_kills: Option<u32>,
    /// So many percentage points more of throttled CPU periods are harm. None: the test of significance alone decides.
    pub throttled_points: Option<u32>,
    /// A PromQL expression with one result, the share of good events, 0 to 1.
    pub slo_promql: Option<String>,
    /// Below this share the service is harmed.
    pub slo_min: f64,
}

impl Default for WatchPolicy {
    fn default() -> Self {
        Self {
            soak_seconds: 86_400,
            freeze_seconds: 14 * 86_400,
            revert: RevertMode::Propose,
            oom_kills: None,
            throttled_points: None,
            slo_promql: None,
            slo_min: 0.99,
        }
    }
}

impl WatchPolicy {
    /// The longer watch, the longer freeze and the lower thresholds of both; the objective is of `self`, unless it has none.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        let of_self = self.slo_promql.is_some();
        Self {
            soak_seconds: self.soak_seconds.max(other.soak_seconds),
            freeze_seconds: self.freeze_seconds.max(other.freeze_seconds),
            revert: self.revert.max(other.revert),
            oom_kills: self.oom_kills.into_iter().chain(other.oom_kills).min(),
            throttled_points: self.throttled_points.into_iter().chain(other.throttled_points).min(),
            slo_min: if of_self { self.slo_min } else { other.slo_min },
            slo_promql: self.slo_promql.or_else(|| other.slo_promql.clone()),
        }
    }
}

/// How much something matters, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Good to know: opened, merged, kept.
    Info,
    /// Somebody should look: waiting for long, refused, not synced.
    Warning,
    /// Something is harmed: a revert.
    Critical,
}

/// Who is told of what happens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct NotificationPolicy {
    /// Anybody is.
    pub enabled: bool,
    /// From this severity on.
    pub least: Severity,
    /// Names of destinations in kubeopt.yaml. Empty: all of them.
    pub to: Vec<String>,
}

impl Default for NotificationPolicy {
    fn default() -> Self {
        Self { enabled: true, least: Severity::Info, to: Vec::new() }
    }
}

impl NotificationPolicy {
    /// Everybody whom one of them tells, from the lower severity on. No destination means all, so that counts for both.
    #[must_use]
    pub fn and(self, other: &Self) -> Self {
        if !self.enabled || !other.enabled {
            return if self.enabled { self } else { other.clone() };
        }
        let mut to = Vec::new();
        if !self.to.is_empty() && !other.to.is_empty() {
            to = self.to;
            add(&mut to, &other.to);
        }
        Self { enabled: true, least: self.least.min(other.least), to }
    }
}

fn lowest(a: Option<f64>, b: Option<f64>) -> Option<f64> {
    a.into_iter().chain(b).reduce(f64::min)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_two_policies_nothing_is_looser_than_in_either() {
        let money = |dollars: i64| Some(Money(dollars.into()));
        let one = ApprovalPolicy { above_ratio: Some(0.5), above_monthly: money(100), ..Default::default() };
        let other = ApprovalPolicy {
            above_ratio: Some(0.3),
            above_monthly: money(50),
            approvers: 2,
            ..Default::default()
        };
        let both = one.and(&other);
        assert_eq!((both.above_ratio, both.above_monthly, both.approvers), (Some(0.3), money(50), 2));
        assert_eq!(
            ApprovalPolicy::default().and(&both).above_ratio,
            Some(0.3),
            "no threshold is the loosest one"
        );

        let all = BTreeSet::from([Environment::Dev, Environment::Staging]);
        let one = AutoMergePolicy { enabled: true, environments: all.clone(), ..Default::default() };
        let dev = AutoMergePolicy {
            environments: BTreeSet::from([Environment::Dev]),
            max_risk: Risk::High,
            ..one.clone()
        };
        let both = one.clone().and(&dev);
        assert_eq!((both.enabled, both.environments.len(), both.max_risk), (true, 1, Risk::Low));
        assert!(!one.and(&AutoMergePolicy::default()).enabled);

        let order = RolloutPolicy { order: all, soak_seconds: 60, waves: vec!["a".to_owned()] };
        let both = RolloutPolicy::default().and(&order);
        assert_eq!((both.order.len(), both.soak_seconds, both.waves), (2, 86_400, vec!["a".to_owned()]));
    }

    #[test]
    fn of_two_watches_the_longer_and_the_sharper_counts() {
        let sharp = WatchPolicy {
            revert: RevertMode::AutoMerge,
            oom_kills: Some(1),
            slo_promql: Some("up".to_owned()),
            slo_min: 0.999,
            ..Default::default()
        };
        let both = WatchPolicy { soak_seconds: 2 * 86_400, ..Default::default() }.and(&sharp);
        assert_eq!(
            (both.soak_seconds, both.revert, both.oom_kills),
            (2 * 86_400, RevertMode::Propose, Some(1))
        );
        assert_eq!((both.slo_promql.as_deref(), both.slo_min), (Some("up"), 0.999));
    }

    #[test]
    fn everybody_whom_one_of_two_policies_tells_is_told() {
        let to = |names: &[&str], least| NotificationPolicy {
            enabled: true,
            least,
            to: names.iter().map(|name| (*name).to_owned()).collect(),
        };
        let both = to(&["a"], Severity::Critical).and(&to(&["b", "a"], Severity::Warning));
        assert_eq!(both, to(&["a", "b"], Severity::Warning));
        assert_eq!(both.and(&to(&[], Severity::Critical)), to(&[], Severity::Warning));
        let silent = NotificationPolicy { enabled: false, ..Default::default() };
        assert_eq!(silent.and(&to(&["a"], Severity::Info)), to(&["a"], Severity::Info));
    }
}
