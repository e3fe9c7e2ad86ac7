//! Tokens: whose are taken, how long an answer holds.

use std::net::Ipv4Addr;
use std::sync::atomic::{AtomicI64, AtomicUsize};

use tokio::sync::Notify;

use super::*;

const ACCOUNT: &str = "system:serviceaccount:kubeopt-system:kubeopt-agent";

const HERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1));
const THERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 2));

/// Knows tokens by what they say of themselves, `node@account/audience`, and as an API server says which of the audiences of
/// the question a token is for.
struct Api {
    asked: Arc<AtomicUsize>,
    /// Told when `slow` may be answered.
    go: Arc<Notify>,
}

#[async_trait]
impl TokenReviewer for Api {
    async fn review(&self, token: &str, audiences: &[String]) -> Result<Option<Reviewed>, ReviewError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        if token.starts_with("slow") {
            self.go.notified().await;
        }
        if token == "down" {
            return Err(ReviewError("timed out".to_owned()));
        }
        let Some((node, rest)) = token.split_once('@') else { return Ok(None) };
        let Some((account, audience)) = rest.split_once('/') else { return Ok(None) };
        let node = Some(node.to_owned()).filter(|node| !node.is_empty());
        let audiences: Vec<String> = audiences.iter().filter(|asked| *asked == audience).cloned().collect();
        if audiences.is_empty() {
            return Ok(None);
        }
        Ok(Some(Reviewed { audiences, account: account.to_owned(), pod: node.clone(), node }))
    }
}

struct Fixture {
    door: TokenDoor,
    asked: Arc<AtomicUsize>,
    go: Arc<Notify>,
    tick: Arc<AtomicI64>,
}

fn fixture() -> Fixture {
    let (asked, tick) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicI64::new(0)));
    let go = Arc::new(Notify::new());
    let tokens = Tokens { audience: "kubeopt-agents".to_owned(), accounts: vec![ACCOUNT.to_owned()] };
    let clock = Arc::clone(&tick);
    let ticks: Clock = Arc::new(move || clock.load(Ordering::Relaxed));
    let api = Api { asked: Arc::clone(&asked), go: Arc::clone(&go) };
    Fixture { door: TokenDoor::new(Box::new(api), tokens, ticks), asked, go, tick }
}

#[tokio::test]
async fn only_the_agents_account_with_the_agents_audience_speaks_for_its_node() {
    let Fixture { door, .. } = fixture();
    let said = door.node(&format!("node-1@{ACCOUNT}/kubeopt-agents"), HERE).await;
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
        assert_eq!(door.node(&token, HERE).await.map_err(TurnedAway::reason), Err(reason), "{token}");
    }
}

#[tokio::test]
async fn an_answer_holds_for_a_short_time_and_no_answer_is_not_remembered() {
    let Fixture { door, asked, tick, .. } = fixture();
    let token = format!("node-1@{ACCOUNT}/kubeopt-agents");
    for _ in 0..50 {
        assert!(door.node(&token, HERE).await.is_ok());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    tick.store(BELIEVED_MS, Ordering::Relaxed);
    assert!(door.node(&token, HERE).await.is_ok());
    assert_eq!(asked.load(Ordering::Relaxed), 2, "it is asked again when its time is over");
    for _ in 0..2 {
        assert!(door.node("down", HERE).await.is_err());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 4);
}

#[tokio::test]
async fn who_shows_wrong_tokens_all_the_time_is_not_asked_for_and_takes_no_place_of_others() {
    let Fixture { door, asked, tick, .. } = fixture();
    for number in 0..1_000 {
        assert!(door.node(&format!("wrong-{number}"), HERE).await.is_err());
    }
    assert_eq!(asked.load(Ordering::Relaxed), WRONG_MAX as usize);
    assert_eq!(door.node("wrong-too", HERE).await, Err(TurnedAway::TooManyWrong));
    let good = format!("node-1@{ACCOUNT}/kubeopt-agents");
    assert!(door.node(&good, THERE).await.is_ok(), "another address is not held up");
    assert!(door.node(&good, HERE).await.is_ok(), "what is known to be good is taken from anywhere");

    for number in 0..REFUSALS_MAX + 100 {
        let address = IpAddr::V4(Ipv4Addr::from_bits(number as u32));
        assert_eq!(door.node(&format!("other-{number}"), address).await, Err(TurnedAway::Token));
    }
    let before = asked.load(Ordering::Relaxed);
    assert!(door.node(&good, THERE).await.is_ok());
    assert_eq!(asked.load(Ordering::Relaxed), before, "it is still remembered");
    let kept = |kept: &Remembered| (kept.refused.len(), kept.wrong.len());
    assert_eq!(kept(&door.lock()), (REFUSALS_MAX, REFUSALS_MAX));
    tick.store(WRONG_WITHIN_MS, Ordering::Relaxed);
    assert_eq!(
        door.node("wrong-again", HERE).await,
        Err(TurnedAway::Token),
        "a minute later it is asked for"
    );
}

#[tokio::test]
async fn one_address_has_so_many_questions_at_a_time_and_others_are_answered() {
    let Fixture { door, asked, go, .. } = fixture();
    let door = Arc::new(door);
    let ask = |number: usize| {
        let door = Arc::clone(&door);
        tokio::spawn(async move { door.node(&format!("slow-{number}"), HERE).await })
    };
    let slow: Vec<_> = (0..REVIEWS_PER_ADDRESS_MAX).map(ask).collect();
    while asked.load(Ordering::Relaxed) < REVIEWS_PER_ADDRESS_MAX {
        tokio::task::yield_now().await;
    }
    assert_eq!(door.node("one-more", HERE).await, Err(TurnedAway::TooManyAtOnce));
    assert!(door.node(&format!("node-1@{ACCOUNT}/kubeopt-agents"), THERE).await.is_ok());
    go.notify_waiters();
    for answered in slow {
        assert_eq!(answered.await.expect("it ends"), Err(TurnedAway::Token));
    }
    assert_eq!(door.node("one-more", HERE).await, Err(TurnedAway::Token));
}
