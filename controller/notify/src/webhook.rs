//! Any HTTP receiver: the notice as JSON, with nothing escaped, since only the receiver knows where it will show it. Pure.

use serde_json::{Value, json};

use crate::notice::Notice;
use crate::text::{line, lines};

/// Longest title, text and key.
const TITLE_MAX: usize = 500;
const TEXT_MAX: usize = 20_000;
const KEY_MAX: usize = 500;

/// The version of this shape.
const VERSION: u32 = 1;

/// The body of a request.
pub(crate) fn render(notice: &Notice) -> Value {
    json!({
        "version": VERSION,
        "kind": notice.kind,
        "severity": notice.severity,
        "state": notice.state,
        "title": line(&notice.title, TITLE_MAX),
        "text": lines(&notice.text, TEXT_MAX),
        "url": notice.link().map(|link| link.as_str()),
        "key": line(&notice.key, KEY_MAX),
        "at": notice.at.to_string(),
        "cluster": notice.cluster,
    })
}
