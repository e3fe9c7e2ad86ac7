//! What holds a container down, so that usage does not show what it needs: throttling, OOM kills that count, a heap that
//! follows its limit. Rules and the past ask the same.

use kubeopt_model::ContainerUsage;
use kubeopt_model::java::JavaFlags;
use kubeopt_model::usage::OomKill;

use crate::evidence::Evidence;

/// Two weekly rhythms without a kill lift the bound.
const CLEAN_S: i64 = 14 * 86_400;

/// Above this share of throttled periods people notice it as latency; below it is the tail of bursts. The figure is that
/// of the guideline which users of KRR cite (its issue 153: 0 to 10 % of periods).
pub(crate) const THROTTLED: f64 = 0.10;

/// Whether the limit holds the container down so often that usage does not show what it needs.
pub(crate) fn is_throttled(evidence: &Evidence) -> bool {
    let ratio = evidence.usage.as_ref().and_then(|usage| usage.throttled_ratio);
    evidence.container.resources.limits.cpu.is_some() && ratio.is_some_and(|ratio| ratio > THROTTLED)
}

/// The kills that still count: those since which no two weeks passed without one. Oldest first, as they came.
pub(crate) fn that_count(usage: &ContainerUsage) -> &[OomKill] {
    counting(&usage.oom_kills, usage.window.to_unix_s)
}

/// The same of all kills before a moment.
pub(crate) fn counting(kills: &[OomKill], until_unix_s: i64) -> &[OomKill] {
    let mut until = until_unix_s;
    let counts = kills.iter().rev().take_while(|kill| {
        let clean_s = until - kill.at_unix_s;
        until = kill.at_unix_s;
        clean_s < CLEAN_S
    });
    &kills[kills.len() - counts.count()..]
}

/// Whether the memory limit stays whatever the policy says of limits: the heap would follow it.
pub(crate) fn holds_limit(evidence: &Evidence) -> bool {
    evidence.container.java.as_ref().is_some_and(JavaFlags::heap_follows_limit)
}
