//! Frames of the log: a fixed part, a head that says whose and when, a body. All three are checked by CRC-32, so that what a
//! crash or a bad disk left is told from what was written.
//!
//! | bytes | what |
//! |---|---|
//! | 4 | `KAF1` |
//! | 2 + 2 | length of the head; zero |
//! | 4 | length of the body |
//! | 4 | CRC-32 of the body |
//! | 4 | CRC-32 of the 16 bytes before and the head |

use std::io::{self, Read};

/// Bytes before the head.
pub(crate) const FIXED_BYTES: usize = 20;
/// Bytes of a head: six numbers, a node's name and a boot id.
const HEAD_BYTES_MAX: usize = 512;
/// Bytes of a body: a message before it was compressed, and marks of all nodes.
pub(crate) const BODY_BYTES_MAX: usize = 16 * 1024 * 1024;
const MAGIC: [u8; 4] = *b"KAF1";

/// What a frame holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A batch, compressed.
    Batch,
    /// A batch that was taken and is not kept; its number counts.
    Skipped,
    /// How far each node was when the file was begun.
    Marks,
}

impl Kind {
    fn number(self) -> u8 {
        match self {
            Self::Batch => 1,
            Self::Skipped => 2,
            Self::Marks => 3,
        }
    }

    fn of(number: u8) -> Option<Self> {
        [Self::Batch, Self::Skipped, Self::Marks].into_iter().find(|kind| kind.number() == number)
    }
}

/// Whose batch it is, and of when. Times are milliseconds since the epoch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Head {
    pub(crate) kind: Kind,
    pub(crate) node: String,
    pub(crate) boot_id: String,
    pub(crate) seq: u64,
    /// When it came in.
    pub(crate) arrived_ms: i64,
    /// When the first of its readings began, and the last was taken.
    pub(crate) from_ms: i64,
    pub(crate) to_ms: i64,
    /// Batches that the boot id had lost by then.
    pub(crate) dropped: u64,
}

impl Head {
    pub(crate) fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + self.node.len() + self.boot_id.len());
        bytes.push(self.kind.number());
        for number in [
            self.seq.to_le_bytes(),
            self.arrived_ms.to_le_bytes(),
            self.from_ms.to_le_bytes(),
            self.to_ms.to_le_bytes(),
            self.dropped.to_le_bytes(),
        ] {
            bytes.extend(number);
        }
        for text in [&self.node, &self.boot_id] {
            // Names were checked before they came here; a longer one would not fit its length byte.
            let text = &text.as_bytes()[..text.len().min(u8::MAX.into())];
            bytes.push(text.len() as u8);
            bytes.extend(text);
        }
        bytes
    }

    pub(crate) fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes;
        let kind = Kind::of(*rest.split_off_first()?)?;
        let seq = u64::from_le_bytes(number(&mut rest)?);
        let arrived_ms = i64::from_le_bytes(number(&mut rest)?);
        let from_ms = i64::from_le_bytes(number(&mut rest)?);
        let to_ms = i64::from_le_bytes(number(&mut rest)?);
        let dropped = u64::from_le_bytes(number(&mut rest)?);
        let node = text(&mut rest)?;
        let boot_id = text(&mut rest)?;
        rest.is_empty().then_some(Self { kind, node, boot_id, seq, arrived_ms, from_ms, to_ms, dropped })
    }
}

fn number(rest: &mut &[u8]) -> Option<[u8; 8]> {
    rest.split_off(..8)?.try_into().ok()
}

fn text(rest: &mut &[u8]) -> Option<String> {
    let length = *rest.split_off_first()?;
    String::from_utf8(rest.split_off(..usize::from(length))?.to_vec()).ok()
}

/// The bytes of a frame.
pub(crate) fn write(into: &mut Vec<u8>, head: &Head, body: &[u8]) {
    let head = head.encode();
    let begin = into.len();
    into.extend(MAGIC);
    into.extend((head.len() as u16).to_le_bytes());
    into.extend([0, 0]);
    into.extend((body.len() as u32).to_le_bytes());
    into.extend(crc32fast::hash(body).to_le_bytes());
    let mut crc = crc32fast::Hasher::new();
    crc.update(&into[begin..]);
    crc.update(&head);
    into.extend(crc.finalize().to_le_bytes());
    into.extend(head);
    into.extend(body);
}

/// A head that was read, and what follows it.
#[derive(Debug)]
pub(crate) struct Found {
    pub(crate) head: Head,
    pub(crate) body_bytes: usize,
    body_crc: u32,
    /// Bytes of the whole frame.
    pub(crate) bytes: u64,
}

/// Why there is no frame here.
#[derive(Debug)]
pub(crate) enum NoFrame {
    /// The file ends here, or within the frame.
    End,
    /// These bytes are none.
    Damaged,
    /// The file cannot be read.
    Io(io::Error),
}

impl From<io::Error> for NoFrame {
    fn from(error: io::Error) -> Self {
        if error.kind() == io::ErrorKind::UnexpectedEof { Self::End } else { Self::Io(error) }
    }
}

/// Reads the fixed part and the head; the body is left where it is.
pub(crate) fn read_head(file: &mut impl Read) -> Result<Found, NoFrame> {
    let mut fixed = [0; FIXED_BYTES];
    file.read_exact(&mut fixed)?;
    let word = |at: usize| u32::from_le_bytes([fixed[at], fixed[at + 1], fixed[at + 2], fixed[at + 3]]);
    let head_bytes = usize::from(u16::from_le_bytes([fixed[4], fixed[5]]));
    let body_bytes = word(8) as usize;
    if fixed[..4] != MAGIC
        || fixed[6..8] != [0, 0]
        || head_bytes > HEAD_BYTES_MAX
        || body_bytes > BODY_BYTES_MAX
    {
        return Err(NoFrame::Damaged);
    }
    let mut head = [0; HEAD_BYTES_MAX];
    let head = &mut head[..head_bytes];
    file.read_exact(head)?;
    let mut crc = crc32fast::Hasher::new();
    crc.update(&fixed[..16]);
    crc.update(head);
    if crc.finalize() != word(16) {
        return Err(NoFrame::Damaged);
    }
    let head = Head::decode(head).ok_or(NoFrame::Damaged)?;
    let bytes = (FIXED_BYTES + head_bytes + body_bytes) as u64;
    Ok(Found { head, body_bytes, body_crc: word(12), bytes })
}

/// Reads the body that follows a head.
pub(crate) fn read_body(file: &mut impl Read, found: &Found) -> Result<Vec<u8>, NoFrame> {
    let mut body = vec![0; found.body_bytes];
    file.read_exact(&mut body)?;
    if crc32fast::hash(&body) == found.body_crc { Ok(body) } else { Err(NoFrame::Damaged) }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn head() -> Head {
        Head {
            kind: Kind::Batch,
            node: "node-1".to_owned(),
            boot_id: "b".repeat(32),
            seq: 9,
            arrived_ms: 3,
            from_ms: -1,
            to_ms: i64::MAX,
            dropped: 2,
        }
    }

    fn bytes(body: &[u8]) -> Vec<u8> {
        let mut bytes = Vec::new();
        write(&mut bytes, &head(), body);
        bytes
    }

    proptest! {
        #[test]
        fn a_frame_comes_back_and_any_flipped_bit_is_seen(body in proptest::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), bit in 0..8) {
            let written = bytes(&body);
            let mut file = written.as_slice();
            let found = read_head(&mut file).expect("a head");
            prop_assert_eq!(&found.head, &head());
            prop_assert_eq!(found.bytes, written.len() as u64);
            prop_assert_eq!(read_body(&mut file, &found).expect("a body"), body);

            let mut damaged = written;
            let place = at.index(damaged.len());
            damaged[place] ^= 1u8 << bit;
            let mut file = damaged.as_slice();
            let whole = read_head(&mut file).and_then(|found| read_body(&mut file, &found));
            prop_assert!(whole.is_err(), "a flipped bit at {place}");
        }

        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut file = bytes.as_slice();
            if let Ok(found) = read_head(&mut file) {
                let _ = read_body(&mut file, &found);
            }
            let _ = Head::decode(&bytes);
        }
    }
}
