//! Node agents, the real programs, from played cgroups to a pull request: two agents with certificates, a controller that
//! listens to them, and what becomes of a kill of each.
//!
//! Time is played: the agents' clocks are driven, so that hours pass in seconds; the controller's is real.

mod clusters;
mod driver;
mod hours;
mod node;
mod path;
mod real;
mod training;
mod world;
