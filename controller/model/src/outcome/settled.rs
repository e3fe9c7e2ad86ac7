//! What was made of a watch: kept, reverted, waited for, or nothing claimed; with the numbers of each sign.

use serde::{Deserialize, Serialize};

use super::{Confounder, Sign};
use crate::change::Change;
use crate::cost::Money;
use crate::quantity::{Amount, Field};
use crate::usage::Window;
use crate::workload::{ContainerId, Resources};

/// One of the planned looks at a watch. Between two looks nothing new is tested, so that looking often proves no more.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Look {
    /// Which, from 1.
    pub number: u32,
    /// How many are planned.
    pub of: u32,
    /// Data up to this moment counts, in seconds since the epoch.
    pub at_unix_s: i64,
    /// The chance of error that this look may spend, over all of its signs.
    pub level: f64,
}

/// What was seen of a sign on one side.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", rename_all_fields = "camelCase")]
pub enum Seen {
    /// Events.
    Count {
        /// How many.
        events: u64,
        /// In how many hours there were any.
        hours: u64,
        /// The pods' time in which they could have come, in hours.
        replica_hours: f64,
    },
    /// A share, 0 to 1.
    Share {
        /// Mean of the hours.
        mean: f64,
        /// Hours that tell it.
        hours: u64,
        /// The pods' time in these hours, in hours.
        replica_hours: f64,
    },
}

/// How two sides were compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum TestMethod {
    /// Two Poisson rates, by the exact binomial test of how the events fell on the two exposures.
    TwoRates,
    /// The mean after, among the means of every window of the same length in the whole time.
    ShiftedWindows,
}

/// The result of a test: one-sided, worse is small.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignTest {
    /// How it was tested.
    pub method: TestMethod,
    /// On how many events or windows.
    pub n: u64,
    /// The chance of a difference like this without a cause.
    pub p: f64,
    /// Below which it must be, after the correction for looks and signs.
    pub level: f64,
}

/// What was made of one sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum SignVerdict {
    /// Worse, by enough and with proof.
    Worse,
    /// Not worse, or not by enough.
    NotWorse,
    /// Too few data to tell.
    TooFew,
    /// Nothing tells it on one of the sides.
    NotTold,
    /// The change cannot have caused it, so it is told and not tested.
    NotItsDoing,
}

/// One sign of one container.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SignOutcome {
    /// Which.
    pub sign: Sign,
    /// Both sides; none where nothing tells it.
    pub seen: Change<Option<Seen>>,
    /// The test, where one was made.
    pub test: Option<SignTest>,
    /// What was made of it.
    pub verdict: SignVerdict,
}

/// What a watch waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum WaitingFor {
    /// The next look; so far nothing is worse.
    NextLook,
    /// Something is worse, and something else may explain it.
    Explanation,
    /// The data are incomplete.
    Data,
}

/// Why nothing is claimed at the end of a watch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unclaimed {
    /// Too little time with running pods on one of the sides.
    TooFewData,
    /// The metrics source did not tell all.
    PartialData,
    /// No sign that the change could have worsened is measured.
    NotMeasured,
    /// Something else may explain what was seen, or hide what was not.
    Confounded,
}

/// What was made of a merge.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "kind", rename_all_fields = "camelCase")]
pub enum Settled {
    /// It did no harm that would show in this time.
    Keep,
    /// It did harm.
    Revert {
        /// The signs that are worse, never empty.
        why: Vec<Sign>,
    },
    /// It is too early.
    Wait {
        /// Until when, in seconds since the epoch.
        until_unix_s: i64,
        /// For what.
        why: WaitingFor,
    },
    /// The watch is over and proves nothing.
    NothingClaimed {
        /// Why.
        why: Unclaimed,
    },
}

/// What became of a merged change of one container.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Outcome {
    /// The container.
    pub container: ContainerId,
    /// What the merge changed.
    pub resources: Change<Resources>,
    /// The two windows that were compared.
    pub windows: Change<Window>,
    /// The pods' time within them, in hours.
    pub replica_hours: Change<f64>,
    /// The look that it rests on; none before the first.
    pub look: Option<Look>,
    /// All signs, in the order of [`Sign::ALL`].
    pub signs: Vec<SignOutcome>,
    /// What else changed.
    pub confounders: Vec<Confounder>,
    /// What was made of it.
    pub settled: Settled,
    /// The same as one sentence with its numbers, without a full stop.
    pub text: String,
}

/// Mean requests of one replica, as the cluster showed them.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RequestedMean {
    /// Millicores.
    pub cpu_millicores: f64,
    /// Bytes.
    pub memory_bytes: f64,
}

/// What a merge saved as it was measured: requests that running pods really had, by the hour of a replica.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct MeasuredSaving {
    /// The container.
    pub container: ContainerId,
    /// The two windows.
    pub windows: Change<Window>,
    /// The pods' time within them, in hours.
    pub replica_hours: Change<f64>,
    /// Mean requests of a replica.
    pub requested: Change<RequestedMean>,
    /// What the requests of a month cost, both sides with the replica-hours of after; none without prices.
    pub monthly: Option<Change<Money>>,
    /// What else changed.
    pub confounders: Vec<Confounder>,
}

/// What a revert taught: a value that hurt, and the least that is proposed from now on.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Lesson {
    /// The container.
    pub container: ContainerId,
    /// The field.
    pub field: Field,
    /// The value that hurt.
    pub hurt: Amount,
    /// The least value that is proposed, above the one that hurt.
    pub floor: Amount,
    /// When it was learned, in seconds since the epoch.
    pub learned_unix_s: i64,
    /// Until then nothing of the workload changes, in seconds since the epoch.
    pub frozen_until_unix_s: i64,
    /// Until then the floor holds, in seconds since the epoch.
    pub until_unix_s: i64,
    /// What was seen, as a clause without a full stop.
    pub why: String,
}

impl Lesson {
    /// Nothing of the workload changes at this moment. One that is known was learned: the data on which a value rests may end
    /// a little before that.
    pub fn is_frozen(&self, at_unix_s: i64) -> bool {
        at_unix_s < self.frozen_until_unix_s
    }

    /// The floor holds at this moment.
    pub fn holds(&self, at_unix_s: i64) -> bool {
        at_unix_s < self.until_unix_s
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_settled_is_written_with_its_kind_and_read_again() {
        for (settled, wanted) in [
            (Settled::Keep, r#"{"kind":"keep"}"#),
            (Settled::Revert { why: vec![Sign::OomKills] }, r#"{"kind":"revert","why":["oomKills"]}"#),
            (
                Settled::Wait { until_unix_s: 7, why: WaitingFor::NextLook },
                r#"{"kind":"wait","untilUnixS":7,"why":"nextLook"}"#,
            ),
            (
                Settled::NothingClaimed { why: Unclaimed::TooFewData },
                r#"{"kind":"nothingClaimed","why":"tooFewData"}"#,
            ),
        ] {
            let written = serde_json::to_string(&settled).unwrap();
            assert_eq!(written, wanted);
            assert_eq!(serde_json::from_str::<Settled>(&written).unwrap(), settled);
        }
    }

    #[test]
    fn a_confounder_with_two_numbers_is_written_and_read_again() {
        let confounder = Confounder::ReplicasChanged(Change { before: 3.0, after: 1.0 });
        let written = serde_json::to_string(&confounder).unwrap();
        assert_eq!(written, r#"{"kind":"replicasChanged","before":3.0,"after":1.0}"#);
        assert_eq!(serde_json::from_str::<Confounder>(&written).unwrap(), confounder);
        assert_eq!(confounder.sentence(), "1.0 replicas instead of 3.0");
    }
}
