//! Lines of NVIDIA's DCGM exporter, in the text format of Prometheus. What is said of a GPU is found by the keys of its labels,
//! in any order; lines of other metrics, and those that are not well-formed, are none.
//!
//! The format: <https://prometheus.io/docs/instrumenting/exposition_formats/#text-based-format>; the metrics and their labels:
//! <https://docs.nvidia.com/datacenter/cloud-native/gpu-telemetry/latest/dcgm-exporter.html>.
//!
//! ```
//! use kubeopt_sample::{DcgmLine, DcgmMetric};
//!
//! let line = r#"DCGM_FI_DEV_GPU_UTIL{gpu="0",UUID="GPU-1",device="nvidia0",namespace="ml",pod="train-0",container="main"} 37"#;
//! let told = DcgmLine::read(line.as_bytes()).unwrap();
//! assert_eq!((told.metric, told.value, told.labels.pod), (DcgmMetric::BusyPercent, 37.0, "train-0"));
//! ```

/// What a line tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DcgmMetric {
    /// `DCGM_FI_DEV_GPU_UTIL`: percent of the time in which something ran.
    BusyPercent,
    /// `DCGM_FI_DEV_FB_USED`: MiB of the device's memory.
    UsedMib,
    /// `DCGM_FI_DEV_FB_FREE`: MiB of the device's memory.
    FreeMib,
}

/// Labels that tell which GPU it is and who uses it; empty where they are not there.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DcgmLabels<'a> {
    /// `UUID` of the device.
    pub uuid: &'a str,
    /// `gpu`: its number on the node.
    pub gpu: &'a str,
    /// `GPU_I_ID`: the number of an instance, where the device is cut into some (MIG).
    pub instance: &'a str,
    /// `device`: its file, such as `nvidia0`.
    pub device: &'a str,
    /// Of the pod that uses it, as are the next three.
    pub namespace: &'a str,
    /// Its name.
    pub pod: &'a str,
    /// The container of it.
    pub container: &'a str,
    /// Its UID.
    pub pod_uid: &'a str,
}

/// One line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DcgmLine<'a> {
    /// What it tells.
    pub metric: DcgmMetric,
    /// Of which GPU.
    pub labels: DcgmLabels<'a>,
    /// Finite, and not negative.
    pub value: f64,
}

impl<'a> DcgmLine<'a> {
    /// A line without its end; nothing where it tells nothing of interest, or is none.
    #[must_use]
    pub fn read(line: &'a [u8]) -> Option<Self> {
        let line = std::str::from_utf8(line).ok()?;
        let (name, rest) = line.split_once('{')?;
        let metric = match name.trim() {
            "DCGM_FI_DEV_GPU_UTIL" => DcgmMetric::BusyPercent,
            "DCGM_FI_DEV_FB_USED" => DcgmMetric::UsedMib,
            "DCGM_FI_DEV_FB_FREE" => DcgmMetric::FreeMib,
            _ => return None,
        };
        let mut labels = DcgmLabels::default();
        let rest = labels.read(rest)?;
        let value: f64 = rest.split_ascii_whitespace().next()?.parse().ok()?;
        (value.is_finite() && value >= 0.0).then_some(Self { metric, labels, value })
    }
}

impl<'a> DcgmLabels<'a> {
    /// Reads on behind the brace, and gives what stands behind the other.
    fn read(&mut self, mut rest: &'a str) -> Option<&'a str> {
        loop {
            rest = rest.trim_start_matches([' ', ',']);
            if let Some(behind) = rest.strip_prefix('}') {
                return Some(behind);
            }
            let (name, behind) = rest.split_once('=')?;
            let value = behind.trim_start().strip_prefix('"')?;
            let end = closing(value)?;
            self.set(name.trim(), &value[..end]);
            rest = &value[end + 1..];
        }
    }

    fn set(&mut self, name: &str, value: &'a str) {
        // No name that is of interest has anything to escape.
        if value.is_empty() || value.contains('\\') {
            return;
        }
        let (name, is_own) = match name.strip_prefix("exported_") {
            Some(name) => (name, true),
            None => (name, false),
        };
        let place = match name {
            "UUID" => &mut self.uuid,
            "gpu" => &mut self.gpu,
            "GPU_I_ID" => &mut self.instance,
            "device" => &mut self.device,
            "namespace" => &mut self.namespace,
            "pod" => &mut self.pod,
            "container" => &mut self.container,
            "pod_uid" => &mut self.pod_uid,
            _ => return,
        };
        // What a scraper renamed was the exporter's own word.
        if is_own || place.is_empty() {
            *place = value;
        }
    }
}

/// Where the quote is that ends a value.
fn closing(value: &str) -> Option<usize> {
    let mut is_escaped = false;
    value.bytes().position(|byte| {
        let ends = byte == b'"' && !is_escaped;
        is_escaped = byte == b'\\' && !is_escaped;
        ends
    })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn labels_are_found_by_their_keys_in_any_order() {
        let line = concat!(
            r#"DCGM_FI_DEV_FB_USED{modelName="A \"big\" one, {x} = \\",pod_uid="u-1",exported_pod="train-0",pod="dcgm-1","#,
            r#"exported_namespace="ml",namespace="gpu",container="main",GPU_I_ID="3",UUID="GPU-1",} 1.5e+03 1700000000"#
        );
        let told = DcgmLine::read(line.as_bytes()).unwrap();
        assert_eq!((told.metric, told.value), (DcgmMetric::UsedMib, 1500.0));
        let expected = DcgmLabels {
            uuid: "GPU-1",
            instance: "3",
            namespace: "ml",
            pod: "train-0",
            container: "main",
            pod_uid: "u-1",
            ..DcgmLabels::default()
        };
        assert_eq!(told.labels, expected);
    }

    #[test]
    fn what_is_no_measurement_is_none() {
        for line in [
            "",
            "# HELP DCGM_FI_DEV_GPU_UTIL GPU utilization (in %).",
            "DCGM_FI_DEV_GPU_UTIL 3",
            "DCGM_FI_DEV_GPU_UTIL{} NaN",
            "DCGM_FI_DEV_GPU_UTIL{} -1",
            "DCGM_FI_DEV_GPU_UTIL{} +Inf",
            "DCGM_FI_DEV_GPU_UTIL{}",
            r#"DCGM_FI_DEV_GPU_UTIL{UUID="GPU-1" 3"#,
            r#"DCGM_FI_DEV_GPU_UTIL{UUID="GPU-1\"} 3"#,
            r#"DCGM_FI_DEV_GPU_UTIL{UUID=GPU-1} 3"#,
            r#"DCGM_FI_DEV_GPU_TEMP{UUID="GPU-1"} 3"#,
        ] {
            assert_eq!(DcgmLine::read(line.as_bytes()), None, "{line}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_a_line_or_none(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = DcgmLine::read(&bytes);
            let mut line = b"DCGM_FI_DEV_GPU_UTIL{".to_vec();
            line.extend(&bytes);
            let _ = DcgmLine::read(&line);
        }

        #[test]
        fn a_value_that_is_written_is_read(pod in r#"[a-z\\"{}=, ]{0,12}"#, value in 0.0..1e6_f64) {
            let written = pod.replace('\\', r"\\").replace('"', r#"\""#);
            let line = format!(r#"DCGM_FI_DEV_FB_FREE{{pod="{written}",UUID="GPU-1"}} {value}"#);
            let told = DcgmLine::read(line.as_bytes()).unwrap();
            prop_assert_eq!((told.labels.uuid, told.value), ("GPU-1", value));
            prop_assert_eq!(told.labels.pod, if written == pod { pod.as_str() } else { "" });
        }
    }
}
