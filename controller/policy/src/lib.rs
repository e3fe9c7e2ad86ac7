//! Guardrails: how far one pull request may go, and when it may be opened. One guardrail a file, each with its verdict.
//!
//! Pure: a recommendation, the effective policy, facts and `now` come in, a recommendation within all bounds goes out. It
//! does not know how values were found (`controller/recommend`) nor where a policy is written (`controller/api`).

mod admit;
mod codes;
mod guardrails;
mod hold;
mod presets;
mod promised;
mod wanted;

pub use admit::{Admission, AdmitContext, admit, judge};
pub use codes::CODES;
pub use guardrails::{GUARDRAILS, Guardrail, Outcome, Verdict};
pub use hold::{Hold, Publishing, hold};
pub use presets::{PRESETS, preset};
pub use promised::Promised;
