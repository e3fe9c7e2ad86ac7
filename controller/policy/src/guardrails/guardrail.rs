//! What a guardrail is: it judges one wanted change. Knows no single one.

use kubeopt_model::{Amount, Field, NoRecommendation};

use crate::wanted::{Removing, Wanted};

/// What a guardrail does with a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It passes.
    Allowed,
    /// It passes with a value nearer to the present one.
    Capped {
        /// The field.
        field: Field,
        /// What was wanted.
        from: Amount,
        /// What passes.
        to: Amount,
    },
    /// The field stays as it is.
    Refused {
        /// Why, as tables show it.
        reason: NoRecommendation,
    },
}

/// What one guardrail said of one field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The guardrail: `max-increase`.
    pub guardrail: &'static str,
    /// The field that it judged; none where it judged the whole.
    pub field: Option<Field>,
    /// What it did.
    pub outcome: Outcome,
    /// The sentence, with its numbers, without a full stop.
    pub text: String,
}

/// A guardrail.
pub struct Guardrail {
    /// Name, as reasons show it.
    pub name: &'static str,
    /// What it is for, as one sentence without a full stop.
    pub about: &'static str,
    pub(crate) judge: fn(&Wanted<'_>) -> Judgement,
}

/// A guardrail's answer on one wanted change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Judgement {
    /// It passes.
    Pass,
    /// The value moves back to this one, which lies between the present and the wanted one.
    Cap(Amount, String),
    /// The field stays as it is.
    Refuse(String),
    /// The field stays as it is, because it is not worth a pull request.
    TooSmall(String),
}

/// What a guardrail says of a limit that shall go: why it stays, if so.
pub(crate) type JudgeRemoval = fn(&Removing<'_>) -> Option<String>;
