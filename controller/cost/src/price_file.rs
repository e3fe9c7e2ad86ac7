//! The operator's own prices of machines: a CSV file with one row a type, read whole or refused with the line.
//!
//! The unit of a price stands in the name of its column, `usdPerHour` or `usdPerMonth`, so that one cannot be taken for the
//! other. Knows no file system; the runtime hands in the text.

use std::collections::BTreeMap;

use kubeopt_model::Problem;
use rust_decimal::Decimal;

use crate::price::{UsdPerHour, UsdPerMonth};
use crate::sheet::Market;

/// Longest file: each type of each region of three clouds, on demand and spot, takes about 3 MB.
pub const BYTES_MAX: usize = 8 * 1024 * 1024;

/// No machine costs more an hour; the dearest public list prices are below 500 US dollars.
const HIGHEST_USD_PER_HOUR: u32 = 1000;

const HELP: &str = "begin with a line `instanceType,usdPerHour` (or `usdPerMonth` in its place; `region` and `market` with \
ondemand or spot may be added), then write one machine a line, such as `m5.large,0.0912`";

/// Prices of machines, as paid.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PriceFile {
    /// By type in lower case, region (none: all) and market.
    rows: BTreeMap<(String, Option<String>, Market), UsdPerHour>,
}

/// Why a price file is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PriceFileError {
    /// It is longer than [`BYTES_MAX`].
    #[error("the price file is longer than {BYTES_MAX} bytes")]
    Length,
    /// Its first line names other columns than it may.
    #[error("the first line of the price file does not name its columns: {0}")]
    Columns(String),
    /// A row cannot be read.
    #[error("line {line} of the price file: {why}")]
    Row {
        /// Line, from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
}

impl PriceFileError {
    /// Its code.
    pub fn code(&self) -> &'static str {
        "E-CST-003"
    }

    /// What people are shown; `file` is its name.
    pub fn problem(&self, file: &str) -> Problem {
        let line = match self {
            Self::Row { line, .. } => Some(*line),
            Self::Columns(_) => Some(1),
            Self::Length => None,
        };
        Problem::new(self.code(), self.to_string(), HELP).at(file, line)
    }
}

impl PriceFile {
    /// Reads a file. Blank lines and lines that begin with `#` say nothing.
    ///
    /// # Errors
    /// [`PriceFileError`] for the first line that is wrong.
    pub fn parse(text: &str) -> Result<Self, PriceFileError> {
        if text.len() > BYTES_MAX {
            return Err(PriceFileError::Length);
        }
        let mut lines = text
            .trim_start_matches('\u{feff}')
            .lines()
            .enumerate()
            .map(|(at, line)| (at + 1, line.trim()))
            .filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
        let (_, header) = lines.next().ok_or_else(|| PriceFileError::Columns("it is empty".to_owned()))?;
        let columns = Columns::of(header)?;
        let mut rows = BTreeMap::new();
        for (line, text) in lines {
            let wrong = |why: String| PriceFileError::Row { line, why };
            let (key, price) = columns.row(text).map_err(wrong)?;
            if rows.insert(key, price).is_some() {
                return Err(wrong("the same machine has a price above".to_owned()));
            }
        }
        Ok(Self { rows })
    }

    /// The price of a type in a region, else of the type everywhere. A spot machine has only a spot price.
    pub fn price(&self, instance_type: &str, region: Option<&str>, market: Market) -> Option<UsdPerHour> {
        let of = |region: Option<&str>| {
            let key = (instance_type.to_ascii_lowercase(), region.map(str::to_owned), market);
            self.rows.get(&key).copied()
        };
        region.and_then(|region| of(Some(region))).or_else(|| of(None))
    }

    /// It holds no price.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }
}

/// What a price is for: an hour, or a month of 730.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Per {
    Hour,
    Month,
}

/// Which column stands where.
struct Columns {
    instance_type: usize,
    price: (usize, Per),
    region: Option<usize>,
    market: Option<usize>,
    count: usize,
}

type Row = ((String, Option<String>, Market), UsdPerHour);

impl Columns {
    fn of(header: &str) -> Result<Self, PriceFileError> {
        let names: Vec<&str> = cells(header);
        let at = |name: &str| names.iter().position(|one| *one == name);
        let refused = |why: &str| Err(PriceFileError::Columns(why.to_owned()));
        let known = ["instanceType", "usdPerHour", "usdPerMonth", "region", "market"];
        if let Some(other) = names.iter().find(|name| !known.contains(name)) {
            let shown: String = other.chars().take(40).collect();
            return refused(&format!("`{shown}` is none of {}", known.join(", ")));
        }
        let price = match (at("usdPerHour"), at("usdPerMonth")) {
            (Some(hour), None) => (hour, Per::Hour),
            (None, Some(month)) => (month, Per::Month),
            (Some(_), Some(_)) => return refused("usdPerHour and usdPerMonth cannot both be there"),
            (None, None) => return refused("usdPerHour is missing"),
        };
        let Some(instance_type) = at("instanceType") else { return refused("instanceType is missing") };
        Ok(Self { instance_type, price, region: at("region"), market: at("market"), count: names.len() })
    }

    fn row(&self, text: &str) -> Result<Row, String> {
        let cells = cells(text);
        if cells.len() != self.count {
            return Err(format!("it has {} cells where the first line names {}", cells.len(), self.count));
        }
        let instance_type = cells[self.instance_type].to_ascii_lowercase();
        if instance_type.is_empty() {
            return Err("it names no machine".to_owned());
        }
        let region = self.region.map(|at| cells[at].to_owned()).filter(|region| !region.is_empty());
        let market = match self.market.map_or("", |at| cells[at]) {
            "" | "ondemand" => Market::OnDemand,
            "spot" => Market::Spot,
            _ => return Err("the market is neither ondemand nor spot".to_owned()),
        };
        let (at, per) = self.price;
        let price = price(cells[at], per).ok_or("the price is not a number above 0 that a machine costs")?;
        Ok(((instance_type, region, market), price))
    }
}

fn price(text: &str, per: Per) -> Option<UsdPerHour> {
    let usd: Decimal = text.parse().ok()?;
    let hourly = match per {
        Per::Hour => UsdPerHour::new(usd)?,
        Per::Month => UsdPerMonth::new(usd)?.hourly()?,
    };
    (hourly.usd() < Decimal::from(HIGHEST_USD_PER_HOUR)).then_some(hourly)
}

fn cells(line: &str) -> Vec<&str> {
    line.split(',').map(|cell| cell.trim().trim_matches('"')).collect()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn usd(file: &PriceFile, name: &str, region: Option<&str>, market: Market) -> Option<String> {
        file.price(name, region, market).map(|price| price.usd().to_string())
    }

    #[test]
    fn the_region_of_a_machine_goes_before_all_regions() {
        let text = "# paid in October\ninstanceType,region,usdPerHour,market\nm5.large,,0.09,\nM5.Large,eu-west-1,0.1,\nm5.large,,0.03,spot\n";
        let file = PriceFile::parse(text).unwrap();
        assert_eq!(usd(&file, "m5.large", Some("us-east-1"), Market::OnDemand), Some("0.09".to_owned()));
        assert_eq!(usd(&file, "m5.large", Some("eu-west-1"), Market::OnDemand), Some("0.1".to_owned()));
        assert_eq!(usd(&file, "m5.large", Some("eu-west-1"), Market::Spot), Some("0.03".to_owned()));
        assert_eq!(usd(&file, "m5.xlarge", None, Market::OnDemand), None);
    }

    #[test]
    fn a_price_a_month_is_another_column_and_the_730th_part_of_it_an_hour() {
        let file = PriceFile::parse("instanceType,usdPerMonth\nrack-a,70.08\n").unwrap();
        assert_eq!(usd(&file, "rack-a", None, Market::OnDemand), Some("0.096".to_owned()));
    }

    #[test]
    fn what_cannot_be_read_is_refused_with_its_line_and_what_to_write() {
        for (text, line, says) in [
            ("", Some(1), "empty"),
            ("instanceType,price\na,1", Some(1), "`price`"),
            ("instanceType\na", Some(1), "usdPerHour is missing"),
            ("usdPerHour\n1", Some(1), "instanceType is missing"),
            ("instanceType,usdPerHour,usdPerMonth\na,1,2", Some(1), "both"),
            ("instanceType,usdPerHour\na,1\nb", Some(3), "1 cells"),
            ("instanceType,usdPerHour\na,0", Some(2), "above 0"),
            ("instanceType,usdPerHour\na,-1", Some(2), "above 0"),
            ("instanceType,usdPerHour\na,free", Some(2), "above 0"),
            ("instanceType,usdPerHour\na,1000", Some(2), "above 0"),
            ("instanceType,usdPerHour\n,1", Some(2), "names no machine"),
            ("instanceType,usdPerHour\na,1\nA,2", Some(3), "above"),
            ("instanceType,usdPerHour,market\na,1,reserved", Some(2), "neither"),
        ] {
            let problem = PriceFile::parse(text).unwrap_err().problem("prices.csv");
            assert_eq!(problem.place.as_ref().map(|place| place.line), Some(line), "{text}");
            assert!(problem.text.contains(says), "{text}: {}", problem.text);
            assert!(problem.help.contains("usdPerHour"));
        }
        let long = format!("instanceType,usdPerHour\n#{}", " ".repeat(BYTES_MAX));
        assert_eq!(PriceFile::parse(&long), Err(PriceFileError::Length));
    }

    proptest! {
        #[test]
        fn no_text_panics_and_no_price_is_zero(rows in "[ -~\n]{0,200}") {
            let read = PriceFile::parse(&format!("instanceType,usdPerHour\n{rows}"));
            let above = |file: PriceFile| file.rows.values().all(|price| price.usd() > Decimal::ZERO);
            prop_assert!(read.map_or(true, above));
        }
    }
}
