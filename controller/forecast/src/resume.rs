//! The file of an unfinished training: everything that the next step depends on, and a digest over it.

use kubeopt_lstm::{Adam, Network, digest};
use kubeopt_outlook::schema_hash;

use crate::error::ForecastError;
use crate::split::Recorded;
use crate::train::{Best, Plan, Trainer};

/// What a file begins with; the last byte is the version.
const MAGIC: &[u8; 8] = b"kotrain\x02";

/// Bytes of a digest.
const DIGEST: usize = 32;

/// Where step, best step and best loss begin: after magic, digest of the plan and digest of the recording.
const PLACES: usize = MAGIC.len() + 2 * DIGEST;

/// All before the lists: these, and the steps of the optimiser.
const HEAD: usize = PLACES + 8 + 8 + 8 + 4;

impl Trainer {
    /// As a file that goes on with this recording only, which is given by its [`recording_digest`].
    pub fn to_bytes(&self, recording: &[u8; DIGEST]) -> Vec<u8> {
        let mut bytes = MAGIC.to_vec();
        bytes.extend(plan_digest(&self.plan));
        bytes.extend(recording);
        bytes.extend((self.step as u64).to_le_bytes());
        bytes.extend((self.best.step as u64).to_le_bytes());
        bytes.extend(self.best.loss.to_le_bytes());
        let (steps, mean, square) = self.adam.parts();
        bytes.extend(steps.to_le_bytes());
        for list in [self.network.parameters(), self.best.network.parameters(), mean, square] {
            list.iter().for_each(|value| bytes.extend(value.to_le_bytes()));
        }
        bytes.extend(digest(&bytes));
        bytes
    }

    /// From a file, for the same plan and recording.
    ///
    /// # Errors
    /// [`ForecastError::State`] for a file that is none, was cut short or changed, or is of another plan,
    /// schema or recording.
    pub fn from_bytes(plan: Plan, recording: &[u8; DIGEST], bytes: &[u8]) -> Result<Self, ForecastError> {
        let refused = |why: &'static str| ForecastError::State { why };
        let fresh = Self::new(plan);
        let count = fresh.network.shape().parameters();
        let (body, kept) = bytes.split_at(bytes.len().saturating_sub(DIGEST));
        if !body.starts_with(MAGIC) {
            return Err(refused("its file is none of a training, or of another version"));
        }
        if digest(body) != kept {
            return Err(refused("its file was cut short, damaged or changed"));
        }
        if body.get(MAGIC.len()..MAGIC.len() + DIGEST) != Some(&plan_digest(&plan)[..]) {
            return Err(refused("it was begun with another plan, seed or schema"));
        }
        if body.get(MAGIC.len() + DIGEST..PLACES) != Some(&recording[..]) {
            return Err(refused("it was begun on another recording, or the recording has changed since"));
        }
        if body.len() != HEAD + 4 * 4 * count {
            return Err(refused("its file has another length than its plan"));
        }
        let eight = |at: usize| -> [u8; 8] { std::array::from_fn(|byte| body[PLACES + 8 * at + byte]) };
        let place = |at: usize| usize::try_from(u64::from_le_bytes(eight(at))).unwrap_or(usize::MAX);
        let steps = i32::from_le_bytes(std::array::from_fn(|byte| body[HEAD - 4 + byte]));
        let list = |at: usize| -> Vec<f32> {
            let own = &body[HEAD + 4 * count * at..HEAD + 4 * count * (at + 1)];
            own.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
        };
        let shape = fresh.network.shape();
        let best = Best {
            network: Network::of(shape, list(1))?,
            loss: f64::from_le_bytes(eight(2)),
            step: place(1),
        };
        Ok(Self {
            plan,
            network: Network::of(shape, list(0))?,
            adam: Adam::of(steps, list(2), list(3))?,
            step: place(0),
            best,
        })
    }
}

/// SHA-256 of all that training, calibration and test take from a recording: the part that each name falls into, the hours,
/// and where training ends in them.
pub fn recording_digest(recorded: &[Recorded]) -> [u8; DIGEST] {
    let of_load = |recorded: &Recorded| {
        let load = &recorded.load;
        let begins = (load.resource(), recorded.part, load.hour(0), recorded.cut, load.len());
        let mut bytes = format!("{begins:?}").into_bytes();
        for (at, (highest, median)) in load.highest().iter().zip(load.median()).enumerate() {
            bytes.extend(highest.to_le_bytes());
            bytes.extend(median.to_le_bytes());
            bytes.push(u8::from(load.is_measured(at)));
        }
        digest(&bytes)
    };
    digest(recorded.iter().map(of_load).collect::<Vec<_>>().as_flattened())
}

/// Of all that decides the way from one step to the next.
fn plan_digest(plan: &Plan) -> [u8; DIGEST] {
    let mut bytes = schema_hash().to_vec();
    bytes.extend(format!("{plan:?}").into_bytes());
    digest(&bytes)
}

#[cfg(test)]
mod tests {
    use std::ops::ControlFlow;

    use super::*;
    use crate::train::tests::{plan, recorded};

    #[test]
    fn a_training_that_was_stopped_ends_like_one_that_was_not() {
        let recorded = recorded();
        let whole = Trainer::new(plan()).run(&recorded, 2, &mut |_, _| ControlFlow::Continue(())).unwrap();
        let mut first = Trainer::new(plan());
        let stopped = first.run(&recorded, 1, &mut |_, told| {
            if told.step == 4 { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
        });
        assert!(stopped.unwrap().is_interrupted);
        let mut second = Trainer::from_bytes(plan(), &[7; 32], &first.to_bytes(&[7; 32])).unwrap();
        assert_eq!(second, first);
        let gone_on = second.run(&recorded, 2, &mut |_, _| ControlFlow::Continue(())).unwrap();
        assert_eq!(gone_on, whole);
    }

    #[test]
    fn files_that_are_damaged_or_of_another_plan_are_refused() {
        let bytes = Trainer::new(plan()).to_bytes(&[7; 32]);
        let mut changed = bytes.clone();
        changed[100] ^= 1;
        let of_another = Trainer::new(plan()).to_bytes(&[8; 32]);
        let other = Plan { seed: 9, ..plan() };
        for (plan, bytes, why) in [
            (plan(), &bytes[..bytes.len() - 5], "cut short"),
            (plan(), &changed[..], "changed"),
            (plan(), &b"no such thing"[..], "none of a training"),
            (plan(), &[][..], "none of a training"),
            (other, &bytes[..], "another plan"),
            (plan(), &of_another[..], "another recording"),
        ] {
            let error = Trainer::from_bytes(plan, &[7; 32], bytes).unwrap_err();
            assert!(error.to_string().contains(why), "{error}");
        }
    }

    #[test]
    fn another_hour_cut_or_part_makes_another_recording() {
        let own = recorded();
        let whole = recording_digest(&own);
        assert_eq!(whole, recording_digest(&recorded()));
        let changed = |change: &dyn Fn(&mut Recorded)| {
            let mut other = own.clone();
            change(&mut other[3]);
            recording_digest(&other)
        };
        assert_ne!(whole, changed(&|other| other.cut -= 24));
        assert_ne!(whole, changed(&|other| other.load = own[4].load.clone()));
        assert_ne!(whole, changed(&|other| other.part = crate::split::LoadPart::Other));
        assert_ne!(whole, recording_digest(&own[1..]));
    }
}
