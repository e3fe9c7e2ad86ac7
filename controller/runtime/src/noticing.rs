//! *Noticing*: what of a pass people are told outside the forge. Pure: a report comes in, notices go out; who gets them and
//! when is the business of `notify`.
//!
//! What happened is told once. What lasts, such as a merge that does not arrive or a repository that cannot be read, is told
//! when it begins and when it is over, however many passes and restarts it takes.

mod digest;
mod standing;

use kubeopt_api::PolicyFile;
use kubeopt_findings::Turn;
use kubeopt_forge::PullRequest;
use kubeopt_model::finding::{Kind, Severity as FindingSeverity, kind_word, severity_word};
use kubeopt_model::policy::{NotificationPolicy, Severity as LeastSeverity};
use kubeopt_model::pull_request::rollback_of;
use kubeopt_model::{ClusterName, Problem, Timestamp};
use kubeopt_net::Url;
use kubeopt_notify::{Notice, NoticeKind, NoticeState, Severity};
use serde::{Deserialize, Serialize};

use crate::finding::News;
use crate::pipeline::PassReport;
use crate::proposing::Proposal;
use crate::publishing::{Merge, Published, Sync, is_overdue};
use crate::watching::{Judged, policy_of_merge};

pub(crate) use digest::{Days, KINDS, digest};
pub use standing::Standing;

/// Outcomes of one pull request that are spelt out; the comment below it has all.
const OUTCOMES_MAX: usize = 5;

/// Spikes and drifts of one pass that are told one by one.
const FINDINGS_MAX: usize = 20;

/// Whether a notice is of something that happened, or of something that is so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Lasting {
    /// It happened: told once.
    Happened,
    /// It is so until a pass does not find it any more.
    Stands,
}

/// Something to tell, and what the policies of those concerned say of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Noticed {
    /// What is told.
    pub notice: Notice,
    /// Whether it is over by itself.
    pub lasting: Lasting,
    /// Tells two of the same key apart: another one is news.
    pub version: String,
    /// Who may be told, by the policy of what it is about.
    pub policy: NotificationPolicy,
}

impl Noticed {
    /// Whether the policy lets anybody be told.
    pub fn is_allowed(&self) -> bool {
        let least = match self.policy.least {
            LeastSeverity::Info => Severity::Info,
            LeastSeverity::Warning => Severity::Warning,
            LeastSeverity::Critical => Severity::Critical,
        };
        self.policy.enabled && self.notice.severity >= least
    }

    /// Whether the policy lets this receiver be told.
    pub fn is_for(&self, receiver: &str) -> bool {
        self.policy.to.is_empty() || self.policy.to.iter().any(|name| name == receiver)
    }
}

/// What a pass is told of: the order is that of the pass. `home` stands for the cluster where a notice is of none.
pub fn notices(report: &PassReport, operator: Option<&PolicyFile>, home: &ClusterName) -> Vec<Noticed> {
    let about = About { home, at: report.at };
    let mut noticed = Vec::new();
    for (proposal, published) in report.decided.proposals.iter().zip(&report.published) {
        noticed.extend(of_proposal(proposal, published, &about));
    }
    for merge in &report.merges.merges {
        let policy = policy_of_merge(operator, merge, &report.seen, &report.sites).notifications;
        noticed.extend(of_merge(merge, &policy, &about));
    }
    for (repository, number, reason) in &report.merges.closed {
        let title = format!("#{number} of {repository} was closed: {reason}");
        noticed.push(about.ended(format!("pull:{repository}#{number}"), title, "closed"));
    }
    for judged in &report.watching.judged {
        let merge = report.merges.merges.iter().find(|merge| is_of(judged, merge));
        let policy = merge.map(|merge| policy_of_merge(operator, merge, &report.seen, &report.sites));
        noticed.push(of_outcome(judged, merge, policy.unwrap_or_default().notifications, &about));
    }
    noticed.extend(of_findings(&report.seen.findings.news, &about));
    for ((repository, branch), trace) in &report.sites.traces {
        let Err(problem) = trace else { continue };
        let of = branch.as_ref().map_or(repository.to_string(), |branch| format!("{repository}@{branch}"));
        noticed.push(about.failure(Severity::Error, format!("repository:{of}"), &of, problem));
    }
    for problem in report.seen.problems.iter().chain(&report.talk.problems).chain(&report.merges.problems) {
        if problem.code != crate::codes::NOT_SYNCED {
            noticed.push(about.failure(Severity::Warning, key_of(problem), "a pass", problem));
        }
    }
    noticed
}

/// A pass that failed as a whole.
pub fn failed(problem: &Problem, at: Timestamp, home: &ClusterName) -> Noticed {
    About { home, at }.failure(Severity::Error, "pass".to_owned(), "a whole pass", problem)
}

/// The tokens that a day or a namespace may spend on a model's words are used up.
pub fn used_up(problem: &Problem, at: Timestamp, home: &ClusterName) -> Noticed {
    let about = About { home, at };
    let title = format!("{}: texts are made by rule for the rest of the day", problem.code);
    let key = format!("budget:{}", problem.code);
    let notice = about.notice(NoticeKind::Budget, Severity::Warning, key, title);
    let text = format!("{}\nWhat to do: {}", problem.text, problem.help);
    Noticed {
        notice: Notice { text, ..notice },
        lasting: Lasting::Happened,
        // Once a day, as the budget is.
        version: at.strftime("%Y-%m-%d").to_string(),
        policy: NotificationPolicy::default(),
    }
}

/// What every notice of a pass has.
struct About<'a> {
    home: &'a ClusterName,
    at: Timestamp,
}

impl About<'_> {
    fn notice(&self, kind: NoticeKind, severity: Severity, key: String, title: String) -> Notice {
        let state = NoticeState::Raised;
        let (at, cluster) = (self.at, self.home.clone());
        Notice { kind, severity, state, title, text: String::new(), url: None, key, at, cluster }
    }

    fn ended(&self, key: String, title: String, version: &str) -> Noticed {
        Noticed {
            notice: self.notice(NoticeKind::PullRequestEnded, Severity::Info, key, title),
            lasting: Lasting::Happened,
            version: version.to_owned(),
            policy: NotificationPolicy::default(),
        }
    }

    fn failure(&self, severity: Severity, key: String, of: &str, problem: &Problem) -> Noticed {
        let title = format!("{}: {of}", problem.code);
        let text = format!("{}\nWhat to do: {}", problem.text, problem.help);
        Noticed {
            notice: Notice { text, ..self.notice(NoticeKind::Failure, severity, key, title) },
            lasting: Lasting::Stands,
            version: problem.code.clone(),
            policy: NotificationPolicy::default(),
        }
    }
}

fn of_proposal(proposal: &Proposal, published: &Published, about: &About<'_>) -> Option<Noticed> {
    let draft = &proposal.draft;
    let repository = &draft.repository;
    let policy = proposal.change_set.policy.notifications.clone();
    let of_pull = |pull: &PullRequest, done: &str| {
        let is_revert = rollback_of(&draft.marker.group).is_some();
        let kind = if is_revert { NoticeKind::Revert } else { NoticeKind::PullRequest };
        let severity = if is_revert { Severity::Error } else { Severity::Info };
        let title = format!("#{} of {repository} was {done}: {}", pull.number, draft.title);
        let notice = about.notice(kind, severity, format!("pull:{repository}#{}", pull.number), title);
        let notice = Notice {
            url: Url::parse(&pull.url).ok(),
            cluster: proposal.change_set.cluster.clone(),
            ..notice
        };
        let version = format!("{done} {}", draft.marker.proposal);
        Noticed { notice, lasting: Lasting::Happened, version, policy: policy.clone() }
    };
    match published {
        Published::Opened(pull) => Some(of_pull(pull, "opened")),
        Published::Updated(pull) => Some(of_pull(pull, "changed")),
        Published::Unchanged(_) => None,
        Published::Waiting(problem) if problem.code == crate::codes::PAUSED => {
            let key = format!("paused:{repository}");
            let title = format!("nothing new is opened in {repository}: somebody asked to pause");
            let notice = about.notice(NoticeKind::PullRequest, Severity::Info, key, title);
            let notice = Notice { text: format!("{}\n{}", problem.text, problem.help), ..notice };
            Some(Noticed { notice, lasting: Lasting::Stands, version: String::new(), policy })
        }
        // Limits, windows and people's own commits are how it is meant to be.
        Published::Waiting(_) => None,
        Published::Failed(problem) => {
            let key = format!("publish:{repository}:{}", draft.branch);
            let of = format!("{repository} {}", draft.branch);
            Some(Noticed { policy, ..about.failure(Severity::Error, key, &of, problem) })
        }
    }
}

fn of_merge(merge: &Merge, policy: &NotificationPolicy, about: &About<'_>) -> Vec<Noticed> {
    let of = format!("#{} of {}", merge.pull.number, merge.repository);
    let key = format!("pull:{}#{}", merge.repository, merge.pull.number);
    let linked = |noticed: Noticed| Noticed {
        notice: Notice { url: Url::parse(&merge.pull.url).ok(), ..noticed.notice },
        policy: policy.clone(),
        ..noticed
    };
    let mut noticed = Vec::new();
    if merge.is_news {
        let (title, version) = match merge.sync {
            Sync::Synced => (format!("{of} was merged, and the cluster shows all of its values"), "synced"),
            Sync::Waiting { .. } => (format!("{of} was merged: {}", merge.pull.title), "merged"),
        };
        noticed.push(linked(about.ended(key.clone(), title, version)));
    }
    if let Sync::Waiting { synced, of: all } = merge.sync
        && is_overdue(merge, about.at)
    {
        let title = format!("{of} was merged, and {synced} of {all} values show in the cluster");
        let kind = NoticeKind::NotSynced;
        let notice = about.notice(kind, Severity::Warning, format!("not-synced:{key}"), title);
        let text = "What to do: look at the Ready condition of the Kustomization or Application that applies the branch";
        let notice = Notice { text: text.to_owned(), ..notice };
        noticed.push(linked(Noticed {
            notice,
            lasting: Lasting::Stands,
            version: String::new(),
            policy: policy.clone(),
        }));
    }
    noticed
}

fn is_of(judged: &Judged, merge: &Merge) -> bool {
    merge.repository == judged.repository && merge.pull.number == judged.number
}

fn of_outcome(
    judged: &Judged,
    merge: Option<&Merge>,
    policy: NotificationPolicy,
    about: &About<'_>,
) -> Noticed {
    let of = format!("#{} of {}", judged.number, judged.repository);
    let (kind, severity, title, version) = match &judged.harm {
        Some(_) => (NoticeKind::Revert, Severity::Critical, format!("{of} did harm after its merge"), "harm"),
        None => (NoticeKind::Outcome, Severity::Info, format!("{of} was watched: no harm was seen"), "kept"),
    };
    let lines = judged.outcomes.iter().map(|outcome| format!("{}: {}", outcome.container, outcome.text));
    let mut text = lines.take(OUTCOMES_MAX).collect::<Vec<_>>().join("\n");
    if judged.outcomes.len() > OUTCOMES_MAX {
        text.push_str(&format!("\nand {} more containers", judged.outcomes.len() - OUTCOMES_MAX));
    }
    let key = format!("outcome:{}#{}", judged.repository, judged.number);
    let url = merge.and_then(|merge| Url::parse(&merge.pull.url).ok());
    let notice = Notice { text, url, ..about.notice(kind, severity, key, title) };
    Noticed { notice, lasting: Lasting::Happened, version: version.to_owned(), policy }
}

/// Spikes and drift come in numbers, after a deployment of many or in a wave of load: beyond the most urgent of a pass they are
/// told as one, to those whom their policies name.
fn of_findings(all: &[News], about: &About<'_>) -> Vec<Noticed> {
    let comes_in_numbers = |news: &&News| {
        news.turn != Turn::Resolved && matches!(news.finding.kind(), Kind::Spike | Kind::Drift)
    };
    let (many, others): (Vec<&News>, Vec<&News>) = all.iter().partition(comes_in_numbers);
    let (told, rest) = many.split_at(many.len().min(FINDINGS_MAX));
    let mut noticed: Vec<Noticed> =
        others.into_iter().chain(told.iter().copied()).map(|news| of_finding(news, about)).collect();
    let mut by_policy: Vec<(&NotificationPolicy, Vec<&News>)> = Vec::new();
    for news in rest {
        match by_policy.iter_mut().find(|(policy, _)| **policy == news.notifications) {
            Some((_, alike)) => alike.push(news),
            None => by_policy.push((&news.notifications, vec![news])),
        }
    }
    noticed.extend(by_policy.into_iter().filter_map(|(policy, alike)| of_many(policy, &alike, about)));
    noticed
}

/// So many at once, under one policy; the most urgent comes first.
fn of_many(policy: &NotificationPolicy, alike: &[&News], about: &About<'_>) -> Option<Noticed> {
    let worst = of_finding(alike.first()?, about);
    let title = format!("{} more spikes and drifts were found at once", alike.len());
    let notice = about.notice(NoticeKind::Finding, worst.notice.severity, "finding:more".to_owned(), title);
    let text = format!("the worst of them: {}\nkubeopt get findings shows them all", worst.notice.text);
    let version = format!("{} {}", about.at, worst.notice.key);
    let notice = Notice { text, ..notice };
    Some(Noticed { notice, lasting: Lasting::Happened, version, policy: policy.clone() })
}

fn of_finding(news: &News, about: &About<'_>) -> Noticed {
    let News { turn, finding, notifications } = news;
    let severity = match finding.severity {
        FindingSeverity::Low => Severity::Info,
        FindingSeverity::Medium => Severity::Warning,
        FindingSeverity::High => Severity::Error,
        FindingSeverity::Critical => Severity::Critical,
    };
    let (state, done) = match turn {
        Turn::Opened => (NoticeState::Raised, "found"),
        Turn::Worsened => (NoticeState::Raised, "worse"),
        Turn::Resolved => (NoticeState::Resolved, "over"),
    };
    let (kind, word) = (kind_word(finding.kind()), severity_word(finding.severity));
    let title = format!("{kind} {done} ({word}): {}", finding.container);
    let notice = about.notice(NoticeKind::Finding, severity, format!("finding:{}", finding.key()), title);
    let text = finding.sentence().replace('`', "");
    let cluster = finding.container.workload.cluster.clone();
    // One that comes back later is another one, and one that a silence held back is told anew.
    let day = finding.last_unix_s.div_euclid(86_400);
    let version = format!("{} {day} {} {word}", finding.since_unix_s, turn.as_str());
    let notice = Notice { state, text, cluster, ..notice };
    Noticed { notice, lasting: Lasting::Happened, version, policy: notifications.clone() }
}

/// The same problem has the same key, whatever moment and number its text holds.
fn key_of(problem: &Problem) -> String {
    /// More of a text does not tell it better apart.
    const CHARS_MAX: usize = 120;
    let place = problem.place.as_ref().map(ToString::to_string).unwrap_or_default();
    let text = problem.text.chars().filter(|c| !c.is_ascii_digit()).take(CHARS_MAX);
    format!("problem:{}:{place}:{}", problem.code, text.collect::<String>())
}

#[cfg(test)]
mod tests;
