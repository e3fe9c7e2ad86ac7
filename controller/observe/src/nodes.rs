//! Usage as node agents tell it: alone, or beside a server that scrapes.
//!
//! Agents read each container every ten seconds, and send what they could not send before when they can again. So an hour may
//! change long after it ended: [`NodeAgents`] remembers at which mark each hour is stored, and has those that changed read
//! again. Beside a server, of each container and hour the agents count where they know enough of it, and else the server.
//! It must not know how agents are listened to; that is [`NodeReader`].

mod book;
mod gather;
mod gpus;
mod kept;
mod slots;
mod state;
mod waiting;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

use async_trait::async_trait;
use kubeopt_model::Timestamp;
use kubeopt_model::agents::{NodeHour, NodePart, NodeStanding};
use kubeopt_model::gpu::GpuUse;
use kubeopt_model::usage::{OomKill, Window};

use self::gather::{Gathered, HourGather, Told};
use self::kept::Kept;
use self::state::{State, locked};
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

pub use self::state::NodeCounts;

/// Who keeps what node agents sent.
#[async_trait]
pub trait NodeReader: Send + Sync {
    /// The hours that there is something of, oldest first.
    ///
    /// # Errors
    /// [`ObserveError::Agents`].
    async fn hours(&self) -> Result<Vec<NodeHour>, ObserveError>;

    /// Hands on all readings that begin within an hour, in parts and in any order; readings of other hours may be among them.
    /// No reading comes twice. What GPUs did comes with each hour that it touches.
    ///
    /// # Errors
    /// [`ObserveError::Agents`].
    async fn read(&self, hour: Window, sink: &mut (dyn FnMut(NodePart) + Send)) -> Result<(), ObserveError>;

    /// How each node's agent is doing.
    fn standing(&self) -> Vec<NodeStanding>;
}

/// The node agents of one cluster, alone or beside another source.
pub struct NodeAgents {
    reader: Box<dyn NodeReader>,
    beside: Option<Box<dyn MetricsSource>>,
    /// Where it is remembered whose cgroups are; none remembers as long as the process lives.
    kept: Option<Arc<Kept>>,
    retention_s: i64,
    state: Arc<Mutex<State>>,
}

impl NodeAgents {
    /// Alone, for a reader that keeps what came in for so many seconds. So long, and for what came late, it is remembered whose a
    /// cgroup was, in this file; the file is read now.
    pub fn new(reader: Box<dyn NodeReader>, retention_s: i64, kept: Option<PathBuf>) -> Self {
        let kept = kept.map(|path| Arc::new(Kept::at(path)));
        let book = kept.as_ref().map(|kept| kept.read()).unwrap_or_default();
        let state = Arc::new(Mutex::new(State::with(book)));
        Self { reader, beside: None, kept, retention_s, state }
    }

    /// Beside a source that has the past.
    #[must_use]
    pub fn beside(self, other: Box<dyn MetricsSource>) -> Self {
        Self { beside: Some(other), ..self }
    }

    /// Learns whose the cgroups are that a cluster shows at this moment, and writes it down. Between passes too: a pod may come
    /// and go between two.
    pub async fn learn(&self, owners: &PodOwners, now: Timestamp) {
        self.state().learn(owners, now, self.retention_s);
        self.save().await;
    }

    /// Writes down what is remembered, where something is new. Where that fails, the next time does.
    pub async fn save(&self) {
        let Some(kept) = self.kept.as_ref().filter(|_| !self.state().book.is_written()) else { return };
        let (kept, state) = (Arc::clone(kept), Arc::clone(&self.state));
        if let Err(stopped) = tokio::task::spawn_blocking(move || kept.save(&state)).await {
            tracing::warn!("whose cgroups are was not written down: {stopped}");
        }
    }

    /// What was read and could not be used, or not be read.
    pub fn counts(&self) -> NodeCounts {
        self.state().counts
    }

    /// Cgroups that were read and that no pod of the cluster has, sandboxes of pods among them.
    pub fn unresolved(&self) -> usize {
        self.state().book.missed()
    }

    /// How each node's agent is doing.
    pub fn standing(&self) -> Vec<NodeStanding> {
        self.reader.standing()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        locked(&self.state)
    }

    /// The hours that changed since they were stored, and that can be read.
    async fn changed(&self) -> Result<Vec<i64>, ObserveError> {
        let hours = self.reader.hours().await?;
        let mut state = self.state();
        state.note_gone(&hours);
        let changed = hours.into_iter().filter(|known| state.is_news(known));
        Ok(changed.map(|known| known.hour.from_unix_s).collect())
    }

    /// Reads an hour, and hands on what is known well enough; nothing where it cannot be read as a whole.
    async fn read_hour(
        &self,
        known: NodeHour,
        owners: &PodOwners,
        sink: Sink<'_>,
    ) -> Result<(SliceReport, Told), ObserveError> {
        let hour = known.hour.from_unix_s;
        let mut gather = HourGather::new(hour, self.now().as_second() + CLOCK_SKEW_S, owners);
        self.reader.read(known.hour, &mut |part| gather.add(part, &mut self.state().book)).await?;
        let known_min = if self.beside.is_some() { KNOWN_SHARE_MIN } else { 0.0 };
        let Gathered { report, told, kills, of_others } = gather.finish(known_min, sink);
        self.state().note_read(&known, kills, &of_others);
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
        self.save().await;
        let mut changed = self.changed().await?;
        if self.beside.is_some() {
            changed.retain(|hour| hour + HOUR_S <= now.as_second());
        }
        self.state().promised.extend(&changed);
        let Some(beside) = &self.beside else { return Ok(Reach::Sampled(slices(changed))) };
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
        let now = self.now();
        self.state().learn(owners, now, self.retention_s);
        let mut report = SliceReport::default();
        let mut told = Told::default();
        let hours = self.reader.hours().await?;
        let within =
            |known: &NodeHour| (slice.from_unix_s..slice.to_unix_s).contains(&known.hour.from_unix_s);
        self.state().note_gone(&hours);
        for known in hours.into_iter().filter(within) {
            match self.read_hour(known, owners, sink).await {
                Ok((read, of_hour)) => {
                    report.absorb(&read);
                    told.absorb(of_hour);
                }
                Err(error) => self.state().note_unreadable(&known, &error, &mut report),
            }
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
        self.state().note_stored(slice);
        if let Some(beside) = &self.beside {
            beside.stored(slice);
        }
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
