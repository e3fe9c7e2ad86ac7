//! The two messages of remote read in protobuf, as `prometheus/prompb/remote.proto` numbers their fields: what is asked is
//! written, and of what is answered the labels and chunks are read. Beside it the block of snappy that a request is in.

use kubeopt_model::usage::Window;

use crate::query::{Compare, Matcher};
use crate::scanner::Labels;

/// Most labels of one series; Prometheus' users set limits far below.
const LABELS_MAX: usize = 1000;

/// Longest literal of a snappy block that one tag says with two bytes of length.
const LITERAL_MAX: usize = 1 << 16;

/// Number of the encoding of chunks, `XOR`.
const XOR: u64 = 1;

/// A part of an answer, in the order in which it stands there.
pub(super) enum Part<'a> {
    /// A series begins, or goes on.
    Labels(Labels),
    /// Samples of it.
    Chunk(&'a [u8]),
}

/// `ReadRequest` for the samples of a slice, both ends included, in a block of snappy.
pub(super) fn read_request(slice: Window, matchers: &[Matcher]) -> Vec<u8> {
    let mut query = Vec::new();
    number(&mut query, 1, slice.from_unix_s.saturating_mul(1000).unsigned_abs());
    number(&mut query, 2, slice.to_unix_s.saturating_mul(1000).unsigned_abs());
    for matcher in matchers {
        let mut inner = Vec::new();
        let kind = match matcher.compare {
            Compare::Equal => 0,
            Compare::NotEqual => 1,
            Compare::Matches => 2,
        };
        number(&mut inner, 1, kind);
        bytes(&mut inner, 2, matcher.name.as_bytes());
        bytes(&mut inner, 3, matcher.value.as_bytes());
        bytes(&mut query, 3, &inner);
    }
    let mut request = Vec::new();
    bytes(&mut request, 1, &query);
    // accepted_response_types: STREAMED_XOR_CHUNKS
    number(&mut request, 2, 1);
    uncompressed(&request)
}

/// The parts of a `ChunkedReadResponse`.
pub(super) fn parts(frame: &[u8]) -> Result<Vec<Part<'_>>, &'static str> {
    let mut parts = Vec::new();
    let mut fields = Fields(frame);
    while let Some((number, value)) = fields.next()? {
        let (1, Value::Bytes(series)) = (number, value) else { continue };
        let (mut labels, mut chunks) = (Labels::new(), Vec::new());
        let mut fields = Fields(series);
        while let Some(field) = fields.next()? {
            match field {
                (1, Value::Bytes(label)) => {
                    let (name, value) = label_of(label)?;
                    labels.insert(name, value);
                }
                (2, Value::Bytes(chunk)) => chunks.extend(samples_of(chunk)?),
                _ => {}
            }
        }
        if labels.len() > LABELS_MAX {
            return Err("a series has more than 1,000 labels");
        }
        parts.push(Part::Labels(labels));
        parts.extend(chunks.into_iter().map(Part::Chunk));
    }
    Ok(parts)
}

fn label_of(message: &[u8]) -> Result<(String, String), &'static str> {
    let (mut name, mut text) = (String::new(), String::new());
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        let utf8 = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).map_err(|_| "a label is no text");
        match field {
            (1, Value::Bytes(bytes)) => name = utf8(bytes)?,
            (2, Value::Bytes(bytes)) => text = utf8(bytes)?,
            _ => {}
        }
    }
    Ok((name, text))
}

/// The data of a chunk; none of one that is a histogram's.
fn samples_of(message: &[u8]) -> Result<Option<&[u8]>, &'static str> {
    let (mut kind, mut data) = (0, None);
    let mut fields = Fields(message);
    while let Some(field) = fields.next()? {
        match field {
            (3, Value::Number(number)) => kind = number,
            (4, Value::Bytes(bytes)) => data = Some(bytes),
            _ => {}
        }
    }
    Ok(data.filter(|_| kind == XOR))
}

/// Fields of a message.
struct Fields<'a>(&'a [u8]);

enum Value<'a> {
    Number(u64),
    Bytes(&'a [u8]),
}

impl<'a> Fields<'a> {
    fn next(&mut self) -> Result<Option<(u64, Value<'a>)>, &'static str> {
        const CUT: &str = "a message ends early";
        if self.0.is_empty() {
            return Ok(None);
        }
        let key = varint(&mut self.0).ok_or(CUT)?;
        let value = match key & 7 {
            0 => Value::Number(varint(&mut self.0).ok_or(CUT)?),
            1 => Value::Bytes(taken(&mut self.0, 8).ok_or(CUT)?),
            2 => {
                let length = usize::try_from(varint(&mut self.0).ok_or(CUT)?).map_err(|_| CUT)?;
                Value::Bytes(taken(&mut self.0, length).ok_or(CUT)?)
            }
            5 => Value::Bytes(taken(&mut self.0, 4).ok_or(CUT)?),
            _ => return Err("a field is of no kind that protobuf has"),
        };
        Ok(Some((key >> 3, value)))
    }
}

/// A number of at most 64 bits, seven of them a byte; none where it does not end.
pub(super) fn varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for (place, byte) in bytes.iter().take(10).enumerate() {
        number |= u64::from(byte & 0x7f).checked_shl(7 * place as u32)?;
        if byte & 0x80 == 0 {
            *bytes = &bytes[place + 1..];
            return Some(number);
        }
    }
    None
}

fn taken<'a>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [u8]> {
    let (first, rest) = bytes.split_at_checked(count)?;
    *bytes = rest;
    Some(first)
}

fn put_varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn number(out: &mut Vec<u8>, field: u64, value: u64) {
    put_varint(out, field << 3);
    put_varint(out, value);
}

fn bytes(out: &mut Vec<u8>, field: u64, value: &[u8]) {
    put_varint(out, field << 3 | 2);
    put_varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

/// A block of snappy that holds literals only: a request is some hundred bytes, and nothing is gained by making it smaller.
fn uncompressed(content: &[u8]) -> Vec<u8> {
    let mut block = Vec::with_capacity(content.len() + 16);
    put_varint(&mut block, content.len() as u64);
    for literal in content.chunks(LITERAL_MAX) {
        // 61 says that the length, less one, stands in the next two bytes.
        block.push(61 << 2);
        block.extend_from_slice(&((literal.len() - 1) as u16).to_le_bytes());
        block.extend_from_slice(literal);
    }
    block
}
