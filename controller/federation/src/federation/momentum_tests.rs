//! What goes on from round to round: that it helps as it would in one place, and that it ends with what it led to.

use serde_json::{Value, json};

use super::tests::{SHAPE, Windows, base, federation, stored_and_read, upload};
use super::*;
use crate::momentum::{Step, step};

/// One round of these nodes that is accepted, or not.
fn round(federation: &mut Federation, head: &Weights, deltas: &[Vec<f32>], is_accepted: bool) -> Verdict {
    put_together(federation, head, deltas);
    let mut score = |network: &Network| {
        let is_base = network.parameters() == head.network.parameters();
        Some(Score { pinball: if is_base || is_accepted { 1.0 } else { 2.0 }, coverage: 0.9 })
    };
    let now = federation.last_round * 100 + 60;
    federation.validate(now, head, &mut score).unwrap()
}

fn put_together(federation: &mut Federation, head: &Weights, deltas: &[Vec<f32>]) {
    let id = federation.last_round + 1;
    federation.open(id * 100, id * 100 + 50, SHAPE.parameters()).unwrap();
    for (node, delta) in deltas.iter().enumerate() {
        let answer = federation.upload(id * 100, upload(node, id, head, delta.clone())).0;
        assert_eq!(answer, Answer::Accepted);
    }
    federation.close().unwrap();
    federation.put_together(head).unwrap();
}

/// Nodes that agree on one way, which is `length` in each number.
fn agreed(length: f32) -> Vec<Vec<f32>> {
    vec![vec![length; SHAPE.parameters()]; 5]
}

fn apart(one: &Weights, other: &Weights) -> f32 {
    let both = one.network.parameters().iter().zip(other.network.parameters());
    both.map(|(one, other)| (one - other).abs()).fold(0.0, f32::max)
}

#[test]
fn rounds_of_equal_nodes_with_one_full_step_each_are_the_steps_of_one_place_with_momentum() {
    let data = Windows::new(64, 3);
    let learned = |network: &Network| -> Vec<f32> {
        let gradient = data.gradient(network);
        gradient.sum.iter().map(|part| -0.05 * part / gradient.known as f32).collect()
    };
    let (mut head, mut central, mut way) = (base(), base(), vec![0.0; SHAPE.parameters()]);
    let mut federation = federation(&head);
    for _ in 0..6 {
        let own = learned(&head.network);
        head = round(&mut federation, &head, &vec![own; 7], true).weights.unwrap();
        let gradient = learned(&central.network);
        for ((parameter, by), way) in central.network.parameters_mut().iter_mut().zip(gradient).zip(&mut way)
        {
            *way = 0.7 * *way + by;
            *parameter += by + 0.7 * *way;
        }
        assert!(apart(&head, &central) < 1e-6, "{}", apart(&head, &central));
    }
    assert!(apart(&head, &base()) > 0.01);
}

#[test]
fn what_goes_on_lies_elsewhere_meanwhile_and_is_the_same_after_a_restart() {
    let run = |restarts: bool| {
        let mut head = base();
        let mut federation = federation(&head);
        for id in 0..4 {
            if restarts {
                let taken = federation.take_momentum();
                assert_eq!(taken.is_some(), id > 0);
                assert_eq!(federation.take_momentum(), None, "nothing of it is left in the state");
                federation = stored_and_read(&federation);
                let name = federation.momentum().map(str::to_owned);
                assert_eq!(name, taken.as_ref().map(|(name, _)| name.clone()));
                taken.into_iter().for_each(|(_, way)| federation.give_momentum(way));
            }
            head = round(&mut federation, &head, &agreed(0.01), true).weights.unwrap();
        }
        (head, federation)
    };
    let (head, federation) = run(false);
    assert_eq!((head, federation), run(true));
}

#[test]
fn without_its_list_or_with_another_one_a_round_begins_anew() {
    let head = base();
    let mut first = federation(&head);
    let next = round(&mut first, &head, &agreed(0.01), true).weights.unwrap();
    let plain = step(next.network.parameters(), &agreed(0.01)[0], &[], 1e9).candidate;
    let with = |change: &dyn Fn(&mut Federation)| {
        let mut own = first.clone();
        change(&mut own);
        let verdict = round(&mut own, &next, &agreed(0.01), true);
        (verdict.weights.unwrap(), own.versions().head().made_of.clone())
    };
    let (going_on, made_of) = with(&|_| {});
    let lost = with(&|own| drop(own.take_momentum()));
    let other = with(&|own| {
        own.take_momentum();
        own.give_momentum(vec![f32::NAN; SHAPE.parameters()]);
    });
    assert_eq!(lost, other);
    assert_eq!(lost.0.network.parameters(), plain);
    let further = |own: &Weights| own.network.parameters()[0] - next.network.parameters()[0];
    assert!(further(&going_on) > 1.05 * further(&lost.0), "{} {}", further(&going_on), further(&lost.0));
    assert_ne!(made_of, lost.1, "auditors see what went on");
}

#[test]
fn it_ends_where_a_round_is_rejected_its_version_is_taken_back_or_the_network_is_replaced() {
    let head = base();
    let mut federation = federation(&head);
    let next = round(&mut federation, &head, &agreed(0.01), true).weights.unwrap();
    let name = federation.momentum().unwrap().to_owned();
    assert_eq!(federation.prune(), [""; 0]);

    let mut rejected = federation.clone();
    assert!(round(&mut rejected, &next, &agreed(0.01), false).weights.is_none());
    assert_eq!(rejected.momentum(), None);
    assert_eq!(rejected.take_momentum(), None);
    assert_eq!((rejected.prune(), rejected.prune()), (vec![name.clone()], vec![]));

    let mut taken_back = federation.clone();
    assert!(taken_back.versions_mut().roll_back(2).is_some());
    assert_eq!(taken_back.momentum(), None);
    let again = round(&mut taken_back.clone(), &head, &agreed(0.01), true).weights.unwrap();
    assert_eq!(again, next, "as if it had never been");
    assert_eq!(taken_back.prune(), vec![name.clone()]);

    let other = Weights { network: Network::seeded(SHAPE, 9), schema: head.schema };
    let mut replaced = federation.clone();
    replaced.versions_mut().replace(digest(&other.to_bytes()), 5);
    let on_other = round(&mut replaced, &other, &agreed(0.005), true).weights.unwrap();
    let plain = step(other.network.parameters(), &agreed(0.005)[0], &[], 1e9).candidate;
    assert_eq!(on_other.network.parameters(), plain);
    assert_eq!(replaced.prune(), [name]);
}

#[test]
fn a_state_of_an_older_build_goes_on_without() {
    let head = base();
    let mut federation = federation(&head);
    let next = round(&mut federation, &head, &agreed(0.01), true).weights.unwrap();
    put_together(&mut federation, &next, &agreed(0.01));
    let mut older: Value = serde_json::to_value(&federation).unwrap();
    for path in ["", "/round", "/round/state/validating"] {
        let holder = older.pointer_mut(path).and_then(Value::as_object_mut).unwrap();
        assert!(holder.remove("momentum").is_some(), "{path}");
    }
    assert!(older.as_object_mut().unwrap().remove("left").is_some());
    let mut read: Federation = serde_json::from_value(older).unwrap();
    let score = &mut |_: &Network| Some(Score { pinball: 1.0, coverage: 0.9 });
    let third = read.validate(300, &next, score).unwrap().weights.unwrap();
    assert_eq!((read.versions().head().number, read.momentum()), (3, None));
    let fourth = round(&mut read, &third, &agreed(0.01), true).weights.unwrap();
    assert!(fourth != third && read.momentum().is_some());
    assert_eq!(serde_json::to_value(&read).unwrap()["left"], json!([]));
}

#[test]
fn two_hostile_of_ten_gain_nothing_by_momentum_over_many_rounds() {
    let run = |hostile: usize| {
        let mut head = base();
        let mut federation = federation(&head);
        for id in 0..12_usize {
            let one = |node: usize| -> Vec<f32> {
                let own = |at: usize| if (at * 7 + (node + id) * 13).is_multiple_of(8) { 0.05 } else { 0.0 };
                let honest = (0..SHAPE.parameters()).map(|at| 0.006 + own(at));
                // Never far enough to be left out, and always the same way.
                if node < hostile { honest.map(|part| -0.4 * part).collect() } else { honest.collect() }
            };
            let deltas: Vec<Vec<f32>> = (0..10).map(one).collect();
            head = round(&mut federation, &head, &deltas, true).weights.unwrap();
        }
        (head, federation.take_momentum().unwrap().1)
    };
    let (first, (honest, honest_way), (bent, bent_way)) = (base(), run(0), run(2));
    let moved = |own: &Weights| {
        let both = own.network.parameters().iter().zip(first.network.parameters());
        both.map(|(own, first)| f64::from(own - first)).sum::<f64>()
    };
    assert!(moved(&bent) > 0.3 * moved(&honest), "{} {}", moved(&bent), moved(&honest));
    assert!(bent_way.iter().all(|own| *own > 0.0), "each goes where all honest ones go");
    assert!(honest_way.iter().all(|own| *own > 0.0));
}

#[test]
fn its_length_is_bounded_however_many_rounds_go_the_same_way() {
    let longest = vec![1.0 / (SHAPE.parameters() as f32).sqrt(); SHAPE.parameters()];
    let mut way = Vec::new();
    for _ in 0..100 {
        let Step { way: next, .. } = step(&longest, &longest, &way, 0.5);
        way = next;
        assert!(norm(&way) <= 0.5 / (1.0 - 0.7) + 1e-4, "{}", norm(&way));
    }
}
