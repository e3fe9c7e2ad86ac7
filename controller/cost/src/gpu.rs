//! The list price of a machine with GPUs: of its very type or unknown, because sizes of a family hold other GPUs.
//!
//! Its cores and memory cost what they cost elsewhere at its provider; the rest is the price of its GPUs, apart. Pure.

use rust_decimal::Decimal;

use crate::family::sheet_key;
use crate::find::{Basis, Machine, Priced, UnknownPrice};
use crate::price::{Discount, PRICE_DIGITS, UnitPrices, UsdPerGpuHour};
use crate::sheet::{Market, Sheets};

/// The list price of a machine with GPUs: of its type in its region, else in the region that stands in for others.
///
/// # Errors
/// [`UnknownPrice`], with what would cure it.
pub(crate) fn gpu_list_price(sheets: &Sheets, machine: &Machine) -> Result<Priced, UnknownPrice> {
    let provider = machine.provider.ok_or(UnknownPrice::Provider)?;
    if machine.cores.0 == 0 || machine.memory.0 == 0 {
        return Err(UnknownPrice::Size);
    }
    if machine.market == Market::Spot {
        return Err(UnknownPrice::Spot);
    }
    let name = machine.instance_type.as_deref().ok_or(UnknownPrice::Gpu)?;
    let key = sheet_key(provider, name).ok_or(UnknownPrice::Gpu)?;
    let own = machine.region.as_deref();
    let regions = own.into_iter().chain(provider.reference_region());
    let (region, offer) = regions
        .filter_map(|region| Some((region, sheets.gpu_machine(provider, region, &key)?)))
        .next()
        .ok_or(UnknownPrice::Gpu)?;
    let default = sheets.default_of(provider, Market::OnDemand).ok_or(UnknownPrice::Provider)?.unit;
    let without = default.machine(machine.cores, machine.memory).ok_or(UnknownPrice::Size)?;
    let beyond = (offer.price.usd() - without.usd()) / Decimal::from(offer.gpus);
    let gpu = UsdPerGpuHour::new(beyond.round_dp(PRICE_DIGITS));
    let unit = match gpu {
        Some(_) => default,
        // An old GPU that costs less than cores elsewhere: then nothing tells what it costs apart.
        None => UnitPrices::split(offer.price, machine.cores, machine.memory, default)
            .ok_or(UnknownPrice::Size)?,
    };
    let basis = if own == Some(region) {
        Basis::InstanceType
    } else {
        Basis::OtherRegion { region: region.to_owned(), of: key.clone() }
    };
    let apart = gpu.map_or(String::new(), |gpu| format!(", of it {:.2} US dollars an hour a GPU", gpu.usd()));
    Ok(Priced {
        unit,
        hourly: offer.price,
        gpu,
        market: Market::OnDemand,
        basis,
        discount: Discount::NONE,
        date: offer.date.to_owned(),
        text: format!("{} {region} {key} list{apart}", provider.as_str()),
    })
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{Bytes, MilliCores};

    use super::*;
    use crate::sheet::Provider;

    fn machine(provider: Provider, region: &str, name: &str, cores: u64, gib: u64) -> Machine {
        Machine {
            provider: Some(provider),
            region: Some(region.to_owned()),
            instance_type: Some(name.to_owned()),
            market: Market::OnDemand,
            cores: MilliCores(cores * 1000),
            memory: Bytes(gib * kubeopt_model::quantity::GIB),
        }
    }

    #[test]
    fn cores_memory_and_gpus_add_up_to_the_machine() {
        for (provider, region, name, cores, gib, gpus, hourly, date) in [
            (Provider::Aws, "us-east-1", "g4dn.xlarge", 4, 16, 1, "0.526", "2026-01-19"),
            (Provider::Aws, "eu-central-1", "g5.4xlarge", 16, 64, 1, "2.03081", "2025-03-02"),
            (Provider::Aws, "us-east-1", "p5.48xlarge", 192, 2048, 8, "55.04", "2026-01-19"),
            (Provider::Azure, "eastus", "Standard_NC24s_v3", 24, 448, 4, "12.24", "2020-08-30"),
        ] {
            let found =
                gpu_list_price(Sheets::bundled(), &machine(provider, region, name, cores, gib)).unwrap();
            assert_eq!(
                (found.hourly.usd().to_string().as_str(), found.date.as_str()),
                (hourly, date),
                "{name}"
            );
            let without = found.unit.machine(MilliCores(cores * 1000), Bytes(gib << 30)).unwrap();
            let sum = without.usd() + found.gpu.unwrap().usd() * Decimal::from(gpus);
            assert!((sum - found.hourly.usd()).abs() < "0.000001".parse().unwrap(), "{name}: {sum}");
            assert!(found.text.contains(", of it "), "{}", found.text);
        }
    }

    #[test]
    fn another_region_stands_in_and_says_so_but_no_other_size_does() {
        let tokyo = machine(Provider::Aws, "ap-northeast-1", "p4d.24xlarge", 96, 1152);
        let found = gpu_list_price(Sheets::bundled(), &tokyo).unwrap();
        let of = Basis::OtherRegion { region: "us-east-1".to_owned(), of: "p4d.24xlarge".to_owned() };
        assert_eq!((found.basis, found.hourly.usd().to_string()), (of, "21.957642".to_owned()));
        for (provider, name) in [
            (Provider::Aws, "g5.metal"),
            (Provider::Gcp, "a2-highgpu-1g"),
            (Provider::Azure, "Standard_NC96ads_A100_v4"),
        ] {
            let unknown = gpu_list_price(Sheets::bundled(), &machine(provider, "eastus", name, 12, 85));
            assert_eq!(unknown, Err(UnknownPrice::Gpu), "{name}");
        }
    }

    #[test]
    fn a_spot_machine_with_gpus_is_never_priced_on_demand() {
        let spot =
            Machine { market: Market::Spot, ..machine(Provider::Aws, "us-east-1", "g5.xlarge", 4, 16) };
        assert_eq!(gpu_list_price(Sheets::bundled(), &spot), Err(UnknownPrice::Spot));
    }

    #[test]
    fn a_discount_is_taken_off_gpus_too() {
        let list =
            gpu_list_price(Sheets::bundled(), &machine(Provider::Aws, "us-east-1", "g5.xlarge", 4, 16))
                .unwrap();
        let half = list.clone().less(Discount::new("0.5".parse().unwrap()).unwrap()).unwrap();
        assert_eq!(half.gpu.unwrap().usd() * Decimal::TWO, list.gpu.unwrap().usd());
    }
}
