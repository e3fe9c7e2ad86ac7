//! Files of cgroup version 2, and those of version 1 that look the same.

use crate::text::{assigned, first_line, lines, number, value};
use crate::{Bound, Counters};

/// From here on a memory limit is none and an amount of memory is nonsense: version 1 writes the highest multiple of a
/// page (4 KiB to 64 KiB) for no limit, and no machine has 4 EiB.
const MEMORY_MAX: u64 = 1 << 62;

/// The kernel numbers no more tasks than this (`PID_MAX_LIMIT`).
const TASKS_MAX: u64 = 1 << 22;

/// A value that must be there.
pub(crate) fn needed(slot: &mut Option<u64>, told: Option<&[u8]>) -> u32 {
    *slot = told.and_then(number);
    u32::from(slot.is_none())
}

/// A value that an older kernel, or a controller that is not enabled, leaves out.
pub(crate) fn optional(slot: &mut Option<u64>, told: Option<&[u8]>) -> u32 {
    *slot = told.and_then(number);
    u32::from(slot.is_none() && told.is_some())
}

/// An amount of memory.
fn memory(slot: &mut Option<u64>, told: Option<&[u8]>) -> u32 {
    *slot = told.and_then(number).filter(|bytes| *bytes < MEMORY_MAX);
    u32::from(slot.is_none())
}

/// A file of one amount of memory.
pub(crate) fn single_memory(slot: &mut Option<u64>, bytes: &[u8]) -> u32 {
    memory(slot, first_line(bytes))
}

pub(crate) fn pids(counters: &mut Counters, bytes: &[u8]) -> u32 {
    counters.pids = first_line(bytes).and_then(number).filter(|tasks| *tasks <= TASKS_MAX);
    u32::from(counters.pids.is_none())
}

/// A file of one number.
pub(crate) fn single(slot: &mut Option<u64>, bytes: &[u8]) -> u32 {
    needed(slot, first_line(bytes))
}

/// One number behind a key.
pub(crate) fn keyed(slot: &mut Option<u64>, bytes: &[u8], key: &[u8]) -> u32 {
    needed(slot, value(bytes, key))
}

pub(crate) fn cpu_stat(counters: &mut Counters, bytes: &[u8]) -> u32 {
    keyed(&mut counters.cpu_used_us, bytes, b"usage_usec")
        + optional(&mut counters.cfs_periods, value(bytes, b"nr_periods"))
        + optional(&mut counters.cfs_periods_throttled, value(bytes, b"nr_throttled"))
        + optional(&mut counters.cpu_throttled_us, value(bytes, b"throttled_usec"))
}

/// `QUOTA PERIOD`, where the quota may be `max`.
pub(crate) fn cpu_max(counters: &mut Counters, bytes: &[u8]) -> u32 {
    let told = first_line(bytes).and_then(|line| {
        let space = line.iter().position(|byte| *byte == b' ')?;
        let (quota, period) = (&line[..space], number(&line[space + 1..]).filter(|period| *period > 0)?);
        let quota = if quota == b"max" {
            Bound::Unlimited
        } else {
            Bound::At(number(quota).filter(|quota| *quota > 0)?)
        };
        Some((quota, period))
    });
    counters.cfs_quota_us = told.map(|(quota, _)| quota);
    counters.cfs_period_us = told.map(|(_, period)| period);
    u32::from(told.is_none())
}

/// Version 2 and 1 differ in the names of the lines: memory of no file, and file cache that can be dropped first.
pub(crate) fn memory_stat(counters: &mut Counters, bytes: &[u8], [anon, inactive]: [&[u8]; 2]) -> u32 {
    memory(&mut counters.anon_bytes, value(bytes, anon))
        + memory(&mut counters.inactive_file_bytes, value(bytes, inactive))
}

pub(crate) fn memory_max(counters: &mut Counters, bytes: &[u8]) -> u32 {
    counters.memory_limit_bytes = first_line(bytes).and_then(|line| match number(line) {
        Some(limit) if limit < MEMORY_MAX => Some(Bound::At(limit)),
        Some(_) => Some(Bound::Unlimited),
        None => (line == b"max").then_some(Bound::Unlimited),
    });
    u32::from(counters.memory_limit_bytes.is_none())
}

/// `some avg10=.. avg60=.. avg300=.. total=MICROSECONDS`.
pub(crate) fn pressure(slot: &mut Option<u64>, bytes: &[u8]) -> u32 {
    *slot = value(bytes, b"some").and_then(|words| assigned(words, b"total").flatten());
    u32::from(slot.is_none())
}

/// `MAJOR:MINOR rbytes=.. wbytes=..`, a line per device and none where nothing was read or written. A device without
/// these words has nothing to tell; one line that is not understood leaves no sum.
pub(crate) fn io_stat(counters: &mut Counters, bytes: &[u8]) -> u32 {
    let (mut read, mut written) = (Some(0_u64), Some(0_u64));
    for line in lines(bytes).filter(|line| !line.is_empty()) {
        if !is_device(line) {
            (read, written) = (None, None);
        }
        read = plus(read, assigned(line, b"rbytes").unwrap_or(Some(0)));
        written = plus(written, assigned(line, b"wbytes").unwrap_or(Some(0)));
    }
    set_io(counters, bytes, read, written)
}

pub(crate) fn set_io(counters: &mut Counters, bytes: &[u8], read: Option<u64>, written: Option<u64>) -> u32 {
    let is_whole = bytes.is_empty() || bytes.ends_with(b"\n");
    counters.io_read_bytes = read.filter(|_| is_whole);
    counters.io_written_bytes = written.filter(|_| is_whole);
    u32::from(counters.io_read_bytes.is_none()) + u32::from(counters.io_written_bytes.is_none())
}

pub(crate) fn plus(sum: Option<u64>, more: Option<u64>) -> Option<u64> {
    sum?.checked_add(more?)
}

/// Does the line begin with `MAJOR:MINOR`?
pub(crate) fn is_device(line: &[u8]) -> bool {
    let device = line.split(|byte| *byte == b' ').next().unwrap_or_default();
    let mut halves = device.split(|byte| *byte == b':').map(number);
    matches!((halves.next(), halves.next(), halves.next()), (Some(Some(_)), Some(Some(_)), None))
}
