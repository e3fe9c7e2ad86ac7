//! Prices of capacity: the bundled sheet, or what the operator configured. Unknown is never 0.
//!
//! Knows nothing of workloads. The sheet is `prices/default.csv`: comment lines with source and date, then `key,value`.

use kubeopt_model::Prices;
use rust_decimal::Decimal;

use crate::error::ObserveError;

const SHEET: &str = include_str!("../prices/default.csv");

/// Highest plausible price per hour of one core or GiB. The dearest public list prices are below 1 USD; a larger number
/// is probably meant per month.
const USD_PER_HOUR_MAX: Decimal = Decimal::from_parts(5, 0, 0, false, 0);

/// The bundled default prices, with their basis and date.
pub fn default_prices() -> Prices {
    read_sheet(SHEET).expect("the bundled price sheet is complete, as a test checks")
}

/// Prices of the operator's own, in US dollars per hour. `date` is the day of the configuration's numbers, ISO 8601.
///
/// # Errors
/// [`ObserveError::Price`] for a price that is not positive or not plausible per hour.
pub fn custom_prices(
    usd_per_core_hour: Decimal,
    usd_per_gib_hour: Decimal,
    date: &str,
) -> Result<Prices, ObserveError> {
    Ok(Prices {
        usd_per_core_hour: plausible("usdPerCoreHour", usd_per_core_hour)?,
        usd_per_gib_hour: plausible("usdPerGibHour", usd_per_gib_hour)?,
        basis: "configured in kubeopt.yaml".to_owned(),
        date: date.to_owned(),
    })
}

fn plausible(key: &'static str, price: Decimal) -> Result<Decimal, ObserveError> {
    let refused = |why| Err(ObserveError::Price { key, price: price.to_string(), why });
    if price <= Decimal::ZERO {
        return refused("a price is above 0; leave the key out where it is unknown");
    }
    if price > USD_PER_HOUR_MAX {
        return refused("it is above 5 US dollars per hour, which looks like a price per month");
    }
    Ok(price)
}

fn read_sheet(text: &str) -> Option<Prices> {
    let value = |key: &str| {
        text.lines()
            .find_map(|line| line.strip_prefix(key)?.strip_prefix(',').map(|value| value.trim().to_owned()))
    };
    Some(Prices {
        usd_per_core_hour: value("usdPerCoreHour")?.parse().ok()?,
        usd_per_gib_hour: value("usdPerGibHour")?.parse().ok()?,
        basis: value("basis")?,
        date: value("date")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bundled_sheet_is_complete_and_plausible() {
        let prices = default_prices();
        assert_eq!(prices.usd_per_core_hour.to_string(), "0.031611");
        assert_eq!(prices.usd_per_gib_hour.to_string(), "0.004237");
        assert!(prices.basis.contains("OpenCost") && prices.date.len() == 10, "{prices:?}");
        assert!(custom_prices(prices.usd_per_core_hour, prices.usd_per_gib_hour, &prices.date).is_ok());
    }

    #[test]
    fn zero_and_monthly_prices_are_refused() {
        let fine = Decimal::new(4, 3);
        for bad in [Decimal::ZERO, Decimal::new(-1, 2), Decimal::new(231, 1)] {
            let error = custom_prices(bad, fine, "2026-01-01").unwrap_err();
            assert_eq!(error.code(), "E-OBS-008");
            assert!(custom_prices(fine, bad, "2026-01-01").is_err());
        }
    }
}
