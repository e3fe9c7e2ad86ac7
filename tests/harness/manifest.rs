//! What suites install and let kubeopt size.

/// The Deployment `web` of the namespace `shop`, one container of that name with these resources: `requests` or `limits`, each
/// with CPU and memory.
pub fn web(replicas: usize, resources: &[(&str, [&str; 2])]) -> String {
    let bound = |(bound, [cpu, memory]): &(&str, [&str; 2])| {
        format!("          {bound}:\n            cpu: \"{cpu}\"\n            memory: {memory}\n")
    };
    let resources: String = resources.iter().map(bound).collect();
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: web, namespace: shop}}
spec:
  replicas: {replicas}
  selector: {{matchLabels: {{app: web}}}}
  template:
    metadata: {{labels: {{app: web}}}}
    spec:
      containers:
      - name: web
        image: registry.example/web:1
        resources:
{resources}"
    )
}
