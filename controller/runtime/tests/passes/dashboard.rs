//! The dashboard: what it shows, what its boxes do, and what people may make of it.

use kubeopt_forge::{
    ForgeError, Issue, IssueUpdate, PullRequest, PullRequestState, Tracking, local::LocalIssue,
};
use kubeopt_history::EventFilter;
use kubeopt_report::DASHBOARD_TITLE;
use kubeopt_runtime::edges::Edges;
use kubeopt_runtime::{PassReport, plan};

use crate::apps::{API, App, DAY_S, WEB, quiet_millicores, recorded};
use crate::doubles::Trouble;
use crate::said::told;
use crate::world::World;

const POLICY: &str = ".kubeopt.yaml";

async fn with_policy(policy: &str) -> World {
    World::with(&[API, WEB], &[(API.repository, POLICY, policy)]).await
}

impl World {
    async fn issues(&self) -> Vec<LocalIssue> {
        self.forge.issues(&API.repository_id()).await.unwrap()
    }

    /// The one dashboard there is.
    async fn board(&self) -> LocalIssue {
        let mut issues = self.issues().await;
        assert_eq!(issues.len(), 1, "{issues:#?}");
        issues.remove(0)
    }

    async fn tick(&self, text: &str) -> Issue {
        self.forge.tick_box(&API.repository_id(), self.board().await.number, text).await.unwrap()
    }

    /// A person writes over the issue.
    async fn rewrite(&self, title: Option<&str>, body: &str, is_open: bool) {
        let update = IssueUpdate {
            title: title.map(str::to_owned),
            body: Some(body.to_owned()),
            is_open: Some(is_open),
        };
        let number = self.board().await.number;
        self.forge.update_issue(&API.repository_id(), number, &update).await.unwrap();
    }

    async fn one_more(&self, kubeopt: &Edges) -> PassReport {
        self.advance(600);
        self.pass(kubeopt).await
    }

    async fn open_of(&self, app: &App) -> Vec<PullRequest> {
        let pulls = self.pulls_of(app).await;
        pulls.into_iter().filter(|pull| pull.state == PullRequestState::Open).collect()
    }
}

#[tokio::test]
async fn one_issue_shows_what_is_open_and_is_written_only_when_something_changed() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.problems(), []);
    let board = world.board().await;
    assert_eq!(
        (board.title.as_str(), board.author.as_str(), board.is_open),
        (DASHBOARD_TITLE, "kubeopt", true)
    );
    for app in [API, WEB] {
        let pull = world.the_open_one(&app).await;
        let line = format!("- [ ] <!-- kubeopt:tick rerun:{0} --> #{0} `{1}`", pull.number, pull.title);
        assert!(board.body.contains(&line), "{line}: {}", board.body);
    }
    world.one_more(&kubeopt).await;
    world.one_more(&world.controller("b").await).await;
    assert_eq!(world.board().await, board, "nothing changed, so nothing was written");
    // Pages of forges write other line ends.
    world.rewrite(None, &board.body.replace('\n', "\r\n"), true).await;
    let theirs = world.board().await;
    world.one_more(&kubeopt).await;
    assert_eq!(world.board().await, theirs);
}

#[tokio::test]
async fn a_plan_and_a_part_of_the_workloads_write_none_and_neither_does_a_stranger() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    plan(&kubeopt, world.now()).await.unwrap();
    assert_eq!(world.issues().await, []);
    let mut part = world.controller("b").await;
    part.shown.namespaces = vec![API.id().namespace];
    world.pass(&part).await;
    assert_eq!(world.issues().await, []);

    let world = World::of(&[API]).await;
    let stranger = Edges { operator_policy: None, ..world.controller("a").await };
    world.pass(&stranger).await;
    world.one_more(&stranger).await;
    assert_eq!(world.issues().await, [], "the repository has not said yes");
    let first = world.pulls(API.repository).await.remove(0);
    world.forge.merge(&API.repository_id(), first.number, "alice").await.unwrap();
    world.one_more(&stranger).await;
    assert!(world.board().await.body.contains("## Open"));
}

#[tokio::test]
async fn a_policy_switches_it_off() {
    let world = with_policy("pullRequests: {dashboard: false}\n").await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    world.the_open_one(&API).await;
    assert_eq!(world.issues().await, []);
}

#[tokio::test]
async fn a_tick_proposes_past_limits_once() {
    let world = with_policy("pullRequests: {maxOpen: 1}\n").await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let board = world.board().await;
    assert!(board.body.contains("1 of 1 pull requests are open"), "{}", board.body);
    assert_eq!(world.pulls(API.repository).await.len(), 1);
    world.tick("kubeopt:tick propose:").await;
    let report = world.one_more(&kubeopt).await;
    assert_eq!(world.pulls(API.repository).await.len(), 2, "{:?}", report.published);
    let board = world.board().await;
    assert!(!board.body.contains("[x]") && !board.body.contains("propose:"), "{}", board.body);
    let filter = EventFilter { kind: Some("ticked".to_owned()), ..EventFilter::default() };
    let events = kubeopt.journal.events(&filter).await.unwrap();
    assert_eq!(events.len(), 1, "{events:?}");
    assert!(events[0].detail["text"].as_str().unwrap().starts_with("propose:kubeopt/"));
}

#[tokio::test]
async fn no_tick_opens_anything_in_a_blackout_and_it_waits_there() {
    let dark = "blackouts: [{cron: \"* * * * *\", duration: 1h, timezone: UTC}]\n";
    let world = with_policy(dark).await;
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    let board = world.board().await;
    assert!(board.body.contains("## Waiting") && !board.body.contains("[ ]"), "{}", board.body);
    let branch = &report.decided.proposals[0].draft.branch;
    let ticked = format!("{}\n- [x] <!-- kubeopt:tick propose:{branch} -->\n", board.body);
    world.rewrite(None, &ticked, true).await;
    for _ in 0..2 {
        world.one_more(&kubeopt).await;
        assert!(world.pulls(API.repository).await.is_empty());
        let body = world.board().await.body;
        assert_eq!(
            body.matches(&format!("- [x] <!-- kubeopt:tick propose:{branch} -->")).count(),
            1,
            "{body}"
        );
    }
    let filter = EventFilter { kind: Some("ticked".to_owned()), ..EventFilter::default() };
    let events = kubeopt.journal.events(&filter).await.unwrap();
    assert_eq!(events, [], "what is not done is not in the audit");
}

#[tokio::test]
async fn a_tick_makes_a_commit_anew_on_the_newest_base() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.commit("shop", "README.md", "hello\n").await;
    world.one_more(&kubeopt).await;
    assert_eq!(world.the_open_one(&API).await.head_oid, pull.head_oid);
    world.tick(&format!("rerun:{}", pull.number)).await;
    world.one_more(&kubeopt).await;
    let moved = world.the_open_one(&API).await;
    assert_ne!(moved.head_oid, pull.head_oid);
    assert!(!world.board().await.body.contains("[x]"));
    world.one_more(&kubeopt).await;
    assert_eq!(world.the_open_one(&API).await.head_oid, moved.head_oid, "once");
}

#[tokio::test]
async fn what_a_person_closed_is_shown_with_its_values_and_a_tick_forgets_it_for_good() {
    let world = with_policy("pullRequests: {maxOpen: 1}\n").await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let closed = world.pulls(API.repository).await.remove(0);
    world.forge.close(&API.repository_id(), closed.number).await.unwrap();
    world.one_more(&kubeopt).await;
    let board = world.board().await.body;
    assert!(board.contains("## Closed by people") && board.contains("400m → "), "{board}");
    assert!(board.contains("when the numbers move by 25 %, or on "), "{board}");
    world.tick(&format!("forget:{}", closed.number)).await;
    world.one_more(&kubeopt).await;
    let board = world.board().await.body;
    assert!(!board.contains("## Closed by people") && board.contains("## Held by a limit"), "{board}");
    // Another process has not forgotten that it is forgotten.
    let other = world.controller("b").await;
    world.one_more(&other).await;
    let open: Vec<PullRequest> = world
        .pulls(API.repository)
        .await
        .into_iter()
        .filter(|pull| pull.state == PullRequestState::Open)
        .collect();
    world.forge.close(&API.repository_id(), open[0].number).await.unwrap();
    world.advance(3600);
    world.pass(&other).await;
    let again = world.pulls(API.repository).await;
    let reopened = again
        .iter()
        .find(|pull| pull.state == PullRequestState::Open && pull.head_branch == closed.head_branch);
    assert!(reopened.is_some(), "{again:#?}");
}

#[tokio::test]
async fn a_tick_takes_an_ignore_back_for_good() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    let said = "/kubeopt ignore api because \"migration @all\"";
    world.forge.comment_as(&API.repository_id(), pull.number, "alice", said).await.unwrap();
    world.one_more(&kubeopt).await;
    assert!(world.open_of(&API).await.is_empty());
    let board = world.board().await.body;
    assert!(
        board.contains("## Ignored") && board.contains("by `alice`") && !board.contains("@all"),
        "{board}"
    );
    world.tick("unignore:payments/deploy/api").await;
    world.advance(3600);
    world.pass(&kubeopt).await;
    assert_eq!(world.open_of(&API).await.len(), 1);
    assert!(!world.board().await.body.contains("## Ignored"));
    world.one_more(&world.controller("b").await).await;
    assert_eq!(world.open_of(&API).await.len(), 1, "the forge is the memory");
    world.forge.comment_as(&API.repository_id(), pull.number, "alice", said).await.unwrap();
    world.one_more(&kubeopt).await;
    assert!(world.open_of(&API).await.is_empty(), "and who says it again is obeyed again");
}

#[tokio::test]
async fn a_dashboard_that_a_person_closed_stays_closed_and_its_boxes_are_not_read() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.tick(&format!("rerun:{}", pull.number)).await;
    let theirs = world.board().await;
    world.rewrite(None, &theirs.body, false).await;
    world.commit("shop", "README.md", "hello\n").await;
    world.metrics["prod"].set(recorded(&[API], |at| 2.0 * quiet_millicores(at)));
    for _ in 0..2 {
        world.one_more(&kubeopt).await;
        let board = world.board().await;
        assert_eq!((board.is_open, board.body), (false, theirs.body.clone()));
    }
    world.rewrite(None, &theirs.body, true).await;
    world.one_more(&kubeopt).await;
    assert!(!world.board().await.body.contains("[x]"), "opened again, it is kept up to date again");
}

#[tokio::test]
async fn nonsense_is_written_over_and_nobody_elses_issue_is_looked_at() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let good = world.board().await;
    let pull = world.the_open_one(&API).await;
    let tick = |number: u64| format!("- [x] <!-- kubeopt:tick rerun:{number} -->\n");
    let many: String = (0..1000).map(|n| tick(n + 500)).collect();
    let doubled = format!("{}\n{}", good.body, good.body);
    for nonsense in ["", "# mine now", &many, &doubled, &tick(u64::MAX), "<!-- kubeopt:dashboard:v1 {"] {
        world.rewrite(None, nonsense, true).await;
        let report = world.one_more(&kubeopt).await;
        assert_eq!(report.problems(), []);
        assert_eq!(world.board().await.body, good.body, "{:.40}", nonsense);
        assert_eq!(world.the_open_one(&API).await.head_oid, pull.head_oid);
    }
    // Without the marker it is known by its title, without the title by its marker.
    world.rewrite(Some("hello"), &good.body, true).await;
    world.one_more(&kubeopt).await;
    world.board().await;

    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    let id = API.repository_id();
    let forged = good.body.replace("[ ]", "[x]");
    world.forge.open_issue_as(&id, "mallory", DASHBOARD_TITLE, &forged).await.unwrap();
    world.pass(&kubeopt).await;
    world.commit("shop", "README.md", "hello\n").await;
    let pull = world.the_open_one(&API).await;
    world.one_more(&kubeopt).await;
    assert_eq!(world.the_open_one(&API).await.head_oid, pull.head_oid, "their ticks are nothing");
    let issues = world.issues().await;
    let authors: Vec<&str> = issues.iter().map(|issue| issue.author.as_str()).collect();
    assert_eq!(authors, ["mallory", "kubeopt"]);
    assert_eq!(issues[0].body, forged);
}

#[tokio::test]
async fn of_two_the_first_counts_and_the_other_is_closed() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let board = world.board().await;
    world.forge.open_issue(&API.repository_id(), DASHBOARD_TITLE, &board.body).await.unwrap();
    world.one_more(&kubeopt).await;
    let open: Vec<bool> = world.issues().await.into_iter().map(|issue| issue.is_open).collect();
    assert_eq!(open, [true, false]);
}

#[tokio::test]
async fn where_issues_are_switched_off_it_is_told_once_and_all_else_goes_on() {
    let world = World::of(&[API]).await;
    world.forge.switch_issues(&API.repository_id(), false).await.unwrap();
    let kubeopt = world.controller("a").await;
    let report = world.pass(&kubeopt).await;
    let problem = told(&report, "E-RUN-026");
    assert!(problem.help.contains("pullRequests.dashboard: false"), "{problem:?}");
    world.the_open_one(&API).await;
    let report = world.one_more(&kubeopt).await;
    assert_eq!(report.problems(), []);
    world.forge.switch_issues(&API.repository_id(), true).await.unwrap();
    world.one_more(&kubeopt).await;
    world.board().await;
}

#[tokio::test]
async fn a_forge_that_fails_loses_no_tick() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let closed = world.the_open_one(&API).await;
    world.forge.close(&API.repository_id(), closed.number).await.unwrap();
    world.one_more(&kubeopt).await;
    world.tick(&format!("forget:{}", closed.number)).await;
    for call in ["own_issues", "update_issue"] {
        let error = ForgeError::Server { status: 503 };
        world.troubles.lock().unwrap().insert("shop", Trouble::Fails(call, error));
        told(&world.one_more(&kubeopt).await, "E-RUN-026");
        assert!(
            world.board().await.body.contains(&format!("[x] <!-- kubeopt:tick forget:{}", closed.number))
        );
    }
    world.troubles.lock().unwrap().clear();
    world.advance(DAY_S / 24);
    world.pass(&kubeopt).await;
    assert_eq!(world.open_of(&API).await.len(), 1);
    assert!(!world.board().await.body.contains("[x]"));
}
