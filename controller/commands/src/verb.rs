//! The verbs: one table for the parser, the help and the permissions.

use std::fmt;

/// What a person asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Verb {
    /// What can be said.
    Help,
    /// What kubeopt waits for.
    Status,
    /// Decide again now.
    Rerun,
    /// Make the commit anew on the newest base.
    Rebase,
    /// The same, human edits thrown away.
    Recreate,
    /// Why a value is what it is.
    Explain,
    /// Leave something alone.
    Ignore,
    /// Take that back.
    Unignore,
    /// Give a value by hand.
    Set,
    /// A pull request for each workload.
    Split,
    /// Do not touch this pull request.
    Hold,
    /// Take that back.
    Unhold,
    /// Approve a large change.
    Approve,
    /// Open the pull request that takes a merged one back.
    Rollback,
    /// Open nothing new in this repository.
    Pause,
    /// Take that back.
    Resume,
}

/// The least that a person must be allowed to do in a repository.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Needs {
    /// To see it.
    Read,
    /// To push to it.
    Write,
}

impl Verb {
    /// All of them, in the order of the help.
    pub const ALL: [Self; 16] = [
        Self::Help,
        Self::Status,
        Self::Explain,
        Self::Rerun,
        Self::Rebase,
        Self::Recreate,
        Self::Set,
        Self::Split,
        Self::Ignore,
        Self::Unignore,
        Self::Hold,
        Self::Unhold,
        Self::Approve,
        Self::Pause,
        Self::Resume,
        Self::Rollback,
    ];

    /// The word.
    pub fn word(self) -> &'static str {
        self.row().0
    }

    /// What follows the word; empty where nothing does.
    pub fn arguments(self) -> &'static str {
        self.row().1
    }

    /// What it does, as a sentence without a full stop.
    pub fn does(self) -> &'static str {
        self.row().2
    }

    /// Who may say it. To hold something back is the safe direction, so everybody who reads may.
    pub fn needs(self) -> Needs {
        match self {
            Self::Help | Self::Status | Self::Explain | Self::Hold => Needs::Read,
            Self::Rerun
            | Self::Rebase
            | Self::Recreate
            | Self::Set
            | Self::Split
            | Self::Ignore
            | Self::Unignore
            | Self::Unhold
            | Self::Approve
            | Self::Pause
            | Self::Resume
            | Self::Rollback => Needs::Write,
        }
    }

    /// The verb of a word, in any case; none where there is no such verb.
    pub fn of(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|verb| verb.word().eq_ignore_ascii_case(word))
    }

    /// The verb whose word is most like this one; none where none is.
    pub fn nearest(word: &str) -> Option<Self> {
        /// Below this, two words have little in common.
        const ALIKE: f64 = 0.8;
        let lower = word.to_ascii_lowercase();
        let likeness = |verb: Self| (strsim::jaro_winkler(&lower, verb.word()), verb);
        let best = Self::ALL.into_iter().map(likeness).max_by(|a, b| a.0.total_cmp(&b.0))?;
        (best.0 >= ALIKE).then_some(best.1)
    }

    fn row(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Help => ("help", "[VERB]", "shows this, or one of these"),
            Self::Status => {
                ("status", "", "says what this pull request waits for, and what is paused or ignored")
            }
            Self::Explain => (
                "explain",
                "WORKLOAD[/CONTAINER]",
                "shows the data, the rules and the costs behind its values",
            ),
            Self::Rerun => ("rerun", "", "decides again now, with the newest data"),
            Self::Rebase => ("rebase", "", "makes the commit anew on the newest base"),
            Self::Recreate => {
                ("recreate", "", "makes the commit anew and throws away what people committed to the branch")
            }
            Self::Set => (
                "set",
                "WORKLOAD[/CONTAINER] FIELD=VALUE ...",
                "takes these values instead, such as `memory.request=512Mi`",
            ),
            Self::Split => ("split", "", "closes this pull request and opens one for each workload"),
            Self::Ignore => ("ignore", "WORKLOAD|* [for 30d] [because \"...\"]", "leaves it alone"),
            Self::Unignore => ("unignore", "WORKLOAD|*", "takes an ignore back"),
            Self::Hold => ("hold", "", "keeps this pull request as it is"),
            Self::Unhold => ("unhold", "", "lets it change again"),
            Self::Approve => ("approve", "", "counts as an approval of a large change"),
            Self::Pause => {
                ("pause", "[for 14d] [because \"...\"]", "opens no new pull request in this repository")
            }
            Self::Resume => ("resume", "", "opens them again"),
            Self::Rollback => {
                ("rollback", "[because \"...\"]", "opens the pull request that takes a merged one back")
            }
        }
    }
}

impl fmt::Display for Verb {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_verb_is_found_by_its_word_and_once() {
        for verb in Verb::ALL {
            assert_eq!(Verb::of(&verb.word().to_uppercase()), Some(verb));
            assert_eq!(Verb::ALL.iter().filter(|other| **other == verb).count(), 1);
            assert!(!verb.does().ends_with('.') && !verb.does().is_empty());
        }
    }

    #[test]
    fn what_only_reads_or_holds_back_is_for_everybody() {
        let reading: Vec<&str> =
            Verb::ALL.iter().filter(|verb| verb.needs() == Needs::Read).map(|verb| verb.word()).collect();
        assert_eq!(reading, ["help", "status", "explain", "hold"]);
    }

    #[test]
    fn a_mistyped_verb_is_guessed_and_nonsense_is_not() {
        assert_eq!(Verb::nearest("rebse"), Some(Verb::Rebase));
        assert_eq!(Verb::nearest("unignroe"), Some(Verb::Unignore));
        assert_eq!(Verb::nearest("merge-it-all"), None);
    }
}
