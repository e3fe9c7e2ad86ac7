//! What shall be written: keys, items and values that are not there yet, as lines, as flow text and as events.
//!
//! It knows how a text looks in a given style; where it goes is decided elsewhere.

use kubeopt_model::Step;
use yaml_rust2::parser::Event;
use yaml_rust2::scanner::TScalarStyle;

use crate::refusal::{Refusal, shortened};

/// A node that is not there yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fresh {
    /// An amount.
    Value(String),
    /// A text that is no amount.
    Name(String),
    /// Keys and values.
    Map(Vec<(String, Fresh)>),
    /// Items.
    List(Vec<Fresh>),
}

/// How the neighbours write.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Style {
    /// Columns from a key to the keys below it.
    pub(crate) step: usize,
    /// Columns from a key to the dashes below it.
    pub(crate) list_step: usize,
    /// Columns from a dash to what it holds.
    pub(crate) dash_width: usize,
    /// `limits` stands before `requests`.
    pub(crate) limits_first: bool,
    /// The quotes around amounts, if they have any.
    pub(crate) value_quote: Option<char>,
    /// Keys stand in double quotes, as in JSON.
    pub(crate) quotes_keys: bool,
    /// `{ a: 1 }` rather than `{a: 1}`.
    pub(crate) is_padded: bool,
}

impl Fresh {
    /// The nodes that a path leads through, with a text at its end. No step may be an index.
    pub(crate) fn along(path: &[Step], text: &str) -> Option<Self> {
        let Some((first, rest)) = path.split_first() else { return Some(Self::Value(text.to_owned())) };
        match first {
            Step::Key(key) => Some(Self::Map(vec![(key.clone(), Self::along(rest, text)?)])),
            Step::Index(_) => None,
        }
    }

    /// Puts both together: mappings are united, equal values are one.
    pub(crate) fn join(&mut self, other: Self) -> Result<(), Refusal> {
        match (self, other) {
            (Self::Map(mine), Self::Map(theirs)) => {
                for (key, node) in theirs {
                    match mine.iter_mut().find(|(known, _)| *known == key) {
                        Some((_, known)) => known.join(node)?,
                        None => mine.push((key, node)),
                    }
                }
                Ok(())
            }
            (Self::Value(mine), Self::Value(theirs)) if *mine == theirs => Ok(()),
            (Self::Value(mine), Self::Value(theirs)) => {
                Err(Refusal::Contradiction { first: shortened(mine), second: shortened(&theirs) })
            }
            (Self::Value(_) | Self::Name(_) | Self::Map(_) | Self::List(_), _) => {
                Err(Refusal::NotCreated { reason: "one creation needs a value where another needs keys" })
            }
        }
    }

    /// Orders what has an order everywhere: cpu before memory, and requests and limits as the neighbours do.
    pub(crate) fn sort(&mut self, limits_first: bool) {
        let Self::Map(entries) = self else { return };
        for (_, node) in entries.iter_mut() {
            node.sort(limits_first);
        }
        let pair = if limits_first { ["limits", "requests"] } else { ["requests", "limits"] };
        for [first, second] in [pair, ["cpu", "memory"]] {
            let place = |key: &str| entries.iter().position(|(known, _)| known == key);
            if let (Some(first), Some(second)) = (place(first), place(second))
                && first > second
            {
                entries.swap(first, second);
            }
        }
    }

    /// Lines of block style without their ends; those of a list begin with its dashes.
    pub(crate) fn lines(&self, column: usize, style: &Style) -> Vec<String> {
        match self {
            Self::Value(_) | Self::Name(_) => vec![format!("{}{}", " ".repeat(column), self.flow(style))],
            Self::Map(entries) => {
                entries.iter().flat_map(|(key, node)| entry_lines(key, node, column, style)).collect()
            }
            Self::List(items) => items.iter().flat_map(|item| item_lines(item, column, style)).collect(),
        }
    }

    /// Flow style, on one line.
    pub(crate) fn flow(&self, style: &Style) -> String {
        let pad = if style.is_padded { " " } else { "" };
        match self {
            Self::Value(text) => style.value(text).0,
            Self::Name(text) => style.key(text).0,
            Self::Map(_) => format!("{{{pad}{}{pad}}}", self.flow_inside(style).join(", ")),
            Self::List(_) => format!("[{}]", self.flow_inside(style).join(", ")),
        }
    }

    /// The parts between the braces or brackets.
    pub(crate) fn flow_inside(&self, style: &Style) -> Vec<String> {
        match self {
            Self::Value(_) | Self::Name(_) => vec![self.flow(style)],
            Self::Map(entries) => entries
                .iter()
                .map(|(key, node)| format!("{}: {}", style.key(key).0, node.flow(style)))
                .collect(),
            Self::List(items) => items.iter().map(|item| item.flow(style)).collect(),
        }
    }

    /// The events of the node.
    pub(crate) fn events(&self, style: &Style) -> Vec<Event> {
        let (open, close) = match self {
            Self::Value(text) => {
                return vec![Event::Scalar(text.clone(), style.value(text).1, 0, None)];
            }
            Self::Name(text) => return vec![Event::Scalar(text.clone(), style.key(text).1, 0, None)],
            Self::Map(_) => (Event::MappingStart(0, None), Event::MappingEnd),
            Self::List(_) => (Event::SequenceStart(0, None), Event::SequenceEnd),
        };
        let mut events = vec![open];
        events.extend(self.events_inside(style));
        events.push(close);
        events
    }

    /// The events between those that open and close it.
    pub(crate) fn events_inside(&self, style: &Style) -> Vec<Event> {
        match self {
            Self::Value(_) | Self::Name(_) => self.events(style),
            Self::Map(entries) => entries
                .iter()
                .flat_map(|(key, node)| {
                    let key = Event::Scalar(key.clone(), style.key(key).1, 0, None);
                    std::iter::once(key).chain(node.events(style))
                })
                .collect(),
            Self::List(items) => items.iter().flat_map(|item| item.events(style)).collect(),
        }
    }
}

fn entry_lines(key: &str, node: &Fresh, column: usize, style: &Style) -> Vec<String> {
    let head = format!("{}{}:", " ".repeat(column), style.key(key).0);
    let below = match node {
        Fresh::Value(_) | Fresh::Name(_) => return vec![format!("{head} {}", node.flow(style))],
        Fresh::Map(_) => node.lines(column + style.step, style),
        Fresh::List(_) => node.lines(column + style.list_step, style),
    };
    std::iter::once(head).chain(below).collect()
}

fn item_lines(item: &Fresh, column: usize, style: &Style) -> Vec<String> {
    let mut lines = item.lines(column + style.dash_width, style);
    if let Some(first) = lines.first_mut() {
        let gap = " ".repeat(style.dash_width.saturating_sub(1));
        *first = format!("{}-{gap}{}", " ".repeat(column), first.trim_start());
    }
    lines
}

impl Style {
    fn key(&self, key: &str) -> (String, TScalarStyle) {
        if self.quotes_keys || !is_plain(key) {
            quoted(key, '"')
        } else {
            (key.to_owned(), TScalarStyle::Plain)
        }
    }

    fn value(&self, text: &str) -> (String, TScalarStyle) {
        let is_amount = text.starts_with(|c: char| c.is_ascii_digit());
        match self.value_quote.or(self.quotes_keys.then_some('"')) {
            Some(quote) => quoted(text, quote),
            None if is_amount && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.') => {
                (text.to_owned(), TScalarStyle::Plain)
            }
            None if is_plain(text) => (text.to_owned(), TScalarStyle::Plain),
            None => quoted(text, '"'),
        }
    }
}

/// Reads as the same text in every dialect of YAML without quotes.
fn is_plain(text: &str) -> bool {
    const WORDS: [&str; 10] = ["null", "true", "false", "yes", "no", "on", "off", "y", "n", "nan"];
    let safe = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | '/');
    let begins = |c: char| c.is_ascii_alphabetic() || c == '_' || c == '/';
    let dots_first = text.trim_start_matches(['.', '/']);
    (text.starts_with(begins) || (text.starts_with("..") && dots_first.starts_with(begins)))
        && text.chars().all(safe)
        && !WORDS.iter().any(|word| text.eq_ignore_ascii_case(word))
}

fn quoted(text: &str, quote: char) -> (String, TScalarStyle) {
    if quote == '\'' && !text.contains(['\'', '\n']) {
        return (format!("'{text}'"), TScalarStyle::SingleQuoted);
    }
    (format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\"")), TScalarStyle::DoubleQuoted)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stream::Stream;

    const STYLE: Style = Style {
        step: 4,
        list_step: 2,
        dash_width: 2,
        limits_first: false,
        value_quote: None,
        quotes_keys: false,
        is_padded: false,
    };

    fn fresh() -> Fresh {
        let keys = |path: &[&str]| path.iter().map(|key| Step::from(*key)).collect::<Vec<_>>();
        let mut all = Fresh::along(&keys(&["a.b", "limits", "memory"]), "1Gi").expect("keys");
        for (path, text) in [
            (["a.b", "requests", "memory"], "1Gi"),
            (["a.b", "requests", "cpu"], "5m"),
            (["on", "x y", "\"q\\"], "${x}"),
        ] {
            all.join(Fresh::along(&keys(&path), text).expect("keys")).expect("joined");
        }
        all.sort(false);
        all
    }

    #[test]
    fn every_style_reads_back_as_its_events() {
        for (list_step, value_quote, quotes_keys) in
            [(0, None, false), (2, Some('\''), false), (4, Some('"'), false), (0, None, true)]
        {
            let style = Style { list_step, value_quote, quotes_keys, ..STYLE };
            let node = Fresh::Map(vec![("list".to_owned(), Fresh::List(vec![fresh(), fresh()]))]);
            for text in [node.lines(0, &style).join("\n"), node.flow(&style)] {
                let stream = Stream::read(&text).expect("YAML");
                assert_eq!(stream.events[2..stream.events.len() - 2], node.events(&style), "{text}");
            }
        }
    }

    #[test]
    fn requests_stand_before_limits_and_cpu_before_memory() {
        assert_eq!(
            fresh().lines(0, &STYLE)[..6],
            [
                "a.b:",
                "    requests:",
                "        cpu: 5m",
                "        memory: 1Gi",
                "    limits:",
                "        memory: 1Gi"
            ]
        );
    }

    #[test]
    fn two_texts_for_one_place_contradict() {
        let mut one = Fresh::along(&[Step::from("a")], "1").expect("keys");
        let refusal = one.join(Fresh::along(&[Step::from("a")], "2").expect("keys")).expect_err("two");
        assert_eq!(refusal.code(), "E-SRC-020");
        assert!(one.join(Fresh::along(&[Step::from("a"), Step::from("b")], "2").expect("keys")).is_err());
    }
}
