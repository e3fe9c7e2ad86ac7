//! How many tokens may be spent: per pull request, per day, and per namespace of a day. What is asked for is set aside
//! before, and settled afterwards. Given the time; knows no clock.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use crate::error::ReasonError;

/// Pull requests whose tokens are remembered; beyond it those that spent least are forgotten.
const PULL_REQUESTS_MAX: usize = 2_000;

/// Namespaces whose tokens of the day are remembered; far more than clusters have.
const NAMESPACES_MAX: usize = 20_000;

/// How many tokens may be spent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenBudget {
    /// For all questions about one pull request.
    pub per_pull_request: u64,
    /// For all questions of one day (UTC).
    pub per_day: u64,
    /// Which part of a day's tokens one namespace may have, in per cent.
    pub namespace_percent: u8,
}

impl Default for TokenBudget {
    /// A question costs about 1,500 tokens: some ten per pull request, some hundred a day, and no namespace more than a
    /// quarter of that.
    fn default() -> Self {
        Self { per_pull_request: 20_000, per_day: 200_000, namespace_percent: 25 }
    }
}

impl TokenBudget {
    /// What one namespace may have a day.
    fn per_namespace(&self) -> u64 {
        let share = u128::from(self.per_day) * u128::from(self.namespace_percent.min(100)) / 100;
        u64::try_from(share).unwrap_or(u64::MAX)
    }
}

/// What has been spent.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default)]
pub(crate) struct Spent {
    /// The day, counted from the epoch.
    day: i64,
    today: u64,
    namespaces: BTreeMap<String, u64>,
    pull_requests: BTreeMap<String, u64>,
}

/// For whom tokens are spent.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Spender<'a> {
    pub(crate) pull_request: &'a str,
    pub(crate) namespace: &'a str,
}

impl Spent {
    /// Sets tokens aside.
    ///
    /// # Errors
    /// The budget that they would exceed; nothing is set aside then.
    pub(crate) fn reserve(
        &mut self,
        budget: &TokenBudget,
        spender: Spender<'_>,
        tokens: u64,
        now: Timestamp,
    ) -> Result<(), ReasonError> {
        self.turn_to(now);
        let of = |map: &BTreeMap<String, u64>, key: &str| map.get(key).copied().unwrap_or(0);
        let fits = |spent: u64, limit: u64| spent.saturating_add(tokens) <= limit;
        if !fits(of(&self.pull_requests, spender.pull_request), budget.per_pull_request) {
            return Err(ReasonError::PullRequestBudget { limit: budget.per_pull_request });
        }
        if !fits(self.today, budget.per_day) {
            return Err(ReasonError::DayBudget { limit: budget.per_day });
        }
        let limit = budget.per_namespace();
        if !fits(of(&self.namespaces, spender.namespace), limit) {
            return Err(ReasonError::NamespaceBudget { limit });
        }
        self.add(spender, tokens);
        Ok(())
    }

    /// Corrects what was set aside to what it came to.
    pub(crate) fn settle(&mut self, spender: Spender<'_>, reserved: u64, spent: u64, now: Timestamp) {
        self.turn_to(now);
        let each = [
            Some(&mut self.today),
            self.namespaces.get_mut(spender.namespace),
            self.pull_requests.get_mut(spender.pull_request),
        ];
        for total in each.into_iter().flatten() {
            *total = total.saturating_sub(reserved).saturating_add(spent);
        }
        self.forget();
    }

    /// What was kept from before a restart, unless it is of another day.
    pub(crate) fn recalled(mut self, now: Timestamp) -> Self {
        self.turn_to(now);
        self.forget();
        self
    }

    fn add(&mut self, spender: Spender<'_>, tokens: u64) {
        self.today = self.today.saturating_add(tokens);
        for (map, key) in
            [(&mut self.namespaces, spender.namespace), (&mut self.pull_requests, spender.pull_request)]
        {
            let total = map.entry(key.to_owned()).or_default();
            *total = total.saturating_add(tokens);
        }
    }

    /// A new day begins with nothing spent; pull requests live on.
    fn turn_to(&mut self, now: Timestamp) {
        let day = now.as_second().div_euclid(86_400);
        if day != self.day {
            self.day = day;
            self.today = 0;
            self.namespaces.clear();
        }
    }

    fn forget(&mut self) {
        for (map, most) in
            [(&mut self.pull_requests, PULL_REQUESTS_MAX), (&mut self.namespaces, NAMESPACES_MAX)]
        {
            while map.len() > most {
                let Some(least) = map.iter().min_by_key(|(_, spent)| **spent).map(|(key, _)| key.clone())
                else {
                    break;
                };
                map.remove(&least);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BUDGET: TokenBudget = TokenBudget { per_pull_request: 300, per_day: 1000, namespace_percent: 50 };

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn each_budget_stops_by_itself_and_the_day_begins_anew() {
        let (mut spent, now) = (Spent::default(), at("2026-11-20T10:00:00Z"));
        let mut reserve = |pull_request, namespace, tokens, now| {
            spent
                .reserve(&BUDGET, Spender { pull_request, namespace }, tokens, now)
                .map_err(|error| error.code())
        };
        assert_eq!(reserve("a", "shop", 300, now), Ok(()));
        assert_eq!(reserve("a", "shop", 1, now), Err("E-RSN-009"));
        assert_eq!(reserve("b", "shop", 200, now), Ok(()));
        assert_eq!(reserve("c", "shop", 1, now), Err("E-RSN-011"));
        assert_eq!(reserve("c", "bank", 300, now), Ok(()));
        assert_eq!(reserve("d", "bank", 250, now), Err("E-RSN-010"));
        let tomorrow = at("2026-11-21T00:00:00Z");
        assert_eq!(reserve("d", "shop", 300, tomorrow), Ok(()));
        assert_eq!(reserve("a", "shop", 1, tomorrow), Err("E-RSN-009"), "a pull request has one budget");
    }

    #[test]
    fn what_was_set_aside_is_settled() {
        let (mut spent, now) = (Spent::default(), at("2026-11-20T10:00:00Z"));
        let spender = Spender { pull_request: "a", namespace: "shop" };
        spent.reserve(&BUDGET, spender, 300, now).unwrap();
        spent.settle(spender, 300, 120, now);
        assert_eq!((spent.today, spent.namespaces["shop"], spent.pull_requests["a"]), (120, 120, 120));
        spent.settle(spender, 0, u64::MAX, now);
        assert!(spent.reserve(&BUDGET, spender, 1, now).is_err(), "no number overflows");
    }

    #[test]
    fn no_list_grows_without_end() {
        let (mut spent, now) = (Spent::default(), at("2026-11-20T10:00:00Z"));
        spent.pull_requests = (0..PULL_REQUESTS_MAX as u64 + 5).map(|at| (at.to_string(), at)).collect();
        let spent = spent.recalled(now);
        assert_eq!(spent.pull_requests.len(), PULL_REQUESTS_MAX);
        assert!(!spent.pull_requests.contains_key("0"));
    }
}
