//! The server with real clients over TLS: who is taken, what is stored, what is refused, how it ends.

mod callers;
mod harness;
mod streams;
