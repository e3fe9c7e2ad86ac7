//! Usage as node agents tell it: alone, or beside a server that scrapes.
//!
//! Agents read each container every ten seconds, and send what they could not send before when they can again. So an hour may
//! change long after it ended: [`NodeAgents`] remembers at which mark each hour is stored, and has those that changed read
//! again. Beside a server, of each container and hour the agents count where they know enough of it, and else the server.
//! It must not know how agents are listened to; that is [`NodeReader`].

mod book;
mod gather;
mod slots;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use kubeopt_model::Timestamp;
use kubeopt_model::agents::{NodeHour, NodeSeries, NodeStanding};
use kubeopt_model::gpu::GpuUse;
use kubeopt_model::usage::{OomKill, Window};

use self::book::Book;
use self::gather::{HourGather, Told};
use crate::aftermath::{SignsAsked, SignsRead};
use crate::error::ObserveError;
use crate::owners::PodOwners;
use crate::source::{Emptiness, MetricsSource, Reach, Sink, SliceReport, SourceFacts, checked};

const HOUR_S: i64 = 3600;

const DAY_S: i64 = 86_400;

/// Of how much of an hour agents must know a container's use for it to count in the place of a server's.
const KNOWN_SHARE_MIN: f64 = 0.9;

/// How far the clock of a node may be ahead of this one.
const CLOCK_SKEW_S: i64 = 120;

/// What is kept of agents may be of hours that lie so long before it came: they hold a day, and their batches are taken for two.
const LATE_S: i64 = 3 * DAY_S;

/// Largest file of what is remembered: [`book::Book`] holds no more.
const FILE_BYTES_MAX: u64 = 400 << 20;

/// Who keeps what node agents sent.
#[async_trait]
pub trait NodeReader: Send + Sync {
    /// The hours that there is something of, oldest first.
    ///
    /// # Errors
    /// [`ObserveError::Agents`].
    async fn hours(&self) -> Result<Vec<NodeHour>, ObserveError>;

    /// Hands on all readings that begin within an hour, in parts and in any order; readings of other hours may be among them.
    /// No reading comes twice.
    ///
    /// # Errors
    /// [`ObserveError::Agents`].
    async fn read(&self, hour: Window, sink: &mut (dyn FnMut(NodeSeries) + Send))
    -> Result<(), ObserveError>;

    /// How each node's agent is doing.
    fn standing(&self) -> Vec<NodeStanding>;
}

/// The node agents of one cluster, alone or beside another source.
pub struct NodeAgents {
    reader: Box<dyn NodeReader>,
    beside: Option<Box<dyn MetricsSource>>,
    /// Where it is remembered whose cgroups are; none remembers as long as the process lives.
    kept: Option<PathBuf>,
    retention_s: i64,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    book: Book,
    /// When it was asked last what can be read.
    now: Option<Timestamp>,
    /// The marks of hours when they were read; they are not stored yet.
    read: BTreeMap<i64, u64>,
    /// Kills of hours that are not stored yet.
    kills: BTreeMap<i64, Vec<OomKill>>,
}

impl NodeAgents {
    /// Alone, for a reader that keeps what came in for so many seconds. So long, and for what came late, it is remembered whose a
    /// cgroup was, in this file; the file is read now.
    pub fn new(reader: Box<dyn NodeReader>, retention_s: i64, kept: Option<PathBuf>) -> Self {
        let book = kept.as_ref().map(remembered).unwrap_or_default();
        let state = State { book, ..State::default() };
        Self { reader, beside: None, kept, retention_s, state: Mutex::new(state) }
    }

    /// Beside a source that has the past.
    #[must_use]
    pub fn beside(self, other: Box<dyn MetricsSource>) -> Self {
        Self { beside: Some(other), ..self }
    }

    /// Learns whose the cgroups are that a cluster shows at this moment. Between passes too: a pod may come and go between two.
    pub fn learn(&self, owners: &PodOwners, now: Timestamp) {
        let mut state = self.state();
        state.book.learn(owners, now.as_second());
        state.book.forget_before(now.as_second() - self.retention_s - LATE_S);
    }

    /// Cgroups that were read and that no pod of the cluster has, sandboxes of pods among them.
    pub fn unresolved(&self) -> usize {
        self.state().book.missed()
    }

    /// How each node's agent is doing.
    pub fn standing(&self) -> Vec<NodeStanding> {
        self.reader.standing()
    }

    /// Nothing panics between lock and unlock that leaves half a change.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what is remembered, where something is new. Where that fails the next start reads some hours again.
    fn save(&self) {
        let (Some(path), Some(bytes)) = (&self.kept, self.state().book.unwritten()) else { return };
        let beside = path.with_extension("new");
        let written = std::fs::write(&beside, bytes).and_then(|()| std::fs::rename(&beside, path));
        if let Err(error) = written {
            tracing::warn!("unable to write {}: {error}", path.display());
        }
    }

    /// The hours that changed since they were stored.
    async fn changed(&self) -> Result<Vec<i64>, ObserveError> {
        let hours = self.reader.hours().await?;
        let state = self.state();
        let changed =
            hours.into_iter().filter(|known| !state.book.is_stored(known.hour.from_unix_s, known.mark));
        Ok(changed.map(|known| known.hour.from_unix_s).collect())
    }

    /// Reads an hour, and hands on what is known well enough.
    async fn read_hour(
        &self,
        known: NodeHour,
        owners: &PodOwners,
        sink: Sink<'_>,
    ) -> Result<(SliceReport, Told), ObserveError> {
        let hour = known.hour.from_unix_s;
        let mut gather = HourGather::new(hour, self.now().as_second() + CLOCK_SKEW_S);
        self.reader.read(known.hour, &mut |series| gather.add(series, &mut self.state().book)).await?;
        let known_min = if self.beside.is_some() { KNOWN_SHARE_MIN } else { 0.0 };
        let (report, told, kills) = gather.finish(known_min, owners, sink);
        let mut state = self.state();
        state.read.insert(hour, known.mark);
        state.kills.insert(hour, kills);
        Ok((report, told))
    }

    /// The moment of the pass.
    fn now(&self) -> Timestamp {
        self.state().now.unwrap_or_else(Timestamp::now)
    }
}

#[async_trait]
impl MetricsSource for NodeAgents {
    async fn reach(&self, now: Timestamp) -> Result<Reach, ObserveError> {
        self.state().now = Some(now);
        self.save();
        let changed = self.changed().await?;
        let Some(beside) = &self.beside else { return Ok(Reach::Sampled(slices(changed))) };
        let changed = changed.into_iter().filter(|hour| hour + HOUR_S <= now.as_second());
        match beside.reach(now).await? {
            Reach::Past => Ok(Reach::PastAndAgain(slices(changed))),
            sampled @ (Reach::Sampled(_) | Reach::PastAndAgain(_)) => Ok(sampled),
        }
    }

    async fn read(
        &self,
        slice: Window,
        owners: &PodOwners,
        sink: Sink<'_>,
    ) -> Result<SliceReport, ObserveError> {
        let slice = checked(slice)?;
        self.learn(owners, self.now());
        let mut report = SliceReport::default();
        let mut told = Told::default();
        let hours = self.reader.hours().await?;
        let within =
            |known: &NodeHour| (slice.from_unix_s..slice.to_unix_s).contains(&known.hour.from_unix_s);
        for known in hours.into_iter().filter(within) {
            let (read, of_hour) = self.read_hour(known, owners, sink).await?;
            report.absorb(&read);
            told.absorb(of_hour);
        }
        match &self.beside {
            Some(beside) => {
                let rest = &mut |series| {
                    let series = told.without(series);
                    if !series.points.is_empty() {
                        sink(series);
                    }
                };
                report.absorb(&beside.read(slice, owners, rest).await?);
            }
            None => report.empty = (report.series == 0).then_some(Emptiness::NoDataThen),
        }
        Ok(report)
    }

    fn stored(&self, slice: Window) {
        let mut state = self.state();
        let hours = || slice.from_unix_s..slice.to_unix_s;
        let read: Vec<(i64, u64)> = state.read.range(hours()).map(|(hour, mark)| (*hour, *mark)).collect();
        for (hour, mark) in read {
            state.read.remove(&hour);
            state.kills.remove(&hour);
            state.book.store(hour, mark);
        }
        drop(state);
        if let Some(beside) = &self.beside {
            beside.stored(slice);
        }
        self.save();
    }

    async fn oom_kills(&self, window: Window, owners: &PodOwners) -> Result<Vec<OomKill>, ObserveError> {
        let mut kills = match &self.beside {
            Some(beside) => beside.oom_kills(window, owners).await?,
            None => Vec::new(),
        };
        // History counts two that are minutes apart once.
        let own = self.state();
        kills.extend(
            own.kills.range(window.from_unix_s..window.to_unix_s).flat_map(|(_, kills)| kills.clone()),
        );
        kills.sort_by_key(|kill| kill.at_unix_s);
        Ok(kills)
    }

    async fn window_signs(&self, asked: &SignsAsked, owners: &PodOwners) -> Result<SignsRead, ObserveError> {
        if let Some(beside) = &self.beside {
            return beside.window_signs(asked, owners).await;
        }
        let wanted = asked.containers.len();
        let why = "node agents alone do not tell of the weeks before a merge: name a Prometheus beside them";
        let mut read = SignsRead::nothing(&asked.checked()?, why);
        read.tell_left_out(wanted);
        Ok(read)
    }

    async fn gpu_use(&self, owners: &PodOwners) -> Result<Vec<GpuUse>, ObserveError> {
        match &self.beside {
            Some(beside) => beside.gpu_use(owners).await,
            None => Ok(Vec::new()),
        }
    }

    async fn check(&self) -> Result<SourceFacts, ObserveError> {
        match &self.beside {
            Some(beside) => beside.check().await,
            None => Ok(SourceFacts { only_now: true, ..SourceFacts::default() }),
        }
    }
}

/// One source for the passes and for whoever asks how agents are doing.
#[async_trait]
impl MetricsSource for Arc<NodeAgents> {
    async fn reach(&self, now: Timestamp) -> Result<Reach, ObserveError> {
        self.as_ref().reach(now).await
    }

    async fn read(
        &self,
        slice: Window,
        owners: &PodOwners,
        sink: Sink<'_>,
    ) -> Result<SliceReport, ObserveError> {
        self.as_ref().read(slice, owners, sink).await
    }

    fn stored(&self, slice: Window) {
        self.as_ref().stored(slice);
    }

    async fn oom_kills(&self, window: Window, owners: &PodOwners) -> Result<Vec<OomKill>, ObserveError> {
        self.as_ref().oom_kills(window, owners).await
    }

    async fn window_signs(&self, asked: &SignsAsked, owners: &PodOwners) -> Result<SignsRead, ObserveError> {
        self.as_ref().window_signs(asked, owners).await
    }

    async fn gpu_use(&self, owners: &PodOwners) -> Result<Vec<GpuUse>, ObserveError> {
        self.as_ref().gpu_use(owners).await
    }

    async fn check(&self) -> Result<SourceFacts, ObserveError> {
        self.as_ref().check().await
    }
}

/// Hours in ascending order as slices: none goes beyond midnight, as files of history do not.
fn slices(hours: impl IntoIterator<Item = i64>) -> Vec<Window> {
    let mut slices: Vec<Window> = Vec::new();
    for hour in hours {
        match slices.last_mut() {
            Some(last) if last.to_unix_s == hour && hour % DAY_S != 0 => last.to_unix_s += HOUR_S,
            _ => slices.push(Window { from_unix_s: hour, to_unix_s: hour + HOUR_S }),
        }
    }
    slices
}

/// What a file remembers; one that cannot be used is told, and begun anew.
fn remembered(path: &PathBuf) -> Book {
    let read = || -> Result<Option<Book>, String> {
        let length = match std::fs::metadata(path) {
            Ok(metadata) => metadata.len(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error.to_string()),
        };
        if length > FILE_BYTES_MAX {
            return Err(format!("it is larger than {FILE_BYTES_MAX} bytes"));
        }
        let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
        Book::read(&bytes).map(Some)
    };
    match read() {
        Ok(book) => book.unwrap_or_default(),
        Err(why) => {
            tracing::warn!(
                "{} cannot be used ({why}): pods that are gone are not recognised, and the hours of node agents are read again",
                path.display()
            );
            Book::default()
        }
    }
}
