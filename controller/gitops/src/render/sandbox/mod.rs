//! The confinement of a renderer: what it may open (landlock), what it may ask the kernel for (seccomp).
//!
//! The render process puts it on itself and then becomes the renderer by `execve`, which keeps all of it: there is no
//! moment in which the renderer runs free, and nothing that it can undo. It can
//! - open for reading: the private folder of this rendering, its own program, and the libraries that the program names;
//! - open for writing: nothing. Its output is a pipe that was open before;
//! - run: itself. It can start threads, and no process;
//! - reach no socket, no other process, no device, no kernel interface beyond files, memory and clocks.
//!
//! Must not know: what is rendered.

mod calls;
mod files;
mod loader;

use std::path::Path;

use kubeopt_model::Problem;

use crate::codes;
use crate::render::protocol::{Launch, Sandbox};

/// Confines this process. Answers with the parts that the kernel does not offer, which is none for [`Sandbox::Full`].
///
/// # Errors
/// `E-REN-018` where a part is missing that is required, `E-REN-008` where the program cannot be read.
pub(crate) fn confine_self(launch: &Launch) -> Result<Vec<String>, Problem> {
    let needs = match &launch.program {
        Some(program) => loader::needs(program).map_err(|error| unreadable(program, &error))?,
        None => loader::Needs::default(),
    };
    let files = files::restrict(&launch.readable, &needs).map_err(|why| format!("landlock: {why}"));
    require(launch.sandbox, std::slice::from_ref(&files))?;
    let calls = calls::restrict().map_err(|why| format!("seccomp: {why}"));
    require(launch.sandbox, &[files, calls])
}

/// Judges what was applied.
fn require(sandbox: Sandbox, parts: &[Result<(), String>]) -> Result<Vec<String>, Problem> {
    let missing: Vec<String> = parts.iter().filter_map(|part| part.clone().err()).collect();
    match (sandbox, missing.first()) {
        (Sandbox::Full, Some(first)) => Err(Problem::new(
            codes::SANDBOX,
            format!("this kernel does not offer the sandbox in which renderers run: {first}"),
            "run kubeopt on Linux 5.13 or newer with landlock and seccomp enabled, or allow `--sandbox reduced`, which every proof will then say",
        )),
        (Sandbox::Full | Sandbox::Reduced, _) => Ok(missing),
    }
}

fn unreadable(program: &Path, error: &std::io::Error) -> Problem {
    Problem::new(
        codes::CHILD,
        format!("unable to read {}: {error}", program.display()),
        "check that the file is an executable for this machine",
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_missing_part_is_refused_unless_a_reduced_sandbox_is_allowed() {
        let parts = [Err("landlock: none".to_owned()), Ok(())];
        let problem = require(Sandbox::Full, &parts).unwrap_err();
        assert_eq!(problem.code, codes::SANDBOX);
        assert!(problem.text.ends_with("landlock: none") && problem.help.contains("--sandbox reduced"));
        assert_eq!(require(Sandbox::Reduced, &parts).unwrap(), ["landlock: none"]);
        assert!(require(Sandbox::Full, &[Ok(()), Ok(())]).unwrap().is_empty());
    }
}
