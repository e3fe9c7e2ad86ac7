//! The lower end of what a share may be, seen from so many successes: the one-sided bound of Clopper and Pearson (1934). It
//! errs on the careful side at every n, which the normal approximation does not near 0 and 1.

/// What may be missed: the true share lies below the bound in at most one case of twenty.
const LEVEL: f64 = 0.05;

/// Halvings of 0..1: finer than a float near 1 can be told apart.
const HALVINGS: u32 = 52;

/// Terms smaller than this part of the sum change nothing that is shown.
const NEGLIGIBLE: f64 = 1e-15;

/// The lower bound at 95 % of the share of days that hold, where `held` of `days` did; none without a day. 41 of 41 give
/// 0.93, 59 of 59 give 0.95.
pub fn lower_bound(held: u32, days: u32) -> Option<f64> {
    let held = held.min(days);
    if days == 0 {
        return None;
    }
    if held == 0 {
        return Some(0.0);
    }
    let log_choose = log_choose(days, held);
    // So many or more are the rarer the smaller the share: the bound is where they would be rare.
    let (mut low, mut high) = (0.0, f64::from(held) / f64::from(days));
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(low, high);
        if at_least(held, days, middle, log_choose) < LEVEL { low = middle } else { high = middle }
    }
    Some(low)
}

/// Whether so few days would be no surprise at this share: P(X <= held) is not below the level.
pub fn is_likely(held: u32, days: u32, share: f64) -> bool {
    held >= days || 1.0 - at_least(held + 1, days, share, log_choose(days, held + 1)) >= LEVEL
}

/// P(X >= held) of a binomial number, for a share of at most `held / days` or few days: a term that vanishes there is the
/// largest of the sum.
fn at_least(held: u32, days: u32, share: f64, log_choose: f64) -> f64 {
    if share <= 0.0 || share >= 1.0 {
        return if share <= 0.0 { 0.0 } else { 1.0 };
    }
    let odds = share / (1.0 - share);
    let missed = f64::from(days - held);
    let mut term = (log_choose + f64::from(held) * share.ln() + missed * (-share).ln_1p()).exp();
    let mut sum = 0.0;
    for k in held..=days {
        sum += term;
        if term <= sum * NEGLIGIBLE {
            break;
        }
        term *= f64::from(days - k) / (f64::from(k) + 1.0) * odds;
    }
    sum.min(1.0)
}

/// The logarithm of how many ways there are to choose, from whichever side has fewer factors.
fn log_choose(days: u32, held: u32) -> f64 {
    let fewer = held.min(days - held);
    (1..=fewer).map(|k| (f64::from(days - fewer + k) / f64::from(k)).ln()).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn bounds_are_those_of_the_tables() {
        // Where all held, the bound is the n-th root of 0.05; the others from exact sums in another program.
        for (held, days, wanted) in [
            (41, 41, 0.929_54),
            (59, 59, 0.950_49),
            (29, 29, 0.901_86),
            (1, 1, 0.05),
            (0, 10, 0.0),
            (1, 2, 0.025_32),
            (9, 10, 0.605_83),
            (5, 10, 0.222_44),
            (18, 20, 0.717_38),
            (95, 100, 0.897_75),
            (412, 430, 0.938_56),
        ] {
            let found = lower_bound(held, days).unwrap();
            assert!((found - wanted).abs() < 5e-5, "{held} of {days}: {found}");
        }
        assert_eq!(lower_bound(0, 0), None, "nothing is known");
        assert_eq!(lower_bound(7, 5), lower_bound(5, 5), "more than all is all");
    }

    #[test]
    fn a_large_number_of_days_costs_nothing_and_narrows_the_bound() {
        let (few, many) = (lower_bound(900, 1000).unwrap(), lower_bound(810_000, 900_000).unwrap());
        assert!(few < many && many < 0.9 && many > 0.899, "{few} {many}");
    }

    #[test]
    fn a_record_that_a_share_hardly_explains_is_told_apart() {
        assert!(is_likely(5, 5, 0.95) && is_likely(4, 5, 0.9));
        assert!(!is_likely(3, 10, 0.95) && !is_likely(0, 2, 0.9));
        assert!(is_likely(0, 0, 0.95), "no day speaks against anything");
    }

    proptest! {
        #[test]
        fn it_lies_between_nothing_and_what_was_seen(held in 0_u32..400, missed in 0_u32..400) {
            let days = held + missed;
            prop_assume!(days > 0);
            let bound = lower_bound(held, days).unwrap();
            prop_assert!((0.0..=1.0).contains(&bound) && bound <= f64::from(held) / f64::from(days));
        }

        #[test]
        fn one_more_day_that_held_never_lowers_it_and_one_that_did_not_never_raises_it(
            held in 0_u32..300, missed in 0_u32..300,
        ) {
            let before = lower_bound(held, held + missed).unwrap_or(0.0);
            prop_assert!(lower_bound(held + 1, held + missed + 1).unwrap() >= before);
            let after = lower_bound(held, held + missed + 1).unwrap();
            prop_assert!(after <= before + 1e-12 || held + missed == 0);
        }
    }
}
