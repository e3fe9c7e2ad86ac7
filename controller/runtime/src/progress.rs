//! How far long work is; the program decides how to show it.

/// Told while a pass runs.
pub trait Progress: Send + Sync {
    /// A stage begins: `reading usage`, with the number of its steps if it is known.
    fn stage(&self, what: &str, steps: Option<u64>);
    /// One step of the stage is done.
    fn step(&self);
    /// The work is done.
    fn done(&self);
}

/// Shows nothing.
#[derive(Debug, Clone, Copy)]
pub struct Quiet;

impl Progress for Quiet {
    fn stage(&self, _what: &str, _steps: Option<u64>) {}
    fn step(&self) {}
    fn done(&self) {}
}
