//! Why something is not read, marked or edited: one variant for each reason, and the way out of it.
//!
//! It knows the reasons only; where they hold is decided by the stages that return them.

use kubeopt_model::{Amount, Problem, RepoPath, Resource};

/// A reason of this crate. Users see it as a [`Problem`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refusal {
    /// More bytes than are edited.
    #[error("the file has {bytes} bytes, more than the {limit} that kubeopt edits")]
    FileTooLarge { bytes: usize, limit: usize },
    /// Not UTF-8.
    #[error("the file is not UTF-8 text")]
    NotText,
    /// A pointer of Git LFS.
    #[error("the file is a Git LFS pointer, not the manifest itself")]
    LfsPointer,
    /// Template text.
    #[error("the text is a template (`{found}`), so the value is computed elsewhere")]
    Template { found: String },
    /// Not YAML.
    #[error("unable to read the text as YAML: {reason}")]
    NotYaml { reason: String },
    /// Encrypted.
    #[error("the file is encrypted by SOPS, whose checksum covers every value")]
    Sops,
    /// Written by a program.
    #[error("the file is generated: its header says `{header}`")]
    Generated { header: String },
    /// Twice the same key.
    #[error("the key `{key}` stands twice in one mapping, on lines {first} and {second}")]
    DuplicateKey { key: String, first: usize, second: usize },
    /// The value, or a mapping around it, is an anchor with users, or the user of an anchor.
    #[error("the value is shared through a YAML anchor, which is used on {users}")]
    Shared { users: Lines },
    /// `<<`
    #[error("the value comes from a merge key (`<<`) and is not written at this place")]
    Merged,
    /// Filled in later.
    #[error("the value holds `{found}`, which is filled in later")]
    Variable { found: String },
    /// Storage.
    #[error("the value belongs to a volume claim, not to a container")]
    VolumeClaim,
    /// Not a quantity.
    #[error("{reason}")]
    NotQuantity { reason: String },
    /// Another text than planned.
    #[error("the file says `{found}` where the plan saw `{expected}`")]
    Stale { expected: String, found: String },
    /// Nothing there.
    #[error("there is no resource value at {path} of document {document}")]
    Missing { path: String, document: usize },
    /// A generator beside it.
    #[error("`{generator}` lies beside this folder and writes its files")]
    GeneratorBeside { generator: String },
    /// CI.
    #[error("`{path}` belongs to the CI system")]
    CiPath { path: String },
    /// Our own fault, or a defect of a parser.
    #[error("the edit could not be proven: {reason}")]
    Unproven { reason: String },
    /// A form that is not edited.
    #[error("the value is written {form}, which kubeopt does not edit")]
    Form { form: &'static str },
    /// Contradicting edits.
    #[error("two edits want {first} and {second} for the same value")]
    Contradiction { first: String, second: String },
    /// A limit of reading.
    #[error("the text has more than {limit} {what}")]
    Limit { what: &'static str, limit: usize },
    /// Breaks the rules of Kubernetes.
    #[error("the rendered object is not valid: {reason}")]
    Invalid { reason: String },
    /// More than resources differ.
    #[error("the renderings differ in more than container resources: {difference}")]
    OtherDifference { difference: String },
    /// No kustomization.
    #[error("the folder `{folder}` has no readable kustomization: {reason}")]
    NoKustomization { folder: String, reason: String },
    /// A reference to nothing.
    #[error("the kustomization refers to `{reference}`, which is no file or kustomization of the repository")]
    DanglingReference { reference: String },
    /// A reference to the outside.
    #[error("the kustomization refers to `{reference}`, which is outside of the repository")]
    OutsideReference { reference: String },
    /// A limit of following.
    #[error("the kustomization reads more than {limit} files")]
    TooManyFiles { limit: usize },
    /// A limit that stays.
    #[error("the limit is not removed: {reason}")]
    NotRemoved { reason: &'static str },
    /// A value where one shall be created.
    #[error("{path} is set already, to `{found}`")]
    AlreadySet { path: String, found: String },
    /// A place that takes no key.
    #[error("no key is created here: {reason}")]
    NotCreated { reason: &'static str },
    /// A file that overrides others.
    #[error("the file overrides what an Application of Argo CD says")]
    Overrides,
}

/// Line numbers as a sentence names them: `line 3`, `lines 3, 9 and 4 more`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Lines {
    named: Vec<usize>,
    more: usize,
}

impl Lines {
    /// Keeps the first few, so that a hostile number of aliases costs nothing.
    pub(crate) fn of(lines: &[usize]) -> Self {
        /// Lines that a sentence names: enough to find the place, short enough to read.
        const NAMED: usize = 4;
        let named: Vec<usize> = lines.iter().copied().take(NAMED).collect();
        Self { more: lines.len() - named.len(), named }
    }
}

impl std::fmt::Display for Lines {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(if self.named.len() == 1 { "line " } else { "lines " })?;
        for (at, line) in self.named.iter().enumerate() {
            write!(f, "{}{line}", if at > 0 { ", " } else { "" })?;
        }
        if self.more > 0 {
            write!(f, " and {} more", self.more)?;
        }
        Ok(())
    }
}

impl Refusal {
    /// The stable code; each stands in [`crate::codes::CODES`].
    pub(crate) fn code(&self) -> &'static str {
        match self {
            Self::FileTooLarge { .. } => "E-SRC-001",
            Self::NotText => "E-SRC-002",
            Self::LfsPointer => "E-SRC-003",
            Self::Template { .. } => "E-SRC-004",
            Self::NotYaml { .. } => "E-SRC-005",
            Self::Sops => "E-SRC-006",
            Self::Generated { .. } => "E-SRC-007",
            Self::DuplicateKey { .. } => "E-SRC-008",
            Self::Shared { .. } => "E-SRC-009",
            Self::Merged => "E-SRC-010",
            Self::Variable { .. } => "E-SRC-011",
            Self::VolumeClaim => "E-SRC-012",
            Self::NotQuantity { .. } => "E-SRC-013",
            Self::Stale { .. } => "E-SRC-014",
            Self::Missing { .. } => "E-SRC-015",
            Self::GeneratorBeside { .. } => "E-SRC-016",
            Self::CiPath { .. } => "E-SRC-017",
            Self::Unproven { .. } => "E-SRC-018",
            Self::Form { .. } => "E-SRC-019",
            Self::Contradiction { .. } => "E-SRC-020",
            Self::Limit { .. } => "E-SRC-021",
            Self::Invalid { .. } => "E-SRC-022",
            Self::OtherDifference { .. } => "E-SRC-023",
            Self::NoKustomization { .. } => "E-SRC-024",
            Self::DanglingReference { .. } => "E-SRC-025",
            Self::OutsideReference { .. } => "E-SRC-026",
            Self::TooManyFiles { .. } => "E-SRC-027",
            Self::NotRemoved { .. } => "E-SRC-028",
            Self::AlreadySet { .. } => "E-SRC-029",
            Self::NotCreated { .. } => "E-SRC-030",
            Self::Overrides => "E-SRC-031",
        }
    }

    /// The next step, for the one who reads the message.
    fn help(&self) -> &'static str {
        match self {
            Self::FileTooLarge { .. } => "split the file so that each part is below the limit",
            Self::NotText => "save the file as UTF-8",
            Self::LfsPointer => "take the manifest out of Git LFS: manifests are small text",
            Self::Template { .. } => {
                "put the value in plain YAML, in a values file or a kustomize patch; in a template, as a literal on its own line"
            }
            Self::NotYaml { .. } => "repair the YAML at this line, then run kubeopt again",
            Self::Sops => {
                "move resources out of the encrypted file, or encrypt it with mac_only_encrypted: true"
            }
            Self::Generated { .. } | Self::GeneratorBeside { .. } => {
                "set the value in the input of the generator and run it again"
            }
            Self::DuplicateKey { .. } => "remove one of the two, so that it is clear which one counts",
            Self::Shared { .. } => "write the value out at each place that uses the anchor",
            Self::Merged => "write the value out under `resources` of this container",
            Self::Variable { .. } => {
                "change the value where the variable is set, or write a plain quantity here"
            }
            Self::VolumeClaim => "name a container's requests or limits: kubeopt does not size storage",
            Self::NotQuantity { .. } => "write a Kubernetes quantity such as 250m, 1.5 or 512Mi",
            Self::Stale { .. } | Self::Missing { .. } => {
                "run kubeopt again, so that it plans with the present file"
            }
            Self::CiPath { .. } => "keep manifests out of the folders of the CI system",
            Self::Unproven { .. } => "this is a fault of kubeopt: please report it with the file",
            Self::Form { .. } => "write the value as one plain or quoted word on one line",
            Self::Contradiction { .. } => "ask for one value",
            Self::Limit { .. } => "split the source into smaller entry points",
            Self::Invalid { .. } => "correct the manifest: the API server would refuse it",
            Self::OtherDifference { .. } => {
                "nothing was changed: set the value in the file that only this workload reads"
            }
            Self::NoKustomization { .. } => {
                "point the source at a folder with a valid kustomization.yaml, or use the plain renderer"
            }
            Self::DanglingReference { .. } => {
                "correct the path, or add the file to the repository; symbolic links are not followed"
            }
            Self::OutsideReference { .. } => {
                "keep everything that is rendered in one repository; a folder that is not in Git is one by itself, so name the folder above"
            }
            Self::TooManyFiles { .. } => "point the source at a smaller entry point",
            Self::NotRemoved { .. } => {
                "remove the key by hand, or say `keep` under sizing.limits for this path"
            }
            Self::AlreadySet { .. } => "run kubeopt again, so that it edits the value that is there",
            Self::NotCreated { .. } => "write the key by hand once; kubeopt edits it from then on",
            Self::Overrides => {
                "move the value into the Application or a file of values, and take it out of this file; kubeopt then edits it there"
            }
        }
    }

    /// An amount of one resource for a value of another.
    pub(crate) fn other_resource(amount: Amount, value: Resource) -> Self {
        let reason = format!("{amount} is an amount of {}, not of {value}", amount.resource());
        Self::NotQuantity { reason }
    }

    /// What users see, without a place.
    pub(crate) fn problem(&self) -> Problem {
        Problem::new(self.code(), self.to_string(), self.help())
    }

    /// What users see, at a line of a file.
    pub(crate) fn at(&self, file: &RepoPath, line: usize, excerpt: &str) -> Problem {
        /// Characters of a line that are shown; longer lines are data, not manifests.
        const EXCERPT_CHARS: usize = 160;
        let shown: String = excerpt
            .chars()
            .map(|c| if c == '\t' { ' ' } else { c })
            .filter(|c| !c.is_control())
            .take(EXCERPT_CHARS)
            .collect();
        self.problem().at(file.as_str(), Some(line)).with_excerpt(shown.trim_end())
    }

    /// What users see, for a whole file.
    pub(crate) fn of_file(&self, file: &RepoPath) -> Problem {
        self.problem().at(file.as_str(), None)
    }
}

/// Shortens text of unknown origin for a message and takes its control characters out.
pub(crate) fn shortened(text: &str) -> String {
    /// Characters that are shown of a text that someone else wrote.
    const SHOWN: usize = 80;
    let mut short: String = text.chars().filter(|c| !c.is_control()).take(SHOWN).collect();
    if text.chars().count() > SHOWN {
        short.push('…');
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codes::CODES;

    #[test]
    fn codes_are_sorted_and_none_stands_twice() {
        assert!(CODES.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }

    fn one_of_each() -> Vec<Refusal> {
        let text = String::new;
        vec![
            Refusal::FileTooLarge { bytes: 2, limit: 1 },
            Refusal::NotText,
            Refusal::LfsPointer,
            Refusal::Template { found: text() },
            Refusal::NotYaml { reason: text() },
            Refusal::Sops,
            Refusal::Generated { header: text() },
            Refusal::DuplicateKey { key: text(), first: 1, second: 2 },
            Refusal::Shared { users: Lines::of(&[1]) },
            Refusal::Merged,
            Refusal::Variable { found: text() },
            Refusal::VolumeClaim,
            Refusal::NotQuantity { reason: "r".to_owned() },
            Refusal::Stale { expected: text(), found: text() },
            Refusal::Missing { path: text(), document: 1 },
            Refusal::GeneratorBeside { generator: text() },
            Refusal::CiPath { path: text() },
            Refusal::Unproven { reason: text() },
            Refusal::Form { form: "" },
            Refusal::Contradiction { first: text(), second: text() },
            Refusal::Limit { what: "", limit: 1 },
            Refusal::Invalid { reason: text() },
            Refusal::OtherDifference { difference: text() },
            Refusal::NoKustomization { folder: text(), reason: text() },
            Refusal::DanglingReference { reference: text() },
            Refusal::OutsideReference { reference: text() },
            Refusal::TooManyFiles { limit: 1 },
            Refusal::NotRemoved { reason: "r" },
            Refusal::AlreadySet { path: text(), found: text() },
            Refusal::NotCreated { reason: "r" },
            Refusal::Overrides,
        ]
    }

    #[test]
    fn every_refusal_has_a_code_of_its_own_and_a_next_step() {
        let codes: Vec<&str> = one_of_each().iter().map(Refusal::code).collect();
        assert_eq!(codes, CODES.iter().map(|(code, _)| *code).collect::<Vec<_>>());
        for refusal in one_of_each() {
            let problem = refusal.problem();
            assert!(!problem.text.is_empty() && !problem.text.ends_with('.'), "{problem}");
            assert!(!problem.help.is_empty() && !problem.help.ends_with('.'), "{problem}");
        }
    }

    #[test]
    fn long_lists_of_lines_are_cut() {
        assert_eq!(Lines::of(&[3]).to_string(), "line 3");
        assert_eq!(Lines::of(&[1, 2, 3, 4, 5, 6]).to_string(), "lines 1, 2, 3, 4 and 2 more");
    }

    #[test]
    fn text_of_others_is_cut_and_cleaned() {
        assert_eq!(shortened("a\u{1b}[31mb"), "a[31mb");
        assert_eq!(shortened(&"x".repeat(200)).chars().count(), 81);
    }
}
