//! Drafts on Gitea and Forgejo, which know them by the first word of a title. Nothing else of kubeopt sees that word.
//!
//! `WIP:` and `[WIP]` are the default of `WORK_IN_PROGRESS_PREFIXES` in the section `repository.pull-request` of their
//! configuration, in any case; the first is what their own pages put there.

use crate::pull_request::stored_title;

/// In capitals, as titles are compared.
const PREFIXES: [&str; 2] = ["WIP:", "[WIP]"];

/// The title as it is sent. With its five characters more, the longest one has the 255 that Gitea keeps.
pub(super) fn written(title: &str, is_draft: bool) -> String {
    let (plain, _) = read(title);
    let plain = stored_title(&plain);
    if is_draft { format!("{} {plain}", PREFIXES[0]) } else { plain }
}

/// The title without such words, however many there are, and whether there was one.
pub(super) fn read(title: &str) -> (String, bool) {
    let mut plain = title.trim_start();
    let mut is_draft = false;
    while let Some(rest) = PREFIXES.iter().find_map(|prefix| without(plain, prefix)) {
        (plain, is_draft) = (rest.trim_start(), true);
    }
    (plain.to_owned(), is_draft)
}

fn without<'a>(title: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = title.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pull_request::TITLE_CHARS_MAX;

    #[test]
    fn what_marks_a_draft_is_taken_off_in_any_spelling() {
        for (title, plain, is_draft) in [
            ("WIP: size api", "size api", true),
            ("wip:size api", "size api", true),
            ("[Wip] size api", "size api", true),
            ("[WIP]WIP: size api", "size api", true),
            ("  WIP: ", "", true),
            ("WIPE: the disk", "WIPE: the disk", false),
            ("size wip: api", "size wip: api", false),
            ("äöü", "äöü", false),
            ("WI", "WI", false),
            ("", "", false),
        ] {
            assert_eq!(read(title), (plain.to_owned(), is_draft), "{title:?}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for title in ["size api", "WIP: size api", "[wip] WIP: size api", &"x".repeat(400), "ä\nö"] {
            for is_draft in [true, false] {
                let sent = written(title, is_draft);
                assert!(sent.chars().count() <= TITLE_CHARS_MAX + 5, "{sent}");
                assert_eq!(read(&sent), (stored_title(&read(title).0), is_draft));
                assert_eq!(written(&sent, is_draft), sent);
            }
        }
    }
}
