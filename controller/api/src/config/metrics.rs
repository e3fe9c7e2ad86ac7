//! Clusters of the configuration: how they are reached, where their usage is read, what they cost.

use std::collections::BTreeMap;

use kubeopt_model::ClusterName;

use crate::config::basic::check_basic;
use crate::config::document::{Cluster, Kubeconfig, Prometheus};
use crate::config::identity::{check_azure, check_google, check_sigv4};
use crate::config::prices::check_prices;
use crate::config::scalars::{check_url, file, malformed, optional, required};
use crate::config::types::{ClusterConfig, KubeconfigFile, PriceConfig, PrometheusConfig};
use crate::text::redact::looks_secret;
use crate::text::{At, Fault, Reading};

/// A minute: a slow query of a big server, and far less than a pass.
const DEFAULT_TIMEOUT_SECONDS: i64 = 60;

/// Five minutes: usage is kept by the hour, twelve samples describe it.
const DEFAULT_STEP_SECONDS: i64 = 300;

/// Parameters that kubeopt sets itself.
const OWN_PARAMETERS: [&str; 6] = ["query", "start", "end", "step", "time", "timeout"];

/// Most parameters, and the longest with its name: they are sent with every query.
const PARAMETERS_MAX: usize = 20;
const PARAMETER_BYTES_MAX: usize = 1024;

/// One cluster; none after a problem was told.
pub(crate) fn check_cluster(section: At<Cluster>, reading: &mut Reading<'_>) -> Option<ClusterConfig> {
    let At { value: cluster, line } = section;
    let name = required(cluster.name, line, "clusters[].name", "give the cluster a name", reading);
    let name = name.and_then(|at| match ClusterName::new(at.value.clone()) {
        Ok(name) => Some(name),
        Err(error) => malformed(&at, "clusters[].name", &format!("a name of {}", error.rule), reading),
    });
    let kubeconfig = optional(cluster.kubeconfig, |at| check_kubeconfig(at, reading));
    let metrics = cluster.metrics.unwrap_or(At { value: Default::default(), line });
    if let (Some(_), Some(at)) = (&metrics.value.prometheus, &metrics.value.metrics_server) {
        let text = "`prometheus` and `metricsServer` cannot both be used".to_owned();
        let help = "keep `prometheus`: it tells all that metrics-server tells, and the past".to_owned();
        reading.refuse(at.line, Fault::Contradiction { text, help });
    }
    let prometheus = metrics.value.prometheus;
    let prometheus = optional(prometheus, |at| check_prometheus(at, reading));
    let prices = match cluster.prices {
        Some(at) => check_prices(at, reading),
        None => Some(PriceConfig::default()),
    };
    Some(ClusterConfig { name: name?, kubeconfig: kubeconfig?, prometheus: prometheus?, prices: prices? })
}

fn check_kubeconfig(section: At<Kubeconfig>, reading: &mut Reading<'_>) -> Option<KubeconfigFile> {
    let help = "name the file, or remove `kubeconfig` to use the service account of the pod";
    let path = required(section.value.file, section.line, "kubeconfig.file", help, reading)?;
    Some(KubeconfigFile { file: file(path), context: section.value.context.map(|at| at.value) })
}

fn check_prometheus(section: At<Prometheus>, reading: &mut Reading<'_>) -> Option<PrometheusConfig> {
    let At { value: prometheus, line } = section;
    refuse_several_credentials(&prometheus, line, reading);
    let help = "name the server: `url: http://prometheus.monitoring:9090`";
    let url = required(prometheus.url, line, "prometheus.url", help, reading);
    let url = url.and_then(|at| check_url(at, "prometheus.url", reading));
    if prometheus.client_cert_file.is_some() != prometheus.client_key_file.is_some() {
        let text = "`clientCertFile` and `clientKeyFile` belong together".to_owned();
        let fault = Fault::Contradiction { text, help: "name both files or none".to_owned() };
        reading.refuse(line, fault);
    }
    let labels = prometheus.cluster_label.unwrap_or(At { value: Default::default(), line });
    if labels.value.keys().any(|name| !is_label_name(name)) {
        let at = At { value: labels.value.keys().cloned().collect::<Vec<_>>().join(", "), line: labels.line };
        return malformed(
            &at,
            "prometheus.clusterLabel",
            "a mapping of label names such as `{cluster: prod}`",
            reading,
        );
    }
    let basic = optional(prometheus.basic, |at| check_basic(at, reading));
    let aws = optional(prometheus.sigv4, |at| check_sigv4(at, reading));
    let azure = optional(prometheus.azure, |at| check_azure(at, reading));
    let google = prometheus.google.map(check_google);
    let parameters = prometheus.parameters.unwrap_or(At { value: Default::default(), line });
    let parameters = check_parameters(parameters, reading)?;
    Some(PrometheusConfig {
        url: url?,
        bearer_file: prometheus.bearer_file.map(file),
        basic: basic?,
        identity: aws?.or(google).or(azure?),
        tenant: prometheus.tenant.map(|at| at.value),
        cluster_label: labels.value,
        parameters,
        remote_read: prometheus.remote_read.is_some_and(|at| at.value),
        ca_file: prometheus.ca_file.map(file),
        client_cert_file: prometheus.client_cert_file.map(file),
        client_key_file: prometheus.client_key_file.map(file),
        timeout_seconds: prometheus.timeout.map_or(DEFAULT_TIMEOUT_SECONDS, |at| at.value.0),
        step_seconds: prometheus.step.map_or(DEFAULT_STEP_SECONDS, |at| at.value.0),
    })
}

/// A server takes one kind of credentials.
fn refuse_several_credentials(prometheus: &Prometheus, line: usize, reading: &mut Reading<'_>) {
    let keys = [
        ("`bearerFile`", prometheus.bearer_file.is_some()),
        ("`basic`", prometheus.basic.is_some()),
        ("`sigv4`", prometheus.sigv4.is_some()),
        ("`google`", prometheus.google.is_some()),
        ("`azure`", prometheus.azure.is_some()),
    ];
    let named: Vec<&str> = keys.iter().filter(|(_, is_there)| *is_there).map(|(key, _)| *key).collect();
    if let [first, second, ..] = named.as_slice() {
        let text = format!("{first} and {second} cannot both be used");
        let fault = Fault::Contradiction { text, help: "keep the one that the server wants".to_owned() };
        reading.refuse(line, fault);
    }
}

/// Parameters that may stand beside kubeopt's own; none after a problem was told.
fn check_parameters(
    parameters: At<BTreeMap<String, String>>,
    reading: &mut Reading<'_>,
) -> Option<BTreeMap<String, String>> {
    let At { value: all, line } = parameters;
    if let Some(name) = all.keys().find(|name| looks_secret(name)) {
        let path = format!("prometheus.parameters.{name}");
        let help =
            "write the secret to a file and name it as `bearerFile` or `basic.passwordFile`".to_owned();
        reading.refuse(line, Fault::InlineSecret { path, help });
        return None;
    }
    let is_name = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_.-[]".contains(&b))
    };
    let fits = |(name, value): (&String, &String)| {
        is_name(name)
            && name.len() + value.len() <= PARAMETER_BYTES_MAX
            && !OWN_PARAMETERS.contains(&name.as_str())
    };
    if all.len() > PARAMETERS_MAX || !all.iter().all(fits) {
        let at = At { value: all.keys().cloned().collect::<Vec<_>>().join(", "), line };
        let expected =
            "at most 20 parameters such as `{dedup: \"true\"}`, none of those that kubeopt sets itself";
        return malformed(&at, "prometheus.parameters", expected, reading);
    }
    Some(all)
}

/// As the data model of Prometheus says; the name is written into queries.
fn is_label_name(name: &str) -> bool {
    !name.starts_with(|c: char| c.is_ascii_digit())
        && !name.is_empty()
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
