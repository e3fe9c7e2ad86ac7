//! The generated code is the one of agent.proto.

use sha2::{Digest as _, Sha256};

use crate::generated::stamps::{FILES_SHA256, PROTO_SHA256};

const AGAIN: &str = "run `cargo run` in agent/proto/generate, and commit what it writes";

#[test]
fn generated_code_is_made_from_the_definition_as_it_is() {
    let code =
        include_str!("../proto/agent.proto").lines().map(|line| line.split("//").next().unwrap_or_default());
    let meaning = code.flat_map(str::split_whitespace).collect::<Vec<_>>().join(" ");
    assert_eq!(hex(&Sha256::digest(meaning)), PROTO_SHA256, "agent.proto has changed: {AGAIN}");
}

#[test]
fn generated_code_is_not_edited() {
    let mut digest = Sha256::new();
    digest.update(include_str!("generated/messages.rs"));
    digest.update(include_str!("generated/client.rs"));
    digest.update(include_str!("generated/server.rs"));
    assert_eq!(hex(&digest.finalize()), FILES_SHA256, "a generated file has changed: {AGAIN}");
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
