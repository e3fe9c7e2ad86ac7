//! How much one message may hold. Both ends keep to it: the agent splits what is larger, the controller refuses it.

/// The oldest version of the protocol that this build speaks.
pub const PROTOCOL_MIN: u32 = 1;
/// The newest version of the protocol that this build speaks.
pub const PROTOCOL_MAX: u32 = 1;

/// Bytes of one message: what gRPC allows by itself, and about a hundred times a minute of 100 containers.
pub const MESSAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Bytes of a model's weights or of a delta: the message less room for what stands beside it.
pub const WEIGHTS_BYTES_MAX: usize = MESSAGE_BYTES_MAX - 64 * 1024;

/// Containers of one batch: four times the 250 pods that a large kubelet runs, each with a sidecar.
pub const CONTAINERS_MAX: usize = 2_000;
/// Steps of one batch: an hour of 10 s.
pub const STEPS_MAX: u32 = 360;
/// Milliseconds of a step: below a second nothing is aggregated.
pub const STEP_MS_MIN: u32 = 1_000;
/// Milliseconds of a step: above five minutes a scrape tells more.
pub const STEP_MS_MAX: u32 = 300_000;
/// Milliseconds between two readings: a day, as long as the agent's buffer reaches back.
pub const SPAN_MS_MAX: u32 = 86_400_000;
/// Findings of one batch: two for each container.
pub const FINDINGS_MAX: usize = 2 * CONTAINERS_MAX;
/// Forecasts of one batch: CPU and memory, a day and a week, for each container.
pub const FORECASTS_MAX: usize = 4 * CONTAINERS_MAX;
/// GPUs of one batch: sixteen devices, each as seven instances, with two users each, and some more.
pub const GPUS_MAX: usize = 256;

/// Bytes of a boot id: 16 random bytes as hexadecimal digits take 32.
pub const BOOT_ID_BYTES_MAX: usize = 64;
/// Bytes of a node's name: a DNS subdomain.
pub const NODE_NAME_BYTES_MAX: usize = 253;
/// Bytes of a pod's UID: 36 as the API server makes them.
pub const POD_UID_BYTES_MAX: usize = 64;
/// Bytes of a container's id: 64 as runtimes make them.
pub const CONTAINER_ID_BYTES_MAX: usize = 128;
/// Bytes of a GPU's id: a UUID of 40, with the number of an instance.
pub const GPU_ID_BYTES_MAX: usize = 96;
/// Bytes of the name of a namespace, pod or container: a DNS subdomain.
pub const OBJECT_NAME_BYTES_MAX: usize = 253;
