//! The versions of a model: where each came from, how well it does, which node has which, and the way back. Weights lie
//! elsewhere, under their SHA-256.

use kubeopt_lstm::digest;
use serde::{Deserialize, Serialize};

use crate::event::{Event, Rejection};

/// Versions that are kept; whoever goes back finds a month of daily rounds' good ones rarely needed, and a week's always.
const KEPT: usize = 8;

/// Versions whose nodes may still upload: the last accepted ones.
const BASES: usize = 3;

/// Parts of the nodes that a new version goes to, one after the other, before all of them.
const SHARES: [f32; 2] = [0.1, 0.5];

/// How long each part has a version before the next one gets it, and how long a live loss must be higher.
const DAY_MS: u64 = 86_400_000;

/// A loss this much higher is worse: by less it moves from day to day without cause.
const LOSS_ROOM: f64 = 1.01;

/// So much further from 0.9 the coverage may be.
const COVERAGE_ROOM: f64 = 0.02;

/// What the losses of all versions since the best kept one may add up to.
const CREEP_ROOM: f64 = 1.02;

/// The part that the scored quantile should hold.
const HELD: f64 = 0.9;

/// How well a version does on data that the controller owns.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Score {
    /// Mean scaled pinball loss, all quantiles.
    pub pinball: f64,
    /// Part of the hours at which the .9 quantile held, from 0 to 1, with offsets fitted to this version as they are where it is
    /// used: what a network says by itself may hold less often the more it learns.
    pub coverage: f64,
}

/// Where a version came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Why {
    /// It came with kubeopt.
    Shipped,
    /// It was trained in one place.
    Trained,
    /// A round.
    Round(u64),
}

/// Who gets a version.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", rename_all_fields = "camelCase")]
pub enum Rollout {
    /// A part of the nodes, by the hash of their names.
    Canary {
        /// From 0 to 1.
        share: f32,
        /// Since when.
        since_unix_ms: u64,
    },
    /// Each node.
    Full,
    /// Nobody any more.
    RolledBack,
}

/// A version.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Version {
    /// From 1.
    pub number: u64,
    /// SHA-256 of the file of weights, as hexadecimal text.
    pub sha256: String,
    /// The version that it was made from.
    pub parent: Option<u64>,
    /// When.
    pub made_unix_ms: u64,
    /// Where it came from.
    pub why: Why,
    /// SHA-256 of what it was made of: base, nodes, nonces, windows, momentum. Of what was not made by a round, that of its weights.
    pub made_of: String,
    /// On the controller's own data, when it was made.
    pub score: Option<Score>,
    /// Its loss as a factor of that of the version trained in one place that it goes back to: each round's factor was measured
    /// on that day's data.
    pub standing: f64,
    /// Who gets it.
    pub rollout: Rollout,
}

/// The version that a node should have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Served {
    /// Its number.
    pub number: u64,
    /// SHA-256 of its weights.
    pub sha256: String,
}

/// All versions that are kept, the oldest first; one at least.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Versions {
    all: Vec<Version>,
    /// The version whose live loss is higher, and since when.
    worse: Option<(u64, u64)>,
}

impl Versions {
    /// The first one, for each node.
    pub fn of(sha256: [u8; 32], why: Why, now_unix_ms: u64) -> Self {
        let sha256 = hex::encode(sha256);
        let first = Version {
            number: 1,
            made_of: sha256.clone(),
            sha256,
            parent: None,
            made_unix_ms: now_unix_ms,
            why,
            score: None,
            standing: 1.0,
            rollout: Rollout::Full,
        };
        Self { all: vec![first], worse: None }
    }

    /// All that are kept, the oldest first.
    pub fn all(&self) -> &[Version] {
        &self.all
    }

    /// The newest that was not taken back: rounds begin with it.
    pub fn head(&self) -> &Version {
        self.standing_ones().next().unwrap_or(&self.all[0])
    }

    /// The newest version, while only a part of the nodes is given it: what the next round would begin with is not known to be
    /// good yet.
    pub fn tried(&self) -> Option<&Version> {
        self.standing_ones().next().filter(|own| matches!(own.rollout, Rollout::Canary { .. }))
    }

    /// Versions that were accepted since the one of these weights; none where it is not among the last three, or older than the
    /// last one that was trained in one place, which is another network.
    pub fn staleness(&self, sha256: &[u8; 32]) -> Option<u32> {
        let sha256 = hex::encode(sha256);
        let trained = self.standing_ones().position(|own| !matches!(own.why, Why::Round(_)));
        let bases = trained.map_or(BASES, |at| BASES.min(at + 1));
        let at = self.standing_ones().take(bases).position(|own| own.sha256 == sha256)?;
        u32::try_from(at).ok()
    }

    /// What a node should have.
    pub fn served(&self, node: &str) -> Served {
        let is_for = |own: &&Version| match own.rollout {
            Rollout::Canary { share, .. } => part(node, own.number) < f64::from(share),
            Rollout::Full => true,
            Rollout::RolledBack => false,
        };
        let own = self.all.iter().rev().find(is_for).unwrap_or(&self.all[0]);
        Served { number: own.number, sha256: own.sha256.clone() }
    }

    /// Whether what came of a round may become a version: beside its base, both scored now on the same data.
    ///
    /// # Errors
    /// Why not.
    pub(crate) fn admit(&self, base: u64, scores: [Option<Score>; 2]) -> Result<(Score, f64), Rejection> {
        let is_score =
            |own: &Score| own.pinball.is_finite() && own.pinball >= 0.0 && own.coverage.is_finite();
        let [Some(before), Some(after)] = scores.map(|own| own.filter(is_score)) else {
            return Err(Rejection::NotScored);
        };
        if after.pinball > before.pinball * LOSS_ROOM {
            return Err(Rejection::Loss { base: before.pinball, candidate: after.pinball });
        }
        let off = |own: Score| (own.coverage - HELD).abs();
        if off(after) > off(before) + COVERAGE_ROOM {
            return Err(Rejection::Coverage { base: before.coverage, candidate: after.coverage });
        }
        let times = if before.pinball > 0.0 { after.pinball / before.pinball } else { 1.0 };
        let standing = self.all.iter().find(|own| own.number == base).map_or(1.0, |own| own.standing) * times;
        let since = self.all.iter().rposition(|own| !matches!(own.why, Why::Round(_))).unwrap_or(0);
        let kept = self.all[since..].iter().filter(|own| own.rollout != Rollout::RolledBack);
        let best = kept.map(|own| own.standing).fold(f64::INFINITY, f64::min);
        if standing > best * CREEP_ROOM {
            return Err(Rejection::Creep { times: standing / best });
        }
        Ok((after, standing))
    }

    /// A version that was trained in one place: all rounds after begin with it. For each node at once, as the operator wants it.
    pub fn replace(&mut self, sha256: [u8; 32], now_unix_ms: u64) -> u64 {
        let sha256 = hex::encode(sha256);
        let number = self.next_number();
        self.all.push(Version {
            number,
            made_of: sha256.clone(),
            sha256,
            parent: None,
            made_unix_ms: now_unix_ms,
            why: Why::Trained,
            score: None,
            standing: 1.0,
            rollout: Rollout::Full,
        });
        self.worse = None;
        number
    }

    /// What a round made goes to a part of the nodes first.
    pub(crate) fn push(&mut self, mut version: Version) -> u64 {
        version.number = self.next_number();
        let since_unix_ms = version.made_unix_ms;
        version.rollout = Rollout::Canary { share: SHARES[0], since_unix_ms };
        self.all.push(version);
        self.all.last().map_or(0, |own| own.number)
    }

    /// Gives the newest version to more nodes where its time has come and its live loss is not higher.
    pub fn advance(&mut self, now_unix_ms: u64) -> Option<Event> {
        let worse = self.worse.map(|(number, _)| number);
        let newest = self.all.iter_mut().rev().find(|own| own.rollout != Rollout::RolledBack)?;
        let Rollout::Canary { share, since_unix_ms } = newest.rollout else { return None };
        if now_unix_ms.saturating_sub(since_unix_ms) < DAY_MS || worse == Some(newest.number) {
            return None;
        }
        let next = SHARES.iter().find(|next| **next > share);
        newest.rollout = match next {
            Some(share) => Rollout::Canary { share: *share, since_unix_ms: now_unix_ms },
            None => Rollout::Full,
        };
        Some(Event::VersionRolledOut { version: newest.number, rollout: newest.rollout })
    }

    /// The live loss of a version beside what it would be with the one before, on the nodes that have it. After a day without
    /// a break in which it is higher, it is taken back.
    pub fn live(&mut self, now_unix_ms: u64, number: u64, loss: f64, beside: f64) -> Option<Event> {
        // What is no number is no better than what is too high.
        let is_worse = loss.is_nan() || beside.is_nan() || loss > beside * LOSS_ROOM;
        let since = self.worse.filter(|(own, _)| *own == number).map(|(_, since)| since);
        match (is_worse, since) {
            (true, None) => self.worse = Some((number, now_unix_ms)),
            (true, Some(since)) if now_unix_ms.saturating_sub(since) >= DAY_MS => {
                return self.roll_back(number);
            }
            (true, Some(_)) | (false, None) => {}
            (false, Some(_)) => self.worse = None,
        }
        None
    }

    /// Takes a version back, by an operator's word or by [`Versions::live`]. Nothing happens to the last one that stands.
    pub fn roll_back(&mut self, number: u64) -> Option<Event> {
        let to = self
            .all
            .iter()
            .rev()
            .find(|own| own.number < number && own.rollout != Rollout::RolledBack)?
            .number;
        let own =
            self.all.iter_mut().find(|own| own.number == number && own.rollout != Rollout::RolledBack)?;
        own.rollout = Rollout::RolledBack;
        self.worse = None;
        if !self.all.iter().any(|own| own.rollout == Rollout::Full)
            && let Some(own) = self.all.iter_mut().find(|own| own.number == to)
        {
            own.rollout = Rollout::Full;
        }
        Some(Event::VersionRolledBack { version: number, to })
    }

    /// Forgets the oldest beyond eight, never one that a node may have; gives the SHA-256 of weights that nobody needs any more.
    pub fn prune(&mut self) -> Vec<String> {
        let full = self.all.iter().rev().find(|own| own.rollout == Rollout::Full);
        let full = full.map_or(self.all[0].number, |own| own.number);
        let oldest = self.all[self.all.len().saturating_sub(KEPT)].number;
        let is_kept = |own: &Version| {
            own.number >= oldest || (own.number >= full && own.rollout != Rollout::RolledBack)
        };
        let (kept, left): (Vec<_>, Vec<_>) = std::mem::take(&mut self.all).into_iter().partition(is_kept);
        self.all = kept;
        let left = left.into_iter().map(|own| own.sha256);
        left.filter(|own| self.all.iter().all(|kept| kept.sha256 != *own)).collect()
    }

    fn standing_ones(&self) -> impl Iterator<Item = &Version> {
        self.all.iter().rev().filter(|own| own.rollout != Rollout::RolledBack)
    }

    fn next_number(&self) -> u64 {
        self.all.last().map_or(1, |own| own.number + 1)
    }
}

/// Where a node stands among all, from 0 to below 1; another place for each version.
fn part(node: &str, version: u64) -> f64 {
    let digest = digest(format!("{version}/{node}").as_bytes());
    let number = digest.iter().take(4).fold(0_u32, |number, byte| (number << 8) | u32::from(*byte));
    f64::from(number) / (f64::from(u32::MAX) + 1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(number: u8) -> Version {
        Version {
            number: 0,
            sha256: hex::encode([number; 32]),
            parent: None,
            made_unix_ms: 0,
            why: Why::Round(1),
            made_of: String::new(),
            score: None,
            standing: 1.0,
            rollout: Rollout::Full,
        }
    }

    fn versions() -> Versions {
        let mut versions = Versions::of([1; 32], Why::Shipped, 0);
        versions.push(version(2));
        versions
    }

    fn having(versions: &Versions, number: u64) -> usize {
        (0..1000).filter(|node| versions.served(&format!("node-{node}")).number == number).count()
    }

    #[test]
    fn a_new_version_goes_to_more_nodes_day_by_day_and_who_has_it_keeps_it() {
        let mut versions = versions();
        assert!((60..140).contains(&having(&versions, 2)));
        let early: Vec<usize> =
            (0..1000).filter(|node| versions.served(&format!("node-{node}")).number == 2).collect();
        assert_eq!(versions.advance(DAY_MS - 1), None);
        assert!(versions.advance(DAY_MS).is_some());
        assert!((440..560).contains(&having(&versions, 2)));
        assert!(early.iter().all(|node| versions.served(&format!("node-{node}")).number == 2));
        assert!(versions.advance(2 * DAY_MS).is_some());
        assert_eq!((having(&versions, 2), versions.advance(9 * DAY_MS)), (1000, None));
    }

    #[test]
    fn a_loss_that_is_higher_for_a_day_takes_a_version_back_and_a_break_begins_it_anew() {
        let mut versions = versions();
        let hour = DAY_MS / 24;
        assert_eq!(versions.live(0, 2, 1.5, 1.0), None);
        assert_eq!(versions.advance(DAY_MS), None, "nobody else gets it meanwhile");
        assert_eq!(versions.live(20 * hour, 2, 1.005, 1.0), None);
        assert_eq!(versions.live(21 * hour, 2, f64::NAN, 1.0), None);
        assert_eq!(versions.live(44 * hour, 2, 1.2, 1.0), None);
        assert_eq!(
            versions.live(45 * hour, 2, 1.2, 1.0),
            Some(Event::VersionRolledBack { version: 2, to: 1 })
        );
        assert_eq!((having(&versions, 1), versions.head().number), (1000, 1));
        assert_eq!(versions.staleness(&[2; 32]), None, "nobody learns from it any more");
        assert_eq!(versions.roll_back(1), None, "the last one stays");
    }

    #[test]
    fn when_the_full_one_is_taken_back_the_one_before_serves_all() {
        let mut versions = versions();
        (1..3).for_each(|day| assert!(versions.advance(day * DAY_MS).is_some()));
        versions.push(version(3));
        assert_eq!(versions.roll_back(2), Some(Event::VersionRolledBack { version: 2, to: 1 }));
        assert!(having(&versions, 1) > 800 && having(&versions, 3) > 60);
    }

    #[test]
    fn the_last_three_that_stand_are_bases_and_the_last_eight_are_kept() {
        let mut versions = versions();
        (3..=12).for_each(|number| {
            versions.push(version(number));
            if number == 6 {
                (1..3).for_each(|day| assert!(versions.advance(day * DAY_MS).is_some()));
            }
        });
        let stale = |number: u8| versions.staleness(&[number; 32]);
        assert_eq!([12, 11, 10, 9].map(stale), [Some(0), Some(1), Some(2), None]);
        let gone = versions.prune();
        assert_eq!(gone, [1, 2, 3, 4].map(|number| hex::encode([number; 32])));
        assert_eq!((versions.all().len(), versions.all()[0].number), (8, 5));
    }

    #[test]
    fn versions_that_were_taken_back_go_and_the_one_that_serves_all_stays() {
        let mut versions = Versions::of([1; 32], Why::Shipped, 0);
        let mut gone = Vec::new();
        for number in 2..=30 {
            assert_eq!(versions.tried(), None, "the next one may be made");
            versions.push(version(number));
            assert_eq!(versions.tried().map(|own| own.number), Some(u64::from(number)));
            assert!(versions.roll_back(u64::from(number)).is_some());
            gone.extend(versions.prune());
        }
        assert_eq!(gone, (2..=22).map(|number| hex::encode([number; 32])).collect::<Vec<_>>());
        assert_eq!((versions.all().len(), having(&versions, 1), versions.next_number()), (9, 1000, 31));
    }

    #[test]
    fn nothing_is_learned_from_what_was_before_a_network_that_was_trained_anew() {
        let mut versions = versions();
        versions.replace([9; 32], 5);
        versions.push(version(4));
        assert_eq!(
            [4, 9, 2, 1].map(|number| versions.staleness(&[number; 32])),
            [Some(0), Some(1), None, None]
        );
    }

    #[test]
    fn a_candidate_may_be_a_little_worse_once_but_not_again_and_again() {
        let mut versions = Versions::of([1; 32], Why::Shipped, 0);
        let score = |pinball: f64, coverage: f64| Some(Score { pinball, coverage });
        let admit =
            |versions: &Versions, own| versions.admit(versions.head().number, [score(1.0, 0.91), own]);
        assert!(matches!(admit(&versions, score(1.011, 0.9)), Err(Rejection::Loss { .. })));
        assert!(matches!(admit(&versions, score(0.9, 0.865)), Err(Rejection::Coverage { .. })));
        assert_eq!(admit(&versions, score(f64::NAN, 0.9)), Err(Rejection::NotScored));
        assert_eq!(admit(&versions, None), Err(Rejection::NotScored));
        for number in 2..4 {
            let (_, standing) = admit(&versions, score(1.009, 0.9)).unwrap();
            versions.push(Version { standing, ..version(number) });
        }
        assert!(matches!(admit(&versions, score(1.009, 0.9)), Err(Rejection::Creep { .. })));
        assert!(admit(&versions, score(0.99, 0.9)).is_ok());
        versions.replace([9; 32], 5);
        assert!(admit(&versions, score(1.009, 0.9)).is_ok(), "a model that was trained anew begins anew");
    }
}
