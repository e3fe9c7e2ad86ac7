//! What a pod asks for, all of its containers together, as the scheduler and quotas count it: the containers that run at the
//! same time add up, and init containers run before the others, one after another, beside the native sidecars that were
//! started before them (`k8s.io/component-helpers/resource`, `PodRequests`).

use crate::workload::ContainerRole;

/// The most that is asked for at one time. Containers are in the order of the template, init containers first, each with
/// an amount in one unit.
pub fn asked(containers: &[(ContainerRole, u64)]) -> u64 {
    let (mut together, mut sidecars, mut highest) = (0_u64, 0_u64, 0_u64);
    for (role, amount) in containers {
        match role {
            ContainerRole::Main => together = together.saturating_add(*amount),
            ContainerRole::Sidecar => sidecars = sidecars.saturating_add(*amount),
            ContainerRole::Init => highest = highest.max(sidecars.saturating_add(*amount)),
        }
    }
    highest.max(together.saturating_add(sidecars))
}

/// The most that the others ask for while the container at an index runs; 0 where there is none.
pub fn asked_beside(containers: &[(ContainerRole, u64)], index: usize) -> u64 {
    let Some((role, _)) = containers.get(index) else { return 0 };
    let mut without = containers.to_vec();
    if let Some((_, own)) = without.get_mut(index) {
        *own = 0;
    }
    match role {
        // It runs to its end before what follows it.
        ContainerRole::Init => {
            let before = without.iter().take(index).filter(|(role, _)| *role == ContainerRole::Sidecar);
            before.map(|(_, amount)| *amount).fold(0, u64::saturating_add)
        }
        // Before it starts, others have ended.
        ContainerRole::Main => {
            without.retain(|(role, _)| *role != ContainerRole::Init);
            asked(&without)
        }
        ContainerRole::Sidecar => {
            let ended = |(at, (role, _)): &(usize, &(ContainerRole, u64))| {
                *at < index && *role == ContainerRole::Init
            };
            let beside = without.iter().enumerate().filter(|of| !ended(of));
            asked(&beside.map(|(_, of)| *of).collect::<Vec<_>>())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const INIT: ContainerRole = ContainerRole::Init;
    const SIDECAR: ContainerRole = ContainerRole::Sidecar;
    const MAIN: ContainerRole = ContainerRole::Main;

    #[test]
    fn a_pod_asks_for_the_largest_of_its_moments() {
        for (containers, wanted) in [
            (&[(MAIN, 300), (MAIN, 200)][..], 500),
            (&[(INIT, 400), (INIT, 700), (MAIN, 300)], 700),
            (&[(INIT, 100), (SIDECAR, 200), (INIT, 900), (MAIN, 300)], 1100),
            (&[(INIT, 900), (SIDECAR, 200), (MAIN, 300)], 900),
            (&[(SIDECAR, 200), (MAIN, 300)], 500),
            (&[], 0),
        ] {
            assert_eq!(asked(containers), wanted, "{containers:?}");
        }
    }

    #[test]
    fn beside_a_container_runs_what_has_not_ended_before_it() {
        let pod = [(INIT, 100), (SIDECAR, 200), (INIT, 900), (MAIN, 300), (MAIN, 50)];
        for (index, beside) in [(0, 0), (1, 900), (2, 200), (3, 250), (4, 500), (9, 0)] {
            assert_eq!(asked_beside(&pod, index), beside, "{index}");
        }
    }
}
