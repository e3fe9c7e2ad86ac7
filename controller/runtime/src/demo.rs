//! The demo: the whole loop on embedded parts. Example repository, four weeks of usage, SQLite, local forge.
//!
//! Needs no network, no cluster and no kustomize. The cluster is a fake that runs what stands on the main branch.

mod cluster;
mod pages;
mod repository;
mod usage;
mod workloads;

use std::path::{Path, PathBuf};

use kubeopt_cost::Terms;
use kubeopt_forge::LocalForge;
use kubeopt_gitops::GitStore;
use kubeopt_gitops::render::Sandbox;
use kubeopt_history::{MemoryUsage, SqliteJournal};
use kubeopt_model::source::RendererKind;
use kubeopt_model::{
    Binding, ClusterName, ForgeName, Namespace, Problem, RepoPath, RepositoryId, SourceMapping, Timestamp,
};

use crate::edges::{ClusterEdge, Edges, Kept};
use crate::progress::Progress;
use crate::wiring::local_edge;

pub use pages::{ForgePages, PageServer, listen};

/// Owner and name of the demo's repository.
pub const REPOSITORY: (&str, &str) = ("acme", "shop");
/// Its branch.
const BRANCH: &str = "main";

/// Programs that the demo runs.
#[derive(Debug, Clone)]
pub struct Programs {
    /// kubeopt itself, for `kubeopt render`.
    pub own: PathBuf,
    /// kustomize, where one is named; else it is looked for on PATH.
    pub kustomize: Option<PathBuf>,
    /// helm, where one is named; else it is looked for on PATH.
    pub helm: Option<PathBuf>,
    /// The least confinement in which the two may run.
    pub sandbox: Sandbox,
}

/// A demo that is set up.
pub struct Demo {
    /// The edges of its passes.
    pub edges: Edges,
    /// The forge, for the page.
    pub forge: LocalForge,
    /// The repository.
    pub repository: RepositoryId,
}

/// Sets the demo up in a folder. A folder that holds one already goes on with it.
///
/// # Errors
/// When the folder cannot be used.
pub async fn set_up(
    folder: &Path,
    programs: &Programs,
    now: Timestamp,
    progress: Box<dyn Progress>,
) -> Result<Demo, Problem> {
    kubeopt_net::install_crypto_provider();
    let forge = LocalForge::open(folder.join("forge")).map_err(|error| error.problem())?;
    let name = ForgeName::new("local").expect("a literal that is a name");
    let repository =
        RepositoryId { forge: name.clone(), owner: REPOSITORY.0.to_owned(), name: REPOSITORY.1.to_owned() };
    let there = forge.repositories().await.map_err(|error| error.problem())?;
    if !there.iter().any(|(owner, name)| (owner.as_str(), name.as_str()) == REPOSITORY) {
        forge
            .create_repository(REPOSITORY.0, REPOSITORY.1, &repository::files(), BRANCH)
            .await
            .map_err(|error| error.problem())?;
    }
    let facts =
        kubeopt_forge::Forge::repository(&forge, &repository).await.map_err(|error| error.problem())?;
    let store = |name: &str| GitStore::open(&folder.join(name)).map_err(|error| error.problem());
    let cluster = cluster::DemoCluster {
        git: store("cluster")?,
        repository: repository.clone(),
        folder: facts.clone_url.into(),
    };
    let journal = SqliteJournal::open(folder.join("kubeopt.db")).await.map_err(|error| error.problem())?;
    let mut renderer =
        crate::wiring::renderer(&programs.own, programs.kustomize.as_deref(), programs.helm.as_deref()).await;
    renderer.sandbox = programs.sandbox;
    let kept = Kept {
        history: Box::new(MemoryUsage::default()),
        journal: Box::new(journal),
        git: store("git")?,
        renderer,
    };
    let edges = Edges {
        clusters: vec![ClusterEdge {
            name: ClusterName::new(workloads::CLUSTER).expect("a literal that is a name"),
            facts: Box::new(cluster),
            metrics: Some(Box::new(usage::recorded(now))),
            metrics_at: "recorded usage".to_owned(),
            terms: Terms::default(),
        }],
        forges: [(name.clone(), local_edge(forge.clone(), &name))].into(),
        bindings: vec![Binding {
            clusters: vec![],
            namespaces: vec![],
            repository: repository.clone(),
            paths: vec!["apps/**".to_owned()],
        }],
        mappings: mappings(&repository),
        progress,
        ..Edges::of(kept)
    };
    Ok(Demo { edges, forge, repository })
}

/// Where the demo's workloads come from: nothing applies them, so the configuration says it.
fn mappings(repository: &RepositoryId) -> Vec<SourceMapping> {
    let literal = "a literal that a test reads";
    [
        ("payments", "apps/payments", RendererKind::Plain),
        ("storefront", "apps/storefront/overlays/prod", RendererKind::Kustomize),
    ]
    .into_iter()
    .map(|(namespace, path, renderer)| SourceMapping {
        cluster: ClusterName::new(workloads::CLUSTER).expect(literal),
        namespaces: vec![Namespace::new(namespace).expect(literal)],
        repository: repository.clone(),
        branch: None,
        path: RepoPath::new(path).expect(literal),
        renderer,
    })
    .collect()
}
