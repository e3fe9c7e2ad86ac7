//! What a model's text may hold: English words and figures by name. Everything else is refused, not repaired: a text that
//! tried something is not trusted with the rest.

use crate::figures::Figures;
use crate::redact::Names;
use crate::template::{Piece, Unfillable, fill, pieces};

/// Shortest text that says anything.
const CHARS_MIN: usize = 20;

/// Longest text that is looked at, in bytes.
const BYTES_MAX: usize = 4096;

/// Numbers as words. `one`, `once` and `both` are not among them: they mostly count nothing.
const NUMBER_WORDS: &[&str] = &[
    "zero",
    "two",
    "three",
    "four",
    "five",
    "six",
    "seven",
    "eight",
    "nine",
    "ten",
    "eleven",
    "twelve",
    "thirteen",
    "fourteen",
    "fifteen",
    "sixteen",
    "seventeen",
    "eighteen",
    "nineteen",
    "twenty",
    "thirty",
    "forty",
    "fifty",
    "sixty",
    "seventy",
    "eighty",
    "ninety",
    "hundred",
    "hundreds",
    "thousand",
    "thousands",
    "million",
    "millions",
    "billion",
    "dozen",
    "dozens",
    "half",
    "halve",
    "halved",
    "halves",
    "halving",
    "third",
    "thirds",
    "quarter",
    "quarters",
    "quartered",
    "tenth",
    "twice",
    "thrice",
    "double",
    "doubled",
    "doubles",
    "doubling",
    "triple",
    "tripled",
    "triples",
    "tripling",
    "quadruple",
    "quadrupled",
    "tenfold",
    "twofold",
    "threefold",
];

/// Why a model's text is not used.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// The model says itself that it is not sure.
    #[error("the model is not sure of its words")]
    Unsure,
    /// Nothing, or next to nothing.
    #[error("a text is empty or too short")]
    Empty,
    /// Longer than there is room.
    #[error("a text is too long")]
    TooLong,
    /// Digits, also those of other scripts.
    #[error("a text holds a number of its own")]
    Digits,
    /// A number as a word.
    #[error("a text holds a number in words")]
    NumberWord,
    /// An address.
    #[error("a text holds a link")]
    Link,
    /// Markdown, HTML or an entity.
    #[error("a text holds markup")]
    Markup,
    /// Somebody would be called.
    #[error("a text mentions somebody")]
    Mention,
    /// A word that begins with a slash.
    #[error("a text holds a command")]
    Command,
    /// Control, bidirectional or invisible characters.
    #[error("a text holds a character that shows nothing")]
    Hidden,
    /// Letters of other scripts, and signs that the texts do not need.
    #[error("a text holds a character that is not of plain English text")]
    Character,
    /// A figure that does not exist, or braces.
    #[error("a text names a figure that does not exist")]
    Figure,
    /// A figure that other characters would make another number of: two in a row, a sign before it, a unit behind it.
    #[error("a text makes another number of a figure")]
    Glued,
    /// A changed value is not told.
    #[error("the summary leaves a changed value out")]
    LeavesOut,
    /// A risk that kubeopt did not find, or one said twice.
    #[error("it tells of a risk that kubeopt did not find, or of one twice")]
    Risk,
}

impl From<Unfillable> for Unfit {
    fn from(_: Unfillable) -> Self {
        Self::Figure
    }
}

/// The text with its figures and names, if it is fit to be shown.
///
/// # Errors
/// [`Unfit`] with the first rule that it breaks.
pub(crate) fn checked(
    text: &str,
    chars_max: usize,
    figures: &Figures,
    known: &Names,
) -> Result<String, Unfit> {
    if text.len() > BYTES_MAX {
        return Err(Unfit::TooLong);
    }
    let text = text.trim();
    let pieces = pieces(text)?;
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Plain(plain) => {
                check_plain(plain, known)?;
                check_ends(plain, at > 0, at + 1 < pieces.len())?;
            }
            Piece::Figure(_) => {}
        }
    }
    let shown = known.restored(&fill(text, figures)?);
    match shown.chars().count() {
        count if count < CHARS_MIN => Err(Unfit::Empty),
        count if count > chars_max => Err(Unfit::TooLong),
        _ => Ok(shown),
    }
}

/// What stands between figures.
fn check_plain(text: &str, known: &Names) -> Result<(), Unfit> {
    if let Some(wrong) = text.chars().find_map(wrong_anywhere) {
        return Err(wrong);
    }
    let words = text.split_whitespace().map(|word| word.trim_matches(is_around_words));
    for word in words.filter(|word| !known.is_told(word)) {
        if let Some(wrong) = word.chars().find_map(wrong_in_words) {
            return Err(wrong);
        }
        check_word(word)?;
    }
    // A word's trimmed ends are looked at too: `/merge` and `//host` begin outside of the word.
    match text
        .split_whitespace()
        .any(|word| word.trim_start_matches(is_quote).starts_with('/') || word.contains("//"))
    {
        true => Err(Unfit::Command),
        false => Ok(()),
    }
}

/// Where a text meets a figure it must not become part of its number: `{{a}}{{b}}`, `-{{a}}`, `{{a}}m` and `{{a}}.{{b}}` all
/// would. `{{a}}-day` is English.
fn check_ends(text: &str, after_figure: bool, before_figure: bool) -> Result<(), Unfit> {
    let mut chars = text.chars();
    let (first, second) = (chars.next(), chars.next());
    let glued_front = match (first, second) {
        (None, _) => before_figure,
        (Some('-'), Some(second)) => !second.is_ascii_alphabetic(),
        (Some(first), _) => {
            !(first.is_whitespace() || is_quote(first) || matches!(first, '.' | ',' | ';' | ':' | '?'))
        }
    };
    let glued_back = text.chars().last().is_some_and(|last| !(last.is_whitespace() || is_quote(last)));
    let between = after_figure && before_figure && !text.contains(char::is_whitespace);
    if (after_figure && glued_front) || (before_figure && glued_back) || between {
        Err(Unfit::Glued)
    } else {
        Ok(())
    }
}

/// Characters that are wrong even in a name.
fn wrong_anywhere(c: char) -> Option<Unfit> {
    match c {
        '<' | '>' | '&' | '`' | '*' | '_' | '[' | ']' | '|' | '\\' | '#' | '~' | '$' | '^' | '=' | '+'
        | '!' => Some(Unfit::Markup),
        '@' => Some(Unfit::Mention),
        c if c.is_control() || is_hidden(c) => Some(Unfit::Hidden),
        _ => None,
    }
}

/// Characters that are wrong outside of names.
fn wrong_in_words(c: char) -> Option<Unfit> {
    match c {
        c if c.is_numeric() => Some(Unfit::Digits),
        c if c.is_ascii_alphabetic() || is_around_words(c) || matches!(c, '-' | '/' | '.') => None,
        _ => Some(Unfit::Character),
    }
}

fn check_word(word: &str) -> Result<(), Unfit> {
    let lower = word.to_ascii_lowercase();
    if lower.starts_with("www")
        || lower.starts_with("mailto")
        || lower.contains(":/")
        || is_like_a_host(&lower)
    {
        return Err(Unfit::Link);
    }
    let counts = lower.split(|c: char| !c.is_ascii_alphabetic()).any(|part| NUMBER_WORDS.contains(&part));
    if counts { Err(Unfit::NumberWord) } else { Ok(()) }
}

/// `example.com`: a dot between letters with two or more behind it; `e.g.` has one.
fn is_like_a_host(word: &str) -> bool {
    let parts: Vec<&str> = word.split('.').collect();
    let letters =
        |part: &str, least: usize| part.chars().take_while(char::is_ascii_alphabetic).count() >= least;
    parts.windows(2).any(|pair| pair[0].ends_with(|c: char| c.is_ascii_alphabetic()) && letters(pair[1], 2))
}

/// Punctuation of plain text.
fn is_around_words(c: char) -> bool {
    matches!(c, '.' | ',' | ';' | ':' | '?' | '/' | '–' | '—') || is_quote(c)
}

fn is_quote(c: char) -> bool {
    matches!(c, '(' | ')' | '\'' | '"' | '’' | '‘' | '“' | '”')
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

    fn check(text: &str) -> Result<String, Unfit> {
        let figures = Figures::from([("days", "28".to_owned()), ("cpu_high", "262m".to_owned())]);
        checked(text, 200, &figures, &Names::plain(["payments", "api-2", "redis"]))
    }

    #[test]
    fn plain_english_with_figures_and_names_is_fit() {
        for (text, shown) in [
            (
                "Over {{days}} days CPU stayed within {{cpu_high}} - most of it was idle.",
                "Over 28 days CPU stayed within 262m - most of it was idle.",
            ),
            ("The {{days}}-day window was calm ({{cpu_high}}).", "The 28-day window was calm (262m)."),
            (
                "The container “api-2” (CPU/memory) is steady, e.g. at night.",
                "The container “api-2” (CPU/memory) is steady, e.g. at night.",
            ),
            (
                "Look at latency; it's what users notice once it is slow.",
                "Look at latency; it's what users notice once it is slow.",
            ),
        ] {
            assert_eq!(check(text).as_deref(), Ok(shown));
        }
    }

    #[test]
    fn everything_else_is_refused_for_its_own_reason() {
        for (text, why) in [
            ("", Unfit::Empty),
            ("Looks fine.", Unfit::Empty),
            ("CPU stayed within 262m of what it asked for.", Unfit::Digits),
            ("CPU stayed within ２６２m of what it asked for.", Unfit::Digits),
            ("CPU stayed below ½ of what it asked for.", Unfit::Digits),
            ("CPU can be cut to half of what it asked for.", Unfit::NumberWord),
            ("Memory could be Doubled without any harm.", Unfit::NumberWord),
            ("Saves twenty-five per cent of what it asks for.", Unfit::NumberWord),
            ("See https://evil.example for the whole story.", Unfit::Link),
            ("See www.evil.example for the whole story.", Unfit::Link),
            ("The story continues at evil.example today.", Unfit::Link),
            ("The story continues at //evil today, really.", Unfit::Command),
            ("![usage](https://evil.example/a.png) of the week", Unfit::Markup),
            ("<img src=x> shows the usage of the week", Unfit::Markup),
            ("&lt;b&gt; shows the usage of the week", Unfit::Markup),
            ("This was approved by @admin some time ago.", Unfit::Mention),
            ("Comment with /kubeopt rerun to get more of it.", Unfit::Command),
            ("Comment with (/kubeopt rerun) to get more of it.", Unfit::Command),
            ("The usage\u{202e} of the week was low and even.", Unfit::Hidden),
            ("The usage\nof the week was low and even.", Unfit::Hidden),
            ("The usаge of the week was low and even.", Unfit::Character),
            ("Everything is fine \u{1f680} with this workload.", Unfit::Character),
            ("CPU stayed within {{memory_high}} of the old value.", Unfit::Figure),
            ("CPU stayed within {cpu_high} of the old value.", Unfit::Figure),
            ("The container api-3 was steady all the time.", Unfit::Digits),
            ("CPU stayed within {{days}}{{cpu_high}} of the old value.", Unfit::Glued),
            ("CPU stayed within {{days}}.{{cpu_high}} of the old value.", Unfit::Glued),
            ("CPU moved by -{{cpu_high}} against the old value.", Unfit::Glued),
            ("CPU stayed within {{days}}m of what it asked for.", Unfit::Glued),
            ("CPU stayed within {{days}} % of what it asked for.", Unfit::Character),
        ] {
            assert_eq!(check(text), Err(why), "{text}");
        }
        assert_eq!(check(&"word ".repeat(60)), Err(Unfit::TooLong));
        assert_eq!(check(&"word ".repeat(6000)), Err(Unfit::TooLong));
    }
}
