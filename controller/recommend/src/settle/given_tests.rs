//! Values that people gave, beside what is sized.

use kubeopt_model::recommendation::SET_BY_HAND;
use kubeopt_model::{Amount, Bytes, Field, MilliCores, NoRecommendation};

use super::recommend;
use super::tests::{demand, with_cpu};
use crate::GivenValue;
use crate::evidence::Evidence;

fn given(mut evidence: Evidence, field: Field, value: Amount) -> Evidence {
    evidence.given.push(GivenValue { field, value, text: "set by alice in #12".to_owned() });
    evidence
}

#[test]
fn a_value_that_a_person_gave_stands_exactly_and_says_who_gave_it() {
    let odd = Amount::Memory(Bytes(777_777_777));
    let recommendation =
        recommend(&demand(vec![given(with_cpu(50.0, "a"), Field::MEMORY_REQUEST, odd)])).unwrap();
    let change = recommendation.changes.iter().find(|change| change.field == Field::MEMORY_REQUEST).unwrap();
    assert_eq!(change.value.after, odd, "it is not rounded");
    let bound: Vec<_> = recommendation
        .reasons
        .iter()
        .filter(|reason| reason.bound && reason.field == Field::MEMORY_REQUEST)
        .collect();
    assert_eq!((bound.len(), bound[0].rule.as_str()), (1, SET_BY_HAND));
    let sized = recommendation.changes.iter().find(|change| change.field == Field::CPU_REQUEST).unwrap();
    let alone = recommend(&demand(vec![with_cpu(50.0, "a")])).unwrap();
    let alone = alone.changes.iter().find(|change| change.field == Field::CPU_REQUEST).unwrap();
    assert_eq!(sized.value, alone.value, "what was not given is sized as ever");
}

#[test]
fn a_container_that_was_never_seen_gets_what_it_was_given_and_nothing_else() {
    let mut unseen = with_cpu(50.0, "a");
    unseen.usage = None;
    assert_eq!(recommend(&demand(vec![unseen.clone()])).err(), Some(NoRecommendation::NoUsage));
    let asked = Amount::Cpu(MilliCores(300));
    let recommendation = recommend(&demand(vec![given(unseen, Field::CPU_REQUEST, asked)])).unwrap();
    let changed: Vec<_> =
        recommendation.changes.iter().map(|change| (change.field, change.value.after)).collect();
    assert_eq!(changed, [(Field::CPU_REQUEST, asked)]);
    assert_eq!(recommendation.members.len(), 1);
}

#[test]
fn a_limit_never_ends_below_a_given_request() {
    let asked = Amount::Cpu(MilliCores(9000));
    let recommendation =
        recommend(&demand(vec![given(with_cpu(50.0, "a"), Field::CPU_REQUEST, asked)])).unwrap();
    let after = recommendation.members[0].resources.after;
    assert_eq!(after.get(Field::CPU_REQUEST), Some(asked));
    assert!(after.get(Field::CPU_LIMIT).is_none_or(|limit| limit >= asked), "{after:?}");
}
