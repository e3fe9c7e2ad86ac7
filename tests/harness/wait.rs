//! Waiting on a condition with a deadline: the only place of the tests that lets time pass.

use std::time::{Duration, Instant};

/// Short against the start of any server, long against one loopback request.
const POLL: Duration = Duration::from_millis(100);

/// Long enough for a server to start on a machine whose cores are all compiling.
pub const START: Duration = Duration::from_secs(120);

/// Long enough for a controller to reconcile on such a machine.
pub const RECONCILE: Duration = Duration::from_secs(90);

/// Asks `check` again and again until it answers `Ok`.
///
/// Panics with `what` and with the last `Err` when the deadline has passed.
///
/// ```no_run
/// # async fn test(answer: impl Fn() -> usize) {
/// use kubeopt_tests::wait;
/// let n = wait::until("three pods", wait::RECONCILE, async || match answer() {
///     n @ 3.. => Ok(n),
///     n => Err(format!("{n} so far")),
/// }).await;
/// # }
/// ```
pub async fn until<T>(
    what: &str,
    deadline: Duration,
    mut check: impl AsyncFnMut() -> Result<T, String>,
) -> T {
    let started = Instant::now();
    loop {
        let last = match check().await {
            Ok(value) => return value,
            Err(last) => last,
        };
        assert!(
            started.elapsed() < deadline,
            "gave up waiting for {what} after {} s: {last}",
            deadline.as_secs()
        );
        tokio::time::sleep(POLL).await;
    }
}
