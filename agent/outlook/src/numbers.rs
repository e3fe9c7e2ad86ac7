//! Quantiles of lists, as forecasts and their scores use them.

/// The quantile at `part` of the way, between the two nearest; 0 of nothing. Sorts the list.
pub fn quantile(values: &mut [f32], part: f32) -> f32 {
    values.sort_unstable_by(f32::total_cmp);
    of_sorted(values, part)
}

/// Several quantiles of one list.
pub fn quantiles(values: &mut [f32], parts: &[f32]) -> Vec<f32> {
    values.sort_unstable_by(f32::total_cmp);
    parts.iter().map(|part| of_sorted(values, *part)).collect()
}

/// The quantile of a list that is sorted.
pub fn of_sorted(sorted: &[f32], part: f32) -> f32 {
    let Some(last) = sorted.len().checked_sub(1) else { return 0.0 };
    let place = part.clamp(0.0, 1.0) * last as f32;
    let below = (place as usize).min(last);
    let above = (below + 1).min(last);
    sorted[below] + (sorted[above] - sorted[below]) * (place - below as f32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantiles_lie_between_the_nearest_two() {
        // numpy.quantile([4, 1, 3, 2], [0, .5, .9, 1])
        let found = quantiles(&mut [4.0, 1.0, 3.0, 2.0], &[0.0, 0.5, 0.9, 1.0]);
        assert!(
            found.iter().zip([1.0, 2.5, 3.7, 4.0]).all(|(found, want)| (found - want).abs() < 1e-6),
            "{found:?}"
        );
        assert_eq!(quantile(&mut [], 0.5), 0.0);
        assert_eq!(quantile(&mut [7.0], 0.99), 7.0);
    }
}
