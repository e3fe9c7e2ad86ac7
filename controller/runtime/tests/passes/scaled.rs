//! Workloads that an HPA keeps at a share of their request, under `sizing.hpa: together`: request and target move in one
//! pull request, wherever the target stands, or both stay.

use kubeopt_forge::PullRequest;
use kubeopt_gitops::render::{HelmBinary, Renderer};
use kubeopt_model::pull_request::Marker;
use kubeopt_model::source::RendererKind;
use kubeopt_model::workload::{Scaler, ScalerTarget};
use kubeopt_model::{NoRecommendation, Resource};
use kubeopt_runtime::PassReport;
use kubeopt_runtime::edges::Edges;

use crate::apps::{API, ASKED, App, recorded};
use crate::overlays::{EU, US, child, rendering};
use crate::world::World;

const POLICY: &str = "sizing: {hpa: together}\npullRequests: {perHour: 9}\n";

/// 70 % of the 400m that are asked for are 280m, as 233 % of the 120m are that suffice.
pub(crate) const HPA: &str = "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata:
  name: api
  namespace: payments
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api}
  minReplicas: 2
  maxReplicas: 9
  metrics:
  - type: Resource
    resource:
      name: cpu
      target:
        type: Utilization
        averageUtilization: 70 # tuned in March
";

const V1: &str = "apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: api, namespace: payments}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: api}
  maxReplicas: 9
  targetCPUUtilizationPercentage: 70
";

/// The cluster runs an HPA of the app with this target.
fn show_target(world: &World, app: &App, percent: u32) {
    let targets = vec![ScalerTarget { resource: Resource::Cpu, utilization_percent: Some(percent) }];
    let scaler = Scaler { name: app.name.to_owned(), min_replicas: 2, max_replicas: 9, targets };
    let mut shown = world.shown.lock().unwrap();
    let mut workloads = shown.values_mut().flat_map(|facts| &mut facts.workloads);
    workloads.find(|workload| workload.id == app.id()).unwrap().scaler = Some(scaler);
}

async fn world(policy: &str, hpa: Option<&str>) -> World {
    let mut files = vec![("shop", ".kubeopt.yaml", policy)];
    files.extend(hpa.map(|hpa| ("shop", "apps/api/hpa.yaml", hpa)));
    let world = World::with(&[API], &files).await;
    show_target(&world, &API, 70);
    world
}

/// The files that the open pull request of an app changes: path, text before and after.
async fn changed(world: &World, app: &App) -> (PullRequest, Vec<(String, String, String)>) {
    let pull = world.the_open_one(app).await;
    let files = world.forge.changed_files(&app.repository_id(), pull.number).await.unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let file = |file: kubeopt_model::EditedFile| {
        (file.path.to_string(), text(file.content.before), text(file.content.after))
    };
    (pull, files.into_iter().map(file).collect())
}

/// Why the CPU of the one recommendation stays.
fn why_cpu_stays(report: &PassReport) -> String {
    let recommendation = &report.decided.proposals[0].change_set.recommendations[0];
    assert!(recommendation.targets.is_empty(), "{:?}", recommendation.targets);
    let left = recommendation.left.iter().find(|(field, _)| field.to_string() == "requests.cpu");
    let (_, why) = left.unwrap_or_else(|| panic!("{:?}", recommendation.left));
    assert!(matches!(why, NoRecommendation::ScaledOnThisResource { .. }), "{why:?}");
    why.sentence()
}

/// Only memory is proposed, and nothing of the HPA.
async fn cpu_stays(world: &World, app: &App) {
    let (pull, _) = changed(world, app).await;
    let fields: Vec<String> =
        Marker::find(&pull.body).unwrap().fields.into_iter().map(|field| field.field).collect();
    assert_eq!(fields, ["requests.memory"]);
}

#[tokio::test]
async fn request_and_target_move_in_one_pull_request_and_never_again() {
    for (hpa, line) in [(HPA, "        averageUtilization: "), (V1, "  targetCPUUtilizationPercentage: ")] {
        let world = world(POLICY, Some(hpa)).await;
        let kubeopt = world.controller("a").await;
        let report = world.pass(&kubeopt).await;
        assert_eq!(report.problems(), []);
        let (pull, files) = changed(&world, &API).await;
        let paths: Vec<&str> = files.iter().map(|(path, ..)| path.as_str()).collect();
        assert_eq!(paths, ["apps/api/api.yaml", "apps/api/hpa.yaml"]);
        assert!(files[0].2.contains("cpu: 120m   # by hand"), "{}", files[0].2);
        assert_eq!(files[1].2, hpa.replace(&format!("{line}70"), &format!("{line}233")));
        assert!(
            pull.body.contains("HPA `api` target 70 % → 233 %, scale point kept at 280m"),
            "{}",
            pull.body
        );

        let proof = &report.decided.proposals[0].verifications[0];
        assert_eq!(
            (proof.by.to_string().as_str(), proof.changed.len(), proof.targets.len()),
            ("parsed", 2, 1)
        );
        assert_eq!((proof.targets[0].percent.before, proof.targets[0].percent.after), (70, 233));
        world.pass(&kubeopt).await;
        assert_eq!(world.the_open_one(&API).await, pull, "said once");

        world.forge.merge(&API.repository_id(), pull.number, "alice").await.unwrap();
        world.apply().await;
        show_target(&world, &API, 233);
        let report = world.pass(&kubeopt).await;
        assert_eq!(report.problems(), []);
        assert!(report.decided.proposals.is_empty(), "the HPA holds the usage of a pod where it was");
    }
}

#[tokio::test]
async fn by_default_the_resource_stays_and_says_what_would_move() {
    let world = world("pullRequests: {perHour: 9}\n", Some(HPA)).await;
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    assert_eq!(why_cpu_stays(&report), "HPA `api` on cpu at 70 %: scale point kept");
    cpu_stays(&world, &API).await;
    let body = world.the_open_one(&API).await.body;
    assert!(body.contains("a request of 120m and a target of 233 % instead of 400m and 70 %"), "{body}");
}

#[tokio::test]
async fn a_target_whose_line_cannot_be_edited_keeps_the_request_where_it_is() {
    let generated = format!("# Code generated by hpagen. DO NOT EDIT.\n{HPA}");
    let other = HPA.replace("name: api\n", "name: other\n");
    let cases = [
        (None, "E-SRC-217: no line sets the target of payments/deploy/api"),
        (Some(other.as_str()), "E-SRC-217"),
        (Some(generated.as_str()), "E-SRC-007"),
    ];
    for (hpa, why) in cases {
        let world = world(POLICY, hpa).await;
        let kubeopt = world.controller("a").await;
        let report = world.pass(&kubeopt).await;
        let said = why_cpu_stays(&report);
        assert!(said.starts_with(&format!("HPA `api` on cpu at 70 % stays ({why}")), "{said}");
        cpu_stays(&world, &API).await;
    }
}

#[tokio::test]
async fn a_folder_whose_policy_leaves_targets_alone_keeps_its_target() {
    let policy = "sizing: {hpa: leave}\n";
    let files = [
        ("shop", ".kubeopt.yaml", POLICY),
        ("shop", "apps/api/scaling/hpa.yaml", HPA),
        ("shop", "apps/api/scaling/.kubeopt.yaml", policy),
    ];
    let world = World::with(&[API], &files).await;
    show_target(&world, &API, 70);
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    let said = why_cpu_stays(&report);
    let why = "E-SRC-217: the policy of apps/api/scaling/hpa.yaml does not let its target move";
    assert_eq!(said, format!("HPA `api` on cpu at 70 % stays ({why}): scale point kept"));
    cpu_stays(&world, &API).await;
}

/// An overlay with a base that holds workload and HPA.
const CART: App = App { folder: "overlays/eu", renderer: RendererKind::Kustomize, ..API };

async fn overlay(kustomization: &str, others: &[(&str, &str)]) -> World {
    let manifest = CART.manifest(ASKED);
    let files = [
        (".kubeopt.yaml", POLICY),
        ("base/api.yaml", manifest.as_str()),
        ("base/hpa.yaml", HPA),
        ("base/kustomization.yaml", "resources: [api.yaml, hpa.yaml]\n"),
        ("overlays/eu/kustomization.yaml", kustomization),
    ];
    let files: Vec<_> = files.iter().chain(others).map(|(path, text)| ("shop", *path, *text)).collect();
    let world = World::with(&[], &files).await.deploy(&[CART]);
    show_target(&world, &CART, 60);
    world
}

#[tokio::test]
async fn a_target_in_a_patch_of_an_overlay_moves_there() {
    let strategic = HPA.replace("70 # tuned in March", "60");
    let json = "resources: [../../base]\npatches:\n- target: {kind: HorizontalPodAutoscaler}\n  patch: |\n    - op: replace\n      path: /spec/metrics/0/resource/target/averageUtilization\n      value: 60\n";
    let named = "resources: [../../base]\npatches:\n- path: hpa.yaml\n";
    let beside = [("overlays/eu/hpa.yaml", strategic.as_str())];
    let cases = [
        (named, beside.as_slice(), "overlays/eu/hpa.yaml"),
        (json, [].as_slice(), "overlays/eu/kustomization.yaml"),
    ];
    for (kustomization, others, file) in cases {
        let world = overlay(kustomization, others).await;
        world.metrics_of(&[CART]);
        let Some(kubeopt) = rendering(&world).await else { return };
        let report = world.pass(&kubeopt).await;
        assert_eq!(report.problems(), [], "{file}");
        let (pull, files) = changed(&world, &CART).await;
        let paths: Vec<&str> = files.iter().map(|(path, ..)| path.as_str()).collect();
        assert_eq!(paths, ["base/api.yaml", file]);
        let (_, before, after) = &files[1];
        assert_eq!(*after, before.replace(": 60", ": 200"));
        assert!(
            pull.body.contains("HPA `api` target 60 % → 200 %, scale point kept at 240m"),
            "{}",
            pull.body
        );
    }
}

/// Two overlays of one base; each puts its objects into its own namespace.
async fn carts(policy: &str, hpas: [(&str, &str); 2], resources: [&str; 3], used: [f64; 2]) -> World {
    let base = App { folder: "base", ..EU }.manifest(ASKED).replace("  namespace: eu\n", "");
    let overlay =
        |namespace: &str, more: &str| format!("namespace: {namespace}\nresources: [../../base{more}]\n");
    let (eu, us) = (overlay("eu", resources[1]), overlay("us", resources[2]));
    let kustomization = format!("resources: [cart.yaml{}]\n", resources[0]);
    let files = [
        ("shop", ".kubeopt.yaml", policy),
        ("shop", "base/cart.yaml", base.as_str()),
        ("shop", "base/kustomization.yaml", kustomization.as_str()),
        ("shop", "overlays/eu/kustomization.yaml", eu.as_str()),
        ("shop", "overlays/us/kustomization.yaml", us.as_str()),
        ("shop", hpas[0].0, hpas[0].1),
        ("shop", hpas[1].0, hpas[1].1),
    ];
    let world = World::with(&[], &files).await.deploy(&[EU, US]);
    let mut usage = recorded(&[EU], |_| used[0]);
    usage.series.extend(recorded(&[US], |_| used[1]).series);
    world.metrics["prod"].set(usage);
    world
}

fn hpa_of_cart(percent: &str) -> String {
    let hpa = HPA.replace("name: api", "name: cart").replace("  namespace: payments\n", "");
    hpa.replace("70 # tuned in March", percent)
}

#[tokio::test]
async fn a_base_with_its_hpa_moves_for_every_overlay_that_takes_both() {
    let (policy, hpa) = (format!("{POLICY}changes: {{sharedBase: edit-base}}\n"), hpa_of_cart("70"));
    let hpas = [("base/hpa.yaml", hpa.as_str()), ("base/notes.txt", "")];
    let world = carts(&policy, hpas, [", hpa.yaml", "", ""], [100.0, 200.0]).await;
    [EU, US].iter().for_each(|app| show_target(&world, app, 70));
    let Some(kubeopt) = rendering(&world).await else { return };
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);
    let [proposal] = report.decided.proposals.as_slice() else { panic!("{:?}", report.decided.left) };
    let proven: Vec<_> = proposal
        .verifications
        .iter()
        .map(|one| (one.entry.as_str(), one.targets.len(), one.targets[0].percent.after))
        .collect();
    // 70 % of 400m are 280m, as 127 % of the 220m are that suffice for both.
    assert_eq!(proven, [("overlays/eu", 1, 127), ("overlays/us", 1, 127)]);
    let (_, files) = changed(&world, &EU).await;
    assert_eq!(
        files.iter().map(|(path, ..)| path.as_str()).collect::<Vec<_>>(),
        ["base/cart.yaml", "base/hpa.yaml"]
    );
}

#[tokio::test]
async fn a_target_that_overlays_share_stays_where_their_requests_do_not() {
    let hpa = hpa_of_cart("70");
    let hpas = [("base/hpa.yaml", hpa.as_str()), ("base/notes.txt", "")];
    let world = carts(POLICY, hpas, [", hpa.yaml", "", ""], [100.0, 200.0]).await;
    [EU, US].iter().for_each(|app| show_target(&world, app, 70));
    let Some(kubeopt) = rendering(&world).await else { return };
    let report = world.pass(&kubeopt).await;
    for proposal in &report.decided.proposals {
        let recommendations = &proposal.change_set.recommendations;
        assert!(recommendations.iter().all(|one| one.targets.is_empty()), "{recommendations:?}");
        let mut patches = recommendations.iter().flat_map(|one| &one.patches);
        assert!(patches.all(|patch| patch.field.to_string() == "requests.memory"));
        let files = proposal.change_set.files.iter().map(|file| file.path.as_str());
        assert!(files.clone().all(|path| path != "base/hpa.yaml"), "{:?}", files.collect::<Vec<_>>());
    }
}

/// A file of the chart that is traced as a scenario too.
macro_rules! scenario {
    ($file:literal) => {
        include_str!(concat!("../../../../tests/scenarios/trace/chart-autoscaling/in/", $file))
    };
}

/// A chart in the repository, as `helm create` lays it out.
const CHART: App = App { folder: "charts/api", renderer: RendererKind::Helm, ..API };

const DEPLOYMENT: &str = scenario!("templates/deployment.yaml");
const SCALER: &str = scenario!("templates/hpa.yaml");
const VALUES: &str = scenario!("values.yaml");

async fn chart(values: &str, templates: &[(&str, &str)]) -> (World, Option<Edges>) {
    let files = [
        (".kubeopt.yaml", POLICY),
        ("charts/api/Chart.yaml", scenario!("Chart.yaml")),
        ("charts/api/values.yaml", values),
        ("charts/api/templates/deployment.yaml", DEPLOYMENT),
    ];
    let files: Vec<_> = files.iter().chain(templates).map(|(path, text)| ("shop", *path, *text)).collect();
    let world = World::with(&[], &files).await.deploy(&[CHART]);
    show_target(&world, &CHART, 70);
    world.metrics_of(&[CHART]);
    let mut kubeopt = world.controller("a").await;
    let named = std::env::var_os("KUBEOPT_HELM").map(std::path::PathBuf::from);
    let Ok(helm) = HelmBinary::find(named.as_deref()).await else { return (world, None) };
    kubeopt.renderer = Renderer::new(child(world.folder()), None, Some(helm));
    (world, Some(kubeopt))
}

#[tokio::test]
async fn a_target_in_the_values_of_a_chart_moves_there() {
    let (world, kubeopt) = chart(VALUES, &[("charts/api/templates/hpa.yaml", SCALER)]).await;
    let Some(kubeopt) = kubeopt else { return };
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);
    let (pull, files) = changed(&world, &CHART).await;
    let [(path, before, after)] = files.as_slice() else { panic!("{files:?}") };
    assert_eq!(path, "charts/api/values.yaml");
    let wanted = before.replace("Percentage: 70 #", "Percentage: 233 #").replace("cpu: 400m", "cpu: 120m");
    assert_eq!(*after, wanted.replace("memory: 512Mi", "memory: 320Mi"));
    assert!(pull.body.contains("HPA `api` target 70 % → 233 %"), "{}", pull.body);
}

#[tokio::test]
async fn a_value_that_sets_the_target_of_another_workload_too_moves_neither() {
    let second = SCALER.replace("{{ .Chart.Name }}", "other");
    let templates =
        [("charts/api/templates/hpa.yaml", SCALER), ("charts/api/templates/second.yaml", second.as_str())];
    let (world, kubeopt) = chart(VALUES, &templates).await;
    let Some(kubeopt) = kubeopt else { return };
    let report = world.pass(&kubeopt).await;
    let said = why_cpu_stays(&report);
    assert!(said.contains("the cpu target of HPA `other`") && said.contains("would move as well"), "{said}");
    cpu_stays(&world, &CHART).await;
}

#[tokio::test]
async fn a_target_that_a_chart_computes_keeps_the_request_where_it_is() {
    let computed =
        SCALER.replace("{{ .Values.autoscaling.targetCPU", "{{ add 1 .Values.autoscaling.targetCPU");
    let values = VALUES.replace("Percentage: 70", "Percentage: 69");
    let (world, kubeopt) = chart(&values, &[("charts/api/templates/hpa.yaml", computed.as_str())]).await;
    let Some(kubeopt) = kubeopt else { return };
    let report = world.pass(&kubeopt).await;
    let said = why_cpu_stays(&report);
    assert!(said.contains("stays (E-SRC-20"), "{said}");
    cpu_stays(&world, &CHART).await;
}
