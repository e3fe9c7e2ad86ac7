//! Tests of who applied an object: each case is a handful of objects and one answer.

use kubeopt_model::ClusterName;
use serde_json::json;

use super::*;
use crate::facts::facts_from;

const SELF: &str = "shop:apps/Deployment:shop/web";

fn application(namespace: &str, name: &str, listed: Value) -> Value {
    json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": name, "namespace": namespace},
        "spec": {"destination": {"server": "https://kubernetes.default.svc", "namespace": "shop"}, "source": {"path": "."}},
        "status": {"resources": listed}})
}

fn settings(data: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "argocd-cm", "namespace": "gitops"}, "data": data})
}

fn web(metadata: Value) -> Value {
    let mut object = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web", "namespace": "shop"},
        "spec": {"template": {"spec": {"containers": [{"name": "web"}]}}}});
    object["metadata"].as_object_mut().unwrap().extend(metadata.as_object().unwrap().clone());
    object
}

fn listed() -> Value {
    json!([{"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web"}])
}

fn answer(metadata: Value, others: &[Value]) -> String {
    let documents = others.iter().cloned().chain([web(metadata)]);
    let facts = facts_from(&Objects::read(ClusterName::new("test").unwrap(), documents));
    assert_eq!(facts.unseen, [], "nothing is quarantined");
    facts.workloads[0].applied_by.as_ref().map_or("-".to_owned(), ToString::to_string)
}

fn flux(kind: &str) -> Value {
    json!({format!("{kind}.toolkit.fluxcd.io/name"): "apps", format!("{kind}.toolkit.fluxcd.io/namespace"): "flux"})
}

#[test]
fn each_way_to_know_who_applied_a_workload_is_followed_in_its_order() {
    let tracking = |id: &str| json!({"annotations": {"argocd.argoproj.io/tracking-id": id}});
    let instance = |name: &str| json!({"labels": {"app.kubernetes.io/instance": name}});
    let owned = json!({"ownerReferences": [{"apiVersion": "monitoring.coreos.com/v1", "kind": "Prometheus", "name": "k8s",
        "uid": "1", "controller": true}], "labels": flux("kustomize")});
    let plain = |name: &str| application("gitops", name, json!([]));
    let with_label = settings(json!({"application.resourceTrackingMethod": "label"}));
    let with_annotation = settings(json!({"application.resourceTrackingMethod": "annotation"}));
    let own_label = settings(
        json!({"application.resourceTrackingMethod": "label", "application.instanceLabelKey": "example.com/app"}),
    );
    let mut elsewhere = application("gitops", "other", listed());
    elsewhere["spec"]["destination"] = json!({"name": "edge", "namespace": "shop"});
    let mut away = plain("shop");
    away["spec"]["destination"]["namespace"] = json!("elsewhere");
    let argo = "Argo CD Application gitops/shop";
    let cases = [
        ("nothing", json!({}), vec![], "-"),
        ("listed", json!({}), vec![application("gitops", "shop", listed())], argo),
        (
            "listed wins over labels",
            json!({"labels": flux("kustomize")}),
            vec![application("gitops", "shop", listed())],
            argo,
        ),
        ("listed for another cluster", json!({}), vec![elsewhere], "-"),
        (
            "listed twice, the annotation decides",
            tracking(SELF),
            vec![application("gitops", "a", listed()), application("gitops", "shop", listed())],
            argo,
        ),
        (
            "listed twice, the first",
            json!({}),
            vec![application("gitops", "z", listed()), application("gitops", "shop", listed())],
            argo,
        ),
        ("annotation", tracking(SELF), vec![plain("shop")], argo),
        ("annotation of an unseen application", tracking(SELF), vec![settings(json!({}))], argo),
        (
            "annotation without any trace of Argo CD",
            tracking(SELF),
            vec![],
            "Argo CD Application argocd/shop",
        ),
        (
            "annotation of an application elsewhere",
            tracking("team_shop:apps/Deployment:shop/web"),
            vec![],
            "Argo CD Application team/shop",
        ),
        ("annotation that was copied", tracking("shop:apps/Deployment:shop/other"), vec![plain("shop")], "-"),
        ("annotation that is none", tracking("shop:Deployment"), vec![plain("shop")], "-"),
        ("instance label, tracked by label", instance("shop"), vec![away.clone(), with_label.clone()], argo),
        (
            "instance label, tracked by annotation",
            instance("shop"),
            vec![plain("shop"), with_annotation],
            "-",
        ),
        ("instance label, unsaid, destination fits", instance("shop"), vec![plain("shop")], argo),
        ("instance label, unsaid, destination differs", instance("shop"), vec![away], "-"),
        ("instance label of a chart", instance("web"), vec![plain("shop"), with_label], "-"),
        (
            "own instance label",
            json!({"labels": {"example.com/app": "shop"}}),
            vec![plain("shop"), own_label.clone()],
            argo,
        ),
        ("own instance label, the other is nothing", instance("shop"), vec![plain("shop"), own_label], "-"),
        ("kustomize label", json!({"labels": flux("kustomize")}), vec![], "Flux Kustomization flux/apps"),
        ("helm label", json!({"labels": flux("helm")}), vec![], "Flux HelmRelease flux/apps"),
        ("labels that an operator copied", owned, vec![], "Prometheus k8s"),
    ];
    for (what, metadata, others, expected) in cases {
        assert_eq!(answer(metadata, &others), expected, "{what}");
    }
}

#[test]
fn an_installation_that_has_an_id_only_takes_what_carries_it() {
    let id = settings(json!({"installationID": "one"}));
    for (installation, expected) in
        [(Some("one"), "Argo CD Application gitops/shop"), (Some("two"), "-"), (None, "-")]
    {
        let mut annotations = json!({"argocd.argoproj.io/tracking-id": SELF});
        if let Some(installation) = installation {
            annotations["argocd.argoproj.io/installation-id"] = json!(installation);
        }
        assert_eq!(
            answer(json!({"annotations": annotations}), std::slice::from_ref(&id)),
            expected,
            "{installation:?}"
        );
    }
}

#[test]
fn a_long_name_is_found_by_the_label_that_was_cut() {
    let long = "a".repeat(70);
    let label = json!({"labels": {"app.kubernetes.io/instance": "a".repeat(63)}});
    assert_eq!(
        answer(label, &[application("gitops", &long, json!([]))]),
        format!("Argo CD Application gitops/{long}")
    );
}

#[test]
fn gitops_objects_know_who_applied_them_and_their_order_does_not_matter() {
    let release = json!({"apiVersion": "helm.toolkit.fluxcd.io/v2", "kind": "HelmRelease",
        "metadata": {"name": "db", "namespace": "shop", "labels": flux("kustomize")}, "spec": {"values": {}}});
    let child = application("gitops", "child", json!([]));
    let parent = application(
        "gitops",
        "parent",
        json!([{"group": "argoproj.io", "kind": "Application", "namespace": "gitops", "name": "child"}]),
    );
    let mut documents = vec![release, child, parent];
    let read = |documents: &[Value]| {
        facts_from(&Objects::read(ClusterName::new("test").unwrap(), documents.iter().cloned()))
    };
    let facts = read(&documents);
    let known: Vec<_> = facts
        .gitops_objects
        .iter()
        .map(|object| (object.name.as_str(), object.applied_by.as_ref().map(ToString::to_string)))
        .collect();
    assert_eq!(
        known,
        [
            ("db", Some("Flux Kustomization flux/apps".to_owned())),
            ("child", Some("Argo CD Application gitops/parent".to_owned())),
            ("parent", None)
        ]
    );
    documents.reverse();
    assert_eq!(read(&documents), facts);
}
