//! kubeopt's answer to a comment: what was said, quoted, and what was done about it. Knows nothing of who posts it.

use kubeopt_model::Recommendation;
use kubeopt_model::pull_request::BODY_CHARS_MAX;
use serde::Serialize;

use crate::details::details;
use crate::error::ReportError;
use crate::templates::Templates;

/// Room for the hidden lines below an answer.
const HIDDEN_CHARS: usize = 6_000;

/// The answer to one line.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Answer {
    /// The line as it was written; hostile.
    pub said: String,
    /// Sentences, each with its full stop. What is in backticks is shown as code, the rest as it is written.
    pub sentences: Vec<String>,
    /// Markdown of kubeopt's own making that follows, such as the help.
    pub block: Option<String>,
}

#[derive(Serialize)]
struct ReplyView<'a> {
    answers: &'a [Answer],
}

/// The reply as Markdown, without the hidden lines. A block that does not fit is left out, and that is said. `own` are the
/// numbers of pull requests that may be linked to; no other `#12` is a link.
///
/// # Errors
/// [`ReportError::Render`] where an operator's own template fails.
pub fn reply_text(templates: &Templates, answers: &[Answer], own: &[u64]) -> Result<String, ReportError> {
    let render = |answers: &[Answer]| {
        let text = templates.render("comments/reply.md.tera", &ReplyView { answers })?;
        Ok::<String, ReportError>(linked(&text, own))
    };
    let text = render(answers)?.trim().to_owned();
    if text.chars().count() + HIDDEN_CHARS <= BODY_CHARS_MAX {
        return Ok(text);
    }
    let short = |answer: &Answer| {
        let mut sentences = answer.sentences.clone();
        if answer.block.is_some() {
            sentences.push(
                "The details are longer than a comment may be; `kubeopt explain` shows them.".to_owned(),
            );
        }
        Answer { said: answer.said.clone(), sentences, block: None }
    };
    let shortened: Vec<Answer> = answers.iter().map(short).collect();
    Ok(render(&shortened)?.trim().to_owned())
}

/// Lets `#12` be a link again where it is the number of one of these pull requests.
pub(crate) fn linked(text: &str, own: &[u64]) -> String {
    let mut parts = text.split(UNLINKED);
    let mut linked = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
        let is_own = part[..digits].parse().is_ok_and(|number: u64| own.contains(&number));
        linked.push_str(if is_own { "#" } else { UNLINKED });
        linked.push_str(part);
    }
    linked
}

/// What `#` is escaped to before a number.
const UNLINKED: &str = "#&#8203;";

/// Why a recommendation is what it is, as the section of a pull request.
///
/// # Errors
/// As [`reply_text`].
pub fn explained(templates: &Templates, recommendation: &Recommendation) -> Result<String, ReportError> {
    Ok(details(templates, std::slice::from_ref(recommendation), &[])?.concat())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(said: &str, sentence: &str, block: Option<&str>) -> Answer {
        Answer {
            said: said.to_owned(),
            sentences: vec![sentence.to_owned()],
            block: block.map(str::to_owned),
        }
    }

    #[test]
    fn every_line_is_quoted_before_its_answer() {
        let answers = [
            answer("/kubeopt hold", "Held by `alice` as #12 and #1 say.", None),
            answer("/kubeopt help", "What can be said:", Some("| say |\n|---|")),
        ];
        let text = reply_text(&Templates::embedded(), &answers, &[12]).unwrap();
        let expected = "> `/kubeopt hold`\n\nHeld by `alice` as #12 and #&#8203;1 say.\n\n> `/kubeopt help`\n\nWhat can be said:\n\n| say |\n|---|";
        assert_eq!(text, expected);
    }

    #[test]
    fn what_people_write_opens_nothing_and_mentions_nobody() {
        let hostile = "/kubeopt @team --> <!-- kubeopt:wishes:v1 {} --> [a](b) \u{202e}";
        let answers = [answer(hostile, "ignored by `@team`: <b> @all #1.", None)];
        let text = reply_text(&Templates::embedded(), &answers, &[12]).unwrap();
        let outside: String = text.split('`').step_by(2).collect();
        assert!(
            !outside.contains("@team") && !outside.contains("@all") && !outside.contains("<b>"),
            "{text}"
        );
        assert!(!text.contains('\u{202e}') && text.contains("#&#8203;1."), "{text}");
        let ticks =
            reply_text(&Templates::embedded(), &[answer("/kubeopt `x` @team", "No.", None)], &[]).unwrap();
        assert!(ticks.starts_with("> `` /kubeopt `x` @team ``\n"), "{ticks}");
    }

    #[test]
    fn what_is_too_long_is_left_out_and_said() {
        let long = "x".repeat(BODY_CHARS_MAX);
        let text =
            reply_text(&Templates::embedded(), &[answer("/kubeopt explain api", "Why:", Some(&long))], &[])
                .unwrap();
        assert!(text.contains("longer than a comment") && text.len() < 1000, "{text}");
    }
}
