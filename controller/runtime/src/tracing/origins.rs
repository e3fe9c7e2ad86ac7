//! What the cluster and the configuration know of the places that releases name: source objects, and which URL is which
//! repository.

use std::collections::BTreeMap;

use kubeopt_gitops::settle_origins;
use kubeopt_model::cluster::GitOpsKind;
use kubeopt_model::release::{ChartRef, FileBase, Origin, ReleaseKind, ReleaseObject};
use kubeopt_model::source::RenderedWorkload;
use kubeopt_model::workload::AppliedBy;
use kubeopt_model::{ClusterFacts, ContainerName, Release, RepositoryId, ValuesLayer, WorkloadId};

use super::unrendered::Running;

/// Which configured repository a Git URL is.
pub trait Locate: Sync {
    /// The repository; none where no configured forge has it.
    fn locate(&self, url: &str) -> Option<RepositoryId>;
}

/// Knowledge beside the files. Empty for a folder that is looked at by itself.
#[derive(Clone, Copy, Default)]
pub struct Origins<'a> {
    /// Objects of clusters.
    pub facts: &'a [ClusterFacts],
    /// Who knows URLs.
    pub locate: Option<&'a dyn Locate>,
}

impl Origins<'_> {
    /// The release with source objects followed, and with everything that is in `repository` said to be here.
    pub fn settled(&self, release: Release, repository: &RepositoryId) -> Release {
        let mut release = self.followed(release, repository);
        match &mut release.chart {
            ChartRef::Folder { origin, .. } => self.say_here(origin, repository),
            ChartRef::Published { .. } | ChartRef::Unknown(_) => {}
        }
        for layer in &mut release.values {
            if let ValuesLayer::File { base: FileBase::Root(origin), .. } = layer {
                self.say_here(origin, repository);
            }
        }
        release
    }

    /// Whether files of this origin are those that are looked at. Where nobody knows URLs, the files themselves decide.
    pub fn may_be_here(&self, origin: &Origin) -> bool {
        *origin == Origin::Here || self.locate.is_none()
    }

    /// What the clusters run for a release.
    pub(crate) fn running(&self, release: &Release) -> Vec<Running> {
        let Some(object) = &release.object else { return Vec::new() };
        let workloads = self.facts.iter().flat_map(|facts| &facts.workloads);
        let own = workloads.filter(|workload| {
            workload.owner.is_none() && workload.applied_by.as_ref().is_some_and(|by| is_of(object, by))
        });
        let running: BTreeMap<RenderedWorkload, Vec<ContainerName>> = own
            .map(|workload| {
                let WorkloadId { kind, namespace, name, .. } = workload.id.clone();
                let containers = workload.containers.iter().map(|container| container.name.clone());
                (RenderedWorkload { kind, namespace: Some(namespace), name }, containers.collect())
            })
            .collect();
        running.into_iter().map(|(workload, containers)| Running { workload, containers }).collect()
    }

    /// A source of one name may be another one in each cluster. A chart of this repository is believed, and what all
    /// clusters say that know the source.
    fn followed(&self, release: Release, repository: &RepositoryId) -> Release {
        let known = self.facts.iter().map(|facts| settle_origins(release.clone(), facts));
        let mut known: Vec<Release> = known.filter(|known| known.chart != release.chart).collect();
        known.sort();
        known.dedup();
        let here = known.iter().position(|known| match &known.chart {
            ChartRef::Folder { origin, .. } => self.is_of(origin, repository),
            ChartRef::Published { .. } | ChartRef::Unknown(_) => false,
        });
        match (here, known.len()) {
            (Some(at), _) => known.swap_remove(at),
            (None, 0) => release,
            (None, 1) => known.swap_remove(0),
            (None, _) => {
                let chart =
                    ChartRef::Unknown(format!("clusters differ in where {} is", source(&release.chart)));
                Release { chart, ..release }
            }
        }
    }

    fn say_here(&self, origin: &mut Origin, repository: &RepositoryId) {
        if self.is_of(origin, repository) {
            *origin = Origin::Here;
        }
    }

    fn is_of(&self, origin: &Origin, repository: &RepositoryId) -> bool {
        let Origin::Url(url) = origin else { return false };
        self.locate.and_then(|locate| locate.locate(url)).as_ref() == Some(repository)
    }
}

/// Whether a workload was made by the release of an object.
fn is_of(object: &ReleaseObject, by: &AppliedBy) -> bool {
    let (kind, namespace, name) = match by {
        AppliedBy::FluxHelmRelease { namespace, name } => (ReleaseKind::HelmRelease, namespace, name),
        AppliedBy::ArgoApplication { namespace, name } => (ReleaseKind::Application, namespace, name),
        AppliedBy::FluxKustomization { .. } | AppliedBy::Object { .. } => return false,
    };
    // A manifest may leave the namespace to the one who applies it.
    object.kind == kind
        && object.name == *name
        && object.namespace.as_ref().is_none_or(|own| own == namespace)
}

/// The source of a chart, for messages: `HelmRepository podinfo`.
fn source(chart: &ChartRef) -> String {
    match chart {
        ChartRef::Folder { origin: Origin::FluxSource(kind, _, name), .. }
        | ChartRef::Published { origin: Origin::FluxSource(kind, _, name), .. } => format!("{kind} {name}"),
        ChartRef::Folder { .. } | ChartRef::Published { .. } | ChartRef::Unknown(_) => "the chart".to_owned(),
    }
}

/// What of a cluster's objects settles where charts are, as a text that differs where that differs. Status and what is
/// deployed come and go with every sync and are not part of it.
pub(crate) fn places_of(facts: &ClusterFacts) -> String {
    let is_source = |kind: GitOpsKind| {
        matches!(kind, GitOpsKind::HelmRepository | GitOpsKind::HelmChart | GitOpsKind::OciRepository)
    };
    let sources = facts.gitops_objects.iter().filter(|object| is_source(object.kind));
    let sources = sources.map(|object| {
        format!("{} {}/{} {}", object.kind.as_str(), object.namespace, object.name, object.spec)
    });
    format!("{:?} {}", facts.git_repositories, sources.collect::<Vec<_>>().join(" "))
}

/// What of the facts of a cluster origins need: objects, and what is run.
pub(crate) fn objects_of(facts: &ClusterFacts) -> ClusterFacts {
    ClusterFacts {
        gitops_objects: facts.gitops_objects.clone(),
        git_repositories: facts.git_repositories.clone(),
        workloads: facts.workloads.clone(),
        ..ClusterFacts::empty(facts.cluster.clone())
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::cluster::GitOpsObject;
    use kubeopt_model::{ClusterName, ForgeName, Namespace, ObjectName};
    use serde_json::{Value, json};

    use super::*;

    fn cluster(name: &str, url: Option<&str>) -> ClusterFacts {
        let mut facts = ClusterFacts::empty(ClusterName::new(name).unwrap());
        facts.gitops_objects.extend(url.map(|url| GitOpsObject {
            kind: GitOpsKind::HelmRepository,
            namespace: Namespace::new("apps").unwrap(),
            name: ObjectName::new("charts").unwrap(),
            applied_by: None,
            owners: Vec::new(),
            spec: json!({"url": url}),
            status: Value::Null,
        }));
        facts
    }

    fn settled(facts: &[ClusterFacts]) -> ChartRef {
        let text = "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: web, namespace: apps}\nspec: {chart: {spec: {chart: web, version: 1.x, sourceRef: {kind: HelmRepository, name: charts}}}}\n";
        let release = kubeopt_gitops::releases(text.as_bytes()).0.remove(0);
        let repository = RepositoryId {
            forge: ForgeName::new("local").unwrap(),
            owner: "acme".to_owned(),
            name: "shop".to_owned(),
        };
        Origins { facts, locate: None }.settled(release, &repository).chart
    }

    #[test]
    fn a_source_is_followed_where_all_clusters_that_know_it_agree() {
        let (here, there) = ("https://charts.example/a", "https://charts.example/b");
        let is = |chart: ChartRef, url: &str| matches!(chart, ChartRef::Published { origin: Origin::Url(found), .. } if found == url);
        assert!(is(settled(&[cluster("eu", Some(here))]), here));
        assert!(is(
            settled(&[cluster("eu", None), cluster("us", Some(here)), cluster("ap", Some(here))]),
            here
        ));
        let unknown = settled(&[]);
        assert!(matches!(unknown, ChartRef::Published { origin: Origin::FluxSource(..), .. }), "{unknown:?}");
        let differ = settled(&[cluster("eu", Some(here)), cluster("us", Some(there))]);
        assert_eq!(differ, ChartRef::Unknown("clusters differ in where HelmRepository charts is".to_owned()));
        assert_ne!(places_of(&cluster("eu", Some(here))), places_of(&cluster("eu", Some(there))));
    }
}
