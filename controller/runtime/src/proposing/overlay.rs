//! Overlays as places for patches: which entry points can have one of their own, in which file it stands, and what it has
//! to name so that kustomize finds the container.
//!
//! Reads the files of a commit. Whether a patch is wanted is the business of [`super::shared_base`].

use std::cell::RefCell;
use std::collections::BTreeMap;

use kubeopt_gitops::Snapshot;
use kubeopt_gitops::nesting::check_nesting;
use kubeopt_manifest::{
    ContainerPatch, DescribedContainer, FILE_NAMES, FileRole, guard_file, guard_place, read_sites, slots,
    workloads,
};
use kubeopt_model::recommendation::SitePatch;
use kubeopt_model::source::{RenderedWorkload, RendererKind};
use kubeopt_model::{EditSite, Field, FileSet, RepoPath, RepositoryId};
use serde::Deserialize as _;
use serde_yaml::Value;

use crate::tracing::{EntryTrace, RepositoryTrace};

/// The file of a patch that is new, in the folder of the kustomization that names it.
pub(crate) const PATCH_FILE: &str = "kubeopt-resources.yaml";

/// An entry point that can have a patch of its own.
#[derive(Debug)]
pub(crate) struct Overlay<'t> {
    trace: &'t RepositoryTrace,
    folder: &'t RepoPath,
    /// Its kustomization.
    pub(crate) kustomization: RepoPath,
}

/// A folder of a branch.
type Folder = (RepositoryId, String, RepoPath);

/// Overlays that were looked for. A base may feed hundreds, and each of them asks for all the others.
#[derive(Debug, Default)]
pub(crate) struct Overlays {
    /// The kustomization of each, or why it can have no patch of its own.
    known: RefCell<BTreeMap<Folder, Result<RepoPath, String>>>,
}

impl Overlays {
    /// Looks whether an entry point is a folder with a kustomization that nobody else reads.
    ///
    /// # Errors
    /// Why it can have no patch of its own, as a sentence without its subject: `is rendered as helm`.
    pub(crate) fn find<'t>(
        &self,
        trace: &'t RepositoryTrace,
        folder: &'t RepoPath,
    ) -> Result<Overlay<'t>, String> {
        let snapshot = &trace.snapshot;
        let key = (snapshot.repository.clone(), snapshot.branch.clone(), folder.clone());
        let mut known = self.known.borrow_mut();
        let kustomization = known.entry(key).or_insert_with(|| own_kustomization(trace, folder)).clone()?;
        Ok(Overlay { trace, folder, kustomization })
    }
}

fn own_kustomization(trace: &RepositoryTrace, folder: &RepoPath) -> Result<RepoPath, String> {
    let entries = || trace.entries.values().flatten();
    let own: Vec<&EntryTrace> = entries().filter(|entry| entry.entry.path == *folder).collect();
    if let Some(other) = own.iter().find(|entry| entry.entry.renderer != RendererKind::Kustomize) {
        return Err(format!("is rendered as {}", other.entry.renderer));
    }
    let mut names = FILE_NAMES.iter().filter_map(|name| folder.join(name).ok());
    let kustomization = names.find(|path| trace.snapshot.has_file(path));
    let Some(kustomization) = kustomization.filter(|_| !own.is_empty()) else {
        return Err("has no kustomization of its own".to_owned());
    };
    let is_outer = |entry: &&EntryTrace| entry.entry.path != *folder && entry.files.contains(&kustomization);
    match entries().find(is_outer) {
        Some(outer) => Err(format!("is a part of {}", outer.entry.path)),
        None => Ok(kustomization),
    }
}

impl Overlay<'_> {
    /// The file that a patch on a workload goes to: one that the kustomization names for this workload and that nobody else
    /// reads, else a file of kubeopt's own.
    ///
    /// # Errors
    /// Why nothing may be written there, as a sentence without its subject.
    pub(crate) fn file_for(&self, workload: &RenderedWorkload) -> Result<RepoPath, String> {
        let snapshot = &self.trace.snapshot;
        let exists = |path: &RepoPath| snapshot.has_file(path);
        let own = self.folder.join(PATCH_FILE).map_err(|invalid| invalid.to_string())?;
        guard_place(&own, &exists).map_err(|problem| format!("is never edited: {}", problem.text))?;
        let named = named_patches(snapshot, self.folder, &self.kustomization);
        let is_fit = |path: &RepoPath| {
            path.is_within(self.folder)
                && !self.is_read_elsewhere(path)
                && guard_place(path, &exists).is_ok()
                && patches(snapshot, path, workload)
        };
        // Later patches of the list win, so the last one is where a value stays.
        Ok(named.into_iter().rev().find(is_fit).unwrap_or(own))
    }

    fn is_read_elsewhere(&self, path: &RepoPath) -> bool {
        let mut others =
            self.trace.entries.values().flatten().filter(|entry| entry.entry.path != *self.folder);
        others.any(|entry| entry.files.contains(path))
    }
}

/// The container that a file describes where it sets, or could set, a field; none where it is none of a workload or patch.
pub(crate) fn described(snapshot: &Snapshot, site: &EditSite, field: Field) -> Option<DescribedContainer> {
    let bytes = snapshot.read(&site.file).ok().flatten()?;
    let is_it = |other: &EditSite| (other.document, &other.path) == (site.document, &site.path);
    if !site.is_absent() {
        let sites = read_sites(&site.file, &bytes).ok()?;
        let read =
            sites.into_iter().find(|read| read.field == field && read.site.as_ref().is_ok_and(is_it))?;
        return Some(DescribedContainer { workload: read.workload, container: read.container });
    }
    let files = FileSet::from([(site.file.clone(), bytes)]);
    let open = slots(&files, &|_| FileRole::Manifest).open;
    open.into_iter().find(|slot| slot.field == field && is_it(&slot.site))?.of
}

/// What a patch file comes to say of containers, for [`kubeopt_manifest::extend_patch`]. Where the file does not have all
/// of them yet, every container of their lists is named, so that each keeps its place.
pub(crate) fn container_patches(patches: &[&SitePatch], bytes: &[u8]) -> Vec<ContainerPatch> {
    let there = workloads(bytes).map(|read| read.containers).unwrap_or_default();
    let is_there = |patch: &&SitePatch| {
        there.iter().any(|known| (&known.workload, &known.container) == (&patch.workload, &patch.container))
    };
    let of_all = !patches.iter().all(is_there);
    let mut found: Vec<ContainerPatch> = Vec::new();
    for patch in patches {
        for container in patch.list.iter().filter(|name| of_all || **name == patch.container) {
            let is_it =
                |known: &ContainerPatch| (&known.workload, &known.container) == (&patch.workload, container);
            if !found.iter().any(is_it) {
                found.push(ContainerPatch {
                    workload: patch.workload.clone(),
                    container: container.clone(),
                    role: patch.role,
                    fields: BTreeMap::new(),
                });
            }
            let own = found.iter_mut().find(|known| is_it(known) && patch.container == *container);
            if let (Some(own), Some(after)) = (own, patch.value.after) {
                own.fields.insert(patch.field, after);
            }
        }
    }
    found
}

/// How a kustomization names a file in its folder or below it.
pub(crate) fn beside(kustomization: &RepoPath, file: &RepoPath) -> String {
    let folder = kustomization.parent().unwrap_or_default();
    let below = file.as_str().strip_prefix(folder.as_str()).unwrap_or(file.as_str());
    below.trim_start_matches('/').to_owned()
}

/// Files of strategic merge patches that a kustomization names, in its order. One with a target is left out: it is for
/// whatever the target means, not for the workload that it names.
fn named_patches(snapshot: &Snapshot, folder: &RepoPath, kustomization: &RepoPath) -> Vec<RepoPath> {
    let Some(read) = documents(snapshot, kustomization).into_iter().next() else { return Vec::new() };
    let list = |key: &str| read.get(key).and_then(Value::as_sequence).cloned().unwrap_or_default();
    let path = |item: &Value| match item.get("target") {
        None => item.get("path").and_then(Value::as_str).map(str::to_owned),
        Some(_) => None,
    };
    let older: Vec<Value> = list("patchesStrategicMerge");
    let older = older.iter().filter_map(Value::as_str).map(str::to_owned);
    let newer: Vec<String> = list("patches").iter().filter_map(path).collect();
    // Text of more than one line is a patch itself.
    let names = older.chain(newer).filter(|name| !name.contains('\n'));
    names.filter_map(|name| folder.join(&name).ok()).collect()
}

/// Whether a file that may be edited is a patch on the workload.
fn patches(snapshot: &Snapshot, path: &RepoPath, workload: &RenderedWorkload) -> bool {
    let may_be_edited = |bytes: Vec<u8>| guard_file(path, &bytes).is_ok();
    if !snapshot.read(path).ok().flatten().is_some_and(may_be_edited) {
        return false;
    }
    documents(snapshot, path).iter().any(|document| {
        let name = |key: &str| document.get("metadata").and_then(|metadata| metadata.get(key)?.as_str());
        document.get("kind").and_then(Value::as_str) == Some(workload.kind.as_str())
            && name("name") == Some(workload.name.as_str())
            && name("namespace") == workload.namespace.as_ref().map(|namespace| namespace.as_str())
    })
}

/// The documents of a file; none where one of them cannot be read.
fn documents(snapshot: &Snapshot, path: &RepoPath) -> Vec<Value> {
    let text = snapshot.read(path).ok().flatten().and_then(|bytes| String::from_utf8(bytes).ok());
    let Some(text) = text.filter(|text| check_nesting(text).is_ok()) else { return Vec::new() };
    let documents = serde_yaml::Deserializer::from_str(&text).map(Value::deserialize);
    documents.collect::<Result<Vec<_>, _>>().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use kubeopt_manifest::extend_patch;
    use kubeopt_model::{Amount, Change, ContainerName, ContainerRole, FieldPath, ObjectName, WorkloadKind};

    use super::*;

    fn path(text: &str) -> RepoPath {
        RepoPath::new(text).unwrap()
    }

    fn patch(container: &str, field: Field, after: &str) -> SitePatch {
        let name = |name: &str| ContainerName::new(name).unwrap();
        let (file, path_in_file) = (path("base/web.yaml"), FieldPath::default());
        SitePatch {
            field,
            base: EditSite { file, line: 1, document: 1, path: path_in_file, text: String::new() },
            value: Change { before: None, after: Some(Amount::parse(field.resource, after).unwrap()) },
            feeds: vec![path("overlays/eu"), path("overlays/us")],
            overlay: path("overlays/eu"),
            kustomization: path("overlays/eu/kustomization.yaml"),
            file: path("overlays/eu/p.yaml"),
            workload: RenderedWorkload {
                kind: WorkloadKind::Deployment,
                namespace: None,
                name: ObjectName::new("web").unwrap(),
            },
            container: name(container),
            role: ContainerRole::Main,
            list: vec![name("proxy"), name("web")],
            containers: Vec::new(),
        }
    }

    #[test]
    fn a_new_patch_names_all_containers_of_the_list_in_its_order() {
        let (cpu, memory) =
            (patch("web", Field::CPU_REQUEST, "310m"), patch("web", Field::MEMORY_REQUEST, "1Gi"));
        let wanted = container_patches(&[&cpu, &memory], b"");
        let text = extend_patch(&cpu.file, b"", &wanted).unwrap();
        let list = "      - name: proxy\n      - name: web\n        resources:\n          requests:\n            cpu: 310m\n            memory: 1Gi\n";
        let text = String::from_utf8(text).unwrap();
        assert!(text.ends_with(list), "{text}");
        let again = container_patches(&[&cpu], text.as_bytes());
        assert_eq!(again.len(), 1, "what the file names keeps its place");
        assert_eq!(extend_patch(&cpu.file, text.as_bytes(), &again), Ok(text.into_bytes()));
    }

    #[test]
    fn files_are_named_from_the_folder_of_the_kustomization() {
        for (kustomization, file, name) in [
            ("overlays/eu/kustomization.yaml", "overlays/eu/p.yaml", "p.yaml"),
            ("overlays/eu/kustomization.yaml", "overlays/eu/patches/p.yaml", "patches/p.yaml"),
            ("kustomization.yaml", "p.yaml", "p.yaml"),
        ] {
            assert_eq!(beside(&path(kustomization), &path(file)), name);
        }
    }
}
