//! Feeds the detectors of a cluster: days that are over once, today with each pass.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use kubeopt_findings::{Detectors, Growth, Scope, Signs, Sizes, killed};
use kubeopt_history::HistoryError;
use kubeopt_model::usage::{ContainerPoints, OomKill};
use kubeopt_model::workload::ContainerRole;
use kubeopt_model::{
    ClusterFacts, ClusterName, ContainerId, ContainerUsage, Finding, Problem, Timestamp, Window,
};

use super::Looked;
use super::kept::Kept;
use crate::edges::Edges;
use crate::panics::caught;
use crate::side_by_side::side_by_side;

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 86_400;

/// Days before today that are fed: what history keeps points of, today among it.
const DAYS: i64 = 13;

/// Signs that are counted by the hour are taken over so many whole hours: one alone may be a burst.
const SIGNS_S: i64 = 2 * HOUR_S;

/// Kills of so many seconds are told.
const KILLS_S: i64 = DAY_S;

/// Shortage is judged by the points of so many hours: after midnight those of the day before are read again for it.
const SHORTAGE_S: i64 = SIGNS_S + HOUR_S;

impl Kept {
    /// Keeps what was fed, and of what failed that it did.
    fn take(&mut self, fed: Vec<Days>) {
        for Days { container, sizes, detectors, .. } in fed {
            match detectors.into_inner().unwrap_or_else(PoisonError::into_inner) {
                Some(detectors) => drop(self.detectors.insert(container, detectors)),
                None => drop(self.failed.insert(container, sizes)),
            }
        }
    }
}

/// What the last hours showed beside points, by container.
#[derive(Default)]
struct Beside {
    signs: HashMap<ContainerId, Signs>,
    kills: HashMap<ContainerId, Vec<OomKill>>,
}

/// A container whose days are fed one after the other.
struct Days {
    container: ContainerId,
    sizes: Sizes,
    /// None once kubeopt stumbled over it.
    detectors: Mutex<Option<Detectors>>,
    points: Option<ContainerPoints>,
}

impl Days {
    fn feed(&self) -> Option<Problem> {
        self.feed_by(&|detectors, points| detectors.feed(points, &Signs::default()))
    }

    /// Once kubeopt stumbled, what the detectors hold may be anything: there are none any more.
    fn feed_by(&self, feed: &dyn Fn(&mut Detectors, &ContainerPoints)) -> Option<Problem> {
        let points = self.points.as_ref()?;
        let mut kept = self.detectors.lock().unwrap_or_else(PoisonError::into_inner);
        let mut detectors = kept.take()?;
        let fed = caught(&|| of(&self.container), move || {
            feed(&mut detectors, points);
            detectors
        });
        fed.map(|detectors| *kept = Some(detectors)).err()
    }
}

/// A container on its way through a pass.
struct Today<'a> {
    container: &'a ContainerId,
    detectors: &'a Detectors,
    points: Option<ContainerPoints>,
    signs: Signs,
    kills: Option<&'a [OomKill]>,
}

impl Today<'_> {
    fn look(&self, midnight_unix_s: i64, now_unix_s: i64) -> (Vec<Finding>, Option<Growth>) {
        let mut detectors = self.detectors.clone();
        if let Some(points) = &self.points {
            detectors.feed_from(midnight_unix_s, points, &self.signs);
        }
        let growth = detectors.growth();
        let mut found = detectors.open(self.container, now_unix_s);
        found.extend(self.kills.and_then(|kills| killed(kills, now_unix_s - KILLS_S)));
        (found, growth)
    }
}

/// What one look finds, and how fast memory grows.
type Look<'a> = &'a (dyn Fn(&Today<'_>) -> (Vec<Finding>, Option<Growth>) + Sync);

/// Looks at each; a fault in one of them costs that container alone.
fn look_at(today: &[Today<'_>], look: Look<'_>) -> Looked {
    let seen = side_by_side(today, &|one| caught(&|| of(one.container), || look(one)));
    let mut looked = Looked::default();
    for (one, seen) in today.iter().zip(seen) {
        match seen {
            Ok((found, growth)) => {
                looked.grows.insert(one.container.clone(), growth);
                looked.found.extend(found);
            }
            Err(fault) => looked.problems.push(fault),
        }
    }
    looked
}

fn of(container: &ContainerId) -> String {
    format!("findings of {container} in {}", container.workload.cluster)
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
        let (kept, problems) = self.up_to_midnight(cluster, &sizes, now).await?;
        let looked = self.look_at_today(cluster, &kept, now).await;
        self.kept_detectors.put(cluster, kept);
        let mut looked = looked?;
        looked.problems.extend(problems);
        looked.found.sort_by_cached_key(Finding::key);
        Ok(looked)
    }

    async fn look_at_today(
        &self,
        cluster: &ClusterName,
        kept: &Kept,
        now: Timestamp,
    ) -> Result<Looked, HistoryError> {
        let (midnight, now_s) = (kept.midnight_unix_s, now.as_second());
        let ids: Vec<ContainerId> = kept.detectors.keys().cloned().collect();
        let mut beside = self.beside(cluster, &ids, now).await?;
        let window = Window { from_unix_s: midnight.min(now_s - SHORTAGE_S), to_unix_s: now_s };
        let mut points = self.points_between(cluster, &ids, window).await?;
        let today: Vec<Today<'_>> = kept
            .detectors
            .iter()
            .map(|(container, detectors)| Today {
                container,
                detectors,
                points: points.remove(container),
                signs: beside.signs.remove(container).unwrap_or_default(),
                kills: beside.kills.get(container).map(Vec::as_slice),
            })
            .collect();
        Ok(look_at(&today, &|one| one.look(midnight, now_s)))
    }

    /// The detectors of all containers, fed with the days that are over, and what kubeopt stumbled over. Those that are known
    /// are fed no more.
    async fn up_to_midnight(
        &self,
        cluster: &ClusterName,
        sizes: &HashMap<ContainerId, Sizes>,
        now: Timestamp,
    ) -> Result<(Kept, Vec<Problem>), HistoryError> {
        let midnight_unix_s = now.as_second().div_euclid(DAY_S) * DAY_S;
        let past = Window { from_unix_s: midnight_unix_s - DAYS * DAY_S, to_unix_s: midnight_unix_s };
        let covered = within(past, self.history.covered(cluster).await?);
        let kept = self.kept_detectors.take(cluster);
        let kept = kept.filter(|kept| (kept.midnight_unix_s, &kept.covered) == (midnight_unix_s, &covered));
        let nothing = || Kept { midnight_unix_s, covered, detectors: HashMap::new(), failed: HashMap::new() };
        let mut kept = kept.unwrap_or_else(nothing);
        kept.detectors.retain(|id, detectors| sizes.get(id) == Some(&detectors.sizes()));
        kept.failed.retain(|id, asked| sizes.get(id) == Some(asked));
        let is_known = |id: &ContainerId| kept.detectors.contains_key(id) || kept.failed.contains_key(id);
        let new = sizes.iter().filter(|(id, _)| !is_known(id)).map(|(id, sizes)| Days {
            container: id.clone(),
            sizes: *sizes,
            detectors: Mutex::new(Some(Detectors::new(*sizes))),
            points: None,
        });
        let mut new: Vec<Days> = new.collect();
        let mut problems = Vec::new();
        if new.is_empty() {
            return Ok((kept, problems));
        }
        let ids: Vec<ContainerId> = new.iter().map(|one| one.container.clone()).collect();
        // A day at a time: the points of two weeks would not fit into memory.
        for day in 0..DAYS {
            let from_unix_s = past.from_unix_s + day * DAY_S;
            let window = Window { from_unix_s, to_unix_s: from_unix_s + DAY_S };
            let mut points = self.points_between(cluster, &ids, window).await?;
            new.iter_mut().for_each(|one| one.points = points.remove(&one.container));
            problems.extend(side_by_side(&new, &Days::feed).into_iter().flatten());
        }
        kept.take(new);
        Ok((kept, problems))
    }

    async fn points_between(
        &self,
        cluster: &ClusterName,
        ids: &[ContainerId],
        window: Window,
    ) -> Result<HashMap<ContainerId, ContainerPoints>, HistoryError> {
        let points = match window.seconds() {
            1.. => self.history.points(cluster, Some(ids), window).await?,
            _ => Vec::new(),
        };
        Ok(points.into_iter().map(|points| (points.container.clone(), points)).collect())
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

#[cfg(test)]
mod tests;
