//! What waits to be delivered, and what could not be. Values and rules; given the time, and knows no network.

use std::collections::{BTreeMap, VecDeque};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

use jiff::{SignedDuration, Timestamp};
use kubeopt_model::Problem;
use ring::digest::{SHA256, digest};
use serde::{Deserialize, Serialize};

use crate::error::{Again, NotifyError};
use crate::notice::{Notice, Severity};

/// Notices that wait, over all receivers: a night without network on a large cluster, some megabytes.
pub(crate) const WAITING_MAX: usize = 2_000;

/// Dead letters that are kept; older ones are forgotten.
pub(crate) const DEAD_MAX: usize = 500;

/// How long a notice is tried; who reads it a day later reads it in vain.
const PATIENCE: SignedDuration = SignedDuration::from_hours(24);

/// Wait after the first failure; it doubles from there.
const FIRST_WAIT: SignedDuration = SignedDuration::from_secs(30);

/// Longest wait between attempts: an hour of outage at the receiver is noticed within the next.
const LONGEST_WAIT: SignedDuration = SignedDuration::from_hours(1);

/// How long a receiver is left alone that says "too many" and not for how long.
const BUSY_WAIT: SignedDuration = SignedDuration::from_mins(1);

/// Deliveries to one receiver within a minute. Discord takes 30 of one webhook, Slack and Teams take more.
const PER_MINUTE_MAX: usize = 20;

/// One notice on its way to one receiver.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Delivery {
    /// The same for all attempts.
    pub(crate) id: String,
    /// The receiver's name.
    pub(crate) destination: String,
    pub(crate) notice: Notice,
    attempts: u32,
    queued_at: Timestamp,
    next_at: Timestamp,
}

/// A notice that was not delivered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct DeadLetter {
    /// The delivery's id.
    pub id: String,
    /// The receiver's name.
    pub destination: String,
    /// What it should have been told.
    pub notice: Notice,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was given up.
    pub at: Timestamp,
    /// Why.
    pub why: Problem,
}

/// What waits and what was given up: all that is worth keeping over a restart. Store it as JSON; it holds no secret.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Backlog {
    waiting: Vec<Delivery>,
    dead: VecDeque<DeadLetter>,
}

/// The queue, with how receivers were treated lately.
#[derive(Debug, Default)]
pub(crate) struct Queue {
    backlog: Backlog,
    /// Until when a receiver is left alone.
    held: BTreeMap<String, Timestamp>,
    /// When a receiver was sent something in the last minute.
    sent: BTreeMap<String, VecDeque<Timestamp>>,
}

impl Backlog {
    /// How many deliveries wait.
    pub fn waiting(&self) -> usize {
        self.waiting.len()
    }

    /// What was given up, the oldest first.
    pub fn dead_letters(&self) -> impl Iterator<Item = &DeadLetter> {
        self.dead.iter()
    }
}

impl Queue {
    /// Queues a notice for a receiver. One of the same key that still waits is replaced: the newer tells more. Where too many
    /// wait, the least severe of them becomes a dead letter, and of those the oldest.
    pub(crate) fn push(&mut self, destination: &str, notice: Notice, now: Timestamp) {
        let same = |waiting: &Delivery| {
            waiting.destination == destination
                && waiting.notice.key == notice.key
                && waiting.notice.cluster == notice.cluster
                && waiting.notice.kind == notice.kind
        };
        self.backlog.waiting.retain(|waiting| !same(waiting));
        let delivery = Delivery {
            id: id(destination, &notice),
            destination: destination.to_owned(),
            notice,
            attempts: 0,
            queued_at: now,
            next_at: now,
        };
        self.backlog.waiting.push(delivery);
        while self.backlog.waiting.len() > WAITING_MAX {
            self.drop_least(now);
        }
    }

    /// What is due for a receiver, in the order in which it came; nothing while it is left alone. No more than fit into the
    /// minute.
    pub(crate) fn due(&mut self, destination: &str, now: Timestamp) -> Vec<Delivery> {
        if self.held.get(destination).is_some_and(|until| now < *until) {
            return Vec::new();
        }
        let sent = self.sent.entry(destination.to_owned()).or_default();
        sent.retain(|at| now.duration_since(*at) < SignedDuration::from_mins(1));
        let room = PER_MINUTE_MAX.saturating_sub(sent.len());
        let own = self.backlog.waiting.iter().filter(|waiting| waiting.destination == destination);
        own.filter(|waiting| waiting.next_at <= now).take(room).cloned().collect()
    }

    /// A delivery arrived.
    pub(crate) fn delivered(&mut self, delivery: &Delivery, now: Timestamp) {
        self.backlog.waiting.retain(|waiting| waiting.id != delivery.id);
        self.count(&delivery.destination, now);
        self.held.remove(&delivery.destination);
    }

    /// A delivery failed: it waits longer, or is given up. Whether the receiver is left alone for now.
    pub(crate) fn failed(&mut self, delivery: &Delivery, error: &NotifyError, now: Timestamp) -> bool {
        self.count(&delivery.destination, now);
        let mut given_up = false;
        if let Some(waiting) = self.backlog.waiting.iter_mut().find(|waiting| waiting.id == delivery.id) {
            waiting.attempts = waiting.attempts.saturating_add(1);
            let next = now.checked_add(wait_after(waiting.attempts, &waiting.id)).unwrap_or(now);
            let last = waiting.queued_at.checked_add(PATIENCE).unwrap_or(now);
            given_up = error.again() == Again::Never || next > last;
            waiting.next_at = next;
        }
        if given_up {
            self.bury(&delivery.id, error, now);
        }
        let Some(rest) = rest(error) else { return false };
        let until = now.checked_add(rest).unwrap_or(now);
        self.held.insert(delivery.destination.clone(), until);
        true
    }

    /// Deliveries to receivers that are no longer there are given up.
    pub(crate) fn keep_only(&mut self, known: impl Fn(&str) -> bool, now: Timestamp) {
        let gone: Vec<String> = self
            .backlog
            .waiting
            .iter()
            .filter(|it| !known(&it.destination))
            .map(|it| it.id.clone())
            .collect();
        let error = NotifyError::Destinations { why: "this receiver is no longer configured" };
        gone.iter().for_each(|id| self.bury(id, &error, now));
    }

    pub(crate) fn backlog(&self) -> &Backlog {
        &self.backlog
    }

    /// Takes over what was kept from before a restart.
    pub(crate) fn recall(&mut self, mut kept: Backlog, now: Timestamp) {
        for delivery in &mut kept.waiting {
            // A clock that was ahead must not make a notice wait for ever.
            delivery.queued_at = delivery.queued_at.min(now);
            let latest = now.checked_add(LONGEST_WAIT).unwrap_or(now);
            delivery.next_at = delivery.next_at.min(latest);
        }
        self.backlog.dead = kept.dead;
        self.trim_dead();
        let newer = std::mem::replace(&mut self.backlog.waiting, kept.waiting);
        while self.backlog.waiting.len() > WAITING_MAX {
            self.drop_least(now);
        }
        newer.into_iter().for_each(|delivery| self.push(&delivery.destination, delivery.notice, now));
    }

    fn count(&mut self, destination: &str, now: Timestamp) {
        self.sent.entry(destination.to_owned()).or_default().push_back(now);
    }

    fn drop_least(&mut self, now: Timestamp) {
        let least =
            self.backlog.waiting.iter().min_by_key(|waiting| (waiting.notice.severity, waiting.queued_at));
        let Some(id) = least.map(|waiting| waiting.id.clone()) else { return };
        self.bury(&id, &NotifyError::QueueFull { limit: WAITING_MAX }, now);
    }

    fn bury(&mut self, id: &str, error: &NotifyError, now: Timestamp) {
        let Some(at) = self.backlog.waiting.iter().position(|waiting| waiting.id == id) else { return };
        let Delivery { id, destination, notice, attempts, .. } = self.backlog.waiting.remove(at);
        let why = error.problem();
        self.backlog.dead.push_back(DeadLetter { id, destination, notice, attempts, at: now, why });
        self.trim_dead();
    }

    /// The oldest goes; of what is critical as of what is not.
    fn trim_dead(&mut self) {
        while self.backlog.dead.len() > DEAD_MAX {
            self.backlog.dead.pop_front();
        }
    }
}

/// How long a receiver is left alone after an error; not at all where only this notice is refused.
fn rest(error: &NotifyError) -> Option<SignedDuration> {
    match error {
        NotifyError::Busy { retry_after_s: Some(seconds), .. } => {
            let asked = SignedDuration::from_secs(i64::try_from(*seconds).unwrap_or(i64::MAX));
            Some(asked.min(LONGEST_WAIT))
        }
        NotifyError::Busy { retry_after_s: None, status: 429 } => Some(BUSY_WAIT),
        NotifyError::Busy { retry_after_s: None, .. }
        | NotifyError::Unreachable { .. }
        | NotifyError::Address { .. } => Some(FIRST_WAIT),
        NotifyError::Refused { .. } | NotifyError::QueueFull { .. } | NotifyError::Destinations { .. } => {
            None
        }
    }
}

/// Half to all of 30 seconds, doubled with each failure up to an hour. The part is the id's and the attempt's own, so that
/// what failed together does not come back together.
fn wait_after(attempts: u32, id: &str) -> SignedDuration {
    let doubled = FIRST_WAIT.checked_mul(1 << attempts.saturating_sub(1).min(10)).unwrap_or(LONGEST_WAIT);
    let longest_ms = doubled.min(LONGEST_WAIT).as_millis();
    let mut hasher = DefaultHasher::new();
    (id, attempts).hash(&mut hasher);
    let share = i128::from(hasher.finish() % 1000);
    let ms = longest_ms / 2 + longest_ms * share / 2000;
    SignedDuration::from_millis(i64::try_from(ms).unwrap_or(i64::MAX))
}

/// The first 32 hex digits of SHA-256 over what the delivery is.
fn id(destination: &str, notice: &Notice) -> String {
    let Notice { kind, severity, state, title, text, key, at, cluster, url: _ } = notice;
    let whole =
        [destination, kind.as_str(), severity.as_str(), title, text, key, cluster.as_str()].join("\0");
    let is_over = state == &crate::notice::NoticeState::Resolved;
    let digest = digest(&SHA256, format!("{whole}\0{is_over}\0{at}").as_bytes());
    hex::encode(&digest.as_ref()[..16])
}

impl Delivery {
    /// How severe it is: what is worse is sent first.
    pub(crate) fn severity(&self) -> Severity {
        self.notice.severity
    }
}

#[cfg(test)]
#[path = "queue_tests.rs"]
mod tests;
