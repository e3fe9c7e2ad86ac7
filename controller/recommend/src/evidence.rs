//! What is known about one container when its size is decided.

use kubeopt_model::gpu::GpuUse;
use kubeopt_model::outcome::Lesson;
use kubeopt_model::usage::{ContainerPoints, DayUsage, HourPoint, HourSeries, OomKill};
use kubeopt_model::{
    Container, ContainerId, ContainerUsage, Foretold, NoRecommendation, Problem, Resource, Resources,
    ScaleTarget, Workload,
};
use kubeopt_strategies::Fleet;

use crate::given::GivenValue;

/// Days before the policy's window, for a rule that looks further back. Bounds, such as the highest sample, know nothing of
/// them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EarlierDays {
    /// CPU, oldest first.
    pub cpu: Vec<DayUsage>,
    /// Memory, oldest first.
    pub memory: Vec<DayUsage>,
    /// CPU by hour, oldest first.
    pub cpu_hours: HourSeries,
    /// Memory by hour, oldest first. What is foretold rests on them; no rule looks at them.
    pub memory_hours: HourSeries,
    /// OOM kills, oldest first. They bound nothing; a day of one was no day on which a value held.
    pub oom_kills: Vec<OomKill>,
}

impl EarlierDays {
    /// Takes an earlier usage over, as far as it ends before this moment; usages come oldest first.
    pub fn add(&mut self, usage: ContainerUsage, before_unix_s: i64) {
        self.oom_kills.extend(usage.oom_kills.iter().filter(|kill| kill.at_unix_s < before_unix_s).cloned());
        let days = |used: Option<kubeopt_model::usage::ResourceUsage>| {
            used.into_iter().flat_map(|used| used.days).filter(|day| day.at_unix_s < before_unix_s)
        };
        self.cpu.extend(days(usage.cpu));
        self.memory.extend(days(usage.memory));
        let is_before = |hour: &HourPoint| hour.at_unix_s < before_unix_s;
        self.cpu_hours.extend(usage.cpu_hours.iter().filter(is_before));
        self.memory_hours.extend(usage.memory_hours.iter().filter(is_before));
    }

    /// The first of them, in seconds since the epoch.
    fn oldest_unix_s(&self) -> Option<i64> {
        self.cpu.iter().chain(&self.memory).map(|day| day.at_unix_s).min()
    }
}

/// One container, its workload, and its usage over the policy's window.
#[derive(Debug, Clone)]
pub struct Evidence {
    /// The workload, as the cluster shows it now.
    pub workload: Workload,
    /// The container of its pod template.
    pub container: Container,
    /// What its pods run with although the template does not say it: a LimitRange or a webhook fills it in.
    pub filled_in: Resources,
    /// Usage over the window; none when no sample was found.
    pub usage: Option<ContainerUsage>,
    /// Days before that window; none where there are none, or no rule looks at them.
    pub earlier: Option<EarlierDays>,
    /// 5-minute points of its last days, for strategies that need them; none where they were not read.
    pub points: Option<ContainerPoints>,
    /// How busy its GPUs are; none where it has none, or nothing tells.
    pub gpu: Option<GpuUse>,
    /// What load is foretold; none where nobody was asked, or history is too short.
    pub foretold: Option<Foretold>,
    /// What containers of the fleet request on average; none where that is not known. Risks are priced by it.
    pub fleet: Option<Fleet>,
    /// The lines that set the targets of its workload's HorizontalPodAutoscaler, or why one cannot be edited; empty where
    /// nobody looked.
    pub scale_targets: Vec<(Resource, Result<ScaleTarget, Problem>)>,
    /// Values that people gave; each field once.
    pub given: Vec<GivenValue>,
    /// What reverts of its workload taught, of any of its containers.
    pub lessons: Vec<Lesson>,
    /// What keeps its values from being lowered for a while; none where nothing was taken back.
    pub frozen: Option<Freeze>,
}

/// Values that were taken back: nothing is lowered for a while. What protects goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Freeze {
    /// When they were taken back, in seconds since the epoch. What happened before that is what they were taken back for.
    pub since_unix_s: i64,
    /// Why, as a sentence without a full stop.
    pub text: String,
}

impl Freeze {
    /// As the reason for leaving a field.
    pub(crate) fn refusal(&self) -> NoRecommendation {
        NoRecommendation::Refused { guardrail: "lesson".to_owned(), text: self.text.clone() }
    }
}

impl Evidence {
    /// How many days the rule that looks furthest back can see.
    pub(crate) fn days_known(&self) -> f64 {
        let Some(usage) = &self.usage else { return 0.0 };
        let oldest = self.earlier.as_ref().and_then(EarlierDays::oldest_unix_s);
        let from_unix_s = oldest.unwrap_or(usage.seen.from_unix_s).min(usage.seen.from_unix_s);
        (usage.seen.to_unix_s - from_unix_s) as f64 / 86_400.0
    }

    /// The key of its usage history.
    pub fn id(&self) -> ContainerId {
        ContainerId { workload: self.workload.id.clone(), container: self.container.name.clone() }
    }
}
