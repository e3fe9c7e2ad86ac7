//! Webhooks of Teams workflows, with an Adaptive Card. Texts are runs of a rich text block, in which no Markdown counts; a
//! mention would need an entity beside it, and there is none. Pure.

use serde_json::{Value, json};

use crate::heading::{context, headline};
use crate::notice::{Notice, NoticeState, Severity};
use crate::text::{line, lines};

/// Longest title and text: even full of braces, which become four bytes each, a card stays below 28 KB, the most that Teams
/// takes.
const TITLE_MAX: usize = 300;
const TEXT_MAX: usize = 4000;

/// The body of a request.
pub(crate) fn render(notice: &Notice) -> Value {
    let mut body = vec![run(&line(&headline(notice), TITLE_MAX), "bolder", colour(notice), "large")];
    let text = lines(&notice.text, TEXT_MAX);
    if !text.is_empty() {
        body.push(run(&text, "default", "default", "default"));
    }
    body.push(run(&line(&context(notice), TITLE_MAX), "lighter", "default", "small"));
    let actions: Vec<Value> = notice
        .link()
        .map(|link| json!({"type": "Action.OpenUrl", "title": "Open", "url": link.as_str()}))
        .into_iter()
        .collect();
    json!({
        "type": "message",
        "attachments": [{
            "contentType": "application/vnd.microsoft.card.adaptive",
            "content": {
                "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
                "type": "AdaptiveCard",
                "version": "1.4",
                "body": body,
                "actions": actions,
            },
        }],
    })
}

fn run(text: &str, weight: &str, colour: &str, size: &str) -> Value {
    let text = if text.is_empty() { " ".to_owned() } else { without_functions(text) };
    let inlines = [json!({"type": "TextRun", "text": text, "weight": weight, "color": colour, "size": size})];
    json!({"type": "RichTextBlock", "inlines": inlines})
}

/// Cards replace `{{DATE(...)}}` and `${...}` wherever text stands.
fn without_functions(text: &str) -> String {
    text.replace('{', "{\u{200b}").replace("${", "$\u{200b}{")
}

fn colour(notice: &Notice) -> &'static str {
    match (notice.state, notice.severity) {
        (NoticeState::Resolved, _) => "good",
        (NoticeState::Raised, Severity::Info) => "accent",
        (NoticeState::Raised, Severity::Warning) => "warning",
        (NoticeState::Raised, Severity::Error | Severity::Critical) => "attention",
    }
}
