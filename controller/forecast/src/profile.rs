//! The kind of a workload: serving, batch, database, JVM. Kind and image tell it where they can; where they do not, it is that
//! of the workloads whose usage has the same shape.
//!
//! Shapes are clustered over all workloads at once; a cluster speaks only where those of its members that are known agree.

use std::collections::BTreeMap;

use kubeopt_model::usage::HourSeries;
use kubeopt_outlook::DAY;
use linfa::DatasetBase;
use linfa::traits::{Fit as _, Predict as _};
use linfa_clustering::KMeans;
use ndarray::Array2;
use rand_xoshiro::Xoshiro256Plus;
use rand_xoshiro::rand_core::SeedableRng as _;
use serde::{Deserialize, Serialize};

use crate::seasons::autocorrelation;
use crate::series::{Hours, mean};

/// Hours without which a shape says nothing: three days.
const HOURS_MIN: usize = 3 * DAY;

/// Workloads without which clusters say nothing.
const WORKLOADS_MIN: usize = 12;

/// Clusters: twice as many as kinds, so that one kind may have two shapes.
const CLUSTERS: usize = 6;

/// Known members that a cluster needs, and the part of them that must agree.
const KNOWN_MIN: usize = 3;
const AGREE_MIN: f64 = 0.7;

/// The same workloads give the same clusters.
const SEED: u64 = 7_046_029;

/// Words in names of images of databases, queues and caches.
const DATABASES: [&str; 21] = [
    "postgres",
    "postgis",
    "timescale",
    "mysql",
    "mariadb",
    "percona",
    "mongo",
    "redis",
    "valkey",
    "memcached",
    "cassandra",
    "scylla",
    "elasticsearch",
    "opensearch",
    "clickhouse",
    "etcd",
    "kafka",
    "rabbitmq",
    "nats",
    "zookeeper",
    "cockroach",
];

/// Words in names of images that run on a JVM.
const JVMS: [&str; 9] =
    ["openjdk", "temurin", "corretto", "zulu", "tomcat", "jetty", "wildfly", "spring", "keycloak"];

/// The kinds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum ProfileKind {
    /// Answers requests: late answers hurt.
    Serving,
    /// Runs to an end, or works off what there is: takes what it gets.
    Batch,
    /// Holds state: a restart is dear.
    Database,
    /// Runs on a JVM: memory follows its flags, not its need.
    Jvm,
}

/// What is known of a workload beside its usage.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Hints<'a> {
    /// Its kind runs to completion.
    pub is_batch: bool,
    /// The image of the container, as written.
    pub image: &'a str,
    /// Flags of a JVM were found in its arguments or environment.
    pub has_java_flags: bool,
}

/// The form of a usage, free of its height.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    /// Median of CPU beside its 95th percentile over hours: near 1 for a steady load, near 0 for one that is mostly idle.
    pub steady: f64,
    /// Part of the hours whose 95th percentile is below a tenth of the highest.
    pub idle: f64,
    /// Autocorrelation of CPU after a day.
    pub daily: f64,
    /// Lowest daily maximum of memory beside the highest.
    pub flat_memory: f64,
}

/// The kind, and what told it.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    /// The kind.
    pub kind: ProfileKind,
    /// A sentence.
    pub because: String,
}

impl Shape {
    /// The shape of a usage; none where it is too short, or all zero.
    pub fn of(cpu: &HourSeries, memory: &HourSeries) -> Option<Self> {
        let hours = Hours::of(cpu.iter(), |point| point.p95);
        let mut values: Vec<f64> = hours.values().iter().copied().flatten().collect();
        if values.len() < HOURS_MIN {
            return None;
        }
        values.sort_by(f64::total_cmp);
        let at = |part: f64| values.get(((values.len() - 1) as f64 * part).round() as usize).copied();
        let (median, high, highest) = (at(0.5)?, at(0.95)?, at(1.0)?);
        if high <= f64::EPSILON {
            return None;
        }
        let idle = values.iter().filter(|value| **value < 0.1 * highest).count() as f64 / values.len() as f64;
        let daily = autocorrelation(hours.values(), DAY).unwrap_or(0.0).max(0.0);
        Some(Self { steady: median / high, idle, daily, flat_memory: flatness(memory)? })
    }

    fn features(&self) -> [f64; 4] {
        [self.steady, self.idle, self.daily, self.flat_memory]
    }
}

fn flatness(memory: &HourSeries) -> Option<f64> {
    let mut daily: BTreeMap<i64, f64> = BTreeMap::new();
    for point in memory.iter().filter(|point| point.max.is_finite()) {
        let day = daily.entry(point.at_unix_s.div_euclid(86_400)).or_insert(0.0);
        *day = day.max(point.max);
    }
    let lowest = daily.values().copied().reduce(f64::min)?;
    let highest = daily.values().copied().reduce(f64::max)?;
    Some(if highest <= f64::EPSILON { 1.0 } else { lowest / highest })
}

impl Hints<'_> {
    fn tell(&self) -> Option<Profile> {
        let profile = |kind, because: String| Some(Profile { kind, because });
        // `registry.example:5000/team/postgres:16` by the last part of its name.
        let path = self.image.split('@').next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default().split(':').next().unwrap_or_default();
        let name = name.to_ascii_lowercase();
        let word = |words: &'static [&'static str]| words.iter().find(|word| name.contains(**word));
        if self.is_batch {
            return profile(ProfileKind::Batch, "its kind runs to completion".to_owned());
        }
        if let Some(word) = word(&DATABASES) {
            return profile(ProfileKind::Database, format!("its image is called like {word}"));
        }
        if self.has_java_flags {
            return profile(ProfileKind::Jvm, "flags of a JVM are set".to_owned());
        }
        let word = word(&JVMS)?;
        profile(ProfileKind::Jvm, format!("its image is called like {word}"))
    }
}

/// The profile of each workload, in their order.
pub fn detect_profiles(workloads: &[(Hints<'_>, Option<Shape>)]) -> Vec<Profile> {
    let told: Vec<Option<Profile>> = workloads.iter().map(|(hints, _)| hints.tell()).collect();
    let clusters = clusters(workloads);
    let speaks = |cluster: usize| {
        let members = told.iter().zip(&clusters).filter(|(_, own)| **own == Some(cluster));
        let known: Vec<ProfileKind> = members.filter_map(|(told, _)| Some(told.as_ref()?.kind)).collect();
        let mut counts: BTreeMap<ProfileKind, usize> = BTreeMap::new();
        known.iter().for_each(|kind| *counts.entry(*kind).or_default() += 1);
        let (kind, agree) = counts.into_iter().max_by_key(|(_, count)| *count)?;
        // JVM is a matter of flags, not of shape.
        let is_clear = known.len() >= KNOWN_MIN && agree as f64 >= AGREE_MIN * known.len() as f64;
        (is_clear && kind != ProfileKind::Jvm).then(|| Profile {
            kind,
            because: format!(
                "its usage has the shape of {agree} of {} workloads that are known",
                known.len()
            ),
        })
    };
    let by_cluster: Vec<Option<Profile>> = (0..CLUSTERS).map(speaks).collect();
    told.into_iter()
        .zip(&clusters)
        .map(|(told, cluster)| {
            told.or_else(|| by_cluster.get((*cluster)?)?.clone()).unwrap_or_else(|| Profile {
                kind: ProfileKind::Serving,
                because: "nothing tells otherwise".to_owned(),
            })
        })
        .collect()
}

/// The cluster of each workload that has a shape.
fn clusters(workloads: &[(Hints<'_>, Option<Shape>)]) -> Vec<Option<usize>> {
    let shapes: Vec<[f64; 4]> =
        workloads.iter().filter_map(|(_, shape)| Some(shape.as_ref()?.features())).collect();
    let none = || vec![None; workloads.len()];
    if shapes.len() < WORKLOADS_MIN {
        return none();
    }
    let scaled = scaled(&shapes);
    let Ok(records) = Array2::from_shape_vec((shapes.len(), 4), scaled) else { return none() };
    let dataset = DatasetBase::from(records);
    let rng = Xoshiro256Plus::seed_from_u64(SEED);
    let Ok(model) = KMeans::params_with_rng(CLUSTERS, rng).max_n_iterations(100).n_runs(4).fit(&dataset)
    else {
        return none();
    };
    let mut found = model.predict(&dataset).into_iter();
    workloads.iter().map(|(_, shape)| shape.as_ref().and_then(|_| found.next())).collect()
}

/// Features with mean 0 and deviation 1, row by row.
fn scaled(shapes: &[[f64; 4]]) -> Vec<f64> {
    let column = |at: usize| shapes.iter().map(move |shape| shape[at]);
    let scales: Vec<(f64, f64)> = (0..4)
        .map(|at| {
            let middle = mean(column(at)).unwrap_or_default();
            let variance = mean(column(at).map(|value| (value - middle).powi(2))).unwrap_or_default();
            (middle, variance.sqrt().max(1e-6))
        })
        .collect();
    shapes
        .iter()
        .flat_map(|shape| shape.iter().zip(&scales).map(|(value, (middle, scale))| (value - middle) / scale))
        .collect()
}

#[cfg(test)]
mod tests {
    use kubeopt_model::usage::HourPoint;

    use super::*;

    fn points(hours: usize, at: impl Fn(usize) -> f64) -> HourSeries {
        let point = |hour: usize| {
            let value = at(hour);
            HourPoint { at_unix_s: hour as i64 * 3600, median: value, p95: value, max: value }
        };
        (0..hours).map(point).collect()
    }

    #[test]
    fn kind_and_image_tell_it_first() {
        let told = |hints: Hints<'_>| detect_profiles(&[(hints, None)]).remove(0).kind;
        let image = |image| Hints { image, ..Hints::default() };
        assert_eq!(
            told(Hints { is_batch: true, image: "postgres:16", ..Hints::default() }),
            ProfileKind::Batch
        );
        assert_eq!(
            told(image("registry.example:5000/team/PostgreSQL-ha:16@sha256:0")),
            ProfileKind::Database
        );
        assert_eq!(told(image("redis.example/team/api:1")), ProfileKind::Serving, "a host is no name");
        assert_eq!(told(image("eclipse-temurin:21")), ProfileKind::Jvm);
        assert_eq!(told(Hints { has_java_flags: true, ..image("api:1") }), ProfileKind::Jvm);
        assert_eq!(told(Hints::default()), ProfileKind::Serving);
    }

    #[test]
    fn who_is_unknown_gets_the_kind_of_those_with_the_same_shape() {
        let memory = points(100, |_| 500.0);
        let batch = Shape::of(&points(100, |hour| if hour % 24 == 3 { 900.0 } else { 1.0 }), &memory);
        let steady = Shape::of(&points(100, |hour| 500.0 + (hour % 7) as f64), &memory);
        let growing = points(100, |hour| hour as f64 + 1.0);
        let office = points(100, |hour| if (9..17).contains(&(hour % 24)) { 900.0 } else { 200.0 });
        let serving = Shape::of(&office, &growing);
        let known = |is_batch, image| Hints { is_batch, image, has_java_flags: false };
        let mut workloads = Vec::new();
        for _ in 0..5 {
            workloads.push((known(true, "job"), batch));
            workloads.push((known(false, "postgres"), steady));
            workloads.push((Hints::default(), serving));
        }
        workloads.push((Hints::default(), batch));
        let found = detect_profiles(&workloads);
        let last = found.last().expect("one for each");
        assert_eq!(last.kind, ProfileKind::Batch, "{last:?}");
        assert!(last.because.contains("5 of 5 workloads"), "{last:?}");
        assert_eq!(found[2].kind, ProfileKind::Serving, "nobody of its shape is known: {:?}", found[2]);
        assert_eq!(detect_profiles(&workloads), found, "the same workloads give the same");
    }

    #[test]
    fn few_workloads_and_few_hours_have_no_clusters() {
        assert_eq!(Shape::of(&points(71, |_| 1.0), &points(71, |_| 1.0)), None);
        assert_eq!(Shape::of(&points(100, |_| 0.0), &points(100, |_| 0.0)), None);
        let shape = Shape::of(&points(100, |hour| hour as f64), &points(100, |_| 5.0));
        let batch = Hints { is_batch: true, ..Hints::default() };
        let found =
            detect_profiles(&[(batch, shape), (batch, shape), (batch, shape), (Hints::default(), shape)]);
        assert_eq!(found[3].kind, ProfileKind::Serving);
    }
}
