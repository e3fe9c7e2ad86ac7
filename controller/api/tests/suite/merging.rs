//! The rules of merging as properties of every key: a guardrail takes the most careful word, a preference the nearest that is
//! allowed, and everything that is said has a fate.

use kubeopt_api::Layer;
use kubeopt_api::policy::Standing;
use proptest::prelude::*;
use serde_json::{Value, json};

use crate::explain::{key as key_named, keys, operator, policy, repository};

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
    ("sizing.outlook", &["off", "raise"]),
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
    ("findings.enabled", &["false", "true"]),
    ("findings.minSeverity", &["low", "high", "critical"]),
    ("reasoning", &["false", "true"]),
];

/// Lists of mappings, of which every layer adds its own; the last of all keys.
const ADDING_UP: &[&str] = &["blackouts", "findings.silences"];

/// Lists of which what every layer says counts.
const TOGETHER: &[&str] = &["autoMerge.environments", "autoMerge.requireStatus", "rollout.order"];

#[test]
fn the_properties_below_know_every_key() {
    let known: Vec<&str> = VALUES.iter().map(|(path, _)| *path).collect();
    let mut there: Vec<String> = keys(&[]).into_iter().map(|key| key.key).collect();
    assert_eq!(there.split_off(there.len() - ADDING_UP.len()), ADDING_UP);
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
    key_named(&[operator("kubeopt.yaml", &file_of(&alone))], key).value
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
        let lists = ADDING_UP.iter().chain(TOGETHER).copied().collect::<Vec<_>>();
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
        for key in keys(&layers).iter().filter(|key| !ADDING_UP.contains(&key.key.as_str())) {
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
