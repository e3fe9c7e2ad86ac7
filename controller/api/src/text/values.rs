//! Scalars of both files: numbers with their ranges, durations, shares, quantities, words. Each type reads itself and
//! says its JSON Schema. Knows no key.

use kubeopt_model::{Bytes, MilliCores};
use schemars::json_schema;

use crate::text::reading::{FromNode, Reading};
use crate::text::tree::{Node, Value};

/// The longest text that a value may be; paths and addresses fit.
const LONGEST_TEXT: usize = 4096;

/// The longest text of several lines: keys of a hundred hosts.
const LONGEST_LINES: usize = 64 * 1024;

/// A share written in per cent, `15%`, kept as a factor: 0.15. The range is in per cent.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Share<const MIN: u32, const MAX: u32>(pub(crate) f64);

/// A quantile, above 0 and at most 1.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd)]
pub(crate) struct Quantile(pub(crate) f64);

/// A length of time with one unit, `28d`, kept in seconds. The range is in seconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Span<const MIN: i64, const MAX: i64>(pub(crate) i64);

/// A whole number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Count<const MIN: u32, const MAX: u32>(pub(crate) u32);

/// An amount of CPU above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Cpu(pub(crate) MilliCores);

/// An amount of memory above 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Memory(pub(crate) Bytes);

/// A text of several lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lines(pub(crate) String);

/// The text of a scalar, quoted or not.
pub(crate) fn scalar_text(node: &Node) -> Option<&str> {
    match &node.value {
        Value::Scalar { text, .. } => Some(text),
        Value::Null | Value::Sequence(_) | Value::Mapping(_) => None,
    }
}

/// The number of a plain decimal such as `12` or `0.5`: no sign, no exponent, no infinity.
fn decimal(text: &str) -> Option<f64> {
    let plain = !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit() || b == b'.');
    if plain { text.parse().ok() } else { None }
}

impl<const MIN: u32, const MAX: u32> FromNode for Share<MIN, MAX> {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let percent = scalar_text(node).and_then(|text| decimal(text.strip_suffix('%')?.trim_end()));
        let Some(percent) = percent else {
            return reading.wrong_type(node, path, "a share such as `15%`");
        };
        if percent < f64::from(MIN) || percent > f64::from(MAX) {
            return reading.out_of_range(node, path, format!("from {MIN}% to {MAX}%"));
        }
        Some(Self(percent / 100.0))
    }
}

impl FromNode for Quantile {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let Some(quantile) = scalar_text(node).and_then(decimal) else {
            return reading.wrong_type(node, path, "a quantile such as `0.98`");
        };
        if quantile <= 0.0 || quantile > 1.0 {
            return reading.out_of_range(node, path, "above 0 and at most 1".to_owned());
        }
        Some(Self(quantile))
    }
}

/// Seconds of one unit.
const UNITS: [(char, i64); 5] = [('s', 1), ('m', 60), ('h', 3600), ('d', 86_400), ('w', 7 * 86_400)];

/// Seconds of a duration as people write it: `28d`, `336h`, `90m`. None for anything else.
pub fn duration_seconds(text: &str) -> Option<i64> {
    let unit = text.chars().next_back()?;
    let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit)?;
    let digits = &text[..text.len() - unit.len_utf8()];
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(*factor)
}

/// A duration in its largest whole unit: `28d`.
pub(crate) fn span_text(seconds: i64) -> String {
    let (unit, factor) =
        UNITS.iter().rev().skip(1).find(|(_, factor)| seconds % factor == 0).copied().unwrap_or(('s', 1));
    format!("{}{unit}", seconds / factor)
}

impl<const MIN: i64, const MAX: i64> FromNode for Span<MIN, MAX> {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let Some(seconds) = scalar_text(node).and_then(duration_seconds) else {
            return reading.wrong_type(
                node,
                path,
                "a duration with one unit such as `28d`, `24h`, `30m` or `10s`",
            );
        };
        if !(MIN..=MAX).contains(&seconds) {
            let range = format!("from {} to {}", span_text(MIN), span_text(MAX));
            return reading.out_of_range(node, path, range);
        }
        Some(Self(seconds))
    }
}

impl<const MIN: u32, const MAX: u32> FromNode for Count<MIN, MAX> {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let digits =
            scalar_text(node).filter(|text| !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()));
        let Some(digits) = digits else {
            return reading.wrong_type(node, path, "a whole number");
        };
        match digits.parse::<u32>() {
            Ok(count) if (MIN..=MAX).contains(&count) => Some(Self(count)),
            Ok(_) | Err(_) => reading.out_of_range(node, path, format!("from {MIN} to {MAX}")),
        }
    }
}

impl FromNode for Cpu {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        match scalar_text(node).and_then(|text| text.parse::<MilliCores>().ok()) {
            Some(MilliCores(0)) => reading.out_of_range(node, path, "above 0".to_owned()),
            Some(cpu) => Some(Self(cpu)),
            None => reading.wrong_type(node, path, "an amount of CPU such as `250m`"),
        }
    }
}

impl FromNode for Memory {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        match scalar_text(node).and_then(|text| text.parse::<Bytes>().ok()) {
            Some(Bytes(0)) => reading.out_of_range(node, path, "above 0".to_owned()),
            Some(memory) => Some(Self(memory)),
            None => reading.wrong_type(node, path, "an amount of memory such as `64Mi`"),
        }
    }
}

impl FromNode for bool {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        match &node.value {
            Value::Scalar { text, plain: true } if text == "true" => Some(true),
            Value::Scalar { text, plain: true } if text == "false" => Some(false),
            Value::Null | Value::Scalar { .. } | Value::Sequence(_) | Value::Mapping(_) => {
                reading.wrong_type(node, path, "`true` or `false`")
            }
        }
    }
}

impl FromNode for String {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let Some(text) = scalar_text(node) else { return reading.wrong_type(node, path, "a text") };
        if text.is_empty() || text.len() > LONGEST_TEXT || text.chars().any(char::is_control) {
            let range = format!("a text of 1 to {LONGEST_TEXT} bytes on one line");
            return reading.out_of_range(node, path, range);
        }
        Some(text.to_owned())
    }
}

impl FromNode for Lines {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let Some(text) = scalar_text(node) else { return reading.wrong_type(node, path, "a text") };
        let odd = |c: char| c.is_control() && !matches!(c, '\n' | '\r' | '\t');
        if text.is_empty() || text.len() > LONGEST_LINES || text.chars().any(odd) {
            return reading.out_of_range(node, path, format!("a text of 1 to {LONGEST_LINES} bytes"));
        }
        Some(Self(text.to_owned()))
    }
}

/// Says the JSON Schema of a scalar type.
macro_rules! scalar_schema {
    ([$($generics:tt)*] $type:ty, $name:literal, $schema:expr) => {
        impl<$($generics)*> schemars::JsonSchema for $type {
            fn inline_schema() -> bool {
                true
            }
            fn schema_name() -> std::borrow::Cow<'static, str> {
                $name.into()
            }
            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $schema
            }
        }
    };
}
pub(crate) use scalar_schema;

scalar_schema!([const MIN: u32, const MAX: u32] Share<MIN, MAX>, "Share",
    json_schema!({"type": "string", "pattern": r"^[0-9]+(\.[0-9]+)?\s*%$", "x-kubeopt-range": format!("{MIN}% to {MAX}%")}));
scalar_schema!([] Quantile, "Quantile", json_schema!({"type": "number", "exclusiveMinimum": 0, "maximum": 1}));
scalar_schema!([const MIN: i64, const MAX: i64] Span<MIN, MAX>, "Span",
    json_schema!({"type": "string", "pattern": "^[0-9]+[smhdw]$", "x-kubeopt-range": format!("{} to {}", span_text(MIN), span_text(MAX))}));
scalar_schema!([const MIN: u32, const MAX: u32] Count<MIN, MAX>, "Count",
    json_schema!({"type": "integer", "minimum": MIN, "maximum": MAX}));
scalar_schema!([] Lines, "Lines", json_schema!({"type": "string"}));
scalar_schema!([] Cpu, "Cpu", json_schema!({"type": ["string", "number"], "pattern": "^[0-9.]+([mun]|[eE][0-9]+)?$"}));
scalar_schema!([] Memory, "Memory", json_schema!({"type": ["string", "number"], "pattern": "^[0-9.]+([kMGTPE]i?|Ki|[eE][0-9]+)?$"}));

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_one_unit() {
        for (text, wanted) in
            [("28d", Some(28 * 86_400)), ("24h", Some(86_400)), ("30m", Some(1800)), ("2w", Some(1_209_600))]
        {
            assert_eq!(duration_seconds(text), wanted, "{text}");
        }
        for text in ["", "d", "28", "1d12h", "-1d", "1.5h", "28 d", "9223372036854775807w", "1ä"] {
            assert_eq!(duration_seconds(text), None, "{text}");
        }
        assert_eq!([span_text(28 * 86_400), span_text(5400), span_text(1)], ["28d", "90m", "1s"]);
    }

    #[test]
    fn numbers_are_plain_decimals() {
        assert_eq!(decimal("0.98"), Some(0.98));
        for text in ["", ".", "-1", "1e5", "NaN", "inf", "1_0", "0x1", "1.2.3", "1111111111111"] {
            assert_eq!(decimal(text), None, "{text}");
        }
    }
}
