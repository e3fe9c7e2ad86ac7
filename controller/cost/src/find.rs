//! The price of a machine: its type, else its family, else another region, else the provider's default, else unknown.
//!
//! Pure: sheets and a description in, a price out, with what it rests on and how old that is. Unknown is never 0.

use kubeopt_model::{Bytes, MilliCores, Prices, Timestamp};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::family::{distance, sheet_key};
use crate::price::{Discount, UnitPrices, UsdPerCoreHour, UsdPerGibHour, UsdPerGpuHour, UsdPerHour};
use crate::sheet::{Market, Offer, Provider, Sheets};

/// What is known of a machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Whose; none where it cannot be told.
    pub provider: Option<Provider>,
    /// Region.
    pub region: Option<String>,
    /// Instance type, as the provider spells it.
    pub instance_type: Option<String>,
    /// How it is bought.
    pub market: Market,
    /// What it has, or what pods may use of it where only that is known.
    pub cores: MilliCores,
    /// What it has, or what pods may use of it where only that is known.
    pub memory: Bytes,
}

/// What a price rests on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind")]
pub enum Basis {
    /// The operator's own price.
    Configured,
    /// The list price of this type in this region.
    InstanceType,
    /// The list price of a relative in this region.
    Family {
        /// The relative.
        of: String,
    },
    /// The list price of this type, or of a relative, in another region.
    OtherRegion {
        /// That region.
        region: String,
        /// The type that it is of.
        of: String,
    },
    /// Prices of a core and a GiB that hold for no type.
    ProviderDefault,
}

/// A price with what it rests on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Priced {
    /// Of a core and of a GiB.
    pub unit: UnitPrices,
    /// Of the whole machine.
    #[serde(rename = "usdPerHour")]
    pub hourly: UsdPerHour,
    /// Of each of its GPUs: what the machine costs beyond its cores and memory. None where it has none, or nothing tells.
    #[serde(rename = "usdPerGpuHour", default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<UsdPerGpuHour>,
    /// How it is bought.
    pub market: Market,
    /// What the numbers are.
    pub basis: Basis,
    /// What was taken off.
    pub discount: Discount,
    /// The date of the numbers, ISO 8601.
    pub date: String,
    /// The numbers in words: `aws us-east-1 m5.xlarge list`.
    pub text: String,
}

/// Why there is no price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "camelCase")]
pub enum UnknownPrice {
    /// No sheet is of this provider.
    #[error("no sheet holds prices of its provider; set cpuPerCoreHour and memoryPerGibHour under prices")]
    Provider,
    /// There are no default prices for spot machines here.
    #[error("no sheet holds spot prices of its provider; set a discount for its pool")]
    Spot,
    /// The machine has no cores or no memory.
    #[error("the machine says no cores or no memory")]
    Size,
    /// Most of its price is for GPUs or the like, and no sheet has it.
    #[error("no sheet holds the price of this machine with GPUs; name it in a file under prices.file")]
    Gpu,
    /// The operator's own price is too high for what the machine has.
    #[error(
        "its own price is above 2 US dollars a core and hour, as a price a month would be; write that as usdPerMonth"
    )]
    Implausible,
    /// Nothing is known of the machines of the cluster.
    #[error("no node could be seen; let kubeopt list nodes, or name provider or own prices under prices")]
    NoNode,
}

impl Priced {
    /// Whole days since the date of the numbers; none for a date that cannot be read.
    pub fn age_days(&self, now: Timestamp) -> Option<i64> {
        let date: jiff::civil::Date = self.date.parse().ok()?;
        let today = now.to_zoned(jiff::tz::TimeZone::UTC).date();
        Some(i64::from((today - date).get_days()).max(0))
    }

    /// The unit prices before the discount.
    pub fn list_unit(&self) -> Option<UnitPrices> {
        let paid = Decimal::ONE - Decimal::from(self.discount);
        Some(UnitPrices {
            core: UsdPerCoreHour::new((self.unit.core.usd() / paid).round_dp(9))?,
            gib: UsdPerGibHour::new((self.unit.gib.usd() / paid).round_dp(9))?,
        })
    }

    /// The same as the value that other stages price with.
    pub fn prices(&self) -> Prices {
        Prices {
            usd_per_core_hour: self.unit.core.usd(),
            usd_per_gib_hour: self.unit.gib.usd(),
            basis: self.text.clone(),
            date: self.date.clone(),
        }
    }

    /// The price after a discount; none where nothing would be left.
    #[must_use]
    pub fn less(mut self, discount: Discount) -> Option<Self> {
        if discount.is_none() {
            return Some(self);
        }
        self.unit = self.unit.less(discount)?;
        self.hourly = self.hourly.less(discount)?;
        self.gpu = self.gpu.and_then(|gpu| gpu.less(discount));
        self.text = format!("{} less {discount}", self.text);
        self.discount = discount;
        Some(self)
    }
}

/// The list price of a machine.
///
/// # Errors
/// [`UnknownPrice`], with what would cure it.
pub fn list_price(sheets: &Sheets, machine: &Machine) -> Result<Priced, UnknownPrice> {
    let provider = machine.provider.ok_or(UnknownPrice::Provider)?;
    if machine.cores.0 == 0 || machine.memory.0 == 0 {
        return Err(UnknownPrice::Size);
    }
    let found = machine.instance_type.as_deref().and_then(|name| {
        let key = sheet_key(provider, name)?;
        let search = Search { sheets, provider, machine, key: &key };
        let own = machine.region.as_deref().and_then(|region| search.region(region));
        own.or_else(|| provider.reference_region().and_then(|region| search.region(region)))
    });
    found.map_or_else(|| default_price(sheets, provider, machine), Ok)
}

fn default_price(sheets: &Sheets, provider: Provider, machine: &Machine) -> Result<Priced, UnknownPrice> {
    let default = sheets.default_of(provider, machine.market).ok_or(UnknownPrice::Spot)?;
    Ok(Priced {
        unit: default.unit,
        hourly: default.unit.machine(machine.cores, machine.memory).ok_or(UnknownPrice::Size)?,
        gpu: None,
        market: machine.market,
        basis: Basis::ProviderDefault,
        discount: Discount::NONE,
        date: default.date.clone(),
        text: format!("{} default: {}", provider.as_str(), default.source),
    })
}

struct Search<'a> {
    sheets: &'a Sheets,
    provider: Provider,
    machine: &'a Machine,
    key: &'a str,
}

impl Search<'_> {
    /// The type in a region, else its nearest relative there.
    fn region(&self, region: &str) -> Option<Priced> {
        let offers = self.sheets.region(self.provider, self.machine.market, region)?;
        if let Some(offer) = offers.get(self.key) {
            return self.priced(region, self.key, offer);
        }
        let relatives = offers
            .iter()
            .filter_map(|(key, offer)| Some((distance(self.provider, self.key, key)?, key, offer)));
        let (_, key, offer) = relatives.min_by_key(|(far, key, _)| (*far, *key))?;
        self.priced(region, key, offer)
    }

    fn priced(&self, region: &str, key: &str, offer: &Offer) -> Option<Priced> {
        let Machine { market, cores, memory, .. } = *self.machine;
        let is_own = key == self.key;
        let unit = self.unit(offer)?;
        let hourly = match offer {
            Offer::Machine { price, .. } if is_own => *price,
            Offer::Machine { .. } | Offer::Units(_) => unit.machine(cores, memory)?,
        };
        let basis = match (self.machine.region.as_deref() == Some(region), is_own) {
            (true, true) => Basis::InstanceType,
            (true, false) => Basis::Family { of: key.to_owned() },
            (false, _) => Basis::OtherRegion { region: region.to_owned(), of: key.to_owned() },
        };
        let spot = if market == Market::Spot { " spot" } else { "" };
        Some(Priced {
            unit,
            hourly,
            gpu: None,
            market,
            basis,
            discount: Discount::NONE,
            date: self.sheets.date(self.provider)?.to_owned(),
            text: format!("{} {region} {key}{spot} list", self.provider.as_str()),
        })
    }

    /// Price of a core and a GiB. Where the sheet does not say how much memory the type has, it is as much per core as
    /// this machine has.
    fn unit(&self, offer: &Offer) -> Option<UnitPrices> {
        match *offer {
            Offer::Units(unit) => Some(unit),
            Offer::Machine { price, cores, memory } => {
                let base = self.sheets.default_of(self.provider, Market::OnDemand)?.unit;
                let memory = memory.or_else(|| proportional(self.machine, cores))?;
                UnitPrices::split(price, cores, memory, base)
            }
        }
    }
}

fn proportional(machine: &Machine, cores: MilliCores) -> Option<Bytes> {
    let bytes = Decimal::from(machine.memory.0) * Decimal::from(cores.0) / Decimal::from(machine.cores.0);
    u64::try_from(bytes.round()).ok().map(Bytes)
}

#[cfg(test)]
mod tests {
    use kubeopt_model::quantity::GIB;

    use super::*;

    fn machine(provider: Provider, region: &str, instance_type: &str, cores: u64, gib: u64) -> Machine {
        Machine {
            provider: Some(provider),
            region: Some(region.to_owned()),
            instance_type: Some(instance_type.to_owned()),
            market: Market::OnDemand,
            cores: MilliCores(cores * 1000),
            memory: Bytes(gib * GIB),
        }
    }

    fn price(machine: &Machine) -> Priced {
        list_price(Sheets::bundled(), machine).unwrap()
    }

    #[test]
    fn a_type_of_the_sheet_has_its_list_price() {
        for (provider, region, name, cores, gib, usd) in [
            (Provider::Aws, "us-east-1", "m5.large", 2, 8, "0.096"),
            (Provider::Aws, "eu-central-1", "m5.2xlarge", 8, 32, "0.46"),
            (Provider::Azure, "eastus", "Standard_D4s_v4", 4, 16, "0.192"),
            // GCP sells by core and GiB: 4 x 0.031611 + 16 x 0.004237.
            (Provider::Gcp, "us-central1", "n2-standard-4", 4, 16, "0.194236"),
        ] {
            let found = price(&machine(provider, region, name, cores, gib));
            assert_eq!(
                (found.hourly.usd().to_string().as_str(), found.basis),
                (usd, Basis::InstanceType),
                "{name}"
            );
        }
    }

    #[test]
    fn each_step_of_the_fallback_says_so() {
        let family = price(&machine(Provider::Aws, "us-east-1", "m5.xlarge", 4, 16));
        assert!(matches!(family.basis, Basis::Family { .. }), "{family:?}");
        assert_eq!(family.hourly.month().to_string(), "$140.16");
        let version = price(&machine(Provider::Azure, "westeurope", "Standard_D4s_v5", 4, 16));
        assert_eq!(version.basis, Basis::Family { of: "standardd4sv4".to_owned() });
        let region = price(&machine(Provider::Aws, "eu-moon-1", "m5.large", 2, 8));
        let expected = Basis::OtherRegion { region: "us-east-1".to_owned(), of: "m5.large".to_owned() };
        assert_eq!((region.basis, region.hourly.usd().to_string()), (expected, "0.096".to_owned()));
        let default = price(&machine(Provider::Aws, "us-east-1", "quantum.large", 2, 8));
        assert_eq!(default.basis, Basis::ProviderDefault);
        assert!(default.text.contains("OpenCost"), "{}", default.text);
        let none = Machine { provider: None, ..machine(Provider::Aws, "us-east-1", "m5.large", 2, 8) };
        assert_eq!(list_price(Sheets::bundled(), &none), Err(UnknownPrice::Provider));
    }

    #[test]
    fn spot_is_never_priced_on_demand() {
        let spot = |provider, name| Machine {
            market: Market::Spot,
            ..machine(provider, "us-central1", name, 4, 16)
        };
        let gcp = price(&spot(Provider::Gcp, "n2-standard-4"));
        assert_eq!(
            (gcp.basis, gcp.unit.core.usd().to_string()),
            (Basis::InstanceType, "0.007649".to_owned())
        );
        let aws = price(&spot(Provider::Aws, "m5.xlarge"));
        assert_eq!(
            (aws.basis, aws.unit.core.usd().to_string()),
            (Basis::ProviderDefault, "0.006655".to_owned())
        );
        assert_eq!(list_price(Sheets::bundled(), &spot(Provider::OnPrem, "rack")), Err(UnknownPrice::Spot));
    }

    #[test]
    fn a_machine_without_a_size_has_no_price() {
        let sizeless =
            Machine { memory: Bytes(0), ..machine(Provider::Azure, "eastus", "Standard_D4s_v4", 4, 16) };
        assert_eq!(list_price(Sheets::bundled(), &sizeless), Err(UnknownPrice::Size));
    }

    #[test]
    fn the_age_of_a_price_is_told_in_days() {
        let found = price(&machine(Provider::Aws, "us-east-1", "m5.large", 2, 8));
        assert_eq!(found.date, "2025-03-02");
        let now: Timestamp = "2025-03-12T10:00:00Z".parse().unwrap();
        assert_eq!(found.age_days(now), Some(10));
        assert_eq!(found.age_days("2024-01-01T00:00:00Z".parse().unwrap()), Some(0));
    }

    #[test]
    fn a_discount_is_taken_off_all_parts_and_named() {
        let list = price(&machine(Provider::Aws, "us-east-1", "m5.large", 2, 8));
        let paid = list.clone().less(Discount::new(Decimal::new(25, 2)).unwrap()).unwrap();
        assert_eq!(paid.hourly.usd().to_string(), "0.072");
        assert!(paid.unit.core < list.unit.core && paid.text.ends_with("less 25 %"), "{}", paid.text);
    }
}
