//! What can be wrong with a file: the sentence, the code and the next step of each fault. Knows no line; the reading adds
//! it.

/// Which file is read; decides the family of codes and whether the operator wrote it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileKind {
    /// `.kubeopt.yaml` or a preset.
    Policy,
    /// `kubeopt.yaml`.
    Config,
    /// The spec of an object in the cluster: nobody counts its lines.
    Object,
}

/// One fault.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Fault {
    #[error("not readable as YAML: {0}")]
    Syntax(String),
    #[error("more than kubeopt reads: {0}")]
    TooLarge(String),
    #[error("unknown key `{path}`")]
    UnknownKey { path: String, help: String },
    #[error("`{path}` must be {expected}, not {found}")]
    WrongType { path: String, expected: String, found: String },
    #[error("`{path}` must be {range}, not {found}")]
    OutOfRange { path: String, range: String, found: String },
    #[error("`{path}` stands twice, first on line {first_line}")]
    Duplicate { path: String, first_line: usize },
    #[error("`{path}` is not used by this version: it has no effect")]
    Later { path: String },
    #[error("preset `{name}` does not exist")]
    UnknownPreset { name: String, help: String },
    #[error("`{path}` belongs to the operator")]
    OperatorOnly { path: String },
    #[error("`{path}` is missing")]
    Missing { path: String, help: String },
    #[error("{text}")]
    Contradiction { text: String, help: String },
    #[error("`{path}` would be a secret in the configuration")]
    InlineSecret { path: String, help: String },
    #[error("{what} is not in this version")]
    NotInThisVersion { what: String, help: String },
    #[error("{what} `{name}` is not defined in this file")]
    UnknownReference { what: &'static str, name: String, help: String },
}

impl Fault {
    /// The stable code of the fault in this kind of file.
    pub(crate) fn code(&self, kind: FileKind) -> &'static str {
        let (policy, config) = match self {
            Self::Syntax(_) | Self::TooLarge(_) => ("E-POL-001", "E-API-001"),
            Self::UnknownKey { .. } => ("E-POL-002", "E-API-002"),
            Self::WrongType { .. } => ("E-POL-003", "E-API-003"),
            Self::OutOfRange { .. } => ("E-POL-004", "E-API-004"),
            Self::Duplicate { .. } => ("E-POL-005", "E-API-005"),
            Self::Later { .. } => ("E-POL-006", "E-API-006"),
            Self::UnknownPreset { .. } => ("E-POL-007", "E-API-007"),
            Self::OperatorOnly { .. } => ("E-POL-008", "E-POL-008"),
            Self::Missing { .. } => ("E-POL-009", "E-API-009"),
            Self::Contradiction { .. } => ("E-POL-010", "E-API-010"),
            Self::InlineSecret { .. } => ("E-API-011", "E-API-011"),
            Self::NotInThisVersion { .. } => ("E-API-012", "E-API-012"),
            Self::UnknownReference { .. } => ("E-API-013", "E-API-013"),
        };
        match kind {
            FileKind::Policy | FileKind::Object => policy,
            FileKind::Config => config,
        }
    }

    /// What to do next, as one sentence without a full stop.
    pub(crate) fn help(&self, kind: FileKind) -> String {
        match self {
            Self::Syntax(_) => "correct the YAML on this line".to_owned(),
            Self::TooLarge(_) if kind == FileKind::Object => {
                "split it: all objects of a cluster count together".to_owned()
            }
            Self::TooLarge(_) => "split the file: a folder can have a `.kubeopt.yaml` of its own".to_owned(),
            Self::WrongType { expected, .. } => format!("write {expected}"),
            Self::OutOfRange { range, .. } => format!("choose a value that is {range}"),
            Self::Duplicate { .. } => "keep one of the two".to_owned(),
            Self::Later { .. } => "remove it, or keep it for a version that uses it".to_owned(),
            Self::OperatorOnly { .. } => {
                "remove it here; the operator sets it under `policy:` of kubeopt.yaml".to_owned()
            }
            Self::UnknownKey { help, .. }
            | Self::UnknownPreset { help, .. }
            | Self::Missing { help, .. }
            | Self::Contradiction { help, .. }
            | Self::InlineSecret { help, .. }
            | Self::NotInThisVersion { help, .. }
            | Self::UnknownReference { help, .. } => help.clone(),
        }
    }
}

/// The nearest of `known` to `word`: none if nothing is near enough to be a slip of the finger.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    // Longer words than any key are not compared: edit distance is quadratic and the text comes from outside.
    const LONGEST: usize = 64;
    // 0.7 accepts one or two wrong letters in a word of five, and rejects words of another meaning.
    const NEAR: f64 = 0.7;
    if word.chars().count() > LONGEST {
        return None;
    }
    let lower = word.to_lowercase();
    known
        .into_iter()
        .map(|candidate| (strsim::jaro_winkler(&lower, &candidate.to_lowercase()), candidate))
        .filter(|(score, _)| *score >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_finds_its_key_and_another_word_finds_none() {
        let known = ["quantile", "margin", "floor", "ceiling"];
        assert_eq!(nearest("quantil", known), Some("quantile"));
        assert_eq!(nearest("Margn", known), Some("margin"));
        assert_eq!(nearest("xyz", known), None);
        assert_eq!(nearest(&"q".repeat(1 << 20), known), None);
    }
}
