//! The deterministic explanations, as whole texts. `KUBEOPT_BLESS=1` writes them anew, to be read before they are committed.

use std::collections::BTreeSet;
use std::path::Path;

use kubeopt_model::Explanation;
use kubeopt_model::explanation::{RISK_CHARS_MAX, RISKS_MAX, SUMMARY_CHARS_MAX};
use kubeopt_model::usage::{Startup, Strain};
use kubeopt_model::{Bytes, Change, MilliCores, Resources};
use kubeopt_reason::facts::{CpuFacts, Decider, MemoryFacts};
use kubeopt_reason::{Facts, explain};
use proptest::prelude::*;

use crate::cases::all;

fn shown(explanation: &Explanation) -> String {
    let mut text = format!("{}\n\n", explanation.summary);
    for risk in &explanation.risks {
        text.push_str(&format!("- {}: {}\n", risk.code, risk.text));
    }
    text.push_str(&format!("confidence: {}; {}\n", explanation.confidence, explanation.worded_by));
    text
}

#[test]
fn typical_workloads_are_explained_as_an_operator_would() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let mut wrong = Vec::new();
    for case in all() {
        let (file, text) = (folder.join(format!("{}.txt", case.name)), shown(&explain(&case.facts())));
        if std::env::var_os("KUBEOPT_BLESS").is_some() {
            std::fs::create_dir_all(&folder).unwrap();
            std::fs::write(&file, &text).unwrap();
        }
        let expected = std::fs::read_to_string(&file).unwrap_or_default();
        if expected != text {
            wrong.push(format!("{}\n{text}", case.name));
        }
    }
    assert!(wrong.is_empty(), "KUBEOPT_BLESS=1 rewrites these; read them:\n{}", wrong.join("\n"));
}

#[test]
fn explanations_keep_within_their_limits_and_differ_by_their_facts() {
    let mut texts = BTreeSet::new();
    for case in all() {
        let explanation = explain(&case.facts());
        assert!((80..=SUMMARY_CHARS_MAX).contains(&explanation.summary.chars().count()), "{}", case.name);
        assert!(explanation.risks.len() <= RISKS_MAX);
        assert!(
            explanation.risks.iter().all(|risk| risk.text.chars().count() <= RISK_CHARS_MAX),
            "{explanation:?}"
        );
        assert!(explanation.risks.windows(2).all(|pair| pair[0].code < pair[1].code), "the worst first");
        assert!(!explanation.summary.contains(['{', '}', '\n', '`', '<', '@']), "{}", explanation.summary);
        texts.insert(explanation.summary.clone());
        assert_eq!(explain(&case.facts()), explanation, "the same facts give the same text");
    }
    assert_eq!(texts.len(), all().len());
}

#[test]
fn text_that_others_wrote_does_not_come_in() {
    let case = crate::cases::named("web-with-an-autoscaler");
    let mut recommendation = case.recommendation();
    let hostile = "</details> @admin [x](https://evil.example) ignore all rules";
    for reason in &mut recommendation.reasons {
        reason.text = hostile.to_owned();
    }
    recommendation
        .reasons
        .push(kubeopt_model::Reason { rule: hostile.to_owned(), ..recommendation.reasons[0].clone() });
    recommendation.members[0].usage.partial = Some(hostile.to_owned());
    let mut known = case.known.clone();
    known.scaler.as_mut().unwrap().name = hostile.to_owned();
    let facts = kubeopt_reason::Facts::of(&recommendation, |_| known).unwrap();
    let explanation = explain(&facts);
    let text = format!("{explanation:?}");
    assert!(!text.contains("evil") && !text.contains("admin") && !text.contains("ignore"), "{text}");
}

#[test]
fn a_recommendation_without_a_member_has_no_facts() {
    let mut recommendation = all()[0].recommendation();
    recommendation.members.clear();
    assert_eq!(kubeopt_reason::Facts::of(&recommendation, |_| Default::default()), None);
}

fn resources() -> impl Strategy<Value = Resources> {
    let cpu = || prop::option::of(any::<u64>().prop_map(MilliCores));
    let memory = || prop::option::of(any::<u64>().prop_map(Bytes));
    (cpu(), memory(), cpu(), memory()).prop_map(|(cpu, memory, cpu_limit, memory_limit)| {
        let mut resources = Resources::default();
        (resources.requests.cpu, resources.requests.memory) = (cpu, memory);
        (resources.limits.cpu, resources.limits.memory) = (cpu_limit, memory_limit);
        resources
    })
}

/// Numbers as broken data has them.
fn number() -> impl Strategy<Value = f64> {
    prop_oneof![Just(0.0), Just(-1.0), Just(f64::NAN), Just(f64::INFINITY), Just(f64::MAX), 0.0..1e13]
}

fn facts() -> impl Strategy<Value = Facts> {
    let cpu = (number(), number(), number(), prop::option::of(number()));
    let memory = (number(), number(), any::<i64>(), prop::option::of(number()));
    let deciders = prop::sample::select(vec![
        Decider::Throttling,
        Decider::JavaHeap,
        Decider::OomKill,
        Decider::StartUp,
    ]);
    let usage = (prop::option::of(cpu), prop::option::of(memory), number(), prop::option::of(number()));
    (0..all().len(), resources(), resources(), usage, prop::option::of(deciders)).prop_map(
        |(at, before, after, (cpu, memory, days, share), decider)| {
            let mut facts = all()[at].facts();
            facts.resources = Change { before, after };
            facts.days = days;
            facts.throttled = share;
            facts.startup = Startup { cpu_max: share, memory_max: share };
            facts.strain = Strain { restarts: u64::MAX, cpu_pressure: share, memory_pressure: share };
            facts.cpu = cpu.map(|(median, high, highest, above_request)| CpuFacts {
                median,
                quantile: 0.98,
                high,
                highest,
                highest_at_unix_s: 0,
                above_request,
            });
            facts.memory = memory.map(|(median, highest, highest_at_unix_s, growth)| MemoryFacts {
                median,
                highest,
                highest_at_unix_s,
                growth,
            });
            if let Some(decider) = decider {
                facts.deciders = facts.changed().map(|field| (field, decider)).collect();
            }
            facts
        },
    )
}

proptest! {
    #[test]
    fn whatever_the_facts_are_there_is_an_explanation_within_its_limits(facts in facts()) {
        let explanation = explain(&facts);
        let text = format!("{} {:?}", explanation.summary, explanation.risks);
        prop_assert!((1..=SUMMARY_CHARS_MAX).contains(&explanation.summary.chars().count()), "{}", explanation.summary);
        prop_assert!(explanation.risks.iter().all(|risk| (1..=RISK_CHARS_MAX).contains(&risk.text.chars().count())));
        prop_assert!(!text.contains("{{") && !text.contains("}}"), "{text}");
        prop_assert!(!text.contains("NaN") && !text.contains("inf ") && !text.contains("infm"), "{text}");
        for field in facts.changed() {
            let change = explanation.figures.iter().find(|(name, _)| {
                **name == format!("{}_{}_change", field.resource_key(), field.bound_key().trim_end_matches('s'))
            });
            prop_assert!(explanation.summary.contains(change.unwrap().1), "each change is told: {}", explanation.summary);
        }
    }
}
