//! From what the head says to quantiles that never cross, and the pinball loss with its gradient.

use crate::activation::{sigmoid, softplus};
use crate::shape::QUANTILES;

/// Loss of a quantile: `q (y - x)` where the truth `y` lies above the forecast `x`, else `(1 - q) (x - y)`.
pub fn pinball(quantile: f32, forecast: f32, truth: f32) -> f32 {
    let above = truth - forecast;
    if above > 0.0 { quantile * above } else { (quantile - 1.0) * above }
}

/// The lowest quantile, and each next one by as much more as the softplus of its number.
pub(crate) fn quantiles_of(raw: &[f32]) -> Vec<f32> {
    raw.chunks_exact(QUANTILES.len()).flat_map(ascending).collect()
}

fn ascending(raw: &[f32]) -> [f32; QUANTILES.len()] {
    let mut quantiles = [raw[0]; QUANTILES.len()];
    for at in 1..QUANTILES.len() {
        quantiles[at] = quantiles[at - 1] + softplus(raw[at]);
    }
    quantiles
}

/// Sum of the losses of all known targets over their quantiles, and how many targets are known. `raw` becomes the gradient of
/// that sum; of targets that are not finite it is 0.
pub(crate) fn into_gradient(raw: &mut [f32], targets: &[f32]) -> (f64, usize) {
    let (mut loss, mut known) = (0.0, 0);
    for (raw, truth) in raw.chunks_exact_mut(QUANTILES.len()).zip(targets) {
        if !truth.is_finite() {
            raw.fill(0.0);
            continue;
        }
        known += 1;
        let quantiles = ascending(raw);
        // What moves a quantile moves all above it.
        let mut above = 0.0;
        for at in (0..QUANTILES.len()).rev() {
            loss += f64::from(pinball(QUANTILES[at], quantiles[at], *truth));
            above += if *truth > quantiles[at] { -QUANTILES[at] } else { 1.0 - QUANTILES[at] };
            raw[at] = if at == 0 { above } else { above * sigmoid(raw[at]) };
        }
    }
    (loss, known)
}
