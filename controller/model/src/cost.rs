//! Money, and what requested capacity costs. Unknown is unknown, never 0.

use std::fmt;
use std::iter::Sum;
use std::ops::{Add, Neg, Sub};

use rust_decimal::{Decimal, RoundingStrategy};
use serde::{Deserialize, Serialize};

/// Hours of a month, as the public clouds count.
pub const HOURS_PER_MONTH: u32 = 730;

/// US dollars, exact.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Money(pub Decimal);

impl Money {
    /// Nothing.
    pub const ZERO: Self = Self(Decimal::ZERO);

    /// Rounded to the cent, half away from zero. Round the parts first, then add them: totals then agree.
    #[must_use]
    pub fn to_cents(self) -> Self {
        Self(self.0.round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero))
    }

    /// Twelve times.
    #[must_use]
    pub fn yearly(self) -> Self {
        Self(self.0 * Decimal::from(12))
    }

    /// With an explicit sign: `-$118.40`, `+$10.20`, `$0.00`.
    pub fn signed(self) -> String {
        let cents = self.to_cents().0;
        let sign = if cents.is_zero() {
            ""
        } else if cents.is_sign_negative() {
            "-"
        } else {
            "+"
        };
        format!("{sign}${:.2}", cents.abs())
    }
}

impl fmt::Display for Money {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let cents = self.to_cents().0;
        let sign = if cents.is_sign_negative() && !cents.is_zero() { "-" } else { "" };
        write!(f, "{sign}${:.2}", cents.abs())
    }
}

impl Add for Money {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0 + other.0)
    }
}

impl Sub for Money {
    type Output = Self;
    fn sub(self, other: Self) -> Self {
        Self(self.0 - other.0)
    }
}

impl Neg for Money {
    type Output = Self;
    fn neg(self) -> Self {
        Self(-self.0)
    }
}

impl Sum for Money {
    fn sum<I: Iterator<Item = Self>>(iter: I) -> Self {
        iter.fold(Self::ZERO, Add::add)
    }
}

/// Prices of capacity, with what they rest on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Prices {
    /// US dollars per core and hour.
    pub usd_per_core_hour: Decimal,
    /// US dollars per GiB and hour.
    pub usd_per_gib_hour: Decimal,
    /// What the numbers are: `OpenCost default (GCP us-central1 list)`.
    pub basis: String,
    /// The date of the numbers, ISO 8601.
    pub date: String,
}

/// What leaves the bill, or comes on it: whole nodes. Another number than what is requested, and never added to it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct BillDelta {
    /// US dollars a month, negative saves; none where nothing of it is known.
    pub monthly: Option<Money>,
    /// Nodes that come (positive) or go, of the pools that are known.
    pub nodes: i64,
    /// Why it is $0 or unknown, and what it leaves out: sentences without a full stop, one a pool.
    pub why: Vec<String>,
}

/// What a pull request takes off the bill by itself, and together with the others that are proposed. Savings do not add
/// up, so the second is computed and not summed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ProposedBill {
    /// By itself.
    pub alone: BillDelta,
    /// How many others are proposed for the same clusters.
    pub others: usize,
    /// With all of them, where there are any.
    pub together: Option<BillDelta>,
}

/// What requested capacity costs a month, before and after.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CapacityCost {
    /// With the requests of today.
    pub before: Money,
    /// With the proposed requests.
    pub after: Money,
}

impl CapacityCost {
    /// Negative saves.
    pub fn delta(&self) -> Money {
        self.after - self.before
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn money_shows_its_sign_and_rounds_to_cents() {
        let money = |text: &str| Money(text.parse().unwrap());
        assert_eq!(money("-118.404").signed(), "-$118.40");
        assert_eq!(money("10.195").signed(), "+$10.20");
        assert_eq!(money("-0.001").signed(), "$0.00");
        assert_eq!(money("-0.001").to_string(), "$0.00");
        assert_eq!([money("0.10"), money("0.20")].into_iter().sum::<Money>(), money("0.30"));
    }
}
