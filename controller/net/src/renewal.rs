//! The library's client, set up anew when a file of certificates that it was made from changes.
//!
//! Certificates that live for hours are written again while the process runs, and nobody tells it. Looking at the files
//! costs a few microseconds a request; a client that is set up anew has no open connections, so none stays that showed the
//! old certificate.

use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use crate::error::NetError;
use crate::policy::ClientPolicy;
use crate::transport::Transport;

/// What tells that a file was written again: device, inode, size, and the time of its last change in nanoseconds. Of a
/// mounted secret the name leads through a link to another file when it changes.
type Stamp = Option<(u64, u64, u64, i64, i64)>;

/// A transport and the files that it was made from.
pub(crate) struct Renewal {
    files: Vec<PathBuf>,
    state: Mutex<State>,
}

struct State {
    stamps: Vec<Stamp>,
    transport: Arc<Transport>,
}

impl Renewal {
    /// Sets the library up for the first time.
    pub(crate) fn new(policy: &ClientPolicy) -> Result<Self, NetError> {
        let certificate = policy.client_certificate.as_ref();
        let files =
            [policy.ca_file.as_ref(), certificate.map(|c| &c.certificate), certificate.map(|c| &c.key)];
        let files: Vec<PathBuf> = files.into_iter().flatten().cloned().collect();
        // Before they are read: a change while they are is a change.
        let stamps = stamps(&files);
        let transport = Arc::new(Transport::new(policy)?);
        Ok(Self { files, state: Mutex::new(State { stamps, transport }) })
    }

    /// The transport of the files as they are now. Files that cannot be used, such as a certificate whose key is still to
    /// be written, leave the one before in its place.
    pub(crate) fn transport(&self, policy: &ClientPolicy) -> Arc<Transport> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if self.files.is_empty() {
            return Arc::clone(&state.transport);
        }
        let stamps = stamps(&self.files);
        if stamps != state.stamps {
            state.stamps = stamps;
            match Transport::new(policy) {
                Ok(transport) => state.transport = Arc::new(transport),
                Err(error) => {
                    tracing::warn!(code = error.code(), "{error}; the certificates from before stay in use");
                }
            }
        }
        Arc::clone(&state.transport)
    }
}

fn stamps(files: &[PathBuf]) -> Vec<Stamp> {
    files.iter().map(|path| stamp(path)).collect()
}

fn stamp(path: &Path) -> Stamp {
    let found = std::fs::metadata(path).ok()?;
    Some((found.dev(), found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}
