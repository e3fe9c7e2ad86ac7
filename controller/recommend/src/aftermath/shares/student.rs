//! The upper tail of Student's t distribution, for whole degrees of freedom (Abramowitz and Stegun, 26.7.3 and 26.7.4).

/// P(T > t). With 0 degrees of freedom nothing is known: 1.
pub(super) fn tail(t: f64, degrees: u32) -> f64 {
    if degrees == 0 || t.is_nan() {
        return 1.0;
    }
    if t.is_infinite() {
        return if t > 0.0 { 0.0 } else { 1.0 };
    }
    let angle = (t / f64::from(degrees).sqrt()).atan();
    let (sin, cos) = angle.sin_cos();
    let is_odd = degrees % 2 == 1;
    let (mut term, mut sum) = if is_odd { (cos, 0.0) } else { (1.0, 0.0) };
    // Powers of the cosine below the degrees of freedom, every second one.
    let mut power = if is_odd { 1 } else { 0 };
    while power + 2 <= degrees {
        sum += term;
        power += 2;
        term *= cos * cos * f64::from(power - 1) / f64::from(power);
    }
    let within = if is_odd { std::f64::consts::FRAC_2_PI * (angle + sin * sum) } else { sin * sum };
    ((1.0 - within) / 2.0).clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tails_are_those_of_the_tables() {
        for (degrees, t, wanted) in [
            (1, 1.0, 0.25),
            (1, 63.657, 0.005),
            (2, 9.925, 0.005),
            (3, 5.841, 0.005),
            (4, 2.132, 0.05),
            (10, 2.764, 0.01),
            (13, 3.012, 0.005),
            (27, 2.771, 0.005),
            (30, 3.385, 0.001),
        ] {
            let found = tail(t, degrees);
            assert!((found - wanted).abs() < wanted * 2e-3, "{t} with {degrees}: {found}");
            assert!((tail(-t, degrees) + found - 1.0).abs() < 1e-12);
        }
        assert_eq!((tail(0.0, 7), tail(f64::INFINITY, 7), tail(f64::NAN, 7)), (0.5, 0.0, 1.0));
    }
}
