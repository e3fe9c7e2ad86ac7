//! The workloads of the demo, and how each of their containers behaves.

use kubeopt_model::{ClusterName, Namespace, ObjectName, WorkloadId, WorkloadKind};

/// The cluster's name.
pub(super) const CLUSTER: &str = "demo";

/// A workload of the demo, with what its manifests do not say.
#[derive(Debug)]
pub(super) struct DemoWorkload {
    pub(super) namespace: &'static str,
    pub(super) kind: WorkloadKind,
    pub(super) name: &'static str,
    pub(super) replicas: u32,
    /// Files that set its resources, the last one wins.
    pub(super) files: &'static [&'static str],
    pub(super) containers: &'static [(&'static str, Shape)],
    pub(super) scaled_on_cpu: bool,
}

const STEADY: Shape = Shape {
    cpu_base: 40.0,
    cpu_day: 190.0,
    memory_base: 610.0,
    memory_day: 370.0,
    oom_days_ago: None,
    weekly_job: false,
};

/// How one container behaves.
#[derive(Debug, Clone, Copy)]
pub(super) struct Shape {
    /// Quiet hours, millicores.
    pub(super) cpu_base: f64,
    /// Added at the busiest hour of a weekday, millicores.
    pub(super) cpu_day: f64,
    /// Working set after start, MiB.
    pub(super) memory_base: f64,
    /// Added at the busiest hour, MiB.
    pub(super) memory_day: f64,
    /// Days before now at which it was killed for memory.
    pub(super) oom_days_ago: Option<i64>,
    /// It runs for an hour a week instead of all the time.
    pub(super) weekly_job: bool,
}

/// All workloads of the demo.
pub(super) const WORKLOADS: &[DemoWorkload] = &[
    DemoWorkload {
        namespace: "payments",
        kind: WorkloadKind::Deployment,
        name: "api",
        replicas: 3,
        files: &["apps/payments/api.yaml"],
        containers: &[
            ("api", STEADY),
            ("envoy", Shape { cpu_base: 60.0, cpu_day: 22.0, memory_base: 31.0, memory_day: 9.0, ..STEADY }),
        ],
        scaled_on_cpu: false,
    },
    DemoWorkload {
        namespace: "payments",
        kind: WorkloadKind::StatefulSet,
        name: "ledger",
        replicas: 1,
        files: &["apps/payments/ledger.yaml"],
        containers: &[(
            "postgres",
            Shape {
                cpu_base: 900.0,
                cpu_day: 800.0,
                memory_base: 3600.0,
                memory_day: 380.0,
                oom_days_ago: Some(3),
                ..STEADY
            },
        )],
        scaled_on_cpu: false,
    },
    DemoWorkload {
        namespace: "payments",
        kind: WorkloadKind::CronJob,
        name: "report",
        replicas: 1,
        files: &["apps/payments/report.yaml"],
        containers: &[("report", Shape { weekly_job: true, ..STEADY })],
        scaled_on_cpu: false,
    },
    DemoWorkload {
        namespace: "payments",
        kind: WorkloadKind::Deployment,
        name: "web",
        replicas: 2,
        files: &["apps/payments/web.yaml"],
        containers: &[(
            "web",
            Shape { cpu_base: 90.0, cpu_day: 80.0, memory_base: 250.0, memory_day: 60.0, ..STEADY },
        )],
        scaled_on_cpu: true,
    },
    DemoWorkload {
        namespace: "storefront",
        kind: WorkloadKind::Deployment,
        name: "cart",
        replicas: 2,
        files: &["apps/storefront/base/cart.yaml", "apps/storefront/overlays/prod/cart-resources.yaml"],
        containers: &[(
            "cart",
            Shape { cpu_base: 50.0, cpu_day: 110.0, memory_base: 290.0, memory_day: 90.0, ..STEADY },
        )],
        scaled_on_cpu: false,
    },
];

/// The id of a demo workload.
pub(super) fn workload_id(workload: &DemoWorkload) -> WorkloadId {
    let literal = "the demo's names are literals that a test reads";
    WorkloadId {
        cluster: ClusterName::new(CLUSTER).expect(literal),
        namespace: Namespace::new(workload.namespace).expect(literal),
        kind: workload.kind,
        name: ObjectName::new(workload.name).expect(literal),
    }
}
