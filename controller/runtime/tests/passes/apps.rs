//! The workloads that tests deploy: their manifests, what the cluster shows of them, and what they use.

use std::collections::BTreeMap;

use kubeopt_model::cluster::Pod;
use kubeopt_model::quantity::MIB;
use kubeopt_model::source::RendererKind;
use kubeopt_model::usage::{Signal, UsageSeries};
use kubeopt_model::{
    Amount, Bound, ClusterName, Container, ContainerId, ContainerName, ContainerRole, Field, ForgeName,
    Namespace, ObjectName, RepoPath, RepositoryId, Resources, SourceMapping, Workload, WorkloadId,
    WorkloadKind,
};
use kubeopt_observe::{RecordedMetrics, STEP_S};

/// When the first pass of each test runs: a whole hour of the past, since Prometheus' answers may not be of the future.
pub(crate) const NOW_S: i64 = 486_111 * 3600;

/// Seconds of a day.
pub(crate) const DAY_S: i64 = 86_400;

/// Usage that there is before [`NOW_S`]: a day more than a policy asks for by default.
pub(crate) const HISTORY_S: i64 = 8 * DAY_S;

/// What a manifest asks for at first; far more than is used.
pub(crate) const ASKED: (&str, &str) = ("400m", "512Mi");

/// One Deployment with one container, in a file of its own.
#[derive(Debug, Clone, Copy)]
pub(crate) struct App {
    pub(crate) cluster: &'static str,
    pub(crate) namespace: &'static str,
    pub(crate) name: &'static str,
    pub(crate) repository: &'static str,
    pub(crate) folder: &'static str,
    pub(crate) renderer: RendererKind,
}

/// The workload that most tests break.
pub(crate) const API: App = App {
    cluster: "prod",
    namespace: "payments",
    name: "api",
    repository: "shop",
    folder: "apps/api",
    renderer: RendererKind::Plain,
};

/// The other one, which goes on.
pub(crate) const WEB: App = App { namespace: "storefront", name: "web", folder: "apps/web", ..API };

/// The other one, in another repository.
pub(crate) const SITE: App =
    App { namespace: "site", name: "site", repository: "site", folder: "site", ..API };

impl App {
    /// Its file.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}.yaml", self.folder, self.name)
    }

    /// Its manifest with these requests.
    pub(crate) fn manifest(&self, (cpu, memory): (&str, &str)) -> String {
        let Self { namespace, name, .. } = self;
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: {name}\n  namespace: {namespace}\nspec:\n  selector:\n    matchLabels: {{app: {name}}}\n  template:\n    metadata:\n      labels: {{app: {name}}}\n    spec:\n      containers:\n      - name: main\n        image: example/{name}:1\n        resources:\n          requests:\n            cpu: {cpu}   # by hand\n            memory: {memory}\n"
        )
    }

    pub(crate) fn repository_id(&self) -> RepositoryId {
        repository_id(self.repository)
    }

    pub(crate) fn id(&self) -> WorkloadId {
        WorkloadId {
            cluster: ClusterName::new(self.cluster).unwrap(),
            namespace: Namespace::new(self.namespace).unwrap(),
            kind: WorkloadKind::Deployment,
            name: ObjectName::new(self.name).unwrap(),
        }
    }

    pub(crate) fn container(&self) -> ContainerId {
        ContainerId { workload: self.id(), container: ContainerName::new("main").unwrap() }
    }

    /// What the cluster shows of it.
    pub(crate) fn workload(&self, asked: (&str, &str)) -> Workload {
        let container = Container {
            name: self.container().container,
            role: ContainerRole::Main,
            image: String::new(),
            java: None,
            gpus: 0,
            resources: requests(asked),
        };
        Workload {
            id: self.id(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
            replicas: 1,
            containers: vec![container],
            scaler: None,
            applied_by: None,
            owner: None,
            vpa: None,
        }
    }

    pub(crate) fn pod_name(&self) -> String {
        format!("{}-5d8c7b9f6d-x7k2p", self.name)
    }

    pub(crate) fn pod(&self) -> Pod {
        Pod {
            namespace: self.id().namespace,
            name: self.pod_name(),
            workload: Some(self.id()),
            node: None,
            ready: true,
            started_unix_s: None,
            oom_kills: vec![],
            running: vec![],
            cgroups: kubeopt_model::cluster::PodCgroups::default(),
        }
    }

    /// The operator's word on where it comes from.
    pub(crate) fn mapping(&self) -> SourceMapping {
        SourceMapping {
            cluster: self.id().cluster,
            namespaces: vec![self.id().namespace],
            repository: self.repository_id(),
            branch: None,
            path: RepoPath::new(self.folder).unwrap(),
            renderer: self.renderer,
        }
    }
}

/// A repository of the tests' forge.
pub(crate) fn repository_id(name: &str) -> RepositoryId {
    RepositoryId { forge: ForgeName::new("local").unwrap(), owner: "acme".to_owned(), name: name.to_owned() }
}

fn requests((cpu, memory): (&str, &str)) -> Resources {
    let mut resources = Resources::default();
    for (field, text) in [(Field::CPU_REQUEST, cpu), (Field::MEMORY_REQUEST, memory)] {
        resources.set(Bound::Request, Amount::parse(field.resource, text).unwrap());
    }
    resources
}

/// CPU in millicores at an instant: a tenth of it moves.
pub(crate) fn quiet_millicores(at: i64) -> f64 {
    100.0 + (at / STEP_S % 10) as f64
}

/// Memory in bytes at an instant.
pub(crate) fn quiet_bytes(at: i64) -> f64 {
    ((200 + at / STEP_S % 10) * MIB as i64) as f64
}

/// Usage of these apps from the beginning of history until three days after [`NOW_S`].
pub(crate) fn recorded(apps: &[App], millicores: impl Fn(i64) -> f64) -> RecordedMetrics {
    let steps = || (NOW_S - HISTORY_S..NOW_S + 3 * DAY_S).step_by(STEP_S as usize);
    let series = |app: &App, signal, points| UsageSeries {
        container: app.container(),
        pod: app.pod_name(),
        signal,
        points,
    };
    let series = apps.iter().flat_map(|app| {
        let cpu = steps().map(|at| (at, millicores(at))).collect();
        let memory = steps().map(|at| (at, quiet_bytes(at))).collect();
        [series(app, Signal::CpuMillicores, cpu), series(app, Signal::MemoryBytes, memory)]
    });
    RecordedMetrics { series: series.collect(), oom_kills: vec![], gpus: Vec::new() }
}
