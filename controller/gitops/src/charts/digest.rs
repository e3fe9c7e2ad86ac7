//! Digests of archives and manifests: SHA-256, hexadecimal.

use sha2::{Digest as _, Sha256};

/// A SHA-256 in hexadecimal, in lower case.
pub(super) fn read_hex(text: &str) -> Option<String> {
    let is_digest = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_digest.then(|| text.to_ascii_lowercase())
}

/// SHA-256, hexadecimal.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    hex::encode(Sha256::digest(bytes))
}
