//! Answers, when all is done: one reply to each comment, which says what became of each of its lines and keeps what lasts.

use kubeopt_commands::{Wish, help};
use kubeopt_forge::{PullRequest, Reaction};
use kubeopt_model::pull_request::rollback_group;
use kubeopt_model::selection::Selection;
use kubeopt_model::{Amount, Field, Problem, RepositoryId};
use kubeopt_report::{Answer, reply_text};

use super::memory::key_of;
use super::take_up::{Request, Taken, Talk, Task};
use super::told::{explain, status};
use crate::edges::Edges;
use crate::orders::{Redo, date};
use crate::proposing::Decided;
use crate::publishing::Published;

/// What was answered.
#[derive(Debug, Default)]
pub struct Answers {
    /// For the audit: `repository #12`, and what was asked by whom and what became of it.
    pub given: Vec<(String, String)>,
    /// What could not be answered; the next pass tries again.
    pub problems: Vec<Problem>,
}

/// What the pass did, for people who asked.
#[derive(Clone, Copy)]
struct Done<'a> {
    repository: &'a RepositoryId,
    talk: &'a Talk,
    pulls: &'a [PullRequest],
    decided: &'a Decided,
    published: &'a [Published],
}

impl Edges {
    /// Replies to every comment that waits for it. One that fails is tried again by the next pass, which finds its comment
    /// unanswered.
    pub(crate) async fn answer(&self, talk: &Talk, decided: &Decided, published: &[Published]) -> Answers {
        let mut answers = Answers::default();
        for (repository, requests) in &talk.requests {
            let pulls = talk.pulls.get(repository).map_or(&[][..], Vec::as_slice);
            let done = Done { repository, talk, pulls, decided, published };
            for request in requests {
                match self.answer_one(request, &done).await {
                    Ok(given) => answers.given.extend(given),
                    Err(problem) => answers.problems.push(problem),
                }
            }
        }
        answers
    }

    async fn answer_one(&self, request: &Request, done: &Done<'_>) -> Result<Vec<(String, String)>, Problem> {
        let told: Vec<(Answer, Reaction)> =
            request.tasks.iter().map(|task| self.told(task, request, done)).collect();
        let (answers, reactions): (Vec<Answer>, Vec<Reaction>) = told.into_iter().unzip();
        let opened = done.published.iter().filter_map(number_of);
        let own: Vec<u64> = done.pulls.iter().map(|pull| pull.number).chain(opened).collect();
        let mut text = reply_text(&self.templates, &answers, &own).map_err(|error| error.problem())?;
        // A rollback of which nothing stands any more must not take back the same values of another day.
        let lasts = |wish: &Wish| {
            !matches!(wish, Wish::Rollback { .. })
                || done.rollback_of(request.comment.id.pull_request).is_some()
        };
        if let Some(carried) = request.carried(lasts) {
            text.push_str("\n\n");
            text.push_str(&carried.to_html_comment());
        }
        let (id, repository) = (request.comment.id, done.repository);
        let forge = self.forge(repository)?.forge.as_ref();
        self.may_write()?;
        forge
            .ensure_comment(repository, id.pull_request, &key_of(id), &text)
            .await
            .map_err(|error| error.problem())?;
        let reaction = reactions.iter().copied().max().unwrap_or(Reaction::Done);
        if let Err(error) = forge.react(repository, id, reaction).await {
            tracing::debug!(%repository, "no reaction: {error}");
        }
        let by = &request.comment.author.login;
        let subject = format!("{repository} #{}", id.pull_request);
        let line = |(task, answer): (&Task, &Answer)| {
            let became = answer.sentences.first().map_or("answered", String::as_str);
            (subject.clone(), format!("{by}: {}: {became}", task.text))
        };
        Ok(request.tasks.iter().zip(&answers).map(line).collect())
    }

    fn told(&self, task: &Task, request: &Request, done: &Done<'_>) -> (Answer, Reaction) {
        let number = request.comment.id.pull_request;
        let said = |sentence: String| Answer { sentences: vec![sentence], ..Answer::default() };
        let (answer, reaction) = match &task.taken {
            Taken::Refuse(why) => (said(format!("Not done: {why}.")), Reaction::Refused),
            Taken::Help(verb) => (Answer { block: Some(help(*verb)), ..Answer::default() }, Reaction::Done),
            Taken::Status => (Answer { sentences: done.status(), ..Answer::default() }, Reaction::Done),
            Taken::Explain(selection) => {
                (explain(&self.templates, done.repository, selection, done.decided), Reaction::Done)
            }
            Taken::Redo(redo, number) => {
                let (sentence, reaction) = done.fate(*number, *redo);
                (said(sentence), reaction)
            }
            Taken::Keep(Wish::Set { selection, values }) => {
                let (sentences, reaction) = done.set(selection, values);
                (Answer { sentences, ..Answer::default() }, reaction)
            }
            Taken::Keep(Wish::Rollback { .. }) => {
                let (sentence, reaction) = done.rollback(number);
                (said(sentence), reaction)
            }
            Taken::Keep(wish) => (said(kept(wish, number)), Reaction::Done),
        };
        (Answer { said: task.text.clone(), ..answer }, reaction)
    }
}

impl Done<'_> {
    fn status(&self) -> Vec<String> {
        let nobody = kubeopt_commands::Standing::default();
        let standing = self.talk.orders.of(self.repository).map_or(&nobody, |orders| &orders.standing);
        status(self.repository, self.pulls, standing, self.decided, self.published)
    }

    /// What became of a pull request that was to be made anew.
    fn fate(&self, number: u64, redo: Redo) -> (String, Reaction) {
        let branch = self.pulls.iter().find(|pull| pull.number == number).map(|pull| &pull.head_branch);
        let own = self.decided.proposals.iter().zip(self.published).find(|(proposal, _)| {
            &proposal.draft.repository == self.repository && Some(&proposal.draft.branch) == branch
        });
        match own.map(|(_, published)| published) {
            Some(Published::Updated(pull)) if redo == Redo::Over => (
                format!("Made anew, what others committed to the branch is gone: #{}.", pull.number),
                Reaction::Done,
            ),
            Some(Published::Updated(pull) | Published::Unchanged(pull)) => {
                (format!("Decided again and made anew on the newest base: #{}.", pull.number), Reaction::Done)
            }
            Some(Published::Opened(pull)) => (format!("Opened again as #{}.", pull.number), Reaction::Done),
            Some(Published::Waiting(problem) | Published::Failed(problem)) => {
                (format!("Not done: {}; {}.", problem.text, problem.help), Reaction::Refused)
            }
            None => (
                "Decided again: nothing is proposed for this group any more. `/kubeopt explain` says why."
                    .to_owned(),
                Reaction::Done,
            ),
        }
    }

    /// What became of a pull request that is to be taken back.
    fn rollback(&self, number: u64) -> (String, Reaction) {
        match self.rollback_of(number) {
            Some(Published::Opened(pull) | Published::Updated(pull) | Published::Unchanged(pull)) => (
                format!("#{} takes #{number} back: merge it to have the values of before.", pull.number),
                Reaction::Done,
            ),
            Some(Published::Waiting(problem) | Published::Failed(problem)) => {
                (format!("Not yet: {}; {}.", problem.text, problem.help), Reaction::Refused)
            }
            None => (
                format!(
                    "Nothing of #{number} still stands in the repository as it set it, so there is nothing to take back."
                ),
                Reaction::Refused,
            ),
        }
    }

    /// What became of the proposal that takes a pull request back; none where there is nothing to take back.
    fn rollback_of(&self, number: u64) -> Option<&Published> {
        let group = rollback_group(number);
        let mut both = self.decided.proposals.iter().zip(self.published);
        let own = both.find(|(proposal, _)| {
            &proposal.draft.repository == self.repository && proposal.draft.marker.group == group
        });
        own.map(|(_, published)| published)
    }

    /// What became of values that a person set.
    fn set(&self, selection: &Selection, values: &[(Field, Amount)]) -> (Vec<String>, Reaction) {
        let mut reaction = Reaction::Done;
        let mut sentences: Vec<String> = Vec::new();
        for (field, wanted) in values {
            let (sentence, is_done) = self.set_one(selection, *field, *wanted);
            sentences.push(sentence);
            if !is_done {
                reaction = Reaction::Refused;
            }
        }
        sentences.push(
            "Values by hand stand for 60 days, or until `/kubeopt recreate` on this pull request takes them back."
                .to_owned(),
        );
        (sentences, reaction)
    }

    fn set_one(&self, selection: &Selection, field: Field, wanted: Amount) -> (String, bool) {
        let recommendations = self.decided.admitted.iter().map(|admitted| &admitted.recommendation);
        let own = recommendations.filter(|one| &one.repository == self.repository);
        let mut members = own.flat_map(|one| one.members.iter().map(move |member| (one, member)));
        let found = members.find(|(_, member)| selection.means_live(&member.container));
        let now = found.as_ref().and_then(|(_, member)| member.resources.after.get(field));
        if now == Some(wanted) {
            let where_to =
                self.number_of(selection).map(|number| format!(" in #{number}")).unwrap_or_default();
            return (format!("`{selection}` gets `{field}={wanted}`{where_to}."), true);
        }
        let bound = found.as_ref().and_then(|(one, _)| {
            let mut of_field =
                one.reasons.iter().rev().filter(|reason| reason.field == field && reason.bound);
            of_field.next().map(|reason| reason.text.clone())
        });
        let mut left = self.decided.left.iter();
        let left = left.find(|left| left.containers.iter().any(|id| selection.means_live(id)));
        let why = bound.or_else(|| left.map(|left| left.why.sentence()));
        let why = why.unwrap_or_else(|| "no line of the repository sets it".to_owned());
        match now {
            Some(now) => (format!("`{selection}` gets `{field}={now}` and not `{wanted}`: {why}."), false),
            None => (format!("`{field}` of `{selection}` stays as it is: {why}."), false),
        }
    }

    /// The open pull request that speaks of a container.
    fn number_of(&self, selection: &Selection) -> Option<u64> {
        let mut both = self.decided.proposals.iter().zip(self.published);
        both.find_map(|(proposal, published)| {
            let recommendations = &proposal.change_set.recommendations;
            let mut members = recommendations.iter().flat_map(|one| &one.members);
            let speaks = &proposal.draft.repository == self.repository
                && members.any(|member| selection.means_live(&member.container));
            if speaks { number_of(published) } else { None }
        })
    }
}

/// The number of a pull request that is open now.
fn number_of(published: &Published) -> Option<u64> {
    match published {
        Published::Opened(pull) | Published::Updated(pull) | Published::Unchanged(pull) => Some(pull.number),
        Published::Waiting(_) | Published::Failed(_) => None,
    }
}

/// What kubeopt keeps in mind from now on.
fn kept(wish: &Wish, number: u64) -> String {
    let until = |at: &Option<i64>| at.and_then(date).map(|date| format!(" until {date}")).unwrap_or_default();
    match wish {
        Wish::Ignore { selection, until_unix_s, .. } => format!(
            "kubeopt leaves `{selection}` alone{}. `/kubeopt unignore {selection}` takes it back.",
            until(until_unix_s)
        ),
        Wish::Unignore { selection } => {
            format!("kubeopt looks at `{selection}` again, and forgets that its pull requests were closed.")
        }
        Wish::Set { .. } => "Set.".to_owned(),
        Wish::Forget => "What was set by hand here is forgotten.".to_owned(),
        Wish::Hold => format!("#{number} stays as it is until `/kubeopt unhold`."),
        Wish::Unhold => format!("#{number} is kept up to date again."),
        Wish::Split => {
            format!("Each workload of #{number} gets a pull request of its own, as far as the limits allow.")
        }
        Wish::Approve { .. } => {
            "Noted: these values are approved. Other values would need another approval.".to_owned()
        }
        Wish::Pause { until_unix_s, .. } => format!(
            "kubeopt opens nothing new in this repository{}; `/kubeopt resume` lets it go on. What is open is kept up to date.",
            until(until_unix_s)
        ),
        Wish::Resume => "kubeopt opens pull requests again.".to_owned(),
        Wish::Rollback { .. } | Wish::Harm { .. } => {
            format!("kubeopt takes #{number} back with a pull request of its own.")
        }
    }
}
