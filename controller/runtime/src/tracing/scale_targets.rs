//! Which line sets the target of a HorizontalPodAutoscaler: the files of one entry point are marked, rendered and read
//! back, as for amounts, but only where somebody asks. Most autoscalers keep what they have, and a rendering more for
//! each of them would be paid in every pass.
//!
//! Must not know whether a target may move, or to what.

use kubeopt_gitops::Snapshot;
use kubeopt_manifest::{
    KnownMarks, MarkIndex, Marked, Origin, RenderedTarget, guard_place_as, mark_targets, read_back_targets,
};
use kubeopt_model::{EditSite, FileSet, Problem, RepoPath};

use super::entry_point::EntryPoint;
use super::hidden::hidden;
use super::rendering::{Part, Tools, render_entry};
use super::trace::EntryTrace;
use super::tree::Tree;
use super::view::View;
use crate::codes;

/// A target of a rendered autoscaler, and the scalar that sets it, or why there is none to edit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TracedTarget {
    /// What the marked rendering says; its text is a mark.
    pub(crate) target: RenderedTarget,
    /// The scalar.
    pub(crate) site: Result<EditSite, Problem>,
}

/// The files of a commit, for entry points that are asked for.
pub(crate) struct TargetTracer<'s> {
    tree: Tree<'s>,
}

impl<'s> TargetTracer<'s> {
    /// Reads the files.
    ///
    /// # Errors
    /// When they cannot be read.
    pub(crate) fn read(snapshot: &'s Snapshot) -> Result<Self, Problem> {
        Ok(Self { tree: Tree::read(snapshot)? })
    }

    /// The targets of all autoscalers that an entry point renders to.
    ///
    /// # Errors
    /// When it cannot be rendered with marks in the place of targets.
    pub(crate) async fn trace(
        &self,
        entry: &EntryTrace,
        tools: Tools<'_>,
    ) -> Result<Vec<TracedTarget>, Problem> {
        let files: FileSet = entry
            .files
            .union(&entry.own_files)
            .filter_map(|path| Some((path.clone(), self.tree.held.get(path)?.clone())))
            .collect();
        let Marked { files, marks, .. } = mark_targets(&files, &|path| self.tree.role(path));
        let index = MarkIndex::of(marks);
        let known = KnownMarks::of([&index]);
        let marked = [&files];
        let view = View::new(self.tree.snapshot, &marked);
        let rendering = render_entry(&entry.entry, &entry.own_files, &view, tools).await?;
        let mut traced = Vec::new();
        for part in rendering.parts.iter().filter(|part| part.unrendered.is_none()) {
            for (mut target, origin) in read_back_targets(&part.yaml, &known)? {
                let namespace = target.workload.namespace.take();
                target.workload.namespace = namespace.or_else(|| part.namespace.clone());
                let site = self.site(&entry.entry, part, &target, &origin, &known);
                traced.push(TracedTarget { target, site });
            }
        }
        Ok(traced)
    }

    fn site(
        &self,
        entry: &EntryPoint,
        part: &Part,
        target: &RenderedTarget,
        origin: &Origin,
        known: &KnownMarks<'_>,
    ) -> Result<EditSite, Problem> {
        let mark = match origin {
            Origin::Mark(number) => known.mark(*number),
            Origin::Transformed(number, how) => {
                let site = &known.mark(*number).site;
                let text =
                    format!("{} is made from this value on the way to the cluster: {how}", named(target));
                let help = "write the target itself; kubeopt then edits that line";
                return Err(Problem::new(codes::COMPUTED, text, help)
                    .at(site.file.as_str(), Some(site.line))
                    .with_excerpt(site.text.clone()));
            }
            Origin::Unmarked => return Err(not_in_git(&entry.path, target)),
        };
        let why = mark.refusal.clone().or_else(|| hidden(&mark.site, part.release.as_ref()?));
        let exists = |path: &RepoPath| self.tree.snapshot.has_file(path);
        match why {
            Some(why) => Err(why),
            None => guard_place_as(&mark.site.file, self.tree.role(&mark.site.file), &exists)
                .map(|()| mark.site.clone()),
        }
    }
}

/// ``the cpu target of HPA `web` ``
fn named(target: &RenderedTarget) -> String {
    format!("the {} target of HPA `{}`", target.resource, target.scaler)
}

fn not_in_git(entry: &RepoPath, target: &RenderedTarget) -> Problem {
    let text = format!("no line that kubeopt edits sets {} in {entry}", named(target));
    let help = "write it into the manifest of the HPA, a patch of the overlay or the values of the release";
    Problem::new(codes::NOT_IN_GIT, text, help)
}
