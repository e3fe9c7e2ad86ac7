//! The words of a line: split at spaces, a quoted text one word; spans of time; reasons.

/// Most characters of a reason that are kept.
pub const REASON_CHARS_MAX: usize = 200;

/// Longest time that something can be asked for: a year.
const SPAN_MAX_S: i64 = 366 * DAY_S;

const HOUR_S: i64 = 3600;
const DAY_S: i64 = 86_400;
const WEEK_S: i64 = 7 * DAY_S;

/// Quotation marks that begin a text, with those that end it; keyboards of telephones make others than `"`.
const QUOTES: [(char, char); 5] =
    [('"', '"'), ('\u{201c}', '\u{201d}'), ('\u{201e}', '\u{201c}'), ('\u{ab}', '\u{bb}'), ('\'', '\'')];

/// A word, and whether it stood in quotation marks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Word {
    pub(crate) text: String,
    pub(crate) is_quoted: bool,
}

/// The words of a line; none where a quotation mark is not closed.
pub(crate) fn words(line: &str) -> Option<Vec<Word>> {
    let mut words = Vec::new();
    let mut rest = line.trim_matches(|c: char| c.is_ascii_whitespace());
    while let Some(first) = rest.chars().next() {
        let (text, is_quoted, after) = match QUOTES.iter().find(|(open, _)| *open == first) {
            Some((open, close)) => {
                let inner = &rest[open.len_utf8()..];
                let (text, after) = inner.split_once(*close)?;
                (text, true, after)
            }
            None => {
                let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
                (&rest[..end], false, &rest[end..])
            }
        };
        words.push(Word { text: text.to_owned(), is_quoted });
        rest = after.trim_start_matches(|c: char| c.is_ascii_whitespace());
    }
    Some(words)
}

/// A span such as `12h`, `30d` or `2w`, in seconds: between an hour and a year.
pub(crate) fn span_s(text: &str) -> Option<i64> {
    let unit_at = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit_at);
    let unit_s = match unit.to_ascii_lowercase().as_str() {
        "h" => HOUR_S,
        "d" => DAY_S,
        "w" => WEEK_S,
        _ => return None,
    };
    let seconds = number.parse::<i64>().ok()?.checked_mul(unit_s)?;
    (HOUR_S..=SPAN_MAX_S).contains(&seconds).then_some(seconds)
}

/// A reason as it may be kept: one line of printable text, cut at [`REASON_CHARS_MAX`]. Still hostile where it is shown.
pub(crate) fn reason(text: &str) -> Option<String> {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let kept: String = line.trim().chars().take(REASON_CHARS_MAX).collect();
    (!kept.is_empty()).then_some(kept)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_split_and_quoted_ones_kept_together() {
        let line = "  ignore  api for 30d because \"a  migration\" \u{201c}two\u{201d} ";
        let found: Vec<(String, bool)> =
            words(line).unwrap().into_iter().map(|word| (word.text, word.is_quoted)).collect();
        let plain = ["ignore", "api", "for", "30d", "because"].map(|word| (word.to_owned(), false));
        let quoted = ["a  migration", "two"].map(|word| (word.to_owned(), true));
        assert_eq!(found, [plain.to_vec(), quoted.to_vec()].concat());
        assert_eq!(words("because \"open"), None);
    }

    #[test]
    fn spans_are_hours_days_and_weeks_up_to_a_year() {
        assert_eq!(
            [span_s("12h"), span_s("30D"), span_s("2w")],
            [Some(43_200), Some(2_592_000), Some(1_209_600)]
        );
        for text in ["", "d", "0d", "-3d", "1y", "400d", "99999999999999999999d", "3 d", "1.5h", "\u{ff13}d"]
        {
            assert_eq!(span_s(text), None, "{text}");
        }
    }

    #[test]
    fn a_reason_is_one_short_line() {
        assert_eq!(reason("a\nb\u{7}").as_deref(), Some("a b"));
        assert_eq!(reason(&"x".repeat(9000)).map(|text| text.len()), Some(REASON_CHARS_MAX));
        assert_eq!(reason(" \n"), None);
    }
}
