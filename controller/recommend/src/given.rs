//! Values that a person gave: they stand in the place of what the rules say, and of every reason to leave a field alone.
//! Guardrails come after, and hold for them too.

use kubeopt_model::{Amount, Field};

/// A value that a person gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenValue {
    /// The field.
    pub field: Field,
    /// The value, exactly as it shall stand.
    pub value: Amount,
    /// Who gave it and where, as a sentence without a full stop.
    pub text: String,
}
