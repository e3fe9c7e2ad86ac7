//! Feeds the detectors of a cluster: days that are over once, today with each pass.

use std::collections::HashMap;

use kubeopt_findings::{Detectors, Scope, Signs, Sizes, killed};
use kubeopt_history::HistoryError;
use kubeopt_model::usage::{ContainerPoints, OomKill};
use kubeopt_model::workload::ContainerRole;
use kubeopt_model::{ClusterFacts, ClusterName, ContainerId, ContainerUsage, Timestamp, Window};

use super::Looked;
use crate::edges::Edges;
use crate::side_by_side::side_by_side;

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 86_400;

/// Days before today that are fed: what history keeps points of, today among it.
const DAYS: i64 = 13;

/// Signs that are counted by the hour are taken over so many whole hours: one alone may be a burst.
const SIGNS_S: i64 = 2 * HOUR_S;

/// Kills of so many seconds are told.
const KILLS_S: i64 = DAY_S;

/// The detectors of one cluster, fed up to a midnight.
#[derive(Debug)]
pub(crate) struct Kept {
    midnight_unix_s: i64,
    /// The hours that were fed: where others are there now, such as those that were read again, all is fed anew.
    covered: Vec<Window>,
    detectors: HashMap<ContainerId, Detectors>,
}

/// What the last hours showed beside points, by container.
#[derive(Default)]
struct Beside {
    signs: HashMap<ContainerId, Signs>,
    kills: HashMap<ContainerId, Vec<OomKill>>,
}

/// A container on its way through its detectors.
struct Fed {
    container: ContainerId,
    detectors: Detectors,
    points: Option<ContainerPoints>,
    signs: Signs,
}

impl Fed {
    fn fed(&self) -> (ContainerId, Detectors) {
        let mut detectors = self.detectors.clone();
        if let Some(points) = &self.points {
            detectors.feed(points, &self.signs);
        }
        (self.container.clone(), detectors)
    }
}

impl Edges {
    /// Looks at every container of a cluster.
    pub(super) async fn look_into(
        &self,
        facts: &ClusterFacts,
        now: Timestamp,
    ) -> Result<Looked, HistoryError> {
        let cluster = &facts.cluster;
        let sizes = sizes(facts);
        let kept = self.up_to_midnight(cluster, &sizes, now).await?;
        let midnight = kept.midnight_unix_s;
        let ids: Vec<ContainerId> = sizes.keys().cloned().collect();
        let beside = self.beside(cluster, &ids, now).await?;
        let today = Window { from_unix_s: midnight, to_unix_s: now.as_second() };
        let fed = self.feed(cluster, today, kept.detectors.iter(), &beside.signs).await;
        self.kept_detectors.put(cluster, kept);
        let mut looked = Looked::default();
        for (container, detectors) in fed? {
            looked.still_grows.insert(container.clone(), detectors.still_grows());
            looked.found.extend(detectors.open(&container, now.as_second()));
            let kills = beside.kills.get(&container);
            looked.found.extend(kills.and_then(|kills| killed(kills, now.as_second() - KILLS_S)));
        }
        looked.found.sort_by_cached_key(kubeopt_model::Finding::key);
        Ok(looked)
    }

    /// The detectors of all containers, fed with the days that are over. Those that are known are fed no more.
    async fn up_to_midnight(
        &self,
        cluster: &ClusterName,
        sizes: &HashMap<ContainerId, Sizes>,
        now: Timestamp,
    ) -> Result<Kept, HistoryError> {
        let midnight_unix_s = now.as_second().div_euclid(DAY_S) * DAY_S;
        let past = Window { from_unix_s: midnight_unix_s - DAYS * DAY_S, to_unix_s: midnight_unix_s };
        let covered = within(past, self.history.covered(cluster).await?);
        let kept = self.kept_detectors.take(cluster);
        let kept = kept.filter(|kept| (kept.midnight_unix_s, &kept.covered) == (midnight_unix_s, &covered));
        let mut kept = kept.unwrap_or(Kept { midnight_unix_s, covered, detectors: HashMap::new() });
        kept.detectors.retain(|id, detectors| sizes.get(id) == Some(&detectors.sizes()));
        let new = sizes.iter().filter(|(id, _)| !kept.detectors.contains_key(*id));
        let mut new: HashMap<ContainerId, Detectors> =
            new.map(|(id, sizes)| (id.clone(), Detectors::new(*sizes))).collect();
        if new.is_empty() {
            return Ok(kept);
        }
        // A day at a time: the points of two weeks would not fit into memory.
        for day in 0..DAYS {
            let from_unix_s = past.from_unix_s + day * DAY_S;
            let window = Window { from_unix_s, to_unix_s: from_unix_s + DAY_S };
            new = self.feed(cluster, window, new.iter(), &HashMap::new()).await?.into_iter().collect();
        }
        kept.detectors.extend(new);
        Ok(kept)
    }

    /// Copies of the detectors, fed with the points of a window.
    async fn feed<'a>(
        &self,
        cluster: &ClusterName,
        window: Window,
        detectors: impl Iterator<Item = (&'a ContainerId, &'a Detectors)>,
        signs: &HashMap<ContainerId, Signs>,
    ) -> Result<Vec<(ContainerId, Detectors)>, HistoryError> {
        let detectors: Vec<_> = detectors.collect();
        let ids: Vec<ContainerId> = detectors.iter().map(|(id, _)| (*id).clone()).collect();
        let points = if window.seconds() > 0 {
            self.history.points(cluster, Some(&ids), window).await?
        } else {
            Vec::new()
        };
        let mut points: HashMap<ContainerId, ContainerPoints> =
            points.into_iter().map(|points| (points.container.clone(), points)).collect();
        let fed: Vec<Fed> = detectors
            .into_iter()
            .map(|(id, detectors)| Fed {
                container: id.clone(),
                detectors: detectors.clone(),
                points: points.remove(id),
                signs: signs.get(id).copied().unwrap_or_default(),
            })
            .collect();
        Ok(side_by_side(&fed, &Fed::fed))
    }

    /// Signs of the last whole hours, and kills since yesterday.
    async fn beside(
        &self,
        cluster: &ClusterName,
        ids: &[ContainerId],
        now: Timestamp,
    ) -> Result<Beside, HistoryError> {
        let hour = now.as_second().div_euclid(HOUR_S) * HOUR_S;
        let last = Window { from_unix_s: hour - SIGNS_S, to_unix_s: hour };
        let mut beside = Beside::default();
        for usage in self.history.usage(cluster, last, Some(ids)).await? {
            beside.signs.insert(usage.container.clone(), signs(&usage, last));
        }
        // Whole days are read from their digests.
        let yesterday = (now.as_second() - KILLS_S).div_euclid(DAY_S) * DAY_S;
        let since = Window { from_unix_s: yesterday, to_unix_s: hour + HOUR_S };
        for usage in self.history.usage(cluster, since, Some(ids)).await? {
            if !usage.oom_kills.is_empty() {
                beside.kills.insert(usage.container, usage.oom_kills);
            }
        }
        Ok(beside)
    }
}

fn signs(usage: &ContainerUsage, last: Window) -> Signs {
    Signs {
        throttled_ratio: usage.throttled_ratio,
        cpu_pressure: usage.strain.cpu_pressure,
        memory_pressure: usage.strain.memory_pressure,
        from_unix_s: last.from_unix_s,
    }
}

/// What every container asks for; those that only start a pod are left out.
fn sizes(facts: &ClusterFacts) -> HashMap<ContainerId, Sizes> {
    let workloads = facts.workloads.iter().filter(|workload| workload.owner.is_none());
    let containers = workloads.flat_map(|workload| {
        let lasting = workload.containers.iter().filter(|one| one.role != ContainerRole::Init);
        lasting.map(move |container| (workload, container))
    });
    containers
        .map(|(workload, container)| {
            let id = ContainerId { workload: workload.id.clone(), container: container.name.clone() };
            (id, Sizes { resources: container.resources, scope: Scope::of(workload.id.kind) })
        })
        .collect()
}

/// The parts of windows that lie within another one.
fn within(outer: Window, windows: Vec<Window>) -> Vec<Window> {
    let cut = windows.into_iter().map(|window| Window {
        from_unix_s: window.from_unix_s.max(outer.from_unix_s),
        to_unix_s: window.to_unix_s.min(outer.to_unix_s),
    });
    cut.filter(|window| window.from_unix_s < window.to_unix_s).collect()
}
