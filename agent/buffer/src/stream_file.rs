//! The file `stream`: whose numbers these are, and how far they were handed out.

use crate::checksum::crc32c;
use crate::frame::{u32_at, u64_at};
use crate::segment::{BootId, SEQ_MAX};

pub(crate) const NAME: &str = "stream";
/// Magic (4), boot id (16), sent (8), dropped (8), checksum (4).
pub(crate) const LEN: usize = 40;
const MAGIC: &[u8; 4] = b"KOS1";

/// What outlasts a restart beside the records.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct StreamFile {
    pub(crate) boot_id: BootId,
    /// The highest number that was handed out: it is never given again, even if its record is lost.
    pub(crate) sent: u64,
    /// Records dropped so far.
    pub(crate) dropped: u64,
}

impl StreamFile {
    pub(crate) fn bytes(self) -> [u8; LEN] {
        let mut bytes = [0; LEN];
        bytes[..4].copy_from_slice(MAGIC);
        bytes[4..20].copy_from_slice(&self.boot_id.0);
        bytes[20..28].copy_from_slice(&self.sent.to_le_bytes());
        bytes[28..36].copy_from_slice(&self.dropped.to_le_bytes());
        let checksum = crc32c(&bytes[..36]);
        bytes[36..].copy_from_slice(&checksum.to_le_bytes());
        bytes
    }

    pub(crate) fn parse(bytes: &[u8]) -> Option<Self> {
        let whole = bytes.get(..36)?;
        let sound = whole.starts_with(MAGIC) && u32_at(bytes, 36)? == crc32c(whole);
        let sent = u64_at(whole, 20).filter(|sent| *sent < SEQ_MAX)?;
        let file = Self { boot_id: BootId(whole[4..20].try_into().ok()?), sent, dropped: u64_at(whole, 28)? };
        sound.then_some(file)
    }
}
