//! The bytes and events by which new keys and items enter a text, in the style of their neighbours.
//!
//! Each change is one span of the text. That it changes nothing else is proven by who applies it ([`crate::create`]).

use std::ops::Range;

use yaml_rust2::parser::Event;

use crate::create_extent::{
    after_trivia, colon_end, end_of, entry_end, is_flow, line_content_end, line_end, line_of, start_of,
};
use crate::create_fresh::{Fresh, Style};
use crate::create_place::{Place, Spot, not_created};
use crate::create_style::{dash, near};
use crate::refusal::Refusal;
use crate::stream::{NodeId, Stream};
use crate::text::Splice;
use crate::yaml_text::YamlText;

/// The sibling that new keys stand before, if any, and the keys.
type Part = (Option<NodeId>, Vec<(String, Fresh)>);

/// One span of text that changes, and what that does to the events.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Change {
    /// The bytes.
    pub(crate) splice: Splice,
    /// Events before that are replaced.
    pub(crate) gone: Range<usize>,
    /// Events that stand there after.
    pub(crate) come: Vec<Event>,
    /// The first key that the change creates; none for items and for values of keys that are there.
    pub(crate) first_key: Option<String>,
}

impl Change {
    /// By this, changes stand in the order of the text, and of two at one byte the one that is nested deeper first:
    /// its mapping ends earlier.
    pub(crate) fn order(&self) -> (usize, usize, usize) {
        (self.splice.span.start, self.splice.span.end, self.gone.start)
    }
}

/// What puts `fresh` at a place: keys into a mapping, items into a list, or a whole node where nothing was.
pub(crate) fn changes(
    yaml: &YamlText<'_>,
    place: &Place,
    fresh: &Fresh,
    document: &Style,
) -> Result<Vec<Change>, Refusal> {
    let site = Site { yaml, place, style: near(yaml, document, &place.around) };
    match place.spot {
        Spot::Mapping(node) if yaml.stream.entries(node).is_empty() => site.empty(node, fresh),
        Spot::Sequence(node) if yaml.stream.items(node).is_empty() => site.empty(node, fresh),
        Spot::Mapping(node) => site.mapping(node, fresh),
        Spot::Sequence(node) => site.sequence(node, fresh),
        Spot::Null(node) => site.null(node, fresh),
        Spot::Blank => Ok(vec![site.blank(fresh)]),
        Spot::Hosted(_) => Err(not_created("the text of a block is another text")),
    }
}

/// The events after some changes; none where they contradict each other.
pub(crate) fn events_after(stream: &Stream, changes: &[Change]) -> Option<Vec<Event>> {
    let mut ordered: Vec<&Change> = changes.iter().collect();
    ordered.sort_by_key(|change| (change.gone.start, change.gone.end));
    let (mut events, mut done) = (Vec::with_capacity(stream.events.len() + 16), 0);
    for change in ordered {
        events.extend_from_slice(stream.events.get(done..change.gone.start)?);
        events.extend_from_slice(&change.come);
        done = change.gone.end;
    }
    events.extend_from_slice(stream.events.get(done..)?);
    Some(events)
}

/// The splices of some changes in the order of the text: what is nested deeper stands first.
pub(crate) fn splices(changes: &[Change]) -> Vec<Splice> {
    let mut ordered: Vec<&Change> = changes.iter().collect();
    ordered.sort_by_key(|change| change.order());
    ordered.into_iter().map(|change| change.splice.clone()).collect()
}

struct Site<'s, 'a> {
    yaml: &'s YamlText<'a>,
    place: &'s Place,
    style: Style,
}

impl Site<'_, '_> {
    /// `{}` or `[]`: becomes a block where a block may stand.
    fn empty(&self, node: NodeId, fresh: &Fresh) -> Result<Vec<Change>, Refusal> {
        let span = start_of(self.yaml, node).zip(end_of(self.yaml, node)).ok_or_else(unclear)?;
        let event = self.yaml.stream.node(node).event + 1;
        let is_short = span.1 - span.0 == 2;
        let splice = if self.place.in_flow || !is_short {
            let parts = fresh.flow_inside(&self.style).join(", ");
            Splice { span: span.0 + 1..span.0 + 1, with: parts }
        } else {
            self.as_block(span.0..span.1, fresh)?
        };
        let come = fresh.events_inside(&self.style);
        Ok(vec![Change { splice, gone: event..event, come, first_key: first_key(fresh) }])
    }

    /// `key:` with `null`, `~` or nothing behind it.
    fn null(&self, node: NodeId, fresh: &Fresh) -> Result<Vec<Change>, Refusal> {
        let event = self.yaml.stream.node(node).event;
        if self.place.around.is_empty() && self.yaml.span(node).is_none() {
            let is_last = self.yaml.stream.documents.last() == Some(&node);
            let change = self.blank(fresh);
            let come = fresh.events(&self.style);
            return if is_last {
                Ok(vec![Change { gone: event..event + 1, come, ..change }])
            } else {
                Err(not_created("the document is empty"))
            };
        }
        let splice = match (self.yaml.span(node), fresh) {
            (Some(span), Fresh::Value(_) | Fresh::Name(_)) => Splice { span, with: fresh.flow(&self.style) },
            (Some(span), _) if self.place.in_flow => Splice { span, with: fresh.flow(&self.style) },
            (Some(span), _) => self.as_block(span, fresh)?,
            (None, _) => self.behind_colon(fresh)?,
        };
        let come = fresh.events(&self.style);
        Ok(vec![Change { splice, gone: event..event + 1, come, first_key: first_key(fresh) }])
    }

    fn behind_colon(&self, fresh: &Fresh) -> Result<Splice, Refusal> {
        let key = self.place.key.ok_or_else(|| not_created("an empty item of a list has no key"))?;
        let colon =
            colon_end(self.yaml, key).ok_or_else(|| not_created("the key has no colon on its line"))?;
        if self.place.in_flow || matches!(fresh, Fresh::Value(_) | Fresh::Name(_)) {
            return Ok(Splice { span: colon..colon, with: format!(" {}", fresh.flow(&self.style)) });
        }
        let line = line_of(&self.yaml.text, colon);
        let end = line_content_end(&self.yaml.text, line);
        free_tail(&self.yaml.text.body[colon..end])?;
        let lines = fresh.lines(self.column_below(fresh)?, &self.style);
        Ok(Splice { span: end..end, with: behind(&lines, line_end(&self.yaml.text, line)) })
    }

    /// A document without nodes: the keys go to the end of the text.
    fn blank(&self, fresh: &Fresh) -> Change {
        let body = &self.yaml.text.body;
        let eol = line_end(&self.yaml.text, 1);
        let is_open = !body.is_empty() && !body.ends_with(['\r', '\n']);
        let lines = fresh.lines(0, &self.style).join(eol);
        let with = if is_open { format!("{eol}{lines}") } else { format!("{lines}{eol}") };
        let end = self.yaml.stream.events.len().saturating_sub(1);
        let document = std::iter::once(Event::DocumentStart)
            .chain(fresh.events(&self.style))
            .chain(std::iter::once(Event::DocumentEnd));
        Change {
            splice: Splice { span: body.len()..body.len(), with },
            gone: end..end,
            come: document.collect(),
            first_key: first_key(fresh),
        }
    }

    /// Keys into a mapping that has some: each before the sibling that it stands before everywhere, else at the end.
    fn mapping(&self, node: NodeId, fresh: &Fresh) -> Result<Vec<Change>, Refusal> {
        let Fresh::Map(entries) = fresh else {
            return Err(not_created("the path and the file have different shapes"));
        };
        let mut parts: Vec<Part> = Vec::new();
        for (key, value) in entries {
            let before = self.sibling_behind(node, key);
            match parts.iter_mut().find(|(known, _)| *known == before) {
                Some((_, part)) => part.push((key.clone(), value.clone())),
                None => parts.push((before, vec![(key.clone(), value.clone())])),
            }
        }
        parts.into_iter().map(|(before, part)| self.mapping_part(node, before, Fresh::Map(part))).collect()
    }

    fn mapping_part(&self, node: NodeId, before: Option<NodeId>, part: Fresh) -> Result<Change, Refusal> {
        let (yaml, stream) = (self.yaml, &self.yaml.stream);
        let splice = match (is_flow(yaml, node), before) {
            (true, None) => {
                let (key, value) = *stream.entries(node).last().ok_or_else(unclear)?;
                let end = entry_end(yaml, key, value).ok_or_else(unclear)?;
                self.flow_end(key, end, &part.flow_inside(&self.style))?
            }
            (true, Some(sibling)) => self.flow_before(sibling, &part.flow_inside(&self.style))?,
            (false, None) => {
                let (key, value) = *stream.entries(node).last().ok_or_else(unclear)?;
                let end = entry_end(yaml, key, value).ok_or_else(unclear)?;
                self.lines_behind(end, &part.lines(self.block_column(node)?, &self.style))?
            }
            (false, Some(sibling)) => {
                self.lines_before(sibling, &part.lines(self.block_column(node)?, &self.style))?
            }
        };
        let event = match before {
            Some(sibling) => stream.node(sibling).event,
            None => stream.close_event(node).ok_or_else(unclear)?,
        };
        let come = part.events_inside(&self.style);
        Ok(Change { splice, gone: event..event, come, first_key: first_key(&part) })
    }

    /// The sibling that a key stands before: `memory` behind `cpu`, and `limits` behind `requests` or as the
    /// neighbours have it; only one that begins its line, or stands in braces.
    fn sibling_behind(&self, mapping: NodeId, key: &str) -> Option<NodeId> {
        let behind = match (key, self.style.limits_first) {
            ("cpu", _) => "memory",
            ("requests", false) => "limits",
            ("limits", true) => "requests",
            _ => return None,
        };
        let is_it = |(name, _): &&(NodeId, NodeId)| self.yaml.stream.scalar(*name) == Some(behind);
        let (sibling, _) = self.yaml.stream.entries(mapping).iter().find(is_it)?;
        (is_flow(self.yaml, mapping) || self.begins_line(*sibling)).then_some(*sibling)
    }

    /// Items into a list that has some: at its end.
    fn sequence(&self, node: NodeId, fresh: &Fresh) -> Result<Vec<Change>, Refusal> {
        let last = *self.yaml.stream.items(node).last().ok_or_else(unclear)?;
        let end = end_of(self.yaml, last).ok_or_else(unclear)?;
        let splice = if is_flow(self.yaml, node) {
            self.flow_end(last, end, &fresh.flow_inside(&self.style))?
        } else {
            let dash = dash(self.yaml, last).ok_or_else(unclear)?;
            let place = self.yaml.text.position(dash);
            let is_alone = self.yaml.text.line(place.line).starts_with(&" ".repeat(place.column));
            let content = self.yaml.text.line(place.line).get(place.column + 1..).unwrap_or_default();
            let gap = content.len() - content.trim_start_matches(' ').len();
            let style = Style { dash_width: 1 + gap.max(1), ..self.style };
            if !is_alone {
                return Err(unclear());
            }
            self.lines_behind(end, &fresh.lines(place.column, &style))?
        };
        let event = self.yaml.stream.close_event(node).ok_or_else(unclear)?;
        let come = fresh.events_inside(&self.style);
        Ok(vec![Change { splice, gone: event..event, come, first_key: None }])
    }

    /// In the place of a short empty value: a block below its key, or from its column where it has a line of its own.
    fn as_block(&self, span: Range<usize>, fresh: &Fresh) -> Result<Splice, Refusal> {
        let text = &self.yaml.text;
        let line = line_of(text, span.start);
        let (first, end, eol) =
            (text.line_span(line).start, line_content_end(text, line), line_end(text, line));
        let tail = text.body.get(span.end..end).ok_or_else(unclear)?;
        free_tail(tail)?;
        let before = &text.body[first..span.start];
        if before.chars().all(|c| matches!(c, ' ' | '-')) && !before.starts_with("---") {
            let lines = fresh.lines(before.len(), &self.style);
            let (head, rest) = lines.split_first().ok_or_else(unclear)?;
            let with = format!("{}{tail}{}", head.trim_start(), behind(rest, eol));
            return Ok(Splice { span: span.start..end, with });
        }
        let lines = fresh.lines(self.column_below(fresh)?, &self.style);
        let start = first + before.trim_end().len();
        Ok(Splice { span: start..end, with: format!("{tail}{}", behind(&lines, eol)) })
    }

    fn lines_behind(&self, end: usize, lines: &[String]) -> Result<Splice, Refusal> {
        let text = &self.yaml.text;
        let line = line_of(text, end);
        let at = line_content_end(text, line);
        free_tail(&text.body[end..at.max(end)])?;
        Ok(Splice { span: at..at, with: behind(lines, line_end(text, line)) })
    }

    /// Above a key and the comments that stand right above it.
    fn lines_before(&self, key: NodeId, lines: &[String]) -> Result<Splice, Refusal> {
        let text = &self.yaml.text;
        let place = self.yaml.stream.node(key).at;
        let indent = " ".repeat(place.column);
        let is_comment =
            |line: usize| text.line(line).strip_prefix(&indent).is_some_and(|rest| rest.starts_with('#'));
        let above = (1..place.line).rev().take_while(|line| is_comment(*line)).last();
        let at = text.line_span(above.unwrap_or(place.line)).start;
        let eol = line_end(text, place.line);
        let with: String = lines.iter().flat_map(|line| [line.as_str(), eol]).collect();
        Ok(Splice { span: at..at, with })
    }

    /// Behind the last entry or item of a flow collection, on a line of its own if that has one.
    fn flow_end(&self, last: NodeId, end: usize, parts: &[String]) -> Result<Splice, Refusal> {
        let text = &self.yaml.text;
        if !self.begins_line(last) {
            return Ok(Splice { span: end..end, with: format!(", {}", parts.join(", ")) });
        }
        let line = line_of(text, end);
        let (content_end, eol) = (line_content_end(text, line), line_end(text, line));
        let indent = " ".repeat(self.yaml.stream.node(last).at.column);
        let lines: Vec<String> = parts.iter().map(|part| format!("{indent}{part}")).collect();
        let lines = lines.join(&format!(",{eol}"));
        let tail = &text.body[end..content_end.max(end)];
        let comma = after_trivia(&text.body, end);
        if text.body[comma..].starts_with(',') {
            // A comma behind the last entry stays the style.
            let at = line_content_end(text, line_of(text, comma));
            free_tail(&text.body[comma + 1..at])?;
            return Ok(Splice { span: at..at, with: format!("{eol}{lines},") });
        }
        match free_tail(tail) {
            Ok(()) => Ok(Splice { span: end..content_end, with: format!(",{tail}{eol}{lines}") }),
            Err(_) => Ok(Splice { span: end..end, with: format!(",{eol}{lines}") }),
        }
    }

    fn flow_before(&self, sibling: NodeId, parts: &[String]) -> Result<Splice, Refusal> {
        let at = start_of(self.yaml, sibling).ok_or_else(unclear)?;
        let gap = if self.begins_line(sibling) {
            let place = self.yaml.stream.node(sibling).at;
            format!(",{}{}", line_end(&self.yaml.text, place.line), " ".repeat(place.column))
        } else {
            ", ".to_owned()
        };
        let with: String = parts.iter().flat_map(|part| [part.as_str(), gap.as_str()]).collect();
        Ok(Splice { span: at..at, with })
    }

    /// Nothing but spaces stands before the node on its line.
    fn begins_line(&self, node: NodeId) -> bool {
        let at = self.yaml.stream.node(node).at;
        self.yaml.text.line(at.line).starts_with(&" ".repeat(at.column))
    }

    /// The column of the keys of a block mapping whose first key stands behind nothing but spaces and dashes.
    fn block_column(&self, mapping: NodeId) -> Result<usize, Refusal> {
        let (key, _) = self.yaml.stream.entries(mapping).first().ok_or_else(unclear)?;
        let at = self.yaml.stream.node(*key).at;
        let before = self.yaml.text.line(at.line).get(..at.column).ok_or_else(unclear)?;
        let is_clear = before.chars().all(|c| matches!(c, ' ' | '-'));
        if is_clear { Ok(at.column) } else { Err(unclear()) }
    }

    /// The column of what stands below the key of the place.
    fn column_below(&self, fresh: &Fresh) -> Result<usize, Refusal> {
        let step = match fresh {
            Fresh::List(_) => self.style.list_step,
            Fresh::Map(_) | Fresh::Value(_) | Fresh::Name(_) => self.style.step,
        };
        match self.place.key {
            Some(key) => Ok(self.yaml.stream.node(key).at.column + step),
            None if self.place.existing == 0 => Ok(0),
            None => Err(unclear()),
        }
    }
}

/// Lines behind the content of another.
fn behind(lines: &[String], eol: &str) -> String {
    lines.iter().flat_map(|line| [eol, line.as_str()]).collect()
}

/// Nothing but blanks and a comment.
fn free_tail(tail: &str) -> Result<(), Refusal> {
    let comment = tail.trim_start_matches([' ', '\t']);
    let is_free = comment.is_empty() || (comment.len() < tail.len() && comment.starts_with('#'));
    if is_free { Ok(()) } else { Err(unclear()) }
}

fn first_key(fresh: &Fresh) -> Option<String> {
    match fresh {
        Fresh::Map(entries) => entries.first().map(|(key, _)| key.clone()),
        Fresh::List(_) | Fresh::Value(_) | Fresh::Name(_) => None,
    }
}

fn unclear() -> Refusal {
    not_created("the text around it is written in a form that kubeopt does not add to")
}
