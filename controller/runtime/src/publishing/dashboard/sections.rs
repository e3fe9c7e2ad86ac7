//! From what a pass knows of a repository to the lines of its dashboard. Pure: nothing is asked and nothing is written.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_forge::{PullRequest, PullRequestState};
use kubeopt_model::{NoRecommendation, Problem, RepositoryId};
use kubeopt_policy::{Publishing, hold};
use kubeopt_report::{DashboardInput, DashboardLine, Tick};

use super::super::manners::paused_by;
use super::super::published::Published;
use super::showing::Showing;
use crate::codes;
use crate::orders::{Orders, date};
use crate::proposing::{IGNORED, Left, Proposal};

/// Values that a line about a closed pull request names.
const VALUES_MAX: usize = 4;

/// What the dashboard of a repository says. `asked` are the boxes that this pass took up: one that could not be done yet
/// stays ticked.
pub(super) fn input_of(
    repository: &RepositoryId,
    showing: &Showing<'_>,
    asked: &BTreeSet<Tick>,
    clusters: BTreeSet<String>,
) -> DashboardInput {
    let nothing = Orders::default();
    let orders = showing.orders.of(repository).unwrap_or(&nothing);
    let pulls = showing.pulls.get(repository).map_or(&[][..], Vec::as_slice);
    let open = open_ones(repository, pulls, showing);
    let mut input = DashboardInput {
        clusters,
        paused: orders.standing.paused.as_ref().map(|paused| paused_by(paused).text),
        own: pulls.iter().map(|pull| pull.number).chain(open.keys().copied()).collect(),
        ..DashboardInput::default()
    };
    let mut texts: BTreeMap<u64, String> = BTreeMap::new();
    for (proposal, published) in own(repository, showing) {
        let there = open.values().find(|pull| pull.head_branch == proposal.draft.branch);
        match (published, there) {
            (Published::Waiting(problem), Some(pull)) => {
                texts.insert(pull.number, problem.text.clone());
            }
            (Published::Waiting(problem), None) => {
                add_waiting(&mut input, proposal, problem, pulls, showing, asked);
            }
            (Published::Failed(problem), _) => {
                input.failed.push(failure(proposal.change_set.label.clone(), problem));
            }
            (Published::Opened(_) | Published::Updated(_) | Published::Unchanged(_), _) => {}
        }
    }
    for (key, text) in showing.own_merges.waits.iter().filter(|((of, _), _)| of == repository) {
        texts.entry(key.1).or_insert_with(|| text.clone());
    }
    for (number, by) in &orders.standing.held {
        texts.insert(*number, format!("`{by}` asked to keep it as it is"));
    }
    input.open = open.values().map(|pull| open_line(pull, texts.remove(&pull.number))).collect();
    input.ignored = ignored(orders);
    add_left(&mut input, repository, showing);
    input
}

/// Whether there is anything that people would look for an issue for.
pub(super) fn says_something(input: &DashboardInput) -> bool {
    let lines = [&input.open, &input.waiting, &input.limited, &input.closed, &input.ignored, &input.failed];
    lines.iter().any(|lines| !lines.is_empty())
}

/// Leaves these boxes ticked.
pub(super) fn mark(input: &mut DashboardInput, ticks: &BTreeSet<Tick>) {
    let sections =
        [&mut input.open, &mut input.waiting, &mut input.limited, &mut input.closed, &mut input.ignored];
    for line in sections.into_iter().flatten() {
        line.is_ticked |= line.tick.as_ref().is_some_and(|tick| ticks.contains(tick));
    }
}

/// The proposals of the repository, and what became of them.
fn own<'a>(
    repository: &'a RepositoryId,
    showing: &'a Showing<'_>,
) -> impl Iterator<Item = (&'a Proposal, &'a Published)> {
    let both = showing.decided.proposals.iter().zip(showing.published);
    both.filter(move |(proposal, _)| &proposal.draft.repository == repository)
}

/// kubeopt's pull requests that are open now, by number.
fn open_ones<'a>(
    repository: &'a RepositoryId,
    pulls: &'a [PullRequest],
    showing: &'a Showing<'_>,
) -> BTreeMap<u64, &'a PullRequest> {
    let before = pulls.iter().filter(|pull| pull.state == PullRequestState::Open);
    let mut open: BTreeMap<u64, &PullRequest> = before.map(|pull| (pull.number, pull)).collect();
    for (_, published) in own(repository, showing) {
        match published {
            Published::Opened(pull) | Published::Updated(pull) | Published::Unchanged(pull) => {
                open.insert(pull.number, pull);
            }
            Published::Waiting(_) | Published::Failed(_) => {}
        }
    }
    let closed = showing.merges.closed.iter().map(|(of, number, _)| (of, number));
    let merged = showing.own_merges.merged.iter().map(|(of, number, _)| (of, number));
    for (_, number) in closed.chain(merged).filter(|(of, _)| *of == repository) {
        open.remove(number);
    }
    open
}

fn open_line(pull: &PullRequest, text: Option<String>) -> DashboardLine {
    let draft = if pull.is_draft { "it is a draft" } else { "" };
    DashboardLine {
        number: Some(pull.number),
        subject: pull.title.clone(),
        text: text.unwrap_or_else(|| draft.to_owned()),
        tick: Some(Tick::Rerun(pull.number)),
        is_ticked: false,
    }
}

/// What is wanted and is not open.
fn add_waiting(
    input: &mut DashboardInput,
    proposal: &Proposal,
    problem: &Problem,
    pulls: &[PullRequest],
    showing: &Showing<'_>,
    asked: &BTreeSet<Tick>,
) {
    let draft = &proposal.draft;
    let tick = Tick::Propose(draft.branch.clone());
    let is_ticked = asked.contains(&tick);
    let line = DashboardLine {
        subject: proposal.change_set.label.clone(),
        text: problem.text.clone(),
        ..DashboardLine::default()
    };
    if problem.code == codes::CLOSED_BY_PERSON {
        let of = |pull: &&PullRequest| pull.head_branch == draft.branch && pull.base == draft.base;
        let last = pulls.iter().filter(of).max_by_key(|pull| pull.number);
        input.closed.extend(last.map(|pull| closed_line(line, pull, proposal)));
        return;
    }
    let key = (draft.repository.clone(), draft.branch.clone());
    let publishing = Publishing { now: showing.now, open: 0, opened_last_hour: 0, is_update: true };
    let is_limit = problem.code == codes::LIMITED
        && !showing.waiting.contains_key(&key)
        && hold(&proposal.change_set.policy, &publishing).is_none();
    if is_limit {
        input.limited.push(DashboardLine { tick: Some(tick), is_ticked, ..line });
    } else {
        // Nothing lets it go on sooner; a box that was ticked meanwhile waits with it.
        input.waiting.push(DashboardLine { tick: is_ticked.then_some(tick), is_ticked, ..line });
    }
}

fn closed_line(line: DashboardLine, pull: &PullRequest, proposal: &Proposal) -> DashboardLine {
    let manners = &proposal.change_set.policy.pull_requests;
    let fields = &proposal.draft.marker.fields;
    let value = |text: &str| if text.is_empty() { "none".to_owned() } else { text.to_owned() };
    let mut values: Vec<String> = fields
        .iter()
        .take(VALUES_MAX)
        .map(|field| {
            let (before, after) = (value(&field.value.before), value(&field.value.after));
            format!("`{}` `{}` {before} → {after}", field.container, field.field)
        })
        .collect();
    if fields.len() > VALUES_MAX {
        values.push(format!("{} more", fields.len() - VALUES_MAX));
    }
    let until = date(pull.updated_unix_s + i64::from(manners.reopen_days) * 86_400).unwrap_or_default();
    let moved = manners.reopen_moved_percent;
    DashboardLine {
        number: Some(pull.number),
        text: format!(
            "a person closed it: {}; kubeopt comes back when the numbers move by {moved} %, or on {until}",
            values.join(", ")
        ),
        tick: Some(Tick::Forget(pull.number)),
        ..line
    }
}

fn failure(subject: String, problem: &Problem) -> DashboardLine {
    let text = format!("{}: {}; {}", problem.code, problem.text, problem.help);
    DashboardLine { subject, text, ..DashboardLine::default() }
}

fn ignored(orders: &Orders) -> Vec<DashboardLine> {
    let standing = orders.standing.ignored.iter();
    let line = |ignored: &kubeopt_commands::Ignored| {
        let until = ignored.until_unix_s.and_then(date).map(|date| format!(" until {date}"));
        let because = ignored.because.as_ref().map(|because| format!(": {because}"));
        DashboardLine {
            subject: ignored.selection.to_string(),
            text: format!(
                "by `{}` in #{}{}{}",
                ignored.by,
                ignored.pull_request,
                until.unwrap_or_default(),
                because.unwrap_or_default()
            ),
            tick: Some(Tick::Unignore(ignored.selection.to_string())),
            ..DashboardLine::default()
        }
    };
    standing.map(line).collect()
}

/// What is left as it is, counted by its reason; what could not be proven is a failure.
fn add_left(input: &mut DashboardInput, repository: &RepositoryId, showing: &Showing<'_>) {
    let is_own = |left: &&Left| {
        let source = showing.sites.sources.get(&left.workload);
        source.is_some_and(|source| source.as_ref().is_ok_and(|source| &source.repository == repository))
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut failed: BTreeMap<&Problem, &Left> = BTreeMap::new();
    for left in showing.decided.left.iter().filter(is_own) {
        match left.why.problem().filter(|problem| problem.code == codes::NOT_PROVEN) {
            Some(problem) => drop(failed.entry(problem).or_insert(left)),
            None => *counts.entry(reason(&left.why)).or_default() += left.containers.len().max(1),
        }
    }
    for (problem, left) in failed {
        input.failed.push(failure(left.workload.to_string(), problem));
    }
    let mut counts: Vec<(String, usize)> = counts.into_iter().collect();
    counts.sort_by(|(a, more), (b, less)| (less, a).cmp(&(more, b)));
    input.left = counts
        .into_iter()
        .map(|(why, count)| {
            let noun = if count == 1 { "container" } else { "containers" };
            DashboardLine { text: format!("{count} {noun}: {why}"), ..DashboardLine::default() }
        })
        .collect();
}

/// The reason without the numbers of the one container.
fn reason(why: &NoRecommendation) -> String {
    match why {
        NoRecommendation::TooLittleHistory { .. } | NoRecommendation::TooFewRuns { .. } => {
            "too little history yet".to_owned()
        }
        NoRecommendation::ScaledOnThisResource { .. } => {
            "an autoscaler scales on it, and the scale point is kept".to_owned()
        }
        NoRecommendation::Refused { guardrail, .. } if guardrail == IGNORED => {
            "ignored, see above".to_owned()
        }
        NoRecommendation::Refused { guardrail, .. } => format!("the guardrail `{guardrail}` refuses it"),
        NoRecommendation::PartialData { .. } => "the data are partial".to_owned(),
        NoRecommendation::NotEditable(problem) | NoRecommendation::NoSource(problem) => {
            format!("{} ({}); {}", problem.text, problem.code, problem.help)
        }
        NoRecommendation::NoUsage
        | NoRecommendation::Disabled { .. }
        | NoRecommendation::AlreadyRight
        | NoRecommendation::TooSmall => why.sentence(),
    }
}
