//! What a folder holds when an agent starts: the stream, its segments, a torn end.

use std::collections::VecDeque;
use std::io;

use crate::buffer::{Buffer, Counts, Limits};
use crate::chunk::CHUNK_BYTES;
use crate::disk::Disk;
use crate::error::OpenError;
use crate::frame::{FRAME_OVERHEAD, Parsed, parse_frame};
use crate::segment::{self, BootId, HEADER, Segment};
use crate::stream_file::{self, StreamFile};

/// More files than this are not looked at; the limits make at most 32 of size and 25 of age.
const SEGMENTS_MAX: usize = 1024;

impl<D: Disk> Buffer<D> {
    /// Takes up what the disk holds, or begins a new stream. A torn end is cut; what cannot be used is removed and counted.
    ///
    /// # Errors
    /// The disk cannot be listed or written, or there is no random id for a new stream.
    pub fn open(mut disk: D, limits: Limits) -> Result<Self, OpenError> {
        let names = disk.names().map_err(OpenError::Folder)?;
        let mut firsts: Vec<u64> = names.iter().filter_map(|name| segment::first_seq(name)).collect();
        firsts.sort_unstable();
        let mut counts = Counts::default();
        let known = known_stream(&disk)?;
        let mut boot_id = known.map(|file| file.boot_id);
        let mut segments = VecDeque::new();
        let mut lost_to = 0;
        let surplus = firsts.len().saturating_sub(SEGMENTS_MAX);
        for (index, first_seq) in firsts.iter().copied().enumerate() {
            let read = if index < surplus { None } else { read_head(&disk, first_seq)? };
            let end = firsts.get(index + 1).copied();
            let own = read.filter(|(id, _)| boot_id.is_none_or(|known| known == *id));
            match own {
                Some((id, segment)) => {
                    boot_id = Some(id);
                    segments.push_back(segment);
                }
                None => {
                    let len = disk.len(&segment::name(first_seq)).map_err(OpenError::Folder)?;
                    let records = records_at_most(first_seq, end, len);
                    counts.damaged = counts.damaged.saturating_add(records);
                    lost_to = first_seq.saturating_add(records);
                    disk.remove(&segment::name(first_seq)).map_err(OpenError::Folder)?;
                }
            }
        }
        let boot_id = match boot_id {
            Some(boot_id) => boot_id,
            None => new_boot_id()?,
        };
        let mut buffer = Self {
            disk,
            limits,
            boot_id,
            segments,
            next_seq: 1,
            acknowledged: 0,
            sent: known.map_or(0, |file| file.sent),
            counts: Counts { dropped: known.map_or(0, |file| file.dropped), ..counts },
            closed: false,
            is_full: false,
            unsynced: false,
            synced_ms: 0,
            cursor: None,
            frame: Vec::new(),
        };
        buffer.cut_torn_end().map_err(OpenError::Folder)?;
        if known.is_none() {
            // How far it was handed out is forgotten: nothing that was on disk may share its number with a new record.
            let torn = buffer.counts.torn_bytes.div_ceil(FRAME_OVERHEAD as u64);
            buffer.sent = (buffer.next_seq - 1).saturating_add(torn).max(lost_to).min(segment::SEQ_MAX - 1);
        }
        buffer.next_seq = buffer.next_seq.max(buffer.sent + 1);
        buffer.write_stream_file();
        if known.is_none() && buffer.counts.disk_errors > 0 {
            return Err(OpenError::Folder(io::Error::other("the file `stream` cannot be written")));
        }
        Ok(buffer)
    }

    /// Finds the end of the newest segment, frame by frame.
    fn cut_torn_end(&mut self) -> io::Result<()> {
        let Some(last) = self.segments.back_mut() else { return Ok(()) };
        let name = last.name();
        let (mut bytes, mut offset, mut want) = (Vec::new(), HEADER as u64, CHUNK_BYTES);
        let mut seq_before = last.first_seq - 1;
        'file: while offset < last.len {
            bytes.resize(want, 0);
            let filled = self.disk.read_at(&name, offset, &mut bytes)?;
            let mut used = 0;
            while used < filled {
                match parse_frame(&bytes[used..filled]) {
                    Parsed::Record { seq, size, .. } if seq > seq_before && seq < segment::SEQ_MAX => {
                        (used, seq_before) = (used + size, seq);
                    }
                    Parsed::Partial { size } if filled == bytes.len() && (used > 0 || size > want) => {
                        want = size.max(CHUNK_BYTES);
                        break;
                    }
                    Parsed::Record { .. } | Parsed::Bad | Parsed::Partial { .. } => {
                        offset += used as u64;
                        break 'file;
                    }
                }
            }
            offset += used as u64;
            if filled == 0 {
                break;
            }
        }
        let torn = last.len.saturating_sub(offset);
        if torn > 0 {
            self.disk.truncate(&name, offset)?;
            last.len = offset;
        }
        self.counts.torn_bytes = torn;
        self.next_seq = seq_before + 1;
        Ok(())
    }
}

fn known_stream<D: Disk>(disk: &D) -> Result<Option<StreamFile>, OpenError> {
    let mut bytes = [0; stream_file::LEN];
    match disk.read_at(stream_file::NAME, 0, &mut bytes) {
        Ok(filled) => Ok(StreamFile::parse(&bytes[..filled])),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(OpenError::Folder(error)),
    }
}

fn read_head<D: Disk>(disk: &D, first_seq: u64) -> Result<Option<(BootId, Segment)>, OpenError> {
    let name = segment::name(first_seq);
    let mut bytes = [0; HEADER];
    let filled = disk.read_at(&name, 0, &mut bytes).map_err(OpenError::Folder)?;
    let len = disk.len(&name).map_err(OpenError::Folder)?;
    Ok(segment::parse_header(&bytes[..filled])
        .map(|(boot_id, begin_ms)| (boot_id, Segment { first_seq, begin_ms, len, broken_from: None })))
}

/// How many records a segment that cannot be read may have had.
fn records_at_most(first_seq: u64, end_seq: Option<u64>, len: u64) -> u64 {
    let by_size = len.saturating_sub(HEADER as u64) / FRAME_OVERHEAD as u64;
    end_seq.map_or(by_size, |end| by_size.min(end - first_seq))
}

fn new_boot_id() -> Result<BootId, OpenError> {
    let mut id = [0; 16];
    getrandom::fill(&mut id).map_err(|_| OpenError::Random)?;
    Ok(BootId(id))
}
