//! People are told beside the passes: notices are queued after each, and a task of its own delivers them. No pass waits for a
//! receiver.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use kubeopt_model::{ClusterName, Problem, Timestamp};
use kubeopt_notify::{Delivered, Notifier};
use kubeopt_server::Metrics;
use kubeopt_server::metrics::NoticeResult;
use tokio::sync::watch;

use super::keeping::Keeping;
use super::stopping::stopped;
use super::weekly::week_over;
use crate::edges::{Edges, Permit};
use crate::noticing::{Noticed, Standing, failed, notices, used_up};
use crate::pipeline::PassReport;

/// How often what is due is looked for; nothing is sent where nothing waits.
const DELIVER_EVERY: Duration = Duration::from_secs(5);

/// Longest time for the last round, when the controller ends.
const LAST_ROUND_MAX: Duration = Duration::from_secs(15);

/// What was told already, and who is told.
pub(super) struct Telling {
    /// None where nobody is to be told.
    notifier: Option<Arc<Notifier>>,
    standing: Mutex<Standing>,
    home: ClusterName,
    keeping: Keeping,
    /// Something is not kept as it is.
    is_new: AtomicBool,
}

impl Telling {
    pub(super) fn of(edges: &Edges, permit: Arc<dyn Permit>) -> Self {
        let first = edges.clusters.first().map(|cluster| cluster.name.clone());
        Self {
            notifier: edges.notifier.clone(),
            standing: Mutex::default(),
            home: first.unwrap_or(ClusterName::new("kubeopt").expect("a literal that is a name")),
            keeping: Keeping::of(Arc::clone(&edges.journal), permit),
            is_new: AtomicBool::new(false),
        }
    }

    /// Goes on from what the process or replica before has left.
    pub(super) async fn recall(&self) {
        let Some(notifier) = &self.notifier else { return };
        let (told, waiting) = self.keeping.recall().await;
        *self.standing() = told;
        notifier.recall(waiting);
    }

    /// Keeps what is new over a restart.
    pub(super) async fn keep(&self) {
        let Some(notifier) = &self.notifier else { return };
        if !self.is_new.swap(false, Ordering::AcqRel) {
            return;
        }
        let told = self.standing().clone();
        if !self.keeping.keep(&told, &notifier.backlog()).await {
            self.is_new.store(true, Ordering::Release);
        }
    }

    /// Queues what a pass is to be told of.
    pub(super) fn after_pass(&self, edges: &Edges, report: &PassReport) {
        if self.notifier.is_none() {
            return;
        }
        let noticed = notices(report, edges.operator_policy.as_ref(), &self.home);
        let news = self.standing().news(noticed, report.at);
        self.queue(news);
    }

    /// Queues what the week came to, where one is over.
    pub(super) async fn after_week(&self, edges: &Edges, report: &PassReport) {
        if self.notifier.is_none() {
            return;
        }
        match week_over(edges, report, &self.home).await {
            Ok(noticed) => self.queue(noticed),
            Err(problem) => tracing::warn!(code = problem.code, help = problem.help, "{}", problem.text),
        }
    }

    /// Queues that a budget is used up.
    pub(super) fn after_budget(&self, problem: &Problem, at: Timestamp) {
        let news = self.standing().add(used_up(problem, at, &self.home));
        self.queue(news);
    }

    /// Queues that a pass failed as a whole.
    pub(super) fn after_failure(&self, problem: &Problem, at: Timestamp) {
        let news = self.standing().add(failed(problem, at, &self.home));
        self.queue(news);
    }

    fn queue(&self, news: impl IntoIterator<Item = Noticed>) {
        let Some(notifier) = &self.notifier else { return };
        for noticed in news {
            self.is_new.store(true, Ordering::Release);
            if noticed.is_allowed() {
                notifier.notify_those(&noticed.notice, |receiver| noticed.is_for(receiver));
            }
        }
    }

    fn standing(&self) -> MutexGuard<'_, Standing> {
        self.standing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Delivers until it is told to stop; what waits then is tried once more, and kept.
pub(super) async fn deliver(telling: Arc<Telling>, metrics: Arc<Metrics>, stop: watch::Receiver<bool>) {
    let Some(notifier) = &telling.notifier else { return };
    let mut dead = BTreeSet::new();
    loop {
        let is_over = tokio::select! {
            () = tokio::time::sleep(DELIVER_EVERY) => false,
            () = stopped(stop.clone()) => true,
        };
        let round = deliver_once(notifier, &metrics, &mut dead);
        let done = if is_over { tokio::time::timeout(LAST_ROUND_MAX, round).await } else { Ok(round.await) };
        if done.is_err() {
            tracing::warn!("some notices were not delivered before the end; whoever leads next goes on");
        }
        if done.map_or(true, |round| round.delivered + round.failed > 0) {
            telling.is_new.store(true, Ordering::Release);
        }
        telling.keep().await;
        if is_over {
            return;
        }
    }
}

/// One round. `dead` holds the dead letters that were told already.
async fn deliver_once(notifier: &Notifier, metrics: &Metrics, dead: &mut BTreeSet<String>) -> Delivered {
    let round = notifier.deliver_due().await;
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    metrics.count_notices(NoticeResult::Delivered, count(round.delivered));
    metrics.count_notices(NoticeResult::Failed, count(round.failed));
    metrics.set_notices_waiting(i64::try_from(round.waiting).unwrap_or(i64::MAX));
    let letters = notifier.dead_letters();
    let known = std::mem::replace(dead, letters.iter().map(|letter| letter.id.clone()).collect());
    for letter in letters.iter().filter(|letter| !known.contains(&letter.id)) {
        metrics.count_notices(NoticeResult::GivenUp, 1);
        tracing::warn!(
            receiver = letter.destination,
            code = letter.why.code,
            help = letter.why.help,
            "a notice was given up: {}: {}",
            letter.notice.title,
            letter.why.text
        );
    }
    round
}

#[cfg(test)]
mod tests {
    use kubeopt_history::{Journal as _, KeptNotices, SqliteJournal};
    use kubeopt_net::{Secret, SecretSource};
    use kubeopt_notify::{Destination, Filter, NoticeState, Service};
    use serde_json::Value;
    use wiremock::matchers::{any, path};
    use wiremock::{Mock, MockServer, ResponseTemplate};

    use super::*;

    async fn receiver(status: u16) -> MockServer {
        let server = MockServer::start().await;
        Mock::given(any()).respond_with(ResponseTemplate::new(status)).mount(&server).await;
        server
    }

    fn notifier(server: &MockServer, names: &[&str]) -> Arc<Notifier> {
        kubeopt_net::install_crypto_provider();
        let destination = |name: &&str| {
            let address = SecretSource::Value(Secret::new(format!("{}/{name}", server.uri())));
            let service = Service::Webhook { address, signing_key: None };
            Destination { name: (*name).to_owned(), service, filter: Filter::default(), ca_file: None }
        };
        let destinations = names.iter().map(destination).collect();
        Arc::new(Notifier::new(destinations, Arc::new(Timestamp::now)).unwrap())
    }

    async fn telling(notifier: &Arc<Notifier>) -> Telling {
        one_of(notifier, Arc::new(SqliteJournal::in_memory().await.unwrap()), true)
    }

    struct Leads(bool);

    impl Permit for Leads {
        fn may_write(&self) -> bool {
            self.0
        }
    }

    fn one_of(notifier: &Arc<Notifier>, journal: Arc<SqliteJournal>, leads: bool) -> Telling {
        Telling {
            notifier: Some(Arc::clone(notifier)),
            standing: Mutex::default(),
            home: ClusterName::new("prod").unwrap(),
            keeping: Keeping::of(journal, Arc::new(Leads(leads))),
            is_new: AtomicBool::new(false),
        }
    }

    async fn delivered(notifier: &Notifier) -> usize {
        notifier.deliver_due().await.delivered
    }

    #[tokio::test]
    async fn what_waited_when_a_process_was_killed_is_delivered_by_the_next_and_nothing_is_told_twice() {
        let server = receiver(200).await;
        let journal = Arc::new(SqliteJournal::in_memory().await.unwrap());
        let at = |second: i64| Timestamp::from_second(1_795_000_000 + second).unwrap();
        let killed = one_of(&notifier(&server, &["own"]), Arc::clone(&journal), true);
        killed.after_failure(&problem(), at(0));
        killed.keep().await;
        drop(killed);
        let receivers = notifier(&server, &["own"]);
        let next = one_of(&receivers, Arc::clone(&journal), true);
        next.recall().await;
        assert_eq!(delivered(&receivers).await, 1, "it waited");
        next.after_failure(&problem(), at(60));
        assert_eq!(delivered(&receivers).await, 0, "it stood before");
        next.is_new.store(true, Ordering::Release);
        next.keep().await;
        let receivers = notifier(&server, &["own"]);
        let third = one_of(&receivers, journal, true);
        third.recall().await;
        assert_eq!(delivered(&receivers).await, 0, "it was delivered");
        let over = third.standing().news(Vec::new(), at(120));
        assert_eq!(titles_and_states(&over), [("E-HIS-001: a whole pass", NoticeState::Resolved)]);
        third.queue(over);
        assert_eq!(delivered(&receivers).await, 1, "its end is told after two restarts");
    }

    #[tokio::test]
    async fn who_does_not_lead_keeps_nothing_and_what_cannot_be_read_is_left() {
        let server = receiver(200).await;
        let journal = Arc::new(SqliteJournal::in_memory().await.unwrap());
        let other = one_of(&notifier(&server, &["own"]), Arc::clone(&journal), false);
        other.after_failure(&problem(), Timestamp::now());
        other.keep().await;
        assert_eq!(journal.notices().await.unwrap(), KeptNotices::default());
        let odd = KeptNotices { told: Some("[".to_owned()), waiting: Some("{\"waiting\": 7}".to_owned()) };
        journal.remember_notices(&odd).await.unwrap();
        let receivers = notifier(&server, &["own"]);
        let leader = one_of(&receivers, Arc::clone(&journal), true);
        leader.recall().await;
        leader.after_failure(&problem(), Timestamp::now());
        leader.keep().await;
        let kept = journal.notices().await.unwrap();
        assert!(kept.told.unwrap().contains("E-HIS-001") && kept.waiting.unwrap().contains("E-HIS-001"));
        assert_eq!(delivered(&receivers).await, 1);
    }

    fn titles_and_states(noticed: &[Noticed]) -> Vec<(&str, NoticeState)> {
        noticed.iter().map(|one| (one.notice.title.as_str(), one.notice.state)).collect()
    }

    fn problem() -> Problem {
        Problem::new("E-HIS-001", "the history cannot be read", "look at the volume")
    }

    #[tokio::test]
    async fn a_pass_that_fails_again_and_again_is_told_once_and_its_end_too() {
        let server = receiver(200).await;
        let notifier = notifier(&server, &["own"]);
        let telling = telling(&notifier).await;
        for second in [0, 60, 120] {
            telling.after_failure(&problem(), Timestamp::from_second(1_795_000_000 + second).unwrap());
        }
        assert_eq!(notifier.deliver_due().await.delivered, 1);
        let at = Timestamp::from_second(1_795_000_180).unwrap();
        let over = telling.standing().news(Vec::new(), at);
        assert_eq!((over.len(), over[0].notice.state), (1, NoticeState::Resolved));
        telling.queue(over);
        assert_eq!(notifier.deliver_due().await.delivered, 1);
        let bodies = server.received_requests().await.unwrap();
        let bodies: Vec<Value> =
            bodies.iter().map(|one| serde_json::from_slice(&one.body).unwrap()).collect();
        assert_eq!(bodies.len(), 2);
        assert!(bodies[0].to_string().contains("the history cannot be read"), "{}", bodies[0]);
    }

    #[tokio::test]
    async fn a_budget_that_is_used_up_is_told_once_a_day() {
        let server = receiver(200).await;
        let notifier = notifier(&server, &["own"]);
        let telling = telling(&notifier).await;
        let used_up = Problem::new("E-RSN-010", "200000 tokens a day are used up", "wait for tomorrow");
        for (hours, delivered) in [(0, 1), (1, 0), (24, 1)] {
            let at = Timestamp::from_second(1_795_000_000 + hours * 3600).unwrap();
            telling.after_budget(&used_up, at);
            assert_eq!(notifier.deliver_due().await.delivered, delivered, "{hours}");
        }
        let first = &server.received_requests().await.unwrap()[0];
        let body: Value = serde_json::from_slice(&first.body).unwrap();
        assert!(body.to_string().contains("\"budget\""), "{body}");
    }

    #[tokio::test]
    async fn a_policy_chooses_among_the_receivers() {
        let server = receiver(200).await;
        let notifier = notifier(&server, &["ops", "team"]);
        let telling = telling(&notifier).await;
        let mut noticed = failed(&problem(), Timestamp::now(), &ClusterName::new("prod").unwrap());
        noticed.policy.to = vec!["ops".to_owned()];
        telling.queue([noticed.clone()]);
        assert_eq!(notifier.deliver_due().await.delivered, 1);
        noticed.policy.enabled = false;
        telling.queue([noticed]);
        assert_eq!(notifier.deliver_due().await.delivered, 0);
        let asked = server.received_requests().await.unwrap();
        assert_eq!(asked.iter().map(|request| request.url.path()).collect::<Vec<_>>(), ["/ops"]);
    }

    #[tokio::test]
    async fn what_is_given_up_is_counted_once() {
        let server = receiver(410).await;
        let notifier = notifier(&server, &["own"]);
        let (metrics, mut dead) = (Metrics::new("1", "a"), BTreeSet::new());
        telling(&notifier).await.after_failure(&problem(), Timestamp::now());
        for _ in 0..2 {
            deliver_once(&notifier, &metrics, &mut dead).await;
        }
        let text = metrics.text().unwrap();
        for line in [
            "kubeopt_notices_total{result=\"given_up\"} 1",
            "kubeopt_notices_total{result=\"failed\"} 1",
            "kubeopt_notices_waiting 0",
        ] {
            assert!(text.lines().any(|there| there == line), "{line}: {text}");
        }
    }

    #[tokio::test]
    async fn what_waits_at_the_end_is_tried_once_more() {
        let server = MockServer::start().await;
        let arrives = Mock::given(path("/own")).respond_with(ResponseTemplate::new(200)).expect(1);
        arrives.mount(&server).await;
        let notifier = notifier(&server, &["own"]);
        let telling = Arc::new(telling(&notifier).await);
        telling.after_failure(&problem(), Timestamp::now());
        let (_stop, stopped) = watch::channel(true);
        deliver(telling, Arc::new(Metrics::new("1", "a")), stopped).await;
        server.verify().await;
    }
}
