//! Why a value is right, in words.
//!
//! [`explain`] turns facts into sentences, by itself and always the same way. An [`Explainer`] may let a language model
//! reword them: a model is told which figures there are and no number, answers in a fixed shape, and its text is refused
//! when it holds anything but plain English and names of figures. So a model changes no number, no path and no decision,
//! and without one nothing is missing.
//!
//! This crate knows no cluster, no repository and no forge; [`Facts::of`] takes a recommendation as it stands.

pub mod codes;
pub mod error;
pub mod explainer;
pub mod facts;

mod anthropic;
mod asked;
mod breaker;
mod budget;
mod cache;
mod explain;
mod figures;
mod gather;
mod guard;
mod openai;
mod profile;
mod prompt;
mod redact;
mod reply;
mod risks;
mod sentences;
mod template;
mod wording;

pub use asked::{Endpoint, Provider};
pub use budget::TokenBudget;
pub use error::ReasonError;
pub use explain::explain;
pub use explainer::{
    Clock, ComputedExplainer, Explained, Explainer, ModelExplainer, ModelSettings, Remembered, Subject,
};
pub use facts::{Circumstances, Facts, Profile};
pub use guard::Unfit;
pub use redact::NamePolicy;
