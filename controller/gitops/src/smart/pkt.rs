//! pkt-lines: the framing of the Git protocol. Four hex digits give the length, themselves included; `0000`, `0001`
//! and `0002` are separators.
//!
//! Reference: gitprotocol-common(5).

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Packet {
    /// `0000`: the end of a message.
    Flush,
    /// `0001`: the end of a section.
    Delimiter,
    /// `0002`: the end of a stateless answer.
    ResponseEnd,
    /// Content.
    Data(Vec<u8>),
}

impl Packet {
    /// The content as a line without its line end; none for separators.
    pub(crate) fn line(&self) -> Option<String> {
        match self {
            Self::Data(data) => Some(String::from_utf8_lossy(data).trim_end_matches('\n').to_owned()),
            Self::Flush | Self::Delimiter | Self::ResponseEnd => None,
        }
    }
}

/// Longest frame that the protocol allows.
const PACKET_BYTES_MAX: usize = 65_520;

/// Appends a line with its frame.
pub(crate) fn write_line(to: &mut Vec<u8>, line: &str) {
    debug_assert!(line.len() + 5 <= PACKET_BYTES_MAX);
    to.extend_from_slice(format!("{:04x}{line}\n", line.len() + 5).as_bytes());
}

/// Appends `0001`.
pub(crate) fn write_delimiter(to: &mut Vec<u8>) {
    to.extend_from_slice(b"0001");
}

/// Appends `0000`.
pub(crate) fn write_flush(to: &mut Vec<u8>) {
    to.extend_from_slice(b"0000");
}

/// Cuts a stream of bytes, in pieces of any size, into frames.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    buffer: Vec<u8>,
    at: usize,
}

impl Decoder {
    /// Takes the next piece of the stream.
    pub(crate) fn push(&mut self, bytes: &[u8]) {
        self.buffer.drain(..self.at);
        self.at = 0;
        self.buffer.extend_from_slice(bytes);
    }

    /// The next frame; none until more is pushed. The error says what is wrong with the stream.
    pub(crate) fn next(&mut self) -> Result<Option<Packet>, String> {
        let rest = &self.buffer[self.at..];
        let Some((head, body)) = rest.split_at_checked(4) else { return Ok(None) };
        let length = std::str::from_utf8(head)
            .ok()
            .filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()))
            .and_then(|text| usize::from_str_radix(text, 16).ok())
            .ok_or_else(|| "a frame has no length".to_owned())?;
        let packet = match length {
            0 => Packet::Flush,
            1 => Packet::Delimiter,
            2 => Packet::ResponseEnd,
            3 => return Err("a frame has an impossible length".to_owned()),
            4..=PACKET_BYTES_MAX => match body.get(..length - 4) {
                Some(data) => Packet::Data(data.to_vec()),
                None => return Ok(None),
            },
            _ => return Err("a frame is longer than the protocol allows".to_owned()),
        };
        self.at += length.max(4);
        Ok(Some(packet))
    }

    /// Nothing is left over.
    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.buffer.len()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode_all(decoder: &mut Decoder) -> Vec<Packet> {
        std::iter::from_fn(|| decoder.next().unwrap()).collect()
    }

    #[test]
    fn lines_and_separators_come_back() {
        let mut bytes = Vec::new();
        write_line(&mut bytes, "command=ls-refs");
        write_delimiter(&mut bytes);
        write_flush(&mut bytes);
        let mut decoder = Decoder::default();
        decoder.push(&bytes);
        let packets = decode_all(&mut decoder);
        assert_eq!(packets[0].line().as_deref(), Some("command=ls-refs"));
        assert_eq!(packets[1..], [Packet::Delimiter, Packet::Flush]);
        assert!(decoder.is_empty());
    }

    #[test]
    fn what_is_no_frame_is_an_error() {
        for bytes in [&b"<htm"[..], b"0003", b"fff1", b"+004", b"\xff\xff\xff\xff"] {
            let mut decoder = Decoder::default();
            decoder.push(bytes);
            assert!(decoder.next().is_err(), "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn the_size_of_the_pieces_does_not_matter(lines in prop::collection::vec("[a-z]{0,40}", 0..8), piece in 1usize..50) {
            let mut bytes = Vec::new();
            for line in &lines {
                write_line(&mut bytes, line);
            }
            let mut decoder = Decoder::default();
            let mut found = Vec::new();
            for piece in bytes.chunks(piece) {
                decoder.push(piece);
                found.extend(decode_all(&mut decoder).into_iter().filter_map(|packet| packet.line()));
            }
            prop_assert_eq!(found, lines);
        }
    }
}
