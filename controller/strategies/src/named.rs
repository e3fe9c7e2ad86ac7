//! The rules by name, as policies, tables and the command line write them.

use crate::autopilot::{Autopilot, AutopilotMax};
use crate::cast::Cast;
use crate::crane::Crane;
use crate::given::Strategy;
use crate::krr::{KrrSimple, KrrSimpleLimit};
use crate::kubecost::Kubecost;
use crate::kubeopt::Kubeopt;
use crate::peaks::{Current, Max14d, P90DailyPeaks};
use crate::vpa::Vpa;

/// All names, in the order of tables.
pub const NAMES: &[&str] = &[
    "kubeopt",
    "vpa",
    "krr-simple",
    "krr-simple-limit",
    "crane",
    "cast",
    "kubecost",
    "autopilot",
    "autopilot-max",
    "max-14d",
    "p90-daily-peaks",
    "current",
];

/// The rule of that name with its default parameters; none for a name that is not in [`NAMES`].
pub fn by_name(name: &str) -> Option<Box<dyn Strategy>> {
    let strategy: Box<dyn Strategy> = match name {
        "kubeopt" => Box::new(Kubeopt::default()),
        "vpa" => Box::new(Vpa),
        "krr-simple" => Box::new(KrrSimple),
        "krr-simple-limit" => Box::new(KrrSimpleLimit),
        "crane" => Box::new(Crane),
        "cast" => Box::new(Cast),
        "kubecost" => Box::new(Kubecost),
        "autopilot" => Box::new(Autopilot),
        "autopilot-max" => Box::new(AutopilotMax),
        "max-14d" => Box::new(Max14d),
        "p90-daily-peaks" => Box::new(P90DailyPeaks),
        "current" => Box::new(Current),
        _ => return None,
    };
    Some(strategy)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_gives_the_rule_that_bears_it() {
        for name in NAMES {
            let strategy = by_name(name).unwrap();
            assert_eq!(strategy.name(), *name);
            assert!(strategy.days() <= 90 && !strategy.about().is_empty());
        }
        assert!(by_name("krr").is_none());
    }
}
