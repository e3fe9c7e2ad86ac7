//! Time: of the system, or driven line by line so that a bench runs hours in minutes through the same code.

use std::cell::Cell;
use std::io;
use std::path::Path;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Mutex, Notify};

/// The driver of the clock went away: the agent ends.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("the clock's driver has gone")]
pub struct Ended;

/// The steady clock at the start: what began up to an hour earlier has a time too.
const BEGIN_US: u64 = 3_600_000_000;

/// Now, on two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// What the wall clock says, in Unix milliseconds; it may jump.
    pub unix_ms: u64,
    /// Microseconds on a clock that only goes on.
    pub steady_us: u64,
}

/// A source of time.
#[derive(Debug)]
pub struct Clock {
    source: Source,
    /// The wall clock's time when the steady clock began, in milliseconds.
    begin_unix_ms: u64,
}

#[derive(Debug)]
enum Source {
    System(Instant),
    Driven(Box<Driven>),
}

#[derive(Debug)]
struct Driven {
    now_us: Cell<u64>,
    target_us: Cell<u64>,
    lines: Mutex<BufReader<UnixStream>>,
    moved: Notify,
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self { source: Source::System(Instant::now()), begin_unix_ms: system_unix_ms() }
    }

    /// A clock that another process drives: it connects to a Unix socket at `path` and writes lines with a time in Unix
    /// milliseconds, the first of which is the beginning. To each it gets a line back once all up to then is done.
    ///
    /// # Errors
    /// The socket cannot be made, or its first line is no time.
    pub async fn driven(path: &Path) -> io::Result<Self> {
        let listener = UnixListener::bind(path)?;
        let (stream, _) = listener.accept().await?;
        let mut lines = BufReader::new(stream);
        let begin = read_time(&mut lines).await?.ok_or(io::ErrorKind::UnexpectedEof)?;
        let driven = Driven {
            now_us: Cell::new(BEGIN_US),
            target_us: Cell::new(BEGIN_US),
            lines: Mutex::new(lines),
            moved: Notify::new(),
        };
        Ok(Self { source: Source::Driven(Box::new(driven)), begin_unix_ms: begin })
    }

    /// Now.
    pub fn now(&self) -> Moment {
        let steady_us = self.steady_us();
        let unix_ms = match &self.source {
            Source::System(_) => system_unix_ms(),
            Source::Driven(_) => self.calm_unix_ms(),
        };
        Moment { unix_ms, steady_us }
    }

    /// What the wall clock would say had nobody set it since the start, in Unix milliseconds: for ages.
    pub fn calm_unix_ms(&self) -> u64 {
        self.begin_unix_ms + (self.steady_us() - BEGIN_US) / 1000
    }

    /// The steady clock, in microseconds.
    pub fn steady_us(&self) -> u64 {
        match &self.source {
            Source::System(begin) => {
                BEGIN_US.saturating_add(u64::try_from(begin.elapsed().as_micros()).unwrap_or(u64::MAX))
            }
            Source::Driven(driven) => driven.now_us.get(),
        }
    }

    /// Waits until the steady clock is there.
    pub async fn until(&self, steady_us: u64) {
        match &self.source {
            Source::System(begin) => {
                let since = Duration::from_micros(steady_us.saturating_sub(BEGIN_US));
                tokio::time::sleep_until((*begin + since).into()).await;
            }
            Source::Driven(driven) => loop {
                let moved = driven.moved.notified();
                if driven.now_us.get() >= steady_us {
                    return;
                }
                moved.await;
            },
        }
    }

    /// Waits for so long.
    pub async fn rest(&self, ms: u64) {
        self.until(self.steady_us().saturating_add(ms.saturating_mul(1000))).await;
    }

    /// Waits like [`Self::until`]; of a driven clock it is what moves it, and `told` is what the driver hears when all
    /// up to its time is done.
    ///
    /// # Errors
    /// The driver has gone.
    pub(crate) async fn reach(&self, steady_us: u64, told: impl Fn() -> String) -> Result<(), Ended> {
        let driven = match &self.source {
            Source::System(_) => {
                self.until(steady_us).await;
                return Ok(());
            }
            Source::Driven(driven) => driven,
        };
        while driven.target_us.get() < steady_us {
            driven.move_to(driven.target_us.get());
            let mut lines = driven.lines.lock().await;
            let answer = format!("{}\n", told());
            lines.get_mut().write_all(answer.as_bytes()).await.map_err(|_| Ended)?;
            let unix_ms = read_time(&mut lines).await.map_err(|_| Ended)?.ok_or(Ended)?;
            let since = unix_ms.saturating_sub(self.begin_unix_ms).saturating_mul(1000);
            let target = since.saturating_add(BEGIN_US);
            driven.target_us.set(target.max(driven.target_us.get()));
        }
        driven.move_to(steady_us);
        // Others see each moment before it passes.
        tokio::task::yield_now().await;
        Ok(())
    }
}

impl Driven {
    fn move_to(&self, us: u64) {
        self.now_us.set(us.max(self.now_us.get()));
        self.moved.notify_waiters();
    }
}

async fn read_time(lines: &mut BufReader<UnixStream>) -> io::Result<Option<u64>> {
    const LINE_BYTES_MAX: u64 = 32;
    let mut line = String::new();
    if lines.take(LINE_BYTES_MAX).read_line(&mut line).await? == 0 {
        return Ok(None);
    }
    line.trim_end().parse().map(Some).map_err(|_| io::ErrorKind::InvalidData.into())
}

fn system_unix_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}
