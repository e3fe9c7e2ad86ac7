//! Every folder of `tests/cases`: `in.yaml` and `edit.txt`, and `out.diff` or `refusal`.
//!
//! A line of `edit.txt` is `kind/name/container field = amount`, or `document path = amount` for files that are no
//! workloads. `= removed` takes the key out; such lines count after all others. `refusal` holds the code and, on the next lines, parts of the message. `file` may hold the path that the
//! file has in its repository. With `UPDATE_CASES=1` the expected files are written anew, to be read before they are
//! committed.

use std::fs;
use std::path::{Path, PathBuf};

use kubeopt_manifest::{edit, read_sites, remove};
use kubeopt_model::{EditSite, FieldEdit, Problem, RepoPath};
use similar::TextDiff;

use crate::{amount, path, site};

#[test]
fn every_case_gives_its_diff_or_its_refusal() {
    let update = std::env::var_os("UPDATE_CASES").is_some();
    let mut failures = Vec::new();
    let folders = folders();
    assert!(folders.len() >= 40, "the cases are gone: {}", folders.len());
    for folder in folders {
        let (name, seen) = run(&folder);
        if update {
            write(&folder, &seen);
        }
        if expected(&folder).as_ref() != Some(&seen) {
            failures.push(format!("--- {name}\nexpected {:?}\nseen {seen:?}", expected(&folder)));
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    Diff(String),
    Refusal(Vec<String>),
}

pub(crate) fn folders() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    let mut folders: Vec<PathBuf> =
        fs::read_dir(root).expect("the cases").map(|entry| entry.expect("an entry").path()).collect();
    folders.sort();
    folders
}

fn run(folder: &Path) -> (String, Outcome) {
    let name = folder.file_name().expect("a name").to_string_lossy().into_owned();
    let before = fs::read(folder.join("in.yaml")).expect("in.yaml");
    let file = fs::read_to_string(folder.join("file")).map_or(path("apps/in.yaml"), |text| path(text.trim()));
    let wanted = fs::read_to_string(folder.join("edit.txt")).expect("edit.txt");
    let outcome = match edited(&file, &before, &wanted) {
        Ok(after) => {
            check_round_trip(&name, &file, &before, &after, &wanted);
            Outcome::Diff(diff(&before, &after))
        }
        Err(problem) => Outcome::Refusal(refusal_lines(&problem)),
    };
    (name, outcome)
}

fn edited(file: &RepoPath, bytes: &[u8], wanted: &str) -> Result<Vec<u8>, Problem> {
    let (mut edits, mut removals) = (Vec::new(), Vec::new());
    for line in wanted.lines().filter(|line| !line.is_empty()) {
        let (place, value) = line.split_once(" = ").expect("`place = amount`");
        let site = site_at(file, bytes, place)?;
        match value {
            "removed" => removals.push(site),
            _ => edits.push(FieldEdit { site, after: amount(value) }),
        }
    }
    let edited = edit(file, bytes, &edits)?;
    if removals.is_empty() { Ok(edited) } else { remove(file, &edited, &removals) }
}

fn site_at(file: &RepoPath, bytes: &[u8], place: &str) -> Result<EditSite, Problem> {
    let (first, second) = place.split_once(' ').expect("two words");
    let site = match first.parse::<usize>() {
        Ok(document) => {
            let (path, text) = second.split_once(' ').unwrap_or((second, ""));
            site(file, document, path, text)
        }
        Err(_) => site_of(file, bytes, first, second)?,
    };
    Ok(site)
}

/// `Deployment/api/main requests.cpu`, with an optional namespace before a colon.
fn site_of(file: &RepoPath, bytes: &[u8], who: &str, field: &str) -> Result<EditSite, Problem> {
    let (namespace, who) = who.split_once(':').map_or((None, who), |(namespace, who)| (Some(namespace), who));
    let sites = read_sites(file, bytes)?;
    let found = sites.into_iter().find(|site| {
        let workload = &site.workload;
        let name = format!("{}/{}/{}", workload.kind, workload.name, site.container);
        let in_namespace = workload.namespace.as_ref().map(|namespace| namespace.as_str()) == namespace;
        name == who && site.field.to_string() == field && (namespace.is_none() || in_namespace)
    });
    found.unwrap_or_else(|| panic!("{who} {field} is not in the file")).site
}

/// The same edits again change nothing, and the edits back give the file back where the notation allows it.
fn check_round_trip(name: &str, file: &RepoPath, before: &[u8], after: &[u8], wanted: &str) {
    if wanted.contains("= removed") {
        let shown = String::from_utf8_lossy(after);
        assert_eq!(before.ends_with(b"\n"), shown.ends_with('\n'), "{name}: the end of the file moved");
        return;
    }
    if wanted.lines().all(|line| !line.starts_with(|c: char| c.is_ascii_digit())) {
        assert_eq!(edited(file, after, wanted).expect("again"), after, "{name}: not idempotent");
    }
    let same_lines = before.iter().filter(|byte| **byte == b'\n').count();
    assert_eq!(same_lines, after.iter().filter(|byte| **byte == b'\n').count(), "{name}: lines moved");
}

/// The changed lines only, with their numbers; carriage returns and byte order marks are made visible.
pub(crate) fn diff(before: &[u8], after: &[u8]) -> String {
    let visible = |bytes: &[u8]| String::from_utf8_lossy(bytes).replace('\r', "␍").replace('\u{feff}', "␂");
    let (before, after) = (visible(before), visible(after));
    let text = TextDiff::from_lines(&before, &after).unified_diff().context_radius(1).to_string();
    if text.is_empty() { "unchanged\n".to_owned() } else { text }
}

fn refusal_lines(problem: &Problem) -> Vec<String> {
    let line = problem.place.as_ref().and_then(|place| place.line);
    let mut lines = vec![problem.code.clone(), problem.text.clone()];
    lines.push(line.map_or("whole file".to_owned(), |line| format!("line {line}")));
    lines
}

fn expected(folder: &Path) -> Option<Outcome> {
    let refusal = fs::read_to_string(folder.join("refusal")).ok();
    let diff = fs::read_to_string(folder.join("out.diff")).ok();
    match (refusal, diff) {
        (Some(refusal), None) => Some(Outcome::Refusal(refusal.lines().map(str::to_owned).collect())),
        (None, Some(diff)) => Some(Outcome::Diff(diff)),
        (Some(_), Some(_)) | (None, None) => None,
    }
}

fn write(folder: &Path, seen: &Outcome) {
    let _ = fs::remove_file(folder.join("refusal"));
    let _ = fs::remove_file(folder.join("out.diff"));
    match seen {
        Outcome::Diff(diff) => fs::write(folder.join("out.diff"), diff),
        Outcome::Refusal(lines) => fs::write(folder.join("refusal"), format!("{}\n", lines.join("\n"))),
    }
    .expect("written");
}
