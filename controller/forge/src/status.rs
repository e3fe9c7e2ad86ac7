//! Statuses on commits, as they stand beside a pull request.

use kubeopt_net::Url;
use serde::{Deserialize, Serialize};

use crate::error::ForgeError;

/// Longest description in characters; GitHub's limit, the least of the forges'.
pub const DESCRIPTION_CHARS_MAX: usize = 140;

/// Longest context in characters; forges keep 255.
const CONTEXT_CHARS_MAX: usize = 100;

/// What a check came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum StatusState {
    /// Not known yet.
    Pending,
    /// Good.
    Success,
    /// Not good.
    Failure,
    /// The check itself failed.
    Error,
}

impl StatusState {
    /// The word that all forges have for it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Success => "success",
            Self::Failure => "failure",
            Self::Error => "error",
        }
    }
}

/// A status of a commit. A commit has one for each context, the last one that was put there.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// What was checked, such as `kubeopt/verify`.
    pub context: String,
    /// What it came to.
    pub state: StatusState,
    /// One line; cut at [`DESCRIPTION_CHARS_MAX`].
    pub description: String,
    /// Where more about it stands: an HTTP address.
    pub url: Option<String>,
}

impl Status {
    /// As every forge stores it.
    ///
    /// # Errors
    /// [`ForgeError::Refused`] for a context that is empty, too long or not in printable ASCII, or an address that is
    /// not one of HTTP.
    pub(crate) fn stored(&self) -> Result<Self, ForgeError> {
        let refused = |why: &str| Err(ForgeError::Refused { why: why.to_owned() });
        let is_context = (1..=CONTEXT_CHARS_MAX).contains(&self.context.len())
            && self.context.bytes().all(|byte| byte.is_ascii_graphic());
        if !is_context {
            return refused("a status needs a context of printable characters without spaces, at most 100");
        }
        let is_http = |text: &str| Url::parse(text).is_ok_and(|url| matches!(url.scheme(), "http" | "https"));
        if self.url.as_deref().is_some_and(|url| !is_http(url)) {
            return refused("a status links to an HTTP address or to nothing");
        }
        Ok(Self { description: one_line(&self.description), ..self.clone() })
    }
}

fn one_line(text: &str) -> String {
    let line: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let line = line.trim();
    if line.chars().count() <= DESCRIPTION_CHARS_MAX {
        return line.to_owned();
    }
    let cut: String = line.chars().take(DESCRIPTION_CHARS_MAX - 1).collect();
    format!("{}…", cut.trim_end())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(context: &str, description: &str, url: Option<&str>) -> Status {
        Status {
            context: context.to_owned(),
            state: StatusState::Success,
            description: description.to_owned(),
            url: url.map(str::to_owned),
        }
    }

    #[test]
    fn what_no_forge_should_be_asked_for_is_refused() {
        let long = "x".repeat(101);
        for (context, url) in [
            ("", None),
            ("two words", None),
            ("kubeopt/\u{202e}verify", None),
            (long.as_str(), None),
            ("kubeopt/verify", Some("javascript:alert(1)")),
            ("kubeopt/verify", Some("/relative")),
            ("kubeopt/verify", Some("")),
        ] {
            let outcome = status(context, "fine", url).stored();
            assert!(matches!(outcome, Err(ForgeError::Refused { .. })), "{context} {url:?}");
        }
    }

    #[test]
    fn a_description_is_one_line_within_the_limit_and_stays_so() {
        for (text, stored) in [
            (" only these\nfields\tchanged ".to_owned(), "only these fields changed".to_owned()),
            ("é".repeat(140), "é".repeat(140)),
            ("é".repeat(141), format!("{}…", "é".repeat(139))),
            (String::new(), String::new()),
        ] {
            let once = status("kubeopt/verify", &text, Some("https://kubeopt.example/x")).stored().unwrap();
            assert_eq!(once.description, stored);
            assert_eq!(once.stored(), Ok(once.clone()));
        }
    }
}
