//! Whether a forge signed what it was asked to sign, and what is said where it did not.

use crate::branch::Signing;
use crate::error::ForgeError;

/// Compares with what was asked. `unsigned_because` is the forge's word for why a commit is not signed; none where it is.
///
/// # Errors
/// [`ForgeError::Refused`] where it had to be signed.
pub(crate) fn judge(asked: Signing, unsigned_because: Option<&str>) -> Result<(), ForgeError> {
    let Some(reason) = unsigned_because else { return Ok(()) };
    let reason: String = reason.chars().filter(|c| !c.is_control()).take(100).collect();
    match asked {
        Signing::Never => Ok(()),
        Signing::Wanted => {
            tracing::warn!(reason, "the forge did not sign a commit that it was asked to sign");
            Ok(())
        }
        Signing::Required => {
            Err(ForgeError::Refused { why: format!("the forge did not sign the commit ({reason})") })
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_unsigned_commit_is_refused_only_where_it_had_to_be_signed() {
        for asked in [Signing::Never, Signing::Wanted, Signing::Required] {
            assert_eq!(judge(asked, None), Ok(()));
            assert_eq!(judge(asked, Some("unsigned")).is_err(), asked == Signing::Required);
        }
    }
}
