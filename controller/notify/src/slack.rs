//! Incoming webhooks of Slack, with Block Kit. Every text of a notice is of type `plain_text`, in which neither markup nor links nor
//! mentions count; the fallback text of notifications, which is markup, is escaped. Pure.

use kubeopt_net::Url;
use serde_json::{Value, json};

use crate::heading::{context, headline};
use crate::notice::Notice;
use crate::text::{cut, line, lines};

/// Longest header, section and context, as Slack takes them.
const HEADER_MAX: usize = 150;
const SECTION_MAX: usize = 3000;
const CONTEXT_MAX: usize = 2000;

/// The body of a request.
pub(crate) fn render(notice: &Notice) -> Value {
    let title = line(&headline(notice), HEADER_MAX);
    let title = if title.is_empty() { notice.kind.to_string() } else { title };
    let mut blocks = vec![json!({"type": "header", "text": plain(&title)})];
    let text = lines(&notice.text, SECTION_MAX);
    if !text.is_empty() {
        blocks.push(json!({"type": "section", "text": plain(&text)}));
    }
    blocks.push(json!({"type": "context", "elements": [plain(&line(&context(notice), CONTEXT_MAX))]}));
    if let Some(link) = notice.link() {
        // A button would need an app that answers when it is pressed; a link needs none.
        blocks.push(
            json!({"type": "section", "text": {"type": "mrkdwn", "text": open(link), "verbatim": true}}),
        );
    }
    json!({
        "text": escaped(&title),
        "blocks": blocks,
        "parse": "none",
        "link_names": false,
        "unfurl_links": false,
        "unfurl_media": false,
    })
}

fn plain(text: &str) -> Value {
    json!({"type": "plain_text", "text": text, "emoji": false})
}

/// The one text that is markup: an address of kubeopt's own, and nothing beside it.
fn open(link: &Url) -> String {
    let address =
        link.as_str().replace('&', "&amp;").replace('<', "%3C").replace('>', "%3E").replace('|', "%7C");
    format!("<{address}|Open>")
}

/// `&`, `<` and `>` are all that opens a mention or a link; a bare address is broken apart.
fn escaped(text: &str) -> String {
    let text =
        text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;").replace("://", ":\u{200b}//");
    cut(text, SECTION_MAX)
}
