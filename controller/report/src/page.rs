//! The pages of the local forge: the list of pull requests, one of them, and what is shown when something is wrong.
//!
//! HTML without script and without inline style, for a strict content security policy. Knows nothing of HTTP but the
//! paths of its own links and forms.

use jiff::Timestamp;
use kubeopt_model::{EditedFile, Problem};
use serde::Serialize;

use crate::diff::diff_files;
use crate::error::ReportError;
use crate::escape::{SHOWN_CHARS_MAX, visible};
use crate::figures;
use crate::markdown::{Sections, to_html};
use crate::page_files::{FileView, file_views};
use crate::templates::{FAVICON_PATH, STYLE_PATH, Templates};

/// Where a pull request stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PageState {
    /// Waits for a decision.
    Open,
    /// Was merged.
    Merged {
        /// The commit on the base branch.
        commit: String,
        /// Who merged.
        by: String,
        /// When, in seconds since the epoch.
        at_unix_s: i64,
    },
    /// Was closed without a merge.
    Closed {
        /// Who closed.
        by: String,
        /// When, in seconds since the epoch.
        at_unix_s: i64,
    },
}

impl PageState {
    fn word(&self, is_draft: bool) -> &'static str {
        match self {
            Self::Open if is_draft => "draft",
            Self::Open => "open",
            Self::Merged { .. } => "merged",
            Self::Closed { .. } => "closed",
        }
    }
}

/// One pull request in the list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequestCard {
    /// Owner of the repository.
    pub owner: String,
    /// Name of the repository.
    pub name: String,
    /// Number.
    pub number: u64,
    /// Title.
    pub title: String,
    /// It is a draft; shown while it is open.
    pub is_draft: bool,
    /// State.
    pub state: PageState,
    /// When it was opened, in seconds since the epoch.
    pub opened_unix_s: i64,
    /// Comments below it.
    pub comments: usize,
    /// Labels.
    pub labels: Vec<String>,
}

/// The list of pull requests.
#[derive(Debug, Clone, Copy)]
pub struct IndexPage<'a> {
    /// Newest first.
    pub pull_requests: &'a [PullRequestCard],
    /// Shown where there is none: what is missing, and what helps.
    pub missing: &'a str,
    /// The command or step that helps.
    pub help: &'a str,
    /// Now.
    pub now: Timestamp,
}

/// One comment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PageComment {
    /// Who wrote it.
    pub author: String,
    /// It is kubeopt's.
    pub by_kubeopt: bool,
    /// When, in seconds since the epoch.
    pub at_unix_s: i64,
    /// Its text.
    pub markdown: String,
}

/// One pull request.
#[derive(Debug, Clone, Copy)]
pub struct PullRequestPage<'a> {
    /// Owner of the repository.
    pub owner: &'a str,
    /// Name of the repository.
    pub name: &'a str,
    /// Number.
    pub number: u64,
    /// Title.
    pub title: &'a str,
    /// It is a draft; shown while it is open.
    pub is_draft: bool,
    /// State.
    pub state: &'a PageState,
    /// Who opened it.
    pub author: &'a str,
    /// The branch that it goes to.
    pub base: &'a str,
    /// The branch that it comes from.
    pub branch: &'a str,
    /// The commit at its head.
    pub head: &'a str,
    /// When it was opened, in seconds since the epoch.
    pub opened_unix_s: i64,
    /// Its text, as Markdown.
    pub body: &'a str,
    /// Files before and after.
    pub files: &'a [EditedFile],
    /// Comments, oldest first.
    pub comments: &'a [PageComment],
    /// Labels.
    pub labels: &'a [String],
    /// The token that its forms send.
    pub form_token: &'a str,
    /// A sentence about what was just done, if something was.
    pub notice: Option<&'a str>,
    /// Now.
    pub now: Timestamp,
}

/// The path of a pull request's page: `/acme/gitops/pulls/1`. Forms post to `…/comments`, `…/merge` and `…/close`.
pub fn pull_request_path(owner: &str, name: &str, number: u64) -> String {
    format!("/{}/{}/pulls/{number}", segment(owner), segment(name))
}

/// The list as HTML.
///
/// # Errors
/// [`ReportError::Render`] where an operator's own template fails.
pub fn index_page(templates: &Templates, page: &IndexPage<'_>) -> Result<String, ReportError> {
    let cards = page.pull_requests.iter().map(|card| CardView {
        path: pull_request_path(&card.owner, &card.name, card.number),
        repository: shown(&format!("{}/{}", card.owner, card.name)),
        number: card.number,
        title: shown(&card.title),
        state: card.state.word(card.is_draft),
        opened: Moment::of(page.now, card.opened_unix_s),
        comments: card.comments,
        labels: card.labels.iter().map(|label| shown(label)).collect(),
    });
    let view = IndexView {
        frame: Frame::titled("Pull requests"),
        open: page.pull_requests.iter().filter(|card| card.state == PageState::Open).count(),
        cards: cards.collect(),
        missing: page.missing,
        help: page.help,
    };
    templates.render("pages/index.html.tera", &view)
}

/// A pull request as HTML.
///
/// # Errors
/// [`ReportError::Render`] where an operator's own template fails.
pub fn pull_request_page(templates: &Templates, page: &PullRequestPage<'_>) -> Result<String, ReportError> {
    let diffs = diff_files(page.files);
    let (done_by, done_at, merged_as) = match page.state {
        PageState::Open => (None, None, None),
        PageState::Merged { commit, by, at_unix_s } => (Some(by), Some(*at_unix_s), Some(commit)),
        PageState::Closed { by, at_unix_s } => (Some(by), Some(*at_unix_s), None),
    };
    let view = PullRequestView {
        frame: Frame::titled(&format!("{} #{}", page.title, page.number)),
        path: pull_request_path(page.owner, page.name, page.number),
        repository: shown(&format!("{}/{}", page.owner, page.name)),
        number: page.number,
        title: shown(page.title),
        state: page.state.word(page.is_draft),
        done_by: done_by.map(|by| shown(by)),
        done: done_at.map(|at| Moment::of(page.now, at)),
        merged_as: merged_as.map(|commit| short_commit(commit)),
        author: shown(page.author),
        base: shown(page.base),
        branch: shown(page.branch),
        head: short_commit(page.head),
        opened: Moment::of(page.now, page.opened_unix_s),
        body_html: to_html(page.body, Sections::FirstOpen),
        added: diffs.iter().map(|diff| diff.added).sum(),
        removed: diffs.iter().map(|diff| diff.removed).sum(),
        files: file_views(&diffs),
        comments: page.comments.iter().map(|comment| comment_view(page.now, comment)).collect(),
        labels: page.labels.iter().map(|label| shown(label)).collect(),
        form_token: page.form_token,
        notice: page.notice.map(shown),
    };
    templates.render("pages/pull-request.html.tera", &view)
}

/// What is shown instead of a page.
///
/// # Errors
/// [`ReportError::Render`] where an operator's own template fails.
pub fn problem_page(templates: &Templates, heading: &str, problem: &Problem) -> Result<String, ReportError> {
    let view = ProblemView { frame: Frame::titled(heading), heading: shown(heading), problem };
    templates.render("pages/problem.html.tera", &view)
}

#[derive(Serialize)]
struct Frame {
    page_title: String,
    style_path: &'static str,
    favicon_path: &'static str,
}

impl Frame {
    fn titled(title: &str) -> Self {
        Self { page_title: shown(title), style_path: STYLE_PATH, favicon_path: FAVICON_PATH }
    }
}

#[derive(Serialize)]
struct Moment {
    ago: String,
    exact: String,
    iso: String,
}

impl Moment {
    fn of(now: Timestamp, unix_s: i64) -> Self {
        Self {
            ago: figures::ago(now, unix_s),
            exact: figures::moment(unix_s),
            iso: figures::at(unix_s, "%Y-%m-%dT%H:%M:%SZ"),
        }
    }
}

#[derive(Serialize)]
struct IndexView<'a> {
    frame: Frame,
    open: usize,
    cards: Vec<CardView>,
    missing: &'a str,
    help: &'a str,
}

#[derive(Serialize)]
struct CardView {
    path: String,
    repository: String,
    number: u64,
    title: String,
    state: &'static str,
    opened: Moment,
    comments: usize,
    labels: Vec<String>,
}

#[derive(Serialize)]
struct PullRequestView<'a> {
    frame: Frame,
    path: String,
    repository: String,
    number: u64,
    title: String,
    state: &'static str,
    done_by: Option<String>,
    done: Option<Moment>,
    merged_as: Option<String>,
    author: String,
    base: String,
    branch: String,
    head: String,
    opened: Moment,
    body_html: String,
    added: usize,
    removed: usize,
    files: Vec<FileView>,
    comments: Vec<CommentView>,
    labels: Vec<String>,
    form_token: &'a str,
    notice: Option<String>,
}

#[derive(Serialize)]
struct ProblemView<'a> {
    frame: Frame,
    heading: String,
    problem: &'a Problem,
}

#[derive(Serialize)]
struct CommentView {
    author: String,
    by_kubeopt: bool,
    at: Moment,
    html: String,
}

fn comment_view(now: Timestamp, comment: &PageComment) -> CommentView {
    CommentView {
        author: shown(&comment.author),
        by_kubeopt: comment.by_kubeopt,
        at: Moment::of(now, comment.at_unix_s),
        html: to_html(&comment.markdown, Sections::AsWritten),
    }
}

fn short_commit(commit: &str) -> String {
    commit.chars().filter(char::is_ascii_alphanumeric).take(7).collect()
}

fn shown(text: &str) -> String {
    visible(text, SHOWN_CHARS_MAX)
}

/// One segment of a path, percent-encoded but for what never needs it.
fn segment(text: &str) -> String {
    text.bytes()
        .map(|byte| match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'~' => char::from(byte).to_string(),
            b'.' if text.len() > 2 => ".".to_owned(),
            byte => format!("%{byte:02X}"),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_odd_names_stay_one_segment() {
        assert_eq!(pull_request_path("acme", "gitops.git", 7), "/acme/gitops.git/pulls/7");
        assert_eq!(pull_request_path("..", "a/b?c", 1), "/%2E%2E/a%2Fb%3Fc/pulls/1");
    }
}
