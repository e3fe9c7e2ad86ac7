//! Every folder of `tests/cases` again, for creation: what is not set is created, with exact bytes, and taken out.
//!
//! `created.diff` holds the lines that come; folders where nothing can be created have none. With `UPDATE_CASES=1` the
//! expected files are written anew, to be read before they are committed.

use std::fs;
use std::path::Path;

use kubeopt_manifest::{FileRole, create_texts, slots, uncreate};
use kubeopt_model::{EditSite, FileSet, Resource};

use crate::{cases, path};

#[test]
fn every_case_takes_what_it_does_not_set() {
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let mut failures = Vec::new();
    let mut seen_any = 0;
    for folder in cases::folders() {
        let seen = created(&folder);
        let file = folder.join("created.diff");
        if update {
            let _ = fs::remove_file(&file);
            if let Some(seen) = &seen {
                fs::write(&file, seen).expect("written");
            }
        }
        seen_any += usize::from(seen.is_some());
        let expected = fs::read_to_string(&file).ok();
        if seen != expected {
            failures.push(format!("--- {}\nexpected {expected:?}\nseen {seen:?}", folder.display()));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
    assert!(seen_any >= 20, "the cases are gone: {seen_any}");
}

fn created(folder: &Path) -> Option<String> {
    let before = fs::read(folder.join("in.yaml")).expect("in.yaml");
    let file = fs::read_to_string(folder.join("file")).map_or(path("apps/in.yaml"), |text| path(text.trim()));
    let slots = slots(&FileSet::from([(file.clone(), before.clone())]), &|_| FileRole::Manifest).open;
    let text = |resource| match resource {
        Resource::Cpu => "7m".to_owned(),
        Resource::Memory => "7Mi".to_owned(),
    };
    let wanted: Vec<(EditSite, String)> =
        slots.into_iter().map(|slot| (slot.site, text(slot.field.resource))).collect();
    if wanted.is_empty() {
        return None;
    }
    let name = folder.display();
    let created = create_texts(&file, &before, &wanted).unwrap_or_else(|problem| panic!("{name}: {problem}"));
    let back = uncreate(&file, &created.bytes, &created.insertions).expect("undone");
    assert_eq!(back, before, "{name}: the way back");
    Some(cases::diff(&before, &created.bytes))
}
