//! The buffer: append at one end, read and acknowledge at the other.

use std::collections::VecDeque;
use std::io;

use crate::chunk::{CHUNK_BYTES, Chunk};
use crate::disk::Disk;
use crate::error::{AppendError, ReadError};
use crate::frame::{FRAME_OVERHEAD, Parsed, RECORD_BYTES_MAX, parse_frame, push_frame};
use crate::segment::{self, BootId, HEADER, SEQ_MAX, Segment};
use crate::stream_file::{self, StreamFile};

/// How much is kept, and how carefully.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// A segment is closed at this size, in bytes: what is lost when the oldest goes.
    pub segment_bytes: u64,
    /// A segment is closed at this age, so that old records go by the hour on small nodes too.
    pub segment_ms: u64,
    /// All segments together, in bytes: at least two of them.
    pub total_bytes: u64,
    /// A segment goes when all its records are older than this.
    pub age_ms: u64,
    /// Records are on disk after this long at the latest, even if nobody reads them.
    pub sync_ms: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            segment_bytes: 1 << 20,
            segment_ms: 3_600_000,
            total_bytes: 32 << 20,
            age_ms: 24 * 3_600_000,
            sync_ms: 30_000,
        }
    }
}

/// What went wrong so far; for metrics.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Records of this stream that were dropped: too old, too many, or no space. Outlasts restarts.
    pub dropped: u64,
    /// Records that were on disk and could not be read back, since the buffer was opened.
    pub damaged: u64,
    /// Bytes cut from the end of the newest segment when the buffer was opened.
    pub torn_bytes: u64,
    /// Calls of the disk that failed and were made up for.
    pub disk_errors: u64,
}

/// Where reading stopped, so that the next chunk need not search.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    pub(crate) segment: u64,
    pub(crate) after: u64,
    pub(crate) offset: u64,
}

/// Records until they are acknowledged.
#[derive(Debug)]
pub struct Buffer<D> {
    pub(crate) disk: D,
    pub(crate) limits: Limits,
    pub(crate) boot_id: BootId,
    /// Oldest first; only the last is written to.
    pub(crate) segments: VecDeque<Segment>,
    pub(crate) next_seq: u64,
    pub(crate) acknowledged: u64,
    pub(crate) sent: u64,
    pub(crate) counts: Counts,
    /// The last segment takes no more records.
    pub(crate) closed: bool,
    /// The last append failed: whatever is acknowledged makes room at once.
    pub(crate) is_full: bool,
    pub(crate) unsynced: bool,
    pub(crate) synced_ms: u64,
    pub(crate) cursor: Option<Cursor>,
    pub(crate) frame: Vec<u8>,
}

impl<D: Disk> Buffer<D> {
    /// The stream whose numbers these are.
    pub fn boot_id(&self) -> BootId {
        self.boot_id
    }

    /// The number that the next record will have.
    pub fn next_seq(&self) -> u64 {
        self.next_seq
    }

    /// Everything up to here has been acknowledged.
    pub fn acknowledged_seq(&self) -> u64 {
        self.acknowledged
    }

    /// Losses and faults so far.
    pub fn counts(&self) -> Counts {
        self.counts
    }

    /// Bytes of all segments on disk.
    pub fn bytes(&self) -> u64 {
        self.segments.iter().map(|segment| segment.len).sum()
    }

    /// When the oldest segment was begun, in Unix milliseconds.
    pub fn oldest_ms(&self) -> Option<u64> {
        self.segments.front().map(|segment| segment.begin_ms)
    }

    /// Keeps a record and gives its number, which is [`Self::next_seq`] of before.
    ///
    /// # Errors
    /// The record is too long, or the disk is full or fails; it is counted as dropped, and its number goes to the next.
    pub fn append(&mut self, now_ms: u64, payload: &[u8]) -> Result<u64, AppendError> {
        let kept = self.keep(now_ms, payload);
        self.is_full = matches!(kept, Err(AppendError::Full(_)));
        if kept.is_err() {
            self.drop_records(1);
        }
        kept
    }

    fn keep(&mut self, now_ms: u64, payload: &[u8]) -> Result<u64, AppendError> {
        if payload.len() > RECORD_BYTES_MAX {
            return Err(AppendError::TooLong { bytes: payload.len() });
        }
        let size = (payload.len() + FRAME_OVERHEAD) as u64;
        self.make_room(now_ms, size);
        if self.wants_a_new_segment(now_ms, size) {
            self.sync(now_ms);
            self.begin_segment(now_ms)?;
        }
        let seq = self.next_seq;
        self.frame.clear();
        push_frame(&mut self.frame, seq, payload);
        let Some(segment) = self.segments.back_mut() else {
            return Err(io::Error::other("no segment is open").into());
        };
        if let Err(error) = self.disk.write_at(&segment.name(), segment.len, &self.frame) {
            // A torn frame must not lie between two whole ones.
            self.closed = self.disk.truncate(&segment.name(), segment.len).is_err();
            return Err(error.into());
        }
        segment.len += size;
        self.next_seq += 1;
        self.unsynced = true;
        if now_ms.abs_diff(self.synced_ms) >= self.limits.sync_ms {
            self.sync(now_ms);
        }
        Ok(seq)
    }

    fn wants_a_new_segment(&self, now_ms: u64, size: u64) -> bool {
        let Some(last) = self.segments.back() else { return true };
        let full = last.len > HEADER as u64 && last.len + size > self.limits.segment_bytes;
        // Whichever way the clock went.
        let aged = last.len > HEADER as u64 && now_ms.abs_diff(last.begin_ms) >= self.limits.segment_ms;
        self.closed || full || aged
    }

    fn begin_segment(&mut self, now_ms: u64) -> Result<(), AppendError> {
        let name = segment::name(self.next_seq);
        if self.segments.back().is_some_and(|last| last.first_seq == self.next_seq) {
            // It has no record, and its end is torn.
            self.segments.pop_back();
            self.cursor = None;
        }
        let made = self
            .disk
            .write_at(&name, 0, &segment::header(self.boot_id, now_ms))
            .and_then(|()| self.disk.truncate(&name, HEADER as u64));
        if let Err(error) = made {
            self.counts.disk_errors += u64::from(self.disk.remove(&name).is_err());
            return Err(error.into());
        }
        self.segments.push_back(Segment {
            first_seq: self.next_seq,
            begin_ms: now_ms,
            len: HEADER as u64,
            broken_from: None,
        });
        self.closed = false;
        Ok(())
    }

    fn make_room(&mut self, now_ms: u64, size: u64) {
        while self.segments.len() > 1 {
            let too_many = self.bytes() + size + HEADER as u64 > self.limits.total_bytes;
            // What the second began with is newer than all of the first.
            let too_old = self.segments[1].begin_ms.saturating_add(self.limits.age_ms) <= now_ms;
            if !too_many && !too_old {
                return;
            }
            self.remove_oldest(Removed::Dropped);
        }
    }

    pub(crate) fn remove_oldest(&mut self, why: Removed) {
        let Some(segment) = self.segments.pop_front() else { return };
        let end = self.segments.front().map_or(self.next_seq, |next| next.first_seq);
        // What is broken has been counted as damaged; what is acknowledged is no loss.
        let readable_from = segment.first_seq.max(self.acknowledged + 1);
        let lost =
            if segment.broken_from == Some(HEADER as u64) { 0 } else { end.saturating_sub(readable_from) };
        if let Err(_error) = self.disk.remove(&segment.name()) {
            self.counts.disk_errors += 1;
        }
        if matches!(why, Removed::Dropped) {
            self.drop_records(lost);
        }
    }

    fn drop_records(&mut self, records: u64) {
        self.counts.dropped = self.counts.dropped.saturating_add(records);
        self.write_stream_file();
    }

    pub(crate) fn write_stream_file(&mut self) {
        let file = StreamFile { boot_id: self.boot_id, sent: self.sent, dropped: self.counts.dropped };
        // In place: a full disk lets it pass.
        let written = self
            .disk
            .write_at(stream_file::NAME, 0, &file.bytes())
            .and_then(|()| self.disk.sync(stream_file::NAME));
        self.counts.disk_errors += u64::from(written.is_err());
    }

    /// Returns once all records are on disk, as far as the disk lets it.
    pub fn sync(&mut self, now_ms: u64) {
        self.synced_ms = now_ms;
        let Some(last) = self.segments.back().filter(|_| self.unsynced) else { return };
        match self.disk.sync(&last.name()) {
            Ok(()) => self.unsynced = false,
            Err(_error) => self.counts.disk_errors += 1,
        }
    }

    /// Fills `chunk` with the oldest records after number `after`. It is empty if there is none.
    ///
    /// Broken records are counted and passed over, up to the next segment.
    ///
    /// # Errors
    /// The disk fails; what was read before is in the chunk.
    pub fn chunk_after(&mut self, after: u64, chunk: &mut Chunk) -> Result<(), ReadError> {
        chunk.spans.clear();
        let after = after.max(self.acknowledged);
        self.sync(self.synced_ms);
        let mut index = self.segments.partition_point(|segment| segment.first_seq <= after).saturating_sub(1);
        while chunk.is_empty() && index < self.segments.len() {
            self.read_segment(index, after, chunk)?;
            index += 1;
        }
        if let Some(last) = chunk.last_seq().filter(|last| *last > self.sent) {
            self.sent = last;
            self.write_stream_file();
        }
        Ok(())
    }

    fn read_segment(&mut self, index: usize, after: u64, chunk: &mut Chunk) -> Result<(), ReadError> {
        let segment = self.segments[index].clone();
        let end_seq = self.segments.get(index + 1).map_or(self.next_seq, |next| next.first_seq);
        let end = segment.broken_from.unwrap_or(segment.len);
        let known = self.cursor.filter(|cursor| cursor.segment == segment.first_seq && cursor.after == after);
        let mut at = Cursor {
            segment: segment.first_seq,
            after: segment.first_seq - 1,
            offset: known.map_or(HEADER as u64, |cursor| cursor.offset),
        };
        at.after = known.map_or(at.after, |cursor| cursor.after);
        let mut want = CHUNK_BYTES;
        while chunk.is_empty() && at.offset < end {
            let rest = usize::try_from(end - at.offset).unwrap_or(usize::MAX);
            chunk.bytes.resize(want.min(rest), 0);
            let filled =
                self.disk.read_at(&segment.name(), at.offset, &mut chunk.bytes).map_err(ReadError)?;
            let (begin, mut used) = (at.offset, 0);
            let stop = loop {
                match parse_frame(&chunk.bytes[used..filled]) {
                    Parsed::Record { seq, payload, size } if seq > at.after && seq < end_seq => {
                        if seq > after {
                            let from = used + size - 4 - payload.len();
                            chunk.spans.push((seq, from..from + payload.len()));
                        }
                        used += size;
                        at.after = seq;
                        at.offset = begin + used as u64;
                    }
                    Parsed::Record { .. } | Parsed::Bad => break Stop::Broken,
                    Parsed::Partial { .. } if filled == used => break Stop::Edge,
                    Parsed::Partial { size }
                        if at.offset + size as u64 <= end && filled == chunk.bytes.len() =>
                    {
                        want = size.max(CHUNK_BYTES);
                        break Stop::Edge;
                    }
                    Parsed::Partial { .. } => break Stop::Broken,
                }
            };
            if matches!(stop, Stop::Broken) || filled == 0 {
                self.pass_over(index, at, end_seq);
                break;
            }
        }
        // What was skipped is not read again.
        self.cursor = Some(Cursor { after: at.after.max(after), ..at });
        Ok(())
    }

    fn pass_over(&mut self, index: usize, at: Cursor, end_seq: u64) {
        let last = index + 1 == self.segments.len();
        let segment = &mut self.segments[index];
        if segment.broken_from.is_none() {
            segment.broken_from = Some(at.offset);
            let from = at.after.max(self.acknowledged);
            self.counts.damaged = self.counts.damaged.saturating_add((end_seq - 1).saturating_sub(from));
        }
        // Nothing is written behind what is broken.
        self.closed |= last;
    }

    /// The receiver has everything up to `seq`: whole segments go. False if no such record was ever handed out.
    pub fn acknowledged(&mut self, seq: u64) -> bool {
        if seq > self.sent {
            return false;
        }
        self.acknowledged = self.acknowledged.max(seq);
        while self.segments.len() > 1 && self.segments[1].first_seq <= self.acknowledged + 1 {
            self.remove_oldest(Removed::Acknowledged);
        }
        if self.is_full && self.acknowledged + 1 == self.next_seq {
            self.remove_oldest(Removed::Acknowledged);
            (self.cursor, self.unsynced, self.closed) = (None, false, false);
        }
        true
    }

    /// The receiver says, when a connection begins, that it has everything up to `seq` of this stream. If that is more
    /// than the folder knows of, records were lost from disk after they were sent: numbers go on after them.
    pub fn continue_after(&mut self, seq: u64) {
        if seq >= SEQ_MAX {
            return;
        }
        if seq >= self.next_seq {
            self.sync(self.synced_ms);
            self.next_seq = seq + 1;
            self.closed = true;
        }
        if seq > self.sent {
            self.sent = seq;
            self.write_stream_file();
        }
        self.acknowledged(seq);
    }
}

enum Stop {
    Edge,
    Broken,
}

/// Why a segment goes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Removed {
    Acknowledged,
    Dropped,
}
