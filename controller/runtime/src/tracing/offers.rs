//! What charts of releases offer: resources that a template takes and no file of the repository sets.

use std::collections::BTreeSet;

use kubeopt_manifest::{Slot, offered, slots_at};
use kubeopt_model::{Release, RepoPath};

use super::at_hand::described_releases;
use super::entry_point::EntryPoint;
use super::layers::{is_set, layers};
use super::rendering::{Tools, render_request};
use super::tree::Tree;
use super::view::View;

/// Where the charts of an entry point's releases take resources that no file of the repository sets. `marked` shows the
/// files as they are rendered next, with marks.
pub(crate) async fn offered_slots(
    tree: &Tree<'_>,
    entry: &EntryPoint,
    reads: &BTreeSet<RepoPath>,
    marked: &View<'_>,
    tools: Tools<'_>,
) -> Vec<Slot> {
    let held = [&tree.held];
    let as_is = View::new(tree.snapshot, &held);
    let mut slots = Vec::new();
    for release in releases_of(tree, entry, reads, marked, tools).await {
        let release = tools.origins.settled(release, as_is.repository());
        let Ok(chart) = tools.charts.find(&release.chart, &as_is, tools.origins).await else { continue };
        let folder = chart.in_git.then_some(&chart.folder);
        let layers = layers(&release, reads, &entry.path, folder, &as_is);
        let Some((highest, bytes)) =
            layers.first().and_then(|layer| Some((layer, marked.bytes(&layer.file)?)))
        else {
            continue;
        };
        let paths = offered(&chart.files, &chart.folder);
        // A layer that cannot take keys, such as an encrypted one, is no place for a value.
        let open =
            slots_at(&highest.file, &bytes, highest.document, &highest.root, &paths).unwrap_or_default();
        let below = highest.root.0.len();
        slots.extend(
            open.into_iter().filter(|slot| {
                !is_set(slot.site.path.0.get(below..).unwrap_or_default(), &layers[1..], &as_is)
            }),
        );
    }
    // Applications of one set have one place for their values.
    let mut seen = BTreeSet::new();
    slots.retain(|slot: &Slot| seen.insert(slot.clone()));
    slots
}

/// The releases that an entry point renders to.
async fn releases_of(
    tree: &Tree<'_>,
    entry: &EntryPoint,
    reads: &BTreeSet<RepoPath>,
    view: &View<'_>,
    tools: Tools<'_>,
) -> Vec<Release> {
    if let Some(release) = &entry.release {
        return vec![release.clone()];
    }
    if !may_hold_releases(tree, reads) {
        return Vec::new();
    }
    // The same files are rendered next, unless something is offered in them: then the renderer remembers this. What
    // cannot be rendered is told there.
    let rendered = tools.renderer.render(&render_request(entry, view.files(reads))).await;
    let described = |yaml: &[u8]| described_releases(yaml, view, tools.origins, &mut BTreeSet::new()).0;
    rendered.map(|rendered| described(&rendered.output)).unwrap_or_default()
}

/// Whether a text says the kind of an object that describes releases.
fn may_hold_releases(tree: &Tree<'_>, reads: &BTreeSet<RepoPath>) -> bool {
    let says = |bytes: &Vec<u8>| {
        let text = String::from_utf8_lossy(bytes);
        text.contains("HelmRelease") || text.contains("argoproj.io/")
    };
    reads.iter().filter_map(|path| tree.held.get(path)).any(says)
}
