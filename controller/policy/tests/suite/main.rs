//! Guardrails as callers meet them: a recommendation in, a recommendation within bounds out.

#![allow(clippy::unwrap_used, reason = "a test that cannot read its input has failed")]

mod approval;
mod codeowners;
mod fixture;
mod guardrails;
mod hold;
mod merging;
mod properties;
mod rollout;
