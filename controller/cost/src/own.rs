//! Prices that the operator names himself: of machines in a file, of a core and a GiB, and what stands in where no node can
//! be seen. Reads no file and no configuration; both come in as [`Terms`].

use kubeopt_model::Prices;
use kubeopt_model::cluster::Node;
use rust_decimal::Decimal;

use crate::family::is_accelerated;
use crate::find::{Basis, Machine, Priced, UnknownPrice};
use crate::price::{Discount, UnitPrices, UsdPerHour};
use crate::sheet::{Market, Provider, Sheets};
use crate::terms::Terms;

/// What own prices are of where the operator does not say it.
const UNDATED: &str = "as configured";

/// The basis of own prices of a core and a GiB.
const CONFIGURED: &str = "configured in kubeopt.yaml";

/// No core costs more an hour without a GPU beside it; the dearest public list prices are below 1 US dollar.
const HIGHEST_USD_PER_CORE_HOUR: u32 = 2;

/// A label of GKE on nodes with GPUs, whatever their type.
const GPU_LABEL: &str = "cloud.google.com/gke-accelerator";

/// The price of a core and a GiB in a cluster none of whose nodes can be seen: the operator's own, else the default of the
/// provider that he names.
///
/// # Errors
/// [`UnknownPrice::NoNode`] where he names neither.
pub fn unseen_price(sheets: &Sheets, terms: &Terms) -> Result<Prices, UnknownPrice> {
    let (unit, basis, date) = match (terms.own, terms.provider) {
        (Some(own), _) => (own, CONFIGURED.to_owned(), own_date(terms)),
        (None, Some(provider)) => {
            let default = sheets.default_of(provider, Market::OnDemand).ok_or(UnknownPrice::Provider)?;
            let basis = format!("{} default: {}", provider.as_str(), default.source);
            (default.unit, basis, default.date.clone())
        }
        (None, None) => return Err(UnknownPrice::NoNode),
    };
    let paid = unit.less(terms.discount).ok_or(UnknownPrice::Size)?;
    let less = if terms.discount.is_none() { String::new() } else { format!(" less {}", terms.discount) };
    Ok(Prices {
        usd_per_core_hour: paid.core.usd(),
        usd_per_gib_hour: paid.gib.usd(),
        basis: format!("{basis}{less}"),
        date,
    })
}

fn own_date(terms: &Terms) -> String {
    terms.date.clone().unwrap_or_else(|| UNDATED.to_owned())
}

/// A machine at the operator's own price of a core and a GiB.
pub(crate) fn own_price(unit: UnitPrices, machine: &Machine, terms: &Terms) -> Result<Priced, UnknownPrice> {
    Ok(Priced {
        unit,
        hourly: unit.machine(machine.cores, machine.memory).ok_or(UnknownPrice::Size)?,
        gpu: None,
        market: machine.market,
        basis: Basis::Configured,
        discount: Discount::NONE,
        date: own_date(terms),
        text: CONFIGURED.to_owned(),
    })
}

/// The operator's own price of a machine.
pub(crate) fn file_price(terms: &Terms, machine: &Machine) -> Option<UsdPerHour> {
    terms.file.price(machine.instance_type.as_deref()?, machine.region.as_deref(), machine.market)
}

/// A machine at the operator's own price, which is what is paid: no discount is taken off. Cores and memory of a machine
/// with GPUs cost what they cost elsewhere, the rest is for the GPUs.
pub(crate) fn machine_price(
    sheets: &Sheets,
    price: UsdPerHour,
    machine: &Machine,
    has_gpu: bool,
    terms: &Terms,
) -> Result<Priced, UnknownPrice> {
    let provider = machine.provider.unwrap_or(Provider::OnPrem);
    let default = sheets.default_of(provider, Market::OnDemand).ok_or(UnknownPrice::Provider)?.unit;
    let split = UnitPrices::split(price, machine.cores, machine.memory, default).ok_or(UnknownPrice::Size)?;
    if !has_gpu && split.core.usd() > Decimal::from(HIGHEST_USD_PER_CORE_HOUR) {
        return Err(UnknownPrice::Implausible);
    }
    let of_gpu = has_gpu && default.core < split.core;
    let name = machine.instance_type.as_deref().unwrap_or_default();
    Ok(Priced {
        unit: if of_gpu { default } else { split },
        hourly: price,
        gpu: None,
        market: machine.market,
        basis: Basis::Configured,
        discount: Discount::NONE,
        date: own_date(terms),
        text: format!("{name} of the price file"),
    })
}

/// Most of the price of the machine is for GPUs or the like.
pub(crate) fn has_gpu(node: &Node, machine: &Machine) -> bool {
    let by_type = machine.provider.zip(machine.instance_type.as_deref());
    node.machine.labels.contains_key(GPU_LABEL)
        || by_type.is_some_and(|(provider, name)| is_accelerated(provider, name))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::nodes::node_price;
    use crate::nodes::tests::m5_large;
    use crate::price::{UsdPerCoreHour, UsdPerGibHour};
    use crate::price_file::PriceFile;

    fn terms(rows: &str) -> Terms {
        let file = PriceFile::parse(&format!("instanceType,usdPerHour\n{rows}\n")).unwrap();
        Terms { file, date: Some("2026-10-01".to_owned()), ..Terms::default() }
    }

    fn of_type(name: &str) -> Node {
        Node { instance_type: Some(name.to_owned()), ..m5_large("n", &[]) }
    }

    #[test]
    fn a_price_of_the_file_is_what_is_paid() {
        let half = Discount::new("0.5".parse().unwrap()).unwrap();
        let terms = Terms { discount: half, ..terms("m5.large,0.06") };
        let priced = node_price(Sheets::bundled(), &of_type("m5.large"), &terms).unwrap();
        assert_eq!(
            (priced.hourly.usd().to_string(), priced.date.as_str()),
            ("0.06".to_owned(), "2026-10-01")
        );
        assert_eq!((priced.basis, priced.text.as_str()), (Basis::Configured, "m5.large of the price file"));
        let whole = priced.unit.machine(kubeopt_model::MilliCores(2000), "8Gi".parse().unwrap()).unwrap();
        assert_eq!(whole.usd().round_dp(6), priced.hourly.usd());
        // What the file does not name is looked up as ever.
        let other = node_price(Sheets::bundled(), &of_type("c5.large"), &terms).unwrap();
        assert!(other.text.ends_with("list less 50 %"), "{}", other.text);
    }

    #[test]
    fn a_machine_with_gpus_that_no_sheet_has_is_unknown_until_the_file_names_it() {
        for name in ["p6-b200.48xlarge", "g5.zlarge", "trn2.48xlarge", "inf2.xlarge"] {
            let found = node_price(Sheets::bundled(), &of_type(name), &Terms::default());
            assert_eq!(found, Err(UnknownPrice::Gpu), "{name}");
        }
        let priced =
            node_price(Sheets::bundled(), &of_type("inf2.xlarge"), &terms("inf2.xlarge,1.006")).unwrap();
        assert_eq!(priced.hourly.usd().to_string(), "1.006");
        // Its cores cost what cores cost elsewhere; the rest is the GPU's.
        assert_eq!(priced.unit.core.usd().to_string(), "0.031611");
        let mut labelled = m5_large("n", &[]);
        labelled.machine.labels.insert(GPU_LABEL.to_owned(), "nvidia-l4".to_owned());
        assert_eq!(node_price(Sheets::bundled(), &labelled, &Terms::default()), Err(UnknownPrice::Gpu));
        for (provider, name, has) in [
            (Provider::Gcp, "a2-highgpu-1g", true),
            (Provider::Gcp, "g1-small", false),
            (Provider::Azure, "Standard_NC6s_v3", true),
            (Provider::Azure, "Standard_D4s_v5", false),
            (Provider::Aws, "c6g.large", false),
            (Provider::Aws, "t4g.large", false),
        ] {
            assert_eq!(is_accelerated(provider, name), has, "{name}");
        }
    }

    #[test]
    fn a_price_a_month_under_the_name_of_an_hour_is_not_believed() {
        // An m5.large costs $70.08 a month.
        let found = node_price(Sheets::bundled(), &of_type("m5.large"), &terms("m5.large,70.08"));
        assert_eq!(found, Err(UnknownPrice::Implausible));
    }

    #[test]
    fn without_a_node_only_the_operator_s_word_is_a_price() {
        let unseen = |terms: &Terms| unseen_price(Sheets::bundled(), terms);
        assert_eq!(unseen(&Terms::default()), Err(UnknownPrice::NoNode));
        let azure = Terms { provider: Some(Provider::Azure), ..Terms::default() };
        let found = unseen(&azure).unwrap();
        assert_eq!(
            (found.usd_per_core_hour.to_string().as_str(), found.date.as_str()),
            ("0.039", "2019-04-01")
        );
        let own = UnitPrices {
            core: UsdPerCoreHour::new("0.02".parse().unwrap()).unwrap(),
            gib: UsdPerGibHour::new("0.004".parse().unwrap()).unwrap(),
        };
        let half = Discount::new("0.5".parse().unwrap()).unwrap();
        let found = unseen(&Terms { own: Some(own), discount: half, ..azure }).unwrap();
        assert_eq!(found.usd_per_core_hour.to_string(), "0.01");
        assert_eq!(
            (found.basis.as_str(), found.date.as_str()),
            ("configured in kubeopt.yaml less 50 %", "as configured")
        );
    }

    proptest! {
        #[test]
        fn no_node_is_free_whatever_it_says(
            id in "(aws|gce|azure|kind|other|)(://)?[a-z0-9/-]{0,12}", name in "[a-zA-Z0-9._-]{0,16}", spot in any::<bool>(),
            cores in 0_u64..64_000, gib in 0_u64..512, region in "(us-east-1|eastus|us-central1|[a-z]{0,6})",
        ) {
            let mut node = of_type(&name);
            node.region = Some(region);
            node.machine.provider_id = Some(id);
            node.machine.capacity.cpu = Some(kubeopt_model::MilliCores(cores));
            node.machine.capacity.memory = Some(kubeopt_model::Bytes(gib * kubeopt_model::quantity::GIB));
            if spot {
                node.machine.labels.insert("karpenter.sh/capacity-type".to_owned(), "spot".to_owned());
            }
            if let Ok(priced) = node_price(Sheets::bundled(), &node, &Terms::default()) {
                prop_assert!(priced.hourly.usd() > Decimal::ZERO && priced.unit.core.usd() > Decimal::ZERO);
                prop_assert!(!priced.text.is_empty() && !priced.date.is_empty());
            }
        }
    }
}
