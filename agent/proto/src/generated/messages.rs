//! What is said. Made from agent.proto by agent/proto/generate.

#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct RegisterRequest {
    /// Versions of this protocol that the agent speaks, both ends included.
    #[prost(uint32, tag = "1")]
    pub protocol_min: u32,
    #[prost(uint32, tag = "2")]
    pub protocol_max: u32,
    #[prost(string, tag = "3")]
    pub agent_version: ::prost::alloc::string::String,
    /// The node that it runs on. The controller compares it with the certificate or token.
    #[prost(string, tag = "4")]
    pub node_name: ::prost::alloc::string::String,
    /// A random id, made with the folder of the agent's buffer: sequence numbers count within it.
    #[prost(string, tag = "5")]
    pub boot_id: ::prost::alloc::string::String,
    #[prost(enumeration = "CgroupMode", tag = "6")]
    pub cgroup_mode: i32,
    /// What a model's inputs mean, and the model that the agent has: SHA-256, 32 bytes, or empty without a model.
    #[prost(bytes = "vec", tag = "7")]
    pub schema_sha256: ::prost::alloc::vec::Vec<u8>,
    #[prost(bytes = "vec", tag = "8")]
    pub model_sha256: ::prost::alloc::vec::Vec<u8>,
}
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct RegisterResponse {
    #[prost(uint32, tag = "1")]
    pub protocol: u32,
    #[prost(message, optional, tag = "2")]
    pub config: ::core::option::Option<AgentConfig>,
    #[prost(uint64, tag = "3")]
    pub server_time_unix_ms: u64,
    /// The highest sequence number of this boot_id that is stored; 0 for none.
    #[prost(uint64, tag = "4")]
    pub acknowledged_seq: u64,
}
/// What the operator sets for all agents. 0 leaves the agent's default.
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct AgentConfig {
    #[prost(uint32, tag = "1")]
    pub step_ms: u32,
    #[prost(uint32, tag = "2")]
    pub hot_max: u32,
    #[prost(uint32, tag = "3")]
    pub batch_steps: u32,
    #[prost(uint32, tag = "4")]
    pub forecast_every_s: u32,
}
/// Steps of one node, in a row.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct Batch {
    #[prost(string, tag = "1")]
    pub boot_id: ::prost::alloc::string::String,
    /// 1 and up.
    #[prost(uint64, tag = "2")]
    pub seq: u64,
    /// The end of step 0 is begin + step.
    #[prost(uint64, tag = "3")]
    pub begin_unix_ms: u64,
    #[prost(uint32, tag = "4")]
    pub step_ms: u32,
    #[prost(uint32, tag = "5")]
    pub steps: u32,
    #[prost(bytes = "vec", tag = "6")]
    pub schema_sha256: ::prost::alloc::vec::Vec<u8>,
    #[prost(bytes = "vec", tag = "7")]
    pub model_sha256: ::prost::alloc::vec::Vec<u8>,
    /// Batches that this boot_id lost so far, since its buffer was full.
    #[prost(uint64, tag = "8")]
    pub dropped_batches: u64,
    #[prost(message, repeated, tag = "9")]
    pub containers: ::prost::alloc::vec::Vec<ContainerSeries>,
    #[prost(message, repeated, tag = "10")]
    pub findings: ::prost::alloc::vec::Vec<NodeFinding>,
    #[prost(message, repeated, tag = "11")]
    pub forecasts: ::prost::alloc::vec::Vec<NodeForecast>,
    /// What the node's GPUs did meanwhile. A controller that does not know the field leaves it out.
    #[prost(message, repeated, tag = "12")]
    pub gpus: ::prost::alloc::vec::Vec<GpuUse>,
}
/// Lists are as long as `step` and in its order, or empty where the node does not tell the value.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ContainerSeries {
    #[prost(string, tag = "1")]
    pub pod_uid: ::prost::alloc::string::String,
    #[prost(string, tag = "2")]
    pub container_id: ::prost::alloc::string::String,
    /// When the agent saw it first, which is after its start; 0 where it was there before the agent.
    #[prost(uint64, tag = "3")]
    pub seen_unix_ms: u64,
    /// The steps in which it was read, ascending, each below `steps`.
    #[prost(uint32, repeated, tag = "4")]
    pub step: ::prost::alloc::vec::Vec<u32>,
    /// How long each reading lasted: the time since the one before.
    #[prost(uint32, repeated, tag = "5")]
    pub span_ms: ::prost::alloc::vec::Vec<u32>,
    #[prost(uint64, repeated, tag = "6")]
    pub cpu_used_us: ::prost::alloc::vec::Vec<u64>,
    /// The highest CPU within one second of the step; 0 where no second of it was watched.
    #[prost(uint32, repeated, tag = "7")]
    pub cpu_peak_millicores: ::prost::alloc::vec::Vec<u32>,
    #[prost(uint32, repeated, tag = "8")]
    pub cfs_periods: ::prost::alloc::vec::Vec<u32>,
    #[prost(uint32, repeated, tag = "9")]
    pub cfs_periods_throttled: ::prost::alloc::vec::Vec<u32>,
    #[prost(uint64, repeated, tag = "10")]
    pub cpu_throttled_us: ::prost::alloc::vec::Vec<u64>,
    #[prost(uint64, repeated, tag = "11")]
    pub memory_working_set_bytes: ::prost::alloc::vec::Vec<u64>,
    #[prost(uint64, repeated, tag = "12")]
    pub memory_anon_bytes: ::prost::alloc::vec::Vec<u64>,
    /// The highest memory within the step, with file cache, where the kernel tells a new high.
    #[prost(uint64, repeated, tag = "13")]
    pub memory_peak_bytes: ::prost::alloc::vec::Vec<u64>,
    /// Time in which some task waited.
    #[prost(uint64, repeated, tag = "14")]
    pub cpu_waited_us: ::prost::alloc::vec::Vec<u64>,
    #[prost(uint64, repeated, tag = "15")]
    pub memory_waited_us: ::prost::alloc::vec::Vec<u64>,
    #[prost(uint64, repeated, tag = "16")]
    pub io_waited_us: ::prost::alloc::vec::Vec<u64>,
    /// Of the whole batch.
    #[prost(uint32, tag = "17")]
    pub oom_kills: u32,
    #[prost(uint64, tag = "18")]
    pub io_read_bytes: u64,
    #[prost(uint64, tag = "19")]
    pub io_written_bytes: u64,
    /// As last seen; 0 for no limit.
    #[prost(uint64, tag = "20")]
    pub memory_limit_bytes: u64,
    #[prost(uint64, tag = "21")]
    pub cpu_quota_millicores: u64,
    #[prost(uint32, tag = "22")]
    pub pids: u32,
}
/// One GPU over the steps of a batch, for one of its users. Without a user nobody on the node could say who it is.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct GpuUse {
    /// The same in each batch of the node: a UUID, a serial number or a PCI address.
    #[prost(string, tag = "1")]
    pub id: ::prost::alloc::string::String,
    /// The user as its cgroup is called, where the node knows that; without a container id, the pod alone.
    #[prost(string, tag = "2")]
    pub pod_uid: ::prost::alloc::string::String,
    #[prost(string, tag = "3")]
    pub container_id: ::prost::alloc::string::String,
    /// The user as an exporter on the node names it, where it does.
    #[prost(string, tag = "4")]
    pub namespace: ::prost::alloc::string::String,
    #[prost(string, tag = "5")]
    pub pod: ::prost::alloc::string::String,
    #[prost(string, tag = "6")]
    pub container: ::prost::alloc::string::String,
    /// How often it was asked how busy it is; 0 where it does not tell.
    #[prost(uint32, tag = "7")]
    pub readings: u32,
    /// Of the time in which something ran, in thousandths.
    #[prost(uint32, tag = "8")]
    pub busy_mean_permille: u32,
    #[prost(uint32, tag = "9")]
    pub busy_max_permille: u32,
    /// The most that was used, of how much; 0 of it where it is not told.
    #[prost(uint64, tag = "10")]
    pub memory_used_max_bytes: u64,
    #[prost(uint64, tag = "11")]
    pub memory_total_bytes: u64,
}
/// Something unusual that the node saw itself, when it opened, worsened or ended.
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct NodeFinding {
    #[prost(string, tag = "1")]
    pub pod_uid: ::prost::alloc::string::String,
    #[prost(string, tag = "2")]
    pub container_id: ::prost::alloc::string::String,
    #[prost(enumeration = "FindingKind", tag = "3")]
    pub kind: i32,
    #[prost(enumeration = "LoadKind", tag = "4")]
    pub load: i32,
    #[prost(enumeration = "FindingSeverity", tag = "5")]
    pub severity: i32,
    #[prost(uint64, tag = "6")]
    pub since_unix_ms: u64,
    #[prost(uint64, tag = "7")]
    pub at_unix_ms: u64,
    #[prost(bool, tag = "8")]
    pub resolved: bool,
    /// Of a leak: growth, and when the limit is reached at that rate; 0 where unknown.
    #[prost(uint64, tag = "9")]
    pub bytes_per_hour: u64,
    #[prost(uint64, tag = "10")]
    pub limit_reached_unix_ms: u64,
}
/// Quantiles .1 .5 .9 .95 .99 of a peak to come: millicores or bytes.
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct NodeForecast {
    #[prost(string, tag = "1")]
    pub pod_uid: ::prost::alloc::string::String,
    #[prost(string, tag = "2")]
    pub container_id: ::prost::alloc::string::String,
    #[prost(enumeration = "LoadKind", tag = "3")]
    pub load: i32,
    #[prost(uint64, tag = "4")]
    pub made_unix_ms: u64,
    /// 24 or 168.
    #[prost(uint32, tag = "5")]
    pub horizon_hours: u32,
    #[prost(double, repeated, tag = "6")]
    pub peak_quantiles: ::prost::alloc::vec::Vec<f64>,
}
#[derive(Clone, Copy, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Ack {
    /// All batches of the stream's boot_id up to this one are stored.
    #[prost(uint64, tag = "1")]
    pub acknowledged_seq: u64,
    /// Wait so long before the next batch.
    #[prost(uint32, tag = "2")]
    pub backoff_ms: u32,
}
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct ModelRequest {
    #[prost(bytes = "vec", tag = "1")]
    pub have_sha256: ::prost::alloc::vec::Vec<u8>,
    #[prost(bytes = "vec", tag = "2")]
    pub schema_sha256: ::prost::alloc::vec::Vec<u8>,
}
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct ModelResponse {
    /// Absent: what the agent has is what it should have.
    #[prost(message, optional, tag = "1")]
    pub model: ::core::option::Option<Model>,
    /// Absent: nothing to train now.
    #[prost(message, optional, tag = "2")]
    pub plan: ::core::option::Option<TrainPlan>,
    #[prost(uint32, tag = "3")]
    pub next_poll_s: u32,
}
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct Model {
    #[prost(uint64, tag = "1")]
    pub version: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub sha256: ::prost::alloc::vec::Vec<u8>,
    #[prost(bytes = "vec", tag = "3")]
    pub schema_sha256: ::prost::alloc::vec::Vec<u8>,
    #[prost(bytes = "vec", tag = "4")]
    pub weights: ::prost::alloc::vec::Vec<u8>,
}
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct TrainPlan {
    #[prost(uint64, tag = "1")]
    pub round_id: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub base_sha256: ::prost::alloc::vec::Vec<u8>,
    #[prost(uint32, tag = "3")]
    pub local_epochs: u32,
    #[prost(uint32, tag = "4")]
    pub batch: u32,
    #[prost(float, tag = "5")]
    pub learning_rate: f32,
    /// FedProx: how strongly a node is held to the base.
    #[prost(float, tag = "6")]
    pub prox_mu: f32,
    #[prost(float, tag = "7")]
    pub clip_norm: f32,
    #[prost(uint32, tag = "8")]
    pub min_windows: u32,
    #[prost(uint64, tag = "9")]
    pub deadline_unix_ms: u64,
    #[prost(uint32, tag = "10")]
    pub max_cpu_ms: u32,
}
#[derive(Clone, PartialEq, ::prost::Message)]
pub struct GradientUpload {
    #[prost(uint64, tag = "1")]
    pub round_id: u64,
    #[prost(bytes = "vec", tag = "2")]
    pub base_sha256: ::prost::alloc::vec::Vec<u8>,
    /// 16 random bytes: the same upload sent twice counts once.
    #[prost(bytes = "vec", tag = "3")]
    pub nonce: ::prost::alloc::vec::Vec<u8>,
    /// New parameters less those of the base, f32 little-endian.
    #[prost(bytes = "vec", tag = "4")]
    pub delta: ::prost::alloc::vec::Vec<u8>,
    #[prost(uint64, tag = "5")]
    pub windows: u64,
    #[prost(float, tag = "6")]
    pub loss_before: f32,
    #[prost(float, tag = "7")]
    pub loss_after: f32,
    #[prost(uint32, tag = "8")]
    pub train_cpu_ms: u32,
}
#[derive(Clone, PartialEq, Eq, Hash, ::prost::Message)]
pub struct UploadResponse {
    #[prost(bool, tag = "1")]
    pub accepted: bool,
    #[prost(string, tag = "2")]
    pub reason: ::prost::alloc::string::String,
    #[prost(uint32, tag = "3")]
    pub next_poll_s: u32,
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum CgroupMode {
    Unspecified = 0,
    V1 = 1,
    V2 = 2,
    Hybrid = 3,
}
impl CgroupMode {
    /// String value of the enum field names used in the ProtoBuf definition.
    ///
    /// The values are not transformed in any way and thus are considered stable
    /// (if the ProtoBuf definition does not change) and safe for programmatic use.
    pub fn as_str_name(&self) -> &'static str {
        match self {
            Self::Unspecified => "CGROUP_MODE_UNSPECIFIED",
            Self::V1 => "CGROUP_MODE_V1",
            Self::V2 => "CGROUP_MODE_V2",
            Self::Hybrid => "CGROUP_MODE_HYBRID",
        }
    }
    /// Creates an enum from field names used in the ProtoBuf definition.
    pub fn from_str_name(value: &str) -> ::core::option::Option<Self> {
        match value {
            "CGROUP_MODE_UNSPECIFIED" => Some(Self::Unspecified),
            "CGROUP_MODE_V1" => Some(Self::V1),
            "CGROUP_MODE_V2" => Some(Self::V2),
            "CGROUP_MODE_HYBRID" => Some(Self::Hybrid),
            _ => None,
        }
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum FindingKind {
    Unspecified = 0,
    Spike = 1,
    Drift = 2,
    Leak = 3,
    Saturation = 4,
    Kill = 5,
}
impl FindingKind {
    /// String value of the enum field names used in the ProtoBuf definition.
    ///
    /// The values are not transformed in any way and thus are considered stable
    /// (if the ProtoBuf definition does not change) and safe for programmatic use.
    pub fn as_str_name(&self) -> &'static str {
        match self {
            Self::Unspecified => "FINDING_KIND_UNSPECIFIED",
            Self::Spike => "FINDING_KIND_SPIKE",
            Self::Drift => "FINDING_KIND_DRIFT",
            Self::Leak => "FINDING_KIND_LEAK",
            Self::Saturation => "FINDING_KIND_SATURATION",
            Self::Kill => "FINDING_KIND_KILL",
        }
    }
    /// Creates an enum from field names used in the ProtoBuf definition.
    pub fn from_str_name(value: &str) -> ::core::option::Option<Self> {
        match value {
            "FINDING_KIND_UNSPECIFIED" => Some(Self::Unspecified),
            "FINDING_KIND_SPIKE" => Some(Self::Spike),
            "FINDING_KIND_DRIFT" => Some(Self::Drift),
            "FINDING_KIND_LEAK" => Some(Self::Leak),
            "FINDING_KIND_SATURATION" => Some(Self::Saturation),
            "FINDING_KIND_KILL" => Some(Self::Kill),
            _ => None,
        }
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum FindingSeverity {
    Unspecified = 0,
    Low = 1,
    Medium = 2,
    High = 3,
    Critical = 4,
}
impl FindingSeverity {
    /// String value of the enum field names used in the ProtoBuf definition.
    ///
    /// The values are not transformed in any way and thus are considered stable
    /// (if the ProtoBuf definition does not change) and safe for programmatic use.
    pub fn as_str_name(&self) -> &'static str {
        match self {
            Self::Unspecified => "FINDING_SEVERITY_UNSPECIFIED",
            Self::Low => "FINDING_SEVERITY_LOW",
            Self::Medium => "FINDING_SEVERITY_MEDIUM",
            Self::High => "FINDING_SEVERITY_HIGH",
            Self::Critical => "FINDING_SEVERITY_CRITICAL",
        }
    }
    /// Creates an enum from field names used in the ProtoBuf definition.
    pub fn from_str_name(value: &str) -> ::core::option::Option<Self> {
        match value {
            "FINDING_SEVERITY_UNSPECIFIED" => Some(Self::Unspecified),
            "FINDING_SEVERITY_LOW" => Some(Self::Low),
            "FINDING_SEVERITY_MEDIUM" => Some(Self::Medium),
            "FINDING_SEVERITY_HIGH" => Some(Self::High),
            "FINDING_SEVERITY_CRITICAL" => Some(Self::Critical),
            _ => None,
        }
    }
}
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, ::prost::Enumeration)]
#[repr(i32)]
pub enum LoadKind {
    Unspecified = 0,
    Cpu = 1,
    Memory = 2,
}
impl LoadKind {
    /// String value of the enum field names used in the ProtoBuf definition.
    ///
    /// The values are not transformed in any way and thus are considered stable
    /// (if the ProtoBuf definition does not change) and safe for programmatic use.
    pub fn as_str_name(&self) -> &'static str {
        match self {
            Self::Unspecified => "LOAD_KIND_UNSPECIFIED",
            Self::Cpu => "LOAD_KIND_CPU",
            Self::Memory => "LOAD_KIND_MEMORY",
        }
    }
    /// Creates an enum from field names used in the ProtoBuf definition.
    pub fn from_str_name(value: &str) -> ::core::option::Option<Self> {
        match value {
            "LOAD_KIND_UNSPECIFIED" => Some(Self::Unspecified),
            "LOAD_KIND_CPU" => Some(Self::Cpu),
            "LOAD_KIND_MEMORY" => Some(Self::Memory),
            _ => None,
        }
    }
}
