//! Changes made and undone: the bytes after, the proof by events, and the way back.
//!
//! Decides nothing about style or place.

use kubeopt_model::{FieldPath, Problem, RepoPath, Step};
use yaml_rust2::parser::Event;
use yaml_rust2::scanner::TScalarStyle;

use crate::create_extent::{line_end, start_of};
use crate::create_insert::{Change, events_after, splices};
use crate::create_place::{Place, entry};
use crate::refusal::{Refusal, shortened};
use crate::stream::{Kind, NodeId};
use crate::text::Splice;
use crate::yaml_text::YamlText;

/// One change of a file, as it can be undone later, when other lines of the file have changed.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Insertion {
    /// Document, counted from 1.
    pub document: usize,
    /// The first key or item of the inserted text, or the key whose value it is.
    pub anchor: FieldPath,
    /// Bytes from the begin of the inserted text to that of the anchor; negative where the anchor stands before it.
    pub lead: isize,
    /// What was inserted.
    pub inserted: String,
    /// What stood in its place.
    pub replaced: String,
}

/// A change with the place of its document.
#[derive(Debug, Clone)]
pub(crate) struct Planned {
    /// The change.
    pub(crate) change: Change,
    document: usize,
    anchor: Vec<Step>,
}

impl Planned {
    /// A change at a place that a path leads to.
    pub(crate) fn new(document: usize, path: &[Step], place: &Place, change: Change) -> Self {
        let mut anchor = path[..place.existing].to_vec();
        match (&change.first_key, path.get(place.existing)) {
            (Some(key), _) => anchor.push(Step::Key(key.clone())),
            (None, Some(Step::Index(index))) => anchor.push(Step::Index(*index)),
            (None, Some(Step::Key(_)) | None) => {}
        }
        Self { change, document, anchor }
    }

    /// The same for the text around a block that `way` leads to.
    pub(crate) fn below(self, document: usize, way: &[Step]) -> Self {
        Self { change: self.change, document, anchor: way.iter().cloned().chain(self.anchor).collect() }
    }
}

/// All bytes of the file with the changes made, proven to change nothing else.
pub(crate) fn applied(
    yaml: &YamlText<'_>,
    planned: &[Planned],
) -> Result<(Vec<u8>, Vec<Insertion>), Refusal> {
    let changes: Vec<Change> = planned.iter().map(|one| one.change.clone()).collect();
    let ordered = splices(&changes);
    if ordered.windows(2).any(|pair| pair[0].span.end > pair[1].span.start) {
        return Err(unproven("two changes share bytes"));
    }
    let bytes = yaml.text.spliced(&ordered);
    let after = YamlText::read(&bytes).map_err(|unreadable| unproven(&unreadable.refusal.to_string()))?;
    if events_after(&yaml.stream, &changes).as_ref() != Some(&after.stream.events) {
        return Err(unproven("more than the created keys would differ"));
    }
    let insertions = insertions(yaml, &after, planned, &ordered)?;
    Ok((bytes, insertions))
}

fn insertions(
    before: &YamlText<'_>,
    after: &YamlText<'_>,
    planned: &[Planned],
    ordered: &[Splice],
) -> Result<Vec<Insertion>, Refusal> {
    let insertion = |one: &Planned| {
        let splice = &one.change.splice;
        let mut start = splice.span.start;
        for other in ordered.iter().take_while(|other| *other != splice) {
            start = (start + other.with.len()).checked_sub(other.span.len())?;
        }
        let anchor = locate(after, one.document, &one.anchor)?.key;
        Some(Insertion {
            document: one.document,
            anchor: FieldPath(one.anchor.clone()),
            lead: isize::try_from(anchor).ok()? - isize::try_from(start).ok()?,
            inserted: splice.with.clone(),
            replaced: before.text.body[splice.span.clone()].to_owned(),
        })
    };
    planned
        .iter()
        .map(|one| insertion(one).ok_or_else(|| unproven("an insertion is not found again")))
        .collect()
}

/// Takes out what a creation has put in, wherever it stands now, and puts back what stood there: the inverse of
/// [`crate::create_texts`]. Values that were edited since are refused.
///
/// # Errors
/// When an insertion does not stand in the file as it was made (E-SRC-014), or more than it would change.
pub fn uncreate(path: &RepoPath, bytes: &[u8], insertions: &[Insertion]) -> Result<Vec<u8>, Problem> {
    crate::guard::guard_file(path, bytes)?;
    let yaml =
        YamlText::read(bytes).map_err(|unreadable| unreadable.refusal.at(path, unreadable.line, ""))?;
    let mut cuts = Vec::new();
    for one in insertions {
        let found = locate(&yaml, one.document, &one.anchor.0);
        let line = found.as_ref().map_or(1, |found| found.line);
        let cut = found.and_then(|found| cut(&yaml, one, found.key));
        cuts.push(cut.ok_or_else(|| stale(&yaml, one, line).at(path, line, yaml.text.line(line)))?);
    }
    cuts.sort_by_key(|cut: &Splice| (cut.span.start, cut.span.end));
    if cuts.windows(2).any(|pair| pair[0].span.end > pair[1].span.start) {
        return Err(unproven("two insertions share bytes").of_file(path));
    }
    let after = yaml.text.spliced(&cuts);
    prove_undone(&yaml, insertions, &after).map_err(|refusal| refusal.of_file(path))?;
    Ok(after)
}

fn cut(yaml: &YamlText<'_>, one: &Insertion, anchor: usize) -> Option<Splice> {
    let start = isize::try_from(anchor).ok()?.checked_sub(one.lead)?;
    let start = usize::try_from(start).ok()?;
    let span = start..start.checked_add(one.inserted.len())?;
    (yaml.text.body.get(span.clone())? == one.inserted).then(|| Splice { span, with: one.replaced.clone() })
}

fn stale(yaml: &YamlText<'_>, one: &Insertion, line: usize) -> Refusal {
    Refusal::Stale { expected: shortened(one.inserted.trim()), found: shortened(yaml.text.line(line).trim()) }
}

/// Nothing but scalars and collections that the insertions brought may be gone: what is left is a part of what was,
/// in its order.
fn prove_undone(yaml: &YamlText<'_>, insertions: &[Insertion], after: &[u8]) -> Result<(), Refusal> {
    let read = YamlText::read(after).map_err(|unreadable| unproven(&unreadable.refusal.to_string()))?;
    for one in insertions {
        let still = locate(&read, one.document, &one.anchor.0);
        let was = locate(yaml, one.document, &one.anchor.0);
        if still.is_some_and(|still| was.is_some_and(|was| was.has_value && still.has_value)) {
            return Err(unproven("an inserted key is still there"));
        }
    }
    let mut before = yaml.stream.events.iter();
    let is_kept = |event: &Event| {
        let is_placeholder = matches!(event, Event::Scalar(text, TScalarStyle::Plain, ..) if text.len() <= 4);
        let is_host = matches!(event, Event::Scalar(_, TScalarStyle::Literal, ..));
        is_placeholder || is_host || before.any(|known| known == event)
    };
    if read.stream.events.iter().all(is_kept) {
        Ok(())
    } else {
        Err(unproven("more than the insertion would go"))
    }
}

/// Where a key, an item, or a key of the text of a block stands.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Located {
    /// The byte where its key, or the item, begins.
    key: usize,
    /// Its line.
    line: usize,
    /// The line of the value.
    value_line: usize,
    /// The text of the value, if it is a scalar.
    value: Option<String>,
    /// The value is there and not null.
    has_value: bool,
}

/// The line of a value, if the value at a path is this text.
pub(crate) fn line_at(yaml: &YamlText<'_>, document: usize, path: &[Step], text: &str) -> Option<usize> {
    let found = locate(yaml, document, path)?;
    (found.value.as_deref() == Some(text)).then_some(found.value_line)
}

fn locate(yaml: &YamlText<'_>, document: usize, path: &[Step]) -> Option<Located> {
    let stream = &yaml.stream;
    let mut node = *stream.documents.get(document.checked_sub(1)?)?;
    let mut key = None;
    for (at, step) in path.iter().enumerate() {
        (key, node) = match (&stream.node(node).kind, step) {
            (Kind::Mapping(_), Step::Key(name)) => entry(stream, node, name)?,
            (Kind::Sequence(items), Step::Index(index)) => (None, *items.get(*index)?),
            (Kind::Scalar(value, TScalarStyle::Literal), _) => {
                let inner = YamlText::inner(value.clone()).ok()?;
                let found = locate(&inner, 1, &path[at..])?;
                let outer = |offset| yaml.offset_in_block(node, &inner.text, offset);
                let first = outer(found.key)?;
                let line = yaml.text.position(first).line;
                let value_line = line + found.value_line.checked_sub(found.line)?;
                return Some(Located { key: first, line, value_line, ..found });
            }
            (Kind::Mapping(_) | Kind::Sequence(_) | Kind::Scalar(..) | Kind::Alias(_), _) => return None,
        };
    }
    // A block mapping begins at its first key; the parser says where that key's colon is.
    let first_key = stream.entries(node).first().map(|(key, _)| *key);
    let begin = key.or(first_key).unwrap_or(node);
    Some(Located {
        key: start_of(yaml, begin)?,
        line: stream.node(begin).at.line,
        value_line: stream.node(node).at.line,
        value: stream.scalar(node).map(str::to_owned),
        has_value: !stream.is_null(node),
    })
}

/// Changes of the text of a literal block as changes of the text around it: each line behind the block's indentation,
/// with the line ends of the file.
pub(crate) fn outward(
    yaml: &YamlText<'_>,
    host: NodeId,
    inner: &YamlText<'_>,
    mut planned: Vec<Planned>,
    after: String,
) -> Result<Vec<Planned>, Refusal> {
    // Around the block they all change one event, which no longer tells their order.
    planned.sort_by_key(|one| one.change.order());
    let at = yaml.stream.node(host);
    let line_start = format!("{}{}", line_end(&yaml.text, at.at.line), " ".repeat(at.at.column));
    let mut event = match yaml.stream.events.get(at.event) {
        Some(Event::Scalar(_, style, anchor, tag)) => {
            Some(Event::Scalar(after, *style, *anchor, tag.clone()))
        }
        Some(_) | None => None,
    };
    let mut out = Vec::with_capacity(planned.len());
    for one in planned {
        let span = &one.change.splice.span;
        let outer = |offset| yaml.offset_in_block(host, &inner.text, offset);
        let (start, end) = outer(span.start)
            .zip(outer(span.end))
            .ok_or(Refusal::Form { form: "in a block whose lines are not in the file" })?;
        let come: Vec<Event> = event.take().into_iter().collect();
        let gone = at.event..at.event + come.len();
        let splice = Splice { span: start..end, with: one.change.splice.with.replace('\n', &line_start) };
        out.push(Planned { change: Change { splice, gone, come, ..one.change }, ..one });
    }
    Ok(out)
}

pub(crate) fn unproven(reason: &str) -> Refusal {
    Refusal::Unproven { reason: reason.to_owned() }
}
