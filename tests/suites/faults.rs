//! docs/faults.md names tests that there are, and docs/pull-requests.md the commands that there are. Needs no server.

use std::path::{Path, PathBuf};

/// Faults that kubeopt is measured by.
const FAULTS: usize = 34;

/// Number, fault, what kubeopt does, what shows it.
const CELLS: usize = 4;

/// What a row says where no test, or not all of it, is there; the reason follows.
const REASONS: [&str; 2] = ["no test: ", "not handled yet: "];

/// Fewer words are no reason.
const REASON_WORDS_MIN: usize = 3;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ has a parent").to_owned()
}

fn text(path: &str) -> String {
    std::fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// The rows of a table whose first cell is a number, with that number.
fn rows(document: &str) -> Vec<(usize, Vec<&str>)> {
    document.lines().filter_map(row).collect()
}

fn row(line: &str) -> Option<(usize, Vec<&str>)> {
    let cells: Vec<&str> = line.strip_prefix("| ")?.strip_suffix(" |")?.split(" | ").collect();
    let number = cells.first()?.parse().ok()?;
    Some((number, cells))
}

/// What is wrong with what a row says to show it: files between back-quotes, each followed by tests of it.
fn wrong_with(shown: &str) -> Vec<String> {
    let (mut wrong, mut source, mut tests) = (Vec::new(), String::new(), 0);
    for name in shown.split('`').skip(1).step_by(2) {
        if name.ends_with(".rs") {
            source = std::fs::read_to_string(root().join(name)).unwrap_or_else(|error| {
                wrong.push(format!("{name}: {error}"));
                String::new()
            });
        } else if is_test(&source, name) {
            tests += 1;
        } else {
            wrong.push(format!("`{name}` is no test of the file that is named before it"));
        }
    }
    if tests == 0 && !has_reason(shown) {
        wrong.push("it names neither a test nor a reason".to_owned());
    }
    wrong
}

/// Whether a function of this name is there with the attribute of a test.
fn is_test(source: &str, name: &str) -> bool {
    let head = format!("fn {name}(");
    let lines: Vec<&str> = source.lines().map(str::trim).collect();
    lines.iter().enumerate().any(|(at, line)| {
        let is_there = line.strip_prefix("async ").unwrap_or(line).starts_with(&head);
        let above = lines.iter().take(at).rev();
        let mut attributes = above.take_while(|line| line.starts_with("#[") || line.starts_with("//"));
        is_there && attributes.any(|line| is_of_a_test(line))
    })
}

/// `#[test]`, `#[tokio::test]` or `#[tokio::test(...)]`, and not `#[cfg(test)]`.
fn is_of_a_test(attribute: &str) -> bool {
    attribute.starts_with("#[") && (attribute.contains("test]") || attribute.contains("test("))
}

fn has_reason(shown: &str) -> bool {
    let mut reasons = REASONS.iter().filter_map(|lead| shown.split_once(lead));
    reasons.any(|(_, reason)| reason.split_whitespace().count() >= REASON_WORDS_MIN)
}

#[test]
fn every_fault_stands_once_and_in_order() {
    let document = text("docs/faults.md");
    let numbers: Vec<usize> = rows(&document).into_iter().map(|(number, _)| number).collect();
    assert_eq!(numbers, (1..=FAULTS).collect::<Vec<_>>());
}

#[test]
fn every_fault_names_tests_that_there_are_or_says_why_there_are_none() {
    let document = text("docs/faults.md");
    let mut wrong = Vec::new();
    for (number, cells) in rows(&document) {
        assert_eq!(cells.len(), CELLS, "the cells of row {number}: {cells:#?}");
        assert!(cells.iter().all(|cell| !cell.trim().is_empty()), "row {number} has an empty cell");
        let shown = cells.last().copied().unwrap_or_default();
        wrong.extend(wrong_with(shown).into_iter().map(|what| format!("row {number}: {what}")));
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn what_is_wrong_with_a_row_is_found() {
    let own = "`tests/suites/faults.rs`";
    for (shown, wanted) in [
        (format!("{own}: `every_fault_stands_once_and_in_order`"), 0),
        ("not handled yet: nobody came that far".to_owned(), 0),
        (format!("{own}: `every_fault_stands_once_and_in_order`. no test: of the rest"), 0),
        // No such test; and so none at all.
        (format!("{own}: `no_such_test`"), 2),
        // A function that is no test.
        (format!("{own}: `is_test`"), 2),
        // No such file, and so no test of it.
        ("`tests/suites/nothing.rs`: `every_fault_stands_once_and_in_order`".to_owned(), 3),
        // A test without a file, beside a reason.
        ("`every_fault_stands_once_and_in_order`. no test: of anything else".to_owned(), 1),
        // A file alone, words alone, a reason without words.
        (own.to_owned(), 1),
        ("it simply works".to_owned(), 1),
        ("no test: sorry".to_owned(), 1),
    ] {
        let wrong = wrong_with(&shown);
        assert_eq!(wrong.len(), wanted, "{shown}: {wrong:#?}");
    }
}

#[test]
fn the_table_of_commands_is_that_of_the_help() {
    let document = text("docs/pull-requests.md");
    let help = kubeopt_commands::help(None);
    let of_help: Vec<&str> = help.lines().take_while(|line| line.starts_with('|')).collect();
    assert!(of_help.len() > 10, "a head, a rule and a row for each verb: {of_help:#?}");
    let begins = |line: &&str| Some(line) == of_help.first();
    let table = document.lines().skip_while(|line| !begins(line));
    let table: Vec<&str> = table.take_while(|line| line.starts_with('|')).collect();
    assert_eq!(table, of_help, "docs/pull-requests.md has another table of commands than `/kubeopt help`");
}
