//! What tests of the log share: small batches, a clock that is set, disks that fail.

use std::io;
use std::path::Path;
use std::sync::Mutex;
use std::sync::atomic::{AtomicI64, Ordering};

use flate2::Compression;
use flate2::write::DeflateEncoder;
use kubeopt_proto::{Batch, ContainerSeries, Message as _};
use tempfile::TempDir;

use super::disk::LogFile;
use super::frame::Kind;
use super::*;
use crate::readings;

/// The begin of an hour.
pub(super) const HOUR: i64 = 1_800_000 * 1_000_000 / 3_600 * 3_600;

/// A folder in memory where there is one: hundreds of syncs take no time there.
pub(super) fn folder() -> TempDir {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir()).expect("a folder")
}

#[derive(Clone)]
pub(super) struct SetClock(Arc<AtomicI64>);

impl SetClock {
    pub(super) fn at(ms: i64) -> Self {
        Self(Arc::new(AtomicI64::new(ms)))
    }

    pub(super) fn set(&self, ms: i64) {
        self.0.store(ms, Ordering::Relaxed);
    }

    pub(super) fn clock(&self) -> Clock {
        let clock = Arc::clone(&self.0);
        Arc::new(move || clock.load(Ordering::Relaxed))
    }
}

/// A batch of one minute, whose CPU tells its number.
pub(super) fn batch(boot_id: &str, seq: u64, begin_ms: i64) -> Batch {
    let series = ContainerSeries {
        pod_uid: "pod".to_owned(),
        container_id: "container".to_owned(),
        step: vec![5],
        span_ms: vec![10_000],
        cpu_used_us: vec![seq],
        ..ContainerSeries::default()
    };
    Batch {
        boot_id: boot_id.to_owned(),
        seq,
        begin_unix_ms: begin_ms as u64,
        step_ms: 10_000,
        steps: 6,
        containers: vec![series],
        ..Batch::default()
    }
}

/// As the stream hands it on.
pub(super) fn packed(node: &str, batch: &Batch, arrived_ms: i64) -> (Head, Vec<u8>) {
    let (from_ms, to_ms) = readings::span(batch);
    let mut encoder = DeflateEncoder::new(Vec::new(), Compression::fast());
    io::Write::write_all(&mut encoder, &batch.encode_to_vec()).expect("memory");
    let head = Head {
        kind: Kind::Batch,
        node: node.to_owned(),
        boot_id: batch.boot_id.clone(),
        seq: batch.seq,
        arrived_ms,
        from_ms,
        to_ms,
        dropped: 0,
    };
    (head, encoder.finish().expect("memory"))
}

/// Sends batches together and waits for the fate of each.
pub(super) async fn send(spool: &Spool, node: &str, batches: &[Batch]) -> Vec<Result<Stored, SpoolError>> {
    let mut fates = Vec::new();
    let line = Line::default();
    for batch in batches {
        let (head, body) = packed(node, batch, HOUR);
        fates.push(spool.append(&line, head, body).await.expect("the log is open"));
    }
    let mut told = Vec::new();
    for fate in fates {
        told.push(fate.await.expect("the writer answers"));
    }
    told
}

/// Everything that can be read: node and number, in order.
pub(super) fn contents(spool: &Spool) -> Vec<(String, u64)> {
    let mut all = Vec::new();
    for hour in spool.hours() {
        let begins_within =
            |ms: i64| (hour.hour.from_unix_s..hour.hour.to_unix_s).contains(&ms.div_euclid(1000));
        for part in spool.read(hour.hour) {
            let Some(part) = part.expect("a readable log").series() else { continue };
            let readings = part.readings.iter();
            let within =
                readings.filter(|reading| begins_within(reading.at_unix_ms - i64::from(reading.span_ms)));
            all.extend(within.map(|reading| (part.node.clone(), reading.cpu_used_us.unwrap_or(0))));
        }
    }
    all.sort();
    all
}

/// What a disk of a test may still do.
#[derive(Debug, Default, Clone)]
pub(super) struct Room(Arc<Mutex<(usize, bool)>>);

impl Room {
    /// Bytes that fit, and whether a sync works.
    pub(super) fn set(&self, bytes: usize, syncs: bool) {
        *self.0.lock().expect("not poisoned") = (bytes, syncs);
    }
}

/// A disk that is full after some bytes, and leaves what fitted.
pub(super) struct SmallDisk(pub(super) Room);

struct SmallFile {
    file: Box<dyn LogFile>,
    room: Room,
}

impl Disk for SmallDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        Ok(Box::new(SmallFile { file: RealDisk.create(path)?, room: self.0.clone() }))
    }
}

impl LogFile for SmallFile {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        let mut room = self.room.0.lock().expect("not poisoned");
        let fits = bytes.len().min(room.0);
        room.0 -= fits;
        self.file.append(&bytes[..fits])?;
        if fits < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn keep(&mut self) -> io::Result<()> {
        let syncs = self.room.0.lock().expect("not poisoned").1;
        if syncs { self.file.keep() } else { Err(io::Error::other("I/O error")) }
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.file.cut(bytes)
    }
}
