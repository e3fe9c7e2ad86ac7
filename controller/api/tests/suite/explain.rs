//! Who said what of each key: the rules of merging as properties of every key, and what a repository is told when it sets
//! what its operator keeps.

use std::collections::BTreeMap;

use kubeopt_api::policy::{
    Asked, ExplainedKey, Standing, environment_of, explain_policy, keys_named, not_allowed,
};
use kubeopt_api::{Config, Layer, PolicyFile, Subject, effective_policy, policy_schema};
use kubeopt_model::{EffectivePolicy, Namespace, ObjectName, RepoPath, WorkloadKind};
use serde_json::json;

const PRESETS: &[(&str, &str)] =
    &[("careful", "sizing: {history: 40d, cpu: {quantile: 0.99}}\nchanges: {maxDecrease: 30%}")];

pub(crate) fn repository(path: &str, text: &str) -> Layer {
    let file =
        PolicyFile::parse(text, path, PRESETS).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    Layer { name: path.to_owned(), file }
}

pub(crate) fn operator(name: &str, policy: &str) -> Layer {
    let text = format!("policy:\n{}", policy.lines().map(|line| format!("  {line}\n")).collect::<String>());
    let file = Config::parse(&text, name, PRESETS).unwrap().policy.unwrap();
    Layer { name: name.to_owned(), file }
}

fn with_subject<T>(work: impl FnOnce(&Subject<'_>) -> T) -> T {
    work(&Subject {
        path: &RepoPath::new("apps/payments/api.yaml").unwrap(),
        namespace: &Namespace::new("payments").unwrap(),
        kind: WorkloadKind::Deployment,
        name: &ObjectName::new("api").unwrap(),
        labels: &BTreeMap::new(),
    })
}

pub(crate) fn policy(layers: &[Layer]) -> EffectivePolicy {
    with_subject(|subject| effective_policy(layers, subject))
}

pub(crate) fn keys(layers: &[Layer]) -> Vec<ExplainedKey> {
    with_subject(|subject| explain_policy(layers, Asked::Workload(subject)).keys)
}

pub(crate) fn key(layers: &[Layer], path: &str) -> ExplainedKey {
    keys(layers).into_iter().find(|key| key.key == path).unwrap_or_else(|| panic!("no key {path}"))
}

/// Places, values and what became of them.
fn said(key: &ExplainedKey) -> Vec<(String, String, Standing)> {
    key.said.iter().map(|said| (said.at.clone(), said.value.to_string(), said.standing.clone())).collect()
}

fn told(layers: &[Layer], near: &Layer) -> Vec<(String, String, String)> {
    let problems = not_allowed(layers, near).into_iter();
    problems
        .map(|told| (told.code, told.place.map_or_else(String::new, |at| at.to_string()), told.text))
        .collect()
}

#[test]
fn every_statement_is_told_with_its_line_and_with_what_counts_instead() {
    let layers = [
        operator("kubeopt.yaml", "changes: {maxDecrease: 40%}\nsizing: {cpu: {quantile: 0.9}}"),
        repository(
            ".kubeopt.yaml",
            "extends: kubeopt:careful\nchanges: {maxDecrease: 60%}\nsizing: {cpu: {quantile: 0.95}}",
        ),
        repository("apps/.kubeopt.yaml", "changes:\n  maxDecrease: 20%\n"),
    ];
    let text = |text: &str| text.to_owned();
    let decrease = key(&layers, "changes.maxDecrease");
    assert_eq!(
        (decrease.merge, &decrease.value, &decrease.default),
        ("guardrail", &json!("20%"), &json!("75%"))
    );
    assert_eq!(decrease.set_by.as_deref(), Some("apps/.kubeopt.yaml:2"));
    assert_eq!(
        said(&decrease),
        [
            (text("kubeopt.yaml:2"), text("\"40%\""), Standing::Careful(text("apps/.kubeopt.yaml:2"))),
            (
                text("kubeopt:careful (.kubeopt.yaml:1)"),
                text("\"30%\""),
                Standing::Nearer(text(".kubeopt.yaml:2"))
            ),
            (text(".kubeopt.yaml:2"), text("\"60%\""), Standing::Careful(text("kubeopt.yaml:2"))),
            (text("apps/.kubeopt.yaml:2"), text("\"20%\""), Standing::Counts),
        ]
    );
    let quantile = key(&layers, "sizing.cpu.quantile");
    assert_eq!(
        said(&quantile),
        [
            (text("kubeopt.yaml:3"), text("0.9"), Standing::Nearer(text(".kubeopt.yaml:3"))),
            (
                text("kubeopt:careful (.kubeopt.yaml:1)"),
                text("0.99"),
                Standing::Nearer(text(".kubeopt.yaml:3"))
            ),
            (text(".kubeopt.yaml:3"), text("0.95"), Standing::Counts),
        ]
    );
    let silent = key(&layers, "sizing.memory.floor");
    assert_eq!((silent.said.len(), silent.set_by, silent.value), (0, None, silent.default));
}

#[test]
fn a_key_beyond_the_list_is_told_with_its_line_and_the_list_and_is_not_taken() {
    let list = operator("kubeopt.yaml", "enabled: true\nallowedOverrides:\n  - sizing.cpu\n  - pullRequests");
    let near = repository(
        "apps/.kubeopt.yaml",
        "sizing:\n  cpu: {quantile: 0.5}\n  strategy: quantile\nchanges: {maxDecrease: 10%}\n\
         overrides:\n- match: {namespace: web}\n  sizing:\n    memory: {margin: 1%}\n",
    );
    let banned = "`allowedOverrides` of kubeopt.yaml:3";
    assert_eq!(
        told(std::slice::from_ref(&list), &near),
        [
            (
                "E-POL-011",
                "apps/.kubeopt.yaml:3",
                format!("`sizing.strategy` is not taken: {banned} does not hold it")
            ),
            (
                "E-POL-011",
                "apps/.kubeopt.yaml:8",
                format!("`sizing.memory.margin` is not taken: {banned} does not hold it")
            ),
        ]
        .map(|(code, at, text)| (code.to_owned(), at.to_owned(), text))
    );
    let layers = [list.clone(), near];
    let strategy = key(&layers, "sizing.strategy");
    assert_eq!((strategy.value, strategy.set_by), (json!("kubeopt"), None));
    assert_eq!(strategy.said[0].standing, Standing::NotAllowed(banned.to_owned()));
    let policy = policy(&layers);
    assert_eq!(
        (policy.sizing.cpu_quantile, policy.changes.max_decrease),
        (0.5, 0.1),
        "a guardrail needs no permission"
    );
    let extending = repository(".kubeopt.yaml", "\nextends: kubeopt:careful");
    let told = told(&[list], &extending);
    assert_eq!(told.len(), 1, "{told:?}");
    assert_eq!((told[0].1.as_str(), told[0].2.contains("sizing.history")), (".kubeopt.yaml:2", true));
    assert!(!told[0].2.contains("cpu.quantile") && !told[0].2.contains("maxDecrease"), "{told:?}");
}

#[test]
fn lists_of_two_operators_bind_repositories_and_not_each_other() {
    let one = operator("a", "allowedOverrides: [sizing]");
    let other = operator("b", "allowedOverrides: [pullRequests, sizing.cpu]\nsizing: {strategy: vpa}");
    let near = repository(
        ".kubeopt.yaml",
        "sizing: {strategy: quantile, cpu: {margin: 1%}}\npullRequests: {groupBy: single}",
    );
    let both = [one.clone(), other.clone()];
    let paths: Vec<String> = told(&both, &near).into_iter().map(|(_, _, text)| text).collect();
    assert_eq!(
        paths,
        [
            "`sizing.strategy` is not taken: `allowedOverrides` of b:2 does not hold it",
            "`pullRequests.groupBy` is not taken: `allowedOverrides` of a:2 does not hold it",
        ]
    );
    assert_eq!(key(&[one, other, near], "sizing.strategy").value, json!("vpa"));
}

#[test]
fn without_a_list_a_repository_may_set_these_preferences_and_no_other() {
    let near = repository(".kubeopt.yaml", "extends: kubeopt:careful\nsizing: {strategy: vpa}");
    assert_eq!(told(&[], &near), []);
    assert_eq!(told(&[operator("kubeopt.yaml", "enabled: true")], &near), []);
    assert_eq!(
        policy_schema()["properties"]["allowedOverrides"]["default"],
        json!(["sizing", "pullRequests"])
    );
    let preferences: Vec<String> =
        keys(&[]).into_iter().filter(|key| key.merge == "preference").map(|key| key.key).collect();
    // A new preference is added here by hand, after thought on what a repository could do with it.
    assert_eq!(
        preferences,
        [
            "sizing.strategy",
            "sizing.history",
            "sizing.minHistory",
            "sizing.minRuns",
            "sizing.cpu.price",
            "sizing.cpu.quantile",
            "sizing.cpu.margin",
            "sizing.memory.price",
            "sizing.memory.margin",
            "sizing.limits.cpu",
            "sizing.limits.memory",
            "sizing.outlook",
            "sizing.vpa",
            "sizing.hpa",
            "pullRequests.groupBy",
            "pullRequests.schedule",
            "pullRequests.timezone",
            "pullRequests.labels",
            "pullRequests.reviewers",
            "pullRequests.assignees",
            "pullRequests.draft",
            "pullRequests.titles",
            "pullRequests.onboarding",
            "pullRequests.dashboard",
            "pullRequests.reopenAfter.moved",
            "pullRequests.reopenAfter.days",
            // These are not in the list that holds by default: labels and clusters of the operator, queries that run with
            // the operator's permissions, destinations of other teams.
            "approval.label",
            "rollout.waves.clusters",
            "watch.slo.promql",
            "watch.slo.min",
            "notifications.enabled",
            "notifications.least",
            "notifications.to",
            "findings.enabled",
            "findings.minSeverity",
        ]
    );
}

#[test]
fn of_lists_that_guard_every_layer_counts_and_is_named() {
    let layers = [
        operator(
            "kubeopt.yaml",
            "autoMerge: {enabled: true, environments: [dev, staging], requireStatus: [ci]}\nrollout: {order: [staging, prod]}",
        ),
        repository(
            ".kubeopt.yaml",
            "autoMerge: {environments: [staging, prod], requireStatus: [lint, ci]}\nrollout:\n  order: [dev]",
        ),
    ];
    let counts = |path: &str| {
        let key = key(&layers, path);
        assert!(key.said.iter().all(|said| said.standing == Standing::Counts), "{key:?}");
        (key.merge, key.value, key.set_by.unwrap_or_default())
    };
    let both = "kubeopt.yaml:2, .kubeopt.yaml:1".to_owned();
    assert_eq!(counts("autoMerge.environments"), ("guardrail", json!(["staging"]), both.clone()));
    assert_eq!(counts("autoMerge.requireStatus"), ("guardrail", json!(["ci", "lint"]), both));
    let order = counts("rollout.order");
    assert_eq!(
        (order.1, order.2.as_str()),
        (json!(["dev", "staging", "prod"]), "kubeopt.yaml:3, .kubeopt.yaml:3")
    );
    let nearer = repository(
        ".kubeopt.yaml",
        "rollout: {order: [prod]}\nautoMerge: {environments: [dev, prod]}\noverrides: [{match: {namespace: payments}, autoMerge: {environments: [dev]}}]",
    );
    let own = key(&[nearer], "autoMerge.environments");
    assert_eq!(
        (own.value, own.said[0].standing.clone()),
        (json!(["dev"]), Standing::Nearer(".kubeopt.yaml:3".to_owned()))
    );
}

#[test]
fn exclusions_and_blackouts_say_where_they_come_from() {
    let layers = [
        operator("kubeopt.yaml", "enabled: true\nexclude: {namespaces: [payments]}"),
        repository(
            ".kubeopt.yaml",
            "enabled: true\nblackouts:\n- {cron: 0 0 * * 6, duration: 2d, reason: weekend}\n- {cron: 0 22 * * *, duration: 1h}",
        ),
        repository("apps/.kubeopt.yaml", "enabled: false"),
    ];
    let enabled = key(&layers, "enabled");
    let standing =
        |at: &str| enabled.said.iter().find(|said| said.at == at).map(|said| said.standing.clone());
    assert_eq!(enabled.value, json!(false));
    assert_eq!(standing("apps/.kubeopt.yaml:1"), Some(Standing::Counts));
    assert_eq!(standing("kubeopt.yaml:2"), Some(Standing::Careful("apps/.kubeopt.yaml:1".to_owned())));
    assert_eq!(
        standing("`exclude` of kubeopt.yaml:3"),
        Some(Standing::Careful("apps/.kubeopt.yaml:1".to_owned()))
    );
    let excluded = key(&layers[..2], "enabled");
    assert_eq!(excluded.set_by.as_deref(), Some("`exclude` of kubeopt.yaml:3"));
    assert_eq!(excluded.said.iter().filter(|said| said.standing == Standing::Counts).count(), 1);
    let blackouts = key(&layers, "blackouts");
    assert_eq!(blackouts.set_by.as_deref(), Some(".kubeopt.yaml:3 and 1 more"));
    assert_eq!(
        blackouts.value,
        json!([
            {"cron": "0 0 * * 6", "duration": "2d", "timezone": "UTC", "reason": "weekend"},
            {"cron": "0 22 * * *", "duration": "1h", "timezone": "UTC"},
        ])
    );
}

#[test]
fn of_a_path_alone_what_depends_on_the_workload_is_left_out_and_said() {
    let layers = [
        repository(
            ".kubeopt.yaml",
            "exclude:\n  namespaces: [payments]\noverrides:\n- match: {namespace: payments}\n  sizing: {cpu: {quantile: 0.5}}\n",
        ),
        repository("apps/.kubeopt.yaml", "selectors: {paths: [\"web/**\"]}"),
    ];
    let ask = |path: &str| explain_policy(&layers, Asked::Path(&RepoPath::new(path).unwrap()));
    let payments = ask("apps/payments/api.yaml");
    assert!(!payments.policy.enabled, "paths are known");
    assert_eq!(payments.policy.set_by["enabled"], "`selectors` of apps/.kubeopt.yaml:1");
    let web = ask("apps/web/api.yaml");
    assert!(web.policy.enabled);
    assert_eq!(web.policy.sizing.cpu_quantile, EffectivePolicy::default().sizing.cpu_quantile);
    assert_eq!(web.undecided, ["`exclude` of .kubeopt.yaml:1", "`overrides` of .kubeopt.yaml:4"]);
    with_subject(|subject| {
        let sure = explain_policy(&layers, Asked::Workload(subject));
        assert_eq!((sure.undecided.len(), sure.policy.sizing.cpu_quantile), (0, 0.5));
    });
}

fn environment(layers: &[Layer], path: &str, namespace: &str, label: &str) -> Option<(&'static str, String)> {
    let labels = BTreeMap::from([("env".to_owned(), label.to_owned())]);
    let subject = Subject {
        path: &RepoPath::new(path).unwrap(),
        namespace: &Namespace::new(namespace).unwrap(),
        kind: WorkloadKind::Deployment,
        name: &ObjectName::new("api").unwrap(),
        labels: &labels,
    };
    environment_of(layers, Asked::Workload(&subject)).map(|known| (known.environment.as_str(), known.by))
}

#[test]
fn where_names_disagree_the_most_careful_environment_counts() {
    for (path, namespace, label, expected) in [
        ("apps/api/overlays/prod/patch.yaml", "api", "", Some(("prod", "folder prod"))),
        ("apps/api/overlays/dev/patch.yaml", "api-prod", "", Some(("prod", "namespace api-prod"))),
        ("apps/api/prod/patch.yaml", "api-prod", "prod", Some(("prod", "namespace api-prod"))),
        ("apps/api/base/patch.yaml", "api", "staging", Some(("staging", "label env=staging"))),
        ("apps/dev/patch.yaml", "api", "staging", Some(("staging", "label env=staging"))),
        ("apps/dev/patch.yaml", "api", "blue", Some(("dev", "folder dev"))),
        ("apps/products/patch.yaml", "livestream", "", None),
    ] {
        let found = environment(&[], path, namespace, label);
        let expected = expected.map(|(environment, by)| (environment, by.to_owned()));
        assert_eq!(found, expected, "{path} {namespace} {label}");
    }
}

#[test]
fn the_operators_mapping_comes_before_names_and_no_repository_has_one() {
    let mapping = operator(
        "kubeopt.yaml",
        "environments:\n- {name: dev, namespaces: [prod-*]}\n- {name: staging, namespaces: [prod-lab], paths: [\"lab/**\"]}",
    );
    let ask = |path: &str, namespace: &str| environment(std::slice::from_ref(&mapping), path, namespace, "");
    let told = |environment: &'static str, by: &str| Some((environment, by.to_owned()));
    assert_eq!(ask("a.yaml", "prod-lab"), told("dev", "`environments` of kubeopt.yaml:3"));
    assert_eq!(ask("lab/a.yaml", "prod-lab"), told("staging", "`environments` of kubeopt.yaml:4"));
    assert_eq!(ask("a.yaml", "prod"), told("prod", "namespace prod"));
    let path = RepoPath::new("prod/a.yaml").unwrap();
    assert_eq!(environment_of(&[mapping], Asked::Path(&path)).unwrap().by, "folder prod");
    let text = "environments: [{name: dev, namespaces: [prod]}]";
    let problems = PolicyFile::parse(text, ".kubeopt.yaml", PRESETS).unwrap_err();
    assert_eq!((problems.len(), problems[0].code.as_str()), (1, "E-POL-008"));
    for (entry, told) in [
        ("{name: prod}", "`environments[].namespaces` is missing"),
        ("{namespaces: [a]}", "`environments[].name` is missing"),
        ("{name: prd, namespaces: [a]}", "`policy.environments[].name` must be one of"),
    ] {
        let problems =
            Config::parse(&format!("policy: {{environments: [{entry}]}}"), "kubeopt.yaml", PRESETS);
        let problems = problems.unwrap_err();
        assert!(problems.iter().any(|problem| problem.text.starts_with(told)), "{entry}: {problems:?}");
    }
}

#[test]
fn an_override_can_speak_of_an_environment() {
    let far = operator(
        "kubeopt.yaml",
        "overrides:\n- match: {environment: prod}\n  changes: {maxDecrease: 10%}\n- match: {environment: dev}\n  enabled: false",
    );
    let decrease = |namespace: &str, folder: &str| {
        let subject = Subject {
            path: &RepoPath::new(&format!("{folder}/api.yaml")).unwrap(),
            namespace: &Namespace::new(namespace).unwrap(),
            kind: WorkloadKind::Deployment,
            name: &ObjectName::new("api").unwrap(),
            labels: &BTreeMap::new(),
        };
        let policy = effective_policy(std::slice::from_ref(&far), &subject);
        (policy.enabled, policy.changes.max_decrease)
    };
    assert_eq!(decrease("payments", "overlays/prod"), (true, 0.1));
    assert_eq!(decrease("payments-prod", "overlays/dev"), (true, 0.1), "a folder's name does not loosen it");
    assert_eq!(decrease("payments", "overlays/dev"), (false, 0.75));
    assert_eq!(decrease("payments", "base"), (true, 0.75));
}

#[test]
fn a_word_names_a_key_or_a_mapping_and_a_slip_names_the_nearest() {
    let named = |word: &str| {
        keys_named(keys(&[]), word).map(|keys| keys.into_iter().map(|key| key.key).collect::<Vec<_>>())
    };
    assert_eq!(named("sizing.cpu.quantile").unwrap(), ["sizing.cpu.quantile"]);
    assert_eq!(named("sizing.limits").unwrap(), ["sizing.limits.cpu", "sizing.limits.memory"]);
    assert_eq!(named("blackouts").unwrap(), ["blackouts"]);
    let slip = named("changes.maxDecrese").unwrap_err();
    assert_eq!(
        (slip.code.as_str(), slip.help.as_str()),
        ("E-POL-002", "did you mean `changes.maxDecrease`?")
    );
    assert!(
        named("sizing.cpu.quant").is_err()
            && named("\u{1b}[31m").is_err_and(|told| !told.text.contains('\u{1b}'))
    );
}
