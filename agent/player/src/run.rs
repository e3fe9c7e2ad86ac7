//! Runs the program: containers from arguments, time from the clock or from standard input.

use std::io::{self, BufRead, Write};
use std::path::PathBuf;
use std::thread;
use std::time::{Duration, Instant};

use thiserror::Error;

use crate::args::Args;
use crate::trace::{self, TraceError};
use crate::{Container, PlayError, Player, synthetic};

/// How often files change while the clock runs: a tenth of the second that an agent reads closest at.
const TICK: Duration = Duration::from_millis(100);

/// A trace file up to this size is read, in bytes.
const TRACE_MAX_BYTES: u64 = 1 << 30;

/// A line of standard input up to this length is read, in bytes; the longest that means something has 29.
const LINE_MAX_BYTES: u64 = 64;

/// Why playing ended early.
#[derive(Debug, Error)]
pub enum RunError {
    /// The trace could not be read.
    #[error("failed to read the trace {path}")]
    Read {
        /// Its file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: io::Error,
    },
    /// The trace is not one.
    #[error("failed to understand the trace {path}")]
    Trace {
        /// Its file.
        path: PathBuf,
        /// What is wrong, and where.
        #[source]
        source: TraceError,
    },
    /// Standard input said something else.
    #[error("standard input says {0:?}: write `advance N`, with N in milliseconds")]
    Line(String),
    /// Standard input or output broke.
    #[error("failed to read the time from standard input or to answer")]
    Clock(#[source] io::Error),
    /// The tree could not be written.
    #[error(transparent)]
    Play(#[from] PlayError),
}

/// Plays until the time is over, or standard input ends.
///
/// # Errors
///
/// [`RunError`].
pub fn run(args: &Args) -> Result<(), RunError> {
    let mut player = Player::new(&args.root, args.layout, containers(args)?)?;
    if args.clock_stdin {
        by_lines(&mut player, &mut io::stdin().lock(), &mut io::stdout().lock())
    } else {
        by_clock(&mut player, args)
    }
}

fn containers(args: &Args) -> Result<Vec<Container>, RunError> {
    let Some(path) = &args.trace else { return Ok(synthetic::containers(args.containers, args.seed)) };
    let read = || {
        let length = std::fs::metadata(path)?.len();
        if length > TRACE_MAX_BYTES {
            let what = format!("it has {length} bytes; split it, {TRACE_MAX_BYTES} are read at most");
            return Err(io::Error::other(what));
        }
        std::fs::read_to_string(path)
    };
    let text = read().map_err(|source| RunError::Read { path: path.clone(), source })?;
    trace::parse(&text).map_err(|source| RunError::Trace { path: path.clone(), source })
}

fn by_clock(player: &mut Player, args: &Args) -> Result<(), RunError> {
    let (begun, end_ms) = (Instant::now(), args.seconds.saturating_mul(1000));
    while player.now_ms() < end_ms {
        thread::sleep(TICK);
        let played = begun.elapsed().mul_f64(args.speed).as_millis();
        player.advance(u64::try_from(played).unwrap_or(u64::MAX).min(end_ms.next_multiple_of(100)))?;
    }
    Ok(())
}

/// Each line `advance N` is answered `at N` when the files are written.
fn by_lines(player: &mut Player, lines: &mut dyn BufRead, answers: &mut dyn Write) -> Result<(), RunError> {
    loop {
        let mut line = String::new();
        let length =
            io::Read::take(&mut *lines, LINE_MAX_BYTES).read_line(&mut line).map_err(RunError::Clock)?;
        if length == 0 {
            return Ok(());
        }
        let to_ms = line.trim_end().strip_prefix("advance ").and_then(|number| number.parse().ok());
        player.advance(to_ms.ok_or_else(|| RunError::Line(line.trim_end().to_owned()))?)?;
        writeln!(answers, "at {}", player.now_ms())
            .and_then(|()| answers.flush())
            .map_err(RunError::Clock)?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Layout;

    #[test]
    fn lines_move_the_time_and_are_answered_when_files_are_written() {
        let folder = tempfile::tempdir().unwrap();
        let mut player = Player::new(folder.path(), Layout::CgroupfsV2, synthetic::containers(1, 1)).unwrap();
        let mut answers = Vec::new();
        by_lines(&mut player, &mut &b"advance 10000\nadvance 20050\n"[..], &mut answers).unwrap();
        assert_eq!(answers, b"at 10000\nat 20000\n");
        for wrong in ["go 1\n", "advance -1\n", "advance 99999999999999999999\n", "advance 1 2\n"] {
            let error = by_lines(&mut player, &mut wrong.as_bytes(), &mut Vec::new()).unwrap_err();
            assert!(matches!(error, RunError::Line(_)), "{wrong}");
        }
    }

    #[test]
    fn a_trace_is_played_or_refused_with_its_line() {
        use clap::{CommandFactory, Parser};
        Args::command().debug_assert();
        let folder = tempfile::tempdir().unwrap();
        let (trace, root) = (folder.path().join("trace.csv"), folder.path().join("tree"));
        let words = ["kubeopt-player", "--for", "0", "--root", root.to_str().unwrap(), "--trace"];
        let args = Args::parse_from(words.into_iter().chain([trace.to_str().unwrap()]));
        assert!(matches!(run(&args), Err(RunError::Read { .. })));
        let (pod, id) = synthetic::ids(1, 1);
        let head = "time_s,pod_uid,container_id,cpu_millicores,memory_bytes";
        std::fs::write(&trace, format!("{head}\n0,{pod},{id},x,1\n")).unwrap();
        let error = run(&args).unwrap_err();
        let cause = std::error::Error::source(&error).unwrap().to_string();
        assert_eq!(cause, "line 2: `cpu_millicores` is not a whole number");
        std::fs::write(&trace, format!("{head}\n0,{pod},{id},100,1\n")).unwrap();
        run(&args).unwrap();
        assert!(root.join("cgroup.controllers").exists());
    }
}
