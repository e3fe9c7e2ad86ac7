//! In front of all calls: who calls is told by the connection and the headers, before anything of a body is read. What the
//! bodies may take in memory is shared out here.

use std::convert::Infallible;
use std::sync::Arc;
use std::task::{Context, Poll};

use kubeopt_proto::{AgentServer, MESSAGE_BYTES_MAX};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tonic::Status;
use tonic::body::Body;
use tonic::codegen::http::request::Parts;
use tonic::codegen::http::{HeaderMap, Request, Response, header};
use tonic::codegen::{BoxFuture, Service as Called};

use crate::call::{Caller, turn_away};
use crate::caller::{TokenDoor, TurnedAway};
use crate::listen::{Certificate, Peer};
use crate::service::Service;
use crate::share::{Share, Shares};
use crate::spool::Clock;
use crate::tally::Tally;
use crate::tls::Authorities;

/// Bytes of what says who an agent is, or which model it has: some digests and names.
const QUESTION_BYTES_MAX: usize = 64 * 1024;
/// Questions at a time: 16 MiB. Of one node: that of now, and those of connections that it has lost.
const QUESTIONS_MAX: usize = 256;
const QUESTIONS_PER_NODE_MAX: usize = 4;
/// Uploads at a time, each of at most one message: 48 MiB. Of one node: it trains one model.
const UPLOADS_MAX: usize = 12;
const UPLOADS_PER_NODE_MAX: usize = 1;

/// Answers those who prove who they are.
#[derive(Clone)]
pub(crate) struct Door {
    admission: Arc<Admission>,
    /// Takes small messages only.
    questions: AgentServer<Service>,
    rest: AgentServer<Service>,
}

/// Who is let in.
pub(crate) struct Admission {
    tokens: Option<TokenDoor>,
    authorities: Authorities,
    now: Clock,
    tally: Arc<Tally>,
    questions: Room,
    uploads: Room,
}

/// Calls whose bodies are in memory as a whole.
struct Room {
    places: Arc<Semaphore>,
    of_node: Shares<Arc<str>>,
}

/// A place, until the call is answered.
type Place = (OwnedSemaphorePermit, Share<Arc<str>>);

impl Room {
    fn new(places: usize, per_node: usize) -> Self {
        Self { places: Arc::new(Semaphore::new(places)), of_node: Shares::new(per_node) }
    }

    /// Waits for a place where others have them all; a node that has its share does not wait.
    async fn enter(&self, node: &Arc<str>) -> Result<Place, TurnedAway> {
        let share = self.of_node.take(Arc::clone(node)).ok_or(TurnedAway::TooManyAtOnce)?;
        // It is never closed.
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| TurnedAway::TooManyAtOnce)?;
        Ok((place, share))
    }
}

/// What is asked for.
enum Call {
    Question,
    Upload,
    /// A stream, which is bounded by itself, or what there is not.
    Other,
}

impl Call {
    fn of(path: &str) -> Self {
        match path.rsplit('/').next() {
            Some("Register" | "GetModelUpdate") => Self::Question,
            Some("UploadGradients") => Self::Upload,
            _ => Self::Other,
        }
    }
}

impl Admission {
    pub(crate) fn new(
        tokens: Option<TokenDoor>,
        authorities: Authorities,
        now: Clock,
        tally: Arc<Tally>,
    ) -> Self {
        let questions = Room::new(QUESTIONS_MAX, QUESTIONS_PER_NODE_MAX);
        let uploads = Room::new(UPLOADS_MAX, UPLOADS_PER_NODE_MAX);
        Self { tokens, authorities, now, tally, questions, uploads }
    }

    async fn admit(&self, parts: &Parts) -> Result<(Caller, Option<Place>), Status> {
        let peer = parts.extensions.get::<Peer>();
        let peer = peer.ok_or_else(|| Status::internal("a call without a connection"))?;
        let away = |away: TurnedAway| turn_away(&self.tally, away, peer, None);
        let waiting = peer.wait();
        let node = self.node(peer, &parts.headers).await.map_err(away)?;
        drop(waiting);
        peer.let_in();
        let place = match Call::of(parts.uri.path()) {
            Call::Question => Some(self.questions.enter(&node).await),
            Call::Upload => Some(self.uploads.enter(&node).await),
            Call::Other => None,
        };
        let place = place.transpose().map_err(|why| turn_away(&self.tally, why, peer, Some(&node)))?;
        Ok((Caller(node), place))
    }

    /// The node that a call is of.
    async fn node(&self, peer: &Peer, headers: &HeaderMap) -> Result<Arc<str>, TurnedAway> {
        match &peer.certificate {
            Certificate::Node { name, chain } if self.authorities.believe(chain, (self.now)()) => {
                Ok(Arc::clone(name))
            }
            Certificate::Node { .. } => Err(TurnedAway::CertificateOver),
            Certificate::NamesNoNode => Err(TurnedAway::NoNodeInCertificate),
            Certificate::None => self.of_token(peer, headers).await,
        }
    }

    async fn of_token(&self, peer: &Peer, headers: &HeaderMap) -> Result<Arc<str>, TurnedAway> {
        let header = headers.get(header::AUTHORIZATION).ok_or(TurnedAway::Nothing)?;
        let door = self.tokens.as_ref().ok_or(TurnedAway::NoTokens)?;
        let token =
            header.to_str().ok().and_then(|text| text.strip_prefix("Bearer ")).ok_or(TurnedAway::Token)?;
        door.node(token.trim(), peer.address.ip().to_canonical()).await
    }
}

impl Door {
    pub(crate) fn new(service: Service, admission: Admission) -> Self {
        let service = Arc::new(service);
        let server = |bytes_max: usize| {
            AgentServer::from_arc(Arc::clone(&service))
                .max_decoding_message_size(bytes_max)
                .max_encoding_message_size(MESSAGE_BYTES_MAX)
        };
        Self {
            admission: Arc::new(admission),
            questions: server(QUESTION_BYTES_MAX),
            rest: server(MESSAGE_BYTES_MAX),
        }
    }
}

impl Called<Request<Body>> for Door {
    type Response = Response<Body>;
    type Error = Infallible;
    type Future = BoxFuture<Self::Response, Self::Error>;

    fn poll_ready(&mut self, _cx: &mut Context<'_>) -> Poll<Result<(), Infallible>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let admission = Arc::clone(&self.admission);
        let mut server = match Call::of(request.uri().path()) {
            Call::Question => self.questions.clone(),
            Call::Upload | Call::Other => self.rest.clone(),
        };
        let (mut parts, body) = request.into_parts();
        Box::pin(async move {
            match admission.admit(&parts).await {
                Ok((caller, _place)) => {
                    parts.extensions.insert(caller);
                    server.call(Request::from_parts(parts, body)).await
                }
                Err(status) => Ok(status.into_http()),
            }
        })
    }
}
