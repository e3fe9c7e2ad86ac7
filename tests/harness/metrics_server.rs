//! A stand-in for metrics-server, which cannot run where there is no kubelet.
//!
//! The API server itself serves `metrics.k8s.io/v1beta1` of a CustomResourceDefinition: same paths, same lists, same
//! permissions. Its schema is that of the published types (`PodMetrics` and `ContainerMetrics` of
//! `k8s.io/metrics/pkg/apis/metrics/v1beta1`, v0.36), so the API server refuses what metrics-server could not have told.

use std::fmt::Write as _;

use crate::kubernetes::Kubernetes;

/// Strict where the published types are: all fields are required, quantities and durations as Go writes them.
const KIND: &str = r#"
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata:
  name: pods.metrics.k8s.io
  annotations: {api-approved.kubernetes.io: "unapproved, a stand-in for metrics-server in tests"}
spec:
  group: metrics.k8s.io
  scope: Namespaced
  names: {kind: PodMetrics, listKind: PodMetricsList, plural: pods, singular: podmetrics}
  versions:
  - name: v1beta1
    served: true
    storage: true
    schema:
      openAPIV3Schema:
        type: object
        required: [timestamp, window, containers]
        properties:
          timestamp: {type: string, format: date-time}
          window: {type: string, pattern: '^([0-9]+(\.[0-9]+)?(ns|us|µs|ms|s|m|h))+$'}
          containers:
            type: array
            x-kubernetes-list-type: atomic
            items:
              type: object
              required: [name, usage]
              properties:
                name: {type: string}
                usage:
                  type: object
                  additionalProperties:
                    type: string
                    pattern: '^[0-9]+(\.[0-9]+)?(n|u|m|k|M|G|T|P|E|Ki|Mi|Gi|Ti|Pi|Ei)?$'
"#;

/// What one container uses: name, CPU and memory as metrics-server writes them (`1500000n`, `20480Ki`).
pub type ContainerUse<'a> = (&'a str, &'a str, &'a str);

/// The API server serves `metrics.k8s.io` from now on, and knows of no pod.
pub async fn serve(kubernetes: &Kubernetes) {
    kubernetes.apply(KIND).await;
}

/// metrics-server has measured a pod: at a time as RFC 3339 writes it, over a window as Go writes it.
pub async fn measured(
    kubernetes: &Kubernetes,
    (namespace, pod): (&str, &str),
    (timestamp, window): (&str, &str),
    containers: &[ContainerUse<'_>],
) {
    let mut yaml = format!(
        "apiVersion: metrics.k8s.io/v1beta1\nkind: PodMetrics\nmetadata: {{name: {pod}, namespace: {namespace}}}\ntimestamp: '{timestamp}'\nwindow: {window}\ncontainers:\n"
    );
    for (name, cpu, memory) in containers {
        writeln!(yaml, "- {{name: {name}, usage: {{cpu: '{cpu}', memory: '{memory}'}}}}")
            .expect("a string takes all");
    }
    kubernetes.apply(&yaml).await;
}
