//! What it costs to say how sure a value is: the rule asked again for each past day of a container, beside asking it once.

use std::time::Instant;

use kubeopt_model::{ContainerUsage, EffectivePolicy, Resource, Resources, Window};
use kubeopt_recommend::{EarlierDays, Evidence, fleet_of, past_days, size};
use kubeopt_runtime::edges::Edges;
use kubeopt_tests::OrFail;
use serde_json::{Value, json};

use super::{history, world};

/// Containers that are asked about; more change no mean.
const CONTAINERS: usize = 200;

/// Microseconds for a container on one core: its value, and its past days; and how many days were judged.
pub(super) async fn microseconds(edges: &Edges, containers: usize) -> Value {
    let mut all = Vec::new();
    for at in 0..containers.min(CONTAINERS) {
        all.extend(evidence(edges, at).await);
    }
    let policy = EffectivePolicy::default();
    let begun = Instant::now();
    let reasons: usize = all.iter().map(|evidence| size(evidence, &policy).reasons.len()).sum();
    let once = begun.elapsed();
    let begun = Instant::now();
    let days = |evidence: &Evidence| {
        past_days(evidence, &policy, &|_| evidence.fleet).count(Resource::Cpu).days as usize
    };
    let days: usize = all.iter().map(days).sum();
    let again = begun.elapsed();
    assert!(reasons > 0, "a value has reasons");
    let each = all.len().max(1);
    json!({ "days": days / each, "sizing": once.as_micros() as usize / each, "pastDays": again.as_micros() as usize / each })
}

/// What a pass knows of a container; none of one that was never seen.
async fn evidence(edges: &Edges, at: usize) -> Option<Evidence> {
    let id = world::container(at);
    let policy = EffectivePolicy::default();
    let [now, _] = history::ends();
    let begins = now.as_second() - policy.sizing.history_seconds;
    let usage = stored(edges, at, Window { from_unix_s: begins, to_unix_s: now.as_second() }).await?;
    let mut earlier = EarlierDays::default();
    let before = Window { from_unix_s: begins - 62 * 86_400, to_unix_s: begins };
    if let Some(before) = stored(edges, at, before).await {
        earlier.add(before, begins);
    }
    let workload = world::workload(id.workload);
    let container = workload.containers.iter().find(|it| it.name == id.container)?.clone();
    Some(Evidence {
        workload,
        container,
        filled_in: Resources::default(),
        fleet: fleet_of([(&usage, 1)]),
        usage: Some(usage),
        earlier: Some(earlier),
        points: None,
        gpu: None,
        foretold: None,
        leak: None,
        scale_targets: Vec::new(),
        given: Vec::new(),
        lessons: Vec::new(),
        frozen: None,
    })
}

async fn stored(edges: &Edges, at: usize, window: Window) -> Option<ContainerUsage> {
    let found = edges.history.usage(&world::cluster(), window, Some(&[world::container(at)])).await;
    found.or_fail("read a history").into_iter().next()
}
