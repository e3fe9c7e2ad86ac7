//! Text from outside, made harmless for the place where it is shown.
//!
//! Names, labels, paths and sentences about them are written by others: they must not mention people, open HTML, break
//! a table, link anywhere or turn the reading direction. Knows nothing of templates: those call it for every value.

/// Longest text that is shown of one value. Names have at most 253 characters; sentences of rules stay below this too.
pub const SHOWN_CHARS_MAX: usize = 500;

/// Stands before a text that would open a block, and shows nothing.
const GUARD: &str = "&#8203;";

/// Control, bidirectional and invisible characters become their code point (`⟨U+202E⟩`), line ends and tabs a space;
/// what is longer than `max_chars` ends in `…`.
pub fn visible(text: &str, max_chars: usize) -> String {
    let mut out = String::with_capacity(text.len());
    for (at, c) in text.chars().enumerate() {
        if at >= max_chars {
            out.push('…');
            break;
        }
        push_visible(&mut out, c);
    }
    out
}

/// A sentence within Markdown. Balanced backticks stay code; everything else is shown as it is written.
pub fn prose(text: &str) -> String {
    let text = visible(text, SHOWN_CHARS_MAX);
    let parts: Vec<&str> = text.split('`').collect();
    if parts.len().is_multiple_of(2) {
        return plain(&text);
    }
    parts
        .iter()
        .enumerate()
        .map(|(at, part)| match (at % 2, part.trim().is_empty()) {
            (0, _) => plain_part(part, at == 0),
            (_, true) => "\\`\\`".to_owned(),
            (_, false) => code_in(part, true),
        })
        .collect()
}

/// A sentence in the middle of a line or in a cell, where no list or heading can begin.
pub fn inline_prose(text: &str) -> String {
    prose(text).trim_start_matches(GUARD).to_owned()
}

/// A code span that no content can leave.
pub fn code(text: &str) -> String {
    code_in(&visible(text, SHOWN_CHARS_MAX), false)
}

/// A code span within a table. A bar would end the cell even there, and a backslash would not help it: both get a
/// lookalike.
pub fn cell(text: &str) -> String {
    code_in(&visible(text, SHOWN_CHARS_MAX), true)
}

/// Text within a line of HTML in Markdown (`<summary>`), where mentions still count.
pub fn html_in_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in visible(text, SHOWN_CHARS_MAX).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '@' => out.push_str("@&#8203;"),
            '#' => out.push_str("#&#8203;"),
            other => out.push(other),
        }
    }
    out
}

/// A word for a title or a commit message: letters, digits and `-._/+=,:~` and spaces, the rest `_`. Neither
/// mentions, references, trailers nor `[skip ci]` survive.
pub fn word(text: &str, max_chars: usize) -> String {
    visible(text, max_chars)
        .chars()
        .map(|c| if c.is_alphanumeric() || "-._/+=,:~ …".contains(c) { c } else { '_' })
        .collect()
}

/// A line for a terminal: no escape sequence survives; tabs stay, a carriage return at the end is shown as `␍`.
pub fn terminal_line(text: &str) -> String {
    let (text, returned) = match text.strip_suffix('\r') {
        Some(text) => (text, true),
        None => (text, false),
    };
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        if c == '\t' { out.push(c) } else { push_visible(&mut out, c) }
    }
    if returned {
        out.push('␍');
    }
    out
}

fn push_visible(out: &mut String, c: char) {
    match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => out.push(' '),
        c if is_hidden(c) => out.push_str(&format!("⟨U+{:04X}⟩", u32::from(c))),
        c => out.push(c),
    }
}

/// Characters that show nothing, or change how others are shown.
fn is_hidden(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}'
            | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
}

/// A code span. `in_cell` replaces the bar and the backslash, which mean something to tables even within code.
fn code_in(text: &str, in_cell: bool) -> String {
    let text = if in_cell { text.replace('|', "¦").replace('\\', "∖") } else { text.to_owned() };
    if text.trim().is_empty() {
        return "` `".to_owned();
    }
    let longest = text.split(|c| c != '`').map(str::len).max().unwrap_or(0);
    let fence = "`".repeat(longest + 1);
    let pad = if longest > 0 || text.starts_with(' ') || text.ends_with(' ') { " " } else { "" };
    format!("{fence}{pad}{text}{pad}{fence}")
}

fn plain(text: &str) -> String {
    plain_part(text, true)
}

/// Escapes one part of a sentence; `first` when it opens the value, where a list or a heading could begin.
fn plain_part(text: &str, first: bool) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    if first && opens_block(text) {
        out.push_str(GUARD);
    }
    let chars: Vec<char> = text.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        let next = chars.get(at + 1);
        match c {
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' => out.extend(['\\', *c]),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '&' => out.push_str("&amp;"),
            '@' | '#' => out.push_str(&format!("{c}&#8203;")),
            '!' if next == Some(&'[') => out.push_str("\\!"),
            // Formulas: an amount such as $12 cannot close one, so it stays readable.
            '$' if next.is_none_or(|next| !next.is_ascii_digit()) => out.push_str("\\$"),
            // Bare addresses would become links.
            ':' if next == Some(&'/') => out.push_str(":&#8203;"),
            '.' if ends_with_www(&chars[..at]) => out.push_str("&#8203;."),
            other => out.push(*other),
        }
    }
    out
}

fn ends_with_www(before: &[char]) -> bool {
    before.len() >= 3 && before[before.len() - 3..].iter().all(|c| c.eq_ignore_ascii_case(&'w'))
}

/// Whether the text would open a list, a rule or an underlined heading at the start of a line.
fn opens_block(text: &str) -> bool {
    let rest = text.trim_start();
    let after_digits = rest.trim_start_matches(|c: char| c.is_ascii_digit());
    let numbered = rest.len() > after_digits.len()
        && after_digits.strip_prefix(['.', ')']).is_some_and(|rest| rest.is_empty() || rest.starts_with(' '));
    rest.len() != text.len()
        || numbered
        || rest.starts_with("- ")
        || rest.starts_with("+ ")
        || (!rest.is_empty() && rest.chars().all(|c| matches!(c, '-' | '=' | '+' | ' ')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readable_text_stays_readable() {
        for text in [
            "p98 262m over 28.0 days, no throttling",
            "-$118.40",
            "keeps 2Gi (limit + 15 %)",
            "größe 8960Mi",
            "12.0 cores",
        ] {
            assert_eq!(prose(text), text);
        }
        assert_eq!(prose("an HPA `web` scales"), "an HPA `web` scales");
        assert_eq!(code("deploy/api"), "`deploy/api`");
        assert_eq!(cell("apps/a|b"), "`apps/a¦b`");
    }

    #[test]
    fn nothing_that_means_something_gets_through() {
        for (text, safe) in [
            ("@admin #12", "@&#8203;admin #&#8203;12"),
            ("<img src=x>", "&lt;img src=x&gt;"),
            ("[a](http://b) ![c](d)", "\\[a\\](http:&#8203;//b) \\!\\[c\\](d)"),
            ("www.evil.example", "www&#8203;.evil.example"),
            ("a|b ~~c~~ $x$", "a\\|b \\~\\~c\\~\\~ \\$x\\$"),
            ("odd ` tick", "odd \\` tick"),
            ("1. list", "&#8203;1. list"),
            ("a\nb\u{202e}c\u{1b}[31m", "a b⟨U+202E⟩c⟨U+001B⟩\\[31m"),
        ] {
            assert_eq!(prose(text), safe, "{text}");
        }
        assert_eq!(code("a`b``c"), "``` a`b``c ```");
        assert_eq!(word("x [skip ci] @me #1", 80), "x _skip ci_ _me _1");
        assert_eq!(terminal_line("a\u{1b}[2Jb\tc\r"), "a⟨U+001B⟩[2Jb\tc␍");
    }

    #[test]
    fn long_text_is_cut_and_says_so() {
        assert_eq!(visible("abcdef", 3), "abc…");
        assert_eq!(visible("abc", 3), "abc");
    }
}
