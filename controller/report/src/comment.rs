//! What kubeopt says below a pull request. Knows nothing of who posts it.

use serde::Serialize;

use crate::error::ReportError;
use crate::templates::Templates;

/// What happened to a pull request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum Comment {
    /// It was merged.
    Merged {
        /// The merged commit, if the forge says it.
        commit: Option<String>,
        /// Who rolls it out: `Flux`.
        delivered_by: String,
    },
    /// The cluster follows the merge.
    Synced {
        /// Who rolled it out: `Flux`.
        delivered_by: String,
        /// The revision that was applied.
        revision: String,
        /// Pods that run with the new values.
        ready: u64,
        /// Pods that there should be.
        wanted: u64,
    },
    /// A person committed to the branch.
    Edited {
        /// The commit that is not kubeopt's.
        commit: String,
        /// Its author.
        author: String,
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
            Self::Merged { .. } => "comments/merged.md.tera",
            Self::Synced { .. } => "comments/synced.md.tera",
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
    fn says_that_the_new_values_run() {
        let synced = |ready| Comment::Synced {
            delivered_by: "Flux".into(),
            revision: "main@sha1:4f2a1c9".into(),
            ready,
            wanted: 6,
        };
        assert_eq!(text(&synced(6)), "Flux applied `main@sha1:4f2a1c9`; the new values run in 6 of 6 pods.");
        assert!(text(&synced(5)).ends_with("5 of 6 pods. The others still run with the old ones."));
        let merged = Comment::Merged { commit: Some("4f2a1c9".into()), delivered_by: "Flux".into() };
        assert!(text(&merged).starts_with("Merged as `4f2a1c9`. kubeopt now waits for Flux"));
    }

    #[test]
    fn names_of_authors_mention_nobody() {
        let text = text(&Comment::Edited { commit: "abc".into(), author: "@team `x` <b>".into() });
        assert!(text.contains("by `` @team `x` <b> ``"), "{text}");
    }

    #[test]
    fn closing_says_why() {
        let text = text(&Comment::Closed { reason: "all values are right by now".into() });
        assert!(text.starts_with("Closed by kubeopt: all values are right by now."));
    }
}
