//! CPU and memory by remote read: raw samples as the store keeps them, from which the same numbers are made as by a query.
//!
//! A query of a day for all containers is evaluated by the server, step by step; raw chunks are only copied. They are read
//! as they arrive (`STREAMED_XOR_CHUNKS`), one series at a time; what is kept is one number per container and step. Where
//! the server does not offer it, or breaks off, the query is sent instead: nothing was handed on until all was there.

mod chunk;
mod frames;
mod message;
mod steps;

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use kubeopt_model::usage::Window;
use kubeopt_net::{Method, NetError, Request, Response};

use crate::attempt::{ANSWER_BYTES_MAX, Api, Tally};
use crate::intake::Asked;
use crate::oom::{Key, Points};
use crate::query::Selector;
use crate::scanner::Labels;
use chunk::Samples;
use frames::Frames;
use message::{Part, read_request};
pub(crate) use steps::Boundary;
use steps::Sums;

/// What a server says that streams chunks.
const STREAMED: &str = "application/x-streamed-protobuf";

/// Containers of one answer: more than the largest clusters that Kubernetes is tested with.
const CONTAINERS_MAX: usize = 500_000;

/// Why raw samples were not read.
#[derive(Debug, thiserror::Error)]
pub(crate) enum RawError {
    /// There is no such thing at this server, or none that streams.
    #[error("it does not offer to stream raw samples")]
    NotOffered,
    /// It could not be asked, or broke off.
    #[error(transparent)]
    Net(#[from] NetError),
    /// What arrived is not what the protocol says.
    #[error("its raw samples cannot be read: {0}")]
    Malformed(&'static str),
}

/// Whether raw samples are read from a server.
#[derive(Debug)]
pub(crate) struct RawReading {
    wanted: AtomicBool,
}

impl RawReading {
    pub(crate) fn new(wanted: bool) -> Self {
        Self { wanted: AtomicBool::new(wanted) }
    }

    /// As the operator wants it, until the server did not offer it.
    pub(crate) fn is_wanted(&self) -> bool {
        self.wanted.load(Ordering::Relaxed)
    }

    /// After a failure: a server that does not offer it is not asked again.
    pub(crate) fn failed(&self, error: &RawError) {
        if matches!(error, RawError::NotOffered) {
            self.wanted.store(false, Ordering::Relaxed);
        }
        tracing::info!("remote read: {error}; asking by query");
    }
}

/// Numbers of each step of a slice by container, as the query of the same kind gives them.
pub(crate) async fn read_raw(
    api: &Api,
    selector: &Selector,
    asked: Asked,
    slice: Window,
    boundary: Boundary,
    tally: &mut Tally,
) -> Result<HashMap<Key, Points>, RawError> {
    tally.queries += 1;
    let matchers = match asked {
        Asked::Cpu => selector.raw_cpu(),
        Asked::Memory => selector.raw_memory(),
        Asked::Hourly => return Err(RawError::NotOffered),
    };
    let mut response = send(api, read_request(slice, &matchers)).await?;
    let mut frames = Frames::default();
    let mut sums = Sums::new(asked, slice, boundary);
    let (mut labels, mut samples) = (Labels::new(), Samples::default());
    while let Some(bytes) = response.chunk().await? {
        tally.bytes += bytes.len() as u64;
        frames.feed(&bytes);
        while let Some(frame) = frames.next().map_err(RawError::Malformed)? {
            for part in message::parts(&frame).map_err(RawError::Malformed)? {
                match part {
                    // A series may go on in the next frame, under the same labels.
                    Part::Labels(of) if of != labels => {
                        sums.add(&labels, samples.taken());
                        labels = of;
                    }
                    Part::Labels(_) => {}
                    Part::Chunk(bytes) => samples.decode(bytes, slice).map_err(RawError::Malformed)?,
                }
            }
            if sums.len() > CONTAINERS_MAX {
                return Err(RawError::Malformed("there are more than 500,000 containers"));
            }
        }
    }
    if !frames.is_at_end() {
        return Err(RawError::Malformed("the answer ends early"));
    }
    sums.add(&labels, samples.taken());
    Ok(sums.into_points())
}

async fn send(api: &Api, body: Vec<u8>) -> Result<Response, RawError> {
    let mut url = api.base.clone();
    url.set_path(&format!("{}api/v1/read", api.base.path()));
    let mut request = Request::new(Method::POST, url).body("application/x-protobuf", body)?;
    for (name, value) in [
        ("content-encoding", "snappy"),
        ("accept-encoding", "identity"),
        ("x-prometheus-remote-read-version", "0.1.0"),
    ] {
        request = request.header(name, value)?;
    }
    for (name, value) in &api.headers {
        request = request.header(name, value)?;
    }
    let request = request.once().timeout(api.patience()).max_body_bytes(ANSWER_BYTES_MAX);
    let response = api.client.send(request).await?;
    // What a server or a proxy before it answers to an address or a body that it does not know.
    if matches!(response.status.as_u16(), 400 | 404 | 405 | 406 | 415 | 501) {
        return Err(RawError::NotOffered);
    }
    let response = response.success().await?;
    let kind = response.headers.get("content-type").and_then(|kind| kind.to_str().ok());
    if kind.is_some_and(|kind| kind.starts_with(STREAMED)) { Ok(response) } else { Err(RawError::NotOffered) }
}
