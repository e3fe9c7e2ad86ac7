//! Which part of the traces one belongs to: parameters are tuned on the first, chosen on the second, reported on the third.
//!
//! The part follows from the name alone, so that a trace never changes sides when others come or go.

use serde::Serialize;
use sha2::{Digest, Sha256};

/// A part of all traces.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Part {
    /// Six in ten.
    Tune,
    /// Two in ten.
    Choose,
    /// Two in ten: nothing may be tuned or chosen on these.
    Report,
}

impl Part {
    /// The part of the trace with this name: the first four bytes of its SHA-256, modulo ten.
    pub fn of(name: &str) -> Self {
        let digest = Sha256::digest(name.as_bytes());
        let number = digest.iter().take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
        match number % 10 {
            0..=5 => Self::Tune,
            6..=7 => Self::Choose,
            _ => Self::Report,
        }
    }

    /// `tune`, `choose`, `report`
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Tune => "tune",
            Self::Choose => "choose",
            Self::Report => "report",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn six_two_and_two_in_ten_by_name_alone() {
        let count = |part: Part| (0..10_000).filter(|name| Part::of(&name.to_string()) == part).count();
        let [tune, choose, report] = [Part::Tune, Part::Choose, Part::Report].map(count);
        assert!((5_800..6_200).contains(&tune) && (1_850..2_150).contains(&choose), "{tune} {choose}");
        assert_eq!(tune + choose + report, 10_000);
    }

    #[test]
    fn the_part_of_a_name_never_changes() {
        // python: int.from_bytes(hashlib.sha256(b"1").digest()[:4], "big") % 10
        for (name, part) in PARTS {
            assert_eq!(Part::of(name), *part, "{name}");
        }
    }

    const PARTS: &[(&str, Part)] = &[
        ("1", Part::Report),
        ("2", Part::Tune),
        ("3", Part::Choose),
        ("42", Part::Report),
        ("payments/deploy/api/api", Part::Tune),
    ];
}
