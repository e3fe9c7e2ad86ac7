//! A shallow fetch: Git's protocol version 2, over HTTP through `kubeopt-net` or over [`crate::ssh`].
//!
//! libgit2's own transports would bring a second TLS stack, an ssh library in C, and their own idea of allowed hosts;
//! replacing them needs `unsafe`. Version 2 of the protocol is three messages, so they are written here, once for both
//! ways; libgit2 indexes the pack.

mod answer;
mod fetch;
mod http;
mod line;
mod pkt;
mod protocol;

pub(crate) use fetch::{Piece, Session, ask_tip, fetch_pack};
pub(crate) use line::Way;
pub(crate) use protocol::{Tip, Want};
