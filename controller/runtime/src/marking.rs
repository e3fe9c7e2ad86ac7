//! Marks for a whole tree: in the place of every value that is there, and where a value could be created.
//!
//! Pure.

use std::collections::BTreeMap;

use kubeopt_manifest::{Mark, Marked, Slot, create_texts};
use kubeopt_model::{Amount, EditSite, FileSet, RepoPath, Resource};

/// The first CPU mark of a key that is created, in millicores; above those of values that are there.
const CPU_FIRST: u64 = 100_000_007;

/// The first memory mark of a key that is created, in KiB.
const MEMORY_FIRST_KIB: u64 = 2_000_000_011;

/// Puts marks into slots of marked files. Gives the files that changed and the marks, which go behind those of `marked`.
/// A slot that cannot be created is left out: it is no place for a value.
pub(crate) fn fill_slots(
    bytes_of: &dyn Fn(&RepoPath) -> Option<Vec<u8>>,
    slots: &[Slot],
    numbered_from: usize,
) -> (FileSet, Vec<Mark>) {
    let mut by_file: BTreeMap<&RepoPath, Vec<(&Slot, String, Amount)>> = BTreeMap::new();
    for (at, slot) in slots.iter().enumerate() {
        let (text, amount) = quantity(slot.field.resource, numbered_from + at);
        by_file.entry(&slot.site.file).or_default().push((slot, text, amount));
    }
    let (mut files, mut marks) = (FileSet::new(), Vec::new());
    for (path, wanted) in by_file {
        let Some(bytes) = bytes_of(path) else { continue };
        let Some((bytes, created)) = fill_file(path, bytes, wanted) else { continue };
        files.insert(path.clone(), bytes);
        marks.extend(created);
    }
    (files, marks)
}

/// All slots of a file at once; where that is refused, those that can be created one after the other.
fn fill_file(
    path: &RepoPath,
    bytes: Vec<u8>,
    wanted: Vec<(&Slot, String, Amount)>,
) -> Option<(Vec<u8>, Vec<Mark>)> {
    let texts: Vec<(EditSite, String)> =
        wanted.iter().map(|(slot, text, _)| (slot.site.clone(), text.clone())).collect();
    if let Ok(created) = create_texts(path, &bytes, &texts) {
        return Some((created.bytes, wanted.into_iter().map(mark).collect()));
    }
    let (mut bytes, mut marks) = (bytes, Vec::new());
    for each in wanted {
        if let Ok(created) = create_texts(path, &bytes, &[(each.0.site.clone(), each.1.clone())]) {
            bytes = created.bytes;
            marks.push(mark(each));
        }
    }
    (!marks.is_empty()).then_some((bytes, marks))
}

fn mark((slot, quantity, amount): (&Slot, String, Amount)) -> Mark {
    Mark { quantity, amount, site: slot.site.clone(), field: slot.field, refusal: None }
}

fn quantity(resource: Resource, number: usize) -> (String, Amount) {
    let number = number as u64;
    match resource {
        Resource::Cpu => {
            let millicores = CPU_FIRST + number;
            (format!("{millicores}m"), Amount::from_base(resource, millicores))
        }
        Resource::Memory => {
            let kibibytes = MEMORY_FIRST_KIB + number;
            (format!("{kibibytes}Ki"), Amount::from_base(resource, kibibytes * kubeopt_model::quantity::KIB))
        }
    }
}

/// The marks of two rounds as one list; the files stay with whoever views them.
pub(crate) fn joined(marked: &Marked, more: Vec<Mark>) -> Marked {
    let marks = marked.marks.iter().cloned().chain(more).collect();
    Marked { marks, ..Marked::default() }
}
