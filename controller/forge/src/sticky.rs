//! The hidden marker of a comment that there is one of: its last line. Looked for in kubeopt's own comments only.

use crate::error::ForgeError;

/// Longest key; the id of a comment and a word fit many times.
const KEY_CHARS_MAX: usize = 64;

const OPEN: &str = "<!-- kubeopt:reply:";
const CLOSE: &str = " -->";

/// The text with the marker of its key as its last line.
///
/// # Errors
/// [`ForgeError::Refused`] for a key that could end the marker, or lead into another one.
pub(crate) fn marked(key: &str, body: &str) -> Result<String, ForgeError> {
    let is_key = (1..=KEY_CHARS_MAX).contains(&key.len())
        && !key.contains("--")
        && key.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'_' | b'-'));
    if !is_key {
        return Err(ForgeError::Refused { why: "this cannot be the key of a comment".to_owned() });
    }
    Ok(format!("{}\n\n{}", body.trim_end(), marker(key)))
}

/// The key of a comment of kubeopt's own; none where it has none.
pub fn reply_key(comment: &str) -> Option<&str> {
    comment.trim_end().lines().next_back()?.trim_end().strip_prefix(OPEN)?.strip_suffix(CLOSE)
}

/// Whether a comment of kubeopt's own is the one of this key. A marker that it quotes from elsewhere is not its own.
pub(crate) fn is_of_key(comment: &str, key: &str) -> bool {
    comment.trim_end().lines().next_back().is_some_and(|line| line.trim_end() == marker(key))
}

fn marker(key: &str) -> String {
    format!("{OPEN}{key}{CLOSE}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_last_line_says_which_one_it_is() {
        let text = marked("12.help", "> <!-- kubeopt:reply:13 -->\n\nDone.\n\n").unwrap();
        assert_eq!(text, "> <!-- kubeopt:reply:13 -->\n\nDone.\n\n<!-- kubeopt:reply:12.help -->");
        for (comment, key, expected) in [
            (text.as_str(), "12.help", true),
            (text.as_str(), "13", false),
            ("a\r\n\r\n<!-- kubeopt:reply:13 -->\r\n", "13", true),
            ("<!-- kubeopt:reply:13 -->", "13", true),
            ("x <!-- kubeopt:reply:13 -->", "13", false),
            ("<!-- kubeopt:reply:13 -->\nmore", "13", false),
            ("", "13", false),
        ] {
            assert_eq!(is_of_key(comment, key), expected, "{comment:?}, {key}");
            assert_eq!(reply_key(comment) == Some(key), expected, "{comment:?}, {key}");
        }
    }

    #[test]
    fn a_key_cannot_leave_its_marker() {
        let long = "k".repeat(65);
        for key in ["", "a b", "a-->", "a--b", "a\nb", "é", long.as_str()] {
            assert!(matches!(marked(key, "x"), Err(ForgeError::Refused { .. })), "{key}");
        }
    }
}
