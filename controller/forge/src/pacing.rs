//! One writer at a time, with a gap between writes; and silence for as long as the server asked for it.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::MutexGuard;
use tokio::time::Instant;

use crate::error::ForgeError;

/// Least time between two writes by default; forges ask bots for at least a second.
pub(crate) const WRITE_GAP_DEFAULT: Duration = Duration::from_secs(1);

/// Longest silence that a server can impose. An hour is the longest period of known limits; a server that says a year
/// has a wrong clock.
const SILENCE_MAX: Duration = Duration::from_secs(3600);

/// Silence after a limit without a stated time, as GitHub asks of its clients; Gitea itself sets no limits, but the
/// proxies before it do.
const SILENCE_DEFAULT: Duration = Duration::from_secs(60);

#[derive(Debug)]
pub(crate) struct Pacing {
    gap: Duration,
    /// When the last write ended; the lock is the queue.
    writer: tokio::sync::Mutex<Option<Instant>>,
    silent_until: Mutex<Option<Instant>>,
}

/// The right to write; the gap starts when it ends.
pub(crate) struct Turn<'a> {
    ended: MutexGuard<'a, Option<Instant>>,
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        *self.ended = Some(Instant::now());
    }
}

impl Pacing {
    pub(crate) fn new(gap: Duration) -> Self {
        Self { gap, writer: tokio::sync::Mutex::new(None), silent_until: Mutex::new(None) }
    }

    /// Waits for the turn to write.
    pub(crate) async fn turn(&self) -> Turn<'_> {
        let ended = self.writer.lock().await;
        let wait = gap_left(*ended, self.gap, Instant::now());
        if !wait.is_zero() {
            tokio::time::sleep(wait).await;
        }
        Turn { ended }
    }

    /// Refuses calls while the server wants silence.
    pub(crate) fn check(&self) -> Result<(), ForgeError> {
        self.check_at(Instant::now())
    }

    /// The server asked to come back later.
    pub(crate) fn be_silent(&self, asked: Option<Duration>) {
        self.be_silent_from(Instant::now(), asked);
    }

    fn check_at(&self, now: Instant) -> Result<(), ForgeError> {
        let until = *self.silent_until.lock().unwrap_or_else(PoisonError::into_inner);
        match until.map(|until| until.saturating_duration_since(now)) {
            Some(left) if !left.is_zero() => Err(ForgeError::RateLimited { retry_after: Some(left) }),
            Some(_) | None => Ok(()),
        }
    }

    fn be_silent_from(&self, now: Instant, asked: Option<Duration>) {
        let pause = asked.unwrap_or(SILENCE_DEFAULT).min(SILENCE_MAX);
        let mut until = self.silent_until.lock().unwrap_or_else(PoisonError::into_inner);
        *until = Some(now + pause);
    }
}

/// How long the next write still waits.
fn gap_left(last: Option<Instant>, gap: Duration, now: Instant) -> Duration {
    last.map_or(Duration::ZERO, |last| gap.saturating_sub(now.saturating_duration_since(last)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn writes_keep_their_distance() {
        let (now, gap) = (Instant::now(), Duration::from_secs(1));
        let last = |ago_ms| Some(now - Duration::from_millis(ago_ms));
        assert_eq!(gap_left(None, gap, now), Duration::ZERO);
        assert_eq!(gap_left(last(0), gap, now), gap);
        assert_eq!(gap_left(last(300), gap, now), Duration::from_millis(700));
        assert_eq!(gap_left(last(5000), gap, now), Duration::ZERO);
    }

    #[test]
    fn silence_ends_when_the_server_said_and_within_an_hour() {
        let (pacing, now) = (Pacing::new(Duration::ZERO), Instant::now());
        assert_eq!(pacing.check_at(now), Ok(()));
        for (asked, seconds) in [(Some(5), 5), (None, 60), (Some(1_000_000), 3600)] {
            pacing.be_silent_from(now, asked.map(Duration::from_secs));
            let left = Duration::from_secs(seconds);
            assert_eq!(pacing.check_at(now), Err(ForgeError::RateLimited { retry_after: Some(left) }));
            assert_eq!(pacing.check_at(now + left), Ok(()));
        }
    }
}
