//! Lists and watches against an API server that refuses, forgets, breaks off and lies.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on ends")]

mod fake;
mod moments;

use std::time::Duration;

use fake::{Answer, BUILT_IN, EMPTY, Fake};
use kubeopt_cluster::{Watched, Watches};
use kubeopt_model::{ClusterFacts, Problem};
use serde_json::{Value, json};

/// Longer than kube's longest first pauses on a machine whose cores are busy.
const DEADLINE: Duration = Duration::from_secs(60);

const DEPLOYMENTS: &str = "/apis/apps/v1/deployments";
const POLICIES: &str = "/apis/kubeopt.dev/v1alpha1/rightsizingpolicies";
const KUSTOMIZATIONS: &str = "/apis/kustomize.toolkit.fluxcd.io/v1/kustomizations";

fn deployment(name: &str, cpu: &str) -> Value {
    json!({"apiVersion": "apps/v1", "kind": "Deployment",
        "metadata": {"name": name, "namespace": "shop", "resourceVersion": "2"},
        "spec": {"template": {"spec": {"containers": [{"name": "app", "resources": {"requests": {"cpu": cpu}}}]}}}})
}

fn names(facts: &ClusterFacts) -> Vec<&str> {
    facts.workloads.iter().map(|workload| workload.id.name.as_str()).collect()
}

/// Code and kind of what could not be seen as a whole; kinds that the fake does not have are left out.
fn codes(facts: &ClusterFacts) -> Vec<(&str, &str)> {
    let whole = facts.unseen.iter().filter(|problem| problem.code != "E-CLU-004");
    whole.filter_map(|problem| Some((problem.code.as_str(), problem.place.as_ref()?.file.as_str()))).collect()
}

/// Waits until the facts are as wanted.
async fn until(watches: &mut Watches, what: &str, wanted: impl Fn(&ClusterFacts) -> bool) -> ClusterFacts {
    let all = async {
        loop {
            let facts = watches.facts();
            if wanted(&facts) {
                return facts;
            }
            watches.changed().await;
        }
    };
    tokio::time::timeout(DEADLINE, all).await.unwrap_or_else(|_| panic!("gave up waiting for {what}"))
}

async fn until_watched(fake: &Fake, path: &str) {
    let open = async {
        while !fake.is_watched(path) {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(DEADLINE, open).await.unwrap_or_else(|_| panic!("nobody watches {path}"));
}

#[tokio::test]
async fn a_kind_that_is_refused_or_absent_is_told_and_the_others_go_on() {
    let fake = Fake::start().await;
    fake.answer("/apis/autoscaling/v2/horizontalpodautoscalers", [Answer::Refuse(403)]);
    fake.answer("/api/v1/nodes", [Answer::Refuse(500)]);
    fake.answer(DEPLOYMENTS, [Answer::Page(vec![deployment("web", "250m"), deployment("bad", "abc")], None)]);
    let facts = fake.cluster().list_once().await.unwrap();
    assert_eq!(names(&facts), ["web"]);
    assert_eq!(
        codes(&facts),
        [("E-CLU-003", "horizontalpodautoscalers.autoscaling"), ("E-CLU-005", "nodes"),]
    );
    for (kind, unseen) in [(Watched::Scalers, true), (Watched::Rollouts, true), (Watched::Deployments, false)]
    {
        assert_eq!(kind.is_unseen_in(&facts), unseen, "{kind:?}");
    }
    let quarantined = facts.unseen.iter().find(|problem| problem.code == "E-CLU-006").unwrap();
    assert!(quarantined.text.contains("deployments.apps/shop/bad"), "{}", quarantined.text);
}

#[tokio::test]
async fn a_list_that_outlives_its_snapshot_is_begun_anew() {
    let fake = Fake::start().await;
    let page =
        |names: &[&str], next| Answer::Page(names.iter().map(|name| deployment(name, "1")).collect(), next);
    fake.answer(
        DEPLOYMENTS,
        [page(&["a"], Some("more")), Answer::Refuse(410), page(&["a"], Some("more")), page(&["b"], None)],
    );
    let facts = fake.cluster().list_once().await.unwrap();
    assert_eq!(names(&facts), ["a", "b"]);
    assert_eq!(codes(&facts), []);
}

#[tokio::test]
async fn a_cluster_that_answers_nothing_is_an_error_and_not_an_empty_cluster() {
    let fake = Fake::start().await;
    let optional = [
        KUSTOMIZATIONS,
        "/apis/source.toolkit.fluxcd.io/v1/gitrepositories",
        "/apis/argoproj.io/v1alpha1/rollouts",
        "/apis/argoproj.io/v1alpha1/applications",
        "/apis/argoproj.io/v1alpha1/applicationsets",
        "/apis/helm.toolkit.fluxcd.io/v2/helmreleases",
        "/apis/source.toolkit.fluxcd.io/v1/helmcharts",
        "/apis/source.toolkit.fluxcd.io/v1/helmrepositories",
        "/apis/source.toolkit.fluxcd.io/v1/ocirepositories",
        "/apis/source.toolkit.fluxcd.io/v1/externalartifacts",
        "/apis/source.extensions.fluxcd.io/v1beta1/artifactgenerators",
        "/apis/autoscaling.k8s.io/v1/verticalpodautoscalers",
        POLICIES,
    ];
    for path in BUILT_IN.into_iter().chain(optional) {
        fake.answer(path, [Answer::Refuse(401)]);
    }
    let error = fake.cluster().list_once().await.unwrap_err();
    assert_eq!(error.code(), "E-CLU-002");
    assert!(error.problem().text.contains("refused with 401"), "{}", error.problem().text);
}

#[tokio::test]
async fn an_application_that_comes_later_explains_what_was_there_before() {
    const APPLICATIONS: &str = "/apis/argoproj.io/v1alpha1/applications";
    let fake = Fake::start().await;
    fake.answer(DEPLOYMENTS, [Answer::Page(vec![deployment("web", "1")], None)]);
    fake.answer(APPLICATIONS, [EMPTY]);
    let mut watches = Watches::start(&fake.cluster());
    assert!(watches.wait_until_synced(DEADLINE).await);
    assert_eq!(watches.facts().workloads[0].applied_by, None);
    until_watched(&fake, APPLICATIONS).await;
    let listed = json!([{"group": "apps", "kind": "Deployment", "namespace": "shop", "name": "web"}]);
    let application = json!({"apiVersion": "argoproj.io/v1alpha1", "kind": "Application",
        "metadata": {"name": "shop", "namespace": "argocd", "resourceVersion": "3"},
        "spec": {"destination": {"name": "in-cluster"}}, "status": {"resources": listed}});
    fake.send(APPLICATIONS, "ADDED", &application);
    let facts = until(&mut watches, "the application", |facts| !facts.gitops_objects.is_empty()).await;
    let by = facts.workloads[0].applied_by.as_ref().map(ToString::to_string);
    assert_eq!(by.as_deref(), Some("Argo CD Application argocd/shop"));
    assert_eq!(fake.cluster().list_once().await.unwrap().gitops_objects, []);
}

#[tokio::test]
async fn of_all_config_maps_only_the_settings_of_argo_cd_are_asked_for() {
    let fake = Fake::start().await;
    fake.cluster().list_once().await.unwrap();
    assert_eq!(fake.queries_of("/api/v1/configmaps"), ["fieldSelector=metadata.name%3Dargocd-cm"]);
}

#[tokio::test]
async fn watches_follow_what_is_added_changed_and_deleted() {
    let fake = Fake::start().await;
    fake.answer(DEPLOYMENTS, [Answer::Page(vec![deployment("a", "1")], None)]);
    let mut watches = Watches::start(&fake.cluster());
    assert!(watches.wait_until_synced(DEADLINE).await);
    assert!(watches.is_synced());
    assert_eq!(names(&watches.facts()), ["a"]);
    until_watched(&fake, DEPLOYMENTS).await;
    fake.send(DEPLOYMENTS, "ADDED", &deployment("b", "1"));
    until(&mut watches, "b to come", |facts| names(facts) == ["a", "b"]).await;
    // A poisoned version of an object takes the place of the good one: the old numbers are no longer true.
    fake.send(DEPLOYMENTS, "MODIFIED", &deployment("b", "abc"));
    until(&mut watches, "b to be quarantined", |facts| names(facts) == ["a"]).await;
    fake.send(DEPLOYMENTS, "DELETED", &deployment("a", "1"));
    until(&mut watches, "a to go", |facts| facts.workloads.is_empty()).await;
}

#[tokio::test]
async fn a_watch_that_is_told_gone_lists_anew() {
    let fake = Fake::start().await;
    fake.answer(
        DEPLOYMENTS,
        [Answer::Page(vec![deployment("a", "1")], None), Answer::Page(vec![deployment("b", "1")], None)],
    );
    let mut watches = Watches::start(&fake.cluster());
    assert!(watches.wait_until_synced(DEADLINE).await);
    until_watched(&fake, DEPLOYMENTS).await;
    let gone = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "code": 410, "message": "too old", "reason": "Expired"});
    fake.send(DEPLOYMENTS, "ERROR", &gone);
    until(&mut watches, "the new list", |facts| names(facts) == ["b"]).await;
    assert_eq!(fake.lists_of(DEPLOYMENTS), 2);
}

#[tokio::test]
async fn a_kind_that_is_refused_after_a_role_change_keeps_what_was_seen_and_says_so() {
    let fake = Fake::start().await;
    fake.answer(DEPLOYMENTS, [Answer::Page(vec![deployment("a", "1")], None)]);
    let mut watches = Watches::start(&fake.cluster());
    assert!(watches.wait_until_synced(DEADLINE).await);
    until_watched(&fake, DEPLOYMENTS).await;

    fake.answer(DEPLOYMENTS, [Answer::Refuse(403)]);
    fake.end_watch(DEPLOYMENTS);
    let facts = until(&mut watches, "the refusal", |facts| !codes(facts).is_empty()).await;
    assert_eq!(codes(&facts), [("E-CLU-003", "deployments.apps")]);
    assert_eq!(names(&facts), ["a"]);

    fake.answer(DEPLOYMENTS, [Answer::Page(vec![deployment("b", "1")], None)]);
    let facts = until(&mut watches, "the new list", |facts| names(facts) == ["b"]).await;
    assert_eq!(codes(&facts), []);
}

#[tokio::test]
async fn a_crd_that_comes_later_is_seen_and_one_that_goes_is_emptied() {
    let fake = Fake::start().await;
    let mut watches = Watches::start(&fake.cluster());
    assert!(watches.wait_until_synced(DEADLINE).await);
    assert!(Watched::Kustomizations.is_unseen_in(&watches.facts()));
    let apps = json!({"metadata": {"name": "apps", "namespace": "flux-system", "resourceVersion": "2"},
        "spec": {"path": "./apps", "sourceRef": {"kind": "GitRepository", "name": "fleet"}}});
    fake.answer(KUSTOMIZATIONS, [Answer::Page(vec![apps], None)]);
    let facts = until(&mut watches, "the CRD", |facts| facts.kustomizations.len() == 1).await;
    assert!(!Watched::Kustomizations.is_unseen_in(&facts));

    until_watched(&fake, KUSTOMIZATIONS).await;
    fake.answer(KUSTOMIZATIONS, [Answer::Refuse(404)]);
    fake.end_watch(KUSTOMIZATIONS);
    let facts = until(&mut watches, "the CRD to go", |facts| facts.kustomizations.is_empty()).await;
    assert!(Watched::Kustomizations.is_unseen_in(&facts));
}

fn policy(name: &str, generation: i64, spec: &Value) -> Value {
    json!({"apiVersion": "kubeopt.dev/v1alpha1", "kind": "RightsizingPolicy",
        "metadata": {"name": name, "resourceVersion": "2", "generation": generation}, "spec": spec})
}

#[tokio::test]
async fn policies_are_followed_as_they_are_written_and_a_broken_one_stays() {
    let fake = Fake::start().await;
    let first = policy("b", 1, &json!({"enabled": false}));
    let odd = json!({"metadata": {"name": "a", "annotations": {"x": "x".repeat(300 << 10)}}, "spec": {"sizing": 7}});
    fake.answer(POLICIES, [Answer::Page(vec![first, odd], None)]);
    let mut watches = Watches::start(&fake.cluster());
    assert!(watches.wait_until_synced(DEADLINE).await);
    let told = |facts: &ClusterFacts| -> Vec<(String, i64, String)> {
        let spec = |spec: &Result<String, Problem>| spec.clone().unwrap_or_else(|problem| problem.code);
        facts.policies.iter().map(|each| (each.name.clone(), each.generation, spec(&each.spec))).collect()
    };
    let each = |name: &str, generation, spec: &str| (name.to_owned(), generation, spec.to_owned());
    let facts = watches.facts();
    assert_eq!(told(&facts), [each("a", 0, "sizing: 7\n"), each("b", 1, "enabled: false\n")]);
    assert_eq!(codes(&facts), [], "nothing is quarantined");

    until_watched(&fake, POLICIES).await;
    let large = policy("b", 2, &json!({"x": "x".repeat(300 << 10)}));
    fake.send(POLICIES, "MODIFIED", &large);
    let facts = until(&mut watches, "the change", |facts| facts.policies[1].generation == 2).await;
    assert_eq!(told(&facts)[1], each("b", 2, "E-CLU-013"));
    fake.answer(POLICIES, [Answer::Refuse(403)]);
    fake.end_watch(POLICIES);
    let facts =
        until(&mut watches, "the refusal", |facts| Watched::Policies.unknown_in(facts).is_some()).await;
    assert_eq!(facts.policies.len(), 2, "what was seen still counts");
}

#[tokio::test]
async fn a_deadline_that_passes_tells_what_is_missing() {
    let fake = Fake::start().await;
    fake.answer(DEPLOYMENTS, [EMPTY]);
    let mut watches = Watches::start(&fake.cluster());
    assert!(!watches.wait_until_synced(Duration::ZERO).await);
    assert!(!watches.is_synced());
    let facts = watches.facts();
    assert!(Watched::ALL.into_iter().all(|kind| kind.is_unseen_in(&facts)));
}
