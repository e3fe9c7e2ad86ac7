//! Issues of a repository: where the dashboard stands.
//!
//! What an issue says and what a tick in it asks for is decided elsewhere: its text comes back as people left it.

use async_trait::async_trait;
use kubeopt_model::pull_request::BODY_CHARS_MAX;
use kubeopt_model::{RepositoryId, Timestamp};

use crate::error::ForgeError;
use crate::pull_request::stored_title;

/// Most issues of kubeopt's own account that are read. It opens one for a repository; an account that others use too
/// may have hundreds, and one that is overlooked would be opened again.
pub const ISSUES_MAX: usize = 1_000;

/// An issue that kubeopt's account opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// Its number.
    pub number: u64,
    /// Title.
    pub title: String,
    /// Text, as it is now: people may have changed it.
    pub body: String,
    /// Whether it is open.
    pub is_open: bool,
    /// When it was last changed, or last commented on.
    pub updated_at: Timestamp,
}

/// What to change; what is `None`, or already so, is left alone.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct IssueUpdate {
    /// Title; cut at [`crate::pull_request::TITLE_CHARS_MAX`].
    pub title: Option<String>,
    /// Text.
    pub body: Option<String>,
    /// Whether it is open.
    pub is_open: Option<bool>,
}

impl IssueUpdate {
    /// Only what differs from the issue as it is.
    ///
    /// # Errors
    /// As [`check_issue`].
    pub(crate) fn against(&self, issue: &Issue) -> Result<Self, ForgeError> {
        let title = self.title.as_deref().map(stored_title);
        check_issue(title.as_deref(), self.body.as_deref())?;
        Ok(Self {
            title: title.filter(|title| *title != issue.title),
            body: self.body.clone().filter(|body| *body != issue.body),
            is_open: self.is_open.filter(|is_open| *is_open != issue.is_open),
        })
    }

    pub(crate) fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}

/// Issues. Every call but [`Tracking::open_issue`] can be repeated: what is already so stays so.
///
/// All of them fail with [`ForgeError::NotFound`] when the repository is not there, and with [`ForgeError::Refused`] where
/// its issues are switched off.
#[async_trait]
pub trait Tracking: Send + Sync {
    /// The issues that kubeopt's own account opened, open and closed, in ascending order of their number; no pull
    /// requests.
    ///
    /// # Errors
    /// [`ForgeError::TooLarge`] beyond [`ISSUES_MAX`].
    async fn own_issues(&self, repository: &RepositoryId) -> Result<Vec<Issue>, ForgeError>;

    /// Opens an issue. Asked twice, it opens two: look for it first.
    ///
    /// # Errors
    /// [`ForgeError::Refused`] without a title; [`ForgeError::TooLarge`] for a text beyond
    /// [`kubeopt_model::pull_request::BODY_CHARS_MAX`] characters.
    async fn open_issue(
        &self,
        repository: &RepositoryId,
        title: &str,
        body: &str,
    ) -> Result<Issue, ForgeError>;

    /// Changes what differs, and sends nothing when nothing does; gives the issue as it is then.
    ///
    /// # Errors
    /// As [`Tracking::open_issue`]; [`ForgeError::NotFound`] when there is no such issue, also for the number of a pull
    /// request.
    async fn update_issue(
        &self,
        repository: &RepositoryId,
        number: u64,
        update: &IssueUpdate,
    ) -> Result<Issue, ForgeError>;
}

/// Refuses what no forge should be asked for.
///
/// # Errors
/// [`ForgeError::Refused`] for an empty title; [`ForgeError::TooLarge`] for a text that some forge would cut or refuse.
pub(crate) fn check_issue(title: Option<&str>, body: Option<&str>) -> Result<(), ForgeError> {
    if title.is_some_and(|title| stored_title(title).is_empty()) {
        return Err(ForgeError::Refused { why: "an issue needs a title".to_owned() });
    }
    if body.is_some_and(|body| body.chars().count() > BODY_CHARS_MAX) {
        let what = format!("the text of an issue (more than {BODY_CHARS_MAX} characters)");
        return Err(ForgeError::TooLarge { what });
    }
    Ok(())
}

/// What was found, by number, each once: a list that changes while it is read may show one twice.
///
/// # Errors
/// [`ForgeError::TooLarge`] beyond [`ISSUES_MAX`].
pub(crate) fn all_in_order(
    repository: &RepositoryId,
    mut found: Vec<Issue>,
) -> Result<Vec<Issue>, ForgeError> {
    if found.len() > ISSUES_MAX {
        return Err(too_many(repository));
    }
    found.sort_by_key(|issue| issue.number);
    found.dedup_by_key(|issue| issue.number);
    Ok(found)
}

/// The repository has no issues.
pub(crate) fn switched_off(repository: &RepositoryId) -> ForgeError {
    ForgeError::Refused { why: format!("the issues of {repository} are switched off in its settings") }
}

/// More of kubeopt's own than are read.
pub(crate) fn too_many(repository: &RepositoryId) -> ForgeError {
    ForgeError::TooLarge {
        what: format!(
            "the list of issues of {repository} that kubeopt's account opened (more than {ISSUES_MAX})"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_differs_is_changed_and_nothing_beyond_the_bounds() {
        let issue = Issue {
            number: 1,
            title: "Rightsizing".to_owned(),
            body: "- [ ] all".to_owned(),
            is_open: true,
            updated_at: Timestamp::UNIX_EPOCH,
        };
        let update = |title: Option<&str>, body: Option<&str>, is_open| IssueUpdate {
            title: title.map(str::to_owned),
            body: body.map(str::to_owned),
            is_open,
        };
        let same = update(Some(" Rightsizing\n"), Some("- [ ] all"), Some(true));
        assert!(same.against(&issue).is_ok_and(|needed| needed.is_empty()));
        let other = update(Some("Rightsizing"), Some("- [x] all"), Some(false));
        assert_eq!(other.against(&issue), Ok(update(None, Some("- [x] all"), Some(false))));
        let long = "é".repeat(BODY_CHARS_MAX);
        assert!(update(None, Some(&long), None).against(&issue).is_ok());
        for (bad, code) in [
            (update(Some("\t"), None, None), "E-FRG-010"),
            (update(None, Some(&format!("{long}x")), None), "E-FRG-009"),
        ] {
            assert_eq!(bad.against(&issue).map_err(|error| error.code()), Err(code));
        }
    }
}
