//! Policy files of repositories: wrong ones, warned of ones, those of a subfolder.

use kubeopt_model::NoRecommendation;
use kubeopt_model::policy::PolicyObject;

use crate::apps::{API, WEB};
use crate::said::{left, left_code, told};
use crate::world::World;

#[tokio::test]
async fn every_wrong_key_is_told_with_its_line_and_nothing_below_is_edited() {
    let policy = "sizing:\n  cpu: {quantil: 0.95}\npullrequests: {maxOpen: 3}\n";
    let world = World::with(&[API, WEB], &[("shop", "apps/api/.kubeopt.yaml", policy)]).await;
    let kubeopt = world.controller("a").await;

    let report = world.pass(&kubeopt).await;
    told(&report, "E-POL-002");
    let wrong: Vec<_> = report.problems().into_iter().filter(|problem| problem.code == "E-POL-002").collect();
    let mut lines: Vec<_> = wrong.iter().map(|problem| problem.place.as_ref().unwrap().to_string()).collect();
    lines.sort();
    assert_eq!(lines, ["apps/api/.kubeopt.yaml:2", "apps/api/.kubeopt.yaml:3"], "{wrong:#?}");
    assert!(wrong.iter().any(|problem| problem.help.contains("quantile")), "{wrong:#?}");
    assert_eq!(left_code(&report, &API), "E-POL-002");
    assert!(world.pulls_of(&API).await.is_empty());
    let other = world.the_open_one(&WEB).await;

    world.commit("shop", "apps/api/.kubeopt.yaml", "sizing:\n  cpu: {quantile: 0.95}\n").await;
    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    world.the_open_one(&API).await;
    assert_eq!(world.the_open_one(&WEB).await, other);
}

#[tokio::test]
async fn a_policy_file_that_is_no_text_is_told() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    world.commit_bytes("shop", "apps/api/.kubeopt.yaml", b"enabled: \xff\xfe\n").await;
    let report = world.pass(&kubeopt).await;
    told(&report, "E-RUN-010");
    assert_eq!(left_code(&report, &API), "E-RUN-010");
    world.the_open_one(&WEB).await;
}

#[tokio::test]
async fn a_policy_file_of_a_subfolder_rules_that_folder_only() {
    let policy = "enabled: false\n";
    let world = World::with(&[API, WEB], &[("shop", "apps/api/.kubeopt.yaml", policy)]).await;
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    assert_eq!(left(&report, &API), NoRecommendation::Disabled { by: "apps/api/.kubeopt.yaml:1".to_owned() });
    assert_eq!(report.problems(), []);
    assert!(world.pulls_of(&API).await.is_empty());
    world.the_open_one(&WEB).await;
}

#[tokio::test]
async fn a_floor_of_a_subfolder_is_not_that_of_its_neighbour() {
    let policy = "sizing:\n  cpu: {floor: 300m}\n";
    let world = World::with(&[API, WEB], &[("shop", "apps/api/.kubeopt.yaml", policy)]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let proposed = async |app| {
        let body = world.the_open_one(app).await.body;
        let fields = kubeopt_model::pull_request::Marker::find(&body).unwrap().fields;
        fields.into_iter().find(|field| field.field == "requests.cpu").unwrap().value.after
    };
    assert_eq!(proposed(&API).await, "300m");
    assert_ne!(proposed(&WEB).await, "300m");
}

#[tokio::test]
async fn a_preference_that_the_operator_keeps_is_told_by_its_line_and_a_guardrail_beside_it_counts() {
    let policy = "sizing:\n  strategy: quantile\n  cpu: {floor: 300m}\n";
    let world = World::with(&[API], &[("shop", "apps/api/.kubeopt.yaml", policy)]).await;
    let mut kubeopt = world.controller("a").await;
    let operator = "policy:\n  allowedOverrides: [pullRequests]\n";
    let config = kubeopt_api::Config::parse(operator, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap();
    kubeopt.operator_policy = config.policy;

    let report = world.pass(&kubeopt).await;
    told(&report, "E-POL-011");
    let kept: Vec<_> = report.problems().into_iter().filter(|problem| problem.code == "E-POL-011").collect();
    assert_eq!(kept.len(), 1, "{kept:#?}");
    assert_eq!(kept[0].place.as_ref().unwrap().to_string(), "apps/api/.kubeopt.yaml:2");
    assert!(kept[0].text.contains("`allowedOverrides` of kubeopt.yaml:2"), "{kept:#?}");
    let body = world.the_open_one(&API).await.body;
    let fields = kubeopt_model::pull_request::Marker::find(&body).unwrap().fields;
    assert!(
        fields.iter().any(|field| field.field == "requests.cpu" && field.value.after == "300m"),
        "{fields:?}"
    );
}

#[tokio::test]
async fn a_policy_of_the_cluster_binds_every_repository_and_a_broken_one_loosens_nothing() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    let put = |spec: &str| {
        let mut shown = world.shown.lock().unwrap();
        let policy = PolicyObject { name: "guard".to_owned(), generation: 1, spec: Ok(spec.to_owned()) };
        shown.values_mut().for_each(|facts| facts.policies = vec![policy.clone()]);
    };
    let payments = "selectors: {namespaces: [payments]}\n";
    put(&format!("{payments}enabled: false\n"));
    let report = world.pass(&kubeopt).await;
    assert!(left(&report, &API).sentence().contains("guard"), "{:?}", left(&report, &API));
    let web = world.the_open_one(&WEB).await;
    put(&format!("{payments}enabeld: true\n"));
    let report = world.pass(&kubeopt).await;
    assert!(world.pulls_of(&API).await.is_empty(), "the last good version counts");
    assert!(
        report.problems().iter().any(|problem| problem.text.contains("enabeld")),
        "{:?}",
        report.problems()
    );
    assert_eq!(world.the_open_one(&WEB).await, web);
    world.shown.lock().unwrap().values_mut().for_each(|facts| facts.policies.clear());
    world.pass(&kubeopt).await;
    world.the_open_one(&API).await;
}
