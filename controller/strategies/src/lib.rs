//! How much a container is given: kubeopt's own rule, and the rules of others as their projects publish them.
//!
//! Pure: measured usage comes in, amounts go out. One rule a file; each says where its formula is from. Rounding, floors,
//! limits that follow requests and guardrails are for others to add, so that rules compare as they are. How sure a rule is, is
//! told by its past: what it would have given then, and the bound of what such a record says.

mod autopilot;
mod bound;
mod cast;
mod cheapest;
mod cpu_cost;
mod crane;
mod decaying;
mod given;
mod krr;
mod kubecost;
mod kubeopt;
mod memory_cost;
mod named;
mod outlook;
mod peaks;
mod schedule;
mod vpa;
mod window;

pub use autopilot::{Autopilot, AutopilotMax};
pub use bound::{is_likely, lower_bound};
pub use cast::Cast;
pub use cheapest::Chosen;
pub use cpu_cost::CpuCost;
pub use crane::Crane;
pub use given::{Fleet, Given, History, Series, Strategy, Then};
pub use krr::{KrrSimple, KrrSimpleLimit};
pub use kubecost::Kubecost;
pub use kubeopt::Kubeopt;
pub use memory_cost::MemoryCost;
pub use named::{NAMES, by_name};
pub use outlook::{WithOutlook, raised};
pub use peaks::{Current, Max14d, P90DailyPeaks};
pub use vpa::Vpa;
