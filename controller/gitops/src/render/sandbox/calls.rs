//! Seccomp: which system calls are answered. A list of what is allowed: threads, memory, clocks, reading files.
//!
//! Everything else answers "not implemented", which programs take for an old kernel and do without; so a renderer of a
//! later year that tries a newer call first goes on working.

use std::collections::BTreeMap;

use seccompiler::{
    BpfProgram, SeccompAction, SeccompCmpArgLen, SeccompCmpOp, SeccompCondition, SeccompFilter, SeccompRule,
};

/// Restricts this thread and what it becomes.
///
/// # Errors
/// What is missing, as a sentence.
pub(super) fn restrict() -> Result<(), String> {
    let program = filter(u64::from(std::process::id())).map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&program).map_err(|error| error.to_string())
}

/// The filter for a process; the number stays when it becomes another program.
fn filter(own: u64) -> Result<BpfProgram, seccompiler::BackendError> {
    let mut rules: BTreeMap<i64, Vec<SeccompRule>> =
        ALLOWED.iter().chain(OLD_CALLS).map(|call| (*call, Vec::new())).collect();
    rules.extend(conditional(own)?);
    let missing = SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
    SeccompFilter::new(rules, missing, SeccompAction::Allow, std::env::consts::ARCH.try_into()?)?.try_into()
}

/// Calls that are allowed with certain arguments only.
fn conditional(own: u64) -> Result<Vec<(i64, Vec<SeccompRule>)>, seccompiler::BackendError> {
    let is = |argument, value| one(argument, SeccompCmpOp::Eq, value);
    let no_process = u64::from(libc::CLONE_THREAD.unsigned_abs());
    let thread = one(0, SeccompCmpOp::MaskedEq(no_process), no_process)?;
    let writes = (libc::O_ACCMODE | libc::O_CREAT | libc::O_TRUNC).unsigned_abs();
    let reads = SeccompCmpOp::MaskedEq(u64::from(writes));
    let mut rules = vec![
        (libc::SYS_clone, vec![thread]),
        (libc::SYS_openat, vec![one(2, reads.clone(), 0)?]),
        // Go stops its own threads by signals; those of other processes are out of reach.
        (libc::SYS_tgkill, vec![is(0, own)?]),
        (libc::SYS_kill, vec![is(0, own)?]),
        // Limits can be looked at, one's own only, and not set.
        (libc::SYS_prlimit64, vec![SeccompRule::new(vec![equals(0, 0)?, wide(2, 0)?])?]),
        (libc::SYS_fcntl, vec![one(1, SeccompCmpOp::Le, FCNTL_LAST)?, is(1, number(libc::F_DUPFD_CLOEXEC))?]),
        (libc::SYS_ioctl, vec![is(1, IS_TERMINAL)?, is(1, CLOSE_ON_EXEC)?]),
    ];
    if cfg!(target_arch = "x86_64") {
        rules.push((OPEN, vec![one(1, reads, 0)?]));
    }
    Ok(rules)
}

/// `F_SETFL`, the last of the plain commands: duplicate, close-on-exec, status flags. Locks and signals follow it.
const FCNTL_LAST: u64 = libc::F_SETFL.unsigned_abs() as u64;

/// `TCGETS`, which tells a terminal from a pipe; the C libraries disagree on its type.
const IS_TERMINAL: u64 = 0x5401;

/// `FIOCLEX`, Rust's way to mark a file.
const CLOSE_ON_EXEC: u64 = 0x5451;

/// `open`, which only x86-64 has.
#[cfg(target_arch = "x86_64")]
const OPEN: i64 = libc::SYS_open;
#[cfg(not(target_arch = "x86_64"))]
const OPEN: i64 = -1;

fn number(value: libc::c_int) -> u64 {
    u64::from(value.unsigned_abs())
}

fn one(argument: u8, comparison: SeccompCmpOp, value: u64) -> Result<SeccompRule, seccompiler::BackendError> {
    SeccompRule::new(vec![SeccompCondition::new(argument, SeccompCmpArgLen::Dword, comparison, value)?])
}

fn equals(argument: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Dword, SeccompCmpOp::Eq, value)
}

fn wide(argument: u8, value: u64) -> Result<SeccompCondition, seccompiler::BackendError> {
    SeccompCondition::new(argument, SeccompCmpArgLen::Qword, SeccompCmpOp::Eq, value)
}

/// What Go's runtime, the C library and a dynamic loader use to read files, compute and write to open pipes.
const ALLOWED: &[i64] = &[
    // Files that are open, and what is known of those that are not.
    libc::SYS_read,
    libc::SYS_readv,
    libc::SYS_pread64,
    libc::SYS_write,
    libc::SYS_writev,
    libc::SYS_lseek,
    libc::SYS_close,
    libc::SYS_close_range,
    libc::SYS_dup,
    libc::SYS_dup3,
    libc::SYS_pipe2,
    libc::SYS_fstat,
    libc::SYS_newfstatat,
    libc::SYS_statx,
    libc::SYS_faccessat,
    libc::SYS_faccessat2,
    libc::SYS_readlinkat,
    libc::SYS_getdents64,
    libc::SYS_getcwd,
    libc::SYS_chdir,
    libc::SYS_fchdir,
    libc::SYS_umask,
    libc::SYS_fadvise64,
    // Waiting.
    libc::SYS_epoll_create1,
    libc::SYS_epoll_ctl,
    libc::SYS_epoll_pwait,
    libc::SYS_eventfd2,
    libc::SYS_ppoll,
    libc::SYS_pselect6,
    libc::SYS_futex,
    libc::SYS_nanosleep,
    libc::SYS_clock_nanosleep,
    libc::SYS_sched_yield,
    libc::SYS_restart_syscall,
    // Memory.
    libc::SYS_mmap,
    libc::SYS_munmap,
    libc::SYS_mremap,
    libc::SYS_mprotect,
    libc::SYS_madvise,
    libc::SYS_mincore,
    libc::SYS_brk,
    // Threads and signals of its own.
    libc::SYS_set_robust_list,
    libc::SYS_get_robust_list,
    libc::SYS_set_tid_address,
    libc::SYS_rseq,
    libc::SYS_sched_getaffinity,
    libc::SYS_rt_sigaction,
    libc::SYS_rt_sigprocmask,
    libc::SYS_rt_sigreturn,
    libc::SYS_sigaltstack,
    // Who it is, what time it is.
    libc::SYS_getpid,
    libc::SYS_getppid,
    libc::SYS_gettid,
    libc::SYS_getuid,
    libc::SYS_geteuid,
    libc::SYS_getgid,
    libc::SYS_getegid,
    libc::SYS_getgroups,
    libc::SYS_getrandom,
    libc::SYS_getrusage,
    libc::SYS_uname,
    libc::SYS_sysinfo,
    libc::SYS_clock_gettime,
    libc::SYS_clock_getres,
    libc::SYS_gettimeofday,
    // Becoming the renderer, and the end.
    libc::SYS_execve,
    libc::SYS_exit,
    libc::SYS_exit_group,
];

/// Older forms of the same, which only x86-64 has.
#[cfg(target_arch = "x86_64")]
const OLD_CALLS: &[i64] = &[
    libc::SYS_access,
    libc::SYS_arch_prctl,
    libc::SYS_dup2,
    libc::SYS_epoll_wait,
    libc::SYS_getrlimit,
    libc::SYS_lstat,
    libc::SYS_pipe,
    libc::SYS_poll,
    libc::SYS_readlink,
    libc::SYS_select,
    libc::SYS_stat,
    libc::SYS_time,
];
#[cfg(not(target_arch = "x86_64"))]
const OLD_CALLS: &[i64] = &[];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_filter_compiles_and_is_within_the_kernels_limit() {
        let program = filter(u64::from(std::process::id())).unwrap();
        assert!(!program.is_empty() && program.len() < 4096);
    }

    #[test]
    fn no_socket_is_opened_no_process_started_and_nothing_written() {
        use std::fs::{self, File, Permissions};
        use std::net::{TcpListener, TcpStream};
        use std::os::unix::fs::{PermissionsExt as _, symlink};
        use std::os::unix::net::UnixDatagram;

        let folder = tempfile::tempdir().unwrap();
        let server = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = server.local_addr().unwrap();
        let (old, new) = (folder.path().join("old"), folder.path().join("new"));
        fs::write(&old, "content").unwrap();
        // A filter holds for the thread that asks for it.
        let tried = std::thread::spawn({
            let (old, new) = (old.clone(), new.clone());
            move || {
                restrict().unwrap();
                [
                    ("connect", TcpStream::connect(address).map(drop)),
                    ("listen", TcpListener::bind("127.0.0.1:0").map(drop)),
                    ("unix socket", UnixDatagram::unbound().map(drop)),
                    ("process", std::process::Command::new("/bin/true").status().map(drop)),
                    ("create", File::create(&new).map(drop)),
                    ("append", File::options().append(true).open(&old).map(drop)),
                    ("truncate", File::options().write(true).truncate(true).open(&old).map(drop)),
                    ("remove", fs::remove_file(&old)),
                    ("rename", fs::rename(&old, &new)),
                    ("folder", fs::create_dir(&new)),
                    ("mode", fs::set_permissions(&old, Permissions::from_mode(0o777))),
                    ("hard link", fs::hard_link(&old, &new)),
                    ("link", symlink(&old, &new)),
                    ("read", fs::read(&old).map(drop)),
                ]
                .map(|(what, outcome)| (what, outcome.err().map(|error| error.raw_os_error())))
            }
        });
        for (what, error) in tried.join().unwrap() {
            let want = (what != "read").then_some(Some(libc::ENOSYS));
            assert_eq!(error, want, "{what}");
        }
        assert_eq!((fs::read_to_string(&old).unwrap().as_str(), new.exists()), ("content", false));
    }

    #[test]
    fn nothing_that_watches_others_or_changes_the_machine_is_listed() {
        let listed = |call| ALLOWED.contains(&call) || OLD_CALLS.contains(&call);
        for call in [
            libc::SYS_ptrace,
            libc::SYS_process_vm_readv,
            libc::SYS_pidfd_open,
            libc::SYS_mount,
            libc::SYS_unshare,
            libc::SYS_setns,
            libc::SYS_bpf,
            libc::SYS_keyctl,
            libc::SYS_clone3,
            libc::SYS_io_uring_setup,
            libc::SYS_userfaultfd,
            libc::SYS_perf_event_open,
            libc::SYS_memfd_create,
            libc::SYS_prctl,
            libc::SYS_openat2,
        ] {
            assert!(!listed(call), "{call}");
        }
    }
}
