//! What kubeopt counts about itself, in the text format of OpenMetrics. Knows nothing of what the numbers mean to a
//! pass: runtime counts.

mod labels;
mod models;
mod names;

use std::sync::atomic::AtomicU64;

use prometheus_client::encoding::text;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::agent_metrics::{AgentFigures, AgentMetrics};
pub use labels::{Answer, NoticeResult, PassResult, PullRequestState, SavingsBasis, WebhookResult};
use labels::{
    FindingLabels, ForgeLabels, NoticeLabels, PassLabels, ProblemLabels, PullRequestLabels, SavingsLabels,
    WebhookLabels,
};
pub use models::ModelMetrics;
pub use names::METRICS;
pub(crate) use names::register;

/// The content type of [`Metrics::text`].
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Where policies draw their lines; 14, 29 and 59 days that all held give 0.81, 0.90 and 0.95.
const CONFIDENCE_BUCKETS: [f64; 8] = [0.5, 0.7, 0.8, 0.85, 0.9, 0.93, 0.95, 0.97];

/// In the first are those of which the network is of no use.
const WEIGHT_BUCKETS: [f64; 6] = [0.0, 0.1, 0.25, 0.5, 0.75, 0.9];

/// All counters. Share it in an `Arc`.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    recommendations: Counter,
    prediction_confidence: Histogram,
    forecast_network_weight: Histogram,
    pass_duration_seconds: Histogram,
    passes: Family<PassLabels, Counter>,
    last_pass_timestamp_seconds: Gauge,
    prometheus_samples: Counter,
    prometheus_queries: Counter,
    history_kept_hours: Counter,
    forge_requests: Family<ForgeLabels, Counter>,
    pull_requests: Family<PullRequestLabels, Gauge>,
    findings: Family<FindingLabels, Gauge>,
    savings_dollars: Family<SavingsLabels, Gauge<f64, AtomicU64>>,
    problems: Family<ProblemLabels, Counter>,
    webhooks: Family<WebhookLabels, Counter>,
    notices: Family<NoticeLabels, Counter>,
    notices_waiting: Gauge,
    models: ModelMetrics,
    agents: AgentMetrics,
}

impl Metrics {
    /// All at zero; `version` and `commit` become `kubeopt_build_info`.
    pub fn new(version: &str, commit: &str) -> Self {
        // From a tenth of a second to about 27 minutes: a demo's pass and that of a very large cluster.
        let pass_buckets = exponential_buckets(0.1, 2.0, 15);
        let mut registry = Registry::with_prefix("kubeopt");
        let models = ModelMetrics::registered(&mut registry);
        let mut metrics = Self {
            registry,
            models,
            recommendations: Counter::default(),
            prediction_confidence: Histogram::new(CONFIDENCE_BUCKETS),
            forecast_network_weight: Histogram::new(WEIGHT_BUCKETS),
            pass_duration_seconds: Histogram::new(pass_buckets),
            passes: Family::default(),
            last_pass_timestamp_seconds: Gauge::default(),
            prometheus_samples: Counter::default(),
            prometheus_queries: Counter::default(),
            history_kept_hours: Counter::default(),
            forge_requests: Family::default(),
            pull_requests: Family::default(),
            findings: Family::default(),
            savings_dollars: Family::default(),
            problems: Family::default(),
            webhooks: Family::default(),
            notices: Family::default(),
            notices_waiting: Gauge::default(),
            agents: AgentMetrics::default(),
        };
        metrics.register_all(version, commit);
        metrics
    }

    /// Those of models and rounds of training.
    pub fn models(&self) -> &ModelMetrics {
        &self.models
    }

    /// A pass ended at `ended_unix_s` (seconds since the epoch) after `seconds`.
    pub fn count_pass(&self, result: PassResult, seconds: f64, ended_unix_s: i64) {
        self.passes.get_or_create(&PassLabels { result }).inc();
        self.pass_duration_seconds.observe(seconds);
        self.last_pass_timestamp_seconds.set(ended_unix_s);
    }

    /// So many recommendations were made.
    pub fn count_recommendations(&self, number: u64) {
        self.recommendations.inc_by(number);
    }

    /// A recommendation states this confidence, 0 to 1.
    pub fn observe_confidence(&self, lower_bound: f64) {
        self.prediction_confidence.observe(lower_bound);
    }

    /// A peak was foretold to which the network contributes so much, 0 to 1.
    pub fn observe_network_weight(&self, weight: f64) {
        self.forecast_network_weight.observe(weight);
    }

    /// So many queries were made, and so many samples read.
    pub fn count_prometheus(&self, queries: u64, samples: u64) {
        self.prometheus_queries.inc_by(queries);
        self.prometheus_samples.inc_by(samples);
    }

    /// So many hours stayed as they were in history, since what was read of them again was less.
    pub fn count_kept_hours(&self, hours: u64) {
        self.history_kept_hours.inc_by(hours);
    }

    /// A forge was asked so many times; `forge` is its name in the configuration, `status` what it answered, if it did.
    pub fn count_forge_requests(&self, forge: &str, status: Option<u16>, number: u64) {
        let answer = match status {
            None => Answer::Missing,
            Some(..400) => Answer::Ok,
            Some(400..500) => Answer::Refused,
            Some(500..) => Answer::Fault,
        };
        self.forge_requests.get_or_create(&ForgeLabels { forge: forge.to_owned(), answer }).inc_by(number);
    }

    /// A problem was met; `code` is one of docs/errors.md, a closed set.
    pub fn count_problem(&self, code: &str) {
        self.problems.get_or_create(&ProblemLabels { code: code.to_owned() }).inc();
    }

    /// A delivery of a webhook came; `forge` is the name of a configured one, never what a peer calls it.
    pub fn count_webhook(&self, forge: &str, result: WebhookResult) {
        self.webhooks.get_or_create(&WebhookLabels { forge: forge.to_owned(), result }).inc();
    }

    /// So many notices were sent with this result.
    pub fn count_notices(&self, result: NoticeResult, number: u64) {
        self.notices.get_or_create(&NoticeLabels { result }).inc_by(number);
    }

    /// So many notices wait now.
    pub fn set_notices_waiting(&self, number: i64) {
        self.notices_waiting.set(number);
    }

    /// So many pull requests are in this state now.
    pub fn set_pull_requests(&self, state: PullRequestState, number: i64) {
        self.pull_requests.get_or_create(&PullRequestLabels { state }).set(number);
    }

    /// So many findings of this kind and severity are open now; both are words of closed sets.
    pub fn set_findings(&self, kind: &'static str, severity: &'static str, number: i64) {
        self.findings.get_or_create(&FindingLabels { kind, severity }).set(number);
    }

    /// Open and merged pull requests save so many US dollars a month.
    pub fn set_savings_dollars(&self, basis: SavingsBasis, dollars_per_month: f64) {
        self.savings_dollars.get_or_create(&SavingsLabels { basis }).set(dollars_per_month);
    }

    /// The node agents of a cluster are doing so now; `cluster` is its name in the configuration.
    pub fn set_agents(&self, cluster: &str, figures: &AgentFigures) {
        self.agents.set(cluster, figures);
    }

    /// The text that Prometheus scrapes.
    ///
    /// # Errors
    /// [`std::fmt::Error`] when a label cannot be written, which none of ours does.
    pub fn text(&self) -> Result<String, std::fmt::Error> {
        let mut out = String::new();
        text::encode(&mut out, &self.registry)?;
        Ok(out)
    }

    fn register_all(&mut self, version: &str, commit: &str) {
        let build = Info::new(vec![("version", version.to_owned()), ("commit", commit.to_owned())]);
        let registry = &mut self.registry;
        register(registry, "kubeopt_build_info", build);
        register(registry, "kubeopt_recommendations_total", self.recommendations.clone());
        register(registry, "kubeopt_prediction_confidence", self.prediction_confidence.clone());
        register(registry, "kubeopt_forecast_network_weight", self.forecast_network_weight.clone());
        register(registry, "kubeopt_pass_duration_seconds", self.pass_duration_seconds.clone());
        register(registry, "kubeopt_passes_total", self.passes.clone());
        register(registry, "kubeopt_last_pass_timestamp_seconds", self.last_pass_timestamp_seconds.clone());
        register(registry, "kubeopt_prometheus_samples_total", self.prometheus_samples.clone());
        register(registry, "kubeopt_prometheus_queries_total", self.prometheus_queries.clone());
        register(registry, "kubeopt_history_kept_hours_total", self.history_kept_hours.clone());
        register(registry, "kubeopt_forge_requests_total", self.forge_requests.clone());
        register(registry, "kubeopt_pull_requests", self.pull_requests.clone());
        register(registry, "kubeopt_findings", self.findings.clone());
        register(registry, "kubeopt_savings_dollars", self.savings_dollars.clone());
        register(registry, "kubeopt_problems_total", self.problems.clone());
        register(registry, "kubeopt_webhooks_total", self.webhooks.clone());
        register(registry, "kubeopt_notices_total", self.notices.clone());
        register(registry, "kubeopt_notices_waiting", self.notices_waiting.clone());
        self.agents.register(registry);
    }
}

#[cfg(test)]
mod tests {
    use super::names::listed;
    use super::*;

    #[test]
    fn every_listed_metric_is_scraped_with_its_help() {
        let metrics = Metrics::new("1.2.3", "abc");
        metrics.count_pass(PassResult::Done, 2.5, 1_700_000_000);
        metrics.count_recommendations(3);
        metrics.count_prometheus(6, 2_100_000);
        metrics.count_kept_hours(2);
        metrics.set_pull_requests(PullRequestState::Open, 2);
        metrics.set_savings_dollars(SavingsBasis::Estimated, 110.5);
        metrics.set_findings("leak", "high", 2);
        metrics.count_problem("E-OBS-001");
        metrics.count_forge_requests("a\"b\n", Some(503), 1);
        metrics.count_forge_requests("gitea", None, 1);
        metrics.count_webhook("gitea", WebhookResult::Forged);
        metrics.count_notices(NoticeResult::GivenUp, 2);
        metrics.set_notices_waiting(3);
        let models = metrics.models();
        models.set_versions(3, 4);
        models.set_losses(0.31, 0.32);
        models.count_round("rejected");
        models.set_participants(7);
        models.count_upload("stale");
        models.observe_norm(0.5);
        models.observe_cpu_seconds(3.0);
        models.set_round_losses(0.4, 0.35);
        metrics.set_agents("far", &AgentFigures { connected: 1, ..AgentFigures::default() });
        let figures = AgentFigures {
            listening: true,
            connected: 7,
            batches: [("stored", 5)].into(),
            refused: [("other_node", 2)].into(),
            spool_damaged: 4,
            lost_bytes: [("full", 1)].into(),
            unread_hours: [("gone", 3)].into(),
            ..AgentFigures::default()
        };
        metrics.set_agents("prod", &figures);
        let text = metrics.text().unwrap();
        for (name, help) in listed() {
            let bare = name.trim_end_matches("_total").trim_end_matches("_info");
            assert!(text.contains(&format!("# HELP {bare} {help}.\n")), "{name}: {text}");
            assert!(text.lines().any(|line| line.starts_with(name)), "{name}: {text}");
        }
        for line in [
            "kubeopt_pull_requests{state=\"open\"} 2",
            "kubeopt_build_info{version=\"1.2.3\",commit=\"abc\"} 1",
            "kubeopt_forge_requests_total{forge=\"a\\\"b\\n\",answer=\"fault\"} 1",
            "kubeopt_forge_requests_total{forge=\"gitea\",answer=\"missing\"} 1",
            "kubeopt_webhooks_total{forge=\"gitea\",result=\"forged\"} 1",
            "kubeopt_notices_total{result=\"given_up\"} 2",
            "kubeopt_notices_waiting 3",
            "kubeopt_model_version{state=\"canary\"} 4",
            "kubeopt_rounds_total{result=\"rejected\"} 1",
            "kubeopt_rounds_train_cpu_seconds_sum 3.0",
            "kubeopt_rounds_uploads_total{result=\"stale\"} 1",
            "kubeopt_agents_listening{cluster=\"far\"} 0",
            "kubeopt_agents_listening{cluster=\"prod\"} 1",
            "kubeopt_agents_connected{cluster=\"far\"} 1",
            "kubeopt_agents_connected{cluster=\"prod\"} 7",
            "kubeopt_agents_batches_total{cluster=\"prod\",result=\"stored\"} 5",
            "kubeopt_agents_refused_total{cluster=\"prod\",reason=\"other_node\"} 2",
            "kubeopt_agents_unread_hours_total{cluster=\"prod\",reason=\"gone\"} 3",
            "kubeopt_agents_spool_damaged_total{cluster=\"prod\"} 4",
            "kubeopt_history_kept_hours_total 2",
            "kubeopt_savings_dollars{basis=\"estimated\"} 110.5",
            "kubeopt_findings{kind=\"leak\",severity=\"high\"} 2",
            "kubeopt_passes_total{result=\"done\"} 1",
            "kubeopt_prometheus_samples_total 2100000",
        ] {
            assert!(text.lines().any(|there| there == line), "{line}: {text}");
        }
        assert!(text.ends_with("# EOF\n"));
    }
}
