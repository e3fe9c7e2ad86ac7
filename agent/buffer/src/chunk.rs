//! Records read together; one chunk is used again and again.

use std::ops::Range;

/// Some records in ascending order, at most about [`CHUNK_BYTES`] of them, or one longer one.
#[derive(Debug, Default)]
pub struct Chunk {
    pub(crate) bytes: Vec<u8>,
    pub(crate) spans: Vec<(u64, Range<usize>)>,
}

/// Bytes read at once: an hour of a small node, or half a batch of the largest.
pub(crate) const CHUNK_BYTES: usize = 32 * 1024;

impl Chunk {
    /// Number and payload of each record.
    pub fn records(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.spans.iter().map(|(seq, span)| (*seq, &self.bytes[span.clone()]))
    }

    /// True if there is no record.
    pub fn is_empty(&self) -> bool {
        self.spans.is_empty()
    }

    /// The highest number in it.
    pub fn last_seq(&self) -> Option<u64> {
        self.spans.last().map(|(seq, _)| *seq)
    }
}
