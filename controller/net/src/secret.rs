//! Credentials: read late, shown never.

use std::fmt;
use std::path::PathBuf;

use reqwest::header::HeaderValue;
use tokio::io::AsyncReadExt as _;

pub use crate::auth::Auth;

use crate::error::NetError;

/// Longest secret in bytes. Tokens are below 8 KiB (JWTs with many claims); more is a wrong file.
const SECRET_BYTES_MAX: u64 = 64 * 1024;

/// A text that no log, error or debug output shows.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// Wraps a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }

    /// The text, for the one place that sends it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

/// Where a secret comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretSource {
    /// A file, read again for each request, so that a rotated secret is used at once.
    File(PathBuf),
    /// A value that the caller has.
    Value(Secret),
}

impl SecretSource {
    /// The secret as it is now, without white space at its ends.
    ///
    /// # Errors
    /// [`NetError::SecretUnusable`] when the file cannot be read, is empty, or is larger than 64 KiB.
    pub async fn read(&self) -> Result<Secret, NetError> {
        let path = match self {
            Self::Value(secret) => return Ok(secret.clone()),
            Self::File(path) => path,
        };
        let unusable = |why: String| NetError::SecretUnusable { path: path.clone(), why };
        let file = tokio::fs::File::open(path).await.map_err(|error| unusable(error.to_string()))?;
        let mut text = String::new();
        file.take(SECRET_BYTES_MAX + 1)
            .read_to_string(&mut text)
            .await
            .map_err(|error| unusable(error.to_string()))?;
        if text.len() as u64 > SECRET_BYTES_MAX {
            return Err(unusable(format!("the file is larger than {SECRET_BYTES_MAX} bytes")));
        }
        match text.trim() {
            "" => Err(unusable("the file is empty".to_owned())),
            secret => Ok(Secret::new(secret)),
        }
    }

    pub(crate) fn path(&self) -> PathBuf {
        match self {
            Self::File(path) => path.clone(),
            Self::Value(_) => PathBuf::new(),
        }
    }
}

/// A header value that no debug output shows.
pub(crate) fn sensitive(text: &str) -> Option<HeaderValue> {
    let mut value = HeaderValue::from_str(text).ok()?;
    value.set_sensitive(true);
    Some(value)
}
