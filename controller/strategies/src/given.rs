//! What a rule is told, and what it answers.

use kubeopt_model::usage::DayUsage;

/// One resource of one container, all replicas together. CPU in millicores, memory in bytes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Series<'a> {
    /// Days with samples, oldest first; days without any are missing.
    pub days: &'a [DayUsage],
    /// (seconds since the epoch, value) of each 5-minute sample that is kept, oldest first. May reach less far back.
    pub points: &'a [(i64, f64)],
}

/// All that is known of one container at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub struct History<'a> {
    /// CPU.
    pub cpu: Series<'a>,
    /// Memory.
    pub memory: Series<'a>,
    /// (seconds since the epoch, bytes in use then) of each OOM kill, oldest first.
    pub oom_kills: &'a [(i64, f64)],
    /// The moment, in seconds since the epoch. Nothing after it may be looked at.
    pub now_unix_s: i64,
    /// What the container cannot exceed, where that is known: its limit, or the machine that it has.
    pub most: Given,
}

/// Amounts of one container; none where nothing is said.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Given {
    /// CPU request in millicores.
    pub cpu_request: Option<f64>,
    /// CPU limit in millicores.
    pub cpu_limit: Option<f64>,
    /// Memory request in bytes.
    pub memory_request: Option<f64>,
    /// Memory limit in bytes.
    pub memory_limit: Option<f64>,
}

/// A rule.
pub trait Strategy: std::fmt::Debug + Send + Sync {
    /// Its name in policies and tables: `krr-simple`.
    fn name(&self) -> &'static str;

    /// What it does and where the formula is from, in a sentence.
    fn about(&self) -> &'static str;

    /// How much history it looks at, in days. A caller may hand over less, never has to hand over more.
    fn days(&self) -> u32;

    /// What it gives. Only samples before [`History::now_unix_s`] count.
    fn give(&self, history: &History<'_>) -> Given;
}
