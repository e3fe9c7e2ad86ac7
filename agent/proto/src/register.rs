//! Which version two ends speak, and whether an agent's first words can be so.

use crate::check::{Refusal, digest, text};
use crate::generated::messages::RegisterRequest;
use crate::limits::{BOOT_ID_BYTES_MAX, NODE_NAME_BYTES_MAX, PROTOCOL_MAX, PROTOCOL_MIN};

/// Bytes of an agent's version; it is shown to people.
const VERSION_BYTES_MAX: usize = 64;

/// Checks the first words of an agent and says which version of the protocol is spoken from here on.
///
/// # Errors
/// What cannot be so; [`Refusal::Protocol`] without a common version.
pub fn check_register(request: &RegisterRequest) -> Result<u32, Refusal> {
    text("node_name", &request.node_name, NODE_NAME_BYTES_MAX)?;
    text("boot_id", &request.boot_id, BOOT_ID_BYTES_MAX)?;
    let shown = |byte: u8| byte.is_ascii_graphic();
    if request.agent_version.len() > VERSION_BYTES_MAX || !request.agent_version.bytes().all(shown) {
        return Err(Refusal::Text("agent_version"));
    }
    digest("schema_sha256", &request.schema_sha256)?;
    digest("model_sha256", &request.model_sha256)?;
    agree(request.protocol_min, request.protocol_max)
}

/// The newest version that an agent and this build both speak.
///
/// # Errors
/// [`Refusal::Protocol`] without one.
pub fn agree(min: u32, max: u32) -> Result<u32, Refusal> {
    let both = max.min(PROTOCOL_MAX);
    if min <= max && both >= min.max(PROTOCOL_MIN) {
        return Ok(both);
    }
    Err(Refusal::Protocol { min, max, ours_min: PROTOCOL_MIN, ours_max: PROTOCOL_MAX })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_common_version_is_spoken() {
        assert_eq!(agree(1, 1), Ok(1));
        assert_eq!(agree(0, 7), Ok(1), "an agent that is newer still speaks ours");
        for (min, max) in [(2, 7), (0, 0), (3, 1)] {
            assert!(matches!(agree(min, max), Err(Refusal::Protocol { .. })), "{min} to {max}");
        }
    }

    #[test]
    fn names_that_no_node_has_are_refused() {
        let fine = RegisterRequest {
            protocol_min: 1,
            protocol_max: 1,
            node_name: "ip-10-0-0-1.ec2.internal".to_owned(),
            boot_id: "a".repeat(32),
            agent_version: "0.1.0".to_owned(),
            ..RegisterRequest::default()
        };
        assert_eq!(check_register(&fine), Ok(1));
        for name in ["", "a b", "node\n", "../../etc", &"n".repeat(254)] {
            let request = RegisterRequest { node_name: name.to_owned(), ..fine.clone() };
            assert_eq!(check_register(&request), Err(Refusal::Text("node_name")), "{name:?}");
        }
        let request = RegisterRequest { agent_version: "1\u{1b}[2J".to_owned(), ..fine };
        assert_eq!(check_register(&request), Err(Refusal::Text("agent_version")));
    }
}
