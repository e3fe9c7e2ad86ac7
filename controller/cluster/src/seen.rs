//! The small values that are held of each object, before the kinds are joined.
//!
//! Cost, measured as resident memory with 20,000 pods of two containers: 1.5 kB a pod held here and 0.5 kB more in the
//! facts that are made of them, so 1,000 pods are about 2 MB. The object as the API sends it is 5 to 15 kB.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use kube::runtime::reflector::Lookup;
use kubeopt_model::cluster::{
    FluxGitRepository, FluxKustomization, GitOpsObject, LimitRange, Node, Pod, Quota,
};
use kubeopt_model::policy::PolicyObject;
use kubeopt_model::vpa::Vpa;
use kubeopt_model::workload::{AppliedBy, Scaler};
use kubeopt_model::{Namespace, ObjectName, Problem, Workload, WorkloadId};

/// The controller of an object, as its `ownerReferences` tell.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Owner {
    /// A ReplicaSet; what owns that is told by the ReplicaSet.
    ReplicaSet(ObjectName),
    /// A workload.
    Workload(WorkloadId),
    /// None, or of a kind that kubeopt does not size.
    Other,
}

/// The annotations by which Argo CD knows what it applied.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// `argocd.argoproj.io/tracking-id`
    pub(crate) tracking: Option<String>,
    /// `argocd.argoproj.io/installation-id`
    pub(crate) installation: Option<String>,
}

/// What an object says about who applied it; what others say of it is joined later.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Hints {
    /// What Argo CD left.
    pub(crate) marks: Marks,
    /// Who the labels of Flux name.
    pub(crate) flux: Option<AppliedBy>,
    /// The object of a foreign kind that controls it: kind and name.
    pub(crate) controller: Option<(String, String)>,
}

/// One object, reduced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Seen {
    /// A workload; its scaler and who applied it are joined later.
    Workload(Box<Workload>, Box<Hints>),
    /// A Rollout without a template of its own: it runs the template of a Deployment.
    Borrower {
        /// The Rollout.
        rollout: WorkloadId,
        /// Its replicas; the Deployment itself is scaled to none.
        replicas: u32,
        /// The Deployment whose template it runs.
        template_of: WorkloadId,
    },
    /// A ReplicaSet and what owns it.
    ReplicaSet {
        /// Namespace.
        namespace: Namespace,
        /// Name.
        name: ObjectName,
        /// What owns it.
        owner: Owner,
    },
    /// A pod; its workload is joined later.
    Pod(Box<Pod>, Owner),
    /// A node.
    Node(Node),
    /// An HPA and what it scales.
    Scaler(Scaler, WorkloadId),
    /// A VerticalPodAutoscaler and what it sizes.
    VerticalScaler(Box<Vpa>, WorkloadId),
    /// A LimitRange with bounds of containers.
    LimitRange(LimitRange),
    /// A ResourceQuota with bounds of CPU or memory.
    Quota(Quota),
    /// A Flux Kustomization.
    Kustomization(Box<FluxKustomization>),
    /// A Flux GitRepository.
    GitRepository(FluxGitRepository),
    /// Another object of Flux or Argo CD, with its labels; who applied it is joined later.
    GitOps(Box<GitOpsObject>, Box<Hints>, BTreeMap<String, String>),
    /// A policy.
    Policy(Box<PolicyObject>),
    /// An object that says nothing about sizing: an HPA of a custom kind, a quota of Services.
    Nothing,
}

/// An object's place in a store, and what was read of it: a value, or why it is quarantined.
#[derive(Debug, Clone)]
pub(crate) struct Reading {
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    pub(crate) seen: Arc<Result<Seen, Box<Problem>>>,
}

/// kube's store asks for the address of a value; a store holds one kind, so that namespace and name are enough.
impl Lookup for Reading {
    type DynamicType = ();

    fn kind((): &()) -> Cow<'_, str> {
        Cow::Borrowed("Reading")
    }

    fn group((): &()) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn version((): &()) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn plural((): &()) -> Cow<'_, str> {
        Cow::Borrowed("")
    }

    fn name(&self) -> Option<Cow<'_, str>> {
        Some(Cow::Borrowed(&self.name))
    }

    fn namespace(&self) -> Option<Cow<'_, str>> {
        self.namespace.as_deref().map(Cow::Borrowed)
    }

    fn resource_version(&self) -> Option<Cow<'_, str>> {
        None
    }

    fn uid(&self) -> Option<Cow<'_, str>> {
        None
    }
}
