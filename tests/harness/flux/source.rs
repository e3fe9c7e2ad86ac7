//! The harness in source-controller's place.
//!
//! Follows every GitRepository of the cluster: fetches its branch, serves the
//! files as tar.gz over HTTP, and writes the status that source-controller
//! would write, which is what kustomize-controller goes by.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use axum::Router;
use axum::extract::{Path as UrlPath, State};
use axum::http::StatusCode;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ApiResource, DynamicObject, GroupVersionKind, ListParams, Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config, ResourceExt};
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use tokio::sync::oneshot;

use crate::archive::{self, Archive};
use crate::{OrFail, port};

/// How often branches are looked at: a test that merges should not wait for what follows.
const LOOK: Duration = Duration::from_millis(500);

/// What the follower and the HTTP server share.
#[derive(Default)]
struct Store {
    archives: Mutex<HashMap<String, Vec<u8>>>,
    folders: Mutex<HashMap<String, PathBuf>>,
}

/// A thread that plays source-controller until it is dropped.
pub(super) struct Source {
    store: Arc<Store>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Source {
    /// Starts the thread; `work` is where it keeps its clones.
    ///
    /// It has a runtime of its own, because the test's may be single-threaded and busy.
    pub(super) fn start(kubeconfig: &Path, work: &Path) -> Self {
        let store = Arc::new(Store::default());
        let (stop, stopped) = oneshot::channel();
        let run = run(Arc::clone(&store), kubeconfig.to_owned(), work.to_owned(), stopped);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.or_fail("start a runtime for the place of source-controller");
        let thread = std::thread::Builder::new()
            .name("source".to_owned())
            .spawn(move || runtime.block_on(run))
            .or_fail("start the place of source-controller");
        Self { store, stop: Some(stop), thread: Some(thread) }
    }

    pub(super) fn read_from(&self, url: &str, folder: &Path) {
        lock(&self.store.folders).insert(url.to_owned(), folder.to_owned());
    }
}

impl Drop for Source {
    fn drop(&mut self) {
        // Either is gone only when the thread has ended, and then there is nothing to stop.
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

async fn run(store: Arc<Store>, kubeconfig: PathBuf, work: PathBuf, stopped: oneshot::Receiver<()>) {
    let address = format!("127.0.0.1:{}", port::free());
    let listener = tokio::net::TcpListener::bind(&address).await.or_fail("listen for Flux");
    let routes = Router::new().route("/{*path}", axum::routing::get(serve)).with_state(Arc::clone(&store));
    let kubeconfig = Kubeconfig::read_from(kubeconfig).or_fail("read a kubeconfig file");
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await;
    let client = Client::try_from(config.or_fail("use a kubeconfig file")).or_fail("make a client");
    let follower = Follower { store, client, work, url: format!("http://{address}") };
    tokio::select! {
        served = async { axum::serve(listener, routes).await } => served.or_fail("serve Flux"),
        () = follower.follow() => {},
        _ = stopped => {},
    }
}

async fn serve(
    State(store): State<Arc<Store>>,
    UrlPath(path): UrlPath<String>,
) -> Result<Vec<u8>, StatusCode> {
    lock(&store.archives).get(&path).cloned().ok_or(StatusCode::NOT_FOUND)
}

struct Follower {
    store: Arc<Store>,
    client: Client,
    work: PathBuf,
    url: String,
}

impl Follower {
    async fn follow(&self) {
        let kind = GroupVersionKind::gvk("source.toolkit.fluxcd.io", "v1", "GitRepository");
        let repositories: Api<DynamicObject> =
            Api::all_with(self.client.clone(), &ApiResource::from_gvk_with_plural(&kind, "gitrepositories"));
        let mut ticks = tokio::time::interval(LOOK);
        loop {
            ticks.tick().await;
            // An API server that is starting or stopping is asked again at the next tick.
            let Ok(found) = repositories.list(&ListParams::default()).await else { continue };
            for repository in found.items {
                if repository.data["spec"]["suspend"] != true {
                    self.look_at(&repository).await;
                }
            }
        }
    }

    async fn look_at(&self, repository: &DynamicObject) {
        let spec = &repository.data["spec"];
        let branch = spec["ref"]["branch"].as_str().unwrap_or("master");
        let url = self.address(spec["url"].as_str().unwrap_or_default());
        let known = repository.data["status"]["artifact"]["revision"].as_str().unwrap_or_default();
        let asked = repository.annotations().get("reconcile.fluxcd.io/requestedAt");
        let handled = repository.data["status"]["lastHandledReconcileAt"].as_str();
        let status = match archive::tip(&url, branch).await {
            Ok(tip) if known == revision(branch, &tip) && handled == asked.map(String::as_str) => return,
            Ok(_) => {
                let work = self.work.join(repository.uid().unwrap_or_default());
                let fetched = archive::fetch(&work, &url, branch).await;
                fetched.map(|archive| self.store_artifact(repository, branch, archive))
            }
            Err(error) => Err(error),
        };
        match status {
            Ok(status) => self.write(repository, status).await,
            Err(error) if is_known(repository, &error) => {}
            Err(error) => self.write(repository, failed(repository, &error)).await,
        }
    }

    fn address(&self, url: &str) -> String {
        let folders = lock(&self.store.folders);
        folders.get(url).map_or_else(|| url.to_owned(), |folder| folder.display().to_string())
    }

    fn store_artifact(&self, repository: &DynamicObject, branch: &str, archive: Archive) -> Value {
        let namespace = repository.namespace().unwrap_or_default();
        let path = format!("gitrepository/{namespace}/{}/{}.tar.gz", repository.name_any(), archive.commit);
        let revision = revision(branch, &archive.commit);
        let message = format!("stored artifact for revision '{revision}'");
        let status = json!({
            "observedGeneration": repository.metadata.generation,
            "artifact": {
                "path": path,
                "url": format!("{}/{path}", self.url),
                "revision": revision,
                "digest": format!("sha256:{}", hex::encode(Sha256::digest(&archive.tar_gz))),
                "lastUpdateTime": now(),
                "size": archive.tar_gz.len(),
            },
            "conditions": [
                condition(repository, "Ready", "True", "Succeeded", &message),
                condition(repository, "ArtifactInStorage", "True", "Succeeded", &message),
            ],
        });
        lock(&self.store.archives).insert(path, archive.tar_gz);
        status
    }

    async fn write(&self, repository: &DynamicObject, mut status: Value) {
        if let Some(asked) = repository.annotations().get("reconcile.fluxcd.io/requestedAt") {
            status["lastHandledReconcileAt"] = json!(asked);
        }
        let namespace = repository.namespace().unwrap_or_default();
        let kind = GroupVersionKind::gvk("source.toolkit.fluxcd.io", "v1", "GitRepository");
        let resource = ApiResource::from_gvk_with_plural(&kind, "gitrepositories");
        let api: Api<DynamicObject> = Api::namespaced_with(self.client.clone(), &namespace, &resource);
        let patch = Patch::Merge(json!({ "status": status }));
        // An object that has just been deleted is not in the next list.
        let _ = api.patch_status(&repository.name_any(), &PatchParams::default(), &patch).await;
    }
}

fn failed(repository: &DynamicObject, error: &str) -> Value {
    json!({
        "observedGeneration": repository.metadata.generation,
        "conditions": [condition(repository, "Ready", "False", "GitOperationFailed", error)],
    })
}

/// Writing the same failure twice a second would wake every watcher for nothing.
fn is_known(repository: &DynamicObject, error: &str) -> bool {
    let conditions =
        repository.data["status"]["conditions"].as_array().map(Vec::as_slice).unwrap_or_default();
    conditions.iter().any(|condition| condition["type"] == "Ready" && condition["message"] == error)
}

fn condition(repository: &DynamicObject, kind: &str, status: &str, reason: &str, message: &str) -> Value {
    json!({
        "type": kind, "status": status, "reason": reason, "message": message,
        "observedGeneration": repository.metadata.generation, "lastTransitionTime": now(),
    })
}

fn revision(branch: &str, commit: &str) -> String {
    format!("{branch}@sha1:{commit}")
}

/// RFC 3339 in whole seconds, as Kubernetes writes times.
fn now() -> String {
    Timestamp::now().strftime("%Y-%m-%dT%H:%M:%SZ").to_string()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
