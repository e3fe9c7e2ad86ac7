//! The body of `kubeopt render`: reads which program to become, confines itself, and becomes it.
//!
//! The process starts nothing: a confinement that is inherited by `execve` can forbid every other way to a new process.

use std::fs::File;
use std::io::{Read, Write as _};
use std::os::fd::OwnedFd;
use std::os::unix::process::CommandExt as _;
use std::process::{Command, Stdio};

use kubeopt_model::Problem;

use crate::codes;
use crate::render::limits::limit_self;
use crate::render::protocol::{Launch, Started};
use crate::render::sandbox::confine_self;

/// Largest request: arguments of at most [`crate::render::helm`]'s limits, and paths.
const LAUNCH_BYTES_MAX: u64 = 4 * 1024 * 1024;

/// What stands before the reason where the renderer could not be started after all.
pub(crate) const NOT_STARTED: &str = "kubeopt-render: unable to run the renderer: ";

/// Reads what to run, confines this process and becomes the renderer, whose standard output is `output`.
///
/// Comes back only where it refuses, which is an answer on `output`, or where the renderer cannot be run, which stands on
/// the standard error. The process is good for nothing else afterwards: the confinement stays.
///
/// # Errors
/// When the answer cannot be written or the renderer cannot be run.
pub fn serve_one(input: impl Read, output: OwnedFd) -> std::io::Result<()> {
    let mut output = File::from(output);
    let (started, launch) = match prepare(input) {
        Ok((missing, launch)) => (Started::Confined { missing }, Some(launch)),
        Err(problem) => (Started::Refused(problem), None),
    };
    let mut line = serde_json::to_vec(&started)?;
    line.push(b'\n');
    output.write_all(&line)?;
    match launch {
        Some(Launch { program: Some(program), arguments, start, .. }) => {
            let mut command = Command::new(program);
            command.args(arguments).current_dir(start).stdin(Stdio::null()).stdout(output);
            let error = command.exec();
            Err(std::io::Error::new(error.kind(), format!("{NOT_STARTED}{error}")))
        }
        Some(Launch { program: None, .. }) | None => Ok(()),
    }
}

fn prepare(input: impl Read) -> Result<(Vec<String>, Launch), Problem> {
    let launch = read_launch(input)?;
    limit_self(&launch.limits)?;
    Ok((confine_self(&launch)?, launch))
}

fn read_launch(input: impl Read) -> Result<Launch, Problem> {
    let mut bytes = Vec::new();
    input
        .take(LAUNCH_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unusable(&format!("unable to read the request: {error}")))?;
    if bytes.len() as u64 > LAUNCH_BYTES_MAX {
        return Err(unusable(&format!("the request is larger than {LAUNCH_BYTES_MAX} bytes")));
    }
    serde_json::from_slice(&bytes)
        .map_err(|error| unusable(&format!("the request is not understood: {error}")))
}

fn unusable(why: &str) -> Problem {
    Problem::new(
        codes::CHILD,
        format!("the render process cannot work: {why}"),
        "this is a fault of kubeopt; please report it with this message",
    )
}

#[cfg(test)]
mod tests {
    use std::io::Seek as _;

    use super::*;

    #[test]
    fn what_is_no_request_is_answered_with_a_problem() {
        for input in ["", "{}", "[]", "{\"program\":null,\"surprise\":1}"] {
            let mut answer = tempfile::tempfile().unwrap();
            serve_one(input.as_bytes(), answer.try_clone().unwrap().into()).unwrap();
            let mut text = String::new();
            answer.rewind().unwrap();
            answer.read_to_string(&mut text).unwrap();
            let Started::Refused(problem) = serde_json::from_str(&text).unwrap() else {
                panic!("{input} was understood")
            };
            assert_eq!(problem.code, codes::CHILD, "{input}");
            assert!(problem.text.contains("not understood"), "{problem}");
        }
    }
}
