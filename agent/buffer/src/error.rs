//! What can go wrong on disk.

use std::io;

/// Why a buffer cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The folder cannot be made, listed or written.
    #[error("failed to open the buffer's folder: give a folder that the agent may write, with --buffer")]
    Folder(#[source] io::Error),
    /// Another process has it.
    #[error("the buffer's folder belongs to another running agent: give each agent a folder of its own")]
    InUse,
    /// The operating system has no random numbers for a new stream.
    #[error("failed to make an id for the buffer")]
    Random,
}

/// Why a record was not kept. It is counted as dropped; the next one may be kept again.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// Longer than [`crate::RECORD_BYTES_MAX`].
    #[error("a record of {bytes} bytes is too long for the buffer")]
    TooLong {
        /// Its payload.
        bytes: usize,
    },
    /// No space left.
    #[error("the buffer's disk is full: samples are lost until there is space")]
    Full(#[source] io::Error),
    /// Anything else of the disk.
    #[error("unable to write the buffer")]
    Disk(#[source] io::Error),
}

/// The disk did not let a segment be read; the same call may be made again.
#[derive(Debug, thiserror::Error)]
#[error("unable to read the buffer")]
pub struct ReadError(#[source] pub(crate) io::Error);

impl From<io::Error> for AppendError {
    fn from(error: io::Error) -> Self {
        let full = matches!(
            error.kind(),
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge
        );
        if full { Self::Full(error) } else { Self::Disk(error) }
    }
}
