//! The history of the configured store as traces: what rules are tried on where no file of recorded usage is named.
//!
//! The store holds 5-minute points of the last days only. Of the days before, samples of CPU are drawn evenly from the
//! distribution of their day, which is kept within one per cent, and samples of memory follow the median, the 95th
//! percentile and the maximum of their hour. Daily maxima are exact throughout. What was requested in the past is not
//! kept: the request of today stands for all weeks.

use std::collections::{BTreeMap, VecDeque};

use kubeopt_history::UsageStore;
use kubeopt_model::trace::{ResourceTrace, UsageTrace};
use kubeopt_model::usage::{ContainerPoints, DayUsage, HourPoint};
use kubeopt_model::workload::ResourceList;
use kubeopt_model::{ClusterName, ContainerId, ContainerUsage, Problem, Timestamp, Window};
use kubeopt_strategies::Fleet;
use tokio::runtime::Handle;

use crate::seen::Seen;

const STEP_S: i64 = 300;
const DAY_S: i64 = 86_400;

/// All that a store keeps.
const WINDOW_S: i64 = 90 * DAY_S;

/// How many containers are read at a time: 20 MB of points.
const AT_A_TIME: usize = 100;

/// Samples of a day, and of an hour.
const OF_DAY: usize = 288;
const OF_HOUR: usize = 12;

/// Shares no factor with [`OF_DAY`], so that steps of it go through a day in an order without a trend.
const STRIDE: usize = 89;

/// Containers that request something, and what they request.
pub(super) struct Requests {
    by_cluster: BTreeMap<ClusterName, Vec<(ContainerId, ResourceList)>>,
    /// Containers that request nothing.
    pub(super) without: usize,
    /// What those that request something request on average, each replica counted.
    pub(super) fleet: Option<Fleet>,
}

impl Requests {
    pub(super) fn of(seen: &Seen) -> Self {
        let (mut by_cluster, mut without) = (BTreeMap::new(), 0);
        let (mut cpu, mut memory, mut replicas) = (0.0, 0.0, 0.0);
        for (cluster, facts) in &seen.clusters {
            let own: &mut Vec<_> = by_cluster.entry(cluster.clone()).or_default();
            for workload in &facts.workloads {
                for container in &workload.containers {
                    let requests = container.resources.requests;
                    let (Some(millicores), Some(bytes)) = (requests.cpu, requests.memory) else {
                        without += usize::from(requests == ResourceList::default());
                        if requests != ResourceList::default() {
                            own.push((id(workload, container), requests));
                        }
                        continue;
                    };
                    let count = f64::from(workload.replicas);
                    cpu += count * millicores.0 as f64;
                    memory += count * bytes.0 as f64;
                    replicas += count;
                    own.push((id(workload, container), requests));
                }
            }
        }
        let fleet = (cpu > 0.0 && memory > 0.0)
            .then(|| Fleet { cpu_request: cpu / replicas, memory_request: memory / replicas });
        Self { by_cluster, without, fleet }
    }

    pub(super) fn count(&self) -> usize {
        self.by_cluster.values().map(Vec::len).sum()
    }
}

fn id(workload: &kubeopt_model::Workload, container: &kubeopt_model::Container) -> ContainerId {
    ContainerId { workload: workload.id.clone(), container: container.name.clone() }
}

/// The traces, a hundred at a time in memory. Reading waits: not for the threads that others wait on.
pub(super) struct LiveTraces<'a> {
    history: &'a dyn UsageStore,
    now: Timestamp,
    handle: Handle,
    left: VecDeque<(ClusterName, Vec<(ContainerId, ResourceList)>)>,
    ready: VecDeque<UsageTrace>,
    /// Days of history of each container that has any.
    pub(super) days: Vec<f64>,
}

impl<'a> LiveTraces<'a> {
    pub(super) fn new(history: &'a dyn UsageStore, requests: &Requests, now: Timestamp) -> Self {
        let chunks = requests
            .by_cluster
            .iter()
            .flat_map(|(cluster, all)| all.chunks(AT_A_TIME).map(|chunk| (cluster.clone(), chunk.to_vec())));
        let left = chunks.collect();
        Self { history, now, handle: Handle::current(), left, ready: VecDeque::new(), days: Vec::new() }
    }

    fn read(&mut self, cluster: &ClusterName, chunk: &[(ContainerId, ResourceList)]) -> Result<(), Problem> {
        let ids: Vec<ContainerId> = chunk.iter().map(|(id, _)| id.clone()).collect();
        let window = Window::ending(self.now, WINDOW_S);
        let (usage, points) = self
            .handle
            .block_on(async {
                let usage = self.history.usage(cluster, window, Some(&ids)).await?;
                Ok((usage, self.history.points(cluster, Some(&ids), window).await?))
            })
            .map_err(|error: kubeopt_history::HistoryError| error.problem())?;
        let mut points: BTreeMap<ContainerId, ContainerPoints> =
            points.into_iter().map(|points| (points.container.clone(), points)).collect();
        let requests: BTreeMap<&ContainerId, &ResourceList> =
            chunk.iter().map(|(id, list)| (id, list)).collect();
        for usage in usage {
            let Some(requests) = requests.get(&usage.container) else { continue };
            self.days.push(usage.seen.days());
            let points = points.remove(&usage.container);
            self.ready.push_back(trace(&usage, points.as_ref(), requests));
        }
        Ok(())
    }
}

impl Iterator for LiveTraces<'_> {
    type Item = Result<UsageTrace, Problem>;

    fn next(&mut self) -> Option<Self::Item> {
        while self.ready.is_empty() {
            let (cluster, chunk) = self.left.pop_front()?;
            if let Err(problem) = self.read(&cluster, &chunk) {
                return Some(Err(problem));
            }
        }
        self.ready.pop_front().map(Ok)
    }
}

fn trace(usage: &ContainerUsage, points: Option<&ContainerPoints>, requests: &ResourceList) -> UsageTrace {
    let days = usage.cpu.as_ref().map_or(&[][..], |cpu| &cpu.days);
    let (own_cpu, own_memory) = points.map_or((&[][..], &[][..]), |own| (&own.cpu, &own.memory));
    let cpu = before(own_cpu, |from| days.iter().filter(move |day| day.at_unix_s < from).flat_map(of_day));
    let hours = &usage.memory_hours;
    let memory = before(own_memory, |from| {
        hours.iter().filter(move |hour| hour.at_unix_s < from).flat_map(|hour| of_hour(&hour))
    });
    UsageTrace {
        name: usage.container.to_string(),
        cpu: provided(cpu, requests.cpu.map(|millicores| millicores.0)),
        memory: provided(memory, requests.memory.map(|bytes| bytes.0)),
    }
}

/// The points, after what there was before the day of the first of them.
fn before<I: Iterator<Item = (i64, f64)>>(
    points: &[(i64, f64)],
    earlier: impl FnOnce(i64) -> I,
) -> Vec<(i64, f64)> {
    let from = points.first().map_or(i64::MAX, |(at, _)| at.div_euclid(DAY_S) * DAY_S);
    earlier(from).chain(points.iter().copied()).collect()
}

/// Without a request there is nothing to compare with.
fn provided(points: Vec<(i64, f64)>, request: Option<u64>) -> ResourceTrace {
    let provisioned = vec![request.unwrap_or(0) as f64; points.len()];
    ResourceTrace { points, provisioned }
}

/// Samples of a day as its distribution has them, in an order without a trend; the highest is exact.
fn of_day(day: &DayUsage) -> Vec<(i64, f64)> {
    let count = usize::try_from(day.sketch.count()).unwrap_or(OF_DAY).min(OF_DAY);
    let value = |rank: usize| {
        let drawn = day.sketch.quantile((rank as f64 + 0.5) / count as f64).unwrap_or_default();
        if rank + 1 == count { day.max } else { drawn.min(day.max) }
    };
    let mut points: Vec<(i64, f64)> = (0..count)
        .map(|rank| {
            let step = if count == OF_DAY { rank * STRIDE % OF_DAY } else { rank };
            (day.at_unix_s + step as i64 * STEP_S, value(rank))
        })
        .collect();
    points.sort_by_key(|(at, _)| *at);
    points
}

/// Samples of an hour: half of them at the median, then evenly up to the 95th percentile, one at the maximum.
fn of_hour(hour: &HourPoint) -> Vec<(i64, f64)> {
    let half = OF_HOUR / 2;
    let value = |rank: usize| match rank {
        rank if rank < half => hour.median,
        rank if rank + 1 == OF_HOUR => hour.max,
        rank => {
            let part = (rank + 1 - half) as f64 / (half - 1) as f64;
            hour.median + (hour.p95 - hour.median).max(0.0) * part
        }
    };
    (0..OF_HOUR).map(|rank| (hour.at_unix_s + rank as i64 * STEP_S, value(rank))).collect()
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use kubeopt_backtest::{Plan, Report, contenders, run};
    use kubeopt_history::MemoryUsage;
    use kubeopt_model::usage::{Signal, UsageSeries};
    use kubeopt_model::workload::ContainerRole;
    use kubeopt_model::{
        Bytes, ClusterFacts, Container, ContainerName, MilliCores, Namespace, ObjectName, Resources,
        Workload, WorkloadId, WorkloadKind,
    };

    use super::*;

    const DAYS: i64 = 43;

    /// A cluster with one container that requests 2 cores and 4 GiB, and one that requests nothing.
    fn seen() -> Seen {
        let name = ClusterName::new("test").unwrap();
        let container = |name: &str, requests: ResourceList| Container {
            name: ContainerName::new(name).unwrap(),
            role: ContainerRole::Main,
            image: String::new(),
            resources: Resources { requests, ..Resources::default() },
            java: None,
            gpus: 0,
        };
        let some = ResourceList { cpu: Some(MilliCores(2000)), memory: Some(Bytes::mebi(4096)) };
        let mut facts = ClusterFacts::empty(name.clone());
        facts.workloads.push(Workload {
            id: WorkloadId {
                cluster: name.clone(),
                namespace: Namespace::new("shop").unwrap(),
                kind: WorkloadKind::Deployment,
                name: ObjectName::new("api").unwrap(),
            },
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            replicas: 1,
            containers: vec![container("main", some), container("helper", ResourceList::default())],
            scaler: None,
            applied_by: None,
            owner: None,
            vpa: None,
        });
        Seen { clusters: [(name, facts)].into(), ..Seen::default() }
    }

    /// Millicores or bytes: a daily wave with a bit of noise, and a peak on the last Monday but one.
    fn used(signal: Signal, at: i64) -> f64 {
        let wave = 1.0 + 0.5 * ((at % DAY_S) as f64 / DAY_S as f64 * std::f64::consts::TAU).sin();
        let noise = 1.0 + 0.1 * ((at / STEP_S * 7919 % 97) as f64 / 97.0);
        let peak = if at / DAY_S == DAYS - 5 { 1.8 } else { 1.0 };
        wave * noise * peak * if signal == Signal::CpuMillicores { 300.0 } else { 5e8 }
    }

    fn points(signal: Signal, from: i64, to: i64) -> Vec<(i64, f64)> {
        (from..to).step_by(STEP_S as usize).map(|at| (at, used(signal, at))).collect()
    }

    async fn store(container: &ContainerId) -> MemoryUsage {
        let store = MemoryUsage::default();
        for day in 0..DAYS {
            let slice = Window { from_unix_s: day * DAY_S, to_unix_s: (day + 1) * DAY_S };
            let mut rollup = store.begin(&container.workload.cluster, slice);
            for signal in [Signal::CpuMillicores, Signal::MemoryBytes] {
                let points = points(signal, slice.from_unix_s, slice.to_unix_s);
                rollup.add(UsageSeries {
                    container: container.clone(),
                    pod: "api-a".to_owned(),
                    signal,
                    points,
                });
            }
            store.append(rollup, None).await.unwrap();
        }
        store
    }

    fn judged(fleet: Option<Fleet>, traces: impl Iterator<Item = Result<UsageTrace, Problem>>) -> Report {
        let rules = ["kubeopt", "vpa", "krr-simple", "max-14d"].map(str::to_owned);
        let contenders = contenders(&rules, false).unwrap();
        run(
            &Plan { contenders, part: None, fleet, foretell: None, threads: NonZeroUsize::MIN },
            traces,
            |_| (),
        )
        .unwrap()
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn a_store_of_six_weeks_is_judged_as_the_samples_that_made_it() {
        let seen = seen();
        let requests = Requests::of(&seen);
        assert_eq!((requests.count(), requests.without), (1, 1));
        let (container, list) = requests.by_cluster.values().next().unwrap()[0].clone();
        let store = store(&container).await;
        let now = Timestamp::from_second(DAYS * DAY_S).unwrap();
        let (kept, days) = tokio::task::block_in_place(|| {
            let mut traces = LiveTraces::new(&store, &requests, now);
            (judged(requests.fleet, traces.by_ref()), traces.days)
        });
        let of = |signal, request| provided(points(signal, 0, DAYS * DAY_S), request);
        let exact = UsageTrace {
            name: container.to_string(),
            cpu: of(Signal::CpuMillicores, list.cpu.map(|cpu| cpu.0)),
            memory: of(Signal::MemoryBytes, list.memory.map(|memory| memory.0)),
        };
        let exact = judged(requests.fleet, [Ok(exact)].into_iter());
        assert_eq!(days, [DAYS as f64]);
        assert_eq!(
            (kept.traces, kept.cpu_weeks, kept.memory_weeks),
            (1, exact.cpu_weeks, exact.memory_weeks)
        );
        assert_eq!(kept.cpu_weeks, 2);
        for (kept, exact) in kept.rows.iter().zip(&exact.rows) {
            for (kept, exact) in [(&kept.cpu, &exact.cpu), (&kept.memory, &exact.memory)] {
                let near = (kept.saved.value - exact.saved.value).abs() < 0.02;
                assert!(near && (kept.over.value - exact.over.value).abs() < 0.02, "{kept:?} {exact:?}");
            }
        }
    }

    #[test]
    fn a_day_keeps_its_distribution_and_its_maximum() {
        let mut day = DayUsage {
            at_unix_s: DAY_S,
            sketch: Default::default(),
            max: 288.0,
            coverage: Default::default(),
            partial: false,
        };
        (1..=288).for_each(|value| day.sketch.add(f64::from(value), 1));
        let points = of_day(&day);
        assert_eq!(points.len(), OF_DAY);
        assert!(points.windows(2).all(|pair| pair[0].0 < pair[1].0), "no two of one moment");
        let mut values: Vec<f64> = points.iter().map(|point| point.1).collect();
        values.sort_by(f64::total_cmp);
        for (rank, value) in (1..=288).zip(values) {
            let wanted = f64::from(rank);
            assert!((value - wanted).abs() <= 0.011 * wanted, "{value} is not {wanted}");
        }
        // In the first half of the day are as many high ones as in the second.
        let high = points.iter().take(OF_DAY / 2).filter(|point| point.1 > 144.0).count();
        assert!((60..85).contains(&high), "{high}");
    }

    #[test]
    fn an_hour_keeps_its_median_and_its_maximum() {
        let hour = HourPoint { at_unix_s: 3600, median: 10.0, p95: 20.0, max: 50.0 };
        let values: Vec<f64> = of_hour(&hour).iter().map(|point| point.1).collect();
        assert_eq!(values, [10.0, 10.0, 10.0, 10.0, 10.0, 10.0, 12.0, 14.0, 16.0, 18.0, 20.0, 50.0]);
    }

    #[test]
    fn points_stand_for_their_days_and_earlier_days_before_them() {
        let points = [(2 * DAY_S + 600, 7.0)];
        let all = before(&points, |from| {
            [(0, 1.0), (2 * DAY_S, 2.0)].into_iter().filter(move |(at, _)| *at < from)
        });
        assert_eq!(all, [(0, 1.0), (2 * DAY_S + 600, 7.0)]);
    }
}
