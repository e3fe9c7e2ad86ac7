//! How often a harmless merge is reverted, and a harmful one is: counted on merges that are made up from a seed.
//!
//! All merges lower everything, so that every sign is tested. What is harmless goes on as it was, and is as unruly as real
//! containers are: hours that follow each other, days that differ, troubles that last. docs/outcomes.md holds the table, and a
//! test that it is this one. Noise is made of sums and products alone, so that every machine counts the same.

use kubeopt_model::outcome::{HourSigns, RevertOn, Settled, Watched};

use super::fixture::{BEGINS, HALVED, shaped};
use super::{ERROR_MAX, settle_outcome};

/// Merges of each kind: a rate of 2 % is known within two points.
const MERGES: u64 = 200;

/// SplitMix64 (Steele, Lea, Flood: OOPSLA 2014).
struct Noise(u64);

impl Noise {
    /// Between 0 and 1.
    fn uniform(&mut self) -> f64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// Mean 0, variance 1, near to normal.
    fn normal(&mut self) -> f64 {
        ((0..4).map(|_| self.uniform()).sum::<f64>() - 2.0) * 3.0_f64.sqrt()
    }

    fn happens(&mut self, chance: f64) -> bool {
        self.uniform() < chance
    }
}

/// A share that wanders: by the hour of the day, by the day, and from hour to hour.
struct Wandering {
    base: f64,
    of_day: f64,
    of_hour: f64,
    /// How much of an hour the next one keeps.
    keeps: f64,
    day: (i64, f64),
    now: f64,
}

impl Wandering {
    fn new(base: f64, of_day: f64, of_hour: f64, keeps: f64) -> Self {
        Self { base, of_day, of_hour, keeps, day: (i64::MIN, 0.0), now: 0.0 }
    }

    fn next(&mut self, hour: i64, noise: &mut Noise) -> f64 {
        let day = hour.div_euclid(24);
        if day != self.day.0 {
            self.day = (day, noise.normal() * self.of_day);
        }
        // The part that is new keeps the variance as it is.
        let fresh = (1.0 - self.keeps * self.keeps).sqrt();
        self.now = self.keeps * self.now + fresh * self.of_hour * noise.normal();
        let busy = if (8..20).contains(&hour.rem_euclid(24)) { 1.5 } else { 0.5 };
        (self.base * busy + self.day.1 + self.now).clamp(0.0, 1.0)
    }
}

/// A kind of merge: shapes one hour; hours before are negative.
type Shape = fn(&mut State, i64, &mut HourSigns);

struct State {
    noise: Noise,
    throttled: Wandering,
    pressure: Wandering,
    trouble_until: i64,
}

impl State {
    /// Hours of a trouble that comes once in so many days and lasts up to a day.
    fn in_trouble(&mut self, hour: i64, days: f64) -> bool {
        if hour >= self.trouble_until && self.noise.happens(1.0 / (24.0 * days)) {
            self.trouble_until = hour + 1 + (self.noise.uniform() * 24.0) as i64;
        }
        hour < self.trouble_until
    }

    fn calm(&mut self, hour: i64, signs: &mut HourSigns) {
        signs.throttled = Some(self.throttled.next(hour, &mut self.noise));
        signs.cpu_pressure = Some(self.pressure.next(hour, &mut self.noise));
    }
}

const HARMLESS: [(&str, Shape); 5] = [
    ("a service with its day and night", |state, hour, signs| state.calm(hour, signs)),
    ("throttled and pressed, each day otherwise", |state, hour, signs| {
        state.calm(hour, signs);
        let (bad, worse) = (state.noise.normal() * 0.05, state.noise.normal() * 0.05);
        let day = (state.throttled.day.1 * 4.0, state.pressure.day.1 * 4.0);
        signs.throttled = signs.throttled.map(|share| (share + 0.2 + day.0 + bad).clamp(0.0, 1.0));
        signs.cpu_pressure = signs.cpu_pressure.map(|share| (share + 0.2 + day.1 + worse).clamp(0.0, 1.0));
    }),
    ("a trouble of some hours, twice a month", |state, hour, signs| {
        state.calm(hour, signs);
        if state.in_trouble(hour, 14.0) {
            signs.restarts = Some(6);
            signs.cpu_pressure = signs.cpu_pressure.map(|share| (share + 0.3).min(1.0));
        }
    }),
    ("restarts now and then, one in two days", |state, hour, signs| {
        state.calm(hour, signs);
        signs.restarts = Some(u32::from(state.noise.happens(1.0 / 48.0)));
    }),
    ("an OOM kill now and then, one in ten days", |state, hour, signs| {
        state.calm(hour, signs);
        signs.oom_kills = Some(u32::from(state.noise.happens(1.0 / 240.0)));
        signs.restarts = signs.oom_kills;
    }),
];

const HARMFUL: [(&str, Shape); 6] = [
    ("each replica is killed once in 12 hours", |state, hour, signs| {
        state.calm(hour, signs);
        signs.oom_kills = Some(u32::from(hour >= 0 && state.noise.happens(3.0 / 12.0)));
        signs.restarts = signs.oom_kills;
    }),
    ("each replica is killed once in 2 days", |state, hour, signs| {
        state.calm(hour, signs);
        signs.oom_kills = Some(u32::from(hour >= 0 && state.noise.happens(3.0 / 48.0)));
        signs.restarts = signs.oom_kills;
    }),
    ("a crash loop", |state, hour, signs| {
        state.calm(hour, signs);
        signs.restarts = Some(if hour >= 0 { 12 } else { 0 });
    }),
    ("throttled 15 points more", |state, hour, signs| {
        state.calm(hour, signs);
        let more = if hour >= 0 { 0.15 } else { 0.0 };
        signs.throttled = signs.throttled.map(|share| (share + more).min(1.0));
    }),
    ("throttled 30 points more", |state, hour, signs| {
        state.calm(hour, signs);
        let more = if hour >= 0 { 0.30 } else { 0.0 };
        signs.throttled = signs.throttled.map(|share| (share + more).min(1.0));
    }),
    ("waits for CPU 20 points more", |state, hour, signs| {
        state.calm(hour, signs);
        let more = if hour >= 0 { 0.20 } else { 0.0 };
        signs.cpu_pressure = signs.cpu_pressure.map(|share| (share + more).min(1.0));
    }),
];

fn merge(shape: Shape, days_before: i64, seed: u64) -> Watched {
    let mut state = State {
        noise: Noise(seed.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1)),
        throttled: Wandering::new(0.05, 0.02, 0.04, 0.8),
        pressure: Wandering::new(0.06, 0.02, 0.04, 0.8),
        trouble_until: i64::MIN,
    };
    shaped(HALVED, days_before, 24, |hour, signs| shape(&mut state, hour, signs))
}

/// Per cent of the merges that are reverted.
fn reverted(shape: Shape, days_before: i64) -> f64 {
    let reverts = (0..MERGES).filter(|seed| {
        let watched = merge(shape, days_before, *seed);
        let outcome = settle_outcome(&watched, &RevertOn::default(), BEGINS + 86_400);
        matches!(outcome.settled, Settled::Revert { .. })
    });
    reverts.count() as f64 / MERGES as f64 * 100.0
}

#[test]
fn harmless_merges_are_kept_and_harmful_ones_reverted_as_often_as_the_document_says() {
    let mut table =
        String::from("| merge | reverted, 28 days before | reverted, 14 days before |\n|---|---|---|\n");
    for (is_harmful, name, shape) in HARMLESS
        .into_iter()
        .map(|(name, shape)| (false, name, shape))
        .chain(HARMFUL.into_iter().map(|(name, shape)| (true, name, shape)))
    {
        let (long, short) = (reverted(shape, 28), reverted(shape, 14));
        let kind = if is_harmful { "harmful" } else { "harmless" };
        table.push_str(&format!("| {kind}: {name} | {long:.1} % | {short:.1} % |\n"));
        if !is_harmful {
            assert!(long.max(short) <= ERROR_MAX * 100.0, "{name}: {long} and {short}");
        }
    }
    let document = include_str!("../../../../docs/outcomes.md");
    assert!(document.contains(&table), "docs/outcomes.md does not hold this table:\n{table}");
}
