//! Usage as metrics-server tells it, where there is no Prometheus: what is at this moment, sampled now and then.
//!
//! There is no past, no maximum between two samples, no throttling, no pressure and no OOM kill in it. What was sampled of
//! the running hour, and of ended hours that no pass has read yet, lies in memory: a process that ends loses what its last
//! pass did not store. It must not know how a cluster is asked; that is [`MomentReader`].

use std::sync::{Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kubeopt_model::gpu::GpuUse;
use kubeopt_model::usage::{Moment, OomKill, Signal, UsageSeries, Window};
use kubeopt_model::{ContainerId, Timestamp};

use crate::error::ObserveError;
use crate::intake::told_apart;
use crate::moments::{Moments, Place, SampledStep};
use crate::oom::Points;
use crate::owners::{Owner, PodOwners};
use crate::source::{Emptiness, MetricsSource, Reach, Sink, SliceReport, SourceFacts, checked};
use crate::window_signs::{SignsAsked, SignsRead};

/// What this source is called where a version stands.
const SERVED: &str = "metrics-server (metrics.k8s.io/v1beta1)";

/// Who is asked what a cluster uses at this moment.
#[async_trait]
pub trait MomentReader: Send + Sync {
    /// Asks once.
    ///
    /// # Errors
    /// [`ObserveError::Moment`].
    async fn moment(&self) -> Result<Moment, ObserveError>;
}

/// metrics-server of one cluster, with what was sampled of it.
pub struct MetricsServer<R> {
    reader: R,
    sampled: Mutex<Sampled>,
}

#[derive(Debug, Default)]
struct Sampled {
    moments: Moments,
    /// What sampling took since the last slice was read.
    report: SliceReport,
}

impl<R: MomentReader> MetricsServer<R> {
    /// Without any sample yet.
    pub fn new(reader: R) -> Self {
        Self { reader, sampled: Mutex::default() }
    }

    /// Nothing panics between lock and unlock but a sink, whose caller is gone then.
    fn sampled(&self) -> MutexGuard<'_, Sampled> {
        self.sampled.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn ask(&self) -> Result<Moment, ObserveError> {
        let moment = self.reader.moment().await?;
        if moment.samples.is_empty() { Err(ObserveError::NothingMeasured) } else { Ok(moment) }
    }
}

#[async_trait]
impl<R: MomentReader> MetricsSource for MetricsServer<R> {
    async fn reach(&self, now: Timestamp) -> Result<Reach, ObserveError> {
        let moment = self.ask().await?;
        let mut sampled = self.sampled();
        let taken = sampled.moments.take(&moment, now.as_second());
        sampled.report.queries += moment.requests;
        sampled.report.bytes += moment.bytes;
        sampled.report.unusable_samples += moment.unusable;
        sampled.report.misplaced_samples += taken.misplaced;
        Ok(Reach::Sampled(sampled.moments.slices()))
    }

    async fn read(
        &self,
        slice: Window,
        owners: &PodOwners,
        sink: Sink<'_>,
    ) -> Result<SliceReport, ObserveError> {
        let slice = checked(slice)?;
        let mut sampled = self.sampled();
        let mut report = std::mem::take(&mut sampled.report);
        report.partial = sampled.moments.partial(slice);
        for (place, steps) in sampled.moments.hand_on(slice) {
            give(place, steps, owners, sink, &mut report);
        }
        report.empty = (report.series == 0).then_some(Emptiness::NoDataThen);
        Ok(report)
    }

    fn stored(&self, _slice: Window) {}

    async fn oom_kills(&self, _window: Window, _owners: &PodOwners) -> Result<Vec<OomKill>, ObserveError> {
        // metrics-server tells of none; those of live pods are seen in the cluster.
        Ok(Vec::new())
    }

    async fn window_signs(&self, asked: &SignsAsked, _owners: &PodOwners) -> Result<SignsRead, ObserveError> {
        let wanted = asked.containers.len();
        let why = "metrics-server tells of no kill, no restart and no throttling";
        let mut read = SignsRead::nothing(&asked.checked()?, why);
        read.tell_left_out(wanted);
        Ok(read)
    }

    async fn gpu_use(&self, _owners: &PodOwners) -> Result<Vec<GpuUse>, ObserveError> {
        Ok(Vec::new())
    }

    async fn check(&self) -> Result<SourceFacts, ObserveError> {
        let moment = self.ask().await?;
        let count = |is_told: fn(&&kubeopt_model::usage::MomentSample) -> bool| {
            moment.samples.iter().filter(is_told).count() as u64
        };
        let longest = moment.samples.iter().map(|sample| sample.window_s).fold(0.0, f64::max);
        Ok(SourceFacts {
            version: Some(SERVED.to_owned()),
            cpu_containers: count(|sample| sample.cpu_millicores.is_some()),
            memory_containers: count(|sample| sample.memory_bytes.is_some()),
            throttled_containers: 0,
            kube_state_metrics: false,
            scrape_interval_s: (longest >= 1.0).then(|| longest.round() as u64),
            only_now: true,
        })
    }
}

/// Hands on the samples of one container, those of its start apart. The start is that of its pod: metrics-server does not
/// tell when a container started.
fn give(
    (namespace, pod, container): &Place,
    steps: &[SampledStep],
    owners: &PodOwners,
    sink: Sink<'_>,
    report: &mut SliceReport,
) {
    let (Owner::Shown(id) | Owner::Named(id)) = owners.owner(namespace.as_str(), pod.as_str()) else {
        report.unowned_series += 1;
        return;
    };
    let container = ContainerId { workload: id.clone(), container: container.clone() };
    let start = owners.started(namespace.as_str(), pod.as_str());
    let start = start.filter(|_| owners.outlives_its_start(&container));
    let of = |value: fn(&SampledStep) -> Option<f64>| -> Points {
        steps.iter().filter_map(|step| Some((step.at_unix_s, value(step)?))).collect()
    };
    let series = [
        (Signal::CpuMillicores, of(SampledStep::cpu_millicores)),
        (Signal::MemoryBytes, of(SampledStep::memory_bytes)),
    ];
    for (signal, points) in series {
        if points.is_empty() {
            continue;
        }
        report.series += 1;
        report.samples += points.len() as u64;
        let (points, startup) = told_apart(start.as_slice(), signal, points);
        for (signal, points) in startup.into_iter().chain([(signal, points)]) {
            if !points.is_empty() {
                let (container, pod) = (container.clone(), pod.to_string());
                sink(UsageSeries { container, pod, signal, points });
            }
        }
    }
}
