//! Prices of a cluster's capacity. Hourly and monthly numbers are told apart by their size, and their unit stands in the
//! name of each key.

use std::str::FromStr;

use rust_decimal::Decimal;

use crate::config::document::{PoolSection, PriceSection, ProviderWord};
use crate::config::scalars::{file, malformed, optional};
use crate::config::types::{PoolConfig, PriceConfig, Provider};
use crate::text::{At, Fault, Reading};

/// Neither a core nor a GiB costs as much an hour: the dearest public list prices are below 1 US dollar. A larger number is
/// probably meant per month.
const HIGHEST_USD_PER_HOUR: u32 = 5;

/// Prices of a cluster; none after a problem was told.
pub(crate) fn check_prices(section: At<PriceSection>, reading: &mut Reading<'_>) -> Option<PriceConfig> {
    let At { value: prices, line } = section;
    if let Some(currency) = prices.currency.as_ref().filter(|at| at.value != "USD") {
        let what = "another currency than USD".to_owned();
        let help = "convert your prices to US dollars and write `currency: USD`".to_owned();
        reading.refuse(currency.line, Fault::NotInThisVersion { what, help });
    }
    let cpu = optional(prices.cpu_per_core_hour, |at| check_price(at, "prices.cpuPerCoreHour", reading));
    let memory =
        optional(prices.memory_per_gib_hour, |at| check_price(at, "prices.memoryPerGibHour", reading));
    let (cpu, memory) = (cpu?, memory?);
    let custom = prices.provider.as_ref().is_some_and(|at| at.value == ProviderWord::Custom);
    if cpu.is_some() != memory.is_some() || (custom && cpu.is_none()) {
        let help = "write both `cpuPerCoreHour` and `memoryPerGibHour`".to_owned();
        let path = "one of the two own prices".to_owned();
        reading.refuse(line, Fault::Missing { path, help });
    }
    let date = optional(prices.date, |at| check_date(at, reading))?;
    let pools = prices.pools.map(|at| at.value).unwrap_or_default();
    let pool = |at: At<PoolSection>| PoolConfig {
        discount: at.value.discount.map(|at| share(at.value.0)),
        autoscaled: at.value.autoscaled.map(|at| at.value),
    };
    Some(PriceConfig {
        provider: prices.provider.map(|at| at.value.into()),
        region: prices.region.map(|at| at.value),
        discount: prices.discount.map_or(Decimal::ZERO, |at| share(at.value.0)),
        usd_per_core_hour: cpu,
        usd_per_gib_hour: memory,
        file: prices.file.map(file),
        date,
        pools: pools.into_iter().map(|(name, at)| (name, pool(at))).collect(),
    })
}

/// The share came from decimal text with at most some digits: four decimals hold it.
fn share(share: f64) -> Decimal {
    Decimal::try_from(share).unwrap_or_default().round_dp(4)
}

fn check_date(at: At<String>, reading: &mut Reading<'_>) -> Option<String> {
    match at.value.parse::<jiff::civil::Date>() {
        Ok(date) => Some(date.to_string()),
        Err(_) => malformed(&at, "prices.date", "a day such as `2026-10-01`", reading),
    }
}

fn check_price(at: At<String>, path: &str, reading: &mut Reading<'_>) -> Option<Decimal> {
    match Decimal::from_str(&at.value) {
        Ok(price) if price > Decimal::ZERO && price < Decimal::from(HIGHEST_USD_PER_HOUR) => Some(price),
        Ok(price) if price > Decimal::ZERO => {
            let expected =
                "a price an hour such as `0.031611`; this looks like a price a month, divide it by 730";
            malformed(&at, path, expected, reading)
        }
        Ok(_) | Err(_) => malformed(&at, path, "a price in US dollars an hour such as `0.031611`", reading),
    }
}

impl From<ProviderWord> for Provider {
    fn from(word: ProviderWord) -> Self {
        match word {
            ProviderWord::Aws => Self::Aws,
            ProviderWord::Gcp => Self::Gcp,
            ProviderWord::Azure => Self::Azure,
            ProviderWord::Custom => Self::Custom,
        }
    }
}
