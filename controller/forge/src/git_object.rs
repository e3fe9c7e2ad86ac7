//! The ids that Git gives to contents, so that what a forge stores can be compared without reading it back.

use sha2::{Digest as _, Sha256};

use crate::error::ForgeError;

/// The id of a blob, in the object format that the base commit's id shows: SHA-1, or SHA-256 with 64 digits.
///
/// # Errors
/// [`ForgeError::Malformed`] when Git cannot hash it.
pub(crate) fn blob_oid(content: &[u8], base_oid: &str) -> Result<String, ForgeError> {
    if base_oid.len() == 64 {
        let mut hasher = Sha256::new();
        hasher.update(format!("blob {}\0", content.len()));
        hasher.update(content);
        return Ok(hex::encode(hasher.finalize()));
    }
    git2::Oid::hash_object(git2::ObjectType::Blob, content)
        .map(|oid| oid.to_string())
        .map_err(|error| ForgeError::Malformed { why: error.message().to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blobs_have_the_ids_that_git_gives_them() {
        // `printf 'hello\n' | git hash-object --stdin`, and the same in a repository of object format sha256.
        assert_eq!(
            blob_oid(b"hello\n", &"0".repeat(40)).unwrap(),
            "ce013625030ba8dba906f756967f9e9ca394464a"
        );
        assert_eq!(
            blob_oid(b"hello\n", &"0".repeat(64)).unwrap(),
            "2cf8d83d9ee29543b34a87727421fdecb7e3f3a183d337639025de576db9ebb4"
        );
    }
}
