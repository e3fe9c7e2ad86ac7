//! A detector that panics costs its own container, in the days that are over and today.

use kubeopt_model::{ClusterName, ContainerName, Namespace, ObjectName, Resources, WorkloadId, WorkloadKind};

use super::*;

fn container(name: &str) -> ContainerId {
    let workload = WorkloadId {
        cluster: ClusterName::new("prod").unwrap(),
        namespace: Namespace::new("shop").unwrap(),
        kind: WorkloadKind::Deployment,
        name: ObjectName::new(name).unwrap(),
    };
    ContainerId { workload, container: ContainerName::new("main").unwrap() }
}

fn names() -> [ContainerId; 3] {
    ["api", "broken", "web"].map(container)
}

fn stumble(container: &ContainerId) {
    assert_ne!(container.workload.name.as_str(), "broken", "a point that nobody thought of");
}

fn sizes() -> Sizes {
    Sizes { resources: Resources::default(), scope: Scope::Lasting }
}

fn nothing() -> Kept {
    Kept { midnight_unix_s: 0, covered: vec![], detectors: HashMap::new(), failed: HashMap::new() }
}

fn told(problems: &[Problem]) {
    let [one] = problems else { panic!("{problems:?}") };
    assert_eq!(one.code, "E-RUN-012");
    assert!(one.text.contains("findings of shop/deploy/broken/main in prod"), "{one}");
}

#[test]
fn a_detector_that_panics_over_past_days_costs_its_container_alone_and_is_not_tried_again() {
    let days = names().map(|container| Days {
        points: Some(ContainerPoints {
            container: container.clone(),
            cpu: vec![(0, 1.0)],
            memory: vec![],
            restarts: vec![],
        }),
        container,
        sizes: sizes(),
        detectors: Mutex::new(Some(Detectors::new(sizes()))),
    });
    let feed = |one: &Days| one.feed_by(&|_, points| stumble(&points.container));
    let problems: Vec<Problem> = side_by_side(&days, &feed).into_iter().flatten().collect();
    told(&problems);
    assert_eq!(side_by_side(&days, &feed).into_iter().flatten().count(), 0, "the next day it is left alone");
    let mut kept = nothing();
    kept.take(days.into());
    let mut fed: Vec<String> = kept.detectors.keys().map(ToString::to_string).collect();
    fed.sort();
    assert_eq!(fed, ["shop/deploy/api/main", "shop/deploy/web/main"]);
    assert_eq!(kept.failed.keys().collect::<Vec<_>>(), [&container("broken")]);
}

#[test]
fn a_detector_that_panics_today_is_told_and_the_others_are_looked_at() {
    let (names, detectors) = (names(), Detectors::new(sizes()));
    let today = names.each_ref().map(|container| Today {
        container,
        detectors: &detectors,
        points: None,
        signs: Signs::default(),
        kills: None,
    });
    let looked = look_at(&today, &|one| {
        stumble(one.container);
        one.look(0, 300)
    });
    told(&looked.problems);
    // What nobody looked at is neither over nor known to go on.
    assert_eq!(looked.grows.keys().collect::<Vec<_>>(), [&container("api"), &container("web")]);
}
