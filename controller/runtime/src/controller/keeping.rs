//! What was told and what waits, kept in the journal by the replica that leads: who leads next goes on from it.

use std::sync::Arc;

use kubeopt_history::{HistoryError, Journal, KeptNotices};
use kubeopt_notify::Backlog;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::edges::Permit;
use crate::noticing::Standing;

/// The place of both.
pub(super) struct Keeping {
    journal: Arc<dyn Journal>,
    permit: Arc<dyn Permit>,
    /// As it was written or read last.
    written: tokio::sync::Mutex<KeptNotices>,
}

impl Keeping {
    pub(super) fn of(journal: Arc<dyn Journal>, permit: Arc<dyn Permit>) -> Self {
        Self { journal, permit, written: tokio::sync::Mutex::default() }
    }

    /// What the one before has left; nothing of what cannot be read.
    pub(super) async fn recall(&self) -> (Standing, Backlog) {
        let mut written = self.written.lock().await;
        *written = match self.journal.notices().await {
            Ok(kept) => kept,
            Err(error) => {
                warn(&error, "what was told before is not known: some of it may be told again");
                KeptNotices::default()
            }
        };
        (parsed(written.told.as_deref(), "told"), parsed(written.waiting.as_deref(), "waits"))
    }

    /// Writes what is not as it was written last. Whether it is kept: not by a replica that does not lead.
    pub(super) async fn keep(&self, told: &Standing, waiting: &Backlog) -> bool {
        if !self.permit.may_write() {
            return false;
        }
        let mut written = self.written.lock().await;
        let now = KeptNotices { told: text(told), waiting: text(waiting) };
        let changed = KeptNotices {
            told: now.told.clone().filter(|_| now.told != written.told),
            waiting: now.waiting.clone().filter(|_| now.waiting != written.waiting),
        };
        if changed == KeptNotices::default() {
            return true;
        }
        match self.journal.remember_notices(&changed).await {
            Ok(()) => *written = now,
            Err(error) => {
                warn(&error, "notices that wait are lost should the process end now");
                return false;
            }
        }
        true
    }
}

fn text(value: &impl Serialize) -> Option<String> {
    serde_json::to_string(value).ok()
}

fn parsed<T: Default + DeserializeOwned>(text: Option<&str>, what: &str) -> T {
    let Some(text) = text else { return T::default() };
    serde_json::from_str(text).unwrap_or_else(|error| {
        tracing::warn!("what {what} was kept in words that this version does not know, and is left: {error}");
        T::default()
    })
}

fn warn(error: &HistoryError, what: &str) {
    let problem = error.problem();
    tracing::warn!(code = problem.code, help = problem.help, "{what}: {}", problem.text);
}
