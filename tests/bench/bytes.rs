//! An independent look at an edit: which bytes of a file differ, and whether they are the proposed values and no others.
//!
//! Knows no YAML. A file is a row of words (what a quantity may be written with) with separators between them: blanks,
//! line ends, quotes, brackets, comment signs. All separators and all words but the proposed ones must be equal; where
//! requests are created, all words that were there must still be there in their order, with only the keys and values of
//! requests between them.

use std::collections::BTreeMap;

use kubeopt_model::Amount;
use kubeopt_model::EditedFile;
use kubeopt_model::recommendation::{SiteAddition, SiteChange, SitePatch};

/// What differs although nothing proposed it, as a sentence.
pub(crate) fn foreign_change(
    file: &EditedFile,
    changes: &[&SiteChange],
    additions: &[&SiteAddition],
    patches: &[&SitePatch],
) -> Option<String> {
    let (before, after) = (words(&file.content.before), words(&file.content.after));
    let created: Vec<&SiteAddition> =
        additions.iter().copied().filter(|addition| addition.site.file == file.path).collect();
    let is_here = |patch: &&SitePatch| [&patch.file, &patch.kustomization].contains(&&file.path);
    let patches: Vec<&SitePatch> = patches.iter().copied().filter(is_here).collect();
    if !created.is_empty() || !patches.is_empty() {
        return foreign_beside(file, (&before, &after), changes, &created, &patches);
    }
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

/// The words of a patch but for its values, and of the entry that names its file.
fn patch_words(patches: &[&SitePatch]) -> Vec<String> {
    const KEYS: [&str; 18] = [
        "-",
        "---",
        "apiVersion",
        "apps/v1",
        "batch/v1",
        "kind",
        "metadata",
        "name",
        "namespace",
        "spec",
        "template",
        "jobTemplate",
        "containers",
        "initContainers",
        "limits",
        "patches",
        "patchesStrategicMerge",
        "path",
    ];
    let names = |patch: &&SitePatch| {
        let workload = &patch.workload;
        let namespace = workload.namespace.as_ref().map(ToString::to_string);
        let named = [workload.kind.to_string(), workload.name.to_string(), patch.file.file_name().to_owned()];
        let list = patch.list.iter().map(ToString::to_string);
        named.into_iter().chain(namespace).chain(list).collect::<Vec<_>>()
    };
    match patches {
        [] => Vec::new(),
        _ => KEYS.map(str::to_owned).into_iter().chain(patches.iter().flat_map(names)).collect(),
    }
}

/// The same for a file in which requests are created, or that is a patch or comes to name one.
fn foreign_beside(
    file: &EditedFile,
    (before, after): (&[Word<'_>], &[Word<'_>]),
    changes: &[&SiteChange],
    created: &[&SiteAddition],
    patches: &[&SitePatch],
) -> Option<String> {
    let text = |word: &Word<'_>| word.text.unwrap_or_default().to_owned();
    let changed = |old: &Word<'_>, new: &Word<'_>| {
        changes.iter().any(|change| {
            let found = Amount::parse(change.field.resource, &text(new)).ok();
            change.site.file == file.path
                && (change.site.line, change.site.text.as_str()) == (old.line, text(old).as_str())
                && found == Some(change.value.after)
        })
    };
    let mut values: Vec<String> = created.iter().map(|addition| addition.after.to_string()).collect();
    let own = patches.iter().filter(|patch| patch.file == file.path);
    values.extend(own.filter_map(|patch| patch.value.after).map(|after| after.to_string()));
    let of_patch = patch_words(patches);
    let mut old = before.iter().filter(|word| word.is_word).peekable();
    for new in after.iter().filter(|word| word.is_word) {
        if old.next_if(|old| old.bytes == new.bytes || changed(old, new)).is_some() {
            continue;
        }
        // An empty value gives way to keys.
        old.next_if(|old| old.bytes == b"null");
        let is_key = ["resources", "requests", "cpu", "memory"].contains(&text(new).as_str())
            || of_patch.contains(&text(new));
        match values.iter().position(|value| *value == text(new)) {
            Some(at) => drop(values.remove(at)),
            None if is_key => {}
            None => return Some(format!("{}:{}: {:?} came in", file.path, new.line, new.bytes)),
        }
    }
    let lost = old.next().map(|old| format!("{}:{}: {:?} is gone", file.path, old.line, old.bytes));
    lost.or_else(|| values.first().map(|value| format!("{}: {value} was not created", file.path)))
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
