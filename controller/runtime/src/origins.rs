//! What the cluster and the configuration know of the places that releases name: source objects, and which URL is which
//! repository.

use kubeopt_gitops::settle_origins;
use kubeopt_model::release::{ChartRef, FileBase, Origin};
use kubeopt_model::{ClusterFacts, Release, RepositoryId, ValuesLayer};

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
        let mut release = self.facts.iter().fold(release, settle_origins);
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

    fn say_here(&self, origin: &mut Origin, repository: &RepositoryId) {
        let Origin::Url(url) = &*origin else { return };
        if self.locate.and_then(|locate| locate.locate(url)).as_ref() == Some(repository) {
            *origin = Origin::Here;
        }
    }
}

/// What of the facts of a cluster origins need.
pub fn objects_of(facts: &ClusterFacts) -> ClusterFacts {
    ClusterFacts {
        gitops_objects: facts.gitops_objects.clone(),
        git_repositories: facts.git_repositories.clone(),
        ..ClusterFacts::empty(facts.cluster.clone())
    }
}
