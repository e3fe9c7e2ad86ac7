//! The bundled price sheets: CSV files with a manifest that says from where and when each is.
//!
//! Made by `prices/make_sheets.py`. Knows nothing of nodes; what a sheet does not hold is absent. Rows that cannot be read
//! are an error of this project, which a test finds.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use kubeopt_model::{Bytes, MilliCores};
use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::price::{UnitPrices, UsdPerCoreHour, UsdPerGibHour, UsdPerHour};

const MANIFEST: &str = include_str!("../prices/manifest.json");
const FILES: &[(&str, &str)] = &[
    ("aws.csv", include_str!("../prices/aws.csv")),
    ("azure.csv", include_str!("../prices/azure.csv")),
    ("gcp.csv", include_str!("../prices/gcp.csv")),
    ("gpus.csv", include_str!("../prices/gpus.csv")),
    ("defaults.csv", include_str!("../prices/defaults.csv")),
];

/// Whose machines.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Provider {
    /// Amazon Web Services.
    Aws,
    /// Google Cloud.
    Gcp,
    /// Microsoft Azure.
    Azure,
    /// Machines of one's own.
    OnPrem,
}

impl Provider {
    /// The word of sheets and configuration.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Aws => "aws",
            Self::Gcp => "gcp",
            Self::Azure => "azure",
            Self::OnPrem => "onprem",
        }
    }

    /// The region whose prices stand in for a region that is not known; most prices are published for it.
    pub fn reference_region(self) -> Option<&'static str> {
        match self {
            Self::Aws => Some("us-east-1"),
            Self::Gcp => Some("us-central1"),
            Self::Azure => Some("eastus"),
            Self::OnPrem => None,
        }
    }

    fn from_word(word: &str) -> Option<Self> {
        [Self::Aws, Self::Gcp, Self::Azure, Self::OnPrem].into_iter().find(|one| one.as_str() == word)
    }
}

/// How the machine is bought.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Market {
    /// Pay as you go.
    OnDemand,
    /// May be taken away: spot, preemptible.
    Spot,
}

impl Market {
    fn from_word(word: &str) -> Option<Self> {
        match word {
            "ondemand" => Some(Self::OnDemand),
            "spot" => Some(Self::Spot),
            _ => None,
        }
    }
}

/// What the manifest says of one sheet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SheetFacts {
    /// `aws`, `gcp`, `azure`, or `all`.
    pub provider: String,
    /// `machines`: a price a machine; `units`: prices a core and a GiB; `gpus`: a price a machine with GPUs; `defaults`.
    pub kind: String,
    /// File.
    pub file: String,
    /// The date of the numbers, ISO 8601.
    pub date: String,
    /// Rows without the header.
    pub rows: usize,
    /// SHA-256 of the file, hex.
    pub sha256: String,
    /// Where the numbers are from.
    pub source: String,
}

/// The manifest of all sheets.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Manifest {
    /// `kubeopt.dev/prices/v1`
    pub schema: String,
    /// `USD`
    pub currency: String,
    /// The program that made the sheets.
    pub generator: String,
    /// The sheets.
    pub sheets: Vec<SheetFacts>,
}

/// What one row of a sheet says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Offer {
    /// A machine, with what it has as far as the sheet says.
    Machine { price: UsdPerHour, cores: MilliCores, memory: Option<Bytes> },
    /// A family that is sold by core and GiB.
    Units(UnitPrices),
}

/// A machine with GPUs, on demand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct GpuOffer {
    pub(crate) price: UsdPerHour,
    pub(crate) gpus: u32,
    pub(crate) date: &'static str,
}

/// The default prices of a provider.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Default {
    pub(crate) unit: UnitPrices,
    pub(crate) date: String,
    pub(crate) source: String,
}

/// What a region offers, by instance type or family.
pub(crate) type Region = BTreeMap<&'static str, Offer>;

/// All sheets, read.
#[derive(Debug)]
pub struct Sheets {
    manifest: Manifest,
    /// By provider and market; then by region; then by type or family.
    offers: BTreeMap<(Provider, Market), BTreeMap<&'static str, Region>>,
    defaults: BTreeMap<(Provider, Market), Default>,
    /// By provider, region and type.
    gpus: BTreeMap<(Provider, &'static str, &'static str), GpuOffer>,
}

impl Sheets {
    /// The bundled ones, read once.
    pub fn bundled() -> &'static Self {
        static SHEETS: LazyLock<Sheets> =
            LazyLock::new(|| read().expect("the bundled price sheets can be read, as a test checks"));
        &SHEETS
    }

    /// What they rest on.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The date of a provider's sheet, ISO 8601.
    pub fn date(&self, provider: Provider) -> Option<&str> {
        let own = |sheet: &&SheetFacts| sheet.provider == provider.as_str();
        self.manifest.sheets.iter().find(own).map(|sheet| sheet.date.as_str())
    }

    /// What a region offers.
    pub(crate) fn region(&self, provider: Provider, market: Market, region: &str) -> Option<&Region> {
        self.offers.get(&(provider, market))?.get(region)
    }

    /// A machine with GPUs of a region.
    pub(crate) fn gpu_machine(&self, provider: Provider, region: &str, key: &str) -> Option<GpuOffer> {
        self.gpus.get(&(provider, region, key)).copied()
    }

    /// The default prices of a provider.
    pub(crate) fn default_of(&self, provider: Provider, market: Market) -> Option<&Default> {
        self.defaults.get(&(provider, market))
    }
}

fn read() -> Option<Sheets> {
    let manifest: Manifest = serde_json::from_str(MANIFEST).ok()?;
    let (offers, defaults, gpus) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut sheets = Sheets { manifest: manifest.clone(), offers, defaults, gpus };
    for facts in &manifest.sheets {
        let (_, text) = FILES.iter().find(|(name, _)| *name == facts.file)?;
        for line in text.lines().skip(1) {
            let cells: Vec<&'static str> = line.split(',').collect();
            match facts.kind.as_str() {
                "defaults" => read_default(&cells, &mut sheets)?,
                "gpus" => read_gpus(&cells, &mut sheets)?,
                kind => read_offer(Provider::from_word(&facts.provider)?, kind, &cells, &mut sheets)?,
            }
        }
    }
    Some(sheets)
}

fn read_offer(provider: Provider, kind: &str, cells: &[&'static str], sheets: &mut Sheets) -> Option<()> {
    let (key, market, offer) = match (kind, cells) {
        ("machines", [_, key, price, cores, gib, market]) => {
            let memory = (!gib.is_empty()).then(|| format!("{gib}Gi").parse().ok());
            let memory = match memory {
                Some(read) => Some(read?),
                None => None,
            };
            let price = UsdPerHour::new(decimal(price)?)?;
            (*key, *market, Offer::Machine { price, cores: cores.parse().ok()?, memory })
        }
        ("units", [_, key, core, gib, market]) => (*key, *market, Offer::Units(unit(core, gib)?)),
        _ => return None,
    };
    let market = Market::from_word(market)?;
    sheets.offers.entry((provider, market)).or_default().entry(cells[0]).or_default().insert(key, offer);
    Some(())
}

fn read_default(cells: &[&'static str], sheets: &mut Sheets) -> Option<()> {
    let [provider, core, gib, market, date, source] = cells else { return None };
    let default = Default { unit: unit(core, gib)?, date: (*date).to_owned(), source: (*source).to_owned() };
    sheets.defaults.insert((Provider::from_word(provider)?, Market::from_word(market)?), default);
    Some(())
}

fn read_gpus(cells: &[&'static str], sheets: &mut Sheets) -> Option<()> {
    let [provider, region, key, price, gpus, date] = cells else { return None };
    let price = UsdPerHour::new(decimal(price)?)?;
    let gpus: u32 = gpus.parse().ok().filter(|gpus| *gpus > 0)?;
    sheets.gpus.insert((Provider::from_word(provider)?, region, key), GpuOffer { price, gpus, date });
    Some(())
}

fn unit(core: &str, gib: &str) -> Option<UnitPrices> {
    Some(UnitPrices { core: UsdPerCoreHour::new(decimal(core)?)?, gib: UsdPerGibHour::new(decimal(gib)?)? })
}

fn decimal(text: &str) -> Option<Decimal> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha256};

    use super::*;

    #[test]
    fn every_sheet_is_what_the_manifest_says() {
        let manifest = Sheets::bundled().manifest();
        assert_eq!((manifest.schema.as_str(), manifest.currency.as_str()), ("kubeopt.dev/prices/v1", "USD"));
        assert_eq!(manifest.sheets.len(), FILES.len());
        for (name, text) in FILES {
            let facts = manifest.sheets.iter().find(|sheet| sheet.file == *name).unwrap();
            assert_eq!(facts.sha256, hex::encode(Sha256::digest(text.as_bytes())), "{name}");
            assert_eq!(facts.rows, text.lines().count() - 1, "{name}");
            assert!(!facts.source.is_empty() && facts.date.parse::<jiff::civil::Date>().is_ok(), "{name}");
        }
    }

    #[test]
    fn no_row_is_read_twice_and_every_row_is_read() {
        let sheets = Sheets::bundled();
        let rows: usize = sheets.offers.values().flat_map(BTreeMap::values).map(BTreeMap::len).sum();
        let rows = rows + sheets.gpus.len();
        let said: usize = sheets
            .manifest()
            .sheets
            .iter()
            .filter(|sheet| sheet.kind != "defaults")
            .map(|sheet| sheet.rows)
            .sum();
        assert_eq!(rows, said);
        assert_eq!(sheets.defaults.len(), 7);
    }

    #[test]
    fn the_main_regions_of_each_provider_are_there() {
        let regions = |provider, least: usize, named: &[&str]| {
            for region in named {
                let offers = Sheets::bundled().region(provider, Market::OnDemand, region);
                assert!(offers.is_some_and(|offers| offers.len() >= least), "{provider:?} {region}");
            }
        };
        regions(
            Provider::Aws,
            200,
            &["us-east-1", "us-west-2", "eu-west-1", "eu-central-1", "ap-northeast-1"],
        );
        regions(Provider::Gcp, 8, &["us-central1", "europe-west1", "europe-west3", "asia-east1"]);
        regions(Provider::Azure, 90, &["eastus", "westeurope", "northeurope", "southeastasia", "japaneast"]);
    }
}
