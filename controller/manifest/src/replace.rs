//! Replacing scalars by span, and the proof that nothing else changed.
//!
//! The proof is yaml-rust2's: the events before, with the intended ones replaced, must be the events after. Decides
//! nothing: which scalars and what text is given.

use std::collections::BTreeMap;
use std::ops::Range;

use yaml_rust2::parser::Event;
use yaml_rust2::scanner::TScalarStyle;

use crate::candidate::Candidate;
use crate::refusal::Refusal;
use crate::text::{Splice, splice};
use crate::yaml_text::YamlText;

/// A candidate and the text that shall stand in its place.
#[derive(Debug, Clone)]
pub(crate) struct Replacement<'c> {
    /// Which.
    pub(crate) candidate: &'c Candidate,
    /// The text, without quotes.
    pub(crate) with: String,
}

impl Replacement<'_> {
    /// The change of bytes.
    pub(crate) fn splice(&self) -> Option<Splice> {
        let span = self.candidate.span.clone()?;
        Some(Splice { span, with: self.with.clone() })
    }
}

/// All bytes of the file with the replacements made, proven to change nothing else.
pub(crate) fn replaced(yaml: &YamlText<'_>, replacements: &[Replacement<'_>]) -> Result<Vec<u8>, Refusal> {
    let splices: Option<Vec<Splice>> = replacements.iter().map(Replacement::splice).collect();
    let splices = splices.ok_or(Refusal::Form { form: "with escapes or over several lines" })?;
    if overlap(splices.iter().map(|splice| &splice.span)) {
        return Err(Refusal::Unproven { reason: "two values share bytes".to_owned() });
    }
    let bytes = yaml.text.spliced(&splices);
    prove(yaml, replacements, &bytes)?;
    Ok(bytes)
}

fn overlap<'s>(spans: impl Iterator<Item = &'s Range<usize>>) -> bool {
    let mut sorted: Vec<&Range<usize>> = spans.collect();
    sorted.sort_by_key(|span| span.start);
    sorted.windows(2).any(|pair| pair[0].end > pair[1].start)
}

fn prove(yaml: &YamlText<'_>, replacements: &[Replacement<'_>], bytes: &[u8]) -> Result<(), Refusal> {
    let unproven = |reason: String| Refusal::Unproven { reason };
    let after = YamlText::read(bytes).map_err(|unreadable| unproven(unreadable.refusal.to_string()))?;
    let expected = expected_events(yaml, replacements)?;
    let actual = &after.stream.events;
    if expected.len() != actual.len() {
        return Err(unproven("the number of values changed".to_owned()));
    }
    match expected.iter().zip(actual).position(|(expected, actual)| expected != actual) {
        Some(at) => Err(unproven(format!("event {at} differs"))),
        None => Ok(()),
    }
}

/// The events before, with the intended ones replaced.
fn expected_events(yaml: &YamlText<'_>, replacements: &[Replacement<'_>]) -> Result<Vec<Event>, Refusal> {
    let mut by_event: BTreeMap<usize, Vec<&Replacement<'_>>> = BTreeMap::new();
    for replacement in replacements {
        by_event.entry(replacement.candidate.event).or_default().push(replacement);
    }
    let mut events = yaml.stream.events.clone();
    for (at, replacements) in by_event {
        let before =
            events.get(at).ok_or_else(|| Refusal::Unproven { reason: "an event is gone".to_owned() })?;
        events[at] = replaced_event(before, &replacements)?;
    }
    Ok(events)
}

fn replaced_event(before: &Event, replacements: &[&Replacement<'_>]) -> Result<Event, Refusal> {
    let whole = replacements.iter().find(|replacement| replacement.candidate.within.is_none());
    match (before, whole) {
        (Event::Scalar(_, style, anchor, tag), Some(whole)) => {
            Ok(Event::Scalar(whole.with.clone(), *style, *anchor, tag.clone()))
        }
        (Event::Alias(_), Some(whole)) => Ok(Event::Scalar(whole.with.clone(), TScalarStyle::Plain, 0, None)),
        (Event::Scalar(value, style, anchor, tag), None) => {
            let splices: Vec<Splice> = replacements
                .iter()
                .filter_map(|one| {
                    Some(Splice { span: one.candidate.within.clone()?, with: one.with.clone() })
                })
                .collect();
            Ok(Event::Scalar(splice(value, &splices), *style, *anchor, tag.clone()))
        }
        (
            Event::Alias(_)
            | Event::Nothing
            | Event::StreamStart
            | Event::StreamEnd
            | Event::DocumentStart
            | Event::DocumentEnd
            | Event::SequenceStart(..)
            | Event::SequenceEnd
            | Event::MappingStart(..)
            | Event::MappingEnd,
            _,
        ) => Err(Refusal::Unproven { reason: "the place is no scalar".to_owned() }),
    }
}
