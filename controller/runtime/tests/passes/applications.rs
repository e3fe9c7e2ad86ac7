//! Workloads of Argo CD: the source that wins among several, and `get sources`.

use kubeopt_model::cluster::{GitOpsKind, GitOpsObject};
use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{Namespace, ObjectName};
use kubeopt_runtime::edges::{Edges, Selection};
use kubeopt_runtime::get_sources::{SourceTable, get_sources};
use serde_json::{Value, json};

use crate::apps::{API, App, WEB};
use crate::said::left_code;
use crate::world::World;

const SHOP: &str = "https://local/acme/shop";

/// The cluster shows an Application of this spec, and that it applied the app.
fn applied(world: &World, app: &App, name: &str, spec: Value) {
    let (namespace, name) = (Namespace::new("argocd").unwrap(), ObjectName::new(name).unwrap());
    let mut shown = world.shown.lock().unwrap();
    let facts = shown.get_mut(&app.id().cluster).unwrap();
    let workload = facts.workloads.iter_mut().find(|workload| workload.id == app.id()).unwrap();
    workload.applied_by =
        Some(AppliedBy::ArgoApplication { namespace: namespace.clone(), name: name.clone() });
    facts.gitops_objects.push(GitOpsObject {
        kind: GitOpsKind::Application,
        namespace,
        name,
        applied_by: None,
        owners: Vec::new(),
        spec,
        status: Value::Null,
    });
}

fn directory(path: &str) -> Value {
    json!({"repoURL": SHOP, "path": path, "targetRevision": "main", "directory": {"recurse": true}})
}

/// A controller whose operator has mapped nothing.
async fn unmapped(world: &World) -> Edges {
    let mut kubeopt = world.controller("a").await;
    kubeopt.mappings.clear();
    kubeopt
}

#[tokio::test]
async fn of_several_sources_the_last_that_has_the_workload_is_edited() {
    let config = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: x, namespace: payments}\n";
    let base = API.manifest(("350m", "512Mi"));
    let world =
        World::with(&[API], &[("shop", "base/api.yaml", &base), ("shop", "last/config.yaml", config)]).await;
    applied(
        &world,
        &API,
        "api",
        json!({"sources": [directory("base"), directory(API.folder), directory("last")]}),
    );
    let kubeopt = unmapped(&world).await;
    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    let pull = world.the_open_one(&API).await;
    let changed = world.forge.changed_files(&API.repository_id(), pull.number).await.unwrap();
    assert_eq!(changed.iter().map(|file| file.path.as_str()).collect::<Vec<_>>(), [API.path()]);
}

#[tokio::test]
async fn a_pinned_application_is_left_with_its_reason() {
    let world = World::of(&[API]).await;
    let mut pinned = directory(API.folder);
    pinned["targetRevision"] = json!("v1.2.3");
    applied(&world, &API, "api", json!({"source": pinned}));
    let report = world.pass(&unmapped(&world).await).await;
    assert_eq!(left_code(&report, &API), "E-SRC-102");
    assert!(world.pulls_of(&API).await.is_empty());
}

fn cells(table: &SourceTable) -> Vec<String> {
    table.cells().iter().map(|cells| cells[..6].join(" | ")).collect()
}

#[tokio::test]
async fn every_workload_is_shown_with_its_place_in_git_or_the_reason_for_none() {
    let world = World::of(&[API, WEB]).await;
    applied(&world, &API, "api", json!({"source": directory(API.folder)}));
    let mut kubeopt = unmapped(&world).await;
    let table = get_sources(&kubeopt).await.unwrap();
    assert_eq!(
        cells(&table),
        [
            "payments/deploy/api | acme/shop | main | apps/api | plain | Argo CD Application argocd/api",
            "storefront/deploy/web | - | - | - | - | -"
        ]
    );
    let code = |table: &SourceTable, row: usize| table.rows[row].problem.as_ref().map(|p| p.code.clone());
    assert_eq!((code(&table, 0), code(&table, 1).as_deref()), (None, Some("E-SRC-101")));

    // What no binding allows is shown, and that it is not edited.
    kubeopt.bindings.clear();
    kubeopt.mappings = vec![WEB.mapping()];
    let table = get_sources(&kubeopt).await.unwrap();
    assert_eq!(
        cells(&table)[1],
        "storefront/deploy/web | acme/shop | (default) | apps/web | plain | sources of kubeopt.yaml"
    );
    assert_eq!(
        (code(&table, 0).as_deref(), code(&table, 1).as_deref()),
        (Some("E-SRC-109"), Some("E-SRC-109"))
    );

    // Without any configuration there is nothing to be bound, and the host stands for the forge.
    kubeopt.forges.clear();
    kubeopt.mappings.clear();
    kubeopt.selection = Selection { namespaces: vec![API.id().namespace] };
    let table = get_sources(&kubeopt).await.unwrap();
    assert_eq!((table.rows.len(), code(&table, 0)), (1, None));
    assert_eq!(table.rows[0].sources[0].forge, "local");
    let json = serde_json::to_value(&table).unwrap();
    assert_eq!(json["rows"][0]["sources"][0]["knownFrom"], "Argo CD Application argocd/api");
}
