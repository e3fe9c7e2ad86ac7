//! What the generated files were made from, and what they were then.

/// SHA-256 of agent.proto without comments and spaces.
pub(crate) const PROTO_SHA256: &str = "7eb378a3d2a496265ac2321d0e1c53e53458a3ff84d69e603f3317346f80b8d0";
/// SHA-256 of messages.rs, client.rs and server.rs, one after the other.
pub(crate) const FILES_SHA256: &str = "d71ffc4af81405b7ba805117aa13f055d65518e0e57342ed8abc9763f5edec08";
