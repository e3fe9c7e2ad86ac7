//! Who calls: the node of a client certificate, or the node that a service-account token is bound to. Nobody is believed on
//! what a message says.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ring::digest;
use tokio::sync::Semaphore;
use tonic::{Code, Status};

use crate::certificate::is_node_name;
use crate::share::Shares;
use crate::spool::Clock;
use crate::tally::is_logged;

/// How long an answer of the API server holds: an agent that was removed may begin a call for so long. A stream that it has
/// goes on until its time is over.
const BELIEVED_MS: i64 = 60_000;
/// How long a refusal holds, so that a wrong token costs the API server little.
const REFUSED_MS: i64 = 10_000;
/// Tokens in memory: one for each node, and as many that were renewed.
const TOKENS_MAX: usize = 20_000;
/// Refused tokens in memory, and addresses that they came from: a fault of the installation is that of all nodes.
const REFUSALS_MAX: usize = 4_096;
/// Questions to the API server at a time: after a restart of the controller all agents call at once.
const REVIEWS_MAX: usize = 16;
/// Of these, and of those that wait for their turn, from one address: an agent asks one after the other.
const REVIEWS_PER_ADDRESS_MAX: usize = 8;
/// Reviews for an address that may come to a refusal within the time below, until it is not asked for it any more.
const WRONG_MAX: u32 = 10;
const WRONG_WITHIN_MS: i64 = 60_000;
/// Bytes of a token: those of Kubernetes take about 1,200.
const TOKEN_BYTES_MAX: usize = 16 * 1024;

/// What the API server says of a token that it knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reviewed {
    /// Audiences of the question that the token is meant for.
    pub audiences: Vec<String>,
    /// Its account, such as `system:serviceaccount:kubeopt-system:kubeopt-agent`.
    pub account: String,
    /// The node of the pod that it is bound to (`authentication.kubernetes.io/node-name`); none for another token.
    pub node: Option<String>,
    /// That pod's name; none for another token.
    pub pod: Option<String>,
}

/// The API server could not be asked.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unable to have a token reviewed: {0}")]
pub struct ReviewError(pub String);

/// Who reviews tokens: the API server.
#[async_trait]
pub trait TokenReviewer: Send + Sync {
    /// What it says of a token for these audiences; none for a token that it does not know, or no more.
    ///
    /// # Errors
    /// [`ReviewError`] where it does not answer.
    async fn review(&self, token: &str, audiences: &[String]) -> Result<Option<Reviewed>, ReviewError>;
}

/// Which tokens are taken. Any pod can have a token of its own account for any audience, so the account is asked too.
#[derive(Debug, Clone)]
pub struct Tokens {
    /// The audience that agents' tokens are made for.
    pub audience: String,
    /// Accounts that agents run as, such as `system:serviceaccount:kubeopt-system:kubeopt-agent`.
    pub accounts: Vec<String>,
}

/// Why a call is turned away.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum TurnedAway {
    #[error("show a client certificate, or a service-account token as `authorization: Bearer`")]
    Nothing,
    #[error("the client certificate names no node: its common name must be system:node:NAME")]
    NoNodeInCertificate,
    #[error("tokens are not taken here: show a client certificate")]
    NoTokens,
    #[error("the token is not valid here: mount one with the audience of the agents")]
    Token,
    #[error("the token is not one of the agents' service account")]
    Account,
    #[error("the token is bound to no node: mount a projected one")]
    NoNodeInToken,
    #[error("the token cannot be reviewed now: try again later")]
    NoReview,
    #[error("too many tokens of this address were refused: try again in a minute")]
    TooManyWrong,
    #[error("too many calls at once: try again when the others are answered")]
    TooManyAtOnce,
    #[error("the client certificate is not valid any more: connect again with a renewed one")]
    CertificateOver,
    #[error("an agent speaks only for its own node")]
    OtherNode,
}

impl TurnedAway {
    /// Its name in metrics.
    pub(crate) fn reason(self) -> &'static str {
        match self {
            Self::Nothing => "no_identity",
            Self::NoNodeInCertificate => "certificate_without_node",
            Self::NoTokens => "tokens_not_taken",
            Self::Token => "invalid_token",
            Self::Account => "other_account",
            Self::NoNodeInToken => "token_without_node",
            Self::NoReview => "no_review",
            Self::TooManyWrong => "too_many_refused",
            Self::TooManyAtOnce => "too_many_calls",
            Self::CertificateOver => "certificate_over",
            Self::OtherNode => "other_node",
        }
    }

    pub(crate) fn status(self) -> Status {
        let code = match self {
            Self::Nothing
            | Self::NoNodeInCertificate
            | Self::NoTokens
            | Self::Token
            | Self::CertificateOver => Code::Unauthenticated,
            Self::Account | Self::NoNodeInToken | Self::OtherNode => Code::PermissionDenied,
            Self::NoReview => Code::Unavailable,
            Self::TooManyWrong | Self::TooManyAtOnce => Code::ResourceExhausted,
        };
        Status::new(code, self.to_string())
    }
}

/// Tells nodes from tokens, and remembers for a short time.
pub(crate) struct TokenDoor {
    reviewer: Box<dyn TokenReviewer>,
    tokens: Tokens,
    /// Milliseconds that only go forward: a clock that is set back would let an answer hold for longer.
    ticks: Clock,
    remembered: Mutex<Remembered>,
    turns: Semaphore,
    asking: Shares<IpAddr>,
    /// Questions that the API server did not answer.
    unanswered: AtomicU64,
}

/// A SHA-256: tokens themselves are not kept.
type Digest = [u8; 32];

/// What was said, each with the tick until which it holds. Refusals take no place of nodes that are believed: anybody can
/// have as many as he likes.
#[derive(Default)]
struct Remembered {
    believed: HashMap<Digest, (Arc<str>, i64)>,
    refused: HashMap<Digest, (TurnedAway, i64)>,
    /// How many reviews for an address came to a refusal.
    wrong: HashMap<IpAddr, (u32, i64)>,
}

impl Remembered {
    fn of(&self, key: &Digest, tick: i64) -> Option<Result<Arc<str>, TurnedAway>> {
        let believed = self.believed.get(key).filter(|(_, until)| tick < *until);
        let refused = self.refused.get(key).filter(|(_, until)| tick < *until);
        believed.map(|(node, _)| Ok(Arc::clone(node))).or_else(|| refused.map(|(away, _)| Err(*away)))
    }

    fn is_tired_of(&self, address: IpAddr, tick: i64) -> bool {
        self.wrong.get(&address).is_some_and(|(times, until)| *times >= WRONG_MAX && tick < *until)
    }

    fn note(&mut self, key: Digest, said: &Result<Arc<str>, TurnedAway>, address: IpAddr, tick: i64) {
        match said {
            Ok(node) => {
                put(&mut self.believed, TOKENS_MAX, key, (Arc::clone(node), tick + BELIEVED_MS), tick)
            }
            Err(away) => {
                put(&mut self.refused, REFUSALS_MAX, key, (*away, tick + REFUSED_MS), tick);
                let before = self.wrong.get(&address).filter(|(_, until)| tick < *until);
                let (times, until) = before.copied().unwrap_or((0, tick + WRONG_WITHIN_MS));
                put(&mut self.wrong, REFUSALS_MAX, address, (times.saturating_add(1), until), tick);
            }
        }
    }
}

/// Notes what holds for a while; where there is no room even without what is over, it is not noted.
fn put<K: Eq + Hash, V>(map: &mut HashMap<K, (V, i64)>, max: usize, key: K, value: (V, i64), tick: i64) {
    if map.len() >= max {
        map.retain(|_, (_, until)| tick < *until);
    }
    if map.len() < max || map.contains_key(&key) {
        map.insert(key, value);
    }
}

impl TokenDoor {
    pub(crate) fn new(reviewer: Box<dyn TokenReviewer>, tokens: Tokens, ticks: Clock) -> Self {
        Self {
            reviewer,
            tokens,
            ticks,
            remembered: Mutex::default(),
            turns: Semaphore::new(REVIEWS_MAX),
            asking: Shares::new(REVIEWS_PER_ADDRESS_MAX),
            unanswered: AtomicU64::new(0),
        }
    }

    /// The node of a token that came from this address.
    pub(crate) async fn node(&self, token: &str, address: IpAddr) -> Result<Arc<str>, TurnedAway> {
        if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
            return Err(TurnedAway::Token);
        }
        let mut key = [0; 32];
        key.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        let tick = (self.ticks)();
        {
            let remembered = self.lock();
            if let Some(said) = remembered.of(&key, tick) {
                return said;
            }
            if remembered.is_tired_of(address, tick) {
                return Err(TurnedAway::TooManyWrong);
            }
        }
        let _asking = self.asking.take(address).ok_or(TurnedAway::TooManyAtOnce)?;
        let _turn = self.turns.acquire().await;
        let audiences = std::slice::from_ref(&self.tokens.audience);
        let said = match self.reviewer.review(token, audiences).await {
            Ok(reviewed) => self.judge(reviewed),
            Err(error) => {
                if is_logged(self.unanswered.fetch_add(1, Ordering::Relaxed) + 1) {
                    tracing::warn!(%error, "an agent's token was not reviewed");
                }
                return Err(TurnedAway::NoReview);
            }
        };
        self.lock().note(key, &said, address, tick);
        said
    }

    fn judge(&self, reviewed: Option<Reviewed>) -> Result<Arc<str>, TurnedAway> {
        let reviewed = reviewed.filter(|reviewed| reviewed.audiences.contains(&self.tokens.audience));
        let reviewed = reviewed.ok_or(TurnedAway::Token)?;
        if !self.tokens.accounts.contains(&reviewed.account) {
            return Err(TurnedAway::Account);
        }
        let node = reviewed.node.filter(|node| is_node_name(node)).ok_or(TurnedAway::NoNodeInToken)?;
        Ok(node.into())
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Remembered> {
        // Nothing can panic while it is held.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "caller_tests.rs"]
mod caller_tests;
