//! What GPUs did in an hour, from batches of a minute or several to the steps of five minutes that history holds.
//!
//! Pure. It must not know whose they are.

use kubeopt_model::agents::NodeGpu;
use kubeopt_model::usage::Signal;

use crate::oom::Points;
use crate::source::STEP_S;

const STEP_MS: i64 = STEP_S * 1000;

/// Steps of an hour.
const STEPS: i64 = 3600 / STEP_S;

/// An hour of the GPUs of one container of one pod; most have none.
#[derive(Debug, Clone, Default)]
pub(super) struct GpuHour(Vec<Step>);

#[derive(Debug, Clone, Copy, Default)]
struct Step {
    /// Sum of shares by their milliseconds, and all of these.
    busy: (f64, i64),
    busy_max: Option<f64>,
    memory_max: Option<f64>,
}

impl GpuHour {
    /// Takes what one of them did, as far as it lies within the hour that begins then.
    pub(super) fn take(&mut self, hour: i64, gpu: &NodeGpu) {
        let (from, to) = (gpu.from_unix_ms - hour * 1000, gpu.to_unix_ms - hour * 1000);
        for number in 0..STEPS {
            let begin = number * STEP_MS;
            let within_ms = to.min(begin + STEP_MS) - from.max(begin);
            if within_ms <= 0 {
                continue;
            }
            self.0.resize(STEPS as usize, Step::default());
            let Some(step) = self.0.get_mut(number as usize) else { continue };
            if let Some((mean, max)) = gpu.busy {
                step.busy.0 += mean * within_ms as f64;
                step.busy.1 += within_ms;
                step.busy_max = Some(step.busy_max.map_or(max, |known| known.max(max)));
            }
            let memory = gpu.memory_max.into_iter().chain(step.memory_max).reduce(f64::max);
            step.memory_max = memory;
        }
    }

    /// What they tell, by signal.
    pub(super) fn points(&self, hour: i64) -> Vec<(Signal, Points)> {
        let of = |value: &dyn Fn(&Step) -> Option<f64>| -> Points {
            let steps = (0..).map(|number: i64| hour + number * STEP_S).zip(&self.0);
            steps.filter_map(|(at, step)| Some((at, value(step)?))).collect()
        };
        let all = [
            (Signal::GpuBusy, of(&|step| (step.busy.1 > 0).then(|| step.busy.0 / step.busy.1 as f64))),
            (Signal::GpuBusyMax, of(&|step| step.busy_max)),
            (Signal::GpuMemory, of(&|step| step.memory_max)),
        ];
        all.into_iter().filter(|(_, points)| !points.is_empty()).collect()
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::agents::GpuUser;

    use super::*;

    const TEN: i64 = 1_795_341_600;

    fn gpu(from_s: i64, to_s: i64, busy: Option<(f64, f64)>) -> NodeGpu {
        NodeGpu {
            node: "n1".to_owned(),
            id: "GPU-1".to_owned(),
            user: GpuUser::Unknown,
            from_unix_ms: (TEN + from_s) * 1000,
            to_unix_ms: (TEN + to_s) * 1000,
            busy,
            memory_max: busy.map(|(_, max)| max / 2.0),
        }
    }

    #[test]
    fn batches_count_by_their_time_in_each_step_and_only_within_the_hour() {
        let mut hour = GpuHour::default();
        hour.take(TEN, &gpu(-60, 60, Some((0.5, 1.0))));
        hour.take(TEN, &gpu(60, 300, Some((0.0, 0.1))));
        hour.take(TEN, &gpu(3540, 3660, Some((0.2, 0.2))));
        hour.take(TEN, &gpu(7200, 7260, Some((1.0, 1.0))));
        hour.take(TEN, &gpu(600, 660, None));
        let points = hour.points(TEN);
        let of = |signal| &points.iter().find(|(of, _)| *of == signal).unwrap().1;
        assert_eq!(of(Signal::GpuBusy), &[(TEN, 0.1), (TEN + 3300, 0.2)]);
        assert_eq!(of(Signal::GpuBusyMax), &[(TEN, 1.0), (TEN + 3300, 0.2)]);
        assert_eq!(of(Signal::GpuMemory), &[(TEN, 0.5), (TEN + 3300, 0.1)]);
        assert!(GpuHour::default().points(TEN).is_empty());
    }
}
