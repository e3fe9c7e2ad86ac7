//! The dashboard: one issue of a repository that shows how things stand there, with boxes that people tick. Knows nothing of
//! forges, nor of what a tick is good for.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use kubeopt_model::pull_request::{BODY_CHARS_MAX, find_hidden, hidden};
use serde::{Deserialize, Serialize};

use crate::error::ReportError;
use crate::reply::linked;
use crate::templates::Templates;

/// The title of the issue.
pub const DASHBOARD_TITLE: &str = "Rightsizing by kubeopt: where it stands";

/// Opens the hidden marker of the issue; JSON and ` -->` follow.
const MARKER_OPEN: &str = "<!-- kubeopt:dashboard:v1 ";

/// Opens the hidden key of a box; the key and ` -->` follow.
const TICK_OPEN: &str = "<!-- kubeopt:tick ";

/// Lines of each section; who has more of them reads `kubeopt plan`.
const LISTED_MAX: usize = 25;

/// Lines of an issue that are looked at for ticks; kubeopt's own text has some two hundred.
const LINES_MAX: usize = 5_000;

/// Ticks that are taken from one issue; kubeopt offers no more boxes than four sections of [`LISTED_MAX`] have.
const TICKS_MAX: usize = 4 * LISTED_MAX;

/// Longest key of a box: the longest name of a container with its workload and namespace.
const KEY_CHARS_MAX: usize = 600;

/// What a ticked box asks for.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Tick {
    /// Propose what this branch would hold now, whatever limits and schedules say.
    Propose(String),
    /// Make this pull request anew.
    Rerun(u64),
    /// Forget that a person closed this pull request.
    Forget(u64),
    /// Take an ignore back; the selection as it is written.
    Unignore(String),
}

impl fmt::Display for Tick {
    /// The key of its box: `rerun:12`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Propose(branch) => write!(f, "propose:{branch}"),
            Self::Rerun(number) => write!(f, "rerun:{number}"),
            Self::Forget(number) => write!(f, "forget:{number}"),
            Self::Unignore(selection) => write!(f, "unignore:{selection}"),
        }
    }
}

/// A text that is the key of no box.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("it is the key of no box")]
pub struct InvalidTick;

impl FromStr for Tick {
    type Err = InvalidTick;

    fn from_str(text: &str) -> Result<Self, InvalidTick> {
        let (what, of) = text.split_once(':').ok_or(InvalidTick)?;
        if of.is_empty() || text.chars().count() > KEY_CHARS_MAX || !of.chars().all(is_key_char) {
            return Err(InvalidTick);
        }
        let number = || of.parse().map_err(|_| InvalidTick);
        match what {
            "propose" => Ok(Self::Propose(of.to_owned())),
            "rerun" => number().map(Self::Rerun),
            "forget" => number().map(Self::Forget),
            "unignore" => Ok(Self::Unignore(of.to_owned())),
            _ => Err(InvalidTick),
        }
    }
}

/// What names of branches and selections are made of; nothing of it ends a comment.
fn is_key_char(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_' | '/' | '*')
}

/// One line of a section.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DashboardLine {
    /// The pull request that it is about, if there is one.
    pub number: Option<u64>,
    /// What it is about; shown as code.
    pub subject: String,
    /// How that stands, as a sentence without a full stop. What is in backticks is shown as code.
    pub text: String,
    /// What a tick of its box asks for; none where it has no box.
    pub tick: Option<Tick>,
    /// The box is ticked already: what it asks for could not be done yet.
    pub is_ticked: bool,
}

/// How things stand in a repository.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DashboardInput {
    /// The clusters that are looked at, by which kubeopt knows the issue again.
    pub clusters: BTreeSet<String>,
    /// Why nothing new is opened, as a sentence without a full stop.
    pub paused: Option<String>,
    /// Open pull requests.
    pub open: Vec<DashboardLine>,
    /// What is wanted and waits for its time or for others.
    pub waiting: Vec<DashboardLine>,
    /// What is wanted and exceeds a limit.
    pub limited: Vec<DashboardLine>,
    /// What people closed.
    pub closed: Vec<DashboardLine>,
    /// What people want to be left alone.
    pub ignored: Vec<DashboardLine>,
    /// What went wrong.
    pub failed: Vec<DashboardLine>,
    /// What is left as it is: how many containers, and why.
    pub left: Vec<DashboardLine>,
    /// Numbers of pull requests that texts may link to.
    pub own: Vec<u64>,
}

#[derive(Debug, Serialize, Deserialize)]
struct DashboardMarker {
    clusters: BTreeSet<String>,
}

#[derive(Serialize)]
struct View<'a> {
    paused: Option<&'a str>,
    sections: Vec<SectionView<'a>>,
    is_quiet: bool,
    marker: String,
}

#[derive(Serialize)]
struct SectionView<'a> {
    title: &'static str,
    hint: &'static str,
    lines: Vec<LineView<'a>>,
    left_out: usize,
}

#[derive(Serialize)]
struct LineView<'a> {
    key: Option<String>,
    is_ticked: bool,
    number: Option<u64>,
    subject: &'a str,
    text: &'a str,
}

/// The text of the issue. What does not fit is left out, and that is said.
///
/// # Errors
/// [`ReportError::Render`] where an operator's own template fails, [`ReportError::TooLong`] where it does not fit without
/// any line.
pub fn dashboard_text(templates: &Templates, input: &DashboardInput) -> Result<String, ReportError> {
    let mut most = LISTED_MAX;
    loop {
        let text = templates.render("dashboard/issue.md.tera", &view(input, most))?;
        let text = linked(text.trim(), &input.own);
        let chars = text.chars().count();
        if chars <= BODY_CHARS_MAX {
            return Ok(text);
        }
        if most == 0 {
            return Err(ReportError::TooLong { chars, limit: BODY_CHARS_MAX });
        }
        most /= 2;
    }
}

fn view(input: &DashboardInput, most: usize) -> View<'_> {
    let sections = [
        ("Open", "A tick makes its commit anew on the newest base, with the newest data.", &input.open),
        ("Waiting", "Each goes on by itself.", &input.waiting),
        (
            "Held by a limit",
            "A tick proposes it now, whatever limits and schedules say. Blackouts and guardrails hold all the same.",
            &input.limited,
        ),
        (
            "Closed by people",
            "Closing means \"not these values\". A tick forgets that it was closed.",
            &input.closed,
        ),
        ("Ignored", "A tick takes the `/kubeopt ignore` back.", &input.ignored),
        ("Failed", "What went wrong, and what to do about it.", &input.failed),
        ("Left alone", "Containers of this repository that nothing is proposed for, and why.", &input.left),
    ];
    let shown = sections.into_iter().filter(|(.., lines)| !lines.is_empty());
    let sections: Vec<SectionView<'_>> = shown
        .map(|(title, hint, lines)| SectionView {
            title,
            hint,
            lines: lines.iter().take(most).map(line_view).collect(),
            left_out: lines.len().saturating_sub(most),
        })
        .collect();
    let clusters = input.clusters.clone();
    View {
        paused: input.paused.as_deref(),
        is_quiet: sections.is_empty(),
        sections,
        marker: hidden(MARKER_OPEN, &DashboardMarker { clusters }),
    }
}

fn line_view(line: &DashboardLine) -> LineView<'_> {
    // A key that cannot be read back is no box.
    let key = line.tick.as_ref().map(Tick::to_string).filter(|key| key.parse::<Tick>().is_ok());
    let DashboardLine { number, subject, text, is_ticked, .. } = line;
    LineView { key, is_ticked: *is_ticked, number: *number, subject, text }
}

/// Whether the text of an issue of kubeopt's own account is that of a dashboard for one of these clusters; none where its
/// marker is gone or cannot be read.
pub fn is_dashboard_of(body: &str, clusters: &BTreeSet<String>) -> Option<bool> {
    let marker: DashboardMarker = find_hidden(MARKER_OPEN, body)?;
    Some(!marker.clusters.is_disjoint(clusters))
}

/// The boxes that are ticked in the text of an issue, whatever people made of the rest of it. Which of them mean anything
/// now is for the caller to know.
pub fn ticked(body: &str) -> BTreeSet<Tick> {
    let all: BTreeSet<Tick> = body.lines().take(LINES_MAX).filter_map(tick_of_line).collect();
    all.into_iter().take(TICKS_MAX).collect()
}

fn tick_of_line(line: &str) -> Option<Tick> {
    let item = line.trim_start().strip_prefix(['-', '*', '+'])?.trim_start();
    let marked = item.strip_prefix("[x]").or_else(|| item.strip_prefix("[X]"))?;
    let (key, rest) = marked.trim_start().strip_prefix(TICK_OPEN)?.split_once(" -->")?;
    // A line with two keys is nobody's wish.
    if rest.contains(TICK_OPEN) { None } else { key.parse().ok() }
}

/// Whether two texts of an issue are the same to a reader: pages write other line ends.
pub fn is_same_text(there: &str, wanted: &str) -> bool {
    there.trim_end().lines().eq(wanted.trim_end().lines())
}
