//! The log of what agents sent: in a folder, appended to by one thread, synced before anything is acknowledged. How far each
//! node is follows from the log itself, so a batch is in it once, whenever the process is killed.
//!
//! Knows batches by node, boot id and number; not what is in them until they are read again.

pub(crate) mod disk;
pub(crate) mod frame;
pub(crate) mod ledger;
pub(crate) mod marks;
mod read;
mod steady;
pub(crate) mod walk;
pub(crate) mod writer;

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use kubeopt_model::agents::NodeHour;
use kubeopt_model::usage::Window;
use tokio::sync::{Semaphore, mpsc, oneshot};

use crate::error::SpoolError;
use crate::spool::disk::{Disk, RealDisk};
use crate::spool::frame::Head;
use crate::spool::ledger::{Ledger, Opened};
use crate::spool::marks::Mark;
use crate::spool::steady::Steady;
use crate::spool::writer::{Append, Writer};
use crate::tally::Tally;

pub use read::HourReader;
pub(crate) use steady::ticks;

/// Tells the time in milliseconds since the epoch.
pub type Clock = Arc<dyn Fn() -> i64 + Send + Sync>;

/// Batches that may wait for the writer: two of each of a thousand nodes.
const WAITING_MAX: usize = 2_048;
/// What they may take in memory, and those of one stream, KiB: one message is at most 4 MiB.
const WAITING_KIB_MAX: usize = 64 * 1024;
const LINE_KIB_MAX: u32 = 8 * 1024;
/// Shares of the queue, in thousands, up to which it is worked off in one sync.
const FULL: usize = 1_000;
const RELAXED: usize = FULL / 4;
/// How old a batch may be at most: agents keep a day, and history is repaired for two.
const AGE_MS_MAX: i64 = 48 * ledger::HOUR_MS;
/// The longest that an agent is asked to wait, milliseconds: below the time between two of its batches.
const BACKOFF_MS_MAX: usize = 10_000;

/// How long what was sent is kept, and how much of it.
#[derive(Debug, Clone, Copy)]
pub struct SpoolLimits {
    /// Milliseconds since a file's last batch came in, after which it goes.
    pub retention_ms: i64,
    /// Bytes on disk; above it the oldest go before their time.
    pub bytes_max: u64,
}

impl Default for SpoolLimits {
    /// Two days: a weekend's fault of history is repaired from it. 1 GiB: half of the chart's volume.
    fn default() -> Self {
        Self { retention_ms: 48 * ledger::HOUR_MS, bytes_max: 1 << 30 }
    }
}

/// What became of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Stored {
    /// All batches of its boot id up to this one are on disk.
    pub(crate) acknowledged_seq: u64,
    /// It was there before.
    pub(crate) is_double: bool,
}

/// The batches of one stream, in their order. Behind one that could not be stored none is: its number would say that all before
/// it are on disk. Who sends begins again, from what is acknowledged.
#[derive(Debug, Clone)]
pub(crate) struct Line {
    over: Arc<AtomicBool>,
    room: Arc<Semaphore>,
}

impl Line {
    fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }
}

impl Default for Line {
    fn default() -> Self {
        Self { over: Arc::default(), room: Arc::new(Semaphore::new(LINE_KIB_MAX as usize)) }
    }
}

/// The log. Copies are the same log.
#[derive(Clone)]
pub struct Spool {
    shared: Arc<Shared>,
    queue: mpsc::Sender<Append>,
    /// KiB that may yet wait.
    room: Arc<Semaphore>,
}

pub(crate) struct Shared {
    folder: PathBuf,
    limits: SpoolLimits,
    steady: Steady,
    ledger: Mutex<Ledger>,
    pub(crate) tally: Arc<Tally>,
}

impl Shared {
    pub(crate) fn ledger(&self) -> MutexGuard<'_, Ledger> {
        // It is changed by whole notes of one batch, so a poisoned lock holds nothing half done.
        self.ledger.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place cannot be read: it is counted once, however often its hour is read.
    pub(crate) fn damaged(&self, file: u32, at: u64) {
        if self.ledger().damaged(file, at) {
            self.tally.damaged();
        }
    }
}

impl Spool {
    /// Opens the log in a folder, which is made where it is missing, and begins to write. What an interrupted write left is cut
    /// off.
    ///
    /// # Errors
    /// [`SpoolError::Open`] where the folder cannot be read or written.
    pub fn open(folder: &Path, limits: SpoolLimits, now: Clock) -> Result<Self, SpoolError> {
        Self::open_on(Box::new(RealDisk), folder, limits, now, ticks())
    }

    pub(crate) fn open_on(
        disk: Box<dyn Disk>,
        folder: &Path,
        limits: SpoolLimits,
        now: Clock,
        ticks: Clock,
    ) -> Result<Self, SpoolError> {
        let failed = |error: std::io::Error| SpoolError::Open {
            folder: folder.display().to_string(),
            reason: error.to_string(),
        };
        fs::create_dir_all(folder).map_err(failed)?;
        let (ledger, opened) = Ledger::open(folder).map_err(failed)?;
        if opened != Opened::default() {
            tracing::warn!(
                folder = %folder.display(),
                torn_bytes = opened.torn_bytes,
                damaged = opened.damaged,
                "the agents' log was not whole: what was interrupted is sent again, what was damaged is lost"
            );
        }
        let tally = Arc::new(Tally::default());
        tally.opened(opened);
        let steady = Steady::new(ticks);
        steady.believes(now());
        let shared =
            Arc::new(Shared { folder: folder.to_owned(), limits, steady, ledger: Mutex::new(ledger), tally });
        let (queue, batches) = mpsc::channel(WAITING_MAX);
        let writer = Writer::new(Arc::clone(&shared), disk, limits, now);
        let thread = std::thread::Builder::new().name("agents-log".to_owned());
        // It ends with the last copy of this value; what it has taken is written by then.
        thread.spawn(move || writer.run(batches)).map_err(failed)?;
        Ok(Self { shared, queue, room: Arc::new(Semaphore::new(WAITING_KIB_MAX)) })
    }

    /// Hands a batch to the writer, and the place where its fate will be told. Waits while the queue is full,
    /// or its stream has its share of it.
    pub(crate) async fn append(
        &self,
        line: &Line,
        head: Head,
        body: Vec<u8>,
    ) -> Result<oneshot::Receiver<Result<Stored, SpoolError>>, SpoolError> {
        let kib = u32::try_from(body.len().div_ceil(1024)).unwrap_or(u32::MAX).clamp(1, LINE_KIB_MAX);
        let share = Arc::clone(&line.room).acquire_many_owned(kib).await.map_err(|_| SpoolError::Closed)?;
        let room = Arc::clone(&self.room).acquire_many_owned(kib).await.map_err(|_| SpoolError::Closed)?;
        let (reply, stored) = oneshot::channel();
        let append = Append { line: line.clone(), head, body, reply, _room: Some((share, room)) };
        self.queue.send(append).await.map_err(|_| SpoolError::Closed)?;
        Ok(stored)
    }

    /// How long an agent should wait before it sends more, milliseconds.
    pub(crate) fn backoff_ms(&self) -> u32 {
        let waiting = WAITING_MAX - self.queue.capacity().min(WAITING_MAX);
        let kib = WAITING_KIB_MAX - self.room.available_permits().min(WAITING_KIB_MAX);
        let over = (waiting * FULL / WAITING_MAX).max(kib * FULL / WAITING_KIB_MAX).saturating_sub(RELAXED);
        u32::try_from(over * BACKOFF_MS_MAX / (FULL - RELAXED)).unwrap_or(u32::MAX)
    }

    /// How long what came in is kept, milliseconds.
    pub(crate) fn retention_ms(&self) -> i64 {
        self.shared.limits.retention_ms
    }

    /// How old a batch may be, milliseconds: what is older would be of hours that files were removed of.
    pub(crate) fn age_ms_max(&self) -> i64 {
        let kept_ms = self.shared.limits.retention_ms.saturating_sub(2 * ledger::HOUR_MS);
        kept_ms.clamp(ledger::HOUR_MS, AGE_MS_MAX)
    }

    /// Whether the clock that tells this moment has gone on evenly since the log was opened.
    pub(crate) fn believes(&self, now_ms: i64) -> bool {
        self.shared.steady.believes(now_ms)
    }

    /// How far a buffer of a node is stored.
    pub(crate) fn mark(&self, node: &str, boot_id: &str) -> Mark {
        self.shared.ledger().marks.of(node, boot_id).unwrap_or_default()
    }

    /// Nodes that sent something, with the mark of the buffer that each used last.
    pub(crate) fn nodes(&self) -> Vec<(String, Mark)> {
        self.shared.ledger().marks.nodes().map(|(node, mark)| (node.to_owned(), mark)).collect()
    }

    pub(crate) fn tally(&self) -> &Arc<Tally> {
        &self.shared.tally
    }

    /// Files and their bytes, and batches that wait to be written.
    pub(crate) fn size(&self) -> (usize, u64, usize) {
        let ledger = self.shared.ledger();
        let waiting = WAITING_MAX - self.queue.capacity().min(WAITING_MAX);
        (ledger.files.len(), ledger.bytes(), waiting)
    }

    /// The hours that there is something of, oldest first, each with a mark that rises when more comes.
    pub fn hours(&self) -> Vec<NodeHour> {
        self.shared.ledger().hours()
    }

    /// All readings that begin within the hour, in parts as they were sent, one batch in memory at a time; readings of the
    /// hours beside it may be among them. No reading comes twice. Reads files: not to be called where others wait.
    pub fn read(&self, hour: Window) -> HourReader {
        HourReader::new(&self.shared, hour)
    }
}

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;
