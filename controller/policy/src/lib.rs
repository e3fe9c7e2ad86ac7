//! Guardrails: how far one pull request may go, when it may be opened, who approves it, whether kubeopt merges it, and which
//! environment comes next. One guardrail a file, each with its verdict.
//!
//! Pure: a recommendation, the effective policy, facts and `now` come in, a recommendation within all bounds goes out. It
//! does not know how values were found (`controller/recommend`) nor where a policy is written (`controller/api`).

mod admit;
mod approval;
pub mod codeowners;
mod codes;
mod context;
mod guardrails;
mod hold;
mod merging;
mod presets;
mod promised;
mod rollout;
mod silence;
mod size;
mod wanted;

pub use admit::{Admission, admit, judge};
pub use approval::{
    Approval, PolicyStatus, Says, Voice, Voices, approval_missing, approval_needed, count_voices,
    policy_status,
};
pub use codes::CODES;
pub use context::AdmitContext;
pub use guardrails::{GUARDRAILS, Guardrail, Outcome, Verdict};
pub use hold::{Hold, Publishing, hold};
pub use merging::{Hindrance, Merging, may_merge, may_merge_revert, unsure_value};
pub use presets::{FIRST_POLICY, PRESETS, preset};
pub use promised::Promised;
pub use rollout::{RolloutStep, Stage, next_environment, rollout_hold, wave_of};
pub use silence::silenced;
pub use size::ChangeSize;
