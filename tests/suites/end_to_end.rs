//! End to end, nothing mocked: a repository on Gitea, applied by Flux to an API server, pods on kwok's nodes, a fortnight
//! of their usage in Prometheus, and the kubeopt program under the chart's account: one pull request, merged, seen.

mod shop;

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use kubeopt_history::{Journal as _, RecordedState, SqliteJournal};
use kubeopt_model::pull_request::Marker;
use kubeopt_tests::flux::Flux;
use kubeopt_tests::gitea::{Account, Gitea, Repository};
use kubeopt_tests::kubernetes::Kubernetes;
use kubeopt_tests::kwok::Kwok;
use kubeopt_tests::process::Process;
use kubeopt_tests::prometheus::Prometheus;
use kubeopt_tests::{OrFail, http, port, servers_enabled, wait};
use reqwest::StatusCode;
use serde_json::{Value, json};
use tempfile::TempDir;

use crate::chart;
use crate::program::{Settings, database, launch, log_lines};

/// The namespace of Flux's objects.
const FLUX: &str = "flux-system";

/// Several passes of a program that was built without optimisation, on cores that compile.
const PASSES: Duration = Duration::from_secs(180);

/// Everything that an installation has, started and filled; the rest of the test is what kubeopt makes of it.
struct Installation {
    kubeopt: Process,
    address: String,
    _prometheus: Prometheus,
    flux: Flux,
    _kwok: Kwok,
    kubernetes: Kubernetes,
    gitea: Gitea,
    reviewer: Account,
    repository: Repository,
    config: PathBuf,
    folder: TempDir,
}

#[tokio::test]
async fn usage_becomes_one_pull_request_and_its_merge_is_seen_in_the_cluster() {
    if !servers_enabled() {
        return;
    }
    let all = Installation::start().await;
    let first = all.gitea.head(&all.repository, "main").await;

    let number = opened(&all).await;
    assert_the_one_edit(&all, number, &first).await;
    all.passes_more(2).await;
    let before = all.on_the_forge().await;
    all.passes_more(2).await;
    assert_eq!(all.on_the_forge().await, before, "passes on unchanged input change nothing");
    assert_eq!(
        all.gitea.head(&all.repository, "main").await,
        first,
        "nobody but people writes to the base branch"
    );
    answers_probes(&all).await;
    writes_no_workload(&all).await;

    let merge = all.gitea.merge(&all.reviewer, &all.repository, number).await;
    cluster_follows(&all, &merge).await;
    merge_is_seen(&all, number).await;
    all.passes_more(2).await;
    assert_eq!(all.gitea.branches(&all.repository).await, ["main"], "the merged branch is cleaned up");
    assert_eq!(all.gitea.head(&all.repository, "main").await, merge);
    assert_eq!(all.gitea.pulls(&all.repository, "all").await.len(), 1, "there is no second pull request");

    stops_in_good_order(&all).await;
    what_is_kept_tells_of_the_merge(&all, number, &merge).await;
}

impl Installation {
    async fn start() -> Self {
        let (cluster, forge) = tokio::join!(start_cluster(), start_forge());
        let (kubernetes, kwok, flux) = cluster;
        let (gitea, reviewer, bot, repository) = forge;
        deploy(&kubernetes, &flux, &gitea, &repository).await;
        let mut pods = Vec::new();
        for (name, replicas) in shop::DEPLOYMENTS {
            let labels = format!("app={name}");
            pods.extend(kubernetes.running_pods(shop::NAMESPACE, &labels, replicas, wait::RECONCILE).await);
        }
        let prometheus = Prometheus::start(&shop::usage(&pods)).await;

        let folder = kubeopt_tests::folder("end-to-end");
        let address = format!("127.0.0.1:{}", port::free());
        let kubeconfig = kubernetes.service_account_kubeconfig(chart::NAMESPACE, chart::RELEASE).await;
        let settings = Settings {
            kubeconfig: &kubeconfig,
            prometheus: prometheus.url(),
            gitea: gitea.url(),
            token: &gitea.token(&bot.name, &["write:repository", "write:issue"]).await,
            repository: &repository.full_name,
            namespace: shop::NAMESPACE,
            history: &folder.path().join("history"),
        };
        let more = json!({ "server": { "listen": address }, "passes": { "every": "1s" } });
        let config = settings.write(folder.path(), &more);
        let kubeopt = launch("kubeopt", folder.path())
            .args(["run", "--log-format", "json", "--config"])
            .arg(&config)
            .spawn(folder.path());
        let (_prometheus, _kwok) = (prometheus, kwok);
        Self {
            kubeopt,
            address,
            _prometheus,
            flux,
            _kwok,
            kubernetes,
            gitea,
            reviewer,
            repository,
            config,
            folder,
        }
    }

    /// Waits until so many passes have ended from now on.
    async fn passes_more(&self, count: usize) {
        let done = || log_lines(&self.kubeopt).iter().filter(|line| line["message"] == "pass done").count();
        // The pass that runs now may have looked before what the test has just done.
        let wanted = done() + 1 + count;
        self.kubeopt
            .until("more passes", PASSES, async || {
                let done = done();
                if done >= wanted { Ok(()) } else { Err(format!("{done} of {wanted}")) }
            })
            .await;
    }

    /// All that kubeopt could have changed on the forge.
    async fn on_the_forge(&self) -> Vec<Value> {
        let mut all = self.gitea.pulls(&self.repository, "all").await;
        for branch in self.gitea.branches(&self.repository).await {
            let head = self.gitea.head(&self.repository, &branch).await;
            all.push(json!([branch, head]));
        }
        all
    }

    /// The first log line of a message, once it is there.
    async fn logged(&self, message: &str) -> Value {
        self.kubeopt
            .until(&format!("the log line `{message}`"), PASSES, async || {
                let lines = log_lines(&self.kubeopt);
                let found = lines.iter().find(|line| text(&line["message"]).starts_with(message));
                found.cloned().ok_or_else(|| self.kubeopt.log_tail(5))
            })
            .await
    }
}

async fn start_cluster() -> (Kubernetes, Kwok, Flux) {
    let kubernetes = Kubernetes::start().await;
    let kwok = Kwok::start(&kubernetes).await;
    kwok.nodes(&kubernetes, 2, ("8", "32Gi")).await;
    let flux = Flux::start(&kubernetes).await;
    chart::install(&kubernetes).await;
    (kubernetes, kwok, flux)
}

/// A forge with a repository, a reviewer who owns it, and an account for kubeopt.
async fn start_forge() -> (Gitea, Account, Account, Repository) {
    let gitea = Gitea::start().await;
    let reviewer = gitea.user("reviewer").await;
    let bot = gitea.user("kubeopt-bot").await;
    let repository = gitea.repository(&reviewer, "gitops", &shop::FILES).await;
    gitea.collaborator(&repository, &bot, "write").await;
    (gitea, reviewer, bot, repository)
}

async fn deploy(kubernetes: &Kubernetes, flux: &Flux, gitea: &Gitea, repository: &Repository) {
    kubernetes.namespace(shop::NAMESPACE).await;
    flux.git_repository(kubernetes, (FLUX, "gitops"), &repository.clone_url, "main").await;
    for (name, path) in shop::ENTRIES {
        flux.kustomization(kubernetes, (FLUX, name), "gitops", path).await;
    }
    let head = gitea.head(repository, "main").await;
    for (name, _) in shop::ENTRIES {
        flux.until_applied(kubernetes, (FLUX, name), &head).await;
    }
}

/// The number of the pull request that kubeopt says it opened.
async fn opened(all: &Installation) -> u64 {
    let line = all.logged("opened ").await;
    let number = line["number"].as_u64();
    assert!(text(&line["url"]).starts_with(all.gitea.url()), "{line}");
    number.expect("the log names the pull request")
}

/// One pull request with the right edit and nothing else.
async fn assert_the_one_edit(all: &Installation, number: u64, base: &str) {
    let pulls = all.gitea.pulls(&all.repository, "all").await;
    assert_eq!(pulls.iter().map(|pull| pull["number"].as_u64()).collect::<Vec<_>>(), [Some(number)]);
    let pull = &pulls[0];
    assert_eq!((text(&pull["state"]), text(&pull["base"]["ref"])), ("open", "main"));
    assert_eq!(pull["labels"][0]["name"], "rightsizing");
    assert_eq!(edits(&all.gitea.pull_diff(&all.repository, number).await), shop::DIFF);

    let commits = all.gitea.pull_commits(&all.repository, number).await;
    let [commit] = commits.as_slice() else { panic!("there is more than one commit: {commits:?}") };
    assert_eq!(commit["parents"][0]["sha"], base);
    assert_eq!(text(&commit["commit"]["author"]["name"]), "kubeopt");

    assert!(text(&pull["title"]).starts_with("Rightsize shop: 2 workloads"), "{}", pull["title"]);
    let body = text(&pull["body"]);
    for part in shop::BODY_PARTS {
        assert!(body.contains(part), "the body does not say `{part}`:\n{body}");
    }
    let marker = Marker::find(body).expect("the body carries its marker");
    let marked: Vec<_> = marker
        .fields
        .iter()
        .map(|field| {
            (
                field.container.as_str(),
                field.field.as_str(),
                field.value.before.as_str(),
                field.value.after.as_str(),
            )
        })
        .collect();
    assert_eq!(marked, shop::MARKED);
}

/// A diff without the ids of blobs.
fn edits(diff: &str) -> String {
    let lines = diff.lines().filter(|line| !line.starts_with("index "));
    lines.map(|line| format!("{line}\n")).collect()
}

async fn answers_probes(all: &Installation) {
    let http = http();
    let get = async |path: &str| {
        let answer = http.get(format!("http://{}{path}", all.address)).send().await.or_fail("reach kubeopt");
        (answer.status(), answer.text().await.or_fail("read kubeopt's answer"))
    };
    assert_eq!(get("/livez").await.0, StatusCode::OK);
    let (ready, said) = get("/readyz").await;
    assert_eq!(ready, StatusCode::OK, "{said}");
    let (status, metrics) = get("/metrics").await;
    assert_eq!(status, StatusCode::OK);
    let value = |series: &str| -> f64 {
        let line = metrics.lines().find_map(|line| line.strip_prefix(series)?.trim().parse().ok());
        line.unwrap_or_else(|| panic!("there is no {series} in\n{metrics}"))
    };
    assert!(value("kubeopt_passes_total{result=\"done\"}") >= 5.0);
    assert!(value("kubeopt_prometheus_samples_total") > 0.0);
    assert!(value("kubeopt_savings_dollars{basis=\"estimated\"}") > 0.0);
    assert!(value("kubeopt_forge_requests_total{forge=\"gitea\",answer=\"ok\"}") > 0.0);
    let pull_requests = |state| value(&format!("kubeopt_pull_requests{{state=\"{state}\"}}"));
    assert_eq!(pull_requests("open") + pull_requests("merged"), 1.0);
}

/// Neither allowed to nor done.
async fn writes_no_workload(all: &Installation) {
    chart::until_granted_as_listed(&all.kubernetes, shop::NAMESPACE).await;
    for (name, _) in shop::DEPLOYMENTS {
        let found = all.kubernetes.get("apps/v1", "Deployment", shop::NAMESPACE, name).await;
        let fields = found.expect("the Deployment is there").metadata.managed_fields.unwrap_or_default();
        let managers: BTreeSet<_> = fields.iter().filter_map(|entry| entry.manager.as_deref()).collect();
        assert_eq!(managers, BTreeSet::from(["kube-controller-manager", "kustomize-controller"]));
    }
}

/// Flux applies the merge, and pods run with the new values.
async fn cluster_follows(all: &Installation, merge: &str) {
    for (name, _) in shop::ENTRIES {
        all.flux.until_applied(&all.kubernetes, (FLUX, name), merge).await;
    }
    for (deployment, container, requests) in shop::REQUESTS_AFTER {
        let found = all.kubernetes.get("apps/v1", "Deployment", shop::NAMESPACE, deployment).await;
        let containers =
            found.expect("the Deployment is there").data["spec"]["template"]["spec"]["containers"].clone();
        let all = containers.as_array().cloned().unwrap_or_default();
        let one = all.iter().find(|one| one["name"] == container).expect("the container is there");
        let (cpu, memory) = requests;
        assert_eq!(
            one["resources"]["requests"],
            json!({ "cpu": cpu, "memory": memory }),
            "{deployment}/{container}"
        );
    }
}

/// kubeopt says that it saw the merge, and then that the cluster shows its values.
async fn merge_is_seen(all: &Installation, number: u64) {
    all.kubeopt
        .until("kubeopt to see the merged values in the cluster", PASSES, async || {
            let lines = log_lines(&all.kubeopt);
            let seen =
                lines.iter().filter(|line| line["message"] == "merge seen" && line["number"] == number);
            let states: Vec<_> = seen.map(|line| text(&line["sync"]).to_owned()).collect();
            states
                .last()
                .is_some_and(|state| state == "Synced")
                .then_some(())
                .ok_or_else(|| format!("{states:?}"))
        })
        .await;
}

async fn stops_in_good_order(all: &Installation) {
    let lease = async || {
        let lease = all
            .kubernetes
            .get("coordination.k8s.io/v1", "Lease", chart::NAMESPACE, "kubeopt-controller")
            .await;
        lease.expect("the controller made its Lease").data["spec"]["holderIdentity"].clone()
    };
    assert!(text(&lease().await).starts_with("kubeopt-0"), "the controller holds its Lease");
    all.kubeopt.stop();
    let status = all.kubeopt.end(wait::RECONCILE).await;
    assert!(status.success(), "{status}: {}", all.kubeopt.log_tail(20));
    assert!(text(&lease().await).is_empty(), "the Lease was given away");
}

/// The journal remembers the merge, and a command of its own, later, has nothing to propose and says what it sees.
async fn what_is_kept_tells_of_the_merge(all: &Installation, number: u64, merge: &str) {
    let journal = SqliteJournal::open(database(all.folder.path())).await.or_fail("open the journal");
    let records = journal.pull_requests().await.or_fail("read the journal");
    let known: Vec<_> =
        records.iter().map(|record| (record.number, record.state, record.commit.as_deref())).collect();
    assert_eq!(known, [(number, RecordedState::Synced, Some(merge))]);
    journal.close().await;

    let said = launch("propose", all.folder.path())
        .args(["propose", "--output", "json", "--quiet", "--config"])
        .arg(&all.config)
        .run()
        .await;
    let report: Value = serde_json::from_str(&said).or_fail("read what propose printed");
    assert_eq!(report["proposals"], json!([]));
    let fields = shop::MARKED.len();
    let merges: Vec<_> = report["merges"].as_array().into_iter().flatten().collect();
    let [seen] = merges.as_slice() else { panic!("{report}") };
    assert_eq!((&seen["number"], &seen["mergeCommit"]), (&json!(number), &json!(merge)));
    assert_eq!((&seen["syncedFields"], &seen["fields"]), (&json!(fields), &json!(fields)));
}

fn text(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
