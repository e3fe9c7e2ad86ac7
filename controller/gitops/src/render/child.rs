//! The body of `kubeopt render`: one request in, one answer out.

use std::io::{Read, Write};

use kubeopt_model::Problem;

use crate::codes;
use crate::render::kustomize::KustomizeBinary;
use crate::render::limits::confine_self;
use crate::render::protocol::{RenderAnswer, RenderRequest};
use crate::render::run::run;

/// Largest request. Base64 makes 96 MiB of files out of it, far more than the manifests of any repository.
pub(crate) const REQUEST_BYTES_MAX: u64 = 128 * 1024 * 1024;

/// Reads one [`RenderRequest`], puts limits on this process, renders, and writes one [`RenderAnswer`].
///
/// The process is good for nothing else afterwards: the limits stay. Which kustomize is used stands in the environment
/// that [`crate::Renderer`] has set.
///
/// # Errors
/// Only when the answer cannot be written; every other fault is an answer.
pub fn serve_one(input: impl Read, mut output: impl Write) -> std::io::Result<()> {
    let answer = match answer(input) {
        Ok(answer) => answer,
        Err(problem) => RenderAnswer::Err(problem),
    };
    serde_json::to_writer(&mut output, &answer)?;
    output.flush()
}

fn answer(input: impl Read) -> Result<RenderAnswer, Problem> {
    let request = read_request(input)?;
    let binary = KustomizeBinary::handed_over().ok_or_else(|| {
        unusable("it was not told which kustomize to use; it is started by kubeopt itself, not by hand")
    })?;
    confine_self(&request.limits)?;
    Ok(RenderAnswer::Ok { output: run(&request, &binary)?, renderer: binary.label() })
}

fn read_request(input: impl Read) -> Result<RenderRequest, Problem> {
    let mut bytes = Vec::new();
    input
        .take(REQUEST_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| unusable(&format!("unable to read the request: {error}")))?;
    if bytes.len() as u64 > REQUEST_BYTES_MAX {
        return Err(unusable(&format!("the request is larger than {REQUEST_BYTES_MAX} bytes")));
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
    use super::*;

    fn ask(input: &str) -> Problem {
        let mut output = Vec::new();
        serve_one(input.as_bytes(), &mut output).unwrap();
        match serde_json::from_slice(&output).unwrap() {
            RenderAnswer::Err(problem) => problem,
            RenderAnswer::Ok { .. } => panic!("no answer was expected"),
        }
    }

    #[test]
    fn what_is_no_request_is_answered_with_a_problem() {
        for input in ["", "{}", "[]", "{\"kind\":\"plain\",\"surprise\":1}"] {
            let problem = ask(input);
            assert_eq!(problem.code, codes::CHILD, "{input}");
            assert!(problem.text.contains("not understood"), "{problem}");
        }
    }

    #[test]
    fn without_its_parent_it_does_not_search_for_a_program() {
        let request = r#"{"kind":"kustomize","entry":"","files":{},"limits":{"timeMs":1,"outputBytes":1,"memoryBytes":1},"overlay":null,"targetNamespace":null}"#;
        assert!(ask(request).text.contains("was not told"));
    }
}
