//! What metrics are called, and what they count.

use prometheus_client::registry::{Metric, Registry};

/// Name as Prometheus shows it, and what it counts; docs list it.
pub const METRICS: &[(&str, &str)] = &[
    ("kubeopt_build_info", "Version and commit of this binary"),
    ("kubeopt_findings", "Findings that are open and not silenced, by kind and severity"),
    (
        "kubeopt_forecast_network_weight",
        "Part of the network in the foretold peaks of proposals, by pass; 0 where it is of no use",
    ),
    ("kubeopt_forge_requests_total", "Requests to forges, by forge and class of answer"),
    (
        "kubeopt_history_kept_hours_total",
        "Hours of history that stayed as they were, since what was read of them again was less",
    ),
    ("kubeopt_last_pass_timestamp_seconds", "When the last pass ended, in seconds since the epoch"),
    (
        "kubeopt_model_loss",
        "Pinball loss on the last days of the newest network of node agents, and of the one before it",
    ),
    ("kubeopt_model_rollbacks_total", "Networks of node agents that were rolled back"),
    (
        "kubeopt_model_version",
        "Version of the network of node agents: on all nodes, and tried on some; 0 for none",
    ),
    ("kubeopt_notices_total", "Deliveries of notices to their receivers, by result"),
    ("kubeopt_notices_waiting", "Deliveries of notices that wait, those that failed among them"),
    ("kubeopt_pass_duration_seconds", "Duration of passes"),
    ("kubeopt_passes_total", "Passes, by result"),
    ("kubeopt_problems_total", "Problems met, by code; docs/errors.md explains each"),
    (
        "kubeopt_prediction_confidence",
        "Stated confidence of recommendations, by pass; unknown ones are not counted",
    ),
    ("kubeopt_prometheus_queries_total", "Queries to Prometheus"),
    ("kubeopt_prometheus_samples_total", "Samples read from Prometheus"),
    ("kubeopt_pull_requests", "Pull requests, by state"),
    ("kubeopt_recommendations_total", "Recommendations made"),
    ("kubeopt_rounds_delta_norm", "How far what nodes learned lies from the network that they began with"),
    ("kubeopt_rounds_loss", "Mean loss that nodes tell of their own windows, before and after training"),
    ("kubeopt_rounds_nodes", "Nodes that take part in the round of training, or took part in the last"),
    ("kubeopt_rounds_total", "Rounds of training that ended, by result"),
    ("kubeopt_rounds_train_cpu_seconds", "CPU time that nodes say training took, by upload"),
    ("kubeopt_rounds_uploads_total", "What nodes sent in rounds of training, by result"),
    (
        "kubeopt_savings_dollars",
        "Requested capacity that open and merged pull requests save, US dollars a month, by basis",
    ),
    ("kubeopt_webhooks_total", "Deliveries of webhooks, by forge and result"),
];

/// The same of node agents.
const OF_AGENTS: &[(&str, &str)] = &[
    (
        "kubeopt_agents_listening",
        "Whether node agents of the cluster are listened to by this process, 1 or 0",
    ),
    ("kubeopt_agents_connected", "Node agents with an open stream"),
    (
        "kubeopt_agents_lag_seconds",
        "Age of the newest reading of the connected agent that is farthest behind; 0 without one",
    ),
    ("kubeopt_agents_batches_total", "Batches of node agents, by what became of them"),
    (
        "kubeopt_agents_refused_total",
        "Calls, batches and containers of node agents that were refused, by reason",
    ),
    (
        "kubeopt_agents_dropped_batches",
        "Batches that agents lost since their buffers were full, as they tell",
    ),
    ("kubeopt_agents_unresolved", "Cgroups that were read and that no pod has, sandboxes of pods among them"),
    (
        "kubeopt_agents_unread_hours_total",
        "Hours of what agents sent that were not read into history, by reason",
    ),
    ("kubeopt_agents_spool_bytes", "Bytes of what agents sent, on disk"),
    (
        "kubeopt_agents_spool_damaged_total",
        "Places of it that cannot be read: at least one batch is lost at each",
    ),
    ("kubeopt_agents_spool_lost_bytes_total", "Bytes of it that went before their time, by cause"),
];

/// All names with what they count, those of node agents too.
pub(super) fn listed() -> impl Iterator<Item = &'static (&'static str, &'static str)> {
    METRICS.iter().chain(OF_AGENTS)
}

fn help(name: &str) -> &'static str {
    listed().find(|(known, _)| *known == name).map_or("", |(_, help)| help)
}

/// Registers a metric by the name that Prometheus shows. The library adds `_total` and `_info` by itself, and the registry the
/// begin that all names have.
pub(crate) fn register(registry: &mut Registry, name: &str, metric: impl Metric) {
    let bare = name.trim_start_matches("kubeopt_").trim_end_matches("_total").trim_end_matches("_info");
    registry.register(bare, help(name), metric);
}
