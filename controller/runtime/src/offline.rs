//! *Offline*: what `kubeopt trace`, `kubeopt set` and `kubeopt policy` do with a folder. No cluster, no forge, no history.
//!
//! `trace_path` traces a folder and reports its fields, `select` reads what people write to mean containers,
//! `refused` finds what Kubernetes would not take, `set_fields` edits, proves and writes, and `policy_of` tells which policy holds.
//!
//! Must not know of a pass: nothing in here uses `edges`, `publishing` or the pipeline. A value comes from the person who
//! asks; the proof is the one of `proposing`.

mod policy_of;
mod refused;
mod select;
mod set_fields;
mod trace_path;

pub use policy_of::{AskedWorkload, PathPolicy, ValidFile, policy_of_path, validate_policy};
pub use refused::refuse_what_cannot_run;
pub use select::read_selection;
pub use set_fields::{ProvenEdit, Wanted, prove_set, write_files};
pub use trace_path::{
    EntryLines, FieldLine, FieldState, Place, TraceReport, left_out, report, to_json, trace_place,
};
