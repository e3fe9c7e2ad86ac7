//! Prices as types: what is per hour cannot be taken for what is per month, nor cores for GiB.
//!
//! Knows no sheet and no cluster. A month has 730 hours everywhere in kubeopt.
//!
//! ```compile_fail
//! use kubeopt_cost::price::{UsdPerHour, UsdPerMonth};
//! fn node_costs(price: UsdPerHour) {}
//! // A price per month is not a price per hour.
//! node_costs(UsdPerMonth::new("70.08".parse().unwrap()).unwrap());
//! ```
//! ```compile_fail
//! use kubeopt_cost::price::{UnitPrices, UsdPerCoreHour, UsdPerGibHour};
//! let core = UsdPerCoreHour::new("0.0316".parse().unwrap()).unwrap();
//! let gib = UsdPerGibHour::new("0.0042".parse().unwrap()).unwrap();
//! // The price of a GiB is not the price of a core.
//! UnitPrices { core: gib, gib: core };
//! ```

use kubeopt_model::cost::{HOURS_PER_MONTH, Money};
use kubeopt_model::quantity::GIB;
use kubeopt_model::{Amount, Bytes, MilliCores, Prices, Resource};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Digits kept of a price that was computed: a billionth of a cent an hour is far below any invoice.
pub(crate) const PRICE_DIGITS: u32 = 12;

macro_rules! price {
    ($name:ident, $what:literal) => {
        #[doc = $what]
        ///
        /// Above 0: what is unknown is absent, never 0.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "Decimal", into = "Decimal")]
        pub struct $name(Decimal);

        impl $name {
            /// None for a price that is not above 0.
            pub fn new(usd: Decimal) -> Option<Self> {
                (usd > Decimal::ZERO).then(|| Self(usd.normalize()))
            }

            /// The number, US dollars.
            pub fn usd(self) -> Decimal {
                self.0
            }

            /// What is left of it after a discount; none where nothing is left.
            #[must_use]
            pub fn less(self, discount: Discount) -> Option<Self> {
                Self::new((self.0 * (Decimal::ONE - discount.0)).round_dp(PRICE_DIGITS))
            }
        }

        impl From<$name> for Decimal {
            fn from(price: $name) -> Self {
                price.0
            }
        }

        impl TryFrom<Decimal> for $name {
            type Error = &'static str;
            fn try_from(usd: Decimal) -> Result<Self, Self::Error> {
                Self::new(usd).ok_or("a price is above 0")
            }
        }
    };
}

price!(UsdPerHour, "US dollars an hour: of a machine.");
price!(UsdPerMonth, "US dollars a month of 730 hours: of a machine.");
price!(UsdPerCoreHour, "US dollars a core and hour.");
price!(UsdPerGibHour, "US dollars a GiB and hour.");
price!(UsdPerGpuHour, "US dollars a GPU and hour.");

impl UsdPerHour {
    /// 730 of them.
    pub fn month(self) -> Money {
        Money(self.0 * Decimal::from(HOURS_PER_MONTH))
    }
}

impl UsdPerMonth {
    /// The 730th part.
    pub fn hourly(self) -> Option<UsdPerHour> {
        UsdPerHour::new((self.0 / Decimal::from(HOURS_PER_MONTH)).round_dp(PRICE_DIGITS))
    }
}

/// A share that is taken off a price: at least 0, below 1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "Decimal", into = "Decimal")]
pub struct Discount(Decimal);

impl Discount {
    /// Nothing is taken off.
    pub const NONE: Self = Self(Decimal::ZERO);

    /// From a share: 0.18 is 18 %. None outside of 0 to 1.
    pub fn new(share: Decimal) -> Option<Self> {
        (share >= Decimal::ZERO && share < Decimal::ONE).then(|| Self(share.normalize()))
    }

    /// Nothing is taken off.
    pub fn is_none(self) -> bool {
        self.0.is_zero()
    }
}

impl std::fmt::Display for Discount {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} %", (self.0 * Decimal::ONE_HUNDRED).normalize())
    }
}

impl From<Discount> for Decimal {
    fn from(discount: Discount) -> Self {
        discount.0
    }
}

impl TryFrom<Decimal> for Discount {
    type Error = &'static str;
    fn try_from(share: Decimal) -> Result<Self, Self::Error> {
        Self::new(share).ok_or("a discount is at least 0 and below 1")
    }
}

/// Prices of the two resources of a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct UnitPrices {
    /// Of a core.
    #[serde(rename = "usdPerCoreHour")]
    pub core: UsdPerCoreHour,
    /// Of a GiB of memory.
    #[serde(rename = "usdPerGibHour")]
    pub gib: UsdPerGibHour,
}

impl UnitPrices {
    /// Splits the price of a machine between its cores and its memory by the ratio of `base`, so that the parts add up to
    /// the price (OpenCost specification 0.1, appendix A). None for a machine without cores or memory.
    pub fn split(price: UsdPerHour, cores: MilliCores, memory: Bytes, base: Self) -> Option<Self> {
        let ratio = base.core.usd() / base.gib.usd();
        let parts = in_cores(cores) * ratio + in_gib(memory);
        if cores.0 == 0 || memory.0 == 0 {
            return None;
        }
        let gib = price.usd() / parts;
        Some(Self {
            core: UsdPerCoreHour::new((gib * ratio).round_dp(PRICE_DIGITS))?,
            gib: UsdPerGibHour::new(gib.round_dp(PRICE_DIGITS))?,
        })
    }

    /// The numbers of prices. None where one is not above 0.
    pub fn of(prices: &Prices) -> Option<Self> {
        Some(Self {
            core: UsdPerCoreHour::new(prices.usd_per_core_hour)?,
            gib: UsdPerGibHour::new(prices.usd_per_gib_hour)?,
        })
    }

    /// What a machine of so many cores and so much memory costs.
    pub fn machine(self, cores: MilliCores, memory: Bytes) -> Option<UsdPerHour> {
        let usd = self.core.usd() * in_cores(cores) + self.gib.usd() * in_gib(memory);
        UsdPerHour::new(usd.round_dp(PRICE_DIGITS))
    }

    /// What is left of both after a discount.
    #[must_use]
    pub fn less(self, discount: Discount) -> Option<Self> {
        Some(Self { core: self.core.less(discount)?, gib: self.gib.less(discount)? })
    }

    /// One hour of an amount.
    pub fn hour(self, amount: Amount) -> Money {
        self.hours(amount.resource(), Decimal::from(amount.base()), Decimal::ONE)
    }

    /// `hours` of a count of base units (millicores, bytes), which need not be whole.
    pub fn hours(self, resource: Resource, base_units: Decimal, hours: Decimal) -> Money {
        Money(match resource {
            Resource::Cpu => self.core.usd() * (base_units / Decimal::ONE_THOUSAND) * hours,
            Resource::Memory => self.gib.usd() * (base_units / Decimal::from(GIB)) * hours,
        })
    }
}

fn in_cores(cores: MilliCores) -> Decimal {
    Decimal::from(cores.0) / Decimal::ONE_THOUSAND
}

fn in_gib(memory: Bytes) -> Decimal {
    Decimal::from(memory.0) / Decimal::from(GIB)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn unit(core: &str, gib: &str) -> UnitPrices {
        UnitPrices {
            core: UsdPerCoreHour::new(core.parse().unwrap()).unwrap(),
            gib: UsdPerGibHour::new(gib.parse().unwrap()).unwrap(),
        }
    }

    #[test]
    fn a_price_is_never_zero() {
        assert_eq!(UsdPerHour::new(Decimal::ZERO), None);
        assert!(serde_json::from_str::<UsdPerCoreHour>("\"0\"").is_err());
        assert_eq!(Discount::new(Decimal::ONE), None);
        assert_eq!(
            Discount::new(Decimal::new(18, 2)).map(|share| share.to_string()),
            Some("18 %".to_owned())
        );
    }

    #[test]
    fn the_split_of_the_open_cost_specification_comes_out() {
        // Appendix A without its GPU: bases 30 and 30 of a machine at 35 are 17.5 each.
        let split = UnitPrices::split(
            UsdPerHour::new(Decimal::from(35)).unwrap(),
            MilliCores(1000),
            Bytes(GIB),
            unit("30", "30"),
        );
        assert_eq!(split, Some(unit("17.5", "17.5")));
        // m5.large at $0.096 with OpenCost's defaults.
        let m5 = UsdPerHour::new(Decimal::new(96, 3)).unwrap();
        let base = unit("0.031611", "0.004237");
        let split = UnitPrices::split(m5, MilliCores(2000), Bytes(8 * GIB), base).unwrap();
        assert_eq!(
            (split.core.usd().round_dp(5).to_string(), split.gib.usd().round_dp(5).to_string()),
            ("0.03125".to_owned(), "0.00419".to_owned())
        );
    }

    #[test]
    fn a_month_is_730_hours_in_both_directions() {
        let hourly = UsdPerHour::new(Decimal::new(96, 3)).unwrap();
        assert_eq!(hourly.month().to_string(), "$70.08");
        assert_eq!(UsdPerMonth::new(Decimal::new(7008, 2)).unwrap().hourly(), Some(hourly));
    }

    proptest! {
        #[test]
        fn the_parts_of_a_machine_add_up_to_its_price(
            micro_usd in 1_000_u64..40_000_000, cores in 1_u64..448, gib in 1_u64..24_576,
        ) {
            let price = UsdPerHour::new(Decimal::new(micro_usd.cast_signed(), 6)).unwrap();
            let (cores, memory) = (MilliCores(cores * 1000), Bytes(gib * GIB));
            let split = UnitPrices::split(price, cores, memory, unit("0.031611", "0.004237")).unwrap();
            let again = split.machine(cores, memory).unwrap();
            // A division is not exact: far less than a thousandth of a cent a month.
            prop_assert!((price.month().0 - again.month().0).abs() < Decimal::new(1, 5));
        }

        #[test]
        fn a_discount_lowers_and_never_reaches_zero(share in 0_u32..1000, micro_usd in 1_i64..10_000_000) {
            let discount = Discount::new(Decimal::new(i64::from(share), 3)).unwrap();
            let price = UsdPerHour::new(Decimal::new(micro_usd, 6)).unwrap();
            let less = price.less(discount).unwrap();
            prop_assert!(less <= price && less.usd() > Decimal::ZERO);
        }
    }
}
