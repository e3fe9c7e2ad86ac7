//! What requested capacity costs before and after, in words. Unknown is said with the reason, never guessed; what leaves
//! the bill is another number, and stands beside it.

use jiff::civil::Date;
use jiff::tz::TimeZone;
use kubeopt_model::cost::Money;
use kubeopt_model::quantity::Resource;
use kubeopt_model::{Amount, Resources};
use serde::Serialize;

use crate::bill::BillView;
use crate::figures;
use crate::pull_request_input::PullRequestInput;

/// The cost sentence of a body.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct CostView {
    /// The sum of the rows, if at least one price is known.
    #[serde(skip)]
    pub(crate) monthly_money: Option<Money>,
    /// `-$110.10`
    monthly: Option<String>,
    /// `-$1,321.20`
    yearly: Option<String>,
    /// Containers whose price is unknown.
    unpriced: usize,
    /// `8.6 cores`
    cpu_before: String,
    cpu_after: String,
    memory_before: String,
    memory_after: String,
    /// `AWS us-east-1 list, 2026-09-30 (3 days ago)`
    prices: Option<String>,
    /// Why there are none.
    unpriced_because: Option<String>,
    /// What leaves the bill; none where no price is known.
    bill: Option<BillView>,
}

impl CostView {
    /// Sums all members; parts are rounded to the cent first, so that the rows add up to it.
    pub(crate) fn of(input: &PullRequestInput<'_>) -> Self {
        let members = || input.recommendations.iter().flat_map(|recommendation| &recommendation.members);
        let deltas: Vec<Money> =
            members().filter_map(|member| Some(member.cost?.delta().to_cents())).collect();
        let unpriced = members().count() - deltas.len();
        let monthly_money = (!deltas.is_empty()).then(|| deltas.into_iter().sum::<Money>());
        let total = |resource, side: fn(&kubeopt_model::recommendation::Member) -> &Resources| {
            let base = members().fold(0_u64, |sum, member| {
                let one = side(member).effective_request(resource).map_or(0, Amount::base);
                sum.saturating_add(one.saturating_mul(u64::from(member.replicas)))
            });
            figures::capacity(Amount::from_base(resource, base))
        };
        Self {
            monthly_money,
            monthly: monthly_money.map(figures::dollars),
            yearly: monthly_money.map(|monthly| figures::dollars(monthly.yearly())),
            unpriced,
            cpu_before: total(Resource::Cpu, |member| &member.resources.before),
            cpu_after: total(Resource::Cpu, |member| &member.resources.after),
            memory_before: total(Resource::Memory, |member| &member.resources.before),
            memory_after: total(Resource::Memory, |member| &member.resources.after),
            prices: input.prices.ok().map(|prices| basis(&prices.basis, &prices.date, input.now)),
            unpriced_because: input.prices.err().map(str::to_owned),
            bill: input.prices.is_ok().then(|| BillView::of(input.bill)),
        }
    }
}

/// The basis of prices with their age.
pub(crate) fn basis(basis: &str, date: &str, now: jiff::Timestamp) -> String {
    let age = date
        .parse::<Date>()
        .ok()
        .and_then(|date| date.to_zoned(TimeZone::UTC).ok())
        .map(|then| format!(" ({})", age(now.as_second().saturating_sub(then.timestamp().as_second()))));
    format!("{basis}, {date}{}", age.unwrap_or_default())
}

fn age(seconds: i64) -> String {
    match usize::try_from(seconds / 86_400) {
        Ok(0) | Err(_) => "today's".to_owned(),
        Ok(days) => format!("{} old", figures::counted(days, "day")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prices_say_what_they_rest_on_and_how_old_they_are() {
        let now = "2026-10-03T12:00:00Z".parse().unwrap();
        assert_eq!(basis("AWS list", "2026-09-30", now), "AWS list, 2026-09-30 (3 days old)");
        assert_eq!(basis("AWS list", "2026-10-03", now), "AWS list, 2026-10-03 (today's)");
        assert_eq!(basis("mine", "autumn", now), "mine, autumn");
    }
}
