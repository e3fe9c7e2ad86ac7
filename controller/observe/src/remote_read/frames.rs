//! The frames in which an answer is streamed: length, CRC-32C, message. Takes bytes whatever their boundaries.

use super::message::varint;

/// Largest frame. Prometheus ends one at 1 MiB, and goes beyond it by a series.
const FRAME_BYTES_MAX: u64 = 32 << 20;

/// The reversed polynomial of Castagnoli.
const POLYNOMIAL: u32 = 0x82f6_3b78;

/// An answer on its way.
#[derive(Default)]
pub(super) struct Frames {
    pending: Vec<u8>,
    at: usize,
}

impl Frames {
    /// Takes the next bytes.
    pub(super) fn feed(&mut self, bytes: &[u8]) {
        self.pending.drain(..self.at);
        self.at = 0;
        self.pending.extend_from_slice(bytes);
    }

    /// The next message that is complete.
    pub(super) fn next(&mut self) -> Result<Option<Vec<u8>>, &'static str> {
        let mut rest = &self.pending[self.at..];
        let Some(length) = varint(&mut rest) else {
            let longest = 10;
            return if rest.len() < longest { Ok(None) } else { Err("a frame has no length") };
        };
        if length > FRAME_BYTES_MAX {
            return Err("a frame is larger than 32 MiB");
        }
        let Some((sum, rest)) = rest.split_first_chunk::<4>() else { return Ok(None) };
        let Some((message, rest)) = rest.split_at_checked(length as usize) else { return Ok(None) };
        if crc32c(message) != u32::from_be_bytes(*sum) {
            return Err("the checksum of a frame is wrong");
        }
        let message = message.to_vec();
        self.at = self.pending.len() - rest.len();
        Ok(Some(message))
    }

    /// Whether nothing is left over.
    pub(super) fn is_at_end(&self) -> bool {
        self.at == self.pending.len()
    }
}

const TABLE: [u32; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 256 {
        let mut sum = byte as u32;
        let mut bit = 0;
        while bit < 8 {
            sum = if sum & 1 == 1 { sum >> 1 ^ POLYNOMIAL } else { sum >> 1 };
            bit += 1;
        }
        table[byte] = sum;
        byte += 1;
    }
    table
};

pub(super) fn crc32c(bytes: &[u8]) -> u32 {
    !bytes.iter().fold(!0, |sum: u32, byte| TABLE[((sum ^ u32::from(*byte)) & 0xff) as usize] ^ sum >> 8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sums_up_as_the_published_vectors() {
        // RFC 3720, B.4, and the check value of the catalogue of CRCs.
        assert_eq!(crc32c(b"123456789"), 0xe306_9283);
        assert_eq!(crc32c(&[0; 32]), 0x8a91_36aa);
        assert_eq!(crc32c(&[0xff; 32]), 0x62a8_ab43);
    }

    #[test]
    fn gives_each_message_once_whatever_the_boundaries_and_refuses_what_is_none() {
        let mut stream = Vec::new();
        let messages = [vec![1; 3], Vec::new(), vec![7; 300]];
        for message in &messages {
            let length = message.len();
            if length >= 0x80 {
                stream.push(length as u8 | 0x80);
                stream.push((length >> 7) as u8);
            } else {
                stream.push(length as u8);
            }
            stream.extend(crc32c(message).to_be_bytes());
            stream.extend(message);
        }
        for piece in [1, 7, 1000] {
            let (mut frames, mut found) = (Frames::default(), Vec::new());
            for bytes in stream.chunks(piece) {
                frames.feed(bytes);
                found.extend(std::iter::from_fn(|| frames.next().unwrap()));
            }
            assert_eq!(found, messages);
            assert!(frames.is_at_end());
        }
        for bad in [&[3, 0, 0, 0, 0, 1, 1, 1][..], &[0xff; 12]] {
            let mut frames = Frames::default();
            frames.feed(bad);
            assert!(frames.next().is_err(), "{bad:?}");
        }
        let mut cut = Frames::default();
        cut.feed(&stream[..4]);
        assert_eq!((cut.next(), cut.is_at_end()), (Ok(None), false));
    }
}
