//! What could go wrong with a change, from a closed list, worst first. Each with what it means and what to do.

use kubeopt_model::explanation::{RISKS_MAX, RiskCode};
use kubeopt_model::workload::ScalerTarget;
use kubeopt_model::{Field, Resource};

use crate::facts::{Facts, Profile, Way};
use crate::figures::memory_room;
use crate::sentences::THROTTLED;

/// Days that hold two of each weekday: a shorter window may have missed what comes once a week.
const DAYS_MIN: f64 = 14.0;

/// Below this part of the expected samples there are holes that can hide a peak.
const COVERAGE_MIN: f64 = 0.9;

/// Samples above the request that are worth a word: one in a hundred.
const ABOVE_MIN: f64 = 0.01;

/// Less room than this above the highest use is what two ordinary weeks differ by.
const ROOM_MIN: f64 = 0.10;

/// A share of the time in which tasks wait that people notice.
const PRESSURE_MIN: f64 = 0.10;

/// A risk, with its figures by name.
pub(crate) type RiskText = (RiskCode, String);

/// The worst risks.
pub(crate) fn risks(facts: &Facts) -> Vec<RiskText> {
    let found = RiskCode::ALL.into_iter().filter_map(|code| Some((code, text(code, facts)?.to_owned())));
    found.take(RISKS_MAX).collect()
}

/// What a risk means here; none where there is none.
fn text(code: RiskCode, facts: &Facts) -> Option<&'static str> {
    match code {
        RiskCode::OomAgain => oom_again(facts),
        RiskCode::MemoryGrows => facts.memory?.growth.map(|_| {
            "Daily memory peaks rose by {{memory_growth}} over the window, every late day above every early one: if it \
             leaks, more memory only delays the end."
        }),
        RiskCode::PartialData => (facts.is_partial || facts.coverage.ratio() < COVERAGE_MIN).then_some(
            "Only {{coverage}} of the expected samples are there: a peak may lie in what is missing.",
        ),
        RiskCode::ShortHistory => (facts.days < DAYS_MIN).then_some(
            "{{days}} days were seen: what happens once a week or once a month, such as a month's end, may not be among \
             them.",
        ),
        RiskCode::Throttled => throttled(facts),
        RiskCode::BurstsAboveRequest => bursts(facts),
        RiskCode::RestartIsDear => restart(facts),
        RiskCode::HeapBound => heap(facts),
        RiskCode::SlowStart => slow_start(facts),
        RiskCode::LongerRuns => (facts.profile == Profile::Batch && lowers(facts, Resource::Cpu)).then_some(
            "On a full node its runs take longer, since less CPU is set aside for them: check that they still end before \
             the next begins.",
        ),
        RiskCode::ThinMargin => (memory_room(facts).is_some_and(|room| room < ROOM_MIN)).then_some(
            "Its memory limit lies {{memory_room}} above the highest use: a week that differs a little more ends in an OOM \
             kill.",
        ),
        RiskCode::NoMemoryLimit => {
            let unset = facts.resources.after.limits.memory.is_none() && lowers(facts, Resource::Memory);
            unset.then_some("Nothing bounds its memory: if it grows beyond its request, pods beside it may be evicted too.")
        }
        RiskCode::Pressure => pressure(facts),
        RiskCode::ScalerReacts => scaler_reacts(facts),
        RiskCode::SharedLines => (facts.others > 0).then_some(
            "The same lines size {{others}} more: the one that needs most decides, and all of them restart.",
        ),
    }
}

fn lowers(facts: &Facts, resource: Resource) -> bool {
    facts.changed().any(|field| field.resource == resource && facts.way(field) == Way::Lowered)
}

fn oom_again(facts: &Facts) -> Option<&'static str> {
    facts.oom?;
    let raised = matches!(facts.way(Field::MEMORY_LIMIT), Way::Raised | Way::Removed);
    Some(match (facts.cures_oom || raised, facts.resources.after.limits.memory) {
        (true, _) => {
            "How much it needed when it was killed nobody has seen: if it is killed again, raise the limit further."
        }
        (false, Some(_)) => {
            "It was killed for memory {{oom_kills}}, last on {{oom_last_day}}, and its memory limit is not raised: look into \
             the cause first."
        }
        (false, None) => {
            "It was killed for memory {{oom_kills}}, last on {{oom_last_day}}, without a limit of its own: its node ran short."
        }
    })
}

fn throttled(facts: &Facts) -> Option<&'static str> {
    let stays = matches!(facts.way(Field::CPU_LIMIT), Way::Stays | Way::Lowered)
        && facts.resources.after.limits.cpu.is_some();
    (stays && facts.throttled? >= THROTTLED).then_some(
        "Its CPU limit throttles {{throttled}} of its periods and stays: measured use under it shows less than the program \
         wants.",
    )
}

fn bursts(facts: &Facts) -> Option<&'static str> {
    let cpu = facts.cpu.as_ref()?;
    let above = cpu.above_request.is_some_and(|above| above >= ABOVE_MIN);
    (above && facts.way(Field::CPU_REQUEST) == Way::Lowered).then_some(
        "{{cpu_above}} of the samples lie above the new request, up to {{cpu_highest}}: on a full node such bursts get \
         slower.",
    )
}

fn restart(facts: &Facts) -> Option<&'static str> {
    match facts.profile {
        Profile::Database | Profile::Stateful if facts.replicas <= 1 => {
            Some("It has a single pod: the rollout is an outage for as long as that takes to start.")
        }
        Profile::Database | Profile::Broker | Profile::Stateful => {
            Some("Its pods restart one by one: leaders move and caches are cold until they have warmed up.")
        }
        Profile::Cache => {
            Some("A restart empties it: what stands behind it takes the whole load until it is warm again.")
        }
        Profile::Serving
        | Profile::Gateway
        | Profile::Worker
        | Profile::Batch
        | Profile::Jvm
        | Profile::NodeAgent
        | Profile::Sidecar => None,
    }
}

fn heap(facts: &Facts) -> Option<&'static str> {
    if facts.profile != Profile::Jvm || !facts.changed().any(|field| field.resource == Resource::Memory) {
        return None;
    }
    Some(match facts.heap {
        Some(heap) if heap.follows_limit => {
            "Its heap follows the memory limit and may take {{heap}} with this change: look at how often its garbage \
             collector runs."
        }
        Some(_) => {
            "Its heap may take {{heap}} whatever the request says, and metaspace, threads and buffers come on top: size \
             both together."
        }
        None => {
            "How large its heap may become is not known: one that follows the memory limit changes with it."
        }
    })
}

fn slow_start(facts: &Facts) -> Option<&'static str> {
    let limit = facts.resources.after.limits.cpu?.0 as f64;
    (facts.startup.cpu_max? > limit && facts.changed().any(|field| field.resource == Resource::Cpu)).then_some(
        "Starting wants up to {{startup_cpu}}, more than its CPU limit: check that its probes wait long enough.",
    )
}

fn pressure(facts: &Facts) -> Option<&'static str> {
    let waits = |share: Option<f64>| share.is_some_and(|share| share >= PRESSURE_MIN);
    if waits(facts.strain.memory_pressure) {
        return Some(
            "Its tasks waited for memory {{memory_pressure}} of the time: it is tighter than its working set shows.",
        );
    }
    waits(facts.strain.cpu_pressure).then_some(
        "Its tasks waited for CPU {{cpu_pressure}} of the time: the nodes were full, or a limit held it back.",
    )
}

/// An autoscaler whose target is a share of a request that moves without it.
fn scaler_reacts(facts: &Facts) -> Option<&'static str> {
    let moves = |target: &ScalerTarget| {
        let field = match target.resource {
            Resource::Cpu => Field::CPU_REQUEST,
            Resource::Memory => Field::MEMORY_REQUEST,
        };
        target.utilization_percent.is_some() && facts.way(field) != Way::Stays
    };
    let reacts = facts.targets.is_empty() && facts.scaler.as_ref()?.targets.iter().any(moves);
    reacts.then_some(
        "Its autoscaler counts in shares of the request that changes: it will add or remove replicas at another load than \
         before.",
    )
}
