//! The scorer of the Numenta Anomaly Benchmark: an alarm early in a labelled window earns up to 1, a window without one
//! costs, and an alarm elsewhere costs the more the farther it lies behind a window.
//!
//! Follows the published definition (Lavin and Ahmad, ICMLA 2015) and reproduces the scores that the benchmark stores.
//! Knows no detector and no file.

/// The first part of a series, in which nothing is scored; of at most so many samples.
const PROBATION: f64 = 0.15;
const PROBATION_OF_MAX: f64 = 5000.0;

/// What hits, false alarms and misses weigh.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Profile {
    /// As the benchmark calls it.
    pub name: &'static str,
    hit: f64,
    false_alarm: f64,
    miss: f64,
}

/// The three profiles of the benchmark.
pub const PROFILES: [Profile; 3] = [
    Profile { name: "standard", hit: 1.0, false_alarm: 0.11, miss: 1.0 },
    Profile { name: "reward_low_FP_rate", hit: 1.0, false_alarm: 0.22, miss: 1.0 },
    Profile { name: "reward_low_FN_rate", hit: 1.0, false_alarm: 0.11, miss: 2.0 },
];

/// The anomaly scores of one series, and the windows in which anomalies lie.
#[derive(Debug, Clone, Copy)]
pub struct Scored<'a> {
    /// One score a sample; higher is stranger.
    pub scores: &'a [f64],
    /// First and last sample of each window, in order, without overlap.
    pub windows: &'a [(usize, usize)],
}

/// How alarms meet windows. An event is a run of samples that alarm.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Events {
    /// Events that touch a window, and all of them.
    pub true_alarms: usize,
    /// See above.
    pub alarms: usize,
    /// Windows with an alarm, and all of them.
    pub found: usize,
    /// See above.
    pub windows: usize,
}

impl Events {
    /// The share of events that are in a window; 0 where there is none.
    pub fn precision(&self) -> f64 {
        self.true_alarms as f64 / self.alarms.max(1) as f64
    }

    /// The share of windows that were found; 0 where there is none.
    pub fn recall(&self) -> f64 {
        self.found as f64 / self.windows.max(1) as f64
    }

    /// Together with another series.
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self {
            true_alarms: self.true_alarms + other.true_alarms,
            alarms: self.alarms + other.alarms,
            found: self.found + other.found,
            windows: self.windows + other.windows,
        }
    }
}

/// The best threshold over a corpus, and the score there: 0 for no alarm at all, 100 for one at the start of each window
/// and none elsewhere.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Best {
    /// Samples with this score, or a higher one, alarm; above all scores where silence is best.
    pub threshold: f64,
    /// Of 100.
    pub score: f64,
}

/// The score of one series where samples at or above the threshold alarm, not normalised.
pub fn score(series: &Scored<'_>, threshold: f64, profile: &Profile) -> f64 {
    let mut windows = vec![-profile.miss; series.windows.len()];
    let mut total = 0.0;
    for (score, point) in series.scores.iter().zip(points(series, profile)) {
        match point {
            Some((Some(window), weight)) if *score >= threshold => {
                windows[window] = f64::max(windows[window], weight);
            }
            Some((None, weight)) if *score >= threshold => total += weight,
            _ => {}
        }
    }
    total + windows.iter().sum::<f64>()
}

/// The threshold that serves all series best.
pub fn best(corpus: &[Scored<'_>], profile: &Profile) -> Best {
    let mut all: Vec<(f64, Option<usize>, f64)> = Vec::new();
    let mut first = 0;
    for series in corpus {
        for (score, point) in series.scores.iter().zip(points(series, profile)) {
            all.extend(point.map(|(window, weight)| (*score, window.map(|window| window + first), weight)));
        }
        first += series.windows.len();
    }
    all.sort_unstable_by(|a, b| b.0.total_cmp(&a.0));
    let silent = -profile.miss * first as f64;
    let mut windows = vec![-profile.miss; first];
    let (mut sum, mut best_sum, mut threshold) = (silent, silent, f64::INFINITY);
    for (i, (score, window, weight)) in all.iter().enumerate() {
        match window {
            Some(window) => {
                let better = f64::max(windows[*window], *weight);
                sum += better - windows[*window];
                windows[*window] = better;
            }
            None => sum += weight,
        }
        let last_of_equals = all.get(i + 1).is_none_or(|next| next.0 < *score);
        if last_of_equals && sum > best_sum {
            (best_sum, threshold) = (sum, *score);
        }
    }
    Best { threshold, score: normalised(best_sum, first, profile) }
}

/// A sum of scores over so many windows, of 100; 0 where there is no window.
pub fn normalised(sum: f64, windows: usize, profile: &Profile) -> f64 {
    let silent = -profile.miss * windows as f64;
    let perfect = profile.hit * windows as f64;
    if windows == 0 { 0.0 } else { 100.0 * (sum - silent) / (perfect - silent) }
}

/// Alarms and windows of one series, after its probation.
pub fn events(series: &Scored<'_>, threshold: f64) -> Events {
    let mut events = Events { windows: series.windows.len(), ..Events::default() };
    let mut found = vec![false; series.windows.len()];
    let (mut running, mut counted) = (false, false);
    let standard = &PROFILES[0];
    for (score, point) in series.scores.iter().zip(points(series, standard)) {
        let alarms = point.filter(|_| *score >= threshold);
        let Some((window, _)) = alarms else {
            (running, counted) = (false, false);
            continue;
        };
        events.alarms += usize::from(!running);
        running = true;
        if let Some(window) = window {
            events.true_alarms += usize::from(!counted);
            (counted, found[window]) = (true, true);
        }
    }
    events.found = found.iter().filter(|found| **found).count();
    events
}

/// What an alarm at each sample is worth, and the window it is in; none on probation.
fn points<'a>(
    series: &Scored<'a>,
    profile: &'a Profile,
) -> impl Iterator<Item = Option<(Option<usize>, f64)>> + 'a {
    let (windows, len) = (series.windows, series.scores.len());
    let probation = f64::min((PROBATION * len as f64).floor(), PROBATION * PROBATION_OF_MAX) as usize;
    let most = sigmoid(-1.0);
    let mut at = 0;
    (0..len).map(move |i| {
        while windows.get(at).is_some_and(|(_, last)| i > *last) {
            at += 1;
        }
        let point = match windows.get(at).filter(|(first, _)| i >= *first) {
            Some((first, last)) => {
                let position = -((last - i + 1) as f64) / ((last - first + 1) as f64);
                (Some(at), profile.hit * sigmoid(position) / most)
            }
            None => {
                let behind = at.checked_sub(1).and_then(|before| windows.get(before));
                let weight =
                    behind.map_or(-1.0, |(first, last)| sigmoid((i - last) as f64 / (last - first) as f64));
                (None, profile.false_alarm * weight)
            }
        };
        (i >= probation).then_some(point)
    })
}

/// From nearly 1 at -1, the left edge of a window, through 0 at its right edge to -1.
fn sigmoid(position: f64) -> f64 {
    if position > 3.0 { -1.0 } else { 2.0 / (1.0 + (5.0 * position).exp()) - 1.0 }
}
