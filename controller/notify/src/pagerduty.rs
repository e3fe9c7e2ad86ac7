//! The Events API v2 of PagerDuty. Notices with the same key are one incident, which a resolved notice ends. All of it is
//! plain text there. Pure; the integration key is put in by who sends it.

use ring::digest::{SHA256, digest};
use serde_json::{Value, json};

use crate::heading::headline;
use crate::notice::{Notice, NoticeState};
use crate::text::{line, lines};

/// PagerDuty's address in the United States.
pub(crate) const ADDRESS: &str = "https://events.pagerduty.com/v2/enqueue";

/// Longest summary and key, as PagerDuty takes them, and a text that leaves the event far below its 512 KB.
const SUMMARY_MAX: usize = 1024;
const KEY_MAX: usize = 255;
const TEXT_MAX: usize = 20_000;

/// The body of a request, without the key of the integration.
pub(crate) fn render(notice: &Notice) -> Value {
    let key = dedup_key(notice);
    if notice.state == NoticeState::Resolved {
        return json!({"event_action": "resolve", "dedup_key": key});
    }
    let summary = line(&headline(notice), SUMMARY_MAX);
    let summary = if summary.is_empty() { notice.kind.to_string() } else { summary };
    let mut event = json!({
        "event_action": "trigger",
        "dedup_key": key,
        "client": "kubeopt",
        "payload": {
            "summary": summary,
            "source": notice.cluster.as_str(),
            "severity": notice.severity.as_str(),
            "timestamp": notice.at.to_string(),
            "component": "kubeopt",
            "class": notice.kind.as_str(),
            "custom_details": {"text": lines(&notice.text, TEXT_MAX)},
        },
    });
    if let Some(link) = notice.link() {
        event["client_url"] = json!(link.as_str());
        event["links"] = json!([{"href": link.as_str(), "text": "Open"}]);
    }
    event
}

/// The notice's key within its cluster; the digest of it where it is too long.
fn dedup_key(notice: &Notice) -> String {
    let key = format!("kubeopt/{}/{}", notice.cluster, notice.key);
    let fits = key.len() <= KEY_MAX && key.chars().all(|c| c.is_ascii_graphic());
    if fits { key } else { format!("kubeopt/{}", hex::encode(digest(&SHA256, key.as_bytes()))) }
}
