//! Replays computed by hand: rules that say what they are told to, on traces of a few numbers.

use kubeopt_strategies::{Strategy, by_name};
use proptest::prelude::{ProptestConfig, prop, prop_assert, prop_assert_eq, proptest};

use super::*;
use crate::days::DAY_S;

/// Samples of a day.
const DAY_SAMPLES: i64 = 288;

/// Says the same each week, or something else from a day on.
#[derive(Debug, Clone, Copy)]
struct Says {
    first: Option<f64>,
    from_day: i64,
    then: Option<f64>,
}

impl Says {
    fn always(value: f64) -> Self {
        Self { first: Some(value), from_day: i64::MAX, then: None }
    }
}

impl Strategy for Says {
    fn name(&self) -> &'static str {
        "says"
    }

    fn about(&self) -> &'static str {
        "what it is told to"
    }

    fn days(&self) -> u32 {
        0
    }

    fn give(&self, history: &History<'_>) -> Given {
        let value = if history.now_unix_s / DAY_S >= self.from_day { self.then } else { self.first };
        let memory_request = value.map(|mib| mib * MIB as f64);
        Given { cpu_request: value, memory_request, ..Given::default() }
    }
}

/// Panics where it is shown anything that comes after the moment.
#[derive(Debug)]
struct Watchful;

impl Strategy for Watchful {
    fn name(&self) -> &'static str {
        "watchful"
    }

    fn about(&self) -> &'static str {
        "looks for the future"
    }

    fn days(&self) -> u32 {
        90
    }

    fn give(&self, history: &History<'_>) -> Given {
        for series in [history.cpu, history.memory] {
            let latest = [
                series.points.last().map(|(at, _)| *at),
                series.days.last().map(|day| day.at_unix_s + DAY_S - 1),
                series.hours.last().map(|(at, _)| at + 3_599),
            ];
            assert!(latest.iter().flatten().all(|at| *at < history.now_unix_s), "{latest:?}");
        }
        let kill = history.oom_kills.last();
        assert!(kill.is_none_or(|(at, _)| *at < history.now_unix_s), "{kill:?}");
        Given { memory_request: Some(MIB as f64), ..Given::default() }
    }
}

/// A trace of whole days from the epoch on: CPU in millicores and memory in MiB are the same number.
fn trace(days: i64, provisioned: f64, value: impl Fn(i64) -> f64) -> UsageTrace {
    let points: Vec<(i64, f64)> =
        (0..days * DAY_SAMPLES).map(|step| (step * 300, value(step * 300))).collect();
    let bytes = |value: f64| value * MIB as f64;
    UsageTrace {
        name: "a".to_owned(),
        memory: ResourceTrace {
            provisioned: vec![bytes(provisioned); points.len()],
            points: points.iter().map(|(at, value)| (*at, bytes(*value))).collect(),
        },
        cpu: ResourceTrace { provisioned: vec![provisioned; points.len()], points },
    }
}

fn replay(trace: &UsageTrace, strategy: &dyn Strategy) -> Replayed {
    Prepared::of(trace, None).unwrap().replay(strategy, Kills::Answered)
}

#[test]
fn cpu_counts_samples_above_and_memory_weeks_that_have_one() {
    // Two weeks from day 28 to 42; on day 30 ten samples are at 500.
    let usage = |at: i64| if (30 * DAY_S..30 * DAY_S + 3_000).contains(&at) { 500.0 } else { 100.0 };
    let replayed = replay(&trace(42, 1000.0, usage), &Says::always(400.0));
    let week_samples = 7.0 * DAY_SAMPLES as f64;
    let cpu = Sums {
        reserved: 800.0,
        provisioned: 2000.0,
        exceeding: 10.0,
        of: 2.0 * week_samples,
        changed: 0.0,
        refreshed: 1.0,
    };
    assert_eq!(replayed.cpu, cpu);
    assert_eq!((replayed.memory.exceeding, replayed.memory.of, replayed.cpu_weeks), (1.0, 2.0, 2));
    assert_eq!(replayed.memory.reserved, 800.0 * MIB as f64);
}

#[test]
fn a_sample_at_the_request_does_not_exceed_it() {
    let replayed = replay(&trace(35, 1000.0, |_| 400.0), &Says::always(400.0));
    assert_eq!((replayed.cpu.exceeding, replayed.memory.exceeding), (0.0, 0.0));
}

#[test]
fn nobody_gets_more_than_there_is_and_no_answer_leaves_what_is_there() {
    let above = replay(&trace(42, 1000.0, |_| 1.0), &Says::always(5000.0));
    assert_eq!((above.cpu.reserved, above.cpu.changed), (2000.0, 0.0));
    let never = replay(&trace(42, 1000.0, |_| 1.0), &Says { first: None, from_day: i64::MAX, then: None });
    assert_eq!(never.cpu.reserved, 2000.0);
    let silent = replay(&trace(42, 1000.0, |_| 1.0), &Says { first: Some(300.0), from_day: 35, then: None });
    assert_eq!((silent.cpu.reserved, silent.cpu.changed), (600.0, 0.0));
}

#[test]
fn a_refresh_is_a_change_beyond_a_tenth_of_the_value_before() {
    for (then, changed) in [(440.0, 0.0), (441.0, 1.0), (360.0, 0.0), (359.0, 1.0)] {
        let says = Says { first: Some(400.0), from_day: 35, then: Some(then) };
        let replayed = replay(&trace(42, 1000.0, |_| 1.0), &says);
        assert_eq!((replayed.cpu.changed, replayed.cpu.refreshed), (changed, 1.0), "{then}");
    }
}

#[test]
fn a_kill_asks_for_more_until_two_weeks_were_clean() {
    // Week 1 (day 28) exceeds 400 with 450, weeks 2 to 5 use 100.
    let usage = |at: i64| if (30 * DAY_S..30 * DAY_S + 300).contains(&at) { 450.0 } else { 100.0 };
    let replayed = replay(&trace(63, 1000.0, usage), &Says::always(400.0));
    let sums = replayed.memory_with_kills;
    // 400, then 500 (100 MiB more is more than a fifth) for two weeks, then 400 again.
    assert_eq!(sums.reserved, (400.0 + 500.0 + 500.0 + 400.0 + 400.0) * MIB as f64);
    assert_eq!((sums.exceeding, sums.of, sums.changed), (1.0, 5.0, 2.0));
    assert_eq!(replayed.memory.reserved, 5.0 * 400.0 * MIB as f64);
}

#[test]
fn kills_within_a_week_add_up_and_end_at_what_is_there() {
    let mib = |value: f64| value * MIB as f64;
    let points = [
        (0, mib(900.0)),
        (1, mib(900.0)),
        (2, mib(100.0)),
        (3, mib(5000.0)),
        (4, mib(5000.0)),
        (5, mib(5000.0)),
    ];
    let kills = killed(&points, mib(600.0), mib(1000.0));
    // 600 -> 720 -> 864 -> 1000, which is all there is.
    let near = |got: &(i64, f64), at: i64, had: f64| got.0 == at && (got.1 / MIB as f64 - had).abs() < 1e-6;
    assert_eq!(kills.len(), 4, "{kills:?}");
    assert!(near(&kills[0], 0, 600.0) && near(&kills[1], 1, 720.0), "{kills:?}");
    assert!(near(&kills[2], 3, 864.0) && near(&kills[3], 4, 1000.0), "{kills:?}");
}

#[test]
fn a_rule_never_sees_what_comes_after_the_moment() {
    let trace = trace(60, 1000.0, |at| (at / 300 % 97) as f64);
    let replayed = replay(&trace, &Watchful);
    assert_eq!(replayed.memory_with_kills.of, 4.0);
}

#[test]
fn a_trace_of_less_than_five_weeks_says_nothing() {
    assert!(Prepared::of(&trace(33, 1000.0, |_| 1.0), None).is_none());
    assert!(Prepared::of(&UsageTrace::default(), None).is_none());
}

/// Gives that much times what another rule gives.
#[derive(Debug)]
struct Times(f64, Box<dyn Strategy>);

impl Strategy for Times {
    fn name(&self) -> &'static str {
        "times"
    }

    fn about(&self) -> &'static str {
        "more of another"
    }

    fn days(&self) -> u32 {
        self.1.days()
    }

    fn give(&self, history: &History<'_>) -> Given {
        let given = self.1.give(history);
        let more = |value: Option<f64>| value.map(|value| value * self.0);
        Given { cpu_request: more(given.cpu_request), memory_request: more(given.memory_request), ..given }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]
    #[test]
    fn raising_every_recommendation_never_raises_overrun_or_savings(
        days in prop::collection::vec(1.0_f64..2000.0, 42..50), more in 1.0_f64..3.0, name in prop::sample::select(vec!["vpa", "krr-simple", "cast", "kubeopt"]),
    ) {
        let trace = trace(days.len() as i64, 1500.0, |at| days[(at / DAY_S) as usize] * (0.5 + (at / 300 % 7) as f64 / 14.0));
        let (as_it_is, raised) = (by_name(name).unwrap(), Times(more, by_name(name).unwrap()));
        let (before, after) = (replay(&trace, as_it_is.as_ref()), replay(&trace, &raised));
        for (before, after) in [(before.cpu, after.cpu), (before.memory, after.memory)] {
            prop_assert!(after.exceeding <= before.exceeding);
            prop_assert!(after.reserved >= before.reserved * (1.0 - 1e-12));
            prop_assert_eq!((after.of, after.provisioned), (before.of, before.provisioned));
        }
    }

    #[test]
    fn what_is_there_today_saves_nothing(value in 1.0_f64..900.0) {
        let replayed = replay(&trace(42, 1000.0, |_| value), by_name("current").unwrap().as_ref());
        prop_assert_eq!((replayed.cpu.reserved, replayed.cpu.exceeding), (replayed.cpu.provisioned, 0.0));
    }
}
