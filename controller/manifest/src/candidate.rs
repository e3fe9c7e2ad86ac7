//! Every scalar of a file that may set a CPU or memory field, or the target of an autoscaler, and why it may not be edited,
//! if so.
//!
//! A candidate is found by its path alone (`...resources.requests|limits.cpu|memory`), in workloads, patches and
//! custom resources alike, and within values of charts by the spelling of its key. It does not say which workload it
//! feeds: that is what marking and rendering find out.

use std::collections::HashMap;
use std::ops::Range;

use kubeopt_model::{Amount, Bound, EditSite, Field, FieldPath, Problem, RepoPath, Resource, Step};
use yaml_rust2::scanner::TScalarStyle;

use crate::guard::{document_refusal, duplicate_key, variable_in};
use crate::refusal::{Lines, Refusal, shortened};
use crate::role::FileRole;
use crate::scope::{Hosted, Scope};
use crate::stream::{Kind, NodeId};
use crate::target_key::{may_be_target, percent};
use crate::values_key::{bare_field, helm_path, single_field, values_field};
use crate::watermark::TARGET_FIELD;
use crate::yaml_text::YamlText;

/// Longer keys are not followed; Kubernetes' own keys have at most 317 (prefix, slash, name).
const KEY_BYTES_MAX: usize = 1024;

/// Texts within texts that are followed: a patch in a kustomization, of an Application with values as text, is two.
const HOST_LEVELS_MAX: usize = 3;

/// Longer JSON pointers are not followed; the path to a container's CPU request has about 80.
const POINTER_BYTES_MAX: usize = 4096;

/// What is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Sought {
    /// Amounts of CPU or memory.
    Amounts,
    /// Targets of autoscalers that are a share of a request: whole per cent.
    Targets,
}

/// One candidate.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Candidate {
    /// Document, counted from 1.
    pub(crate) document: usize,
    /// Path within the document; into YAML that stands as text in a scalar it goes on within that text.
    pub(crate) path: FieldPath,
    /// The field that it sets; of a target [`TARGET_FIELD`].
    pub(crate) field: Field,
    /// Its node, for candidates that are not within the text of another scalar.
    pub(crate) node: Option<NodeId>,
    /// The value as written, without quotes; an alias with its `*`.
    pub(crate) text: String,
    /// Line, counted from 1.
    pub(crate) line: usize,
    /// Bytes of the value; none where it is not written as it reads.
    pub(crate) span: Option<Range<usize>>,
    /// The event that carries it.
    pub(crate) event: usize,
    /// For a value in the text of another scalar: its bytes within the value of that event.
    pub(crate) within: Option<Range<usize>>,
    /// It is part of a chart's values, which a template may compute with.
    pub(crate) in_values: bool,
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

/// All candidates of a file, in the order of the text. Values have all that manifests have, and more: who looks for the
/// place of an edit takes that role.
pub(crate) fn candidates(file: &RepoPath, yaml: &YamlText<'_>, role: FileRole) -> Vec<Candidate> {
    sought(file, yaml, role, Sought::Amounts)
}

/// The same for what is sought.
pub(crate) fn sought(file: &RepoPath, yaml: &YamlText<'_>, role: FileRole, sought: Sought) -> Vec<Candidate> {
    let mut found = Vec::new();
    for (at, root) in yaml.stream.documents.iter().enumerate() {
        let mut walk = Walk::new(yaml, at + 1, Scope::of(file, role, &yaml.stream, *root), sought);
        walk.node(*root);
        let refusal = walk.refusal(*root);
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
    scope: Scope,
    sought: Sought,
    /// Texts with placeholders are none of its values.
    has_placeholders: bool,
    /// Texts around this one.
    level: usize,
    /// The path in the file.
    steps: Vec<Step>,
    /// The path in the object that the file describes; differs within JSON patches and parameters.
    meaning: Vec<String>,
    /// Lines of aliases of the nodes around.
    shared: Vec<usize>,
    found: Vec<Candidate>,
}

impl<'w, 'a> Walk<'w, 'a> {
    fn new(yaml: &'w YamlText<'a>, document: usize, scope: Scope, sought: Sought) -> Self {
        let (steps, meaning, shared, found) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let has_placeholders = scope.has_placeholders();
        Self { yaml, document, scope, sought, has_placeholders, level: 0, steps, meaning, shared, found }
    }

    /// Why nothing in the document is edited; not asked where there is nothing.
    fn refusal(&self, root: NodeId) -> Option<Refusal> {
        let stream = &self.yaml.stream;
        match (self.found.is_empty(), self.has_placeholders) {
            (true, _) => None,
            // Values beside the placeholders are plain ones.
            (false, true) => duplicate_key(stream, root),
            (false, false) => document_refusal(stream, root),
        }
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
        let pointer = self.patched_path(id).or_else(|| self.parameter_path(id));
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

    /// The path within the values that a parameter of a Helm source sets.
    fn parameter_path(&self, id: NodeId) -> Option<Vec<String>> {
        if !self.scope.is_parameter(&self.meaning) {
            return None;
        }
        helm_path(self.yaml.stream.text(id, "name")?)
    }

    fn leaf(&mut self, id: NodeId) {
        let (stream, node) = (&self.yaml.stream, self.yaml.stream.node(id));
        if let Some(hosted) = self.scope.hosts(&self.meaning) {
            return self.hosted_text(id, hosted);
        }
        let Some(value) = stream.scalar(id).filter(|_| !stream.is_null(id)) else { return };
        if self.has_placeholders && value.contains("{{") {
            return;
        }
        let below = |begin: usize| self.meaning.get(begin..);
        let values = self.scope.values_begin(&self.meaning).and_then(below);
        let single = self.scope.single_value_begins(&self.meaning).and_then(below);
        let in_values = single.is_some() || self.scope.is_in_values(&self.meaning);
        let field = match self.sought {
            Sought::Amounts => field_of(&self.meaning)
                .or_else(|| self.values_field(id, values?))
                .or_else(|| single_field(single?, value)),
            Sought::Targets => may_be_target(&self.meaning, value, in_values).then_some(TARGET_FIELD),
        };
        let Some(field) = field else { return };
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
            in_values,
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
        if let Err(reason) = self.number(text, field) {
            return Some(Refusal::NotQuantity { reason: shortened(&reason) });
        }
        (!has_span).then_some(Refusal::Form { form: "with escapes or over several lines" })
    }

    /// Whether the text is what is sought.
    fn number(&self, text: &str, field: Field) -> Result<(), String> {
        match self.sought {
            Sought::Amounts => {
                Amount::parse(field.resource, text).map(drop).map_err(|invalid| invalid.to_string())
            }
            Sought::Targets => {
                percent(text).map(drop).ok_or_else(|| format!("`{text}` is no whole number of per cent"))
            }
        }
    }

    /// The field of a value of a chart whose key says so in a spelling of its own; only what is a quantity now.
    fn values_field(&self, id: NodeId, path: &[String]) -> Option<Field> {
        let value = self.yaml.stream.scalar(id)?;
        let spelled = values_field(path).filter(|field| Amount::parse(field.resource, value).is_ok());
        spelled.or_else(|| bare_field(path, value))
    }

    /// YAML that stands as text in a scalar: inline patches, values of charts. An alias repeats a text that was looked
    /// at where it is written.
    fn hosted_text(&mut self, host: NodeId, hosted: Hosted) {
        let Kind::Scalar(value, style) = &self.yaml.stream.node(host).kind else { return };
        if self.level >= HOST_LEVELS_MAX {
            return;
        }
        let Ok(inner) = YamlText::inner(value.clone()) else { return };
        for (at, root) in inner.stream.documents.iter().enumerate() {
            let scope = Scope::hosted(hosted, &inner.stream, *root);
            let mut walk = Walk::new(&inner, at + 1, scope, self.sought);
            walk.level = self.level + 1;
            walk.shared.clone_from(&self.shared);
            walk.has_placeholders = self.has_placeholders;
            walk.node(*root);
            let refusal = walk.refusal(*root);
            // Several documents in one text would make paths ambiguous.
            let form = (inner.stream.documents.len() > 1 || *style != TScalarStyle::Literal)
                .then_some(Refusal::Form { form: no_block(hosted) });
            for candidate in walk.found {
                let blocked = refusal.clone().or_else(|| form.clone());
                self.found.push(self.hosted(candidate, host, hosted, &inner, blocked));
            }
        }
    }

    /// The candidate of such a text as a candidate of the file.
    fn hosted(
        &self,
        inside: Candidate,
        host: NodeId,
        hosted: Hosted,
        inner: &YamlText<'_>,
        blocked: Option<Refusal>,
    ) -> Candidate {
        let host_node = self.yaml.stream.node(host);
        let outer = |at| self.yaml.offset_in_block(host, &inner.text, at);
        let span = inside.span.as_ref().and_then(|span| {
            let start = outer(span.start)?;
            Some(start..start + span.len())
        });
        let unplaced = span.is_none().then_some(Refusal::Form { form: unplaced(hosted) });
        let line = match &span {
            Some(span) => self.yaml.text.position(span.start).line,
            None => host_node.at.line,
        };
        Candidate {
            document: self.document,
            path: FieldPath(self.steps.iter().cloned().chain(inside.path.0).collect()),
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

fn no_block(hosted: Hosted) -> &'static str {
    match hosted {
        Hosted::Patch => "in an inline patch that is not one literal block (`|`)",
        Hosted::Values => "in text that is not one literal block (`|`)",
    }
}

fn unplaced(hosted: Hosted) -> &'static str {
    match hosted {
        Hosted::Patch => "in an inline patch whose lines are not in the file",
        Hosted::Values => "in text whose lines are not in the file",
    }
}

/// The candidates by their place, for edits that name one.
pub(crate) fn by_place(candidates: &[Candidate]) -> HashMap<(usize, &FieldPath), &Candidate> {
    let mut map = HashMap::new();
    for candidate in candidates {
        map.entry((candidate.document, &candidate.path)).or_insert(candidate);
    }
    map
}
