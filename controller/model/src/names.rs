//! Names that Kubernetes has checked, checked again: they reach paths, branches and Markdown.
//!
//! Rules: RFC 1123 labels (at most 63 characters) and subdomains (at most 253), as in
//! `k8s.io/apimachinery/pkg/util/validation/validation.go`.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A text that breaks the naming rules of Kubernetes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a valid {what}: {rule}")]
pub struct InvalidName {
    /// What the text was meant to name.
    pub what: &'static str,
    /// The text, shortened.
    pub text: String,
    /// The rule that it breaks.
    pub rule: &'static str,
}

fn is_label(text: &str) -> bool {
    let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || *b == b'-';
    !text.is_empty()
        && text.len() <= 63
        && text.bytes().all(|b| inner(&b))
        && !text.starts_with('-')
        && !text.ends_with('-')
}

fn is_subdomain(text: &str) -> bool {
    let part = |p: &str| {
        !p.is_empty()
            && p.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
            && !p.starts_with('-')
            && !p.ends_with('-')
    };
    text.len() <= 253 && text.split('.').all(part)
}

macro_rules! name_type {
    ($(#[$doc:meta])* $name:ident, $what:literal, $check:ident, $rule:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Checks the text.
            ///
            /// # Errors
            /// [`InvalidName`] when the text breaks the rule.
            pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
                let text = text.into();
                if $check(&text) {
                    Ok(Self(text))
                } else {
                    Err(InvalidName { what: $what, text: text.chars().take(80).collect(), rule: $rule })
                }
            }

            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = InvalidName;
            fn try_from(text: String) -> Result<Self, Self::Error> {
                Self::new(text)
            }
        }

        impl From<$name> for String {
            fn from(name: $name) -> Self {
                name.0
            }
        }
    };
}

name_type!(
    /// A cluster, as the controller's configuration names it.
    ClusterName, "cluster name", is_subdomain, "lower-case letters, digits, `-` and `.`, at most 253"
);
name_type!(
    /// A namespace.
    Namespace, "namespace", is_label, "lower-case letters, digits and `-`, at most 63"
);
name_type!(
    /// The name of a namespaced object.
    ObjectName, "object name", is_subdomain, "lower-case letters, digits, `-` and `.`, at most 253"
);
name_type!(
    /// A container within a pod.
    ContainerName, "container name", is_label, "lower-case letters, digits and `-`, at most 63"
);

/// The name of a forge in the controller's configuration.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct ForgeName(String);

impl ForgeName {
    /// Checks the text: letters, digits, `-`, `_`, `.`.
    ///
    /// # Errors
    /// [`InvalidName`] for anything else.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidName> {
        let text = text.into();
        let ok = !text.is_empty()
            && text.len() <= 63
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
        if ok {
            Ok(Self(text))
        } else {
            Err(InvalidName {
                what: "forge name",
                text,
                rule: "letters, digits, `-`, `_` and `.`, at most 63",
            })
        }
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ForgeName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn takes_what_kubernetes_takes_and_nothing_else() {
        assert!(Namespace::new("payments-2").is_ok());
        assert!(ObjectName::new("api.v2").is_ok());
        for bad in ["", "-a", "a-", "A", "a_b", "a/b", "../x", "a b", "a`b", "ä"] {
            assert!(Namespace::new(bad).is_err(), "{bad}");
            assert!(ObjectName::new(bad).is_err(), "{bad}");
        }
        assert!(Namespace::new("a".repeat(64)).is_err());
        assert!(ObjectName::new("a..b").is_err());
    }
}
