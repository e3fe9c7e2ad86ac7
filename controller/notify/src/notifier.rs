//! Who is told what, when: notices in, deliveries out, what failed kept. The one part of this crate that has a clock.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::future::join_all;
use jiff::Timestamp;

use crate::destination::Destination;
use crate::error::NotifyError;
use crate::notice::Notice;
use crate::queue::{Backlog, DeadLetter, Queue};
use crate::sender::send;

/// Receivers of one installation; more are a mailing list.
const DESTINATIONS_MAX: usize = 50;

/// What came of a round of deliveries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Delivered {
    /// Arrived.
    pub delivered: usize,
    /// Failed, and sent again later unless given up.
    pub failed: usize,
    /// Still waiting, the failed among them.
    pub waiting: usize,
}

/// Tells receivers.
///
/// [`Notifier::notify`] only queues; [`Notifier::deliver_due`] is called every few seconds by a task of its own. A notice
/// may arrive twice, never not at all without a dead letter.
pub struct Notifier {
    destinations: Vec<Destination>,
    clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    queue: Mutex<Queue>,
    /// One round at a time: two would send the same.
    round: tokio::sync::Mutex<()>,
}

impl std::fmt::Debug for Notifier {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Notifier").field("destinations", &self.destinations).finish_non_exhaustive()
    }
}

impl Notifier {
    /// Sets it up; sends nothing.
    ///
    /// # Errors
    /// [`NotifyError::Destinations`] for two of the same name, one without, or more than 50.
    pub fn new(
        destinations: Vec<Destination>,
        clock: Arc<dyn Fn() -> Timestamp + Send + Sync>,
    ) -> Result<Self, NotifyError> {
        let names: BTreeSet<&str> =
            destinations.iter().map(|destination| destination.name.as_str()).collect();
        let wrong = match destinations.len() {
            count if count > DESTINATIONS_MAX => Some("there are more than 50"),
            count if count != names.len() => Some("two have the same name"),
            _ if names.contains("") => Some("one has no name"),
            _ => None,
        };
        match wrong {
            Some(why) => Err(NotifyError::Destinations { why }),
            None => Ok(Self {
                destinations,
                clock,
                queue: Mutex::default(),
                round: tokio::sync::Mutex::default(),
            }),
        }
    }

    /// Queues a notice for every receiver that wants it. Never waits.
    pub fn notify(&self, notice: &Notice) {
        self.notify_those(notice, |_| true);
    }

    /// The same for the receivers of these names alone.
    pub fn notify_those(&self, notice: &Notice, is_meant: impl Fn(&str) -> bool) {
        let now = (self.clock)();
        let mut queue = self.queue();
        let wants = |it: &&Destination| it.filter.passes(notice) && is_meant(&it.name);
        for destination in self.destinations.iter().filter(wants) {
            queue.push(&destination.name, notice.clone(), now);
        }
    }

    /// Sends what is due: receivers side by side, each in order. Takes at most as long as its slowest receiver.
    pub async fn deliver_due(&self) -> Delivered {
        let _round = self.round.lock().await;
        let each = join_all(self.destinations.iter().map(|destination| self.deliver_to(destination))).await;
        let sum = |part: fn(&Delivered) -> usize| each.iter().map(part).sum();
        Delivered {
            delivered: sum(|round| round.delivered),
            failed: sum(|round| round.failed),
            waiting: self.queue().backlog().waiting(),
        }
    }

    /// What was given up, the oldest first.
    pub fn dead_letters(&self) -> Vec<DeadLetter> {
        self.queue().backlog().dead_letters().cloned().collect()
    }

    /// What to keep over a restart.
    pub fn backlog(&self) -> Backlog {
        self.queue().backlog().clone()
    }

    /// Takes over what was kept. What waits for receivers that are no longer configured is given up.
    pub fn recall(&self, backlog: Backlog) {
        let now = (self.clock)();
        let mut queue = self.queue();
        queue.recall(backlog, now);
        let names: BTreeSet<&str> =
            self.destinations.iter().map(|destination| destination.name.as_str()).collect();
        queue.keep_only(|name| names.contains(name), now);
    }

    async fn deliver_to(&self, destination: &Destination) -> Delivered {
        let now = (self.clock)();
        let mut due = self.queue().due(&destination.name, now);
        // What is worse goes first; the order of the rest stays.
        due.sort_by_key(|delivery| std::cmp::Reverse(delivery.severity()));
        let mut round = Delivered::default();
        for delivery in due {
            let outcome = send(destination, &delivery, now).await;
            let after = (self.clock)();
            match outcome {
                Ok(()) => {
                    self.queue().delivered(&delivery, after);
                    round.delivered += 1;
                }
                Err(error) => {
                    round.failed += 1;
                    tracing::debug!(
                        receiver = destination.name,
                        code = error.code(),
                        "a notice was not delivered"
                    );
                    if self.queue().failed(&delivery, &error, after) {
                        break;
                    }
                }
            }
        }
        round
    }

    fn queue(&self) -> MutexGuard<'_, Queue> {
        // Nothing panics while it is held, and it is whole after each statement.
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
