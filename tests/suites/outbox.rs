//! kubeopt killed at each step of its outbox, with its database and without: one pull request, one branch, one commit, all
//! that stands beside them; and killed at each step of a conversation: one reply to each comment.
//!
//! The program, Gitea, Prometheus and the API server are real. A kill is SIGKILL, at a moment that is held from outside:
//! a request or an answer is kept by a proxy before Gitea, or the database does not get a row written.

mod conversation;
mod database;
mod leaders;
mod proxy;

use std::path::PathBuf;
use std::time::Duration;

use futures::StreamExt as _;
use kubeopt_history::OutboxStep;
use kubeopt_tests::gitea::{Account, Gitea, Repository};
use kubeopt_tests::kubernetes::Kubernetes;
use kubeopt_tests::process::Process;
use kubeopt_tests::prometheus::Prometheus;
use kubeopt_tests::usage::{Container, Shape, Usage};
use kubeopt_tests::{OrFail, servers_enabled};
use reqwest::Method;
use serde_json::{Value, json};
use tempfile::TempDir;

use self::database::Stuck;
use self::proxy::{Half, Proxy};
use crate::chart;
use crate::program::{CLUSTER, FORGE, Settings, database as database_in, launch};

/// A run takes seconds; the rest is room for cores that compile.
const RUN: Duration = Duration::from_secs(120);

/// Cases side by side: most of a case is the second that kubeopt leaves between two writes.
const AT_A_TIME: usize = 8;

/// What runs, and what the repository says.
fn web() -> String {
    kubeopt_tests::manifest::web(2, &[("requests", ["1", "2Gi"])])
}

/// A label that the repository does not have yet, and somebody who is asked for a review.
const POLICY: &str = "pullRequests: {labels: [rightsizing], reviewers: [person]}\n";

/// A moment at which the program is killed.
#[derive(Clone, Copy, Debug)]
struct Moment {
    name: &'static str,
    held: Held,
    /// The step that the outbox knows then.
    noted: &'static str,
    /// Branches of kubeopt's, and pull requests, that Gitea has then.
    there: (usize, usize),
}

#[derive(Clone, Copy, Debug)]
enum Held {
    /// The POST to this part of the repository's API, after so many others to it.
    Post(Half, &'static str, usize),
    /// A row of the database.
    Row(Stuck),
}

const MOMENTS: [Moment; 14] = {
    use Half::{Answer, Request};
    const fn post(
        name: &'static str,
        half: Half,
        part: &'static str,
        noted: &'static str,
        there: (usize, usize),
    ) -> Moment {
        Moment { name, held: Held::Post(half, part, 0), noted, there }
    }
    [
        post("planned", Request, "contents", "planned", (0, 0)),
        post("pushed-unheard", Answer, "contents", "planned", (1, 0)),
        post("label", Request, "labels", "pushed", (1, 0)),
        post("label-unheard", Answer, "labels", "pushed", (1, 0)),
        post("pushed", Request, "pulls", "pushed", (1, 0)),
        post("opened-unheard", Answer, "pulls", "pushed", (1, 1)),
        post("review", Request, "pulls/1/requested_reviewers", "opened", (1, 1)),
        post("review-unheard", Answer, "pulls/1/requested_reviewers", "opened", (1, 1)),
        post("verified", Request, "statuses", "opened", (1, 1)),
        post("verified-unheard", Answer, "statuses", "opened", (1, 1)),
        Moment { name: "judged", held: Held::Post(Request, "statuses", 1), noted: "opened", there: (1, 1) },
        Moment {
            name: "judged-unheard",
            held: Held::Post(Answer, "statuses", 1),
            noted: "opened",
            there: (1, 1),
        },
        Moment { name: "opened", held: Held::Row(Stuck::Announced), noted: "opened", there: (1, 1) },
        Moment { name: "announced", held: Held::Row(Stuck::Events), noted: "announced", there: (1, 1) },
    ]
};

/// What becomes of the database between kill and restart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Database {
    Kept,
    Deleted,
}

#[tokio::test]
async fn a_kill_at_any_step_neither_loses_nor_doubles_a_pull_request() {
    if !servers_enabled() {
        return;
    }
    let ground = Ground::start().await;
    let cases = MOMENTS.iter().flat_map(|moment| [(moment, Database::Kept), (moment, Database::Deleted)]);
    let runs = futures::stream::iter(cases).map(|(moment, database)| {
        let ground = &ground;
        async move { Case::start(ground, moment.name, database).await.run(moment).await }
    });
    let survived = runs.buffer_unordered(AT_A_TIME).collect::<Vec<()>>().await;
    assert_eq!(survived.len(), 2 * MOMENTS.len());
}

/// What all cases share: one cluster with one oversized Deployment, its usage, one forge.
struct Ground {
    _kubernetes: Kubernetes,
    kubeconfig: PathBuf,
    prometheus: Prometheus,
    gitea: Gitea,
    person: Account,
    bot: Account,
    token: String,
    proxy: Proxy,
}

impl Ground {
    async fn start() -> Self {
        let usage = usage();
        let (kubernetes, gitea, prometheus) =
            tokio::join!(Kubernetes::start_api_only(), Gitea::start(), Prometheus::start(&usage));
        chart::install(&kubernetes).await;
        kubernetes.namespace("shop").await;
        kubernetes.apply(&web()).await;
        chart::until_granted_as_listed(&kubernetes, "shop").await;
        let kubeconfig = kubernetes.service_account_kubeconfig(chart::NAMESPACE, chart::RELEASE).await;
        let person = gitea.user("person").await;
        let bot = gitea.user("kubeopt-bot").await;
        let token = gitea.token(&bot.name, &["write:repository", "write:issue"]).await;
        let proxy = Proxy::start(gitea.url()).await;
        Self { _kubernetes: kubernetes, kubeconfig, prometheus, gitea, person, bot, token, proxy }
    }

    /// Writes `kubeopt.yaml` for a repository, with more keys, and gives its name.
    fn configure(&self, folder: &TempDir, repository: &Repository, mut more: Value) -> PathBuf {
        let settings = Settings {
            kubeconfig: &self.kubeconfig,
            prometheus: self.prometheus.url(),
            gitea: self.proxy.url(),
            token: &self.token,
            repository: &repository.full_name,
            namespace: "shop",
            history: &folder.path().join("history"),
        };
        more["sources"] = json!([{
            "cluster": CLUSTER, "namespaces": ["shop"], "forge": FORGE, "repository": repository.full_name,
            "path": "apps", "renderer": "plain",
        }]);
        settings.write(folder.path(), &more)
    }
}

/// Fourteen days of usage that never changes, so that every run wants the same.
fn usage() -> Usage {
    let container = |ending: &str| {
        Container::new("shop", &format!("web-5d8c7b9f6d-{ending}"), "web")
            .cpu(Shape::flat(0.3))
            .memory(Shape::flat(500.0 * 1024.0 * 1024.0))
    };
    Usage::days_before_now(14).containers(["x7k2p", "q9w4z"].map(container))
}

/// One kill: a repository and an installation of its own.
struct Case<'a> {
    ground: &'a Ground,
    database: Database,
    repository: Repository,
    folder: TempDir,
    config: PathBuf,
    /// The tip of `main`.
    base: String,
}

impl<'a> Case<'a> {
    async fn start(ground: &'a Ground, moment: &str, database: Database) -> Self {
        let name = format!("{moment}-{database:?}").to_lowercase();
        let web = web();
        let files = [("apps/web.yaml", web.as_str()), (".kubeopt.yaml", POLICY)];
        let repository = ground.gitea.repository(&ground.person, &name, &files).await;
        ground.gitea.collaborator(&repository, &ground.bot, "write").await;
        let base = ground.gitea.head(&repository, "main").await;
        let folder = kubeopt_tests::folder("outbox");
        let config = ground.configure(&folder, &repository, json!({}));
        Self { ground, database, repository, folder, config, base }
    }

    async fn run(self, moment: &Moment) {
        let branch_then = self.killed(moment).await;
        self.find_or_lose_the_database().await;
        let restarted = self.propose("restart").await;
        assert!(
            ["opened", "updated", "unchanged"].contains(&state(&restarted)),
            "{}: {restarted}",
            self.name()
        );
        let after = self.the_only_one().await;
        if let Some(then) = branch_then {
            assert_eq!(after["head"], then, "{}: what was pushed is not pushed again", self.name());
        }
        let unfinished: Vec<_> = database::outbox(&self.file()).await;
        let unfinished: Vec<_> =
            unfinished.iter().filter(|entry| entry.step != OutboxStep::Announced).collect();
        assert!(unfinished.is_empty(), "{}: {unfinished:?}", self.name());

        self.all_stands_beside(&after, moment).await;

        let again = self.propose("again").await;
        assert_eq!(state(&again), "unchanged", "{}: {again}", self.name());
        assert_eq!(
            self.the_only_one().await,
            after,
            "{}: a run that has nothing to do changes nothing",
            self.name()
        );
    }

    async fn find_or_lose_the_database(&self) {
        match self.database {
            Database::Kept => database::get_going(&self.file()).await,
            Database::Deleted => database::delete(&self.file()),
        }
    }

    /// Asserts that the label, the request for a review and both statuses are there, the statuses once each.
    async fn all_stands_beside(&self, there: &Value, moment: &Moment) {
        let pull = &there["pull"];
        assert_eq!(pull["labels"][0]["name"], "rightsizing", "{}", self.name());
        let head = there["head"].as_str().unwrap_or_default();
        let path = format!("/repos/{}/commits/{head}/statuses", self.repository.full_name);
        let statuses = self.ground.gitea.call(Method::GET, &path, None).await;
        let list = statuses.as_array().map(Vec::as_slice).unwrap_or_default();
        let mut contexts: Vec<_> =
            list.iter().map(|status| (status["context"].as_str(), status["status"].as_str())).collect();
        contexts.sort_unstable();
        let both = ["kubeopt/policy", "kubeopt/verify"].map(|name| (Some(name), Some("success")));
        assert_eq!(contexts, both, "{}", self.name());
        let reviewers = pull["requested_reviewers"].as_array().map_or(0, Vec::len);
        // With the database goes whether anybody was asked, and one who took the request away is not asked again. A kill
        // right after the opening may come before the question or after it.
        let may_be_forgotten = self.database == Database::Deleted
            && matches!(moment.name, "opened-unheard" | "review" | "opened");
        assert!(reviewers == 1 || may_be_forgotten, "{}: {reviewers} reviewers", self.name());
    }

    /// Runs the program to the moment and kills it; gives the commit of its branch, where Gitea has one by then.
    async fn killed(&self, moment: &Moment) -> Option<Value> {
        match moment.held {
            Held::Post(half, part, after) => self.kill_at_post(half, part, after).await,
            Held::Row(stuck) => {
                database::get_stuck(&self.file(), stuck).await;
                let process = self.launch("killed").spawn(self.folder.path());
                let check = async || match database::step(&self.file()).await {
                    Ok(step) if step == stuck.after() => Ok(()),
                    Ok(step) | Err(step) => Err(step),
                };
                process.until(&format!("{}: the row before the stuck one", self.name()), RUN, check).await;
                kill(&process);
            }
        }
        assert_eq!(database::step(&self.file()).await.as_deref(), Ok(moment.noted), "{}", self.name());
        let gitea = &self.ground.gitea;
        let branches = self.own_branches().await;
        let pulls = gitea.pulls(&self.repository, "all").await;
        assert_eq!((branches.len(), pulls.len()), moment.there, "{}", self.name());
        let branch = branches.first()?;
        Some(json!(gitea.head(&self.repository, branch).await))
    }

    /// Runs the program until a POST of its own, or the answer to it, is held, and kills it.
    async fn kill_at_post(&self, half: Half, part: &str, after: usize) {
        let path = format!("/api/v1/repos/{}/{part}", self.repository.full_name);
        let mut kept = self.ground.proxy.keep(half, Method::POST, &path, after);
        let process = self.launch("killed").spawn(self.folder.path());
        let check = async || kept.reached.try_recv().map_err(|error| error.to_string());
        process.until(&format!("{}: the held POST", self.name()), RUN, check).await;
        kill(&process);
    }

    /// Asserts that Gitea has one pull request, one branch beside `main` and one commit on top of it; gives all three.
    async fn the_only_one(&self) -> Value {
        let gitea = &self.ground.gitea;
        let pulls = gitea.pulls(&self.repository, "all").await;
        let [pull] = pulls.as_slice() else { panic!("{}: pull requests: {pulls:?}", self.name()) };
        let branches = self.own_branches().await;
        let [branch] = branches.as_slice() else { panic!("{}: branches: {branches:?}", self.name()) };
        assert_eq!((&pull["state"], &pull["head"]["ref"]), (&json!("open"), &json!(branch)));
        let commits = gitea.commits(&self.repository, branch).await;
        let ids: Vec<_> = commits.iter().filter_map(|commit| commit["sha"].as_str()).collect();
        let [head, below, ..] = ids.as_slice() else { panic!("{}: commits: {ids:?}", self.name()) };
        assert_eq!(*below, self.base, "{}: one commit on top of the base", self.name());
        assert_eq!(commits[0]["parents"].as_array().map(Vec::len), Some(1));
        assert_eq!(&pull["head"]["sha"], head);
        assert_eq!(gitea.head(&self.repository, "main").await, self.base);
        let mut pull = pull.clone();
        // Gitea works this out on its own, some moments after each push.
        pull["mergeable"] = Value::Null;
        json!({ "head": head, "pull": pull, "comments": gitea.comments(&self.repository, 1).await })
    }

    async fn own_branches(&self) -> Vec<String> {
        let branches = self.ground.gitea.branches(&self.repository).await;
        branches.into_iter().filter(|branch| branch != "main").collect()
    }

    /// Runs the program to its end and gives what it did with the one proposal.
    async fn propose(&self, run: &str) -> Value {
        let running = self.launch(run).run();
        let said = tokio::time::timeout(RUN, running).await.or_fail(&format!("end {run} of {}", self.name()));
        let report: Value = serde_json::from_str(&said).or_fail("read what propose printed");
        report["proposals"][0]["published"].clone()
    }

    fn launch(&self, run: &str) -> kubeopt_tests::process::Launch {
        launch(run, self.folder.path())
            .args(["propose", "--output", "json", "--quiet", "--config"])
            .arg(&self.config)
    }

    fn file(&self) -> PathBuf {
        database_in(self.folder.path())
    }

    fn name(&self) -> &str {
        &self.repository.full_name
    }
}

fn kill(process: &Process) {
    assert!(process.ended().is_none(), "it runs until it is killed: {}", process.log_tail(20));
    process.kill();
}

fn state(published: &Value) -> &str {
    published["state"].as_str().unwrap_or_default()
}
