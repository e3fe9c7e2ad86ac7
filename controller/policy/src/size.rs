//! How large a change is: what approvals and merges are asked for. Knows no policy.

use kubeopt_model::recommendation::Risk;
use kubeopt_model::{Amount, Field, Money, Recommendation};

/// How large the changes of one pull request are, each figure the largest of all its containers.
#[derive(Debug, Clone, PartialEq)]
pub struct ChangeSize {
    /// The largest share by which a value grows: 1.0 doubles it.
    pub increase: f64,
    /// The largest share by which a value shrinks: 0.5 halves it.
    pub decrease: f64,
    /// Values that appear or go, of which no share can be told.
    pub unmeasured: usize,
    /// What requested capacity costs more a month, negative where it costs less; none where a price is unknown.
    pub monthly: Option<Money>,
    /// The highest risk.
    pub risk: Risk,
}

impl ChangeSize {
    /// Of all recommendations of a pull request.
    pub fn of<'a>(recommendations: impl IntoIterator<Item = &'a Recommendation>) -> Self {
        let none =
            Self { increase: 0.0, decrease: 0.0, unmeasured: 0, monthly: Some(Money::ZERO), risk: Risk::Low };
        recommendations.into_iter().fold(none, Self::and)
    }

    /// The largest share by which a value moves, either way.
    pub fn ratio(&self) -> f64 {
        self.increase.max(self.decrease)
    }

    fn and(mut self, recommendation: &Recommendation) -> Self {
        for member in &recommendation.members {
            for field in Field::ALL {
                let value = |side: &kubeopt_model::Resources| side.get(field).map(Amount::base);
                self.add(value(&member.resources.before), value(&member.resources.after));
            }
        }
        let cost = recommendation.cost().map(|cost| cost.delta());
        self.monthly = self.monthly.zip(cost).map(|(sum, more)| sum + more);
        self.risk = self.risk.max(recommendation.risk);
        self
    }

    fn add(&mut self, before: Option<u64>, after: Option<u64>) {
        match (before, after) {
            (Some(before), Some(after)) if before == after => {}
            // Precision beyond 53 bits does not matter for a share.
            (Some(before @ 1..), Some(after)) => {
                let ratio = after as f64 / before as f64 - 1.0;
                // To a millionth, so that 10 to 13 is 30 % and not a hair more.
                let ratio = (ratio * 1e6).round() / 1e6;
                self.increase = self.increase.max(ratio);
                self.decrease = self.decrease.max(-ratio);
            }
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) | (Some(0), Some(_)) => self.unmeasured += 1,
        }
    }
}

/// A share for sentences: `37.5 %`, rounded away from what it is compared with.
pub(crate) fn percent(share: f64) -> String {
    let percent = (share * 1000.0).round() / 10.0;
    format!("{percent} %")
}
