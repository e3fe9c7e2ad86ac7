//! Which kustomize there is, and how it is called: an explicitly configured binary, `kustomize` or `kubectl` on the path.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

use kubeopt_model::{Problem, RepoPath};

use crate::codes;
use crate::render::binary::{ask, candidates, checked_version};
use crate::render::prepare::Prepared;
use crate::render::protocol::RenderRequest;
use crate::render::references::{Restrictor, Tree, check};
use crate::render::{layout, overlay};

/// How the binary is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flavour {
    /// `kustomize build`
    Kustomize,
    /// `kubectl kustomize`
    Kubectl,
}

/// A kustomize binary that was found and has told its version.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KustomizeBinary {
    /// Absolute path.
    pub program: PathBuf,
    /// How it is called.
    pub flavour: Flavour,
    /// As it tells it: `v5.8.2`.
    pub version: String,
}

impl KustomizeBinary {
    /// Looks at the configured path only, if there is one; else at `kustomize` and `kubectl` on the path.
    ///
    /// # Errors
    /// `E-REN-001` with what was tried.
    pub async fn find(configured: Option<&Path>) -> Result<Self, Problem> {
        let search = std::env::var_os("PATH").unwrap_or_default();
        Self::find_in(configured, &search).await
    }

    async fn find_in(configured: Option<&Path>, search: &OsStr) -> Result<Self, Problem> {
        let mut tried = Vec::new();
        for program in candidates(configured, &["kustomize", "kubectl"], search) {
            match ask_version(&program).await {
                Ok(found) => return Ok(found),
                Err(why) => tried.push(format!("{}: {why}", program.display())),
            }
        }
        let tried = match tried.as_slice() {
            [] => "neither `kustomize` nor `kubectl` is on the path".to_owned(),
            tried => tried.join("; "),
        };
        Err(Problem::new(
            codes::RENDERER_MISSING,
            format!("no kustomize binary was found: {tried}"),
            format!("{INSTALL}; plain manifests need neither"),
        ))
    }

    /// As proofs name it: `kustomize v5.8.2`.
    pub fn label(&self) -> String {
        format!("kustomize {}", self.version)
    }
}

/// What helps where there is none.
pub(crate) const INSTALL: &str = "install kustomize v5 (or kubectl) on the path, or name its path in the environment variable KUBEOPT_KUSTOMIZE";

/// What kustomize is given for a request.
///
/// # Errors
/// As the preparation of the entry's kustomization and the check of references.
pub(crate) fn prepare(request: &RenderRequest, flavour: Flavour) -> Result<Prepared, Problem> {
    let RenderRequest { entry, files, overlay, target_namespace, .. } = request;
    let instead = overlay::prepare(files, entry, overlay.as_deref(), target_namespace.as_ref())?;
    let checked = check(Tree { files, instead: &instead }, entry)?;
    let command = match flavour {
        Flavour::Kustomize => "build",
        Flavour::Kubectl => "kustomize",
    };
    let restrictor = match checked.restrictor {
        Restrictor::RootOnly => "--load-restrictor=LoadRestrictionsRootOnly",
        Restrictor::None => "--load-restrictor=LoadRestrictionsNone",
    };
    // Nothing that starts with `--enable-` is ever passed: no plugins, no functions, no Helm.
    let arguments = [command.to_owned(), layout::relative(entry), restrictor.to_owned()];
    Ok(Prepared {
        files: checked.needed.iter().map(|path: &RepoPath| (path.clone(), path.clone())).collect(),
        instead: checked.rewritten,
        values: Vec::new(),
        arguments: arguments.into(),
    })
}

async fn ask_version(program: &Path) -> Result<KustomizeBinary, String> {
    // The child has another working folder.
    let program = std::path::absolute(program).map_err(|error| error.to_string())?;
    let flavour = flavour(&program);
    let version = match flavour {
        Flavour::Kustomize => read_kustomize_version(&ask(&program, &["version"]).await?),
        Flavour::Kubectl => {
            read_kubectl_version(&ask(&program, &["version", "--client", "-o", "json"]).await?)
        }
    };
    Ok(KustomizeBinary { flavour, version: version.ok_or("it does not tell its version")?, program })
}

fn flavour(program: &Path) -> Flavour {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with("kubectl") { Flavour::Kubectl } else { Flavour::Kustomize }
}

/// `v5.8.2`, or the form before version 5: `{Version:kustomize/v4.5.7 GitCommit:...}`.
fn read_kustomize_version(text: &str) -> Option<String> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '/' | ':' | '{')).find_map(checked_version)
}

fn read_kubectl_version(text: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    checked_version(json.get("kustomizeVersion")?.as_str()?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_the_versions_that_the_programs_print() {
        for (text, want) in [
            ("v5.8.2\n", Some("v5.8.2")),
            ("{Version:kustomize/v4.5.7 GitCommit:56d82a8 BuildDate:2022}", Some("v4.5.7")),
            ("(devel)\n", Some("(devel)")),
            ("command not found", None),
            ("v5`](x)", None),
        ] {
            assert_eq!(read_kustomize_version(text).as_deref(), want, "{text}");
        }
        let kubectl = r#"{"clientVersion": {"gitVersion": "v1.36.0"}, "kustomizeVersion": "v5.7.1"}"#;
        assert_eq!(read_kubectl_version(kubectl).as_deref(), Some("v5.7.1"));
    }

    #[tokio::test]
    async fn a_missing_binary_is_a_problem_that_says_what_to_install() {
        let nothing = KustomizeBinary::find_in(None, OsStr::new("/nonexistent")).await.unwrap_err();
        assert_eq!(nothing.code, codes::RENDERER_MISSING);
        let path = Path::new("/nonexistent/kustomize");
        let configured = KustomizeBinary::find_in(Some(path), OsStr::new("/usr/bin")).await.unwrap_err();
        assert!(configured.text.contains("/nonexistent/kustomize"), "{configured}");
    }
}
