//! A world in a temporary folder: repositories on a local forge, clusters that run what tests say, and controllers.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::sync::{Arc, Mutex};

use kubeopt_api::PolicyFile;
use kubeopt_forge::{
    BranchHead, BranchWrite, CommitOptions, ExpectedHead, Forge, LocalForge, NewPullRequest, Person,
    PullRequest, PullRequestQuery, PullRequestState, StateFilter,
};
use kubeopt_gitops::render::Renderer;
use kubeopt_gitops::{GitStore, Location, Remote, Snapshot};
use kubeopt_history::{SqliteJournal, UsageStore};
use kubeopt_model::pull_request::Marker;
use kubeopt_model::{Binding, Change, ClusterFacts, EditedFile, FileSet, ForgeName, RepoPath, Timestamp};
use kubeopt_policy::codeowners::Dialect;
use kubeopt_runtime::edges::{ClusterEdge, Edges, ForgeEdge, GitAccess};
use kubeopt_runtime::pricing::{Provider, Terms};
use kubeopt_runtime::publishing::BRANCH_PREFIX;
use kubeopt_runtime::{PassReport, pass};

use crate::apps::{ASKED, App, HISTORY_S, NOW_S, quiet_millicores, recorded, repository_id};
use crate::doubles::{Kept, Leave, Shown, ShownCluster, Switch, TroubledForge, Troubles};

/// The base branch of every repository.
pub(crate) const BASE: &str = "main";

/// After so many seconds a forge calls merged what is merged.
pub(crate) const MERGE_S: i64 = 600;

/// Everything outside of kubeopt.
pub(crate) struct World {
    folder: tempfile::TempDir,
    clock: Arc<AtomicI64>,
    files: BTreeMap<(String, RepoPath), Vec<u8>>,
    pub(crate) apps: Vec<App>,
    pub(crate) forge: LocalForge,
    pub(crate) troubles: Troubles,
    pub(crate) shown: Shown,
    pub(crate) metrics: BTreeMap<String, Switch>,
    pub(crate) history: Kept,
    pub(crate) leave: Leave,
}

impl World {
    /// Repositories with the manifests of these apps, and clusters that run them.
    pub(crate) async fn of(apps: &[App]) -> Self {
        Self::with(apps, &[]).await
    }

    /// The same, with further or other files: repository, path, text.
    pub(crate) async fn with(apps: &[App], others: &[(&str, &str, &str)]) -> Self {
        kubeopt_net::install_crypto_provider();
        let folder = tempfile::tempdir().unwrap();
        let clock = Arc::new(AtomicI64::new(NOW_S));
        let of_forge = Arc::clone(&clock);
        let now = move || Timestamp::from_second(of_forge.load(Ordering::Relaxed)).unwrap();
        let forge = LocalForge::open(folder.path().join("forge")).unwrap().with_clock(Arc::new(now));
        let mut files = BTreeMap::new();
        for app in apps {
            files.insert(file(app.repository, &app.path()), app.manifest(ASKED).into_bytes());
        }
        for (repository, path, text) in others {
            files.insert(file(repository, path), text.as_bytes().to_vec());
        }
        let repositories: BTreeSet<&str> = files.keys().map(|(repository, _)| repository.as_str()).collect();
        for repository in repositories {
            let own = files.iter().filter(|((of, _), _)| of == repository);
            let own: FileSet = own.map(|((_, path), bytes)| (path.clone(), bytes.clone())).collect();
            forge.create_repository("acme", repository, &own, BASE).await.unwrap();
        }
        let mut metrics = BTreeMap::new();
        for cluster in apps.iter().map(|app| app.cluster).chain(apps.is_empty().then_some("prod")) {
            let own: Vec<App> = apps.iter().filter(|app| app.cluster == cluster).copied().collect();
            metrics.insert(cluster.to_owned(), Switch::to(recorded(&own, quiet_millicores)));
        }
        Self {
            folder,
            clock,
            files,
            apps: apps.to_vec(),
            forge,
            troubles: Troubles::default(),
            shown: Arc::new(Mutex::new(shown(apps))),
            metrics,
            history: Kept::default(),
            leave: Leave(Arc::new(AtomicBool::new(true))),
        }
    }

    /// A controller with a database and a repository cache of this name; the same name twice is a restart.
    pub(crate) async fn controller(&self, name: &str) -> Edges {
        let forge = ForgeName::new("local").unwrap();
        let troubled = TroubledForge { local: self.forge.clone(), troubles: Arc::clone(&self.troubles) };
        let edge = ForgeEdge {
            forge: Box::new(troubled),
            host: "local".to_owned(),
            git: GitAccess::Local,
            code_owners: Dialect::GitHub,
        };
        let repositories: BTreeSet<&str> = self.apps.iter().map(|app| app.repository).collect();
        let binding = |name: &&str| Binding {
            clusters: vec![],
            namespaces: vec![],
            repository: repository_id(name),
            paths: vec![],
        };
        let kept = kubeopt_runtime::edges::Kept {
            history: Box::new(self.history.clone()) as Box<dyn UsageStore>,
            journal: Box::new(SqliteJournal::open(self.database(name)).await.unwrap()),
            git: GitStore::open(&self.folder.path().join(format!("git-{name}"))).unwrap(),
            renderer: Renderer::new("/nonexistent".into(), None, None),
        };
        Edges {
            clusters: self.metrics.iter().map(|(name, metrics)| self.cluster(name, metrics)).collect(),
            forges: [(forge, edge)].into(),
            bindings: repositories.iter().map(binding).collect(),
            mappings: self.apps.iter().map(App::mapping).collect(),
            history_seconds: HISTORY_S,
            permit: Box::new(self.leave.clone()),
            operator_policy: Some(at_home()),
            ..Edges::of(kept)
        }
    }

    fn cluster(&self, name: &str, metrics: &Switch) -> ClusterEdge {
        let name = kubeopt_model::ClusterName::new(name).unwrap();
        ClusterEdge {
            name: name.clone(),
            facts: Box::new(ShownCluster(name, Arc::clone(&self.shown))),
            metrics: Some(Box::new(metrics.clone())),
            metrics_at: "recorded".to_owned(),
            terms: Terms { provider: Some(Provider::Gcp), ..Terms::default() },
        }
    }

    /// The database of a controller.
    pub(crate) fn database(&self, name: &str) -> PathBuf {
        self.folder.path().join(format!("db-{name}")).join("kubeopt.db")
    }

    /// A folder for what else a test needs.
    pub(crate) fn folder(&self) -> &std::path::Path {
        self.folder.path()
    }

    /// One pass, at the world's time.
    pub(crate) async fn pass(&self, controller: &Edges) -> PassReport {
        pass(controller, self.now()).await.unwrap()
    }

    pub(crate) fn now(&self) -> Timestamp {
        Timestamp::from_second(self.clock.load(Ordering::Relaxed)).unwrap()
    }

    pub(crate) fn advance(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::Relaxed);
    }

    /// kubeopt's pull requests of a repository, all states.
    pub(crate) async fn pulls(&self, repository: &str) -> Vec<PullRequest> {
        let query = PullRequestQuery::with_prefix(BRANCH_PREFIX, StateFilter::All);
        self.forge.pull_requests(&repository_id(repository), &query).await.unwrap()
    }

    /// kubeopt's pull requests that change an app, all states.
    pub(crate) async fn pulls_of(&self, app: &App) -> Vec<PullRequest> {
        let own = format!("{}/", app.id());
        let speaks = |pull: &PullRequest| {
            let marker = Marker::find(&pull.body).unwrap();
            marker.fields.iter().any(|field| field.container.starts_with(&own))
        };
        self.pulls(app.repository).await.into_iter().filter(speaks).collect()
    }

    /// The one pull request that changes an app; it is open, and its branch holds one commit on the base.
    pub(crate) async fn the_open_one(&self, app: &App) -> PullRequest {
        let mut pulls = self.pulls_of(app).await;
        assert_eq!(pulls.len(), 1, "{pulls:#?}");
        let pull = pulls.remove(0);
        assert_eq!(pull.state, PullRequestState::Open);
        let head = self.forge.branch(&app.repository_id(), &pull.head_branch).await.unwrap().unwrap();
        assert_eq!((head.parents.len(), &head.oid), (1, &pull.head_oid));
        pull
    }

    /// What stands in a repository's base branch.
    pub(crate) async fn snapshot(&self, repository: &str) -> Snapshot {
        let id = repository_id(repository);
        let location = Location::Local(self.forge.repository_folder(&id).unwrap());
        let store = GitStore::open(&self.folder.path().join("looking")).unwrap();
        store.fetch(&Remote { id, location }, None).await.unwrap()
    }

    /// The head of a branch.
    pub(crate) async fn branch(&self, app: &App, name: &str) -> Option<BranchHead> {
        self.forge.branch(&app.repository_id(), name).await.unwrap()
    }

    /// Further workloads, whose manifests are among the files already.
    pub(crate) fn deploy(mut self, apps: &[App]) -> Self {
        self.apps.extend(apps);
        *self.shown.lock().unwrap() = shown(&self.apps);
        self
    }

    /// These apps use what is quiet, and nothing else is there.
    pub(crate) fn metrics_of(&self, apps: &[App]) {
        self.metrics["prod"].set(recorded(apps, quiet_millicores));
    }

    /// A person writes on the base branch what a pull request proposes.
    pub(crate) async fn commit_as_proposed(&self, app: &App, pull: &PullRequest) {
        let changed = self.forge.changed_files(&app.repository_id(), pull.number).await.unwrap();
        for file in changed {
            self.commit_bytes(app.repository, file.path.as_str(), &file.content.after).await;
        }
    }

    /// A person changes a file on the base branch.
    pub(crate) async fn commit(&self, repository: &str, path: &str, text: &str) {
        self.commit_bytes(repository, path, text.as_bytes()).await;
    }

    /// The same with bytes that may be no text.
    pub(crate) async fn commit_bytes(&self, repository: &str, path: &str, bytes: &[u8]) {
        let id = repository_id(repository);
        let snapshot = self.snapshot(repository).await;
        let (of, path) = file(repository, path);
        let there = snapshot.read(&path).unwrap().or_else(|| self.files.get(&(of, path.clone())).cloned());
        let content = Change { before: there.unwrap_or_default(), after: bytes.to_vec() };
        let query = PullRequestQuery::with_prefix("", StateFilter::All);
        let branch = format!("people/change-{}", self.forge.pull_requests(&id, &query).await.unwrap().len());
        self.push(
            repository,
            &snapshot.commit,
            &branch,
            vec![EditedFile { path, content }],
            ExpectedHead::Absent,
        )
        .await;
        let new = NewPullRequest {
            title: "a change by hand".to_owned(),
            is_draft: false,
            body: String::new(),
            head: branch,
            base: BASE.to_owned(),
            labels: vec![],
        };
        let pull = self.forge.open_pull_request(&id, &new).await.unwrap();
        self.forge.merge(&id, pull.number, "alice").await.unwrap();
    }

    /// A person writes a branch.
    pub(crate) async fn push(
        &self,
        repository: &str,
        base_oid: &str,
        branch: &str,
        files: Vec<EditedFile>,
        expected: ExpectedHead,
    ) {
        self.push_as("alice@example.com", (repository, base_oid, branch), files, expected).await;
    }

    /// The same, in whoever's name.
    pub(crate) async fn push_as(
        &self,
        email: &str,
        (repository, base_oid, branch): (&str, &str, &str),
        files: Vec<EditedFile>,
        expected: ExpectedHead,
    ) {
        let write = BranchWrite {
            base: BASE.to_owned(),
            base_oid: base_oid.to_owned(),
            branch: branch.to_owned(),
            message: "a change by hand".to_owned(),
            files,
            by: Person { name: "Alice".to_owned(), email: email.to_owned() },
            at_unix_s: self.now().as_second(),
            expected,
            options: CommitOptions::default(),
        };
        self.forge.regenerate_branch(&repository_id(repository), &write).await.unwrap();
    }

    /// The clusters come to run what the base branches say, as a GitOps controller sees to.
    pub(crate) async fn apply(&self) {
        for app in &self.apps {
            let snapshot = self.snapshot(app.repository).await;
            let Some(bytes) = snapshot.read(&RepoPath::new(&app.path()).unwrap()).unwrap() else { continue };
            let read = kubeopt_manifest::workloads(&bytes).unwrap();
            let mut shown = self.shown.lock().unwrap();
            let facts = shown.get_mut(&app.id().cluster).unwrap();
            let live = facts.workloads.iter_mut().find(|workload| workload.id == app.id()).unwrap();
            for (live, read) in live.containers.iter_mut().zip(&read.containers) {
                live.resources = read.resources;
            }
        }
    }
}

/// What a policy says where kubeopt needs no first contact.
pub(crate) fn at_home() -> PolicyFile {
    let text = "pullRequests: {onboarding: false}\n";
    PolicyFile::parse(text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap()
}

fn file(repository: &str, path: &str) -> (String, RepoPath) {
    (repository.to_owned(), RepoPath::new(path).unwrap())
}

fn shown(apps: &[App]) -> BTreeMap<kubeopt_model::ClusterName, ClusterFacts> {
    let mut clusters = BTreeMap::new();
    for app in apps {
        let cluster = app.id().cluster;
        let facts = clusters.entry(cluster.clone()).or_insert_with(|| ClusterFacts::empty(cluster));
        facts.workloads.push(app.workload(ASKED));
        facts.pods.push(app.pod());
    }
    for facts in clusters.values_mut() {
        facts.workloads.sort_by(|a, b| a.id.cmp(&b.id));
    }
    clusters
}
