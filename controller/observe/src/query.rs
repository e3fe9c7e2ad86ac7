//! The text of the queries, built from checked parts only: nothing from outside can change what is asked.

use kubeopt_model::Namespace;

use crate::error::ObserveError;

/// The label that tells what a series of [`Selector::hourly`] is.
pub(crate) const HOURLY_LABEL: &str = "kubeopt_signal";

/// Values of that label.
pub(crate) const THROTTLED: &str = "throttled";
pub(crate) const RESTARTS: &str = "restarts";
pub(crate) const CPU_PRESSURE: &str = "cpu-pressure";
pub(crate) const MEMORY_PRESSURE: &str = "memory-pressure";

/// Longest label value; Prometheus' own default limit is of the same order.
const LABEL_VALUE_CHARS_MAX: usize = 1024;

/// `name="value"`, such as the label that tells clusters apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LabelMatcher {
    name: String,
    value: String,
}

impl LabelMatcher {
    /// Checks the label's name: `[a-zA-Z_][a-zA-Z0-9_]*`. The value may be any text; it is quoted.
    ///
    /// # Errors
    /// [`ObserveError::Setting`].
    pub fn new(name: &str, value: &str) -> Result<Self, ObserveError> {
        let wrong = |why: &str| ObserveError::Setting { what: "cluster label", why: why.to_owned() };
        let first = name.bytes().next().is_some_and(|b| b.is_ascii_alphabetic() || b == b'_');
        if !first || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') || name.len() > 128 {
            return Err(wrong("a label name holds letters, digits and `_`, and starts with no digit"));
        }
        if value.chars().count() > LABEL_VALUE_CHARS_MAX {
            return Err(wrong("the label value is longer than 1024 characters"));
        }
        Ok(Self { name: name.to_owned(), value: value.to_owned() })
    }
}

/// How a label is compared with a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Compare {
    Equal,
    NotEqual,
    Matches,
}

/// A label and what it is compared with, where it is not written as text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Matcher {
    pub(crate) compare: Compare,
    pub(crate) name: String,
    pub(crate) value: String,
}

/// Which series are asked for: one cluster of a shared store, some namespaces of it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Selector {
    /// Labels that each series must have, such as the one that tells clusters apart.
    pub cluster: Vec<LabelMatcher>,
    /// Namespaces; empty means all.
    pub namespaces: Vec<Namespace>,
}

impl Selector {
    /// The matchers as they stand between braces, after those given.
    pub(crate) fn within(&self, first: &str) -> String {
        let mut parts: Vec<String> = Vec::new();
        if !first.is_empty() {
            parts.push(first.to_owned());
        }
        parts.extend(self.cluster.iter().map(|label| format!("{}={}", label.name, quoted(&label.value))));
        if !self.namespaces.is_empty() {
            let names: Vec<String> =
                self.namespaces.iter().map(|namespace| literal_regex(namespace.as_str())).collect();
            parts.push(format!("namespace=~{}", quoted(&names.join("|"))));
        }
        parts.join(",")
    }

    /// The matchers of the cluster alone, for series whose namespace is not that of the pods that they tell of.
    pub(crate) fn of_cluster(&self) -> String {
        Self { cluster: self.cluster.clone(), namespaces: Vec::new() }.within("")
    }

    /// Containers of pods, without the pause container and the sums of whole pods.
    fn containers(&self) -> String {
        self.within(r#"container!="",container!="POD""#)
    }

    /// Mean CPU of each step, in millicores.
    ///
    /// `max by` takes one of several series that tell of the same container: two Prometheus replicas, two scrape jobs,
    /// or the cgroups before and after a restart. Kubelets export all processors as one series, `cpu="total"`.
    pub fn cpu_millicores(&self) -> String {
        let within = self.within(r#"container!="",container!="POD",cpu=~"total|""#);
        format!(
            "max by (namespace, pod, container) (rate(container_cpu_usage_seconds_total{{{within}}}[5m])) * 1000"
        )
    }

    /// The same where cAdvisor exports one series per processor only: added up first, then one of duplicates. Asked only
    /// when [`Selector::cpu_millicores`] gave nothing, since it takes Prometheus twice as long.
    pub fn cpu_millicores_by_processor(&self) -> String {
        let within = self.within(r#"container!="",container!="POD",cpu!="",cpu!="total""#);
        format!(
            "max by (namespace, pod, container) (sum without (cpu) (rate(container_cpu_usage_seconds_total{{{within}}}[5m]))) * 1000"
        )
    }

    /// Highest working set of each step, in bytes; one of duplicated series, as above.
    pub fn memory_bytes(&self) -> String {
        format!(
            "max by (namespace, pod, container) (max_over_time(container_memory_working_set_bytes{{{}}}[5m]))",
            self.containers()
        )
    }

    /// The series of [`Selector::cpu_millicores`].
    pub(crate) fn raw_cpu(&self) -> Vec<Matcher> {
        let mut matchers = self.raw("container_cpu_usage_seconds_total");
        matchers.push(matcher(Compare::Matches, "cpu", "total|"));
        matchers
    }

    /// The series of [`Selector::memory_bytes`].
    pub(crate) fn raw_memory(&self) -> Vec<Matcher> {
        self.raw("container_memory_working_set_bytes")
    }

    fn raw(&self, metric: &str) -> Vec<Matcher> {
        let mut matchers = vec![
            matcher(Compare::Equal, "__name__", metric),
            matcher(Compare::NotEqual, "container", ""),
            matcher(Compare::NotEqual, "container", "POD"),
        ];
        matchers.extend(self.cluster.iter().map(|label| matcher(Compare::Equal, &label.name, &label.value)));
        if !self.namespaces.is_empty() {
            let names: Vec<String> =
                self.namespaces.iter().map(|namespace| literal_regex(namespace.as_str())).collect();
            matchers.push(matcher(Compare::Matches, "namespace", &names.join("|")));
        }
        matchers
    }

    /// Everything that is told by the hour, in one query: each series carries what it is in [`HOURLY_LABEL`].
    ///
    /// Throttled: share of CFS periods; duplicated series add to both sides and leave the ratio as it is. Restarts: how
    /// often the counter changed, which is exact where it is scraped between two restarts. Pressure (PSI): share of the
    /// time that some task waited, from kubelets that tell it.
    pub fn hourly(&self) -> String {
        let by = "by (namespace, pod, container)";
        let within = self.containers();
        let waited = |metric: &str| format!("max {by} (rate({metric}{{{within}}}[1h]))");
        let throttled = format!(
            "sum {by} (increase(container_cpu_cfs_throttled_periods_total{{{within}}}[1h])) / (sum {by} (increase(container_cpu_cfs_periods_total{{{within}}}[1h])) > 0)"
        );
        let restarts = format!(
            "max {by} (changes(kube_pod_container_status_restarts_total{{{}}}[1h])) > 0",
            self.within("")
        );
        let parts = [
            (THROTTLED, throttled),
            (RESTARTS, restarts),
            (CPU_PRESSURE, waited("container_pressure_cpu_waiting_seconds_total")),
            (MEMORY_PRESSURE, waited("container_pressure_memory_waiting_seconds_total")),
        ];
        // Without a group in the replacement, the label becomes the text whatever the source label is.
        let named = parts.map(|(name, query)| {
            format!(r#"label_replace({query}, "{HOURLY_LABEL}", "{name}", "namespace", ".*")"#)
        });
        named.join(" or ")
    }

    /// When containers started (seconds since the epoch) that did so within the last hour.
    pub fn starts(&self) -> String {
        format!(
            "max by (namespace, pod, container) (last_over_time(container_start_time_seconds{{{}}}[1h])) >= time() - 3600",
            self.containers()
        )
    }

    /// 1 while a container's present or last termination is an OOM kill; from kube-state-metrics.
    pub fn oom_terminated(&self) -> String {
        let by = "max by (namespace, pod, container)";
        let within = self.within(r#"reason="OOMKilled""#);
        format!(
            "{by} (kube_pod_container_status_last_terminated_reason{{{within}}} == 1) or {by} (kube_pod_container_status_terminated_reason{{{within}}} == 1)"
        )
    }

    /// Restarts so far of containers whose last termination is an OOM kill.
    pub fn oom_restarts(&self) -> String {
        format!(
            "max by (namespace, pod, container) (kube_pod_container_status_restarts_total{{{}}}) and on (namespace, pod, container) ({})",
            self.within(""),
            self.oom_terminated()
        )
    }

    /// Memory limits of containers whose last termination is an OOM kill, in bytes.
    pub fn oom_limits(&self) -> String {
        format!(
            "max by (namespace, pod, container) (kube_pod_container_resource_limits{{{}}}) and on (namespace, pod, container) ({})",
            self.within(r#"resource="memory""#),
            self.oom_terminated()
        )
    }

    /// OOM events so far, as cAdvisor counts them: also kills of processes that do not end the container.
    pub fn oom_events(&self) -> String {
        format!(
            "max by (namespace, pod, container) (container_oom_events_total{{{}}}) > 0",
            self.containers()
        )
    }

    /// The controllers of all pods of the last `seconds`.
    pub(crate) fn pod_owners(&self, seconds: i64) -> String {
        format!(
            "max by (namespace, pod, owner_kind, owner_name) (last_over_time(kube_pod_owner{{{}}}[{seconds}s]))",
            self.within(r#"owner_is_controller="true""#)
        )
    }

    /// The controllers of all ReplicaSets of the last `seconds`.
    pub(crate) fn replicaset_owners(&self, seconds: i64) -> String {
        format!(
            "max by (namespace, replicaset, owner_kind, owner_name) (last_over_time(kube_replicaset_owner{{{}}}[{seconds}s]))",
            self.within("")
        )
    }

    /// The controllers of all Jobs of the last `seconds`.
    pub(crate) fn job_owners(&self, seconds: i64) -> String {
        format!(
            "max by (namespace, job_name, owner_kind, owner_name) (last_over_time(kube_job_owner{{{}}}[{seconds}s]))",
            self.within("")
        )
    }

    /// How many containers a metric shows now.
    pub(crate) fn container_count(&self, metric: &'static str) -> String {
        format!("count(max by (namespace, pod, container) ({metric}{{{}}}))", self.containers())
    }

    /// How many series of any metric match now.
    pub(crate) fn series_count(&self, metric: &'static str) -> String {
        format!("count({metric}{{{}}})", self.within(""))
    }

    /// Most raw samples of a container within ten minutes.
    pub(crate) fn samples_in_ten_minutes(&self) -> String {
        format!("max(count_over_time(container_memory_working_set_bytes{{{}}}[10m]))", self.containers())
    }
}

/// Whether the source has container metrics at all, whatever they are labelled.
pub(crate) const ANY_CONTAINER_METRIC: &str = "count(last_over_time(container_memory_working_set_bytes[1h]))";

fn matcher(compare: Compare, name: &str, value: &str) -> Matcher {
    Matcher { compare, name: name.to_owned(), value: value.to_owned() }
}

/// A string literal of PromQL, which follows Go's rules.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            c if c.is_control() => out.push_str(&format!("\\u{:04x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// A regular expression that matches exactly this text.
pub(crate) fn literal_regex(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if !c.is_ascii_alphanumeric() && c != '-' && c != '_' {
            out.push('\\');
        }
        out.push(c);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selects_cluster_and_namespaces() {
        let selector = Selector {
            cluster: vec![LabelMatcher::new("cluster", "prod-eu").unwrap()],
            namespaces: vec![Namespace::new("payments").unwrap(), Namespace::new("web-2").unwrap()],
        };
        assert_eq!(
            selector.memory_bytes(),
            "max by (namespace, pod, container) (max_over_time(container_memory_working_set_bytes{container!=\"\",container!=\"POD\",cluster=\"prod-eu\",namespace=~\"payments|web-2\"}[5m]))"
        );
    }

    #[test]
    fn a_label_value_cannot_leave_its_quotes() {
        let selector = Selector {
            cluster: vec![LabelMatcher::new("cluster", "a\"} or vector(1) #\\\n").unwrap()],
            namespaces: vec![],
        };
        let query = selector.oom_events();
        assert!(query.contains(r#"cluster="a\"} or vector(1) #\\\n"}"#), "{query}");
    }

    #[test]
    fn refuses_label_names_that_are_not() {
        for bad in ["", "1a", "a-b", "a}", "ä", "a b"] {
            assert!(LabelMatcher::new(bad, "x").is_err(), "{bad}");
        }
    }

    #[test]
    fn escapes_what_a_regular_expression_would_read() {
        assert_eq!(literal_regex("a.b+c-d"), r"a\.b\+c-d");
    }
}
