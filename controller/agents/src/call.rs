//! A call: of which node it is, and what is told where it is turned away.

use std::sync::Arc;

use tonic::Status;

use crate::caller::TurnedAway;
use crate::listen::Peer;
use crate::tally::{Tally, is_logged};

/// The node that a call is of, as it was proved.
#[derive(Debug, Clone)]
pub(crate) struct Caller(pub(crate) Arc<str>);

/// Counts and logs who is turned away; gives what he is told.
pub(crate) fn turn_away(tally: &Tally, away: TurnedAway, peer: &Peer, node: Option<&str>) -> Status {
    let times = tally.turned_away(away.reason());
    if is_logged(times) {
        let (address, node) = (peer.address, node.unwrap_or_default());
        tracing::warn!(%address, node, reason = away.reason(), times, "an agent was turned away");
    }
    away.status()
}
