//! Objects of any kind: apply, read, delete, as `kubectl` would.

use std::time::Duration;

use kube::api::{ApiResource, DeleteParams, DynamicObject, GroupVersionKind, Patch, PatchParams, TypeMeta};
use kube::discovery::{self, Scope};
use kube::{Api, Client, ResourceExt};
use serde::Deserialize as _;
use serde_json::Value;

use super::Kubernetes;
use crate::{OrFail, wait};

/// A new kind is served within a second; the rest is room for a busy machine.
const KIND_SERVED: Duration = Duration::from_secs(30);

impl Kubernetes {
    /// Applies every document of a YAML text (server-side apply, forced, field manager `harness`).
    ///
    /// A namespaced object that names no namespace goes to `default`. A
    /// CustomResourceDefinition is waited for, so that its objects may follow it in the same text.
    pub async fn apply(&self, yaml: &str) -> Vec<DynamicObject> {
        let client = self.client().await;
        let mut applied = Vec::new();
        for document in serde_yaml::Deserializer::from_str(yaml) {
            let value = Value::deserialize(document).or_fail("read YAML to apply");
            if value.is_null() {
                continue;
            }
            let object: DynamicObject =
                serde_json::from_value(value).or_fail("read a Kubernetes object to apply");
            applied.push(apply_one(&client, object).await);
        }
        applied
    }

    /// Reads an object of any kind; `None` when there is none. `namespace` is empty for cluster-wide kinds.
    pub async fn get(
        &self,
        api_version: &str,
        kind: &str,
        namespace: &str,
        name: &str,
    ) -> Option<DynamicObject> {
        let api = api_of(&self.client().await, api_version, kind, namespace).await;
        api.get_opt(name).await.or_fail(&format!("read {kind} {namespace}/{name}"))
    }

    /// Waits until an object is as `check` wants it, and gives it.
    pub async fn until(
        &self,
        (api_version, kind): (&str, &str),
        (namespace, name): (&str, &str),
        deadline: Duration,
        check: impl Fn(&DynamicObject) -> bool,
    ) -> DynamicObject {
        let api = api_of(&self.client().await, api_version, kind, namespace).await;
        let what = format!("{kind} {namespace}/{name} to be as wanted");
        wait::until(&what, deadline, async || match api.get_opt(name).await {
            Ok(Some(object)) if check(&object) => Ok(object),
            Ok(Some(object)) => Err(serde_json::to_string(&object).unwrap_or_default()),
            Ok(None) => Err("it is not there".to_owned()),
            Err(error) => Err(crate::chain(&error)),
        })
        .await
    }

    /// Changes an object by a JSON merge patch.
    pub async fn patch(
        &self,
        (api_version, kind): (&str, &str),
        (namespace, name): (&str, &str),
        patch: &Value,
    ) -> DynamicObject {
        let api = api_of(&self.client().await, api_version, kind, namespace).await;
        api.patch(name, &PatchParams::default(), &Patch::Merge(patch))
            .await
            .or_fail(&format!("patch {kind} {namespace}/{name}"))
    }

    /// Deletes an object.
    pub async fn delete(&self, api_version: &str, kind: &str, namespace: &str, name: &str) {
        let api = api_of(&self.client().await, api_version, kind, namespace).await;
        api.delete(name, &DeleteParams::default())
            .await
            .or_fail(&format!("delete {kind} {namespace}/{name}"));
    }

    /// Makes a namespace and waits for what pods in it need.
    pub async fn namespace(&self, name: &str) {
        self.apply(&format!("apiVersion: v1\nkind: Namespace\nmetadata: {{name: {name}}}\n")).await;
        if !self.controllers.is_empty() {
            self.default_account(name).await;
        }
    }

    /// Pods are refused until the controller manager has made the namespace's default account.
    pub(super) async fn default_account(&self, namespace: &str) {
        self.until(("v1", "ServiceAccount"), (namespace, "default"), wait::START, |_| true).await;
    }
}

async fn apply_one(client: &Client, object: DynamicObject) -> DynamicObject {
    let types = object.types.clone().expect("an object to apply has apiVersion and kind");
    let name = object.name_any();
    let namespace = object.namespace().unwrap_or_else(|| "default".to_owned());
    let api = api_of(client, &types.api_version, &types.kind, &namespace).await;
    let applied = api
        .patch(&name, &PatchParams::apply("harness").force(), &Patch::Apply(&object))
        .await
        .or_fail(&format!("apply {} {name}", types.kind));
    if types.kind == "CustomResourceDefinition" {
        until_served(client, &applied).await;
    }
    applied
}

async fn until_served(client: &Client, definition: &DynamicObject) {
    let spec = &definition.data["spec"];
    let kind = spec["names"]["kind"].as_str().unwrap_or_default();
    let group = spec["group"].as_str().unwrap_or_default();
    let served = |version: &&Value| version["served"] == true;
    let versions = spec["versions"].as_array().map(Vec::as_slice).unwrap_or_default();
    let version =
        versions.iter().find(served).and_then(|version| version["name"].as_str()).unwrap_or_default();
    let gvk = GroupVersionKind::gvk(group, version, kind);
    wait::until(&format!("the API server to serve {kind}"), KIND_SERVED, async || {
        discovery::pinned_kind(client, &gvk).await.map(drop).map_err(|error| crate::chain(&error))
    })
    .await;
}

/// The API of a kind that the server knows, in a namespace unless the kind is cluster-wide.
pub(crate) async fn api_of(
    client: &Client,
    api_version: &str,
    kind: &str,
    namespace: &str,
) -> Api<DynamicObject> {
    let types = TypeMeta { api_version: api_version.to_owned(), kind: kind.to_owned() };
    let gvk = GroupVersionKind::try_from(types).or_fail("read an apiVersion");
    let (resource, capabilities): (ApiResource, _) =
        discovery::pinned_kind(client, &gvk).await.or_fail(&format!("find the kind {kind} ({api_version})"));
    match capabilities.scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => Api::namespaced_with(client.clone(), namespace, &resource),
    }
}
