//! Tests of the annotation: its grammar, and that it is no permission.

use kubeopt_model::Binding;

use super::*;
use crate::sources::{find_sources, resolve_sources};
use crate::sources_fixture::{binding, flux_facts, locate, namespace};

fn annotated(written: &str, bindings: &[Binding]) -> Result<Source, Problem> {
    let mut facts = flux_facts();
    facts.workloads[0].annotations.insert(KEY.to_owned(), written.to_owned());
    // Showing sources holds it against the bindings as well as editing them does.
    let shown = find_sources(&facts, bindings, &[], &locate).remove(0).1;
    let resolved = resolve_sources(&facts, bindings, &[], &locate).remove(0).1;
    assert_eq!(shown, resolved);
    resolved.map(|sources| sources.first().clone())
}

#[test]
fn two_or_three_words_name_repository_folder_and_renderer() {
    let bindings = [binding("gitops", &[])];
    for (written, entry, renderer) in [
        ("acme/gitops apps/payments", "apps/payments", RendererKind::Plain),
        ("acme/gitops ./apps/payments/ kustomize", "apps/payments", RendererKind::Kustomize),
        ("https://git.example/acme/gitops.git . helm", "", RendererKind::Helm),
        ("  git@git.example:acme/gitops   apps plain ", "apps", RendererKind::Plain),
    ] {
        let source = annotated(written, &bindings).unwrap();
        assert_eq!((source.entry.as_str(), source.renderer), (entry, renderer), "{written}");
        assert_eq!(source.known_from, KnownFrom::Annotated);
    }
    for written in [
        "",
        "acme/gitops",
        "acme/gitops a b c",
        "acme/gitops apps jsonnet",
        "acme/gitops ../apps",
        "acme/gitops /etc",
    ] {
        assert_eq!(annotated(written, &bindings).unwrap_err().code, codes::ANNOTATION, "{written}");
    }
}

#[test]
fn an_annotation_is_no_permission() {
    let mut other_tenant = binding("secrets", &[]);
    other_tenant.namespaces = vec![namespace("security")];
    let bindings = [binding("gitops", &["apps/payments/**"]), other_tenant];
    let cases = [
        ("acme/gitops apps/payments/overlays/prod", None),
        ("acme/gitops apps/payments", None),
        // Another tenant's folder, one that begins alike, the whole repository, and another tenant's repository.
        ("acme/gitops apps/security", Some(codes::PATH_NOT_ALLOWED)),
        ("acme/gitops apps/payments-2", Some(codes::PATH_NOT_ALLOWED)),
        ("acme/gitops .", Some(codes::PATH_NOT_ALLOWED)),
        ("acme/secrets apps/payments", Some(codes::NOT_BOUND)),
        ("https://git.example/acme/secrets apps/payments", Some(codes::NOT_BOUND)),
        ("https://evil.example/acme/gitops apps/payments", Some(codes::NOT_BOUND)),
        // CI, whatever is bound.
        ("acme/gitops .github", Some(codes::PATH_NOT_ALLOWED)),
        ("acme/gitops .github/workflows", Some(codes::PATH_NOT_ALLOWED)),
        ("acme/gitops apps/payments/.GitHub/workflows", Some(codes::PATH_NOT_ALLOWED)),
    ];
    for (written, code) in cases {
        let refused = annotated(written, &bindings).err();
        assert_eq!(refused.as_ref().map(|problem| problem.code.as_str()), code, "{written}");
        assert!(refused.is_none_or(|problem| !problem.help.is_empty()));
    }
    let everywhere = [binding("gitops", &[])];
    assert_eq!(
        annotated("acme/gitops .github/workflows", &everywhere).unwrap_err().code,
        codes::PATH_NOT_ALLOWED
    );
}

#[test]
fn what_would_allow_it_is_shown_as_yaml() {
    let help = annotated("acme/other apps", &[binding("gitops", &[])]).unwrap_err().help;
    let yaml = help.split('`').nth(3).unwrap();
    let parsed: Vec<serde_yaml::Mapping> = serde_yaml::from_str(yaml).unwrap();
    assert_eq!(parsed[0]["namespaces"][0], "payments");
}

#[test]
fn a_name_on_several_forges_needs_its_url() {
    let mut elsewhere = binding("gitops", &[]);
    elsewhere.repository.forge = kubeopt_model::ForgeName::new("github").unwrap();
    let bindings = [binding("gitops", &[]), elsewhere];
    let problem = annotated("acme/gitops apps", &bindings).unwrap_err();
    assert!(problem.code == codes::ANNOTATION && problem.text.contains("several forges"), "{problem}");
    assert!(annotated("https://git.example/acme/gitops apps", &bindings).is_ok());
}

proptest::proptest! {
    #[test]
    fn no_annotation_panics_or_leaves_the_bound_folder(written in "(acme/gitops )?[ -~\\PC]{0,40}") {
        let bindings = [binding("gitops", &["apps/payments/**"])];
        if let Ok(source) = annotated(&written, &bindings) {
            proptest::prop_assert!(source.entry.is_within(&RepoPath::new("apps/payments").unwrap()));
        }
    }
}
