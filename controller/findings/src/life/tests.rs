//! The life of a finding over passes.

use kubeopt_model::finding::{Evidence, Severity};
use kubeopt_model::{ClusterName, ContainerName, Namespace, ObjectName, Resource, WorkloadId, WorkloadKind};

use super::*;

const NOON: i64 = 1_795_262_400;

pub(crate) fn container(name: &str) -> ContainerId {
    let workload = WorkloadId {
        cluster: ClusterName::new("prod").unwrap(),
        namespace: Namespace::new("payments").unwrap(),
        kind: WorkloadKind::Deployment,
        name: ObjectName::new(name).unwrap(),
    };
    ContainerId { workload, container: ContainerName::new("app").unwrap() }
}

fn leak(name: &str, severity: Severity, at: i64, rate: f64) -> Finding {
    Finding {
        container: container(name),
        resource: Resource::Memory,
        severity,
        since_unix_s: NOON,
        last_unix_s: at,
        evidence: Evidence::Leak { bytes_per_hour: rate, grown_bytes: 1e8, hours: 24, eta_s: Some(90_000) },
        limit: None,
        resolved_unix_s: None,
        told: None,
        silenced: None,
    }
}

fn growth(eta_s: i64) -> Growth {
    Growth { bytes_per_hour: 2e6, eta_s: Some(eta_s), limit: None }
}

fn killed(at: i64) -> Finding {
    let evidence = Evidence::OutOfMemory { kills: 1 };
    Finding { evidence, severity: Severity::Critical, ..leak("cache", Severity::Critical, at, 0.0) }
}

struct Case {
    known: Known,
    silent: bool,
    least: Severity,
}

impl Default for Case {
    fn default() -> Self {
        Self { known: Known::Seen { growth: None }, silent: false, least: Severity::Medium }
    }
}

impl Case {
    fn settle(&self, before: &[Finding], found: Vec<Finding>, now: i64) -> Settled {
        let why = Silenced { reason: "migration".into(), until_unix_s: None, by: "kubeopt.yaml:3".into() };
        settle(
            before,
            found,
            &Look {
                now_unix_s: now,
                known: &|_| self.known,
                silenced: &|_| self.silent.then(|| why.clone()),
                is_told: &|finding| finding.severity >= self.least,
            },
        )
    }
}

/// What is stored after a pass.
fn stored(before: &[Finding], settled: &Settled) -> Vec<Finding> {
    let mut rows: BTreeMap<String, Finding> = before.iter().map(|one| (one.key(), one.clone())).collect();
    rows.extend(settled.changed.iter().map(|one| (one.key(), one.clone())));
    rows.into_values().collect()
}

fn turns(settled: &Settled) -> Vec<Turn> {
    settled.news.iter().map(|(turn, _)| *turn).collect()
}

#[test]
fn a_finding_is_told_when_it_opens_when_it_is_worse_and_when_it_is_over() {
    let case = Case::default();
    let mut before = Vec::new();
    let mut told = Vec::new();
    for (hour, severity) in [
        (0, Some(Severity::Medium)),
        (1, Some(Severity::Medium)),
        (2, Some(Severity::High)),
        (3, Some(Severity::Medium)),
        (4, None),
        (5, None),
    ] {
        let now = NOON + hour * 3600;
        let found = severity.map(|severity| leak("cache", severity, now, 3e6)).into_iter().collect();
        let settled = case.settle(&before, found, now);
        told.extend(turns(&settled).into_iter().map(|turn| (hour, turn)));
        before = stored(&before, &settled);
    }
    assert_eq!(told, [(0, Turn::Opened), (2, Turn::Worsened), (4, Turn::Resolved)]);
    assert_eq!(before[0].resolved_unix_s, Some(NOON + 4 * 3600));
    assert_eq!(before[0].severity, Severity::High, "the worst stands");
}

#[test]
fn the_same_look_again_changes_nothing() {
    let case = Case::default();
    let found = vec![leak("cache", Severity::Medium, NOON, 3e6), killed(NOON)];
    let first = case.settle(&[], found.clone(), NOON);
    let again = case.settle(&stored(&[], &first), found, NOON);
    assert_eq!((again.news.len(), again.changed.len(), again.open), (0, 0, first.open));
}

#[test]
fn numbers_are_taken_over_once_a_day_and_where_it_is_worse() {
    let case = Case::default();
    let rate = |settled: &Settled| {
        let Evidence::Leak { bytes_per_hour, .. } = settled.open[0].evidence else { return f64::NAN };
        bytes_per_hour
    };
    let mut before = vec![leak("cache", Severity::Medium, NOON, 3.0e6)];
    for (hour, severity, wanted) in [
        (1, Severity::Medium, 3.0e6),
        (13, Severity::Medium, 13.0e6),
        (14, Severity::Medium, 13.0e6),
        (15, Severity::High, 15.0e6),
        (16, Severity::Medium, 15.0e6),
        (38, Severity::Medium, 38.0e6),
    ] {
        let now = NOON + hour * 3600;
        let settled = case.settle(&before, vec![leak("cache", severity, now, hour as f64 * 1e6)], now);
        assert_eq!(rate(&settled), wanted, "{hour}");
        before = stored(&before, &settled);
    }
}

#[test]
fn nothing_is_over_because_nobody_looked_and_all_is_over_with_its_container() {
    let before = vec![leak("cache", Severity::High, NOON, 3e6)];
    let now = NOON + 7200;
    for (known, open) in [
        (Known::NotLookedAt, 1),
        (Known::Seen { growth: Some(growth(90_000)) }, 1),
        (Known::Seen { growth: None }, 0),
        (Known::Gone, 0),
    ] {
        let case = Case { known, ..Case::default() };
        assert_eq!(case.settle(&before, vec![], now).open.len(), open, "{known:?}");
    }
}

#[test]
fn a_kill_is_over_after_a_day_without_one() {
    let case = Case::default();
    let before = vec![killed(NOON)];
    assert_eq!(case.settle(&before, vec![], NOON + DAY_S - 1).open.len(), 1);
    assert_eq!(case.settle(&before, vec![], NOON + DAY_S).open.len(), 0);
}

#[test]
fn what_is_silenced_is_kept_and_told_when_the_silence_ends() {
    let silent = Case { silent: true, ..Case::default() };
    let found = || vec![leak("cache", Severity::High, NOON, 3e6)];
    let during = silent.settle(&[], found(), NOON);
    assert_eq!((turns(&during).len(), during.open.len()), (0, 1));
    assert_eq!(during.open[0].silenced.as_ref().map(|why| why.reason.as_str()), Some("migration"));
    let after = Case::default().settle(&stored(&[], &during), found(), NOON + 3600);
    assert_eq!(turns(&after), [Turn::Opened]);
    assert_eq!(after.open[0].silenced, None);
    let over = silent.settle(&stored(&[], &during), vec![], NOON + 3600);
    assert_eq!(turns(&over), [], "nobody knew of it");
}

#[test]
fn who_was_told_that_it_began_is_told_that_it_is_over_also_in_a_silence() {
    let found = || vec![leak("cache", Severity::High, NOON, 3e6)];
    let told = stored(&[], &Case::default().settle(&[], found(), NOON));
    let silent = Case { silent: true, ..Case::default() };
    let strict = Case { least: Severity::Critical, ..Case::default() };
    for case in [&silent, &strict, &Case { known: Known::Gone, ..Case::default() }] {
        assert_eq!(turns(&case.settle(&told, vec![], NOON + 3600)), [Turn::Resolved]);
    }
    let during = silent.settle(&told, found(), NOON + 3600);
    assert_eq!(turns(&during), []);
    let after = Case::default().settle(&stored(&told, &during), found(), NOON + 7200);
    assert_eq!(turns(&after), [Turn::Opened], "as new");
    let later = Case::default().settle(&stored(&told, &after), found(), NOON + 10_800);
    assert_eq!(turns(&later), [], "once");
}

#[test]
fn a_leak_that_is_usual_by_now_gets_worse_as_its_end_comes_nearer() {
    let mut before = vec![leak("cache", Severity::Low, NOON, 3e6)];
    before[0].told = Some(Severity::Low);
    let mut told = Vec::new();
    for (day, eta_s) in [(1, 20 * DAY_S), (2, 13 * DAY_S), (3, 12 * DAY_S), (4, 30 * 3600), (5, 3600)] {
        let known = Known::Seen { growth: Some(growth(eta_s)) };
        let case = Case { known, least: Severity::Low, ..Case::default() };
        let settled = case.settle(&before, vec![], NOON + day * DAY_S);
        assert_eq!(settled.open[0].eta_s(), Some(eta_s), "{day}");
        told.extend(turns(&settled).into_iter().map(|turn| (day, turn, settled.open[0].severity)));
        before = stored(&before, &settled);
    }
    let worse = |day, severity| (day, Turn::Worsened, severity);
    assert_eq!(told, [worse(2, Severity::Medium), worse(4, Severity::High), worse(5, Severity::Critical)]);
}

#[test]
fn what_is_below_the_least_severity_is_kept_and_not_told() {
    let case = Case { least: Severity::Critical, ..Case::default() };
    let settled = case.settle(&[], vec![leak("cache", Severity::High, NOON, 3e6)], NOON);
    assert_eq!((turns(&settled).len(), settled.open.len(), settled.changed.len()), (0, 1, 1));
}
