//! Forges that are not the real ones: servers with real Git repositories and real state behind a part of a forge's API.
//! Everything that passes through them is checked against what the forge itself publishes of that API.

pub(crate) mod git;
pub(crate) mod github;
pub(crate) mod gitlab;
pub(crate) mod openapi;
pub(crate) mod server;
