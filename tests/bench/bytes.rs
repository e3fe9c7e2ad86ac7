//! An independent look at an edit: which bytes of a file differ, and whether they are the proposed values and no others.
//!
//! Knows no YAML. A file is a row of words (what a quantity may be written with) with separators between them: blanks,
//! line ends, quotes, brackets, comment signs. All separators and all words but the proposed ones must be equal.

use std::collections::BTreeMap;

use kubeopt_model::Amount;
use kubeopt_model::EditedFile;
use kubeopt_model::recommendation::SiteChange;

/// What differs although nothing proposed it, as a sentence.
pub(crate) fn foreign_change(file: &EditedFile, changes: &[&SiteChange]) -> Option<String> {
    let (before, after) = (words(&file.content.before), words(&file.content.after));
    if before.len() != after.len() {
        return Some(format!("{}: {} words became {}", file.path, before.len(), after.len()));
    }
    let mut open: BTreeMap<(usize, &str), Vec<&SiteChange>> = BTreeMap::new();
    for change in changes.iter().filter(|change| change.site.file == file.path) {
        open.entry((change.site.line, change.site.text.as_str())).or_default().push(change);
    }
    // One scalar may stand behind several changes when it feeds several fields.
    open.values_mut().for_each(|changes| changes.dedup_by(|a, b| a.site == b.site));
    for (old, new) in before.iter().zip(&after) {
        if old == new {
            continue;
        }
        let proposed = old.text.and_then(|text| open.get_mut(&(old.line, text))?.pop());
        let is_that = |change: &SiteChange| {
            let found = Amount::parse(change.field.resource, new.text.unwrap_or_default()).ok();
            old.is_word == new.is_word && found == Some(change.value.after)
        };
        if !proposed.is_some_and(is_that) {
            return Some(format!("{}:{}: {:?} became {:?}", file.path, old.line, old.bytes, new.bytes));
        }
    }
    let missing = open.iter().find(|(_, changes)| !changes.is_empty());
    missing.map(|((line, text), _)| format!("{}:{line}: {text} stayed as it was", file.path))
}

#[derive(PartialEq, Eq)]
struct Word<'f> {
    line: usize,
    bytes: &'f [u8],
    text: Option<&'f str>,
    is_word: bool,
}

fn words(file: &[u8]) -> Vec<Word<'_>> {
    let is_word =
        |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'+' | b'-' | b'_' | b'/');
    let mut line = 1;
    let mut words = Vec::new();
    for bytes in file.chunk_by(|a, b| is_word(a) == is_word(b)) {
        words.push(Word { line, bytes, text: std::str::from_utf8(bytes).ok(), is_word: is_word(&bytes[0]) });
        line += bytes.iter().filter(|byte| **byte == b'\n').count();
    }
    words
}
