//! A merged pull request is taken back: by a pull request of its own, as far as its values still stand.

use kubeopt_forge::{PullRequest, PullRequestState};
use kubeopt_model::pull_request::Marker;
use kubeopt_model::usage::OomKill;
use kubeopt_model::{Bytes, RepoPath};
use kubeopt_observe::RecordedMetrics;
use kubeopt_runtime::edges::Edges;
use kubeopt_runtime::rollback::rollback;

use crate::apps::{API, ASKED, App, DAY_S, WEB, quiet_millicores, recorded};
use crate::world::World;

impl World {
    /// One pull request merged and rolled out.
    async fn merged(&self, kubeopt: &Edges, app: &App) -> PullRequest {
        self.pass(kubeopt).await;
        let pull = self.the_open_one(app).await;
        self.forge.merge(&app.repository_id(), pull.number, "alice").await.unwrap();
        self.apply().await;
        self.pass(kubeopt).await;
        pull
    }

    async fn ask_back(&self, app: &App, number: u64) -> String {
        let id = app.repository_id();
        let text = "/kubeopt rollback because \"it was slow\"";
        let said = self.forge.comment_as(&id, number, "alice", text).await.unwrap();
        let end = format!("<!-- kubeopt:reply:{said} -->");
        self.pass_and_find(app, number, &end).await
    }

    async fn pass_and_find(&self, app: &App, number: u64, end: &str) -> String {
        self.pass(&self.controller("a").await).await;
        let comments = self.forge.comments_on(&app.repository_id(), number).await.unwrap();
        comments.into_iter().find(|comment| comment.body.ends_with(end)).unwrap().body
    }

    async fn text_of(&self, app: &App) -> String {
        let bytes = self.snapshot(app.repository).await.read(&RepoPath::new(&app.path()).unwrap());
        String::from_utf8(bytes.unwrap().unwrap()).unwrap()
    }
}

#[tokio::test]
async fn what_is_taken_back_stands_as_it_was_written_and_is_left_alone_for_a_while() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    let merged = world.merged(&kubeopt, &API).await;
    assert_ne!(world.text_of(&API).await, API.manifest(ASKED));

    let reply = world.ask_back(&API, merged.number).await;
    let back = world.pulls_of(&API).await.pop().unwrap();
    assert_eq!((back.state, back.number > merged.number), (PullRequestState::Open, true));
    assert!(reply.contains(&format!("#{} takes #{} back", back.number, merged.number)), "{reply}");
    assert!(back.title.contains(&format!("ake back #{}", merged.number)), "{}", back.title);
    assert!(back.body.starts_with(&format!("This takes #{} back: ", merged.number)), "{}", back.body);
    assert!(back.body.contains("it was slow") && back.body.contains("**Proof:**"), "{}", back.body);

    world.pass(&kubeopt).await;
    assert_eq!(world.pulls_of(&API).await.len(), 2, "one is enough");
    world.forge.merge(&API.repository_id(), back.number, "alice").await.unwrap();
    assert_eq!(world.text_of(&API).await, API.manifest(ASKED), "every byte");
    world.apply().await;
    for _ in 0..3 {
        world.advance(4 * DAY_S);
        let report = world.pass(&kubeopt).await;
        assert_eq!(world.pulls_of(&API).await.len(), 2, "it is frozen");
        let why = report.decided.left.iter().find(|left| left.workload == API.id()).unwrap().why.sentence();
        assert!(why.contains(&format!("#{} took #{} back", back.number, merged.number)), "{why}");
    }
    world.advance(4 * DAY_S);
    world.pass(&kubeopt).await;
    assert_eq!(world.pulls_of(&API).await.len(), 3, "its time is over");
}

#[tokio::test]
async fn what_is_frozen_gets_more_memory_after_an_oom_kill_and_nothing_else_moves() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    let merged = world.merged(&kubeopt, &API).await;
    world.ask_back(&API, merged.number).await;
    let back = world.pulls_of(&API).await.pop().unwrap();
    let killed = |at_unix_s: i64| {
        let limit = Some(Bytes::mebi(600));
        let kill = OomKill { container: API.container(), at_unix_s, limit };
        RecordedMetrics { oom_kills: vec![kill], ..recorded(&[API, WEB], quiet_millicores) }
    };
    // What it was taken back for is answered by that.
    world.metrics["prod"].set(killed(world.now().as_second() - 3600));
    world.advance(3600);
    world.forge.merge(&API.repository_id(), back.number, "alice").await.unwrap();
    world.apply().await;
    world.advance(3600);
    world.pass(&kubeopt).await;
    assert_eq!(world.pulls_of(&API).await.len(), 2, "it is frozen");

    world.metrics["prod"].set(killed(world.now().as_second() + 3600));
    world.advance(DAY_S / 2);
    world.pass(&kubeopt).await;
    let pulls = world.pulls_of(&API).await;
    assert_eq!(pulls.len(), 3, "{pulls:#?}");
    let fields = Marker::find(&pulls[2].body).unwrap().fields;
    let fields: Vec<_> = fields.iter().map(|it| (it.field.as_str(), it.value.after.as_str())).collect();
    assert_eq!(fields, [("requests.memory", "720Mi")]);
    assert!(pulls[2].body.contains("keeps from lowering and not from protecting"), "{}", pulls[2].body);
}

#[tokio::test]
async fn what_somebody_changed_since_stays() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    let merged = world.merged(&kubeopt, &API).await;
    let values = Marker::find(&merged.body).unwrap().fields;
    let cpu = values.iter().find(|field| field.field == "requests.cpu").unwrap().value.after.clone();
    world.commit(API.repository, &API.path(), &API.manifest((&cpu, "999Mi"))).await;
    world.apply().await;
    world.ask_back(&API, merged.number).await;
    let back = world.pulls_of(&API).await.pop().unwrap();
    let fields: Vec<String> =
        Marker::find(&back.body).unwrap().fields.into_iter().map(|it| it.field).collect();
    assert_eq!(fields, ["requests.cpu"]);
    assert!(back.body.contains("somebody set it to something else since"), "{}", back.body);
}

#[tokio::test]
async fn where_nothing_stands_any_more_nothing_is_taken_back_not_even_later() {
    let world = World::of(&[API]).await;
    let kubeopt = world.controller("a").await;
    let merged = world.merged(&kubeopt, &API).await;
    let theirs = world.text_of(&API).await;
    world.commit(API.repository, &API.path(), &API.manifest(("777m", "999Mi"))).await;
    world.apply().await;
    let reply = world.ask_back(&API, merged.number).await;
    assert!(reply.contains("nothing to take back") && !reply.contains("kubeopt:wishes"), "{reply}");
    world.commit(API.repository, &API.path(), &theirs).await;
    world.apply().await;
    world.pass(&kubeopt).await;
    let pulls = world.pulls_of(&API).await;
    assert!(pulls.iter().all(|pull| !pull.body.starts_with("This takes")), "{pulls:#?}");
}

#[tokio::test]
async fn a_rollback_that_a_person_closes_is_not_opened_again() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    let merged = world.merged(&kubeopt, &API).await;
    world.ask_back(&API, merged.number).await;
    let back = world.pulls_of(&API).await.pop().unwrap();
    world.forge.close(&API.repository_id(), back.number).await.unwrap();
    for _ in 0..2 {
        world.advance(DAY_S);
        world.pass(&kubeopt).await;
        assert_eq!(world.pulls_of(&API).await.len(), 2);
    }
}

#[tokio::test]
async fn the_command_line_takes_back_what_it_is_told_and_the_next_pass_leaves_it_open() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    let merged = world.merged(&kubeopt, &API).await;
    let ask = async |number| rollback(&kubeopt, "acme/shop", number, Some("too slow"), world.now()).await;
    assert_eq!(ask(4711).await.unwrap_err().code, "E-RUN-024");
    let back = ask(merged.number).await.unwrap();
    assert!(back.body.contains("too slow") && back.title.contains("ake back"), "{}", back.body);
    assert_eq!(ask(merged.number).await.unwrap().number, back.number, "asked again, it is the same");
    for _ in 0..2 {
        world.pass(&kubeopt).await;
        let still = world.pulls_of(&API).await.pop().unwrap();
        assert_eq!((still.number, still.state), (back.number, PullRequestState::Open));
    }
    world.forge.merge(&API.repository_id(), back.number, "alice").await.unwrap();
    world.apply().await;
    assert_eq!(ask(merged.number).await.unwrap_err().code, "E-RUN-024");
}

#[tokio::test]
async fn values_that_stand_again_before_the_forge_says_merged_are_not_proposed_anew() {
    let world = World::of(&[API, WEB]).await;
    let kubeopt = world.controller("a").await;
    let merged = world.merged(&kubeopt, &API).await;
    world.ask_back(&API, merged.number).await;
    let back = world.pulls_of(&API).await.pop().unwrap();
    // A forge moves the branch first; here a person's commit does it.
    world.commit_as_proposed(&API, &back).await;
    let report = world.pass(&kubeopt).await;
    let own: Vec<_> = report
        .decided
        .left
        .iter()
        .filter(|left| left.workload == API.id())
        .map(|it| it.why.sentence())
        .collect();
    let why = format!("#{} is being taken back, and the values of before stand again", merged.number);
    assert_eq!(own, [why]);
    assert_eq!(world.pulls_of(&API).await.len(), 2, "nothing is proposed anew");
}

/// What the file looks like when a pull request that changed it so was merged and taken back.
async fn there_and_back(text: &str, policy: Option<&str>) -> (String, String) {
    let path = API.path();
    let mut files = vec![(API.repository, path.as_str(), text)];
    files.extend(policy.map(|policy| (API.repository, "apps/api/.kubeopt.yaml", policy)));
    let world = World::with(&[API], &files).await;
    world.apply().await;
    let kubeopt = world.controller("a").await;
    let merged = world.merged(&kubeopt, &API).await;
    let there = world.text_of(&API).await;
    world.ask_back(&API, merged.number).await;
    let back = world.pulls_of(&API).await.pop().unwrap();
    assert_ne!(back.number, merged.number, "there is a pull request that takes it back");
    world.forge.merge(&API.repository_id(), back.number, "alice").await.unwrap();
    (there, world.text_of(&API).await)
}

#[tokio::test]
async fn a_request_that_was_created_goes_again() {
    let set = "          requests:\n            cpu: 400m   # by hand\n            memory: 512Mi\n";
    let text = API.manifest(ASKED).replace(set, "          limits:\n            memory: 1Gi\n");
    assert!(!text.contains("requests"));
    let (there, back) = there_and_back(&text, None).await;
    assert!(there.contains("requests"), "{there}");
    assert_eq!(back, text);
}

#[tokio::test]
async fn a_limit_that_was_removed_comes_again() {
    let text = format!(
        "{}          limits:\n            cpu: \"2\"\n            memory: 1Gi\n",
        API.manifest(ASKED)
    );
    let (there, back) = there_and_back(&text, Some("sizing:\n  limits: {cpu: none}\n")).await;
    assert!(!there.contains("cpu: \"2\"") && there.contains("memory: 1Gi"), "{there}");
    let value = |text: &str| kubeopt_manifest::workloads(text.as_bytes()).unwrap().containers[0].resources;
    assert_eq!(value(&back), value(&text), "{back}");
}
