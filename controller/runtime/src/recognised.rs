//! Whether a repository is still the one that it was. A name can come to mean another one: its owner renamed the old one, and
//! somebody else took the name. What kubeopt was configured for, it must not take to a stranger.
//!
//! The forge's own id tells them apart, and the journal remembers it. Must not read what is in a repository.

pub(crate) mod kept;

use kubeopt_history::{Event, EventFilter};
use kubeopt_model::{Problem, RepositoryId, Timestamp};

pub use kept::Recognised;

use crate::codes;
use crate::edges::Edges;
use crate::located::Sites;

/// How often the forge is asked for the id: names do not change hands within the hour, and a call in each pass for each of some
/// hundred repositories would be a large part of what a forge allows.
const ASKED_EVERY_S: i64 = 3600;

/// The kind of the journal's line that keeps the id.
const KIND: &str = "repository";

/// The journal lets go of old lines, so the line is written anew when it is this old.
const KEPT_ANEW_S: i64 = 100 * 86_400;

impl Edges {
    /// Takes out of the sites what is another repository than before, with that as its problem. A forge that does not answer
    /// leaves things as they were.
    pub(crate) async fn recognise(&self, sites: &mut Sites, now: Timestamp) {
        let mut repositories: Vec<RepositoryId> = sites.traces.keys().map(|(id, _)| id.clone()).collect();
        repositories.dedup();
        for repository in repositories {
            if let Some(problem) = self.recognise_one(&repository, now).await {
                let own = sites.traces.iter_mut().filter(|((id, _), _)| *id == repository);
                own.for_each(|(_, trace)| *trace = Err(problem.clone()));
                sites.policy_files.take();
            }
        }
    }

    async fn recognise_one(&self, repository: &RepositoryId, now: Timestamp) -> Option<Problem> {
        let now_unix_s = now.as_second();
        let known = self.recognised.of(repository);
        if let Some((asked_unix_s, problem)) = &known
            && now_unix_s < asked_unix_s + ASKED_EVERY_S
        {
            return problem.clone();
        }
        match self.compare(repository, now_unix_s).await {
            Ok(problem) => {
                self.recognised.keep(repository, now_unix_s, problem.clone());
                problem
            }
            Err(problem) => {
                tracing::debug!(%repository, "its id was not compared: {}", problem.text);
                known.and_then(|(_, problem)| problem)
            }
        }
    }

    async fn compare(&self, repository: &RepositoryId, now_unix_s: i64) -> Result<Option<Problem>, Problem> {
        let forge = self.forge(repository)?.forge.as_ref();
        let facts = forge.repository(repository).await.map_err(|error| error.problem())?;
        let subject = format!("{}/{repository}", repository.forge);
        let filter = EventFilter {
            subject: Some(subject.clone()),
            kind: Some(KIND.to_owned()),
            limit: 1,
            ..EventFilter::default()
        };
        let last = self.journal.events(&filter).await.map_err(|error| error.problem())?.pop();
        let id_before = last.as_ref().and_then(|last| last.detail["id"].as_str());
        match id_before {
            Some(before) if before != facts.id => {
                return Ok(Some(another(repository, &subject, before, &facts.id)));
            }
            Some(_) | None => {}
        }
        if last.as_ref().is_none_or(|last| last.at_unix_s + KEPT_ANEW_S <= now_unix_s) {
            let event = Event {
                pass: now_unix_s.to_string(),
                at_unix_s: now_unix_s,
                kind: KIND.to_owned(),
                subject,
                detail: serde_json::json!({ "id": facts.id, "text": "the forge's id of it" }),
            };
            self.journal.record(&[event]).await.map_err(|error| error.problem())?;
        }
        Ok(None)
    }
}

fn another(repository: &RepositoryId, subject: &str, before: &str, now: &str) -> Problem {
    let text = format!(
        "{repository} is another repository than before: the forge's id was {before} and is {now}; nothing is proposed there"
    );
    let help = format!(
        "name the one that is meant in kubeopt.yaml; if it is this one, take its lines out of the database: DELETE FROM event WHERE kind = '{KIND}' AND subject = '{subject}'"
    );
    Problem::new(codes::ANOTHER_REPOSITORY, text, help)
}
