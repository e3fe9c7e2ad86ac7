//! What many nodes learned, put together into the next version of a model.
//!
//! A round is opened on a base, takes uploads until its deadline, puts them together robustly, and asks a test on data that
//! the controller owns whether what came of it is a model: [`Federation`] is the state machine of that, one value that is
//! stored after each call; a restart goes on from it. [`Versions`] says which node has which version, and goes back where
//! live losses rise.
//!
//! Pure: no IO, no clock, no network. Who speaks for which node has been checked before. It knows no resource and no hour:
//! parameters are a list of numbers.

mod aggregate;
mod event;
mod federation;
mod instructions;
mod momentum;
mod round;
mod upload;
mod versions;

pub use aggregate::{Contribution, PARTICIPANTS_MIN, Rule, aggregate, clipped, norm};
pub use event::{Event, Rejection};
pub use federation::{Federation, FederationError, Next, Verdict};
pub use instructions::{BATCH, EPOCHS, PROX_MU};
pub use round::{Participant, Report, Round, RoundState};
pub use upload::{Answer, Refusal, Upload};
pub use versions::{Rollout, Score, Served, Version, Versions, Why};
