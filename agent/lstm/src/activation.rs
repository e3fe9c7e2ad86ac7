//! Sigmoid, tanh and softplus for whole slices, written so that the compiler makes vectors of them: no branches, no calls.
//!
//! `exp` is 2^k times a polynomial on half an octave; its relative error is below 2e-7, about what `f32` can hold.

/// Beyond this, `exp` of an `f32` is no number, or 0.
const EXP_MAX: f32 = 87.0;

/// Adding and taking it away again rounds a small `f32` to a whole number.
const ROUNDING: f32 = 12_582_912.0;

/// ln 2 in two parts, the first exact in few bits, so that `x - k ln 2` loses nothing.
const LN2_HIGH: f32 = 0.693_359_4;
const LN2_LOW: f32 = -2.121_944_4e-4;

#[inline(always)]
fn exp(x: f32) -> f32 {
    let x = x.clamp(-EXP_MAX, EXP_MAX);
    let k = (x * std::f32::consts::LOG2_E + ROUNDING) - ROUNDING;
    let r = (x - k * LN2_HIGH) - k * LN2_LOW;
    // Taylor's series on |r| <= ln 2 / 2: the next term is below 6e-9.
    let p = 1.0 / 5040.0;
    let p = p * r + 1.0 / 720.0;
    let p = p * r + 1.0 / 120.0;
    let p = p * r + 1.0 / 24.0;
    let p = p * r + 1.0 / 6.0;
    let p = p * r + 0.5;
    let p = p * r + 1.0;
    let p = p * r + 1.0;
    // k is a whole number from -126 to 126.
    let power = f32::from_bits((((k as i32) + 127) as u32) << 23);
    p * power
}

#[inline(always)]
pub(crate) fn sigmoid(x: f32) -> f32 {
    1.0 / (1.0 + exp(-x))
}

#[inline(always)]
pub(crate) fn tanh(x: f32) -> f32 {
    // Near 0 the difference below would lose digits that the series keeps; both are computed, one is taken.
    let square = x * x;
    let near = x * (1.0 - square * (1.0 / 3.0 - square * (2.0 / 15.0 - square * (17.0 / 315.0))));
    let far = 1.0 - 2.0 / (exp(2.0 * x) + 1.0);
    if square < 0.01 { near } else { far }
}

/// ln(1 + e^x), at most x + ln 2 above 0.
#[inline(always)]
pub(crate) fn softplus(x: f32) -> f32 {
    x.max(0.0) + (-x.abs()).exp().ln_1p()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn they_are_what_the_library_says() {
        for step in -4000..=4000 {
            let x = step as f32 / 100.0;
            let wide = f64::from(x);
            assert!((f64::from(tanh(x)) - wide.tanh()).abs() < 3e-7, "tanh({x})");
            assert!((f64::from(sigmoid(x)) - 1.0 / (1.0 + (-wide).exp())).abs() < 3e-7, "sigmoid({x})");
            let relative = f64::from(exp(x)) / wide.exp() - 1.0;
            assert!(relative.abs() < 5e-7, "exp({x}): {relative}");
            assert!((f64::from(softplus(x)) - wide.exp().ln_1p()).abs() < 1e-5, "softplus({x})");
        }
    }

    #[test]
    fn nothing_that_is_finite_makes_them_infinite() {
        for x in [f32::MAX, f32::MIN, 1e30, -1e30, 0.0, f32::MIN_POSITIVE] {
            assert!(tanh(x).abs() <= 1.0 && (0.0..=1.0).contains(&sigmoid(x)), "{x}");
        }
    }
}
