//! Every line that a trace names is put to the test: `set` it, render with the bare programs, look what differs, set it
//! back.
//!
//! Shared with the bench, which does the same to repositories that are not part of the project.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use kubeopt_model::{Amount, EditSite, EditedFile, Field, RepoPath};
use kubeopt_runtime::Tools;
use kubeopt_runtime::offline::{
    EntryLines, FieldLine, FieldState, Place, TraceReport, Wanted, prove_set, read_selection, report,
    trace_place, write_files,
};
use kubeopt_runtime::tracing::RepositoryTrace;
use kubeopt_tests::OrFail;
use kubeopt_tests::rendered::{By, Difference, GivenCharts, Rendered, render};

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Turned {
    pub(crate) entries: usize,
    /// Fields that a line sets, each with its line turned.
    pub(crate) set: usize,
    /// Fields that could be created, each with its key created.
    pub(crate) created: usize,
    /// Fields that are refused, by code.
    pub(crate) refused: BTreeMap<String, usize>,
    /// Entry points that are not rendered, and releases in those that are, by code.
    pub(crate) unrendered: BTreeMap<String, usize>,
    /// Lines that the trace offers and `set` does not take.
    pub(crate) failed: Vec<String>,
    /// Lines that are not what the trace says.
    pub(crate) wrong: Vec<String>,
}

/// Turns every line of a folder. The folder is as before when it is done.
pub(crate) async fn turn_everything(root: &Path, tools: Tools<'_>, charts: &GivenCharts) -> Turned {
    let place = Place { root: root.to_owned(), folder: RepoPath::root() };
    let mut turned = Turned::default();
    let trace = match trace_place(&place, tools).await {
        Ok(trace) => trace,
        Err(problem) => {
            *turned.unrendered.entry(problem.code).or_default() += 1;
            return turned;
        }
    };
    let report = report(&trace, &place);
    count(&report, &mut turned);
    let rendered: Vec<&EntryLines> = report.entries.iter().filter(|entry| entry.by.is_some()).collect();
    let mut before = BTreeMap::new();
    for entry in rendered {
        match render(root, entry.path.as_str(), by(entry), charts) {
            Ok(own) => drop(before.insert(key(entry), own)),
            Err(why) => turned.failed.push(format!("{}: the bare program says {why}", entry.path)),
        }
    }
    let folder = Folder { root, charts, tools, trace: &trace, report: &report, before };
    let mut done = BTreeSet::new();
    for entry in &report.entries {
        for field in &entry.fields {
            let Some(site) = site(field).filter(|site| done.insert((*site).clone())) else { continue };
            let line = Line { entry, field, site };
            match folder.turn(&line).await {
                Ok(()) => {}
                Err(Trouble::Refused(why)) => turned.failed.push(format!("{line}: {why}")),
                Err(Trouble::Wrong(why)) => turned.wrong.push(format!("{line}: {why}")),
            }
        }
    }
    turned
}

fn count(report: &TraceReport, turned: &mut Turned) {
    turned.entries = report.entries.len();
    turned.set = report.set;
    turned.created = report.creatable;
    for entry in &report.entries {
        for field in &entry.fields {
            if let FieldState::Refused { why } = &field.state {
                *turned.refused.entry(why.code.clone()).or_default() += 1;
            }
        }
        for problem in &entry.problems {
            *turned.unrendered.entry(problem.code.clone()).or_default() += 1;
        }
    }
}

/// Why a line did not turn.
enum Trouble {
    /// kubeopt says so itself; nothing was written.
    Refused(String),
    /// It does something else than it says.
    Wrong(String),
}

struct Line<'a> {
    entry: &'a EntryLines,
    field: &'a FieldLine,
    site: &'a EditSite,
}

impl std::fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let FieldLine { workload, container, field, .. } = self.field;
        write!(f, "{} {workload} [{container}] {field} at {} {}", self.entry.path, self.site, self.site.path)
    }
}

type EntryKey = (RepoPath, String);

struct Folder<'a> {
    root: &'a Path,
    charts: &'a GivenCharts,
    tools: Tools<'a>,
    trace: &'a RepositoryTrace,
    report: &'a TraceReport,
    before: BTreeMap<EntryKey, Rendered>,
}

impl Folder<'_> {
    async fn turn(&self, line: &Line<'_>) -> Result<(), Trouble> {
        let wanted = wanted(line);
        let files = self.set(self.trace, line, &wanted).await?.0;
        if files.is_empty() {
            return Err(Trouble::Wrong("setting another value changes no file".to_owned()));
        }
        let also = self.set(self.trace, line, &wanted).await?.1;
        write_files(self.root, &files).map_err(|problem| Trouble::Refused(problem.text))?;
        let result = self.judge(line, &wanted, &files, &also).await;
        for file in &files {
            std::fs::write(self.root.join(file.path.as_str()), &file.content.before)
                .or_fail("put a file back");
        }
        result
    }

    async fn judge(
        &self,
        line: &Line<'_>,
        wanted: &str,
        files: &[EditedFile],
        also: &[String],
    ) -> Result<(), Trouble> {
        self.rendered_as_said(line, wanted, files, also)?;
        let place = place(self.root, line);
        let trace = trace_place(&place, self.tools).await.map_err(|problem| Trouble::Wrong(problem.text))?;
        if !self.set(&trace, line, wanted).await?.0.is_empty() {
            return Err(Trouble::Wrong("the same value once more changes something".to_owned()));
        }
        if line.site.is_absent() {
            return found_again(&report(&trace, &place), line, wanted)
                .and_then(|()| files.iter().try_for_each(only_adds));
        }
        let back = self.set(&trace, line, &line.site.text).await?.0;
        let is_back = |file: &EditedFile| {
            files.iter().any(|first| first.path == file.path && first.content.before == file.content.after)
        };
        if back.len() != files.len() || !back.iter().all(is_back) {
            return Err(Trouble::Wrong(format!(
                "setting {} again does not restore every byte",
                line.site.text
            )));
        }
        Ok(())
    }

    async fn set(
        &self,
        trace: &RepositoryTrace,
        line: &Line<'_>,
        value: &str,
    ) -> Result<(Vec<EditedFile>, Vec<String>), Trouble> {
        let refused =
            |problem: kubeopt_model::Problem| Trouble::Refused(format!("{}: {}", problem.code, problem.text));
        let selection =
            read_selection(&format!("{}/{}", line.field.workload, line.field.container)).map_err(refused)?;
        let wanted: Wanted = format!("{}={value}", line.field.field).parse().map_err(refused)?;
        let place = place(self.root, line);
        let proven = prove_set(trace, &place, &selection, &[wanted], self.tools).await.map_err(refused)?;
        Ok((proven.files, proven.also))
    }

    /// The bare programs see the change at every field that the trace names, and nothing else.
    fn rendered_as_said(
        &self,
        line: &Line<'_>,
        wanted: &str,
        files: &[EditedFile],
        also: &[String],
    ) -> Result<(), Trouble> {
        let wrong = |why: String| Trouble::Wrong(why);
        let (mut found, mut said) = (BTreeSet::new(), BTreeSet::new());
        for entry in &self.report.entries {
            let Some(before) = self.before.get(&key(entry)) else { continue };
            if self.reads_any(entry, files) {
                let after = render(self.root, entry.path.as_str(), by(entry), self.charts).map_err(wrong)?;
                for difference in before.differences(&after) {
                    found.insert(meant(entry, &difference, wanted).map_err(wrong)?);
                }
            }
            let same = |field: &&FieldLine| site(field).is_some_and(|site| site == line.site);
            let meant = |field: &&FieldLine| {
                entry.path.is_within(&line.entry.path)
                    && (&field.workload, &field.container, &field.field)
                        == (&line.field.workload, &line.field.container, &line.field.field)
            };
            for field in entry.fields.iter().filter(|field| same(field) || meant(field)) {
                said.insert(spoken(entry, &field.workload, &field.container, &field.field));
            }
        }
        // What a new key sets in entry points that would have it elsewhere is told when it is proven.
        said.extend(also.iter().map(|also| also.replacen(": ", " ", 1)));
        match found.symmetric_difference(&said).next() {
            None => Ok(()),
            Some(other) if found.contains(other) => Err(wrong(format!("{other} changes as well"))),
            Some(other) => Err(wrong(format!("{other} does not change"))),
        }
    }

    fn reads_any(&self, entry: &EntryLines, files: &[EditedFile]) -> bool {
        let traces = self.trace.entries.values().flatten().filter(|traced| traced.entry.path == entry.path);
        let mut read = traces.flat_map(|traced| traced.files.iter().chain(&traced.own_files));
        read.any(|path| files.iter().any(|file| file.path == *path))
    }
}

/// Another value of the same kind.
fn wanted(line: &Line<'_>) -> String {
    let choices = if line.field.field.starts_with("cpu") { ["173m", "179m"] } else { ["211Mi", "223Mi"] };
    let other = choices.into_iter().find(|choice| line.field.value.as_deref() != Some(*choice));
    other.expect("two values are not both the one that is there").to_owned()
}

fn place(root: &Path, line: &Line<'_>) -> Place {
    Place { root: root.to_owned(), folder: line.entry.path.clone() }
}

fn site(field: &FieldLine) -> Option<&EditSite> {
    match &field.state {
        FieldState::Set { site } | FieldState::Creatable { site } => Some(site),
        FieldState::Refused { .. } => None,
    }
}

fn key(entry: &EntryLines) -> EntryKey {
    (entry.path.clone(), entry.renderer.clone())
}

fn by(entry: &EntryLines) -> By {
    match entry.renderer.as_str() {
        "kustomize" => By::Kustomize,
        "helm" => By::Helm,
        _ => By::Reading,
    }
}

fn spoken(entry: &EntryLines, workload: &str, container: &str, field: &str) -> String {
    format!("{} {workload} [{container}] {field}", entry.path)
}

/// The field that a difference is, if it is one and has the wanted value.
fn meant(entry: &EntryLines, difference: &Difference, wanted: &str) -> Result<String, String> {
    let other = || format!("{}: {} of {} changes as well", entry.path, difference.path, difference.object);
    let object = difference.object.split(" of ").next().unwrap_or_default();
    let (kind, name) = object.split_once(' ').ok_or_else(other)?;
    let kind: kubeopt_model::WorkloadKind = kind.parse().map_err(|_| other())?;
    let name = name.strip_prefix('/').unwrap_or(name);
    let workload = match name.split_once('/') {
        Some((namespace, name)) => format!("{namespace}/{}/{name}", kind.short()),
        None => format!("{}/{name}", kind.short()),
    };
    let (_, rest) = difference.path.rsplit_once("ontainers[").ok_or_else(other)?;
    let (container, key) = rest.split_once("].resources.").ok_or_else(other)?;
    let field: Field = key.parse().map_err(|_| other())?;
    let amount = |text: &str| Amount::parse(field.resource, text).ok();
    if difference.after.as_deref().and_then(amount) != amount(wanted) {
        return Err(format!("{}, to {:?}", other(), difference.after));
    }
    Ok(spoken(entry, &workload, container, &field.spoken()))
}

/// A key that was created is a line that sets the field.
fn found_again(report: &TraceReport, line: &Line<'_>, wanted: &str) -> Result<(), Trouble> {
    let entries = report.entries.iter().filter(|entry| key(entry) == key(line.entry));
    let same = |field: &&FieldLine| {
        (&field.workload, &field.container, &field.field)
            == (&line.field.workload, &line.field.container, &line.field.field)
    };
    let is_set = |field: &FieldLine| {
        field.value.as_deref() == Some(wanted)
            && matches!(&field.state, FieldState::Set { site } if site.file == line.site.file && site.path == line.site.path)
    };
    if entries.flat_map(|entry| &entry.fields).filter(same).any(is_set) {
        return Ok(());
    }
    Err(Trouble::Wrong("the key that was created is not found again".to_owned()))
}

/// Creating a key adds lines; one that was there may only gain: `resources: {}` becomes `resources:`.
fn only_adds(file: &EditedFile) -> Result<(), Trouble> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let (before, after) = (text(&file.content.before), text(&file.content.after));
    let mut rest = after.split_inclusive('\n');
    for line in before.split_inclusive('\n') {
        let bare = line.trim_end().trim_end_matches(['{', '}', ' ']);
        let is_kept = |other: &str| {
            other == line
                || (line.contains('{') && (other.starts_with(bare) || holds_in_order(other, line)))
                || other.trim_end() == line.trim_end()
        };
        let is_empty_map = line.trim() == "{}";
        if !is_empty_map && !rest.by_ref().any(is_kept) {
            return Err(Trouble::Wrong(format!("creating a key loses the line `{}`", line.trim_end())));
        }
    }
    Ok(())
}

/// Whether all of `kept` stands in the text, in its order: keys that join others between the same braces.
fn holds_in_order(text: &str, kept: &str) -> bool {
    let mut all = text.chars();
    kept.chars().all(|wanted| all.any(|found| found == wanted))
}
