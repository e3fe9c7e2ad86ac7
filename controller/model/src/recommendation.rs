//! What is wanted, why, and why not.

use serde::{Deserialize, Serialize};

use crate::change::Change;
use crate::confidence::StatedConfidence;
use crate::cost::CapacityCost;
use crate::foretold::Foretold;
use crate::load::TimedRequest;
use crate::names::ContainerName;
use crate::problem::Problem;
use crate::quantity::{Amount, Field};
use crate::scale::TargetChange;
use crate::source::{EditSite, RenderedWorkload, RepoPath, RepositoryId};
use crate::usage::{ContainerUsage, Coverage};
use crate::workload::{ContainerId, ContainerRole, Resources};

/// What a rule did to a value.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Effect {
    /// Prefers this value.
    Prefer(Amount),
    /// Not below.
    AtLeast(Amount),
    /// Not above.
    AtMost(Amount),
    /// The field stays as it is.
    Leave,
    /// The field goes out of Git.
    Remove,
    /// Said something, changed nothing.
    Note,
}

/// What one rule or guardrail said about one field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The rule: `cpu-quantile`.
    pub rule: String,
    /// The field that it speaks of.
    pub field: Field,
    /// What it did.
    pub effect: Effect,
    /// It decided the value.
    pub bound: bool,
    /// The sentence, with its numbers, without a full stop.
    pub text: String,
}

/// The rule of values that a person gave: guardrails hold for them, what is too small to bother anyone does not.
pub const SET_BY_HAND: &str = "set-by-hand";

/// Why nothing is recommended, and what would cure it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", rename_all_fields = "camelCase")]
pub enum NoRecommendation {
    /// No sample at all.
    NoUsage,
    /// Not enough yet.
    TooLittleHistory {
        /// Seconds there.
        have_seconds: i64,
        /// Seconds needed.
        need_seconds: i64,
    },
    /// Not enough runs of a Job or CronJob yet.
    TooFewRuns {
        /// Runs there.
        have: u64,
        /// Runs needed.
        need: u64,
    },
    /// An HPA scales on this resource: the scale point would move.
    ScaledOnThisResource {
        /// The HPA and its target, as a sentence.
        scaler: String,
    },
    /// The policy says no.
    Disabled {
        /// The layer that says so.
        by: String,
    },
    /// Nothing in Git that may be edited.
    NotEditable(Problem),
    /// The source is unknown.
    NoSource(Problem),
    /// All values are fine.
    AlreadyRight,
    /// All wanted changes are too small to bother anyone.
    TooSmall,
    /// A guardrail does not let it pass.
    Refused {
        /// The guardrail: `quota`.
        guardrail: String,
        /// The sentence, with its numbers, without a full stop.
        text: String,
    },
    /// It must not be lowered or created on partial data, and nothing needs raising.
    PartialData {
        /// Coverage of the window.
        coverage: Coverage,
        /// What is partial.
        why: String,
    },
}

impl NoRecommendation {
    /// The problem behind it, with its code and help, where there is one.
    pub fn problem(&self) -> Option<&Problem> {
        match self {
            Self::NotEditable(problem) | Self::NoSource(problem) => Some(problem),
            Self::NoUsage
            | Self::TooLittleHistory { .. }
            | Self::TooFewRuns { .. }
            | Self::ScaledOnThisResource { .. }
            | Self::Disabled { .. }
            | Self::AlreadyRight
            | Self::TooSmall
            | Self::Refused { .. }
            | Self::PartialData { .. } => None,
        }
    }

    /// One sentence for tables, with its numbers, without a full stop.
    pub fn sentence(&self) -> String {
        let days = |seconds: i64| format!("{:.1}", seconds as f64 / 86_400.0);
        match self {
            Self::NoUsage => {
                "no usage seen: check that Prometheus scrapes cAdvisor for this namespace".to_owned()
            }
            Self::TooLittleHistory { have_seconds, need_seconds } => {
                format!("too little history: {} of {} days", days(*have_seconds), days(*need_seconds))
            }
            Self::TooFewRuns { have, need } => format!("too little history: {have} of {need} runs"),
            Self::ScaledOnThisResource { scaler } => format!("{scaler}: scale point kept"),
            Self::Disabled { by } => format!("switched off by {by}"),
            Self::NotEditable(problem) | Self::NoSource(problem) => {
                format!("{} ({})", problem.text, problem.code)
            }
            Self::AlreadyRight => "already right".to_owned(),
            Self::TooSmall => "the change would be too small to propose".to_owned(),
            Self::Refused { text, .. } => text.clone(),
            Self::PartialData { coverage, why } => {
                format!(
                    "partial data, {coverage} of the window is there ({why}): nothing is lowered or created on it"
                )
            }
        }
    }
}

/// One container that a recommendation feeds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// Which.
    pub container: ContainerId,
    /// Replicas now.
    pub replicas: u32,
    /// Requests and limits, now and proposed.
    pub resources: Change<Resources>,
    /// The usage that it rests on.
    pub usage: ContainerUsage,
    /// What its requested capacity costs a month.
    pub cost: Option<CapacityCost>,
    /// What it would be given by the time of day or week, where its load has windows; the proposed value holds all hours.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub timed: Vec<TimedRequest>,
    /// The terms of values that were chosen by an explicit cost.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub terms: Vec<CostTerms>,
    /// What the rule achieved on past days, for the less sure of the resources that change; none where too few days tell.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub confidence: Option<StatedConfidence>,
    /// What load is foretold; none where nobody was asked, or history is too short.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub foretold: Option<Foretold>,
}

/// What a value costs: what it reserves, and the price of what may exceed it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CostTerms {
    /// The value that costs least, before bounds and rounding.
    pub value: Amount,
    /// What is reserved: cores or GiB.
    pub reserved: f64,
    /// The share of samples (CPU) or the chance of a week (memory) that exceeds it, 0 to 1.
    pub exceeding: f64,
    /// The price of that, in the unit of `reserved`.
    pub risk: f64,
    /// It is what was given before, and another value would not cost clearly less.
    pub kept: bool,
}

/// One thing changed, and the value that would come of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct WhatIf {
    /// What is changed, without a full stop: `sizing.memory.price: 50% instead of 100%`.
    pub change: String,
    /// The field that comes out otherwise.
    pub field: Field,
    /// How it comes out as things are; none where it is not set.
    pub now: Option<Amount>,
    /// How it would come out.
    pub then: Option<Amount>,
}

/// A change of one scalar in Git.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteChange {
    /// The field that the scalar sets.
    pub field: Field,
    /// The scalar.
    pub site: EditSite,
    /// The value now and proposed.
    pub value: Change<Amount>,
    /// Entry points that it feeds.
    pub feeds: Vec<RepoPath>,
    /// How the proposed value is to be written, where it stood there before; in the notation of the file where none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub written: Option<String>,
}

/// A limit that goes out of Git, with its key; or a request that kubeopt created and takes back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteRemoval {
    /// The limit, or the request.
    pub field: Field,
    /// The scalar; its key goes with it.
    pub site: EditSite,
    /// The value now.
    pub before: Amount,
    /// Entry points that it feeds.
    pub feeds: Vec<RepoPath>,
}

/// A request that nothing in Git sets, created with its keys: the API server would take the limit for it, or nothing. Or a
/// limit that kubeopt removed and gives back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SiteAddition {
    /// The request, or the limit.
    pub field: Field,
    /// Where: the full path, with the keys that are missing; the text is empty.
    pub site: EditSite,
    /// The value that shall stand there.
    pub after: Amount,
    /// Entry points that it feeds.
    pub feeds: Vec<RepoPath>,
    /// The containers that get it, sorted; never empty. What the cluster fills in today differs between them.
    pub containers: Vec<ContainerId>,
}

/// A value that one overlay sets over a base. The base stays as it is, because it feeds others too; the value stands in
/// a strategic merge patch of the overlay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SitePatch {
    /// The field.
    pub field: Field,
    /// The place in the base that sets the field, or that could; nothing is edited there.
    pub base: EditSite,
    /// What the overlay takes from there now, if anything, and what it shall have.
    pub value: Change<Option<Amount>>,
    /// Entry points that the base feeds, the overlay among them.
    pub feeds: Vec<RepoPath>,
    /// The overlay: the one entry point that changes.
    pub overlay: RepoPath,
    /// The overlay's kustomization, which names the patch file.
    pub kustomization: RepoPath,
    /// The patch file: one that the kustomization names already, or a new one.
    pub file: RepoPath,
    /// The workload as the base names it, which is what kustomize looks for.
    pub workload: RenderedWorkload,
    /// The container.
    pub container: ContainerName,
    /// In which list of the pod it stands.
    pub role: ContainerRole,
    /// The names of that list, in its order; the container is among them.
    pub list: Vec<ContainerName>,
    /// The live containers that get it, sorted; never empty.
    pub containers: Vec<ContainerId>,
}

/// How risky a change is, by rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Risk {
    /// Nothing is lowered below what was seen with margin.
    Low,
    /// Memory is lowered by more than half, or the window is short.
    Medium,
    /// The change lowers something on thin evidence.
    High,
}

impl std::fmt::Display for Risk {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        })
    }
}

/// One recommendation for all containers that the same scalars feed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Recommendation {
    /// The repository of the scalars.
    pub repository: RepositoryId,
    /// The containers, sorted; never empty.
    pub members: Vec<Member>,
    /// What changes in Git, sorted by field; empty only where something is removed, created or patched.
    pub changes: Vec<SiteChange>,
    /// Limits that go out of Git, sorted by place; empty unless the policy wants no limit.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub removals: Vec<SiteRemoval>,
    /// Requests that Git does not set yet, sorted by place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub additions: Vec<SiteAddition>,
    /// Values that an overlay sets over a base that others share, sorted by place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<SitePatch>,
    /// Targets of HorizontalPodAutoscalers that move with the requests, sorted by place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub targets: Vec<TargetChange>,
    /// What each rule said, in the order in which the rules ran.
    pub reasons: Vec<Reason>,
    /// Fields that stay, with the reason.
    pub left: Vec<(Field, NoRecommendation)>,
    /// Risk by rule.
    pub risk: Risk,
    /// An OOM kill is what it cures.
    pub cures_oom: bool,
}

impl Recommendation {
    /// Every place that is edited where it stands: changes before removals before additions before targets.
    pub fn sites(&self) -> impl Iterator<Item = &EditSite> {
        self.changes
            .iter()
            .map(|change| &change.site)
            .chain(self.removals.iter().map(|removal| &removal.site))
            .chain(self.additions.iter().map(|addition| &addition.site))
            .chain(self.targets.iter().map(|target| &target.target.site))
    }

    /// Every file that it edits or makes, as often as it does.
    pub fn files(&self) -> impl Iterator<Item = &RepoPath> {
        let patched = self.patches.iter().flat_map(|patch| [&patch.file, &patch.kustomization]);
        self.sites().map(|site| &site.file).chain(patched)
    }

    /// Every entry point that it feeds, as often as a scalar feeds it; a patch feeds its overlay.
    pub fn feeds(&self) -> impl Iterator<Item = &RepoPath> {
        self.changes
            .iter()
            .flat_map(|change| &change.feeds)
            .chain(self.removals.iter().flat_map(|removal| &removal.feeds))
            .chain(self.additions.iter().flat_map(|addition| &addition.feeds))
            .chain(self.patches.iter().map(|patch| &patch.overlay))
    }

    /// Nothing of it reaches Git.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
            && self.removals.is_empty()
            && self.additions.is_empty()
            && self.patches.is_empty()
    }

    /// The least sure of its members; none as soon as one is unknown.
    pub fn confidence(&self) -> Option<StatedConfidence> {
        let mut members = self.members.iter().map(|member| member.confidence);
        let first = members.next()??;
        members.try_fold(first, |least, next| Some(least.least(next?)))
    }

    /// The sum over its members; none as soon as one is unknown.
    pub fn cost(&self) -> Option<CapacityCost> {
        self.members.iter().try_fold(CapacityCost::default(), |sum, member| {
            let cost = member.cost?;
            Some(CapacityCost { before: sum.before + cost.before, after: sum.after + cost.after })
        })
    }
}

/// The lower bound of the least sure of all values that are proposed together, 0 to 1; none without any, or as soon as one
/// is unknown.
pub fn least_confidence(recommendations: &[Recommendation]) -> Option<f64> {
    let bounds = recommendations.iter().map(|one| Some(one.confidence()?.lower_bound));
    bounds.reduce(|least, next| Some(least?.min(next?))).flatten()
}
