//! Who said what of each key: the rules of merging as properties of every key, and what a repository is told when it sets
//! what its operator keeps.

use std::collections::BTreeMap;

use kubeopt_api::policy::{
    Asked, ExplainedKey, Standing, environment_of, explain_policy, keys_named, not_allowed,
};
use kubeopt_api::{Config, Layer, PolicyFile, Subject, effective_policy, policy_schema};
use kubeopt_model::{EffectivePolicy, Namespace, ObjectName, RepoPath, WorkloadKind};
use proptest::prelude::*;
use serde_json::{Value, json};

const PRESETS: &[(&str, &str)] =
    &[("careful", "sizing: {history: 40d, cpu: {quantile: 0.99}}\nchanges: {maxDecrease: 30%}")];

fn repository(path: &str, text: &str) -> Layer {
    let file =
        PolicyFile::parse(text, path, PRESETS).unwrap_or_else(|problems| panic!("{text}: {problems:?}"));
    Layer { name: path.to_owned(), file }
}

fn operator(name: &str, policy: &str) -> Layer {
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

fn policy(layers: &[Layer]) -> EffectivePolicy {
    with_subject(|subject| effective_policy(layers, subject))
}

fn keys(layers: &[Layer]) -> Vec<ExplainedKey> {
    with_subject(|subject| explain_policy(layers, Asked::Workload(subject)).keys)
}

fn key(layers: &[Layer], path: &str) -> ExplainedKey {
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

/// Valid values of every key, the most careful first where the key is a guardrail. What history must be there is always
/// shorter than what is looked at, which else is lengthened.
const VALUES: &[(&str, &[&str])] = &[
    ("enabled", &["false", "true"]),
    ("sizing.strategy", &["quantile", "vpa", "krr-simple"]),
    ("sizing.history", &["30d", "40d", "90d"]),
    ("sizing.minHistory", &["1d", "7d", "14d"]),
    ("sizing.minRuns", &["1", "5", "9"]),
    ("sizing.minCoverage", &["100%", "80%", "10%", "0%"]),
    ("sizing.cpu.price", &["50%", "300%"]),
    ("sizing.cpu.quantile", &["0.5", "0.9", "1.0"]),
    ("sizing.cpu.margin", &["0%", "50%"]),
    ("sizing.cpu.floor", &["1", "100m", "5m"]),
    ("sizing.cpu.ceiling", &["2", "4", "16"]),
    ("sizing.memory.price", &["20%", "200%"]),
    ("sizing.memory.margin", &["5%", "60%"]),
    ("sizing.memory.floor", &["1Gi", "64Mi", "1Mi"]),
    ("sizing.memory.ceiling", &["2Gi", "4Gi"]),
    ("sizing.limits.cpu", &["keep", "ratio", "none"]),
    ("sizing.limits.memory", &["keep", "ratio", "none"]),
    ("sizing.belowObservedMax", &["never", "allow"]),
    ("sizing.vpa", &["avoid", "follow", "hand-over"]),
    ("sizing.hpa", &["leave", "together"]),
    ("changes.maxIncrease", &["10%", "100%", "900%"]),
    ("changes.maxDecrease", &["0%", "30%", "99%"]),
    ("changes.ignoreBelow.ratio", &["90%", "10%", "0%"]),
    ("changes.ignoreBelow.cpu", &["500m", "50m", "1m"]),
    ("changes.ignoreBelow.memory", &["1Gi", "50Mi", "1Mi"]),
    ("changes.sharedBase", &["ask", "overlay-patch", "edit-base"]),
    ("changes.minConfidence", &["0.95", "0.5", "0"]),
    ("pullRequests.groupBy", &["source", "namespace", "team", "single"]),
    ("pullRequests.maxOpen", &["0", "3", "50"]),
    ("pullRequests.perHour", &["0", "3", "50"]),
    ("pullRequests.schedule", &["[\"* 8 * * *\"]", "[\"* * * * 1\", \"* 9 * * *\"]", "[]"]),
    ("pullRequests.timezone", &["Europe/Berlin", "UTC"]),
    ("pullRequests.labels", &["[a]", "[b, c]", "[]"]),
    ("pullRequests.reviewers", &["[ann, acme/payments]", "codeowners", "[codeowners, bob]", "[]"]),
    ("pullRequests.assignees", &["[ann]", "[]"]),
    ("pullRequests.draft", &["true", "false"]),
    ("pullRequests.titles", &["plain", "conventional", "auto"]),
    ("pullRequests.onboarding", &["false", "true"]),
    ("pullRequests.dashboard", &["false", "true"]),
    ("pullRequests.reopenAfter.moved", &["1%", "500%"]),
    ("pullRequests.reopenAfter.days", &["1", "100"]),
    ("commits.signoff", &["true", "false"]),
    ("commits.signed", &["true", "false"]),
    ("approval.large.aboveRatio", &["10%", "50%", "300%"]),
    ("approval.large.aboveIncrease", &["10%", "50%", "300%"]),
    ("approval.large.aboveDecrease", &["10%", "50%", "90%"]),
    ("approval.large.aboveMonthly", &["0.5 USD", "50 USD", "1000"]),
    ("approval.large.approvers", &["3", "2", "1"]),
    ("approval.label", &["approved", "looks-good"]),
    ("autoMerge.enabled", &["false", "true"]),
    ("autoMerge.environments", &["[]", "[dev]", "[dev, prod]"]),
    ("autoMerge.maxChange", &["0%", "30%", "1000%"]),
    ("autoMerge.minConfidence", &["1", "0.95", "0.1"]),
    ("autoMerge.maxRisk", &["low", "medium", "high"]),
    ("autoMerge.requireStatus", &["[ci]", "[lint, ci]", "[]"]),
    ("rollout.order", &["[dev, staging, prod]", "[dev, prod]", "[]"]),
    ("rollout.soak", &["7d", "1h", "0s"]),
    ("rollout.waves.clusters", &["[canary]", "[\"eu-*\", \"us-*\"]", "[]"]),
    ("rollout.revertOn.oomKills", &["1", "5"]),
    ("rollout.revertOn.throttledPeriodsPoints", &["5", "20"]),
    ("watch.soak", &["7d", "2d", "1h"]),
    ("watch.freeze", &["30d", "1d", "0s"]),
    ("watch.revert", &["propose", "none", "auto-merge"]),
    ("watch.slo.promql", &["up", "avg(up)"]),
    ("watch.slo.min", &["0.9", "0.999"]),
    ("notifications.enabled", &["false", "true"]),
    ("notifications.least", &["critical", "warning", "info"]),
    ("notifications.to", &["[ops]", "[a, b]", "[]"]),
    ("reasoning", &["false", "true"]),
];

/// Lists of which what every layer says counts.
const TOGETHER: &[&str] = &["autoMerge.environments", "autoMerge.requireStatus", "rollout.order"];

#[test]
fn the_properties_below_know_every_key() {
    let known: Vec<&str> = VALUES.iter().map(|(path, _)| *path).collect();
    let mut there: Vec<String> = keys(&[]).into_iter().map(|key| key.key).collect();
    assert_eq!(there.pop().as_deref(), Some("blackouts"));
    there.sort_unstable();
    let mut sorted = known.clone();
    sorted.sort_unstable();
    assert_eq!(there, sorted);
}

/// What one layer sets: for each key of `VALUES`, the number of its value, or none.
type Choice = Vec<Option<usize>>;

fn some_choice() -> impl Strategy<Value = Choice> {
    VALUES.iter().map(|(_, values)| prop::option::of(0..values.len())).collect::<Vec<_>>()
}

/// The choice as a file: mappings within mappings, in YAML's flow notation.
fn file_of(choice: &Choice) -> String {
    let mut lines = String::new();
    for ((path, values), chosen) in VALUES.iter().zip(choice) {
        let Some(chosen) = chosen else { continue };
        let mut value = values[*chosen].to_owned();
        for part in path.split('.').rev() {
            value = format!("{{{part}: {value}}}");
        }
        lines.push_str(&value);
        lines.push('\n');
    }
    let mut whole = json!({});
    for line in lines.lines() {
        let one: Value = serde_yaml::from_str(line).unwrap();
        merge(&mut whole, one);
    }
    whole.to_string()
}

fn merge(into: &mut Value, from: Value) {
    match (into, from) {
        (Value::Object(into), Value::Object(from)) => {
            for (key, value) in from {
                merge(into.entry(key).or_insert(Value::Null), value);
            }
        }
        (into, from) => *into = from,
    }
}

fn layers_of(operators: &[Choice], repositories: &[Choice], allowed: Option<&[&str]>) -> Vec<Layer> {
    let operators = operators.iter().enumerate().map(|(index, choice)| {
        let mut file: Value = serde_yaml::from_str(&file_of(choice)).unwrap();
        if let Some(allowed) = allowed {
            file["allowedOverrides"] = json!(allowed);
        }
        operator(&format!("operator{index}"), &file.to_string())
    });
    let folders = [".kubeopt.yaml", "apps/.kubeopt.yaml", "apps/payments/.kubeopt.yaml"];
    let repositories =
        folders.iter().zip(repositories).map(|(path, choice)| repository(path, &file_of(choice)));
    operators.chain(repositories).collect()
}

/// What a key comes to where an operator sets it alone, to the choice of this place.
fn value_alone(key: &str, index: usize, chosen: usize) -> Value {
    let mut alone: Choice = vec![None; VALUES.len()];
    alone[index] = Some(chosen);
    self::key(&[operator("kubeopt.yaml", &file_of(&alone))], key).value
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn a_guardrail_is_the_most_careful_word_of_all_layers(
        operators in prop::collection::vec(some_choice(), 0..3),
        repositories in prop::collection::vec(some_choice(), 0..4),
        listed in any::<bool>(),
    ) {
        let layers = layers_of(&operators, &repositories, listed.then_some(&[]));
        let all: Vec<&Choice> = operators.iter().chain(&repositories).collect();
        let keys = keys(&layers);
        let lists = ["blackouts"].iter().chain(TOGETHER).copied().collect::<Vec<_>>();
        for key in keys.iter().filter(|key| key.merge == "guardrail" && !lists.contains(&key.key.as_str())) {
            let index = VALUES.iter().position(|(path, _)| *path == key.key).unwrap();
            let most_careful = all.iter().filter_map(|choice| choice[index]).min();
            let expected = most_careful.map_or_else(
                || key.default.clone(),
                |chosen| value_alone(&key.key, index, chosen),
            );
            prop_assert_eq!(&key.value, &expected, "{}", key.key);
        }
    }

    #[test]
    fn a_preference_is_the_nearest_word_that_is_allowed(
        operators in prop::collection::vec(some_choice(), 1..3),
        repositories in prop::collection::vec(some_choice(), 0..4),
        allowed in prop::collection::vec(any::<bool>(), VALUES.len()),
    ) {
        let preferences: Vec<String> =
            keys(&[]).into_iter().filter(|key| key.merge == "preference").map(|key| key.key).collect();
        let list: Vec<&str> = VALUES
            .iter()
            .zip(&allowed)
            .filter(|((path, _), allowed)| **allowed && preferences.iter().any(|key| key == path))
            .map(|((path, _), _)| *path)
            .collect();
        let layers = layers_of(&operators, &repositories, Some(&list));
        for key in keys(&layers).iter().filter(|key| key.merge == "preference") {
            let index = VALUES.iter().position(|(path, _)| *path == key.key).unwrap();
            let heard = if list.contains(&key.key.as_str()) { &repositories[..] } else { &[] };
            let nearest = operators.iter().chain(heard).rev().find_map(|choice| choice[index]);
            let expected = nearest.map_or_else(
                || key.default.clone(),
                |chosen| value_alone(&key.key, index, chosen),
            );
            prop_assert_eq!(&key.value, &expected, "{}", key.key);
        }
    }

    #[test]
    fn what_counts_is_what_the_policy_holds_and_everything_else_says_why_not(
        operators in prop::collection::vec(some_choice(), 0..2),
        repositories in prop::collection::vec(some_choice(), 0..4),
    ) {
        let layers = layers_of(&operators, &repositories, None);
        let policy = policy(&layers);
        for key in keys(&layers).iter().filter(|key| key.key != "blackouts") {
            let counting: Vec<_> = key.said.iter().filter(|said| said.standing == Standing::Counts).collect();
            prop_assert_eq!(policy.set_by.get(&key.key), key.set_by.as_ref());
            if TOGETHER.contains(&key.key.as_str()) {
                let origins: Vec<&str> = counting.iter().map(|said| said.at.as_str()).collect();
                prop_assert_eq!(key.set_by.clone().unwrap_or_default(), origins.join(", "));
                continue;
            }
            prop_assert_eq!(counting.len(), usize::from(key.set_by.is_some()), "{}", key.key);
            if let Some(counting) = counting.first() {
                prop_assert_eq!(Some(&counting.at), key.set_by.as_ref());
                prop_assert_eq!(&counting.value, &key.value);
            }
        }
    }
}
