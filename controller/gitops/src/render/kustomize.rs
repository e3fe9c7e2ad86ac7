//! Which kustomize there is: an explicitly configured binary, `kustomize` on the path, or `kubectl` on the path.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::time::Duration;

use kubeopt_model::Problem;
use tokio::process::Command;

use crate::codes;

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

/// Time for `version`. It takes tens of milliseconds; a cold disk may need seconds.
const VERSION_TIME_MAX: Duration = Duration::from_secs(10);

/// What the render process reads to know what was found, so that it does not ask again each time.
const HANDED_PROGRAM: &str = "KUBEOPT_RENDER_PROGRAM";
const HANDED_VERSION: &str = "KUBEOPT_RENDER_VERSION";

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
        let candidates = match configured {
            Some(path) => vec![path.to_owned()],
            None => ["kustomize", "kubectl"].iter().filter_map(|name| on_path(name, search)).collect(),
        };
        let mut tried = Vec::new();
        for program in candidates {
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
            "install kustomize v5 (or kubectl) on the path, or name its path in the environment variable KUBEOPT_KUSTOMIZE; plain manifests need neither",
        ))
    }

    /// As proofs name it: `kustomize v5.8.2`.
    pub fn label(&self) -> String {
        format!("kustomize {}", self.version)
    }

    /// What the render process finds in its environment.
    pub(crate) fn hand_over(&self) -> [(&'static str, OsString); 2] {
        [(HANDED_PROGRAM, self.program.clone().into()), (HANDED_VERSION, self.version.clone().into())]
    }

    /// What was handed over to this process.
    pub(crate) fn handed_over() -> Option<Self> {
        let program = PathBuf::from(std::env::var_os(HANDED_PROGRAM)?);
        let version = std::env::var(HANDED_VERSION).ok()?;
        Some(Self { flavour: flavour(&program), program, version })
    }
}

fn on_path(name: &str, search: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(search)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

fn flavour(program: &Path) -> Flavour {
    let name = program.file_name().unwrap_or_default().to_string_lossy();
    if name.starts_with("kubectl") { Flavour::Kubectl } else { Flavour::Kustomize }
}

async fn ask_version(program: &Path) -> Result<KustomizeBinary, String> {
    // The child has another working folder.
    let program = std::path::absolute(program).map_err(|error| error.to_string())?;
    let flavour = flavour(&program);
    let mut command = Command::new(&program);
    command.args(match flavour {
        Flavour::Kustomize => &["version"][..],
        Flavour::Kubectl => &["version", "--client", "-o", "json"],
    });
    command.env_clear().env("HOME", "/nonexistent").kill_on_drop(true);
    let output = tokio::time::timeout(VERSION_TIME_MAX, command.output())
        .await
        .map_err(|_| format!("`version` took longer than {} s", VERSION_TIME_MAX.as_secs()))?
        .map_err(|error| error.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let version = match flavour {
        Flavour::Kustomize => read_kustomize_version(&text),
        Flavour::Kubectl => read_kubectl_version(&text),
    };
    let version = version.filter(|_| output.status.success());
    Ok(KustomizeBinary { flavour, version: version.ok_or("it does not tell its version")?, program })
}

/// `v5.8.2`, or the form before version 5: `{Version:kustomize/v4.5.7 GitCommit:...}`.
fn read_kustomize_version(text: &str) -> Option<String> {
    text.split(|c: char| c.is_whitespace() || matches!(c, '/' | ':' | '{')).find_map(checked_version)
}

fn read_kubectl_version(text: &str) -> Option<String> {
    let json: serde_json::Value = serde_json::from_str(text).ok()?;
    checked_version(json.get("kustomizeVersion")?.as_str()?)
}

/// It is shown in pull requests, so only what a version is made of passes. A build without one says `(devel)`.
fn checked_version(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '(' | ')');
    let is_version = text == "(devel)"
        || text.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    (is_version && text.len() <= 40 && text.chars().all(plain)).then(|| text.to_owned())
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
