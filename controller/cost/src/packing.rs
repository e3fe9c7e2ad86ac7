//! How many nodes of one shape a set of pods needs: first fit, largest first.
//!
//! Knows amounts only. What a scheduler also looks at (affinity, spread, ports, volumes) is not looked at, so the answer is
//! a lower estimate of nodes on both sides of a comparison; docs/costs.md says so.

use kubeopt_model::{Bytes, MilliCores};

/// What one pod reserves.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Reserved {
    /// CPU.
    pub cpu: MilliCores,
    /// Memory.
    pub memory: Bytes,
}

impl std::ops::Add for Reserved {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self {
            cpu: MilliCores(self.cpu.0.saturating_add(other.cpu.0)),
            memory: Bytes(self.memory.0.saturating_add(other.memory.0)),
        }
    }
}

impl std::iter::Sum for Reserved {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::default(), std::ops::Add::add)
    }
}

/// What an empty node offers to pods.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shape {
    /// CPU and memory that pods may use.
    pub room: Reserved,
    /// Pods that it may run.
    pub pods: u32,
}

impl Shape {
    /// What is left once every node runs its share of DaemonSets. None where they alone do not fit.
    #[must_use]
    pub fn less(self, daemons: Reserved, count: u32) -> Option<Self> {
        let cpu = self.room.cpu.0.checked_sub(daemons.cpu.0)?;
        let memory = self.room.memory.0.checked_sub(daemons.memory.0)?;
        let room = Reserved { cpu: MilliCores(cpu), memory: Bytes(memory) };
        Some(Self { room, pods: self.pods.checked_sub(count)? })
    }

    fn fits(&self, pod: Reserved) -> bool {
        self.pods > 0 && pod.cpu <= self.room.cpu && pod.memory <= self.room.memory
    }

    fn put(&mut self, pod: Reserved) {
        self.room.cpu.0 -= pod.cpu.0;
        self.room.memory.0 -= pod.memory.0;
        self.pods -= 1;
    }
}

/// Nodes that the pods need, or none where a pod is larger than an empty node.
pub fn nodes_needed(shape: Shape, pods: &[Reserved]) -> Option<usize> {
    let mut order: Vec<Reserved> = pods.to_vec();
    // The larger of the two shares of a node decides which pod is large; ties by the amounts, so that equal input packs
    // equally whatever its order.
    let share = |pod: &Reserved| {
        let of = |amount: u64, room: u64| u128::from(amount) * 1_000_000 / u128::from(room.max(1));
        of(pod.cpu.0, shape.room.cpu.0).max(of(pod.memory.0, shape.room.memory.0))
    };
    order.sort_by_key(|pod| std::cmp::Reverse((share(pod), *pod)));
    let mut open: Vec<Shape> = Vec::new();
    for pod in order {
        if !shape.fits(pod) {
            return None;
        }
        match open.iter_mut().find(|node| node.fits(pod)) {
            Some(node) => node.put(pod),
            None => {
                let mut node = shape;
                node.put(pod);
                open.push(node);
            }
        }
    }
    Some(open.len())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn pod(cpu: u64, memory: u64) -> Reserved {
        Reserved { cpu: MilliCores(cpu), memory: Bytes(memory) }
    }

    fn shape(cpu: u64, memory: u64, pods: u32) -> Shape {
        Shape { room: pod(cpu, memory), pods }
    }

    #[test]
    fn either_resource_or_the_count_of_pods_can_bind() {
        assert_eq!(nodes_needed(shape(4000, 100, 110), &[pod(2000, 10); 5]), Some(3));
        assert_eq!(nodes_needed(shape(4000, 100, 110), &[pod(10, 50); 5]), Some(3));
        assert_eq!(nodes_needed(shape(4000, 100, 2), &[pod(10, 1); 5]), Some(3));
        assert_eq!(nodes_needed(shape(4000, 100, 110), &[]), Some(0));
        assert_eq!(nodes_needed(shape(4000, 100, 110), &[pod(4001, 1)]), None);
    }

    #[test]
    fn large_pods_go_first_so_that_small_ones_fill_the_gaps() {
        let pods = [pod(1000, 1), pod(3000, 1), pod(1000, 1), pod(3000, 1)];
        assert_eq!(nodes_needed(shape(4000, 100, 110), &pods), Some(2));
    }

    #[test]
    fn daemon_sets_take_their_share_of_every_node() {
        assert_eq!(shape(4000, 100, 10).less(pod(500, 20), 3), Some(shape(3500, 80, 7)));
        assert_eq!(shape(4000, 100, 2).less(pod(500, 20), 3), None);
    }

    proptest! {
        #[test]
        fn nothing_is_packed_beyond_what_the_nodes_hold(
            pods in proptest::collection::vec((0_u64..4000, 0_u64..100), 0..60), slots in 1_u32..20,
        ) {
            let pods: Vec<Reserved> = pods.into_iter().map(|(cpu, memory)| pod(cpu, memory)).collect();
            let needed = nodes_needed(shape(4000, 100, slots), &pods).unwrap() as u64;
            let sum: Reserved = pods.iter().copied().sum();
            prop_assert!(sum.cpu.0 <= needed * 4000 && sum.memory.0 <= needed * 100);
            prop_assert!(pods.len() as u64 <= needed * u64::from(slots) && needed <= pods.len() as u64);
        }

        #[test]
        fn the_order_of_the_pods_does_not_matter(
            pods in proptest::collection::vec((0_u64..4000, 0_u64..100), 0..40),
        ) {
            let mut pods: Vec<Reserved> = pods.into_iter().map(|(cpu, memory)| pod(cpu, memory)).collect();
            let forward = nodes_needed(shape(4000, 100, 30), &pods);
            pods.reverse();
            prop_assert_eq!(forward, nodes_needed(shape(4000, 100, 30), &pods));
        }
    }
}
