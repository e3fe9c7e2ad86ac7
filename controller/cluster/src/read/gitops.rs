//! Objects of Flux and Argo CD whose many fields are read elsewhere: held as they are written, within limits, without
//! what nothing reads.

use kubeopt_model::WorkloadKind;
use kubeopt_model::cluster::{GitOpsKind, GitOpsObject};
use serde_json::{Map, Value};

use super::object::{Object, Unreadable};
use super::workloads::applied_by;
use crate::error::shortened;
use crate::kinds::{ARGO_SETTINGS, Watched};
use crate::seen::{Hints, Seen};

/// The spec of one object, as JSON. etcd takes 1.5 MiB; the values of the largest public HelmReleases are below 100 KiB.
const SPEC_BYTES_MAX: usize = 512 * 1024;

/// Objects that one Application lists and that kubeopt could look for. An Application of this many workloads is no
/// longer one application.
const LISTED_MAX: usize = 20_000;

/// Owner references that are told; an object has one or two.
const OWNERS_MAX: usize = 8;

/// The keys of `argocd-cm` that say how Argo CD marks what it applies; no other key is kept.
const SETTINGS: [&str; 3] =
    ["application.resourceTrackingMethod", "application.instanceLabelKey", "installationID"];

/// Annotations of an OCI artifact that lead to its repository (`github.com/opencontainers/image-spec/annotations.md`).
const OCI_ORIGIN: [&str; 2] = ["org.opencontainers.image.source", "org.opencontainers.image.revision"];

/// Reads an object of one of these kinds.
pub(super) fn read(object: Object, kind: Watched) -> Result<Seen, Unreadable> {
    let kind = kind.gitops().ok_or(Unreadable::Missing("GitOps kind"))?;
    if kind == GitOpsKind::ArgoSettings && object.name.as_str() != ARGO_SETTINGS {
        return Ok(Seen::Nothing);
    }
    let hints = Hints { flux: applied_by(&object.labels)?, marks: object.marks.clone(), controller: None };
    let owners = object.owners.iter().take(OWNERS_MAX);
    let held = GitOpsObject {
        kind,
        namespace: object.namespace()?,
        name: object.name.clone(),
        applied_by: None,
        owners: owners.map(|owner| (shortened(&owner.kind), shortened(&owner.name))).collect(),
        spec: spec(kind, &object.data)?,
        status: status(kind, object.data.get("status").unwrap_or(&Value::Null)),
    };
    Ok(Seen::GitOps(Box::new(held), Box::new(hints), object.labels))
}

fn spec(kind: GitOpsKind, data: &Value) -> Result<Value, Unreadable> {
    let spec = data.get("spec").unwrap_or(&Value::Null);
    let spec = match kind {
        GitOpsKind::ArgoSettings => keep(data.get("data").unwrap_or(&Value::Null), &SETTINGS),
        GitOpsKind::Application => {
            keep(spec, &["source", "sources", "sourceHydrator", "destination", "project"])
        }
        // Generators list whole fleets; only the template says what is applied.
        GitOpsKind::ApplicationSet => keep(spec, &["template", "templatePatch", "goTemplate"]),
        GitOpsKind::HelmRelease
        | GitOpsKind::HelmChart
        | GitOpsKind::HelmRepository
        | GitOpsKind::OciRepository
        | GitOpsKind::ExternalArtifact
        | GitOpsKind::ArtifactGenerator => spec.clone(),
    };
    let have = spec.to_string().len();
    if have > SPEC_BYTES_MAX {
        return Err(Unreadable::TooLarge { what: "spec", have, most: SPEC_BYTES_MAX });
    }
    Ok(spec)
}

/// The fields that are read, each of them bounded.
fn status(kind: GitOpsKind, status: &Value) -> Value {
    match kind {
        GitOpsKind::Application => application(status),
        GitOpsKind::HelmRelease => helm_release(status),
        GitOpsKind::HelmChart
        | GitOpsKind::HelmRepository
        | GitOpsKind::OciRepository
        | GitOpsKind::ExternalArtifact => artifact(status),
        GitOpsKind::ArtifactGenerator | GitOpsKind::ApplicationSet | GitOpsKind::ArgoSettings => Value::Null,
    }
}

fn application(status: &Value) -> Value {
    let mut kept = keep(status, &["sourceType", "sourceTypes"]);
    let sync = keep(&status["sync"], &["revision", "revisions"]);
    let listed = status["resources"].as_array().map(Vec::as_slice).unwrap_or_default();
    let listed = listed.iter().filter(|resource| is_sought(resource)).take(LISTED_MAX);
    let listed = listed.map(|resource| keep(resource, &["group", "kind", "namespace", "name"])).collect();
    if let Some(map) = kept.as_object_mut() {
        map.insert("sync".to_owned(), sync);
        map.insert("resources".to_owned(), Value::Array(listed));
    }
    kept
}

/// Whether an entry of `status.resources` is of a kind that kubeopt holds.
fn is_sought(resource: &Value) -> bool {
    let text = |key: &str| resource[key].as_str().unwrap_or_default();
    let (group, kind) = (text("group"), text("kind"));
    WorkloadKind::ALL.into_iter().any(|known| (known.api_group(), known.as_str()) == (group, kind))
        || Watched::ALL
            .into_iter()
            .any(|known| known.gitops().is_some() && (known.group(), known.kind()) == (group, kind))
}

fn helm_release(status: &Value) -> Value {
    let newest = status["history"].as_array().and_then(|history| history.first());
    let newest = newest.map(|newest| keep(newest, &["chartName", "chartVersion", "name", "namespace"]));
    let mut kept = keep(status, &["helmChart"]);
    if let Some(map) = kept.as_object_mut() {
        map.insert("history".to_owned(), Value::Array(newest.into_iter().collect()));
    }
    kept
}

fn artifact(status: &Value) -> Value {
    let mut artifact = keep(&status["artifact"], &["revision"]);
    if let Some(map) = artifact.as_object_mut() {
        map.insert("metadata".to_owned(), keep(&status["artifact"]["metadata"], &OCI_ORIGIN));
    }
    Value::Object(Map::from_iter([("artifact".to_owned(), artifact)]))
}

/// These keys of a mapping, as they are.
fn keep(value: &Value, keys: &[&str]) -> Value {
    let pairs = keys.iter().filter_map(|key| Some(((*key).to_owned(), value.get(key)?.clone())));
    Value::Object(pairs.collect())
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::read::testing::read_json;

    fn read(kind: Watched, name: &str, rest: Value) -> GitOpsObject {
        let mut object = json!({"metadata": {"name": name, "namespace": "argocd",
            "ownerReferences": [{"apiVersion": "argoproj.io/v1alpha1", "kind": "ApplicationSet", "name": "fleet", "uid": "1"}]}});
        object.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        match read_json(kind, object) {
            Ok(Seen::GitOps(object, ..)) => *object,
            other => panic!("not held: {other:?}"),
        }
    }

    #[test]
    fn an_application_keeps_its_sources_and_the_workloads_it_lists() {
        let app = read(
            Watched::Applications,
            "shop",
            json!({"spec": {"source": {"path": "apps"}, "ignoreDifferences": [1]}, "operation": {"x": 1},
                "status": {"sourceType": "Kustomize", "history": [{"id": 1}], "summary": {"images": []},
                    "sync": {"revision": "abc", "comparedTo": {"source": {}}}, "resources": [
                        {"kind": "Service", "name": "web", "namespace": "shop"},
                        {"group": "apps", "kind": "Deployment", "name": "web", "namespace": "shop", "health": {"status": "Healthy"}},
                        {"group": "helm.toolkit.fluxcd.io", "kind": "HelmRelease", "name": "db", "namespace": "shop"}]}}),
        );
        assert_eq!(app.spec, json!({"source": {"path": "apps"}}));
        assert_eq!(
            app.status,
            json!({"sourceType": "Kustomize", "sync": {"revision": "abc"}, "resources": [
                {"group": "apps", "kind": "Deployment", "name": "web", "namespace": "shop"},
                {"group": "helm.toolkit.fluxcd.io", "kind": "HelmRelease", "name": "db", "namespace": "shop"}]})
        );
        assert_eq!(app.owners, [("ApplicationSet".to_owned(), "fleet".to_owned())]);
    }

    #[test]
    fn the_settings_of_argo_cd_keep_three_keys_and_other_config_maps_are_nothing() {
        let data = json!({"data": {"installationID": "a", "dex.config": "clientSecret: hunter2"}});
        assert_eq!(
            read(Watched::ArgoSettings, "argocd-cm", data.clone()).spec,
            json!({"installationID": "a"})
        );
        let other =
            json!({"metadata": {"name": "other", "namespace": "argocd"}, "data": {"password": "hunter2"}});
        assert_eq!(read_json(Watched::ArgoSettings, other), Ok(Seen::Nothing));
    }

    #[test]
    fn a_release_keeps_its_spec_and_its_newest_version_and_shows_neither_in_logs() {
        let release = read(
            Watched::HelmReleases,
            "db",
            json!({"spec": {"values": {"password": "hunter2"}}, "status": {"conditions": [], "history": [
                {"chartName": "db", "chartVersion": "1.2.3", "digest": "x"}, {"chartName": "db", "chartVersion": "1.0.0"}]}}),
        );
        assert_eq!(release.status["history"], json!([{"chartName": "db", "chartVersion": "1.2.3"}]));
        assert!(!format!("{release:?}").contains("hunter2"));
        let source = read(
            Watched::OciRepositories,
            "app",
            json!({"spec": {"url": "oci://registry.example/app"}, "status": {"artifact": {"revision": "v1@sha256:1", "url": "http://x",
                "metadata": {"org.opencontainers.image.source": "https://git.example/acme/app", "other": "x"}}}}),
        );
        assert_eq!(
            source.status["artifact"],
            json!({"revision": "v1@sha256:1", "metadata": {"org.opencontainers.image.source": "https://git.example/acme/app"}})
        );
    }

    #[test]
    fn a_spec_beyond_its_limit_is_quarantined() {
        let object = json!({"metadata": {"name": "db", "namespace": "shop"}, "spec": {"values": "x".repeat(SPEC_BYTES_MAX)}});
        let problem = read_json(Watched::HelmReleases, object).unwrap_err();
        assert!(problem.text.contains("its spec take"), "{}", problem.text);
    }
}
