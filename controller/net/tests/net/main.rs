//! The client against servers: what it follows, refuses, repeats, and whom it trusts.
#![allow(clippy::unwrap_used, reason = "a test that cannot set its server up has failed")]

mod aws;
mod azure;
mod google;
mod http;
mod signature;
mod tls;
