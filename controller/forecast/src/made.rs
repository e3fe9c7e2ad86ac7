//! Loads as tests want them.

use kubeopt_model::Resource;
use kubeopt_model::usage::HourPoint;
use kubeopt_outlook::{HOUR_S, Load};

/// CPU of so many hours from a Thursday on; the median of an hour is four fifths of its highest.
pub(crate) fn load(hours: usize, at: impl Fn(usize) -> f64) -> Load {
    let points = (0..hours).map(|hour| (hour as i64, at(hour)));
    let points =
        points.map(|(hour, max)| HourPoint { at_unix_s: hour * HOUR_S, median: max * 0.8, p95: max, max });
    Load::of(Resource::Cpu, points).expect("hours were measured")
}

/// Numbers from 0 to 1, the same ones for the same seed (Knuth's MMIX).
pub(crate) fn lots(seed: u64) -> impl FnMut() -> f64 {
    let mut state = seed;
    move || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64
    }
}
