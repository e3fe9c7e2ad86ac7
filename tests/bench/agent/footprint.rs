//! What the kernel says of a process: memory by kind, and CPU time.

/// Clock ticks of /proc in a second: 100 on every Linux that Rust runs on.
const TICKS_PER_SECOND: f64 = 100.0;

/// Bytes and seconds of one process at one moment.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Footprint {
    /// The highest resident set so far.
    pub(super) hwm_bytes: u64,
    /// Resident now.
    pub(super) rss_bytes: u64,
    /// Of it what belongs to no file: heap and stacks, where leaks show.
    pub(super) anon_bytes: u64,
    /// Resident, pages that others share counted by their share.
    pub(super) pss_bytes: u64,
    /// User and system time of all threads.
    pub(super) cpu_s: f64,
}

impl Footprint {
    /// Of a running process; zeros once it has ended.
    pub(super) fn of(process: u32) -> Self {
        let status = read(process, "status");
        let rollup = read(process, "smaps_rollup");
        Self {
            hwm_bytes: bytes(&status, "VmHWM:"),
            rss_bytes: bytes(&status, "VmRSS:"),
            anon_bytes: bytes(&status, "RssAnon:"),
            pss_bytes: bytes(&rollup, "Pss:"),
            cpu_s: cpu_s(&read(process, "stat")),
        }
    }
}

fn read(process: u32, name: &str) -> String {
    std::fs::read_to_string(format!("/proc/{process}/{name}")).unwrap_or_default()
}

fn bytes(text: &str, key: &str) -> u64 {
    let line = text.lines().find_map(|line| line.strip_prefix(key));
    let kib: Option<u64> = line.and_then(|line| line.split_whitespace().next()?.parse().ok());
    kib.unwrap_or(0) * 1024
}

/// utime and stime: the 12th and 13th field after the program's name, which stands in brackets and may hold blanks.
fn cpu_s(stat: &str) -> f64 {
    let after = stat.rsplit_once(')').map_or("", |(_, after)| after);
    let ticks = after.split_whitespace().skip(11).take(2).filter_map(|ticks| ticks.parse::<f64>().ok());
    ticks.sum::<f64>() / TICKS_PER_SECOND
}
