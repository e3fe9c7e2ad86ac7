//! Tests of releases: rendered YAML in, charts and layers of values out.

use kubeopt_model::cluster::{FluxGitRepository, GitReference};
use kubeopt_model::release::{Capabilities, FileBase, Hidden, Parameter, ValuesLayer};
use kubeopt_model::{ClusterName, ObjectName};
use serde_json::json;

use super::*;

fn one(yaml: &str) -> Release {
    let (mut releases, problems) = releases(yaml.as_bytes());
    assert_eq!(problems, []);
    assert_eq!(releases.len(), 1, "{yaml}");
    releases.remove(0)
}

fn helm_release(spec: &str) -> Release {
    one(&format!(
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: web, namespace: shop}}\nspec: {spec}\n"
    ))
}

fn application(spec: &str) -> Release {
    one(&format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: web, namespace: argocd}}\nspec: {spec}\n"
    ))
}

/// Layers as short texts: inline ones as their JSON, files with their base.
fn layers(release: &Release) -> Vec<String> {
    let base = |base: &FileBase| match base {
        FileBase::Chart => "chart:".to_owned(),
        FileBase::ChartRepository => "repository:".to_owned(),
        FileBase::Root(Origin::Url(url)) => format!("{url}:"),
        FileBase::Root(Origin::Here | Origin::FluxSource(..)) => "elsewhere:".to_owned(),
    };
    let layer = |layer: &ValuesLayer| match layer {
        ValuesLayer::Inline(text) => text.clone(),
        ValuesLayer::File { base: of, path, optional, instead_of_defaults } => format!(
            "{}{path}{}{}",
            base(of),
            if *optional { "?" } else { "" },
            if *instead_of_defaults { "!" } else { "" }
        ),
        ValuesLayer::Elsewhere { what, optional } => format!("<{what}>{}", if *optional { "?" } else { "" }),
    };
    release.values.iter().map(layer).collect()
}

fn url(text: &str) -> Origin {
    Origin::Url(text.to_owned())
}

fn flux_source(kind: &str, namespace: &str, name: &str) -> Origin {
    Origin::FluxSource(kind.to_owned(), Some(Namespace::new(namespace).unwrap()), name.to_owned())
}

fn published(origin: Origin, name: &str, version: Option<&str>) -> ChartRef {
    ChartRef::Published { origin, name: name.to_owned(), version: version.map(str::to_owned) }
}

#[test]
fn the_values_of_a_helm_release_come_in_the_order_of_helm_controller() {
    let yaml = "\
apiVersion: v1
kind: ConfigMap
metadata: {name: base, namespace: shop}
data:
  values.yaml: |
    a: 1
  cpu: '250m'
---
apiVersion: v1
kind: Secret
metadata: {name: keys, namespace: shop}
stringData: {values.yaml: 'password: hunter2'}
---
apiVersion: helm.toolkit.fluxcd.io/v2beta2
kind: HelmRelease
metadata: {name: web, namespace: shop}
spec:
  chart:
    spec:
      chart: ./charts/web
      sourceRef: {kind: GitRepository, name: charts, namespace: flux-system}
      valuesFiles: [charts/web/values.yaml, charts/web/prod.yaml]
      ignoreMissingValuesFiles: true
  valuesFrom:
  - {kind: ConfigMap, name: base}
  - {kind: Secret, name: keys}
  - {kind: ConfigMap, name: base, valuesKey: cpu, targetPath: api.resources.requests.cpu}
  - {kind: Secret, name: keys, valuesKey: tls, targetPath: tls.key, optional: true}
  - {kind: ConfigMap, name: other, optional: true}
  - {kind: ConfigMap, name: base, valuesKey: absent, optional: true}
  values: {a: 2, ports: {8080: web}}
";
    let release = one(yaml);
    assert_eq!(
        layers(&release),
        [
            "repository:charts/web/values.yaml?!",
            "repository:charts/web/prod.yaml?!",
            "a: 1\n",
            "<Secret shop/keys, key values.yaml>",
            "<ConfigMap shop/other, key values.yaml>?",
            "{\"a\":2,\"ports\":{\"8080\":\"web\"}}",
            "<Secret shop/keys, key tls, for tls.key>?",
        ]
    );
    let cpu = Parameter {
        name: "api.resources.requests.cpu".to_owned(),
        value: "250m".to_owned(),
        force_string: false,
    };
    assert_eq!(release.parameters, [cpu]);
    let tls = Hidden { name: "tls.key".to_owned(), what: "Secret shop/keys, key tls".to_owned() };
    assert_eq!(release.hidden, [tls]);
    assert_eq!(
        release.chart,
        ChartRef::Folder {
            origin: flux_source("GitRepository", "flux-system", "charts"),
            path: kubeopt_model::RepoPath::new("charts/web").unwrap()
        }
    );
    assert_eq!(release.object.as_ref().unwrap().to_string(), "HelmRelease shop/web");
}

#[test]
fn what_nobody_can_read_hides_a_value_until_something_readable_sets_it() {
    let of = |order: [&str; 2]| {
        let entry = |name: &&str| {
            format!(
                "  - {{kind: ConfigMap, name: {name}, valuesKey: cpu, targetPath: api.cpu, optional: true}}\n"
            )
        };
        let entries: String = order.iter().map(entry).collect();
        one(&format!(
            "apiVersion: v1\nkind: ConfigMap\nmetadata: {{name: here, namespace: shop}}\ndata: {{cpu: 250m}}\n---\napiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: web, namespace: shop}}\nspec:\n  valuesFrom:\n{entries}"
        ))
    };
    let shown = |release: Release| (release.parameters.len(), release.hidden.len());
    assert_eq!(shown(of(["here", "far"])), (1, 1));
    assert_eq!(shown(of(["far", "here"])), (1, 0));
}

#[test]
fn names_and_namespaces_of_a_helm_release_are_composed_as_helm_controller_does() {
    let chart = "chart: {spec: {chart: web, sourceRef: {kind: HelmRepository, name: r}}}";
    let cases = [
        (format!("{{{chart}}}"), "web", "shop"),
        (format!("{{{chart}, releaseName: other}}"), "other", "shop"),
        (format!("{{{chart}, targetNamespace: prod}}"), "prod-web", "prod"),
        (
            format!("{{{chart}, targetNamespace: prod, releaseName: other, storageNamespace: x}}"),
            "other",
            "prod",
        ),
    ];
    for (spec, name, namespace) in cases {
        let release = helm_release(&spec);
        assert_eq!(
            (release.name.as_str(), release.namespace.as_ref().unwrap().as_str()),
            (name, namespace),
            "{spec}"
        );
    }
    // The example of helm-controller's own documentation, with its hash; the documentation shows two letters more than
    // the 40 that it says are kept.
    let long = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: with-a-nice-object-name}\nspec: {targetNamespace: a-very-lengthy-target-namespace}\n";
    let release = one(long);
    assert_eq!(release.name, "a-very-lengthy-target-namespace-with-a-n-97af5d7f41f3");
    assert!(
        matches!(&release.chart, ChartRef::Unknown(why) if why.contains("names no chart")),
        "{release:?}"
    );
}

#[test]
fn charts_of_flux_are_followed_to_their_url_where_the_source_is_beside_them() {
    let sources = "\
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmRepository
metadata: {name: r, namespace: flux-system}
spec: {url: 'https://charts.example/stable'}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: o, namespace: shop}
spec: {url: 'oci://registry.example/web', ref: {tag: latest, semver: 6.x}}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: HelmChart
metadata: {name: h, namespace: shop}
spec: {chart: web, version: '1.2.3', sourceRef: {kind: HelmRepository, name: far}, valuesFiles: [prod.yaml]}
---
";
    let repository = |name: &str, rest: &str| {
        format!(
            "{{chart: {{spec: {{chart: web, sourceRef: {{kind: HelmRepository, name: {name}, namespace: flux-system}}{rest}}}}}}}"
        )
    };
    let cases = [
        (repository("r", ", version: '>=1'"), published(url("https://charts.example/stable"), "web", Some(">=1"))),
        (repository("r", ", version: '*'"), published(url("https://charts.example/stable"), "web", None)),
        (repository("far", ""), published(flux_source("HelmRepository", "flux-system", "far"), "web", None)),
        ("{chartRef: {kind: OCIRepository, name: o}}".to_owned(), published(url("oci://registry.example/web"), "", Some("6.x"))),
        ("{chartRef: {kind: OCIRepository, name: p, namespace: q}}".to_owned(), published(flux_source("OCIRepository", "q", "p"), "", None)),
        ("{chart: {kind: OCIRepository, spec: {url: 'oci://registry.example/x'}}}".to_owned(), published(url("oci://registry.example/x"), "", Some("latest"))),
        ("{chart: {kind: OCIRepository, spec: {url: 'oci://registry.example/x', ref: {digest: 'sha256:1', tag: a}}}}".to_owned(), published(url("oci://registry.example/x"), "", Some("sha256:1"))),
        ("{chartRef: {kind: HelmChart, name: h}}".to_owned(), published(flux_source("HelmRepository", "shop", "far"), "web", Some("1.2.3"))),
        ("{chartRef: {kind: HelmChart, name: unseen}}".to_owned(), published(flux_source("HelmChart", "shop", "unseen"), "", None)),
    ];
    for (spec, chart) in cases {
        let release = one(&format!(
            "{sources}apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {{name: web, namespace: shop}}\nspec: {spec}\n"
        ));
        assert_eq!(release.chart, chart, "{spec}");
    }
    for kind in ["ExternalArtifact", "Bucket"] {
        let release = helm_release(&format!("{{chartRef: {{kind: {kind}, name: a}}}}"));
        assert!(matches!(&release.chart, ChartRef::Unknown(why) if why.contains(kind)), "{release:?}");
    }
}

#[test]
fn what_changes_a_rendering_afterwards_is_said() {
    let post = helm_release("{chart: {}, postRenderers: [{kustomize: {patches: []}}]}");
    assert!(post.changed_after.unwrap().contains("postRenderers"));
    assert!(
        helm_release("{upgrade: {preserveValues: true}}").changed_after.unwrap().contains("preserveValues")
    );
    assert_eq!(helm_release("{postRenderers: []}").changed_after, None);
}

#[test]
fn the_values_of_an_application_come_in_the_order_of_argo_cd() {
    let release = application(
        "{destination: {namespace: shop}, sources: [
            {repoURL: 'https://charts.example/stable', chart: web, targetRevision: 1.2.3, helm: {
                valueFiles: [defaults.yaml, $values/apps/$ARGOCD_APP_NAME/prod.yaml, $other/x.yaml, 'https://user:hunter2@files.example/v.yaml', '${ARGOCD_APP_NAME}/*.yaml'],
                ignoreMissingValueFiles: true, values: 'a: 1', valuesObject: {a: '2'},
                fileParameters: [{name: script, path: run.sh}],
                kubeVersion: 1.34.2, apiVersions: [monitoring.coreos.com/v1],
                parameters: [{name: api.cpu, value: 100m}, {name: tag, value: '1.0', forceString: true}]}},
            {repoURL: 'https://git.example/acme/values', targetRevision: main, ref: values}]}",
    );
    assert_eq!(
        layers(&release),
        [
            "chart:defaults.yaml?",
            "https://git.example/acme/values:apps/web/prod.yaml?",
            "<$other/x.yaml, which no source is called>?",
            "<https://files.example/v.yaml>?",
            "chart:web/*.yaml?",
            "{\"a\":\"2\"}",
            "<file run.sh, for script>",
        ]
    );
    assert!(has_glob("web/*.yaml") && !has_glob("web/prod.yaml"));
    assert_eq!(
        release
            .parameters
            .iter()
            .map(|p| (p.name.as_str(), p.value.as_str(), p.force_string))
            .collect::<Vec<_>>(),
        [("api.cpu", "100m", false), ("tag", "1.0", true)]
    );
    assert_eq!(release.chart, published(url("https://charts.example/stable"), "web", Some("1.2.3")));
    assert_eq!((release.name.as_str(), release.namespace.unwrap().as_str()), ("web", "shop"));
    let told = Capabilities {
        kube_version: Some("1.34.2".to_owned()),
        api_versions: vec!["monitoring.coreos.com/v1".to_owned()],
    };
    assert_eq!(release.capabilities, told);
}

#[test]
fn charts_of_an_application_are_folders_or_published() {
    let git = "repoURL: 'https://git.example/acme/apps'";
    let release = application(&format!(
        "{{source: {{{git}, path: ./charts/web, helm: {{releaseName: w, values: 'a: 1', valueFiles: [/shared.yaml]}}}}}}"
    ));
    assert_eq!(
        release.chart,
        ChartRef::Folder {
            origin: url("https://git.example/acme/apps"),
            path: kubeopt_model::RepoPath::new("charts/web").unwrap()
        }
    );
    assert_eq!(layers(&release), ["repository:shared.yaml", "a: 1"]);
    assert_eq!((release.name.as_str(), release.namespace), ("w", None));
    let registry =
        application("{source: {repoURL: registry.example/charts, chart: web, targetRevision: '*'}}");
    assert_eq!(registry.chart, published(url("oci://registry.example/charts"), "web", None));
    let artifact =
        application("{source: {repoURL: 'oci://registry.example/web', targetRevision: 1.0.0, path: .}}");
    assert_eq!(artifact.chart, published(url("oci://registry.example/web"), "", Some("1.0.0")));
    let hydrated = application(&format!(
        "{{source: {{repoURL: x, chart: not-this}}, sourceHydrator: {{drySource: {{{git}, path: charts/web, helm: {{}}}}, syncSource: {{path: out}}}}}}"
    ));
    assert!(matches!(hydrated.chart, ChartRef::Folder { .. }), "{hydrated:?}");
}

#[test]
fn an_application_without_a_helm_source_describes_no_release_and_one_with_two_describes_two() {
    let of = |spec: &str| {
        let yaml = format!(
            "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: web}}\nspec: {spec}\n"
        );
        let (found, problems) = releases(yaml.as_bytes());
        assert_eq!(problems, []);
        found.len()
    };
    assert_eq!(of("{source: {repoURL: x, path: apps}}"), 0);
    assert_eq!(of("{source: {repoURL: x, path: apps, kustomize: {}}}"), 0);
    assert_eq!(of("{sources: [{repoURL: x, chart: a}, {repoURL: x, path: y}, {repoURL: x, chart: b}]}"), 2);
}

#[test]
fn a_broken_document_is_a_problem_beside_the_others() {
    let yaml = "\
kind: HelmRelease
a: [
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: Bad_Name}
spec: {chart: {}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: twice}
spec: {values: {a: 1, a: 2}}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: keyless}
spec: {values: {[1]: 2}}
---
apiVersion: example.com/v1
kind: HelmRelease
metadata: {name: foreign}
---
kind: Deployment
broken: {{ .Values.x }}
---
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: good}
spec: {chart: {}, values: {text: |
  ---- not a marker
}}
--- # a comment
apiVersion: helm.toolkit.fluxcd.io/v2
kind: HelmRelease
metadata: {name: last}
spec: {}";
    let (found, problems) =
        releases(yaml.replace("{text: |\n  ---- not a marker\n}", "{text: x}").as_bytes());
    assert_eq!(found.iter().map(|release| release.name.as_str()).collect::<Vec<_>>(), ["good", "last"]);
    assert_eq!(problems.len(), 4, "{problems:?}");
    assert!(problems.iter().all(|problem| problem.code == codes::RELEASE && !problem.help.is_empty()));
    assert!(problems[0].text.contains("from line 1 on"), "{}", problems[0].text);
    assert!(problems.iter().any(|problem| problem.text.contains("Bad_Name")));
}

#[test]
fn live_objects_are_read_as_rendered_ones_and_their_sources_are_followed() {
    let mut facts = ClusterFacts::empty(ClusterName::new("prod").unwrap());
    facts.git_repositories.push(FluxGitRepository {
        namespace: Namespace::new("flux-system").unwrap(),
        name: ObjectName::new("charts").unwrap(),
        url: "https://git.example/acme/charts".to_owned(),
        reference: GitReference::Branch("main".to_owned()),
        revision: None,
    });
    let object = |kind, namespace: &str, name: &str, spec| GitOpsObject {
        kind,
        namespace: Namespace::new(namespace).unwrap(),
        name: ObjectName::new(name).unwrap(),
        applied_by: None,
        owners: Vec::new(),
        spec,
        status: Value::Null,
    };
    facts.gitops_objects = vec![
        object(
            GitOpsKind::HelmChart,
            "shop",
            "h",
            json!({"chart": "./web", "valuesFiles": ["web/prod.yaml"],
            "sourceRef": {"kind": "GitRepository", "name": "charts"}}),
        ),
        object(
            GitOpsKind::HelmChart,
            "flux-system",
            "h",
            json!({"chart": "./web", "valuesFiles": ["web/prod.yaml"],
            "sourceRef": {"kind": "GitRepository", "name": "charts"}}),
        ),
    ];
    let spec = json!({"chart": {"spec": {"chart": "web", "sourceRef": {"kind": "GitRepository", "name": "charts", "namespace": "flux-system"}}},
        "valuesFrom": [{"kind": "ConfigMap", "name": "v"}], "values": {"a": 1}});
    let live = release_of_object(&object(GitOpsKind::HelmRelease, "shop", "web", spec), &facts).unwrap();
    assert!(
        matches!(&live[0].chart, ChartRef::Folder { origin, .. } if *origin == url("https://git.example/acme/charts"))
    );
    assert_eq!(layers(&live[0]), ["<ConfigMap shop/v, key values.yaml>", "{\"a\":1}"]);
    assert_eq!(release_of_object(&facts.gitops_objects[0], &facts), Ok(Vec::new()));

    let rendered =
        helm_release("{chartRef: {kind: HelmChart, name: h, namespace: flux-system}, values: {a: 1}}");
    let settled = settle_origins(rendered, &facts);
    assert!(
        matches!(&settled.chart, ChartRef::Folder { origin, .. } if *origin == url("https://git.example/acme/charts"))
    );
    assert_eq!(layers(&settled), ["repository:web/prod.yaml!", "{\"a\":1}"]);
    let unseen = helm_release("{chartRef: {kind: HelmChart, name: unseen}}");
    assert_eq!(settle_origins(unseen.clone(), &facts), unseen);
}

proptest::proptest! {
    #[test]
    fn no_rendered_text_panics(text in "(kind: (HelmRelease|Application)|apiVersion: (argoproj.io/v1|helm.toolkit.fluxcd.io/v2)|metadata: \\{name: a\\}|spec:|  (chart|values|source|valuesFrom|chartRef|helm): (\\{\\}|\\[1, \\{\\}\\]|x)|---|\n|[a-z: &*{}\\[\\]-]{0,6}){0,14}") {
        let (releases, problems) = releases(text.as_bytes());
        proptest::prop_assert!(releases.len() + problems.len() <= text.lines().count().max(1));
    }
}
