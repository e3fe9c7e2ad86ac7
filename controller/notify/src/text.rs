//! Text from outside, made fit for a service: nothing invisible, nothing too long. Knows no service; what a service's markup
//! means is for its own file.

/// One line: control, bidirectional and invisible characters go, line ends become spaces; at most `units_max` UTF-16 units,
/// which is what services count.
pub(crate) fn line(text: &str, units_max: usize) -> String {
    let visible: String =
        text.chars().filter_map(|c| if c == '\n' || c == '\t' { Some(' ') } else { shown(c) }).collect();
    cut(visible.split_whitespace().collect::<Vec<_>>().join(" "), units_max)
}

/// The same for some lines, whose ends stay.
pub(crate) fn lines(text: &str, units_max: usize) -> String {
    let visible: String = text.chars().filter_map(|c| if c == '\n' { Some(c) } else { shown(c) }).collect();
    cut(visible.trim().to_owned(), units_max)
}

/// At most so many UTF-16 units; what is cut ends in `…`.
pub(crate) fn cut(text: String, units_max: usize) -> String {
    if text.encode_utf16().count() <= units_max {
        return text;
    }
    let mut units = 1;
    let fitting = text.chars().take_while(|c| {
        units += c.len_utf16();
        units <= units_max
    });
    fitting.chain(['…']).collect()
}

fn shown(c: char) -> Option<char> {
    match c {
        '\t' => Some(' '),
        c if c.is_control() || is_hidden(c) => None,
        c => Some(c),
    }
}

/// Characters that show nothing, or change how others are shown.
fn is_hidden(c: char) -> bool {
    matches!(c,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_seen_goes_and_what_is_long_is_cut() {
        assert_eq!(line("a\u{202e}b\n c\u{0}\td", 100), "ab c d");
        assert_eq!(lines(" a\nb\u{200b}\r\n", 100), "a\nb");
        assert_eq!(line("abcdef", 4), "abc…");
        assert_eq!(line("\u{1f680}\u{1f680}\u{1f680}", 5), "\u{1f680}\u{1f680}…", "a pair counts twice");
        assert_eq!(line("abcd", 4), "abcd");
    }
}
