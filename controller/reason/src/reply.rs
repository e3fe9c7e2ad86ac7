//! What both APIs come down to.

/// Most tokens of an answer: its texts have at most 1,200 characters, and JSON and names of figures come on top.
pub(crate) const ANSWER_TOKENS_MAX: u64 = 700;

/// A model's answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reply {
    /// Its text; none where there is none.
    pub(crate) text: Option<String>,
    /// What it cost, in and out; none where the server does not tell.
    pub(crate) tokens: Option<u64>,
}
