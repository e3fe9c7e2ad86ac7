//! What containers use at this moment: PodMetrics of `metrics.k8s.io/v1beta1`, which metrics-server serves through the API
//! server.
//!
//! Read as it arrives and cut down to names and numbers. It must not know what becomes of them: neither hours nor owners.
//! An object that breaks a rule is left out and counted; the others are used.

use std::time::Duration;

use futures::AsyncReadExt as _;
use jiff::SignedDuration;
use kube::api::ListParams;
use kube::core::Request;
use kubeopt_model::usage::{Moment, MomentSample};
use kubeopt_model::{Bytes, ContainerName, MilliCores, Namespace, ObjectName, Timestamp};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::connect::Cluster;
use crate::error::{ClusterError, shortened, told};
use crate::list::{PAGE_OBJECTS, status_code};

/// Where all PodMetrics of a cluster are listed.
const PATH: &str = "/apis/metrics.k8s.io/v1beta1/pods";

/// One page, in bytes. metrics-server does not page: at 500 bytes a pod this is a cluster of 130,000 pods, and Kubernetes
/// is tested up to 150,000.
const PAGE_BYTES_MAX: u64 = 64 << 20;

/// Containers that are held: 200,000 of them are 60 MB.
const CONTAINERS_MAX: usize = 200_000;

/// Pages that are asked for: as many as hold the containers that are held.
const PAGES_MAX: u64 = CONTAINERS_MAX as u64 / PAGE_OBJECTS as u64;

/// As for any list: the API server itself gives up on a request after 60 s.
const PAGE_TIMEOUT: Duration = Duration::from_secs(60);

/// Longest text of a time or duration. `2026-11-22T10:26:23.123456789+00:00` has 35 characters.
const TIME_CHARS_MAX: usize = 40;

/// Longest window that CPU may be a mean over; metrics-server's is a minute at most, other servers take five.
const WINDOW_S_MAX: f64 = 3600.0;

impl Cluster {
    /// What all containers use at this moment, as metrics-server tells it: one list.
    ///
    /// # Errors
    /// [`ClusterError::UsageNotServed`] where nothing serves `metrics.k8s.io`, [`ClusterError::UsageForbidden`] where kubeopt
    /// may not list it, [`ClusterError::UsageUnread`] for all else.
    pub async fn moment(&self) -> Result<Moment, ClusterError> {
        let mut moment = Moment::default();
        let mut params = ListParams { limit: Some(PAGE_OBJECTS), ..ListParams::default() };
        loop {
            let page = match tokio::time::timeout(PAGE_TIMEOUT, self.usage_page(&params)).await {
                Ok(page) => page?,
                Err(_) => return Err(self.unread(format!("no answer within {} s", PAGE_TIMEOUT.as_secs()))),
            };
            moment.requests += 1;
            moment.bytes += page.len() as u64;
            let page: Page =
                serde_json::from_slice(&page).map_err(|error| self.unread(shortened(&error.to_string())))?;
            for item in page.items.unwrap_or_default() {
                add(&mut moment, item);
            }
            params.continue_token = page.metadata.next.filter(|token| !token.is_empty());
            let is_full = moment.samples.len() >= CONTAINERS_MAX || moment.requests >= PAGES_MAX;
            if params.continue_token.is_some() && is_full || moment.samples.len() > CONTAINERS_MAX {
                moment.samples.truncate(CONTAINERS_MAX);
                let why = format!(
                    "metrics-server tells of more than the {CONTAINERS_MAX} containers that kubeopt holds"
                );
                moment.partial = Some(why);
                return Ok(moment);
            }
            if params.continue_token.is_none() {
                return Ok(moment);
            }
        }
    }

    async fn usage_page(&self, params: &ListParams) -> Result<Vec<u8>, ClusterError> {
        let request = Request::new(PATH).list(params).map_err(|error| self.unread(told(&error)))?;
        let answer = self.once().request_stream(request).await.map_err(|error| self.refused(&error))?;
        let mut bytes = Vec::new();
        let read = answer.take(PAGE_BYTES_MAX + 1).read_to_end(&mut bytes).await;
        read.map_err(|error| self.unread(told(&error)))?;
        if bytes.len() as u64 > PAGE_BYTES_MAX {
            return Err(self.unread(format!("the answer is larger than {} MiB", PAGE_BYTES_MAX >> 20)));
        }
        Ok(bytes)
    }

    fn refused(&self, error: &kube::Error) -> ClusterError {
        let cluster = self.name().to_string();
        match status_code(error) {
            // 503 is what the API server says of an aggregated API whose server is not there.
            Some(404 | 503) => ClusterError::UsageNotServed { cluster },
            Some(403) => ClusterError::UsageForbidden { cluster },
            _ => self.unread(told(error)),
        }
    }

    fn unread(&self, why: String) -> ClusterError {
        ClusterError::UsageUnread { cluster: self.name().to_string(), why }
    }
}

/// A list of PodMetrics; one without items, as Go writes it, has null there. The shapes follow `k8s.io/metrics/pkg/apis/metrics/v1beta1`.
#[derive(Debug, Deserialize)]
struct Page {
    #[serde(default)]
    metadata: PageMetadata,
    items: Option<Vec<Item>>,
}

#[derive(Debug, Default, Deserialize)]
struct PageMetadata {
    #[serde(rename = "continue", default)]
    next: Option<String>,
}

/// One object that is what it should be, or is not.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Item {
    Pod(PodMetrics),
    Odd(IgnoredAny),
}

#[derive(Debug, Deserialize)]
struct PodMetrics {
    metadata: PodNames,
    timestamp: String,
    window: String,
    #[serde(default)]
    containers: Option<Vec<ContainerMetrics>>,
}

#[derive(Debug, Deserialize)]
struct PodNames {
    name: String,
    namespace: String,
}

#[derive(Debug, Deserialize)]
struct ContainerMetrics {
    name: String,
    #[serde(default)]
    usage: Usage,
}

#[derive(Debug, Default, Deserialize)]
struct Usage {
    cpu: Option<String>,
    memory: Option<String>,
}

fn add(moment: &mut Moment, item: Item) {
    let pod = match item {
        Item::Pod(pod) => Checked::of(pod),
        Item::Odd(_) => None,
    };
    let Some(Checked { namespace, pod, at_unix_s, window_s, containers }) = pod else {
        moment.unusable += 1;
        return;
    };
    for container in containers {
        let Ok(name) = ContainerName::new(container.name) else {
            moment.unusable += 1;
            continue;
        };
        let cpu = container.usage.cpu.map(|text| MilliCores::measured(&text));
        let memory = container.usage.memory.map(|text| text.parse().map(|Bytes(bytes)| bytes as f64));
        moment.unusable += u64::from(matches!(cpu, Some(Err(_)))) + u64::from(matches!(memory, Some(Err(_))));
        moment.samples.push(MomentSample {
            namespace: namespace.clone(),
            pod: pod.clone(),
            container: name,
            at_unix_s,
            window_s,
            cpu_millicores: cpu.and_then(Result::ok),
            memory_bytes: memory.and_then(Result::ok),
        });
    }
}

/// A pod whose names and times follow the rules.
struct Checked {
    namespace: Namespace,
    pod: ObjectName,
    at_unix_s: i64,
    window_s: f64,
    containers: Vec<ContainerMetrics>,
}

impl Checked {
    fn of(pod: PodMetrics) -> Option<Self> {
        if pod.timestamp.len() > TIME_CHARS_MAX || pod.window.len() > TIME_CHARS_MAX {
            return None;
        }
        let at: Timestamp = pod.timestamp.parse().ok()?;
        let window: SignedDuration = pod.window.parse().ok()?;
        let window_s = window.as_secs_f64();
        if !(0.0..=WINDOW_S_MAX).contains(&window_s) {
            return None;
        }
        Some(Self {
            namespace: Namespace::new(pod.metadata.namespace).ok()?,
            pod: ObjectName::new(pod.metadata.name).ok()?,
            at_unix_s: at.as_second(),
            window_s,
            containers: pod.containers.unwrap_or_default(),
        })
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::*;

    fn pod(name: &str, containers: Value) -> Value {
        json!({"metadata": {"name": name, "namespace": "shop", "creationTimestamp": "2026-11-22T10:00:00Z"},
            "timestamp": "2026-11-22T10:00:07Z", "window": "15.032s", "containers": containers})
    }

    fn read(items: Value) -> Moment {
        let page: Page = serde_json::from_value(json!({"metadata": {}, "items": items})).unwrap();
        let mut moment = Moment::default();
        page.items.unwrap_or_default().into_iter().for_each(|item| add(&mut moment, item));
        moment
    }

    #[test]
    fn usage_is_read_with_its_time_and_window() {
        let usage = json!([{"name": "web", "usage": {"cpu": "123456789n", "memory": "1Ki"}}]);
        let moment = read(json!([pod("web-1", usage)]));
        assert_eq!(moment.unusable, 0);
        let [sample] = moment.samples.as_slice() else { panic!("{moment:?}") };
        assert_eq!((sample.namespace.as_str(), sample.pod.as_str()), ("shop", "web-1"));
        assert_eq!((sample.at_unix_s, sample.window_s), (1_795_341_607, 15.032));
        assert_eq!((sample.cpu_millicores, sample.memory_bytes), (Some(123.456789), Some(1024.0)));
    }

    #[test]
    fn what_breaks_a_rule_is_left_out_and_counted_and_the_others_are_used() {
        let fine = json!([{"name": "web", "usage": {"cpu": "1m", "memory": "1Mi"}}]);
        let with = |key: &str, value: Value| {
            let mut odd = pod("odd", fine.clone());
            odd[key] = value;
            odd
        };
        for odd in [
            json!("a text"),
            json!(null),
            json!({}),
            with("timestamp", json!("yesterday")),
            with("timestamp", json!(7)),
            with("window", json!("-15s")),
            with("window", json!("900h")),
            with("window", json!("1".repeat(1000))),
            with("metadata", json!({"name": "Odd!", "namespace": "shop"})),
            with("metadata", json!({"name": "odd"})),
            with("containers", json!([{"name": "../x", "usage": {}}])),
            with("containers", json!([{"name": "web", "usage": {"cpu": 7}}])),
        ] {
            let moment = read(json!([odd, pod("web-1", fine.clone())]));
            assert_eq!((moment.samples.len(), moment.unusable), (1, 1), "{odd}");
        }
        for (usage, cpu, memory, unusable) in [
            (json!({"cpu": "-1n", "memory": "1Ki"}), None, Some(1024.0), 1),
            (json!({"cpu": "NaN", "memory": "lots"}), None, None, 2),
            (json!({"cpu": "7"}), Some(7000.0), None, 0),
            (json!({}), None, None, 0),
        ] {
            let moment = read(json!([pod("web-1", json!([{"name": "web", "usage": usage}]))]));
            let sample = &moment.samples[0];
            assert_eq!(
                (sample.cpu_millicores, sample.memory_bytes, moment.unusable),
                (cpu, memory, unusable)
            );
        }
        assert_eq!(read(json!(null)), Moment::default());
        assert_eq!(read(json!([pod("web-1", json!(null))])), Moment::default());
    }

    #[test]
    fn windows_are_durations_as_go_writes_them() {
        for (text, seconds) in
            [("15s", 15.0), ("1m0.5s", 60.5), ("0s", 0.0), ("500ms", 0.5), ("1h0m0s", 3600.0)]
        {
            let mut item = pod("web-1", json!([{"name": "web", "usage": {}}]));
            item["window"] = json!(text);
            assert_eq!(read(json!([item])).samples[0].window_s, seconds, "{text}");
        }
    }

    proptest! {
        #[test]
        fn no_text_of_a_quantity_makes_a_number_that_is_none(cpu in ".{0,30}", memory in ".{0,30}") {
            let usage = json!([{"name": "web", "usage": {"cpu": cpu, "memory": memory}}]);
            let moment = read(json!([pod("web-1", usage)]));
            let sample = &moment.samples[0];
            let told = [sample.cpu_millicores, sample.memory_bytes];
            prop_assert!(told.into_iter().flatten().all(|value| value.is_finite() && value >= 0.0));
            prop_assert_eq!(moment.unusable, told.iter().filter(|value| value.is_none()).count() as u64);
        }
    }
}
