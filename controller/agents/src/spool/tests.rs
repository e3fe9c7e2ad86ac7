//! Exactly once, whatever happens to the process and the disk.

use std::fs;
use std::path::PathBuf;

use futures::FutureExt as _;
use kubeopt_proto::Batch;
use proptest::prelude::*;

use super::fixture::{HOUR, Room, SetClock, SmallDisk, batch, contents, folder, send};
use super::ledger::HOUR_MS;
use super::*;

fn open(folder: &Path) -> Spool {
    Spool::open(folder, SpoolLimits::default(), SetClock::at(HOUR).clock()).expect("a log")
}

/// With a clock that is set, and believed.
fn open_at(folder: &Path, limits: SpoolLimits, clock: &SetClock) -> Result<Spool, SpoolError> {
    Spool::open_on(Box::new(RealDisk), folder, limits, clock.clock(), clock.clock())
}

/// Two nodes with a minute each, three times.
/// On a disk that has room until it is told otherwise.
fn open_on_small_disk(folder: &Path) -> (Spool, Room) {
    let room = Room::default();
    room.set(usize::MAX, true);
    let disk = Box::new(SmallDisk(room.clone()));
    let clock = SetClock::at(HOUR);
    let spool = Spool::open_on(disk, folder, SpoolLimits::default(), clock.clock(), clock.clock());
    (spool.expect("a log"), room)
}

fn batches() -> Vec<Batch> {
    (1..=3).map(|seq| batch("boot", seq, HOUR + seq as i64 * 60_000)).collect()
}

fn expected() -> Vec<(String, u64)> {
    ["a", "b"].into_iter().flat_map(|node| (1..=3).map(move |seq| (node.to_owned(), seq))).collect()
}

async fn send_all(spool: &Spool) -> Vec<Result<Stored, SpoolError>> {
    let mut told = Vec::new();
    for node in ["a", "b"] {
        told.extend(send(spool, node, &batches()).await);
    }
    told
}

fn only_file(folder: &Path) -> PathBuf {
    let mut files: Vec<PathBuf> =
        fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    files.remove(0)
}

#[tokio::test]
async fn a_log_that_is_cut_at_any_byte_goes_on_with_each_batch_once() {
    let written = folder();
    send_all(&open(written.path())).await.iter().for_each(|told| assert!(told.is_ok()));
    let file = only_file(written.path());
    let bytes = fs::read(&file).expect("the log");
    for length in 0..=bytes.len() {
        let left = folder();
        let name = left.path().join(file.file_name().expect("a name"));
        fs::write(&name, &bytes[..length]).expect("a copy");
        let spool = open(left.path());
        let before = contents(&spool);
        let reached = ["a", "b"].map(|node| spool.mark(node, "boot").seq);
        let here = |node: &str| before.iter().filter(|(of, _)| of == node).count() as u64;
        assert_eq!(reached, [here("a"), here("b")], "cut at {length}: what is told as stored is there");
        // Agents that were told nothing send everything again, twice.
        for _ in 0..2 {
            let told = send_all(&spool).await;
            assert!(told.iter().all(Result::is_ok), "{told:?}");
            assert_eq!(["a", "b"].map(|node| spool.mark(node, "boot").seq), [3, 3], "cut at {length}");
        }
        assert_eq!(contents(&spool), expected(), "cut at {length}");
        drop(spool);
        assert_eq!(contents(&open(left.path())), expected(), "cut at {length}, opened again");
    }
}

#[tokio::test]
async fn fifty_doubles_are_acknowledged_and_stored_once() {
    let here = folder();
    let spool = open(here.path());
    let one = batch("boot", 1, HOUR);
    let together = send(&spool, "a", &vec![one.clone(); 25]).await;
    let mut told = together;
    for _ in 0..25 {
        told.extend(send(&spool, "a", std::slice::from_ref(&one)).await);
    }
    let told: Vec<Stored> = told.into_iter().collect::<Result<_, _>>().expect("all are stored");
    assert!(told.iter().all(|stored| stored.acknowledged_seq == 1));
    assert_eq!(told.iter().filter(|stored| !stored.is_double).count(), 1);
    assert_eq!(contents(&spool), [("a".to_owned(), 1)]);
    assert_eq!(spool.tally().read().doubles, 49);
}

#[tokio::test]
async fn buffers_of_a_node_and_nodes_count_apart_and_gaps_are_counted() {
    let here = folder();
    let spool = open(here.path());
    for (node, boot, seq) in [("a", "x", 7), ("a", "y", 1), ("b", "x", 2), ("a", "x", 10), ("a", "x", 9)] {
        assert!(send(&spool, node, &[batch(boot, seq, HOUR)]).await[0].is_ok());
    }
    let all = [("a", 1), ("a", 7), ("a", 10), ("b", 2)].map(|(node, seq)| (node.to_owned(), seq));
    assert_eq!(contents(&spool), all);
    assert_eq!(spool.tally().read().missing, 2, "8 and 9; what came before a buffer was met is not known");
}

#[tokio::test]
async fn a_full_disk_acknowledges_nothing_and_loses_nothing() {
    let here = folder();
    let (spool, room) = open_on_small_disk(here.path());
    assert!(send(&spool, "a", &batches()[..1]).await[0].is_ok());
    for left in [0, 1, 70, 150] {
        room.set(left, true);
        let told = send(&spool, "a", &batches()[1..]).await;
        assert!(
            told.iter().any(|told| matches!(told, Err(SpoolError::Full { .. }))),
            "{left} bytes: {told:?}"
        );
        let stored = told.iter().filter(|told| told.is_ok()).count() as u64;
        assert_eq!(spool.mark("a", "boot").seq, 1 + stored);
    }
    room.set(usize::MAX, true);
    let told = send(&spool, "a", &batches()).await;
    assert!(told.iter().all(Result::is_ok), "{told:?}");
    let all: Vec<_> = (1..=3).map(|seq| ("a".to_owned(), seq)).collect();
    assert_eq!(contents(&spool), all);
    drop(spool);
    assert_eq!(contents(&open(here.path())), all);
}

#[tokio::test]
async fn what_could_not_be_synced_is_not_told_as_stored() {
    let here = folder();
    let (spool, room) = open_on_small_disk(here.path());
    assert!(send(&spool, "a", &batches()[..1]).await[0].is_ok());
    room.set(usize::MAX, false);
    let told = send(&spool, "a", &batches()[1..2]).await;
    assert!(matches!(told[0], Err(SpoolError::Write { .. })), "{told:?}");
    assert_eq!(spool.mark("a", "boot").seq, 1);
    room.set(usize::MAX, true);
    send(&spool, "a", &batches()).await.iter().for_each(|told| assert!(told.is_ok(), "{told:?}"));
    let all: Vec<_> = (1..=3).map(|seq| ("a".to_owned(), seq)).collect();
    assert_eq!(contents(&spool), all);
    drop(spool);
    assert_eq!(contents(&open(here.path())), all);
}

#[tokio::test]
async fn nothing_is_acknowledged_behind_a_batch_that_could_not_be_stored() {
    let here = folder();
    let (spool, room) = open_on_small_disk(here.path());
    let line = Line::default();
    let put = async |line: &Line, seq: u64| {
        let (head, body) = fixture::packed("a", &batch("boot", seq, HOUR), HOUR);
        spool.append(line, head, body).await.expect("open").await.expect("told")
    };
    assert!(put(&line, 1).await.is_ok());
    room.set(0, true);
    assert!(put(&line, 2).await.is_err());
    // There is room again when what the agent had sent in one go comes to the writer.
    room.set(usize::MAX, true);
    assert!(put(&line, 3).await.is_err(), "2 is not on disk");
    assert_eq!(spool.mark("a", "boot").seq, 1);
    // It connects again and begins behind what was acknowledged.
    let again = Line::default();
    for seq in 2..=3 {
        assert!(put(&again, seq).await.is_ok_and(|stored| stored.acknowledged_seq == seq));
    }
    let all: Vec<_> = (1..=3).map(|seq| ("a".to_owned(), seq)).collect();
    assert_eq!(contents(&spool), all);
}

#[tokio::test]
async fn a_double_of_a_batch_that_could_not_be_stored_is_not_acknowledged() {
    let here = folder();
    let room = Room::default();
    room.set(usize::MAX, true);
    let disk = SmallDisk(room.clone());
    let clock = SetClock::at(HOUR).clock();
    let spool = Spool::open(here.path(), SpoolLimits::default(), Arc::clone(&clock)).expect("a log");
    let mut writer = Writer::new(Arc::clone(&spool.shared), Box::new(disk), SpoolLimits::default(), clock);
    // The old stream of a node and its new one, in one group; the disk is full.
    room.set(0, true);
    let (lines, mut fates) = ([Line::default(), Line::default()], Vec::new());
    let mut group = |seqs: &[(usize, u64)]| -> Vec<Append> {
        let one = |(line, seq): &(usize, u64)| {
            let (reply, fate) = oneshot::channel();
            fates.push(fate);
            let (head, body) = fixture::packed("a", &batch("boot", *seq, HOUR), HOUR);
            Append { line: Line::clone(&lines[*line]), head, body, reply, _room: None }
        };
        seqs.iter().map(one).collect()
    };
    writer.commit(group(&[(0, 1), (0, 2), (1, 1), (1, 2)]));
    room.set(usize::MAX, true);
    writer.commit(group(&[(1, 3)]));
    for fate in fates {
        assert!(fate.await.expect("told").is_err());
    }
    assert_eq!(spool.mark("a", "boot"), Mark::default());
}

#[tokio::test]
async fn a_batch_that_two_files_hold_is_read_once() {
    // A sync failed, cutting failed too, and the process went on: the batch stands in the next file again.
    let here = folder();
    send(&open(here.path()), "a", &batches()[..2]).await.iter().for_each(|told| assert!(told.is_ok()));
    let first = only_file(here.path());
    let number: u32 =
        first.file_stem().and_then(|name| name.to_str()).expect("a name").parse().expect("a number");
    fs::copy(&first, ledger::path(here.path(), number + 1)).expect("a copy");
    let spool = open(here.path());
    assert_eq!(contents(&spool), [("a".to_owned(), 1), ("a".to_owned(), 2)]);
    assert_eq!(spool.mark("a", "boot").seq, 2);
}

#[tokio::test]
async fn a_damaged_place_is_counted_once_however_often_it_is_met() {
    let here = folder();
    send_all(&open(here.path())).await;
    let file = only_file(here.path());
    let mut bytes = fs::read(&file).expect("the log");
    let place = bytes.len() / 2;
    bytes[place] ^= 1;
    fs::write(&file, &bytes).expect("a damaged log");
    // In the last file it is met when the log is opened, in one of those before when its hour is read.
    let opened_last = open(here.path());
    assert_eq!(opened_last.tally().read().damaged, 1);
    fs::write(ledger::path(here.path(), u32::MAX / 2), []).expect("a later file");
    for spool in [opened_last, open(here.path())] {
        let read = [contents(&spool), contents(&spool)];
        assert_eq!(read[0].len() + 1, expected().len());
        assert_eq!(read[0], read[1]);
        assert_eq!(spool.tally().read().damaged, 1);
    }
}

#[tokio::test]
async fn the_mark_of_an_hour_rises_when_more_of_it_comes() {
    let here = folder();
    let spool = open(here.path());
    let edge = HOUR + HOUR_MS - 55_000;
    send(&spool, "a", &[batch("boot", 1, HOUR), batch("boot", 2, edge)]).await;
    let first = spool.hours();
    let begins: Vec<i64> = first.iter().map(|hour| hour.hour.from_unix_s * 1000).collect();
    assert_eq!(begins, [HOUR, HOUR + HOUR_MS], "a batch that ends in the next hour is of both");
    drop(spool);
    let spool = open(here.path());
    assert_eq!(spool.hours(), first, "opening changes nothing");
    // An outage is replayed: an old hour gets more, the others stay as they are.
    send(&spool, "b", &[batch("boot", 1, HOUR + 60_000)]).await;
    let second = spool.hours();
    assert!(second[0].mark > first[0].mark);
    assert_eq!(second[1], first[1]);
    send(&spool, "b", &[batch("boot", 1, HOUR + 60_000)]).await;
    assert_eq!(spool.hours(), second, "a double is no news");
}

#[tokio::test]
async fn old_files_go_and_how_far_nodes_are_stays_known() {
    let here = folder();
    let clock = SetClock::at(HOUR);
    let spool = open_at(here.path(), SpoolLimits::default(), &clock).expect("a log");
    send(&spool, "a", &[batch("boot", 1, HOUR)]).await;
    let later = HOUR + 49 * HOUR_MS;
    clock.set(later);
    for (node, minute) in [("b", 0), ("c", 2)] {
        clock.set(later + minute * 60_000);
        let (mut head, body) = fixture::packed(node, &batch("boot", 5, later), later);
        head.arrived_ms = later;
        assert!(spool.append(&Line::default(), head, body).await.expect("open").await.expect("told").is_ok());
    }
    let read = contents(&spool);
    assert_eq!(read, [("b".to_owned(), 5), ("c".to_owned(), 5)], "two days are over");
    drop(spool);
    let spool = open_at(here.path(), SpoolLimits::default(), &clock).expect("a log");
    assert_eq!(spool.mark("a", "boot").seq, 1, "its file went, its mark did not");
    assert!(
        send(&spool, "a", &[batch("boot", 1, HOUR)]).await[0].as_ref().is_ok_and(|stored| stored.is_double)
    );
}

#[tokio::test]
async fn a_log_that_is_too_large_loses_its_oldest_first() {
    let here = folder();
    let clock = SetClock::at(HOUR);
    let limits = SpoolLimits { bytes_max: 4_000, ..SpoolLimits::default() };
    let spool = open_at(here.path(), limits, &clock).expect("a log");
    for seq in 1..=60 {
        clock.set(HOUR + seq * 61_000);
        send(&spool, "a", &[batch("boot", seq as u64, HOUR + seq * HOUR_MS)]).await;
        assert!(spool.size().1 <= 4_200, "{:?}", spool.size());
    }
    let left: Vec<u64> = contents(&spool).into_iter().map(|(_, seq)| seq).collect();
    assert!(left.len() > 5 && left.len() < 40, "{left:?}");
    assert_eq!(left.last(), Some(&60));
    assert!(left.windows(2).all(|pair| pair[1] == pair[0] + 1), "the newest stay, without holes: {left:?}");
    assert!(spool.tally().read().crowded_out_bytes > 0);
}

#[tokio::test]
async fn an_hour_that_lost_a_file_is_not_told_again() {
    let here = folder();
    let clock = SetClock::at(HOUR);
    let spool = open_at(here.path(), SpoolLimits::default(), &clock).expect("a log");
    send(&spool, "a", &[batch("boot", 1, HOUR)]).await;
    let later = HOUR + 49 * HOUR_MS;
    for (seq, minute) in [(2, 0), (3, 2)] {
        clock.set(later + minute * 60_000);
        send(&spool, "a", &[batch("boot", seq, later)]).await;
    }
    // A node was away for two days, and tells of the hour whose other readings went.
    send(&spool, "b", &[batch("boot", 1, HOUR + 60_000), batch("boot", 2, HOUR + HOUR_MS)]).await;
    let told = |spool: &Spool| -> Vec<i64> {
        spool.hours().iter().map(|known| known.hour.from_unix_s * 1000).collect()
    };
    assert_eq!(told(&spool), [HOUR + HOUR_MS, later]);
    assert_eq!(spool.tally().read().unusable, [("hour_gone", 1)].into(), "it is acknowledged and not kept");
    assert_eq!(spool.mark("b", "boot").seq, 2);
    let gone = Window { from_unix_s: HOUR / 1000, to_unix_s: (HOUR + HOUR_MS) / 1000 };
    let read: Vec<_> = spool.read(gone).collect();
    assert!(matches!(read.as_slice(), [Err(SpoolError::Read { .. })]), "{read:?}");
    drop(spool);
    let again = open_at(here.path(), SpoolLimits::default(), &clock).expect("a log");
    assert_eq!(told(&again), [HOUR + HOUR_MS, later], "opened again");
}

#[tokio::test]
async fn an_hour_whose_file_goes_while_it_is_read_is_not_read_in_part() {
    let here = folder();
    let spool = open(here.path());
    send(&spool, "a", &[batch("boot", 1, HOUR)]).await;
    let hour = spool.hours()[0].hour;
    let file = only_file(here.path());
    let cut = fs::OpenOptions::new().write(true).open(&file).expect("it is there");
    cut.set_len(cut.metadata().expect("it is open").len() - 1).expect("a shorter file");
    assert!(spool.read(hour).last().is_some_and(|part| part.is_err()), "nor where its end is gone");
    let reader = spool.read(hour);
    fs::remove_file(file).expect("it is there");
    assert!(reader.last().is_some_and(|part| part.is_err()));
}

#[test]
fn what_is_older_than_what_is_kept_is_too_old() {
    for (kept_hours, hours) in [(2, 1), (12, 10), (48, 46), (336, 48)] {
        let here = folder();
        let limits = SpoolLimits { retention_ms: kept_hours * HOUR_MS, ..SpoolLimits::default() };
        let spool = open_at(here.path(), limits, &SetClock::at(HOUR)).expect("a log");
        assert_eq!(spool.age_ms_max(), hours * HOUR_MS, "kept {kept_hours} hours");
    }
}

#[tokio::test]
async fn a_node_has_a_share_of_each_hour() {
    let here = folder();
    let clock = SetClock::at(HOUR);
    let spool = open_at(here.path(), SpoolLimits::default(), &clock).expect("a log");
    let put = async |node: &str, seq: u64, arrived_ms: i64| {
        let (mut head, _) = fixture::packed(node, &batch("boot", seq, HOUR), arrived_ms);
        head.kind = frame::Kind::Skipped;
        spool.append(&Line::default(), head, vec![0; 4 << 20]).await.expect("open").await.expect("told")
    };
    let mut seq = 0;
    // 1 GiB / 16 is 64 MiB.
    let over = loop {
        seq += 1;
        if let Err(error) = put("a", seq, HOUR).await {
            break error;
        }
    };
    assert_eq!((over, seq), (SpoolError::Share { node: "a".to_owned() }, 16));
    assert!(put("b", 1, HOUR).await.is_ok(), "others have their own");
    assert!(put("a", seq, HOUR + HOUR_MS).await.is_ok(), "and so has the next hour");
    assert_eq!(spool.tally().read().turned_away.get("node_share"), Some(&1));
}

#[tokio::test]
async fn what_waits_is_bounded_in_bytes_for_a_stream_and_for_all() {
    let here = folder();
    let (queue, mut waiting) = mpsc::channel(WAITING_MAX);
    // Nobody writes.
    let spool = Spool { queue, ..open(here.path()) };
    let put = |line: &Line, seq: u64| {
        let (head, _) = fixture::packed("a", &batch("boot", seq, HOUR), HOUR);
        spool.append(line, head, vec![0; 4 << 20]).now_or_never().is_some()
    };
    let line = Line::default();
    assert!(put(&line, 1) && put(&line, 2) && !put(&line, 3), "two large messages of a stream");
    assert_eq!(spool.backoff_ms(), 0);
    for seq in 3..=16 {
        assert!(put(&Line::default(), seq), "{seq}");
    }
    assert!(!put(&Line::default(), 17), "64 MiB of all");
    assert_eq!(spool.backoff_ms() as usize, BACKOFF_MS_MAX);
    drop(waiting.recv().await);
    assert!(put(&line, 17), "one is written");
}

#[tokio::test]
async fn a_clock_that_jumps_removes_nothing() {
    let here = folder();
    let (clock, ticks) = (SetClock::at(HOUR), SetClock::at(0));
    let disk = Box::new(RealDisk);
    let limits = SpoolLimits::default();
    let spool = Spool::open_on(disk, here.path(), limits, clock.clock(), ticks.clock()).expect("a log");
    for (seq, jump) in [(1, 0), (2, 60 * HOUR_MS), (3, 60 * HOUR_MS), (4, 0)] {
        let tick = seq as i64 * 61_000;
        ticks.set(tick);
        clock.set(HOUR + tick + jump);
        assert_eq!(spool.believes(HOUR + tick + jump), jump == 0);
        send(&spool, "a", &[batch("boot", seq, HOUR)]).await;
    }
    let all: Vec<_> = (1..=4).map(|seq| ("a".to_owned(), seq)).collect();
    assert_eq!(contents(&spool), all);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]
    #[test]
    fn an_hour_that_is_told_is_whole_however_the_log_is_filled(
        steps in proptest::collection::vec((0_i64..90, 0_usize..3, 0_i64..46, prop::bool::weighted(0.05)), 1..120),
        bytes_max in 2_000_u64..12_000,
        retention_h in 2_i64..48,
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let here = folder();
            let limits = SpoolLimits { bytes_max, retention_ms: retention_h * HOUR_MS };
            let clock = SetClock::at(HOUR);
            let mut spool = open_at(here.path(), limits, &clock).expect("a log");
            let (mut now, mut sent) = (HOUR, Vec::new());
            for (seq, (minutes, node, age_h, opens)) in (1..).zip(steps) {
                now += minutes * 60_000;
                clock.set(now);
                if opens {
                    drop(spool);
                    spool = open_at(here.path(), limits, &clock).expect("a log");
                }
                // One that was away for long, or that wants old hours to be read again.
                let begin = (now - age_h * HOUR_MS).div_euclid(HOUR_MS) * HOUR_MS;
                let node = ["a", "b", "c"][node];
                let (mut head, body) = fixture::packed(node, &batch("boot", seq, begin), now);
                head.arrived_ms = now;
                let put = spool.append(&Line::default(), head, body).await.expect("open").await;
                prop_assert!(put.expect("told").is_ok_and(|stored| !stored.is_double));
                sent.push((begin, seq));
            }
            for told in spool.hours() {
                let begin = told.hour.from_unix_s * 1000;
                let parts = spool.read(told.hour).filter_map(|part| part.expect("a readable log").series());
                let mut read: Vec<u64> =
                    parts.map(|part| part.readings[0].cpu_used_us.expect("its number")).collect();
                read.sort_unstable();
                let all: Vec<u64> = sent.iter().filter(|(of, _)| *of == begin).map(|(_, seq)| *seq).collect();
                prop_assert_eq!(read, all, "{}", (begin - HOUR) / HOUR_MS);
            }
            Ok(())
        })?;
    }

    #[test]
    fn a_flipped_bit_costs_one_batch_and_doubles_none(at in any::<prop::sample::Index>(), bit in 0..8) {
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let here = folder();
            send_all(&open(here.path())).await;
            let file = only_file(here.path());
            let mut bytes = fs::read(&file).expect("the log");
            let place = at.index(bytes.len());
            bytes[place] ^= 1u8 << bit;
            fs::write(&file, &bytes).expect("a damaged log");
            let read = contents(&open(here.path()));
            let all = expected();
            prop_assert!(read.len() + 1 >= all.len(), "{read:?}");
            prop_assert!(read.iter().all(|one| all.contains(one)));
            let mut once = read.clone();
            once.dedup();
            prop_assert_eq!(once, read);
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn what_gpus_did_is_kept_with_the_rest_and_read_again() {
    use kubeopt_model::agents::{GpuUser, NodePart};
    use kubeopt_proto::GpuUse;

    let here = folder();
    let spool = open(here.path());
    let used = GpuUse { id: "GPU-1".to_owned(), readings: 2, busy_max_permille: 20, ..GpuUse::default() };
    // A batch on the edge of two hours, of a node without a container.
    let edge =
        Batch { gpus: vec![used], containers: Vec::new(), ..batch("boot", 1, HOUR + HOUR_MS - 30_000) };
    send(&spool, "a", &[edge]).await;
    drop(spool);
    let again = open(here.path());
    let hours = again.hours();
    assert_eq!(hours.len(), 2, "who reads either hour gets it");
    for hour in hours {
        let parts: Vec<NodePart> = again.read(hour.hour).map(|part| part.expect("a readable log")).collect();
        let [NodePart::Gpu(gpu)] = parts.as_slice() else { panic!("{parts:?}") };
        assert_eq!((gpu.node.as_str(), gpu.busy, &gpu.user), ("a", Some((0.0, 0.02)), &GpuUser::Unknown));
        assert_eq!(gpu.to_unix_ms - gpu.from_unix_ms, 60_000);
    }
}
