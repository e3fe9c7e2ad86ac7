//! How well detectors do on labelled series, by the Numenta Anomaly Benchmark's rules, and on leaks put into recorded
//! memory.
//!
//! Pure: text and traces come in, figures go out. Knows no file and no policy; detectors come from `agent/signal`.

mod compare;
mod corpus;
mod leaks;
mod plot;
mod score;
#[cfg(test)]
mod stored_tests;
mod swings;
#[cfg(test)]
mod tests;
mod wording;

pub use compare::{AnomalyRow, Compared, HEADERS_ANOMALY, Labelled, Peer, compare};
pub use corpus::{Column, CorpusError, Labels, column, labels, stored_scores, windows};
pub use leaks::{AtThreshold, Decade, HEADERS_LEAKS, HEADERS_THRESHOLDS, LeakTrials};
pub use score::{Best, Events, PROFILES, Profile, Scored, best, events, normalised, score};
