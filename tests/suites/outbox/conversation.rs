//! A conversation of which each step may be the last one of the program: no comment is lost, none is answered twice.

use futures::StreamExt as _;
use kubeopt_tests::servers_enabled;
use serde_json::Value;

use super::proxy::Half;
use super::{AT_A_TIME, Case, Database, Ground, state};

/// What is asked for first, and what it has to lead to.
const SET: &str = "/kubeopt set web cpu.request=777m";

/// What is asked for in another comment.
const EXPLAIN: &str = "/kubeopt explain web";

/// Where the program is killed: at a POST below the repository, in which `{set}` is the comment that sets a value.
#[derive(Clone, Copy, Debug)]
struct Step {
    name: &'static str,
    half: Half,
    part: &'static str,
    /// POSTs to the same place that come before.
    after: usize,
}

const STEPS: [Step; 10] = {
    const fn step(name: &'static str, half: Half, part: &'static str, after: usize) -> Step {
        Step { name, half, part, after }
    }
    use Half::{Answer, Request};
    const REACTIONS: &str = "issues/comments/{set}/reactions";
    const REPLIES: &str = "issues/1/comments";
    [
        step("seen", Request, REACTIONS, 0),
        step("seen-unheard", Answer, REACTIONS, 0),
        step("changed", Request, "contents", 0),
        step("changed-unheard", Answer, "contents", 0),
        step("judged", Request, "statuses", 0),
        step("replied", Request, REPLIES, 0),
        step("replied-unheard", Answer, REPLIES, 0),
        step("reacted", Request, REACTIONS, 1),
        step("reacted-unheard", Answer, REACTIONS, 1),
        step("replied-twice", Request, REPLIES, 1),
    ]
};

#[tokio::test]
async fn a_kill_at_any_step_of_a_conversation_loses_no_comment_and_doubles_no_reply() {
    if !servers_enabled() {
        return;
    }
    let ground = Ground::start().await;
    let cases = STEPS.iter().flat_map(|step| [(step, Database::Kept), (step, Database::Deleted)]);
    let runs = futures::stream::iter(cases).map(|(step, database)| {
        let ground = &ground;
        async move { Case::start(ground, step.name, database).await.talk(step).await }
    });
    let survived = runs.buffer_unordered(AT_A_TIME).collect::<Vec<()>>().await;
    assert_eq!(survived.len(), 2 * STEPS.len());
}

impl Case<'_> {
    async fn talk(self, step: &Step) {
        let (gitea, person) = (&self.ground.gitea, &self.ground.person);
        assert_eq!(state(&self.propose("first").await), "opened", "{}", self.name());
        let set = gitea.comment(person, &self.repository, 1, SET).await;
        let explain = gitea.comment(person, &self.repository, 1, EXPLAIN).await;
        self.kill_at_post(step.half, &step.part.replace("{set}", &set.to_string()), step.after).await;
        self.find_or_lose_the_database().await;

        self.propose("restart").await;
        let after = self.the_only_one().await;
        let diff = gitea.pull_diff(&self.repository, 1).await;
        assert!(diff.contains("+            cpu: \"777m\"\n"), "{}: {diff}", self.name());
        let [of_set, of_explain] = [set, explain].map(|comment| self.the_reply(&after, comment));
        let words = "gets `requests.cpu=777m` in #1.";
        assert!(of_set.contains(words), "{}: {of_set}", self.name());
        assert!(of_explain.contains("<details>"), "{}: {of_explain}", self.name());
        assert_eq!(after["comments"].as_array().map(Vec::len), Some(4), "{}: {after}", self.name());
        self.assert_reactions(set, step).await;

        assert_eq!(state(&self.propose("again").await), "unchanged", "{}", self.name());
        let again = self.the_only_one().await;
        assert_eq!(again, after, "{}: a run that has nothing to do changes nothing", self.name());
    }

    /// The one reply to a comment.
    fn the_reply(&self, there: &Value, comment: u64) -> String {
        let end = format!("<!-- kubeopt:reply:{comment} -->");
        let bodies =
            there["comments"].as_array().into_iter().flatten().filter_map(|one| one["body"].as_str());
        let own: Vec<&str> = bodies.filter(|body| body.trim_end().ends_with(&end)).collect();
        let [reply] = own.as_slice() else { panic!("{}: replies to {comment}: {own:?}", self.name()) };
        (*reply).to_owned()
    }

    /// Each reaction once. Who is killed between the reply and the last reaction leaves it out: the reply has said it all.
    async fn assert_reactions(&self, comment: u64, step: &Step) {
        let found = self.ground.gitea.reactions(&self.repository, comment).await;
        let words: Vec<&str> = found.iter().map(|(_, word)| word.as_str()).collect();
        let is_cut_off = matches!(step.name, "replied-unheard" | "reacted");
        let expected: &[&str] = if is_cut_off { &["eyes"] } else { &["eyes", "rocket"] };
        assert_eq!(words, expected, "{}", self.name());
    }
}
