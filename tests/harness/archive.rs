//! A branch of a git repository as the tar.gz that Flux's source-controller would make of it.

use std::path::Path;
use std::process::Output;

use tokio::process::Command;

/// A commit and its files.
pub(crate) struct Archive {
    pub(crate) commit: String,
    pub(crate) tar_gz: Vec<u8>,
}

/// The commit at the tip of a branch.
pub(crate) async fn tip(url: &str, branch: &str) -> Result<String, String> {
    let branch = format!("refs/heads/{branch}");
    let listed = text(git(Path::new("/"), &["ls-remote", "--exit-code", url, &branch]).await?);
    let commit = listed.split_whitespace().next();
    commit.map(str::to_owned).ok_or_else(|| format!("{url} has no {branch}"))
}

/// The tip of a branch and its files; `work` is a bare repository of ours, made when it is not there.
pub(crate) async fn fetch(work: &Path, url: &str, branch: &str) -> Result<Archive, String> {
    if !work.join("HEAD").exists() {
        std::fs::create_dir_all(work).map_err(|error| error.to_string())?;
        git(work, &["init", "--quiet", "--bare"]).await?;
    }
    let wanted = format!("+refs/heads/{branch}:refs/heads/{branch}");
    git(work, &["fetch", "--quiet", "--depth=1", url, &wanted]).await?;
    let commit = text(git(work, &["rev-parse", &format!("refs/heads/{branch}")]).await?).trim().to_owned();
    let tar_gz = git(work, &["archive", "--format=tar.gz", &commit]).await?.stdout;
    Ok(Archive { commit, tar_gz })
}

async fn git(folder: &Path, args: &[&str]) -> Result<Output, String> {
    let output = Command::new("git")
        .args(args)
        .current_dir(folder)
        .env("GIT_TERMINAL_PROMPT", "0")
        // The settings of whoever runs the tests must not change what they see.
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .kill_on_drop(true)
        .output()
        .await
        .map_err(|error| format!("unable to run git: {error}"))?;
    if output.status.success() {
        return Ok(output);
    }
    let verb = args.first().copied().unwrap_or_default();
    Err(format!("git {verb} failed: {}", String::from_utf8_lossy(&output.stderr).trim()))
}

fn text(output: Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}
