//! What a rule says about one field. Knows no rule.

use kubeopt_model::recommendation::CostTerms;
use kubeopt_model::{Amount, Field, NoRecommendation};

/// What a rule says about one field.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Say {
    /// Prefers this value.
    Prefer(Field, Amount, String),
    /// Not below this value.
    AtLeast(Field, Amount, String),
    /// Not above this value, of a field that a limit which stays bounds.
    AtMost(Field, Amount, String),
    /// The field goes; the value is for where it has to stay all the same.
    Remove(Field, Amount, String),
    /// The field may not move.
    Leave(Field, NoRecommendation, String),
    /// Something that people should know; it moves nothing.
    Note(Field, String),
    /// The terms of the value that an explicit cost prefers.
    Terms(CostTerms),
    /// A value of this sizing cures OOM kills.
    CuresOom,
}
