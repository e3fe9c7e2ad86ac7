//! What holds of rules whatever the load, and of kubeopt's own where exactly.
//!
//! Two things do *not* hold of kubeopt's rule, by intent. More usage may give less: a peak that grows dearer to hold than
//! to exceed is given up, unless what the fleet requests grows with it (then all is larger alike, see
//! `a_fleet_twice_as_large_gets_twice_as_much`). And a higher price may give less where a value of an earlier week is kept,
//! because what is kept depends on the price too; where nothing was given before, it never does.

use kubeopt_model::usage::DayUsage;
use kubeopt_signal::Sketch;
use kubeopt_strategies::{
    CpuCost, Fleet, Given, History, Kubeopt, MemoryCost, NAMES, Series, Strategy, by_name,
};
use proptest::prelude::*;
use proptest::strategy::Strategy as Drawn;

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 86_400;
const GIB: f64 = 1_073_741_824.0;

/// The larger of the grid steps of kubeopt's rule, and the two per cent of the bins of a sketch on either side.
const A_STEP: f64 = 1.04 * 1.02 * 1.02;

/// One resource: one sample an hour.
#[derive(Debug, Clone)]
struct Load {
    points: Vec<(i64, f64)>,
    days: Vec<DayUsage>,
}

impl Load {
    fn of(points: Vec<(i64, f64)>) -> Self {
        let day = |points: &[(i64, f64)]| {
            let mut sketch = Sketch::default();
            points.iter().for_each(|(_, value)| sketch.add(*value, 1));
            let max = points.iter().map(|point| point.1).fold(0.0, f64::max);
            DayUsage {
                at_unix_s: points[0].0.div_euclid(DAY_S) * DAY_S,
                sketch,
                max,
                coverage: Default::default(),
                partial: false,
            }
        };
        let same_day = |a: &(i64, f64), b: &(i64, f64)| a.0.div_euclid(DAY_S) == b.0.div_euclid(DAY_S);
        Self { days: points.chunk_by(same_day).map(day).collect(), points }
    }

    fn times(&self, factor: f64) -> Self {
        Self::of(self.points.iter().map(|(at, value)| (*at, value * factor)).collect())
    }

    fn before(&self, end_unix_s: i64) -> Self {
        Self::of(self.points.iter().filter(|(at, _)| *at < end_unix_s).copied().collect())
    }

    fn series(&self) -> Series<'_> {
        Series { days: &self.days, hours: &self.points, points: &self.points }
    }
}

/// CPU in millicores, memory in bytes, up to `now`.
fn history<'a>(cpu: &'a Load, memory: &'a Load, now_unix_s: i64) -> History<'a> {
    let fleet = Some(Fleet { cpu_request: 1000.0, memory_request: 2.0 * GIB });
    History { cpu: cpu.series(), memory: memory.series(), now_unix_s, fleet, ..History::default() }
}

/// Samples of so many days: a level that is drawn each day, and of each hour a part of it; zeros and gaps now and then.
fn loads(days: std::ops::Range<usize>, unit: f64) -> impl Drawn<Value = Load> {
    let hour = prop_oneof![8 => (0.2_f64..1.0).prop_map(Some), 1 => Just(Some(0.0)), 1 => Just(None)];
    let day = (0.01_f64..20.0, proptest::collection::vec(hour, 24));
    proptest::collection::vec(day, days).prop_map(move |days| {
        let of_day = |(day, (level, hours)): (usize, (f64, Vec<Option<f64>>))| {
            let at = move |hour: usize| day as i64 * DAY_S + hour as i64 * HOUR_S;
            let point = move |(hour, part): (usize, Option<f64>)| Some((at(hour), part? * level * unit));
            hours.into_iter().enumerate().filter_map(point).collect::<Vec<_>>()
        };
        Load::of(days.into_iter().enumerate().flat_map(of_day).collect())
    })
}

fn amounts(given: &Given) -> Vec<f64> {
    let all = [given.cpu_request, given.cpu_limit, given.memory_request, given.memory_limit];
    all.into_iter().flatten().collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(96))]

    #[test]
    fn every_rule_gives_numbers_the_same_each_time_and_sees_nothing_of_the_future(
        cpu in loads(1..40, 100.0), memory in loads(1..40, GIB), into in 0.1_f64..1.0,
    ) {
        let now = (40.0 * into) as i64 * DAY_S;
        let (cpu_before, memory_before) = (cpu.before(now), memory.before(now));
        for name in NAMES {
            let rule = by_name(name).unwrap();
            let given = rule.give(&history(&cpu, &memory, now));
            let numbers = amounts(&given);
            prop_assert!(numbers.iter().all(|value| value.is_finite() && *value >= 0.0), "{} {:?}", name, given);
            prop_assert_eq!(given, rule.give(&history(&cpu, &memory, now)), "{}", name);
            prop_assert_eq!(given, rule.give(&history(&cpu_before, &memory_before, now)), "{}", name);
        }
    }

    #[test]
    fn kubeopt_stays_within_what_the_container_can_have(
        cpu in loads(7..60, 100.0), memory in loads(7..60, GIB), most_cpu in 5.0_f64..3000.0, most_memory in 0.05_f64..20.0,
    ) {
        let most = Given {
            cpu_limit: Some(most_cpu), memory_limit: Some(most_memory * GIB), ..Given::default()
        };
        let given = Kubeopt::default().give(&History { most, ..history(&cpu, &memory, 60 * DAY_S) });
        prop_assert!(given.cpu_request.is_none_or(|value| value <= most_cpu * (1.0 + 1e-9)), "{:?}", given);
        prop_assert!(given.memory_request.is_none_or(|value| value <= most_memory * GIB * (1.0 + 1e-9)), "{:?}", given);
    }

    #[test]
    fn kubeopt_never_reserves_less_at_a_higher_price_where_nothing_was_given_before(
        cpu in loads(7..8, 100.0), memory in loads(7..8, GIB), price in 0.1_f64..50.0, dearer in 1.0_f64..10.0,
    ) {
        let at = |price: f64| Kubeopt {
            cpu: CpuCost { price, ..CpuCost::default() }, memory: MemoryCost { price },
        };
        let known = history(&cpu, &memory, 7 * DAY_S);
        let (cheap, dear) = (at(price).give(&known), at(price * dearer).give(&known));
        prop_assert!(dear.cpu_request >= cheap.cpu_request, "{:?} {:?}", cheap, dear);
        prop_assert!(dear.memory_request >= cheap.memory_request, "{:?} {:?}", cheap, dear);
    }

    #[test]
    fn a_fleet_twice_as_large_gets_twice_as_much(
        cpu in loads(7..8, 1000.0), memory in loads(7..8, GIB), factor in 1.1_f64..8.0,
    ) {
        let small = history(&cpu, &memory, 7 * DAY_S);
        let (large_cpu, large_memory) = (cpu.times(factor), memory.times(factor));
        let fleet = small.fleet.map(|fleet| Fleet {
            cpu_request: fleet.cpu_request * factor, memory_request: fleet.memory_request * factor,
        });
        let large = History { fleet, ..history(&large_cpu, &large_memory, 7 * DAY_S) };
        let cost = |known: &History<'_>| (
            CpuCost::default().give(known).map(|chosen| chosen.reserved + chosen.risk),
            MemoryCost::default().give(known).map(|chosen| chosen.reserved + chosen.risk),
        );
        // Two values may cost the same to a grid step; what is least of all costs scales with everything else.
        let ((cpu_small, memory_small), (cpu_large, memory_large)) = (cost(&small), cost(&large));
        for (small, large) in [(cpu_small, cpu_large), (memory_small, memory_large)] {
            let (Some(small), Some(large)) = (small, large) else { prop_assert_eq!(small, large); continue };
            let ratio = large / small / factor;
            prop_assert!((1.0 / A_STEP..A_STEP).contains(&ratio), "{} {} {}", small, large, ratio);
        }
    }

    #[test]
    fn kubeopt_leaves_no_more_than_a_quarter_of_a_weeks_samples_above(cpu in loads(7..8, 100.0)) {
        let nothing = Load::of(Vec::new());
        let given = Kubeopt::default().give(&history(&cpu, &nothing, 7 * DAY_S)).cpu_request.unwrap();
        let share = |weight: fn(i64) -> f64| {
            let weighted = |point: &(i64, f64)| weight((7 * DAY_S - 1 - point.0) / DAY_S);
            let above = cpu.points.iter().filter(|point| point.1 > given).map(weighted).sum::<f64>();
            above / cpu.points.iter().map(weighted).sum::<f64>()
        };
        let (all, recent) = (share(|_| 1.0), share(|days| (-(days as f64) / 7.0).exp2()));
        prop_assert!((all + recent) / 2.0 <= 0.25 + 1e-9, "{} {} lie above {}", all, recent, given);
    }

    #[test]
    fn kubeopt_never_gives_less_memory_than_each_of_the_last_three_days_needed(memory in loads(7..60, GIB)) {
        let nothing = Load::of(Vec::new());
        let now = memory.days.last().map_or(0, |day| day.at_unix_s + DAY_S);
        let given = Kubeopt::default().give(&history(&nothing, &memory, now)).memory_request;
        let last = memory.days.iter().filter(|day| day.at_unix_s >= now - 3 * DAY_S).map(|day| day.max);
        let Some(least) = last.reduce(f64::min) else { return Ok(()) };
        prop_assert!(given.unwrap() >= 1.1 * least * (1.0 - 1e-9), "{:?} {}", given, least);
    }
}

#[test]
fn no_rule_gives_anything_but_what_is_there_without_samples() {
    let nothing = Load::of(Vec::new());
    for name in NAMES {
        assert_eq!(
            by_name(name).unwrap().give(&history(&nothing, &nothing, DAY_S)),
            Given::default(),
            "{name}"
        );
    }
}
