//! From evidence to a wanted value: one rule a file, each with its reason.
//!
//! Pure: usage, policy and `now` come in, values with reasons go out. It does not know Git, clusters or forges; how far
//! a single pull request may go is the business of the guardrails (`controller/policy`). See README.md of this folder.

mod aftermath;
mod by_hour;
mod confidence;
mod draft;
mod evidence;
mod fleet;
mod given;
mod held_down;
mod past;
mod rules;
mod scale_point;
mod settle;
mod sizing;
mod what_if;

pub use aftermath::{
    ERROR_MAX, FREEZE_DAYS, LESSON_DAYS, blamed_fields, bound_from, measured_saving, settle_outcome,
};
pub use by_hour::{tell_hours, timed_requests};
pub use confidence::{
    DayCount, OWN_DAYS_MIN, PastCounts, PastDay, PastDays, PastFleets, Pool, confidence_of, lower_bound,
    past_days, past_key, state,
};
pub use evidence::{EarlierDays, Evidence, Freeze};
pub use fleet::fleet_of;
pub use given::GivenValue;
pub use kubeopt_strategies::Fleet;
pub use rules::{RULES, Rule};
pub use scale_point::{TARGET_PERCENT_MAX, move_targets, scale_point};
pub use settle::{Back, CREATE_REQUEST, Demand, SitedField, TAKEN_BACK, give_back, recommend};
pub use sizing::{Sizing, size};
pub use what_if::{Outcome, what_if};
