//! The text of the two queries. As in `crate::query`, it is made of checked parts only.

use std::collections::BTreeSet;

use kubeopt_model::{ContainerId, Namespace};

use crate::query::{HOURLY_LABEL, Selector, literal_regex, quoted};

/// What a series tells; the value of its label [`HOURLY_LABEL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Part {
    /// Part of the hour in which the container ran, 0 to 1.
    Ran,
    /// Mean CPU, millicores.
    Cpu,
    /// CFS periods that were throttled.
    ThrottledPeriods,
    /// CFS periods.
    Periods,
    /// Share of the time in which some task waited for CPU.
    CpuPressure,
    /// cAdvisor counts OOM events of the container, whatever their number.
    CountsOoms,
    /// Restarts.
    Restarts,
    /// CPU request, millicores.
    CpuRequest,
    /// Memory request, bytes.
    MemoryRequest,
    /// Which image it runs.
    Image,
    /// Cores of the node that its pod runs on.
    NodeCores,
}

impl Part {
    const ALL: [Self; 11] = [
        Self::Ran,
        Self::Cpu,
        Self::ThrottledPeriods,
        Self::Periods,
        Self::CpuPressure,
        Self::CountsOoms,
        Self::Restarts,
        Self::CpuRequest,
        Self::MemoryRequest,
        Self::Image,
        Self::NodeCores,
    ];

    fn label(self) -> &'static str {
        match self {
            Self::Ran => "ran",
            Self::Cpu => "cpu",
            Self::ThrottledPeriods => "throttled-periods",
            Self::Periods => "periods",
            Self::CpuPressure => "cpu-pressure",
            Self::CountsOoms => "counts-ooms",
            Self::Restarts => "restarts",
            Self::CpuRequest => "cpu-request",
            Self::MemoryRequest => "memory-request",
            Self::Image => "image",
            Self::NodeCores => "node-cores",
        }
    }

    /// The part that a label names.
    pub(super) fn of_label(label: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| part.label() == label)
    }
}

/// Workloads of a merge whose pods are named in the query. More of them make a regular expression that costs more than the
/// series that it leaves out.
const NAMED_WORKLOADS_MAX: usize = 50;

/// Characters of a workload's name that its pods' names surely keep, and the dash after it: 58 are kept of a name that is cut,
/// of which 11 are a dash and a hash.
const KEPT_CHARS: usize = 46;

/// The part of a workload's name with which the names of its pods begin.
pub(super) fn kept(name: &str) -> &str {
    name.get(..KEPT_CHARS).unwrap_or(name)
}

/// The source's selector, narrowed to a merge.
pub(super) struct Narrow {
    pub(super) selector: Selector,
    /// A matcher of pods, or nothing.
    pods: String,
}

impl Narrow {
    /// None where the source selects none of the namespaces.
    pub(super) fn to(selector: &Selector, containers: &BTreeSet<ContainerId>) -> Option<Self> {
        let namespaces: BTreeSet<&Namespace> =
            containers.iter().map(|container| &container.workload.namespace).collect();
        let is_selected = |namespace: &&&Namespace| {
            selector.namespaces.is_empty() || selector.namespaces.contains(**namespace)
        };
        let namespaces: Vec<Namespace> =
            namespaces.iter().filter(is_selected).map(|namespace| (*namespace).clone()).collect();
        if namespaces.is_empty() {
            return None;
        }
        let names: BTreeSet<&str> =
            containers.iter().map(|container| container.workload.name.as_str()).collect();
        let of_name = |name: &&str| {
            let dash = if name.len() < KEPT_CHARS { "-" } else { "" };
            format!("{}{dash}.*", literal_regex(kept(name)))
        };
        let pods = if names.len() > NAMED_WORKLOADS_MAX {
            String::new()
        } else {
            let names: Vec<String> = names.iter().map(of_name).collect();
            format!("pod=~{}", quoted(&names.join("|")))
        };
        Some(Self { selector: Selector { cluster: selector.cluster.clone(), namespaces }, pods })
    }

    /// Matchers of the containers, after those given.
    fn within(&self, first: &str) -> String {
        let parts: Vec<&str> = [first, &self.pods].into_iter().filter(|part| !part.is_empty()).collect();
        self.selector.within(&parts.join(","))
    }

    /// What cAdvisor tells.
    ///
    /// `max by` takes one of several series of a container: two Prometheus replicas, or the cgroups before and after a restart.
    /// Of periods both are added on both sides of a ratio. `rate` and `increase` take a drop as a counter that began anew.
    pub(super) fn usage(&self) -> String {
        let by = "by (namespace, pod, container)";
        let within = self.within(r#"container!="",container!="POD""#);
        let total = self.within(r#"container!="",container!="POD",cpu=~"total|""#);
        let rate = |metric: &str, within: &str| format!("max {by} (rate({metric}{{{within}}}[1h]))");
        let increase = |metric: &str| format!("sum {by} (increase({metric}{{{within}}}[1h]))");
        named([
            // Twelve points an hour, thirteen where the store takes both ends.
            (
                Part::Ran,
                format!(
                    "clamp_max(count_over_time((max {by} (container_memory_working_set_bytes{{{within}}}))[1h:5m]) / 12, 1)"
                ),
            ),
            (Part::Cpu, format!("{} * 1000", rate("container_cpu_usage_seconds_total", &total))),
            (Part::ThrottledPeriods, increase("container_cpu_cfs_throttled_periods_total")),
            (Part::Periods, increase("container_cpu_cfs_periods_total")),
            (Part::CpuPressure, rate("container_pressure_cpu_waiting_seconds_total", &within)),
            (
                Part::CountsOoms,
                format!("max {by} (count_over_time(container_oom_events_total{{{within}}}[1h]))"),
            ),
        ])
    }

    /// What kube-state-metrics tells.
    ///
    /// A restart is a change of its counter that is no reset: the pod of a StatefulSet comes again under its name and counts from
    /// 0. That is exact where the counter is scraped between two restarts.
    pub(super) fn state(&self) -> String {
        let by = "by (namespace, pod, container)";
        let of = |first: &str| self.within(first);
        let restarts = format!("kube_pod_container_status_restarts_total{{{}}}[1h]", of(""));
        let request = |resource: &str| {
            let within = of(&format!("resource={}", quoted(resource)));
            format!("max {by} (avg_over_time(kube_pod_container_resource_requests{{{within}}}[1h]))")
        };
        let nodes = self.selector.of_cluster();
        let nodes = if nodes.is_empty() { String::new() } else { format!(",{nodes}") };
        named([
            (Part::Restarts, format!("max {by} (changes({restarts}) - resets({restarts}))")),
            (Part::CpuRequest, format!("{} * 1000", request("cpu"))),
            (Part::MemoryRequest, request("memory")),
            (
                Part::Image,
                format!(
                    "max by (namespace, pod, container, image) (last_over_time(kube_pod_container_info{{{}}}[1h]))",
                    of(r#"image!="""#)
                ),
            ),
            (
                Part::NodeCores,
                format!(
                    r#"max by (namespace, pod) (last_over_time(kube_pod_info{{{}}}[1h]) * on (node) group_left () max by (node) (last_over_time(kube_node_status_capacity{{resource="cpu"{nodes}}}[1h])))"#,
                    of(r#"node!="""#)
                ),
            ),
        ])
    }
}

/// One query of several: each series carries what it is.
fn named<const N: usize>(parts: [(Part, String); N]) -> String {
    let named = parts.map(|(part, query)| {
        format!(r#"label_replace({query}, "{HOURLY_LABEL}", "{}", "namespace", ".*")"#, part.label())
    });
    named.join(" or ")
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{ClusterName, ContainerName, ObjectName, WorkloadId, WorkloadKind};

    use super::*;
    use crate::query::LabelMatcher;

    fn container(namespace: &str, name: &str) -> ContainerId {
        ContainerId {
            workload: WorkloadId {
                cluster: ClusterName::new("test").unwrap(),
                namespace: Namespace::new(namespace).unwrap(),
                kind: WorkloadKind::Deployment,
                name: ObjectName::new(name).unwrap(),
            },
            container: ContainerName::new("main").unwrap(),
        }
    }

    #[test]
    fn a_query_is_narrowed_to_the_pods_of_the_merge() {
        let containers = BTreeSet::from([container("shop", "api.v2"), container("web", &"x".repeat(60))]);
        let selector =
            Selector { cluster: vec![LabelMatcher::new("cluster", "eu").unwrap()], namespaces: vec![] };
        let narrow = Narrow::to(&selector, &containers).unwrap();
        let kept = "x".repeat(KEPT_CHARS);
        let within = format!(r#"pod=~"api\\.v2-.*|{kept}.*",cluster="eu",namespace=~"shop|web""#);
        assert_eq!(narrow.within(""), within);
        let (usage, state) = (narrow.usage(), narrow.state());
        assert_eq!(usage.matches(&within).count(), 6);
        assert_eq!(state.matches(&within).count(), 6, "restarts are asked for twice");
        assert!(state.contains(r#"kube_node_status_capacity{resource="cpu",cluster="eu"}"#), "{state}");
    }

    #[test]
    fn a_merge_beyond_the_selection_is_not_asked_for_and_a_large_one_by_namespace() {
        let selector = Selector { cluster: vec![], namespaces: vec![Namespace::new("shop").unwrap()] };
        assert!(Narrow::to(&selector, &BTreeSet::from([container("web", "api")])).is_none());
        let many = (0..=NAMED_WORKLOADS_MAX).map(|n| container("shop", &format!("api-{n}"))).collect();
        let narrow = Narrow::to(&selector, &many).unwrap();
        assert_eq!(narrow.within(""), r#"namespace=~"shop""#);
    }

    #[test]
    fn each_part_is_found_by_its_label() {
        for part in Part::ALL {
            assert_eq!(Part::of_label(part.label()), Some(part));
        }
        assert_eq!(Part::of_label("something-new"), None);
    }
}
