//! Places where a request or limit is not set and could be: keys that may be created.
//!
//! Whether a place works is not known here: a watermark is created at it, the files are rendered, and it is looked
//! whether the mark arrives.

mod offered;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use kubeopt_model::source::RenderedWorkload;
use kubeopt_model::{ContainerName, EditSite, Field, FieldPath, FileSet, Problem, RepoPath, Step};
use yaml_rust2::scanner::TScalarStyle;

pub use self::offered::offered;
use crate::create::{Styles, creatable};
use crate::create_place::{Place, Spot, find, line};
use crate::guard::{bytes_refusal, content_refusal, guard_file, place_refusal};
use crate::kustomize::FILE_NAMES;
use crate::mark::MARKED_FILE_BYTES_MAX;
use crate::pods::containers;
use crate::role::FileRole;
use crate::scope::{Hosted, Scope};
use crate::stream::{Kind, NodeId};
use crate::yaml_text::YamlText;

/// Slots of one set of files. A monorepo of 3,000 files with three containers each has about 36,000.
const SLOTS_MAX: usize = 200_000;

/// Longer keys are not followed; Kubernetes' own keys have at most 317 (prefix, slash, name).
const KEY_BYTES_MAX: usize = 1024;

/// A place for one value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Slot {
    /// The full path, with the keys that are missing; the text is empty, the line that of the nearest parent.
    pub site: EditSite,
    /// What a value there would set, by its path.
    pub field: Field,
    /// The container, where the file describes one there.
    pub of: Option<DescribedContainer>,
}

/// A container as a file describes it: of a workload, or of a patch on one.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct DescribedContainer {
    /// The workload, before anything renames it.
    pub workload: RenderedWorkload,
    /// The container.
    pub container: ContainerName,
}

/// A field that a file sets for a container that it describes, editable or not.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SetField {
    /// The file.
    pub file: RepoPath,
    /// The container.
    pub of: DescribedContainer,
    /// The field.
    pub field: Field,
}

/// What files say and leave open.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slots {
    /// Where a value could be created.
    pub open: Vec<Slot>,
    /// What is set for containers.
    pub set: Vec<SetField>,
}

/// Every field that a file could set and does not, where a value can be created: of the containers of workloads, of
/// `resources` maps in values of charts (files, HelmReleases, Applications, blocks of text within them), each only if
/// the map is empty or holds requests or limits. A value that is written as `null` is meant so and is none; templates
/// have none.
pub fn slots(files: &FileSet, role: &dyn Fn(&RepoPath) -> FileRole) -> Slots {
    let exists = |file: &str| RepoPath::new(file).is_ok_and(|file| files.contains_key(&file));
    let mut slots = Slots::default();
    for (path, bytes) in files {
        let role = role(path);
        if bytes.len() > MARKED_FILE_BYTES_MAX || !may_have_slots(path, bytes, role) {
            continue;
        }
        let Ok(yaml) = YamlText::read(bytes) else { continue };
        let is_editable = place_refusal(path, FileRole::Manifest, &exists).is_none()
            && bytes_refusal(bytes).is_none()
            && content_refusal(&yaml).is_none();
        file_slots(path, &yaml, role, is_editable, &mut slots);
    }
    slots
}

/// The slots of what a chart offers ([`offered`]) and a layer of values does not have: `root_path` is where the values
/// begin in the document (counted from 1), whether or not that is there: nothing for a file of values, `spec.values`
/// for a HelmRelease, a path to a literal block for values as text.
///
/// # Errors
/// When the file is never edited or cannot be read. Single places where nothing can be created are left out.
pub fn slots_at(
    file: &RepoPath,
    bytes: &[u8],
    document: usize,
    root_path: &FieldPath,
    offered: &[Vec<String>],
) -> Result<Vec<Slot>, Problem> {
    guard_file(file, bytes)?;
    let yaml =
        YamlText::read(bytes).map_err(|unreadable| unreadable.refusal.at(file, unreadable.line, ""))?;
    let mut slots = Slots::default();
    let probe: Vec<Step> = root_path.0.iter().cloned().chain([Step::from("resources")]).collect();
    let host = match find(&yaml, document, &probe).map(|place| (place.spot, place.existing)) {
        Ok((Spot::Hosted(host), existing)) => Some((host, existing)),
        Ok(_) | Err(_) => None,
    };
    let paths = |root: &[Step]| -> Vec<Vec<Step>> {
        let keys =
            |path: &Vec<String>| root.iter().cloned().chain(path.iter().cloned().map(Step::Key)).collect();
        offered.iter().map(keys).collect()
    };
    match host {
        Some((host, existing)) => {
            let (way, rest) = root_path.0.split_at(existing);
            let outer = Level::of_file(file, &yaml, document, true);
            outer.inside(host, way, &mut slots, |level, slots| {
                paths(rest).iter().for_each(|path| level.offer(path, slots));
            });
        }
        None => {
            let mut level = Level::of_file(file, &yaml, document, true);
            paths(&root_path.0).iter().for_each(|path| level.offer(path, &mut slots));
        }
    }
    Ok(slots.open)
}

fn may_have_slots(path: &RepoPath, bytes: &[u8], role: FileRole) -> bool {
    let name = path.file_name();
    let is_yaml = name.ends_with(".yaml") || name.ends_with(".yml") || FILE_NAMES.contains(&name);
    // Looking for these first saves the parsing of large files such as CRDs.
    let holds = |key: &[u8]| bytes.windows(key.len()).any(|window| window.eq_ignore_ascii_case(key));
    match role {
        FileRole::Template => false,
        FileRole::Values => holds(b"resources"),
        FileRole::Manifest => is_yaml && (holds(b"containers") || holds(b"resources")),
    }
}

fn file_slots(file: &RepoPath, yaml: &YamlText<'_>, role: FileRole, is_editable: bool, slots: &mut Slots) {
    let scope = |root| Scope::of(file, role, &yaml.stream, root);
    let scopes: Vec<Scope> = yaml.stream.documents.iter().map(|root| scope(*root)).collect();
    let mut level = Level::of_file(file, yaml, 1, is_editable);
    level.containers(slots);
    for (at, scope) in scopes.into_iter().enumerate() {
        level.document = at + 1;
        level.values(scope, yaml.stream.documents[at], slots);
    }
}

/// One text: a file, or a block of text within one.
struct Level<'l, 'a> {
    file: &'l RepoPath,
    yaml: &'l YamlText<'a>,
    document: usize,
    /// Something may be created here; what is set is told all the same.
    is_editable: bool,
    /// The document and the steps that lead to this text in the file.
    around: Option<(usize, Vec<Step>)>,
    /// The line of the file for each line of this text; the same lines where it is empty.
    lines: Vec<usize>,
    styles: Styles,
    /// Whether something can be created, by document and spot.
    known: HashMap<(usize, Spot), bool>,
}

impl<'l, 'a> Level<'l, 'a> {
    fn of_file(file: &'l RepoPath, yaml: &'l YamlText<'a>, document: usize, is_editable: bool) -> Self {
        let (around, lines, styles, known) = (None, Vec::new(), Styles::default(), HashMap::new());
        Self { file, yaml, document, is_editable, around, lines, styles, known }
    }

    /// The same for the text of a literal block, if it can be written to at all.
    fn inside(
        &self,
        host: NodeId,
        way: &[Step],
        slots: &mut Slots,
        look: impl FnOnce(&mut Level<'_, '_>, &mut Slots),
    ) {
        let Kind::Scalar(text, TScalarStyle::Literal) = &self.yaml.stream.node(host).kind else { return };
        if self.around.is_some() {
            return;
        }
        let Ok(inner) = YamlText::inner(text.clone()) else { return };
        let line = |line: usize| {
            let start = inner.text.line_span(line).start;
            let at = self.yaml.offset_in_block(host, &inner.text, start)?;
            Some(self.yaml.text.position(at).line)
        };
        let host_line = self.yaml.stream.node(host).at.line;
        let count = inner.text.body.lines().count();
        let mut level = Level::of_file(self.file, &inner, 1, self.is_editable);
        level.lines = (1..=count).map(|at| line(at).unwrap_or(host_line)).collect();
        level.around = Some((self.document, way.to_vec()));
        let mut found = Slots::default();
        look(&mut level, &mut found);
        slots.set.append(&mut found.set);
        let mut styles = Styles::default();
        let is_open = found.open.first().is_some_and(|slot: &Slot| {
            creatable(self.yaml, &mut styles, self.document, &slot.site.path.0).is_ok()
        });
        if is_open {
            slots.open.append(&mut found.open);
        }
    }

    /// Fields of containers, set or not.
    fn containers(&mut self, slots: &mut Slots) {
        let (containers, _) = containers(&self.yaml.stream);
        let written = containers.iter().filter(|container| container.spot().detour.is_none());
        let nodes: BTreeSet<NodeId> = written.map(|container| container.spot().node).collect();
        let paths = paths(self.yaml, &nodes);
        for container in &containers {
            let of = DescribedContainer {
                workload: container.workload.clone(),
                container: container.name.clone(),
            };
            let (set, open): (Vec<Field>, Vec<Field>) = Field::ALL
                .into_iter()
                .partition(|field| container.field(&self.yaml.stream, *field).is_some());
            let set_field = |field| SetField { file: self.file.clone(), of: of.clone(), field };
            slots.set.extend(set.into_iter().map(set_field));
            let Some((document, path)) = paths.get(&container.spot().node) else { continue };
            self.document = *document;
            let path: Vec<Step> = path.iter().cloned().chain([Step::from("resources")]).collect();
            for field in open {
                self.field(&path, field, Some(&of), slots);
            }
        }
    }

    /// Fields of `resources` maps in values of charts, and of texts within the document.
    fn values(&mut self, scope: Scope, root: NodeId, slots: &mut Slots) {
        let mut found = Found::default();
        walk(self.yaml, scope, root, &mut Vec::new(), &mut found);
        for path in &found.resources {
            self.offer(path, slots);
        }
        for (path, host, hosted) in found.hosts {
            self.inside(host, &path, slots, |level, slots| {
                let Some(root) = level.yaml.stream.documents.first().copied() else { return };
                match hosted {
                    Hosted::Patch => level.containers(slots),
                    Hosted::Values => {}
                }
                level.document = 1;
                let scope = Scope::hosted(hosted, &level.yaml.stream, root);
                level.values(scope, root, slots);
            });
        }
    }

    /// All four fields below a `resources` map.
    fn offer(&mut self, path: &[Step], slots: &mut Slots) {
        for field in Field::ALL {
            self.field(path, field, None, slots);
        }
    }

    fn field(&mut self, path: &[Step], field: Field, of: Option<&DescribedContainer>, slots: &mut Slots) {
        if !self.is_editable {
            return;
        }
        let keys = [Step::from(field.bound_key()), Step::from(field.resource_key())];
        let path: Vec<Step> = path.iter().cloned().chain(keys).collect();
        let Ok(place) = find(self.yaml, self.document, &path) else { return };
        let (yaml, styles, document) = (self.yaml, &mut self.styles, self.document);
        let is_open = *self
            .known
            .entry((document, place.spot))
            .or_insert_with(|| creatable(yaml, styles, document, &path).is_ok());
        if !is_open || is_deleted(yaml, &place, &path) || slots.open.len() >= SLOTS_MAX {
            return;
        }
        let line = line(yaml, &place);
        let line = if self.lines.is_empty() { line } else { self.lines.get(line - 1).copied().unwrap_or(1) };
        let (document, path) = match &self.around {
            Some((document, way)) => (*document, way.iter().cloned().chain(path).collect()),
            None => (document, path),
        };
        let site =
            EditSite { file: self.file.clone(), line, document, path: FieldPath(path), text: String::new() };
        slots.open.push(Slot { site, field, of: of.cloned() });
    }
}

/// A value for which `null` or `~` is written: in patches and values that takes away what a lower layer sets, and is
/// meant.
fn is_deleted(yaml: &YamlText<'_>, place: &Place, path: &[Step]) -> bool {
    match place.spot {
        Spot::Null(node) => place.existing == path.len() && yaml.span(node).is_some(),
        Spot::Mapping(_) | Spot::Sequence(_) | Spot::Hosted(_) | Spot::Blank => false,
    }
}

/// The documents (from 1) and paths of some nodes; aliases are not followed.
fn paths(yaml: &YamlText<'_>, nodes: &BTreeSet<NodeId>) -> BTreeMap<NodeId, (usize, Vec<Step>)> {
    let mut found = BTreeMap::new();
    for (at, root) in yaml.stream.documents.iter().enumerate().filter(|_| !nodes.is_empty()) {
        let mut open = vec![(*root, Vec::new())];
        while let Some((node, path)) = open.pop() {
            let below = |step: Step| path.iter().cloned().chain([step]).collect::<Vec<_>>();
            match &yaml.stream.node(node).kind {
                Kind::Mapping(entries) => open.extend(entries.iter().filter_map(|(key, value)| {
                    let key = yaml.stream.scalar(*key).filter(|key| key.len() <= KEY_BYTES_MAX)?;
                    Some((*value, below(Step::from(key))))
                })),
                Kind::Sequence(items) => {
                    open.extend(items.iter().enumerate().map(|(at, item)| (*item, below(Step::Index(at)))));
                }
                Kind::Scalar(..) | Kind::Alias(_) => {}
            }
            if nodes.contains(&node) {
                found.insert(node, (at + 1, path));
            }
        }
    }
    found
}

/// What a walk finds.
#[derive(Default)]
struct Found {
    /// Paths of `resources` maps in values of charts.
    resources: Vec<Vec<Step>>,
    /// Texts that hold YAML.
    hosts: Vec<(Vec<Step>, NodeId, Hosted)>,
}

/// Depth is bounded by the reader.
fn walk(yaml: &YamlText<'_>, scope: Scope, node: NodeId, steps: &mut Vec<Step>, found: &mut Found) {
    let stream = &yaml.stream;
    match &stream.node(node).kind {
        Kind::Mapping(entries) => {
            for (key, value) in entries {
                let Some(name) = stream.scalar(*key).filter(|name| name.len() <= KEY_BYTES_MAX) else {
                    continue;
                };
                steps.push(Step::from(name));
                if is_resources(name) && takes_amounts(yaml, *value) && scope.is_in_values(&meaning(steps)) {
                    found.resources.push(steps.clone());
                }
                walk(yaml, scope, *value, steps, found);
                steps.pop();
            }
        }
        Kind::Sequence(items) => {
            for (at, item) in items.iter().enumerate() {
                steps.push(Step::Index(at));
                walk(yaml, scope, *item, steps, found);
                steps.pop();
            }
        }
        Kind::Scalar(_, TScalarStyle::Literal) => {
            if let Some(hosted) = scope.hosts(&meaning(steps)) {
                found.hosts.push((steps.clone(), node, hosted));
            }
        }
        Kind::Scalar(..) | Kind::Alias(_) => {}
    }
}

fn meaning(steps: &[Step]) -> Vec<String> {
    let text = |step: &Step| match step {
        Step::Key(key) => key.clone(),
        Step::Index(index) => index.to_string(),
    };
    steps.iter().map(text).collect()
}

/// A key such as `resources` or `adminResources`.
fn is_resources(key: &str) -> bool {
    key.to_ascii_lowercase().ends_with("resources")
}

/// Nothing, or a map that is empty or has requests, limits or claims: another map may be looped over, and a key in it
/// would break the chart.
fn takes_amounts(yaml: &YamlText<'_>, value: NodeId) -> bool {
    let known = |key: NodeId| matches!(yaml.stream.scalar(key), Some("requests" | "limits" | "claims"));
    match &yaml.stream.node(value).kind {
        Kind::Mapping(entries) => entries.is_empty() || entries.iter().any(|(key, _)| known(*key)),
        Kind::Scalar(..) => yaml.stream.is_null(value),
        Kind::Sequence(_) | Kind::Alias(_) => false,
    }
}
