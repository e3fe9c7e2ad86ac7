//! Files of cgroup version 1 that have no twin in version 2.

use crate::text::{first_line, lines, number, value};
use crate::v2::{is_device, needed, optional, plus, set_io};
use crate::{Bound, Counters};

const NS_PER_US: u64 = 1000;

pub(crate) fn cpu_usage(counters: &mut Counters, bytes: &[u8]) -> u32 {
    let missing = needed(&mut counters.cpu_used_us, first_line(bytes));
    counters.cpu_used_us = counters.cpu_used_us.map(|ns| ns / NS_PER_US);
    missing
}

pub(crate) fn cpu_stat(counters: &mut Counters, bytes: &[u8]) -> u32 {
    let missing = needed(&mut counters.cfs_periods, value(bytes, b"nr_periods"))
        + needed(&mut counters.cfs_periods_throttled, value(bytes, b"nr_throttled"))
        + needed(&mut counters.cpu_throttled_us, value(bytes, b"throttled_time"));
    counters.cpu_throttled_us = counters.cpu_throttled_us.map(|ns| ns / NS_PER_US);
    missing
}

pub(crate) fn cpu_quota(counters: &mut Counters, bytes: &[u8]) -> u32 {
    counters.cfs_quota_us = first_line(bytes).and_then(|line| match line {
        b"-1" => Some(Bound::Unlimited),
        digits => number(digits).filter(|quota| *quota > 0).map(Bound::At),
    });
    u32::from(counters.cfs_quota_us.is_none())
}

pub(crate) fn oom_control(counters: &mut Counters, bytes: &[u8]) -> u32 {
    let missing = optional(&mut counters.oom_kills, value(bytes, b"oom_kill"));
    // Kernels before 4.13 tell the other two lines only.
    missing + u32::from(value(bytes, b"under_oom").is_none())
}

/// `MAJOR:MINOR Read N`, `MAJOR:MINOR Write N` and sums that only some kernels split the same way.
pub(crate) fn io_bytes(counters: &mut Counters, bytes: &[u8]) -> u32 {
    let (mut read, mut written) = (Some(0_u64), Some(0_u64));
    for line in lines(bytes).filter(|line| !line.is_empty()) {
        let mut words = line.split(|byte| *byte == b' ');
        let (device, kind, count) = (words.next(), words.next(), words.next().and_then(number));
        if device == Some(b"Total") {
            continue;
        }
        if !is_device(line) {
            (read, written) = (None, None);
        }
        match kind {
            Some(b"Read") => read = plus(read, count),
            Some(b"Write") => written = plus(written, count),
            Some(_) => {}
            None => (read, written) = (None, None),
        }
    }
    set_io(counters, bytes, read, written)
}
