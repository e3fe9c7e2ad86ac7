//! One record as bytes: length, number, payload, checksum of all three. Little-endian.

use crate::checksum::crc32c;

/// Longest payload of a record, in bytes. A batch of 250 containers and six steps takes about 40 KiB.
pub const RECORD_BYTES_MAX: usize = 256 * 1024;

/// Bytes of a frame beside its payload: length (4), number (8), checksum (4).
pub const FRAME_OVERHEAD: usize = HEAD + 4;
const HEAD: usize = 12;

/// What stands at the beginning of some bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Parsed<'a> {
    /// A whole record.
    Record {
        /// Its number, 1 and up.
        seq: u64,
        /// What was appended.
        payload: &'a [u8],
        /// Bytes of the frame.
        size: usize,
    },
    /// The beginning of a record of so many bytes, which may be a whole one further on.
    Partial {
        /// Bytes of the frame, as far as it says.
        size: usize,
    },
    /// No record.
    Bad,
}

/// Appends the frame of a record. The payload is at most [`RECORD_BYTES_MAX`]; what is longer cannot be read back.
pub fn push_frame(out: &mut Vec<u8>, seq: u64, payload: &[u8]) {
    let begin = out.len();
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    out.extend_from_slice(&length.to_le_bytes());
    out.extend_from_slice(&seq.to_le_bytes());
    out.extend_from_slice(payload);
    let checksum = crc32c(&out[begin..]);
    out.extend_from_slice(&checksum.to_le_bytes());
}

/// Reads the record at the beginning of `bytes`.
pub fn parse_frame(bytes: &[u8]) -> Parsed<'_> {
    let Some(length) = u32_at(bytes, 0) else { return Parsed::Partial { size: FRAME_OVERHEAD } };
    let length = length as usize;
    if length > RECORD_BYTES_MAX {
        return Parsed::Bad;
    }
    let size = length + FRAME_OVERHEAD;
    let (Some(seq), Some(checksum)) = (u64_at(bytes, 4), u32_at(bytes, size - 4)) else {
        return Parsed::Partial { size };
    };
    if seq == 0 || crc32c(&bytes[..size - 4]) != checksum {
        return Parsed::Bad;
    }
    Parsed::Record { seq, payload: &bytes[HEAD..size - 4], size }
}

pub(crate) fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..at.checked_add(4)?)?.try_into().ok()?))
}

pub(crate) fn u64_at(bytes: &[u8], at: usize) -> Option<u64> {
    Some(u64::from_le_bytes(bytes.get(at..at.checked_add(8)?)?.try_into().ok()?))
}

#[cfg(test)]
mod tests {
    use super::{Parsed, parse_frame, push_frame};

    #[test]
    fn a_record_is_read_back_and_no_bit_of_it_may_change() {
        let mut bytes = Vec::new();
        push_frame(&mut bytes, 7, b"payload");
        let size = bytes.len();
        assert_eq!(parse_frame(&bytes), Parsed::Record { seq: 7, payload: b"payload", size });
        for bit in 0..size * 8 {
            let mut other = bytes.clone();
            other[bit / 8] ^= 1 << (bit % 8);
            assert!(!matches!(parse_frame(&other), Parsed::Record { .. }), "bit {bit}");
        }
    }

    #[test]
    fn zeros_that_a_power_cut_leaves_are_no_record() {
        assert_eq!(parse_frame(&[0; 4096]), Parsed::Bad);
    }
}
