//! Typical workloads, made as the earlier stages hand them over.

use kubeopt_model::java::JavaFlags;
use kubeopt_model::load::{HourSpan, LoadWindows};
use kubeopt_model::quantity::MIB;
use kubeopt_model::recommendation::{Effect, Member, Recommendation, Risk};
use kubeopt_model::usage::{DayUsage, HourPoint, OomKill, ResourceUsage, Startup, Strain};
use kubeopt_model::workload::{Scaler, ScalerTarget};
use kubeopt_model::{
    Amount, Bytes, Change, ClusterName, ContainerId, ContainerName, ContainerRole, ContainerUsage, Coverage,
    EditSite, Field, ForgeName, MilliCores, Namespace, ObjectName, Reason, RepositoryId, Resource, Resources,
    ScaleTarget, TargetChange, Window, WorkloadId, WorkloadKind,
};
use kubeopt_reason::facts::{Forecast, Period, Season, TrackRecord};
use kubeopt_reason::{Circumstances, Facts};
use kubeopt_signal::Sketch;

const DAY: i64 = 86_400;

/// 2026-10-25, a Sunday.
const FROM: i64 = 1_792_886_400;

/// What a case varies.
#[derive(Clone)]
pub(crate) struct Case {
    pub(crate) name: &'static str,
    kind: WorkloadKind,
    id: (&'static str, &'static str),
    replicas: u32,
    before: [&'static str; 4],
    after: [&'static str; 4],
    /// (millicores, samples)
    cpu: Vec<(f64, u64)>,
    cpu_max: f64,
    /// Daily maxima in MiB.
    memory: Vec<f64>,
    days: i64,
    coverage: (u64, u64),
    reasons: Vec<(&'static str, Field)>,
    risk: Risk,
    cures_oom: bool,
    others: usize,
    targets: Vec<TargetChange>,
    edit: fn(&mut ContainerUsage),
    pub(crate) known: Circumstances,
}

impl Case {
    fn new(name: &'static str, kind: WorkloadKind, id: (&'static str, &'static str)) -> Self {
        Self {
            name,
            kind,
            id,
            replicas: 6,
            before: ["1", "", "2Gi", "2Gi"],
            after: ["310m", "", "1184Mi", "2Gi"],
            cpu: vec![(120.0, 6000), (262.0, 2000)],
            cpu_max: 287.0,
            memory: vec![960.0, 982.0, 940.0, 955.0, 970.0, 930.0, 950.0, 944.0],
            days: 28,
            coverage: (48_384, 48_384),
            reasons: vec![("cpu-cost", Field::CPU_REQUEST), ("memory-cost", Field::MEMORY_REQUEST)],
            risk: Risk::Low,
            cures_oom: false,
            others: 0,
            targets: vec![],
            edit: |_| {},
            known: Circumstances::default(),
        }
    }

    pub(crate) fn facts(&self) -> Facts {
        let known = self.known.clone();
        Facts::of(&self.recommendation(), |_| known).unwrap()
    }

    pub(crate) fn recommendation(&self) -> Recommendation {
        let members = (0..=self.others).map(|at| self.member(at)).collect();
        let reason = |(rule, field): &(&str, Field)| Reason {
            rule: (*rule).to_owned(),
            field: *field,
            effect: Effect::Note,
            bound: true,
            text: "as a rule says it".to_owned(),
        };
        Recommendation {
            repository: RepositoryId {
                forge: ForgeName::new("forge").unwrap(),
                owner: "acme".into(),
                name: "gitops".into(),
            },
            members,
            changes: vec![],
            removals: vec![],
            additions: vec![],
            patches: vec![],
            targets: self.targets.clone(),
            reasons: self.reasons.iter().map(reason).collect(),
            left: vec![],
            risk: self.risk,
            cures_oom: self.cures_oom,
        }
    }

    fn member(&self, at: usize) -> Member {
        let name = if at == 0 { self.id.0.to_owned() } else { format!("{}-{at}", self.id.0) };
        let container = ContainerId {
            workload: WorkloadId {
                cluster: ClusterName::new("prod").unwrap(),
                namespace: Namespace::new("payments").unwrap(),
                kind: self.kind,
                name: ObjectName::new(name).unwrap(),
            },
            container: ContainerName::new(self.id.1).unwrap(),
        };
        let mut usage = self.usage(&container);
        (self.edit)(&mut usage);
        Member {
            container,
            replicas: self.replicas,
            resources: Change { before: resources(self.before), after: resources(self.after) },
            usage,
            cost: None,
            timed: vec![],
            terms: vec![],
            confidence: None,
            foretold: None,
        }
    }

    fn usage(&self, container: &ContainerId) -> ContainerUsage {
        let coverage = Coverage { have: self.coverage.0, expected: self.coverage.1 };
        let to = FROM + 28 * DAY;
        let from = to - self.days * DAY;
        let mut cpu = Sketch::default();
        self.cpu.iter().for_each(|(value, count)| cpu.add(*value, *count));
        let mut memory = Sketch::default();
        self.memory.iter().for_each(|mebi| memory.add(mebi * MIB as f64, 100));
        let highest = self.memory.iter().copied().fold(0.0, f64::max);
        let at = self.memory.iter().position(|mebi| *mebi == highest).unwrap_or(0) as i64;
        let daily = |(at, mebi): (usize, &f64)| DayUsage {
            at_unix_s: from + at as i64 * DAY,
            sketch: Sketch::default(),
            max: mebi * MIB as f64,
            coverage: Coverage::default(),
            partial: false,
        };
        ContainerUsage {
            container: container.clone(),
            window: Window { from_unix_s: FROM, to_unix_s: to },
            seen: Window { from_unix_s: from, to_unix_s: to },
            cpu: Some(ResourceUsage {
                sketch: cpu,
                max: self.cpu_max,
                max_at_unix_s: from + 2 * DAY,
                coverage,
                days: vec![],
            }),
            memory: Some(ResourceUsage {
                sketch: memory,
                max: highest * MIB as f64,
                max_at_unix_s: from + at * DAY,
                coverage,
                days: self.memory.iter().enumerate().map(daily).collect(),
            }),
            oom_kills: vec![],
            throttled_ratio: None,
            strain: Strain::default(),
            startup: Startup::default(),
            nodes: None,
            gpus: None,
            pods: u64::from(self.replicas),
            replica_hours: 4000.0,
            pod_peaks: vec![],
            cpu_hours: Default::default(),
            memory_hours: Default::default(),
            partial: None,
        }
    }
}

/// Two weeks, busy from nine to five.
fn office_hours(usage: &mut ContainerUsage) {
    let hour = |hour: i64| {
        let value = if (9..17).contains(&(hour % 24)) { 210.0 } else { 24.0 };
        HourPoint { at_unix_s: FROM + hour * 3600, median: value, p95: value * 1.2, max: value * 1.3 }
    };
    usage.cpu_hours = (0..14 * 24).map(hour).collect();
}

fn killed(usage: &mut ContainerUsage) {
    let kill = |day: i64| OomKill {
        container: usage.container.clone(),
        at_unix_s: FROM + day * DAY,
        limit: Some(Bytes::mebi(8192)),
    };
    usage.oom_kills = vec![kill(20), kill(25)];
}

fn daily(peak: &[(u32, u32)]) -> Circumstances {
    let spans = |spans: &[(u32, u32)]| -> Vec<HourSpan> {
        let each = |day: u32| {
            spans.iter().map(move |(from, hours)| HourSpan { from_hour: day * 24 + from, hours: *hours })
        };
        (0..7).flat_map(each).collect()
    };
    Circumstances {
        seasons: vec![Season { period: Period::Day, explained: 0.8 }],
        windows: Some(LoadWindows { period_hours: 24, explained: 0.8, peak: spans(peak), off_peak: vec![] }),
        ..Circumstances::default()
    }
}

fn scaler(resource: Resource, utilization_percent: Option<u32>) -> Option<Scaler> {
    let targets = vec![ScalerTarget { resource, utilization_percent }];
    Some(Scaler { name: "web".to_owned(), min_replicas: 2, max_replicas: 9, targets })
}

/// A target that moves from one share to another.
fn target(percent: u32, after: u32) -> TargetChange {
    let point = Amount::Cpu(MilliCores(700));
    TargetChange {
        target: ScaleTarget {
            scaler: "web".to_owned(),
            resource: Resource::Cpu,
            percent,
            site: EditSite::live_only(percent.to_string()),
        },
        after,
        scale_point: Change { before: point, after: point },
    }
}

/// Reads four quantities in the order of [`Field::ALL`]; an empty text leaves the field unset.
fn resources(texts: [&str; 4]) -> Resources {
    let mut resources = Resources::default();
    for (field, text) in Field::ALL.into_iter().zip(texts).filter(|(_, text)| !text.is_empty()) {
        resources.set(field.bound, Amount::parse(field.resource, text).unwrap());
    }
    resources
}

/// All cases.
pub(crate) fn all() -> Vec<Case> {
    use WorkloadKind::{CronJob, DaemonSet, Deployment, StatefulSet};
    vec![
        Case {
            edit: office_hours,
            known: Circumstances {
                track_record: Some(TrackRecord { held: 41, windows: 41 }),
                ..daily(&[(9, 8)])
            },
            ..Case::new("api-with-office-hours", Deployment, ("api", "api"))
        },
        Case {
            cpu: vec![(40.0, 9800), (300.0, 150), (900.0, 50)],
            cpu_max: 1450.0,
            after: ["190m", "", "1184Mi", "2Gi"],
            edit: |usage| {
                usage.throttled_ratio = Some(0.34);
            },
            before: ["1", "500m", "2Gi", "2Gi"],
            ..Case::new("api-with-bursts-under-a-limit", Deployment, ("checkout", "app"))
        }
        .with_after(["190m", "500m", "1184Mi", "2Gi"]),
        Case {
            before: ["2", "", "8Gi", "8Gi"],
            after: ["2", "", "8960Mi", "8960Mi"],
            memory: vec![7000.0, 7300.0, 7100.0, 8180.0, 7600.0, 7500.0, 7400.0],
            cpu: vec![(1500.0, 6000)],
            cpu_max: 1900.0,
            replicas: 3,
            reasons: vec![("memory-cost", Field::MEMORY_REQUEST), ("oom-kill", Field::MEMORY_REQUEST)],
            cures_oom: true,
            edit: killed,
            ..Case::new("database-killed-for-memory", StatefulSet, ("ledger", "postgres"))
        },
        Case {
            replicas: 1,
            before: ["500m", "", "4Gi", "4Gi"],
            after: ["290m", "", "2Gi", "2304Mi"],
            memory: vec![1700.0, 1820.0, 1790.0, 1750.0, 1760.0, 1800.0],
            ..Case::new("cache-with-too-much", StatefulSet, ("sessions", "redis"))
        },
        Case {
            known: Circumstances {
                java: Some(JavaFlags { heap_max: Some(Bytes::mebi(1024)), ..JavaFlags::default() }),
                ..Circumstances::default()
            },
            reasons: vec![("cpu-cost", Field::CPU_REQUEST), ("java-heap", Field::MEMORY_REQUEST)],
            after: ["310m", "", "1408Mi", "2Gi"],
            edit: |usage| usage.startup.cpu_max = Some(1900.0),
            ..Case::new("jvm-with-a-fixed-heap", Deployment, ("billing", "app"))
        }
        .with_before(["1", "1", "2Gi", "2Gi"])
        .with_after(["310m", "1", "1408Mi", "2Gi"]),
        Case {
            replicas: 1,
            before: ["2", "", "4Gi", "4Gi"],
            after: ["650m", "", "1536Mi", "4Gi"],
            cpu: vec![(580.0, 900)],
            cpu_max: 640.0,
            memory: vec![1200.0, 1180.0, 1310.0, 1250.0],
            ..Case::new("nightly-job", CronJob, ("report", "report"))
        },
        Case {
            cpu: vec![(30.0, 9000), (45.0, 500)],
            cpu_max: 61.0,
            memory: vec![60.0, 66.0, 71.0, 78.0, 85.0, 92.0, 99.0, 107.0, 118.0],
            before: ["100m", "", "128Mi", "256Mi"],
            after: ["55m", "", "144Mi", "256Mi"],
            ..Case::new("node-agent-that-grows", DaemonSet, ("fluent-bit", "fluent-bit"))
        },
        Case {
            known: Circumstances { scaler: scaler(Resource::Cpu, Some(70)), ..daily(&[(7, 3), (16, 4)]) },
            after: ["1", "", "1184Mi", "2Gi"],
            ..Case::new("web-with-an-autoscaler", Deployment, ("web", "web"))
        },
        Case {
            days: 5,
            coverage: (2_000, 4_000),
            risk: Risk::Medium,
            before: ["", "", "", ""],
            after: ["310m", "", "1184Mi", ""],
            edit: |usage| usage.partial = Some("2 of 5 days could not be read".to_owned()),
            ..Case::new("young-service-without-requests", Deployment, ("signup", "app"))
        },
        Case {
            others: 3,
            known: Circumstances {
                forecast: Some(Forecast {
                    days: 7,
                    peak: MilliCores(1180),
                    band: (MilliCores(980), MilliCores(1240)),
                }),
                ..Circumstances::default()
            },
            before: ["200m", "400m", "1Gi", "1Gi"],
            after: ["1200m", "", "1184Mi", "1408Mi"],
            cpu: vec![(700.0, 5000), (1100.0, 1000)],
            cpu_max: 1150.0,
            edit: |usage| {
                usage.throttled_ratio = Some(0.41);
                usage.strain.cpu_pressure = Some(0.22);
            },
            ..Case::new("worker-that-starves", Deployment, ("mail-worker", "app"))
        },
        Case {
            reasons: vec![
                ("cpu-cost", Field::CPU_REQUEST),
                ("max-decrease", Field::CPU_REQUEST),
                ("floor", Field::MEMORY_REQUEST),
            ],
            before: ["4", "", "256Mi", ""],
            after: ["1", "", "64Mi", ""],
            memory: vec![22.0, 21.0, 24.0],
            cpu: vec![(4.0, 9000), (9.5, 100)],
            cpu_max: 12.5,
            ..Case::new("gateway-that-idles", Deployment, ("ingress-nginx", "controller"))
        },
        Case {
            known: Circumstances { role: ContainerRole::Sidecar, ..Circumstances::default() },
            before: ["100m", "2", "128Mi", "1Gi"],
            after: ["100m", "2", "64Mi", "1Gi"],
            memory: vec![41.0, 40.0, 39.0],
            cpu: vec![(20.0, 9000)],
            cpu_max: 90.0,
            ..Case::new("sidecar", Deployment, ("api", "istio-proxy"))
        },
        Case {
            known: Circumstances {
                scaler: scaler(Resource::Cpu, Some(70)),
                forecast: Some(Forecast {
                    days: 7,
                    peak: MilliCores(291),
                    band: (MilliCores(240), MilliCores(305)),
                }),
                ..daily(&[(9, 8)])
            },
            before: ["1", "", "1Gi", "1Gi"],
            after: ["840m", "", "1Gi", "1Gi"],
            targets: vec![target(70, 84)],
            reasons: vec![("cpu-cost", Field::CPU_REQUEST), ("scaler", Field::CPU_REQUEST)],
            ..Case::new("shop-whose-target-moves", Deployment, ("shop", "web"))
        },
        Case {
            known: Circumstances {
                java: Some(JavaFlags { max_ram_basis_points: Some(7500), ..JavaFlags::default() }),
                ..Circumstances::default()
            },
            reasons: vec![("memory-cost", Field::MEMORY_REQUEST), ("java-heap", Field::MEMORY_REQUEST)],
            before: ["310m", "", "4Gi", "4Gi"],
            after: ["310m", "", "2Gi", "2Gi"],
            memory: vec![1500.0, 1620.0, 1590.0],
            ..Case::new("jvm-whose-heap-follows", Deployment, ("invoices", "app"))
        },
        Case {
            reasons: vec![
                ("cpu-cost", Field::CPU_REQUEST),
                ("vpa", Field::CPU_REQUEST),
                ("quota", Field::MEMORY_REQUEST),
            ],
            before: ["200m", "", "512Mi", "1Gi"],
            after: ["420m", "", "640Mi", "1Gi"],
            memory: vec![700.0, 720.0, 690.0],
            cpu: vec![(380.0, 4000)],
            cpu_max: 400.0,
            edit: |usage| {
                usage.oom_kills =
                    vec![OomKill { container: usage.container.clone(), at_unix_s: FROM, limit: None }]
            },
            ..Case::new("service-beside-a-vpa", Deployment, ("search", "app"))
        },
        Case {
            replicas: 3,
            before: ["1", "", "6Gi", "6Gi"],
            after: ["750m", "", "5Gi", "5376Mi"],
            memory: vec![4700.0, 4800.0, 4750.0, 4790.0],
            cpu: vec![(300.0, 9000), (640.0, 300)],
            cpu_max: 700.0,
            known: Circumstances {
                seasons: vec![Season { period: Period::Week, explained: 0.6 }],
                ..Circumstances::default()
            },
            ..Case::new("broker-with-a-weekly-rhythm", StatefulSet, ("kafka", "broker"))
        },
    ]
}

impl Case {
    fn with_before(mut self, before: [&'static str; 4]) -> Self {
        self.before = before;
        self
    }

    fn with_after(mut self, after: [&'static str; 4]) -> Self {
        self.after = after;
        self
    }
}

/// The case of this name.
pub(crate) fn named(name: &str) -> Case {
    all().into_iter().find(|case| case.name == name).unwrap()
}
