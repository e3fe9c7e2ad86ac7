//! GitLab takes lines such as `/merge` or `/assign @ada` in texts for commands of whoever wrote them. kubeopt's texts
//! hold words of others, and are no place for commands in kubeopt's name.

use std::borrow::Cow;

/// The text with a backslash, which Markdown does not show, before what GitLab would carry out. Code is left as it is:
/// nothing in it is carried out. The same again changes nothing.
pub(super) fn disarmed(text: &str) -> Cow<'_, str> {
    if !text.lines().any(is_command) {
        return Cow::Borrowed(text);
    }
    let mut fence: Option<&str> = None;
    let mut disarmed = String::with_capacity(text.len() + 8);
    for line in text.split_inclusive('\n') {
        let start = line.trim_start();
        let mark = ["```", "~~~"].into_iter().find(|mark| start.starts_with(mark));
        match (fence, mark) {
            (None, Some(mark)) => fence = Some(mark),
            (Some(open), Some(mark)) if open == mark => fence = None,
            (None, None) if is_command(line) => {
                let indent = line.len() - start.len();
                disarmed.push_str(&line[..indent]);
                disarmed.push('\\');
                disarmed.push_str(start);
                continue;
            }
            (Some(_), _) | (None, None) => {}
        }
        disarmed.push_str(line);
    }
    Cow::Owned(disarmed)
}

/// A slash and a word at the beginning of a line. kubeopt's own commands are none of GitLab's.
fn is_command(line: &str) -> bool {
    let Some(word) = line.trim_start().strip_prefix('/') else { return false };
    word.starts_with(|c: char| c.is_ascii_alphabetic()) && !word.starts_with("kubeopt")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_gitlab_are_shown_and_not_carried_out() {
        for (text, expected) in [
            ("/merge", "\\/merge"),
            ("fine\n  /assign @ada\r\nand /close", "fine\n  \\/assign @ada\r\nand /close"),
            ("> /merge", "> /merge"),
            ("/kubeopt help", "/kubeopt help"),
            ("// comment\n/ x", "// comment\n/ x"),
            ("```\n/usr/bin\n```\n/usr/bin", "```\n/usr/bin\n```\n\\/usr/bin"),
            ("~~~\n```\n/a\n~~~\n/a", "~~~\n```\n/a\n~~~\n\\/a"),
            ("", ""),
        ] {
            assert_eq!(disarmed(text), expected, "{text:?}");
            assert_eq!(disarmed(expected), expected, "the same again");
        }
    }
}
