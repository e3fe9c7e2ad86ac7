//! What whoever stores a federation needs beside its value: what nodes sent lies in rows of its own, and a round that cannot go
//! on is ended.

use super::{Federation, FederationError};
use crate::aggregate::PARTICIPANTS_MIN;
use crate::event::{Event, Rejection};
use crate::momentum::{Momentum, named};
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

    /// SHA-256 of the momentum that goes on in the next round; none where it would begin anew.
    pub fn momentum(&self) -> Option<&str> {
        let own = self.momentum.as_ref().filter(|own| own.version == self.versions.head().number);
        own.map(|own| own.sha256.as_str())
    }

    /// Takes the list of the momentum out, as with deltas: 4 bytes for each parameter, to be stored under its SHA-256. None where
    /// there is none, or it was taken before.
    pub fn take_momentum(&mut self) -> Option<(String, Vec<f32>)> {
        let own = self.momentum.as_mut().filter(|own| !own.way.is_empty())?;
        Some((own.sha256.clone(), std::mem::take(&mut own.way)))
    }

    /// Gives it back. A list that is another one does not count, and the round goes without.
    pub fn give_momentum(&mut self, way: Vec<f32>) {
        if let Some(own) = self.momentum.as_mut().filter(|own| own.sha256 == named(&way)) {
            own.way = way;
        }
    }

    /// Forgets what is too old, see [`Versions::prune`]; gives the SHA-256 of weights and momenta that nobody needs any more.
    pub fn prune(&mut self) -> Vec<String> {
        let head = self.versions.head().number;
        if self.momentum.as_ref().is_some_and(|own| own.version != head) {
            self.go_on(None);
        }
        let momentum = self.momentum.as_ref().map(|own| own.sha256.as_str());
        let mut forgotten = std::mem::take(&mut self.left);
        forgotten.retain(|own| momentum != Some(own));
        forgotten.extend(self.versions.prune());
        forgotten
    }

    /// What the next round goes on with, in the place of what there was.
    pub(super) fn go_on(&mut self, momentum: Option<Momentum>) {
        let before = std::mem::replace(&mut self.momentum, momentum);
        self.left.extend(before.map(|own| own.sha256));
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
