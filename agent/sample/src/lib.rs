//! What the kernel tells of a container: text of cgroup files to counters, two readings to a sample, and which containers
//! are worth a look every second; text of GPUs' device files and of the DCGM exporter to what it says of each.
//!
//! Pure: bytes and times come in as values, and nothing here knows a file, a clock, a pod's name or a network. Reading
//! allocates nothing. A value that is not understood is absent and counted, never guessed.
//!
//! ```
//! use kubeopt_sample::{Bound, Counters, Sample, StatFile};
//! use std::time::Duration;
//!
//! let mut counters = Counters::default();
//! assert_eq!(counters.read(StatFile::CpuMax, b"20000 100000\n"), 0);
//! assert_eq!(counters.quota_millicores(), Some(Bound::At(200)));
//!
//! counters.read(StatFile::CpuStat, b"usage_usec 1000000\nnr_periods 10\nnr_throttled 0\nthrottled_usec 0\n");
//! let before = counters;
//! counters.read(StatFile::CpuStat, b"usage_usec 3000000\nnr_periods 110\nnr_throttled 4\nthrottled_usec 90000\n");
//! let sample = Sample::between(&before, &counters, Duration::from_secs(10));
//! assert_eq!(sample.cpu_millicores(), Some(200));
//! assert_eq!(sample.cpu_throttled_us, Some(90_000));
//! ```

mod counters;
mod dcgm;
mod files;
mod gpu;
mod hot;
mod identity;
mod layout;
mod sample;
mod text;
mod v1;
mod v2;

pub use counters::{Bound, Counters};
pub use dcgm::{DcgmLabels, DcgmLine, DcgmMetric};
pub use files::{Cadence, StatFile, Tree};
pub use gpu::{CharDevice, DRM_MAJOR, NVIDIA_MAJOR, device_number, device_word, devices_given};
pub use hot::{HOT_HOLD_MS, HOT_MAX, Heat, HotSet, NEAR_LIMIT_PERMILLE, second_of_pair};
pub use identity::{ContainerId, ContainerPath, PodUid, Qos, identify, identify_pod};
pub use layout::{CgroupMode, RootSeen};
pub use sample::{CORES_MAX, Life, Sample};
