//! Samples of one series out of the chunks that Prometheus stores: times by the difference of their differences, values by
//! what changed of their bits. See `docs/format/chunks.md` of Prometheus' TSDB ("XOR chunk data").

use kubeopt_model::usage::Window;

/// Most samples of one series in a slice: a day of one a second, and as much again.
const SAMPLES_MAX: usize = 200_000;

/// The value that marks the end of a series; not a sample.
const STALE: u64 = 0x7ff0_0000_0000_0002;

/// Samples of one series, milliseconds and values, in the order of time.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<(i64, f64)>);

impl Samples {
    /// Adds the samples of a chunk that lie in the slice, both ends included. Those that do not come after the ones before
    /// are left out.
    pub(super) fn decode(&mut self, chunk: &[u8], slice: Window) -> Result<(), &'static str> {
        let (from, to) = (slice.from_unix_s * 1000, slice.to_unix_s * 1000);
        let Some((count, data)) = chunk.split_first_chunk::<2>() else { return Err("a chunk is cut") };
        let mut bits = Bits { bytes: data, at: 0 };
        let mut reader = Reader::default();
        for number in 0..u16::from_be_bytes(*count) {
            let (at, value) = reader.next(number, &mut bits).ok_or("a chunk is cut")?;
            let is_next = self.0.last().is_none_or(|(last, _)| *last < at);
            if (from..=to).contains(&at) && is_next && value.to_bits() != STALE {
                if self.0.len() == SAMPLES_MAX {
                    return Err("a series has more than 200,000 samples");
                }
                self.0.push((at, value));
            }
        }
        Ok(())
    }

    /// What was read of the series, which ends here.
    pub(super) fn taken(&mut self) -> Vec<(i64, f64)> {
        std::mem::take(&mut self.0)
    }
}

/// Where a chunk is.
#[derive(Default)]
struct Reader {
    at: i64,
    delta: i64,
    value: u64,
    leading: u32,
    trailing: u32,
}

impl Reader {
    /// Sample `number` of the chunk; none where it is cut.
    fn next(&mut self, number: u16, bits: &mut Bits<'_>) -> Option<(i64, f64)> {
        match number {
            0 => {
                self.at = bits.signed_varint()?;
                self.value = bits.take(64)?;
            }
            1 => {
                self.delta = bits.varint()? as i64;
                self.at = self.at.wrapping_add(self.delta);
                self.value ^= self.changed(bits)?;
            }
            _ => {
                self.delta = self.delta.wrapping_add(difference(bits)?);
                self.at = self.at.wrapping_add(self.delta);
                self.value ^= self.changed(bits)?;
            }
        }
        Some((self.at, f64::from_bits(self.value)))
    }

    /// The bits in which a value differs from the one before.
    fn changed(&mut self, bits: &mut Bits<'_>) -> Option<u64> {
        if bits.take(1)? == 0 {
            return Some(0);
        }
        if bits.take(1)? == 1 {
            self.leading = bits.take(5)? as u32;
            let significant = match bits.take(6)? as u32 {
                0 => 64,
                count => count,
            };
            self.trailing = 64_u32.checked_sub(self.leading + significant)?;
        }
        let significant = 64 - self.leading - self.trailing;
        Some(bits.take(significant)? << self.trailing)
    }
}

/// How much the time since the last sample differs from the time before.
fn difference(bits: &mut Bits<'_>) -> Option<i64> {
    let mut ones = 0;
    while ones < 4 && bits.take(1)? == 1 {
        ones += 1;
    }
    let width = [0, 14, 17, 20, 64][ones];
    let value = bits.take(width)?;
    // Two's complement, but for the one value that has two readings.
    Some(match width {
        0 => 0,
        64 => value as i64,
        width if value > 1 << (width - 1) => value as i64 - (1 << width),
        _ => value as i64,
    })
}

/// Bits, the highest of each byte first.
struct Bits<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl Bits<'_> {
    fn take(&mut self, count: u32) -> Option<u64> {
        let end = self.at + count as usize;
        if end > self.bytes.len() * 8 {
            return None;
        }
        let mut value = 0;
        while self.at < end {
            let (byte, offset) = (self.bytes[self.at / 8], self.at % 8);
            let wanted = (8 - offset).min(end - self.at);
            let part = u64::from(byte) >> (8 - offset - wanted) & ((1 << wanted) - 1);
            value = value << wanted | part;
            self.at += wanted;
        }
        Some(value)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut number = 0;
        for place in 0..10 {
            let byte = self.take(8)?;
            number |= (byte & 0x7f).checked_shl(7 * place)?;
            if byte & 0x80 == 0 {
                return Some(number);
            }
        }
        None
    }

    fn signed_varint(&mut self) -> Option<i64> {
        let number = self.varint()?;
        Some((number >> 1) as i64 ^ -((number & 1) as i64))
    }
}
