//! All that an explanation may rest on: a closed struct, so that what reaches a text, or a model, can be listed.
//!
//! Values only. Nothing here holds an image, an annotation, an environment variable, an argument, a node's name or a line
//! of a log.

use kubeopt_model::java::JavaFlags;
use kubeopt_model::load::LoadWindows;
use kubeopt_model::recommendation::Risk;
use kubeopt_model::usage::{Startup, Strain};
use kubeopt_model::workload::Scaler;
use kubeopt_model::{
    Bytes, Change, Container, ContainerId, ContainerRole, Coverage, Field, MilliCores, Resources,
    TargetChange, Workload,
};
use serde::{Deserialize, Serialize};

/// What kind of program a container is; it decides what can go wrong and what is worth a look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Profile {
    /// Answers requests.
    Serving,
    /// Stands before others: an ingress, a proxy of its own.
    Gateway,
    /// Works off a queue.
    Worker,
    /// Runs to an end.
    Batch,
    /// Holds data that must not be lost.
    Database,
    /// Holds data that can be fetched again.
    Cache,
    /// Passes messages on.
    Broker,
    /// Runs on a JVM, and is none of the above.
    Jvm,
    /// Runs on every node.
    NodeAgent,
    /// Stands beside the program that its pod is for.
    Sidecar,
    /// Keeps state of a kind that nothing tells.
    Stateful,
}

/// Which rule, or which bound, decided a value. From a closed list: texts of rules do not come in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Decider {
    /// The strategy's own value.
    Strategy,
    /// The highest sample of the window.
    HighestSample,
    /// An OOM kill.
    OomKill,
    /// The policy's floor, or the least that is ever written.
    Floor,
    /// The policy's ceiling.
    Ceiling,
    /// The largest step that the policy allows.
    StepSize,
    /// The heap of a JVM.
    JavaHeap,
    /// A CPU limit that throttled.
    Throttling,
    /// What starting takes.
    StartUp,
    /// How limits follow requests.
    LimitPolicy,
    /// The scale point of an autoscaler.
    ScalePoint,
    /// A VerticalPodAutoscaler.
    Vpa,
    /// A quota, a LimitRange, or the size of the nodes.
    Namespace,
    /// The quality of service class, or the request of the same resource.
    OtherBound,
}

/// CPU over the window, in millicores.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CpuFacts {
    /// The median of all samples.
    pub median: f64,
    /// Which part of the samples lies at or below `high`, 0 to 1.
    pub quantile: f64,
    /// That quantile.
    pub high: f64,
    /// The highest sample.
    pub highest: f64,
    /// When, in seconds since the epoch.
    pub highest_at_unix_s: i64,
    /// Part of the samples above the proposed request, 0 to 1; none where there is no request.
    pub above_request: Option<f64>,
}

/// Memory over the window, in bytes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemoryFacts {
    /// The median of all samples.
    pub median: f64,
    /// The highest sample.
    pub highest: f64,
    /// When, in seconds since the epoch.
    pub highest_at_unix_s: i64,
    /// By which part daily maxima rose from the first third of the days to the last, where every day of the last third
    /// lies above every day of the first: 0.2 is 20 %.
    pub growth: Option<f64>,
}

/// OOM kills of the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OomFacts {
    /// How many.
    pub kills: usize,
    /// The last, in seconds since the epoch.
    pub last_at_unix_s: i64,
    /// The limit at the last, if known.
    pub limit: Option<Bytes>,
}

/// The heap of a JVM.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeapFacts {
    /// What it may take with the proposed limit.
    pub max: Bytes,
    /// It is a share of the limit, and so changes with it.
    pub follows_limit: bool,
}

/// After how long a load comes again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Period {
    /// Each day.
    Day,
    /// Each week.
    Week,
}

/// A season of CPU that was tested.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Season {
    /// After how long it comes again.
    pub period: Period,
    /// Part of the last week that it explains, 0 to 1.
    pub explained: f64,
}

/// The rhythm of a load.
#[derive(Debug, Clone, PartialEq)]
pub struct Rhythm {
    /// After how long it comes again.
    pub period: Period,
    /// The hours in which it is high, as people say them; empty where two windows do not explain it.
    pub peak_hours: Vec<String>,
}

/// What a HorizontalPodAutoscaler on CPU would do instead of a fixed number of replicas.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HpaAdvice {
    /// The share of the request that it would keep, in per cent.
    pub target_percent: u32,
    /// Replicas in quiet hours.
    pub replicas_low: u32,
    /// Replicas in busy hours.
    pub replicas_high: u32,
}

/// CPU that is expected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Forecast {
    /// Over how many days.
    pub days: u32,
    /// The peak of them.
    pub peak: MilliCores,
    /// The band around it.
    pub band: (MilliCores, MilliCores),
}

/// How the rule did on the same workload before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TrackRecord {
    /// Past windows in which its value held.
    pub held: u32,
    /// Past windows that were tried.
    pub windows: u32,
}

/// What is known of a container beside its recommendation. What nobody knows is left at its default, and nothing is said
/// of it.
#[derive(Debug, Clone)]
pub struct Circumstances {
    /// What it is to its pod.
    pub role: ContainerRole,
    /// What others, who have seen its image and its usage, take it for.
    pub told: Option<Profile>,
    /// Flags of its JVM, if it runs on one.
    pub java: Option<JavaFlags>,
    /// Its HorizontalPodAutoscaler.
    pub scaler: Option<Scaler>,
    /// Seasons of its CPU that were tested, the strongest first.
    pub seasons: Vec<Season>,
    /// The windows of its week.
    pub windows: Option<LoadWindows>,
    /// What is expected.
    pub forecast: Option<Forecast>,
    /// How the rule did before.
    pub track_record: Option<TrackRecord>,
    /// Which part of CPU samples is told of, 0 to 1.
    pub cpu_quantile: f64,
}

impl Circumstances {
    /// What the cluster shows of a container. What others find out, such as seasons, is added to it.
    pub fn seen(workload: &Workload, container: &Container) -> Self {
        Self {
            role: container.role,
            java: container.java.clone(),
            scaler: workload.scaler.clone(),
            ..Self::default()
        }
    }
}

impl Default for Circumstances {
    fn default() -> Self {
        Self {
            role: ContainerRole::Main,
            told: None,
            java: None,
            scaler: None,
            seasons: Vec::new(),
            windows: None,
            forecast: None,
            track_record: None,
            // What the rule by quantile takes by default, and most dashboards can show.
            cpu_quantile: 0.98,
        }
    }
}

/// All that is known when a recommendation is explained.
#[derive(Debug, Clone, PartialEq)]
pub struct Facts {
    /// The container whose usage decides: of those that the same lines size, the one that needs most.
    pub container: ContainerId,
    /// What it is.
    pub profile: Profile,
    /// Its replicas.
    pub replicas: u32,
    /// How many other containers get the same values.
    pub others: usize,
    /// Requests and limits now and proposed.
    pub resources: Change<Resources>,
    /// What decided each value that moves.
    pub deciders: Vec<(Field, Decider)>,
    /// Days between its first and its last sample.
    pub days: f64,
    /// Samples of the resource that is covered worse, there and expected.
    pub coverage: Coverage,
    /// Part of the window could not be read.
    pub is_partial: bool,
    /// CPU; none without a sample.
    pub cpu: Option<CpuFacts>,
    /// Memory; none without a sample.
    pub memory: Option<MemoryFacts>,
    /// OOM kills, if there were any.
    pub oom: Option<OomFacts>,
    /// The values cure them.
    pub cures_oom: bool,
    /// Share of throttled periods, 0 to 1; none where it is not measured.
    pub throttled: Option<f64>,
    /// Restarts and pressure.
    pub strain: Strain,
    /// How it starts.
    pub startup: Startup,
    /// The rhythm of its load, if it has one.
    pub rhythm: Option<Rhythm>,
    /// Its HorizontalPodAutoscaler scales on these resources in shares of the request or not; none without one.
    pub scaler: Option<Scaler>,
    /// What an autoscaler would do, where it has none and would be served better with one.
    pub hpa_advice: Option<HpaAdvice>,
    /// Targets that move with the requests.
    pub targets: Vec<TargetChange>,
    /// What is expected.
    pub forecast: Option<Forecast>,
    /// How the rule did before.
    pub track_record: Option<TrackRecord>,
    /// The heap of its JVM, as far as its flags tell.
    pub heap: Option<HeapFacts>,
    /// Risk by rule.
    pub risk: Risk,
}

impl Facts {
    /// What decided a field; none where it does not move, or nothing told.
    pub fn decider(&self, field: Field) -> Option<Decider> {
        self.deciders.iter().find(|(of, _)| *of == field).map(|(_, decider)| *decider)
    }

    /// The fields that differ, in the order in which tables show them.
    pub fn changed(&self) -> impl Iterator<Item = Field> + '_ {
        Field::ALL.into_iter().filter(|field| self.way(*field) != Way::Stays)
    }

    /// Which way a field moves.
    pub fn way(&self, field: Field) -> Way {
        let Change { before, after } = self.resources.map(|side| side.get(field));
        match (before, after) {
            (None, None) => Way::Stays,
            (None, Some(_)) => Way::Created,
            (Some(_), None) => Way::Removed,
            (Some(before), Some(after)) if after > before => Way::Raised,
            (Some(before), Some(after)) if after < before => Way::Lowered,
            (Some(_), Some(_)) => Way::Stays,
        }
    }
}

/// Which way a field moves.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Way {
    /// It does not.
    Stays,
    /// There was none.
    Created,
    /// There will be none.
    Removed,
    /// Up.
    Raised,
    /// Down.
    Lowered,
}
