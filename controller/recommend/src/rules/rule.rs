//! What a rule is. Knows no single one.

use kubeopt_model::policy::EffectivePolicy;

use super::say::Say;
use crate::draft::Draft;
use crate::evidence::Evidence;

/// A rule: a name that reasons carry, and what it says.
pub struct Rule {
    /// Stable name: `cpu-quantile`.
    pub name: &'static str,
    /// One line on what it does.
    pub about: &'static str,
    pub(crate) speak: fn(&Evidence, &EffectivePolicy, &Draft) -> Vec<Say>,
}

impl std::fmt::Debug for Rule {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Rule").field("name", &self.name).finish_non_exhaustive()
    }
}
