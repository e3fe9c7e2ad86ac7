//! What whoever stores a federation needs beside its value: what nodes sent lies in rows of its own, and a round that cannot go
//! on is ended.

use super::{Federation, FederationError};
use crate::aggregate::PARTICIPANTS_MIN;
use crate::event::{Event, Rejection};
use crate::round::RoundState;

impl Federation {
    /// Takes the uploads' deltas out, so that the value is small; they are given back before they are put together.
    pub fn take_deltas(&mut self) -> Vec<(String, Vec<f32>)> {
        let round = self.round.iter_mut().flat_map(|round| &mut round.participants);
        round.map(|own| (own.node.clone(), std::mem::take(&mut own.delta))).collect()
    }

    /// Gives a participant's delta back.
    pub fn give_delta(&mut self, node: &str, delta: Vec<f32>) {
        let round = self.round.iter_mut().flat_map(|round| &mut round.participants);
        if let Some(own) = round.into_iter().find(|own| own.node == node) {
            own.delta = delta;
        }
    }

    /// As [`Federation::close`], where more participants than a mean needs are wanted.
    ///
    /// # Errors
    /// As [`Federation::close`].
    pub fn close_with(&mut self, least: usize) -> Result<Vec<Event>, FederationError> {
        let need = least.max(PARTICIPANTS_MIN);
        let open = self.round.as_ref().filter(|round| round.state == RoundState::Open);
        match open.map(|round| (round.id, round.participants.len())) {
            Some((round, have)) if have < need => {
                let closed = Event::RoundClosed { round, participants: have };
                let over = self.end(Err(Rejection::TooFew { have, need }));
                Ok([closed].into_iter().chain(over.map(|(_, event)| event)).collect())
            }
            Some(_) | None => self.close(),
        }
    }

    /// Ends a round that cannot go on, such as one whose uploads or base are lost.
    pub fn abandon(&mut self) -> Option<Event> {
        self.end(Err(Rejection::NotScored)).map(|(_, event)| event)
    }
}
