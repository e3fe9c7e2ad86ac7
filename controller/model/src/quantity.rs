//! Amounts of CPU and memory in the notation of Kubernetes.
//!
//! Source of the notation: `k8s.io/apimachinery/pkg/api/resource/quantity.go`: a decimal number with an SI suffix
//! (`n u m k M G T P E`), a binary suffix (`Ki Mi Gi Ti Pi Ei`) or a decimal exponent. Fractions of the base unit
//! round up, as the API server does.

use std::fmt;
use std::str::FromStr;

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

/// Which resource an amount is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Resource {
    /// Processor time per wall time.
    Cpu,
    /// Working set.
    Memory,
}

impl fmt::Display for Resource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
        })
    }
}

/// Request or limit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Bound {
    /// `resources.requests`
    Request,
    /// `resources.limits`
    Limit,
}

/// One of the four numbers of a container: `requests.cpu`, `requests.memory`, `limits.cpu`, `limits.memory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Field {
    /// Request or limit.
    pub bound: Bound,
    /// CPU or memory.
    pub resource: Resource,
}

impl Field {
    /// `requests.cpu`
    pub const CPU_REQUEST: Self = Self { bound: Bound::Request, resource: Resource::Cpu };
    /// `requests.memory`
    pub const MEMORY_REQUEST: Self = Self { bound: Bound::Request, resource: Resource::Memory };
    /// `limits.cpu`
    pub const CPU_LIMIT: Self = Self { bound: Bound::Limit, resource: Resource::Cpu };
    /// `limits.memory`
    pub const MEMORY_LIMIT: Self = Self { bound: Bound::Limit, resource: Resource::Memory };
    /// All four, in the order in which tables show them.
    pub const ALL: [Self; 4] = [Self::CPU_REQUEST, Self::CPU_LIMIT, Self::MEMORY_REQUEST, Self::MEMORY_LIMIT];

    /// The key under `resources`: `requests` or `limits`.
    pub fn bound_key(self) -> &'static str {
        match self.bound {
            Bound::Request => "requests",
            Bound::Limit => "limits",
        }
    }

    /// The key under the bound: `cpu` or `memory`.
    pub fn resource_key(self) -> &'static str {
        match self.resource {
            Resource::Cpu => "cpu",
            Resource::Memory => "memory",
        }
    }

    /// As people type it in comments and on the command line: `cpu.request`.
    pub fn spoken(self) -> String {
        let bound = match self.bound {
            Bound::Request => "request",
            Bound::Limit => "limit",
        };
        format!("{}.{bound}", self.resource_key())
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.bound_key(), self.resource_key())
    }
}

impl FromStr for Field {
    type Err = InvalidQuantity;

    /// Reads `requests.cpu` and the spoken form `cpu.request`.
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        Self::ALL
            .into_iter()
            .find(|field| field.to_string() == text || field.spoken() == text)
            .ok_or_else(|| InvalidQuantity::Field(text.to_owned()))
    }
}

impl Serialize for Field {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Field {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

/// Why a text is not a quantity.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidQuantity {
    /// No digits, an unknown suffix, or a sign where none may stand.
    #[error("`{0}` is not a Kubernetes quantity such as 250m, 1.5 or 512Mi")]
    Malformed(String),
    /// More than the type can hold.
    #[error("`{0}` is larger than kubeopt can count")]
    TooLarge(String),
    /// Not one of the four fields.
    #[error("`{0}` is not one of requests.cpu, requests.memory, limits.cpu, limits.memory")]
    Field(String),
}

/// A unit of one resource, so that estimators are written once for both.
pub trait Unit: Copy + Ord + fmt::Debug + fmt::Display + Send + Sync + 'static {
    /// The resource that this unit counts.
    const RESOURCE: Resource;
    /// From a count of the base unit (millicores, bytes).
    fn from_base(base: u64) -> Self;
    /// The count of the base unit (millicores, bytes).
    fn base(self) -> u64;
    /// The amount, with its resource.
    fn amount(self) -> Amount;
}

/// CPU in thousandths of a core.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct MilliCores(pub u64);

/// Memory in bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(pub u64);

/// 1 KiB in bytes.
pub const KIB: u64 = 1 << 10;
/// 1 MiB in bytes.
pub const MIB: u64 = 1 << 20;
/// 1 GiB in bytes.
pub const GIB: u64 = 1 << 30;

impl Unit for MilliCores {
    const RESOURCE: Resource = Resource::Cpu;
    fn from_base(base: u64) -> Self {
        Self(base)
    }
    fn base(self) -> u64 {
        self.0
    }
    fn amount(self) -> Amount {
        Amount::Cpu(self)
    }
}

impl Unit for Bytes {
    const RESOURCE: Resource = Resource::Memory;
    fn from_base(base: u64) -> Self {
        Self(base)
    }
    fn base(self) -> u64 {
        self.0
    }
    fn amount(self) -> Amount {
        Amount::Memory(self)
    }
}

impl Bytes {
    /// Whole mebibytes.
    pub const fn mebi(mebibytes: u64) -> Self {
        Self(mebibytes * MIB)
    }
}

impl fmt::Display for MilliCores {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}m", self.0)
    }
}

impl fmt::Display for Bytes {
    /// The largest binary suffix that keeps the number whole: `8960Mi`, `2Gi`, `100`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 => f.write_str("0"),
            b if b % GIB == 0 => write!(f, "{}Gi", b / GIB),
            b if b % MIB == 0 => write!(f, "{}Mi", b / MIB),
            b if b % KIB == 0 => write!(f, "{}Ki", b / KIB),
            b => write!(f, "{b}"),
        }
    }
}

/// The factor of a suffix in thousandths of the base unit, exact.
fn suffix_factor(suffix: &str) -> Option<Decimal> {
    let binary = |power: u32| 1_u64.checked_shl(power).map(Decimal::from);
    match suffix {
        "n" => Some(Decimal::new(1, 9)),
        "u" => Some(Decimal::new(1, 6)),
        "m" => Some(Decimal::new(1, 3)),
        "" => Some(Decimal::ONE),
        "k" => Some(Decimal::from(1_000_u64)),
        "M" => Some(Decimal::from(1_000_000_u64)),
        "G" => Some(Decimal::from(1_000_000_000_u64)),
        "T" => Some(Decimal::from(1_000_000_000_000_u64)),
        "P" => Some(Decimal::from(1_000_000_000_000_000_u64)),
        "E" => Some(Decimal::from(1_000_000_000_000_000_000_u64)),
        "Ki" => binary(10),
        "Mi" => binary(20),
        "Gi" => binary(30),
        "Ti" => binary(40),
        "Pi" => binary(50),
        "Ei" => binary(60),
        exponent => {
            let digits = exponent.strip_prefix(['e', 'E'])?;
            let power: i32 = digits.parse().ok()?;
            let ten = Decimal::TEN;
            let mut factor = Decimal::ONE;
            for _ in 0..power.unsigned_abs() {
                factor = if power > 0 { factor.checked_mul(ten)? } else { factor.checked_div(ten)? };
            }
            Some(factor)
        }
    }
}

/// Nanocores of a core: what metrics-server tells usage in.
const NANOCORES: u64 = 1_000_000_000;

/// Reads a quantity and scales it: `scale` is 1000 for millicores and 1 for bytes. Rounds up to a whole base unit.
fn parse_scaled(text: &str, scale: u64) -> Result<u64, InvalidQuantity> {
    let malformed = || InvalidQuantity::Malformed(text.to_owned());
    let too_large = || InvalidQuantity::TooLarge(text.to_owned());
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.' && c != '+').unwrap_or(text.len());
    let (number, suffix) = text.split_at(end);
    let number = number.strip_prefix('+').unwrap_or(number);
    if number.is_empty() || number == "." || !number.is_ascii() || number.contains('+') {
        return Err(malformed());
    }
    // `1.` and `.5` are legal quantities; Decimal wants digits on both sides.
    let padded = format!("0{}{}", number, if number.ends_with('.') { "0" } else { "" });
    let number = Decimal::from_str(&padded).map_err(|_| malformed())?;
    let factor = suffix_factor(suffix).ok_or_else(malformed)?;
    let base = number
        .checked_mul(factor)
        .and_then(|value| value.checked_mul(Decimal::from(scale)))
        .ok_or_else(too_large)?;
    u64::try_from(base.ceil()).map_err(|_| too_large())
}

impl MilliCores {
    /// A quantity of CPU in millicores with their fraction, as usage is told: `123456789n` is 123.456789. Exact to a
    /// billionth of a core.
    ///
    /// # Errors
    /// As its parsing.
    pub fn measured(text: &str) -> Result<f64, InvalidQuantity> {
        parse_scaled(text, NANOCORES).map(|nanocores| nanocores as f64 / (NANOCORES / 1000) as f64)
    }
}

impl FromStr for MilliCores {
    type Err = InvalidQuantity;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_scaled(text, 1000).map(Self)
    }
}

impl FromStr for Bytes {
    type Err = InvalidQuantity;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        parse_scaled(text, 1).map(Self)
    }
}

macro_rules! quantity_as_text {
    ($name:ty) => {
        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }
        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
quantity_as_text!(MilliCores);
quantity_as_text!(Bytes);

/// An amount together with its resource.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Amount {
    /// CPU.
    Cpu(MilliCores),
    /// Memory.
    Memory(Bytes),
}

impl Amount {
    /// Reads the text of a manifest as an amount of `resource`.
    pub fn parse(resource: Resource, text: &str) -> Result<Self, InvalidQuantity> {
        match resource {
            Resource::Cpu => text.parse().map(Self::Cpu),
            Resource::Memory => text.parse().map(Self::Memory),
        }
    }

    /// From a count of base units (millicores, bytes).
    pub fn from_base(resource: Resource, base: u64) -> Self {
        match resource {
            Resource::Cpu => Self::Cpu(MilliCores(base)),
            Resource::Memory => Self::Memory(Bytes(base)),
        }
    }

    /// The count of base units (millicores, bytes).
    pub fn base(self) -> u64 {
        match self {
            Self::Cpu(MilliCores(base)) | Self::Memory(Bytes(base)) => base,
        }
    }

    /// CPU or memory.
    pub fn resource(self) -> Resource {
        match self {
            Self::Cpu(_) => Resource::Cpu,
            Self::Memory(_) => Resource::Memory,
        }
    }

    /// Rounds up to a readable quantity. CPU: to 5m below 200m, 10m below one core, 50m above. Memory: to 8Mi below
    /// 512Mi, 16Mi below 4Gi, 128Mi above.
    pub fn rounded_up(self) -> Self {
        let base = self.base();
        let step = match self {
            Self::Cpu(_) if base < 200 => 5,
            Self::Cpu(_) if base < 1000 => 10,
            Self::Cpu(_) => 50,
            Self::Memory(_) if base < 512 * MIB => 8 * MIB,
            Self::Memory(_) if base < 4 * GIB => 16 * MIB,
            Self::Memory(_) => 128 * MIB,
        };
        Self::from_base(self.resource(), base.div_ceil(step).saturating_mul(step))
    }
}

impl fmt::Display for Amount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cpu(cpu) => cpu.fmt(f),
            Self::Memory(memory) => memory.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn measured_cpu_keeps_its_fraction() {
        for (text, millicores) in
            [("123456789n", 123.456789), ("1n", 0.000001), ("0", 0.0), ("1500u", 1.5), ("2", 2000.0)]
        {
            assert_eq!(MilliCores::measured(text), Ok(millicores), "{text}");
        }
        for text in ["", "-1n", "n", "NaN", "1e99", "99999999999999999999"] {
            assert!(MilliCores::measured(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_every_notation_kubernetes_accepts() {
        for (text, millicores) in [
            ("100m", 100),
            ("1", 1000),
            ("0.5", 500),
            (".5", 500),
            ("1.", 1000),
            ("1e3", 1_000_000),
            ("+2", 2000),
            ("100u", 1),
            ("5e-1", 500),
        ] {
            assert_eq!(text.parse(), Ok(MilliCores(millicores)), "{text}");
        }
        for (text, bytes) in [
            ("1Gi", GIB),
            ("128M", 128_000_000),
            ("0.5Mi", MIB / 2),
            ("1500m", 2),
            ("1E", 1_000_000_000_000_000_000),
            ("2E3", 2000),
            ("1k", 1000),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
    }

    #[test]
    fn refuses_what_is_not_a_quantity() {
        for text in [
            "",
            "m",
            "-1",
            "1 Gi",
            "1gi",
            "1_000",
            "0x10",
            "1.2.3",
            "NaN",
            "1e",
            "${CPU}",
            "{{ .Values.cpu }}",
            "1++",
            "٣",
        ] {
            assert!(text.parse::<MilliCores>().is_err(), "{text}");
        }
        assert!(matches!(
            "1e40".parse::<Bytes>(),
            Err(InvalidQuantity::TooLarge(_) | InvalidQuantity::Malformed(_))
        ));
    }

    #[test]
    fn shows_memory_with_the_largest_suffix_that_stays_whole() {
        for text in ["2Gi", "1184Mi", "8960Mi", "3Ki", "100"] {
            assert_eq!(text.parse::<Bytes>().map(|b| b.to_string()), Ok(text.to_owned()));
        }
    }

    #[test]
    fn rounds_up_to_readable_steps() {
        let cpu = |base| Amount::Cpu(MilliCores(base)).rounded_up().base();
        assert_eq!((cpu(11), cpu(201), cpu(301), cpu(1001)), (15, 210, 310, 1050));
        let memory = |mebi: u64| Amount::Memory(Bytes::mebi(mebi)).rounded_up();
        assert_eq!(memory(41), Amount::Memory(Bytes::mebi(48)));
        assert_eq!(memory(1130), Amount::Memory(Bytes::mebi(1136)));
        assert_eq!(memory(8900), Amount::Memory(Bytes::mebi(8960)));
    }

    proptest! {
        #[test]
        fn display_reads_back(base in 0_u64..u64::MAX / 2000) {
            prop_assert_eq!(MilliCores(base).to_string().parse(), Ok(MilliCores(base)));
            prop_assert_eq!(Bytes(base).to_string().parse(), Ok(Bytes(base)));
        }

        #[test]
        fn rounding_never_lowers_and_is_idempotent(base in 0_u64..1 << 45, cpu in any::<bool>()) {
            let amount = Amount::from_base(if cpu { Resource::Cpu } else { Resource::Memory }, base);
            prop_assert!(amount.rounded_up() >= amount);
            prop_assert_eq!(amount.rounded_up().rounded_up(), amount.rounded_up());
        }

        #[test]
        fn no_text_panics(text in ".{0,24}") {
            let _ = text.parse::<MilliCores>();
            let read = text.parse::<Bytes>();
            prop_assert!(read.is_ok() || read.is_err());
        }
    }
}
