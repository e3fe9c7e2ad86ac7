//! Which names a model is told, and what it is told instead. Pseudonyms are stable, so that texts can be kept, and are
//! turned back here and nowhere else.

use kubeopt_net::Secret;
use serde::Serialize;
use sha2::{Digest as _, Sha256};

use crate::facts::Facts;

/// Letters of a pseudonym: 16 to the 10th are enough that two names of an installation do not meet.
const PSEUDONYM_LETTERS: usize = 10;

/// Whether a model is told real names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamePolicy {
    /// As they are.
    Real,
    /// A pseudonym in place of each, made with a key that stays within the installation: without it nobody can try names
    /// out.
    Pseudonyms {
        /// The key; another key gives other pseudonyms.
        key: Secret,
    },
}

/// The names that a model is told.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Told {
    pub(crate) namespace: String,
    pub(crate) workload: String,
    pub(crate) container: String,
}

/// What each told name stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Names {
    /// (told, real)
    pairs: [(String, String); 3],
}

impl Names {
    pub(crate) fn of(facts: &Facts, policy: &NamePolicy) -> Self {
        let id = &facts.container;
        let real = [
            ("namespace", id.workload.namespace.as_str()),
            ("workload", id.workload.name.as_str()),
            ("container", id.container.as_str()),
        ];
        let pair = |(what, real): (&str, &str)| match policy {
            NamePolicy::Real => (real.to_owned(), real.to_owned()),
            NamePolicy::Pseudonyms { key } => (pseudonym(key, what, real), real.to_owned()),
        };
        Self { pairs: real.map(pair) }
    }

    #[cfg(test)]
    pub(crate) fn plain(names: [&str; 3]) -> Self {
        Self { pairs: names.map(|name| (name.to_owned(), name.to_owned())) }
    }

    pub(crate) fn told(&self) -> Told {
        let [namespace, workload, container] = self.pairs.clone().map(|(told, _)| told);
        Told { namespace, workload, container }
    }

    /// Whether a model was told this name.
    pub(crate) fn is_told(&self, word: &str) -> bool {
        self.pairs.iter().any(|(told, _)| told == word)
    }

    /// The text with real names.
    pub(crate) fn restored(&self, text: &str) -> String {
        let differing = self.pairs.iter().filter(|(told, real)| told != real);
        differing.fold(text.to_owned(), |text, (told, real)| text.replace(told.as_str(), real))
    }
}

/// `workload-kcbpadmofe`: letters only, since digits in a model's text are refused.
fn pseudonym(key: &Secret, what: &str, real: &str) -> String {
    let digest = Sha256::digest(format!("{}\0{what}\0{real}", key.expose()).as_bytes());
    let letters =
        digest.iter().flat_map(|byte| [byte >> 4, byte & 15]).map(|nibble| char::from(b'a' + nibble));
    format!("{what}-{}", letters.take(PSEUDONYM_LETTERS).collect::<String>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pseudonyms_are_stable_hold_no_digit_and_depend_on_the_key() {
        let key = |text: &str| Secret::new(text);
        let one = pseudonym(&key("a"), "workload", "ledger-2");
        assert_eq!(one, pseudonym(&key("a"), "workload", "ledger-2"));
        assert!(
            one.strip_prefix("workload-").is_some_and(|rest| rest.chars().all(|c| c.is_ascii_lowercase()))
        );
        assert_ne!(one, pseudonym(&key("b"), "workload", "ledger-2"));
        assert_ne!(one, pseudonym(&key("a"), "workload", "ledger-3"));
    }
}
