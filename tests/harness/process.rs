//! Child processes that cannot outlive the tests.
//!
//! A child runs in a process group of its own with a cleared environment,
//! writes to a log file, and ends when its value is dropped, or, by the
//! kernel's hand, when the test process dies in any other way.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{LazyLock, Mutex, MutexGuard, PoisonError, mpsc};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process, kill_process_group};

use crate::{OrFail, wait};

/// Enough to hold a server's last words, little enough that ten servers can print it.
const TAIL_LINES: usize = 30;

/// What to run: built step by step, then [`Launch::spawn`].
pub struct Launch {
    name: String,
    command: Command,
}

impl Launch {
    /// A program, with nothing in its environment but `PATH`.
    pub fn new(name: &str, program: impl AsRef<OsStr>) -> Self {
        // The kernel ends the child when the thread that started it ends; see SPAWNER for that thread.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "KILL", "--"]).arg(program).env_clear();
        command.env("PATH", std::env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin")));
        Self { name: name.to_owned(), command }
    }

    /// Adds one argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.command.arg(arg);
        self
    }

    /// Adds arguments.
    pub fn args<I: AsRef<OsStr>>(mut self, args: impl IntoIterator<Item = I>) -> Self {
        self.command.args(args);
        self
    }

    /// Adds `flag=value` as one argument, as Go's flag parsers want it.
    pub fn flag(self, flag: &str, value: impl AsRef<OsStr>) -> Self {
        let mut argument = OsString::from(flag);
        argument.push("=");
        argument.push(value);
        self.arg(argument)
    }

    /// Sets a variable of the child's environment.
    pub fn env(mut self, key: &str, value: impl AsRef<OsStr>) -> Self {
        self.command.env(key, value);
        self
    }

    /// The working directory and home of the child.
    pub fn home(mut self, folder: &Path) -> Self {
        self.command.current_dir(folder).env("HOME", folder);
        self
    }

    /// Starts the child with both its outputs in `folder/name.log`.
    pub fn spawn(mut self, folder: &Path) -> Process {
        let log = folder.join(format!("{}.log", self.name));
        let out = File::options().create(true).append(true).open(&log).or_fail("open a server's log");
        let err = out.try_clone().or_fail("open a server's log");
        self.command.stdin(Stdio::null()).stdout(out).stderr(err).process_group(0);
        let child = spawn_from_lasting_thread(self.command).or_fail(&format!("start {}", self.name));
        Process { name: self.name, log, child: Mutex::new(child) }
    }

    /// Runs the child to its end and gives its standard output; panics with all it said when it fails.
    pub async fn run(self) -> String {
        let mut command = self.command;
        command.stdin(Stdio::null());
        // The thread that starts the child stays with it to its end, as the parent-death signal needs.
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .expect("running a command does not panic")
            .or_fail(&format!("run {}", self.name));
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(
            output.status.success(),
            "{} failed ({}): {text}{}",
            self.name,
            output.status,
            String::from_utf8_lossy(&output.stderr)
        );
        text
    }
}

/// A running child; dropping it ends it.
pub struct Process {
    name: String,
    log: PathBuf,
    child: Mutex<Child>,
}

impl Process {
    /// The process id of the child.
    pub fn id(&self) -> u32 {
        self.child().id()
    }

    /// How the child ended, if it has.
    pub fn ended(&self) -> Option<ExitStatus> {
        self.child().try_wait().or_fail("ask for a child's state")
    }

    /// Asks the child to stop in good order (SIGTERM); see [`Process::end`] for its end.
    pub fn stop(&self) {
        // A child that has ended already has nothing left to stop.
        let _ = kill_process(self.pid(), Signal::TERM);
    }

    /// Freezes the child as it is (SIGSTOP), until [`Process::go_on`].
    pub fn pause(&self) {
        kill_process(self.pid(), Signal::STOP).or_fail("pause a child");
    }

    /// Lets a paused child go on as if nothing had happened (SIGCONT).
    pub fn go_on(&self) {
        kill_process(self.pid(), Signal::CONT).or_fail("let a child go on");
    }

    /// Ends the child and its group at once (SIGKILL) and waits for it.
    pub fn kill(&self) {
        let mut child = self.child();
        if matches!(child.try_wait(), Ok(None)) {
            // The group has the child's id and holds only what the child started.
            let _ = kill_process_group(Pid::from_child(&child), Signal::KILL);
        }
        let _ = child.kill();
        let _ = child.wait();
    }

    /// Waits for the child's end.
    pub async fn end(&self, deadline: Duration) -> ExitStatus {
        let what = format!("the end of {}", self.name);
        wait::until(&what, deadline, async || self.ended().ok_or_else(|| "it still runs".to_owned())).await
    }

    /// As [`wait::until`], but gives up at once, with the log, when the child ends early.
    pub async fn until<T>(
        &self,
        what: &str,
        deadline: Duration,
        mut check: impl AsyncFnMut() -> Result<T, String>,
    ) -> T {
        wait::until(what, deadline, async || {
            let answer = check().await;
            if let (Err(_), Some(status)) = (&answer, self.ended()) {
                panic!("{} ended early ({status}):\n{}", self.name, self.log_tail(TAIL_LINES));
            }
            answer
        })
        .await
    }

    /// Waits until a GET of `url` answers with success.
    pub async fn until_healthy(&self, url: &str) {
        let http = crate::http();
        let what = format!("{} to answer at {url}", self.name);
        self.until(&what, wait::START, async || match http.get(url).send().await {
            Ok(response) if response.status().is_success() => Ok(()),
            Ok(response) => Err(format!("HTTP {}", response.status())),
            Err(error) => Err(crate::chain(&error)),
        })
        .await;
    }

    /// All that the child has written to its log so far.
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }

    /// The last lines of the log.
    pub fn log_tail(&self, lines: usize) -> String {
        let log = self.log();
        let all: Vec<&str> = log.lines().collect();
        all[all.len().saturating_sub(lines)..].join("\n")
    }

    /// The resident set of the child in bytes, and the highest it has been: `(now, peak)`.
    pub fn resident_bytes(&self) -> (u64, u64) {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.id())).unwrap_or_default();
        let kib = |key: &str| {
            status.lines().find_map(|line| line.strip_prefix(key)?.split_whitespace().next()?.parse().ok())
        };
        (kib("VmRSS:").unwrap_or(0) * 1024, kib("VmHWM:").unwrap_or(0) * 1024)
    }

    fn child(&self) -> MutexGuard<'_, Child> {
        self.child.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child())
    }
}

impl Drop for Process {
    #[expect(clippy::print_stderr, reason = "the log of a server is part of the report of a failed test")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            let ended = self.ended().map_or_else(|| "running".to_owned(), |status| status.to_string());
            eprintln!("--- {} ({ended}), end of its log ---\n{}", self.name, self.log_tail(TAIL_LINES));
        }
        self.kill();
    }
}

type Order = (Command, mpsc::Sender<io::Result<Child>>);

/// The thread that starts every child.
///
/// The kernel's parent-death signal comes when the *thread* that forked ends.
/// A test's own thread ends before servers shared with other tests should,
/// so children are started from one thread that lasts as long as the process.
static SPAWNER: LazyLock<Mutex<mpsc::Sender<Order>>> = LazyLock::new(|| {
    let (orders, inbox) = mpsc::channel::<Order>();
    std::thread::Builder::new()
        .name("spawner".to_owned())
        .spawn(move || {
            for (mut command, answer) in inbox {
                // Whoever gave the order may be gone; the child then ends with this process.
                let _ = answer.send(command.spawn());
            }
        })
        .or_fail("start the spawner thread");
    Mutex::new(orders)
});

fn spawn_from_lasting_thread(command: Command) -> io::Result<Child> {
    let (answer, child) = mpsc::channel();
    SPAWNER
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .send((command, answer))
        .expect("the spawner thread lasts as long as the process");
    child.recv().expect("the spawner answers every order")
}
