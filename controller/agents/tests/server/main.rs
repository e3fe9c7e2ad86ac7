//! The server with real clients over TLS: who is taken, what is stored, what is refused, how it ends, and what a crowd
//! of hostile ones can take from the others.

mod callers;
mod crowd;
mod harness;
mod streams;
