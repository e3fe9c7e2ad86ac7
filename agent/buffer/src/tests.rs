//! What must hold whatever happens to the disk.

use proptest::prelude::*;

use crate::{
    AppendError, Buffer, Chunk, FolderDisk, Limits, MemoryDisk, OpenError, RECORD_BYTES_MAX, segment,
};

const MINUTE: u64 = 60_000;

fn small() -> Limits {
    Limits { segment_bytes: 400, total_bytes: 4_000, ..Limits::default() }
}

fn payload(seq: u64) -> Vec<u8> {
    format!("minute {seq} of a node, {}", "x".repeat((seq % 37) as usize)).into_bytes()
}

fn open(disk: &MemoryDisk, limits: Limits) -> Buffer<MemoryDisk> {
    Buffer::open(disk.clone(), limits).unwrap()
}

fn fill(buffer: &mut Buffer<MemoryDisk>, records: u64) {
    for _ in 0..records {
        let seq = buffer.next_seq();
        buffer.append(seq * MINUTE, &payload(seq)).unwrap();
    }
}

/// All that can be read after a number; each record must be as it was written.
fn read_all(buffer: &mut Buffer<MemoryDisk>, mut after: u64) -> Vec<u64> {
    let (mut chunk, mut seqs) = (Chunk::default(), Vec::new());
    loop {
        buffer.chunk_after(after, &mut chunk).unwrap();
        let Some(last) = chunk.last_seq() else { return seqs };
        for (seq, bytes) in chunk.records() {
            assert_eq!(bytes, payload(seq), "record {seq}");
            assert!(seq > after);
            after = seq;
            seqs.push(seq);
        }
        assert_eq!(after, last);
    }
}

#[test]
fn what_is_appended_is_read_in_order_and_again_after_a_restart() {
    let disk = MemoryDisk::default();
    let mut buffer = open(&disk, small());
    fill(&mut buffer, 40);
    let seqs: Vec<u64> = (1..=40).collect();
    assert_eq!(read_all(&mut buffer, 0), seqs);
    assert_eq!(read_all(&mut buffer, 17), seqs[17..]);
    let id = buffer.boot_id();
    drop(buffer);
    let mut buffer = open(&disk, small());
    assert_eq!((buffer.boot_id(), buffer.next_seq()), (id, 41));
    assert_eq!(read_all(&mut buffer, 0), seqs);
}

#[test]
fn acknowledged_segments_go_and_are_no_loss() {
    let disk = MemoryDisk::default();
    let mut buffer = open(&disk, small());
    fill(&mut buffer, 40);
    assert!(!buffer.acknowledged(1), "nothing was handed out yet");
    read_all(&mut buffer, 0);
    let before = buffer.bytes();
    assert!(buffer.acknowledged(20));
    assert!(buffer.acknowledged(3), "an older one says nothing new");
    assert!(buffer.bytes() < before);
    assert_eq!(read_all(&mut buffer, 0), (21..=40).collect::<Vec<_>>());
    assert!(!buffer.acknowledged(u64::MAX), "nobody has what was never sent");
    assert!(buffer.acknowledged(40));
    assert_eq!((read_all(&mut buffer, 0), buffer.counts().dropped), (vec![], 0));
    assert!(buffer.bytes() <= small().segment_bytes);
}

#[test]
fn the_oldest_goes_when_there_is_too_much_and_is_counted_over_restarts() {
    let disk = MemoryDisk::default();
    let mut buffer = open(&disk, small());
    fill(&mut buffer, 200);
    let seqs = read_all(&mut buffer, 0);
    assert!(buffer.bytes() <= 4_000 && disk.bytes() <= 4_100);
    assert_eq!(buffer.counts().dropped + seqs.len() as u64, 200);
    assert_eq!(seqs.last(), Some(&200));
    let dropped = buffer.counts().dropped;
    assert_eq!(open(&disk, small()).counts().dropped, dropped);
}

#[test]
fn records_go_when_they_are_a_day_old() {
    let disk = MemoryDisk::default();
    let mut buffer = open(&disk, Limits::default());
    for minute in 0..30 * 60 {
        let seq = buffer.next_seq();
        buffer.append(minute * MINUTE, &payload(seq)).unwrap();
    }
    let seqs = read_all(&mut buffer, 0);
    // By the hour: between 24 and 25 hours are left.
    assert!((24 * 60..=25 * 60).contains(&(seqs.len() as u64)), "{} minutes", seqs.len());
    assert_eq!(buffer.counts().dropped + seqs.len() as u64, 30 * 60);
}

#[test]
fn a_process_killed_at_any_byte_loses_only_what_it_was_writing() {
    let total = {
        let disk = MemoryDisk::default();
        disk.cut_after(Some(usize::MAX / 2));
        let mut buffer = open(&disk, small());
        fill(&mut buffer, 20);
        disk.bytes()
    };
    for cut in 0..total + 100 {
        let disk = MemoryDisk::default();
        disk.cut_after(Some(cut));
        let mut kept = 0;
        if let Ok(mut buffer) = Buffer::open(disk.clone(), small()) {
            for seq in 1..=20 {
                if buffer.append(seq * MINUTE, &payload(buffer.next_seq())).is_err() {
                    break;
                }
                kept = seq;
            }
        }
        disk.cut_after(None);
        let mut buffer = open(&disk, small());
        let seqs = read_all(&mut buffer, 0);
        assert_eq!(seqs, (1..=kept).collect::<Vec<_>>(), "killed after {cut} bytes");
        fill(&mut buffer, 1);
        assert_eq!(read_all(&mut buffer, kept), [kept + 1]);
    }
}

#[test]
fn a_power_cut_never_gives_a_sent_number_to_another_record() {
    for sent_at in 1..30 {
        let disk = MemoryDisk::default();
        let mut buffer = open(&disk, small());
        fill(&mut buffer, sent_at);
        let sent = read_all(&mut buffer, 0);
        fill(&mut buffer, 3);
        disk.lose_power();
        let mut buffer = open(&disk, small());
        assert!(buffer.next_seq() > sent_at);
        assert_eq!(read_all(&mut buffer, 0)[..sent.len()], sent, "what was sent is still there");
    }
}

#[test]
fn a_segment_cut_anywhere_keeps_its_whole_records_and_takes_new_ones() {
    let disk = MemoryDisk::default();
    let mut buffer = open(&disk, Limits::default());
    fill(&mut buffer, 12);
    drop(buffer);
    let (mut whole, mut stream) = (Vec::new(), Vec::new());
    disk.with_file(&segment::name(1), |bytes| whole.clone_from(bytes));
    disk.with_file("stream", |bytes| stream.clone_from(bytes));
    for len in 0..whole.len() {
        let disk = MemoryDisk::default();
        disk.with_file(&segment::name(1), |bytes| bytes.extend_from_slice(&whole[..len]));
        disk.with_file("stream", |bytes| bytes.clone_from(&stream));
        let mut buffer = open(&disk, Limits::default());
        let seqs = read_all(&mut buffer, 0);
        assert_eq!(seqs, (1..=seqs.len() as u64).collect::<Vec<_>>());
        assert!(seqs.len() < 12);
        let next = buffer.next_seq();
        fill(&mut buffer, 1);
        assert_eq!(read_all(&mut buffer, next - 1), [next]);
    }
}

#[test]
fn a_broken_middle_is_passed_over_and_counted() {
    let disk = MemoryDisk::default();
    let mut buffer = open(&disk, small());
    fill(&mut buffer, 40);
    let second = disk_segments(&disk)[1];
    disk.with_file(&segment::name(second), |bytes| bytes[60] ^= 4);
    let seqs = read_all(&mut buffer, 0);
    let lost: Vec<u64> = (1..=40).filter(|seq| !seqs.contains(seq)).collect();
    assert_eq!(lost.first(), Some(&second));
    assert_eq!(buffer.counts().damaged, lost.len() as u64);
    read_all(&mut buffer, 0);
    assert_eq!(buffer.counts().damaged, lost.len() as u64, "counted once");
}

fn disk_segments(disk: &MemoryDisk) -> Vec<u64> {
    use crate::Disk;
    let mut firsts: Vec<u64> =
        disk.names().unwrap().iter().filter_map(|name| segment::first_seq(name)).collect();
    firsts.sort_unstable();
    firsts
}

#[test]
fn a_full_disk_costs_the_samples_of_that_time_and_no_more() {
    let disk = MemoryDisk::default();
    let mut buffer = open(&disk, Limits::default());
    fill(&mut buffer, 10);
    for room in [0, 1, 15, 40] {
        disk.hold_at_most(Some(disk.bytes() + room));
        let (next, dropped) = (buffer.next_seq(), buffer.counts().dropped);
        let error = buffer.append(11 * MINUTE, &payload(next)).unwrap_err();
        assert!(matches!(error, AppendError::Full(_)), "{error:?}");
        assert!(error.to_string().contains("full"));
        assert_eq!((buffer.next_seq(), buffer.counts().dropped), (next, dropped + 1));
        disk.hold_at_most(None);
        fill(&mut buffer, 1);
    }
    assert_eq!(read_all(&mut buffer, 0), (1..=14).collect::<Vec<_>>());
    drop(buffer);
    let mut buffer = open(&disk, Limits::default());
    assert_eq!(buffer.counts().dropped, 4, "told after a restart too");
    assert_eq!(read_all(&mut buffer, 0).len(), 14);
}

#[test]
fn on_a_full_disk_what_is_acknowledged_makes_room() {
    let disk = MemoryDisk::default();
    let mut buffer = open(&disk, Limits::default());
    fill(&mut buffer, 10);
    disk.hold_at_most(Some(disk.bytes()));
    assert!(buffer.append(0, &payload(11)).is_err());
    assert_eq!(read_all(&mut buffer, 0).len(), 10);
    assert!(buffer.acknowledged(9));
    assert!(buffer.append(0, &payload(11)).is_err());
    assert!(buffer.acknowledged(10));
    fill(&mut buffer, 5);
    assert_eq!(read_all(&mut buffer, 10), (11..=15).collect::<Vec<_>>());
    assert_eq!(open(&disk, Limits::default()).next_seq(), 16);
}

#[test]
fn a_full_disk_at_a_new_segment_leaves_no_half_of_one() {
    let disk = MemoryDisk::default();
    let limits = Limits { segment_bytes: 200, ..Limits::default() };
    let mut buffer = open(&disk, limits);
    for room in 0..80 {
        disk.hold_at_most(Some(disk.bytes() + room));
        while buffer.append(0, &payload(buffer.next_seq())).is_ok() {}
        disk.hold_at_most(None);
        fill(&mut buffer, 1);
    }
    let mut reopened = open(&disk, limits);
    assert_eq!(read_all(&mut reopened, 0), read_all(&mut buffer, 0));
    assert_eq!((reopened.counts().damaged, reopened.counts().torn_bytes), (0, 0));
}

#[test]
fn a_record_is_bounded() {
    let mut buffer = open(&MemoryDisk::default(), Limits::default());
    let longest = vec![7; RECORD_BYTES_MAX];
    let seq = buffer.append(0, &longest).unwrap();
    let mut chunk = Chunk::default();
    buffer.chunk_after(0, &mut chunk).unwrap();
    assert_eq!(chunk.records().collect::<Vec<_>>(), [(seq, &longest[..])]);
    let error = buffer.append(0, &vec![7; RECORD_BYTES_MAX + 1]).unwrap_err();
    assert!(matches!(error, AppendError::TooLong { .. }));
    assert_eq!(buffer.counts().dropped, 1);
}

#[test]
fn numbers_go_on_after_what_the_receiver_has() {
    let disk = MemoryDisk::default();
    let mut buffer = open(&disk, small());
    fill(&mut buffer, 5);
    buffer.continue_after(9);
    assert_eq!(buffer.next_seq(), 10);
    fill(&mut buffer, 2);
    assert_eq!(read_all(&mut buffer, 0), [10, 11]);
    buffer.continue_after(u64::MAX);
    assert_eq!(buffer.next_seq(), 12, "no stream is that long");
    drop(buffer);
    assert_eq!(open(&disk, small()).next_seq(), 12);
}

#[test]
fn a_forgotten_stream_file_does_not_give_numbers_twice() {
    let disk = MemoryDisk::default();
    let mut buffer = open(&disk, small());
    fill(&mut buffer, 30);
    read_all(&mut buffer, 0);
    let id = buffer.boot_id();
    disk.with_file("stream", Vec::clear);
    let last = *disk_segments(&disk).last().unwrap();
    disk.with_file(&segment::name(last), |bytes| bytes.iter_mut().skip(40).for_each(|byte| *byte = 0));
    let buffer = open(&disk, small());
    assert_eq!(buffer.boot_id(), id);
    assert!(buffer.next_seq() > 30);
}

#[test]
fn segments_of_another_stream_are_not_read() {
    let (one, other) = (MemoryDisk::default(), MemoryDisk::default());
    fill(&mut open(&one, small()), 30);
    fill(&mut open(&other, small()), 30);
    let second = disk_segments(&one)[1];
    let mut bytes = Vec::new();
    other.with_file(&segment::name(second), |file| bytes.clone_from(file));
    one.with_file(&segment::name(second), |file| *file = bytes);
    let mut buffer = open(&one, small());
    assert!(!read_all(&mut buffer, 0).contains(&second));
    assert!(buffer.counts().damaged > 0);
}

#[test]
fn a_folder_has_one_owner_and_outlasts_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("buffer");
    let mut buffer = Buffer::open(FolderDisk::open(&path).unwrap(), small()).unwrap();
    assert!(matches!(FolderDisk::open(&path), Err(OpenError::InUse)));
    for minute in 0..30 {
        buffer.append(minute * MINUTE, b"record").unwrap();
    }
    let id = buffer.boot_id();
    drop(buffer);
    let mut buffer = Buffer::open(FolderDisk::open(&path).unwrap(), small()).unwrap();
    assert_eq!((buffer.boot_id(), buffer.next_seq(), id.to_string().len()), (id, 31, 32));
    let (mut chunk, mut after) = (Chunk::default(), 0);
    while {
        buffer.chunk_after(after, &mut chunk).unwrap();
        !chunk.is_empty()
    } {
        after = chunk.last_seq().unwrap();
    }
    assert_eq!(after, 30);
    assert!(buffer.acknowledged(30));
    assert!(std::fs::read_dir(&path).unwrap().count() <= 3);
}

proptest! {
    #[test]
    fn flipped_bits_never_become_a_record(flips in prop::collection::vec((0usize..6, 0usize..4_000, 0u8..8), 1..20)) {
        let disk = MemoryDisk::default();
        let mut buffer = open(&disk, small());
        fill(&mut buffer, 40);
        read_all(&mut buffer, 0);
        drop(buffer);
        let firsts = disk_segments(&disk);
        for (file, at, bit) in flips {
            let name = firsts.get(file).map_or("stream".to_owned(), |first| segment::name(*first));
            disk.with_file(&name, |bytes| {
                let at = at % bytes.len();
                bytes[at] ^= 1 << bit;
            });
        }
        let mut buffer = open(&disk, small());
        // `read_all` compares each payload with what was written.
        read_all(&mut buffer, 0);
        prop_assert!(buffer.next_seq() > 40);
        let next = buffer.next_seq();
        fill(&mut buffer, 1);
        prop_assert_eq!(read_all(&mut buffer, next - 1), [next]);
    }

    #[test]
    fn any_bytes_as_files_open_and_take_records(
        stream in prop::collection::vec(any::<u8>(), 0..80),
        files in prop::collection::btree_map(1u64..100, prop::collection::vec(any::<u8>(), 0..200), 0..6),
    ) {
        let disk = MemoryDisk::default();
        disk.with_file("stream", |bytes| *bytes = stream);
        for (first, bytes) in files {
            disk.with_file(&segment::name(first), |file| *file = bytes);
        }
        let mut buffer = open(&disk, small());
        fill(&mut buffer, 3);
        prop_assert_eq!(read_all(&mut buffer, 0).len(), 3);
    }
}
