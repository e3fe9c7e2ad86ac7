//! A segment: a file named after its first number, with a header of its own, then frames.

use std::fmt;

use crate::checksum::crc32c;
use crate::frame::{u32_at, u64_at};

/// A random id, made with the folder: numbers of records count within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BootId(pub(crate) [u8; 16]);

impl fmt::Display for BootId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02x}"))
    }
}

/// Bytes before the first frame: magic (4), boot id (16), begin (8), checksum (4).
pub(crate) const HEADER: usize = 32;
const MAGIC: &[u8; 4] = b"KOB1";

/// No number goes further, so that sums of numbers and counts stay far from the end of u64.
pub(crate) const SEQ_MAX: u64 = 1 << 62;

/// One file, as the buffer remembers it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Segment {
    pub(crate) first_seq: u64,
    /// When it was begun, in Unix milliseconds.
    pub(crate) begin_ms: u64,
    /// Bytes of the file that are header and frames.
    pub(crate) len: u64,
    /// From here on its frames are known to be broken, and counted.
    pub(crate) broken_from: Option<u64>,
}

impl Segment {
    pub(crate) fn name(&self) -> String {
        name(self.first_seq)
    }
}

pub(crate) fn name(first_seq: u64) -> String {
    format!("{first_seq:020}.seg")
}

/// The first number of a segment, if a file of this name is one.
pub(crate) fn first_seq(name: &str) -> Option<u64> {
    let digits = name.strip_suffix(".seg")?;
    let plain = digits.len() == 20 && digits.bytes().all(|byte| byte.is_ascii_digit());
    digits.parse().ok().filter(|seq| plain && (1..SEQ_MAX).contains(seq))
}

pub(crate) fn header(boot_id: BootId, begin_ms: u64) -> [u8; HEADER] {
    let mut bytes = [0; HEADER];
    bytes[..4].copy_from_slice(MAGIC);
    bytes[4..20].copy_from_slice(&boot_id.0);
    bytes[20..28].copy_from_slice(&begin_ms.to_le_bytes());
    let checksum = crc32c(&bytes[..28]);
    bytes[28..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

/// Boot id and begin of a header, unless it is damaged.
pub(crate) fn parse_header(bytes: &[u8]) -> Option<(BootId, u64)> {
    let whole = bytes.get(..28)?;
    let sound = whole.starts_with(MAGIC) && u32_at(bytes, 28)? == crc32c(whole);
    let boot_id = BootId(whole[4..20].try_into().ok()?);
    sound.then_some((boot_id, u64_at(whole, 20)?))
}
