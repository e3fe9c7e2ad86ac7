//! `kubeopt trace` and `kubeopt set`: a folder, no cluster.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::process::ExitCode;

use kubeopt_model::Problem;
use kubeopt_model::edit::Verification;
use kubeopt_model::selection::Selection;
use kubeopt_runtime::offline::{
    EntryLines, FieldLine, FieldState, Place, ProvenEdit, TraceReport, Wanted, left_out, prove_set,
    read_selection, refuse_what_cannot_run, report, to_json, trace_place, write_files,
};
use kubeopt_runtime::tracing::{Charts, Origins};
use kubeopt_runtime::wiring::{Options, read_config, renderer, sandbox};
use kubeopt_runtime::{Sandbox, Tools, terminal_line};

use crate::args::{Folder, Set, Trace, TraceOutput};
use crate::command::{Outcome, json, named_programs, program, wrong_usage};
use crate::flags::{Common, Output};
use crate::out::{hint, print, problems};
use crate::table;

/// What a line feeds beside the field of the row, in the narrow table.
const ALSO_SHOWN: usize = 1;

pub(crate) async fn trace(args: Trace, common: Common) -> Outcome {
    let (place, charts) = opened(&args.folder, &common)?;
    let mut renderer = renderer(&program()?, common.kustomize.as_deref(), common.helm.as_deref()).await;
    renderer.sandbox = sandbox_of(&common)?;
    let tools = Tools { renderer: &renderer, charts: &charts, origins: Origins::default() };
    let progress = crate::progress::for_terminal(common.quiet);
    progress.stage("tracing", None);
    let traced = trace_place(&place, tools).await.map_err(|problem| vec![problem]);
    progress.done();
    let traced = traced?;
    let report = report(&traced, &place);
    match args.output {
        TraceOutput::Json => print(&json(&to_json(&traced, &place))?),
        TraceOutput::Table => print(&text(&report, false)),
        TraceOutput::Wide => print(&text(&report, true)),
    }
    let mut all: Vec<&Problem> = report.entries.iter().flat_map(|entry| &entry.problems).collect();
    all.sort();
    all.dedup();
    problems(all);
    if !common.quiet {
        left_out(&traced, &place).iter().for_each(|what| hint(&format!("left out: {}", terminal_line(what))));
    }
    Ok(ExitCode::SUCCESS)
}

/// The flag or variable, else what the configuration says, where one is named.
fn sandbox_of(common: &Common) -> Result<Sandbox, Vec<Problem>> {
    let options = Options {
        config: common.config.clone(),
        sandbox: common.sandbox.map(Into::into),
        ..Options::default()
    };
    Ok(sandbox(&options, &read_config(&options)?))
}

fn opened(folder: &Folder, common: &Common) -> Result<(Place, Charts), Vec<Problem>> {
    named_programs(common)?;
    let place = Place::find(&folder.folder).map_err(|problem| vec![problem])?;
    let charts = Charts::given(&folder.charts).map_err(|problem| vec![problem])?;
    Ok((place, charts))
}

fn text(report: &TraceReport, wide: bool) -> String {
    let mut text = String::new();
    for entry in &report.entries {
        let by = entry.by.as_deref().unwrap_or("not rendered");
        // Writing to a String cannot fail.
        let none = if entry.fields.is_empty() && entry.by.is_some() { ", no workloads" } else { "" };
        let _ = writeln!(text, "{}  ({}{none})", terminal_line(&entry.path.to_string()), terminal_line(by));
        if !entry.fields.is_empty() {
            let _ = writeln!(text, "{}", fields(entry, wide));
            text.push_str(&reasons(entry));
        }
        text.push('\n');
    }
    let TraceReport { entries, set, creatable, refused, failed } = report;
    let _ = writeln!(
        text,
        "{}, {failed} not rendered: {} set by a line, {creatable} that can be created, {refused} that cannot be edited",
        counted(entries.len(), "entry point"),
        counted(*set, "field"),
    );
    text
}

fn fields(entry: &EntryLines, wide: bool) -> String {
    let mut table = table::plain();
    let mut header = vec!["WORKLOAD", "CONTAINER", "FIELD", "VALUE", "SET BY", "ALSO SETS"];
    if wide {
        header.insert(5, "KEY");
    }
    table.set_header(header);
    for field in &entry.fields {
        let mut row = vec![
            field.workload.clone(),
            field.container.clone(),
            field.field.clone(),
            field.value.clone().unwrap_or_else(|| "-".to_owned()),
            set_by(field, wide),
        ];
        if wide {
            row.push(key(field));
        }
        row.push(also(field, wide));
        table.add_row(row.into_iter().map(|cell| terminal_line(&cell)).collect::<Vec<_>>());
    }
    table::trimmed(&table)
}

/// Why a value is not edited stands once below the narrow table, with the next step.
fn set_by(field: &FieldLine, wide: bool) -> String {
    match &field.state {
        FieldState::Set { site } => site.to_string(),
        FieldState::Creatable { site } => format!("can be created at {site}"),
        FieldState::Refused { why } => {
            let place = why.place.as_ref().map_or_else(String::new, |place| format!(" ({place})"));
            let text = if wide { format!(": {}", why.text) } else { String::new() };
            format!("{}{text}{place}", why.code)
        }
    }
}

/// Each reason of an entry point, with the number of its fields, one of its sentences, and the next step.
fn reasons(entry: &EntryLines) -> String {
    let mut reasons: BTreeMap<&str, (usize, &Problem)> = BTreeMap::new();
    for field in &entry.fields {
        if let FieldState::Refused { why } = &field.state {
            reasons.entry(&why.code).or_insert((0, why)).0 += 1;
        }
    }
    let told = reasons.into_iter().map(|(code, (count, why))| {
        let (count, text, help) =
            (counted(count, "field"), terminal_line(&why.text), terminal_line(&why.help));
        format!("{code} ({count}): {text}\n  help: {help}\n")
    });
    told.collect()
}

fn key(field: &FieldLine) -> String {
    match &field.state {
        FieldState::Set { site } | FieldState::Creatable { site } => site.path.to_string(),
        FieldState::Refused { .. } => String::new(),
    }
}

fn also(field: &FieldLine, wide: bool) -> String {
    let shown = if wide { field.also.len() } else { ALSO_SHOWN };
    let mut text = field.also.iter().take(shown).cloned().collect::<Vec<_>>().join(", ");
    if field.also.len() > shown {
        let _ = write!(text, " and {} more", field.also.len() - shown);
    }
    text
}

pub(crate) async fn set(args: Set, common: Common) -> Outcome {
    let one = |problem: Problem| vec![problem];
    let (place, charts) = opened(&args.folder, &common)?;
    let wanted: Result<Vec<Wanted>, Problem> = args.values.iter().map(|text| text.parse()).collect();
    let (selection, wanted) = match (read_selection(&args.selection), wanted) {
        (Ok(selection), Ok(wanted)) => (selection, wanted),
        (Err(problem), _) | (_, Err(problem)) => return wrong_usage(&problem),
    };
    let mut renderer = renderer(&program()?, common.kustomize.as_deref(), common.helm.as_deref()).await;
    renderer.sandbox = sandbox_of(&common)?;
    let tools = Tools { renderer: &renderer, charts: &charts, origins: Origins::default() };
    let progress = crate::progress::for_terminal(common.quiet);
    progress.stage("tracing and proving", None);
    let proven = proven(&place, &selection, &wanted, tools).await.map_err(one);
    progress.done();
    let proven = proven?;
    if !args.dry_run {
        write_files(&place.root, &proven.files).map_err(one)?;
    }
    match args.output {
        Output::Json => print(&json(&proven.to_json())?),
        Output::Text => print(&proven_text(&proven, args.dry_run)),
    }
    Ok(ExitCode::SUCCESS)
}

async fn proven(
    place: &Place,
    selection: &Selection,
    wanted: &[Wanted],
    tools: Tools<'_>,
) -> Result<ProvenEdit, Problem> {
    let trace = trace_place(place, tools).await?;
    refuse_what_cannot_run(&trace, place, selection, wanted)?;
    prove_set(&trace, place, selection, wanted, tools).await
}

fn proven_text(proven: &ProvenEdit, dry_run: bool) -> String {
    if proven.files.is_empty() {
        return "nothing to change: all values are there already\n".to_owned();
    }
    let mut text = proven.diff();
    for verification in &proven.verifications {
        let _ = writeln!(text, "{}", verified(verification));
    }
    for (entry, why) in &proven.unproven {
        let (entry, why) = (terminal_line(&entry.to_string()), terminal_line(&why.text));
        let _ = writeln!(text, "not verified: {entry} reads an edited file and is not rendered: {why}");
    }
    for also in &proven.also {
        let _ = writeln!(text, "the same line also sets {}", terminal_line(also));
    }
    if dry_run {
        hint("nothing was written (--dry-run)");
    }
    text
}

/// What the proof of one entry point says. Where nothing was rendered there is no proof, and it says why.
fn verified(Verification { entry, by, changed, targets }: &Verification) -> String {
    let fields = counted(changed.len() + targets.len(), "field");
    let entry = terminal_line(&entry.to_string());
    let how = terminal_line(&by.to_string());
    match by.not_rendered() {
        None => format!("verified: {entry} {how}, before/after differ in {fields} and nothing else"),
        Some(_) => format!("not verified: {entry}, {fields} found by reading files, {how}"),
    }
}

fn counted(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::RepoPath;
    use kubeopt_model::edit::ProvenBy;

    use super::*;

    #[test]
    fn what_was_not_rendered_is_not_called_verified() {
        let said = |by: ProvenBy| {
            let entry = RepoPath::new("apps/prod").expect("a relative path");
            verified(&Verification { entry, by, changed: Vec::new(), targets: Vec::new() })
        };
        let nothing_else = "before/after differ in 0 fields and nothing else";
        assert_eq!(said(ProvenBy::Parsed), format!("verified: apps/prod parsed, {nothing_else}"));
        assert_eq!(
            said(ProvenBy::Rendered("kustomize v5".to_owned())),
            format!("verified: apps/prod rendered with kustomize v5, {nothing_else}")
        );
        assert_eq!(
            said(ProvenBy::NotRendered("kustomize was not found".to_owned())),
            "not verified: apps/prod, 0 fields found by reading files, not rendered: kustomize was not found"
        );
    }
}
