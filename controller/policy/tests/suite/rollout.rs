//! Environments in order, clusters in waves: what waits for what, and until when.

use jiff::Timestamp;
use kubeopt_model::policy::Environment;
use kubeopt_model::{ClusterName, EffectivePolicy};
use kubeopt_policy::{RolloutStep, Stage, next_environment, rollout_hold, wave_of};
use proptest::prelude::*;

use Environment::{Dev, Prod, Staging};

fn now() -> Timestamp {
    "2026-01-16T12:00:00Z".parse().unwrap()
}

fn ago(hours: i64) -> Stage {
    Stage::Running { since: now() - jiff::SignedDuration::from_hours(hours) }
}

fn step(environment: Option<Environment>, cluster: &str, stage: Stage) -> RolloutStep {
    RolloutStep { environment, cluster: ClusterName::new(cluster).unwrap(), stage }
}

fn ordered(order: &[Environment], waves: &[&str]) -> EffectivePolicy {
    let mut policy = EffectivePolicy::default();
    policy.rollout.order = order.iter().copied().collect();
    policy.rollout.waves = waves.iter().map(|wave| (*wave).to_owned()).collect();
    policy
}

#[test]
fn the_next_environment_waits_until_the_former_has_soaked() {
    let policy = ordered(&[Dev, Staging, Prod], &[]);
    for (dev, staging, next, told) in [
        (Stage::Wanted, Stage::Wanted, Some(Dev), "is not proposed yet"),
        (Stage::Open, Stage::Wanted, None, "is open and not merged"),
        (Stage::Merged, Stage::Wanted, None, "is merged and not seen in the cluster yet"),
        (ago(23), Stage::Wanted, None, "soaks until 2026-01-16 13:00 UTC"),
        (Stage::Declined, Stage::Wanted, None, "was closed without a merge"),
        (Stage::Harmed, Stage::Wanted, None, "did harm"),
        (ago(24), Stage::Wanted, Some(Staging), ""),
        (Stage::Unneeded, Stage::Wanted, Some(Staging), ""),
    ] {
        let steps = [
            step(Some(Prod), "one", Stage::Wanted),
            step(Some(Staging), "one", staging),
            step(Some(Dev), "one", dev),
        ];
        assert_eq!(next_environment(&steps, &policy, now()), next, "{dev:?}");
        let held = rollout_hold(&steps[1], &steps, &policy, now());
        let text = held.map_or(String::new(), |hold| hold.text);
        let expected = match told {
            "" => String::new(),
            told => format!("waits for dev in cluster one, where it {told} (rollout.order)"),
        };
        assert_eq!(text, expected, "{dev:?}");
    }
}

#[test]
fn an_environment_that_is_not_there_or_not_in_the_order_lets_nobody_wait() {
    let policy = ordered(&[Dev, Prod], &[]);
    let prod = step(Some(Prod), "one", Stage::Wanted);
    let steps = [prod.clone(), step(Some(Staging), "one", Stage::Open), step(None, "one", Stage::Open)];
    assert_eq!(rollout_hold(&prod, &steps, &policy, now()), None);
    assert_eq!(next_environment(&steps, &policy, now()), Some(Prod));
    assert_eq!(rollout_hold(&steps[2], &steps, &policy, now()), None);
    let free = EffectivePolicy::default();
    let steps = [prod.clone(), step(Some(Dev), "one", Stage::Harmed)];
    assert_eq!(rollout_hold(&prod, &steps, &free, now()), None, "without an order nothing waits");
    assert_eq!(next_environment(&steps, &free, now()), None);
}

#[test]
fn within_an_environment_clusters_come_in_waves_and_others_last() {
    let policy = ordered(&[Dev, Prod], &["canary-*", "{eu,us}-1"]);
    let number = |cluster: &str| wave_of(&ClusterName::new(cluster).unwrap(), &policy.rollout);
    assert_eq!(["canary-1", "us-1", "eu-1", "asia"].map(number), [0, 1, 1, 2]);
    let steps = [
        step(Some(Prod), "canary-1", ago(30)),
        step(Some(Prod), "canary-2", ago(1)),
        step(Some(Prod), "us-1", Stage::Wanted),
        step(Some(Prod), "asia", Stage::Wanted),
        step(Some(Dev), "canary-1", ago(30)),
    ];
    let text = |index: usize| {
        rollout_hold(&steps[index], &steps, &policy, now()).map(|hold| (hold.until, hold.text))
    };
    let tomorrow = "2026-01-17T11:00:00Z".parse().unwrap();
    assert_eq!(
        text(2),
        Some((
            Some(tomorrow),
            "waits for prod in cluster canary-2, where it soaks until 2026-01-17 11:00 UTC (rollout.waves)"
                .to_owned()
        ))
    );
    assert_eq!(
        text(3),
        Some((
            None,
            "waits for prod in cluster us-1, where it is not proposed yet (rollout.waves)".to_owned()
        )),
        "what depends on people is told before what depends on time"
    );
    assert_eq!(text(1), None, "clusters of one wave do not wait for each other");
}

#[test]
fn a_soak_of_any_length_is_counted_and_never_panics() {
    let mut policy = ordered(&[Dev, Prod], &[]);
    let steps = [step(Some(Prod), "one", Stage::Wanted), step(Some(Dev), "one", ago(0))];
    for (seconds, waits) in [(0, false), (-1, false), (1, true), (i64::MAX, true)] {
        policy.rollout.soak_seconds = seconds;
        assert_eq!(rollout_hold(&steps[0], &steps, &policy, now()).is_some(), waits, "{seconds}");
    }
}

fn some_step() -> impl Strategy<Value = RolloutStep> {
    let stage = prop_oneof![
        Just(Stage::Wanted),
        Just(Stage::Open),
        Just(Stage::Merged),
        Just(Stage::Declined),
        Just(Stage::Harmed),
        Just(Stage::Unneeded),
        (0_i64..72).prop_map(ago),
    ];
    let environment = prop::option::of(prop_oneof![Just(Dev), Just(Staging), Just(Prod)]);
    (environment, 0_u8..3, stage)
        .prop_map(|(environment, cluster, stage)| step(environment, &format!("c{cluster}"), stage))
}

proptest! {
    #[test]
    fn whatever_may_be_proposed_has_nothing_unfinished_before_it(
        steps in prop::collection::vec(some_step(), 1..8),
        waves in any::<bool>(),
    ) {
        let policy = ordered(&[Dev, Staging, Prod], if waves { &["c0", "c1"] } else { &[] });
        let next = next_environment(&steps, &policy, now());
        if let Some(next) = next {
            let earlier = steps.iter().filter(|step| step.environment.is_some_and(|each| each < next));
            for step in earlier {
                let is_done = step.stage == Stage::Unneeded
                    || matches!(step.stage, Stage::Running { since } if now().duration_since(since) >= jiff::SignedDuration::from_hours(24));
                prop_assert!(is_done, "{step:?}");
            }
        }
        // Somebody can always move: of what is wanted, what comes first waits for no wanted step.
        let held: Vec<_> = steps.iter().filter_map(|step| rollout_hold(step, &steps, &policy, now())).collect();
        prop_assert!(held.iter().all(|hold| hold.guardrail == "rollout" && !hold.text.ends_with('.')));
    }
}
