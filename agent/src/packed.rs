//! A batch as it lies in the buffer: about half of what protobuf takes, so that a day of a hundred containers fits.
//!
//! Ids are kept in binary. A column is one value if all are alike, else differences from row to row; both as varints.
//! What is no container stays protobuf.

use kubeopt_proto::{Batch, ContainerSeries, Message};

/// The first byte: what follows may change with a version of the agent.
const VERSION: u8 = 1;

/// Limits of what is read back, so that no content allocates much.
const CONTAINERS_MAX: u64 = kubeopt_proto::CONTAINERS_MAX as u64;
const STEPS_MAX: u64 = kubeopt_proto::STEPS_MAX as u64;
const TEXT_BYTES_MAX: u64 = 128;

/// Why a packed batch cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PackError {
    /// Another version wrote it.
    #[error("another version of the agent wrote it")]
    Version,
    /// It ends early, or holds what no batch has.
    #[error("it is damaged")]
    Damaged,
}

/// Appends a batch.
pub fn pack(batch: &Batch, out: &mut Vec<u8>) {
    let Batch { boot_id, seq, begin_unix_ms, step_ms, steps, schema_sha256, model_sha256, .. } = batch;
    let rest = Batch {
        boot_id: boot_id.clone(),
        seq: *seq,
        begin_unix_ms: *begin_unix_ms,
        step_ms: *step_ms,
        steps: *steps,
        schema_sha256: schema_sha256.clone(),
        model_sha256: model_sha256.clone(),
        dropped_batches: batch.dropped_batches,
        containers: Vec::new(),
        findings: batch.findings.clone(),
        forecasts: batch.forecasts.clone(),
        gpus: batch.gpus.clone(),
    };
    out.push(VERSION);
    varint(out, rest.encoded_len() as u64);
    rest.encode_raw(out);
    varint(out, batch.containers.len() as u64);
    for series in &batch.containers {
        container(out, series, *step_ms);
    }
}

fn container(out: &mut Vec<u8>, series: &ContainerSeries, step_ms: u32) {
    id(out, &series.pod_uid);
    id(out, &series.container_id);
    let ContainerSeries { seen_unix_ms, io_read_bytes, io_written_bytes, memory_limit_bytes, .. } = *series;
    for value in
        [seen_unix_ms, io_read_bytes, io_written_bytes, memory_limit_bytes, series.cpu_quota_millicores]
    {
        varint(out, value);
    }
    varint(out, series.oom_kills.into());
    varint(out, series.pids.into());
    varint(out, series.step.len() as u64);
    for list in [
        &series.step,
        &series.span_ms,
        &series.cpu_peak_millicores,
        &series.cfs_periods,
        &series.cfs_periods_throttled,
    ] {
        column(out, list.iter().map(|value| u64::from(*value)), step_ms.into());
    }
    for list in [
        &series.cpu_used_us,
        &series.cpu_throttled_us,
        &series.memory_working_set_bytes,
        &series.memory_anon_bytes,
        &series.memory_peak_bytes,
        &series.cpu_waited_us,
        &series.memory_waited_us,
        &series.io_waited_us,
    ] {
        column(out, list.iter().copied(), 0);
    }
}

const EMPTY: u8 = 0;
const ALIKE: u8 = 1;
const DIFFERENCES: u8 = 2;
const ZEROS: u8 = 3;

/// The first difference is from `from`.
fn column(out: &mut Vec<u8>, values: impl Iterator<Item = u64> + Clone, from: u64) {
    let Some(first) = values.clone().next() else { return out.push(EMPTY) };
    let alike = values.clone().all(|value| value == first);
    if alike && first == 0 {
        return out.push(ZEROS);
    }
    out.push(if alike { ALIKE } else { DIFFERENCES });
    let mut before = from;
    for value in values.take(if alike { 1 } else { usize::MAX }) {
        let difference = value.wrapping_sub(before).cast_signed();
        varint(out, ((difference << 1) ^ (difference >> 63)).cast_unsigned());
        before = value;
    }
}

const TEXT: u8 = 0;
const HEX: u8 = 1;
const UUID: u8 = 2;

/// Hexadecimal digits as half as many bytes; anything else as it is.
fn id(out: &mut Vec<u8>, text: &str) {
    let uuid = text.len() == 36 && [8, 13, 18, 23].iter().all(|at| text.as_bytes()[*at] == b'-');
    let digits: Vec<u8> = text.bytes().filter(|byte| !uuid || *byte != b'-').collect();
    let is_hex = |byte: &u8| matches!(byte, b'0'..=b'9' | b'a'..=b'f');
    if digits.len() % 2 == 1 || !digits.iter().all(is_hex) || (uuid && digits.len() != 32) {
        out.push(TEXT);
        varint(out, text.len() as u64);
        out.extend_from_slice(text.as_bytes());
        return;
    }
    out.push(if uuid { UUID } else { HEX });
    if !uuid {
        varint(out, digits.len() as u64 / 2);
    }
    let value = |byte: u8| if byte < b'a' { byte - b'0' } else { byte - b'a' + 10 };
    out.extend(digits.chunks_exact(2).map(|pair| (value(pair[0]) << 4) | value(pair[1])));
}

fn varint(out: &mut Vec<u8>, mut value: u64) {
    while value >= 0x80 {
        out.push(u8::try_from(value & 0x7f).unwrap_or(0) | 0x80);
        value >>= 7;
    }
    out.push(u8::try_from(value).unwrap_or(0));
}

/// Reads what [`pack`] wrote.
///
/// # Errors
/// It was written by another version, or is damaged.
pub fn unpack(bytes: &[u8]) -> Result<Batch, PackError> {
    let (version, rest) = bytes.split_first().ok_or(PackError::Damaged)?;
    if *version != VERSION {
        return Err(PackError::Version);
    }
    unpacked(&mut Bytes(rest)).ok_or(PackError::Damaged)
}

struct Bytes<'a>(&'a [u8]);

fn unpacked(bytes: &mut Bytes<'_>) -> Option<Batch> {
    let length = bytes.varint()?;
    let mut batch = Batch::decode(bytes.take(length)?).ok()?;
    let count = bytes.varint().filter(|count| *count <= CONTAINERS_MAX)?;
    for _ in 0..count {
        batch.containers.push(unpacked_container(bytes, batch.step_ms)?);
    }
    bytes.0.is_empty().then_some(batch)
}

fn unpacked_container(bytes: &mut Bytes<'_>, step_ms: u32) -> Option<ContainerSeries> {
    let step_ms = u64::from(step_ms);
    let mut series =
        ContainerSeries { pod_uid: bytes.id()?, container_id: bytes.id()?, ..ContainerSeries::default() };
    series.seen_unix_ms = bytes.varint()?;
    series.io_read_bytes = bytes.varint()?;
    series.io_written_bytes = bytes.varint()?;
    series.memory_limit_bytes = bytes.varint()?;
    series.cpu_quota_millicores = bytes.varint()?;
    series.oom_kills = u32::try_from(bytes.varint()?).ok()?;
    series.pids = u32::try_from(bytes.varint()?).ok()?;
    let rows = bytes.varint().filter(|rows| *rows <= STEPS_MAX)?;
    series.step = bytes.small_column(rows, step_ms)?;
    series.span_ms = bytes.small_column(rows, step_ms)?;
    series.cpu_peak_millicores = bytes.small_column(rows, step_ms)?;
    series.cfs_periods = bytes.small_column(rows, step_ms)?;
    series.cfs_periods_throttled = bytes.small_column(rows, step_ms)?;
    series.cpu_used_us = bytes.column(rows, 0)?;
    series.cpu_throttled_us = bytes.column(rows, 0)?;
    series.memory_working_set_bytes = bytes.column(rows, 0)?;
    series.memory_anon_bytes = bytes.column(rows, 0)?;
    series.memory_peak_bytes = bytes.column(rows, 0)?;
    series.cpu_waited_us = bytes.column(rows, 0)?;
    series.memory_waited_us = bytes.column(rows, 0)?;
    series.io_waited_us = bytes.column(rows, 0)?;
    Some(series)
}

impl<'a> Bytes<'a> {
    fn take(&mut self, length: u64) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(usize::try_from(length).ok()?)?;
        self.0 = rest;
        Some(taken)
    }

    fn varint(&mut self) -> Option<u64> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.take(1)?.first()?;
            let part = u64::from(byte & 0x7f);
            if shift == 63 && part > 1 {
                return None;
            }
            value |= part << shift;
            if byte < 0x80 {
                return Some(value);
            }
        }
        None
    }

    fn id(&mut self) -> Option<String> {
        let kind = *self.take(1)?.first()?;
        let length =
            if kind == UUID { 16 } else { self.varint().filter(|length| *length <= TEXT_BYTES_MAX)? };
        let bytes = self.take(length)?;
        if kind == TEXT {
            return String::from_utf8(bytes.to_vec()).ok();
        }
        let mut text = String::with_capacity(bytes.len() * 2 + 4);
        for (at, byte) in bytes.iter().enumerate() {
            if kind == UUID && [4, 6, 8, 10].contains(&at) {
                text.push('-');
            }
            for digit in [byte >> 4, byte & 0xf] {
                text.push(char::from_digit(digit.into(), 16)?);
            }
        }
        (kind == UUID || kind == HEX).then_some(text)
    }

    fn column(&mut self, rows: u64, from: u64) -> Option<Vec<u64>> {
        let kind = *self.take(1)?.first()?;
        let rows = usize::try_from(rows).ok()?;
        let mut values = Vec::new();
        let mut before = from;
        let read = match kind {
            EMPTY | ZEROS => 0,
            ALIKE => 1,
            DIFFERENCES => rows,
            _ => return None,
        };
        for _ in 0..read {
            let zigzag = self.varint()?;
            let difference = (zigzag >> 1) ^ (zigzag & 1).wrapping_neg();
            before = before.wrapping_add(difference);
            values.push(before);
        }
        if kind == ALIKE || kind == ZEROS {
            values.resize(rows.max(1), if kind == ZEROS { 0 } else { before });
        }
        Some(values)
    }

    fn small_column(&mut self, rows: u64, from: u64) -> Option<Vec<u32>> {
        self.column(rows, from)?.into_iter().map(|value| u32::try_from(value).ok()).collect()
    }
}

#[cfg(test)]
#[path = "packed_tests.rs"]
mod packed_tests;
