//! The end that was asked for.

use tokio::sync::watch;

/// Waits for it.
pub(super) async fn stopped(mut stop: watch::Receiver<bool>) {
    // An error means that nobody can ask to stop any more, which is a stop.
    let _ = stop.wait_for(|stop| *stop).await;
}
