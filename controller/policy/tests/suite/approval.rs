//! When people have to approve, and whose word counts.

use kubeopt_model::recommendation::Risk;
use kubeopt_model::{CapacityCost, EffectivePolicy, Money};
use kubeopt_policy::{
    ChangeSize, Says, Voice, Voices, approval_missing, approval_needed, count_voices, policy_status,
};
use proptest::prelude::*;

use crate::fixture::{Case, wish};

fn size(increase: f64, decrease: f64, monthly: Option<i64>) -> ChangeSize {
    let monthly = monthly.map(|dollars| Money(dollars.into()));
    ChangeSize { increase, decrease, unmeasured: 0, monthly, risk: Risk::Low }
}

fn policy(
    ratio: Option<f64>,
    increase: Option<f64>,
    decrease: Option<f64>,
    monthly: Option<i64>,
) -> EffectivePolicy {
    let mut policy = EffectivePolicy::default();
    policy.approval.above_ratio = ratio;
    policy.approval.above_increase = increase;
    policy.approval.above_decrease = decrease;
    policy.approval.above_monthly = monthly.map(|dollars| Money(dollars.into()));
    policy.approval.approvers = 2;
    policy
}

#[test]
fn the_size_of_a_change_is_that_of_its_largest_values() {
    let mut both = Case::of(vec![wish("100m - 1Gi -", "130m - 512Mi -"), wish("1 2 1Gi 1Gi", "1 3 1Gi 1Gi")])
        .recommendation();
    let of = ChangeSize::of([&both]);
    assert_eq!((of.increase, of.decrease, of.ratio(), of.unmeasured), (0.5, 0.5, 0.5, 0));
    assert_eq!(of.monthly, None, "a price is unknown");
    for member in &mut both.members {
        member.cost = Some(CapacityCost { before: Money(30.into()), after: Money(10.into()) });
    }
    both.risk = Risk::High;
    let of = ChangeSize::of([&both, &both]);
    assert_eq!((of.monthly, of.risk), (Some(Money((-80).into())), Risk::High));
    let created = Case::of(vec![wish("- 2 1Gi 2Gi", "100m 2 1Gi -")]).recommendation();
    let of = ChangeSize::of([&created]);
    assert_eq!((of.increase, of.decrease, of.unmeasured), (0.0, 0.0, 2), "of these no share can be told");
    assert_eq!(ChangeSize::of([]).monthly, Some(Money::ZERO));
}

#[test]
fn a_change_above_any_threshold_needs_an_approval_and_says_which() {
    let needs = |size: &ChangeSize, policy: &EffectivePolicy| {
        approval_needed(size, policy).map(|needed| (needed.count, needed.why.join("; ")))
    };
    let default = EffectivePolicy::default();
    assert_eq!(needs(&size(9.0, 0.9, None), &default), None, "without a threshold nothing is large");
    let told = |text: &str| Some((2, text.to_owned()));
    let half = policy(Some(0.5), None, None, None);
    assert_eq!(needs(&size(0.5, 0.5, None), &half), None);
    assert_eq!(
        needs(&size(0.0, 0.625, None), &half),
        told("a value moves by 62.5 %, above 50 % (approval.large.aboveRatio)")
    );
    let ways = policy(None, Some(1.0), Some(0.3), None);
    assert_eq!(
        needs(&size(1.2, 0.4, None), &ways),
        told(
            "a value grows by 120 %, above 100 % (approval.large.aboveIncrease); \
             a value shrinks by 40 %, above 30 % (approval.large.aboveDecrease)"
        )
    );
    let money = policy(None, None, None, Some(500));
    for dollars in [-500, 0, 500] {
        assert_eq!(needs(&size(0.1, 0.1, Some(dollars)), &money), None, "{dollars}");
    }
    for dollars in [-501, 501] {
        let (_, why) = needs(&size(0.1, 0.1, Some(dollars)), &money).unwrap();
        assert!(why.contains("501.00 a month, above $500.00"), "{why}");
    }
    let (_, why) = needs(&size(0.1, 0.1, None), &money).unwrap();
    assert!(why.starts_with("what it costs is unknown"), "{why}");
}

fn voice(person: &str, says: Says) -> Voice<'_> {
    Voice { person, says, may_write: true, is_bot: false, is_current: true }
}

fn counted(voices: &[Voice<'_>]) -> (Vec<String>, Vec<String>) {
    let Voices { approving, objecting } = count_voices(voices.iter().copied());
    (approving.into_iter().collect(), objecting.into_iter().collect())
}

#[test]
fn of_one_person_the_last_word_counts_once() {
    let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    let (yes, no, nothing) = (voice("ann", Says::Yes), voice("ann", Says::No), voice("ann", Says::Nothing));
    let stale = Voice { is_current: false, ..yes };
    for (voices, approving, objecting) in [
        (&[yes, voice("Ann", Says::Yes), voice("bob", Says::Yes)][..], &["ann", "bob"][..], &[][..]),
        (&[yes, no], &[], &["ann"]),
        (&[no, yes], &["ann"], &[]),
        (&[no, nothing], &[], &[]),
        (&[yes, nothing], &[], &[]),
        (&[stale], &[], &[]),
        (&[no, stale], &[], &["ann"]),
        (&[Voice { may_write: false, ..yes }, Voice { is_bot: true, ..voice("ci", Says::Yes) }], &[], &[]),
        (&[Voice { may_write: false, is_current: false, ..no }], &[], &["ann"]),
    ] {
        assert_eq!(counted(voices), (names(approving), names(objecting)), "{voices:?}");
    }
}

#[test]
fn what_is_missing_is_said_until_enough_people_approved() {
    let needed = approval_needed(&size(0.0, 0.9, None), &policy(Some(0.5), None, None, None));
    let one = count_voices([voice("ann", Says::Yes)]);
    let two = count_voices([voice("ann", Says::Yes), voice("bob", Says::Yes)]);
    let missing = approval_missing(needed.as_ref(), &one).unwrap();
    assert!(
        missing.starts_with("1 of 2 people with write access approved: a value moves by 90 %"),
        "{missing}"
    );
    assert_eq!(approval_missing(needed.as_ref(), &two), None);
    assert_eq!(approval_missing(None, &Voices::default()), None);
}

#[test]
fn the_status_is_green_when_nothing_is_missing_and_fits_every_forge() {
    let all = policy(Some(0.1), Some(0.1), Some(0.1), Some(1));
    let large = size(2.0, 0.5, Some(900));
    let nobody = Voices::default();
    let status = policy_status(&large, &nobody, &all);
    assert!(!status.is_green && status.text.starts_with("0 of 2 people with write access approved"));
    assert_eq!((status.text.chars().count(), status.text.ends_with('…')), (140, true));
    let two = count_voices([voice("ann", Says::Yes), voice("bob", Says::Yes)]);
    assert_eq!(policy_status(&large, &two, &all).text, "2 of 2 approved");
    let status = policy_status(&large, &nobody, &EffectivePolicy::default());
    assert_eq!((status.is_green, status.text.as_str()), (true, "within all limits, no approval needed"));
}

proptest! {
    #[test]
    fn a_larger_change_never_needs_less(
        ratio in prop::option::of(0.0..3.0_f64),
        increase in prop::option::of(0.0..3.0_f64),
        monthly in prop::option::of(0_i64..1000),
        smaller in (0.0..4.0_f64, 0.0..1.0_f64, 0_i64..2000),
        more in (0.0..2.0_f64, 0_i64..500),
    ) {
        let policy = policy(ratio, increase, None, monthly);
        let small = size(smaller.0, smaller.1, Some(smaller.2));
        let large = size(smaller.0 + more.0, smaller.1, Some(smaller.2 + more.1));
        prop_assert!(approval_needed(&small, &policy).is_none() || approval_needed(&large, &policy).is_some());
    }
}
