//! What holds for every recommendation: idempotent, bounded, consistent.

use kubeopt_model::cluster::LimitRange;
use kubeopt_model::recommendation::SiteChange;
use kubeopt_model::workload::ResourceList;
use kubeopt_model::{Amount, Bound, Bytes, Field, MilliCores, Resource, Resources};
use kubeopt_policy::Admission;
use proptest::prelude::*;

use crate::fixture::{Case, Wish, namespace, node};

const MIB: u64 = 1 << 20;

prop_compose! {
    /// Request and limit of one resource, now and wanted; the request is never above the limit, which may go. A request that
    /// is not set may be created.
    fn pair(unit: u64, most: u64)(
        set in (any::<bool>(), any::<bool>()),
        now in (1..most, 1..most),
        wanted in (1..most, 1..most),
        equal in any::<bool>(),
        bare in prop::bool::weighted(0.2),
        create in any::<bool>(),
    ) -> [(Option<u64>, Option<u64>); 2] {
        let ordered = |(a, b): (u64, u64)| if equal { (a, a) } else { (a.min(b), a.max(b)) };
        let ((request, limit), (request_after, limit_after)) = (ordered(now), ordered(wanted));
        [
            (set.0.then_some(request * unit), (set.0 || create).then_some(request_after * unit)),
            (set.1.then_some(limit * unit), (set.1 && !bare).then_some(limit_after * unit)),
        ]
    }
}

prop_compose! {
    fn some_wish()(cpu in pair(1, 4000), memory in pair(MIB / 4, 32_000), highest in 0_u32..4000) -> Wish {
        let (mut before, mut after) = (Resources::default(), Resources::default());
        for (resource, [request, limit]) in [(Resource::Cpu, cpu), (Resource::Memory, memory)] {
            for (bound, (now, wanted)) in [(Bound::Request, request), (Bound::Limit, limit)] {
                let amount = |base| Amount::from_base(resource, base);
                now.into_iter().for_each(|now| before.set(bound, amount(now)));
                wanted.into_iter().for_each(|wanted| after.set(bound, amount(wanted)));
            }
        }
        Wish { before, after, highest_mebi: f64::from(highest), replicas: 3 }
    }
}

prop_compose! {
    fn some_case()(
        wishes in prop::collection::vec(some_wish(), 1..3),
        increase in 1_u32..400,
        decrease in 0_u32..99,
        floor in (1_u64..500, 1_u64..500),
        ceiling in prop::option::of((500_u64..4000, 500_u64..8000)),
        range in prop::option::of((1_u64..300, 1000_u64..4000, 1000_u64..4000)),
        largest in prop::option::of((100_u64..8000, 100_u64..8000)),
        cures_oom in any::<bool>(),
    ) -> Case {
        let mut case = Case::of(wishes);
        case.policy.changes.max_increase = f64::from(increase) / 100.0;
        case.policy.changes.max_decrease = f64::from(decrease) / 100.0;
        case.policy.sizing.cpu_floor = MilliCores(floor.0);
        case.policy.sizing.memory_floor = Bytes::mebi(floor.1);
        case.policy.sizing.cpu_ceiling = ceiling.map(|(cpu, _)| MilliCores(cpu));
        case.policy.sizing.memory_ceiling = ceiling.map(|(_, memory)| Bytes::mebi(memory));
        case.facts.limit_ranges = range
            .map(|(min, max, ratio)| LimitRange {
                namespace: namespace(),
                name: "bounds".to_owned(),
                min: ResourceList { cpu: Some(MilliCores(min)), memory: Some(Bytes::mebi(min)) },
                max: ResourceList { cpu: Some(MilliCores(max)), memory: Some(Bytes::mebi(max)) },
                default_limit: ResourceList::default(),
                max_ratio_per_mille: (Some(ratio), Some(ratio)),
            })
            .into_iter()
            .collect();
        case.facts.nodes = largest.map(|(cpu, memory)| node(cpu, memory, true)).into_iter().collect();
        case.cures_oom = cures_oom;
        case
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn admitting_twice_changes_nothing(case in some_case()) {
        if let (Admission::Admitted(once), _) = case.judge() {
            let (twice, verdicts) = case.judge_again(once.clone());
            prop_assert_eq!(verdicts, Vec::new());
            prop_assert_eq!(twice, Admission::Admitted(once));
        }
    }

    #[test]
    fn every_admitted_value_lies_between_the_present_and_the_wanted_one_and_within_all_bounds(case in some_case()) {
        let Admission::Admitted(admitted) = case.judge().0 else { return Ok(()) };
        let wanted = case.recommendation();
        let policy = &case.policy;
        for change in &admitted.changes {
            let asked = |c: &&SiteChange| c.site == change.site && c.field == change.field;
            let Some(first) = wanted.changes.iter().find(asked) else {
                // A limit that was to go and has to stay below a request that grew.
                prop_assert!(wanted.removals.iter().any(|r| r.site == change.site && r.field == change.field));
                prop_assert!(change.value.after > change.value.before);
                continue;
            };
            let (now, after, wish) = (change.value.before.base(), change.value.after.base(), first.value.after.base());
            prop_assert_eq!(change.value.before, first.value.before);
            prop_assert!(now.min(wish) <= after && after <= now.max(wish));
            prop_assert!(after as f64 <= now as f64 * (1.0 + policy.changes.max_increase) + 1.0);
            prop_assert!(after as f64 >= now as f64 * (1.0 - policy.changes.max_decrease) - 1.0);
            if change.field.bound == Bound::Request {
                let (floor, ceiling) = match change.field.resource {
                    Resource::Cpu => (policy.sizing.cpu_floor.0, policy.sizing.cpu_ceiling.map(|cpu| cpu.0)),
                    Resource::Memory => (policy.sizing.memory_floor.0, policy.sizing.memory_ceiling.map(|memory| memory.0)),
                };
                prop_assert!(after >= floor || after > now, "lowered below the floor");
                prop_assert!(ceiling.is_none_or(|ceiling| after <= ceiling || after < now), "raised above the ceiling");
            }
            if change.field.resource == Resource::Memory && after < now {
                prop_assert!(after >= 32 * MIB);
            }
        }
    }

    #[test]
    fn what_is_created_is_within_all_bounds_or_not_created(case in some_case()) {
        let Admission::Admitted(admitted) = case.judge().0 else { return Ok(()) };
        let sizing = &case.policy.sizing;
        for addition in &admitted.additions {
            let after = addition.after.base();
            let (floor, ceiling, unit) = match addition.field.resource {
                Resource::Cpu => (sizing.cpu_floor.0, sizing.cpu_ceiling.map(|cpu| cpu.0), 1),
                Resource::Memory => {
                    (sizing.memory_floor.0.max(32 * MIB), sizing.memory_ceiling.map(|memory| memory.0), MIB)
                }
            };
            prop_assert!(after >= floor && ceiling.is_none_or(|ceiling| after <= ceiling));
            for range in &case.facts.limit_ranges {
                let of = |list: &ResourceList| match addition.field.resource {
                    Resource::Cpu => list.cpu.map_or(0, |cpu| cpu.0),
                    Resource::Memory => list.memory.map_or(0, |memory| memory.0),
                };
                prop_assert!(of(&range.min) <= after && after <= of(&range.max));
            }
            for node in &case.facts.nodes {
                let whole = [node.allocatable_cpu.0, node.allocatable_memory.0 / MIB * unit];
                prop_assert!(after <= whole[usize::from(unit == MIB)]);
            }
        }
    }

    #[test]
    fn containers_end_with_what_the_scalars_say_and_never_with_a_request_above_its_limit(case in some_case()) {
        let Admission::Admitted(admitted) = case.judge().0 else { return Ok(()) };
        for (index, member) in admitted.members.iter().enumerate() {
            for field in Field::ALL {
                let changed = admitted.changes.iter().find(|c| c.site.line == 10 + index && c.field == field);
                let goes = admitted.removals.iter().any(|r| r.site.line == 10 + index && r.field == field);
                let created = admitted.additions.iter().find(|a| a.site.line == 10 + index && a.field == field);
                let now = member.resources.before.get(field).filter(|_| !goes);
                let value = changed.map(|change| change.value.after).or(created.map(|created| created.after));
                let expected = value.or(now);
                prop_assert_eq!(member.resources.after.get(field), expected);
            }
            for resource in [Resource::Cpu, Resource::Memory] {
                let of = |bound| member.resources.after.get(Field { bound, resource });
                if let (Some(request), Some(limit)) = (of(Bound::Request), of(Bound::Limit)) {
                    prop_assert!(request <= limit);
                }
            }
        }
    }

    #[test]
    fn a_guaranteed_pod_stays_guaranteed(case in some_case()) {
        let Admission::Admitted(admitted) = case.judge().0 else { return Ok(()) };
        let class = |after: bool| kubeopt_model::workload::qos_class(
            admitted.members.iter().map(|m| if after { &m.resources.after } else { &m.resources.before }),
        );
        if class(false) == kubeopt_model::workload::QosClass::Guaranteed {
            prop_assert_eq!(class(true), class(false));
        }
    }
}
