//! Why a renderer ended without success: its own words, cleaned, with the file and line that they name.

use std::os::unix::process::ExitStatusExt as _;
use std::process::ExitStatus;

use kubeopt_model::source::RendererKind;
use kubeopt_model::{Problem, RepoPath};
use rustix::process::Signal;

use crate::codes;
use crate::render::child::NOT_STARTED;
use crate::render::protocol::RenderRequest;

/// Characters of a renderer's message that are shown.
const MESSAGE_CHARS_MAX: usize = 800;

/// What Go says when its address space ends, at the start or later.
const OUT_OF_MEMORY: [&str; 4] =
    ["out of memory", "cannot allocate memory", "fatal error: failed to reserve", "newosproc"];

/// Judges the end of a renderer. `complaint` is its standard error, without the place on this machine.
pub(crate) fn judge(request: &RenderRequest, status: ExitStatus, complaint: &str) -> Problem {
    let RenderRequest { entry, limits, .. } = request;
    let ended_by = |signal: Signal| status.signal() == Some(signal.as_raw());
    // The kernel ends with KILL what has used up its processor time and does not heed the warning, as Go does not.
    if ended_by(Signal::XCPU) || ended_by(Signal::KILL) {
        return too_slow(entry, limits.time_ms);
    }
    if let Some(why) = complaint.trim_start().strip_prefix(NOT_STARTED) {
        return not_started(why);
    }
    if OUT_OF_MEMORY.iter().any(|words| complaint.contains(words)) {
        return Problem::new(
            codes::RENDER_MEMORY,
            format!(
                "{} needs more than {} MiB for `{entry}`",
                request.kind,
                limits.memory_bytes / 1024 / 1024
            ),
            "look for YAML aliases that multiply, or split the folder into several entry points",
        )
        .at(entry.to_string(), None);
    }
    let text = match clean(complaint) {
        text if text.is_empty() => status.to_string(),
        text => text,
    };
    match request.kind {
        RendererKind::Helm => of_helm(request, &text),
        RendererKind::Kustomize | RendererKind::Plain => refused(entry, &text),
    }
}

/// Rendering took too long, by the clock or by the processor.
pub(crate) fn too_slow(entry: &RepoPath, time_ms: u64) -> Problem {
    Problem::new(
        codes::RENDER_TIME,
        format!("rendering `{entry}` took longer than {time_ms} ms"),
        "split the folder into several entry points, or give kubeopt more CPU",
    )
}

/// The renderer's output is no text.
pub(crate) fn not_text(request: &RenderRequest) -> Problem {
    match request.kind {
        RendererKind::Helm => of_helm(request, "the output is not UTF-8"),
        RendererKind::Kustomize | RendererKind::Plain => refused(&request.entry, "the output is not UTF-8"),
    }
}

fn not_started(why: &str) -> Problem {
    Problem::new(
        codes::CHILD,
        format!("unable to run the renderer: {}", clean(why)),
        "check that it is an executable for this machine, and the program itself rather than a script that calls it",
    )
}

fn refused(entry: &RepoPath, text: &str) -> Problem {
    Problem::new(
        codes::RENDER_FAILED,
        format!("kustomize cannot build `{entry}`: {text}"),
        "run `kustomize build` on this folder, correct what it reports, then rerun",
    )
    .at(entry.to_string(), None)
}

fn of_helm(request: &RenderRequest, text: &str) -> Problem {
    let RenderRequest { entry, .. } = request;
    if text.contains("meet the specifications of the schema") {
        return Problem::new(
            codes::SCHEMA,
            format!("the values do not meet the schema of chart `{entry}`: {text}"),
            "correct the values that it names; the schema is the chart's values.schema.json",
        )
        .at(entry.to_string(), None);
    }
    if let Some((_, names)) = text.split_once("missing in charts/ directory:") {
        return Problem::new(
            codes::DEPENDENCIES,
            format!(
                "chart `{entry}` depends on charts that are not in its folder `charts`: {}",
                names.trim()
            ),
            "run `helm dependency build` and commit its folder `charts`, or give the archives to kubeopt",
        )
        .at(entry.to_string(), None);
    }
    let problem = Problem::new(
        codes::RENDER_FAILED,
        format!("helm cannot render `{entry}`: {text}"),
        "run `helm template` on this chart with the same values, correct what it reports, then rerun",
    );
    match template_place(request, text) {
        Some((file, line)) => problem.at(file.as_str(), line),
        None => problem.at(entry.to_string(), None),
    }
}

/// `web/templates/deployment.yaml:12:20` names line 12 of a template of chart `web`. The last such place that is a file
/// of the request is the innermost one; one without a line is taken only where there is no other.
fn template_place(request: &RenderRequest, text: &str) -> Option<(RepoPath, Option<usize>)> {
    let places = text.split(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '"' | ',' | '<' | '>'));
    let found = places.filter_map(|word| {
        let mut parts = word.split(':');
        // Helm writes the chart's name where the folder is; the folder may have another.
        let (_, file) = parts.next()?.split_once('/')?;
        let file = request.entry.join(file).ok()?;
        let line = parts.next().and_then(|line| line.parse().ok());
        request.files.contains_key(&file).then_some((file, line))
    });
    found.fold(None, |kept, next| match (&kept, &next) {
        (Some((_, Some(_))), (_, None)) => kept,
        _ => Some(next),
    })
}

/// One line without control characters and without the prefixes of the programs' loggers.
fn clean(complaint: &str) -> String {
    let text = complaint.trim();
    // kubectl: E1121 18:54:14.010571 19529 run.go:72] "command failed" err="..."
    let text = match text.split_once("\"command failed\" err=\"") {
        Some((_, rest)) => rest.trim_end_matches('"').replace("\\\"", "\""),
        None => own_words(text).to_owned(),
    };
    let text = text.replace("Use --debug flag to render out invalid YAML", "");
    let text: String =
        text.trim().chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_CHARS_MAX).collect();
    text.trim_end().to_owned()
}

/// What follows `Error: `; warnings and log lines stand before it.
fn own_words(text: &str) -> &str {
    let starts = ["Error: ", "error: "];
    let begins = |line: &str| starts.iter().any(|start| line.starts_with(start));
    let mut at = 0;
    for line in text.split_inclusive('\n') {
        if begins(line) {
            return &text[at + "Error: ".len()..];
        }
        at += line.len();
    }
    text
}

#[cfg(test)]
mod tests {
    use kubeopt_model::FileSet;

    use super::*;
    use crate::render::protocol::RenderLimits;

    fn request(kind: RendererKind) -> RenderRequest {
        let path = |text| RepoPath::new(text).unwrap();
        RenderRequest {
            kind,
            entry: path("o"),
            files: FileSet::from([(path("o/templates/a.yaml"), vec![]), (path("o/templates/b.tpl"), vec![])]),
            limits: RenderLimits::default(),
            overlay: None,
            target_namespace: None,
            helm: None,
        }
    }

    #[test]
    fn the_prefixes_of_loggers_are_removed() {
        let kubectl =
            "E1121 18:54:14.010571   19529 run.go:72] \"command failed\" err=\"no \\\"a\\\" there\"\n";
        assert_eq!(clean(kubectl), "no \"a\" there");
        assert_eq!(clean("Error: no \u{1b}[1ma there\n"), "no  [1ma there");
        assert_eq!(clean("level=WARN msg=x\nError: broken\nmore\n"), "broken more");
        assert_eq!(clean("Error: broken\n\nUse --debug flag to render out invalid YAML\n"), "broken");
    }

    #[test]
    fn the_end_of_time_and_of_memory_are_told_apart_from_mistakes() {
        let request = request(RendererKind::Kustomize);
        for signal in [Signal::XCPU, Signal::KILL] {
            assert_eq!(judge(&request, ExitStatus::from_raw(signal.as_raw()), "").code, codes::RENDER_TIME);
        }
        let failed = ExitStatus::from_raw(2 << 8);
        let memory = judge(&request, failed, "runtime: out of memory: cannot allocate 4194304-byte block");
        assert_eq!((memory.code.as_str(), memory.text.contains("2048 MiB")), (codes::RENDER_MEMORY, true));
        assert_eq!(judge(&request, failed, "").text, "kustomize cannot build `o`: exit status: 2");
        let missing = judge(&request, failed, &format!("{NOT_STARTED}Exec format error\n"));
        assert_eq!((missing.code.as_str(), missing.text.contains("Exec format")), (codes::CHILD, true));
    }

    #[test]
    fn the_template_and_line_that_helm_names_become_the_place() {
        let request = request(RendererKind::Helm);
        let failed = ExitStatus::from_raw(1 << 8);
        for (text, want) in [
            (
                "Error: template: web/templates/a.yaml:12:20: executing \"x\" at <.a>: nil pointer",
                "o/templates/a.yaml:12",
            ),
            ("Error: execution error at (web/templates/a.yaml:3:4): set .Values.x", "o/templates/a.yaml:3"),
            ("Error: YAML parse error on web/templates/a.yaml: yaml: line 5: found", "o/templates/a.yaml"),
            (
                "Error: template: web/templates/a.yaml:1:2: error calling include: template: web/templates/b.tpl:9:1: x",
                "o/templates/b.tpl:9",
            ),
            ("Error: template: web/templates/gone.yaml:12:20: x", "o"),
            ("Error: ../../etc/passwd:1: x", "o"),
        ] {
            let problem = judge(&request, failed, text);
            assert_eq!(
                (problem.code.as_str(), problem.place.unwrap().to_string()),
                (codes::RENDER_FAILED, want.to_owned())
            );
        }
    }
}
