//! Renderers' programs: where they are, and what they say of themselves.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::process::Command;

/// Time for `version`. It takes tens of milliseconds; a cold disk may need seconds.
const VERSION_TIME_MAX: Duration = Duration::from_secs(10);

/// The configured program only, if there is one; else those of these names that are on the path.
pub(crate) fn candidates(configured: Option<&Path>, names: &[&str], search: &OsStr) -> Vec<PathBuf> {
    match configured {
        Some(path) => vec![path.to_owned()],
        None => names.iter().filter_map(|name| on_path(name, search)).collect(),
    }
}

fn on_path(name: &str, search: &OsStr) -> Option<PathBuf> {
    std::env::split_paths(search)
        .filter(|folder| folder.is_absolute())
        .map(|folder| folder.join(name))
        .find(|path| path.is_file())
}

/// What a program prints on its standard output.
///
/// # Errors
/// Why it could not be run, failed or took too long.
pub(crate) async fn ask(program: &Path, arguments: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(arguments).env_clear().env("HOME", "/nonexistent").kill_on_drop(true);
    let output = tokio::time::timeout(VERSION_TIME_MAX, command.output())
        .await
        .map_err(|_| format!("`version` took longer than {} s", VERSION_TIME_MAX.as_secs()))?
        .map_err(|error| error.to_string())?;
    if !output.status.success() {
        return Err("it does not tell its version".to_owned());
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// It is shown in pull requests, so only what a version is made of passes. A build without one says `(devel)`.
pub(crate) fn checked_version(text: &str) -> Option<String> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '+' | '(' | ')');
    let is_version = text == "(devel)"
        || text.strip_prefix('v').is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()));
    (is_version && text.len() <= 40 && text.chars().all(plain)).then(|| text.to_owned())
}
