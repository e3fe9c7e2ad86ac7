//! What lasts of a command that was carried out: kubeopt's own reply to the comment keeps it, hidden, so that the forge
//! alone can tell what people asked for.

use kubeopt_model::outcome::Lesson;
use kubeopt_model::pull_request::{find_hidden, hidden};
use kubeopt_model::selection::Selection;
use kubeopt_model::{Amount, Field};
use serde::{Deserialize, Serialize};

/// Opens what a reply keeps; JSON and ` -->` follow.
pub const WISHES_OPEN: &str = "<!-- kubeopt:wishes:v1 ";

/// What lasts of one command.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", tag = "verb", rename_all_fields = "camelCase")]
pub enum Wish {
    /// Leave it alone.
    Ignore {
        /// What; exactly one workload or container, or all of the repository.
        selection: Selection,
        /// Until when, in seconds since the epoch; for ever where none.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until_unix_s: Option<i64>,
        /// Why; hostile text.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        because: Option<String>,
    },
    /// Take that back, and let closed pull requests that speak of it be forgotten.
    Unignore {
        /// What.
        selection: Selection,
    },
    /// These values, whatever sizing says.
    Set {
        /// Exactly one container.
        selection: Selection,
        /// Each field once.
        values: Vec<(Field, Amount)>,
    },
    /// Forget what was set on this pull request.
    Forget,
    /// Do not touch this pull request.
    Hold,
    /// Take that back.
    Unhold,
    /// A pull request for each workload of this one's group.
    Split,
    /// Approve this pull request as it is.
    Approve {
        /// The proposal that was approved; another one needs another approval.
        proposal: String,
    },
    /// Open nothing new in this repository.
    Pause {
        /// Until when, in seconds since the epoch; until `resume` where none.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        until_unix_s: Option<i64>,
        /// Why; hostile text.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        because: Option<String>,
    },
    /// Take that back.
    Resume,
    /// This merged pull request did harm: kubeopt's own finding, never a person's. It is to be taken back.
    Harm {
        /// What was seen, as a sentence without a full stop.
        why: String,
        /// What it taught.
        lessons: Vec<Lesson>,
        /// Whether kubeopt opens a pull request that takes it back.
        takes_back: bool,
    },
    /// Take this merged pull request back.
    Rollback {
        /// Why; hostile text.
        #[serde(skip_serializing_if = "Option::is_none", default)]
        because: Option<String>,
    },
}

/// What was carried out of one comment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Carried {
    /// The number of the pull request that the comment stands on.
    pub pull_request: u64,
    /// The login of its author.
    pub by: String,
    /// When the comment was written, in seconds since the epoch.
    pub at_unix_s: i64,
    /// What lasts of it.
    pub wishes: Vec<Wish>,
}

impl Carried {
    /// As it stands in the reply: one line of HTML comment that no text within can close.
    pub fn to_html_comment(&self) -> String {
        hidden(WISHES_OPEN, self)
    }

    /// The last one in a reply of kubeopt's own. None where there is none or it cannot be read. Never to be looked for in
    /// the comments of others.
    pub fn find(reply: &str) -> Option<Self> {
        find_hidden(WISHES_OPEN, reply)
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::Bytes;

    use super::*;

    #[test]
    fn a_reply_keeps_what_was_carried_out_whatever_people_write() {
        let selection: Selection = "pay/deploy/api/api".parse().unwrap();
        let because = Some("--> <!-- kubeopt:wishes:v1 {} --> \u{202e}".to_owned());
        let wishes = vec![
            Wish::Ignore { selection: selection.clone(), until_unix_s: Some(7), because },
            Wish::Unignore { selection: Selection::default() },
            Wish::Set { selection, values: vec![(Field::MEMORY_REQUEST, Amount::Memory(Bytes::mebi(512)))] },
            Wish::Pause { until_unix_s: None, because: None },
            Wish::Approve { proposal: "4f2a".to_owned() },
            Wish::Hold,
        ];
        let carried = Carried { pull_request: 12, by: "a--><b>".to_owned(), at_unix_s: 5, wishes };
        let comment = carried.to_html_comment();
        assert_eq!(comment.matches("-->").count(), 1, "{comment}");
        assert_eq!(Carried::find(&format!("> said\n\ndone\n{comment}\n\nend")), Some(carried));
        for text in ["", WISHES_OPEN, "<!-- kubeopt:wishes:v1 {} -->", "<!-- kubeopt:wishes:v1 [1] -->"] {
            assert_eq!(Carried::find(text), None, "{text}");
        }
    }
}
