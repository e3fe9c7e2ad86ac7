//! `RightsizingPolicy` objects: layers of the operator that never weaken a guardrail by being wrong.

use std::collections::BTreeMap;

use kubeopt_api::policy::{Asked, ClusterPolicies, Standing, environment_of, explain_policy, not_allowed};
use kubeopt_api::{Config, Layer, PolicyFile, Subject, effective_policy};
use kubeopt_model::policy::PolicyObject;
use kubeopt_model::{EffectivePolicy, Namespace, ObjectName, Problem, RepoPath, WorkloadKind};
use proptest::prelude::*;

const PRESETS: &[(&str, &str)] = &[("careful", "changes: {maxDecrease: 30%}")];

fn object(name: &str, generation: i64, spec: &str) -> PolicyObject {
    PolicyObject { name: name.to_owned(), generation, spec: Ok(spec.to_owned()) }
}

fn taken(objects: &[PolicyObject]) -> ClusterPolicies {
    let mut policies = ClusterPolicies::default();
    policies.take(objects, None, PRESETS);
    policies
}

fn with_subject<T>(namespace: &str, work: impl FnOnce(&Subject<'_>) -> T) -> T {
    work(&Subject {
        path: &RepoPath::new("apps/api.yaml").unwrap(),
        namespace: &Namespace::new(namespace).unwrap(),
        kind: WorkloadKind::Deployment,
        name: &ObjectName::new("api").unwrap(),
        labels: &BTreeMap::new(),
    })
}

fn ask(layers: &[Layer], namespace: &str) -> EffectivePolicy {
    with_subject(namespace, |subject| effective_policy(layers, subject))
}

fn repository(text: &str) -> Layer {
    Layer {
        name: ".kubeopt.yaml".to_owned(),
        file: PolicyFile::parse(text, ".kubeopt.yaml", PRESETS).unwrap(),
    }
}

fn operator(policy: &str) -> Layer {
    let text = format!("policy: {{{policy}}}");
    let file = Config::parse(&text, "kubeopt.yaml", PRESETS).unwrap().policy.unwrap();
    Layer { name: "kubeopt.yaml".to_owned(), file }
}

fn told(policies: &ClusterPolicies) -> Vec<String> {
    let told = |problem: Problem| {
        let at = problem.place.map(|place| format!(" at {place}")).unwrap_or_default();
        format!("{}{at}: {}", problem.code, problem.text)
    };
    policies.problems().into_iter().map(told).collect()
}

#[test]
fn an_object_binds_what_it_selects_and_is_named_without_a_line() {
    let policies = taken(&[
        object(
            "b-payments",
            1,
            "selectors: {namespaces: [pay*]}\nchanges: {maxDecrease: 20%}\nsizing: {history: 40d}",
        ),
        object("a-all", 1, "changes: {maxDecrease: 50%}\nsizing: {history: 30d}"),
        object(
            "c-web",
            1,
            "extends: kubeopt:careful\nselectors: {namespaces: [web]}\nexclude: {kinds: [deploy]}",
        ),
    ]);
    assert_eq!(told(&policies), Vec::<String>::new());
    let mut layers = vec![operator("changes: {maxDecrease: 40%}")];
    layers.extend(policies.layers());
    layers.push(repository("changes: {maxDecrease: 90%}"));
    let payments = ask(&layers, "payments");
    assert_eq!((payments.changes.max_decrease, payments.enabled), (0.2, true));
    assert_eq!(payments.set_by["changes.maxDecrease"], "RightsizingPolicy/b-payments");
    assert_eq!(payments.sizing.history_seconds / 86_400, 40, "of objects the last name is the nearest");
    let web = ask(&layers, "web");
    assert_eq!((web.changes.max_decrease, web.enabled), (0.3, false));
    assert_eq!(web.set_by["changes.maxDecrease"], "kubeopt:careful (RightsizingPolicy/c-web)");
    assert_eq!(web.set_by["enabled"], "`exclude` of RightsizingPolicy/c-web");
    let shop = ask(&layers, "shop");
    assert_eq!(
        (shop.changes.max_decrease, shop.enabled, shop.sizing.history_seconds / 86_400),
        (0.4, true, 30)
    );
}

#[test]
fn explain_tells_objects_beside_files_and_what_a_path_alone_leaves_open() {
    let mut layers =
        taken(&[object("all", 1, "selectors: {namespaces: [pay*]}\nchanges: {maxDecrease: 20%}")]).layers();
    layers.push(repository("changes: {maxDecrease: 60%}"));
    let explained = with_subject("payments", |subject| explain_policy(&layers, Asked::Workload(subject)));
    let decrease = explained.keys.into_iter().find(|key| key.key == "changes.maxDecrease").unwrap();
    assert_eq!(decrease.said[1].standing, Standing::Careful("RightsizingPolicy/all".to_owned()));
    let path = RepoPath::new("apps").unwrap();
    let of_path = explain_policy(&layers, Asked::Path(&path));
    assert_eq!(of_path.undecided, ["`selectors` of RightsizingPolicy/all"]);
    assert_eq!(of_path.policy.changes.max_decrease, 0.2, "what may be bound is shown as bound");
}

#[test]
fn lists_and_environments_of_objects_count_as_the_operators() {
    let layers = taken(&[
        object(
            "all",
            1,
            "allowedOverrides: [sizing.cpu]\nenvironments: [{name: staging, namespaces: [pay*]}]",
        ),
        object("some", 1, "selectors: {namespaces: [web]}\nallowedOverrides: []"),
    ])
    .layers();
    let near = repository("sizing: {history: 14d, cpu: {quantile: 0.5}}");
    let problems = not_allowed(&layers, &near);
    assert_eq!(problems.len(), 1, "what holds for some workloads only is told with these");
    assert!(problems[0].text.contains("`allowedOverrides` of RightsizingPolicy/all"), "{problems:?}");
    let all: Vec<Layer> = layers.iter().cloned().chain([near]).collect();
    assert_eq!(ask(&all, "payments").sizing.cpu_quantile, 0.5);
    assert_eq!(ask(&all, "web").sizing.cpu_quantile, EffectivePolicy::default().sizing.cpu_quantile);
    let known =
        with_subject("payments", |subject| environment_of(&layers, Asked::Workload(subject))).unwrap();
    assert_eq!(known.by, "`environments` of RightsizingPolicy/all");
}

#[test]
fn of_a_broken_object_the_last_good_version_counts() {
    let mut policies = taken(&[object("all", 3, "changes: {maxDecrease: 20%}")]);
    policies.take(&[object("all", 4, "changes:\n  maxDecrese: 90%\n")], None, PRESETS);
    assert_eq!(
        told(&policies),
        [
            "E-POL-002 at RightsizingPolicy/all: unknown key `changes.maxDecrese`",
            "E-POL-012 at RightsizingPolicy/all: RightsizingPolicy/all is not read: its generation 3 counts meanwhile",
        ]
    );
    let first = &policies.problems()[0];
    assert_eq!(first.help, "did you mean `maxDecrease`?");
    assert_eq!(first.place.as_ref().and_then(|place| place.excerpt.as_deref()), Some("  maxDecrese: 90%"));
    assert_eq!(ask(&policies.layers(), "web").changes.max_decrease, 0.2);
    policies.take(&[object("all", 5, "changes: {maxDecrease: 10%}")], None, PRESETS);
    assert_eq!((told(&policies).len(), ask(&policies.layers(), "web").changes.max_decrease), (0, 0.1));
    policies.take(&[], None, PRESETS);
    assert_eq!(policies.layers(), [], "what is deleted is gone");
}

#[test]
fn an_object_that_never_was_good_lets_nothing_be_proposed_in_what_it_selects() {
    for (spec, payments, web) in [
        ("selectors: {namespaces: [payments]}\nchanges: {maxDecrese: 90%}", false, true),
        ("selectors: {namespaces: [payments, 7[]}\nenabled: maybe", false, false),
        ("selectors: {namespaces: [payments], kind: x}\nenabled: true", false, true),
        ("selectors: [payments]", false, false),
        ("{{ .Values.policy }}", false, false),
        ("- a", false, false),
        ("a: [", false, false),
    ] {
        let policies = taken(&[object("all", 1, spec)]);
        let layers = policies.layers();
        assert_eq!(
            (ask(&layers, "payments").enabled, ask(&layers, "web").enabled),
            (payments, web),
            "{spec}"
        );
        let by = &ask(&layers, "payments").set_by["enabled"];
        assert_eq!(by, "RightsizingPolicy/all, which cannot be read");
        assert!(
            told(&policies)
                .last()
                .is_some_and(|text| text.ends_with("nothing is proposed in what it selects meanwhile"))
        );
    }
    let large = Problem::new("E-CLU-013", "it is too large", "make it smaller");
    let policies = taken(&[PolicyObject { name: "all".to_owned(), generation: 1, spec: Err(large) }]);
    assert!(!ask(&policies.layers(), "web").enabled);
    assert!(told(&policies)[0].starts_with("E-CLU-013"));
}

#[test]
fn what_cannot_be_seen_is_kept_and_where_nothing_ever_was_nothing_is_proposed() {
    let refused = Problem::new("E-CLU-003", "kubeopt may not list them", "allow it");
    let mut policies = taken(&[object("all", 1, "changes: {maxDecrease: 20%}")]);
    policies.take(&[], Some(&refused), PRESETS);
    assert_eq!(ask(&policies.layers(), "web").changes.max_decrease, 0.2);
    assert!(told(&policies)[0].ends_with("those that were seen last count meanwhile"));
    let mut never = ClusterPolicies::default();
    assert_eq!((never.layers().len(), told(&never).len()), (0, 0));
    never.take(&[], Some(&refused), PRESETS);
    assert!(!ask(&never.layers(), "web").enabled);
    assert_eq!(told(&never).len(), 1);
    assert_eq!(never.problems()[0].help, "allow it");
    never.take(&[], None, PRESETS);
    assert!(ask(&never.layers(), "web").enabled && told(&never).is_empty());
}

#[test]
fn the_example_is_a_manifest_without_a_fault() {
    let text = include_str!("../../../../examples/rightsizing-policy.yaml");
    assert!(PolicyFile::is_manifest(text));
    let file = PolicyFile::parse_manifest(text, "rightsizing-policy.yaml", PRESETS).unwrap();
    let policy = ask(&[Layer { name: "example".to_owned(), file }], "payments-eu");
    assert_eq!((policy.changes.max_decrease, policy.approval.approvers), (0.4, 2));
}

#[test]
fn a_manifest_is_checked_before_somebody_applies_it() {
    let manifest = |spec: &str| {
        format!(
            "# for payments\napiVersion: kubeopt.dev/v1alpha1\nkind: RightsizingPolicy\nmetadata: {{name: all, labels: {{a: b}}}}\n{spec}\n"
        )
    };
    let good = manifest("spec:\n  allowedOverrides: [sizing]\n  changes: {maxDecrease: 20%}");
    assert!(PolicyFile::is_manifest(&good) && PolicyFile::is_manifest("kind: \"RightsizingPolicy\""));
    let documented = include_str!("../../../../docs/policy.md").split("```yaml\n").nth(1).unwrap();
    let documented = documented.split("```").next().unwrap();
    assert!(PolicyFile::is_manifest(documented), "a comment may follow: {documented}");
    assert!(PolicyFile::parse_manifest(documented, "payments.yaml", PRESETS).is_ok());
    assert!(!PolicyFile::is_manifest("changes: {maxDecrease: 20%}\nselectors: {kinds: [RightsizingPolicy]}"));
    let file = PolicyFile::parse_manifest(&good, "payments.yaml", PRESETS).unwrap();
    assert_eq!(file.warnings(), []);
    for (text, line, told) in [
        (manifest("spec:\n  changes: {maxDecrese: 20%}"), 6, "unknown key `spec.changes.maxDecrese`"),
        (manifest("changes: {}"), 5, "unknown key `changes`"),
        (manifest(""), 1, "`spec` is missing"),
        (good.replace("v1alpha1", "v2"), 2, "`apiVersion` must be `kubeopt.dev/v1alpha1`, not another word"),
        (good.replace("kind: RightsizingPolicy\n", ""), 1, "`kind` must be `RightsizingPolicy`, not absent"),
    ] {
        let problems = PolicyFile::parse_manifest(&text, "payments.yaml", PRESETS).unwrap_err();
        let at = problems[0].place.as_ref().map(ToString::to_string);
        assert_eq!((problems[0].text.as_str(), at), (told, Some(format!("payments.yaml:{line}"))), "{text}");
    }
}

proptest! {
    #[test]
    fn no_change_of_an_object_that_breaks_it_loosens_what_it_said(
        decrease in 0_u32..99,
        broken in "[a-z{}:\\[\\] \n%0-9]{0,40}",
    ) {
        let good = format!("changes: {{maxDecrease: {decrease}%}}");
        let mut policies = taken(&[object("all", 1, &good)]);
        policies.take(&[object("all", 2, &broken)], None, PRESETS);
        let is_read = PolicyFile::parse_object(&broken, "all", PRESETS).is_ok();
        let policy = ask(&policies.layers(), "web");
        prop_assert!(is_read || policy.changes.max_decrease <= f64::from(decrease) / 100.0 + 1e-9);
        let fresh = taken(&[object("all", 2, &broken)]);
        prop_assert!(is_read || !ask(&fresh.layers(), "web").enabled || broken.contains("selectors"));
        prop_assert!(fresh.problems().iter().all(|problem| problem.place.as_ref().is_none_or(|place| place.line.is_none())));
    }
}
