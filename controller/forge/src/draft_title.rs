//! Drafts on forges that know them by the first word of a title. Nothing else of kubeopt sees that word.

use crate::pull_request::stored_title;

/// The words that mark a draft.
#[derive(Debug, Clone, Copy)]
pub(crate) struct DraftWords {
    /// What is put there, as the forge's own pages do.
    written: &'static str,
    /// What is taken for one, in capitals; any case counts.
    known: &'static [&'static str],
}

/// The default of `WORK_IN_PROGRESS_PREFIXES` in the section `repository.pull-request` of the configuration.
pub(crate) const GITEA: DraftWords = DraftWords { written: "WIP:", known: &["WIP:", "[WIP]"] };

/// GitLab's; they cannot be configured.
pub(crate) const GITLAB: DraftWords =
    DraftWords { written: "Draft:", known: &["DRAFT:", "[DRAFT]", "(DRAFT)"] };

impl DraftWords {
    /// The title as it is sent. With the longest word and its space, the longest title has the 255 that forges keep.
    pub(crate) fn written(self, title: &str, is_draft: bool) -> String {
        let (plain, _) = self.read(title);
        let plain = stored_title(&plain);
        if is_draft { format!("{} {plain}", self.written) } else { plain }
    }

    /// The title without such words, however many there are, and whether there was one.
    pub(crate) fn read(self, title: &str) -> (String, bool) {
        let mut plain = title.trim_start();
        let mut is_draft = false;
        while let Some(rest) = self.known.iter().find_map(|word| without(plain, word)) {
            (plain, is_draft) = (rest.trim_start(), true);
        }
        (plain.to_owned(), is_draft)
    }
}

fn without<'a>(title: &'a str, word: &str) -> Option<&'a str> {
    let (start, rest) = title.split_at_checked(word.len())?;
    start.eq_ignore_ascii_case(word).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;

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
            assert_eq!(GITEA.read(title), (plain.to_owned(), is_draft), "{title:?}");
        }
        for (title, plain, is_draft) in [
            ("Draft: size api", "size api", true),
            ("(draft) [Draft] size api", "size api", true),
            ("WIP: size api", "WIP: size api", false),
            ("drafts: size api", "drafts: size api", false),
        ] {
            assert_eq!(GITLAB.read(title), (plain.to_owned(), is_draft), "{title:?}");
        }
    }

    #[test]
    fn what_is_written_reads_back() {
        for title in ["size api", "WIP: size api", "[draft] WIP: size api", &"x".repeat(400), "ä\nö"] {
            for (words, is_draft) in [(GITEA, true), (GITEA, false), (GITLAB, true), (GITLAB, false)] {
                let sent = words.written(title, is_draft);
                assert!(sent.chars().count() <= 255, "{sent}");
                assert_eq!(words.read(&sent), (stored_title(&words.read(title).0), is_draft));
                assert_eq!(words.written(&sent, is_draft), sent);
            }
        }
    }
}
