//! Workloads and their containers within YAML: what is set, where, and whether it is written there at all.
//!
//! Used on rendered output and on plain manifests alike. Aliases and merge keys are followed for reading, and
//! remembered, because what they give is not written at its place.

use kubeopt_model::source::RenderedWorkload;
use kubeopt_model::workload::ContainerRole;
use kubeopt_model::{ContainerName, Field, Namespace, ObjectName, WorkloadKind};

use crate::refusal::{Lines, Refusal, shortened};
use crate::stream::{Kind, NodeId, Stream};

/// Mappings that the merge keys of one mapping may lead to; more than three were never seen.
const MERGES_MAX: usize = 64;

/// Containers of one stream. Aliases make many out of little text; the largest clusters have some 10,000.
const CONTAINERS_MAX: usize = 100_000;

/// A container of a workload.
#[derive(Debug, Clone)]
pub(crate) struct PodContainer {
    /// The workload.
    pub(crate) workload: RenderedWorkload,
    /// Its name.
    pub(crate) name: ContainerName,
    /// What it is to its pod.
    pub(crate) role: ContainerRole,
    /// The container's mapping.
    spot: Spot,
}

/// A node, and by which detour it was reached, if any.
#[derive(Debug, Clone)]
pub(crate) struct Spot {
    /// The node, aliases followed.
    pub(crate) node: NodeId,
    /// The first alias or merge key on the way.
    pub(crate) detour: Option<Refusal>,
}

/// What cannot be read of a stream, with its line.
pub(crate) type Unread = (Refusal, usize);

/// All containers of all workloads of a stream, and what could not be read.
pub(crate) fn containers(stream: &Stream) -> (Vec<PodContainer>, Vec<Unread>) {
    let (mut found, mut unread) = (Vec::new(), Vec::new());
    for root in &stream.documents {
        for object in objects(stream, *root) {
            if let Err(refusal) = object_containers(stream, object, &mut found) {
                unread.push((refusal, stream.node(object).at.line));
                if found.len() >= CONTAINERS_MAX {
                    return (found, unread);
                }
            }
        }
    }
    (found, unread)
}

/// Whether a merge key of a mapping gives a key that the mapping itself does not have.
pub(crate) fn is_merged(stream: &Stream, mapping: NodeId, key: &str) -> bool {
    Spot { node: mapping, detour: None }.merged_key(stream, key).is_some()
}

impl PodContainer {
    /// The container's mapping.
    pub(crate) fn spot(&self) -> &Spot {
        &self.spot
    }

    /// The scalar that sets a field, if it is set.
    pub(crate) fn field(&self, stream: &Stream, field: Field) -> Option<Spot> {
        let spot = self
            .spot
            .key(stream, "resources")?
            .key(stream, field.bound_key())?
            .key(stream, field.resource_key())?;
        (!stream.is_null(spot.node)).then_some(spot)
    }
}

impl Spot {
    fn at(stream: &Stream, id: NodeId) -> Self {
        Self { node: id, detour: None }.entered(stream)
    }

    /// Follows the alias that stands here, if one does.
    fn entered(mut self, stream: &Stream) -> Self {
        let target = stream.resolved(self.node);
        if target != self.node {
            let users = Lines::of(&stream.node(target).users);
            self.detour.get_or_insert(Refusal::Shared { users });
            self.node = target;
        }
        self
    }

    /// The value of a key, in the mapping itself or through its merge keys.
    fn key(&self, stream: &Stream, key: &str) -> Option<Self> {
        match stream.get(self.node, key) {
            Some(node) => Some(Self { node, detour: self.detour.clone() }.entered(stream)),
            None => self.merged_key(stream, key),
        }
    }

    /// The first mapping among the merge keys that has the key gives it. Each mapping is looked at once, so that
    /// merges of merges cost no more than their text.
    fn merged_key(&self, stream: &Stream, key: &str) -> Option<Self> {
        let mut seen = vec![self.node];
        let mut open = merge_sources(stream, self.node);
        while let Some(source) = open.pop() {
            if seen.contains(&source) || seen.len() > MERGES_MAX {
                continue;
            }
            if let Some(node) = stream.get(source, key) {
                let detour = self.detour.clone().or(Some(Refusal::Merged));
                return Some(Self { node, detour }.entered(stream));
            }
            seen.push(source);
            open.extend(merge_sources(stream, source));
        }
        None
    }

    fn items<'s>(&'s self, stream: &'s Stream) -> impl Iterator<Item = Self> + 's {
        let enter = |id: &NodeId| Self { node: *id, detour: self.detour.clone() }.entered(stream);
        stream.items(self.node).iter().map(enter)
    }

    fn text<'s>(&self, stream: &'s Stream, key: &str) -> Option<&'s str> {
        self.key(stream, key).and_then(|spot| stream.scalar(spot.node))
    }
}

/// What the merge key of a mapping names, last first.
fn merge_sources(stream: &Stream, node: NodeId) -> Vec<NodeId> {
    let Some(merged) = stream.get(node, "<<") else { return Vec::new() };
    let mut sources = match &stream.node(stream.resolved(merged)).kind {
        Kind::Sequence(items) => items.iter().take(MERGES_MAX).map(|item| stream.resolved(*item)).collect(),
        Kind::Mapping(_) | Kind::Scalar(..) | Kind::Alias(_) => vec![stream.resolved(merged)],
    };
    sources.reverse();
    sources
}

/// The document itself, or the items of a list.
pub(crate) fn objects(stream: &Stream, root: NodeId) -> Vec<NodeId> {
    let is_list = stream.text(root, "kind").is_some_and(|kind| kind.ends_with("List"));
    match stream.get(root, "items") {
        Some(items) if is_list => stream.items(items).iter().map(|item| stream.resolved(*item)).collect(),
        Some(_) | None => vec![root],
    }
}

fn object_containers(stream: &Stream, object: NodeId, found: &mut Vec<PodContainer>) -> Result<(), Refusal> {
    let Some(kind) = workload_kind(stream, object) else { return Ok(()) };
    let Some(workload) = identity(stream, object, kind)? else { return Ok(()) };
    let mut pod = Spot::at(stream, object);
    for key in kind.pod_spec_path() {
        let Some(next) = pod.key(stream, key) else { return Ok(()) };
        pod = next;
    }
    for (list, is_init) in [("initContainers", true), ("containers", false)] {
        let Some(items) = pod.key(stream, list) else { continue };
        for spot in items.items(stream) {
            let name = spot.text(stream, "name").unwrap_or_default();
            let name = ContainerName::new(name)
                .map_err(|invalid| Refusal::Invalid { reason: shortened(&invalid.to_string()) })?;
            let role = match (is_init, spot.text(stream, "restartPolicy")) {
                (true, Some("Always")) => ContainerRole::Sidecar,
                (true, _) => ContainerRole::Init,
                (false, _) => ContainerRole::Main,
            };
            if found.len() >= CONTAINERS_MAX {
                return Err(Refusal::Limit { what: "containers", limit: CONTAINERS_MAX });
            }
            found.push(PodContainer { workload: workload.clone(), name, role, spot });
        }
    }
    Ok(())
}

/// The kind, if it is one that is sized, in the API group that it belongs to.
pub(crate) fn workload_kind(stream: &Stream, object: NodeId) -> Option<WorkloadKind> {
    let kind = stream.text(object, "kind")?;
    let (group, _) = stream.text(object, "apiVersion")?.split_once('/')?;
    WorkloadKind::ALL.into_iter().find(|known| known.as_str() == kind && known.api_group() == group)
}

/// Kind, namespace and name; none for an object that gets its name from the API server.
pub(crate) fn identity(
    stream: &Stream,
    object: NodeId,
    kind: WorkloadKind,
) -> Result<Option<RenderedWorkload>, Refusal> {
    let invalid = |reason: String| Refusal::Invalid { reason: shortened(&reason) };
    let metadata = stream.get(object, "metadata").ok_or_else(|| invalid("it has no metadata".to_owned()))?;
    let Some(name) = stream.text(metadata, "name") else {
        return match stream.text(metadata, "generateName") {
            Some(_) => Ok(None),
            None => Err(invalid("it has no name".to_owned())),
        };
    };
    let name = ObjectName::new(name).map_err(|error| invalid(error.to_string()))?;
    let is_null = stream.get(metadata, "namespace").is_some_and(|node| stream.is_null(node));
    let namespace = match stream.text(metadata, "namespace").filter(|_| !is_null) {
        Some("") | None => None,
        Some(text) => Some(Namespace::new(text).map_err(|error| invalid(error.to_string()))?),
    };
    Ok(Some(RenderedWorkload { kind, namespace, name }))
}
