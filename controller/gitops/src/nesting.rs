//! How deep the brackets of a text are nested, before a parser is asked to follow them. Pure.
//!
//! What reads YAML here looks at every open bracket again for each word: 100,000 of them in one file, 100 KiB, take half a
//! minute.

/// Brackets that are open at once. Texts within YAML may leave some open, such as `[0m` of terminals, a few hundred in the
/// largest scripts that were seen; nobody nests lists that deep, and the readers themselves stop at 128.
const OPEN_MAX: usize = 2_000;

/// Refuses a text whose brackets, wherever they stand, are never closed or too deep.
///
/// # Errors
/// A sentence without a place.
pub fn check_nesting(text: &str) -> Result<(), String> {
    let mut open = 0_usize;
    for byte in text.bytes() {
        match byte {
            b'[' | b'{' => open += 1,
            b']' | b'}' => open = open.saturating_sub(1),
            _ => {}
        }
        if open > OPEN_MAX {
            return Err(format!("more than {OPEN_MAX} brackets are open at once"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_writes_is_refused_and_many_lists_are_not() {
        assert!(check_nesting(&"[".repeat(100_000)).is_err());
        assert!(check_nesting(&"{a: ".repeat(3_000)).is_err());
        assert_eq!(check_nesting(&"[{a: b}]\n".repeat(100_000)), Ok(()));
        assert_eq!(check_nesting(&"]".repeat(100_000)), Ok(()));
    }
}
