//! The workloads of the bench on a real API server: Deployments of two containers with their ReplicaSets and pods. No
//! controller makes them, so that pods have the names that the generated history knows.

use futures::StreamExt as _;
use k8s_openapi::api::apps::v1::{Deployment, ReplicaSet};
use k8s_openapi::api::core::v1::{Namespace, Pod, ServiceAccount};
use kube::api::PostParams;
use kube::{Api, Client, Resource};
use kubeopt_tests::OrFail;
use kubeopt_tests::kubernetes::Kubernetes;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};

use crate::store::{CONTAINERS, POD, deployment};

/// Workloads that are written at a time; more would wait in the API server.
const AT_A_TIME: usize = 8;

/// Starts an API server that holds the workloads of so many containers.
pub(crate) async fn start(containers: usize) -> Kubernetes {
    let kubernetes = Kubernetes::start_api_only().await;
    let client = kubernetes.client().await;
    let mut namespaces: Vec<String> = (0..containers).map(|at| deployment(at).0).collect();
    namespaces.dedup();
    for name in &namespaces {
        create::<Namespace>(&Api::all(client.clone()), json!({ "metadata": { "name": name } })).await;
        let account = json!({ "metadata": { "name": "default" } });
        create::<ServiceAccount>(&Api::namespaced(client.clone(), name), account).await;
    }
    let apps = (0..containers).step_by(CONTAINERS.len()).map(|at| write(client.clone(), deployment(at)));
    futures::stream::iter(apps).buffer_unordered(AT_A_TIME).collect::<Vec<()>>().await;
    kubernetes
}

async fn write(client: Client, (namespace, name): (String, String)) {
    let labels = json!({ "app": name });
    let containers: Vec<Value> = CONTAINERS
        .iter()
        .map(|container| {
            let requests = json!({ "cpu": "500m", "memory": "1Gi" });
            json!({ "name": container, "image": "registry.example/x:1", "resources": { "requests": requests } })
        })
        .collect();
    let template = json!({ "metadata": { "labels": labels }, "spec": { "containers": containers } });
    let spec = json!({ "replicas": 1, "selector": { "matchLabels": labels }, "template": template });
    let deployments: Api<Deployment> = Api::namespaced(client.clone(), &namespace);
    let made =
        create(&deployments, json!({ "metadata": { "name": name, "labels": labels }, "spec": spec })).await;

    let set = format!("{name}-{}", POD.0);
    let metadata = json!({ "name": set, "labels": labels, "ownerReferences": [owner(&made)] });
    let sets: Api<ReplicaSet> = Api::namespaced(client.clone(), &namespace);
    let made = create(&sets, json!({ "metadata": metadata, "spec": spec })).await;

    let metadata =
        json!({ "name": format!("{set}-{}", POD.1), "labels": labels, "ownerReferences": [owner(&made)] });
    let pods: Api<Pod> = Api::namespaced(client, &namespace);
    create(&pods, json!({ "metadata": metadata, "spec": { "containers": containers } })).await;
}

async fn create<K>(api: &Api<K>, object: Value) -> K
where
    K: Clone + Serialize + DeserializeOwned + std::fmt::Debug,
{
    let object: K = serde_json::from_value(object).or_fail("build an object of the bench");
    api.create(&PostParams::default(), &object).await.or_fail("create an object of the bench")
}

fn owner<K: Resource<DynamicType = ()>>(object: &K) -> Value {
    json!(object.controller_owner_ref(&()).expect("the API server names what it made"))
}
