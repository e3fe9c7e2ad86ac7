//! The one thread that writes. Batches that wait together are written and synced together; each is told of its own fate
//! after that.

use std::collections::HashMap;
use std::fs;
use std::io::ErrorKind;
use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, mpsc, oneshot};

use crate::error::SpoolError;
use crate::spool::disk::{Disk, LogFile};
use crate::spool::frame::{self, Head, Kind};
use crate::spool::ledger::{HOUR_MS, LogState, path};
use crate::spool::{Clock, Line, Shared, SpoolLimits, Stored};

/// Batches of one sync, and their bytes: a sync takes milliseconds, and nobody waits longer for a larger write.
const GROUP_MAX: usize = 512;
const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;
/// A file is closed at this size or after an hour; old ones go as a whole.
const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// How often old files are looked for.
const TIDY_EVERY_MS: i64 = 60_000;

/// Of all bytes that are kept, what one node may send within an hour: a day of 250 containers in a log of 1 GiB, and never less
/// than of a smaller log.
const NODE_SHARE: u64 = 16;
const NODE_BYTES_MIN: u64 = 16 * 1024 * 1024;
/// What a frame takes besides its body, at most about.
const HEAD_BYTES: u64 = 256;

/// A batch on its way.
pub(crate) struct Append {
    pub(crate) line: Line,
    pub(crate) head: Head,
    pub(crate) body: Vec<u8>,
    pub(crate) reply: oneshot::Sender<Result<Stored, SpoolError>>,
    /// Its place in memory: of its stream's, and of all.
    pub(crate) _room: Option<(OwnedSemaphorePermit, OwnedSemaphorePermit)>,
}

/// A group, by what becomes of each.
#[derive(Default)]
struct Sorted {
    fresh: Vec<Append>,
    /// Stored already, or twice in the group.
    doubles: Vec<Append>,
    /// Behind one that could not be stored.
    late: Vec<Append>,
    /// Of nodes that sent too much.
    over: Vec<Append>,
    /// Of hours that lost files: nothing of them is kept.
    in_vain: u64,
}

impl Append {
    /// Only its number counts.
    fn skip(&mut self) {
        (self.head.kind, self.head.from_ms, self.head.to_ms) = (Kind::Skipped, i64::MIN, i64::MIN);
        self.body = Vec::new();
    }

    /// What it takes on disk, about.
    fn bytes(&self) -> u64 {
        self.body.len() as u64 + HEAD_BYTES
    }
}

pub(crate) struct Writer {
    shared: Arc<Shared>,
    disk: Box<dyn Disk>,
    limits: SpoolLimits,
    now: Clock,
    current: Option<Current>,
    tidied_ms: i64,
}

struct Current {
    number: u32,
    file: Box<dyn LogFile>,
    bytes: u64,
    /// The hour that it was begun in.
    hour: i64,
}

impl Writer {
    pub(crate) fn new(shared: Arc<Shared>, disk: Box<dyn Disk>, limits: SpoolLimits, now: Clock) -> Self {
        Self { shared, disk, limits, now, current: None, tidied_ms: i64::MIN }
    }

    /// Writes until nobody can send any more.
    pub(crate) fn run(mut self, mut queue: mpsc::Receiver<Append>) {
        let mut group = Vec::new();
        while let Some(first) = queue.blocking_recv() {
            let mut bytes = first.body.len();
            group.push(first);
            while group.len() < GROUP_MAX && bytes < GROUP_BYTES_MAX {
                let Ok(next) = queue.try_recv() else { break };
                bytes += next.body.len();
                group.push(next);
            }
            self.commit(std::mem::take(&mut group));
        }
    }

    pub(crate) fn commit(&mut self, group: Vec<Append>) {
        let now_ms = (self.now)();
        let Sorted { fresh, doubles, late, over, in_vain } = self.sort(group);
        self.tidy(now_ms, fresh.iter().map(Append::bytes).sum());
        for append in over {
            self.shared.tally.turned_away("node_share");
            let node = append.head.node.clone();
            self.refuse(vec![append], &SpoolError::Share { node });
        }
        let behind = "a batch before it could not be written".to_owned();
        self.refuse(late, &SpoolError::Write { folder: self.folder(), reason: behind });
        if let Err(error) = self.store(&fresh, now_ms) {
            self.refuse(fresh, &error);
            // What another stream sent again is as little on disk as what it is the double of.
            let (stored, unstored) = doubles.into_iter().partition(|append| self.is_stored(&append.head));
            self.refuse(unstored, &error);
            return self.tell(stored, true);
        }
        self.shared.tally.unusable("hour_gone", in_vain);
        self.tell(fresh, false);
        self.tell(doubles, true);
    }

    fn is_stored(&self, head: &Head) -> bool {
        let mark = self.shared.ledger().marks.of(&head.node, &head.boot_id);
        mark.is_some_and(|mark| head.seq <= mark.seq)
    }

    fn refuse(&self, appends: Vec<Append>, error: &SpoolError) {
        self.shared.tally.failed(appends.len() as u64);
        for append in appends {
            append.line.end();
            drop(append.reply.send(Err(error.clone())));
        }
    }

    fn sort(&self, group: Vec<Append>) -> Sorted {
        let ledger = self.shared.ledger();
        let mut reached: HashMap<(String, String), u64> = HashMap::new();
        let mut coming: HashMap<String, u64> = HashMap::new();
        let share = (self.limits.bytes_max / NODE_SHARE).max(NODE_BYTES_MIN);
        let mut gaps = 0;
        let mut sorted = Sorted::default();
        for mut append in group {
            let head = &append.head;
            let stored = ledger.marks.of(&head.node, &head.boot_id).map_or(0, |mark| mark.seq);
            let known = reached.entry((head.node.clone(), head.boot_id.clone())).or_insert(stored);
            if head.seq <= *known {
                sorted.doubles.push(append);
            } else if append.line.is_over() {
                sorted.late.push(append);
            } else if ledger.sent.of(&head.node, head.arrived_ms)
                + coming.get(&head.node).copied().unwrap_or(0)
                + append.bytes()
                > share
            {
                append.line.end();
                sorted.over.push(append);
            } else {
                *coming.entry(head.node.clone()).or_default() += append.bytes();
                gaps += u64::from(*known > 0) * (head.seq - *known - 1);
                *known = head.seq;
                if ledger.is_in_vain(head) {
                    append.skip();
                    sorted.in_vain += 1;
                }
                sorted.fresh.push(append);
            }
        }
        drop(ledger);
        self.shared.tally.sorted(gaps, sorted.doubles.len() as u64);
        sorted
    }

    fn tell(&self, appends: Vec<Append>, is_double: bool) {
        for append in appends {
            let head = append.head;
            let mark = self.shared.ledger().marks.of(&head.node, &head.boot_id);
            let acknowledged_seq = mark.map_or(0, |mark| mark.seq);
            drop(append.reply.send(Ok(Stored { acknowledged_seq, is_double })));
        }
    }

    /// Writes and syncs; all of it or nothing.
    fn store(&mut self, fresh: &[Append], now_ms: i64) -> Result<(), SpoolError> {
        if fresh.is_empty() {
            return Ok(());
        }
        let mut current = match self.current.take() {
            Some(current)
                if current.bytes < self.file_bytes_max() && current.hour == now_ms.div_euclid(HOUR_MS) =>
            {
                current
            }
            Some(_) | None => self.begin(now_ms)?,
        };
        let mut bytes = Vec::with_capacity(fresh.iter().map(|append| append.body.len() + 256).sum());
        let mut extents = Vec::with_capacity(fresh.len());
        for append in fresh {
            let begin = current.bytes + bytes.len() as u64;
            frame::write(&mut bytes, &append.head, &append.body);
            extents.push((begin, current.bytes + bytes.len() as u64));
        }
        let written = current.file.append(&bytes).map(|()| current.file.keep());
        match written {
            Ok(Ok(())) => {}
            // What a failed sync leaves is not known, so the file is closed. What is not cut off here is known by its
            // numbers when it is read.
            Ok(Err(error)) => {
                drop(current.file.cut(current.bytes));
                return Err(self.failure(&error));
            }
            Err(error) => {
                if current.file.cut(current.bytes).is_ok() {
                    self.current = Some(current);
                }
                return Err(self.failure(&error));
            }
        }
        let mut ledger = self.shared.ledger();
        for (append, extent) in fresh.iter().zip(extents) {
            ledger.note(current.number, &append.head, extent);
        }
        drop(ledger);
        current.bytes += bytes.len() as u64;
        self.shared.tally.stored(fresh.len() as u64, bytes.len() as u64);
        self.current = Some(current);
        Ok(())
    }

    /// A new file, which begins with how far each node is: the files before it may go.
    fn begin(&mut self, now_ms: i64) -> Result<Current, SpoolError> {
        let ledger = self.shared.ledger();
        let last = ledger.files.last_key_value().map_or(0, |(number, _)| *number);
        let body = ledger.marks.encode();
        drop(ledger);
        // Minutes since the epoch: numbers go on upwards even where the folder was emptied.
        let number = last.saturating_add(1).max(u32::try_from(now_ms / 60_000).unwrap_or(0));
        let path = path(&self.shared.folder, number);
        let head = Head {
            kind: Kind::Marks,
            node: String::new(),
            boot_id: String::new(),
            seq: 0,
            arrived_ms: now_ms,
            from_ms: now_ms,
            to_ms: now_ms,
            dropped: 0,
        };
        let mut bytes = Vec::new();
        frame::write(&mut bytes, &head, &body);
        let begun = self.disk.create(&path).and_then(|mut file| {
            file.append(&bytes)?;
            file.keep()?;
            Ok(file)
        });
        let file = begun.map_err(|error| {
            drop(fs::remove_file(&path));
            self.failure(&error)
        })?;
        let state = LogState { bytes: bytes.len() as u64, arrived_ms: now_ms, ..Default::default() };
        self.shared.ledger().files.insert(number, state);
        Ok(Current { number, file, bytes: bytes.len() as u64, hour: now_ms.div_euclid(HOUR_MS) })
    }

    fn folder(&self) -> String {
        self.shared.folder.display().to_string()
    }

    fn failure(&self, error: &std::io::Error) -> SpoolError {
        let folder = self.folder();
        if matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded) {
            return SpoolError::Full { folder };
        }
        SpoolError::Write { folder, reason: error.to_string() }
    }

    /// Removes files that are too old, and the oldest while all of them take too much with what comes.
    fn tidy(&mut self, now_ms: i64, coming: u64) {
        let is_due = now_ms.saturating_sub(self.tidied_ms) >= TIDY_EVERY_MS || now_ms < self.tidied_ms;
        // What is old by a clock that jumped may be new.
        let oldest_ms = if is_due && self.shared.steady.believes(now_ms) {
            self.tidied_ms = now_ms;
            now_ms.saturating_sub(self.limits.retention_ms)
        } else {
            i64::MIN
        };
        let mut ledger = self.shared.ledger();
        // The last one holds how far each node is until the next one is begun.
        let last = ledger.files.last_key_value().map(|(number, _)| *number);
        let mut bytes = ledger.bytes().saturating_add(coming);
        let mut gone = Vec::new();
        for (number, state) in &ledger.files {
            let too_much = bytes > self.limits.bytes_max;
            if Some(*number) == last || (state.arrived_ms >= oldest_ms && !too_much) {
                continue;
            }
            match fs::remove_file(path(&self.shared.folder, *number)) {
                Err(error) if error.kind() != ErrorKind::NotFound => {
                    tracing::warn!(%error, file = number, "unable to remove an old file of the agents' log");
                }
                Ok(()) | Err(_) => {
                    bytes = bytes.saturating_sub(state.bytes);
                    gone.push(*number);
                    self.shared.tally.removed(state.arrived_ms >= oldest_ms, state.bytes);
                }
            }
        }
        gone.iter().for_each(|number| ledger.forget(*number));
    }

    fn file_bytes_max(&self) -> u64 {
        FILE_BYTES_MAX.min(self.limits.bytes_max / 4)
    }
}
