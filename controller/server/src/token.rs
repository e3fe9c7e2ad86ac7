//! The token that forms carry, so that another site cannot send them.

use std::fmt;

use crate::error::ServerError;

/// 256 bits, made anew with every start: pages of an earlier run must be loaded again.
#[derive(Clone)]
pub struct FormToken(String);

impl FormToken {
    /// A new token.
    ///
    /// # Errors
    /// [`ServerError::NoRandomness`] when the system gives none.
    pub fn random() -> Result<Self, ServerError> {
        let mut bytes = [0_u8; 32];
        getrandom::fill(&mut bytes).map_err(|_| ServerError::NoRandomness)?;
        Ok(Self(hex::encode(bytes)))
    }

    /// The token for the forms of a page.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Whether a form carries this token; takes the same time for every text of the same length.
    pub(crate) fn matches(&self, sent: &str) -> bool {
        let (own, sent) = (self.0.as_bytes(), sent.as_bytes());
        own.len() == sent.len() && own.iter().zip(sent).fold(0, |differs, (a, b)| differs | (a ^ b)) == 0
    }
}

impl fmt::Debug for FormToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FormToken(***)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_very_token_matches_and_none_is_printed() {
        let (token, other) = (FormToken::random().unwrap(), FormToken::random().unwrap());
        assert!(token.matches(token.as_str()));
        for wrong in ["", &token.as_str()[1..], other.as_str(), &format!("{}0", token.as_str())] {
            assert!(!token.matches(wrong), "{wrong}");
        }
        assert_eq!(format!("{token:?}"), "FormToken(***)");
    }
}
