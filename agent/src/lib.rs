//! The node agent: reads the cgroups of containers every ten seconds, looks closer at those in trouble, and keeps what it
//! saw on disk until the controller has it.
//!
//! One thread, reused buffers, bounded queues. It knows pods by UID and containers by id, and nothing of the API server.
//! Time comes from [`Clock`], so that hours can be driven through the same reads in minutes.

mod args;
mod batch;
mod cards;
mod clock;
mod connection;
mod dcgm;
mod durations;
mod files;
mod findings;
mod foretelling;
mod gpus;
mod health;
mod hours;
mod kept;
mod learned;
mod link;
mod log;
mod metrics;
mod model;
mod node;
mod pace;
mod packed;
mod run;
mod series;
mod shared;
mod squares;
mod training;
mod tree;

pub use args::{Args, ArgsError, HELP};
pub use clock::{Clock, Ended, Moment};
pub use packed::{PackError, pack, unpack};
pub use run::{Agent, StartError, main};
