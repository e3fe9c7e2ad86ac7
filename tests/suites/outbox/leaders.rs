//! Two controllers and one Lease: the leader is frozen in the middle of a write, the lease lapses, the other one takes over,
//! and then the first one wakes up with its write on the way.

use kubeopt_tests::process::Process;
use kubeopt_tests::{port, servers_enabled};
use reqwest::Method;
use serde_json::json;
use tempfile::TempDir;

use super::proxy::{Half, Kept};
use super::{Case, Database, Ground, RUN};
use crate::program::{launch, log_lines};

const SET: &str = "/kubeopt set web cpu.request=777m";

/// A controller that runs until it is dropped.
struct Controller {
    process: Process,
    _folder: TempDir,
}

#[tokio::test]
async fn a_leader_that_wakes_up_late_doubles_neither_pull_request_nor_reply() {
    if !servers_enabled() {
        return;
    }
    let ground = Ground::start().await;
    let case = Case::start(&ground, "leaders", Database::Kept).await;
    let (gitea, repository) = (&ground.gitea, &case.repository);

    let opening = case.hold("pulls");
    let first = case.controller("kubeopt-0");
    let opening = first.until_held(opening).await;
    let second = case.controller("kubeopt-1");
    first.process.pause();
    second
        .process
        .until("the other controller to open the pull request", RUN, async || {
            let open = gitea.pulls(repository, "open").await.len();
            if open == 1 { Ok(()) } else { Err(second.process.log_tail(3)) }
        })
        .await;
    opening.release().await;
    first.wakes_up().await;
    let opened = case.the_only_one().await;

    let said = gitea.comment(&ground.person, repository, 1, SET).await;
    let seeing = case.hold(&format!("issues/comments/{said}/reactions"));
    let seeing = second.until_held(seeing).await;
    second.process.pause();
    first
        .process
        .until("the first controller to obey and to answer", RUN, async || {
            let reactions = gitea.reactions(repository, said).await;
            if reactions.len() == 2 { Ok(()) } else { Err(first.process.log_tail(3)) }
        })
        .await;
    seeing.release().await;
    second.wakes_up().await;
    assert!(second.was_told_that_another_one_leads(), "{}", second.process.log_tail(20));
    let after = case.the_only_one().await;
    assert_eq!(after["pull"]["number"], opened["pull"]["number"]);
    assert_eq!(after["comments"].as_array().map(Vec::len), Some(2), "one reply: {after}");
    let diff = gitea.pull_diff(repository, 1).await;
    assert!(diff.contains("+            cpu: \"777m\"\n"), "{diff}");
    assert_eq!(gitea.reactions(repository, said).await.len(), 2);
}

impl Case<'_> {
    /// Keeps the next POST to a part of the repository's API.
    fn hold(&self, part: &str) -> Kept {
        let path = format!("/api/v1/repos/{}/{part}", self.repository.full_name);
        self.ground.proxy.keep(Half::Request, Method::POST, &path, 0)
    }

    /// Starts a controller with a database of its own, which takes part in the election under this name.
    fn controller(&self, name: &str) -> Controller {
        let folder = kubeopt_tests::folder("leaders");
        let listen = format!("127.0.0.1:{}", port::free());
        let more = json!({ "server": { "listen": listen }, "passes": { "every": "1s" } });
        let config = self.ground.configure(&folder, &self.repository, more);
        let process = launch(name, folder.path())
            .env("HOSTNAME", name)
            .args(["run", "--log-format", "json", "--config"])
            .arg(config)
            .spawn(folder.path());
        Controller { process, _folder: folder }
    }
}

impl Controller {
    /// Waits until a write of the leader's is on its way.
    async fn until_held(&self, mut kept: Kept) -> Kept {
        let check = async || kept.reached.try_recv().map_err(|_| self.process.log_tail(3));
        self.process.until("the leader to begin a write", RUN, check).await;
        kept
    }

    /// Goes on with the pass that it was frozen in, to its end.
    async fn wakes_up(&self) {
        let done = || log_lines(&self.process).iter().filter(|line| line["message"] == "pass done").count();
        let before = done();
        self.process.go_on();
        self.process
            .until("the pass of the frozen controller to end", RUN, async || {
                if done() > before { Ok(()) } else { Err(self.process.log_tail(3)) }
            })
            .await;
    }

    fn was_told_that_another_one_leads(&self) -> bool {
        log_lines(&self.process).iter().any(|line| line["code"] == "E-RUN-006")
    }
}
