//! When a request is repeated, and how long to wait before.

use std::hash::{BuildHasher as _, RandomState};
use std::time::Duration;

use jiff::Timestamp;
use reqwest::StatusCode;
use reqwest::header::{HeaderMap, RETRY_AFTER};

/// How often and how patiently idempotent requests are repeated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RetryPolicy {
    /// Attempts in all, at least 1.
    pub attempts: u32,
    /// Wait before the first repetition; it doubles from there.
    pub first_wait: Duration,
    /// Longest wait between attempts. A server that asks for more with `Retry-After` is not waited for: the answer goes
    /// to the caller, who knows whether the pass can wait.
    pub longest_wait: Duration,
}

impl Default for RetryPolicy {
    /// Three attempts within about 20 s: longer outages are for the next pass.
    fn default() -> Self {
        Self { attempts: 3, first_wait: Duration::from_millis(250), longest_wait: Duration::from_secs(10) }
    }
}

impl RetryPolicy {
    /// The wait before attempt `done + 1`; none when no further attempt is made.
    pub(crate) fn wait_after(&self, done: u32, asked: Option<Duration>) -> Option<Duration> {
        if done >= self.attempts {
            return None;
        }
        match asked {
            Some(asked) if asked > self.longest_wait => None,
            Some(asked) => Some(asked),
            None => {
                let doubled = self.first_wait.saturating_mul(1 << (done - 1).min(10));
                Some(jittered(doubled.min(self.longest_wait)))
            }
        }
    }
}

/// Statuses that say "not now": too many requests, and those of proxies before a server that restarts.
pub(crate) fn is_worth_repeating(status: StatusCode) -> bool {
    matches!(
        status,
        StatusCode::TOO_MANY_REQUESTS
            | StatusCode::BAD_GATEWAY
            | StatusCode::SERVICE_UNAVAILABLE
            | StatusCode::GATEWAY_TIMEOUT
    )
}

/// What `Retry-After` asks for, as seconds or as a date compared with `now`. None where it says nothing readable.
pub fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Duration> {
    let text = headers.get(RETRY_AFTER)?.to_str().ok()?.trim();
    if let Ok(seconds) = text.parse::<u64>() {
        return Some(Duration::from_secs(seconds));
    }
    let at = jiff::fmt::rfc2822::parse(text).ok()?.timestamp();
    let seconds = (at.as_second() - now.as_second()).max(0);
    Some(Duration::from_secs(seconds.unsigned_abs()))
}

/// Between half and all of the wait, so that many clients do not come back at the same instant.
fn jittered(wait: Duration) -> Duration {
    // Each RandomState has its own random key: enough for jitter, without a dependency.
    let random = RandomState::new().hash_one(());
    let share = f64::from((random >> 32) as u32) / f64::from(u32::MAX);
    wait.mul_f64(0.5 + share / 2.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(text: &str) -> HeaderMap {
        [(RETRY_AFTER, text.parse().unwrap())].into_iter().collect()
    }

    #[test]
    fn reads_seconds_and_dates() {
        let now: Timestamp = "2026-11-20T08:00:00Z".parse().unwrap();
        for (text, seconds) in [
            ("120", Some(120)),
            ("Fri, 20 Nov 2026 08:01:30 GMT", Some(90)),
            ("Fri, 20 Nov 2026 07:00:00 GMT", Some(0)),
            ("soon", None),
            ("-3", None),
        ] {
            assert_eq!(retry_after(&headers(text), now), seconds.map(Duration::from_secs), "{text}");
        }
        assert_eq!(retry_after(&HeaderMap::new(), now), None);
    }

    #[test]
    fn waits_double_within_their_bounds_and_end() {
        let policy = RetryPolicy {
            attempts: 4,
            first_wait: Duration::from_secs(1),
            longest_wait: Duration::from_secs(3),
        };
        for (done, most) in [(1, 1), (2, 2), (3, 3)] {
            let wait = policy.wait_after(done, None).unwrap();
            let most = Duration::from_secs(most);
            assert!(wait >= most / 2 && wait <= most, "{wait:?}");
        }
        assert_eq!(policy.wait_after(4, None), None);
    }

    #[test]
    fn a_server_that_asks_for_too_long_is_not_waited_for() {
        let policy = RetryPolicy::default();
        assert_eq!(policy.wait_after(1, Some(Duration::from_secs(5))), Some(Duration::from_secs(5)));
        assert_eq!(policy.wait_after(1, Some(Duration::from_secs(3600))), None);
    }
}
