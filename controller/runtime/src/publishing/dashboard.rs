//! The dashboard of each repository: boxes that people ticked are read when a pass begins, and obeyed as comments are; the
//! text is written when it ends.
//!
//! Only issues of kubeopt's own account are looked at. Who may edit those is for the forge to say. A dashboard that somebody
//! closed stays closed.

mod sections;
mod showing;

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_api::policy::POLICY_FILE_NAME;
use kubeopt_api::{Subject, effective_policy};
use kubeopt_commands::{Carried, Wish};
use kubeopt_forge::{ForgeError, Issue, IssueUpdate, PullRequest, PullRequestState, PullRequestUpdate};
use kubeopt_model::pull_request::{Marker, ONBOARDING};
use kubeopt_model::selection::Selection;
use kubeopt_model::{Problem, RepoPath, RepositoryId, Timestamp};
use kubeopt_report::{
    DASHBOARD_TITLE, DashboardInput, Tick, dashboard_text, is_dashboard_of, is_same_text, ticked,
};
use sha2::{Digest as _, Sha256};

pub(crate) use showing::Showing;

use super::manners::FORGOTTEN;
use super::published::Published;
use crate::edges::Edges;
use crate::located::Sites;
use crate::orders::{AllOrders, Orders, Redo};
use crate::policy_files::PolicyFiles;
use crate::seen::Seen;

/// What people ticked, by repository that has a dashboard or may get one.
#[derive(Debug, Default)]
pub(crate) struct Boards {
    of: BTreeMap<RepositoryId, Board>,
    /// What could not be read.
    pub(crate) problems: Vec<Problem>,
}

/// What people ticked in one repository and what this pass obeys.
#[derive(Debug, Default)]
struct Board {
    /// As it was when the pass began.
    found: Vec<Issue>,
    ticks: BTreeSet<Tick>,
    /// Ignores that were taken back, with the pull request on which they were said.
    unignored: Vec<(Selection, u64)>,
}

/// What became of dashboards.
#[derive(Debug, Default)]
pub struct ShownBoards {
    /// For the audit: the repository, and the box that was ticked.
    pub ticked: Vec<(RepositoryId, String)>,
    /// What could not be read or written.
    pub problems: Vec<Problem>,
}

impl Edges {
    /// Reads what people ticked, and adds it to the orders. Nothing where only a part of the workloads is looked at: what
    /// such a pass knows is no dashboard.
    pub(crate) async fn read_boards(
        &self,
        pulls: &BTreeMap<RepositoryId, Vec<PullRequest>>,
        seen: &Seen,
        sites: &Sites,
        orders: &mut AllOrders,
        now: Timestamp,
    ) -> Boards {
        let mut boards = Boards::default();
        if !self.selection.namespaces.is_empty() || !self.shown.namespaces.is_empty() {
            return boards;
        }
        let files = PolicyFiles::read(self.operator_policy.as_ref(), &seen.policies, sites);
        for (repository, own) in pulls {
            if is_asked_first(own) || !wants_board(repository, &files, sites) {
                continue;
            }
            let found = match self.find_boards(repository).await {
                Ok(found) => found,
                Err(error) => {
                    boards.problems.extend(self.no_boards.tell(repository, &error));
                    continue;
                }
            };
            let ticks = found.first().filter(|issue| issue.is_open).map(|issue| ticked(&issue.body));
            let mut board = Board { found, ..Board::default() };
            let orders = orders.0.entry(repository.clone()).or_default();
            for tick in ticks.into_iter().flatten() {
                board.obey(tick, own, orders, now);
            }
            boards.of.insert(repository.clone(), board);
        }
        boards
    }

    /// Keeps what people ticked, and brings the texts up to date. One that fails is tried again by the next pass: its boxes
    /// stay as they are.
    pub(crate) async fn show_boards(&self, boards: Boards, showing: &Showing<'_>) -> ShownBoards {
        let mut shown = ShownBoards { problems: boards.problems, ..ShownBoards::default() };
        for (repository, board) in &boards.of {
            if showing.strangers.contains(repository) {
                continue;
            }
            match self.show_board(repository, board, showing).await {
                Ok(()) => {
                    let done = board.ticks.iter().filter(|tick| is_done(tick, repository, showing));
                    shown.ticked.extend(done.map(|tick| (repository.clone(), tick.to_string())));
                }
                Err(problem) => shown.problems.extend(problem),
            }
        }
        shown
    }

    /// The error is none where it was told before.
    async fn show_board(
        &self,
        repository: &RepositoryId,
        board: &Board,
        showing: &Showing<'_>,
    ) -> Result<(), Option<Problem>> {
        self.keep_ticks(repository, board, showing).await?;
        let clusters = self.cluster_names();
        let mut input = sections::input_of(repository, showing, &board.ticks, clusters);
        if board.stands(&self.text_of(&input)?) {
            return Ok(());
        }
        let tell = |error: ForgeError| self.no_boards.tell(repository, &error);
        let found = self.find_boards(repository).await.map_err(tell)?;
        let forge = self.forge(repository)?.forge.as_ref();
        let Some(issue) = found.first() else {
            if sections::says_something(&input) {
                let text = self.text_of(&input)?;
                self.may_write()?;
                forge.open_issue(repository, DASHBOARD_TITLE, &text).await.map_err(tell)?;
            }
            return Ok(());
        };
        if !issue.is_open {
            return Ok(());
        }
        // What people ticked while this pass worked is for the next one.
        let since: BTreeSet<Tick> = ticked(&issue.body).difference(&board.ticks).cloned().collect();
        sections::mark(&mut input, &since);
        let text = self.text_of(&input)?;
        if !is_same_text(&issue.body, &text) {
            self.may_write()?;
            let update = IssueUpdate { body: Some(text), ..IssueUpdate::default() };
            forge.update_issue(repository, issue.number, &update).await.map_err(tell)?;
        }
        for double in found.iter().skip(1).filter(|issue| issue.is_open) {
            self.may_write()?;
            let close = IssueUpdate { is_open: Some(false), ..IssueUpdate::default() };
            forge.update_issue(repository, double.number, &close).await.map_err(tell)?;
        }
        Ok(())
    }

    /// What lasts of ticks stands where that of comments stands: hidden in kubeopt's own comments, and in the text of what
    /// was closed.
    async fn keep_ticks(
        &self,
        repository: &RepositoryId,
        board: &Board,
        showing: &Showing<'_>,
    ) -> Result<(), Problem> {
        let forge = self.forge(repository)?.forge.as_ref();
        let at_unix_s = showing.now.as_second();
        for (selection, number) in &board.unignored {
            let wishes = vec![Wish::Unignore { selection: selection.clone() }];
            let carried = Carried { pull_request: *number, by: "dashboard".to_owned(), at_unix_s, wishes };
            let text = format!(
                "kubeopt looks at `{selection}` again: its box on the dashboard was ticked.\n\n{}",
                carried.to_html_comment()
            );
            let digest = hex::encode(Sha256::digest(selection.to_string()));
            // Each time another comment: one that is only changed is not read again.
            let key = format!("unignore-{}-{at_unix_s}", &digest[..16]);
            self.may_write()?;
            let said = forge.ensure_comment(repository, *number, &key, &text).await;
            said.map_err(|error| error.problem())?;
        }
        let pulls = showing.pulls.get(repository).into_iter().flatten();
        let is_new = |pull: &&PullRequest| {
            board.ticks.contains(&Tick::Forget(pull.number)) && !pull.body.contains(FORGOTTEN)
        };
        for pull in pulls.filter(is_new) {
            let body = Some(format!("{}\n{FORGOTTEN}\n", pull.body.trim_end()));
            let update = PullRequestUpdate { body, ..PullRequestUpdate::default() };
            self.may_write()?;
            let kept = forge.update_pull_request(repository, pull.number, &update).await;
            kept.map_err(|error| error.problem())?;
        }
        Ok(())
    }

    /// The dashboards of these clusters among the issues of kubeopt's own account: the one that counts first, which is open
    /// if one is.
    async fn find_boards(&self, repository: &RepositoryId) -> Result<Vec<Issue>, ForgeError> {
        let Ok(edge) = self.forge(repository) else { return Ok(Vec::new()) };
        let issues = edge.forge.own_issues(repository).await?;
        let clusters = self.cluster_names();
        let is_it = |issue: &Issue| match is_dashboard_of(&issue.body, &clusters) {
            Some(is_of_these) => is_of_these,
            // Somebody took the marker out.
            None => issue.title == DASHBOARD_TITLE,
        };
        let mut found: Vec<Issue> = issues.into_iter().filter(is_it).collect();
        found.sort_by_key(|issue| (!issue.is_open, issue.number));
        Ok(found)
    }

    fn cluster_names(&self) -> BTreeSet<String> {
        self.clusters.iter().map(|cluster| cluster.name.to_string()).collect()
    }

    fn text_of(&self, input: &DashboardInput) -> Result<String, Problem> {
        dashboard_text(&self.templates, input).map_err(|error| error.problem())
    }
}

impl Board {
    /// Whether nothing is to be done: there is one, and it says this, or somebody closed it.
    fn stands(&self, text: &str) -> bool {
        match self.found.as_slice() {
            [only] => !only.is_open || (self.ticks.is_empty() && is_same_text(&only.body, text)),
            _ => false,
        }
    }

    /// Takes a tick up, if it means anything now: boxes of what is over are left, and go with the next text.
    fn obey(&mut self, tick: Tick, own: &[PullRequest], orders: &mut Orders, now: Timestamp) {
        let is = |number: u64, state: PullRequestState| {
            own.iter().any(|pull| pull.number == number && pull.state == state)
        };
        match &tick {
            Tick::Rerun(number) if is(*number, PullRequestState::Open) => {
                orders.redo.entry(*number).or_insert(Redo::Anew);
            }
            Tick::Forget(number) if is(*number, PullRequestState::Closed) => {
                orders.forgotten.insert(*number);
            }
            Tick::Propose(branch) => {
                orders.proposed_now.insert(branch.clone());
            }
            Tick::Unignore(text) => {
                let standing = &mut orders.standing;
                let ignored = standing.ignored.iter().find(|ignored| ignored.selection.to_string() == *text);
                let Some(ignored) = ignored.cloned() else { return };
                standing.ignored.retain(|other| other.selection != ignored.selection);
                standing.unignored.push((ignored.selection.clone(), now.as_second()));
                self.unignored.push((ignored.selection, ignored.pull_request));
            }
            Tick::Rerun(_) | Tick::Forget(_) => return,
        }
        self.ticks.insert(tick);
    }
}

/// Whether a tick that was taken up is done; a proposal may have to wait all the same.
fn is_done(tick: &Tick, repository: &RepositoryId, showing: &Showing<'_>) -> bool {
    let Tick::Propose(branch) = tick else { return true };
    let mut both = showing.decided.proposals.iter().zip(showing.published);
    both.any(|(proposal, published)| {
        &proposal.draft.repository == repository
            && &proposal.draft.branch == branch
            && matches!(published, Published::Opened(_))
    })
}

/// Whether the repository is still asked whether kubeopt may work there, or said no.
fn is_asked_first(own: &[PullRequest]) -> bool {
    let is_first = |pull: &&PullRequest| Marker::find(&pull.body).is_some_and(|it| it.group == ONBOARDING);
    let first = own.iter().rfind(is_first);
    first.is_some_and(|first| first.state != PullRequestState::Merged)
}

/// What the policy of the repository's root says, for the first of its workloads.
fn wants_board(repository: &RepositoryId, files: &PolicyFiles, sites: &Sites) -> bool {
    let mut known = sites.sources.iter().filter_map(|(id, source)| Some((id, source.as_ref().ok()?)));
    let Some((id, _)) = known.find(|(_, source)| &source.repository == repository) else { return false };
    let mut traces = sites.traces.values().flatten();
    let Some(trace) = traces.find(|trace| &trace.snapshot.repository == repository) else { return false };
    // A file of the root: what its own policy file says counts.
    let Ok(root) = RepoPath::new(POLICY_FILE_NAME) else { return false };
    let nothing = BTreeMap::new();
    let Ok(layers) = files.layers(&id.cluster, repository, &trace.snapshot.branch, &root) else {
        return false;
    };
    let (kind, name) = (id.kind, &id.name);
    let subject = Subject { path: &root, namespace: &id.namespace, kind, name, labels: &nothing };
    let policy = effective_policy(&layers, &subject);
    policy.enabled && policy.pull_requests.dashboard
}
