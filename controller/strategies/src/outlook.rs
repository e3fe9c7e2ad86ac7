//! What a forecast does to a request: it may raise it before the load comes, and it lowers nothing.
//!
//! Wraps another rule, so that the same can be asked with and without it.

use kubeopt_model::foretold::ForetoldLoad;
use kubeopt_model::{Foretold, Resource};

use crate::given::{Given, History, Strategy};
use crate::kubeopt::Kubeopt;

/// A peak that is foretold far above all that was seen is more often wrong than right: CPU at most doubles for it.
const CPU_FACTOR_MAX: f64 = 2.0;

/// What the forecast raises a request to: memory to the median of the next week's peak, CPU as far as that lies above all that
/// was seen. Higher quantiles cost more than they spare (docs/outlook.md). None where it says nothing of the resource, or
/// asks for no more.
pub fn raised(resource: Resource, given: f64, foretold: &Foretold) -> Option<f64> {
    let load = foretold.resource(resource)?;
    let value = match resource {
        Resource::Cpu => given * growth(load),
        Resource::Memory => load.peak_week.q50,
    };
    (value.is_finite() && value > given).then_some(value)
}

/// How many times as high the next week's peak is as all that was seen, from 1 to 2: as likely lower as higher.
fn growth(load: &ForetoldLoad) -> f64 {
    if load.seen <= 0.0 {
        return 1.0;
    }
    (load.peak_week.q50 / load.seen).clamp(1.0, CPU_FACTOR_MAX)
}

/// A rule whose requests are raised by what is foretold.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct WithOutlook {
    /// The rule without a forecast.
    pub inner: Kubeopt,
}

impl WithOutlook {
    /// Its name in tables.
    pub const NAME: &'static str = "kubeopt-outlook";
}

impl Strategy for WithOutlook {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn about(&self) -> &'static str {
        "kubeopt, raised where the peak of the next week is foretold to be higher; docs/outlook.md"
    }

    fn days(&self) -> u32 {
        self.inner.days()
    }

    fn give(&self, history: &History<'_>) -> Given {
        let given = self.inner.give(history);
        let Some(foretold) = history.foretold else { return given };
        let raise = |resource, value: Option<f64>| {
            value.map(|value| raised(resource, value, foretold).unwrap_or(value))
        };
        Given {
            cpu_request: raise(Resource::Cpu, given.cpu_request),
            memory_request: raise(Resource::Memory, given.memory_request),
            ..given
        }
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::PeakQuantiles;

    use super::*;

    fn foretold(q50: f64, q90: f64, seen: f64) -> Foretold {
        let peak = PeakQuantiles { q10: 0.0, q50, q90, q95: q90, q99: q90 };
        let load = ForetoldLoad {
            peak_day: peak,
            peak_week: peak,
            seen,
            hours: Vec::new(),
            network_weight: 0.0,
            because: String::new(),
            held: None,
        };
        Foretold { cpu: Some(load.clone()), memory: Some(load), ..Foretold::default() }
    }

    #[test]
    fn memory_is_raised_to_the_peak_and_never_lowered() {
        let of = |given| raised(Resource::Memory, given, &foretold(150.0, 900.0, 120.0));
        assert_eq!((of(100.0), of(150.0), of(400.0)), (Some(150.0), None, None));
    }

    #[test]
    fn cpu_grows_as_its_peak_does_and_at_most_doubles() {
        let of = |q50, seen| raised(Resource::Cpu, 200.0, &foretold(q50, 900.0, seen));
        assert_eq!(of(330.0, 300.0).map(f64::round), Some(220.0));
        assert_eq!((of(250.0, 300.0), of(900.0, 300.0), of(900.0, 0.0)), (None, Some(400.0), None));
    }

    #[test]
    fn what_nobody_foretells_or_is_no_number_changes_nothing() {
        assert_eq!(raised(Resource::Cpu, 200.0, &Foretold::default()), None);
        assert_eq!(raised(Resource::Memory, 200.0, &foretold(f64::NAN, 1.0, 1.0)), None);
        assert_eq!(raised(Resource::Memory, 200.0, &foretold(f64::INFINITY, 1.0, 1.0)), None);
    }

    #[test]
    fn without_a_forecast_the_rule_answers_as_it_does_alone() {
        let rule = WithOutlook::default();
        let none = History::default();
        assert_eq!(rule.give(&none), rule.inner.give(&none));
    }
}
