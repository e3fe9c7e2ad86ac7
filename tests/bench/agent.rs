//! The node agent at work: memory, CPU and time of its static release program over eight hours of samples that it reads
//! itself, an outage of a day, a thousand nodes at one controller, and node_exporter beside it.
//!
//! Eight hours pass in minutes: the clock of the agent is driven, and the tree that it reads is played. What it does is what it
//! would do in eight hours of a real node: each read, each message over TLS, each forecast, a round of training.

mod crowd;
mod footprint;
mod node_exporter;
mod table;
