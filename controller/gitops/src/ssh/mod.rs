//! Git over ssh: one connection a fetch, which runs `git-upload-pack` and nothing else. The host key must be one that
//! the operator wrote down; nothing is trusted at first sight. No shell, no agent, no forwarding.
//!
//! Must not know: what Git says on the channel ([`crate::smart`] does), and how connections are opened: `kubeopt-net`
//! checks the address and gives the stream.

mod address;
mod client;
mod gate;
mod known_hosts;
mod line;

#[cfg(test)]
mod fixture;
#[cfg(test)]
mod tests;

pub use address::SshAddress;
pub use client::{SshClient, SshPolicy};
pub use known_hosts::KnownHosts;
pub(crate) use line::SshLine;
