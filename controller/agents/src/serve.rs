//! The server as a whole: what it is made of, how it begins and ends.

use std::sync::Arc;
use std::time::Duration;

use kubeopt_proto::AgentConfig;
use tokio::net::TcpListener;
use tokio::sync::watch;
use tonic::transport::Server;

use crate::agents::Agents;
use crate::caller::{TokenDoor, TokenReviewer, Tokens};
use crate::door::{Admission, Door};
use crate::error::AgentsError;
use crate::listen::{Bounds, Gate, incoming};
use crate::models::{Models, NoModels};
use crate::service::Service;
use crate::spool::ticks;
use crate::tls::{Renewed, TlsFiles};

/// Calls of one connection at a time: a stream, a model, an upload.
const CALLS_MAX: u32 = 8;
/// Bytes of headers: a token has 1 to 2 KiB.
const HEADER_BYTES_MAX: u32 = 32 * 1024;
/// Bytes of one stream that may be under way: a few batches of 100 containers. Of a connection: the stream and an upload.
const STREAM_WINDOW_BYTES: u32 = 256 * 1024;
const CONNECTION_WINDOW_BYTES: u32 = 512 * 1024;
/// How a dead connection is noticed: asked so often, and given up after so long.
const KEEPALIVE_EVERY: Duration = Duration::from_secs(30);
const KEEPALIVE_TIME_MAX: Duration = Duration::from_secs(20);
/// How long a call may take until it is answered; a stream is answered at once.
const CALL_TIME_MAX: Duration = Duration::from_secs(30);
/// How long streams may take to end after the end was asked for; Kubernetes kills after 60 seconds.
const DRAIN_TIME_MAX: Duration = Duration::from_secs(10);

/// What the server needs to know of the world.
pub struct Doors {
    /// Its certificate, and who signs those of agents.
    pub tls: TlsFiles,
    /// Which tokens are taken and who reviews them; none where agents show certificates only.
    pub tokens: Option<(Tokens, Box<dyn TokenReviewer>)>,
    /// Who hands out models; none where nobody does.
    pub models: Option<Arc<dyn Models>>,
    /// What the operator sets for all agents.
    pub config: AgentConfig,
    /// The SPIFFE trust domain whose certificates name nodes by a URI; none believes no URI.
    pub trust_domain: Option<String>,
    /// Who may connect.
    pub bounds: Bounds,
}

impl Agents {
    /// Serves until `shutdown` ends, then lets what is under way reach the disk and be acknowledged.
    ///
    /// # Errors
    /// [`AgentsError`] where the certificate cannot be used, or connections are not taken any more.
    pub async fn serve(
        &self,
        listener: TcpListener,
        doors: Doors,
        shutdown: impl Future<Output = ()> + Send,
    ) -> Result<(), AgentsError> {
        let tls = Renewed::load(doors.tls)?;
        let (end, ended) = watch::channel(false);
        let tally = Arc::clone(self.spool.tally());
        let tokens = doors.tokens.map(|(tokens, reviewer)| TokenDoor::new(reviewer, tokens, ticks()));
        let admission = Admission::new(tokens, tls.authorities(), Arc::clone(&self.now), Arc::clone(&tally));
        let service = Service {
            agents: self.clone(),
            models: doors.models.unwrap_or_else(|| Arc::new(NoModels)),
            config: doors.config,
            ended: ended.clone(),
        };
        let door = Door::new(service, admission);
        let gate = Gate { tls, bounds: doors.bounds, trust_domain: doors.trust_domain, tally };
        let mut over = ended.clone();
        let serving = Server::builder()
            .timeout(CALL_TIME_MAX)
            .max_concurrent_streams(CALLS_MAX)
            .http2_max_header_list_size(HEADER_BYTES_MAX)
            .initial_stream_window_size(STREAM_WINDOW_BYTES)
            .initial_connection_window_size(CONNECTION_WINDOW_BYTES)
            .http2_keepalive_interval(Some(KEEPALIVE_EVERY))
            .http2_keepalive_timeout(Some(KEEPALIVE_TIME_MAX))
            .serve_with_incoming_shutdown(door, incoming(listener, gate, ended), async move {
                drop(over.wait_for(|ended| *ended).await);
            });
        tokio::pin!(serving);
        let failed = |error: tonic::transport::Error| AgentsError::Serve { reason: error.to_string() };
        tokio::select! {
            // Nobody asked for it: the listener failed.
            served = &mut serving => {
                served.map_err(failed)?;
                return Err(AgentsError::Serve { reason: "the listener gave up".to_owned() });
            }
            () = shutdown => {}
        }
        end.send_replace(true);
        match tokio::time::timeout(DRAIN_TIME_MAX, serving).await {
            Ok(served) => served.map_err(failed),
            Err(_) => {
                tracing::warn!("streams of agents were cut off");
                Ok(())
            }
        }
    }
}
