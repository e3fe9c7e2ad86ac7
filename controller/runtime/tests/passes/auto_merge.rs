//! kubeopt merges by itself where the policy says so and everything speaks for it, and never otherwise.

use kubeopt_forge::{
    Check, CheckOutcome, ExpectedHead, ForgeError, PullRequest, PullRequestState, StatusState, Verdict,
};
use kubeopt_history::EventFilter;
use kubeopt_model::usage::OomKill;
use kubeopt_model::{Change, EditedFile, RepoPath};
use kubeopt_observe::RecordedMetrics;
use kubeopt_runtime::edges::Edges;

use crate::apps::{API, App, DAY_S, WEB, quiet_millicores, recorded};
use crate::doubles::Trouble;
use crate::said::told;
use crate::world::World;

/// Everything may be merged, as far as the values go.
const POLICY: &str =
    "autoMerge: {enabled: true, environments: [dev], maxChange: 1000%, minConfidence: 0, maxRisk: high}";

/// An app of a development environment.
const DEV: App = App { namespace: "payments-dev", folder: "apps/dev", ..API };

const MINUTES: i64 = 60;

async fn world(policy: &str) -> World {
    World::with(&[DEV, WEB], &[(DEV.repository, ".kubeopt.yaml", policy)]).await
}

impl World {
    /// One more pass, ten minutes later.
    async fn later(&self, kubeopt: &Edges) -> kubeopt_runtime::PassReport {
        self.advance(10 * MINUTES);
        self.pass(kubeopt).await
    }

    async fn state(&self, number: u64) -> PullRequestState {
        self.forge.pull_request(&DEV.repository_id(), number).await.unwrap().state
    }

    async fn policy_of(&self, pull: &PullRequest) -> (StatusState, String) {
        let statuses = self.forge.statuses(&DEV.repository_id(), &pull.head_oid).await.unwrap();
        let own = statuses.into_iter().find(|status| status.context == "kubeopt/policy").unwrap();
        (own.state, own.description)
    }

    async fn check(&self, pull: &PullRequest, name: &str, outcome: CheckOutcome) {
        let check = Check { name: name.to_owned(), outcome };
        self.forge.set_check(&DEV.repository_id(), &pull.head_oid, &check).await.unwrap();
    }

    async fn review(&self, pull: &PullRequest, who: &str, verdict: Verdict) {
        self.forge.review_as(&DEV.repository_id(), pull.number, who, verdict).await.unwrap();
    }
}

#[tokio::test]
async fn what_the_policy_allows_is_merged_once_its_checks_could_begin_and_the_audit_says_why() {
    let world = world(POLICY).await;
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);
    let pull = world.the_open_one(&DEV).await;
    let other = world.the_open_one(&WEB).await;

    world.advance(MINUTES);
    let report = world.pass(&kubeopt).await;
    assert_eq!(world.state(pull.number).await, PullRequestState::Open, "its checks may not have begun");
    assert!(
        world.policy_of(&pull).await.1.contains("its checks may not have begun"),
        "{:?}",
        report.own_merges
    );

    let report = world.later(&kubeopt).await;
    assert_eq!(report.problems(), []);
    assert_eq!(world.state(pull.number).await, PullRequestState::Merged, "{:?}", report.own_merges);
    assert_eq!(world.state(other.number).await, PullRequestState::Open);
    let (state, why) = world.policy_of(&other).await;
    assert_eq!(state, StatusState::Success, "people may merge it: {why}");
    assert!(why.contains("kubeopt does not merge it: the environment of a workload is unknown"), "{why}");

    let board = world.forge.issues(&DEV.repository_id()).await.unwrap().remove(0).body;
    assert!(board.contains("kubeopt does not merge it: the environment"), "{board}");
    assert!(!board.contains(&format!("rerun:{} ", pull.number)), "it is not open any more: {board}");

    let filter = EventFilter { kind: Some("auto-merge".to_owned()), ..EventFilter::default() };
    let events = kubeopt.journal.events(&filter).await.unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    let text = events[0].detail["text"].as_str().unwrap();
    assert!(text.contains("for dev (autoMerge)") && text.contains("kubeopt/verify"), "{text}");
    assert!(report.merge_lines().iter().any(|line| line.starts_with("kubeopt merged #")));
    let merged = world.snapshot(DEV.repository).await;
    assert!(merged.subjects[0].ends_with(&format!("(#{})", pull.number)), "{:?}", merged.subjects);

    let report = world.later(&kubeopt).await;
    assert_eq!(report.merges.merges.len(), 1, "the ordinary path takes over");
    assert_eq!(world.pulls_of(&DEV).await.len(), 1);
}

#[tokio::test]
async fn by_default_and_in_other_environments_people_merge() {
    for policy in
        ["sizing: {history: 7d}", "autoMerge: {enabled: true, environments: [prod], minConfidence: 0}"]
    {
        let world = world(policy).await;
        let kubeopt = world.controller("a").await;
        for _ in 0..3 {
            let report = world.later(&kubeopt).await;
            assert_eq!(report.own_merges.merged, [], "{policy}");
        }
        world.the_open_one(&DEV).await;
    }
}

#[tokio::test]
async fn unknown_confidence_is_below_every_threshold() {
    let world = world(&POLICY.replace("minConfidence: 0", "minConfidence: 0.1")).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    world.later(&kubeopt).await;
    let why = world.policy_of(&world.the_open_one(&DEV).await).await.1;
    assert!(why.contains("confidence is unknown"), "{why}");
}

#[tokio::test]
async fn neither_a_red_nor_a_pending_check_nor_an_objection_is_ever_passed_over() {
    let world = world(POLICY).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&DEV).await;
    for (outcome, says) in
        [(CheckOutcome::Red, "checks are red: ci"), (CheckOutcome::Pending, "checks have not ended: ci")]
    {
        world.check(&pull, "ci", outcome).await;
        world.later(&kubeopt).await;
        assert_eq!(world.state(pull.number).await, PullRequestState::Open);
        assert!(world.policy_of(&pull).await.1.contains(says), "{:?}", world.policy_of(&pull).await);
    }
    world.check(&pull, "ci", CheckOutcome::Green).await;
    world.review(&pull, "carol", Verdict::ChangesRequested).await;
    world.later(&kubeopt).await;
    assert_eq!(world.state(pull.number).await, PullRequestState::Open);
    let (state, why) = world.policy_of(&pull).await;
    assert_eq!(state, StatusState::Pending);
    assert!(why.starts_with("objected to by carol"), "{why}");
    // A comment takes no review back.
    world.forge.comment_as(&DEV.repository_id(), pull.number, "carol", "/kubeopt approve").await.unwrap();
    world.later(&kubeopt).await;
    assert_eq!(world.state(pull.number).await, PullRequestState::Open);
    world.forge.dismiss_reviews(&DEV.repository_id(), pull.number, "carol").await.unwrap();
    world.later(&kubeopt).await;
    assert_eq!(world.state(pull.number).await, PullRequestState::Merged);
}

#[tokio::test]
async fn what_people_hold_draft_or_touch_is_theirs() {
    let world = world(POLICY).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&DEV).await;
    let id = DEV.repository_id();
    world.forge.comment_as(&id, pull.number, "carol", "/kubeopt hold").await.unwrap();
    world.later(&kubeopt).await;
    world.later(&kubeopt).await;
    assert_eq!(world.state(pull.number).await, PullRequestState::Open, "held");
    world.forge.comment_as(&id, pull.number, "carol", "/kubeopt unhold\n/kubeopt pause").await.unwrap();
    world.later(&kubeopt).await;
    assert!(world.policy_of(&pull).await.1.contains("`carol` paused"), "{:?}", world.policy_of(&pull).await);
    world.forge.comment_as(&id, pull.number, "carol", "/kubeopt resume").await.unwrap();
    // Somebody commits in kubeopt's very name.
    let snapshot = world.snapshot(DEV.repository).await;
    let path = RepoPath::new(&DEV.path()).unwrap();
    let before = snapshot.read(&path).unwrap().unwrap();
    let more = RepoPath::new("apps/dev/more.yaml").unwrap();
    let files = vec![
        EditedFile { path, content: Change { before, after: DEV.manifest(("1m", "1Mi")).into_bytes() } },
        EditedFile { path: more, content: Change { before: vec![], after: b"a: 1\n".to_vec() } },
    ];
    let expected = ExpectedHead::At(pull.head_oid.clone());
    let place = ("shop", snapshot.commit.as_str(), pull.head_branch.as_str());
    world.push_as("bot@kubeopt.dev", place, files, expected).await;
    let report = world.later(&kubeopt).await;
    assert_eq!(world.state(pull.number).await, PullRequestState::Open, "{:?}", report.own_merges);
    let again = world.the_open_one(&DEV).await;
    let changed = world.forge.changed_files(&id, pull.number).await.unwrap();
    assert_eq!(changed.len(), 1, "it was made anew");
    assert!(!String::from_utf8_lossy(&changed[0].content.after).contains("1Mi"));
    assert_ne!(again.head_oid, pull.head_oid);
    world.later(&kubeopt).await;
    assert_eq!(world.state(pull.number).await, PullRequestState::Merged);
    let stands = world.snapshot(DEV.repository).await;
    assert_eq!(stands.read(&RepoPath::new("apps/dev/more.yaml").unwrap()).unwrap(), None);
}

#[tokio::test]
async fn another_process_looks_at_the_commit_before_it_merges_it() {
    let world = world(POLICY).await;
    world.pass(&world.controller("a").await).await;
    let pull = world.the_open_one(&DEV).await;
    let other = world.controller("a").await;
    let report = world.later(&other).await;
    assert_eq!(report.problems(), []);
    assert_eq!(world.state(pull.number).await, PullRequestState::Merged, "it is as it would be written");
    let after = world.forge.pull_request(&DEV.repository_id(), pull.number).await.unwrap();
    assert_eq!(after.head_oid, pull.head_oid);
}

#[tokio::test]
async fn an_approving_review_counts_for_its_author_and_the_values_that_they_saw() {
    let policy = format!("{POLICY}\napproval: {{large: {{aboveRatio: 10%, approvers: 2}}}}");
    let world = world(&policy).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&DEV).await;
    let folder = world.forge.repository_folder(&DEV.repository_id()).unwrap();
    std::fs::write(folder.join("kubeopt-people"), "* write\nmallory read\n").unwrap();
    world.review(&pull, "mallory", Verdict::Approved).await;
    world.review(&pull, "Alice", Verdict::Approved).await;
    world.review(&pull, "bob", Verdict::Commented).await;
    world.forge.comment_as(&DEV.repository_id(), pull.number, "alice", "/kubeopt approve").await.unwrap();
    world.later(&kubeopt).await;
    let (state, why) = world.policy_of(&pull).await;
    assert_eq!(state, StatusState::Pending);
    assert!(why.starts_with("1 of 2 people with write access approved"), "alice is one person: {why}");

    world.metrics["prod"].set(recorded(&[DEV, WEB], |at| 2.0 * quiet_millicores(at)));
    world.advance(DAY_S);
    world.pass(&kubeopt).await;
    let moved = world.the_open_one(&DEV).await;
    assert_ne!(moved.head_oid, pull.head_oid);
    world.later(&kubeopt).await;
    assert!(world.policy_of(&moved).await.1.starts_with("0 of 2"), "{:?}", world.policy_of(&moved).await);
    world.review(&moved, "bob", Verdict::Approved).await;
    world.review(&moved, "alice", Verdict::Approved).await;
    world.later(&kubeopt).await;
    assert_eq!(world.state(pull.number).await, PullRequestState::Merged);
    let status = world.policy_of(&moved).await;
    assert_eq!(status, (StatusState::Success, "2 of 2 approved: alice, bob".to_owned()));
}

#[tokio::test]
async fn one_that_is_only_rebased_keeps_its_approvals() {
    let policy = "approval: {large: {aboveRatio: 10%, approvers: 1}}";
    let world = world(policy).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&DEV).await;
    world.review(&pull, "alice", Verdict::Approved).await;
    world.commit("shop", "README.md", "hello\n").await;
    world.forge.comment_as(&DEV.repository_id(), pull.number, "bob", "/kubeopt rebase").await.unwrap();
    world.later(&kubeopt).await;
    let moved = world.the_open_one(&DEV).await;
    assert_ne!(moved.head_oid, pull.head_oid);
    world.later(&kubeopt).await;
    assert_eq!(world.policy_of(&moved).await, (StatusState::Success, "1 of 1 approved: alice".to_owned()));
}

#[tokio::test]
async fn who_does_not_lead_merges_nothing_and_a_forge_that_does_not_answer_is_told() {
    let world = world(POLICY).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&DEV).await;
    world.leave.0.store(false, std::sync::atomic::Ordering::Relaxed);
    world.later(&kubeopt).await;
    assert_eq!(world.state(pull.number).await, PullRequestState::Open);
    world.leave.0.store(true, std::sync::atomic::Ordering::Relaxed);
    for (call, code) in [("checks", "E-RUN-020"), ("reviews", "E-RUN-020"), ("merge", "E-RUN-025")] {
        let error = ForgeError::Server { status: 503 };
        world.troubles.lock().unwrap().insert("shop", Trouble::Fails(call, error));
        told(&world.later(&kubeopt).await, code);
        assert_eq!(world.state(pull.number).await, PullRequestState::Open, "{call}");
    }
    world.troubles.lock().unwrap().clear();
    world.later(&kubeopt).await;
    assert_eq!(world.state(pull.number).await, PullRequestState::Merged);
}

#[tokio::test]
async fn a_revert_after_harm_is_merged_only_where_the_policy_says_so() {
    for (revert, merged) in [("auto-merge", true), ("propose", false)] {
        let world = world(&format!("watch: {{revert: {revert}}}")).await;
        let kubeopt = world.controller("a").await;
        world.pass(&kubeopt).await;
        let pull = world.the_open_one(&DEV).await;
        world.forge.merge(&DEV.repository_id(), pull.number, "alice").await.unwrap();
        world.apply().await;
        world.pass(&kubeopt).await;
        let begins = world.now().as_second();
        let kill = |hours: i64| OomKill {
            container: DEV.container(),
            at_unix_s: begins + hours * 3600,
            limit: None,
        };
        let usage = recorded(&[DEV, WEB], quiet_millicores);
        world.metrics["prod"].set(RecordedMetrics { oom_kills: vec![kill(2), kill(3)], ..usage });
        world.advance(DAY_S / 2);
        world.pass(&kubeopt).await;
        let back = world.pulls_of(&DEV).await.pop().unwrap();
        assert_eq!((back.state, back.number > pull.number), (PullRequestState::Open, true));
        let report = world.later(&kubeopt).await;
        let is_merged = world.state(back.number).await == PullRequestState::Merged;
        assert_eq!(is_merged, merged, "{revert}: {:?}", report.own_merges);
    }
}

#[tokio::test]
async fn what_is_open_for_production_is_not_merged_before_staging_has_soaked() {
    let staging = App { namespace: "payments-staging", folder: "apps/staging", ..API };
    let prod = App { namespace: "payments-prod", folder: "apps/prod", ..API };
    let all = POLICY.replace("[dev]", "[staging, prod]");
    let world = World::with(&[staging, prod], &[("shop", ".kubeopt.yaml", &all)]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let (first, then) = (world.the_open_one(&staging).await, world.the_open_one(&prod).await);
    let ordered = format!("{all}\nrollout: {{order: [staging, prod], soak: 12h}}\n");
    world.commit("shop", ".kubeopt.yaml", &ordered).await;
    let report = world.later(&kubeopt).await;
    assert_eq!(world.state(first.number).await, PullRequestState::Merged, "{:?}", report.own_merges);
    assert_eq!(world.state(then.number).await, PullRequestState::Open);
    assert!(
        world.policy_of(&then).await.1.contains("waits for staging"),
        "{:?}",
        world.policy_of(&then).await
    );
    world.apply().await;
    world.later(&kubeopt).await;
    assert_eq!(world.state(then.number).await, PullRequestState::Open, "merged is not soaked");
    world.advance(13 * 3600);
    world.pass(&kubeopt).await;
    assert_eq!(world.state(then.number).await, PullRequestState::Merged);
}
