//! The objective that a policy names: any PromQL expression, which may be wrong, expensive or hostile. It is sent as it is, once,
//! with a short limit of time and of bytes, and its answer counts only if it is one series of ratios.
//!
//! It cannot reach more than the credentials of the metrics source can; who may set it is the business of the policy.

use std::time::Duration;

use kubeopt_model::outcome::{BadSide, HOUR_S, Objective};

use crate::attempt::{Bounds, Steps, Tally};
use crate::error::ObserveError;
use crate::prometheus::Prometheus;

/// Longest expression. Real ones are a ratio of two sums with some labels.
pub const OBJECTIVE_CHARS_MAX: usize = 2000;

/// Time for the query. Four weeks of a ratio by the hour take less than a second; what takes longer is not asked again and
/// again for every merge.
const TIMEOUT: Duration = Duration::from_secs(20);

/// Largest answer: one series of four weeks is 20 KB.
const ANSWER_BYTES_MAX: u64 = 1 << 20;

/// How far a ratio may be beside 0 or 1 by rounding.
const ROUNDING: f64 = 1e-6;

/// (start of the hour in seconds since the epoch, bad share of it)
pub(super) type BadShares = Vec<(i64, f64)>;

impl Prometheus {
    /// The bad share at the end of each hour, as the expression tells it there.
    pub(super) async fn read_objective(
        &self,
        objective: &Objective,
        steps: Steps,
    ) -> Result<(BadShares, Tally), ObserveError> {
        let query = checked(&objective.query)?;
        let mut series = 0_usize;
        let mut values: Vec<(i64, f64)> = Vec::new();
        let bounds = Bounds { timeout: TIMEOUT, bytes_max: ANSWER_BYTES_MAX };
        let tally = self
            .api
            .range_once(query, steps, bounds, &mut |_, points| {
                series += 1;
                if series == 1 {
                    values.extend_from_slice(points);
                }
            })
            .await
            .map_err(unusable)?;
        // The same labels twice are two series as well.
        match series + usize::try_from(tally.duplicates).unwrap_or(usize::MAX) {
            0 => Err(refused("it gives no series at this time")),
            1 => Ok((bad_shares(objective.bad, &values)?, tally)),
            many => Err(refused(&format!("it gives {many} series instead of one ratio"))),
        }
    }
}

fn checked(query: &str) -> Result<&str, ObserveError> {
    let query = query.trim();
    if query.is_empty() {
        return Err(refused("it is empty"));
    }
    if query.chars().count() > OBJECTIVE_CHARS_MAX {
        return Err(refused(&format!("it is longer than {OBJECTIVE_CHARS_MAX} characters")));
    }
    if query.chars().any(|c| c.is_control() && c != '\n' && c != '\t') {
        return Err(refused("it has control characters"));
    }
    Ok(query)
}

/// Hours without a value are unknown: nothing was requested, and 0 / 0 is no number.
fn bad_shares(bad: BadSide, values: &[(i64, f64)]) -> Result<BadShares, ObserveError> {
    let mut shares = Vec::with_capacity(values.len());
    for (at, value) in values.iter().filter(|(_, value)| !value.is_nan()) {
        if !(-ROUNDING..=1.0 + ROUNDING).contains(value) {
            return Err(refused(&format!("it gives {value}, which is no ratio between 0 and 1")));
        }
        let ratio = value.clamp(0.0, 1.0);
        let share = match bad {
            BadSide::Ratio => ratio,
            BadSide::Rest => 1.0 - ratio,
        };
        shares.push(((at - 1).div_euclid(HOUR_S) * HOUR_S, share));
    }
    Ok(shares)
}

fn refused(why: &str) -> ObserveError {
    ObserveError::Objective { why: why.to_owned() }
}

/// What is wrong with the expression is told as such; a server that is away is away for all queries.
fn unusable(error: ObserveError) -> ObserveError {
    match error {
        ObserveError::TooMuch { excerpt, .. } => {
            refused(&format!("it is too expensive: {}", clean(&excerpt)))
        }
        ObserveError::Query { text } => refused(&clean(&text)),
        ObserveError::Unreachable(cause) if !cause.is_transient() => refused(&clean(&cause.to_string())),
        other @ (ObserveError::Unreachable(_)
        | ObserveError::Refused { .. }
        | ObserveError::Malformed { .. }
        | ObserveError::Setting { .. }
        | ObserveError::Slice { .. }
        | ObserveError::Objective { .. }
        | ObserveError::Moment { .. }
        | ObserveError::Agents { .. }
        | ObserveError::NothingMeasured) => other,
    }
}

/// Servers repeat the expression in what they say; only the beginning is told on.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn expressions_that_cannot_be_are_refused_before_they_are_sent() {
        for (query, why) in [
            ("", "empty"),
            ("  \n", "empty"),
            ("a\u{0}b", "control"),
            ("a\u{1b}[31m", "control"),
            (&"x".repeat(OBJECTIVE_CHARS_MAX + 1), "longer"),
        ] {
            let error = checked(query).unwrap_err();
            assert_eq!(error.code(), "E-OBS-009");
            assert!(error.to_string().contains(why), "{error}");
        }
        assert_eq!(checked(" sum(a)\n/\tsum(b) ").unwrap(), "sum(a)\n/\tsum(b)");
    }

    #[test]
    fn a_ratio_is_read_from_its_bad_side_and_anything_else_refused() {
        let values = [(3600, 0.99), (7200, f64::NAN), (10_800, 1.000_000_1)];
        let rest = bad_shares(BadSide::Rest, &values).unwrap();
        assert_eq!(rest.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [0, 7200]);
        assert!((rest[0].1 - 0.01).abs() < 1e-9 && rest[1].1 == 0.0, "{rest:?}");
        assert_eq!(bad_shares(BadSide::Ratio, &values).unwrap()[0].1, 0.99);
        for bad in [1.5, -0.2, f64::INFINITY] {
            assert!(bad_shares(BadSide::Ratio, &[(3600, bad)]).is_err(), "{bad}");
        }
    }
}
