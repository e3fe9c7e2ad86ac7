//! One file of the log, frame by frame. What is damaged is passed over: the next frame is looked for.

use std::fs::File;
use std::io::{self, BufReader, Read as _, Seek as _, SeekFrom};
use std::path::Path;

use crate::spool::frame::{self, Found, Head, NoFrame};

/// Heads are small and bodies some tens of KiB; this much is read at once.
const BUFFER_BYTES: usize = 64 * 1024;

/// What comes next.
#[derive(Debug)]
pub(crate) enum Step {
    /// A frame, with its body where it was wanted.
    Frame { at: u64, head: Head, body: Option<Vec<u8>> },
    /// Bytes that are no frame.
    Damaged { at: u64 },
}

/// Goes through a part of a file.
#[derive(Debug)]
pub(crate) struct Walk {
    file: BufReader<File>,
    at: u64,
    end: u64,
    is_cut: bool,
}

impl Walk {
    /// Goes from one frame's begin to another's, or to the end of what is stored.
    pub(crate) fn open(path: &Path, from: u64, to: u64) -> io::Result<Self> {
        let mut file = File::open(path)?;
        let end = to.min(file.metadata()?.len());
        file.seek(SeekFrom::Start(from))?;
        Ok(Self { file: BufReader::with_capacity(BUFFER_BYTES, file), at: from, end, is_cut: end < to })
    }

    /// Whether the file ends before that part of it does.
    pub(crate) fn is_cut(&self) -> bool {
        self.is_cut
    }

    /// The next frame or damage; none at the end. The body is read where `wanted` says so of the head.
    pub(crate) fn next(&mut self, wanted: impl Fn(&Head) -> bool) -> io::Result<Option<Step>> {
        if self.at >= self.end {
            return Ok(None);
        }
        let at = self.at;
        match frame::read_head(&mut self.file) {
            Ok(found) if at + found.bytes <= self.end => self.body(at, found, wanted),
            Ok(_) | Err(NoFrame::End | NoFrame::Damaged) => {
                self.at = self.resume(at + 1)?;
                Ok(Some(Step::Damaged { at }))
            }
            Err(NoFrame::Io(error)) => Err(error),
        }
    }

    /// Where the next frame begins.
    pub(crate) fn position(&self) -> u64 {
        self.at
    }

    fn body(&mut self, at: u64, found: Found, wanted: impl Fn(&Head) -> bool) -> io::Result<Option<Step>> {
        self.at = at + found.bytes;
        if !wanted(&found.head) {
            self.file.seek_relative(found.body_bytes as i64)?;
            return Ok(Some(Step::Frame { at, head: found.head, body: None }));
        }
        match frame::read_body(&mut self.file, &found) {
            Ok(body) => Ok(Some(Step::Frame { at, head: found.head, body: Some(body) })),
            Err(NoFrame::Io(error)) => Err(error),
            // Its own head is whole, so the next frame begins where it says.
            Err(NoFrame::End | NoFrame::Damaged) => {
                self.file.seek(SeekFrom::Start(self.at))?;
                Ok(Some(Step::Damaged { at }))
            }
        }
    }

    /// Where the next whole head is, from there on; the end without one. The file stands there afterwards.
    fn resume(&mut self, from: u64) -> io::Result<u64> {
        let mut chunk = vec![0; BUFFER_BYTES];
        let mut begin = from;
        while begin < self.end {
            self.file.seek(SeekFrom::Start(begin))?;
            let mut length = 0;
            while length < chunk.len() {
                match self.file.read(&mut chunk[length..])? {
                    0 => break,
                    read => length += read,
                }
            }
            for place in memchr_magic(&chunk[..length]) {
                let at = begin + place as u64;
                self.file.seek(SeekFrom::Start(at))?;
                if at < self.end
                    && frame::read_head(&mut self.file).is_ok_and(|found| at + found.bytes <= self.end)
                {
                    self.file.seek(SeekFrom::Start(at))?;
                    return Ok(at);
                }
            }
            // The magic may lie across two chunks.
            begin += (length.max(4) - 3) as u64;
            if length < chunk.len() {
                break;
            }
        }
        Ok(self.end)
    }
}

fn memchr_magic(bytes: &[u8]) -> impl Iterator<Item = usize> {
    bytes.windows(4).enumerate().filter(|(_, window)| *window == b"KAF1").map(|(place, _)| place)
}
