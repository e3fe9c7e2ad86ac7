//! The state machine of rounds: open, take uploads, close, put together, validate. One serde value; whoever stores it after
//! each call goes on from it after a restart.

mod kept;

use std::collections::{BTreeMap, VecDeque};

use kubeopt_lstm::{Network, Weights, digest};
use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::aggregate::{Contribution, PARTICIPANTS_MIN, Rule, aggregate, clipped, middle, norm};
use crate::event::{Event, Rejection};
use crate::momentum::{Momentum, is_sound, step};
use crate::round::{Participant, Report, Round, RoundState};
use crate::upload::{Answer, Refusal, Upload};
use crate::versions::{Rollout, Score, Version, Versions, Why};

/// Participants of a round: at 49,070 parameters 50 MB of uploads. More nodes than that teach no more.
const PARTICIPANTS_MAX: usize = 256;

/// How far an upload may go beside what was usual.
const CLIP_TIMES: f64 = 1.5;

/// Accepted rounds whose middle norms say what is usual. One number a round: a round with many uploads says no more than one
/// with few, so that who would bend it needs more than half of the nodes, in most of these rounds.
const NORMS_KEPT: usize = 5;

/// An upload may go this part of `clip_max` whatever was usual: rounds that moved nothing do not keep all later ones where they are.
const CLIP_LEAST: f64 = 0.02;

/// Reports of rounds that are kept.
const REPORTS_KEPT: usize = 20;

/// Rounds whose nonces are known.
const ROUNDS_KNOWN: u64 = 3;

/// Why a call came to nothing. The state is as before.
#[derive(Debug, Clone, PartialEq, Error)]
pub enum FederationError {
    /// A round runs already.
    #[error("round {round} is not over yet")]
    Running {
        /// Which.
        round: u64,
    },
    /// No round is where the call wants it.
    #[error("no round is {wanted}")]
    NotThere {
        /// `open`, `closed`, `to be validated`
        wanted: &'static str,
    },
    /// These weights are not those that the round began with.
    #[error("the weights are not those of version {base}")]
    OtherBase {
        /// The version.
        base: u64,
    },
}

/// What is to be done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Nothing, until the schedule opens a round.
    Nothing,
    /// Take uploads until then.
    Wait {
        /// The deadline.
        until_unix_ms: u64,
    },
    /// [`Federation::close`]
    Close,
    /// [`Federation::put_together`]
    PutTogether,
    /// [`Federation::validate`]
    Validate,
}

/// What came of a round.
#[derive(Debug, Clone, PartialEq)]
pub struct Verdict {
    /// Who took part, and what came of it.
    pub report: Report,
    /// The new version's weights, to be stored under their SHA-256 before this state is; none where it was rejected.
    pub weights: Option<Weights>,
    /// For log and metrics.
    pub event: Event,
}

/// Rounds and versions of one model.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Federation {
    versions: Versions,
    round: Option<Round>,
    last_round: u64,
    /// Longest way of any upload, whatever was usual.
    clip_max: f64,
    /// The middle of how far uploads went, as they counted, of each of the last accepted rounds.
    norms: VecDeque<f64>,
    /// Nonces of rounds that are over.
    known: VecDeque<(u64, String, [u8; 16])>,
    refused: BTreeMap<Refusal, u64>,
    reports: VecDeque<Report>,
    /// Of the last round that was accepted; none after one that came to nothing, or in a state of older builds.
    #[serde(default)]
    momentum: Option<Momentum>,
    /// SHA-256 of lists of momentum that are kept elsewhere and that nobody needs any more.
    #[serde(default)]
    left: Vec<String>,
}

impl Federation {
    /// Of the first version. `clip_max` is the longest way of any upload.
    pub fn new(versions: Versions, clip_max: f64) -> Self {
        Self {
            versions,
            round: None,
            last_round: 0,
            clip_max: if clip_max.is_finite() { clip_max.max(0.0) } else { 0.0 },
            norms: VecDeque::new(),
            known: VecDeque::new(),
            refused: BTreeMap::new(),
            reports: VecDeque::new(),
            momentum: None,
            left: Vec::new(),
        }
    }

    /// Its versions.
    pub fn versions(&self) -> &Versions {
        &self.versions
    }

    /// Its versions, to be rolled out, taken back, replaced, forgotten.
    pub fn versions_mut(&mut self) -> &mut Versions {
        &mut self.versions
    }

    /// The round that runs.
    pub fn round(&self) -> Option<&Round> {
        self.round.as_ref()
    }

    /// Rounds that are over, the oldest first.
    pub fn reports(&self) -> impl Iterator<Item = &Report> {
        self.reports.iter()
    }

    /// Uploads that were refused since the beginning, by reason.
    pub fn refused(&self) -> &BTreeMap<Refusal, u64> {
        &self.refused
    }

    /// What is to be done now.
    pub fn due(&self, now_unix_ms: u64) -> Next {
        let Some(round) = &self.round else { return Next::Nothing };
        match round.state {
            RoundState::Open if now_unix_ms < round.deadline_unix_ms => {
                Next::Wait { until_unix_ms: round.deadline_unix_ms }
            }
            RoundState::Open => Next::Close,
            RoundState::Aggregating => Next::PutTogether,
            RoundState::Validating { .. } => Next::Validate,
        }
    }

    /// Opens a round on the newest version, which has so many parameters.
    ///
    /// # Errors
    /// [`FederationError::Running`] where one is not over yet.
    pub fn open(
        &mut self,
        now_unix_ms: u64,
        deadline_unix_ms: u64,
        parameters: usize,
    ) -> Result<Event, FederationError> {
        if let Some(round) = &self.round {
            return Err(FederationError::Running { round: round.id });
        }
        self.last_round += 1;
        let mut norms: Vec<f64> = self.norms.iter().copied().collect();
        norms.sort_unstable_by(f64::total_cmp);
        let usual = if norms.is_empty() { self.clip_max } else { CLIP_TIMES * middle(&norms) };
        let round = Round {
            id: self.last_round,
            base: self.versions.head().number,
            opened_unix_ms: now_unix_ms,
            deadline_unix_ms,
            clip_norm: usual.clamp(CLIP_LEAST * self.clip_max, self.clip_max),
            parameters,
            participants: Vec::new(),
            momentum: None,
            state: RoundState::Open,
        };
        let event = Event::RoundOpened { round: round.id, base: round.base, clip_norm: round.clip_norm };
        self.round = Some(round);
        Ok(event)
    }

    /// Takes an upload, or refuses it; nothing is told of one that came before.
    pub fn upload(&mut self, now_unix_ms: u64, upload: Upload) -> (Answer, Option<Event>) {
        if self.is_known(&upload) {
            return (Answer::Again, None);
        }
        match self.check(now_unix_ms, &upload) {
            Ok(staleness) => {
                let norm = norm(&upload.delta);
                let event = Event::UploadAccepted {
                    round: self.last_round,
                    node: upload.node.clone(),
                    windows: upload.windows,
                    norm,
                    cpu_ms: upload.cpu_ms,
                    staleness,
                };
                if let Some(round) = &mut self.round {
                    round.participants.push(Participant {
                        node: upload.node,
                        nonce: upload.nonce,
                        windows: upload.windows,
                        staleness,
                        norm,
                        losses: [upload.loss_before, upload.loss_after],
                        cpu_ms: upload.cpu_ms,
                        delta: upload.delta,
                    });
                }
                (Answer::Accepted, Some(event))
            }
            Err(why) => {
                *self.refused.entry(why).or_default() += 1;
                let event = Event::UploadRefused { round: upload.round, node: upload.node, why };
                (Answer::Refused(why), Some(event))
            }
        }
    }

    fn is_known(&self, upload: &Upload) -> bool {
        let now = self.round.iter().flat_map(|round| &round.participants);
        let before = self.known.iter().map(|(_, node, nonce)| (node, nonce));
        now.map(|own| (&own.node, &own.nonce)).chain(before).any(|own| own == (&upload.node, &upload.nonce))
    }

    fn check(&self, now_unix_ms: u64, upload: &Upload) -> Result<u32, Refusal> {
        let round = self.round.as_ref().ok_or(Refusal::NoRound)?;
        if round.state != RoundState::Open || now_unix_ms >= round.deadline_unix_ms {
            return Err(Refusal::Late);
        }
        if upload.round == 0 || upload.round > round.id {
            return Err(Refusal::UnknownRound);
        }
        let staleness = self.versions.staleness(&upload.base_sha256).ok_or(Refusal::WrongBase)?;
        if upload.delta.len() != round.parameters {
            return Err(Refusal::WrongLength);
        }
        let losses = [upload.loss_before, upload.loss_after];
        if !upload.delta.iter().chain(&losses).all(|own| own.is_finite()) {
            return Err(Refusal::NotFinite);
        }
        if upload.windows == 0 {
            return Err(Refusal::NoWindows);
        }
        if round.participants.iter().any(|own| own.node == upload.node) {
            return Err(Refusal::SecondOfNode);
        }
        if round.participants.len() >= PARTICIPANTS_MAX {
            return Err(Refusal::Full);
        }
        Ok(staleness)
    }

    /// Takes no more uploads; with too few of them the round is over.
    ///
    /// # Errors
    /// [`FederationError::NotThere`] where none is open.
    pub fn close(&mut self) -> Result<Vec<Event>, FederationError> {
        let open = self.round.as_mut().filter(|round| round.state == RoundState::Open);
        let round = open.ok_or(FederationError::NotThere { wanted: "open" })?;
        let have = round.participants.len();
        let closed = Event::RoundClosed { round: round.id, participants: have };
        if have >= PARTICIPANTS_MIN {
            round.state = RoundState::Aggregating;
            return Ok(vec![closed]);
        }
        let why = Rejection::TooFew { have, need: PARTICIPANTS_MIN };
        Ok([closed].into_iter().chain(self.end(Err(why)).map(|(_, event)| event)).collect())
    }

    /// Puts the uploads together on the round's base.
    ///
    /// # Errors
    /// [`FederationError`] where no round is closed, or these are other weights.
    pub fn put_together(&mut self, base: &Weights) -> Result<(), FederationError> {
        let closed = self.round.as_mut().filter(|round| round.state == RoundState::Aggregating);
        let round = closed.ok_or(FederationError::NotThere { wanted: "closed" })?;
        is_base(&self.versions, round.base, base)?;
        let deltas: Vec<Vec<f32>> =
            round.participants.iter().map(|own| clipped(&own.delta, round.clip_norm)).collect();
        let contribution = |(own, delta)| {
            let Participant { windows, staleness, .. }: &Participant = own;
            let delta: &Vec<f32> = delta;
            Contribution { delta, windows: *windows, staleness: *staleness }
        };
        let all: Vec<Contribution<'_>> = round.participants.iter().zip(&deltas).map(contribution).collect();
        // Each was checked; should it fail all the same, the candidate is no network, and is rejected as one.
        let moved = aggregate(Rule::Robust, &all).ok().flatten().unwrap_or_default();
        let before = self.momentum.as_mut().filter(|own| own.version == round.base && !own.way.is_empty());
        let before = before.map(|own| (own.sha256.clone(), std::mem::take(&mut own.way)));
        let before = before.filter(|(_, way)| is_sound(way, moved.len(), self.clip_max));
        let (name, before) = before.unzip();
        round.momentum = name;
        let step = step(base.network.parameters(), &moved, &before.unwrap_or_default(), round.clip_norm);
        round.state = RoundState::Validating { candidate: step.candidate, momentum: step.way };
        round.participants.iter_mut().for_each(|own| own.delta = Vec::new());
        Ok(())
    }

    /// Scores base and candidate on data that the controller owns, and makes the candidate a version or not.
    ///
    /// # Errors
    /// [`FederationError`] where no round is to be validated, or these are other weights.
    pub fn validate(
        &mut self,
        now_unix_ms: u64,
        base: &Weights,
        score: &mut dyn FnMut(&Network) -> Option<Score>,
    ) -> Result<Verdict, FederationError> {
        let wanted = FederationError::NotThere { wanted: "to be validated" };
        let round = self.round.as_ref().ok_or_else(|| wanted.clone())?;
        let RoundState::Validating { candidate, momentum } = &round.state else { return Err(wanted) };
        is_base(&self.versions, round.base, base)?;
        let weights = self.candidate(round, candidate, base, score);
        let (weights, verdict) = match weights {
            Ok((weights, version)) => {
                let own = round.participants.iter().map(|own| own.norm.min(round.clip_norm));
                let mut norms: Vec<f64> = own.collect();
                norms.sort_unstable_by(f64::total_cmp);
                self.norms.push_back(middle(&norms));
                self.norms.drain(..self.norms.len().saturating_sub(NORMS_KEPT));
                let way = momentum.clone();
                let number = self.versions.push(Version { made_unix_ms: now_unix_ms, ..version });
                self.go_on((!way.is_empty()).then(|| Momentum::of(number, way)));
                (Some(weights), Ok(number))
            }
            Err(why) => (None, Err(why)),
        };
        let over = self.end(verdict).ok_or(FederationError::NotThere { wanted: "to be validated" })?;
        Ok(Verdict { report: over.0, weights, event: over.1 })
    }

    fn candidate(
        &self,
        round: &Round,
        candidate: &[f32],
        base: &Weights,
        score: &mut dyn FnMut(&Network) -> Option<Score>,
    ) -> Result<(Weights, Version), Rejection> {
        if self.versions.head().number != round.base {
            return Err(Rejection::BaseRolledBack);
        }
        let network =
            Network::of(base.network.shape(), candidate.to_vec()).map_err(|_| Rejection::NotScored)?;
        let (score, standing) = self.versions.admit(round.base, [score(&base.network), score(&network)])?;
        let weights = Weights { network, schema: base.schema };
        let version = Version {
            number: 0,
            sha256: hex::encode(digest(&weights.to_bytes())),
            parent: Some(round.base),
            made_unix_ms: 0,
            why: Why::Round(round.id),
            made_of: made_of(round, base),
            score: Some(score),
            standing,
            rollout: Rollout::Full,
        };
        Ok((weights, version))
    }

    /// The round is over; one that came to nothing ends the momentum that went on in it.
    fn end(&mut self, verdict: Result<u64, Rejection>) -> Option<(Report, Event)> {
        let round = self.round.take()?;
        if verdict.is_err() {
            self.go_on(None);
        }
        let sha256 = |number: u64| {
            let own = self.versions.all().iter().find(|own| own.number == number);
            own.map(|own| own.sha256.clone()).unwrap_or_default()
        };
        let event = match verdict {
            Ok(version) => Event::RoundAccepted { round: round.id, version, sha256: sha256(version) },
            Err(why) => Event::RoundRejected { round: round.id, why },
        };
        let report = round.report(verdict);
        self.reports.push_back(report.clone());
        self.reports.drain(..self.reports.len().saturating_sub(REPORTS_KEPT));
        self.known.extend(round.participants.into_iter().map(|own| (round.id, own.node, own.nonce)));
        self.known.retain(|(own, _, _)| own + ROUNDS_KNOWN > round.id);
        Some((report, event))
    }
}

fn is_base(versions: &Versions, number: u64, base: &Weights) -> Result<(), FederationError> {
    let sha256 = hex::encode(digest(&base.to_bytes()));
    let is_own = versions.all().iter().any(|own| own.number == number && own.sha256 == sha256);
    if is_own { Ok(()) } else { Err(FederationError::OtherBase { base: number }) }
}

/// For auditors: SHA-256 of the base, of who brought what, and of the momentum that went on.
fn made_of(round: &Round, base: &Weights) -> String {
    let mut text = format!("{} {}\n", round.id, hex::encode(digest(&base.to_bytes())));
    for own in &round.participants {
        text.push_str(&format!(
            "{} {} {} {}\n",
            own.node,
            hex::encode(own.nonce),
            own.windows,
            own.staleness
        ));
    }
    if let Some(momentum) = &round.momentum {
        text.push_str(&format!("momentum {momentum}\n"));
    }
    hex::encode(digest(text.as_bytes()))
}

#[cfg(test)]
mod momentum_tests;
#[cfg(test)]
mod tests;
