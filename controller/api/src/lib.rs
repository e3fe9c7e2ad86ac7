//! The only parser of configuration and policy: `kubeopt.yaml`, `.kubeopt.yaml`, their JSON Schemas, and the effective
//! policy of one workload.
//!
//! Text goes in, checked values or a list of problems with lines come out. Nothing here reads files, the environment or
//! a clock, and nothing here knows what a guardrail does with a number.
//!
//! ```
//! use kubeopt_api::PolicyFile;
//!
//! let problems = PolicyFile::parse("sizing:\n  cpu: {quantil: 0.9}\n", ".kubeopt.yaml", &[]).unwrap_err();
//! assert_eq!(problems[0].text, "unknown key `sizing.cpu.quantil`");
//! assert_eq!(problems[0].help, "did you mean `quantile`?");
//! ```

mod codes;
pub mod config;
mod crd;
mod generated;
pub mod policy;
mod schema;
mod text;

pub use codes::CODES;
pub use config::Config;
pub use crd::policy_crd;
pub use generated::generated_files;
pub use policy::{Layer, PolicyFile, Subject, effective_policy};
pub use schema::{config_schema, policy_schema};
pub use text::duration_seconds;

/// Presets that `extends` may name: (name without `kubeopt:`, text). The policy crate embeds them, runtime passes them.
pub type Presets<'a> = &'a [(&'a str, &'a str)];
