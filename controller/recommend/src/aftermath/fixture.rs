//! A watched container, for the tests of what became of a merge.

use kubeopt_model::outcome::{HOUR_S, HourSigns, SeenImage, Watched, WindowSigns};
use kubeopt_model::{
    Change, ClusterName, ContainerId, ContainerName, Namespace, ObjectName, Window, WorkloadId, WorkloadKind,
};

use crate::rules::fixture::resources;

/// Midnight: the end of the window before.
pub(super) const MERGE: i64 = 20_000 * 86_400;

/// The first hour after.
pub(super) const BEGINS: i64 = MERGE + HOUR_S;

/// Everything lowered by half.
pub(super) const HALVED: [[&str; 4]; 2] = [["1", "2", "1Gi", "2Gi"], ["500m", "1", "512Mi", "1Gi"]];
/// The memory limit lowered.
pub(super) const LESS_MEMORY: [[&str; 4]; 2] = [["1", "2", "1Gi", "2Gi"], ["1", "2", "1Gi", "1Gi"]];
/// The CPU limit lowered.
pub(super) const LESS_CPU: [[&str; 4]; 2] = [["1", "2", "1Gi", "2Gi"], ["1", "1", "1Gi", "2Gi"]];

/// Three replicas for 28 days and a watch of 24 hours, all of it told and quiet.
pub(super) fn quiet(change: [[&str; 4]; 2]) -> Watched {
    shaped(change, 28, 24, |_, _| {})
}

/// Hours are counted from the first one after: before, they are negative.
pub(super) fn shaped(
    [before, after]: [[&str; 4]; 2],
    days_before: i64,
    soak_hours: i64,
    mut shape: impl FnMut(i64, &mut HourSigns),
) -> Watched {
    let mut side = |from_unix_s: i64, to_unix_s: i64| {
        let hour = |at_unix_s: i64| {
            let mut hour = HourSigns {
                at_unix_s,
                replica_hours: 3.0,
                oom_kills: Some(0),
                restarts: Some(0),
                throttled: Some(0.02),
                cpu_pressure: Some(0.03),
                objective: None,
                cpu_millicores: Some(300.0),
                requested_cpu_millicores: Some(if at_unix_s < MERGE { 1000.0 } else { 500.0 }),
                requested_memory_bytes: Some(if at_unix_s < MERGE { 2.0 } else { 1.0 } * 1_073_741_824.0),
            };
            shape((at_unix_s - BEGINS).div_euclid(HOUR_S), &mut hour);
            hour
        };
        WindowSigns {
            window: Window { from_unix_s, to_unix_s },
            hours: (from_unix_s..to_unix_s).step_by(HOUR_S as usize).map(hour).collect(),
            images: vec![SeenImage { image: "api:1".to_owned(), first_unix_s: from_unix_s }],
            nodes: Vec::new(),
            partial: None,
        }
    };
    let sides = Change {
        before: side(MERGE - days_before * 86_400, MERGE),
        after: side(BEGINS, BEGINS + soak_hours * HOUR_S),
    };
    Watched {
        container: container(WorkloadKind::Deployment),
        resources: Change { before: resources(before), after: resources(after) },
        synced_unix_s: MERGE + 600,
        soak_s: soak_hours * HOUR_S,
        sides,
        others: Vec::new(),
    }
}

pub(super) fn container(kind: WorkloadKind) -> ContainerId {
    ContainerId {
        workload: WorkloadId {
            cluster: ClusterName::new("test").unwrap(),
            namespace: Namespace::new("shop").unwrap(),
            kind,
            name: ObjectName::new("api").unwrap(),
        },
        container: ContainerName::new("main").unwrap(),
    }
}
