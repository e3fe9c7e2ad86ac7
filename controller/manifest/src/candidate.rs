//! Every scalar of a file that may set a CPU or memory field, and why it may not be edited, if so.
//!
//! A candidate is found by its path alone (`...resources.requests|limits.cpu|memory`), in workloads, patches and
//! custom resources alike. It does not say which workload it feeds: that is what marking and rendering find out.

use std::collections::HashMap;
use std::ops::Range;

use kubeopt_model::{Amount, Bound, EditSite, Field, FieldPath, Problem, RepoPath, Resource, Step};
use yaml_rust2::scanner::TScalarStyle;

use crate::guard::{document_refusal, variable_in};
use crate::refusal::{Lines, Refusal, shortened};
use crate::stream::{Kind, NodeId};
use crate::yaml_text::YamlText;

/// Longer keys are not followed; Kubernetes' own keys have at most 317 (prefix, slash, name).
const KEY_BYTES_MAX: usize = 1024;

/// Longer JSON pointers are not followed; the path to a container's CPU request has about 80.
const POINTER_BYTES_MAX: usize = 4096;

/// One candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Document, counted from 1.
    pub(crate) document: usize,
    /// Path within the document; into an inline patch it goes on within the patch.
    pub(crate) path: FieldPath,
    /// The field that it sets.
    pub(crate) field: Field,
    /// Its node, for candidates that are no part of an inline patch.
    pub(crate) node: Option<NodeId>,
    /// The value as written, without quotes; an alias with its `*`.
    pub(crate) text: String,
    /// Line, counted from 1.
    pub(crate) line: usize,
    /// Bytes of the value; none where it is not written as it reads.
    pub(crate) span: Option<Range<usize>>,
    /// The event that carries it.
    pub(crate) event: usize,
    /// For a value in an inline patch: its bytes within the value of that event.
    pub(crate) within: Option<Range<usize>>,
    /// Why it is not edited.
    pub(crate) blocked: Option<Refusal>,
}

impl Candidate {
    /// The place in the file.
    pub(crate) fn site(&self, file: &RepoPath) -> EditSite {
        EditSite {
            file: file.clone(),
            line: self.line,
            document: self.document,
            path: self.path.clone(),
            text: self.text.clone(),
        }
    }

    /// Why it is not edited, as users see it.
    pub(crate) fn refusal(&self, file: &RepoPath, yaml: &YamlText<'_>) -> Option<Problem> {
        self.blocked.as_ref().map(|refusal| refusal.at(file, self.line, yaml.text.line(self.line)))
    }
}

/// All candidates of a file, in the order of the text.
pub(crate) fn candidates(file: &RepoPath, yaml: &YamlText<'_>) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (at, root) in yaml.stream.documents.iter().enumerate() {
        let mut walk = Walk::new(yaml, at + 1);
        walk.node(*root);
        if is_kustomization(file, yaml, *root) {
            walk.inline_patches(*root);
        }
        let refusal = if walk.found.is_empty() { None } else { document_refusal(&yaml.stream, *root) };
        found.extend(walk.found.into_iter().map(|mut candidate| {
            candidate.blocked = refusal.clone().or(candidate.blocked);
            candidate
        }));
    }
    found
}

/// One walk through one document. Depth is bounded by the reader.
struct Walk<'w, 'a> {
    yaml: &'w YamlText<'a>,
    document: usize,
    /// The path in the file.
    steps: Vec<Step>,
    /// The path in the object that the file describes; differs within JSON patches.
    meaning: Vec<String>,
    /// Lines of aliases of the nodes around.
    shared: Vec<usize>,
    found: Vec<Candidate>,
}

impl<'w, 'a> Walk<'w, 'a> {
    fn new(yaml: &'w YamlText<'a>, document: usize) -> Self {
        Self { yaml, document, steps: Vec::new(), meaning: Vec::new(), shared: Vec::new(), found: Vec::new() }
    }

    fn node(&mut self, id: NodeId) {
        let node = self.yaml.stream.node(id);
        let shared_before = self.shared.len();
        self.shared.extend(&node.users);
        match &node.kind {
            Kind::Mapping(entries) => self.mapping(id, entries),
            Kind::Sequence(items) => {
                for (at, item) in items.iter().enumerate() {
                    self.step(Step::Index(at), &[at.to_string()], *item);
                }
            }
            Kind::Scalar(..) | Kind::Alias(_) => self.leaf(id),
        }
        self.shared.truncate(shared_before);
    }

    fn mapping(&mut self, id: NodeId, entries: &[(NodeId, NodeId)]) {
        let pointer = self.patched_path(id);
        for (key, value) in entries {
            let Some(name) = self.yaml.stream.scalar(*key).filter(|name| name.len() <= KEY_BYTES_MAX) else {
                continue;
            };
            match &pointer {
                Some(pointer) if name == "value" => self.step(Step::Key(name.to_owned()), pointer, *value),
                Some(_) | None => self.step(Step::Key(name.to_owned()), &[name.to_owned()], *value),
            }
        }
    }

    fn step(&mut self, step: Step, meaning: &[String], id: NodeId) {
        let before = self.meaning.len();
        self.steps.push(step);
        self.meaning.extend_from_slice(meaning);
        self.node(id);
        self.meaning.truncate(before);
        self.steps.pop();
    }

    /// The path that an operation of a JSON patch (RFC 6902) sets; `test` must keep its value and is left alone.
    fn patched_path(&self, id: NodeId) -> Option<Vec<String>> {
        let stream = &self.yaml.stream;
        let sets = matches!(stream.text(id, "op"), Some("add" | "replace"));
        let pointer = stream
            .text(id, "path")
            .filter(|path| sets && path.starts_with('/') && path.len() <= POINTER_BYTES_MAX)?;
        Some(pointer.split('/').skip(1).map(|token| token.replace("~1", "/").replace("~0", "~")).collect())
    }

    fn leaf(&mut self, id: NodeId) {
        let Some(field) = field_of(&self.meaning) else { return };
        let (stream, node) = (&self.yaml.stream, self.yaml.stream.node(id));
        if stream.is_null(id) || stream.scalar(id).is_none() {
            return;
        }
        let span = self.yaml.span(id);
        let text = match (&node.kind, &span) {
            (Kind::Scalar(value, _), _) => value.clone(),
            (_, Some(span)) => self.yaml.text.body[span.clone()].to_owned(),
            (Kind::Alias(_) | Kind::Sequence(_) | Kind::Mapping(_), None) => return,
        };
        self.found.push(Candidate {
            document: self.document,
            path: FieldPath(self.steps.clone()),
            field,
            node: Some(id),
            line: node.at.line,
            event: node.event,
            within: None,
            blocked: self.blocked(id, &text, field, span.is_some()),
            text,
            span,
        });
    }

    fn blocked(&self, id: NodeId, text: &str, field: Field, has_span: bool) -> Option<Refusal> {
        let node = self.yaml.stream.node(id);
        if let Kind::Alias(target) = node.kind {
            return Some(Refusal::Shared { users: Lines::of(&self.yaml.stream.node(target).users) });
        }
        if !self.shared.is_empty() {
            return Some(Refusal::Shared { users: Lines::of(&self.shared) });
        }
        if self.meaning.iter().any(|key| key.starts_with("volumeClaim")) {
            return Some(Refusal::VolumeClaim);
        }
        if let Some(found) = variable_in(text) {
            return Some(Refusal::Variable { found });
        }
        if node.tagged {
            return Some(Refusal::Form { form: "with a tag" });
        }
        if let Err(invalid) = Amount::parse(field.resource, text) {
            return Some(Refusal::NotQuantity { reason: shortened(&invalid.to_string()) });
        }
        (!has_span).then_some(Refusal::Form { form: "with escapes or over several lines" })
    }

    /// Patches that a kustomization holds as text.
    fn inline_patches(&mut self, root: NodeId) {
        for (list, key) in
            [("patches", Some("patch")), ("patchesJson6902", Some("patch")), ("patchesStrategicMerge", None)]
        {
            let Some(items) = self.yaml.stream.get(root, list) else { continue };
            for (at, item) in self.yaml.stream.items(items).to_vec().into_iter().enumerate() {
                let mut steps = vec![Step::from(list), Step::Index(at)];
                steps.extend(key.map(Step::from));
                // An alias repeats an item that was looked at where it is written.
                if let Kind::Alias(_) = self.yaml.stream.node(item).kind {
                    continue;
                }
                let host = match key {
                    Some(key) => self.yaml.stream.get(item, key),
                    None => Some(item),
                };
                if let Some(host) = host {
                    self.shared.clone_from(&self.yaml.stream.node(item).users);
                    self.inline_patch(&steps, host);
                    self.shared.clear();
                }
            }
        }
    }

    fn inline_patch(&mut self, steps: &[Step], host: NodeId) {
        let Kind::Scalar(value, style) = &self.yaml.stream.node(host).kind else { return };
        let Ok(inner) = YamlText::inner(value.clone()) else { return };
        let mut shared = self.shared.clone();
        shared.extend(&self.yaml.stream.node(host).users);
        for (at, root) in inner.stream.documents.iter().enumerate() {
            let mut walk = Walk::new(&inner, at + 1);
            walk.shared.clone_from(&shared);
            walk.node(*root);
            let refusal = document_refusal(&inner.stream, *root);
            // Several documents in one inline patch would make paths ambiguous.
            let form = (inner.stream.documents.len() > 1 || *style != TScalarStyle::Literal)
                .then_some(Refusal::Form { form: "in an inline patch that is not one literal block (`|`)" });
            for candidate in walk.found {
                let blocked = refusal.clone().or_else(|| form.clone());
                self.found.push(self.hosted(candidate, steps, host, &inner, blocked));
            }
        }
    }

    /// The candidate of an inline patch as a candidate of the file.
    fn hosted(
        &self,
        inside: Candidate,
        steps: &[Step],
        host: NodeId,
        inner: &YamlText<'_>,
        blocked: Option<Refusal>,
    ) -> Candidate {
        let host_node = self.yaml.stream.node(host);
        let outer = |at| self.yaml.offset_in_block(host, &inner.text, at);
        let span = inside.span.as_ref().and_then(|span| {
            let start = outer(span.start)?;
            Some(start..start + span.len())
        });
        let unplaced = span
            .is_none()
            .then_some(Refusal::Form { form: "in an inline patch whose lines are not in the file" });
        let line = match &span {
            Some(span) => self.yaml.text.position(span.start).line,
            None => host_node.at.line,
        };
        Candidate {
            document: self.document,
            path: FieldPath(steps.iter().cloned().chain(inside.path.0).collect()),
            node: None,
            line,
            event: host_node.event,
            within: inside.span,
            blocked: blocked.or(inside.blocked).or(unplaced),
            span,
            ..inside
        }
    }
}

/// The field that the end of a path names.
fn field_of(path: &[String]) -> Option<Field> {
    let [.., resources, bound, resource] = path else { return None };
    let bound = match (resources.as_str(), bound.as_str()) {
        ("resources", "requests") => Bound::Request,
        ("resources", "limits") => Bound::Limit,
        _ => return None,
    };
    let resource = match resource.as_str() {
        "cpu" => Resource::Cpu,
        "memory" => Resource::Memory,
        _ => return None,
    };
    Some(Field { bound, resource })
}

/// Whether a document is a kustomization or component.
fn is_kustomization(file: &RepoPath, yaml: &YamlText<'_>, root: NodeId) -> bool {
    crate::kustomize::FILE_NAMES.contains(&file.file_name())
        || yaml
            .stream
            .text(root, "apiVersion")
            .is_some_and(|version| version.starts_with("kustomize.config.k8s.io/"))
}

/// The candidates by their place, for edits that name one.
pub(crate) fn by_place(candidates: &[Candidate]) -> HashMap<(usize, &FieldPath), &Candidate> {
    let mut map = HashMap::new();
    for candidate in candidates {
        map.entry((candidate.document, &candidate.path)).or_insert(candidate);
    }
    map
}
