//! Tests of what helm is given; what it makes of it is tested with the real program in `client_tests`.

use kubeopt_model::source::RendererKind;
use kubeopt_model::{FileSet, Namespace, RepoPath};

use super::*;
use crate::render::protocol::RenderLimits;

fn prepared(helm: HelmArguments) -> Result<Prepared, Problem> {
    let path = |text| RepoPath::new(text).unwrap();
    prepare(&RenderRequest {
        kind: RendererKind::Helm,
        entry: path("charts/web"),
        files: FileSet::from([(path("charts/web/Chart.yaml"), b"name: web\n".to_vec())]),
        limits: RenderLimits::default(),
        overlay: None,
        target_namespace: Some(Namespace::new("shop").unwrap()),
        helm: Some(helm),
    })
}

fn parameter(name: &str, value: &str, force_string: bool) -> Parameter {
    Parameter { name: name.to_owned(), value: value.to_owned(), force_string }
}

#[test]
fn layers_come_lowest_first_and_parameters_on_top() {
    let prepared = prepared(HelmArguments {
        name: "web.v1".to_owned(),
        values: vec!["a: 1".to_owned(), "a: 2".to_owned()],
        parameters: vec![parameter("a.b", "x,y", false), parameter(r"a\.b", "1", true)],
        kube_version: Some("v1.34.2".to_owned()),
        api_versions: vec!["monitoring.coreos.com/v1".to_owned()],
        ..HelmArguments::default()
    })
    .unwrap();
    assert_eq!(
        prepared.arguments,
        [
            "template",
            "web.v1",
            "./charts/web",
            "--namespace=shop",
            "--skip-tests",
            "--values=../values/0.yaml",
            "--values=../values/1.yaml",
            r"--set=a.b=x\,y",
            r"--set-string=a\.b=1",
            "--kube-version=v1.34.2",
            "--api-versions=monitoring.coreos.com/v1",
        ]
    );
}

#[test]
fn commas_are_escaped_once_and_lists_stay_lists() {
    for (value, want) in
        [("a,b", r"a\,b"), (r"a\,b", r"a\,b"), ("{a,b}", "{a,b}"), (",a", r"\,a"), ("a=b", "a=b"), ("", "")]
    {
        assert_eq!(set(&parameter("x", value, false)).unwrap(), format!("--set=x={want}"), "{value}");
    }
}

#[test]
fn what_helm_would_take_for_something_else_is_refused() {
    for name in ["-f", "--post-renderer=x", "Web", "a..b", "a-", &"a".repeat(54), "a b", "é"] {
        let problem = prepared(HelmArguments { name: name.to_owned(), ..HelmArguments::default() });
        assert_eq!(problem.unwrap_err().code, codes::HELM_ARGUMENTS, "{name}");
    }
    for name in ["", "a=b", "a,b", "a\nb", "{a}"] {
        assert_eq!(set(&parameter(name, "1", false)).unwrap_err().code, codes::HELM_ARGUMENTS, "{name}");
    }
    let version = HelmArguments { kube_version: Some("1 --debug".to_owned()), ..HelmArguments::default() };
    assert!(prepared(version).is_err());
    let many = vec![parameter("a", "1", false); ARGUMENTS_MAX];
    assert!(prepared(HelmArguments { parameters: many, ..HelmArguments::default() }).is_err());
    let long = vec![parameter("a", &"1".repeat(ONE_ARGUMENT_BYTES_MAX), false)];
    assert!(prepared(HelmArguments { parameters: long, ..HelmArguments::default() }).is_err());
}

#[tokio::test]
async fn a_missing_binary_is_a_problem_that_says_what_to_install() {
    let nothing = HelmBinary::find_in(None, OsStr::new("/nonexistent")).await.unwrap_err();
    assert_eq!(nothing.code, codes::RENDERER_MISSING);
    let path = Path::new("/nonexistent/helm");
    let configured = HelmBinary::find_in(Some(path), OsStr::new("/usr/bin")).await.unwrap_err();
    assert!(configured.text.contains("/nonexistent/helm") && configured.help.contains("KUBEOPT_HELM"));
}
