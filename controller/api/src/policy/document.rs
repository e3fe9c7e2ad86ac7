//! The keys of a policy file. One declaration a mapping: name, type, default and doc line; the JSON Schema and the reader
//! follow from it. Knows nothing of layers.

use crate::policy::allowed::DEFAULT_ALLOWED;
use crate::policy::finding_words::Findings;
use crate::policy::life_cycle::{Approval, AutoMerge, Commits, Notifications, PullRequests, Rollout, Watch};
use crate::policy::manner_words::Chance;
use crate::policy::selector::{EnvironmentOf, Match, Selectors};
use crate::policy::words::{
    BelowMaxWord, Cron, HpaWord, LimitWord, OutlookWord, SharedWord, StrategyWord, VpaWord, Zone,
};
use crate::text::values::{Count, Cpu, Memory, Quantile, Share, Span};
use crate::text::{At, section};

/// 90 days of hours are kept; nothing older can be asked for.
type HistorySpan = Span<86_400, { 90 * 86_400 }>;
/// An hour is the least that a rhythm can be seen in.
type MinHistorySpan = Span<3600, { 90 * 86_400 }>;
/// A blackout of more than a month is `enabled: false`.
type BlackoutSpan = Span<60, { 31 * 86_400 }>;

section! {
    /// What kubeopt may propose for the workloads below this folder.
    pub(crate) struct PolicyDocument {
        /// A preset to start from: `kubeopt:conservative`, `balanced`, `aggressive`, `production`, `development`, `batch` or `jvm`.
        "extends" => extends: String = null,
        /// May anything be proposed? `false` in any layer wins.
        "enabled" => enabled: bool = true,
        /// Only what matches is looked at: each key that is given must match. All layers count.
        "selectors" => selectors: Selectors = {},
        /// What matches any of these keys is left alone. All layers count.
        "exclude" => exclude: Selectors = {},
        /// How numbers are made.
        "sizing" => sizing: Sizing = {},
        /// How far one pull request may go.
        "changes" => changes: Changes = {},
        /// Times in which nothing is opened or updated. The windows of all layers count.
        "blackouts" => blackouts: Vec<At<Blackout>> = [],
        /// Manners of pull requests.
        "pullRequests" => pull_requests: PullRequests = {},
        /// What every commit carries.
        "commits" => commits: Commits = {},
        /// When people have to approve.
        "approval" => approval: Approval = {},
        /// When kubeopt merges its own pull requests.
        "autoMerge" => auto_merge: AutoMerge = {},
        /// In which order environments and clusters come.
        "rollout" => rollout: Rollout = {},
        /// What happens after a merge.
        "watch" => watch: Watch = {},
        /// Who is told of what happens.
        "notifications" => notifications: Notifications = {},
        /// What is told of findings: what is unusual in usage.
        "findings" => findings: Findings = {},
        /// May a language model word the texts, where the operator set one up? It never sees or makes a number. `false` in any layer wins.
        "reasoning" => reasoning: bool = true,
        /// Other values for some workloads; of several that match, the last one counts.
        "overrides" => overrides: Vec<At<Override>> = [],
        /// Operator only: the preferences that a repository may set, by key or by the mapping that holds it; `*` is all.
        "allowedOverrides" => allowed_overrides: Vec<At<String>> = (DEFAULT_ALLOWED),
        /// Operator only: environments of workloads, where names of namespaces and folders do not tell them. The most careful of several that match counts.
        "environments" => environments: Vec<At<EnvironmentOf>> = [],
    }
}

section! {
    /// How numbers are made.
    pub(crate) struct Sizing {
        /// The rule that says what a container needs: `kubeopt` (what is reserved, plus the price of what may exceed it, is least), `quantile` (a quantile of CPU and the highest sample of memory, each with a margin), or what another project would request: `krr-simple`, `krr-simple-limit`, `vpa`.
        "strategy" => strategy: StrategyWord = "kubeopt",
        /// History that is looked at, from 1d to 90d.
        "history" => history: HistorySpan = "28d",
        /// History that must be there before anything is proposed.
        "minHistory" => min_history: MinHistorySpan = "7d",
        /// Runs that a Job or CronJob must have had.
        "minRuns" => min_runs: Count<1, 1000> = 5,
        /// Least share of expected samples on which something may be lowered.
        "minCoverage" => min_coverage: Share<0, 100> = "80%",
        /// CPU requests.
        "cpu" => cpu: CpuSizing = {},
        /// Memory requests.
        "memory" => memory: MemorySizing = {},
        /// What happens to limits.
        "limits" => limits: Limits = {},
        /// May memory fall below the highest sample of the history?
        "belowObservedMax" => below_observed_max: BelowMaxWord = "never",
        /// What the forecast of the next week's peak may do to a request: `off` (it is told, and changes nothing) or `raise` (a request is raised before the load comes; none is lowered).
        "outlook" => outlook: OutlookWord = "off",
        /// What happens where a VerticalPodAutoscaler sizes the same workload: `avoid` (what it sets itself is left to it; one with `updateMode: Off` holds nobody back), `follow` (its target is proposed) or `hand-over` (what it speaks of is left to it, even with `updateMode: Off`).
        "vpa" => vpa: VpaWord = "avoid",
        /// What happens where a HorizontalPodAutoscaler keeps a resource at a share of its request: `leave` (the resource stays as it is) or `together` (request and target move in one pull request, so that replicas are added at the same usage as before; where the line of the target cannot be edited, the resource stays).
        "hpa" => hpa: HpaWord = "leave",
    }
}

section! {
    /// CPU requests.
    pub(crate) struct CpuSizing {
        /// What samples above the request cost, relative to the rule's own price: 200% buys more safety, 50% saves more. With `strategy: kubeopt`.
        "price" => price: Share<1, 10_000> = "100%",
        /// Share of samples that the request covers, above 0 and at most 1. With `strategy: quantile`.
        "quantile" => quantile: Quantile = 0.98,
        /// Added to that quantile. With `strategy: quantile`.
        "margin" => margin: Share<0, 1000> = "15%",
        /// Lowest request; the highest floor of all layers counts.
        "floor" => floor: Cpu = "10m",
        /// Highest request; the lowest ceiling of all layers counts.
        "ceiling" => ceiling: Cpu = null,
    }
}

section! {
    /// Memory requests.
    pub(crate) struct MemorySizing {
        /// What a week that exceeds the request costs, relative to the rule's own price: 200% buys more safety, 50% saves more. With `strategy: kubeopt`.
        "price" => price: Share<1, 10_000> = "100%",
        /// Added to the highest sample. With `strategy: quantile`.
        "margin" => margin: Share<0, 1000> = "15%",
        /// Lowest request; the highest floor of all layers counts.
        "floor" => floor: Memory = "32Mi",
        /// Highest request; the lowest ceiling of all layers counts.
        "ceiling" => ceiling: Memory = null,
    }
}

section! {
    /// What happens to limits: `keep`, `ratio` (moves with the request) or `none` (no longer wanted).
    pub(crate) struct Limits {
        /// CPU limits.
        "cpu" => cpu: LimitWord = "keep",
        /// Memory limits.
        "memory" => memory: LimitWord = "keep",
    }
}

section! {
    /// How far one pull request may go.
    pub(crate) struct Changes {
        /// Largest increase of a value; 200% is at most three times the current one.
        "maxIncrease" => max_increase: Share<1, 10_000> = "200%",
        /// Largest decrease of a value; 75% leaves at least a quarter.
        "maxDecrease" => max_decrease: Share<0, 99> = "75%",
        /// Changes below this are not proposed.
        "ignoreBelow" => ignore_below: IgnoreBelow = {},
        /// What happens to a value that several entry points take from one base: `edit-base` (edited there, for all of them), `overlay-patch` (edited there if all agree, else in a patch of each overlay that needs another value) or `ask` (left, and told).
        "sharedBase" => shared_base: SharedWord = "overlay-patch",
        /// Least confidence in a value that is proposed, from 0 to 1; 0 asks for none.
        "minConfidence" => min_confidence: Chance = 0.0,
    }
}

section! {
    /// A change must reach the ratio and the amount of its resource, else it is not proposed.
    pub(crate) struct IgnoreBelow {
        /// Share of the current value.
        "ratio" => ratio: Share<0, 100> = "10%",
        /// Amount of CPU.
        "cpu" => cpu: Cpu = "25m",
        /// Amount of memory.
        "memory" => memory: Memory = "32Mi",
    }
}

section! {
    /// A recurring time in which nothing is opened or updated.
    pub(crate) struct Blackout {
        /// When it begins: a cron expression of five fields.
        "cron" => cron: Cron = null,
        /// How long it lasts, from 1m to 31d; never shorter because of a change of daylight saving time.
        "duration" => duration: BlackoutSpan = null,
        /// Time zone of the cron expression.
        "timezone" => timezone: Zone = "UTC",
        /// Why; shown when something waits.
        "reason" => reason: String = null,
    }
}

section! {
    /// Other values for some workloads.
    pub(crate) struct Override {
        /// Which workloads; each key that is given must match.
        "match" => matching: Match = null,
        /// May anything be proposed?
        "enabled" => enabled: bool = true,
        /// How numbers are made.
        "sizing" => sizing: Sizing = {},
        /// How far one pull request may go.
        "changes" => changes: Changes = {},
        /// When people have to approve.
        "approval" => approval: Approval = {},
        /// When kubeopt merges its own pull requests.
        "autoMerge" => auto_merge: AutoMerge = {},
        /// What happens after a merge.
        "watch" => watch: Watch = {},
    }
}
