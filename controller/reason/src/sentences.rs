//! From facts to sentences: what a good operator would say of a change. Which sentence is said depends on the facts alone;
//! every number is a figure by name.

use kubeopt_model::{Bound, Change, Field, Resource};

use crate::facts::{Decider, Facts, Period, Profile, Way};
use crate::figures::{change_name, memory_room};

/// Shares of throttled periods from which a limit is said to hold a container back; the guideline of sizing too.
pub(crate) const THROTTLED: f64 = 0.10;

/// The highest sample is this many times the high quantile: bursts.
pub(crate) const BURSTS: f64 = 2.0;

/// The high quantile is below this part of the old request: most of it was never used.
const IDLE: f64 = 0.25;

/// A sentence, and how dear it is to leave it out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sentence {
    /// With its figures by name, full stop included.
    pub(crate) text: String,
    /// What stays of it where there is no room; empty for what may go altogether.
    pub(crate) short: String,
    /// The highest goes first.
    pub(crate) rank: u8,
}

/// The sentences of a change, in their order.
pub(crate) fn sentences(facts: &Facts) -> Vec<Sentence> {
    let mut said = vec![character(facts)];
    for field in [Field::CPU_REQUEST, Field::MEMORY_REQUEST, Field::MEMORY_LIMIT, Field::CPU_LIMIT] {
        said.extend(change(facts, field));
    }
    said.extend(scaling(facts));
    said.extend(outlook(facts));
    said.push(watch(facts));
    said
}

fn optional(text: impl Into<String>, rank: u8) -> Sentence {
    Sentence { text: text.into(), short: String::new(), rank }
}

/// What it is, and how its load comes.
fn character(facts: &Facts) -> Sentence {
    let what = match facts.profile {
        Profile::Serving => "A service that answers requests",
        Profile::Gateway => "A gateway that others stand behind",
        Profile::Worker => "A worker that takes from a queue",
        Profile::Batch => "A job that runs to its end",
        Profile::Database => "A database",
        Profile::Cache => "A cache",
        Profile::Broker => "A message broker",
        Profile::Jvm => "A service on a JVM",
        Profile::NodeAgent => "An agent on every node",
        Profile::Sidecar => "A sidecar",
        Profile::Stateful => "A program that keeps state",
    };
    optional(format!("{what}, {}.", load(facts)), 5)
}

fn load(facts: &Facts) -> String {
    let rhythm = match &facts.rhythm {
        Some(rhythm) if !rhythm.peak_hours.is_empty() => match rhythm.period {
            Period::Day => Some("busy {{peak_hours}} each day"),
            Period::Week => Some("busy {{peak_hours}}"),
        },
        Some(rhythm) => match rhythm.period {
            Period::Day => Some("with a rhythm that comes again each day"),
            Period::Week => Some("with a rhythm that comes again each week"),
        },
        None => None,
    };
    let Some(cpu) = &facts.cpu else { return rhythm.unwrap_or("with no CPU samples").to_owned() };
    let bursts = cpu.highest >= BURSTS * cpu.high && cpu.highest >= cpu.high + 50.0;
    match (rhythm, bursts) {
        (Some(rhythm), true) => format!("{rhythm} and with short bursts up to {{{{cpu_highest}}}}"),
        (Some(rhythm), false) => rhythm.to_owned(),
        (None, true) => "mostly calm, with short bursts up to {{cpu_highest}}".to_owned(),
        (None, false) if cpu.median > 0.0 && cpu.high <= 1.5 * cpu.median => "with an even load".to_owned(),
        (None, false) => "with a load that no rhythm explains".to_owned(),
    }
}

/// What becomes of one value, and why.
fn change(facts: &Facts, field: Field) -> Option<Sentence> {
    let way = facts.way(field);
    if way == Way::Stays {
        return None;
    }
    let subject = match field {
        Field::CPU_REQUEST => "The CPU request",
        Field::MEMORY_REQUEST => "The memory request",
        Field::CPU_LIMIT => "The CPU limit",
        Field::MEMORY_LIMIT => "The memory limit",
    };
    let short = format!("{subject} goes from {{{{{}}}}}.", change_name(field));
    let why = match (field.bound, field.resource) {
        (Bound::Request, Resource::Cpu) => cpu_request(facts, way),
        (Bound::Request, Resource::Memory) => memory_request(facts, way),
        (Bound::Limit, Resource::Memory) => memory_limit(facts, way),
        (Bound::Limit, Resource::Cpu) => cpu_limit(facts, way),
    };
    let text = match why {
        Some(why) => format!("{subject} goes from {{{{{}}}}}: {why}.", change_name(field)),
        None => short.clone(),
    };
    // Of a limit the number says most; of a request the reason.
    let rank = match field.bound {
        Bound::Request => 1,
        Bound::Limit => 2,
    };
    Some(Sentence { text, short, rank })
}

fn cpu_request(facts: &Facts, way: Way) -> Option<String> {
    let cpu = facts.cpu.as_ref()?;
    let base = "{{cpu_quantile}} of the samples of {{days}} days stay within {{cpu_high}}";
    let bound = facts.decider(Field::CPU_REQUEST);
    let before = facts.resources.before.requests.cpu.map_or(0.0, |request| request.0 as f64);
    Some(match (bound, way) {
        (Some(Decider::StepSize), Way::Lowered) => {
            format!("{base}; less would do, but the policy allows no larger step at once")
        }
        (Some(Decider::StepSize), _) => {
            format!("{base}; more is needed, but the policy allows no larger step at once")
        }
        (Some(Decider::Floor), _) => format!("{base}, and the floor of the policy is what decides"),
        (Some(Decider::Ceiling), _) => format!("{base}, but the policy's ceiling or a limit stops it there"),
        (Some(Decider::ScalePoint), _) => {
            format!("{base}; with less, its autoscaler's target would have to be too near to all of it")
        }
        (Some(Decider::Vpa), _) => {
            "this is what its VerticalPodAutoscaler sets already, so Git says what runs".to_owned()
        }
        (Some(Decider::Throttling), _) => {
            "its limit throttled {{throttled}} of its periods, so that use under it shows too little"
                .to_owned()
        }
        (Some(Decider::Namespace), _) => {
            format!("{base}; a quota, a range or the size of the nodes bounds it")
        }
        (_, Way::Created) => format!("{base}, and without a request the scheduler counted nothing for it"),
        (_, Way::Raised) if cpu.high > before => {
            format!("{base}, more than it asked for, so that it lived on what its neighbours left idle")
        }
        (_, Way::Raised) => {
            format!("{base}, too near to what it asked for; the highest was {{{{cpu_highest}}}}")
        }
        (_, Way::Lowered) if cpu.high < IDLE * before && cpu.highest <= before => {
            format!(
                "{base}, and most of what it asked for was never used; the highest was {{{{cpu_highest}}}}"
            )
        }
        (_, Way::Lowered | Way::Removed | Way::Stays) => {
            format!("{base}; the highest was {{{{cpu_highest}}}}")
        }
    })
}

fn memory_request(facts: &Facts, way: Way) -> Option<String> {
    let memory = facts.memory.as_ref()?;
    let request = facts.resources.map(|side| side.requests.memory.map_or(0.0, |request| request.0 as f64));
    let Change { before, after } = request;
    let base = "the highest of {{days}} days was {{memory_highest}} on {{memory_highest_day}}";
    let bound = facts.decider(Field::MEMORY_REQUEST);
    Some(match (bound, way) {
        (Some(Decider::OomKill), _) => killed(facts),
        (Some(Decider::JavaHeap), _) if facts.heap.is_some() => {
            "the heap may grow to {{heap}}, and a JVM needs room beside it".to_owned()
        }
        (Some(Decider::JavaHeap), _) => format!("{base}, and a JVM needs room beside its heap"),
        (Some(Decider::StepSize), Way::Lowered) => {
            format!("{base}; less would do, but the policy allows no larger step at once")
        }
        (Some(Decider::StepSize), _) => {
            format!("{base}; more is needed, but the policy allows no larger step at once")
        }
        (Some(Decider::Floor), _) => format!("{base}, and the floor of the policy is what decides"),
        (Some(Decider::Ceiling), _) => format!("{base}, but the policy's ceiling or a limit stops it there"),
        (Some(Decider::Vpa), _) => {
            "this is what its VerticalPodAutoscaler sets already, so Git says what runs".to_owned()
        }
        (Some(Decider::ScalePoint), _) => {
            format!("{base}; with less, its autoscaler's target would have to be too near to all of it")
        }
        (Some(Decider::Namespace), _) => {
            format!("{base}; a quota, a range or the size of the nodes bounds it")
        }
        (_, Way::Created) => {
            format!("{base}, and without a request its pods are the first to go when a node runs short")
        }
        (_, Way::Raised) if facts.cures_oom => killed(facts),
        (_, Way::Raised) if memory.highest > before => {
            format!("{base}, more than it asked for: its pods go early when a node runs short")
        }
        (_, Way::Raised) => {
            format!(
                "{base}, too near to what it asked for: beyond it, its pods go early when a node runs short"
            )
        }
        (_, Way::Lowered) if facts.profile == Profile::Batch => {
            "the hungriest run took {{memory_highest}}, on {{memory_highest_day}}".to_owned()
        }
        (_, Way::Lowered) if memory.highest <= after => format!("{base}, and the request stays above it"),
        (_, Way::Lowered | Way::Removed | Way::Stays) => base.to_owned(),
    })
}

/// What an OOM kill proved.
fn killed(facts: &Facts) -> String {
    match facts.oom {
        Some(oom) if oom.limit.is_some() => {
            "it was killed for memory {{oom_kills}}, last on {{oom_last_day}} at a limit of {{oom_limit}}, so \
             what it needed lies above that"
                .to_owned()
        }
        Some(_) => "it was killed for memory {{oom_kills}}, last on {{oom_last_day}}".to_owned(),
        None => "it was killed for memory before".to_owned(),
    }
}

fn memory_limit(facts: &Facts, way: Way) -> Option<String> {
    match way {
        Way::Removed => Some("the policy wants none".to_owned()),
        Way::Raised if facts.cures_oom && memory_room(facts).is_some() => {
            Some("{{memory_room}} above the highest use that was seen".to_owned())
        }
        Way::Raised | Way::Lowered | Way::Created if memory_room(facts).is_some() => {
            Some("it follows the request and keeps {{memory_room}} above the highest use".to_owned())
        }
        Way::Raised | Way::Lowered | Way::Created | Way::Stays => None,
    }
}

fn cpu_limit(facts: &Facts, way: Way) -> Option<String> {
    let throttled = facts.throttled.is_some_and(|ratio| ratio >= THROTTLED);
    match (way, facts.decider(Field::CPU_LIMIT)) {
        (Way::Removed, _) if throttled => {
            Some("it held the container back in {{throttled}} of its periods, and requests share CPU fairly without it".to_owned())
        }
        (Way::Removed, _) => Some("requests share CPU fairly without it".to_owned()),
        (Way::Raised, Some(Decider::Throttling)) => {
            Some("it held the container back in {{throttled}} of its periods".to_owned())
        }
        (Way::Raised | Way::Lowered, Some(Decider::StartUp)) if facts.startup.cpu_max.is_some() => {
            Some("starting takes up to {{startup_cpu}}".to_owned())
        }
        (Way::Raised | Way::Lowered | Way::Created | Way::Stays, _) => None,
    }
}

/// What an autoscaler has to do with it.
fn scaling(facts: &Facts) -> Option<Sentence> {
    if !facts.targets.is_empty() {
        let text = "Its autoscaler's target goes from {{target_change}} with it, so that replicas are added at the same load.";
        return Some(optional(text, 2));
    }
    if facts.scaler.is_some() {
        return Some(optional("Its autoscaler keeps {{hpa_range}} replicas and is left as it is.", 4));
    }
    let text = "An autoscaler on CPU at {{hpa_target}} would run {{hpa_low}} replicas in quiet hours and {{hpa_high}} in busy \
                ones instead of a fixed {{replicas}}.";
    facts.hpa_advice.map(|_| optional(text, 3))
}

/// What is expected, and how good the rule was.
fn outlook(facts: &Facts) -> Vec<Sentence> {
    let mut said = Vec::new();
    if facts.forecast.is_some() {
        let text = "For the next {{forecast_days}} days a CPU peak of {{forecast_peak}} is expected ({{forecast_band}}).";
        said.push(optional(text, 5));
    }
    if facts.track_record.is_some() {
        said.push(optional("The same rule held in {{track_record}} past windows of this workload.", 6));
    }
    said
}

/// What to look at after the merge.
fn watch(facts: &Facts) -> Sentence {
    let busy = if facts.rhythm.is_some() { "in the next busy hours" } else { "in the days after the merge" };
    let touches = |resource| facts.changed().any(|field| field.resource == resource);
    let text = match facts.profile {
        Profile::Serving | Profile::Gateway => {
            let what = match (touches(Resource::Cpu), touches(Resource::Memory)) {
                (true, true) => "latency and restarts",
                (true, false) => "latency",
                (false, _) => "restarts",
            };
            format!("Watch {what} {busy}.")
        }
        Profile::Worker => format!("Watch the length of its queue {busy}."),
        Profile::Batch => "Watch how long the next runs take.".to_owned(),
        Profile::Database | Profile::Stateful => {
            format!("Merge it in a quiet hour, since its pods restart, and watch slow queries {busy}.")
        }
        Profile::Cache => format!("Watch evictions and the hit rate {busy}; a restart empties it."),
        Profile::Broker => format!("Watch consumer lag while its pods restart, and {busy}."),
        Profile::Jvm => format!("Watch pauses of its garbage collector {busy}."),
        Profile::NodeAgent => "Watch its pods on the fullest nodes.".to_owned(),
        Profile::Sidecar => format!("Watch the latency that it adds {busy}."),
    };
    optional(text, 4)
}
