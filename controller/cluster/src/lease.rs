//! Who acts when several controllers run: the rules of the election, as a state machine without IO.
//!
//! Properties: (A) two candidates never both lead, as long as each sees its own time pass; (B) the clocks of the
//! machines need not agree: how old a lease is, is judged by how long this candidate has seen it unchanged; (C) a leader
//! that was paused and wakes up does not lead, whether or not it notices; (D) a leader that stops in good order gives the
//! lease away at once.
//!
//! After client-go's `tools/leaderelection`, which Kubernetes' own controllers use: a lease lasts 15 s, a leader that
//! could not renew it for 10 s stops, and both try every 2 s. The 5 s between are for a write that is under way.

use std::time::Duration;

use jiff::Timestamp;

/// How long things take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LeaseTiming {
    /// A lease that is unchanged for so long may be taken.
    pub lasts: Duration,
    /// A leader that could not renew for so long no longer leads; shorter than `lasts`.
    pub renew_within: Duration,
    /// Pause between two attempts; a fraction of `renew_within`.
    pub retry_every: Duration,
}

impl Default for LeaseTiming {
    fn default() -> Self {
        Self {
            lasts: Duration::from_secs(15),
            renew_within: Duration::from_secs(10),
            retry_every: Duration::from_secs(2),
        }
    }
}

/// What the Lease says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LeaseRecord {
    /// Who holds it; none when it was given away.
    pub(crate) holder: Option<String>,
    /// How long it lasts after it was renewed.
    pub(crate) lasts: Duration,
    /// When the holder got it.
    pub(crate) acquired: Option<Timestamp>,
    /// When the holder last renewed it, by the holder's clock.
    pub(crate) renewed: Option<Timestamp>,
    /// How often it has changed hands.
    pub(crate) transitions: u32,
}

/// A moment by two clocks: one that only runs forward but may stand still while the machine sleeps, and one that may be
/// set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Moment {
    /// Since the start of the process.
    pub(crate) running: Duration,
    /// By the wall.
    pub(crate) wall: Timestamp,
}

impl Moment {
    /// Less than `limit` has passed since, by both clocks. A clock that was set back tells nothing and leaves it to the
    /// other.
    fn is_within(self, limit: Duration, since: Self) -> bool {
        let by_wall = Duration::try_from(self.wall.duration_since(since.wall)).unwrap_or_default();
        self.running.saturating_sub(since.running) < limit && by_wall < limit
    }
}

/// What a candidate does next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    /// Create the Lease; there is none.
    Create(LeaseRecord),
    /// Replace the Lease, in the version that was just read.
    Replace(LeaseRecord),
    /// Someone else holds it.
    Wait,
}

/// One of those who want to lead.
#[derive(Debug, Clone)]
pub(crate) struct Candidate {
    identity: String,
    timing: LeaseTiming,
    /// The record of another holder, and when it was first seen like this.
    seen: Option<(LeaseRecord, Duration)>,
    /// When the last successful write was asked for.
    renewed: Option<Moment>,
    /// No longer takes part.
    resigned: bool,
}

impl Candidate {
    /// A candidate; the identity must be its own alone, also among restarts.
    pub(crate) fn new(identity: impl Into<String>, timing: LeaseTiming) -> Self {
        Self { identity: identity.into(), timing, seen: None, renewed: None, resigned: false }
    }

    /// What to do about the Lease that was found. The outcome is told by [`Candidate::wrote`], or not at all.
    pub(crate) fn step(&mut self, found: Option<&LeaseRecord>, now: Moment) -> Step {
        if self.resigned {
            return Step::Wait;
        }
        let Some(found) = found else { return Step::Create(self.record(None, now)) };
        if found.holder.as_deref() == Some(self.identity.as_str()) {
            return Step::Replace(self.record(Some(found), now));
        }
        self.renewed = None;
        let first_seen = match &self.seen {
            Some((record, first_seen)) if record == found => *first_seen,
            _ => {
                self.seen = Some((found.clone(), now.running));
                now.running
            }
        };
        let given_away = found.holder.is_none();
        let lapsed = now.running.saturating_sub(first_seen) >= found.lasts.max(self.timing.lasts);
        if given_away || lapsed { Step::Replace(self.record(Some(found), now)) } else { Step::Wait }
    }

    /// The write of the last step succeeded. It counts from when it was asked for: the answer may have taken long.
    pub(crate) fn wrote(&mut self, asked: Moment) {
        self.seen = None;
        self.renewed = Some(asked);
    }

    /// May act at this moment. Asked before each outward write.
    pub(crate) fn leads(&self, now: Moment) -> bool {
        !self.resigned && self.renewed.is_some_and(|renewed| now.is_within(self.timing.renew_within, renewed))
    }

    /// Stops leading for good; returns what to write over the Lease that was found, if it is ours to give away.
    pub(crate) fn release(&mut self, found: Option<&LeaseRecord>, now: Moment) -> Option<LeaseRecord> {
        self.resign();
        let found = found.filter(|found| found.holder.as_deref() == Some(self.identity.as_str()))?;
        Some(LeaseRecord { holder: None, renewed: Some(now.wall), ..found.clone() })
    }

    /// Stops leading for good, whatever a write that is still under way comes to.
    pub(crate) fn resign(&mut self) {
        self.resigned = true;
    }

    fn record(&self, found: Option<&LeaseRecord>, now: Moment) -> LeaseRecord {
        let same = found.filter(|found| found.holder.as_deref() == Some(self.identity.as_str()));
        let before = found.map_or(0, |found| found.transitions);
        LeaseRecord {
            holder: Some(self.identity.clone()),
            lasts: self.timing.lasts,
            acquired: same.map_or(Some(now.wall), |same| same.acquired),
            renewed: Some(now.wall),
            transitions: if same.is_some() || found.is_none() { before } else { before.saturating_add(1) },
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment {
            running: Duration::from_secs(seconds),
            wall: Timestamp::from_second(1_767_225_600 + i64::try_from(seconds).unwrap()).unwrap(),
        }
    }

    /// A Lease that takes a write only in the version that was read, as the API server does.
    #[derive(Default)]
    struct Server {
        record: Option<LeaseRecord>,
        version: u64,
    }

    impl Server {
        fn write(&mut self, read_version: u64, step: Step) -> bool {
            let (Step::Create(record) | Step::Replace(record)) = step else { return false };
            let taken = read_version == self.version;
            if taken {
                self.record = Some(record);
                self.version += 1;
            }
            taken
        }

        fn turn(&mut self, candidate: &mut Candidate, now: Moment) {
            let version = self.version;
            let step = candidate.step(self.record.clone().as_ref(), now);
            if self.write(version, step) {
                candidate.wrote(now);
            }
        }
    }

    #[test]
    fn the_second_waits_until_it_has_itself_seen_the_lease_lapse() {
        let mut server = Server::default();
        let (mut a, mut b) =
            (Candidate::new("a", LeaseTiming::default()), Candidate::new("b", LeaseTiming::default()));
        server.turn(&mut a, at(0));
        // b's clock is an hour ahead: the lease looks long lapsed, and is not touched.
        let ahead = |seconds| Moment { wall: at(seconds + 3600).wall, ..at(seconds) };
        server.turn(&mut b, ahead(1));
        assert!(a.leads(at(1)) && !b.leads(ahead(1)));
        // a renews once more and is then gone.
        server.turn(&mut a, at(4));
        server.turn(&mut b, ahead(5));
        server.turn(&mut b, ahead(19));
        assert!(!b.leads(ahead(19)));
        assert!(!a.leads(at(14)), "stops 10 s after its last renewal, before anyone may take over");
        server.turn(&mut b, ahead(20));
        assert!(b.leads(ahead(20)));
        assert_eq!(
            server.record.as_ref().map(|r| (r.holder.as_deref(), r.transitions)),
            Some((Some("b"), 1))
        );
        // a wakes up and sees that it is over.
        server.turn(&mut a, at(21));
        assert!(!a.leads(at(21)));
    }

    #[test]
    fn a_leader_that_slept_does_not_lead_though_one_clock_stood_still() {
        let mut server = Server::default();
        let mut a = Candidate::new("a", LeaseTiming::default());
        server.turn(&mut a, at(0));
        let machine_slept = Moment { running: Duration::from_secs(1), wall: at(60).wall };
        assert!(!a.leads(machine_slept));
        let clock_set_back = Moment { running: Duration::from_secs(12), wall: at(0).wall };
        assert!(!a.leads(clock_set_back));
        assert!(a.leads(at(9)));
    }

    #[test]
    fn a_lease_that_is_given_away_is_taken_at_once() {
        let mut server = Server::default();
        let (mut a, mut b) =
            (Candidate::new("a", LeaseTiming::default()), Candidate::new("b", LeaseTiming::default()));
        server.turn(&mut a, at(0));
        server.turn(&mut b, at(1));
        let mut c = Candidate::new("c", LeaseTiming::default());
        assert_eq!(c.release(server.record.as_ref(), at(1)), None, "what is not ours is not given away");
        server.record = a.release(server.record.as_ref(), at(2));
        // The answer to a renewal that was under way comes late.
        a.wrote(at(2));
        assert!(!a.leads(at(2)));
        server.turn(&mut b, at(3));
        assert!(b.leads(at(3)));
    }

    proptest! {
        /// Any order of turns, each with a delay between reading and writing, in which candidates also fall asleep.
        #[test]
        fn two_never_lead_at_once(turns in prop::collection::vec((0_usize..3, 0_u64..12, 0_u64..20), 1..200)) {
            let mut server = Server::default();
            let mut candidates =
                ["a", "b", "c"].map(|identity| Candidate::new(identity, LeaseTiming::default()));
            let mut now = 0;
            for (who, pause, delay) in turns {
                now += pause;
                let asked = at(now);
                let (version, found) = (server.version, server.record.clone());
                let step = candidates[who].step(found.as_ref(), asked);
                now += delay;
                if server.write(version, step) {
                    candidates[who].wrote(asked);
                }
                let leading = candidates.iter().filter(|candidate| candidate.leads(at(now))).count();
                prop_assert!(leading <= 1);
            }
        }
    }
}
