//! Quantities that stand nowhere else, in two kinds: large ones for manifests, and shaped ones for values of charts.
//!
//! A template may compute with a value, so a shaped mark keeps the shape of what it replaces (a bare number stays a bare
//! number, `m` stays `m`), has six digits as long as that lasts (Go writes a float of seven as `1e+06`), and is a small
//! number times a prime of its own: whatever a template multiplies or divides it by, the prime tells which mark it was.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_model::{Amount, Field, FileSet, Resource};

/// The first CPU mark in millicores: a thousand cores for one container, which nobody asks for.
const CPU_MARK_FIRST: u64 = 1_000_003;

/// The first memory mark in KiB: about 954 GiB for one container. The suffix keeps it a text in every YAML dialect.
const MEMORY_MARK_FIRST_KIB: u64 = 1_000_000_003;

/// The first prime of shaped marks: the smallest whose mark has six digits.
const PRIME_FIRST: u64 = 5_003;

/// From this prime on, marks of [`FACTOR`] times the prime would have seven digits.
const PRIME_LARGE: u64 = 50_000;

/// Makes halves, quarters, fifths, tenths and steps of 5% whole numbers.
const FACTOR: u64 = 20;

/// The least common multiple of 1 to 10, for marks that have more than six digits anyway.
const FACTOR_LARGE: u64 = 2_520;

/// Primes up to here are what templates multiply by (1024 is two to the ten); larger ones are marks.
const SMALL_FACTOR_MAX: u64 = 1_024;

/// What marks of targets stand for: a target says nothing of its resource, so all of them count as one.
pub(crate) const TARGET_FIELD: Field = Field::CPU_REQUEST;

/// Gives out numbers.
#[derive(Debug)]
pub(crate) struct Numbers {
    /// The next number of a manifest's mark, for each resource.
    next: BTreeMap<Resource, u64>,
    /// The last prime that was used.
    prime: u64,
    /// Numbers that stand somewhere.
    taken: BTreeSet<u64>,
    amounts: BTreeSet<Amount>,
}

impl Numbers {
    /// None of them stands in the files.
    pub(crate) fn beside(files: &FileSet) -> Self {
        Self { next: BTreeMap::new(), prime: PRIME_FIRST - 1, taken: taken(files), amounts: BTreeSet::new() }
    }

    /// A quantity for a manifest, which a renderer passes on as it is.
    pub(crate) fn plain(&mut self, resource: Resource) -> (String, Amount) {
        let (first, suffix, scale) = match resource {
            Resource::Cpu => (CPU_MARK_FIRST, "m", 1),
            Resource::Memory => (MEMORY_MARK_FIRST_KIB, "Ki", 1024),
        };
        let mut number = *self.next.get(&resource).unwrap_or(&first);
        let mut amount = Amount::from_base(resource, number * scale);
        while self.taken.contains(&number) || self.amounts.contains(&amount) {
            number += 1;
            amount = Amount::from_base(resource, number * scale);
        }
        self.next.insert(resource, number + 1);
        self.used(number, amount);
        (format!("{number}{suffix}"), amount)
    }

    /// A quantity in the shape of the text that it replaces.
    pub(crate) fn shaped(&mut self, resource: Resource, text: &str) -> (String, Amount) {
        let suffix = shape(resource, text);
        loop {
            self.prime = next_prime(self.prime);
            let number = self.prime * if self.prime < PRIME_LARGE { FACTOR } else { FACTOR_LARGE };
            let written = [format!("{number}{suffix}"), number.to_string()]
                .into_iter()
                .find_map(|text| Some((Amount::parse(resource, &text).ok()?, text)));
            // A bare number of this size is always a quantity; the loop ends with the numbers that are free.
            let Some((amount, quantity)) = written else { continue };
            if self.taken.contains(&number) || self.amounts.contains(&amount) {
                continue;
            }
            self.used(number, amount);
            return (quantity, amount);
        }
    }

    /// A whole number, for the target of an autoscaler.
    pub(crate) fn whole(&mut self) -> (String, Amount) {
        self.shaped(TARGET_FIELD.resource, "1")
    }

    fn used(&mut self, number: u64, amount: Amount) {
        self.taken.insert(number);
        self.amounts.insert(amount);
    }
}

/// What is left of a number without its small factors: the prime of a shaped mark, or of what was computed from it.
pub(crate) fn large_factor(mut number: u64) -> Option<u64> {
    if number == 0 {
        return None;
    }
    for factor in 2..=SMALL_FACTOR_MAX {
        while number.is_multiple_of(factor) {
            number /= factor;
        }
    }
    (number > 1).then_some(number)
}

/// The suffix that a mark keeps; those that would not fit into a count of base units become smaller ones.
fn shape(resource: Resource, text: &str) -> &'static str {
    let suffix = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.' || c == '+');
    let is_bare = suffix.is_empty() || suffix.strip_prefix(['e', 'E']).is_some_and(is_exponent);
    match (resource, suffix) {
        _ if is_bare => "",
        (Resource::Cpu, "k") => "k",
        (Resource::Cpu, _) => "m",
        (Resource::Memory, "Ki") => "Ki",
        (Resource::Memory, "Gi") => "Gi",
        (Resource::Memory, "Ti" | "Pi" | "Ei") => "Ti",
        (Resource::Memory, "k") => "k",
        (Resource::Memory, "M") => "M",
        (Resource::Memory, "G") => "G",
        (Resource::Memory, "T" | "P" | "E") => "T",
        (Resource::Memory, _) => "Mi",
    }
}

fn is_exponent(text: &str) -> bool {
    let digits = text.strip_prefix(['+', '-']).unwrap_or(text);
    !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit())
}

fn next_prime(after: u64) -> u64 {
    let mut number = after + 1;
    while !is_prime(number) {
        number += 1;
    }
    number
}

fn is_prime(number: u64) -> bool {
    let mut divisor = 2;
    while divisor * divisor <= number {
        if number.is_multiple_of(divisor) {
            return false;
        }
        divisor += 1;
    }
    number > 1
}

/// The numbers that stand in the files already, so that no mark equals one of them.
fn taken(files: &FileSet) -> BTreeSet<u64> {
    files
        .values()
        .flat_map(|bytes| bytes.split(|byte| !byte.is_ascii_digit()))
        .filter(|digits| (6..=12).contains(&digits.len()))
        .filter_map(|digits| std::str::from_utf8(digits).ok()?.parse().ok())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shaped(resource: Resource, text: &str) -> String {
        Numbers::beside(&FileSet::new()).shaped(resource, text).0
    }

    #[test]
    fn a_shaped_mark_keeps_the_class_of_the_suffix() {
        for (text, expected) in [
            ("1", "100060"),
            ("0.5", "100060"),
            ("1e3", "100060"),
            ("250m", "100060m"),
            ("${CPU}", "100060m"),
        ] {
            assert_eq!(shaped(Resource::Cpu, text), expected, "{text}");
        }
        for (text, expected) in [
            ("512", "100060"),
            ("1.5Gi", "100060Gi"),
            ("512Mi", "100060Mi"),
            ("128M", "100060M"),
            ("1Ei", "100060Ti"),
            ("100m", "100060Mi"),
        ] {
            assert_eq!(shaped(Resource::Memory, text), expected, "{text}");
        }
    }

    #[test]
    fn shaped_marks_have_a_prime_of_their_own_and_six_digits_for_long() {
        let mut numbers = Numbers::beside(&FileSet::new());
        let mut primes = BTreeSet::new();
        for at in 0..6_000 {
            let suffix = ["", "Mi", "Ti"][at % 3];
            let (text, amount) = numbers.shaped(Resource::Memory, &format!("1{suffix}"));
            assert!(primes.insert(large_factor(amount.base())), "{text}");
            assert!(at > 4_400 || text.trim_end_matches(['M', 'T', 'i']).len() == 6, "{at}: {text}");
        }
    }

    #[test]
    fn numbers_that_stand_in_a_file_are_not_used() {
        let file = kubeopt_model::RepoPath::new("a").expect("a path");
        let mut numbers = Numbers::beside(&FileSet::from([(file, b"a: 100060 1000003m".to_vec())]));
        assert_eq!(numbers.shaped(Resource::Cpu, "1").0, "100180");
        assert_eq!(numbers.plain(Resource::Cpu).0, "1000004m");
    }
}
