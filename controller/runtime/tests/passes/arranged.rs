//! What stands beside a pull request: labels, people who are asked, statuses, approvals.

use kubeopt_forge::{PullRequest, Status, StatusState};

use crate::apps::{API, App, WEB, quiet_millicores, recorded};
use crate::world::World;

const POLICY: &str = "\
pullRequests:
  reviewers: [carol, codeowners]
  assignees: [alice]
  labels: [kubeopt, money]
approval:
  large: {aboveRatio: 10%, approvers: 2}
";

const OWNERS: &str = "* @bob\n/apps/api/ @erin @acme/payments\n";

async fn world() -> World {
    let files = [(API.repository, ".kubeopt.yaml", POLICY), (API.repository, "CODEOWNERS", OWNERS)];
    World::with(&[API, WEB], &files).await
}

impl World {
    async fn statuses(&self, pull: &PullRequest) -> Vec<Status> {
        self.forge.statuses(&API.repository_id(), &pull.head_oid).await.unwrap()
    }

    async fn policy_status(&self, app: &App) -> (StatusState, String) {
        let statuses = self.statuses(&self.the_open_one(app).await).await;
        let own = statuses.into_iter().find(|status| status.context == "kubeopt/policy").unwrap();
        (own.state, own.description)
    }
}

#[tokio::test]
async fn owners_of_the_edited_files_are_asked_and_the_proof_is_a_status() {
    let world = world().await;
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);
    let pull = world.the_open_one(&API).await;
    assert_eq!(pull.labels, ["kubeopt", "money"]);
    let people = world.forge.people_of(&API.repository_id(), pull.number).await.unwrap();
    assert_eq!(people.reviewers, ["acme/payments", "carol", "erin"]);
    assert_eq!(people.assignees, ["alice"]);
    let statuses = world.statuses(&pull).await;
    let verify = statuses.iter().find(|status| status.context == "kubeopt/verify").unwrap();
    assert_eq!(verify.state, StatusState::Success, "{verify:?}");
}

#[tokio::test]
async fn a_large_change_waits_for_as_many_approvals_as_the_policy_says() {
    let world = world().await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let (state, why) = world.policy_status(&API).await;
    assert_eq!(state, StatusState::Pending);
    assert!(why.starts_with("0 of 2 people with write access approved: "), "{why}");
    let number = world.the_open_one(&API).await.number;
    for (who, then) in
        [("alice", StatusState::Pending), ("alice", StatusState::Pending), ("bob", StatusState::Success)]
    {
        world.forge.comment_as(&API.repository_id(), number, who, "/kubeopt approve").await.unwrap();
        world.pass(&kubeopt).await;
        let (state, why) = world.policy_status(&API).await;
        assert_eq!(state, then, "{who}: {why}");
    }
    assert_eq!(world.policy_status(&API).await.1, "2 of 2 approved: alice, bob");
    assert_eq!(world.policy_status(&WEB).await.0, StatusState::Pending, "the other one was not approved");

    world.metrics["prod"].set(recorded(&[API, WEB], |at| 2.0 * quiet_millicores(at)));
    world.advance(86_400);
    world.pass(&kubeopt).await;
    let (state, why) = world.policy_status(&API).await;
    assert_eq!(state, StatusState::Pending, "other values are another question: {why}");
}

#[tokio::test]
async fn a_label_that_a_person_took_off_stays_off() {
    let world = world().await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.forge.set_labels(&API.repository_id(), pull.number, &["kubeopt", "mine"]).await.unwrap();
    world.metrics["prod"].set(recorded(&[API, WEB], |at| 2.0 * quiet_millicores(at)));
    world.advance(86_400);
    world.pass(&kubeopt).await;
    let after = world.the_open_one(&API).await;
    assert_ne!(after.head_oid, pull.head_oid);
    assert_eq!(after.labels, ["kubeopt", "mine"]);
}
