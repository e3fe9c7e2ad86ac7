//! The keys of the life cycle of a pull request: manners, approvals, merges, rollout, watch, notifications. Declared as
//! those in `document`, which holds them. Knows nothing of layers.

use crate::policy::manner_words::{
    Chance, Dollars, Person, RevertWord, Reviewers, RiskWord, SeverityWord, TitleWord,
};
use crate::policy::words::{Cron, EnvironmentWord, GroupWord, Pattern, Zone};
use crate::text::section;
use crate::text::values::{Count, Share, Span};

/// Longer than a month, nobody remembers what was merged.
pub(crate) type SoakSpan = Span<0, { 31 * 86_400 }>;
/// Under an hour there are no samples to compare.
pub(crate) type WatchSpan = Span<3600, { 31 * 86_400 }>;
/// A year; what shall never be touched is `enabled: false`.
pub(crate) type FreezeSpan = Span<0, { 365 * 86_400 }>;

section! {
    /// Manners of pull requests.
    pub(crate) struct PullRequests {
        /// What goes into one pull request: `source` (one per entry point), `namespace`, `team` (one per team that owns the files by CODEOWNERS; by entry point where none does) or `single`.
        "groupBy" => group_by: GroupWord = "source",
        /// Most open at a time in one repository; the lowest of all layers counts.
        "maxOpen" => max_open: Count<0, 100> = 5,
        /// Most new ones an hour in one repository; the lowest of all layers counts.
        "perHour" => per_hour: Count<0, 100> = 2,
        /// When new pull requests are opened: cron expressions of five fields, of which one must name the minute; those that are open are kept up to date at any time.
        "schedule" => schedule: Vec<Cron> = [],
        /// Time zone of the schedule.
        "timezone" => timezone: Zone = "UTC",
        /// Labels that a new pull request gets.
        "labels" => labels: Vec<String> = ["kubeopt"],
        /// Who is asked for a review of a new pull request: users, teams as `organisation/team`, and `codeowners` for those whom the repository's CODEOWNERS names.
        "reviewers" => reviewers: Reviewers = [],
        /// Who is assigned to a new pull request.
        "assignees" => assignees: Vec<Person> = [],
        /// New pull requests are drafts.
        "draft" => draft: bool = false,
        /// How titles are written: `conventional`, `plain`, or `auto` (as most of the last commits are).
        "titles" => titles: TitleWord = "auto",
        /// A repository without a policy file first gets a pull request that adds one; merging it switches kubeopt on there. Read from the operator's layers.
        "onboarding" => onboarding: bool = true,
        /// The repository gets one issue that lists what is open, waiting, ignored and failed.
        "dashboard" => dashboard: bool = true,
        /// When a closed pull request is forgotten.
        "reopenAfter" => reopen_after: ReopenAfter = {},
    }
}

section! {
    /// When a closed pull request is forgotten; either is enough.
    pub(crate) struct ReopenAfter {
        /// The numbers moved by this much.
        "moved" => moved: Share<1, 1000> = "25%",
        /// So many days passed.
        "days" => days: Count<1, 3650> = 60,
    }
}

section! {
    /// What every commit carries.
    pub(crate) struct Commits {
        /// A `Signed-off-by` trailer (Developer Certificate of Origin); `true` in any layer wins.
        "signoff" => signoff: bool = false,
        /// A signature that the forge verifies; `true` in any layer wins. Where it cannot be made, nothing is committed.
        "signed" => signed: bool = false,
    }
}

section! {
    /// When people have to approve.
    pub(crate) struct Approval {
        /// What is a large change, and how many approve it.
        "large" => large: Large = {},
        /// A label that counts as the approval of the person who set it.
        "label" => label: String = "kubeopt/approved",
    }
}

section! {
    /// A change that exceeds any of these is large; without any, none is.
    pub(crate) struct Large {
        /// A value moves by more than this share of the current one, either way.
        "aboveRatio" => above_ratio: Share<0, 10_000> = null,
        /// A value is raised by more than this share.
        "aboveIncrease" => above_increase: Share<0, 10_000> = null,
        /// A value is lowered by more than this share.
        "aboveDecrease" => above_decrease: Share<0, 100> = null,
        /// The cost of what is requested moves by more than this a month, either way.
        "aboveMonthly" => above_monthly: Dollars = null,
        /// How many people with write access approve it, by review, label or comment; the highest number of all layers counts.
        "approvers" => approvers: Count<1, 10> = 1,
    }
}

section! {
    /// When kubeopt merges its own pull requests. Never on a negative review, a red or a pending check, or in a blackout.
    pub(crate) struct AutoMerge {
        /// May it at all? `false` in any layer wins.
        "enabled" => enabled: bool = false,
        /// In which environments; those that all layers name count.
        "environments" => environments: Vec<EnvironmentWord> = [],
        /// No value moves by more than this share of the current one.
        "maxChange" => max_change: Share<0, 1000> = "20%",
        /// Least confidence of all values, from 0 to 1.
        "minConfidence" => min_confidence: Chance = 0.9,
        /// Highest risk of all values: `low`, `medium` or `high`.
        "maxRisk" => max_risk: RiskWord = "low",
        /// Checks that must be there and green; those of all layers count.
        "requireStatus" => require_status: Vec<String> = [],
    }
}

section! {
    /// In which order environments and clusters come.
    pub(crate) struct Rollout {
        /// Environments that wait for each other, from the least to the most careful: `[dev, staging, prod]`; those of all layers count.
        "order" => order: Vec<EnvironmentWord> = [],
        /// How long a merged change must have run unharmed before the next environment or wave.
        "soak" => soak: SoakSpan = "1d",
        /// Clusters that wait for each other.
        "waves" => waves: Waves = {},
        /// What is harm after a merge, whatever the test of significance says.
        "revertOn" => revert_on: RevertOn = {},
    }
}

section! {
    /// Clusters that wait for each other within an environment.
    pub(crate) struct Waves {
        /// Names or globs of clusters, one a wave, as `[canary, "{eu,us}-1"]`; clusters that match none come last.
        "clusters" => clusters: Vec<Pattern> = [],
    }
}

section! {
    /// What is harm after a merge; without these the test of significance alone decides.
    pub(crate) struct RevertOn {
        /// So many OOM kills, where there were none before.
        "oomKills" => oom_kills: Count<1, 1000> = null,
        /// So many percentage points more of throttled CPU periods.
        "throttledPeriodsPoints" => throttled_points: Count<1, 100> = null,
    }
}

section! {
    /// What happens after a merge.
    pub(crate) struct Watch {
        /// For how long usage before and after is compared.
        "soak" => soak: WatchSpan = "1d",
        /// For how long a workload stays as it is after a revert.
        "freeze" => freeze: FreezeSpan = "14d",
        /// What happens when a merged change did harm: `propose` (a revert is opened), `auto-merge` (and merged) or `none`. Of several layers `propose` counts before `none` and that before `auto-merge`.
        "revert" => revert: RevertWord = "propose",
        /// An objective of the service.
        "slo" => slo: Slo = {},
    }
}

section! {
    /// An objective of the service.
    pub(crate) struct Slo {
        /// A PromQL expression with one result: the share of good events, from 0 to 1.
        "promql" => promql: String = null,
        /// Below this share the service is harmed.
        "min" => min: Chance = 0.99,
    }
}

section! {
    /// Who is told of what happens.
    pub(crate) struct Notifications {
        /// Is anybody told?
        "enabled" => enabled: bool = true,
        /// From which severity on: `info`, `warning` or `critical`.
        "least" => least: SeverityWord = "info",
        /// Names of destinations in kubeopt.yaml; without any, all are told.
        "to" => to: Vec<String> = [],
    }
}
