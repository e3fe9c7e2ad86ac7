//! Webhooks of Discord, with one embed. Its texts are Markdown, so each sign that means something is escaped; nobody can be
//! mentioned. Pure.

use serde_json::{Value, json};

use crate::heading::{context, headline};
use crate::notice::{Notice, NoticeState, Severity};
use crate::text::{cut, line, lines};

/// Longest title, description and footer; together they stay below the 6,000 that an embed may have.
const TITLE_MAX: usize = 256;
const DESCRIPTION_MAX: usize = 4000;
const FOOTER_MAX: usize = 500;

/// The body of a request.
pub(crate) fn render(notice: &Notice) -> Value {
    let mut embed = json!({
        "title": escaped(&line(&headline(notice), TITLE_MAX), TITLE_MAX),
        "description": escaped(&lines(&notice.text, DESCRIPTION_MAX), DESCRIPTION_MAX),
        "color": colour(notice),
        "timestamp": notice.at.to_string(),
        // A footer is plain text.
        "footer": {"text": line(&context(notice), FOOTER_MAX)},
    });
    if let Some(link) = notice.link() {
        embed["url"] = json!(link.as_str());
    }
    json!({"username": "kubeopt", "embeds": [embed], "allowed_mentions": {"parse": []}})
}

/// Escaped, and cut where that made it too long: then a sign may lose its escape's second half, never its first.
fn escaped(text: &str, units_max: usize) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if matches!(
            c,
            '\\' | '*' | '_' | '~' | '`' | '|' | '>' | '<' | '#' | '-' | '[' | ']' | '(' | ')' | '@' | ':'
        ) {
            out.push('\\');
        }
        out.push(c);
    }
    // A bare address is a link even where its colon is escaped.
    cut(out.replace("\\://", "\\:\u{200b}//"), units_max)
}

fn colour(notice: &Notice) -> u32 {
    match (notice.state, notice.severity) {
        (NoticeState::Resolved, _) => 0x2e_a0_43,
        (NoticeState::Raised, Severity::Info) => 0x1f_6f_eb,
        (NoticeState::Raised, Severity::Warning) => 0xd2_99_22,
        (NoticeState::Raised, Severity::Error) => 0xda_36_33,
        (NoticeState::Raised, Severity::Critical) => 0x8b_00_00,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signs_that_mean_something_are_escaped() {
        assert_eq!(
            escaped("**a** [b](http://c) @here <@1>", 100),
            "\\*\\*a\\*\\* \\[b\\]\\(http\\:\u{200b}//c\\) \\@here \\<\\@1\\>"
        );
        assert_eq!(escaped("plain, text. 42 %", 100), "plain, text. 42 %");
        assert_eq!(escaped("****", 4), "\\*\\…");
    }
}
