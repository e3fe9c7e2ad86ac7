//! Patch files of overlays: strategic merge patches that set the resources of containers, made and extended.
//!
//! Whether a patch is wanted, and where, is decided elsewhere; [`crate::register_patch`] makes kustomize read it.

use std::collections::BTreeMap;

use kubeopt_model::source::RenderedWorkload;
use kubeopt_model::{
    Amount, ContainerName, ContainerRole, EditSite, Field, FieldEdit, FieldPath, Problem, RepoPath, Step,
    WorkloadKind,
};
use yaml_rust2::parser::Event;

use crate::create::{Creation, added, create};
use crate::create_apply::{applied, unproven};
use crate::create_extent::line_end;
use crate::create_fresh::{Fresh, Style};
use crate::create_place::{Spot, not_created};
use crate::create_style::{of_document, of_nothing};
use crate::edit::edit;
use crate::guard::guard_file;
use crate::pods::{identity, workload_kind};
use crate::refusal::Refusal;
use crate::stream::{NodeId, Stream};
use crate::text::Splice;
use crate::yaml_text::YamlText;

/// What one container shall have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPatch {
    /// The workload, as the patched document names it: with a namespace only if that has one.
    pub workload: RenderedWorkload,
    /// The container.
    pub container: ContainerName,
    /// In which list of the pod it stands.
    pub role: ContainerRole,
    /// The fields; none for a container that is named only to keep its place.
    pub fields: BTreeMap<Field, Amount>,
}

/// The text of a patch file: one document for each workload, sorted by kind, namespace and name; containers in the
/// order given. kustomize puts the containers that a patch names before all others (measured with 5.5), so name every
/// container of the list, in its order, those without fields too. More than one workload needs kustomize 5 or newer, unless the file stands under
/// `patchesStrategicMerge`.
///
/// # Errors
/// When two patches of one field contradict each other, and for Rollouts: kustomize does not know that their containers
/// are merged by name and would replace them all.
pub fn patch_text(patches: &[ContainerPatch]) -> Result<String, Problem> {
    let documents = documents(patches).map_err(|refusal| refusal.problem())?;
    let style = of_nothing();
    let texts = documents.values().map(|document| document_text(document, &style, "\n"));
    Ok(texts.collect::<Vec<_>>().join("---\n"))
}

/// Puts what is not there yet into a patch file, and sets what has another amount: fields, containers, workloads, each
/// in the style of the file. Containers are added behind those that are there. All other bytes stay.
///
/// # Errors
/// As [`patch_text`], and when the file is never edited or a place in it cannot be written to.
pub fn extend_patch(path: &RepoPath, bytes: &[u8], patches: &[ContainerPatch]) -> Result<Vec<u8>, Problem> {
    guard_file(path, bytes)?;
    documents(patches).map_err(|refusal| refusal.of_file(path))?;
    let bytes = with_fields(path, bytes, patches)?;
    let bytes = with_containers(path, bytes, patches)?;
    with_workloads(path, bytes, patches)
}

fn read<'b>(path: &RepoPath, bytes: &'b [u8]) -> Result<YamlText<'b>, Problem> {
    YamlText::read(bytes).map_err(|unreadable| unreadable.refusal.at(path, unreadable.line, ""))
}

/// Each workload's document.
fn documents(patches: &[ContainerPatch]) -> Result<BTreeMap<&RenderedWorkload, Fresh>, Refusal> {
    let mut lists: BTreeMap<&RenderedWorkload, Vec<&ContainerPatch>> = BTreeMap::new();
    for patch in patches {
        if patch.workload.kind == WorkloadKind::Rollout {
            return Err(not_created(
                "kustomize would replace all containers of a Rollout, not merge them by name",
            ));
        }
        lists.entry(&patch.workload).or_default().push(patch);
    }
    lists.into_iter().map(|(workload, patches)| Ok((workload, document(workload, &patches)?))).collect()
}

fn document(workload: &RenderedWorkload, patches: &[&ContainerPatch]) -> Result<Fresh, Refusal> {
    let name = |text: &str| Fresh::Name(text.to_owned());
    let mut metadata = vec![("name".to_owned(), name(workload.name.as_str()))];
    if let Some(namespace) = &workload.namespace {
        metadata.push(("namespace".to_owned(), name(namespace.as_str())));
    }
    let mut pod = Vec::new();
    for key in ["initContainers", "containers"] {
        let items = containers(patches.iter().copied().filter(|patch| list_key(patch.role) == key))?;
        if !items.is_empty() {
            pod.push((key.to_owned(), Fresh::List(items)));
        }
    }
    let path = workload.kind.pod_spec_path();
    let nested =
        path.iter().rev().fold(Fresh::Map(pod), |node, key| Fresh::Map(vec![((*key).to_owned(), node)]));
    let mut entries = vec![
        ("apiVersion".to_owned(), name(api_version(workload.kind))),
        ("kind".to_owned(), name(workload.kind.as_str())),
        ("metadata".to_owned(), Fresh::Map(metadata)),
    ];
    if let Fresh::Map(spec) = nested {
        entries.extend(spec);
    }
    Ok(Fresh::Map(entries))
}

/// Items of a list of containers, each container once.
fn containers<'p>(patches: impl Iterator<Item = &'p ContainerPatch>) -> Result<Vec<Fresh>, Refusal> {
    let mut found: Vec<(&ContainerName, Fresh)> = Vec::new();
    for patch in patches {
        let resources = resources(patch)?;
        match found.iter_mut().find(|(known, _)| **known == patch.container) {
            Some((_, known)) => known.join(resources)?,
            None => found.push((&patch.container, resources)),
        }
    }
    let item = |(container, mut resources): (&ContainerName, Fresh)| {
        resources.sort(false);
        let mut entries = vec![("name".to_owned(), Fresh::Name(container.as_str().to_owned()))];
        if resources != Fresh::Map(Vec::new()) {
            entries.push(("resources".to_owned(), resources));
        }
        Fresh::Map(entries)
    };
    Ok(found.into_iter().map(item).collect())
}

fn resources(patch: &ContainerPatch) -> Result<Fresh, Refusal> {
    let mut all = Fresh::Map(Vec::new());
    for (field, amount) in &patch.fields {
        let value = Fresh::Map(vec![(field.resource_key().to_owned(), Fresh::Value(amount.to_string()))]);
        all.join(Fresh::Map(vec![(field.bound_key().to_owned(), value)]))?;
    }
    Ok(all)
}

fn list_key(role: ContainerRole) -> &'static str {
    match role {
        ContainerRole::Main => "containers",
        ContainerRole::Init | ContainerRole::Sidecar => "initContainers",
    }
}

fn api_version(kind: WorkloadKind) -> &'static str {
    match kind {
        WorkloadKind::Deployment | WorkloadKind::StatefulSet | WorkloadKind::DaemonSet => "apps/v1",
        WorkloadKind::Job | WorkloadKind::CronJob => "batch/v1",
        WorkloadKind::Rollout => "argoproj.io/v1alpha1",
    }
}

fn document_text(document: &Fresh, style: &Style, eol: &str) -> String {
    document.lines(0, style).iter().flat_map(|line| [line.as_str(), eol]).collect()
}

/// The document of a workload (from 1), if the file has it.
fn document_of(stream: &Stream, workload: &RenderedWorkload) -> Option<usize> {
    let is_it = |root: &NodeId| {
        let kind = workload_kind(stream, *root)?;
        identity(stream, *root, kind).ok()?.filter(|found| found == workload)
    };
    stream.documents.iter().position(|root| is_it(root).is_some()).map(|at| at + 1)
}

/// The path of the list that a container stands in.
fn list_path(patch: &ContainerPatch) -> Vec<Step> {
    let keys = patch.workload.kind.pod_spec_path().iter().copied();
    keys.chain([list_key(patch.role)]).map(Step::from).collect()
}

fn follow(stream: &Stream, document: usize, path: &[Step]) -> Option<NodeId> {
    let mut node = *stream.documents.get(document.checked_sub(1)?)?;
    for step in path {
        node = match step {
            Step::Key(key) => stream.get(node, key)?,
            Step::Index(index) => *stream.items(node).get(*index)?,
        };
    }
    Some(node)
}

/// Document and path of a container that the file has.
fn container_path(stream: &Stream, patch: &ContainerPatch) -> Option<(usize, Vec<Step>)> {
    let document = document_of(stream, &patch.workload)?;
    let mut path = list_path(patch);
    let items = stream.items(follow(stream, document, &path)?);
    let at = items.iter().position(|item| stream.text(*item, "name") == Some(patch.container.as_str()))?;
    path.push(Step::Index(at));
    Some((document, path))
}

/// Fields of containers that are there: edited where they are set, else created.
fn with_fields(path: &RepoPath, bytes: &[u8], patches: &[ContainerPatch]) -> Result<Vec<u8>, Problem> {
    let yaml = read(path, bytes)?;
    let (mut edits, mut creations) = (Vec::new(), Vec::new());
    for patch in patches {
        let Some((document, container)) = container_path(&yaml.stream, patch) else { continue };
        for (field, amount) in &patch.fields {
            let keys = ["resources", field.bound_key(), field.resource_key()].map(Step::from);
            let steps: Vec<Step> = container.iter().cloned().chain(keys).collect();
            let node = follow(&yaml.stream, document, &steps).filter(|node| !yaml.stream.is_null(*node));
            let line = node.map_or(1, |node| yaml.stream.node(node).at.line);
            let text = node.and_then(|node| yaml.stream.scalar(node)).unwrap_or_default().to_owned();
            let site = EditSite { file: path.clone(), line, document, path: FieldPath(steps), text };
            match node {
                Some(_) => edits.push(FieldEdit { site, after: *amount }),
                None => creations.push(Creation { site, after: *amount }),
            }
        }
    }
    let edited = edit(path, bytes, &edits)?;
    create(path, &edited, &creations)
}

/// Containers that are not there, in the documents of workloads that are.
fn with_containers(
    path: &RepoPath,
    mut bytes: Vec<u8>,
    patches: &[ContainerPatch],
) -> Result<Vec<u8>, Problem> {
    for patch in patches {
        let yaml = read(path, &bytes)?;
        let Some(document) = document_of(&yaml.stream, &patch.workload) else { continue };
        if container_path(&yaml.stream, patch).is_some() {
            continue;
        }
        let same = patches.iter().filter(|other| {
            (&other.workload, &other.container, other.role) == (&patch.workload, &patch.container, patch.role)
        });
        let after = containers(same).and_then(|items| with_items(&yaml, document, &list_path(patch), items));
        bytes = after.map_err(|refusal| refusal.of_file(path))?;
    }
    Ok(bytes)
}

fn with_items(
    yaml: &YamlText<'_>,
    document: usize,
    list: &[Step],
    items: Vec<Fresh>,
) -> Result<Vec<u8>, Refusal> {
    let count = follow(&yaml.stream, document, list).map_or(0, |list| yaml.stream.items(list).len());
    let path: Vec<Step> = list.iter().cloned().chain([Step::Index(count)]).collect();
    let planned = added(yaml, document, &path, |place| {
        let missing = match place.spot {
            Spot::Mapping(_) | Spot::Null(_) | Spot::Blank => list.get(place.existing..).unwrap_or_default(),
            Spot::Sequence(_) | Spot::Hosted(_) => &[],
        };
        missing.iter().rev().fold(Fresh::List(items), |node, step| match step {
            Step::Key(key) => Fresh::Map(vec![(key.clone(), node)]),
            Step::Index(_) => node,
        })
    })?;
    applied(yaml, &planned).map(|(bytes, _)| bytes)
}

/// Workloads that are not there: documents at the end of the file.
fn with_workloads(path: &RepoPath, bytes: Vec<u8>, patches: &[ContainerPatch]) -> Result<Vec<u8>, Problem> {
    let yaml = read(path, &bytes)?;
    let missing: Vec<ContainerPatch> = patches
        .iter()
        .filter(|patch| document_of(&yaml.stream, &patch.workload).is_none())
        .cloned()
        .collect();
    if missing.is_empty() {
        return Ok(bytes);
    }
    let documents = documents(&missing).map_err(|refusal| refusal.of_file(path))?;
    with_documents(&yaml, &documents).map_err(|refusal| refusal.of_file(path))
}

fn with_documents(
    yaml: &YamlText<'_>,
    documents: &BTreeMap<&RenderedWorkload, Fresh>,
) -> Result<Vec<u8>, Refusal> {
    let (stream, body) = (&yaml.stream, &yaml.text.body);
    let roots: Vec<NodeId> = stream.documents.iter().copied().filter(|root| !stream.is_null(*root)).collect();
    if roots.len() < stream.documents.len() {
        return Err(not_created("a document of the file is empty"));
    }
    let style = roots.last().map_or(of_nothing(), |root| of_document(yaml, *root));
    let eol = line_end(&yaml.text, 1);
    let is_open = !body.is_empty() && !body.ends_with(['\r', '\n']);
    let mut with = if is_open { eol.to_owned() } else { String::new() };
    let mut events = stream.events.clone();
    events.pop();
    for (at, document) in documents.values().enumerate() {
        if at > 0 || !roots.is_empty() {
            with.push_str("---");
            with.push_str(eol);
        }
        with.push_str(&document_text(document, &style, eol));
        events.push(Event::DocumentStart);
        events.extend(document.events(&style));
        events.push(Event::DocumentEnd);
    }
    events.push(Event::StreamEnd);
    let bytes = yaml.text.spliced(&[Splice { span: body.len()..body.len(), with }]);
    let after = YamlText::read(&bytes).map_err(|unreadable| unproven(&unreadable.refusal.to_string()))?;
    if after.stream.events == events {
        Ok(bytes)
    } else {
        Err(unproven("more than the documents would come"))
    }
}
