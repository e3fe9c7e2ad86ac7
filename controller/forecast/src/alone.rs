//! How well a network does by itself, without memory and without a blend: enough to compare networks, in seconds.

use crate::evaluate::origins;
use crate::model::Model;
use crate::outlook::measured_day;
use crate::scores::{Scores, Tally};
use crate::split::Recorded;
use crate::threads::in_order;

/// The days that begin from one hour since the epoch to before another, foretold at their midnights; none where none was
/// measured.
pub fn network_scores(
    model: &Model,
    recorded: &[Recorded],
    from_hour: i64,
    to_hour: i64,
    threads: usize,
) -> Option<Scores> {
    let tallies = in_order(recorded, threads, |own| {
        let load = &own.load;
        let origins = origins(own, from_hour, to_hour);
        let windows: Vec<_> = origins.iter().map(|origin| (load, *origin)).collect();
        let mut tally = Tally::default();
        for (origin, told) in origins.iter().zip(model.foretell(&windows)) {
            if let Ok(told) = told {
                tally.add(&told.hours, &measured_day(load, *origin), own.typical_error);
            }
        }
        tally
    });
    let mut all = Tally::default();
    tallies.iter().for_each(|own| all.merge(own));
    all.scores()
}

#[cfg(test)]
mod tests {
    use kubeopt_outlook::Offsets;

    use super::*;
    use crate::train::tests::{CUTS, plan, recorded};
    use crate::train::{Plan, Trainer};

    #[test]
    fn a_network_that_learned_does_better_than_one_that_did_not() {
        let recorded = recorded();
        let score = |steps: usize| {
            let mut trainer = Trainer::new(Plan { steps, look_every: 20, rate: 1e-2, ..plan() });
            let trained = trainer.run(&recorded, 2, &mut |_, _| std::ops::ControlFlow::Continue(())).unwrap();
            let model = Model::of(trained.network, Offsets::none());
            network_scores(&model, &recorded, CUTS.test, CUTS.test + 5 * 24, 2).unwrap()
        };
        let (little, much) = (score(1), score(80));
        assert_eq!(much.days, 5 * 12);
        assert!(much.pinball[2] < little.pinball[2], "{much:?} {little:?}");
        let none = network_scores(&Model::shipped().unwrap(), &recorded, 0, 1, 1);
        assert_eq!(none, None, "there is no history before");
    }
}
