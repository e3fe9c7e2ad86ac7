//! What load will come, told by what came: seasons that were tested, windows of the week, the kind of a workload, and the
//! outlook: quantiles of the next day and of the peaks of a day and a week, from baselines and a network that must earn its
//! place.
//!
//! Pure, and the home of linfa. It says what is likely; how much a container is then given is for
//! `controller/strategies` and `controller/recommend`.

pub mod codes;

mod alone;
mod baseline;
mod blend;
mod card;
mod conformal;
mod differences;
mod error;
mod evaluate;
mod evaluation;
mod judge;
#[cfg(test)]
mod made;
mod model;
mod outlook;
mod peak;
mod peaks;
mod profile;
mod resume;
mod scores;
mod seasons;
mod series;
mod split;
mod threads;
mod train;
mod windows;

pub use alone::network_scores;
pub use baseline::Baseline;
pub use blend::{Candidate, Days, Record, Weights, blended};
pub use card::{Card, CardData, CardTraining};
pub use conformal::{Gathered, Online};
pub use differences::Difference;
pub use error::ForecastError;
pub use evaluate::{calibrate, evaluate};
pub use evaluation::{Evaluation, OUTLOOK, Row, TO_BEAT, Wins};
pub use judge::{Judged, days_before, judge};
pub use kubeopt_outlook::{
    DayAhead, FEATURES, Foretold, HISTORY_MIN, HORIZON, Load, Offsets, OutlookError, Quantiles, SCHEMA,
    STATICS, STEPS, Scale, TARGETS, schema_hash, write_inputs, write_targets,
};
pub use model::Model;
pub use outlook::{Outlook, Track, measured_day};
pub use peak::{PeakCandidate, PeakSaid, PeakSpan, at_least_seen};
pub use peaks::{Peak, PeakOutlook};
pub use profile::{Hints, Profile, ProfileKind, Shape, detect_profiles};
pub use resume::recording_digest;
pub use scores::{Scores, Tally};
pub use seasons::{Season, seasons};
pub use series::Hours;
pub use split::{Cuts, LoadPart, Recorded};
pub use train::{Plan, Told, Trained, Trainer};
pub use windows::{LoadWindow, WindowKind, Windows, load_windows};
