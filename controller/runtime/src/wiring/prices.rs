//! What the operator says of prices: from `prices:` of a cluster, and the file that it names, to terms.

use std::io::Read as _;
use std::path::Path;

use kubeopt_api::config::{PoolConfig, PriceConfig, Provider as ProviderConfig};
use kubeopt_cost::price_file::BYTES_MAX;
use kubeopt_cost::{
    Discount, PoolTerms, PriceFile, Provider, Terms, UnitPrices, UsdPerCoreHour, UsdPerGibHour,
};
use kubeopt_model::Problem;

use crate::codes;

/// Terms of one cluster.
///
/// # Errors
/// When the price file cannot be read.
pub(crate) fn terms(prices: &PriceConfig) -> Result<Terms, Problem> {
    let own = prices.usd_per_core_hour.zip(prices.usd_per_gib_hour).and_then(|(core, gib)| {
        Some(UnitPrices { core: UsdPerCoreHour::new(core)?, gib: UsdPerGibHour::new(gib)? })
    });
    let file = match &prices.file {
        Some(path) => price_file(path)?,
        None => PriceFile::default(),
    };
    Ok(Terms {
        file,
        own,
        date: prices.date.clone(),
        provider: prices.provider.map(|provider| match provider {
            ProviderConfig::Aws => Provider::Aws,
            ProviderConfig::Gcp => Provider::Gcp,
            ProviderConfig::Azure => Provider::Azure,
            ProviderConfig::Custom => Provider::OnPrem,
        }),
        region: prices.region.clone(),
        discount: Discount::new(prices.discount).unwrap_or(Discount::NONE),
        pools: prices.pools.iter().map(|(name, pool)| (name.clone(), pool_terms(pool))).collect(),
    })
}

fn pool_terms(pool: &PoolConfig) -> PoolTerms {
    PoolTerms { discount: pool.discount.and_then(Discount::new), autoscaled: pool.autoscaled }
}

fn price_file(path: &Path) -> Result<PriceFile, Problem> {
    let shown = path.display().to_string();
    let unread = |error: std::io::Error| {
        let text = format!("unable to read the price file {shown}: {error}");
        Problem::new(codes::CONFIG_FILE, text, "name a file that kubeopt may read under `prices.file`")
    };
    let mut text = String::new();
    let file = std::fs::File::open(path).map_err(unread)?;
    // One byte more than is allowed tells a longer file.
    file.take(BYTES_MAX as u64 + 1).read_to_string(&mut text).map_err(unread)?;
    PriceFile::parse(&text).map_err(|error| error.problem(&shown))
}

#[cfg(test)]
mod tests {
    use kubeopt_api::Config;

    use super::*;

    fn terms_of(prices: &str) -> Result<Terms, Problem> {
        let text = format!("clusters: [{{name: a, prices: {prices}}}]");
        let config = Config::parse(&text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap();
        terms(&config.clusters[0].prices)
    }

    #[test]
    fn what_the_operator_configured_becomes_terms() {
        let aws = "{provider: aws, region: eu-central-1, discount: 18%, pools: {spot: {discount: 60%, autoscaled: true}}}";
        let terms = terms_of(aws).unwrap();
        assert_eq!((terms.provider, terms.region.as_deref()), (Some(Provider::Aws), Some("eu-central-1")));
        assert_eq!((terms.discount.to_string(), terms.own), ("18 %".to_owned(), None));
        let spot = terms.pools["spot"];
        assert_eq!(
            (spot.discount.map(|it| it.to_string()), spot.autoscaled),
            (Some("60 %".to_owned()), Some(true))
        );
        let own = terms_of("{cpuPerCoreHour: 0.02, memoryPerGibHour: 0.003, date: 2026-10-01}").unwrap();
        assert_eq!((own.own.is_some(), own.date.as_deref()), (true, Some("2026-10-01")));
        assert_eq!(terms_of("{}").unwrap(), Terms::default());
    }

    #[test]
    fn a_price_file_is_read_or_refused_with_its_line() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("prices.csv");
        let config = format!("{{file: {:?}}}", path.display().to_string());
        assert_eq!(terms_of(&config).unwrap_err().code, codes::CONFIG_FILE);
        std::fs::write(&path, "instanceType,usdPerHour\nm5.large,0.07\n").unwrap();
        assert!(!terms_of(&config).unwrap().file.is_empty());
        std::fs::write(&path, "instanceType,usdPerHour\nm5.large,free\n").unwrap();
        let problem = terms_of(&config).unwrap_err();
        let place = problem.place.as_ref().map(|place| (place.file.clone(), place.line));
        assert_eq!(
            (problem.code.as_str(), place),
            ("E-CST-003", Some((path.display().to_string(), Some(2))))
        );
    }
}
