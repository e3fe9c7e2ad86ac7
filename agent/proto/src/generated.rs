//! Made from agent.proto by agent/proto/generate, and not to be edited: what it says is documented there.

#[cfg(feature = "client")]
#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::wildcard_enum_match_arm)]
pub(crate) mod client;
#[rustfmt::skip]
#[allow(missing_docs, clippy::all)]
pub(crate) mod messages;
#[cfg(feature = "server")]
#[rustfmt::skip]
#[allow(missing_docs, unreachable_pub, clippy::all, clippy::wildcard_enum_match_arm)]
pub(crate) mod server;
#[cfg(test)]
#[rustfmt::skip]
pub(crate) mod stamps;
