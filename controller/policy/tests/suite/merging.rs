//! When kubeopt merges by itself: only where everything speaks for it.

use std::collections::BTreeSet;

use kubeopt_model::policy::{Blackout, Environment, RevertMode};
use kubeopt_model::recommendation::Risk;
use kubeopt_model::{EffectivePolicy, Money};
use kubeopt_policy::{ChangeSize, Hindrance, Merging, Voices, may_merge, may_merge_revert, unsure_value};
use proptest::prelude::*;

fn allowing() -> EffectivePolicy {
    let mut policy = EffectivePolicy::default();
    policy.auto_merge.enabled = true;
    policy.auto_merge.environments = BTreeSet::from([Environment::Dev, Environment::Staging]);
    policy.auto_merge.require_status = BTreeSet::from(["ci".to_owned()]);
    policy
}

fn small() -> ChangeSize {
    ChangeSize { increase: 0.1, decrease: 0.2, unmeasured: 0, monthly: Some(Money::ZERO), risk: Risk::Low }
}

/// All that a merge is judged by, owned.
#[derive(Debug, Clone)]
struct State {
    voices: Voices,
    red: Vec<String>,
    pending: Vec<String>,
    green: Vec<String>,
    environments: Vec<Option<Environment>>,
    confidence: Option<f64>,
    size: ChangeSize,
    flags: [bool; 3],
}

fn fine() -> State {
    State {
        voices: Voices::default(),
        red: Vec::new(),
        pending: Vec::new(),
        green: vec!["ci".to_owned()],
        environments: vec![Some(Environment::Dev)],
        confidence: Some(0.95),
        size: small(),
        flags: [false; 3],
    }
}

impl State {
    fn merging(&self) -> Merging<'_> {
        Merging {
            now: "2026-01-16T12:00:00Z".parse().unwrap(),
            voices: &self.voices,
            red: &self.red,
            pending: &self.pending,
            green: &self.green,
            environments: &self.environments,
            confidence: self.confidence,
            size: &self.size,
            is_draft: self.flags[0],
            is_touched: self.flags[1],
            is_held: self.flags[2],
        }
    }

    fn against(&self, policy: &EffectivePolicy) -> Vec<(&'static str, String)> {
        let told = |each: Hindrance| (each.guardrail, each.text);
        may_merge(&self.merging(), policy).err().unwrap_or_default().into_iter().map(told).collect()
    }
}

#[test]
fn where_everything_speaks_for_it_kubeopt_merges_and_never_by_default() {
    assert_eq!(fine().against(&allowing()), []);
    let policy = EffectivePolicy::default();
    let told = fine().against(&policy);
    assert_eq!(told[0], ("auto-merge", "people merge it: autoMerge.enabled is false by default".to_owned()));
    assert_eq!(told[1], ("environment", "it changes dev (autoMerge.environments: none)".to_owned()));
    let mut policy = allowing();
    policy.auto_merge.enabled = false;
    policy.set_by.insert("autoMerge.enabled".to_owned(), "kubeopt.yaml:4".to_owned());
    assert!(fine().against(&policy)[0].1.ends_with("is false by kubeopt.yaml:4"));
}

#[test]
fn each_thing_that_stands_against_it_is_told() {
    let name = |name: &str| vec![name.to_owned()];
    let many: Vec<String> = (0..8).map(|n| format!("check-{n}")).collect();
    for (guardrail, text, change) in [
        (
            "negative-review",
            "objected to by ann",
            (&|s: &mut State| s.voices.objecting = BTreeSet::from(["ann".to_owned()])) as &dyn Fn(&mut State),
        ),
        ("red-check", "checks are red: e2e", &|s| s.red = name("e2e")),
        ("red-check", "checks are red: ab", &|s| s.red = name("a\u{1b}\n`\u{202e}b")),
        (
            "pending-check",
            "checks have not ended: check-0, check-1, check-2, check-3, check-4 and 3 more",
            &|s| s.pending = many.clone(),
        ),
        ("required-check", "not green: ci (autoMerge.requireStatus)", &|s| s.green = name("lint")),
        ("draft", "it is a draft", &|s| s.flags[0] = true),
        ("edited", "its branch holds a commit of somebody else", &|s| s.flags[1] = true),
        ("hold", "somebody holds it back", &|s| s.flags[2] = true),
        ("environment", "it changes prod (autoMerge.environments: dev, staging)", &|s| {
            s.environments.push(Some(Environment::Prod))
        }),
        (
            "environment",
            "the environment of a workload is unknown (autoMerge.environments: dev, staging)",
            &|s| s.environments.push(None),
        ),
        (
            "environment",
            "the environment of a workload is unknown (autoMerge.environments: dev, staging)",
            &|s| s.environments.clear(),
        ),
        ("max-change", "a value moves by 30 %, at most 20 % (autoMerge.maxChange)", &|s| {
            s.size.decrease = 0.3
        }),
        ("max-change", "2 values appear or go (autoMerge.maxChange)", &|s| s.size.unmeasured = 2),
        ("confidence", "confidence is 0.80, at least 0.9 (autoMerge.minConfidence)", &|s| {
            s.confidence = Some(0.8)
        }),
        ("confidence", "confidence is unknown, at least 0.9 (autoMerge.minConfidence)", &|s| {
            s.confidence = None
        }),
        ("confidence", "confidence is NaN, at least 0.9 (autoMerge.minConfidence)", &|s| {
            s.confidence = Some(f64::NAN)
        }),
        ("risk", "its risk is medium, at most low (autoMerge.maxRisk)", &|s| s.size.risk = Risk::Medium),
    ] {
        let mut state = fine();
        change(&mut state);
        assert_eq!(state.against(&allowing()), [(guardrail, text.to_owned())]);
    }
}

#[test]
fn an_approval_that_is_missing_and_a_blackout_stand_against_it() {
    let mut policy = allowing();
    policy.approval.above_ratio = Some(0.1);
    let told = fine().against(&policy);
    assert_eq!((told.len(), told[0].0), (1, "approval"));
    let approved = State {
        voices: Voices { approving: BTreeSet::from(["ann".to_owned()]), objecting: BTreeSet::new() },
        ..fine()
    };
    assert_eq!(approved.against(&policy), []);
    policy.blackouts.push(Blackout {
        cron: "0 6 * * *".to_owned(),
        seconds: 12 * 3600,
        timezone: "UTC".to_owned(),
        reason: None,
    });
    assert_eq!(approved.against(&policy)[0].0, "blackout");
}

#[test]
fn a_revert_is_merged_where_the_policy_says_so_and_nobody_objects() {
    let mut policy = EffectivePolicy::default();
    let large = State {
        environments: vec![None],
        size: ChangeSize { increase: 9.0, risk: Risk::High, ..small() },
        confidence: None,
        ..fine()
    };
    assert_eq!(may_merge_revert(&large.merging(), &policy).unwrap_err()[0].guardrail, "auto-merge");
    policy.watch.revert = RevertMode::AutoMerge;
    assert_eq!(may_merge_revert(&large.merging(), &policy), Ok(()));
    let red = State { red: vec!["e2e".to_owned()], ..large };
    assert_eq!(may_merge_revert(&red.merging(), &policy).unwrap_err()[0].guardrail, "red-check");
}

#[test]
fn an_unsure_value_is_not_proposed_where_the_policy_asks_for_confidence() {
    let mut policy = EffectivePolicy::default();
    assert_eq!(unsure_value(None, &policy), None, "by default none is asked for");
    policy.changes.min_confidence = 0.9;
    assert_eq!(unsure_value(Some(0.9), &policy), None);
    for confidence in [None, Some(0.89), Some(f64::NAN)] {
        assert!(
            unsure_value(confidence, &policy).is_some_and(|told| told.text.contains("changes.minConfidence"))
        );
    }
}

proptest! {
    #[test]
    fn never_on_a_negative_review_a_red_or_a_pending_check_whatever_the_policy(
        objecting in any::<bool>(),
        red in any::<bool>(),
        pending in any::<bool>(),
        draft in any::<bool>(),
        touched in any::<bool>(),
        change in 0.0..100.0_f64,
    ) {
        let mut policy = allowing();
        policy.watch.revert = RevertMode::AutoMerge;
        policy.auto_merge.max_change = change;
        policy.auto_merge.min_confidence = 0.0;
        policy.auto_merge.max_risk = Risk::High;
        let mut state = fine();
        let name = |is_so: bool| is_so.then(|| "x".to_owned());
        state.voices.objecting = name(objecting).into_iter().collect();
        state.red = name(red).into_iter().collect();
        state.pending = name(pending).into_iter().collect();
        state.flags = [draft, touched, false];
        if objecting || red || pending || draft || touched {
            prop_assert!(may_merge(&state.merging(), &policy).is_err());
            prop_assert!(may_merge_revert(&state.merging(), &policy).is_err());
        } else {
            prop_assert_eq!(may_merge_revert(&state.merging(), &policy), Ok(()));
        }
    }
}
