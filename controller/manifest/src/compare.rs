//! The proof: two renderings differ in resource fields of containers, in targets of autoscalers, and in nothing else.
//!
//! Works on nodes, so comments, quotes and the order of keys do not count; the order of documents and items does.
//! Knows neither the proposal nor the renderer.

use std::collections::BTreeMap;

use kubeopt_model::source::RenderedWorkload;
use kubeopt_model::{
    Amount, Change, ChangedField, ChangedTarget, ContainerName, Field, FieldPath, Problem, Step,
};
use yaml_rust2::Yaml;
use yaml_rust2::scanner::TScalarStyle;

use crate::pods::{identity, workload_kind};
use crate::refusal::{Refusal, shortened};
use crate::rendered::RENDERED_FILE;
use crate::scalers::Scaled;
use crate::stream::{Kind, NodeId, Stream};
use crate::target_key::percent;
use crate::text::Text;

/// Nodes that one comparison visits. Aliases are followed, so a small text could name very many.
const VISITS_MAX: usize = 8_000_000;

/// Levels that are compared, aliases included; the reader allows 100 without them.
const LEVELS_MAX: usize = 200;

/// Compares two renderings of one entry point and returns the resource fields that differ, sorted. A field that says
/// the same amount in another notation does not differ.
///
/// # Errors
/// When one cannot be read, or when anything else differs: a document or item that was added, removed or moved,
/// another value, a quantity that is none. The problem names the first such difference.
pub fn compare(before: &[u8], after: &[u8]) -> Result<Vec<ChangedField>, Problem> {
    let Differences { fields, targets } = compare_all(before, after)?;
    match targets.first() {
        None => Ok(fields),
        Some(ChangedTarget { scaler, percent, .. }) => {
            let Change { before, after } = percent;
            Err(other(format!("the target of {scaler} was {before} % and is {after} %")).problem())
        }
    }
}

/// What may differ between two renderings of one entry point; both lists are sorted.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Differences {
    /// Resource fields of containers.
    pub fields: Vec<ChangedField>,
    /// Targets of HorizontalPodAutoscalers that are a share of a request.
    pub targets: Vec<ChangedTarget>,
}

/// As [`compare`], with targets of HorizontalPodAutoscalers among what may differ.
///
/// # Errors
/// As [`compare`].
pub fn compare_all(before: &[u8], after: &[u8]) -> Result<Differences, Problem> {
    let (before, after) = (read(before, "before")?, read(after, "after")?);
    let found = Differences::default();
    let mut comparison = Comparison { before: &before, after: &after, visits: 0, found };
    comparison.streams().map_err(|refusal| refusal.problem())?;
    let mut found = comparison.found;
    found.fields.sort();
    found.targets.sort();
    Ok(found)
}

fn read(bytes: &[u8], which: &'static str) -> Result<Stream, Problem> {
    let text = Text::read(bytes).map_err(|refusal| refusal.problem())?;
    Stream::read(&text.body).map_err(|unreadable| {
        unreadable.refusal.problem().at(format!("{RENDERED_FILE} ({which})"), Some(unreadable.line))
    })
}

/// The object that is being compared, for paths and messages.
struct Object {
    /// As messages name it.
    name: String,
    /// The document or list item, on both sides.
    roots: (NodeId, NodeId),
    workload: Option<RenderedWorkload>,
    /// What it says before, if it is an autoscaler.
    scaled: Option<Scaled>,
}

struct Comparison<'s> {
    before: &'s Stream,
    after: &'s Stream,
    visits: usize,
    found: Differences,
}

impl Comparison<'_> {
    fn streams(&mut self) -> Result<(), Refusal> {
        let (before, after) = (documents(self.before), documents(self.after));
        for (before, after) in before.iter().zip(&after) {
            self.document(*before, *after)?;
        }
        if before.len() == after.len() {
            return Ok(());
        }
        Err(other(format!("there were {} documents and are {}", before.len(), after.len())))
    }

    fn document(&mut self, before: NodeId, after: NodeId) -> Result<(), Refusal> {
        let (name_before, name_after) = (object_name(self.before, before), object_name(self.after, after));
        if name_before != name_after {
            return Err(other(format!("where {name_before} was, {name_after} is")));
        }
        let (items_before, items_after) = (self.before.get(before, "items"), self.after.get(after, "items"));
        let is_list = self.before.text(before, "kind").is_some_and(|kind| kind.ends_with("List"));
        if let (true, Some(items_before), Some(items_after)) = (is_list, items_before, items_after) {
            let (items_before, items_after) =
                (self.before.items(items_before).to_vec(), self.after.items(items_after).to_vec());
            if items_before.len() != items_after.len() {
                return Err(other(format!("{name_before} has another number of items")));
            }
            for (before, after) in items_before.into_iter().zip(items_after) {
                self.object(before, after)?;
            }
        }
        self.object(before, after)
    }

    fn object(&mut self, before: NodeId, after: NodeId) -> Result<(), Refusal> {
        let workload = match workload_kind(self.before, before) {
            Some(kind) => identity(self.before, before, kind)?,
            None => None,
        };
        let name = object_name(self.before, before);
        if name != object_name(self.after, after) {
            return Err(other(format!("{name} became another object")));
        }
        let scaled = Scaled::of(self.before, before);
        let object = Object { name, roots: (before, after), workload, scaled };
        self.nodes(&object, &mut Vec::new(), Some(before), Some(after))
    }

    /// Compares what stands at one path; a missing mapping is compared as an empty one as far as resources go.
    fn nodes(
        &mut self,
        object: &Object,
        path: &mut Vec<Step>,
        before: Option<NodeId>,
        after: Option<NodeId>,
    ) -> Result<(), Refusal> {
        self.visits += 1;
        if self.visits > VISITS_MAX || path.len() > LEVELS_MAX {
            return Err(Refusal::Limit { what: "values to compare", limit: VISITS_MAX });
        }
        if self.is_item_of_list(object, path) {
            return Ok(());
        }
        // A chart may write `resources: null` where nothing is set.
        let says = |stream: &Stream, id: &NodeId| !(may_appear(path) && stream.is_null(*id));
        let (before, after) =
            (before.filter(|id| says(self.before, id)), after.filter(|id| says(self.after, id)));
        let (old, new) = (before.map(|id| kind(self.before, id)), after.map(|id| kind(self.after, id)));
        match (old, new) {
            (None, None) => Ok(()),
            (Some(Kind::Mapping(_)), Some(Kind::Mapping(_))) => self.mappings(object, path, before, after),
            (Some(Kind::Mapping(_)), None) | (None, Some(Kind::Mapping(_))) if may_appear(path) => {
                self.mappings(object, path, before, after)
            }
            (Some(Kind::Sequence(old)), Some(Kind::Sequence(new))) if old.len() == new.len() => {
                let pairs: Vec<_> = old.iter().copied().zip(new.iter().copied()).collect();
                for (at, (old, new)) in pairs.into_iter().enumerate() {
                    path.push(Step::Index(at));
                    self.nodes(object, path, Some(old), Some(new))?;
                    path.pop();
                }
                Ok(())
            }
            (Some(old), Some(new)) if same_scalar(old, new) => Ok(()),
            (_, _) => self.difference(object, path, before, after),
        }
    }

    /// The items of a list are compared as objects of their own.
    fn is_item_of_list(&self, object: &Object, path: &[Step]) -> bool {
        matches!(path, [Step::Key(key), Step::Index(_)] if key == "items")
            && self.before.text(object.roots.0, "kind").is_some_and(|kind| kind.ends_with("List"))
    }

    fn mappings(
        &mut self,
        object: &Object,
        path: &mut Vec<Step>,
        before: Option<NodeId>,
        after: Option<NodeId>,
    ) -> Result<(), Refusal> {
        let old = self.keyed(self.before, object, before)?;
        let new = self.keyed(self.after, object, after)?;
        let mut keys: Vec<&String> =
            old.keys().chain(new.keys().filter(|key| !old.contains_key(*key))).collect();
        keys.sort();
        for key in keys {
            path.push(Step::Key(key.clone()));
            self.nodes(object, path, old.get(key).copied(), new.get(key).copied())?;
            path.pop();
        }
        Ok(())
    }

    fn keyed(
        &self,
        stream: &Stream,
        object: &Object,
        id: Option<NodeId>,
    ) -> Result<BTreeMap<String, NodeId>, Refusal> {
        let mut keyed = BTreeMap::new();
        for (key, value) in id.map_or(&[][..], |id| stream.entries(id)) {
            let name = stream
                .scalar(*key)
                .ok_or_else(|| other(format!("{} has a key that is no text", object.name)))?;
            if keyed.insert(name.to_owned(), *value).is_some() {
                return Err(other(format!("{} has the key `{}` twice", object.name, shortened(name))));
            }
        }
        Ok(keyed)
    }

    fn difference(
        &mut self,
        object: &Object,
        path: &[Step],
        before: Option<NodeId>,
        after: Option<NodeId>,
    ) -> Result<(), Refusal> {
        let shown = |stream: &Stream, id: Option<NodeId>| match id {
            Some(id) => stream.scalar(id).map_or("a collection".to_owned(), shortened),
            None => "not set".to_owned(),
        };
        let (old, new) = (shown(self.before, before), shown(self.after, after));
        let place = shortened(&FieldPath(path.to_vec()).to_string());
        let unexpected = || other(format!("{}: {place} was {old} and is {new}", object.name));
        if let Some(target) = self.target(object, before, after) {
            self.found.targets.push(target);
            return Ok(());
        }
        let (workload, container, field) = self.container_field(object, path).ok_or_else(unexpected)?;
        let amount = |stream: &Stream, id: Option<NodeId>| match id {
            Some(id) if stream.is_null(id) => Ok(None),
            Some(id) => stream
                .scalar(id)
                .and_then(|text| Amount::parse(field.resource, text).ok())
                .map(Some)
                .ok_or_else(unexpected),
            None => Ok(None),
        };
        let value = Change { before: amount(self.before, before)?, after: amount(self.after, after)? };
        if !value.is_none() {
            self.found.fields.push(ChangedField { workload, container, field, value });
        }
        Ok(())
    }

    /// The target that two scalars are, if both are whole numbers.
    fn target(
        &self,
        object: &Object,
        before: Option<NodeId>,
        after: Option<NodeId>,
    ) -> Option<ChangedTarget> {
        let (scaled, before, after) = (object.scaled.as_ref()?, self.before.resolved(before?), after?);
        let (resource, _, text) = scaled.targets.iter().find(|(_, node, _)| *node == before)?;
        let percent = Change { before: percent(text)?, after: percent(self.after.scalar(after)?)? };
        let (scaler, workload) = (scaled.scaler.clone(), scaled.workload.clone());
        Some(ChangedTarget { scaler, workload, resource: *resource, percent })
    }

    /// The container and field that a path within a workload names.
    fn container_field(
        &self,
        object: &Object,
        path: &[Step],
    ) -> Option<(RenderedWorkload, ContainerName, Field)> {
        let workload = object.workload.clone()?;
        let [
            pod @ ..,
            Step::Key(list),
            Step::Index(at),
            Step::Key(resources),
            Step::Key(bound),
            Step::Key(resource),
        ] = path
        else {
            return None;
        };
        let expected = workload.kind.pod_spec_path();
        let is_pod = pod.len() == expected.len()
            && pod.iter().zip(expected).all(|(step, key)| matches!(step, Step::Key(name) if name == key));
        let is_list = matches!(list.as_str(), "containers" | "initContainers");
        if !(is_pod && is_list && resources == "resources") {
            return None;
        }
        let field =
            format!("{bound}.{resource}").parse::<Field>().ok().filter(|field| field.bound_key() == bound)?;
        let pod = expected.iter().try_fold(object.roots.1, |node, key| self.after.get(node, key))?;
        let container = *self.after.items(self.after.get(pod, list)?).get(*at)?;
        let name = ContainerName::new(self.after.text(container, "name")?).ok()?;
        Some((workload, name, field))
    }
}

fn other(difference: String) -> Refusal {
    Refusal::OtherDifference { difference }
}

fn kind(stream: &Stream, id: NodeId) -> &Kind {
    &stream.node(stream.resolved(id)).kind
}

/// `resources`, `requests` and `limits` may be missing on one side, with all that they hold.
fn may_appear(path: &[Step]) -> bool {
    matches!(path, [.., Step::Key(key)] if matches!(key.as_str(), "resources" | "requests" | "limits"))
}

/// Documents that say something.
fn documents(stream: &Stream) -> Vec<NodeId> {
    stream.documents.iter().copied().filter(|root| !stream.is_null(*root)).collect()
}

/// Kind, namespace and name as messages show them.
fn object_name(stream: &Stream, root: NodeId) -> String {
    let metadata = stream.get(root, "metadata");
    let of = |key: &str| metadata.and_then(|metadata| stream.text(metadata, key)).map(shortened);
    let kind = shortened(stream.text(root, "kind").unwrap_or("an object without kind"));
    let version = shortened(stream.text(root, "apiVersion").unwrap_or_default());
    let name = of("name").or_else(|| of("generateName")).unwrap_or_default();
    match of("namespace") {
        Some(namespace) => format!("{version} {kind} {namespace}/{name}"),
        None => format!("{version} {kind} {name}"),
    }
}

/// Equal as the API server reads them: `"1"` is a text and `1` is a number.
fn same_scalar(before: &Kind, after: &Kind) -> bool {
    let (Kind::Scalar(old, old_style), Kind::Scalar(new, new_style)) = (before, after) else { return false };
    let plain = |style: &TScalarStyle| *style == TScalarStyle::Plain;
    let is_text = || matches!(Yaml::from_str(old), Yaml::String(_));
    old == new && (plain(old_style) == plain(new_style) || is_text())
}
