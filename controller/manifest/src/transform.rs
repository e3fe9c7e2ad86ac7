//! How a mark was changed on its way into a rendering: written within a longer text, multiplied, or computed otherwise.
//!
//! Works on texts and amounts alone. Whether a changed value may be edited is not its concern.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::Range;

use kubeopt_model::{Amount, Field, MilliCores, Unit};

use crate::mark_index::{KnownMarks, Mark, number_of};
use crate::refusal::shortened;
use crate::watermark::large_factor;

/// What set a rendered field.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// The mark with this number ([`KnownMarks::mark`]). Several fields may have the same.
    Mark(usize),
    /// Made from this mark: the value is computed, and setting the mark's site does not set the field to the same. One
    /// mark may arrive unchanged at one field and changed at another.
    Transformed(usize, Transform),
    /// No mark: a generator, a default, or a form that was not marked. The text is the real value.
    Unmarked,
}

/// What a template made of a value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transform {
    /// The value as it is, within a longer text.
    Affix {
        /// What stands before it.
        before: String,
        /// What stands after it.
        after: String,
    },
    /// The value times numerator / denominator. For a value that is a bare number the numbers as written are compared,
    /// whatever suffix the template adds; for one with a suffix, the amounts.
    Scale {
        /// Numerator and denominator in lowest terms; never 1 and 1.
        by: (u64, u64),
    },
    /// Anything else.
    Other,
}

impl fmt::Display for Transform {
    /// `written as "{}m"`, `multiplied by 1.5`, `divided by 2`, `computed`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        /// Decimals that are tried before a ratio is written as a fraction.
        const DECIMALS_MAX: u32 = 3;
        match self {
            Self::Affix { before, after } => {
                write!(f, "written as \"{}{{}}{}\"", shortened(before), shortened(after))
            }
            Self::Scale { by: (factor, 1) } => write!(f, "multiplied by {factor}"),
            Self::Scale { by: (1, divisor) } => write!(f, "divided by {divisor}"),
            Self::Scale { by: (over, under) } => {
                let exact = (1..=DECIMALS_MAX)
                    .map(|digits| (10_u64.pow(digits), digits as usize))
                    .find(|(power, _)| power.is_multiple_of(*under))
                    .and_then(|(power, digits)| Some((over.checked_mul(power / under)?, power, digits)));
                match exact {
                    Some((scaled, power, digits)) => {
                        write!(f, "multiplied by {}.{:0digits$}", scaled / power, scaled % power)
                    }
                    None => write!(f, "multiplied by {over}/{under}"),
                }
            }
            Self::Other => f.write_str("computed"),
        }
    }
}

impl KnownMarks<'_> {
    /// What set a field that reads `text` in the rendering.
    pub(crate) fn origin(&self, field: Field, text: &str) -> Origin {
        let amount = Amount::parse(field.resource, text).ok();
        let same = amount.and_then(|amount| self.by_amount(amount));
        if let Some(at) = same.filter(|at| self.keeps_notation(*at, text)) {
            return Origin::Mark(at);
        }
        let found = self
            .within(field, text)
            .or_else(|| self.scaled(field, text, amount))
            .or_else(|| self.cut(field, text))
            .or_else(|| self.somewhere(text));
        found.map_or(Origin::Unmarked, |(at, how)| Origin::Transformed(at, how))
    }

    /// A bare number that comes with a suffix was computed, even where the amount is the same: `mul 1000` and `m`.
    fn keeps_notation(&self, at: usize, text: &str) -> bool {
        !is_bare(self.mark(at)) || number(text).is_some_and(|(_, suffix)| suffix.is_empty())
    }

    /// The mark's whole text within a longer one, and no other mark's.
    fn within(&self, field: Field, text: &str) -> Option<(usize, Transform)> {
        let found = self.numbers_in(text);
        let [(at, place)] = found.as_slice() else { return None };
        let mark = self.mark(*at);
        let after = text[place.start..].strip_prefix(mark.quantity.as_str())?;
        if mark.field.resource != field.resource || text == mark.quantity {
            return None;
        }
        // `512M` that comes as `512Mi` was cut before something was added.
        if !is_bare(mark) && Amount::parse(field.resource, text).is_ok() {
            return None;
        }
        let before = text[..place.start].to_owned();
        Some((*at, Transform::Affix { before, after: after.to_owned() }))
    }

    /// A mark's prime in the number or in the amount, beside a factor that someone would write.
    fn scaled(&self, field: Field, text: &str, amount: Option<Amount>) -> Option<(usize, Transform)> {
        let written = number(text).map(|(thousandths, _)| thousandths);
        let base = amount.map(Amount::base);
        // What is computed with floats may be a trifle more, and fractions were rounded up.
        let rounded = base.filter(|_| text.contains('.')).and_then(|base| base.checked_sub(1));
        let at = [written, base, rounded]
            .into_iter()
            .flatten()
            .find_map(|value| self.by_factor(large_factor(value)?))?;
        let mark = self.mark(at);
        let same_resource = mark.field.resource == field.resource;
        let of_number = || ratio(written?, number_of(mark)?.checked_mul(1000)?);
        let of_amount = |value: Option<u64>| ratio(value?, mark.amount.base());
        let by = if is_bare(mark) || !same_resource {
            of_number()
        } else {
            of_amount(base).or_else(|| of_amount(rounded))
        };
        let how = match by? {
            _ if !same_resource => Transform::Other,
            // The same number in another notation, such as Go's for floats, and a suffix.
            (1, 1) if is_bare(mark) && !has_digit(text_after(text)) => {
                Transform::Affix { before: String::new(), after: text_after(text).to_owned() }
            }
            (1, 1) => Transform::Other,
            by => Transform::Scale { by },
        };
        Some((at, how))
    }

    /// A quotient that lost its fraction: `div 3` of a whole number.
    fn cut(&self, field: Field, text: &str) -> Option<(usize, Transform)> {
        /// Larger divisors would make one number the quotient of several marks.
        const DIVISOR_MAX: u64 = 10;
        let (thousandths, suffix) = number(text)?;
        let quotient = Some(thousandths / 1000).filter(|_| thousandths.is_multiple_of(1000))?;
        let mut found = BTreeSet::new();
        for divisor in 2..=DIVISOR_MAX {
            for rest in 1..divisor {
                let whole = quotient.checked_mul(divisor)?.checked_add(rest)?;
                let fits = |at: &usize| {
                    let mark = self.mark(*at);
                    mark.field.resource == field.resource
                        && (is_bare(mark) || mark.quantity.ends_with(suffix) && !suffix.is_empty())
                };
                found.extend(self.by_number(whole).filter(fits).map(|at| (at, divisor)));
            }
        }
        let (at, divisor) = found.pop_first().filter(|_| found.is_empty())?;
        Some((at, Transform::Scale { by: (1, divisor) }))
    }

    /// A mark's digits, whatever is around them.
    fn somewhere(&self, text: &str) -> Option<(usize, Transform)> {
        self.numbers_in(text).first().map(|(at, _)| (*at, Transform::Other))
    }

    /// Every place in a text where the digits of a mark stand.
    fn numbers_in(&self, text: &str) -> Vec<(usize, Range<usize>)> {
        let digits = text.split(|c: char| !c.is_ascii_digit());
        let mut start = 0;
        let mut found = Vec::new();
        for run in digits {
            if let Some(at) = run.parse().ok().and_then(|number| self.by_number(number)) {
                found.push((at, start..start + run.len()));
            }
            let rest = &text[start + run.len()..];
            start += run.len() + rest.chars().next().map_or(0, char::len_utf8);
        }
        found
    }
}

/// Without a suffix.
fn is_bare(mark: &Mark) -> bool {
    mark.quantity.bytes().all(|byte| byte.is_ascii_digit())
}

/// The number that a text begins with, in thousandths rounded up, and what follows it.
fn number(text: &str) -> Option<(u64, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let exponent = text[end..].strip_prefix(['e', 'E']).map_or(0, |rest| {
        let digits = rest.strip_prefix(['+', '-']).unwrap_or(rest);
        let count = digits.bytes().take_while(u8::is_ascii_digit).count();
        if count == 0 { 0 } else { 1 + rest.len() - digits.len() + count }
    });
    let (written, suffix) = text.split_at(end + exponent);
    let value: MilliCores = written.parse().ok()?;
    Some((value.base(), suffix))
}

/// What follows the number that a text begins with.
fn text_after(text: &str) -> &str {
    number(text).map_or(text, |(_, suffix)| suffix)
}

fn has_digit(text: &str) -> bool {
    text.bytes().any(|byte| byte.is_ascii_digit())
}

/// The ratio in lowest terms, if it is one that someone would write.
fn ratio(over: u64, under: u64) -> Option<(u64, u64)> {
    let (mut a, mut b) = (over, under);
    while b > 0 {
        (a, b) = (b, a % b);
    }
    let (over, under) = (over.checked_div(a)?, under.checked_div(a)?);
    (is_factor(over) && is_factor(under)).then_some((over, under))
}

/// Up to 1024, or up to ten times a power of 1000 or of 1024.
fn is_factor(number: u64) -> bool {
    /// 2 to the 10, the largest factor that is no unit.
    const SMALL_MAX: u64 = 1024;
    let unit = |unit: u64| {
        let mut rest = number;
        while rest.is_multiple_of(unit) {
            rest /= unit;
        }
        rest <= 10
    };
    (1..=SMALL_MAX).contains(&number) || (number > 0 && (unit(1000) || unit(1024)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn transformations_are_told_in_words() {
        let scale = |over, under| Transform::Scale { by: (over, under) }.to_string();
        assert_eq!(scale(1000, 1), "multiplied by 1000");
        assert_eq!(scale(1, 2), "divided by 2");
        assert_eq!(scale(3, 2), "multiplied by 1.5");
        assert_eq!(scale(4, 5), "multiplied by 0.8");
        assert_eq!(scale(21, 20), "multiplied by 1.05");
        assert_eq!(scale(2, 3), "multiplied by 2/3");
        assert_eq!(scale(u64::MAX, 1000), format!("multiplied by {}.615", u64::MAX / 1000));
        let affix = |before: &str, after: &str| {
            Transform::Affix { before: before.to_owned(), after: after.to_owned() }.to_string()
        };
        assert_eq!(affix("", "m"), "written as \"{}m\"");
        assert_eq!(affix("x\u{1b}", ""), "written as \"x{}\"");
        assert_eq!(Transform::Other.to_string(), "computed");
    }

    #[test]
    fn numbers_are_read_with_exponents_and_without() {
        for (text, expected) in [
            ("100m", Some((100_000, "m"))),
            ("1.5Gi", Some((1_500, "Gi"))),
            ("1.0006e+05Mi", Some((100_060_000, "Mi"))),
            ("2E", Some((2_000, "E"))),
            ("2e", Some((2_000, "e"))),
            ("x1", None),
            ("", None),
            (".", None),
        ] {
            assert_eq!(number(text), expected, "{text}");
        }
    }
}
