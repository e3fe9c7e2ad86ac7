//! Any bytes as any file, twice: nothing panics, nothing of the first reading is left, and no container runs on more CPUs
//! than a machine has.
#![no_main]

use std::time::Duration;

use kubeopt_sample::{CORES_MAX, CgroupMode, Counters, Heat, Sample, StatFile};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: (u8, u16, &[u8], &[u8])| {
    let (file, span_ms, first, second) = input;
    let files: Vec<&StatFile> =
        [CgroupMode::V2, CgroupMode::Hybrid].into_iter().flat_map(StatFile::of).collect();
    let file = *files[usize::from(file) % files.len()];
    let mut counters = Counters::default();
    counters.read(file, first);
    let before = counters;
    counters.read(file, second);
    let mut fresh = Counters::default();
    fresh.read(file, second);
    assert_eq!(counters, fresh);
    let sample = Sample::between(&before, &counters, Duration::from_millis(u64::from(span_ms)));
    assert!(sample.cpu_millicores().is_none_or(|millicores| millicores <= CORES_MAX * 1000));
    let _ = (Heat::of(&sample, &counters), counters.quota_millicores());
    counters.missing(file);
    assert_eq!(counters, Counters::default());
});
