//! What people say below pull requests, and what becomes of it.

use std::sync::atomic::Ordering;

use kubeopt_forge::{Comment, ForgeError, PullRequest, PullRequestState, Reaction};
use kubeopt_history::EventFilter;
use kubeopt_model::pull_request::Marker;
use kubeopt_runtime::publishing::Published;

use crate::apps::{API, App, DAY_S, WEB, quiet_millicores, recorded};
use crate::doubles::Trouble;
use crate::said::told;
use crate::world::World;

impl World {
    /// A person says something below a pull request.
    async fn say(&self, app: &App, number: u64, who: &str, text: &str) -> u64 {
        self.forge.comment_as(&app.repository_id(), number, who, text).await.unwrap()
    }

    async fn comments(&self, app: &App, number: u64) -> Vec<Comment> {
        self.forge.comments_on(&app.repository_id(), number).await.unwrap()
    }

    /// kubeopt's one reply to a comment.
    async fn reply(&self, app: &App, number: u64, comment: u64) -> Option<String> {
        let end = format!("<!-- kubeopt:reply:{comment} -->");
        let comments = self.comments(app, number).await;
        let mut own = comments.into_iter().filter(|it| it.author == "kubeopt" && it.body.ends_with(&end));
        let reply = own.next().map(|comment| comment.body);
        assert_eq!(own.next(), None, "one reply to each comment");
        reply
    }

    async fn reactions(&self, app: &App, number: u64, comment: u64) -> Vec<Reaction> {
        let comments = self.comments(app, number).await;
        comments.into_iter().find(|it| it.id == comment).unwrap().reactions
    }
}

/// What a pull request proposes for a field.
fn proposed(pull: &PullRequest, field: &str) -> Option<String> {
    let marker = Marker::find(&pull.body).unwrap();
    marker.fields.into_iter().find(|it| it.field == field).map(|it| it.value.after)
}

fn busier(at: i64) -> f64 {
    2.0 * quiet_millicores(at)
}

#[tokio::test]
async fn a_question_is_answered_once_and_changes_nothing() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    let help = world.say(&API, pull.number, "alice", "hello\n/kubeopt help").await;
    let why = world.say(&API, pull.number, "alice", "/kubeopt explain api\n/kubeopt status").await;
    world.say(&API, pull.number, "alice", "```\n/kubeopt hold\n```\n> /kubeopt hold").await;

    for _ in 0..2 {
        let report = world.pass(&kubeopt).await;
        assert!(report.published.iter().all(|one| matches!(one, Published::Unchanged(_))));
    }
    let reply = world.reply(&API, pull.number, help).await.unwrap();
    assert!(reply.starts_with("> `/kubeopt help`\n") && reply.contains("/kubeopt rollback"), "{reply}");
    let reply = world.reply(&API, pull.number, why).await.unwrap();
    assert!(
        reply.contains("<details>") && reply.contains("samples") && reply.contains("Open: 2, "),
        "{reply}"
    );
    assert_eq!(world.reactions(&API, pull.number, why).await, [Reaction::Seen, Reaction::Done]);
    assert_eq!(world.comments(&API, pull.number).await.len(), 5, "nothing else was said");
    assert_eq!(world.the_open_one(&API).await.body, pull.body);
    let filter = EventFilter { kind: Some("command".to_owned()), ..EventFilter::default() };
    let events = kubeopt.journal.events(&filter).await.unwrap();
    assert_eq!(events.len(), 3, "{events:?}");
    assert!(events.iter().all(|event| event.detail["text"].as_str().unwrap().starts_with("alice: /kubeopt")));
}

#[tokio::test]
async fn a_value_that_a_person_sets_is_proposed_until_it_is_taken_back() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let before = world.the_open_one(&API).await;
    let said = world.say(&API, before.number, "alice", "/kubeopt set api cpu.request=777m").await;
    world.pass(&kubeopt).await;
    let after = world.the_open_one(&API).await;
    assert_eq!(after.number, before.number);
    assert_eq!(proposed(&after, "requests.cpu").as_deref(), Some("777m"));
    assert_eq!(proposed(&after, "requests.memory"), proposed(&before, "requests.memory"));
    assert!(after.body.contains("set to 777m by"), "{}", after.body);
    let reply = world.reply(&API, before.number, said).await.unwrap();
    assert!(reply.contains(&format!("gets `requests.cpu=777m` in #{}", before.number)), "{reply}");

    // Another process, whose database knows nothing, finds it on the forge.
    let other = world.controller("b").await;
    world.advance(DAY_S);
    world.pass(&other).await;
    assert_eq!(proposed(&world.the_open_one(&API).await, "requests.cpu").as_deref(), Some("777m"));

    world.say(&API, before.number, "alice", "/kubeopt recreate").await;
    world.pass(&other).await;
    let again = world.the_open_one(&API).await;
    assert_eq!(proposed(&again, "requests.cpu"), proposed(&before, "requests.cpu"));
}

#[tokio::test]
async fn guardrails_hold_for_values_by_hand_and_the_reply_says_so() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    let said = world.say(&API, pull.number, "alice", "/kubeopt set api memory.request=1Mi").await;
    world.pass(&kubeopt).await;
    let reply = world.reply(&API, pull.number, said).await.unwrap();
    assert!(reply.contains("and not `1Mi`: "), "{reply}");
    assert_ne!(proposed(&world.the_open_one(&API).await, "requests.memory").as_deref(), Some("1Mi"));
    assert_eq!(world.reactions(&API, pull.number, said).await, [Reaction::Seen, Reaction::Refused]);
}

#[tokio::test]
async fn who_can_only_read_is_told_so_and_nothing_happens() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    let people = world.forge.repository_folder(&API.repository_id()).unwrap().join("kubeopt-people");
    std::fs::write(people, "alice write\nrudi read\n").unwrap();
    let asked = ["set api cpu.request=5m", "ignore *", "rollback", "pause", "rerun"];
    for command in asked {
        let said = world.say(&API, pull.number, "rudi", &format!("/kubeopt {command}")).await;
        world.pass(&kubeopt).await;
        let reply = world.reply(&API, pull.number, said).await.unwrap();
        assert!(
            reply.contains("is for people who can push to this repository, and `rudi` cannot"),
            "{reply}"
        );
        assert!(!reply.contains("kubeopt:wishes"), "{reply}");
        assert_eq!(world.reactions(&API, pull.number, said).await, [Reaction::Seen, Reaction::Refused]);
    }
    assert_eq!(world.the_open_one(&API).await.body, pull.body);
    let said = world.say(&API, pull.number, "rudi", "/kubeopt hold").await;
    world.pass(&kubeopt).await;
    assert!(
        world.reply(&API, pull.number, said).await.unwrap().contains("stays as it is"),
        "the safe direction"
    );
}

#[tokio::test]
async fn what_is_ignored_is_closed_and_comes_back_when_that_is_taken_back() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    let text = "/kubeopt ignore api for 30d because \"a migration\"";
    let said = world.say(&API, pull.number, "alice", text).await;
    let report = world.pass(&kubeopt).await;
    assert_eq!(report.merges.closed.len(), 1, "{:?}", report.merges.closed);
    let closed = world.pulls_of(&API).await.remove(0);
    assert_eq!(closed.state, PullRequestState::Closed);
    let reply = world.reply(&API, pull.number, said).await.unwrap();
    assert!(reply.contains("leaves `") && reply.contains("/deploy/api` alone until "), "{reply}");
    let comments = world.comments(&API, pull.number).await;
    assert!(comments.iter().any(|it| it.body.contains("a migration")), "{comments:?}");
    world.the_open_one(&WEB).await;

    world.advance(DAY_S);
    world.pass(&kubeopt).await;
    assert_eq!(world.pulls_of(&API).await.len(), 1);
    world.say(&API, pull.number, "alice", "/kubeopt unignore api").await;
    world.pass(&kubeopt).await;
    let pulls = world.pulls_of(&API).await;
    assert_eq!((pulls.len(), pulls[1].state), (2, PullRequestState::Open));
}

#[tokio::test]
async fn ignoring_ends_by_itself() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.say(&API, pull.number, "alice", "/kubeopt ignore * for 2d").await;
    world.pass(&kubeopt).await;
    assert_eq!(world.pulls_of(&API).await.remove(0).state, PullRequestState::Closed);
    world.advance(3 * DAY_S);
    world.metrics["prod"].set(recorded(&[API], busier));
    world.pass(&kubeopt).await;
    let pulls = world.pulls_of(&API).await;
    assert_eq!((pulls.len(), pulls[1].state), (2, PullRequestState::Open));
}

#[tokio::test]
async fn a_held_pull_request_is_not_touched_until_it_is_let_go() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.say(&API, pull.number, "alice", "/kubeopt hold").await;
    world.metrics["prod"].set(recorded(&[API], busier));
    world.advance(DAY_S);
    told(&world.pass(&kubeopt).await, "E-RUN-017");
    assert_eq!(world.the_open_one(&API).await.body, pull.body);
    world.say(&API, pull.number, "alice", "/kubeopt unhold").await;
    world.pass(&kubeopt).await;
    assert_ne!(world.the_open_one(&API).await.body, pull.body);
}

#[tokio::test]
async fn a_pause_opens_nothing_new_and_resuming_does() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    world.say(&API, pull.number, "alice", "/kubeopt pause for 2w because \"a freeze\"").await;
    world.pass(&kubeopt).await;
    world.forge.close(&API.repository_id(), pull.number).await.unwrap();
    world.say(&API, pull.number, "alice", "/kubeopt unignore api").await;
    let report = world.pass(&kubeopt).await;
    assert!(told(&report, "E-RUN-018").text.contains("a freeze"));
    assert_eq!(world.pulls_of(&API).await.len(), 1);
    world.say(&API, pull.number, "alice", "/kubeopt resume").await;
    world.pass(&kubeopt).await;
    assert_eq!(world.pulls_of(&API).await.len(), 2);
}

#[tokio::test]
async fn splitting_gives_each_workload_a_pull_request_of_its_own() {
    let together = App { repository: API.repository, ..WEB };
    let policy = (API.repository, ".kubeopt.yaml", "pullRequests:\n  groupBy: single\n");
    let world = World::with(&[API, together], &[policy]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let both = world.the_open_one(&API).await;
    assert_eq!(world.the_open_one(&together).await.number, both.number);
    world.say(&API, both.number, "alice", "/kubeopt split").await;
    world.pass(&kubeopt).await;
    world.advance(2 * 3600);
    world.pass(&kubeopt).await;
    let open = async |app: &App| {
        let pulls = world.pulls_of(app).await;
        let open: Vec<u64> =
            pulls.iter().filter(|it| it.state == PullRequestState::Open).map(|it| it.number).collect();
        open
    };
    let (api, web) = (open(&API).await, open(&together).await);
    assert_eq!((api.len(), web.len()), (1, 1));
    assert!(api != web && !api.contains(&both.number) && !web.contains(&both.number), "{api:?} {web:?}");
    let before = world.pulls(API.repository).await;
    world.pass(&kubeopt).await;
    assert_eq!(world.pulls(API.repository).await, before, "and so it stays");
}

#[tokio::test]
async fn what_is_not_understood_or_not_unique_is_refused_with_the_way_out() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    for (text, says) in [
        ("/kubeopt rebse", "`rebase` is one"),
        ("/kubeopt explain nothing-like-it", "is no workload of this repository"),
        ("/kubeopt rollback", "this pull request is open, and it is for one that is merged"),
        ("/kubeopt set api/nope cpu.request=1", "does not name a workload"),
    ] {
        let said = world.say(&API, pull.number, "alice", text).await;
        world.pass(&kubeopt).await;
        let reply = world.reply(&API, pull.number, said).await.unwrap();
        assert!(reply.contains("Not done: ") && reply.contains(says), "{text}: {reply}");
    }
    let flood = "/kubeopt status\n".repeat(10_000 / 16);
    let said = world.say(&API, pull.number, "alice", &flood).await;
    world.pass(&kubeopt).await;
    let reply = world.reply(&API, pull.number, said).await.unwrap();
    assert_eq!(reply.matches("> `/kubeopt status`").count(), 6, "{reply}");
    assert!(reply.contains("one comment can hold 5 commands"), "{reply}");
    let elsewhere = world.say(&API, pull.number, "alice", "/kubeopt@staging hold").await;
    world.pass(&kubeopt).await;
    assert_eq!(world.reply(&API, pull.number, elsewhere).await, None, "it speaks to another cluster");
}

#[tokio::test]
async fn no_comment_is_lost_when_the_answer_fails_or_the_lead_is_gone() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    world.pass(&kubeopt).await;
    let pull = world.the_open_one(&API).await;
    let said = world.say(&API, pull.number, "alice", "/kubeopt set api cpu.request=777m").await;
    for call in ["comments", "permission", "ensure_comment"] {
        let error = ForgeError::Server { status: 502 };
        world.troubles.lock().unwrap().insert(API.repository, Trouble::Fails(call, error));
        world.pass(&kubeopt).await;
        assert_eq!(world.reply(&API, pull.number, said).await, None, "{call}");
        world.troubles.lock().unwrap().clear();
    }
    world.leave.0.store(false, Ordering::Relaxed);
    world.pass(&kubeopt).await;
    assert_eq!(world.reply(&API, pull.number, said).await, None, "another one leads");
    world.leave.0.store(true, Ordering::Relaxed);
    world.pass(&world.controller("b").await).await;
    assert!(world.reply(&API, pull.number, said).await.is_some());
    assert_eq!(proposed(&world.the_open_one(&API).await, "requests.cpu").as_deref(), Some("777m"));
    world.pass(&kubeopt).await;
    assert!(world.reply(&API, pull.number, said).await.is_some(), "and one reply, not two");
}
