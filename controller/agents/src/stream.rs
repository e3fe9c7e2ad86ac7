//! One node's stream: batches are checked, handed to the log, and acknowledged when they are on disk. What waits is bounded, so
//! an agent that sends faster than the disk takes, or reads no acknowledgements, is slowed by its own connection.

use std::io::Write as _;
use std::sync::Arc;
use std::time::Duration;

use flate2::Compression;
use flate2::write::DeflateEncoder;
use futures::{Stream, StreamExt as _};
use kubeopt_proto::{Ack, Batch, Message as _, Refusal, check};
use tokio::sync::{mpsc, oneshot, watch};
use tonic::{Code, Status};

use crate::desk::Seat;
use crate::error::SpoolError;
use crate::readings;
use crate::spool::frame::{Head, Kind};
use crate::spool::{Clock, Line, Spool, Stored};
use crate::tally::is_logged;

/// Acknowledgements that wait to be read by the agent.
pub(crate) const ACKS_MAX: usize = 16;
/// Batches of a stream that wait to be on disk: they share one sync.
const UNDER_WAY_MAX: usize = 16;
/// After about an hour an agent has to say again who it is.
const STREAM_TIME: Duration = Duration::from_secs(3_600);
/// Streams that began together end within this time of each other, milliseconds.
const STREAM_TIME_SPREAD_MS: u64 = 600_000;
/// How far an agent's clock may be ahead.
const AHEAD_MS_MAX: i64 = 3_600_000;

/// What ends a stream.
enum End {
    /// The agent ended it, or another one took its place.
    Quiet,
    /// It is told why.
    Told(Status),
}

type Fate = oneshot::Receiver<Result<Stored, SpoolError>>;

pub(crate) struct NodeStream {
    pub(crate) node: Arc<str>,
    pub(crate) seat: Seat,
    pub(crate) spool: Spool,
    pub(crate) now: Clock,
    pub(crate) ended: watch::Receiver<bool>,
}

impl NodeStream {
    /// Takes batches until either side ends it.
    pub(crate) async fn run(
        mut self,
        mut batches: impl Stream<Item = Result<Batch, Status>> + Unpin,
        acks: mpsc::Sender<Result<Ack, Status>>,
    ) {
        let (under_way, fates) = mpsc::channel(UNDER_WAY_MAX);
        let telling = tokio::spawn(tell(fates, acks.clone(), self.spool.clone()));
        let end = self.take(&mut batches, under_way).await;
        // What is under way is told first, so that nothing stored is sent again.
        let told_all = telling.await.unwrap_or(false);
        if let (true, End::Told(status)) = (told_all, end) {
            drop(acks.send(Err(status)).await);
        }
    }

    async fn take(
        &mut self,
        batches: &mut (impl Stream<Item = Result<Batch, Status>> + Unpin),
        under_way: mpsc::Sender<Fate>,
    ) -> End {
        let spread = u64::from(crc32fast::hash(self.node.as_bytes())) % STREAM_TIME_SPREAD_MS;
        let over = tokio::time::sleep(STREAM_TIME + Duration::from_millis(spread));
        tokio::pin!(over);
        let mut boot_id = None;
        let line = Line::default();
        loop {
            let next = tokio::select! {
                biased;
                _ = self.ended.wait_for(|ended| *ended) => {
                    return End::Told(Status::unavailable("the controller is ending: connect again"));
                }
                _ = self.seat.taken.wait_for(|taken| *taken) => {
                    return End::Told(Status::aborted("another stream of this node has begun"));
                }
                () = &mut over => return End::Told(Status::unavailable("say again who you are")),
                // Who reads no acknowledgements is not listened to either.
                next = async {
                    let place = under_way.reserve().await.ok()?;
                    Some((place, batches.next().await))
                } => next,
            };
            let (place, batch) = match next {
                None => return End::Quiet,
                Some((_, None)) => return End::Quiet,
                Some((place, Some(Ok(batch)))) => (place, batch),
                Some((_, Some(Err(status)))) => return self.broken(&status),
            };
            if *boot_id.get_or_insert_with(|| batch.boot_id.clone()) != batch.boot_id {
                return self.refuse("other_boot_id", "a stream is of one boot id");
            }
            let refused = check(&batch).err();
            if let Some(refusal @ (Refusal::Sequence(_) | Refusal::Text("boot_id"))) = &refused {
                return self.refuse(refusal.reason(), &refusal.to_string());
            }
            let now_ms = (self.now)();
            if !self.spool.believes(now_ms) {
                self.spool.tally().turned_away("clock_jumped");
                return End::Told(Status::unavailable(
                    "the clock of the controller jumped: connect again later",
                ));
            }
            let (head, body) = self.pack(batch, refused, now_ms);
            match self.spool.append(&line, head, body).await {
                Ok(fate) => place.send(fate),
                Err(error) => return End::Told(Status::unavailable(error.to_string())),
            }
        }
    }

    /// The batch as the log takes it. One that cannot be used counts as taken and is not kept: its agent would send it for
    /// ever.
    fn pack(&self, batch: Batch, refused: Option<Refusal>, now_ms: i64) -> (Head, Vec<u8>) {
        let (from_ms, to_ms) = if refused.is_none() { readings::span(&batch) } else { (now_ms, now_ms) };
        let unusable = refused.as_ref().map(Refusal::reason).or_else(|| {
            let ahead = (to_ms > now_ms.saturating_add(AHEAD_MS_MAX)).then_some("ahead_of_time");
            ahead.or((from_ms < now_ms.saturating_sub(self.spool.age_ms_max())).then_some("too_old"))
        });
        let mut head = Head {
            kind: Kind::Batch,
            node: self.node.to_string(),
            boot_id: batch.boot_id.clone(),
            seq: batch.seq,
            arrived_ms: now_ms,
            from_ms,
            to_ms,
            dropped: batch.dropped_batches,
        };
        let Some(reason) = unusable else {
            return (head, compress(&batch.encode_to_vec()));
        };
        if is_logged(self.spool.tally().unusable(reason, 1)) {
            tracing::warn!(node = &*self.node, seq = batch.seq, reason, "a batch of an agent is not kept");
        }
        (head.kind, head.from_ms, head.to_ms) = (Kind::Skipped, i64::MIN, i64::MIN);
        (head, Vec::new())
    }

    fn refuse(&self, reason: &'static str, text: &str) -> End {
        if is_logged(self.spool.tally().turned_away(reason)) {
            tracing::warn!(node = &*self.node, reason, "a stream of an agent was ended");
        }
        End::Told(Status::invalid_argument(text))
    }

    fn broken(&self, status: &Status) -> End {
        // What tonic says of a message that is too long, or cannot be decoded.
        if status.code() == Code::OutOfRange {
            return self.refuse("too_large", "a message has at most 4 MiB");
        }
        if matches!(status.code(), Code::Internal | Code::InvalidArgument) {
            return self.refuse("undecodable", "a message cannot be decoded");
        }
        tracing::debug!(node = &*self.node, %status, "a stream of an agent broke");
        End::Quiet
    }
}

/// Tells the agent of each batch in its order; false when it could not be told, or was told the end.
async fn tell(
    mut fates: mpsc::Receiver<Fate>,
    acks: mpsc::Sender<Result<Ack, Status>>,
    spool: Spool,
) -> bool {
    while let Some(fate) = fates.recv().await {
        let told = match fate.await {
            Ok(Ok(stored)) => {
                Ok(Ack { acknowledged_seq: stored.acknowledged_seq, backoff_ms: spool.backoff_ms() })
            }
            Ok(Err(error)) => Err(failure(&error)),
            Err(_) => Err(Status::unavailable(SpoolError::Closed.to_string())),
        };
        let is_end = told.is_err();
        if acks.send(told).await.is_err() || is_end {
            return false;
        }
    }
    true
}

fn failure(error: &SpoolError) -> Status {
    let is_room = matches!(error, SpoolError::Full { .. } | SpoolError::Share { .. });
    let code = if is_room { Code::ResourceExhausted } else { Code::Unavailable };
    Status::new(code, format!("{error}: {}", error.problem().help))
}

fn compress(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = DeflateEncoder::new(Vec::with_capacity(bytes.len() / 2), Compression::fast());
    // Writing to memory does not fail.
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicU64, Ordering};

    use super::*;
    use crate::desk::Desk;
    use crate::spool::SpoolLimits;

    /// More than what may be under way without an acknowledgement being read.
    const ALL: u64 = 500;

    #[tokio::test]
    async fn who_reads_no_acknowledgements_is_not_listened_to_and_loses_nothing() {
        let here = tempfile::tempdir().expect("a folder");
        let now: Clock = Arc::new(|| 1_000_000_000_000);
        let spool = Spool::open(here.path(), SpoolLimits::default(), Arc::clone(&now)).expect("a log");
        let asked = Arc::new(AtomicU64::new(0));
        let listened = Arc::clone(&asked);
        let batches = futures::stream::iter(1..=ALL).map(move |seq| {
            listened.store(seq, Ordering::Relaxed);
            Ok(Batch {
                boot_id: "boot".to_owned(),
                seq,
                begin_unix_ms: 999_999_960_000,
                step_ms: 10_000,
                steps: 6,
                ..Batch::default()
            })
        });
        let (_end, ended) = watch::channel(false);
        let seat = Arc::new(Desk::default()).sit("node-1");
        let (acks, mut told) = mpsc::channel(ACKS_MAX);
        let stream = NodeStream { node: "node-1".into(), seat, spool: spool.clone(), now, ended };
        let running = tokio::spawn(stream.run(batches, acks));
        // One acknowledgement is in the hand of who tells, and as many as may wait are in both queues.
        let most = (ACKS_MAX + 1 + UNDER_WAY_MAX) as u64;
        while spool.tally().read().stored < most {
            tokio::task::yield_now().await;
        }
        for _ in 0..10_000 {
            tokio::task::yield_now().await;
        }
        assert_eq!(asked.load(Ordering::Relaxed), most);
        let mut last = 0;
        while let Some(ack) = told.recv().await {
            let acknowledged = ack.expect("stored").acknowledged_seq;
            assert!(acknowledged >= last, "acknowledgements only rise");
            last = acknowledged;
        }
        running.await.expect("it ends");
        assert_eq!((last, spool.tally().read().stored), (ALL, ALL));
    }
}
