//! Renders one entry point with marks, as often as it takes to tell where each value comes from and which could be
//! created.
//!
//! A value that is created covers what a lower layer says. Where nothing can lie below, one rendering tells both; else
//! it takes one without what is created and one with it.

use std::collections::BTreeSet;

use kubeopt_manifest::{DescribedContainer, KnownMarks, MarkIndex, Origin, ReadBack, read_back};
use kubeopt_model::quantity::Bound;
use kubeopt_model::{FileSet, Problem, RepoPath};

use super::entry_point::EntryPoint;
use super::marking::{Marks, Plan, Probe, filled, marks_of, probes};
use super::offers::offered_slots;
use super::rendering::{Part, Rendering, Tools, render_entry};
use super::tree::Tree;
use super::view::View;

/// One entry point with marks.
#[derive(Debug, Default)]
pub(crate) struct MarkedRendering {
    /// With marks in the place of all values.
    pub(crate) values: Round,
    /// And where values could be created, unless `values` has these too, or no renderer takes them.
    pub(crate) created: Option<Round>,
    /// The marks that were put in for this entry point alone.
    own: MarkIndex,
}

impl MarkedRendering {
    /// All marks that may have arrived.
    pub(crate) fn known<'m>(&'m self, marks: &'m Marks) -> KnownMarks<'m> {
        KnownMarks::of([&marks.index, &self.own])
    }
}

/// A rendering, read back.
#[derive(Debug, Default)]
pub(crate) struct Round {
    /// What was rendered.
    pub(crate) rendering: Rendering,
    /// What arrived, part by part.
    reads: Vec<Result<ReadBack, Problem>>,
}

impl Round {
    /// The parts with what arrived in them.
    pub(crate) fn parts(&self) -> impl Iterator<Item = (&Part, &Result<ReadBack, Problem>)> {
        self.rendering.parts.iter().zip(&self.reads)
    }

    /// The part that was made for the same release.
    pub(crate) fn part_like(&self, part: &Part) -> Option<(&Part, &Result<ReadBack, Problem>)> {
        self.parts().find(|(other, _)| other.described() == part.described())
    }

    /// Whether no value that was created can have covered another, and none was left out that would have covered none.
    fn settles(&self, plan: &Plan<'_>, known: &KnownMarks<'_>) -> bool {
        let in_doubt = self.parts().any(|(part, read)| {
            let is_certain = plan.is_certain && part.release.is_none();
            // What cannot be read is told by the one who reads it for the trace.
            !is_certain
                && read.as_ref().is_ok_and(|read| read.arrivals.iter().any(|a| is_created(&a.from, known)))
        });
        let Some(Ok(own)) = self.reads.first() else { return !in_doubt && plan.covering.is_empty() };
        !in_doubt && plan.covering.iter().all(|probe| is_set_below(probe, own, known))
    }
}

/// Whether every container that the probe may be in has the value from elsewhere.
fn is_set_below(probe: &Probe, read: &ReadBack, known: &KnownMarks<'_>) -> bool {
    let mut containers = read.containers.iter().filter(|(workload, container)| {
        probe.may_be_for(&DescribedContainer { workload: workload.clone(), container: container.clone() })
    });
    containers.all(|(workload, container)| {
        read.arrivals.iter().any(|arrival| {
            (&arrival.workload, &arrival.container, arrival.field) == (workload, container, probe.slot.field)
                && !is_created(&arrival.from, known)
        })
    })
}

fn is_created(from: &Origin, known: &KnownMarks<'_>) -> bool {
    match from {
        Origin::Mark(number) | Origin::Transformed(number, _) => known.mark(*number).site.is_absent(),
        Origin::Unmarked => false,
    }
}

/// Renders an entry point that reads these files. A renderer that refuses what was created (a schema, say) is asked
/// again with requests alone.
///
/// # Errors
/// When it cannot be rendered with marks in the place of values alone.
pub(crate) async fn render_marked(
    tree: &Tree<'_>,
    marks: &Marks,
    entry: &EntryPoint,
    reads: &BTreeSet<RepoPath>,
    tools: Tools<'_>,
) -> Result<MarkedRendering, Problem> {
    let attempt = Attempt { tree, marks, entry, reads, tools };
    let plan = marks.plan(entry, reads);
    let careful = marks.without(&plan.covering);
    let offered = attempt.offered(&careful).await;
    let own = MarkIndex::of(marks_of(&offered).collect());
    let known = KnownMarks::of([&marks.index, &own]);
    let first = attempt.with_probes(careful, &offered, &known).await;
    if let Ok(round) = &first
        && round.rendering.problems.is_empty()
        && round.settles(&plan, &known)
    {
        return Ok(MarkedRendering { values: first?, created: None, own });
    }
    let all = if plan.covering.is_empty() {
        first
    } else {
        attempt.with_probes(FileSet::new(), &offered, &known).await
    };
    let values = match (attempt.run(&[&marks.values], &known).await, all) {
        (Err(_), Ok(all)) => return Ok(MarkedRendering { values: all, created: None, own }),
        (Ok(values), Ok(all)) if !all.is_worse_than(&values) => {
            return Ok(MarkedRendering { values, created: Some(all), own });
        }
        (values, _) => values?,
    };
    let requests = attempt.with_requests(&offered, &known).await;
    let created = requests.filter(|requests| !requests.is_worse_than(&values));
    Ok(MarkedRendering { values, created, own })
}

impl Round {
    fn is_worse_than(&self, other: &Self) -> bool {
        self.rendering.problems.len() > other.rendering.problems.len()
    }
}

/// What all renderings of one entry point have in common.
struct Attempt<'a> {
    tree: &'a Tree<'a>,
    marks: &'a Marks,
    entry: &'a EntryPoint,
    reads: &'a BTreeSet<RepoPath>,
    tools: Tools<'a>,
}

impl Attempt<'_> {
    async fn run(&self, files: &[&FileSet], known: &KnownMarks<'_>) -> Result<Round, Problem> {
        let view = View::new(self.tree.snapshot, files);
        let rendering = render_entry(self.entry, self.reads, &view, self.tools).await?;
        let reads = rendering.parts.iter().map(|part| read_back(&part.yaml, known)).collect();
        Ok(Round { rendering, reads })
    }

    /// With all probes of the tree, but for files that are given, and these more.
    async fn with_probes(
        &self,
        mut files: FileSet,
        more: &[Probe],
        known: &KnownMarks<'_>,
    ) -> Result<Round, Problem> {
        let layers = [&files, &self.marks.filled, &self.marks.values];
        let view = View::new(self.tree.snapshot, &layers);
        let added = filled(&|path| view.bytes(path), more);
        files.extend(added);
        self.run(&[&files, &self.marks.filled, &self.marks.values], known).await
    }

    /// With probes of requests alone; none where there are none, or where these are refused too.
    async fn with_requests(&self, more: &[Probe], known: &KnownMarks<'_>) -> Option<Round> {
        let of_entry = self.marks.probes_of(self.reads).chain(more);
        let requests: Vec<&Probe> =
            of_entry.filter(|probe| probe.slot.field.bound == Bound::Request).collect();
        if requests.is_empty() {
            return None;
        }
        let layers = [&self.marks.values];
        let view = View::new(self.tree.snapshot, &layers);
        let files = filled(&|path| view.bytes(path), requests);
        self.run(&[&files, &self.marks.values], known).await.ok()
    }

    /// Probes for what the charts of its releases offer.
    async fn offered(&self, careful: &FileSet) -> Vec<Probe> {
        let layers = [careful, &self.marks.filled, &self.marks.values];
        let marked = View::new(self.tree.snapshot, &layers);
        let slots = offered_slots(self.tree, self.entry, self.reads, &marked, self.tools).await;
        probes(slots, self.marks.probes.len())
    }
}
