//! A trace as text that a person can check against the files: everything that it says, one field after the other.

use std::fmt::Write as _;

use kubeopt_model::{EditSite, Problem};
use kubeopt_runtime::offline::{EntryLines, FieldLine, FieldState, TraceReport};

/// The whole report.
pub(crate) fn text(report: &TraceReport) -> String {
    let mut text = String::new();
    for entry in &report.entries {
        add_entry(&mut text, entry);
    }
    let TraceReport { set, creatable, refused, failed, .. } = report;
    // Writing to a String cannot fail.
    let _ = writeln!(text, "{set} set, {creatable} creatable, {refused} refused, {failed} not rendered");
    text
}

fn add_entry(text: &mut String, entry: &EntryLines) {
    let by = entry.by.as_deref().unwrap_or("not rendered");
    let _ = writeln!(text, "{} by {}: {by}", entry.path, entry.renderer);
    for field in &entry.fields {
        add_field(text, field);
    }
    for problem in &entry.problems {
        let _ = writeln!(text, "  ! {}", spoken(problem));
    }
    text.push('\n');
}

fn add_field(text: &mut String, field: &FieldLine) {
    let value = field.value.as_deref().unwrap_or("nothing");
    let _ = writeln!(text, "  {} [{}] {} is {value}", field.workload, field.container, field.field);
    let _ = match &field.state {
        FieldState::Set { site } => writeln!(text, "    set by {} `{}`", located(site), site.text),
        FieldState::Creatable { site } => writeln!(text, "    can be created at {}", located(site)),
        FieldState::Refused { why } => writeln!(text, "    {}", spoken(why)),
    };
    for also in &field.also {
        let _ = writeln!(text, "    and sets {also}");
    }
}

fn located(site: &EditSite) -> String {
    let document = if site.document == 1 { String::new() } else { format!(" (document {})", site.document) };
    format!("{site}{document} {}", site.path)
}

fn spoken(problem: &Problem) -> String {
    let place = problem.place.as_ref().map_or_else(String::new, |place| format!(" at {place}"));
    format!("{}{place}: {}; {}", problem.code, problem.text, problem.help)
}
