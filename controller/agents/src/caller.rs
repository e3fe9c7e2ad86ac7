//! Who calls: the node of a client certificate, or the node that a service-account token is bound to. Nobody is believed on
//! what a message says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ring::digest;
use tokio::sync::Semaphore;
use tonic::{Code, Status};

use crate::certificate::is_node_name;
use crate::spool::Clock;

/// How long an answer of the API server holds: an agent that was removed speaks for at most this long.
const BELIEVED_MS: i64 = 60_000;
/// How long a refusal holds, so that a wrong token costs the API server little.
const REFUSED_MS: i64 = 10_000;
/// Tokens in memory: one for each node, and as many that were renewed.
const TOKENS_MAX: usize = 20_000;
/// Questions to the API server at a time: after a restart of the controller all agents call at once.
const REVIEWS_MAX: usize = 16;
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
    #[error("the token cannot be reviewed now")]
    NoReview,
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
            Self::OtherNode => "other_node",
        }
    }

    pub(crate) fn status(self) -> Status {
        let code = match self {
            Self::Nothing | Self::NoNodeInCertificate | Self::NoTokens | Self::Token => Code::Unauthenticated,
            Self::Account | Self::NoNodeInToken | Self::OtherNode => Code::PermissionDenied,
            Self::NoReview => Code::Unavailable,
        };
        Status::new(code, self.to_string())
    }
}

/// What was said of a token, and until when that holds.
type Remembered = (Result<Arc<str>, TurnedAway>, i64);

/// Tells nodes from tokens, and remembers for a short time.
pub(crate) struct TokenDoor {
    reviewer: Box<dyn TokenReviewer>,
    tokens: Tokens,
    now: Clock,
    /// By the token's SHA-256: tokens themselves are not kept.
    remembered: Mutex<HashMap<[u8; 32], Remembered>>,
    turns: Semaphore,
}

impl TokenDoor {
    pub(crate) fn new(reviewer: Box<dyn TokenReviewer>, tokens: Tokens, now: Clock) -> Self {
        let turns = Semaphore::new(REVIEWS_MAX);
        Self { reviewer, tokens, now, remembered: Mutex::new(HashMap::new()), turns }
    }

    /// The node of a token.
    pub(crate) async fn node(&self, token: &str) -> Result<Arc<str>, TurnedAway> {
        if token.is_empty() || token.len() > TOKEN_BYTES_MAX {
            return Err(TurnedAway::Token);
        }
        let mut key = [0; 32];
        key.copy_from_slice(digest::digest(&digest::SHA256, token.as_bytes()).as_ref());
        let now_ms = (self.now)();
        if let Some((said, until_ms)) = self.lock().get(&key)
            && now_ms < *until_ms
        {
            return said.clone();
        }
        let turn = self.turns.acquire().await;
        let audiences = std::slice::from_ref(&self.tokens.audience);
        let said = match self.reviewer.review(token, audiences).await {
            Ok(reviewed) => self.judge(reviewed),
            Err(error) => {
                tracing::warn!(%error, "an agent's token was not reviewed");
                return Err(TurnedAway::NoReview);
            }
        };
        drop(turn);
        let holds_ms = if said.is_ok() { BELIEVED_MS } else { REFUSED_MS };
        let mut remembered = self.lock();
        if remembered.len() >= TOKENS_MAX {
            remembered.retain(|_, (_, until_ms)| *until_ms > now_ms);
        }
        if remembered.len() < TOKENS_MAX {
            remembered.insert(key, (said.clone(), now_ms + holds_ms));
        }
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

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<[u8; 32], Remembered>> {
        // Nothing can panic while it is held.
        self.remembered.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
#[path = "caller_tests.rs"]
mod caller_tests;
