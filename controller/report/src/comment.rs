//! What kubeopt says below a pull request. Knows nothing of who posts it.

use serde::Serialize;

use crate::error::ReportError;
use crate::templates::Templates;

/// What happened to a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Comment {
    /// It was merged, and the cluster does not show it.
    NotSynced {
        /// The branch that was merged to.
        base: String,
        /// How long ago, `2 hours`.
        ago: String,
        /// Values that the cluster shows.
        synced: usize,
        /// Values that were merged.
        of: usize,
    },
    /// A person committed to the branch.
    Edited {
        /// The commit that is not kubeopt's. Who made it is not said: forges show that, and Git knows only an address.
        commit: String,
    },
    /// It is no longer needed.
    Closed {
        /// Why, as a sentence without a full stop.
        reason: String,
    },
}

impl Comment {
    fn template(&self) -> &'static str {
        match self {
            Self::NotSynced { .. } => "comments/not-synced.md.tera",
            Self::Edited { .. } => "comments/edited.md.tera",
            Self::Closed { .. } => "comments/closed.md.tera",
        }
    }
}

/// The comment as Markdown.
///
/// # Errors
/// [`ReportError::Render`] where an operator's own template fails.
pub fn comment_text(templates: &Templates, comment: &Comment) -> Result<String, ReportError> {
    Ok(templates.render(comment.template(), comment)?.trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(comment: &Comment) -> String {
        comment_text(&Templates::embedded(), comment).unwrap()
    }

    #[test]
    fn a_merge_that_does_not_show_is_said_with_where_to_look() {
        let text = text(&Comment::NotSynced { base: "main".into(), ago: "2 hours".into(), synced: 1, of: 6 });
        assert!(text.starts_with("Merged 2 hours ago, and the cluster shows 1 of 6 values."), "{text}");
        assert!(text.contains("applies `main`") && text.contains("Ready"), "{text}");
    }

    #[test]
    fn whoever_committed_is_told_what_follows_and_how_to_undo_it() {
        let text = text(&Comment::Edited { commit: "4f2a1c9e".into() });
        assert!(text.starts_with("Somebody else committed to this branch (`4f2a1c9e`)"), "{text}");
        assert!(text.contains("`/kubeopt recreate`"), "{text}");
    }

    #[test]
    fn closing_says_why() {
        let text = text(&Comment::Closed { reason: "all values are right by now".into() });
        assert!(text.starts_with("Closed by kubeopt: all values are right by now."));
    }
}
