//! The life of a repository with kubeopt: asked first; then of a pull request: opened, talked about, merged, seen in the cluster, found to do harm, taken back, left alone;
//! and each step of it in the audit.
//!
//! What is played: time, and the kubelet. Hours cannot pass in a test, so while kubeopt is stopped its database is told that
//! the cluster showed the merge hours ago, and Prometheus gets the hours since as it would have scraped them. Pods on kwok's
//! nodes use nothing and are never killed, so their status is written as a kubelet writes it. Everything else is real.

use k8s_openapi::jiff::Timestamp;
use kubeopt_history::{EventFilter, Journal as _, SqliteJournal};
use kubeopt_tests::flux::Flux;
use kubeopt_tests::gitea::Account;
use kubeopt_tests::usage::Usage;
use kubeopt_tests::{OrFail, wait};
use serde_json::{Value, json};

use super::shop;
use crate::installation::{Installation, PASSES, edits, text};
use crate::program::database;

const HOUR_S: i64 = 3600;

/// A watch of a day is looked at after three hours for the first time; the hour of the sync itself does not count, and the
/// hour that runs has not ended.
const HOURS_PLAYED: i64 = 5;

impl Installation<Flux> {
    /// From the first pass to the audit of all that followed.
    pub(super) async fn live(mut self, reader: &Account) {
        let first = self.opened(0).await;
        self.is_asked_first(first).await;
        let number = self.opened(first).await;
        self.is_talked_about(number).await;
        self.does_not_obey(reader, number).await;

        let merge = self.merge(number).await;
        self.cluster_follows(&merge).await;
        self.merge_is_seen(number).await;

        self.hours_pass_in_which_containers_are_killed(number).await;
        let back = self.opened(number).await;
        self.assert_the_harm_is_told(number, back).await;

        let merge = self.merge(back).await;
        self.scene.requests_after = shop::REQUESTS_BEFORE.to_vec();
        self.cluster_follows(&merge).await;
        self.merge_is_seen(back).await;
        self.assert_every_byte_is_back().await;
        self.is_left_alone(number, back).await;

        self.kubeopt.stop();
        self.kubeopt.end(wait::RECONCILE).await;
        self.assert_the_audit_is_complete(first, number, back).await;
    }

    /// A repository without a policy is asked once and hears of nothing else until somebody merges; the team then writes a
    /// policy of its own over the first one.
    async fn is_asked_first(&self, first: u64) {
        let (gitea, repository) = (&self.platform.gitea, &self.repository);
        self.passes_more(2).await;
        assert_eq!(gitea.pulls(repository, "all").await.len(), 1, "nothing else is opened before the answer");
        let pull = gitea.pull(repository, first).await;
        assert_eq!(pull["title"], "Switch kubeopt on");
        let body = text(&pull["body"]);
        for part in
            ["**Merging this switches it on; closing it switches it off**", "`apps/cart/overlays/prod`"]
        {
            assert!(body.contains(part), "the body does not say `{part}`:\n{body}");
        }
        let diff = gitea.pull_diff(repository, first).await;
        assert_eq!(diff.matches("diff --git").count(), 1, "{diff}");
        assert!(diff.contains("b/.kubeopt.yaml") && diff.contains("+extends: kubeopt:balanced"), "{diff}");

        self.kubeopt.pause();
        gitea.merge(&self.platform.reviewer, repository, first).await;
        let policy = [(shop::POLICY_FILE, shop::POLICY)];
        gitea.commit(&self.platform.reviewer, repository, "main", &policy, "Say how we want it").await;
        self.kubeopt.go_on();
    }

    /// Somebody merges while kubeopt holds still: Gitea moves the branch some moments before it says that a pull request is
    /// merged, and what a pass makes of these moments is another matter.
    async fn merge(&self, number: u64) -> String {
        self.kubeopt.pause();
        let merge = self.platform.gitea.merge(&self.platform.reviewer, &self.repository, number).await;
        self.kubeopt.go_on();
        merge
    }

    /// A question is answered with evidence; a value and a workload that is to be left alone change the pull request.
    async fn is_talked_about(&self, number: u64) {
        let reviewer = &self.platform.reviewer;
        let before = self.platform.gitea.pull(&self.repository, number).await;
        let reply = self.told(reviewer, number, "/kubeopt explain web", "rocket").await;
        for part in ["<details>", "samples of 4 pods", "`350m`", "shop/deploy/web/proxy"] {
            assert!(reply.contains(part), "the reply does not say `{part}`:\n{reply}");
        }
        let after = self.platform.gitea.pull(&self.repository, number).await;
        assert_eq!((&after["head"]["sha"], &after["body"]), (&before["head"]["sha"], &before["body"]));

        let set = "/kubeopt set deploy/web/web cpu.request=500m";
        let reply = self.told(reviewer, number, set, "rocket").await;
        assert!(reply.contains(&format!("gets `requests.cpu=500m` in #{number}.")), "{reply}");
        let diff = self.diff(number).await;
        assert!(diff.contains("+            cpu: \"500m\"        # sized by hand"), "{diff}");
        assert!(diff.contains("apps/cart/overlays/prod/resources.yaml"), "{diff}");

        let ignore = "/kubeopt ignore deploy/cart because \"a sale\"";
        let reply = self.told(reviewer, number, ignore, "rocket").await;
        assert!(reply.contains("kubeopt leaves `shop/deploy/cart` alone."), "{reply}");
        assert_eq!(self.diff(number).await, self.scene.diff, "the cart has left, the value stays");
        let pull = self.platform.gitea.pull(&self.repository, number).await;
        let body = text(&pull["body"]);
        for part in ["set to 500m by", "ignored by", "a sale"] {
            assert!(body.contains(part), "the body does not say `{part}`:\n{body}");
        }
        let commits = self.platform.gitea.pull_commits(&self.repository, number).await;
        assert_eq!(commits.len(), 1, "it was made anew each time: {commits:?}");
    }

    /// Who can only read may ask, and changes nothing.
    async fn does_not_obey(&self, reader: &Account, number: u64) {
        let before = self.platform.gitea.pull(&self.repository, number).await;
        for command in ["set deploy/web/web cpu.request=5m", "ignore web"] {
            let reply = self.told(reader, number, &format!("/kubeopt {command}"), "confused").await;
            let why = "is for people who can push to this repository, and `reader` cannot";
            assert!(reply.contains("Not done: ") && reply.contains(why), "{reply}");
        }
        self.told(reader, number, "/kubeopt explain web", "rocket").await;
        self.passes_more(2).await;
        let after = self.platform.gitea.pull(&self.repository, number).await;
        for key in ["title", "body", "state"] {
            assert_eq!(after[key], before[key]);
        }
        assert_eq!(after["head"]["sha"], before["head"]["sha"]);
        assert_eq!(
            self.platform.gitea.pulls(&self.repository, "all").await.len(),
            2,
            "the first and this one"
        );
    }

    /// Says something below a pull request, and gives kubeopt's one reply to it once its last reaction is there too.
    async fn told(&self, who: &Account, number: u64, said: &str, reaction: &str) -> String {
        let (gitea, repository) = (&self.platform.gitea, &self.repository);
        let comment = gitea.comment(who, repository, number, said).await;
        let wanted = ["eyes", reaction].map(|word| ("kubeopt-bot".to_owned(), word.to_owned()));
        let mut wanted = wanted.to_vec();
        wanted.sort();
        self.kubeopt
            .until(&format!("kubeopt to answer `{said}`"), PASSES, async || {
                let reactions = gitea.reactions(repository, comment).await;
                if reactions == wanted { Ok(()) } else { Err(format!("{reactions:?}")) }
            })
            .await;
        let reply = self.own_comment(number, &comment.to_string()).await.expect("the reply comes first");
        let quoted = format!("> `{said}`\n");
        assert!(reply.starts_with(&quoted), "{reply}");
        reply
    }

    /// kubeopt's one comment of this key.
    async fn own_comment(&self, number: u64, key: &str) -> Option<String> {
        let end = format!("<!-- kubeopt:reply:{key} -->");
        let comments = self.platform.gitea.comments(&self.repository, number).await;
        let mut own = comments.iter().filter(|one| text(&one["body"]).trim_end().ends_with(&end));
        let found = own.next()?;
        assert_eq!(own.next(), None, "it is said once");
        assert_eq!(found["user"]["login"], "kubeopt-bot");
        Some(text(&found["body"]).to_owned())
    }

    async fn diff(&self, number: u64) -> String {
        edits(&self.platform.gitea.pull_diff(&self.repository, number).await)
    }

    /// Plays the hours after the merge: each container of `web` is killed once, with less than a third of its old request.
    async fn hours_pass_in_which_containers_are_killed(&mut self, number: u64) {
        self.kubeopt.stop();
        self.kubeopt.end(wait::RECONCILE).await;
        let now = Timestamp::now().as_second();
        let synced = now - HOURS_PLAYED * HOUR_S;
        self.remember_as_synced(number, synced).await;

        let kubernetes = &self.platform.kubernetes;
        let pods = kubernetes.running_pods(shop::NAMESPACE, "app=web", 2, wait::RECONCILE).await;
        let begins = (synced / HOUR_S + 1) * HOUR_S;
        let mut usage = Usage::days_before(1, now);
        for (pod, after_s) in pods.iter().zip([HOUR_S * 2 / 3, HOUR_S * 5 / 3]) {
            let name = pod.metadata.name.as_deref().expect("a running pod has a name");
            kubernetes.kill_for_memory(shop::NAMESPACE, name, "web").await;
            let web = self.scene.used(name, "web").lived(synced, now).killed_for_memory(begins + after_s);
            let proxy = self.scene.used(name, "proxy").lived(synced, now);
            usage = usage.containers([web, proxy]);
        }
        self.prometheus.add(&usage).await;
        self.start_again("kubeopt-hours-later");
    }

    async fn remember_as_synced(&self, number: u64, at_unix_s: i64) {
        let journal = SqliteJournal::open(database(self.folder.path())).await.or_fail("open the journal");
        let records = journal.pull_requests().await.or_fail("read the journal");
        let mut record =
            records.into_iter().find(|record| record.number == number).expect("the merge is remembered");
        record.at_unix_s = at_unix_s;
        journal.remember_pull_request(&record).await.or_fail("write the journal");
        journal.close().await;
    }

    /// The numbers stand below the merged pull request and in the one that takes it back.
    async fn assert_the_harm_is_told(&self, number: u64, back: u64) {
        let outcome = self
            .kubeopt
            .until("kubeopt to say what became of the merge", PASSES, async || {
                self.own_comment(number, "outcome").await.ok_or_else(|| self.kubeopt.log_tail(5))
            })
            .await;
        assert!(outcome.contains("**It did harm**"), "{outcome}");
        let numbers = "OOM kills 2 in ";
        assert!(outcome.contains(numbers) && outcome.contains("before 0 in "), "{outcome}");
        let pull = self.platform.gitea.pull(&self.repository, back).await;
        let body = text(&pull["body"]);
        assert!(body.starts_with(&format!("This takes #{number} back: after the merge")), "{body}");
        assert!(body.contains(numbers) && body.contains("**Proof:**"), "{body}");
        assert_eq!(self.diff(back).await, shop::DIFF_BACK);
    }

    async fn assert_every_byte_is_back(&self) {
        for (path, before) in shop::files() {
            let now = self.platform.gitea.file(&self.repository, "main", path).await;
            assert_eq!(now.as_deref(), Some(before), "{path}");
        }
    }

    /// Nothing is proposed again, and who asks is told why.
    async fn is_left_alone(&self, number: u64, back: u64) {
        let reviewer = &self.platform.reviewer;
        let reply = self.told(reviewer, back, "/kubeopt explain web", "rocket").await;
        let why =
            format!("`shop/deploy/web/web`: #{back} took #{number} back, and nothing is lowered before ");
        assert!(reply.contains(&why), "{reply}");
        self.passes_more(2).await;
        let gitea = &self.platform.gitea;
        assert_eq!(gitea.pulls(&self.repository, "all").await.len(), 3, "there is no fourth");
        assert_eq!(gitea.branches(&self.repository).await, ["main"]);
    }

    /// The journal has each step, in the order in which they came.
    async fn assert_the_audit_is_complete(&self, first: u64, number: u64, back: u64) {
        let journal = SqliteJournal::open(database(self.folder.path())).await.or_fail("open the journal");
        let mut events = journal.events(&EventFilter::default()).await.or_fail("read the audit");
        journal.close().await;
        events.reverse();
        // Two things are a matter of seconds: whether a pass sees a merge before Flux applies it, and whether somebody merges
        // in the middle of a pass, which is then refused its write because the base has moved.
        let is_chance = |kind: &str, said: &str| {
            kind == "merged" || kind == "on-base" || kind == "failed" && said.contains(" is no longer at ")
        };
        // What kubeopt remembers for itself is no step of a pull request.
        let is_memory = |kind: &str| kind == "repository";
        let steps: Vec<(String, String)> = events
            .into_iter()
            .map(|event| (event.kind, text(&event.detail["text"]).to_owned()))
            .filter(|(kind, said)| !is_chance(kind, said) && !is_memory(kind))
            .collect();
        let (asked, merged) = (format!("#{first} "), format!("#{number} "));
        let waits = format!("{asked}asks whether kubeopt may work here");
        let expected = [
            ("opened", asked.as_str()),
            // One for each entry point: the team groups them all into one later.
            ("waiting", waits.as_str()),
            ("waiting", waits.as_str()),
            ("opened", merged.as_str()),
            ("command", "reviewer: /kubeopt explain web"),
            ("updated", &merged),
            ("command", "reviewer: /kubeopt set deploy/web/web cpu.request=500m: `shop/deploy/web/web` gets"),
            ("updated", &merged),
            ("command", "reviewer: /kubeopt ignore deploy/cart"),
            ("command", "reader: /kubeopt set deploy/web/web cpu.request=5m: Not done: "),
            ("command", "reader: /kubeopt ignore web: Not done: "),
            ("command", "reader: /kubeopt explain web"),
            ("synced", "the cluster shows all merged values"),
            ("opened", &format!("#{back} ")),
            ("outcome", "shop/deploy/web/web: "),
            ("synced", "the cluster shows all merged values"),
            ("command", "reviewer: /kubeopt explain web"),
        ];
        let kinds =
            |steps: &[(String, String)]| json!(steps.iter().map(|(kind, _)| kind).collect::<Vec<_>>());
        let wanted: Value = expected.iter().map(|(kind, _)| json!(kind)).collect();
        assert_eq!(kinds(&steps), wanted, "{steps:#?}");
        for ((kind, said), (_, begins)) in steps.iter().zip(expected) {
            assert!(said.starts_with(begins), "{kind}: `{said}` does not begin with `{begins}`");
        }
    }
}
