//! Whether what an agent sent can be so. A sender may be faulty or hostile: nothing of a batch is used before this.

use crate::generated::messages::{Batch, ContainerSeries, GpuUse, GradientUpload, NodeFinding, NodeForecast};
use crate::limits::{
    BOOT_ID_BYTES_MAX, CONTAINER_ID_BYTES_MAX, CONTAINERS_MAX, FINDINGS_MAX, FORECASTS_MAX, GPU_ID_BYTES_MAX,
    GPUS_MAX, OBJECT_NAME_BYTES_MAX, POD_UID_BYTES_MAX, SPAN_MS_MAX, STEP_MS_MAX, STEP_MS_MIN, STEPS_MAX,
    WEIGHTS_BYTES_MAX,
};

/// The last millisecond that any clock of ours can write: the end of the year 9999.
const UNIX_MS_MAX: u64 = 253_402_300_799_999;
/// Sequence numbers: a batch each second for nine million years, and far from where additions overflow.
const SEQ_MAX: u64 = 1 << 48;
/// Any one counter within one batch: 1 EiB, or 36,000 years in microseconds. Sums of a batch stay below 2^64.
const AMOUNT_MAX: u64 = 1 << 60;
/// What both a nonce and a digest are at most.
const DIGEST_BYTES: usize = 32;
const NONCE_BYTES: usize = 16;
/// .1, .5, .9, .95 and .99.
const QUANTILES: usize = 5;
/// Readings of one GPU within one batch: one each second of the longest.
const GPU_READINGS_MAX: u64 = 108_000;

/// Why a message is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// A name or id is empty, too long, or has characters that none has.
    #[error("`{0}` is not well-formed")]
    Text(&'static str),
    /// A digest of another length than SHA-256's 32 bytes, or a nonce of another than 16.
    #[error("`{field}` has {bytes} bytes")]
    Digest {
        /// The field.
        field: &'static str,
        /// Its length.
        bytes: usize,
    },
    /// A sequence number that no batch has.
    #[error("the sequence number {0} is out of range")]
    Sequence(u64),
    /// A number that is out of its range.
    #[error("`{field}` is out of range: {value}")]
    Range {
        /// The field.
        field: &'static str,
        /// What it says.
        value: u64,
    },
    /// More entries than a batch may have.
    #[error("`{field}` has {have} entries; at most {most} are allowed")]
    TooMany {
        /// The field.
        field: &'static str,
        /// Its entries.
        have: usize,
        /// How many it may have.
        most: usize,
    },
    /// A list that is neither empty nor as long as `step`.
    #[error("`{field}` has {have} entries for {steps} steps")]
    Length {
        /// The field.
        field: &'static str,
        /// Its entries.
        have: usize,
        /// Entries of `step`.
        steps: usize,
    },
    /// Steps that do not ascend, or lie outside the batch.
    #[error("the steps of a container do not ascend within the batch")]
    Steps,
    /// More throttled periods than periods.
    #[error("more periods are throttled than there are")]
    Throttled,
    /// The same container twice.
    #[error("a container is in the batch twice")]
    Twice,
    /// A quantile that is no number, is negative, or lies below the one before.
    #[error("quantiles are not finite numbers in ascending order")]
    Quantiles,
    /// A kind that this version does not know, or none.
    #[error("`{field}` is {value}, which is not known")]
    Kind {
        /// The field.
        field: &'static str,
        /// What it says.
        value: i32,
    },
    /// The two ends speak no common version.
    #[error(
        "the agent speaks versions {min} to {max} of the protocol, and the controller {ours_min} to {ours_max}"
    )]
    Protocol {
        /// The oldest that the agent speaks.
        min: u32,
        /// The newest that the agent speaks.
        max: u32,
        /// The oldest that the controller speaks.
        ours_min: u32,
        /// The newest that the controller speaks.
        ours_max: u32,
    },
}

impl Refusal {
    /// Its name in metrics.
    pub fn reason(&self) -> &'static str {
        match self {
            Self::Text(_) => "malformed_id",
            Self::Digest { .. } => "wrong_digest",
            Self::Sequence(_) => "wrong_sequence",
            Self::Range { .. } => "out_of_range",
            Self::TooMany { .. } => "too_many",
            Self::Length { .. } => "wrong_length",
            Self::Steps => "wrong_steps",
            Self::Throttled => "throttled",
            Self::Twice => "container_twice",
            Self::Quantiles => "wrong_quantiles",
            Self::Kind { .. } => "unknown_kind",
            Self::Protocol { .. } => "protocol",
        }
    }
}

/// Checks one batch: ids, lengths, order, ranges.
///
/// # Errors
/// The first thing that cannot be so.
pub fn check(batch: &Batch) -> Result<(), Refusal> {
    text("boot_id", &batch.boot_id, BOOT_ID_BYTES_MAX)?;
    if batch.seq == 0 || batch.seq > SEQ_MAX {
        return Err(Refusal::Sequence(batch.seq));
    }
    at_most("begin_unix_ms", batch.begin_unix_ms, UNIX_MS_MAX)?;
    if batch.step_ms < STEP_MS_MIN || batch.step_ms > STEP_MS_MAX {
        return Err(Refusal::Range { field: "step_ms", value: batch.step_ms.into() });
    }
    at_most("steps", batch.steps.into(), STEPS_MAX.into())?;
    if batch.steps == 0 {
        return Err(Refusal::Range { field: "steps", value: 0 });
    }
    digest("schema_sha256", &batch.schema_sha256)?;
    digest("model_sha256", &batch.model_sha256)?;
    few("containers", batch.containers.len(), CONTAINERS_MAX)?;
    few("findings", batch.findings.len(), FINDINGS_MAX)?;
    few("forecasts", batch.forecasts.len(), FORECASTS_MAX)?;
    few("gpus", batch.gpus.len(), GPUS_MAX)?;
    let mut ids: Vec<(&str, &str)> =
        batch.containers.iter().map(|of| (of.pod_uid.as_str(), of.container_id.as_str())).collect();
    ids.sort_unstable();
    if ids.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(Refusal::Twice);
    }
    batch.containers.iter().try_for_each(|series| container(series, batch.steps))?;
    batch.findings.iter().try_for_each(finding)?;
    batch.gpus.iter().try_for_each(gpu)?;
    batch.forecasts.iter().try_for_each(forecast)
}

/// Checks the shape of what a node learned: digests, nonce, whole finite numbers. Whether it is wanted is not said here.
///
/// # Errors
/// The first thing that cannot be so.
pub fn check_upload(upload: &GradientUpload) -> Result<(), Refusal> {
    if upload.base_sha256.len() != DIGEST_BYTES {
        return Err(Refusal::Digest { field: "base_sha256", bytes: upload.base_sha256.len() });
    }
    if upload.nonce.len() != NONCE_BYTES {
        return Err(Refusal::Digest { field: "nonce", bytes: upload.nonce.len() });
    }
    few("delta", upload.delta.len(), WEIGHTS_BYTES_MAX)?;
    if upload.delta.is_empty() || !upload.delta.len().is_multiple_of(4) {
        return Err(Refusal::Range { field: "delta", value: upload.delta.len() as u64 });
    }
    Ok(())
}

fn container(series: &ContainerSeries, steps: u32) -> Result<(), Refusal> {
    ids(&series.pod_uid, &series.container_id)?;
    at_most("seen_unix_ms", series.seen_unix_ms, UNIX_MS_MAX)?;
    let count = series.step.len();
    if series.step.windows(2).any(|pair| pair[0] >= pair[1])
        || series.step.last().is_some_and(|last| *last >= steps)
    {
        return Err(Refusal::Steps);
    }
    if series.span_ms.len() != count {
        return Err(Refusal::Length { field: "span_ms", have: series.span_ms.len(), steps: count });
    }
    if let Some(span) = series.span_ms.iter().find(|span| **span == 0 || **span > SPAN_MS_MAX) {
        return Err(Refusal::Range { field: "span_ms", value: (*span).into() });
    }
    let counts = [
        ("cpu_peak_millicores", &series.cpu_peak_millicores),
        ("cfs_periods", &series.cfs_periods),
        ("cfs_periods_throttled", &series.cfs_periods_throttled),
    ];
    for (field, list) in counts {
        as_long(field, list.len(), count)?;
    }
    let amounts = [
        ("cpu_used_us", &series.cpu_used_us),
        ("cpu_throttled_us", &series.cpu_throttled_us),
        ("memory_working_set_bytes", &series.memory_working_set_bytes),
        ("memory_anon_bytes", &series.memory_anon_bytes),
        ("memory_peak_bytes", &series.memory_peak_bytes),
        ("cpu_waited_us", &series.cpu_waited_us),
        ("memory_waited_us", &series.memory_waited_us),
        ("io_waited_us", &series.io_waited_us),
    ];
    for (field, list) in amounts {
        as_long(field, list.len(), count)?;
        list.iter().try_for_each(|amount| at_most(field, *amount, AMOUNT_MAX))?;
    }
    let mut periods = series.cfs_periods.iter().zip(&series.cfs_periods_throttled);
    if periods.any(|(all, throttled)| throttled > all) {
        return Err(Refusal::Throttled);
    }
    at_most("memory_limit_bytes", series.memory_limit_bytes, AMOUNT_MAX)?;
    at_most("cpu_quota_millicores", series.cpu_quota_millicores, AMOUNT_MAX)?;
    at_most("io_read_bytes", series.io_read_bytes, AMOUNT_MAX)?;
    at_most("io_written_bytes", series.io_written_bytes, AMOUNT_MAX)
}

fn finding(finding: &NodeFinding) -> Result<(), Refusal> {
    ids(&finding.pod_uid, &finding.container_id)?;
    known("findings.kind", finding.kind, 1..=5)?;
    known("findings.load", finding.load, 0..=2)?;
    known("findings.severity", finding.severity, 1..=4)?;
    at_most("findings.since_unix_ms", finding.since_unix_ms, UNIX_MS_MAX)?;
    at_most("findings.at_unix_ms", finding.at_unix_ms, UNIX_MS_MAX)?;
    at_most("findings.bytes_per_hour", finding.bytes_per_hour, AMOUNT_MAX)?;
    at_most("findings.limit_reached_unix_ms", finding.limit_reached_unix_ms, UNIX_MS_MAX)
}

fn forecast(forecast: &NodeForecast) -> Result<(), Refusal> {
    ids(&forecast.pod_uid, &forecast.container_id)?;
    known("forecasts.load", forecast.load, 1..=2)?;
    at_most("forecasts.made_unix_ms", forecast.made_unix_ms, UNIX_MS_MAX)?;
    if !matches!(forecast.horizon_hours, 24 | 168) {
        return Err(Refusal::Range {
            field: "forecasts.horizon_hours",
            value: forecast.horizon_hours.into(),
        });
    }
    let quantiles = &forecast.peak_quantiles;
    if quantiles.len() != QUANTILES {
        return Err(Refusal::Length { field: "peak_quantiles", have: quantiles.len(), steps: QUANTILES });
    }
    let possible = quantiles.iter().all(|value| value.is_finite() && *value >= 0.0);
    if !possible || quantiles.windows(2).any(|pair| pair[0] > pair[1]) {
        return Err(Refusal::Quantiles);
    }
    Ok(())
}

fn gpu(used: &GpuUse) -> Result<(), Refusal> {
    if !is_gpu_id(&used.id) {
        return Err(Refusal::Text("gpu id"));
    }
    if !used.container_id.is_empty() {
        ids(&used.pod_uid, &used.container_id)?;
    } else if !used.pod_uid.is_empty() {
        text("pod_uid", &used.pod_uid, POD_UID_BYTES_MAX)?;
    }
    let names = [&used.namespace, &used.pod, &used.container];
    let is_named = names.iter().all(|name| is_object_name(name));
    if !is_named && !names.iter().all(|name| name.is_empty()) {
        return Err(Refusal::Text("user of a gpu"));
    }
    at_most("readings", used.readings.into(), GPU_READINGS_MAX)?;
    at_most("busy_max_permille", used.busy_max_permille.into(), 1000)?;
    at_most("busy_mean_permille", used.busy_mean_permille.into(), used.busy_max_permille.into())?;
    at_most("memory_total_bytes", used.memory_total_bytes, AMOUNT_MAX)?;
    let most = if used.memory_total_bytes == 0 { AMOUNT_MAX } else { used.memory_total_bytes };
    at_most("memory_used_max_bytes", used.memory_used_max_bytes, most)
}

/// Whether a GPU may be called so: what UUIDs, serial numbers and PCI addresses are made of, and a slash before an instance.
#[must_use]
pub fn is_gpu_id(id: &str) -> bool {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':' | b'/');
    (1..=GPU_ID_BYTES_MAX).contains(&id.len()) && id.bytes().all(fine)
}

/// Whether a namespace, pod or container may be called so.
#[must_use]
pub fn is_object_name(name: &str) -> bool {
    text("name", name, OBJECT_NAME_BYTES_MAX).is_ok()
}

fn ids(pod_uid: &str, container_id: &str) -> Result<(), Refusal> {
    text("pod_uid", pod_uid, POD_UID_BYTES_MAX)?;
    text("container_id", container_id, CONTAINER_ID_BYTES_MAX)
}

/// What UIDs, runtimes' ids and boot ids are made of.
pub(crate) fn text(field: &'static str, text: &str, bytes_max: usize) -> Result<(), Refusal> {
    let fine = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if text.is_empty() || text.len() > bytes_max || !text.bytes().all(fine) {
        return Err(Refusal::Text(field));
    }
    Ok(())
}

/// SHA-256, or nothing.
pub(crate) fn digest(field: &'static str, bytes: &[u8]) -> Result<(), Refusal> {
    match bytes.len() {
        0 | DIGEST_BYTES => Ok(()),
        bytes => Err(Refusal::Digest { field, bytes }),
    }
}

fn at_most(field: &'static str, value: u64, most: u64) -> Result<(), Refusal> {
    if value > most { Err(Refusal::Range { field, value }) } else { Ok(()) }
}

fn few(field: &'static str, have: usize, most: usize) -> Result<(), Refusal> {
    if have > most { Err(Refusal::TooMany { field, have, most }) } else { Ok(()) }
}

fn as_long(field: &'static str, have: usize, steps: usize) -> Result<(), Refusal> {
    if have == 0 || have == steps { Ok(()) } else { Err(Refusal::Length { field, have, steps }) }
}

fn known(field: &'static str, value: i32, range: std::ops::RangeInclusive<i32>) -> Result<(), Refusal> {
    if range.contains(&value) { Ok(()) } else { Err(Refusal::Kind { field, value }) }
}

#[cfg(test)]
#[path = "check_tests.rs"]
mod check_tests;
