//! Why a source cannot be followed to a branch of a configured repository, told without what may be secret.

use kubeopt_model::Problem;

use crate::codes;

/// Characters of a foreign text that a message shows.
const SHOWN_CHARS_MAX: usize = 200;

/// A URL of Git that belongs to no configured forge. Only what was parsed is shown: the text may carry a password.
pub(crate) fn unknown_url(what: &str, url: &str) -> Problem {
    let url = crate::giturl::parse_git_url(url)
        .map_or_else(|| "a URL that is not understood".to_owned(), |url| url.to_string());
    Problem::new(
        codes::REPOSITORY_UNKNOWN,
        format!("{what} is at {url}, which belongs to no configured forge"),
        "add the forge of this host to `forges` of the controller's configuration",
    )
}

/// A source that no pull request can change.
pub(crate) fn pinned(what: &str, to: &str) -> Problem {
    Problem::new(
        codes::SOURCE_PINNED,
        format!("{what} is pinned to {}", shown(to)),
        "a pull request needs a branch to go to: let the revision follow a branch, or change the values where the pinned version is made",
    )
}

/// A text of somebody else's, fit for a message.
pub(crate) fn shown(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(SHOWN_CHARS_MAX).collect()
}
