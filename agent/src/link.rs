//! What is kept goes to the controller, oldest first, until it is acknowledged; models come back.

use std::convert::Infallible;
use std::time::Duration;

use futures::SinkExt;
use futures::channel::mpsc;
use kubeopt_buffer::Chunk;
use kubeopt_proto::{
    Ack, AgentClient, Batch, CgroupMode, MESSAGE_BYTES_MAX, ModelRequest, PROTOCOL_MAX, PROTOCOL_MIN,
    RegisterRequest, RegisterResponse,
};
use tonic::metadata::MetadataValue;
use tonic::{Request, Status};

use crate::args::Controller;
use crate::connection::{ConnectError, Connection};
use crate::learned::Learned;
use crate::log;
use crate::metrics::{add, count};
use crate::packed::unpack;
use crate::shared::{SECONDS_OF_STEP, Shared};

/// Batches that are sent and not acknowledged, at most: what the controller must hold of a node.
const IN_FLIGHT_MAX: usize = 8;

/// A call that takes longer has failed.
const PATIENCE: Duration = Duration::from_secs(30);

/// Without an acknowledgement for so long while one is due, the connection is given up, and another one sends again.
const ACK_PATIENCE: Duration = Duration::from_secs(120);

/// From one attempt to the next: doubled each time, a part of it by chance so that a thousand nodes do not come at once.
const BACKOFF_MS: u64 = 1_000;
const BACKOFF_MS_MAX: u64 = 60_000;

/// The controller may ask for this much patience, and no more: ten minutes.
const ASKED_MS_MAX: u32 = 600_000;

/// How often models are asked for, in seconds, whatever the controller says.
const POLL_S: std::ops::RangeInclusive<u64> = 30..=86_400;

/// An acknowledgement is two numbers.
const ACK_BYTES_MAX: usize = 1024;

/// Why a session ended.
#[derive(Debug, thiserror::Error)]
enum SessionError {
    #[error(transparent)]
    Connect(#[from] ConnectError),
    #[error("unable to read the token {0}")]
    Token(String, #[source] std::io::Error),
    #[error("the token {0} is no token")]
    TokenText(String),
    #[error("the controller refused: {} ({:?})", log::plain(.0.message()), .0.code())]
    Status(#[from] Status),
    #[error("the controller ended the stream")]
    Ended,
    #[error("the controller acknowledged nothing for {} s", ACK_PATIENCE.as_secs())]
    Unacknowledged,
    #[error("the controller did not answer within {} s", PATIENCE.as_secs())]
    Late,
    #[error("the controller chose version {0} of the protocol, which this agent does not speak")]
    Protocol(u32),
    #[error(transparent)]
    Buffer(#[from] kubeopt_buffer::ReadError),
}

type Client = AgentClient<Connection>;

/// Sessions one after the other, for ever.
pub(crate) async fn link(shared: &Shared, to: &Controller) -> Infallible {
    let mut failures = 0_u32;
    loop {
        let acknowledged = shared.buffer.borrow().acknowledged_seq();
        let Err(error) = session(shared, to).await;
        shared.metrics.connected.set(0);
        count(&shared.metrics.connections_failed);
        let is_progress = shared.buffer.borrow().acknowledged_seq() > acknowledged;
        failures = if is_progress { 0 } else { failures.saturating_add(1) };
        let rest = backoff_ms(failures);
        log::warn(format_args!("{}; next attempt in {} s", log::chain(&error), rest.div_ceil(1000)));
        shared.clock.rest(rest).await;
    }
}

/// Between half and all of what the number of failures makes it.
fn backoff_ms(failures: u32) -> u64 {
    let most = BACKOFF_MS.saturating_mul(1 << failures.min(10)).min(BACKOFF_MS_MAX);
    let mut chance = [0; 8];
    // Without chance it is the longest.
    let part = getrandom::fill(&mut chance).map_or(u64::MAX, |()| u64::from_le_bytes(chance));
    most / 2 + part % (most / 2 + 1)
}

async fn session(shared: &Shared, to: &Controller) -> Result<Infallible, SessionError> {
    let connection = Connection::open(to).await?;
    let mut client = client(connection, to, ACK_BYTES_MAX);
    let registered = register(shared, to, &mut client).await?;
    if !(PROTOCOL_MIN..=PROTOCOL_MAX).contains(&registered.protocol) {
        return Err(SessionError::Protocol(registered.protocol));
    }
    if let Some(config) = &registered.config {
        shared.settings.take(config);
    }
    count(&shared.metrics.connections);
    shared.metrics.connected.set(1);
    shared.buffer.borrow_mut().continue_after(registered.acknowledged_seq);
    let ours = shared.clock.now().unix_ms;
    log::info(format_args!(
        "connected to {}:{}; it has batches up to {}; clocks differ by {} ms",
        to.host,
        to.port,
        registered.acknowledged_seq,
        registered.server_time_unix_ms.abs_diff(ours)
    ));
    tokio::select! {
        ended = metrics(shared, to, client.clone()) => ended,
        ended = models(shared, to, client) => ended,
    }
}

fn client(connection: Connection, to: &Controller, bytes_max: usize) -> Client {
    let host = if to.server_name.contains(':') { "controller" } else { to.server_name.as_str() };
    let origin = http::Uri::builder().scheme("https").authority(host).path_and_query("/").build();
    AgentClient::with_origin(connection, origin.unwrap_or_default())
        .max_decoding_message_size(bytes_max)
        .max_encoding_message_size(MESSAGE_BYTES_MAX)
}

/// With the token, read anew: it is replaced every hour or so.
fn request<T>(to: &Controller, message: T) -> Result<Request<T>, SessionError> {
    let mut request = Request::new(message);
    if let Some(path) = &to.token {
        let shown = || path.display().to_string();
        let token = std::fs::read_to_string(path).map_err(|error| SessionError::Token(shown(), error))?;
        let bearer = MetadataValue::try_from(format!("Bearer {}", token.trim()));
        let mut bearer = bearer.map_err(|_| SessionError::TokenText(shown()))?;
        bearer.set_sensitive(true);
        request.metadata_mut().insert("authorization", bearer);
    }
    Ok(request)
}

async fn within<T>(
    call: impl Future<Output = Result<tonic::Response<T>, Status>>,
) -> Result<T, SessionError> {
    let answered = tokio::time::timeout(PATIENCE, call).await.map_err(|_| SessionError::Late)?;
    Ok(answered?.into_inner())
}

async fn register(
    shared: &Shared,
    to: &Controller,
    client: &mut Client,
) -> Result<RegisterResponse, SessionError> {
    let mode = match shared.mode {
        kubeopt_sample::CgroupMode::V1 => CgroupMode::V1,
        kubeopt_sample::CgroupMode::V2 => CgroupMode::V2,
        kubeopt_sample::CgroupMode::Hybrid => CgroupMode::Hybrid,
    };
    let asked = RegisterRequest {
        protocol_min: PROTOCOL_MIN,
        protocol_max: PROTOCOL_MAX,
        agent_version: env!("CARGO_PKG_VERSION").to_owned(),
        node_name: shared.args.node.clone(),
        boot_id: shared.buffer.borrow().boot_id().to_string(),
        cgroup_mode: mode.into(),
        schema_sha256: kubeopt_outlook::schema_hash().to_vec(),
        model_sha256: shared.model.borrow().sha256(),
    };
    within(client.register(request(to, asked)?)).await
}

/// Batches up and acknowledgements down, until one of both ends.
async fn metrics(shared: &Shared, to: &Controller, mut client: Client) -> Result<Infallible, SessionError> {
    let (batches, outgoing) = mpsc::channel::<Batch>(1);
    let flow = Flow::default();
    let acknowledgements = async {
        // It answers when it likes: with the first batch, or before.
        let mut acks = client.sync_metrics(request(to, outgoing)?).await?.into_inner();
        loop {
            let ack = acks.message().await?.ok_or(SessionError::Ended)?;
            flow.take(shared, ack);
        }
    };
    let patience = async {
        let mut before = None;
        loop {
            tokio::time::sleep(ACK_PATIENCE).await;
            let acknowledged = shared.buffer.borrow().acknowledged_seq();
            let is_due = flow.sent.get() > acknowledged;
            if is_due && before == Some((acknowledged, true)) && !flow.is_asked_to_wait(shared) {
                return SessionError::Unacknowledged;
            }
            before = Some((acknowledged, is_due));
        }
    };
    tokio::select! {
        ended = acknowledgements => ended,
        ended = send(shared, &flow, batches) => ended,
        late = patience => Err(late),
    }
}

/// What both directions of a stream know.
#[derive(Debug, Default)]
struct Flow {
    sent: std::cell::Cell<u64>,
    /// No batch before this, in microseconds of the steady clock.
    not_before_us: std::cell::Cell<u64>,
    acknowledged: tokio::sync::Notify,
}

impl Flow {
    fn take(&self, shared: &Shared, ack: Ack) {
        if !shared.buffer.borrow_mut().acknowledged(ack.acknowledged_seq) {
            count(&shared.metrics.acks_unknown);
        }
        let rest_us = u64::from(ack.backoff_ms.min(ASKED_MS_MAX)) * 1000;
        self.not_before_us.set(shared.clock.steady_us() + rest_us);
        self.acknowledged.notify_one();
    }

    fn is_asked_to_wait(&self, shared: &Shared) -> bool {
        self.not_before_us.get() > shared.clock.steady_us()
    }
}

async fn send(
    shared: &Shared,
    flow: &Flow,
    mut batches: mpsc::Sender<Batch>,
) -> Result<Infallible, SessionError> {
    let interval_us =
        u64::from(shared.settings.batch_steps.get() * SECONDS_OF_STEP) * 1_000_000 / shared.args.replay_rate;
    let mut chunk = Chunk::default();
    let mut next_us = 0;
    let mut under_way: Vec<u64> = Vec::with_capacity(IN_FLIGHT_MAX);
    let mut after = shared.buffer.borrow().acknowledged_seq();
    loop {
        shared.buffer.borrow_mut().chunk_after(after, &mut chunk)?;
        if chunk.is_empty() {
            shared.appended.notified().await;
            continue;
        }
        for (seq, bytes) in chunk.records() {
            after = seq;
            let batch = match unpack(bytes) {
                Ok(batch) => batch,
                Err(error) => {
                    count(&shared.metrics.batches_unreadable);
                    log::warn(format_args!("batch {seq} of the buffer is left out: {error}"));
                    continue;
                }
            };
            // Numbers may have holes: what is under way is counted, not reckoned.
            loop {
                let acknowledged = shared.buffer.borrow().acknowledged_seq();
                under_way.retain(|sent| *sent > acknowledged);
                if under_way.len() < IN_FLIGHT_MAX {
                    break;
                }
                flow.acknowledged.notified().await;
            }
            // The newest goes at once; what is behind it goes at the replay's rate.
            let is_newest = seq + 1 == shared.buffer.borrow().next_seq();
            let due_us = if is_newest { 0 } else { next_us };
            shared.clock.until(due_us.max(flow.not_before_us.get())).await;
            next_us = shared.clock.steady_us() + interval_us;
            flow.sent.set(seq);
            under_way.push(seq);
            batches.send(batch).await.map_err(|_| SessionError::Ended)?;
            count(&shared.metrics.batches_sent);
        }
    }
}

/// Asks for models and plans, and sends what was learned until the controller has decided about it.
async fn models(shared: &Shared, to: &Controller, client: Client) -> Result<Infallible, SessionError> {
    let mut client = client.max_decoding_message_size(MESSAGE_BYTES_MAX);
    loop {
        let asked = ModelRequest {
            have_sha256: shared.model.borrow().sha256(),
            schema_sha256: kubeopt_outlook::schema_hash().to_vec(),
        };
        let answer = within(client.get_model_update(request(to, asked)?)).await;
        let poll_s = match answer {
            Ok(answer) => {
                if let Some(sent) = answer.model {
                    take_model(shared, &sent);
                }
                *shared.plan.borrow_mut() = answer.plan;
                u64::from(answer.next_poll_s)
            }
            // A controller without models says so; batches go on.
            Err(SessionError::Status(status)) if is_no_fault(&status) => *POLL_S.start() * 10,
            Err(error) => return Err(error),
        };
        // What an earlier connection could not send goes at once.
        if shared.learned.borrow().is_none() {
            let poll = shared.clock.rest(poll_s.clamp(*POLL_S.start(), *POLL_S.end()) * 1000);
            tokio::select! {
                () = poll => {}
                () = shared.trained.notified() => {}
            }
        }
        let learned = shared.learned.borrow().clone();
        if let Some(learned) = learned {
            upload(shared, to, &mut client, learned).await?;
            shared.clock.rest(*POLL_S.start() * 1000).await;
        }
    }
}

/// Sends what was learned. Without an answer that decides it stays where it is.
async fn upload(
    shared: &Shared,
    to: &Controller,
    client: &mut Client,
    learned: Learned,
) -> Result<(), SessionError> {
    let (round, nonce) = (learned.upload.round_id, learned.upload.nonce.clone());
    let answer = if shared.clock.now().unix_ms > learned.deadline_unix_ms {
        Err("its deadline has passed".to_owned())
    } else {
        match within(client.upload_gradients(request(to, learned.upload)?)).await {
            Ok(answer) if answer.accepted => Ok(()),
            Ok(answer) => Err(answer.reason),
            Err(SessionError::Status(status)) if is_final(&status) => Err(status.message().to_owned()),
            Err(error) => {
                let why = log::chain(&error);
                log::warn(format_args!("what was learned in round {round} is sent again: {why}"));
                return Ok(());
            }
        }
    };
    let mut kept = shared.learned.borrow_mut();
    *kept = kept.take().filter(|newer| newer.upload.nonce != nonce);
    add(&shared.metrics.trainings, u64::from(answer.is_ok()));
    add(&shared.metrics.trainings_skipped, u64::from(answer.is_err()));
    let said = answer.map_or_else(|reason| log::plain(&reason), |()| "taken".to_owned());
    log::info(format_args!("what was learned in round {round}: {said}"));
    Ok(())
}

/// Sending the same again would be answered the same.
fn is_final(status: &Status) -> bool {
    is_no_fault(status)
        || matches!(
            status.code(),
            tonic::Code::InvalidArgument | tonic::Code::OutOfRange | tonic::Code::PermissionDenied
        )
}

fn is_no_fault(status: &Status) -> bool {
    matches!(
        status.code(),
        tonic::Code::Unimplemented | tonic::Code::NotFound | tonic::Code::FailedPrecondition
    )
}

fn take_model(shared: &Shared, sent: &kubeopt_proto::Model) {
    let taken = shared.model.borrow_mut().take(sent);
    match taken {
        Ok(()) => log::info(format_args!("model {} is in use", sent.version)),
        Err(error) => {
            count(&shared.metrics.models_refused);
            log::warn(format_args!("model {} is not used: {}", sent.version, log::chain(&error)));
        }
    }
    shared.metrics.model_version.set(shared.model.borrow().version());
}
