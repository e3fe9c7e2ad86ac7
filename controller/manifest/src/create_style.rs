//! How a document is written: its steps, dashes, quotes and order, as new keys shall follow them.
//!
//! Reads only; knows of Kubernetes no more than the words `requests`, `limits`, `cpu` and `memory`.

use std::collections::BTreeMap;

use yaml_rust2::scanner::TScalarStyle;

use crate::create_extent::{is_flow, start_of};
use crate::create_fresh::Style;
use crate::stream::{Kind, NodeId};
use crate::yaml_text::YamlText;

/// Indentation wider than this is no style but an accident (aligned text).
const STEP_MAX: usize = 8;

/// The style of a document that has none: what kubectl and kustomize write.
const DEFAULT: Style = Style {
    step: 2,
    list_step: 0,
    dash_width: 2,
    limits_first: false,
    value_quote: None,
    quotes_keys: false,
    is_padded: false,
};

/// The style of most of a document.
pub(crate) fn of_document(yaml: &YamlText<'_>, root: NodeId) -> Style {
    let seen = Seen::below(yaml, root);
    Style {
        step: most(&seen.steps).unwrap_or(DEFAULT.step),
        list_step: most(&seen.list_steps).unwrap_or(DEFAULT.list_step),
        dash_width: most(&seen.dash_widths).unwrap_or(DEFAULT.dash_width),
        limits_first: most(&seen.limits_first).unwrap_or(DEFAULT.limits_first),
        value_quote: unanimous(&seen.quotes),
        ..DEFAULT
    }
}

/// The style of a document that is empty.
pub(crate) fn of_nothing() -> Style {
    DEFAULT
}

/// The style at a mapping or sequence, which may differ from that of most of the document. `around` are the mappings
/// on the way to it, the root first.
pub(crate) fn near(yaml: &YamlText<'_>, document: &Style, around: &[NodeId]) -> Style {
    let Some(nearest) = around.last() else { return *document };
    let seen = Seen::below(yaml, *nearest);
    let outside = || around.windows(2).rev().find_map(|pair| step_between(yaml, pair[0], pair[1]));
    let keyed = around.iter().rev().find(|node| !yaml.stream.entries(**node).is_empty());
    let flow =
        around.iter().rev().find(|node| is_flow(yaml, **node) && !yaml.stream.entries(**node).is_empty());
    Style {
        step: seen.steps.first().copied().or_else(outside).unwrap_or(document.step),
        limits_first: seen.limits_first.first().copied().unwrap_or(document.limits_first),
        value_quote: if seen.quotes.is_empty() { document.value_quote } else { unanimous(&seen.quotes) },
        quotes_keys: keyed.is_some_and(|node| has_quoted_keys(yaml, *node)),
        is_padded: flow.is_some_and(|node| is_padded(yaml, *node)),
        ..*document
    }
}

/// The column of the first key of a block mapping.
pub(crate) fn column(yaml: &YamlText<'_>, mapping: NodeId) -> Option<usize> {
    let (key, _) = yaml.stream.entries(mapping).first()?;
    (!is_flow(yaml, mapping)).then(|| yaml.stream.node(*key).at.column)
}

/// The byte of the dash of an item of a block sequence, if it stands before the item on its line.
pub(crate) fn dash(yaml: &YamlText<'_>, item: NodeId) -> Option<usize> {
    let first = match &yaml.stream.node(item).kind {
        Kind::Mapping(entries) if !is_flow(yaml, item) => entries.first()?.0,
        Kind::Sequence(_) if !is_flow(yaml, item) => return None,
        Kind::Scalar(_, TScalarStyle::Literal | TScalarStyle::Folded) => return block_dash(yaml, item),
        Kind::Mapping(_) | Kind::Sequence(_) | Kind::Scalar(..) | Kind::Alias(_) => item,
    };
    let start = start_of(yaml, first)?;
    let before = yaml.text.body[..start].trim_end_matches(' ');
    before.ends_with('-').then(|| before.len() - 1)
}

/// The dash of a block of text, which begins on the line below it.
fn block_dash(yaml: &YamlText<'_>, item: NodeId) -> Option<usize> {
    let text = &yaml.text;
    let above = (1..yaml.stream.node(item).at.line).rev().find(|line| !text.line(*line).trim().is_empty())?;
    let line = text.line(above);
    let column = line.len() - line.trim_start_matches(' ').len();
    let head = line[column..].strip_prefix("- ")?.trim_start();
    head.starts_with(['|', '>']).then(|| text.line_span(above).start + column)
}

/// What is seen in a part of a document, in the order of the text.
#[derive(Default)]
struct Seen {
    steps: Vec<usize>,
    list_steps: Vec<usize>,
    dash_widths: Vec<usize>,
    limits_first: Vec<bool>,
    quotes: Vec<Option<char>>,
}

impl Seen {
    fn below(yaml: &YamlText<'_>, root: NodeId) -> Self {
        let mut seen = Self::default();
        for id in yaml.stream.below(root) {
            if let Kind::Mapping(entries) = &yaml.stream.node(id).kind {
                seen.mapping(yaml, id, entries);
            }
        }
        seen
    }

    fn mapping(&mut self, yaml: &YamlText<'_>, id: NodeId, entries: &[(NodeId, NodeId)]) {
        let place = |name: &str| entries.iter().position(|(key, _)| yaml.stream.scalar(*key) == Some(name));
        if let (Some(requests), Some(limits)) = (place("requests"), place("limits")) {
            self.limits_first.push(limits < requests);
        }
        let is_block = !is_flow(yaml, id);
        for (key, value) in entries {
            let node = yaml.stream.node(*value);
            match &node.kind {
                Kind::Mapping(_) if is_block => self.steps.extend(step_between(yaml, id, *value)),
                Kind::Sequence(items) if is_block && !is_flow(yaml, *value) => {
                    self.list(yaml, *key, items);
                }
                Kind::Scalar(text, style) if is_amount(yaml, *key, text) => self.quotes.push(match style {
                    TScalarStyle::SingleQuoted => Some('\''),
                    TScalarStyle::DoubleQuoted => Some('"'),
                    TScalarStyle::Plain | TScalarStyle::Literal | TScalarStyle::Folded => None,
                }),
                Kind::Mapping(_) | Kind::Sequence(_) | Kind::Scalar(..) | Kind::Alias(_) => {}
            }
        }
    }

    fn list(&mut self, yaml: &YamlText<'_>, key: NodeId, items: &[NodeId]) {
        let Some(item) = items.first() else { return };
        let Some(dash) = dash(yaml, *item) else { return };
        let dash = yaml.text.position(dash).column;
        self.list_steps
            .extend(dash.checked_sub(yaml.stream.node(key).at.column).filter(|step| *step <= STEP_MAX));
        let content = column(yaml, *item).unwrap_or(yaml.stream.node(*item).at.column);
        self.dash_widths.extend(content.checked_sub(dash).filter(|width| (2..=STEP_MAX).contains(width)));
    }
}

fn is_amount(yaml: &YamlText<'_>, key: NodeId, value: &str) -> bool {
    matches!(yaml.stream.scalar(key), Some("cpu" | "memory"))
        && value.starts_with(|c: char| c.is_ascii_digit() || c == '.')
}

fn step_between(yaml: &YamlText<'_>, outer: NodeId, inner: NodeId) -> Option<usize> {
    let is_entry = yaml.stream.entries(outer).iter().any(|(_, value)| *value == inner);
    let step = column(yaml, inner)?.checked_sub(column(yaml, outer)?)?;
    (is_entry && (1..=STEP_MAX).contains(&step)).then_some(step)
}

fn has_quoted_keys(yaml: &YamlText<'_>, mapping: NodeId) -> bool {
    yaml.stream
        .entries(mapping)
        .iter()
        .all(|(key, _)| matches!(yaml.stream.node(*key).kind, Kind::Scalar(_, TScalarStyle::DoubleQuoted)))
}

fn is_padded(yaml: &YamlText<'_>, flow: NodeId) -> bool {
    start_of(yaml, flow).is_some_and(|start| yaml.text.body[start..].starts_with("{ "))
}

/// The value that is there most often; the smaller of two.
fn most<T: Copy + Ord>(seen: &[T]) -> Option<T> {
    let mut counts: BTreeMap<T, usize> = BTreeMap::new();
    for one in seen {
        *counts.entry(*one).or_default() += 1;
    }
    let highest = counts.values().max().copied()?;
    counts.into_iter().find(|(_, count)| *count == highest).map(|(one, _)| one)
}

/// The quotes that all amounts have.
fn unanimous(quotes: &[Option<char>]) -> Option<char> {
    let first = quotes.first().copied().flatten()?;
    quotes.iter().all(|quote| *quote == Some(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_style_of_a_document_is_that_of_most_of_it() {
        let text = "a:\n    b:\n        c: 1\n    d:\n      e: 2\nl:\n  -   x\nresources:\n    limits:\n        cpu: '1'\n    requests:\n        memory: '2Gi'\n";
        let yaml = YamlText::read(text.as_bytes()).expect("YAML");
        let style = of_document(&yaml, yaml.stream.documents[0]);
        let expected = Style {
            step: 4,
            list_step: 2,
            dash_width: 4,
            limits_first: true,
            value_quote: Some('\''),
            ..DEFAULT
        };
        assert_eq!(style, expected);
    }

    #[test]
    fn the_nearest_neighbour_wins_over_the_document() {
        let text = "a:\n    b:\n        c: 1\nz:\n  y:\n    x: 1\nw:\n    v:\n        u: 1\n";
        let yaml = YamlText::read(text.as_bytes()).expect("YAML");
        let root = yaml.stream.documents[0];
        let z = yaml.stream.get(root, "z").expect("z");
        let document = of_document(&yaml, root);
        assert_eq!((document.step, near(&yaml, &document, &[root, z]).step), (4, 2));
    }
}
