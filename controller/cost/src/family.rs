//! Names of instance types: how each provider spells them, and which are of one family.
//!
//! AWS: `m5.xlarge`. Azure: `Standard_D4s_v5`, in the sheets `standardd4sv5`. GCP: `n2-standard-4`, sold by family.

use crate::sheet::Provider;

/// The key of an instance type in the sheet of its provider. None where the type is not sold as the sheet counts it.
pub(crate) fn sheet_key(provider: Provider, instance_type: &str) -> Option<String> {
    match provider {
        Provider::Aws => Some(instance_type.to_ascii_lowercase()),
        Provider::Azure => Some(instance_type.to_ascii_lowercase().replace('_', "")),
        Provider::Gcp => gcp_family(instance_type),
        Provider::OnPrem => None,
    }
}

/// `n2-standard-4` is `n2`, `n2-custom-4-8192` is `n2-custom`, `custom-4-8192` is `n1-custom`. Machines with shared cores
/// (`e2-medium`) show more cores than are paid for, so they are no member of a family that is sold by core.
fn gcp_family(instance_type: &str) -> Option<String> {
    let parts: Vec<&str> = instance_type.split('-').collect();
    let sized = |text: &str| text.parse::<u32>().is_ok();
    match parts.as_slice() {
        ["custom", cores, _] if sized(cores) => Some("n1-custom".to_owned()),
        [family, "custom", cores, _] if sized(cores) => Some(format!("{family}-custom")),
        [family, _, cores] if sized(cores) => Some((*family).to_owned()),
        _ => None,
    }
}

/// Whether machines of the type hold GPUs or the like, which most of their price is for. Prices of cores and
/// memory say nothing of them, so only a sheet that names the very type does.
pub(crate) fn is_accelerated(provider: Provider, instance_type: &str) -> bool {
    let name = instance_type.to_ascii_lowercase().replace('_', "");
    match provider {
        // A family is letters and its generation: `p4d`, `g5g`, `inf2`.
        Provider::Aws => {
            let letters = name.split(|c: char| !c.is_ascii_alphabetic()).next().unwrap_or_default();
            ["p", "g", "gr", "inf", "trn", "dl", "vt", "f"].contains(&letters)
        }
        Provider::Gcp => ["a2", "a3", "a4", "g2", "g4", "ct"].iter().any(|family| name.starts_with(family)),
        Provider::Azure => ["nc", "nd", "ng", "np", "nv"]
            .iter()
            .any(|series| name.strip_prefix("standard").is_some_and(|size| size.starts_with(series))),
        Provider::OnPrem => false,
    }
}

/// How near another type is: lower is nearer, none is no relative. Compares keys of the sheets.
pub(crate) fn distance(provider: Provider, key: &str, other: &str) -> Option<u64> {
    match provider {
        Provider::Aws => {
            let (family, size) = key.split_once('.')?;
            let (other_family, other_size) = other.split_once('.')?;
            (family == other_family).then(|| aws_size(size).abs_diff(aws_size(other_size)))
        }
        Provider::Azure => {
            let (own, there) = (azure_parts(key)?, azure_parts(other)?);
            let related = own.series == there.series && own.features == there.features;
            // Another version of the series is further away than any other size.
            related.then(|| {
                u64::from(own.version.abs_diff(there.version)) * 10_000 + own.cores.abs_diff(there.cores)
            })
        }
        Provider::Gcp => {
            let base = |key: &str| key.trim_end_matches("-custom").to_owned();
            (base(key) == base(other)).then_some(0)
        }
        Provider::OnPrem => None,
    }
}

/// A number that grows with the size: `large` 1, `xlarge` 2, `4xlarge` 8; smaller ones 0.
fn aws_size(size: &str) -> u64 {
    match size {
        "large" => 1,
        "xlarge" => 2,
        _ => size
            .strip_suffix("xlarge")
            .and_then(|count| count.parse::<u64>().ok())
            .map_or(0, |count| count * 2),
    }
}

struct AzureParts<'a> {
    series: &'a str,
    cores: u64,
    features: &'a str,
    version: u32,
}

/// `standardd4sv5`: series d, 4 cores, features s, version 5.
fn azure_parts(key: &str) -> Option<AzureParts<'_>> {
    let rest = key.strip_prefix("standard")?;
    let digits = rest.find(|c: char| c.is_ascii_digit())?;
    let (series, rest) = rest.split_at(digits);
    let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
    let (cores, rest) = rest.split_at(end);
    let (features, version) = match rest.rsplit_once('v') {
        Some((features, version)) => (features, version.parse().ok()?),
        None => (rest, 1),
    };
    Some(AzureParts { series, cores: cores.parse().ok()?, features, version })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_provider_s_spelling_leads_to_its_sheet() {
        for (provider, text, key) in [
            (Provider::Aws, "m5.xlarge", Some("m5.xlarge")),
            (Provider::Azure, "Standard_D4s_v5", Some("standardd4sv5")),
            (Provider::Gcp, "n2-standard-4", Some("n2")),
            (Provider::Gcp, "n2-custom-4-8192", Some("n2-custom")),
            (Provider::Gcp, "custom-4-8192", Some("n1-custom")),
            (Provider::Gcp, "e2-medium", None),
            (Provider::OnPrem, "rack-7", None),
        ] {
            assert_eq!(sheet_key(provider, text).as_deref(), key, "{text}");
        }
    }

    #[test]
    fn the_nearest_relative_is_the_same_version_then_the_next_size() {
        let near = |a, b| distance(Provider::Azure, a, b).unwrap();
        assert!(near("standardd4sv4", "standardd64sv4") < near("standardd4sv4", "standardd4sv3"));
        assert_eq!(distance(Provider::Azure, "standardd4sv4", "standardd4asv4"), None);
        assert_eq!(distance(Provider::Azure, "standardd4sv4", "standarde4sv4"), None);
        let near = |a, b| distance(Provider::Aws, a, b);
        assert!(near("m5.xlarge", "m5.large") < near("m5.xlarge", "m5.24xlarge"));
        assert_eq!(near("m5.xlarge", "m5a.xlarge"), None);
    }

    #[test]
    fn hostile_names_have_no_relatives_and_do_not_panic() {
        for text in [
            "",
            ".",
            "-",
            "v",
            "standard",
            "standardv",
            "standardd99999999999999999999sv5",
            "é-é-é",
            "custom-x-y",
        ] {
            for provider in [Provider::Aws, Provider::Gcp, Provider::Azure, Provider::OnPrem] {
                let key = sheet_key(provider, text).unwrap_or_default();
                assert_eq!(distance(provider, &key, "standardd4sv4"), None, "{text}");
            }
        }
    }
}
