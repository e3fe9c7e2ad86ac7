//! Marks for a whole tree: in the place of every value that is there, and where a value could be created.
//!
//! Made once for a commit. Pure.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_gitops::entry::is_kustomization;
use kubeopt_manifest::{
    DescribedContainer, FileRole, Mark, MarkIndex, Marked, Slot, Slots, create_texts, mark, slots,
};
use kubeopt_model::source::RendererKind;
use kubeopt_model::{Amount, EditSite, Field, FieldPath, FileSet, RepoPath, Resource, Step};

use super::entry_point::EntryPoint;

/// The first CPU mark of a key that is created, in millicores; above those of values that are there.
const CPU_FIRST: u64 = 100_000_007;

/// The first memory mark of a key that is created, in KiB.
const MEMORY_FIRST_KIB: u64 = 2_000_000_011;

/// A place where a value could be created, with the mark that shows whether it arrives.
#[derive(Debug, Clone)]
pub(crate) struct Probe {
    /// Where.
    pub(crate) slot: Slot,
    /// What is put there.
    pub(crate) mark: Mark,
}

/// The marks of a tree.
#[derive(Debug)]
pub(crate) struct Marks {
    /// All files, with marks in the place of values.
    pub(crate) values: FileSet,
    /// Those files that have probes as well.
    pub(crate) filled: FileSet,
    /// All places where something could be created.
    pub(crate) probes: Vec<Probe>,
    /// The marks of values, then those of probes.
    pub(crate) index: MarkIndex,
    by_file: BTreeMap<RepoPath, OfFile>,
}

/// What one file says.
#[derive(Debug, Default)]
struct OfFile {
    /// Its probes, by their place in the list of all.
    probes: Vec<usize>,
    /// What it sets for containers that it describes.
    set: Vec<(DescribedContainer, Field)>,
    /// It sets resources in another form as well: values of a chart, JSON patches, patches within a text.
    sets_otherwise: bool,
}

/// How careful one entry point has to be with probes: a value that is created may cover one of a lower layer.
#[derive(Debug, Default)]
pub(crate) struct Plan<'m> {
    /// Probes that would cover what another file of the entry point sets.
    pub(crate) covering: Vec<&'m Probe>,
    /// What arrives of the others covers nothing.
    pub(crate) is_certain: bool,
}

impl Marks {
    /// Marks these files.
    pub(crate) fn of(files: &FileSet, role: &dyn Fn(&RepoPath) -> FileRole) -> Self {
        let marked = mark(files, role);
        let Slots { open, set } = slots(files, role);
        let probes = probes(open, 0);
        let mut by_file = forms(&marked);
        for field in set {
            by_file.entry(field.file).or_default().set.push((field.of, field.field));
        }
        for (at, probe) in probes.iter().enumerate() {
            by_file.entry(probe.slot.site.file.clone()).or_default().probes.push(at);
        }
        let Marked { files: values, marks, .. } = marked;
        let filled = filled(&|path| values.get(path).cloned(), &probes);
        let index = MarkIndex::of(marks.into_iter().chain(marks_of(&probes)).collect());
        Self { values, filled, probes, index, by_file }
    }

    /// The probes of these files.
    pub(crate) fn probes_of<'m>(&'m self, files: &BTreeSet<RepoPath>) -> impl Iterator<Item = &'m Probe> {
        let files = files.iter().filter_map(|file| self.by_file.get(file));
        files.flat_map(|file| &file.probes).map(|at| &self.probes[*at])
    }

    /// For each field that files set in whatever form, the first place that does.
    pub(crate) fn first_of_each_field<'f>(
        &self,
        files: impl IntoIterator<Item = &'f RepoPath>,
    ) -> BTreeMap<Field, EditSite> {
        let files: BTreeSet<&RepoPath> = files.into_iter().collect();
        let mut first = BTreeMap::new();
        let set = self.index.marks().iter().filter(|mark| !mark.site.is_absent());
        for mark in set.filter(|mark| files.contains(&mark.site.file)) {
            first.entry(mark.field).or_insert_with(|| mark.site.clone());
        }
        first
    }

    /// Looks which probes of an entry point that reads these files are of use at once.
    pub(crate) fn plan(&self, entry: &EntryPoint, reads: &BTreeSet<RepoPath>) -> Plan<'_> {
        match entry.renderer {
            // Nothing lies below a plain manifest.
            RendererKind::Plain if entry.overlay.is_none() => Plan { covering: Vec::new(), is_certain: true },
            // What a template does where a value is not set shows only without it.
            RendererKind::Helm => Plan::default(),
            RendererKind::Plain | RendererKind::Kustomize if self.is_intricate(reads) => Plan::default(),
            RendererKind::Plain | RendererKind::Kustomize => {
                let files = || reads.iter().filter_map(|file| self.by_file.get(file));
                let set: Vec<&(DescribedContainer, Field)> = files().flat_map(|file| &file.set).collect();
                let covers = |probe: &&Probe| {
                    set.iter().any(|(of, field)| *field == probe.slot.field && probe.may_be_for(of))
                };
                Plan { covering: self.probes_of(reads).filter(covers).collect(), is_certain: true }
            }
        }
    }

    /// Whether something other than patches by name may set resources.
    fn is_intricate(&self, reads: &BTreeSet<RepoPath>) -> bool {
        reads.iter().any(|file| {
            self.by_file.get(file).is_some_and(|file| file.sets_otherwise)
                || is_kustomization(file) && self.values.get(file).is_none_or(|bytes| reaches_far(bytes))
        })
    }

    /// The files of some probes without these.
    pub(crate) fn without(&self, covering: &[&Probe]) -> FileSet {
        let files: BTreeSet<RepoPath> = covering.iter().map(|probe| probe.slot.site.file.clone()).collect();
        let is_left_out = |probe: &Probe| covering.iter().any(|other| other.slot == probe.slot);
        let kept: Vec<&Probe> = self.probes_of(&files).filter(|probe| !is_left_out(probe)).collect();
        let refilled = filled(&|path| self.values.get(path).cloned(), kept);
        let bare = files.into_iter().filter_map(|file| self.values.get_key_value(&file));
        let mut without: FileSet = bare.map(|(file, bytes)| (file.clone(), bytes.clone())).collect();
        without.extend(refilled);
        without
    }
}

impl Probe {
    /// Whether what a file says of this container may be about the one that the probe is in: names may have been
    /// changed by a prefix or suffix in between.
    pub(crate) fn may_be_for(&self, other: &DescribedContainer) -> bool {
        self.slot.of.as_ref().is_some_and(|own| {
            let (a, b) = (own.workload.name.as_str(), other.workload.name.as_str());
            own.container == other.container
                && own.workload.kind == other.workload.kind
                && (a.contains(b) || b.contains(a))
        })
    }
}

/// Whether a kustomization may set values elsewhere than where a patch is named like its workload. A word too many costs
/// a rendering more.
fn reaches_far(kustomization: &[u8]) -> bool {
    const WORDS: [&str; 4] = ["replacements", "transformers", "vars", "target"];
    let text = String::from_utf8_lossy(kustomization);
    WORDS.iter().any(|word| text.contains(word))
}

/// Files in which resources are set elsewhere than in containers, or that could not be read.
fn forms(marked: &Marked) -> BTreeMap<RepoPath, OfFile> {
    let sites = marked.marks.iter().map(|mark| &mark.site);
    let sites = sites.chain(marked.unmarked.iter().map(|(site, _)| site));
    let otherwise = sites.filter(|site| !is_in_container(&site.path)).map(|site| site.file.clone());
    let places = marked.unread.iter().filter_map(|problem| problem.place.as_ref());
    let unread = places.filter_map(|place| RepoPath::new(&place.file).ok());
    let of_file = |file| (file, OfFile { sets_otherwise: true, ..OfFile::default() });
    otherwise.chain(unread).map(of_file).collect()
}

/// `spec.template.spec.containers[0].resources.requests.cpu`, in a list of objects too.
pub(crate) fn is_in_container(path: &FieldPath) -> bool {
    let [before @ .., Step::Key(list), Step::Index(_), Step::Key(resources), Step::Key(_), Step::Key(_)] =
        path.0.as_slice()
    else {
        return false;
    };
    let is_way = |step: &Step| match step {
        Step::Key(key) => ["items", "spec", "template", "jobTemplate"].contains(&key.as_str()),
        Step::Index(_) => true,
    };
    resources == "resources"
        && ["containers", "initContainers"].contains(&list.as_str())
        && before.iter().all(is_way)
}

/// Probes for slots, numbered from a number on.
pub(crate) fn probes(slots: Vec<Slot>, from: usize) -> Vec<Probe> {
    let probe = |(at, slot): (usize, Slot)| {
        let (quantity, amount) = quantity(slot.field.resource, from + at);
        let mark = Mark { quantity, amount, site: slot.site.clone(), field: slot.field, refusal: None };
        Probe { slot, mark }
    };
    slots.into_iter().enumerate().map(probe).collect()
}

/// The marks of probes, in their order.
pub(crate) fn marks_of(probes: &[Probe]) -> impl Iterator<Item = Mark> {
    probes.iter().map(|probe| probe.mark.clone())
}

/// Puts probes into files; gives the files that changed. What cannot be created is left out: it is no place for a value.
pub(crate) fn filled<'p>(
    bytes_of: &dyn Fn(&RepoPath) -> Option<Vec<u8>>,
    probes: impl IntoIterator<Item = &'p Probe>,
) -> FileSet {
    let mut by_file: BTreeMap<&RepoPath, Vec<(EditSite, String)>> = BTreeMap::new();
    for Probe { slot, mark } in probes {
        by_file.entry(&slot.site.file).or_default().push((slot.site.clone(), mark.quantity.clone()));
    }
    let fill = |(path, wanted): (&RepoPath, Vec<(EditSite, String)>)| {
        Some((path.clone(), fill_file(path, bytes_of(path)?, &wanted)?))
    };
    by_file.into_iter().filter_map(fill).collect()
}

/// All of them at once; where that is refused, those that can be created one after the other.
fn fill_file(path: &RepoPath, bytes: Vec<u8>, wanted: &[(EditSite, String)]) -> Option<Vec<u8>> {
    if let Ok(created) = create_texts(path, &bytes, wanted) {
        return Some(created.bytes);
    }
    let mut filled = None;
    for each in wanted {
        let before = filled.as_ref().unwrap_or(&bytes);
        if let Ok(created) = create_texts(path, before, std::slice::from_ref(each)) {
            filled = Some(created.bytes);
        }
    }
    filled
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

#[cfg(test)]
#[path = "marking_tests.rs"]
mod tests;
