//! Marks, and by what can be seen of them in a rendering they are found again: their amount, their digits, their prime.
//!
//! Made once for a tree and shared by all of its renderings. What a renderer made of a mark is told by
//! [`crate::transform`].

use std::collections::HashMap;

use kubeopt_model::{Amount, EditSite, Field, Problem};

use crate::watermark::large_factor;

/// A value that was replaced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// The quantity that stands there now, such as `1000003m`.
    pub quantity: String,
    /// The same as an amount.
    pub amount: Amount,
    /// Where, with the text that stood there.
    pub site: EditSite,
    /// The field that its path names; what it feeds is for the rendering to say. Of a target any request.
    pub field: Field,
    /// Why this value must not be edited, if so.
    pub refusal: Option<Problem>,
}

/// Marks that can be found again.
#[derive(Debug, Clone, Default)]
pub struct MarkIndex {
    marks: Vec<Mark>,
    by_amount: HashMap<Amount, usize>,
    by_number: HashMap<u64, usize>,
    /// By their large prime; none where two marks have the same.
    by_factor: HashMap<u64, Option<usize>>,
}

impl MarkIndex {
    /// Reads the marks once.
    pub fn of(marks: Vec<Mark>) -> Self {
        let mut index = Self::default();
        for (at, mark) in marks.iter().enumerate() {
            index.by_amount.insert(mark.amount, at);
            let Some(number) = number_of(mark) else { continue };
            index.by_number.insert(number, at);
            if let Some(factor) = large_factor(number) {
                index.by_factor.entry(factor).and_modify(|one| *one = None).or_insert(Some(at));
            }
        }
        Self { marks, ..index }
    }

    /// All of them, in their order.
    pub fn marks(&self) -> &[Mark] {
        &self.marks
    }
}

/// All marks that may arrive in one rendering: those of the tree, and those that were put in for this rendering. They
/// are numbered through.
#[derive(Debug, Clone)]
pub struct KnownMarks<'m> {
    layers: Vec<&'m MarkIndex>,
}

impl<'m> KnownMarks<'m> {
    /// The marks of these, in this order.
    pub fn of(layers: impl IntoIterator<Item = &'m MarkIndex>) -> Self {
        Self { layers: layers.into_iter().collect() }
    }

    /// The mark with a number that [`crate::read_back()`] gave for the same marks.
    ///
    /// # Panics
    /// For a number of other marks.
    pub fn mark(&self, number: usize) -> &'m Mark {
        let mut rest = number;
        for layer in &self.layers {
            match layer.marks.get(rest) {
                Some(mark) => return mark,
                None => rest -= layer.marks.len(),
            }
        }
        panic!("mark {number} is none of these")
    }

    pub(crate) fn by_amount(&self, amount: Amount) -> Option<usize> {
        self.found(|layer| layer.by_amount.get(&amount).copied()).next()
    }

    pub(crate) fn by_number(&self, number: u64) -> Option<usize> {
        self.found(|layer| layer.by_number.get(&number).copied()).next()
    }

    /// None where two marks have the factor.
    pub(crate) fn by_factor(&self, factor: u64) -> Option<usize> {
        let is_shared = self.layers.iter().any(|layer| layer.by_factor.get(&factor) == Some(&None));
        let mut found = self.found(|layer| *layer.by_factor.get(&factor)?);
        let one = found.next()?;
        (!is_shared && found.next().is_none()).then_some(one)
    }

    /// What the layers find, as numbers that count through all of them.
    fn found(&self, find: impl Fn(&MarkIndex) -> Option<usize>) -> impl Iterator<Item = usize> {
        let mut before = 0;
        self.layers.iter().filter_map(move |layer| {
            let found = find(layer).map(|at| before + at);
            before += layer.marks.len();
            found
        })
    }
}

/// The digits of a mark.
pub(crate) fn number_of(mark: &Mark) -> Option<u64> {
    let end = mark.quantity.find(|c: char| !c.is_ascii_digit()).unwrap_or(mark.quantity.len());
    mark.quantity[..end].parse().ok()
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{EditSite, Field, FieldPath, MilliCores, RepoPath};

    use super::*;

    fn mark(millicores: u64) -> Mark {
        Mark {
            quantity: format!("{millicores}m"),
            amount: Amount::Cpu(MilliCores(millicores)),
            site: EditSite {
                file: RepoPath::root(),
                line: 1,
                document: 1,
                path: FieldPath::default(),
                text: String::new(),
            },
            field: Field::CPU_REQUEST,
            refusal: None,
        }
    }

    #[test]
    fn marks_of_several_lists_are_numbered_through() {
        let tree = MarkIndex::of(vec![mark(100_060), mark(100_180)]);
        let more = MarkIndex::of(vec![mark(1_000_003)]);
        let known = KnownMarks::of([&tree, &more]);
        assert_eq!(known.by_amount(Amount::Cpu(MilliCores(1_000_003))), Some(2));
        assert_eq!(known.by_number(100_180), Some(1));
        assert_eq!(known.by_number(7), None);
        assert_eq!(known.mark(2).quantity, "1000003m");
    }

    #[test]
    fn a_prime_that_two_marks_have_tells_none_of_them() {
        let tree = MarkIndex::of(vec![mark(100_060), mark(100_180)]);
        let prime = large_factor(100_060).expect("it has one");
        assert_eq!(KnownMarks::of([&tree]).by_factor(prime), Some(0));
        let same = MarkIndex::of(vec![mark(200_120)]);
        assert_eq!(KnownMarks::of([&tree, &same]).by_factor(prime), None);
        assert_eq!(
            KnownMarks::of([&MarkIndex::of(vec![mark(100_060), mark(200_120)])]).by_factor(prime),
            None
        );
    }
}
