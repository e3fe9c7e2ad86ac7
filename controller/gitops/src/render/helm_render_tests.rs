//! Tests with a real child and a real helm: the one that KUBEOPT_HELM names, the servers' or one on the path.

use std::io::Write as _;

use kubeopt_model::release::Parameter;
use kubeopt_model::source::RendererKind;
use kubeopt_model::{Namespace, Problem, RepoPath};

use super::testing::{real, request, text};
use super::{HelmArguments, RenderRequest};
use crate::codes;

const CHART: &str = "apiVersion: v2\nname: web\nversion: 1.2.3\n";

const VALUES: &str = "replicas: 1\nresources: {requests: {cpu: 100m}}\nhosts: []\n";

const TEMPLATE: &str = r#"apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ .Release.Name }}
  namespace: {{ .Release.Namespace }}
  annotations:
    kube: {{ .Capabilities.KubeVersion.Version }}
    monitors: {{ .Capabilities.APIVersions.Has "monitoring.coreos.com/v1" | quote }}
    live: {{ lookup "v1" "Secret" "kube-system" "" | quote }}
    hosts: {{ .Values.hosts | join "+" | quote }}
spec:
  replicas: {{ .Values.replicas }}
  template:
    spec:
      containers:
      - name: web
        image: {{ .Values.image | quote }}
        resources: {{- toYaml .Values.resources | nindent 10 }}
"#;

const HOOK: &str =
    "apiVersion: batch/v1\nkind: Job\nmetadata: {name: NAME, annotations: {helm.sh/hook: KIND}}\n";

fn chart(more: &[(&str, &str)], helm: HelmArguments) -> RenderRequest {
    let mut files =
        vec![("c/Chart.yaml", CHART), ("c/values.yaml", VALUES), ("c/templates/web.yaml", TEMPLATE)];
    files.retain(|(path, _)| !more.iter().any(|(other, _)| other == path));
    files.extend(more);
    RenderRequest { helm: Some(helm), ..request(RendererKind::Helm, "c", &files) }
}

async fn render(request: &RenderRequest) -> Result<String, Problem> {
    let folder = tempfile::tempdir().unwrap();
    text(&real(folder.path()).await, request).await
}

fn parameter(name: &str, value: &str, force_string: bool) -> Parameter {
    Parameter { name: name.to_owned(), value: value.to_owned(), force_string }
}

#[tokio::test]
async fn layers_and_parameters_come_on_top_of_the_charts_own_values() {
    let helm = HelmArguments {
        name: "shop-web".to_owned(),
        namespace: Some(Namespace::new("shop").unwrap()),
        values: vec!["replicas: 2\nresources: {requests: {cpu: 200m}}".to_owned(), "replicas: 3".to_owned()],
        parameters: vec![
            parameter("resources.limits.memory", "64Mi", false),
            parameter("hosts", "{a,b}", false),
            parameter("image", "007,x", true),
        ],
        kube_version: Some("1.31.4".to_owned()),
        api_versions: vec!["monitoring.coreos.com/v1".to_owned()],
    };
    let output = render(&chart(&[], helm)).await.unwrap();
    for part in [
        "name: shop-web",
        "namespace: shop",
        "replicas: 3",
        "cpu: 200m",
        "memory: 64Mi",
        "hosts: \"a+b\"",
        "image: \"007,x\"",
        "kube: v1.31.4",
        "monitors: \"true\"",
        "live: \"map[]\"",
    ] {
        assert!(output.contains(part), "{part} is not in {output}");
    }
}

#[tokio::test]
async fn a_chart_alone_is_rendered_with_its_own_values_and_named_in_the_proof() {
    let folder = tempfile::tempdir().unwrap();
    let renderer = real(folder.path()).await;
    let request = RenderRequest { helm: None, ..chart(&[], HelmArguments::default()) };
    let rendered = renderer.render(&request).await.unwrap();
    assert!(rendered.by.to_string().starts_with("rendered with helm v"), "{}", rendered.by);
    let output = String::from_utf8(rendered.output).unwrap();
    assert!(output.contains("name: release-name") && output.contains("namespace: default"), "{output}");
}

#[tokio::test]
async fn a_chart_may_be_the_root_of_its_repository() {
    let files = [("Chart.yaml", CHART), ("values.yaml", VALUES), ("templates/web.yaml", TEMPLATE)];
    let output = render(&request(RendererKind::Helm, "", &files)).await.unwrap();
    assert!(output.contains("cpu: 100m"), "{output}");
}

#[tokio::test]
async fn hooks_are_rendered_while_tests_and_crds_are_not() {
    let (hook, test) = (
        HOOK.replace("NAME", "migrate").replace("KIND", "pre-install"),
        HOOK.replace("NAME", "probe").replace("KIND", "test"),
    );
    let more = [
        ("c/templates/hook.yaml", hook.as_str()),
        ("c/templates/tests/probe.yaml", test.as_str()),
        ("c/crds/x.yaml", "kind: CustomResourceDefinition\n"),
    ];
    let output = render(&chart(&more, HelmArguments::default())).await.unwrap();
    assert!(output.contains("name: migrate"), "{output}");
    assert!(!output.contains("probe") && !output.contains("CustomResourceDefinition"), "{output}");
}

#[tokio::test]
async fn charts_in_the_folder_charts_and_beside_the_chart_are_rendered_with_it() {
    let declared = format!(
        "{CHART}dependencies:\n- {{name: cache, version: 1.x.x, repository: 'https://charts.example'}}\n- {{name: common, version: 1.0.0, repository: 'file://../common'}}\n"
    );
    let more = [
        ("c/Chart.yaml", declared.as_str()),
        ("c/charts/cache/Chart.yaml", "apiVersion: v2\nname: cache\nversion: 1.0.0\n"),
        ("c/charts/cache/templates/a.yaml", "kind: Cache\n"),
        ("common/Chart.yaml", "apiVersion: v2\nname: common\nversion: 1.0.0\n"),
        ("common/values.yaml", "cpu: 10m\n"),
        ("common/templates/a.yaml", "kind: Common\ncpu: {{ .Values.cpu }}\n"),
    ];
    let values = vec!["common: {cpu: 20m}".to_owned()];
    let output = render(&chart(&more, HelmArguments { values, ..HelmArguments::default() })).await.unwrap();
    assert!(output.contains("kind: Cache") && output.contains("kind: Common\ncpu: 20m"), "{output}");

    let problem = render(&chart(&more[..1], HelmArguments::default())).await.unwrap_err();
    assert_eq!(problem.code, codes::DEPENDENCIES);
    assert!(problem.text.contains("cache 1.x.x from https://charts.example"), "{problem}");
}

#[tokio::test]
async fn archives_in_the_folder_charts_are_rendered_with_it() {
    let mut builder = tar::Builder::new(Vec::new());
    for (path, text) in [
        ("cache/Chart.yaml", "apiVersion: v2\nname: cache\nversion: 1.0.0\n"),
        ("cache/templates/a.yaml", "kind: Cache\n"),
    ] {
        let mut header = tar::Header::new_gnu();
        header.set_size(text.len() as u64);
        header.set_mode(0o644);
        builder.append_data(&mut header, path, text.as_bytes()).unwrap();
    }
    let mut zipped = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    zipped.write_all(&builder.into_inner().unwrap()).unwrap();
    let declared = format!(
        "{CHART}dependencies: [{{name: cache, version: 1.x.x, repository: 'https://charts.example'}}]\n"
    );
    let mut request = chart(&[("c/Chart.yaml", declared.as_str())], HelmArguments::default());
    request.files.insert(RepoPath::new("c/charts/cache-1.0.0.tgz").unwrap(), zipped.finish().unwrap());
    assert!(render(&request).await.unwrap().contains("kind: Cache"));
}

#[tokio::test]
async fn a_mistake_in_a_template_is_told_with_its_file_and_line() {
    for (template, line, part) in [
        ("kind: A\nb: {{ .Values.x.y }}\n", Some(2), "nil pointer"),
        ("kind: A\nb: {{ fail \"set x\" }}\n", Some(2), "set x"),
        ("kind: A\n\nb: {{ end }}\n", Some(3), "unexpected"),
        ("kind: A\nb: [\n", None, "yaml"),
    ] {
        let problem =
            render(&chart(&[("c/templates/a.yaml", template)], HelmArguments::default())).await.unwrap_err();
        assert_eq!(problem.code, codes::RENDER_FAILED, "{problem}");
        let place = problem.place.clone().unwrap();
        assert_eq!((place.file.as_str(), place.line), ("c/templates/a.yaml", line), "{problem}");
        assert!(problem.text.contains(part) && !problem.text.contains("kubeopt-render"), "{problem}");
    }
}

#[tokio::test]
async fn values_that_the_charts_schema_does_not_allow_are_told_as_that() {
    let schema = r#"{"properties": {"replicas": {"type": "integer"}}}"#;
    let values = vec!["replicas: many".to_owned()];
    let request =
        chart(&[("c/values.schema.json", schema)], HelmArguments { values, ..HelmArguments::default() });
    let problem = render(&request).await.unwrap_err();
    assert_eq!(problem.code, codes::SCHEMA, "{problem}");
    assert!(problem.text.contains("/replicas"), "{problem}");
}

#[tokio::test]
async fn a_schema_that_lies_elsewhere_is_not_fetched() {
    let schema = r#"{"$ref": "https://schema.invalid/values.json"}"#;
    let problem =
        render(&chart(&[("c/values.schema.json", schema)], HelmArguments::default())).await.unwrap_err();
    assert!([codes::SCHEMA, codes::RENDER_FAILED].contains(&problem.code.as_str()), "{problem}");
}

#[tokio::test]
async fn a_template_finds_no_file_and_no_variable_of_the_machine() {
    let template = "kind: A\na: {{ .Files.Get \"../../../../etc/passwd\" | quote }}\nb: {{ .Files.Get \"/etc/passwd\" | quote }}\n";
    let output = render(&chart(&[("c/templates/a.yaml", template)], HelmArguments::default())).await.unwrap();
    assert!(output.contains("a: \"\"\nb: \"\"\n"), "{output}");
    let template = "kind: A\na: {{ env \"HOME\" }}\n";
    let problem =
        render(&chart(&[("c/templates/a.yaml", template)], HelmArguments::default())).await.unwrap_err();
    assert!(problem.text.contains("env"), "{problem}");
}

#[tokio::test]
async fn values_that_are_no_mapping_and_a_folder_without_a_chart_are_problems() {
    let values = vec!["[1]".to_owned()];
    let problem =
        render(&chart(&[], HelmArguments { values, ..HelmArguments::default() })).await.unwrap_err();
    assert_eq!(problem.code, codes::RENDER_FAILED, "{problem}");
    let nothing = request(RendererKind::Helm, "c", &[("c/values.yaml", VALUES)]);
    assert_eq!(render(&nothing).await.unwrap_err().code, codes::CHART);
}

#[tokio::test]
async fn a_template_that_never_ends_or_fills_the_memory_is_ended() {
    let endless =
        "{{- range $i := until 100000000 }}{{ range $j := until 100000000 }}{{ $j }}{{ end }}{{ end }}";
    let mut request = chart(&[("c/templates/a.yaml", endless)], HelmArguments::default());
    request.limits.time_ms = 4_000;
    request.limits.memory_bytes = 1024 * 1024 * 1024;
    let problem = render(&request).await.unwrap_err();
    assert!([codes::RENDER_MEMORY, codes::RENDER_TIME].contains(&problem.code.as_str()), "{problem}");
}
