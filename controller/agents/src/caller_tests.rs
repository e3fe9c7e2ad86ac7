//! Tokens: whose are taken, how long an answer holds.

use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};

use super::*;

const ACCOUNT: &str = "system:serviceaccount:kubeopt-system:kubeopt-agent";

/// Knows tokens by what they say of themselves: `node@account/audience`.
struct Api {
    asked: Arc<AtomicUsize>,
}

#[async_trait]
impl TokenReviewer for Api {
    async fn review(&self, token: &str, _audiences: &[String]) -> Result<Option<Reviewed>, ReviewError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if token == "down" {
            return Err(ReviewError("timed out".to_owned()));
        }
        let Some((node, rest)) = token.split_once('@') else { return Ok(None) };
        let Some((account, audience)) = rest.split_once('/') else { return Ok(None) };
        let node = Some(node.to_owned()).filter(|node| !node.is_empty());
        let (account, audiences) = (account.to_owned(), vec![audience.to_owned()]);
        Ok(Some(Reviewed { audiences, account, pod: node.clone(), node }))
    }
}

struct Fixture {
    door: TokenDoor,
    asked: Arc<AtomicUsize>,
    now_ms: Arc<AtomicI64>,
}

fn fixture() -> Fixture {
    let (asked, now_ms) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicI64::new(0)));
    let tokens = Tokens { audience: "kubeopt-agents".to_owned(), accounts: vec![ACCOUNT.to_owned()] };
    let clock = Arc::clone(&now_ms);
    let now: Clock = Arc::new(move || clock.load(Ordering::Relaxed));
    Fixture { door: TokenDoor::new(Box::new(Api { asked: Arc::clone(&asked) }), tokens, now), asked, now_ms }
}

#[tokio::test]
async fn only_the_agents_account_with_the_agents_audience_speaks_for_its_node() {
    let Fixture { door, .. } = fixture();
    let said = door.node(&format!("node-1@{ACCOUNT}/kubeopt-agents")).await;
    assert_eq!(said.as_deref(), Ok("node-1"));
    for (token, reason) in [
        ("unknown".to_owned(), "invalid_token"),
        (String::new(), "invalid_token"),
        ("x".repeat(TOKEN_BYTES_MAX + 1), "invalid_token"),
        (format!("node-1@{ACCOUNT}/vault"), "invalid_token"),
        ("node-1@system:serviceaccount:shop:default/kubeopt-agents".to_owned(), "other_account"),
        (format!("@{ACCOUNT}/kubeopt-agents"), "token_without_node"),
        (format!("../x@{ACCOUNT}/kubeopt-agents"), "token_without_node"),
        ("down".to_owned(), "no_review"),
    ] {
        assert_eq!(door.node(&token).await.map_err(TurnedAway::reason), Err(reason), "{token}");
    }
}

#[tokio::test]
async fn an_answer_holds_for_a_short_time_and_no_answer_is_not_remembered() {
    let Fixture { door, asked, now_ms } = fixture();
    let token = format!("node-1@{ACCOUNT}/kubeopt-agents");
    for _ in 0..50 {
        assert!(door.node(&token).await.is_ok());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    now_ms.store(BELIEVED_MS, Ordering::Relaxed);
    assert!(door.node(&token).await.is_ok());
    assert_eq!(asked.load(Ordering::Relaxed), 2, "it is asked again when its time is over");
    for _ in 0..2 {
        assert!(door.node("down").await.is_err());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}
