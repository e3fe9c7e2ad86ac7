//! Whether the values of some hours rise: Theil and Sen's slope, Kendall's tau with Hamed and Rao's variance, and whether a
//! line or a step explains them better.

/// Hours that are looked at at most.
pub(crate) const HOURS: usize = 24;

/// Slopes between all pairs of them.
const PAIRS: usize = HOURS * (HOURS - 1) / 2;

/// Rank correlations below this share of a standard deviation are chance (at 95 %).
const CORRELATED_Z: f64 = 1.96;

/// Of a variance by chance at least this share is left where neighbours are opposed to each other.
const VARIANCE_MIN: f64 = 0.2;

/// Median of the slopes between all pairs, an hour; none where there is no pair.
pub(crate) fn slope(hours: &[Option<f64>]) -> Option<f64> {
    let (mut slopes, mut count) = ([0.0; PAIRS], 0);
    for (i, a) in hours.iter().enumerate() {
        let Some(a) = a else { continue };
        for (j, b) in hours.iter().enumerate().skip(i + 1) {
            let Some(b) = b else { continue };
            slopes[count] = (b - a) / (j - i) as f64;
            count += 1;
        }
    }
    let own = slopes.get_mut(..count).filter(|own| !own.is_empty())?;
    let (_, median, _) = own.select_nth_unstable_by(count / 2, f64::total_cmp);
    Some(*median)
}

/// Of all pairs, so many more rise than fall (Kendall), and how many pairs there are.
pub(crate) fn tau(hours: &[Option<f64>]) -> (f64, f64) {
    let (mut rising, mut pairs) = (0_i32, 0_i32);
    for (i, a) in hours.iter().enumerate() {
        let Some(a) = a else { continue };
        for b in hours[i + 1..].iter().flatten() {
            rising += i32::from(b > a) - i32::from(b < a);
            pairs += 1;
        }
    }
    (f64::from(rising) / f64::from(pairs.max(1)), f64::from(pairs))
}

/// How many standard deviations more pairs rise than by chance, where what is left beside the slope may depend on the hour
/// before (Hamed and Rao, Journal of Hydrology 204, 1998).
pub(crate) fn mann_kendall(hours: &[Option<f64>], per_hour: f64) -> f64 {
    let (mut left, mut count) = ([0.0; HOURS], 0);
    for (i, value) in hours.iter().enumerate() {
        let Some(value) = value else { continue };
        left[count] = value - per_hour * i as f64;
        count += 1;
    }
    if count < 4 {
        return 0.0;
    }
    let n = count as f64;
    let ranks: [f64; HOURS] = std::array::from_fn(|i| match i < count {
        true => {
            let below = left[..count].iter().filter(|other| **other < left[i]).count();
            let equal = left[..count].iter().filter(|other| **other == left[i]).count();
            below as f64 + (equal as f64 - 1.0) / 2.0 - (n - 1.0) / 2.0
        }
        false => 0.0,
    });
    let ranks = &ranks[..count];
    let whole: f64 = ranks.iter().map(|rank| rank * rank).sum();
    let mut depends = 0.0;
    for lag in 1..count - 3 {
        let shared: f64 = ranks.iter().zip(&ranks[lag..]).map(|(a, b)| a * b).sum();
        let correlation = if whole > 0.0 { shared / whole } else { 0.0 };
        if correlation.abs() > CORRELATED_Z / n.sqrt() {
            let k = n - lag as f64;
            depends += k * (k - 1.0) * (k - 2.0) * correlation;
        }
    }
    let factor = (1.0 + 2.0 / (n * (n - 1.0) * (n - 2.0)) * depends).max(VARIANCE_MIN);
    let variance = n * (n - 1.0) * (2.0 * n + 5.0) / 18.0 * factor;
    let (tau, pairs) = tau(hours);
    tau * pairs / variance.sqrt()
}

/// The logarithm of how much more a step leaves unexplained than a line, both as good as they can be; `least` is a square
/// that is not worth explaining.
pub(crate) fn line_over_step(hours: &[Option<f64>], least: f64) -> f64 {
    let known = Known::of(hours);
    let (all, values) = (known.count as f64, &known.values[..known.count]);
    if known.count < 4 {
        return 0.0;
    }
    let mean = values.iter().map(|(_, v)| v).sum::<f64>() / all;
    let middle = values.iter().map(|(at, _)| at).sum::<f64>() / all;
    let (mut across, mut both, mut whole) = (0.0, 0.0, 0.0);
    for (at, value) in values {
        across += (at - middle) * (at - middle);
        both += (at - middle) * (value - mean);
        whole += (value - mean) * (value - mean);
    }
    let line = (whole - both * both / across).max(0.0);
    let (mut before, mut step) = (0.0, whole);
    for (i, (_, value)) in values.iter().enumerate().take(known.count - 2) {
        before += value - mean;
        let (low, high) = ((i + 1) as f64, all - (i + 1) as f64);
        if i > 0 {
            step = step.min(whole - before * before / low - before * before / high);
        }
    }
    ((step.max(0.0) + least) / (line + least)).ln()
}

/// Hours that are known, with their places.
struct Known {
    values: [(f64, f64); HOURS],
    count: usize,
}

impl Known {
    fn of(hours: &[Option<f64>]) -> Self {
        let mut own = Self { values: [(0.0, 0.0); HOURS], count: 0 };
        for (at, value) in hours.iter().enumerate().take(HOURS) {
            if let Some(value) = value {
                own.values[own.count] = (at as f64, *value);
                own.count += 1;
            }
        }
        own
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hours(value: impl Fn(usize) -> f64) -> [Option<f64>; HOURS] {
        std::array::from_fn(|i| Some(value(i)))
    }

    #[test]
    fn a_line_rises_at_its_slope_whatever_is_missing() {
        let mut line = hours(|i| 3.0 * i as f64);
        (line[3], line[17]) = (None, Some(1e9));
        assert_eq!(slope(&line), Some(3.0));
        assert!(tau(&line).0 > 0.9);
        assert_eq!((slope(&[None; HOURS]), tau(&[None; HOURS]).0), (None, 0.0));
    }

    fn plain(values: &[Option<f64>]) -> f64 {
        let (tau, pairs) = tau(values);
        let n = values.len() as f64;
        tau * pairs / (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt()
    }

    #[test]
    fn without_dependence_the_variance_is_that_of_mann_and_kendall() {
        // A slope of three and noise; no rank correlation of what is left reaches 1.96 / sqrt(24).
        let rising =
            [55, 57, 9, 14, 17, 38, 71, 31, 71, 78, 72, 87, 55, 55, 80, 58, 86, 53, 91, 100, 70, 90, 106, 94];
        let values = hours(|i| f64::from(rising[i]));
        let found = mann_kendall(&values, slope(&values).unwrap());
        assert!(found > 3.8 && (found - plain(&values)).abs() < 1e-12, "{found} {}", plain(&values));
    }

    #[test]
    fn with_dependence_the_variance_is_that_of_hamed_and_rao() {
        // By a Python program of their formula, S over the root of var(S) n/n*: S = 148, correlations of 0.730 at lag 1 and
        // 0.439 at lag 2 are significant, and the variance is 2.9457302190941084 times as large.
        let depends =
            [13, 26, 23, 12, 2, 6, -1, -10, 0, 7, 17, 11, 16, 19, 8, 20, 28, 55, 54, 50, 61, 60, 66, 59];
        let values = hours(|i| f64::from(depends[i]));
        assert!((plain(&values) - 3.671_051_645_029_772_5).abs() < 1e-12);
        let found = mann_kendall(&values, slope(&values).unwrap());
        assert!((found - 2.138_917_379_375_235).abs() < 1e-12, "{found}");
    }

    #[test]
    fn a_slow_wave_counts_less_than_a_line_of_the_same_tau() {
        let wave = hours(|i| (i as f64 / 16.0 * std::f64::consts::PI - 1.5).sin());
        let (of_wave, pairs) = tau(&wave);
        let n = HOURS as f64;
        let plain = of_wave * pairs / (n * (n - 1.0) * (2.0 * n + 5.0) / 18.0).sqrt();
        let found = mann_kendall(&wave, slope(&wave).unwrap());
        assert!(found < 0.8 * plain, "{found} {plain}");
    }

    #[test]
    fn steps_are_told_from_lines() {
        assert!(line_over_step(&hours(|i| i as f64), 1e-6) > 1.0);
        assert!(line_over_step(&hours(|i| if i < 12 { 0.0 } else { 10.0 }), 1e-6) < -1.0);
        assert_eq!(line_over_step(&hours(|_| 7.0), 1.0), 0.0);
    }
}
