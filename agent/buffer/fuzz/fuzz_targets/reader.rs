//! Any bytes as the files of a buffer: opened and read with bounded memory, numbers ascend, and it takes records again.
#![no_main]

use kubeopt_buffer::{Buffer, Chunk, Limits, MemoryDisk};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let [split, at, bytes @ ..] = bytes else { return };
    // A sound folder first: what is fuzzed are changes to it.
    let disk = MemoryDisk::default();
    let limits = Limits { segment_bytes: 256, total_bytes: 4096, ..Limits::default() };
    let Ok(mut buffer) = Buffer::open(disk.clone(), limits) else { return };
    for now in 0..12 {
        let _ = buffer.append(now, &[*split; 40]);
    }
    drop(buffer);
    let name = match split % 4 {
        0 => "stream".to_owned(),
        other => format!("{:020}.seg", 1 + 4 * (u64::from(other) - 1)),
    };
    disk.with_file(&name, |file| {
        let from = usize::from(*at).min(file.len());
        file.truncate(from);
        file.extend_from_slice(bytes);
    });
    let Ok(mut buffer) = Buffer::open(disk, limits) else { return };
    let (mut chunk, mut after) = (Chunk::default(), 0);
    loop {
        let Ok(()) = buffer.chunk_after(after, &mut chunk) else { return };
        let Some(last) = chunk.last_seq() else { break };
        for (seq, payload) in chunk.records() {
            assert!(seq > after && payload.len() <= kubeopt_buffer::RECORD_BYTES_MAX);
            after = seq;
        }
        assert_eq!(after, last);
    }
    let Ok(seq) = buffer.append(1, b"again") else { return };
    assert!(seq > after, "a number is given once");
});
