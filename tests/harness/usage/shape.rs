//! The course of one resource over time: a pure function of shape, key and time.

use std::f64::consts::TAU;

use crate::lot::{mix, unit};

/// 1970-01-01 was a Thursday; days of the week are counted from Monday.
const EPOCH_WEEKDAY: i64 = 3;

/// Usage peaks in the early afternoon (UTC).
const PEAK_HOUR: f64 = 14.0;

/// The course of one resource, in its own unit.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    base: f64,
    daily: f64,
    weekend: f64,
    noise: f64,
    spikes_per_day: f64,
    spike: f64,
    growth_per_day: f64,
    grows_from_s: i64,
}

impl Shape {
    /// Always the same value.
    pub fn flat(base: f64) -> Self {
        Self {
            base,
            daily: 0.0,
            weekend: 1.0,
            noise: 0.0,
            spikes_per_day: 0.0,
            spike: 1.0,
            growth_per_day: 0.0,
            grows_from_s: 0,
        }
    }

    /// A daily wave: 0.4 means from 60 % at night to 140 % in the early afternoon.
    pub fn daily(mut self, amplitude: f64) -> Self {
        self.daily = amplitude;
        self
    }

    /// A factor on Saturdays and Sundays.
    pub fn weekend(mut self, factor: f64) -> Self {
        self.weekend = factor;
        self
    }

    /// Noise, evenly spread: 0.1 means plus or minus at most 10 %.
    pub fn noise(mut self, share: f64) -> Self {
        self.noise = share;
        self
    }

    /// Single samples that are `factor` times as high, on average so many a day.
    pub fn spikes(mut self, per_day: f64, factor: f64) -> Self {
        (self.spikes_per_day, self.spike) = (per_day, factor);
        self
    }

    /// A trend: a share of the base is added each day, counted from a time (Unix seconds).
    pub fn growth(mut self, share_per_day: f64, from_s: i64) -> Self {
        (self.growth_per_day, self.grows_from_s) = (share_per_day, from_s);
        self
    }

    /// The value in the step that begins at a time.
    pub(super) fn at(&self, key: u64, unix_s: i64, step_s: u32) -> f64 {
        let hour = unix_s.rem_euclid(86_400) as f64 / 3_600.0;
        let wave = 1.0 + self.daily * ((hour - PEAK_HOUR) / 24.0 * TAU).cos();
        let weekday = (unix_s.div_euclid(86_400) + EPOCH_WEEKDAY).rem_euclid(7);
        let week = if weekday >= 5 { self.weekend } else { 1.0 };
        let draw = mix(key, unix_s.unsigned_abs());
        let noise = 1.0 + self.noise * (2.0 * unit(draw) - 1.0);
        let chance = self.spikes_per_day * f64::from(step_s) / 86_400.0;
        let spike = if unit(mix(draw, 1)) < chance { self.spike } else { 1.0 };
        let growth = 1.0 + self.growth_per_day * (unix_s - self.grows_from_s) as f64 / 86_400.0;
        (self.base * growth * wave * week * noise * spike).max(0.0)
    }
}
