//! A recommendation for one or more containers, and the cluster around it.

use std::collections::BTreeMap;

use kubeopt_model::cluster::Node;
use kubeopt_model::recommendation::{Member, Risk, SiteAddition, SiteChange, SiteRemoval};
use kubeopt_model::usage::ResourceUsage;
use kubeopt_model::{
    Amount, Bytes, Change, ClusterFacts, ClusterName, Container, ContainerId, ContainerName, ContainerRole,
    ContainerUsage, Coverage, EditSite, EffectivePolicy, Field, FieldPath, ForgeName, MilliCores, Namespace,
    ObjectName, Recommendation, RepoPath, RepositoryId, Resources, Window, Workload, WorkloadId,
    WorkloadKind,
};
use kubeopt_policy::{Admission, AdmitContext, Promised, Verdict, judge};
use kubeopt_signal::Sketch;

/// Four quantities in the order of [`Field::ALL`]: CPU request, CPU limit, memory request, memory limit; `-` is unset.
pub(crate) fn resources(texts: &str) -> Resources {
    let mut resources = Resources::default();
    for (field, text) in Field::ALL.into_iter().zip(texts.split(' ')).filter(|(_, text)| *text != "-") {
        resources.set(field.bound, Amount::parse(field.resource, text).unwrap());
    }
    resources
}

/// One container with what is wanted for it.
#[derive(Debug, Clone)]
pub(crate) struct Wish {
    pub(crate) before: Resources,
    pub(crate) after: Resources,
    pub(crate) highest_mebi: f64,
    pub(crate) replicas: u32,
}

/// A wish in the notation of [`resources`].
pub(crate) fn wish(before: &str, after: &str) -> Wish {
    Wish { before: resources(before), after: resources(after), highest_mebi: 0.0, replicas: 3 }
}

/// Containers of one workload, its policy and its cluster.
#[derive(Debug)]
pub(crate) struct Case {
    pub(crate) wishes: Vec<Wish>,
    pub(crate) policy: EffectivePolicy,
    pub(crate) facts: ClusterFacts,
    pub(crate) cures_oom: bool,
}

pub(crate) fn case(before: &str, after: &str) -> Case {
    Case::of(vec![wish(before, after)])
}

impl Case {
    pub(crate) fn of(wishes: Vec<Wish>) -> Self {
        let mut facts = ClusterFacts::empty(ClusterName::new("prod").unwrap());
        facts.workloads.push(workload(&wishes));
        Self { wishes, policy: EffectivePolicy::default(), facts, cures_oom: false }
    }

    pub(crate) fn recommendation(&self) -> Recommendation {
        let members = self.wishes.iter().enumerate().map(|(index, wish)| member(index, wish)).collect();
        let (mut changes, mut removals, mut additions) = (Vec::new(), Vec::new(), Vec::new());
        for (index, wish) in self.wishes.iter().enumerate() {
            for field in Field::ALL {
                match (wish.before.get(field), wish.after.get(field)) {
                    (Some(before), Some(after)) if before != after => {
                        changes.push(site_change(index, field, Change { before, after }));
                    }
                    (Some(before), None) => removals.push(removal(index, field, before)),
                    (None, Some(after)) => additions.push(addition(index, field, after)),
                    (Some(_) | None, _) => {}
                }
            }
        }
        Recommendation {
            repository: RepositoryId {
                forge: ForgeName::new("local").unwrap(),
                owner: "acme".to_owned(),
                name: "gitops".to_owned(),
            },
            members,
            changes,
            removals,
            additions,
            patches: Vec::new(),
            targets: Vec::new(),
            reasons: Vec::new(),
            left: Vec::new(),
            risk: Risk::Low,
            cures_oom: self.cures_oom,
        }
    }

    pub(crate) fn judge(&self) -> (Admission, Vec<Verdict>) {
        self.judge_again(self.recommendation())
    }

    pub(crate) fn judge_again(&self, recommendation: Recommendation) -> (Admission, Vec<Verdict>) {
        let facts = [&self.facts];
        let promised = Promised::default();
        judge(recommendation, &AdmitContext { policy: &self.policy, facts: &facts, promised: &promised })
    }

    /// What the first container would have, in the notation of [`resources`], and which guardrails spoke.
    pub(crate) fn outcome(&self) -> (String, Vec<&'static str>) {
        let (admission, verdicts) = self.judge();
        let mut names: Vec<&'static str> = verdicts.iter().map(|verdict| verdict.guardrail).collect();
        names.dedup();
        match admission {
            Admission::Admitted(admitted) => (spoken(&admitted.members[0].resources.after), names),
            Admission::Nothing(why) => (why.sentence(), names),
        }
    }
}

pub(crate) fn spoken(resources: &Resources) -> String {
    let texts =
        Field::ALL.map(|field| resources.get(field).map_or("-".to_owned(), |amount| amount.to_string()));
    texts.join(" ")
}

pub(crate) fn node(cpu: u64, memory_mebi: u64, schedulable: bool) -> Node {
    Node {
        name: "node".to_owned(),
        instance_type: None,
        region: None,
        allocatable_cpu: MilliCores(cpu),
        allocatable_memory: Bytes::mebi(memory_mebi),
        schedulable,
        machine: Default::default(),
    }
}

pub(crate) fn workload_id() -> WorkloadId {
    WorkloadId {
        cluster: ClusterName::new("prod").unwrap(),
        namespace: namespace(),
        kind: WorkloadKind::Deployment,
        name: ObjectName::new("api").unwrap(),
    }
}

pub(crate) fn namespace() -> Namespace {
    Namespace::new("payments").unwrap()
}

fn container_name(index: usize) -> ContainerName {
    ContainerName::new(format!("c{index}")).unwrap()
}

fn workload(wishes: &[Wish]) -> Workload {
    let container = |(index, wish): (usize, &Wish)| Container {
        name: container_name(index),
        role: ContainerRole::Main,
        image: "api:1".to_owned(),
        java: None,
        gpus: 0,
        resources: wish.before,
    };
    Workload {
        id: workload_id(),
        labels: BTreeMap::new(),
        annotations: BTreeMap::new(),
        replicas: 3,
        containers: wishes.iter().enumerate().map(container).collect(),
        scaler: None,
        applied_by: None,
        owner: None,
        vpa: None,
    }
}

fn site_change(index: usize, field: Field, value: Change<Amount>) -> SiteChange {
    let site = EditSite {
        file: RepoPath::new("api.yaml").unwrap(),
        line: 10 + index,
        document: 1,
        path: FieldPath::default(),
        text: value.before.to_string(),
    };
    SiteChange { field, site, value, feeds: Vec::new(), written: None }
}

fn removal(index: usize, field: Field, before: Amount) -> SiteRemoval {
    let change = site_change(index, field, Change { before, after: before });
    SiteRemoval { field, site: change.site, before, feeds: Vec::new() }
}

fn addition(index: usize, field: Field, after: Amount) -> SiteAddition {
    let mut site = site_change(index, field, Change { before: after, after }).site;
    site.text.clear();
    SiteAddition { field, site, after, feeds: Vec::new(), containers: vec![container_id(index)] }
}

fn container_id(index: usize) -> ContainerId {
    ContainerId { workload: workload_id(), container: container_name(index) }
}

fn member(index: usize, wish: &Wish) -> Member {
    let container = container_id(index);
    let window = Window { from_unix_s: 0, to_unix_s: 28 * 86_400 };
    let memory = ResourceUsage {
        sketch: Sketch::from_bins(0, []),
        max: wish.highest_mebi * f64::from(1 << 20),
        max_at_unix_s: 86_400,
        coverage: Coverage { have: 100, expected: 100 },
        days: Vec::new(),
    };
    Member {
        container: container.clone(),
        replicas: wish.replicas,
        resources: Change { before: wish.before, after: wish.after },
        usage: ContainerUsage {
            container,
            window,
            seen: window,
            cpu: None,
            memory: Some(memory),
            oom_kills: Vec::new(),
            throttled_ratio: None,
            strain: kubeopt_model::usage::Strain::default(),
            startup: kubeopt_model::usage::Startup::default(),
            nodes: None,
            gpus: None,
            pods: 3,
            replica_hours: 100.0,
            cpu_hours: Default::default(),
            pod_peaks: Vec::new(),
            memory_hours: Default::default(),
            partial: None,
        },
        cost: None,
        timed: Vec::new(),
        terms: Vec::new(),
        confidence: None,
        foretold: None,
    }
}
