//! One hour of the log, a batch at a time.

use std::collections::{HashMap, VecDeque};
use std::io::Read as _;
use std::sync::Arc;

use flate2::read::DeflateDecoder;
use kubeopt_model::agents::NodePart;
use kubeopt_model::usage::Window;
use kubeopt_proto::{Batch, MESSAGE_BYTES_MAX, Message as _};

use crate::error::SpoolError;
use crate::readings;
use crate::spool::Shared;
use crate::spool::frame::{Head, Kind};
use crate::spool::ledger::{path, touches};
use crate::spool::walk::{Step, Walk};

/// The parts of an hour. Ends at a file that cannot be read, after the error; what is damaged is passed over and counted.
pub struct HourReader {
    hour_ms: i64,
    shared: Arc<Shared>,
    /// Files, oldest first, with where the hour's batches begin and end.
    files: VecDeque<(u32, (u64, u64))>,
    walk: Option<(u32, Walk)>,
    /// The last number of each buffer: a write that failed half may have left a batch in two files.
    read: HashMap<(String, String), u64>,
    parts: VecDeque<NodePart>,
    /// Why it cannot be read from the begin on.
    refused: Option<SpoolError>,
}

impl HourReader {
    pub(crate) fn new(shared: &Arc<Shared>, hour: Window) -> Self {
        let hour_ms = hour.from_unix_s.saturating_mul(1000);
        let ledger = shared.ledger();
        let files = ledger.files.iter().filter_map(|(number, state)| {
            let extent = state.hours.get(&hour_ms)?;
            Some((*number, *extent))
        });
        let files = files.collect();
        let refused = (!ledger.is_whole(hour_ms)).then(|| SpoolError::Read {
            file: shared.folder.display().to_string(),
            reason: "files of this hour were removed".to_owned(),
        });
        Self {
            hour_ms,
            shared: Arc::clone(shared),
            files,
            walk: None,
            read: HashMap::new(),
            parts: VecDeque::new(),
            refused,
        }
    }

    /// Reads on until there are parts; false at the end.
    fn fill(&mut self) -> Result<bool, SpoolError> {
        if let Some(error) = self.refused.take() {
            self.files.clear();
            return Err(error);
        }
        while self.parts.is_empty() {
            let Some((file, walk)) = &mut self.walk else {
                let Some((file, (from, to))) = self.files.pop_front() else { return Ok(false) };
                let path = path(&self.shared.folder, file);
                match Walk::open(&path, from, to) {
                    Ok(walk) if walk.is_cut() => return Err(SpoolError::read(&path, &cut_short())),
                    Ok(walk) => self.walk = Some((file, walk)),
                    // Also where its time was over meanwhile: a part of an hour would stand for all of it.
                    Err(error) => return Err(SpoolError::read(&path, &error)),
                }
                continue;
            };
            let (file, hour_ms) = (*file, self.hour_ms);
            let step = walk.next(|head| head.kind == Kind::Batch && touches(head, hour_ms));
            match step.map_err(|error| SpoolError::read(&path(&self.shared.folder, file), &error))? {
                None => self.walk = None,
                Some(Step::Damaged { at }) => self.shared.damaged(file, at),
                Some(Step::Frame { body: None, .. }) => {}
                Some(Step::Frame { at, head, body: Some(body) }) => self.take((file, at), head, &body),
            }
        }
        Ok(true)
    }

    fn take(&mut self, (file, at): (u32, u64), head: Head, body: &[u8]) {
        let last = self.read.entry((head.node.clone(), head.boot_id)).or_default();
        if head.seq <= *last {
            return;
        }
        *last = head.seq;
        match unpack(body) {
            Some(batch) => self.parts.extend(readings::parts(&head.node, batch)),
            None => self.shared.damaged(file, at),
        }
    }
}

impl Iterator for HourReader {
    type Item = Result<NodePart, SpoolError>;

    fn next(&mut self) -> Option<Self::Item> {
        match self.fill() {
            Ok(_) => self.parts.pop_front().map(Ok),
            Err(error) => {
                (self.walk, self.files) = (None, VecDeque::new());
                Some(Err(error))
            }
        }
    }
}

fn cut_short() -> std::io::Error {
    std::io::Error::new(std::io::ErrorKind::UnexpectedEof, "it is shorter than what was stored in it")
}

/// A batch from the body of its frame.
fn unpack(body: &[u8]) -> Option<Batch> {
    let mut bytes = Vec::new();
    // One byte more than there can be, so that what is longer is seen.
    let mut reader = DeflateDecoder::new(body).take(MESSAGE_BYTES_MAX as u64 + 1);
    reader.read_to_end(&mut bytes).ok()?;
    let batch = (bytes.len() <= MESSAGE_BYTES_MAX).then(|| Batch::decode(bytes.as_slice()).ok())??;
    kubeopt_proto::check(&batch).is_ok().then_some(batch)
}
