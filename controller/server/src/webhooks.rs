//! Webhooks in: a delivery of a forge is told from a forged one, remembered, and becomes a hint. Nothing that it says is
//! believed; who gets the hint reads the forge afresh.
//!
//! The order is that of what it costs: the name of the forge, the peer's pace, the announced size, the bytes, and only then
//! the signature over them. Must not know a forge: how a signature is checked comes through [`Webhooks`].

mod pace;
mod remembered;

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, Request, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use tokio::sync::Semaphore;

use crate::error::Refusal;
use crate::guard;
use crate::metrics::{Metrics, WebhookResult};
use pace::Pace;
use remembered::Remembered;

/// Largest body. A push of some thousand commits is below it; forges send up to 25 MB, of which the hint would be the same,
/// and the next look around finds what is left out.
pub const WEBHOOK_BYTES_MAX: usize = 1024 * 1024;

/// Bodies in memory at a time: 32 MiB of them. Others wait for room, in the kernel.
const BODIES_MAX: usize = 32;

/// Longest time for a body. Forges give up on a receiver after ten seconds.
const BODY_TIME_MAX: Duration = Duration::from_secs(10);

/// Who tells deliveries from forged ones, and what they are worth.
#[async_trait]
pub trait Webhooks: Send + Sync {
    /// Whether there is a forge of this name, and it takes webhooks.
    fn takes(&self, forge: &str) -> bool;

    /// Checks a delivery. Headers have lower-case names and come as often as they were sent; the body is as it was sent.
    ///
    /// # Errors
    /// Why it is not taken; the peer learns nothing but its status.
    async fn check(
        &self,
        forge: &str,
        headers: &[(String, Vec<u8>)],
        body: &[u8],
    ) -> Result<Delivery, NotTaken>;

    /// A genuine delivery that was not seen before says that it is worth looking there.
    fn hint(&self, forge: &str, worth: WorthALook);
}

/// A genuine delivery.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// The forge's own id of it, the same when it is sent again.
    pub id: String,
    /// What it is worth.
    pub worth: WorthALook,
}

/// Where a delivery makes it worth looking.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WorthALook {
    /// Nowhere: a ping, or what kubeopt knows nothing to do about.
    Nowhere,
    /// At what people say.
    Comments,
    /// At pull requests themselves.
    PullRequests,
}

/// Why a delivery is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NotTaken {
    /// Not signed, or with another secret.
    Forged,
    /// Signed, and not readable.
    Unreadable,
    /// It cannot be checked now.
    Unavailable,
}

/// Who sends a request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Peer(pub(crate) IpAddr);

/// Where deliveries arrive, with what is remembered of them. Clones share it.
#[derive(Clone)]
pub struct WebhookDoor(Arc<Door>);

struct Door {
    webhooks: Arc<dyn Webhooks>,
    body_time_max: Duration,
    bodies: Semaphore,
    pace: Mutex<Pace>,
    remembered: Mutex<Remembered>,
}

impl WebhookDoor {
    /// A door that remembers nothing yet.
    pub fn new(webhooks: Arc<dyn Webhooks>) -> Self {
        Self::with_body_time(webhooks, BODY_TIME_MAX)
    }

    /// The same with another limit of time for a body.
    pub fn with_body_time(webhooks: Arc<dyn Webhooks>, body_time_max: Duration) -> Self {
        Self(Arc::new(Door {
            webhooks,
            body_time_max,
            bodies: Semaphore::new(BODIES_MAX),
            pace: Mutex::default(),
            remembered: Mutex::default(),
        }))
    }
}

/// The one route.
pub(crate) fn routes(door: WebhookDoor, metrics: Arc<Metrics>) -> Router {
    Router::new().route("/webhooks/{forge}", post(deliver)).with_state((door, metrics))
}

async fn deliver(
    State((WebhookDoor(door), metrics)): State<(WebhookDoor, Arc<Metrics>)>,
    Path(forge): Path<String>,
    request: Request,
) -> Response {
    if !door.webhooks.takes(&forge) {
        return guard::plain(Refusal::NothingHere);
    }
    match door.take(&forge, request).await {
        Ok(result) => {
            metrics.count_webhook(&forge, result);
            StatusCode::ACCEPTED.into_response()
        }
        Err(refusal) => {
            let result =
                if refusal == Refusal::Unproven { WebhookResult::Forged } else { WebhookResult::Refused };
            metrics.count_webhook(&forge, result);
            tracing::debug!(forge, code = refusal.code(), "a delivery of a webhook is not taken");
            // What was not read must not be taken for the next request.
            ([(header::CONNECTION, "close")], guard::plain(refusal)).into_response()
        }
    }
}

impl Door {
    async fn take(&self, forge: &str, request: Request) -> Result<WebhookResult, Refusal> {
        let peer =
            request.extensions().get::<Peer>().map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
        if !lock(&self.pace).admits(peer, Instant::now()) {
            return Err(Refusal::TooMany);
        }
        let (parts, body) = request.into_parts();
        if announced(&parts.headers).is_some_and(|bytes| bytes > WEBHOOK_BYTES_MAX as u64) {
            return Err(Refusal::TooLarge);
        }
        let room = tokio::time::timeout(self.body_time_max, self.bodies.acquire()).await;
        let _room = room.map_err(|_| Refusal::Busy)?;
        let body = self.read(body).await?;
        let headers: Vec<(String, Vec<u8>)> = parts
            .headers
            .iter()
            .map(|(name, value)| (name.as_str().to_owned(), value.as_bytes().to_vec()))
            .collect();
        let delivery = self.webhooks.check(forge, &headers, &body).await.map_err(|why| match why {
            NotTaken::Forged => Refusal::Unproven,
            NotTaken::Unreadable => Refusal::UnreadableDelivery,
            NotTaken::Unavailable => Refusal::Busy,
        })?;
        if !lock(&self.remembered).is_new(forge, &delivery.id, Instant::now()) {
            return Ok(WebhookResult::Repeated);
        }
        if delivery.worth != WorthALook::Nowhere {
            self.webhooks.hint(forge, delivery.worth);
        }
        Ok(WebhookResult::Taken)
    }

    async fn read(&self, body: Body) -> Result<axum::body::Bytes, Refusal> {
        match tokio::time::timeout(self.body_time_max, to_bytes(body, WEBHOOK_BYTES_MAX)).await {
            Ok(Ok(bytes)) => Ok(bytes),
            // A connection that broke reads no answer, so that it may be this one as well.
            Ok(Err(_)) => Err(Refusal::TooLarge),
            Err(_) => Err(Refusal::SlowBody),
        }
    }
}

/// What the peer says that the body has; it is counted all the same.
fn announced(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Nothing panics while it is held, and what is in it is whole after each statement.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
