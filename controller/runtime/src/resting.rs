//! A forge that is given a rest. One that does not answer costs every call its whole time, and a repository that says no says
//! it again ten minutes later: both are left alone for a while that doubles, and asked by one call then.
//!
//! Until that call the last error is given again, word for word, so that who is told of it is told once. Must not know what
//! the calls are for.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use kubeopt_forge::{
    Arranged, Asked, BranchHead, BranchWrite, Check, CommentId, Conversation, ExpectedHead, Forge,
    ForgeComment, ForgeError, Issue, IssueUpdate, Judgement, MergeOrder, NewPullRequest, Permission,
    PullRequest, PullRequestQuery, PullRequestUpdate, Reaction, RepositoryFacts, Review, Status, Tracking,
};
use kubeopt_model::{RepositoryId, Timestamp};
use tokio::time::Instant;

/// Calls without an answer in a row after which a forge rests. Reads were repeated within each, so that one call may be bad
/// luck and three are none.
const UNANSWERED_MAX: u32 = 3;

/// The first rest of a forge that does not answer; the second is twice as long.
const SILENCE: Duration = Duration::from_secs(60);

/// Its longest: a forge that comes back after a night is asked within a quarter of an hour.
const SILENCE_MAX: Duration = Duration::from_secs(15 * 60);

/// The first rest of a repository that says no: whoever corrects a new token sees the next passes obey it.
const REFUSAL: Duration = Duration::from_secs(600);

/// Its longest. An archived repository costs four calls a day.
const REFUSAL_MAX: Duration = Duration::from_secs(6 * 3600);

/// Gives the time; fixed in tests.
type Clock = Arc<dyn Fn() -> Instant + Send + Sync>;

/// What a call does; each has rests of its own, since an archived repository can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Does {
    Reads,
    Writes,
    /// It is about one person, pull request or commit: what is refused says nothing of the repository.
    Trifle,
}

/// A rest, and what brought it about.
#[derive(Debug, Clone)]
struct Rest {
    until: Instant,
    lasted: Duration,
    why: ForgeError,
}

impl Rest {
    /// Twice as long as the one before.
    fn after(
        before: Option<&Self>,
        why: &ForgeError,
        now: Instant,
        (first, most): (Duration, Duration),
    ) -> Self {
        let lasted = before.map_or(first, |before| before.lasted.saturating_mul(2).min(most));
        Self { until: now + lasted, lasted, why: why.clone() }
    }
}

#[derive(Debug, Default)]
struct Rests {
    unanswered: u32,
    forge: Option<Rest>,
    repositories: BTreeMap<(RepositoryId, Does), Rest>,
}

/// A forge behind its rests.
pub(crate) struct Rested {
    forge: Box<dyn Forge>,
    clock: Clock,
    rests: Mutex<Rests>,
}

impl Rested {
    /// One that was never silent.
    pub(crate) fn of(forge: Box<dyn Forge>) -> Self {
        Self::with_clock(forge, Arc::new(Instant::now))
    }

    fn with_clock(forge: Box<dyn Forge>, clock: Clock) -> Self {
        Self { forge, clock, rests: Mutex::default() }
    }

    async fn call<T>(
        &self,
        does: Does,
        repository: &RepositoryId,
        answer: impl Future<Output = Result<T, ForgeError>>,
    ) -> Result<T, ForgeError> {
        let key = (repository.clone(), does);
        if let Some(why) = self.rests().resting(&key, (self.clock)()) {
            return Err(why);
        }
        let answer = answer.await;
        self.rests().learn(key, answer.as_ref().err(), (self.clock)());
        answer
    }

    fn rests(&self) -> std::sync::MutexGuard<'_, Rests> {
        self.rests.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Rests {
    /// What the forge, or this part of a repository, said when it was asked last, while it rests.
    fn resting(&self, key: &(RepositoryId, Does), now: Instant) -> Option<ForgeError> {
        let all = self.forge.iter().chain(self.repositories.get(key));
        all.filter(|rest| now < rest.until).map(|rest| rest.why.clone()).next()
    }

    fn learn(&mut self, key: (RepositoryId, Does), error: Option<&ForgeError>, now: Instant) {
        let is_silent = error.is_some_and(is_silence);
        self.unanswered = if is_silent { self.unanswered.saturating_add(1) } else { 0 };
        match error {
            Some(error) if is_silent => {
                if self.unanswered >= UNANSWERED_MAX {
                    let rest = Rest::after(self.forge.as_ref(), error, now, (SILENCE, SILENCE_MAX));
                    let seconds = rest.lasted.as_secs();
                    tracing::warn!(
                        code = error.code(),
                        seconds,
                        "a forge does not answer and is left alone: {error}"
                    );
                    self.forge = Some(rest);
                }
                return;
            }
            Some(_) | None => self.forge = None,
        }
        match error {
            Some(error) if is_refusal(error, key.1) => {
                let rest = Rest::after(self.repositories.get(&key), error, now, (REFUSAL, REFUSAL_MAX));
                let (seconds, repository) = (rest.lasted.as_secs(), &key.0);
                tracing::warn!(code = error.code(), seconds, %repository, "it says no and is left alone: {error}");
                self.repositories.insert(key, rest);
            }
            Some(_) => {}
            None => {
                self.repositories.remove(&key);
            }
        }
    }
}

/// It did not answer, or not as a forge that works does.
fn is_silence(error: &ForgeError) -> bool {
    match error {
        ForgeError::Server { .. } => true,
        ForgeError::Network(error) => error.is_transient(),
        ForgeError::Unauthorized
        | ForgeError::Forbidden { .. }
        | ForgeError::NotFound { .. }
        | ForgeError::Conflict { .. }
        | ForgeError::RateLimited { .. }
        | ForgeError::Malformed { .. }
        | ForgeError::TooLarge { .. }
        | ForgeError::Refused { .. }
        | ForgeError::Draft { .. }
        | ForgeError::MergeBlocked { .. }
        | ForgeError::Storage { .. } => false,
    }
}

/// It says no until somebody changes something. A wrong token is asked again at once: its file may be written anew. What is not
/// found when it is written may be a branch, which says nothing of the others.
fn is_refusal(error: &ForgeError, does: Does) -> bool {
    let (is_forbidden, is_missing) =
        (matches!(error, ForgeError::Forbidden { .. }), matches!(error, ForgeError::NotFound { .. }));
    match does {
        Does::Reads => is_forbidden || is_missing,
        Does::Writes => is_forbidden,
        Does::Trifle => false,
    }
}

#[async_trait]
impl Conversation for Rested {
    async fn comments(
        &self,
        repository: &RepositoryId,
        since: Timestamp,
    ) -> Result<Vec<ForgeComment>, ForgeError> {
        self.call(Does::Reads, repository, self.forge.comments(repository, since)).await
    }

    async fn react(
        &self,
        repository: &RepositoryId,
        comment: CommentId,
        reaction: Reaction,
    ) -> Result<(), ForgeError> {
        self.call(Does::Trifle, repository, self.forge.react(repository, comment, reaction)).await
    }

    async fn permission(&self, repository: &RepositoryId, login: &str) -> Result<Permission, ForgeError> {
        self.call(Does::Trifle, repository, self.forge.permission(repository, login)).await
    }

    async fn ensure_comment(
        &self,
        repository: &RepositoryId,
        number: u64,
        key: &str,
        body: &str,
    ) -> Result<u64, ForgeError> {
        let answer = self.forge.ensure_comment(repository, number, key, body);
        self.call(Does::Trifle, repository, answer).await
    }

    async fn set_status(
        &self,
        repository: &RepositoryId,
        oid: &str,
        status: &Status,
    ) -> Result<(), ForgeError> {
        self.call(Does::Trifle, repository, self.forge.set_status(repository, oid, status)).await
    }

    async fn labels(
        &self,
        repository: &RepositoryId,
        number: u64,
        asked: &Asked,
    ) -> Result<Arranged, ForgeError> {
        self.call(Does::Trifle, repository, self.forge.labels(repository, number, asked)).await
    }

    async fn reviewers(
        &self,
        repository: &RepositoryId,
        number: u64,
        asked: &Asked,
    ) -> Result<Arranged, ForgeError> {
        self.call(Does::Trifle, repository, self.forge.reviewers(repository, number, asked)).await
    }

    async fn assignees(
        &self,
        repository: &RepositoryId,
        number: u64,
        asked: &Asked,
    ) -> Result<Arranged, ForgeError> {
        self.call(Does::Trifle, repository, self.forge.assignees(repository, number, asked)).await
    }
}

#[async_trait]
impl Judgement for Rested {
    async fn reviews(&self, repository: &RepositoryId, number: u64) -> Result<Vec<Review>, ForgeError> {
        self.call(Does::Trifle, repository, self.forge.reviews(repository, number)).await
    }

    async fn checks(&self, repository: &RepositoryId, head_oid: &str) -> Result<Vec<Check>, ForgeError> {
        self.call(Does::Trifle, repository, self.forge.checks(repository, head_oid)).await
    }

    async fn merge(
        &self,
        repository: &RepositoryId,
        number: u64,
        order: &MergeOrder,
    ) -> Result<String, ForgeError> {
        self.call(Does::Trifle, repository, self.forge.merge(repository, number, order)).await
    }
}

#[async_trait]
impl Tracking for Rested {
    async fn own_issues(&self, repository: &RepositoryId) -> Result<Vec<Issue>, ForgeError> {
        self.call(Does::Trifle, repository, self.forge.own_issues(repository)).await
    }

    async fn open_issue(
        &self,
        repository: &RepositoryId,
        title: &str,
        body: &str,
    ) -> Result<Issue, ForgeError> {
        self.call(Does::Trifle, repository, self.forge.open_issue(repository, title, body)).await
    }

    async fn update_issue(
        &self,
        repository: &RepositoryId,
        number: u64,
        update: &IssueUpdate,
    ) -> Result<Issue, ForgeError> {
        self.call(Does::Trifle, repository, self.forge.update_issue(repository, number, update)).await
    }
}

#[async_trait]
impl Forge for Rested {
    async fn repository(&self, repository: &RepositoryId) -> Result<RepositoryFacts, ForgeError> {
        self.call(Does::Reads, repository, self.forge.repository(repository)).await
    }

    async fn branch(&self, repository: &RepositoryId, name: &str) -> Result<Option<BranchHead>, ForgeError> {
        self.call(Does::Reads, repository, self.forge.branch(repository, name)).await
    }

    async fn regenerate_branch(
        &self,
        repository: &RepositoryId,
        write: &BranchWrite,
    ) -> Result<BranchHead, ForgeError> {
        self.call(Does::Writes, repository, self.forge.regenerate_branch(repository, write)).await
    }

    async fn pull_requests(
        &self,
        repository: &RepositoryId,
        query: &PullRequestQuery,
    ) -> Result<Vec<PullRequest>, ForgeError> {
        self.call(Does::Reads, repository, self.forge.pull_requests(repository, query)).await
    }

    async fn open_pull_request(
        &self,
        repository: &RepositoryId,
        new: &NewPullRequest,
    ) -> Result<PullRequest, ForgeError> {
        self.call(Does::Writes, repository, self.forge.open_pull_request(repository, new)).await
    }

    async fn update_pull_request(
        &self,
        repository: &RepositoryId,
        number: u64,
        update: &PullRequestUpdate,
    ) -> Result<PullRequest, ForgeError> {
        let answer = self.forge.update_pull_request(repository, number, update);
        self.call(Does::Trifle, repository, answer).await
    }

    async fn comment(&self, repository: &RepositoryId, number: u64, body: &str) -> Result<u64, ForgeError> {
        self.call(Does::Trifle, repository, self.forge.comment(repository, number, body)).await
    }

    async fn delete_branch(
        &self,
        repository: &RepositoryId,
        name: &str,
        expected: &ExpectedHead,
    ) -> Result<(), ForgeError> {
        self.call(Does::Trifle, repository, self.forge.delete_branch(repository, name, expected)).await
    }

    fn take_tally(&self) -> Vec<(Option<u16>, u64)> {
        self.forge.take_tally()
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::ForgeName;

    use super::*;

    fn repository(name: &str) -> RepositoryId {
        let forge = ForgeName::new("f").unwrap();
        RepositoryId { forge, owner: "acme".to_owned(), name: name.to_owned() }
    }

    /// How many of the calls, one a minute, reach the forge, which answers all of them so.
    fn asked(
        rests: &mut Rests,
        does: Does,
        error: Option<&ForgeError>,
        minutes: std::ops::Range<u64>,
    ) -> Vec<u64> {
        let begun = Instant::now();
        let mut asked = Vec::new();
        for minute in minutes {
            let now = begun + Duration::from_secs(60 * minute);
            let key = (repository("shop"), does);
            match rests.resting(&key, now) {
                Some(why) => assert_eq!(Some(&why), error, "the last error is given again"),
                None => {
                    rests.learn(key, error, now);
                    asked.push(minute);
                }
            }
        }
        asked
    }

    const DOWN: ForgeError = ForgeError::Server { status: 503 };

    fn no() -> ForgeError {
        ForgeError::Forbidden { why: "the repository is archived".to_owned() }
    }

    #[test]
    fn a_forge_that_does_not_answer_is_asked_ever_less_often_and_at_least_every_quarter_of_an_hour() {
        let mut rests = Rests::default();
        let minutes = asked(&mut rests, Does::Reads, Some(&DOWN), 0..60);
        assert_eq!(minutes, [0, 1, 2, 3, 5, 9, 17, 32, 47]);
    }

    #[test]
    fn one_answer_ends_all_of_it() {
        let (mut rests, now) = (Rests::default(), Instant::now());
        let key = || (repository("shop"), Does::Reads);
        for _ in 0..UNANSWERED_MAX {
            rests.learn(key(), Some(&DOWN), now);
        }
        let other = (repository("other"), Does::Trifle);
        assert_eq!(rests.resting(&other, now), Some(DOWN), "it is the forge that is silent");
        assert_eq!(rests.resting(&other, now + SILENCE), None);
        // Whatever it answers, it is there.
        rests.learn(other.clone(), Some(&no()), now + SILENCE);
        rests.learn(key(), Some(&DOWN), now + SILENCE);
        assert_eq!(rests.resting(&key(), now + SILENCE), None, "counted from the beginning");
        assert_eq!(
            rests.resting(&other, now + SILENCE),
            None,
            "what is refused to one call says nothing of the next"
        );
    }

    #[test]
    fn a_repository_that_says_no_is_asked_after_ten_minutes_and_in_the_end_every_six_hours() {
        let mut rests = Rests::default();
        let minutes = asked(&mut rests, Does::Writes, Some(&no()), 0..1440);
        assert_eq!(minutes, [0, 10, 30, 70, 150, 310, 630, 990, 1350]);
        let now = Instant::now() + Duration::from_secs(60 * 1400);
        assert_eq!(rests.resting(&(repository("shop"), Does::Reads), now), None, "it can be read");
        assert_eq!(rests.resting(&(repository("other"), Does::Writes), now), None, "others go on");
    }

    #[test]
    fn what_changes_by_itself_or_with_a_file_brings_no_rest() {
        for error in [
            ForgeError::Unauthorized,
            ForgeError::Conflict { what: "main moved".to_owned() },
            ForgeError::RateLimited { retry_after: None },
        ] {
            let mut rests = Rests::default();
            assert_eq!(asked(&mut rests, Does::Reads, Some(&error), 0..5).len(), 5, "{error}");
        }
    }

    #[tokio::test]
    async fn while_it_rests_nothing_is_sent() {
        let folder = tempfile::tempdir().unwrap();
        let local = kubeopt_forge::LocalForge::open(folder.path()).unwrap();
        let begun = Instant::now();
        let clock = Arc::new(Mutex::new(begun));
        let of_forge = Arc::clone(&clock);
        let rested = Rested::with_clock(Box::new(local.clone()), Arc::new(move || *of_forge.lock().unwrap()));
        let id = repository("shop");
        assert!(matches!(rested.repository(&id).await, Err(ForgeError::NotFound { .. })));
        local.create_repository("acme", "shop", &Default::default(), "main").await.unwrap();
        assert!(matches!(rested.repository(&id).await, Err(ForgeError::NotFound { .. })), "it rests");
        *clock.lock().unwrap() = begun + REFUSAL;
        rested.repository(&id).await.unwrap();
        rested.repository(&id).await.unwrap();
    }
}
