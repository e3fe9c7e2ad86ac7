//! The presets of policies/ as the policy reader sees them: each reads, and each differs from the defaults where it says.

use std::collections::BTreeMap;

use kubeopt_api::policy::effective_keys;
use kubeopt_api::{Config, Layer, PolicyFile, Subject, effective_policy};
use kubeopt_model::policy::SizingStrategy;
use kubeopt_model::{EffectivePolicy, Namespace, ObjectName, RepoPath, WorkloadKind};
use kubeopt_policy::PRESETS;

fn policy_of(text: &str) -> EffectivePolicy {
    let file = PolicyFile::parse(text, ".kubeopt.yaml", PRESETS).expect("the file reads");
    assert_eq!(file.warnings(), [], "{text}");
    let layer = Layer { name: ".kubeopt.yaml".to_owned(), file };
    let subject = Subject {
        path: &RepoPath::new("api.yaml").expect("a path"),
        namespace: &Namespace::new("payments").expect("a namespace"),
        kind: WorkloadKind::Deployment,
        name: &ObjectName::new("api").expect("a name"),
        labels: &BTreeMap::new(),
    };
    effective_policy(&[layer], &subject)
}

fn extending(preset: &str) -> EffectivePolicy {
    policy_of(&format!("extends: kubeopt:{preset}\n"))
}

#[test]
fn every_preset_reads_alone_and_when_extended_with_the_same_result() {
    for (name, text) in PRESETS {
        let (mut alone, mut extended) = (policy_of(text), extending(name));
        let by = format!("kubeopt:{name} (.kubeopt.yaml:1)");
        assert!(
            !extended.set_by.is_empty() && extended.set_by.values().all(|set_by| *set_by == by),
            "{name}"
        );
        alone.set_by.clear();
        extended.set_by.clear();
        assert_eq!(alone, extended, "{name}");
    }
}

#[test]
fn balanced_writes_down_the_defaults_and_every_other_preset_differs() {
    for (name, _) in PRESETS {
        let policy = EffectivePolicy { set_by: BTreeMap::new(), ..extending(name) };
        assert_eq!(policy == EffectivePolicy::default(), *name == "balanced", "{name}");
    }
}

#[test]
fn presets_do_what_their_first_line_says() {
    let default = EffectivePolicy::default();
    let conservative = extending("conservative");
    assert!(conservative.changes.max_decrease < default.changes.max_decrease);
    assert!(conservative.sizing.memory_margin > default.sizing.memory_margin);
    assert!(conservative.sizing.memory_price > extending("production").sizing.memory_price);
    assert!(extending("production").sizing.cpu_price > default.sizing.cpu_price);
    assert!(extending("aggressive").sizing.memory_price < default.sizing.memory_price);
    assert_eq!(extending("jvm").sizing.strategy, SizingStrategy::Quantile);
    let aggressive = extending("aggressive");
    assert!(aggressive.changes.max_decrease > default.changes.max_decrease);
    assert!(aggressive.sizing.cpu_quantile < default.sizing.cpu_quantile);
    assert_eq!(aggressive.sizing.below_observed_max, default.sizing.below_observed_max);
    assert_eq!(extending("production").blackouts.len(), 2);
    assert!(extending("development").sizing.min_history_seconds < default.sizing.min_history_seconds);
    assert!(extending("batch").sizing.cpu_quantile < extending("development").sizing.cpu_quantile);
    assert!(extending("jvm").changes.max_decrease <= 0.25);
}

#[test]
fn the_sample_files_read_with_the_real_presets() {
    let policy = policy_of(include_str!("../../examples/.kubeopt.yaml"));
    let set = effective_keys(&policy).into_iter().filter(|key| key.set_by.is_some()).count();
    assert!(set > 15, "{set}");
    let config = Config::parse(include_str!("../../examples/kubeopt.yaml"), "kubeopt.yaml", PRESETS);
    assert_eq!(config.map(|config| config.warnings), Ok(Vec::new()));
}
