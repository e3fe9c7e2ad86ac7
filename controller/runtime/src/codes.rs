//! The codes of what users see from this crate; each is listed in docs/errors.md.

use kubeopt_model::Problem;

/// A traced value is not a quantity.
pub const NOT_A_QUANTITY: &str = "E-SRC-201";
/// A value is computed from another on the way to the cluster.
pub const COMPUTED: &str = "E-SRC-202";
/// No line of the repository sets a rendered value.
pub const NOT_IN_GIT: &str = "E-SRC-203";
/// A value is set in the cluster only.
pub const NOT_SET_IN_GIT: &str = "E-SRC-204";
/// Nothing is set anywhere.
pub const NOTHING_SET: &str = "E-SRC-205";
/// The entry point does not describe the live workload.
pub const NOT_RENDERED: &str = "E-SRC-206";
/// The overlay uses what kubeopt does not run.
pub const NOT_RENDERED_HERE: &str = "E-SRC-207";
/// A manifest is larger than kubeopt reads.
pub const FILE_TOO_LARGE: &str = "E-SRC-208";
/// A removed limit would come back from another place.
pub const UNCOVERED: &str = "E-SRC-209";
/// A chart is not at hand.
pub const CHART_MISSING: &str = "E-SRC-210";
/// Values come from where the repository does not show them.
pub const VALUES_ELSEWHERE: &str = "E-SRC-211";
/// A created request would reach a container that it is not sized for.
pub const SPILLED: &str = "E-SRC-212";
/// A value feeds several entry points, and the policy wants to be asked.
pub const SHARED: &str = "E-SRC-213";
/// A value feeds several entry points, and not all of them can have a patch of their own.
pub const NOT_PATCHED: &str = "E-SRC-214";
/// Without a rendering it is not known which of several places sets a value.
pub const UNSETTLED: &str = "E-SRC-215";
/// It was not rendered, and everything else of its pull request was.
pub const UNRENDERED: &str = "E-SRC-216";
/// The target of an autoscaler does not move with its request.
pub const TARGET_STAYS: &str = "E-SRC-217";
/// The target of an autoscaler would not change as its request does.
pub const TARGET_UNPROVEN: &str = "E-SRC-218";
/// Kubernetes would refuse a value that a person asked for, or nobody means it.
pub const WOULD_BE_REFUSED: &str = "E-SRC-219";
/// The proof failed: something else would change.
pub const NOT_PROVEN: &str = "E-RUN-001";
/// A limit of pull requests is reached.
pub const LIMITED: &str = "E-RUN-002";
/// A person closed this proposal.
pub const CLOSED_BY_PERSON: &str = "E-RUN-003";
/// A person committed to the branch.
pub const EDITED_BY_PERSON: &str = "E-RUN-004";
/// The merged values do not show in the cluster.
pub const NOT_SYNCED: &str = "E-RUN-005";
/// Another controller leads.
pub const NOT_LEADER: &str = "E-RUN-006";
/// A configuration file could not be read.
pub const CONFIG_FILE: &str = "E-RUN-007";
/// Something that the command needs is not configured.
pub const NOT_CONFIGURED: &str = "E-RUN-008";
/// A file or folder of the store cannot be used.
pub const STORE: &str = "E-RUN-009";
/// A repository's policy file is wrong.
pub const POLICY_FILE: &str = "E-RUN-010";
/// The selected workload does not exist.
pub const NO_SUCH_WORKLOAD: &str = "E-RUN-011";
/// A fault of kubeopt's own.
pub const OWN_FAULT: &str = "E-RUN-012";
/// The metrics source has nothing to give.
pub const USAGE_EMPTY: &str = "E-RUN-013";
/// What the metrics source gave is incomplete.
pub const USAGE_PARTIAL: &str = "E-RUN-014";
/// The forge shows pull requests that the database does not know.
pub const MEMORY_REBUILT: &str = "E-RUN-015";

/// A folder or file that a command was given cannot be used.
pub const NO_FOLDER: &str = "E-RUN-016";
/// A name is that of no sizing strategy.
pub const NO_SUCH_STRATEGY: &str = "E-RUN-021";
/// No series of the traces is long enough.
pub const NOTHING_TO_COMPARE: &str = "E-RUN-022";

/// Somebody asked kubeopt not to touch a pull request.
pub const HELD: &str = "E-RUN-017";
/// Somebody asked kubeopt to open nothing new.
pub const PAUSED: &str = "E-RUN-018";
/// Comments could not be read or answered.
pub const CONVERSATION: &str = "E-RUN-019";

/// A label, a reviewer or a status could not be put on a pull request.
pub const NOT_ARRANGED: &str = "E-RUN-020";

/// A repository was asked whether kubeopt may work there.
pub const ONBOARDING: &str = "E-RUN-023";

/// A pull request cannot be taken back.
pub const NOTHING_TAKEN_BACK: &str = "E-RUN-024";

/// A pull request of kubeopt's own was not merged, although the policy lets kubeopt merge it.
pub const NOT_MERGED: &str = "E-RUN-025";

/// The dashboard of a repository could not be read or written.
pub const NO_DASHBOARD: &str = "E-RUN-026";

/// A name has come to mean another repository.
pub const ANOTHER_REPOSITORY: &str = "E-RUN-027";

/// There is no such version of the network of node agents, or it cannot be taken back.
pub const NO_SUCH_MODEL: &str = "E-RUN-031";

/// The networks of node agents in the database cannot be used.
pub const MODELS_KEPT: &str = "E-RUN-032";

/// A round of training that was asked for cannot begin.
pub const NO_ROUND: &str = "E-RUN-033";

/// Problems after which nothing is known of the usage of a cluster: of the cluster itself, of Prometheus, of metrics-server.
const USAGE_UNREAD: [&str; 10] = [
    "E-CLU-002",
    "E-CLU-010",
    "E-CLU-011",
    "E-CLU-012",
    "E-OBS-001",
    "E-OBS-002",
    "E-OBS-003",
    "E-OBS-004",
    "E-OBS-005",
    "E-OBS-008",
];

/// Whether usage could not be read: what is shown then is no answer, and "nothing to change" is none either.
pub fn is_usage_unread(problem: &Problem) -> bool {
    USAGE_UNREAD.contains(&problem.code.as_str())
}

/// Every code of this crate with its meaning.
pub const CODES: &[(&str, &str)] = &[
    (NOT_A_QUANTITY, "A value in Git is not a Kubernetes quantity."),
    (COMPUTED, "A value is computed from another value on the way to the cluster."),
    (NOT_IN_GIT, "No line of the repository sets a rendered value."),
    (NOT_SET_IN_GIT, "A value is set in the cluster but not in Git."),
    (NOTHING_SET, "Neither the cluster nor Git sets a request or limit."),
    (NOT_RENDERED, "The entry point in Git does not describe the live workload."),
    (NOT_RENDERED_HERE, "An overlay uses a remote base, a plugin or Helm, which kubeopt does not run."),
    (FILE_TOO_LARGE, "A manifest is larger than kubeopt reads."),
    (UNCOVERED, "A limit stays because another place, such as the base of an overlay, sets it too."),
    (CHART_MISSING, "The chart of a release is not at hand."),
    (
        VALUES_ELSEWHERE,
        "A release takes values, or is changed, by something that the repository does not show.",
    ),
    (
        SPILLED,
        "A request is not created in a shared file because another entry point would get it too, unsized.",
    ),
    (SHARED, "A value stays because it feeds several entry points and the policy says to ask."),
    (
        NOT_PATCHED,
        "A value stays because it feeds several entry points that do not agree, and one cannot have a patch of its own.",
    ),
    (UNSETTLED, "Without a renderer it is not known which of several places sets a value."),
    (
        UNRENDERED,
        "A change waits because it could not be rendered, and the others of its pull request are proven.",
    ),
    (TARGET_STAYS, "The target of a HorizontalPodAutoscaler does not move with its request, so both stay."),
    (
        TARGET_UNPROVEN,
        "The target of a HorizontalPodAutoscaler would not change exactly as its request does, so both stay.",
    ),
    (
        WOULD_BE_REFUSED,
        "A value that `kubeopt set` was asked for is one that Kubernetes refuses, or that nobody means.",
    ),
    (NOT_PROVEN, "The rendering before and after the edit differs in more than the proposed fields."),
    (LIMITED, "The policy's limit of open or new pull requests is reached."),
    (CLOSED_BY_PERSON, "A person closed a pull request with these values."),
    (EDITED_BY_PERSON, "A person committed to the branch of a pull request."),
    (NOT_SYNCED, "Merged values do not show in the cluster."),
    (NOT_LEADER, "Another controller holds the lease."),
    (CONFIG_FILE, "The configuration file could not be read."),
    (NOT_CONFIGURED, "Something that the command needs is not configured."),
    (STORE, "A file or folder of the store cannot be used."),
    (POLICY_FILE, "A policy file of the repository is wrong."),
    (NO_SUCH_WORKLOAD, "The selected workload does not exist."),
    (OWN_FAULT, "kubeopt failed in a way that it should not; please report it."),
    (USAGE_EMPTY, "The metrics source has no usage of containers, or none that the settings select."),
    (USAGE_PARTIAL, "The metrics source says that its answer is incomplete; nothing is lowered on it."),
    (
        MEMORY_REBUILT,
        "The database did not know kubeopt's pull requests; they were read from the forge again.",
    ),
    (HELD, "Somebody asked kubeopt in a comment not to touch a pull request."),
    (PAUSED, "Somebody asked kubeopt in a comment to open no new pull request in a repository."),
    (CONVERSATION, "Comments on pull requests could not all be read or answered."),
    (
        NOT_ARRANGED,
        "A label, reviewer, assignee or status could not be put on a pull request, which is there all the same.",
    ),
    (
        ONBOARDING,
        "A repository was asked in its first pull request whether kubeopt may work there, and has not said yes.",
    ),
    (
        NOTHING_TAKEN_BACK,
        "A pull request cannot be taken back: it is not there, not merged, taken back already, or changed since.",
    ),
    (NOT_MERGED, "A pull request was not merged by the forge, although the policy lets kubeopt merge it."),
    (NO_DASHBOARD, "The dashboard of a repository, an issue, could not be read or written."),
    (
        ANOTHER_REPOSITORY,
        "A repository is another one than before at the same name, and nothing is proposed there.",
    ),
    (NO_SUCH_MODEL, "There is no such version of the network of node agents, or it cannot be taken back."),
    (NO_ROUND, "A round of training that was asked for cannot begin now."),
    (MODELS_KEPT, "The networks of node agents in the database cannot be used."),
    (NO_FOLDER, "A folder or file that the command was given cannot be used."),
    (NO_SUCH_STRATEGY, "A name is that of no sizing strategy."),
    (NOTHING_TO_COMPARE, "No series of the traces is long enough for a backtest."),
];
