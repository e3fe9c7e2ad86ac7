//! From counters and states, sampled at steps, to the moments of OOM kills. Pure.
//!
//! Three signs of a kill: the termination state turns to OOMKilled; it is OOMKilled and the restart counter rises (a
//! second kill leaves the state as it is); cAdvisor's event counter rises. One kill may show all three, a step or two
//! apart, so kills of one container of one pod within [`SAME_KILL_S`] count once.

use std::collections::HashMap;

/// A pod's container, as the labels name it: namespace, pod, container.
pub(crate) type Key = (String, String, String);

/// Samples of one series: (seconds since the epoch, value).
pub(crate) type Points = Vec<(i64, f64)>;

/// Two signs this close tell of one kill: kube-state-metrics and cAdvisor are scraped up to a step apart each, and a
/// container that is killed again within ten minutes proves nothing new.
pub const SAME_KILL_S: i64 = 600;

/// What was read of the termination states, restart counters, event counters and limits.
#[derive(Debug, Default)]
pub(crate) struct Signs {
    pub(crate) terminated: HashMap<Key, Points>,
    pub(crate) restarts: HashMap<Key, Points>,
    pub(crate) events: HashMap<Key, Points>,
    pub(crate) limits: HashMap<Key, Points>,
}

/// A kill of one pod's container.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Kill {
    pub(crate) key: Key,
    pub(crate) at_unix_s: i64,
    pub(crate) limit_bytes: Option<f64>,
}

impl Signs {
    /// All kills from `from` on, sorted by container and time. Samples before `from` only tell what was already so.
    pub(crate) fn kills(&self, from: i64, step_s: i64) -> Vec<Kill> {
        let mut moments: HashMap<&Key, Vec<i64>> = HashMap::new();
        for (key, points) in &self.terminated {
            moments.entry(key).or_default().extend(appearances(points, step_s));
        }
        for (key, points) in &self.restarts {
            moments.entry(key).or_default().extend(rises(points));
        }
        for (key, points) in &self.events {
            // The series is asked for only where it is above 0, so its first sample is a rise as well.
            moments
                .entry(key)
                .or_default()
                .extend(points.first().map(|(at, _)| *at).into_iter().chain(rises(points)));
        }
        let mut kills: Vec<Kill> = moments
            .into_iter()
            .flat_map(|(key, at)| distinct(at, from).into_iter().map(move |at| (key, at)))
            .map(|(key, at_unix_s)| Kill {
                key: key.clone(),
                at_unix_s,
                limit_bytes: self.limit(key, at_unix_s),
            })
            .collect();
        kills.sort_by(|a, b| (&a.key, a.at_unix_s).cmp(&(&b.key, b.at_unix_s)));
        kills
    }

    /// The limit nearest in time.
    fn limit(&self, key: &Key, at: i64) -> Option<f64> {
        let points = self.limits.get(key)?;
        points
            .iter()
            .min_by_key(|(time, _)| (time - at).abs())
            .map(|(_, limit)| *limit)
            .filter(|limit| *limit > 0.0)
    }
}

/// Samples that follow a gap of more than a step.
fn appearances(points: &Points, step_s: i64) -> Vec<i64> {
    let mut before = None;
    let mut found = Vec::new();
    for (at, _) in points {
        if before.is_none_or(|before| at - before > step_s) {
            found.push(*at);
        }
        before = Some(*at);
    }
    found
}

/// Samples that are higher than the one before.
fn rises(points: &Points) -> Vec<i64> {
    points.windows(2).filter(|pair| pair[1].1 > pair[0].1).map(|pair| pair[1].0).collect()
}

/// Sorted, without those that tell of the kill before, and without what was so before the window.
fn distinct(mut moments: Vec<i64>, from: i64) -> Vec<i64> {
    moments.sort_unstable();
    let mut found = Vec::new();
    let mut last: Option<i64> = None;
    for at in moments {
        let new = last.is_none_or(|last| at - last > SAME_KILL_S);
        if new {
            last = Some(at);
        }
        if new && at >= from {
            found.push(at);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key() -> Key {
        ("shop".to_owned(), "api-1".to_owned(), "main".to_owned())
    }

    fn series(points: &[(i64, f64)]) -> HashMap<Key, Points> {
        HashMap::from([(key(), points.to_vec())])
    }

    fn moments(signs: &Signs, from: i64) -> Vec<i64> {
        signs.kills(from, 300).into_iter().map(|kill| kill.at_unix_s).collect()
    }

    #[test]
    fn the_first_sample_that_shows_it_is_the_moment() {
        let signs = Signs {
            terminated: series(&[(3900, 1.0), (4200, 1.0), (4500, 1.0)]),
            limits: series(&[(3600, 1e9), (4200, 2e9)]),
            ..Signs::default()
        };
        let kills = signs.kills(3600, 300);
        assert_eq!(kills, [Kill { key: key(), at_unix_s: 3900, limit_bytes: Some(1e9) }]);
    }

    #[test]
    fn a_state_from_before_the_window_is_no_new_kill() {
        let signs =
            Signs { terminated: series(&[(3300, 1.0), (3600, 1.0), (3900, 1.0)]), ..Signs::default() };
        assert!(moments(&signs, 3600).is_empty());
        let events = Signs { events: series(&[(3300, 4.0), (3600, 4.0)]), ..Signs::default() };
        assert!(moments(&events, 3600).is_empty());
    }

    #[test]
    fn a_second_kill_shows_in_the_restarts_alone() {
        let signs = Signs {
            terminated: series(&[(3900, 1.0), (4200, 1.0), (9000, 1.0)]),
            restarts: series(&[(3900, 1.0), (8700, 1.0), (9000, 2.0)]),
            ..Signs::default()
        };
        assert_eq!(moments(&signs, 3600), [3900, 9000]);
    }

    #[test]
    fn signs_of_one_kill_count_once() {
        let signs = Signs {
            terminated: series(&[(3900, 1.0)]),
            restarts: series(&[(3900, 0.0), (4200, 1.0)]),
            events: series(&[(3600, 1.0), (3900, 2.0)]),
            limits: HashMap::new(),
        };
        assert_eq!(moments(&signs, 3600), [3600]);
        assert_eq!(signs.kills(0, 300)[0].limit_bytes, None);
    }
}
