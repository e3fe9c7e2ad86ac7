//! How much a network gets and answers.

use kubeopt_lstm::QUANTILES;

use crate::hours::{DAY, WEEK};

/// Hours of a step.
pub(crate) const STEP_HOURS: usize = 3;
/// Steps of a window.
pub const STEPS: usize = WEEK / STEP_HOURS;
/// Numbers of a step.
pub const FEATURES: usize = 3 * STEP_HOURS + 4;
/// Numbers beside the window.
pub const STATICS: usize = 10 * DAY + 13 + 8 + 2 + 3 + 4;
/// Hours that are forecast one by one.
pub const HORIZON: usize = DAY;
/// Hours of the horizon, then the two peaks.
pub const TARGETS: usize = HORIZON + 2;

/// Hours before the origin without which there is no window: a week, and the day before it for its differences.
pub const HISTORY_MIN: usize = WEEK + DAY;

/// The quantiles .1 .5 .9 .95 .99 of one value to come.
pub type Quantiles = [f32; QUANTILES.len()];

/// Hour by hour the quantiles of the next day.
pub type DayAhead = [Quantiles; HORIZON];
