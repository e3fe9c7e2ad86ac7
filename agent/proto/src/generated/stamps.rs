//! What the generated files were made from, and what they were then.

/// SHA-256 of agent.proto without comments and spaces.
pub(crate) const PROTO_SHA256: &str = "6568185a15ffdea5fdf383eb8d9d9a87482c4d1318dabf4826a161fb15093fa7";
/// SHA-256 of messages.rs, client.rs and server.rs, one after the other.
pub(crate) const FILES_SHA256: &str = "992022a60f40447e00cad60fd27e50f45d212847fd3e26e1331ac3ef1a45b23b";
