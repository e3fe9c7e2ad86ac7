//! kubeopt's own rule: both resources by an explicit cost, see [`crate::CpuCost`] and [`crate::MemoryCost`].

use crate::cpu_cost::CpuCost;
use crate::given::{Given, History, Strategy};
use crate::memory_cost::MemoryCost;

/// The two costs.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Kubeopt {
    /// Of CPU.
    pub cpu: CpuCost,
    /// Of memory.
    pub memory: MemoryCost,
}

impl Kubeopt {
    /// The second operating point: reserves less, at more risk.
    pub fn economy() -> Self {
        Self { cpu: CpuCost::economy(), memory: MemoryCost::economy() }
    }
}

impl Strategy for Kubeopt {
    fn name(&self) -> &'static str {
        "kubeopt"
    }

    fn about(&self) -> &'static str {
        "what is reserved, plus the price of what is likely to exceed it, is least; docs/sizing.md"
    }

    fn days(&self) -> u32 {
        crate::memory_cost::DAYS
    }

    fn give(&self, history: &History<'_>) -> Given {
        Given {
            cpu_request: self.cpu.give(history).map(|chosen| chosen.value),
            memory_request: self.memory.give(history).map(|chosen| chosen.value),
            ..Given::default()
        }
    }
}
