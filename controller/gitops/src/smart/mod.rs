//! A shallow fetch over HTTP: Git's protocol version 2, spoken through `kubeopt-net`.
//!
//! libgit2's own HTTP transport would bring a second TLS stack with its own idea of allowed hosts, and replacing it
//! needs `unsafe`. Version 2 of the protocol is three requests, so they are written here; libgit2 indexes the pack.

mod fetch;
mod pkt;
mod protocol;

pub(crate) use fetch::{Piece, Session, ask_tip, fetch_pack};
pub(crate) use protocol::{Tip, Want};
