//! A time in which nothing changes, but for one burst.

/// A time in which the level is the same, but for one burst.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Block {
    /// Where it begins, in milliseconds.
    pub from_ms: u64,
    /// Where it ends, in milliseconds.
    pub until_ms: u64,
    /// CPU in millicores.
    pub cpu_millicores: u64,
    /// Working set in bytes.
    pub memory_bytes: u64,
    /// A short time of more.
    pub burst: Option<Burst>,
}

/// A short time of more CPU.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Burst {
    /// Where it begins, in milliseconds.
    pub from_ms: u64,
    /// Where it ends, in milliseconds.
    pub until_ms: u64,
    /// CPU in millicores, in place of the level.
    pub cpu_millicores: u64,
}

impl Block {
    /// CPU that is wanted at a time, in millicores.
    #[must_use]
    pub fn cpu_at(&self, at_ms: u64) -> u64 {
        match self.burst {
            Some(burst) if (burst.from_ms..burst.until_ms).contains(&at_ms) => burst.cpu_millicores,
            Some(_) | None => self.cpu_millicores,
        }
    }
}
