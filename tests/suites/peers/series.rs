//! Generated usage of containers, of the kinds on which statistics differ: bursts, steps, waves, spikes, gaps, nothing.

use kubeopt_tests::lot::{mix, unit};

/// Seconds between two samples.
pub(crate) const STEP_S: i64 = 300;

/// Series of each shape, so that there are 100.
const OF_EACH: u64 = 10;

const MIB: f64 = 1_048_576.0;

/// One container: CPU in cores and working set in bytes, every [`STEP_S`] seconds, oldest first.
#[derive(Debug, Clone)]
pub(crate) struct Series {
    pub(crate) name: String,
    /// (seconds since the epoch, cores used since the sample before, bytes); gaps are left out.
    pub(crate) samples: Vec<(i64, f64, f64)>,
}

/// The course of one sample of a day: its number in the series, the share of the day, and two draws that last an hour and
/// a sample; gives a factor for CPU and for memory, none in a gap.
type Shape = fn(Moment) -> Option<(f64, f64)>;

#[derive(Clone, Copy)]
struct Moment {
    day: i64,
    /// Of the day, 0 to 1.
    time: f64,
    /// Even in [0, 1), drawn anew each hour.
    hourly: f64,
    /// Even in [0, 1), drawn anew each sample.
    drawn: f64,
}

const SHAPES: [(&str, Shape); 10] = [
    ("flat", |at| Some((1.0 + 0.2 * at.drawn, 1.0 + 0.05 * at.drawn))),
    ("daily", |at| {
        let wave = 1.0 + 0.8 * (at.time * std::f64::consts::TAU).sin();
        Some((wave + 0.1 * at.drawn, 1.0 + 0.3 * wave))
    }),
    ("weekly", |at| {
        let peak = at.day % 7 == 2 && (0.4..0.5).contains(&at.time);
        Some(if peak { (8.0 + at.drawn, 4.0) } else { (1.0 + at.drawn, 1.0) })
    }),
    ("bursts", |at| Some(if at.hourly < 0.15 { (10.0 * at.drawn, 3.0) } else { (0.2, 1.0) })),
    ("spikes", |at| Some(if at.drawn < 0.004 { (30.0, 6.0) } else { (0.5 + at.hourly, 1.0 + at.hourly) })),
    ("step-up", |at| Some(if at.day >= 7 { (4.0 + at.drawn, 2.0) } else { (1.0 + at.drawn, 0.8) })),
    ("step-down", |at| Some(if at.day >= 6 { (0.3 + 0.1 * at.drawn, 0.5) } else { (3.0 + at.drawn, 2.5) })),
    ("idle", |at| Some((0.001 * at.drawn, if at.hourly < 0.5 { 0.0 } else { 0.02 * at.drawn }))),
    ("leak", |at| Some((1.0 + at.hourly, 0.5 + 0.4 * (at.day as f64 + at.time) + 0.02 * at.drawn))),
    ("gaps", |at| {
        let silent = at.hourly < 0.3 || at.day % 4 == 1;
        (!silent).then_some((1.0 / (0.05 + at.drawn), 1.0 / (0.2 + at.hourly)))
    }),
];

/// 100 series of `days` days up to a moment, the same for the same moment.
pub(crate) fn generated(days: i64, end_unix_s: i64) -> Vec<Series> {
    let of_shape = |(name, shape): (&str, Shape)| {
        (0..OF_EACH)
            .map(|number| series(&format!("{name}-{number}"), shape, number, days, end_unix_s))
            .collect::<Vec<_>>()
    };
    SHAPES.into_iter().flat_map(of_shape).collect()
}

fn series(name: &str, shape: Shape, number: u64, days: i64, end_unix_s: i64) -> Series {
    let key = name.bytes().fold(7, |key, byte| mix(key ^ u64::from(byte), 0));
    // From 3 millicores and 5 MiB to 3 cores and 5 GiB, so that all parts of a histogram are used.
    let scale = 1000_f64.powf((number as f64 + unit(key)) / OF_EACH as f64);
    let (cores, bytes) = (0.003 * scale, 5.0 * MIB * scale);
    let first = end_unix_s - days * 86_400;
    let sample = |step: i64| {
        let since = step * STEP_S;
        let draw = |of: i64| unit(mix(key ^ mix(of.unsigned_abs(), 0), 0));
        let moment = Moment {
            day: since / 86_400,
            time: (since % 86_400) as f64 / 86_400.0,
            hourly: draw(-1 - since / 3600),
            drawn: draw(step + 1_000_000),
        };
        let (cpu, memory) = shape(moment)?;
        Some((first + since, cpu * cores, (memory * bytes).floor()))
    };
    Series { name: name.to_owned(), samples: (0..days * 86_400 / STEP_S).filter_map(sample).collect() }
}

#[test]
fn a_hundred_series_have_names_of_their_own_and_usage_of_very_different_sizes() {
    let all = generated(9, 9 * 86_400);
    let names: std::collections::BTreeSet<&str> = all.iter().map(|series| series.name.as_str()).collect();
    assert_eq!((all.len(), names.len()), (100, 100));
    let highest = |series: &Series| series.samples.iter().map(|sample| sample.1).fold(0.0, f64::max);
    let peaks: Vec<f64> = all.iter().map(highest).collect();
    assert!(peaks.iter().any(|peak| *peak < 0.01) && peaks.iter().any(|peak| *peak > 10.0), "{peaks:?}");
    assert!(all.iter().all(|series| series.samples.len() > 1000));
}
