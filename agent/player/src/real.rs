//! A real container of cgroup version 1, as far as the kernel is concerned: groups with a quota and a limit, and a shell in
//! them that works on command. Needs root and writable controllers; [`unavailable`] says what is missing.

use std::fs;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use kubeopt_sample::{ContainerId, PodUid};
use thiserror::Error;

/// Where version 1 is mounted on every distribution.
pub const CGROUP_ROOT: &str = "/sys/fs/cgroup";

const TREES: [&str; 3] = ["cpu", "cpuacct", "memory"];
const PERIOD_US: u64 = 100_000;

/// How often a group is asked to go while the kernel still counts its last process as there.
const REMOVALS_MAX: u32 = 100_000;

/// A group could not be made, or its shell does not answer.
#[derive(Debug, Error)]
#[error("failed to {step} a real cgroup at {path}")]
pub struct RealError {
    /// What was tried.
    pub step: &'static str,
    /// Where.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

/// What a container may use.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// CPU quota in millicores.
    pub quota_millicores: u64,
    /// Memory limit in bytes.
    pub memory_bytes: u64,
}

/// Why no real container can be made here, if so.
#[must_use]
pub fn unavailable(root: &Path) -> Option<String> {
    TREES.iter().find_map(|tree| {
        let probe = root.join(tree).join(format!("kubeopt-probe-{}", std::process::id()));
        let tried = fs::create_dir(&probe).and_then(|()| {
            // Any folder can be made; a controller fills it.
            let filled = fs::metadata(probe.join("cgroup.procs")).map(|_| ());
            filled.and(fs::remove_dir(&probe))
        });
        tried.err().map(|error| {
            format!("cgroup version 1 is not writable at {}: {error}", root.join(tree).display())
        })
    })
}

/// Groups with a shell in them. Dropping it ends the shell and removes the groups.
#[derive(Debug)]
pub struct RealContainer {
    groups: Vec<PathBuf>,
    shell: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl RealContainer {
    /// Makes `TREE/kubepods/burstable/podUID/ID` in each tree, sets the limits, and starts a shell in it that waits.
    ///
    /// # Errors
    ///
    /// [`RealError`] when the system does not allow it; what was made until then is removed.
    pub fn start(root: &Path, pod: &PodUid, id: &ContainerId, limits: Limits) -> Result<Self, RealError> {
        let groups = TREES.map(|tree| root.join(tree).join(format!("kubepods/burstable/pod{pod}/{id}")));
        let made = Self::set_up(&groups, limits);
        if made.is_err() {
            remove(&groups);
        }
        made
    }

    fn set_up(groups: &[PathBuf; 3], limits: Limits) -> Result<Self, RealError> {
        let failed = |step, path: &Path| {
            let path = path.to_owned();
            move |source| RealError { step, path, source }
        };
        for group in groups {
            fs::create_dir_all(group).map_err(failed("make", group))?;
        }
        let [cpu, _, memory] = groups;
        for (group, file, value) in [
            (cpu, "cpu.cfs_period_us", PERIOD_US),
            (cpu, "cpu.cfs_quota_us", limits.quota_millicores * PERIOD_US / 1000),
            (memory, "memory.limit_in_bytes", limits.memory_bytes),
        ] {
            fs::write(group.join(file), value.to_string()).map_err(failed("limit", group))?;
        }
        let mut command = Command::new("/bin/sh");
        command.env_clear().env("PATH", "/usr/bin:/bin").arg("-s");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
        let mut shell = command.spawn().map_err(failed("start a shell for", cpu))?;
        let pipes = shell.stdin.take().zip(shell.stdout.take());
        let (input, output) = pipes.ok_or_else(|| failed("speak with", cpu)(io::Error::other("no pipe")))?;
        let container = Self { groups: groups.to_vec(), shell, input, output: BufReader::new(output) };
        for group in groups {
            let pid = container.shell.id().to_string();
            fs::write(group.join("cgroup.procs"), pid).map_err(failed("enter", group))?;
        }
        Ok(container)
    }

    /// Counts to a number in the shell, which takes a few hundred nanoseconds of CPU each, and waits until it is done.
    ///
    /// # Errors
    ///
    /// [`RealError`] when the shell does not answer.
    pub fn spin(&mut self, rounds: u32) -> Result<(), RealError> {
        self.ask(&format!("i=0; while [ $i -lt {rounds} ]; do i=$((i+1)); done; echo done")).map(|_| ())
    }

    /// Fills so much memory in a process of its own within the container, and tells that process's exit code: 0, or 137
    /// where it was killed.
    ///
    /// # Errors
    ///
    /// [`RealError`] when the shell does not answer.
    pub fn allocate(&mut self, bytes: u64) -> Result<i32, RealError> {
        let answer = self.ask(&format!("dd if=/dev/zero of=/dev/null bs={bytes} count=1; echo $?"))?;
        answer.trim().parse().map_err(|_| self.silent(io::Error::other(format!("it said {answer:?}"))))
    }

    /// The shell's own CPU time so far, in nanoseconds, by the scheduler's account of the process: the truth about
    /// [`spin`](Self::spin), told elsewhere than in the group.
    ///
    /// # Errors
    ///
    /// [`RealError`] when the process is gone, or the kernel keeps no such account.
    pub fn shell_cpu_ns(&self) -> Result<u64, RealError> {
        let path = PathBuf::from(format!("/proc/{}/schedstat", self.shell.id()));
        let read = fs::read_to_string(&path).and_then(|text| {
            let first = text.split(' ').next().and_then(|number| number.parse().ok());
            first.ok_or_else(|| io::Error::other(format!("it holds {text:?}")))
        });
        read.map_err(|source| RealError { step: "read the CPU time of", path, source })
    }

    fn ask(&mut self, line: &str) -> Result<String, RealError> {
        let mut answer = String::new();
        let asked = writeln!(self.input, "{line}").and_then(|()| self.output.read_line(&mut answer));
        match asked {
            Ok(0) => Err(self.silent(io::ErrorKind::UnexpectedEof.into())),
            Ok(_) => Ok(answer),
            Err(error) => Err(self.silent(error)),
        }
    }

    fn silent(&self, source: io::Error) -> RealError {
        RealError { step: "speak with", path: self.groups.first().cloned().unwrap_or_default(), source }
    }
}

impl Drop for RealContainer {
    fn drop(&mut self) {
        // Already ended is as good.
        let _ = self.shell.kill();
        let _ = self.shell.wait();
        remove(&self.groups);
    }
}

/// Removes groups, and the ones above them that nobody else uses.
fn remove(groups: &[PathBuf]) {
    for group in groups {
        for _ in 0..REMOVALS_MAX {
            match fs::remove_dir(group) {
                Err(error) if error.kind() == io::ErrorKind::ResourceBusy => std::thread::yield_now(),
                Ok(()) | Err(_) => break,
            }
        }
        for above in group.ancestors().skip(1).take(3) {
            if fs::remove_dir(above).is_err() {
                break;
            }
        }
    }
}
