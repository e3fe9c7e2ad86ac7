//! What requested capacity costs: a container pays for what it reserves, and for what it uses above that.
//!
//! A(r) = hours x mean replicas x price x E[max(r, usage)], the allocation of OpenCost, with the expectation over the usage
//! sketch of the window and not over its mean: a request below usage saves nothing of what bursts. Pure; knows no cluster.

use kubeopt_model::cost::{CapacityCost, HOURS_PER_MONTH, Money};
use kubeopt_model::usage::ResourceUsage;
use kubeopt_model::{Amount, Change, ContainerUsage, Resource, Resources};
use kubeopt_signal::Sketch;
use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive as _;

use crate::price::UnitPrices;

/// Digits of an expectation in base units: a thousandth of a millicore or byte.
const EXPECTED_DIGITS: u32 = 3;

/// Pods at work over the window, on average.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub struct MeanReplicas(f64);

impl MeanReplicas {
    /// So many, all the time.
    pub fn steady(replicas: u32) -> Self {
        Self(f64::from(replicas))
    }

    /// From the time that pods really ran. A workload that runs now and then is averaged over the window that was asked
    /// for, any other from its first to its last sample; without samples it is as many as are wanted now.
    pub fn of(usage: &ContainerUsage, replicas_now: u32) -> Self {
        let span = if usage.container.workload.kind.is_batch() { usage.window } else { usage.seen };
        let hours = span.seconds() as f64 / 3600.0;
        let mean = usage.replica_hours / hours;
        if hours >= 1.0 && mean.is_finite() && mean > 0.0 { Self(mean) } else { Self::steady(replicas_now) }
    }

    /// The number, at least 0.
    pub fn count(self) -> f64 {
        self.0
    }

    /// Replica-hours of a month of 730 hours.
    pub fn month_hours(self) -> Decimal {
        Decimal::from_f64(self.0).unwrap_or_default().round_dp(6) * Decimal::from(HOURS_PER_MONTH)
    }
}

/// The mean of max(request, usage) in base units (millicores, bytes).
///
/// None where nothing is known: no request and no samples. Without samples it is the request, without a request it is the
/// mean usage. Within the sketch's relative error, and never above the larger of the request and the exact maximum.
pub fn expected_base(request: Option<Amount>, usage: Option<&ResourceUsage>) -> Option<Decimal> {
    let reserved = request.map(|amount| amount.base() as f64);
    let sampled = usage.filter(|usage| usage.sketch.count() > 0);
    let expected = match (reserved, sampled) {
        (None, None) => return None,
        (Some(reserved), None) => reserved,
        (reserved, Some(usage)) => expectation(reserved.unwrap_or(0.0), usage),
    };
    Decimal::from_f64(expected).map(|base| base.round_dp(EXPECTED_DIGITS))
}

/// A sum of terms that each grow with `reserved`, so it grows with it too.
fn expectation(reserved: f64, usage: &ResourceUsage) -> f64 {
    let highest = if usage.max.is_finite() { usage.max.max(0.0) } else { f64::MAX };
    let bins = usage.sketch.bins().iter().map(|(bin, count)| {
        let value = Sketch::value_of(*bin).min(highest);
        value.max(reserved) * *count as f64
    });
    let zeros = reserved * usage.sketch.zeros() as f64;
    (bins.sum::<f64>() + zeros) / usage.sketch.count() as f64
}

/// What one resource of one container costs over some hours: `hours` x replicas x price x E[max(request, usage)]. None
/// where it is unknown.
pub fn resource_cost(
    unit: UnitPrices,
    resource: Resource,
    resources: &Resources,
    usage: Option<&ContainerUsage>,
    replica_hours: Decimal,
) -> Option<Money> {
    let request = resources.effective_request(resource);
    let expected = expected_base(request, usage.and_then(|usage| usage.resource(resource)))?;
    Some(unit.hours(resource, expected, replica_hours))
}

/// What requested capacity of one container costs a month, before and after, each resource rounded to the cent; both sides
/// over the same usage. None as soon as one resource is unknown.
pub fn capacity_cost(
    unit: UnitPrices,
    resources: &Change<Resources>,
    usage: Option<&ContainerUsage>,
    replicas: MeanReplicas,
) -> Option<CapacityCost> {
    let hours = replicas.month_hours();
    let part = |resources: &Resources, resource| {
        resource_cost(unit, resource, resources, usage, hours).map(Money::to_cents)
    };
    let month =
        |resources: &Resources| Some(part(resources, Resource::Cpu)? + part(resources, Resource::Memory)?);
    Some(CapacityCost { before: month(&resources.before)?, after: month(&resources.after)? })
}

#[cfg(test)]
mod tests {
    use kubeopt_model::quantity::GIB;
    use kubeopt_model::usage::Coverage;
    use kubeopt_model::{Bytes, MilliCores};
    use proptest::prelude::*;

    use super::*;
    use crate::price::{UsdPerCoreHour, UsdPerGibHour};

    fn unit() -> UnitPrices {
        UnitPrices {
            core: UsdPerCoreHour::new("0.04".parse().unwrap()).unwrap(),
            gib: UsdPerGibHour::new("0.005".parse().unwrap()).unwrap(),
        }
    }

    fn usage(samples: &[f64]) -> ResourceUsage {
        let mut sketch = Sketch::default();
        samples.iter().for_each(|value| sketch.add(*value, 1));
        let max = samples.iter().copied().fold(0.0, f64::max);
        ResourceUsage { sketch, max, max_at_unix_s: 0, coverage: Coverage::default(), days: Vec::new() }
    }

    fn cpu(request: u64) -> Option<Amount> {
        Some(Amount::Cpu(MilliCores(request)))
    }

    fn requests(cpu: u64, gib: u64) -> Resources {
        let mut resources = Resources::default();
        resources.requests.cpu = Some(MilliCores(cpu));
        resources.requests.memory = Some(Bytes(gib * GIB));
        resources
    }

    #[test]
    fn a_request_below_usage_pays_for_its_bursts() {
        // Half of the time 100m, half of the time 900m: a request of 500m costs as (500 + 900) / 2.
        let samples: Vec<f64> = (0..100).map(|at| if at % 2 == 0 { 100.0 } else { 900.0 }).collect();
        let usage = usage(&samples);
        let near = |request, want: f64| {
            let got = f64::try_from(expected_base(cpu(request), Some(&usage)).unwrap()).unwrap();
            assert!((got - want).abs() <= want * 0.011, "{got} {want}");
        };
        near(500, 700.0);
        near(1000, 1000.0);
        near(0, 500.0);
    }

    #[test]
    fn unknown_is_unknown_and_not_zero() {
        assert_eq!(expected_base(None, None), None);
        assert_eq!(expected_base(None, Some(&usage(&[]))), None);
        assert_eq!(expected_base(cpu(250), None), Some(Decimal::from(250)));
        let nothing = Change { before: Resources::default(), after: Resources::default() };
        assert_eq!(capacity_cost(unit(), &nothing, None, MeanReplicas::steady(3)), None);
        let mut only_cpu = requests(500, 1);
        only_cpu.requests.memory = None;
        let change = Change { before: requests(500, 1), after: only_cpu };
        assert_eq!(capacity_cost(unit(), &change, None, MeanReplicas::steady(3)), None);
    }

    #[test]
    fn a_month_is_730_hours_of_the_mean_replicas() {
        let change = Change { before: requests(1000, 2), after: requests(500, 2) };
        let cost = capacity_cost(unit(), &change, None, MeanReplicas::steady(2)).unwrap();
        // 2 x 730 x 0.04 and 2 x 730 x 2 x 0.005.
        assert_eq!(
            (cost.before.to_string(), cost.after.to_string()),
            ("$73.00".to_owned(), "$43.80".to_owned())
        );
        assert_eq!(cost.delta().signed(), "-$29.20");
    }

    proptest! {
        #[test]
        fn the_expectation_lies_between_the_request_and_the_highest_of_both(
            samples in proptest::collection::vec(0.0_f64..8000.0, 1..80), request in 0_u64..8000,
        ) {
            let usage = usage(&samples);
            let expected = f64::try_from(expected_base(cpu(request), Some(&usage)).unwrap()).unwrap();
            let highest = usage.max.max(request as f64);
            prop_assert!(expected >= request as f64 - 1e-3 && expected <= highest + 1e-3, "{expected} {highest}");
        }

        #[test]
        fn lowering_a_request_never_raises_the_cost_and_never_saves_more_than_it(
            samples in proptest::collection::vec(0.0_f64..8000.0, 0..80), a in 0_u64..8000, b in 0_u64..8000,
        ) {
            let usage = usage(&samples);
            let (low, high) = (a.min(b), a.max(b));
            let base = |request| expected_base(cpu(request), Some(&usage)).unwrap();
            prop_assert!(base(low) <= base(high));
            prop_assert!(base(high) - base(low) <= base(high));
            prop_assert!(base(high) - base(low) <= Decimal::from(high - low) + Decimal::ONE);
        }
    }
}
