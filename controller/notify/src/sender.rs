//! One delivery over the network: the address and keys are read when it is sent, and nothing that could show them is logged.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use kubeopt_net::{
    Client, ClientPolicy, HostRule, Method, NetError, Request, RetryPolicy, Secret, SecretSource, Url,
};
use serde_json::Value;
use tracing::instrument::WithSubscriber as _;
use tracing::subscriber::NoSubscriber;

use crate::destination::{Destination, Service};
use crate::error::NotifyError;
use crate::pagerduty;
use crate::queue::Delivery;
use crate::render::render;
use crate::signature::{DELIVERY_HEADER, SIGNATURE_HEADER, TIMESTAMP_HEADER, sign};

/// One attempt, from the connection to the end of the answer. Receivers put a notice into a queue of their own.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Largest answer; services say `ok`.
const ANSWER_BYTES_MAX: u64 = 64 * 1024;

/// Sends a delivery once.
///
/// # Errors
/// [`NotifyError`]; none of its texts holds the address.
pub(crate) async fn send(
    destination: &Destination,
    delivery: &Delivery,
    now: Timestamp,
) -> Result<(), NotifyError> {
    let url = address(&destination.service).await?;
    let body = body(&destination.service, delivery).await?;
    let mut request = Request::new(Method::POST, url.clone()).once().timeout(TIMEOUT);
    for (name, value) in headers(&destination.service, delivery, &body, now).await? {
        request = request.header(name, &value).map_err(told)?;
    }
    let request = request.body("application/json", body).map_err(told)?;
    let client = client(&url, destination.ca_file.clone())?;
    // The address is in what the HTTP libraries log of a request.
    let answer = client.fetch(request).with_subscriber(NoSubscriber::new()).await.map_err(told)?;
    match answer.status.is_success() {
        true => Ok(()),
        false => Err(NotifyError::of_status(answer.status.as_u16(), answer.retry_after())),
    }
}

/// A client for this address alone. Made for each delivery: there are few, and a rotated address is used at once.
fn client(url: &Url, ca_file: Option<PathBuf>) -> Result<Client, NotifyError> {
    let rule = HostRule::for_url(url).map_err(told)?;
    let policy = ClientPolicy {
        timeout: TIMEOUT,
        max_body_bytes: ANSWER_BYTES_MAX,
        ca_file,
        retry: RetryPolicy { attempts: 1, ..RetryPolicy::default() },
        ..ClientPolicy::new(vec![rule])
    };
    Client::new(policy).map_err(told)
}

/// Where it goes. Services of others are spoken to over https; a receiver of one's own may be http within the cluster.
async fn address(service: &Service) -> Result<Url, NotifyError> {
    let (source, may_be_http) = match service {
        Service::Slack { address } | Service::Teams { address } | Service::Discord { address } => {
            (Some(address), false)
        }
        Service::PagerDuty { address, .. } => (address.as_ref(), false),
        Service::Webhook { address, .. } => (Some(address), true),
    };
    let text = match source {
        Some(source) => read(source).await?.expose().to_owned(),
        None => pagerduty::ADDRESS.to_owned(),
    };
    let url = Url::parse(&text).map_err(|_| NotifyError::Address { why: "it is no address" })?;
    let is_local = url.host_str().is_some_and(|host| matches!(host, "localhost" | "127.0.0.1" | "[::1]"));
    if url.scheme() == "https" || (url.scheme() == "http" && (may_be_http || is_local)) {
        return Ok(url);
    }
    Err(NotifyError::Address { why: "it does not begin with https://" })
}

/// The bytes of the body.
async fn body(service: &Service, delivery: &Delivery) -> Result<Vec<u8>, NotifyError> {
    let mut body = render(service, &delivery.notice).0;
    if let (Service::PagerDuty { routing_key, .. }, Value::Object(event)) = (service, &mut body) {
        event.insert("routing_key".to_owned(), read(routing_key).await?.expose().into());
    }
    Ok(serde_json::to_vec(&body).expect("a JSON value is always JSON"))
}

async fn headers(
    service: &Service,
    delivery: &Delivery,
    body: &[u8],
    now: Timestamp,
) -> Result<Vec<(&'static str, String)>, NotifyError> {
    let signing_key = match service {
        Service::Webhook { signing_key, .. } => signing_key,
        Service::Slack { .. }
        | Service::Teams { .. }
        | Service::Discord { .. }
        | Service::PagerDuty { .. } => {
            return Ok(Vec::new());
        }
    };
    let at = now.as_second();
    let mut headers = vec![(TIMESTAMP_HEADER, at.to_string()), (DELIVERY_HEADER, delivery.id.clone())];
    if let Some(key) = signing_key {
        headers.push((SIGNATURE_HEADER, sign(read(key).await?.expose().as_bytes(), at, body)));
    }
    Ok(headers)
}

async fn read(source: &SecretSource) -> Result<Secret, NotifyError> {
    source.read().await.map_err(told)
}

fn told(error: NetError) -> NotifyError {
    NotifyError::from(&error)
}
