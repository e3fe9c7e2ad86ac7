//! Shares of a pod's cost: they add up, none is below nothing, and what init containers do not decide costs nothing.

use kubeopt_model::quantity::GIB;
use proptest::prelude::*;

use super::*;
use crate::price::{UsdPerCoreHour, UsdPerGibHour};

const INIT: ContainerRole = ContainerRole::Init;
const SIDECAR: ContainerRole = ContainerRole::Sidecar;
const MAIN: ContainerRole = ContainerRole::Main;

fn unit() -> UnitPrices {
    UnitPrices {
        core: UsdPerCoreHour::new("0.04".parse().unwrap()).unwrap(),
        gib: UsdPerGibHour::new("0.005".parse().unwrap()).unwrap(),
    }
}

fn requests(cpu: u64) -> Resources {
    let mut resources = Resources::default();
    resources.requests.cpu = Some(MilliCores(cpu));
    resources.requests.memory = Some(Bytes(GIB));
    resources
}

/// Shares of a pod of one replica whose containers go from one CPU request to another.
fn shares(pod: &[(ContainerRole, u64, u64)]) -> Vec<PodShare> {
    let names: Vec<ContainerName> =
        (0..pod.len()).map(|at| ContainerName::new(format!("c{at}")).unwrap()).collect();
    let containers: Vec<PodContainer<'_>> = pod
        .iter()
        .zip(&names)
        .map(|((role, before, after), name)| PodContainer {
            name,
            role: *role,
            resources: Change { before: requests(*before), after: requests(*after) },
            usage: None,
        })
        .collect();
    pod_cost(unit(), &containers, MeanReplicas::steady(1))
}

fn deltas(shares: &[PodShare]) -> Vec<String> {
    shares.iter().map(|share| share.cost.unwrap().delta().signed()).collect()
}

#[test]
fn an_init_container_that_does_not_decide_changes_no_cost_and_says_why() {
    let shares = shares(&[(INIT, 500, 100), (MAIN, 800, 800)]);
    assert_eq!(deltas(&shares), ["$0.00", "$0.00"]);
    // The GiB of the init container is that of the pod as well.
    assert_eq!(shares[0].cost.unwrap().before, Money::ZERO);
    let told = "init container c0 ends before the others start, and the node keeps 800m for those: so this changes no cost";
    assert_eq!(shares[0].notes, [(Resource::Cpu, told.to_owned())]);
    assert!(shares[1].notes.is_empty());
}

#[test]
fn an_init_container_that_decides_costs_what_goes_beyond_the_others() {
    // 0.04 x 730 = $29.20 a core and month; the pod goes from 1000m to 800m.
    let lowered = shares(&[(INIT, 1000, 300), (MAIN, 800, 800)]);
    assert_eq!(deltas(&lowered), ["-$5.84", "$0.00"]);
    assert!(lowered[0].notes[0].1.ends_with("so of this only what goes beyond that changes the cost"));
    // What runs later may be lowered as far as one likes below what the init container asks for.
    let kept = shares(&[(INIT, 1000, 1000), (MAIN, 800, 400)]);
    assert_eq!(deltas(&kept), ["$0.00", "$0.00"]);
    let told = "init container c0 asks for 1000m, which the node keeps for as long as the pod runs: so this changes no cost";
    assert_eq!(kept[1].notes, [(Resource::Cpu, told.to_owned())]);
    // Both together save what the pod no longer asks for: 1000m to 400m.
    let both = shares(&[(INIT, 1000, 300), (MAIN, 800, 400)]);
    assert_eq!(deltas(&both), ["-$5.84", "-$11.68"]);
}

#[test]
fn a_sidecar_that_started_before_counts_beside_an_init_container() {
    let shares = shares(&[(SIDECAR, 200, 100), (INIT, 900, 900), (MAIN, 300, 300)]);
    // 1100m to 1000m.
    assert_eq!(deltas(&shares), ["-$2.92", "$0.00", "$0.00"]);
}

#[test]
fn what_nothing_is_known_of_has_no_cost_and_takes_none_from_others() {
    let names = ["a", "b"].map(|name| ContainerName::new(name).unwrap());
    let nothing = Change { before: Resources::default(), after: Resources::default() };
    let known = Change { before: requests(400), after: requests(200) };
    let pod = [(&names[0], MAIN, nothing), (&names[1], MAIN, known)];
    let containers = pod.map(|(name, role, resources)| PodContainer { name, role, resources, usage: None });
    let shares = pod_cost(unit(), &containers, MeanReplicas::steady(1));
    assert_eq!(shares[0].cost, None);
    assert_eq!(shares[1].cost.unwrap().delta().signed(), "-$5.84");
}

fn role() -> impl Strategy<Value = ContainerRole> {
    prop_oneof![Just(INIT), Just(SIDECAR)]
}

proptest! {
    #[test]
    fn shares_add_up_to_the_pod_and_no_share_saves_more_than_it_was(
        first in proptest::collection::vec((role(), 0_u64..2000, 0_u64..2000), 0..5),
        main in proptest::collection::vec((0_u64..2000, 0_u64..2000), 1..4),
    ) {
        let mains = main.into_iter().map(|(before, after)| (MAIN, before, after));
        let parts: Vec<(ContainerRole, Change<u64>)> = first.into_iter().chain(mains)
            .map(|(role, before, after)| (role, Change { before, after })).collect();
        let side = |of: &dyn Fn(&Change<u64>) -> u64| {
            asked(&parts.iter().map(|(role, part)| (*role, of(part))).collect::<Vec<_>>())
        };
        let shares = shared(&parts);
        prop_assert_eq!(shares.iter().map(|share| share.before).sum::<u64>(), side(&|part| part.before));
        prop_assert_eq!(shares.iter().map(|share| share.after).sum::<u64>(), side(&|part| part.after));
        for ((_, part), share) in parts.iter().zip(&shares) {
            prop_assert!(moves(share).abs() <= moves(part).abs(), "{share:?} {part:?}");
            prop_assert!(moves(share) * moves(part) >= 0);
        }
    }
}
