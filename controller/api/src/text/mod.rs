//! From YAML text to typed values, with a line for everything that is wrong. Knows no key of any file.

pub(crate) mod choice;
pub(crate) mod fault;
pub(crate) mod reading;
pub(crate) mod redact;
pub(crate) mod section;
pub(crate) mod tree;
pub(crate) mod values;

pub(crate) use choice::choice;
pub(crate) use fault::{Fault, FileKind};
pub(crate) use reading::{At, FromNode, Reading};
pub(crate) use section::section;
pub use values::duration_seconds;
