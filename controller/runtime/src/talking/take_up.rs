//! Takes up what people ask for: who they are and what they may, what they mean, and what the stages of the pass are to do.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_commands::{Carried, Command, Heard, Misread, Needs, Standing, Verb, Wish, hear};
use kubeopt_forge::{Forge, ForgeComment, ForgeError, Permission, PullRequest, PullRequestState, Reaction};
use kubeopt_model::pull_request::{Marker, rollback_group, rollback_of};
use kubeopt_model::selection::Selection;
use kubeopt_model::{Amount, Field, Problem, RepositoryId, Timestamp};

use super::listen::Said;
use super::resolve::Workloads;
use crate::codes;
use crate::edges::Edges;
use crate::located::Sites;
use crate::orders::{AllOrders, Orders, Redo, TakeBack, TakenBack};
use crate::proposing::Decided;
use crate::publishing::{Merges, Moment, There};
use crate::seen::Seen;

/// Comments that are answered in one pass and repository; the next pass goes on.
const COMMENTS_PER_PASS_MAX: usize = 50;

/// What people say, and what the pass is to do about it.
#[derive(Debug, Default)]
pub struct Talk {
    /// For the stages of the pass.
    pub orders: AllOrders,
    /// What waits for an answer, by repository.
    pub requests: BTreeMap<RepositoryId, Vec<Request>>,
    /// kubeopt's pull requests, all states, by repository.
    pub pulls: BTreeMap<RepositoryId, Vec<PullRequest>>,
    /// The keys of what kubeopt said itself, by repository and pull request.
    pub told: BTreeMap<RepositoryId, BTreeSet<(u64, String)>>,
    /// What could not be read or asked.
    pub problems: Vec<Problem>,
}

/// A comment that waits for an answer.
#[derive(Debug, Clone)]
pub struct Request {
    /// The comment.
    pub comment: ForgeComment,
    /// What it asks for, line by line; never empty.
    pub tasks: Vec<Task>,
}

impl Request {
    /// What lasts of it, for kubeopt's own reply to keep.
    pub(super) fn carried(&self, lasts: impl Fn(&Wish) -> bool) -> Option<Carried> {
        let wishes: Vec<Wish> = self.tasks.iter().filter_map(Task::wish).filter(lasts).collect();
        (!wishes.is_empty()).then(|| Carried {
            pull_request: self.comment.id.pull_request,
            by: self.comment.author.login.clone(),
            at_unix_s: self.comment.created_at.as_second(),
            wishes,
        })
    }
}

/// One line of a comment.
#[derive(Debug, Clone, PartialEq)]
pub struct Task {
    /// As it was written; hostile.
    pub text: String,
    /// What is done about it.
    pub taken: Taken,
}

impl Task {
    fn wish(&self) -> Option<Wish> {
        match &self.taken {
            Taken::Keep(wish) => Some(wish.clone()),
            Taken::Redo(Redo::Over, _) => Some(Wish::Forget),
            Taken::Redo(Redo::Anew, _) | Taken::Help(_) | Taken::Status | Taken::Explain(_) => None,
            Taken::Refuse(_) => None,
        }
    }
}

/// What is done about a command.
#[derive(Debug, Clone, PartialEq)]
pub enum Taken {
    /// Say what can be said.
    Help(Option<Verb>),
    /// Say what stands.
    Status,
    /// Say why.
    Explain(Selection),
    /// Make this pull request anew.
    Redo(Redo, u64),
    /// Keep this in mind, and obey it from now on.
    Keep(Wish),
    /// Nothing: a sentence without a full stop.
    Refuse(String),
}

impl Edges {
    /// Reads what people say in every traced repository. Nothing is written.
    pub(crate) async fn hear_people(
        &self,
        sites: &Sites,
        now: Timestamp,
    ) -> (Talk, BTreeMap<RepositoryId, Said>) {
        let repositories: BTreeSet<&RepositoryId> =
            sites.traces.values().flatten().map(|trace| &trace.snapshot.repository).collect();
        let (mut talk, mut said) = (Talk::default(), BTreeMap::new());
        for repository in repositories {
            match self.listen(repository, now).await {
                Ok(one) => {
                    talk.orders.0.insert(repository.clone(), orders(&one.pulls, &one.carried, now));
                    talk.pulls.insert(repository.clone(), one.pulls.clone());
                    talk.told.insert(repository.clone(), one.told.clone());
                    said.insert(repository.clone(), one);
                }
                Err(problem) => talk.problems.push(problem),
            }
        }
        (talk, said)
    }

    /// Closes, in every repository, the pull requests that nothing stands behind any more.
    pub(crate) async fn withdraw_all(
        &self,
        talk: &Talk,
        decided: &Decided,
        moment: Moment<'_>,
        merges: &mut Merges,
    ) {
        for (repository, pulls) in &talk.pulls {
            if let Some(orders) = talk.orders.of(repository) {
                self.withdraw(There { repository, pulls, orders }, decided, moment, merges).await;
            }
        }
        self.close_baseless(moment, merges).await;
    }

    /// Reads what people say, shows them that it was read, and takes up what they may ask for.
    pub(crate) async fn take_up(&self, seen: &Seen, sites: &Sites, now: Timestamp) -> Talk {
        let (mut talk, said) = self.hear_people(sites, now).await;
        for (repository, said) in said {
            let workloads = Workloads::of(&repository, seen.clusters.values(), sites);
            let mut requests = Vec::new();
            for comment in said.open.iter().take(COMMENTS_PER_PASS_MAX) {
                match self.take_up_one(&repository, comment, &said.pulls, &workloads, now).await {
                    Ok(request) => requests.extend(request),
                    Err(problem) => talk.problems.push(problem),
                }
            }
            let carried = requests.iter().filter_map(|request| request.carried(|_| true));
            let all: Vec<Carried> = said.carried.into_iter().chain(carried).collect();
            let mut orders = orders(&said.pulls, &all, now);
            for task in requests.iter().flat_map(|request| &request.tasks) {
                if let Taken::Redo(redo, number) = task.taken {
                    let stronger = orders.redo.get(&number).copied().max(Some(redo)).unwrap_or(redo);
                    orders.redo.insert(number, stronger);
                }
            }
            talk.orders.0.insert(repository.clone(), orders);
            talk.requests.insert(repository, requests);
        }
        talk
    }

    /// None where the comment speaks to other clusters only.
    async fn take_up_one(
        &self,
        repository: &RepositoryId,
        comment: &ForgeComment,
        pulls: &[PullRequest],
        workloads: &Workloads<'_>,
        now: Timestamp,
    ) -> Result<Option<Request>, Problem> {
        let is_ours = |heard: &Heard| match &heard.cluster {
            None => true,
            Some(name) => self.clusters.iter().any(|cluster| &cluster.name == name),
        };
        let heard: Vec<Heard> = hear(&comment.body).into_iter().filter(is_ours).collect();
        if heard.is_empty() {
            return Ok(None);
        }
        let forge = self.forge(repository)?.forge.as_ref();
        self.may_write()?;
        // A reaction that the forge does not have, or a locked conversation, is no reason not to go on.
        if let Err(error) = forge.react(repository, comment.id, Reaction::Seen).await {
            tracing::debug!(%repository, "no reaction: {error}");
        }
        let may = permission(forge, repository, &comment.author.login).await?;
        let pull = pulls.iter().find(|pull| pull.number == comment.id.pull_request);
        let said = Speaker { login: &comment.author.login, may, pull, workloads, now };
        let task = |heard: Heard| {
            let taken = match heard.command {
                Ok(command) => said.take(command).unwrap_or_else(Taken::Refuse),
                Err(misread) => Taken::Refuse(misread_sentence(&misread)),
            };
            Task { text: heard.text, taken }
        };
        Ok(Some(Request { comment: comment.clone(), tasks: heard.into_iter().map(task).collect() }))
    }
}

/// What an account may do now. Where the forge does not say, it is taken for a reader: that much a comment shows.
async fn permission(
    forge: &dyn Forge,
    repository: &RepositoryId,
    login: &str,
) -> Result<Permission, Problem> {
    match forge.permission(repository, login).await {
        Ok(may) => Ok(may.max(Permission::None)),
        Err(ForgeError::Forbidden { .. }) => Ok(Permission::Read),
        Err(error) => {
            let problem = error.problem();
            let text = format!("who may say what in {repository} could not be asked: {}", problem.text);
            Err(Problem::new(codes::CONVERSATION, text, problem.help))
        }
    }
}

fn misread_sentence(misread: &Misread) -> String {
    misread.to_string()
}

/// Who speaks, where, and of what they may speak.
struct Speaker<'a> {
    login: &'a str,
    may: Permission,
    /// The pull request that the comment stands on, if it is kubeopt's.
    pull: Option<&'a PullRequest>,
    workloads: &'a Workloads<'a>,
    now: Timestamp,
}

impl Speaker<'_> {
    /// The error is why not: a sentence without a full stop.
    fn take(&self, command: Command) -> Result<Taken, String> {
        self.check_permission(command.verb())?;
        let until =
            |seconds: Option<i64>| seconds.map(|seconds| self.now.as_second().saturating_add(seconds));
        Ok(match command {
            Command::Help(verb) => Taken::Help(verb),
            Command::Status => Taken::Status,
            Command::Explain(selection) => Taken::Explain(self.workloads.one(&selection)?),
            Command::Rerun | Command::Rebase => Taken::Redo(Redo::Anew, self.own(&[OPEN])?.number),
            Command::Recreate => Taken::Redo(Redo::Over, self.own(&[OPEN, CLOSED])?.number),
            Command::Set { selection, values } => Taken::Keep(self.set(&selection, values)?),
            Command::Split => {
                self.own(&[OPEN])?;
                Taken::Keep(Wish::Split)
            }
            Command::Ignore { selection, seconds, because } => Taken::Keep(Wish::Ignore {
                selection: self.workloads.one_or_all(&selection)?,
                until_unix_s: until(seconds),
                because,
            }),
            Command::Unignore(selection) => {
                Taken::Keep(Wish::Unignore { selection: self.workloads.one_or_all(&selection)? })
            }
            Command::Hold => {
                self.own(&[OPEN])?;
                Taken::Keep(Wish::Hold)
            }
            Command::Unhold => {
                self.own(&[OPEN, CLOSED, MERGED])?;
                Taken::Keep(Wish::Unhold)
            }
            Command::Approve => {
                let pull = self.own(&[OPEN])?;
                let proposal = Marker::find(&pull.body).map(|marker| marker.proposal);
                let unmarked =
                    || "the hidden marker of this pull request is gone; `/kubeopt recreate` writes it anew";
                Taken::Keep(Wish::Approve { proposal: proposal.ok_or_else(unmarked)? })
            }
            Command::Pause { seconds, because } => {
                Taken::Keep(Wish::Pause { until_unix_s: until(seconds), because })
            }
            Command::Resume => Taken::Keep(Wish::Resume),
            Command::Rollback { because } => {
                self.own(&[MERGED])?;
                Taken::Keep(Wish::Rollback { because })
            }
        })
    }

    fn check_permission(&self, verb: Verb) -> Result<(), String> {
        let (least, word) = match verb.needs() {
            Needs::Read => (Permission::Read, "read"),
            Needs::Write => (Permission::Write, "push to"),
        };
        if self.may >= least {
            return Ok(());
        }
        Err(format!(
            "`/kubeopt {verb}` is for people who can {word} this repository, and `{}` cannot",
            self.login
        ))
    }

    /// The pull request that is spoken of, if it is kubeopt's and in one of these states.
    fn own(&self, states: &[(PullRequestState, &str)]) -> Result<&PullRequest, String> {
        let Some(pull) = self.pull else {
            return Err("this is no pull request of kubeopt's; say it on one that is".to_owned());
        };
        if states.iter().any(|(state, _)| *state == pull.state) {
            return Ok(pull);
        }
        let wanted: Vec<&str> = states.iter().map(|(_, word)| *word).collect();
        Err(format!(
            "this pull request is {}, and it is for one that is {}",
            word_of(pull.state),
            wanted.join(" or ")
        ))
    }

    fn set(&self, selection: &Selection, values: Vec<(Field, Amount)>) -> Result<Wish, String> {
        Ok(Wish::Set { selection: self.workloads.container(selection)?, values })
    }
}

const OPEN: (PullRequestState, &str) = (PullRequestState::Open, "open");
const CLOSED: (PullRequestState, &str) = (PullRequestState::Closed, "closed");
const MERGED: (PullRequestState, &str) = (PullRequestState::Merged, "merged");

fn word_of(state: PullRequestState) -> &'static str {
    match state {
        PullRequestState::Open => OPEN.1,
        PullRequestState::Closed => CLOSED.1,
        PullRequestState::Merged => MERGED.1,
    }
}

/// What stands of all that was carried out.
fn orders(pulls: &[PullRequest], carried: &[Carried], now: Timestamp) -> Orders {
    let standing = Standing::at(now.as_second(), carried);
    let group = |number: &u64| {
        let pull = pulls.iter().find(|pull| pull.number == *number)?;
        let marker = Marker::find(&pull.body)?;
        Some((marker.base, marker.group))
    };
    let split = standing.split.iter().filter_map(group).collect();
    let asked = standing.rolled_back.iter().filter_map(|(number, (by, because))| {
        let pull =
            pulls.iter().find(|pull| pull.number == *number && pull.state == PullRequestState::Merged)?;
        let because = because.as_ref().map(|because| format!(": {because}")).unwrap_or_default();
        take_back(pull, pulls, format!("`{by}` asked for it{because}"))
    });
    let harmed = standing.harmed.iter().filter_map(|(number, why)| {
        let pull =
            pulls.iter().find(|pull| pull.number == *number && pull.state == PullRequestState::Merged)?;
        take_back(pull, pulls, why.clone())
    });
    let mut back: Vec<TakeBack> = asked.chain(harmed).collect();
    // What is open goes on, whoever asked for it and whatever became of the comment.
    for open in pulls.iter().filter(|pull| pull.state == PullRequestState::Open) {
        let of = Marker::find(&open.body).and_then(|marker| rollback_of(&marker.group));
        let known = |number: u64| back.iter().any(|one| one.number == number);
        let of = of.filter(|number| !known(*number));
        let merged = of.and_then(|number| pulls.iter().find(|pull| pull.number == number));
        let why = format!("#{} was opened for it", open.number);
        back.extend(merged.and_then(|merged| take_back(merged, pulls, why)));
    }
    Orders { standing, back, taken_back: taken_back(pulls), split, ..Orders::default() }
}

/// None where that was done already, or a person said no to it.
pub(crate) fn take_back(pull: &PullRequest, pulls: &[PullRequest], why: String) -> Option<TakeBack> {
    let group = rollback_group(pull.number);
    let is_of_it =
        |other: &PullRequest| Marker::find(&other.body).is_some_and(|marker| marker.group == group);
    let is_over = pulls.iter().any(|other| other.state != PullRequestState::Open && is_of_it(other));
    let is_under_way = pulls.iter().any(|other| other.state == PullRequestState::Open && is_of_it(other));
    let marker = Marker::find(&pull.body).filter(|_| !is_over)?;
    Some(TakeBack { number: pull.number, marker, why, is_under_way })
}

/// What merged pull requests of kubeopt's own took back.
fn taken_back(pulls: &[PullRequest]) -> Vec<TakenBack> {
    let merged = pulls.iter().filter(|pull| pull.state == PullRequestState::Merged);
    let taken = merged.filter_map(|pull| {
        let marker = Marker::find(&pull.body)?;
        Some(TakenBack {
            by: pull.number,
            number: rollback_of(&marker.group)?,
            containers: marker.fields.into_iter().map(|field| field.container).collect(),
            at_unix_s: pull.updated_unix_s,
        })
    });
    taken.collect()
}
