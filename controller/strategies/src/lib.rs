//! How much a container is given: kubeopt's own rule, and the rules of others as their projects publish them.
//!
//! Pure: measured usage comes in, amounts go out. One rule a file; each says where its formula is from. Rounding, floors,
//! limits that follow requests and guardrails are for others to add, so that rules compare as they are.

mod cpu_cost;
mod given;
mod kubeopt;
mod memory_cost;

pub use cpu_cost::CpuCost;
pub use given::{Given, History, Series, Strategy};
pub use kubeopt::Kubeopt;
pub use memory_cost::{Chosen, MemoryCost};
