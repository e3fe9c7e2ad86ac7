//! The kinds that are looked at. The chart's ClusterRole allows reading these and nothing else.

use kube::core::{ApiResource, GroupVersionKind};
use kubeopt_model::cluster::GitOpsKind;
use kubeopt_model::{ClusterFacts, Problem, WorkloadKind};

use crate::codes;

/// The name of Argo CD's settings, the same in every installation
/// (`github.com/argoproj/argo-cd/common/common.go`, `ArgoCDConfigMapName`).
pub(crate) const ARGO_SETTINGS: &str = "argocd-cm";

/// A kind that is listed and watched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Watched {
    /// `apps/v1` deployments
    Deployments,
    /// `apps/v1` statefulsets
    StatefulSets,
    /// `apps/v1` daemonsets
    DaemonSets,
    /// `apps/v1` replicasets, metadata only: they lead from pods to what owns them
    ReplicaSets,
    /// `batch/v1` jobs
    Jobs,
    /// `batch/v1` cronjobs
    CronJobs,
    /// `v1` pods
    Pods,
    /// `v1` nodes
    Nodes,
    /// `autoscaling/v2` horizontalpodautoscalers
    Scalers,
    /// `autoscaling.k8s.io/v1` verticalpodautoscalers
    VerticalScalers,
    /// `v1` limitranges
    LimitRanges,
    /// `v1` resourcequotas
    Quotas,
    /// `argoproj.io/v1alpha1` rollouts
    Rollouts,
    /// `kustomize.toolkit.fluxcd.io/v1` kustomizations
    Kustomizations,
    /// `source.toolkit.fluxcd.io/v1` gitrepositories
    GitRepositories,
    /// `helm.toolkit.fluxcd.io/v2` helmreleases
    HelmReleases,
    /// `source.toolkit.fluxcd.io/v1` helmcharts
    HelmCharts,
    /// `source.toolkit.fluxcd.io/v1` helmrepositories
    HelmRepositories,
    /// `source.toolkit.fluxcd.io/v1` ocirepositories
    OciRepositories,
    /// `source.toolkit.fluxcd.io/v1` externalartifacts
    ExternalArtifacts,
    /// `source.extensions.fluxcd.io/v1beta1` artifactgenerators
    ArtifactGenerators,
    /// `argoproj.io/v1alpha1` applications
    Applications,
    /// `argoproj.io/v1alpha1` applicationsets
    ApplicationSets,
    /// `v1` configmaps of the name `argocd-cm`, and no other: they say how Argo CD marks what it applies
    ArgoSettings,
    /// `kubeopt.dev/v1alpha1` rightsizingpolicies
    Policies,
}

impl Watched {
    /// All of them.
    pub const ALL: [Self; 25] = [
        Self::Deployments,
        Self::StatefulSets,
        Self::DaemonSets,
        Self::ReplicaSets,
        Self::Jobs,
        Self::CronJobs,
        Self::Pods,
        Self::Nodes,
        Self::Scalers,
        Self::VerticalScalers,
        Self::LimitRanges,
        Self::Quotas,
        Self::Rollouts,
        Self::Kustomizations,
        Self::GitRepositories,
        Self::HelmReleases,
        Self::HelmCharts,
        Self::HelmRepositories,
        Self::OciRepositories,
        Self::ExternalArtifacts,
        Self::ArtifactGenerators,
        Self::Applications,
        Self::ApplicationSets,
        Self::ArgoSettings,
        Self::Policies,
    ];

    /// The kind that a document's `apiVersion` and `kind` name, whatever its version.
    pub(crate) fn of_document(api_version: &str, kind: &str) -> Option<Self> {
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        Self::ALL.into_iter().find(|watched| (watched.group(), watched.kind()) == (group, kind))
    }

    /// Group, version, kind and plural.
    fn address(self) -> (&'static str, &'static str, &'static str, &'static str) {
        match self {
            Self::Deployments => ("apps", "v1", "Deployment", "deployments"),
            Self::StatefulSets => ("apps", "v1", "StatefulSet", "statefulsets"),
            Self::DaemonSets => ("apps", "v1", "DaemonSet", "daemonsets"),
            Self::ReplicaSets => ("apps", "v1", "ReplicaSet", "replicasets"),
            Self::Jobs => ("batch", "v1", "Job", "jobs"),
            Self::CronJobs => ("batch", "v1", "CronJob", "cronjobs"),
            Self::Pods => ("", "v1", "Pod", "pods"),
            Self::Nodes => ("", "v1", "Node", "nodes"),
            Self::Scalers => ("autoscaling", "v2", "HorizontalPodAutoscaler", "horizontalpodautoscalers"),
            Self::VerticalScalers => {
                ("autoscaling.k8s.io", "v1", "VerticalPodAutoscaler", "verticalpodautoscalers")
            }
            Self::LimitRanges => ("", "v1", "LimitRange", "limitranges"),
            Self::Quotas => ("", "v1", "ResourceQuota", "resourcequotas"),
            Self::Rollouts => ("argoproj.io", "v1alpha1", "Rollout", "rollouts"),
            Self::Kustomizations => ("kustomize.toolkit.fluxcd.io", "v1", "Kustomization", "kustomizations"),
            Self::GitRepositories => ("source.toolkit.fluxcd.io", "v1", "GitRepository", "gitrepositories"),
            Self::HelmReleases => ("helm.toolkit.fluxcd.io", "v2", "HelmRelease", "helmreleases"),
            Self::HelmCharts => ("source.toolkit.fluxcd.io", "v1", "HelmChart", "helmcharts"),
            Self::HelmRepositories => {
                ("source.toolkit.fluxcd.io", "v1", "HelmRepository", "helmrepositories")
            }
            Self::OciRepositories => ("source.toolkit.fluxcd.io", "v1", "OCIRepository", "ocirepositories"),
            Self::ExternalArtifacts => {
                ("source.toolkit.fluxcd.io", "v1", "ExternalArtifact", "externalartifacts")
            }
            Self::ArtifactGenerators => {
                ("source.extensions.fluxcd.io", "v1beta1", "ArtifactGenerator", "artifactgenerators")
            }
            Self::Applications => ("argoproj.io", "v1alpha1", "Application", "applications"),
            Self::ApplicationSets => ("argoproj.io", "v1alpha1", "ApplicationSet", "applicationsets"),
            Self::ArgoSettings => ("", "v1", "ConfigMap", "configmaps"),
            Self::Policies => ("kubeopt.dev", "v1alpha1", "RightsizingPolicy", "rightsizingpolicies"),
        }
    }

    /// The API group; empty for the core group.
    pub fn group(self) -> &'static str {
        self.address().0
    }

    /// The `kind` of its objects.
    pub fn kind(self) -> &'static str {
        self.address().2
    }

    /// The plural, as rules of RBAC name it.
    pub fn plural(self) -> &'static str {
        self.address().3
    }

    /// As `kubectl auth can-i list` takes it: `deployments.apps`, `pods`.
    pub fn resource(self) -> String {
        match self.group() {
            "" => self.plural().to_owned(),
            group => format!("{}.{group}", self.plural()),
        }
    }

    /// Comes with a CRD, so that a cluster without it is nothing unusual.
    pub fn is_optional(self) -> bool {
        self == Self::Rollouts
            || self == Self::VerticalScalers
            || self == Self::Kustomizations
            || self == Self::GitRepositories
            || self == Self::Policies
            || (self != Self::ArgoSettings && self.gitops().is_some())
    }

    /// The kind of GitOps object that is held as it is written, if it is one.
    pub(crate) fn gitops(self) -> Option<GitOpsKind> {
        match self {
            Self::HelmReleases => Some(GitOpsKind::HelmRelease),
            Self::HelmCharts => Some(GitOpsKind::HelmChart),
            Self::HelmRepositories => Some(GitOpsKind::HelmRepository),
            Self::OciRepositories => Some(GitOpsKind::OciRepository),
            Self::ExternalArtifacts => Some(GitOpsKind::ExternalArtifact),
            Self::ArtifactGenerators => Some(GitOpsKind::ArtifactGenerator),
            Self::Applications => Some(GitOpsKind::Application),
            Self::ApplicationSets => Some(GitOpsKind::ApplicationSet),
            Self::ArgoSettings => Some(GitOpsKind::ArgoSettings),
            Self::Deployments
            | Self::StatefulSets
            | Self::DaemonSets
            | Self::ReplicaSets
            | Self::Jobs
            | Self::CronJobs
            | Self::Pods
            | Self::Nodes
            | Self::Scalers
            | Self::VerticalScalers
            | Self::LimitRanges
            | Self::Quotas
            | Self::Rollouts
            | Self::Kustomizations
            | Self::GitRepositories
            | Self::Policies => None,
        }
    }

    /// The one name that is asked for, where the others of the kind are none of kubeopt's business: the permission is
    /// bound to it too, and the API server takes it as a field selector.
    pub fn only_named(self) -> Option<&'static str> {
        (self == Self::ArgoSettings).then_some(ARGO_SETTINGS)
    }

    /// Of a ReplicaSet only its owner is used, which is in its metadata.
    pub(crate) fn is_metadata_enough(self) -> bool {
        self == Self::ReplicaSets
    }

    /// Objects of the kind live in namespaces.
    pub fn is_namespaced(self) -> bool {
        self != Self::Nodes && self != Self::Policies
    }

    /// What a list or a watch of the kind asks for.
    pub(crate) fn field_selector(self) -> Option<String> {
        self.only_named().map(|name| format!("metadata.name={name}"))
    }

    /// The workload kind of its objects, if they are workloads.
    pub fn workload(self) -> Option<WorkloadKind> {
        WorkloadKind::ALL
            .into_iter()
            .find(|kind| (kind.api_group(), kind.as_str()) == (self.group(), self.kind()))
    }

    /// Whether these facts lack the kind, or hold what was known of it before it was lost. With [`Watched::Scalers`]
    /// unseen, for example, nothing says that an HPA does not scale a workload.
    pub fn is_unseen_in(self, facts: &ClusterFacts) -> bool {
        let resource = self.resource();
        let whole = [codes::FORBIDDEN, codes::ABSENT, codes::UNREACHABLE, codes::TOO_MANY];
        facts.unseen.iter().any(|problem| {
            whole.contains(&problem.code.as_str())
                && problem.place.as_ref().is_some_and(|place| place.file == resource)
        })
    }

    /// Why these facts may lack objects of the kind that the cluster has: it may not be listed, is not answered, or there are
    /// too many. None where all of them are there, and where the cluster does not have the kind. With [`Watched::Policies`],
    /// for example, a guardrail may be missing that somebody wrote.
    pub fn unknown_in(self, facts: &ClusterFacts) -> Option<&Problem> {
        let resource = self.resource();
        let lost = [codes::FORBIDDEN, codes::UNREACHABLE, codes::TOO_MANY];
        facts.unseen.iter().find(|problem| {
            lost.contains(&problem.code.as_str())
                && problem.place.as_ref().is_some_and(|place| place.file == resource)
        })
    }

    /// What kube calls it.
    pub(crate) fn api_resource(self) -> ApiResource {
        let (group, version, kind, plural) = self.address();
        ApiResource::from_gvk_with_plural(&GroupVersionKind::gvk(group, version, kind), plural)
    }

    /// The API server answered 403.
    pub(crate) fn forbidden(self) -> Problem {
        let resource = self.resource();
        let asked = self.only_named().map_or_else(|| resource.clone(), |name| format!("{resource}/{name}"));
        let help = format!(
            "allow get, list and watch on {asked} as the ClusterRole of the chart does; `kubectl auth can-i list {asked} -A` tells"
        );
        Problem::new(codes::FORBIDDEN, format!("kubeopt may not list {resource}"), help).at(resource, None)
    }

    /// The API server answered 404.
    pub(crate) fn absent(self) -> Problem {
        let resource = self.resource();
        let help = if self.is_optional() {
            "nothing to do where it is not used; once its CRD is installed it is seen without a restart"
        } else {
            "use a version of Kubernetes that serves it, 1.23 or newer"
        };
        Problem::new(codes::ABSENT, format!("the cluster has no {resource}"), help).at(resource, None)
    }

    /// Neither, so it may pass.
    pub(crate) fn unreachable(self, why: &str) -> Problem {
        let resource = self.resource();
        let help = "nothing to do if it passes, it is tried again with growing pauses; otherwise run `kubeopt check`";
        Problem::new(codes::UNREACHABLE, format!("unable to list {resource}: {why}"), help).at(resource, None)
    }

    /// There are more than are held.
    pub(crate) fn too_many(self, most: usize) -> Problem {
        let resource = self.resource();
        let text = format!("the cluster has more than {most} {resource}; the rest is left out");
        Problem::new(
            codes::TOO_MANY,
            text,
            "run one kubeopt per part of the cluster, each with namespaces of its own",
        )
        .at(resource, None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kubeopt_model::ClusterName;

    #[test]
    fn every_workload_kind_is_watched_once() {
        let mut kinds: Vec<_> = Watched::ALL.into_iter().filter_map(Watched::workload).collect();
        kinds.sort_unstable();
        assert_eq!(kinds, WorkloadKind::ALL);
    }

    #[test]
    fn a_lost_kind_is_told_apart_from_the_others_by_its_place() {
        let mut facts = ClusterFacts::empty(ClusterName::new("test").unwrap());
        facts.unseen.push(Watched::Scalers.forbidden());
        assert!(Watched::Scalers.is_unseen_in(&facts));
        assert!(!Watched::Pods.is_unseen_in(&facts));
        assert!(Watched::Scalers.unknown_in(&facts).is_some());
        facts.unseen = vec![Watched::Policies.absent()];
        assert!(Watched::Policies.is_unseen_in(&facts) && Watched::Policies.unknown_in(&facts).is_none());
    }
}
