//! A `RightsizingPolicy` as it stands in a file, before somebody applies it: for `kubeopt policy validate`. Knows no cluster.

use kubeopt_model::{Problem, RepoPath};

use crate::Presets;
use crate::policy::check::check_layer;
use crate::policy::document::PolicyDocument;
use crate::policy::file::{Owner, PolicyFile};
use crate::policy::objects::POLICY_KIND;
use crate::text::tree::Node;
use crate::text::values::scalar_schema;
use crate::text::{At, Fault, FileKind, FromNode, Reading, section};

/// The version that this kubeopt reads.
const API_VERSION: &str = "kubeopt.dev/v1alpha1";

section! {
    /// A RightsizingPolicy.
    pub(crate) struct Manifest {
        /// `kubeopt.dev/v1alpha1`; required.
        "apiVersion" => api_version: String = null,
        /// `RightsizingPolicy`; required.
        "kind" => kind: String = null,
        /// Name, labels and annotations.
        "metadata" => metadata: Unread = null,
        /// The policy; required.
        "spec" => spec: PolicyDocument = null,
    }
}

/// What Kubernetes reads and kubeopt does not.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Unread;

impl FromNode for Unread {
    fn read(_: &Node, _: &str, _: &mut Reading<'_>) -> Option<Self> {
        Some(Self)
    }
}
scalar_schema!([] Unread, "Unread", schemars::json_schema!({"type": "object"}));

impl PolicyFile {
    /// Whether a file is a manifest of a `RightsizingPolicy`, and not a repository's policy.
    pub fn is_manifest(text: &str) -> bool {
        let named = |line: &str| line.strip_prefix("kind:").is_some_and(|kind| unquoted(kind) == POLICY_KIND);
        text.lines().any(named)
    }

    /// Reads a manifest of one `RightsizingPolicy`. `file` is only for messages.
    ///
    /// # Errors
    /// Every problem of the file, each with its line, the text of the line and the next step.
    pub fn parse_manifest(text: &str, file: &str, presets: Presets<'_>) -> Result<Self, Vec<Problem>> {
        let read = Reading::of(text, file, FileKind::Policy, |manifest: Manifest, reading| {
            check_word("apiVersion", manifest.api_version.as_ref(), API_VERSION, reading);
            check_word("kind", manifest.kind.as_ref(), POLICY_KIND, reading);
            let Some(spec) = manifest.spec else {
                let help = "write the keys of the policy under `spec:`".to_owned();
                reading.refuse(1, Fault::Missing { path: "spec".to_owned(), help });
                return None;
            };
            check_layer(spec.value, RepoPath::root(), Owner::Operator, presets, reading)
        });
        read.map(|(file, warnings)| file.into_object(warnings))
    }
}

fn check_word(key: &str, said: Option<&At<String>>, wanted: &str, reading: &mut Reading<'_>) {
    if said.is_none_or(|at| at.value != wanted) {
        let line = said.map_or(1, |at| at.line);
        let fault = Fault::WrongType {
            path: key.to_owned(),
            expected: format!("`{wanted}`"),
            found: if said.is_some() { "another word" } else { "absent" }.to_owned(),
        };
        reading.refuse(line, fault);
    }
}

fn unquoted(text: &str) -> &str {
    let text = text.split_once(" #").map_or(text, |(text, _)| text);
    text.trim().trim_matches(['"', '\''])
}
