//! Pull requests as a forge shows them, and what is asked of them.

/// Longest title in characters. Forges keep 255, and GitLab's word for a draft takes 7 of them; what is compared with the
/// forge's answer must fit all of them.
pub const TITLE_CHARS_MAX: usize = 248;

/// Where a pull request stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum PullRequestState {
    /// Waiting.
    Open,
    /// Closed without a merge.
    Closed,
    /// Merged.
    Merged,
}

/// A pull request within one repository. Requests from forks are never shown: their authors choose branch names and
/// markers, and must not be taken for kubeopt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequest {
    /// Its number.
    pub number: u64,
    /// Title, without the words by which a forge may mark a draft.
    pub title: String,
    /// It is not to be merged yet; the forge keeps people from it.
    pub is_draft: bool,
    /// Body, byte for byte as it was sent.
    pub body: String,
    /// Where it stands.
    pub state: PullRequestState,
    /// The branch that it comes from, also after that branch was deleted.
    pub head_branch: String,
    /// The last commit of that branch.
    pub head_oid: String,
    /// The branch that it goes to.
    pub base: String,
    /// The commit on the base that merged it; none while it is not merged, or where the forge does not tell.
    pub merge_commit: Option<String>,
    /// The login name of who opened it.
    pub author: String,
    /// Names of its labels, sorted.
    pub labels: Vec<String>,
    /// When it was opened, in seconds since the epoch.
    pub created_unix_s: i64,
    /// When it was last changed, in seconds since the epoch.
    pub updated_unix_s: i64,
    /// Where people look at it.
    pub url: String,
}

/// Which head branches are meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum HeadFilter {
    /// This branch.
    Exact(String),
    /// Branches whose name begins so, such as `kubeopt/`.
    Prefix(String),
}

impl HeadFilter {
    /// Whether a branch is meant.
    pub fn matches(&self, branch: &str) -> bool {
        match self {
            Self::Exact(name) => branch == name,
            Self::Prefix(prefix) => branch.starts_with(prefix.as_str()),
        }
    }
}

/// Which states are meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StateFilter {
    /// Open ones.
    Open,
    /// Closed and merged ones.
    Closed,
    /// All.
    All,
}

impl StateFilter {
    /// Whether a state is meant.
    pub fn matches(self, state: PullRequestState) -> bool {
        match self {
            Self::Open => state == PullRequestState::Open,
            Self::Closed => state != PullRequestState::Open,
            Self::All => true,
        }
    }
}

/// Which pull requests to list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PullRequestQuery {
    /// By head branch.
    pub head: HeadFilter,
    /// By state.
    pub state: StateFilter,
    /// Those that did not change since then may be left out, which bounds the work in repositories with a long past.
    pub updated_since_unix_s: Option<i64>,
}

impl PullRequestQuery {
    /// Of one branch.
    pub fn of_branch(branch: impl Into<String>, state: StateFilter) -> Self {
        Self { head: HeadFilter::Exact(branch.into()), state, updated_since_unix_s: None }
    }

    /// Of all branches with this prefix.
    pub fn with_prefix(prefix: impl Into<String>, state: StateFilter) -> Self {
        Self { head: HeadFilter::Prefix(prefix.into()), state, updated_since_unix_s: None }
    }

    /// Whether a pull request is asked for.
    pub fn matches(&self, pull: &PullRequest) -> bool {
        self.head.matches(&pull.head_branch) && self.state.matches(pull.state)
    }
}

/// A pull request to open.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewPullRequest {
    /// Title; cut at [`TITLE_CHARS_MAX`].
    pub title: String,
    /// Opened as a draft. An open one that is found keeps its own state.
    pub is_draft: bool,
    /// Body.
    pub body: String,
    /// The branch that it comes from.
    pub head: String,
    /// The branch that it goes to.
    pub base: String,
    /// Names of labels; missing ones are created.
    pub labels: Vec<String>,
}

/// The states that can be asked for; a merge is an order of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WantedState {
    /// Open again.
    Open,
    /// Closed.
    Closed,
}

/// What to change; what is `None`, or already so, is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PullRequestUpdate {
    /// Title; cut at [`TITLE_CHARS_MAX`]. A draft with another title stays a draft.
    pub title: Option<String>,
    /// Whether it is a draft.
    pub is_draft: Option<bool>,
    /// Body.
    pub body: Option<String>,
    /// State.
    pub state: Option<WantedState>,
}

impl PullRequestUpdate {
    /// Only what differs from the pull request as it is.
    #[must_use]
    pub(crate) fn against(&self, pull: &PullRequest) -> Self {
        let state = self.state.filter(|wanted| match wanted {
            WantedState::Open => pull.state != PullRequestState::Open,
            WantedState::Closed => pull.state == PullRequestState::Open,
        });
        Self {
            title: self.title.as_deref().map(stored_title).filter(|title| *title != pull.title),
            is_draft: self.is_draft.filter(|is_draft| *is_draft != pull.is_draft),
            body: self.body.clone().filter(|body| *body != pull.body),
            state,
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// A title as every forge stores it: one line, trimmed, cut.
pub(crate) fn stored_title(title: &str) -> String {
    let line: String = title.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let cut: String = line.trim().chars().take(TITLE_CHARS_MAX).collect();
    cut.trim_end().to_owned()
}
