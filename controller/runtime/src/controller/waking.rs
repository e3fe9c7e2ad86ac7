//! When a controller that rests looks around next, and what makes it sooner: a webhook says where it is worth looking. What
//! it says is not believed; the forge is read afresh.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use kubeopt_model::Timestamp;
use kubeopt_observe::STEP_S;
use tokio::sync::{Notify, watch};
use tokio::time::Instant;

use super::stopping::stopped;
use crate::edges::Edges;

/// How often comments are looked for between passes. A list that did not change costs a forge next to nothing.
const LISTEN_EVERY: Duration = Duration::from_secs(60);

/// Least time between two looks at comments, however many webhooks come.
const LISTEN_GAP: Duration = Duration::from_secs(5);

/// Least time between the starts of two passes of which a webhook asks for the second. kubeopt's own pull requests cause
/// webhooks too: the pass that follows them changes nothing, and that is the end of it.
const EARLY_GAP: Duration = Duration::from_secs(60);

/// What wakes a controller.
#[derive(Debug, Default)]
pub(super) struct Waking {
    notify: Notify,
    is_changed: AtomicBool,
}

impl Waking {
    /// Somebody said something.
    pub(super) fn said(&self) {
        self.notify.notify_one();
    }

    /// Something became of a pull request.
    pub(super) fn changed(&self) {
        self.is_changed.store(true, Ordering::Release);
        self.notify.notify_one();
    }

    /// Whether something became of a pull request since the last time.
    fn take_changed(&self) -> bool {
        self.is_changed.swap(false, Ordering::AcqRel)
    }
}

/// The moments at which a rest is interrupted or ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Rest {
    /// When the last pass began.
    begun: Instant,
    /// When the next pass begins.
    until: Instant,
    /// When comments were looked for.
    listened: Instant,
    /// When they are looked for next.
    listen_at: Instant,
}

impl Rest {
    fn new(begun: Instant, now: Instant, pause: Duration) -> Self {
        Self { begun, until: now + pause, listened: now, listen_at: now + LISTEN_EVERY }
    }

    /// Sooner, and still not too soon.
    fn hurry(&mut self, is_changed: bool) {
        self.listen_at = self.listen_at.min(self.listened + LISTEN_GAP);
        if is_changed {
            self.until = self.until.min(self.begun + EARLY_GAP);
        }
    }

    fn listened(&mut self, now: Instant) {
        (self.listened, self.listen_at) = (now, now + LISTEN_EVERY);
    }
}

/// Waits for the next pass, which comes early when people ask for something or something became of a pull request, and
/// samples meanwhile what only tells of the moment.
pub(super) async fn rest_until_needed(
    edges: &Edges,
    begun: Instant,
    pause: Duration,
    waking: &Waking,
    stop: &watch::Receiver<bool>,
) {
    let mut rest = Rest::new(begun, Instant::now(), pause);
    loop {
        let now = Instant::now();
        let left = rest.until.saturating_duration_since(now);
        let to_sample = until_next_sample(Timestamp::now());
        let to_listen = rest.listen_at.saturating_duration_since(now);
        tokio::select! {
            () = tokio::time::sleep(left.min(to_sample).min(to_listen)) => {}
            () = waking.notify.notified() => {
                rest.hurry(waking.take_changed());
                continue;
            }
            () = stopped(stop.clone()) => return,
        }
        if left <= to_sample.min(to_listen) {
            return;
        }
        let is_asked = tokio::select! {
            is_asked = look_around(edges, to_sample <= to_listen) => is_asked,
            () = stopped(stop.clone()) => return,
        };
        if is_asked {
            tracing::info!("somebody asks for something: the next pass begins");
            return;
        }
        if to_listen < to_sample {
            rest.listened(Instant::now());
        }
    }
}

/// Takes a sample, or looks whether people ask for something; gives whether they do.
async fn look_around(edges: &Edges, samples: bool) -> bool {
    if samples {
        edges.sample(Timestamp::now()).await;
        return false;
    }
    edges.is_asked().await
}

/// Until the middle of the next step: one that comes late by some seconds is then still of its step.
fn until_next_sample(now: Timestamp) -> Duration {
    let into_step = (now.as_second() - STEP_S / 2).rem_euclid(STEP_S);
    Duration::from_secs((STEP_S - into_step).unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_are_taken_in_the_middle_of_each_step() {
        for (second, seconds) in [(0, 150), (149, 1), (150, 300), (151, 299), (299, 151), (300, 150)] {
            let now = Timestamp::from_second(1_795_341_600 + second).unwrap();
            assert_eq!(until_next_sample(now), Duration::from_secs(seconds), "{second}");
        }
    }

    #[tokio::test]
    async fn a_comment_brings_the_next_look_forward_and_a_merge_the_next_pass_but_never_too_soon() {
        let begun = Instant::now();
        let now = begun + Duration::from_secs(20);
        let mut rest = Rest::new(begun, now, Duration::from_secs(3600));
        rest.hurry(false);
        assert_eq!((rest.listen_at, rest.until), (now + LISTEN_GAP, now + Duration::from_secs(3600)));
        rest.hurry(true);
        assert_eq!(rest.until, begun + EARLY_GAP, "a minute after the last pass began");
        let before = rest;
        rest.hurry(true);
        assert_eq!(rest, before, "a flood of them is one");
        let mut short = Rest::new(begun, now, Duration::from_secs(1));
        short.hurry(true);
        assert_eq!(short.until, now + Duration::from_secs(1), "nothing is put off");
    }

    #[tokio::test]
    async fn what_came_during_a_pass_is_not_lost() {
        let waking = Waking::default();
        waking.said();
        waking.changed();
        waking.notify.notified().await;
        assert!(waking.take_changed() && !waking.take_changed());
    }
}
