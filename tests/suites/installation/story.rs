//! The story: usage becomes one pull request, a reviewer merges it, and kubeopt sees its values in the cluster.

use std::collections::BTreeSet;

use kubeopt_history::{Journal as _, RecordedState, SqliteJournal};
use kubeopt_model::pull_request::Marker;
use kubeopt_tests::{OrFail, http, wait};
use reqwest::StatusCode;
use serde_json::{Value, json};

use super::{Applies, Installation, PASSES, text};
use crate::chart;
use crate::program::{database, log_lines};

impl<A: Applies> Installation<A> {
    /// From the first pass to the end of the program.
    pub(crate) async fn tell(self) {
        let (gitea, repository) = (&self.platform.gitea, &self.repository);
        let first = gitea.head(repository, "main").await;

        let number = self.opened(0).await;
        self.assert_the_one_edit(number, &first).await;
        self.passes_more(2).await;
        let before = self.on_the_forge().await;
        self.passes_more(2).await;
        assert_eq!(self.on_the_forge().await, before, "passes on unchanged input change nothing");
        assert_eq!(
            gitea.head(repository, "main").await,
            first,
            "nobody but people writes to the base branch"
        );
        self.answers_probes().await;
        self.writes_no_workload().await;

        let merge = gitea.merge(&self.platform.reviewer, repository, number).await;
        self.cluster_follows(&merge).await;
        self.merge_is_seen(number).await;
        self.passes_more(2).await;
        assert_eq!(gitea.branches(repository).await, ["main"], "the merged branch is cleaned up");
        assert_eq!(gitea.head(repository, "main").await, merge);
        assert_eq!(gitea.pulls(repository, "all").await.len(), 1, "there is no second pull request");

        self.stops_in_good_order().await;
        self.what_is_kept_tells_of_the_merge(number, &merge).await;
    }

    /// The number of the next pull request that kubeopt says it opened, after one that is known.
    pub(crate) async fn opened(&self, after: u64) -> u64 {
        let what = format!("kubeopt to open a pull request after #{after}");
        let is_next = |line: &&Value| {
            text(&line["message"]).starts_with("opened ")
                && line["number"].as_u64().is_some_and(|it| it > after)
        };
        let line = self
            .kubeopt
            .until(&what, PASSES, async || {
                log_lines(&self.kubeopt).iter().find(is_next).cloned().ok_or_else(|| self.kubeopt.log_tail(5))
            })
            .await;
        assert!(text(&line["url"]).starts_with(self.platform.gitea.url()), "{line}");
        line["number"].as_u64().expect("the log names the pull request")
    }

    /// One pull request with the right edit and nothing else.
    async fn assert_the_one_edit(&self, number: u64, base: &str) {
        let (gitea, scene) = (&self.platform.gitea, &self.scene);
        let pulls = gitea.pulls(&self.repository, "all").await;
        assert_eq!(pulls.iter().map(|pull| pull["number"].as_u64()).collect::<Vec<_>>(), [Some(number)]);
        let pull = &pulls[0];
        assert_eq!((text(&pull["state"]), text(&pull["base"]["ref"])), ("open", "main"));
        assert_eq!(pull["labels"][0]["name"], "rightsizing");
        assert_eq!(edits(&gitea.pull_diff(&self.repository, number).await), scene.diff);

        let commits = gitea.pull_commits(&self.repository, number).await;
        let [commit] = commits.as_slice() else { panic!("there is more than one commit: {commits:?}") };
        assert_eq!(commit["parents"][0]["sha"], base);
        assert_eq!(text(&commit["commit"]["author"]["name"]), "kubeopt");

        assert!(text(&pull["title"]).starts_with(scene.title), "{}", pull["title"]);
        let body = text(&pull["body"]);
        for part in &scene.body_parts {
            assert!(body.contains(part), "the body does not say `{part}`:\n{body}");
        }
        let marker = Marker::find(body).expect("the body carries its marker");
        let fields = marker.fields.iter();
        let marked: Vec<_> = fields
            .map(|field| {
                let value = &field.value;
                (field.container.as_str(), field.field.as_str(), value.before.as_str(), value.after.as_str())
            })
            .collect();
        assert_eq!(marked, scene.marked);
    }

    async fn answers_probes(&self) {
        let http = http();
        let get = async |path: &str| {
            let answer =
                http.get(format!("http://{}{path}", self.address)).send().await.or_fail("reach kubeopt");
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
    async fn writes_no_workload(&self) {
        let kubernetes = &self.platform.kubernetes;
        chart::until_granted_as_listed(kubernetes, self.scene.namespace).await;
        for (name, _) in &self.scene.deployments {
            let found = kubernetes.get("apps/v1", "Deployment", self.scene.namespace, name).await;
            let fields = found.expect("the Deployment is there").metadata.managed_fields.unwrap_or_default();
            let managers: BTreeSet<_> = fields.iter().filter_map(|entry| entry.manager.as_deref()).collect();
            assert_eq!(managers, BTreeSet::from(["kube-controller-manager", A::MANAGER]));
        }
    }

    /// The merge is applied, and pods run with the new values.
    pub(crate) async fn cluster_follows(&self, merge: &str) {
        let kubernetes = &self.platform.kubernetes;
        self.applies.until_applied(kubernetes, merge).await;
        for (deployment, container, (cpu, memory)) in &self.scene.requests_after {
            let found = kubernetes.get("apps/v1", "Deployment", self.scene.namespace, deployment).await;
            let pod = found.expect("the Deployment is there").data["spec"]["template"]["spec"].clone();
            let all = pod["containers"].as_array().cloned().unwrap_or_default();
            let one = all.iter().find(|one| one["name"] == *container).expect("the container is there");
            let wanted = json!({ "cpu": cpu, "memory": memory });
            assert_eq!(one["resources"]["requests"], wanted, "{deployment}/{container}");
        }
    }

    /// kubeopt says that it saw the merge, and then that the cluster shows its values.
    pub(crate) async fn merge_is_seen(&self, number: u64) {
        self.kubeopt
            .until("kubeopt to see the merged values in the cluster", PASSES, async || {
                let lines = log_lines(&self.kubeopt);
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

    async fn stops_in_good_order(&self) {
        let lease = async || {
            let kubernetes = &self.platform.kubernetes;
            let lease = kubernetes
                .get("coordination.k8s.io/v1", "Lease", chart::NAMESPACE, "kubeopt-controller")
                .await;
            lease.expect("the controller made its Lease").data["spec"]["holderIdentity"].clone()
        };
        assert!(text(&lease().await).starts_with("kubeopt-0"), "the controller holds its Lease");
        self.kubeopt.stop();
        let status = self.kubeopt.end(wait::RECONCILE).await;
        assert!(status.success(), "{status}: {}", self.kubeopt.log_tail(20));
        assert!(text(&lease().await).is_empty(), "the Lease was given away");
    }

    /// The journal remembers the merge, and a command of its own, later, has nothing to propose and says what it sees.
    async fn what_is_kept_tells_of_the_merge(&self, number: u64, merge: &str) {
        let journal = SqliteJournal::open(database(self.folder.path())).await.or_fail("open the journal");
        let records = journal.pull_requests().await.or_fail("read the journal");
        let known: Vec<_> =
            records.iter().map(|record| (record.number, record.state, record.commit.as_deref())).collect();
        assert_eq!(known, [(number, RecordedState::Synced, Some(merge))]);
        journal.close().await;

        let said = self.command("propose", &["propose", "--output", "json", "--quiet"]).await;
        let report: Value = serde_json::from_str(&said).or_fail("read what propose printed");
        assert_eq!(report["proposals"], json!([]));
        let fields = self.scene.marked.len();
        let merges: Vec<_> = report["merges"].as_array().into_iter().flatten().collect();
        let [seen] = merges.as_slice() else { panic!("{report}") };
        assert_eq!((&seen["number"], &seen["mergeCommit"]), (&json!(number), &json!(merge)));
        assert_eq!((&seen["syncedFields"], &seen["fields"]), (&json!(fields), &json!(fields)));
        self.what_it_saves_is_told(number).await;
    }

    /// The merged pull request alone, with every request that it changed; never more than the old requests cost.
    async fn what_it_saves_is_told(&self, number: u64) {
        let said =
            self.command("savings", &["savings", "--since", "30d", "--output", "json", "--quiet"]).await;
        let report: Value = serde_json::from_str(&said).or_fail("read what savings printed");
        let rows: Vec<_> = report["rows"].as_array().into_iter().flatten().collect();
        let [row] = rows.as_slice() else { panic!("{report}") };
        assert!(text(&row["pullRequest"]).ends_with(&format!("/gitops #{number}")), "{report}");
        let requests =
            self.scene.marked.iter().filter(|(_, field, ..)| field.starts_with("requests.")).count();
        assert_eq!((&row["requests"], &row["unknownRequests"]), (&json!(requests), &json!(0)), "{report}");
        let money = |value: &Value| -> f64 { text(value).parse().or_fail("read an amount of money") };
        assert!(money(&report["monthly"]) < 0.0 && report["monthly"] == row["monthly"], "{report}");
        // It was merged minutes ago: a small part of a month.
        assert!(
            money(&report["soFar"]) <= 0.0 && money(&report["soFar"]) > money(&report["monthly"]),
            "{report}"
        );
        assert_eq!(report["basis"], "estimated");

        let table = self.command("savings", &["savings", "--since", "30d", "--quiet"]).await;
        assert!(table.contains(&format!("/gitops #{number}")) && table.contains("-$"), "{table}");
    }
}

/// A diff without the ids of blobs.
pub(crate) fn edits(diff: &str) -> String {
    let lines = diff.lines().filter(|line| !line.starts_with("index "));
    lines.map(|line| format!("{line}\n")).collect()
}
