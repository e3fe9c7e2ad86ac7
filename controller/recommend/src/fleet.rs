//! How large the containers are that run beside each other: the measure by which risks are priced. Knows no rule.
//!
//! Prices are in mean requests. Requests themselves would be a poor measure: they fall when recommendations are merged, and
//! with them the price of risk, and with it the next recommendation. What containers use at their highest does not fall.

use kubeopt_model::ContainerUsage;
use kubeopt_strategies::Fleet;

/// Request over highest sample of 28 days, of means: 2.88 over 1.39 cores of the machines of `bitbrains-rnd-2013` on which
/// the prices were found, so that there both measures agree.
const CPU_REQUEST_TO_HIGHEST: f64 = 2.0;

/// The same of memory: 7.71 over 4.64 GiB.
const MEMORY_REQUEST_TO_HIGHEST: f64 = 1.7;

/// What the containers would request on average, from the highest sample of each, with its replicas; none as soon as one
/// of the resources was never used.
pub fn fleet_of<'a>(containers: impl IntoIterator<Item = (&'a ContainerUsage, u32)>) -> Option<Fleet> {
    let (mut cpu, mut memory) = (Mean::default(), Mean::default());
    for (usage, replicas) in containers {
        cpu.add(usage.cpu.as_ref().map(|cpu| cpu.max), replicas);
        memory.add(usage.memory.as_ref().map(|memory| memory.max), replicas);
    }
    fleet_from(&cpu, &memory)
}

/// From the means of the highest samples.
pub(crate) fn fleet_from(cpu: &Mean, memory: &Mean) -> Option<Fleet> {
    Some(Fleet {
        cpu_request: cpu.value()? * CPU_REQUEST_TO_HIGHEST,
        memory_request: memory.value()? * MEMORY_REQUEST_TO_HIGHEST,
    })
}

/// A mean over replicas.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Mean {
    sum: f64,
    count: f64,
}

impl Mean {
    pub(crate) fn add(&mut self, highest: Option<f64>, times: u32) {
        if let Some(highest) = highest.filter(|highest| highest.is_finite()) {
            self.sum += highest * f64::from(times);
            self.count += f64::from(times);
        }
    }

    fn value(self) -> Option<f64> {
        (self.sum > 0.0).then(|| self.sum / self.count)
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::ContainerUsage;
    use kubeopt_model::quantity::MIB;
    use kubeopt_strategies::Fleet;

    use super::fleet_of;
    use crate::rules::fixture::{Case, resources};

    fn using(cpu: f64, memory_mebi: f64) -> ContainerUsage {
        let mut case = Case::serving();
        case.cpu_samples = vec![cpu];
        case.memory_samples_mebi = vec![memory_mebi];
        case.evidence().usage.unwrap()
    }

    #[test]
    fn replicas_count_and_what_is_idle_counts_too() {
        let (small, large, idle) = (using(50.0, 100.0), using(400.0, 500.0), using(0.0, 0.0));
        let fleet = fleet_of([(&small, 4), (&large, 1), (&idle, 1)]);
        assert_eq!(fleet, Some(Fleet { cpu_request: 200.0, memory_request: 255.0 * MIB as f64 }));
        assert_eq!(fleet_of([(&idle, 3)]), None, "nothing to measure by");
        assert_eq!(fleet_of([]), None);
    }

    #[test]
    fn it_does_not_move_when_requests_do() {
        let mut case = Case::serving();
        let before = case.evidence();
        case.resources = resources(["50m", "", "64Mi", ""]);
        let after = case.evidence();
        let fleet = |usage: &Option<ContainerUsage>| fleet_of(usage.iter().map(|usage| (usage, 3)));
        assert_eq!(fleet(&before.usage), fleet(&after.usage));
    }
}
