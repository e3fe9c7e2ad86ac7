//! Usage that was recorded before: the twin of a server, for the demo and for tests. Same contract, no network.

use async_trait::async_trait;
use kubeopt_model::Timestamp;
use kubeopt_model::gpu::GpuUse;
use kubeopt_model::outcome::{HOUR_S, HourSigns};
use kubeopt_model::usage::{OomKill, Signal, UsageSeries, Window};

use crate::aftermath::{Gathering, SignsAsked, SignsRead};
use crate::error::ObserveError;
use crate::owners::PodOwners;
use crate::source::{Emptiness, MetricsSource, Reach, STEP_S, Sink, SliceReport, SourceFacts, checked};

/// Series and OOM kills held in memory. Their containers are taken as they are; owners are not asked.
#[derive(Debug, Clone, Default)]
pub struct RecordedMetrics {
    /// Series, points in the order of time.
    pub series: Vec<UsageSeries>,
    /// OOM kills.
    pub oom_kills: Vec<OomKill>,
    /// How busy GPUs are.
    pub gpus: Vec<GpuUse>,
}

#[async_trait]
impl MetricsSource for RecordedMetrics {
    async fn reach(&self, _now: Timestamp) -> Result<Reach, ObserveError> {
        Ok(Reach::Past)
    }

    async fn read(
        &self,
        slice: Window,
        _owners: &PodOwners,
        sink: Sink<'_>,
    ) -> Result<SliceReport, ObserveError> {
        checked(slice)?;
        let mut report = SliceReport::default();
        for series in &self.series {
            let from = series.points.partition_point(|(at, _)| *at < slice.from_unix_s);
            let to = series.points.partition_point(|(at, _)| *at < slice.to_unix_s);
            if from == to {
                continue;
            }
            let points = series.points[from..to].to_vec();
            report.series += 1;
            report.samples += points.len() as u64;
            sink(UsageSeries {
                container: series.container.clone(),
                pod: series.pod.clone(),
                signal: series.signal,
                points,
            });
        }
        report.empty = (report.series == 0).then_some(Emptiness::NoDataThen);
        Ok(report)
    }

    fn stored(&self, _slice: Window) {}

    async fn oom_kills(&self, window: Window, _owners: &PodOwners) -> Result<Vec<OomKill>, ObserveError> {
        let within = |kill: &&OomKill| (window.from_unix_s..window.to_unix_s).contains(&kill.at_unix_s);
        let mut kills: Vec<OomKill> = self.oom_kills.iter().filter(within).cloned().collect();
        kills.sort_by_key(|kill| kill.at_unix_s);
        Ok(kills)
    }

    async fn window_signs(&self, asked: &SignsAsked, owners: &PodOwners) -> Result<SignsRead, ObserveError> {
        let wanted = asked.containers.len();
        let asked = asked.checked()?;
        let mut gathering = Gathering::new(&asked, owners);
        for series in &self.series {
            for (at, value) in &series.points {
                gathering.add_recorded(&series.container, *at, |hour| tell(hour, series.signal, *value));
            }
        }
        let Window { from_unix_s, to_unix_s } = asked.window;
        let shown = Window { from_unix_s: from_unix_s + 1, to_unix_s: to_unix_s + 1 };
        let kills: Vec<OomKill> = self.oom_kills(shown, owners).await?;
        let mut read = gathering.finish(&kills, &[]);
        if asked.objective.is_some() {
            let why = "recorded usage holds no other series".to_owned();
            read.problems.push(ObserveError::Objective { why }.problem());
        }
        read.tell_left_out(wanted);
        Ok(read)
    }

    async fn gpu_use(&self, _owners: &PodOwners) -> Result<Vec<GpuUse>, ObserveError> {
        Ok(self.gpus.clone())
    }

    async fn check(&self) -> Result<SourceFacts, ObserveError> {
        let count = |signal| self.series.iter().filter(|series| series.signal == signal).count() as u64;
        Ok(SourceFacts {
            version: None,
            cpu_containers: count(Signal::CpuMillicores),
            memory_containers: count(Signal::MemoryBytes),
            throttled_containers: count(Signal::ThrottledRatio),
            kube_state_metrics: true,
            scrape_interval_s: None,
            only_now: false,
        })
    }
}

/// A sample as a part of its hour. A step with memory is a step in which the container ran.
fn tell(hour: &mut HourSigns, signal: Signal, value: f64) {
    match signal {
        Signal::CpuMillicores => hour.cpu_millicores = Some(value),
        Signal::MemoryBytes => hour.replica_hours = STEP_S as f64 / HOUR_S as f64,
        Signal::ThrottledRatio => hour.throttled = Some(value),
        Signal::CpuPressure => hour.cpu_pressure = Some(value),
        // A recording holds no more of them than can be counted.
        Signal::Restarts => hour.restarts = Some(value.max(0.0) as u32),
        Signal::CpuStartupMillicores
        | Signal::MemoryStartupBytes
        | Signal::MemoryPressure
        | Signal::CpuReadingMillicores
        | Signal::CpuSecondMillicores
        | Signal::ThrottledSeconds
        | Signal::GpuBusy
        | Signal::GpuBusyMax
        | Signal::GpuMemory => {}
    }
}
