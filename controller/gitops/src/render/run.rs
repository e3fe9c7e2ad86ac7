//! One run of kustomize over prepared files, in a private folder, with a cleared environment.

use std::io::Read as _;
use std::os::unix::process::ExitStatusExt as _;
use std::process::{Command, ExitStatus, Stdio};

use kubeopt_model::{Problem, RepoPath};
use rustix::process::Signal;

use crate::codes;
use crate::render::kustomize::{Flavour, KustomizeBinary};
use crate::render::layout::Layout;
use crate::render::limits::RENDERER_CPUS;
use crate::render::overlay;
use crate::render::plain::output_too_large;
use crate::render::protocol::RenderRequest;
use crate::render::references::{Checked, Restrictor, Tree, check};

/// Characters of kustomize's message that are shown.
const MESSAGE_CHARS_MAX: usize = 800;

/// Bytes of it that are read.
const MESSAGE_BYTES_MAX: u64 = 64 * 1024;

/// Renders one request.
///
/// # Errors
/// Every `E-REN` problem but those of plain files and of the child itself.
pub(crate) fn run(request: &RenderRequest, binary: &KustomizeBinary) -> Result<String, Problem> {
    let checked = check_request(request)?;
    let RenderRequest { entry, files, limits, .. } = request;
    let layout = Layout::new()?;
    layout.write(checked.layout(files))?;
    let (complaints, stderr) = layout.complaints()?;
    let mut command = command(binary, checked.restrictor, entry, &layout);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(stderr);
    let mut child = command.spawn().map_err(|error| not_started(binary, &error))?;
    let mut output = Vec::new();
    let limit = limits.output_bytes;
    let stdout = child.stdout.take().expect("its standard output is a pipe");
    let read = stdout.take(limit + 1).read_to_end(&mut output);
    if output.len() as u64 > limit || read.is_err() {
        // It may be gone already; either way it ends.
        let _gone = child.kill();
        let _ended = child.wait();
        return Err(output_too_large(entry, limit));
    }
    let status = child.wait().map_err(|error| not_started(binary, &error))?;
    if status.success() {
        return String::from_utf8(output).map_err(|_| refused(entry, "the output is not UTF-8"));
    }
    let mut bytes = Vec::new();
    if let Ok(file) = std::fs::File::open(complaints) {
        // What can be read of it is shown; it is missing only where the disk is.
        let _partial = file.take(MESSAGE_BYTES_MAX).read_to_end(&mut bytes);
    }
    Err(judge(request, status, &layout.hide_place(&String::from_utf8_lossy(&bytes))))
}

/// What kustomize would be given for a request, without running it.
///
/// # Errors
/// As the preparation and the check of references.
pub(crate) fn check_request(request: &RenderRequest) -> Result<Checked, Problem> {
    let RenderRequest { entry, files, overlay, target_namespace, .. } = request;
    let instead = overlay::prepare(files, entry, overlay.as_deref(), target_namespace.as_ref())?;
    check(Tree { files, instead: &instead }, entry)
}

fn command(binary: &KustomizeBinary, restrictor: Restrictor, entry: &RepoPath, layout: &Layout) -> Command {
    let mut command = Command::new(&binary.program);
    match binary.flavour {
        Flavour::Kustomize => command.arg("build"),
        Flavour::Kubectl => command.arg("kustomize"),
    };
    // Nothing that starts with `--enable-` is ever passed: no plugins, no functions, no Helm.
    command.arg(layout.folder(entry)).arg(match restrictor {
        Restrictor::RootOnly => "--load-restrictor=LoadRestrictionsRootOnly",
        Restrictor::None => "--load-restrictor=LoadRestrictionsNone",
    });
    command
        .current_dir(&layout.root)
        .env_clear()
        .env("HOME", &layout.empty)
        // Empty, so that neither git nor a plugin is found.
        .env("PATH", &layout.empty)
        .env("TMPDIR", &layout.empty)
        .env("KUBECONFIG", "/dev/null")
        .env("GOMAXPROCS", RENDERER_CPUS.to_string());
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY"] {
        // Go's HTTP client then connects to a port where nobody listens instead of going out.
        command.env(proxy, "http://127.0.0.1:9");
    }
    command
}

fn not_started(binary: &KustomizeBinary, error: &std::io::Error) -> Problem {
    Problem::new(
        codes::CHILD,
        format!("unable to run {}: {error}", binary.program.display()),
        "check that the file is an executable for this machine",
    )
}

/// What Go says when its address space ends, at the start or later.
const OUT_OF_MEMORY: [&str; 3] =
    ["out of memory", "cannot allocate memory", "fatal error: failed to reserve"];

/// Why kustomize ended without success.
fn judge(request: &RenderRequest, status: ExitStatus, complaint: &str) -> Problem {
    let RenderRequest { entry, limits, .. } = request;
    if status.signal() == Some(Signal::XCPU.as_raw()) {
        return too_slow(entry, limits.time_ms);
    }
    if OUT_OF_MEMORY.iter().any(|words| complaint.contains(words)) {
        return Problem::new(
            codes::RENDER_MEMORY,
            format!("kustomize needs more than {} MiB for `{entry}`", limits.memory_bytes / 1024 / 1024),
            "look for YAML aliases that multiply, or split the folder into several entry points",
        )
        .at(entry.to_string(), None);
    }
    match clean(complaint) {
        text if text.is_empty() => refused(entry, &status.to_string()),
        text => refused(entry, &text),
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

fn refused(entry: &RepoPath, text: &str) -> Problem {
    Problem::new(
        codes::RENDER_FAILED,
        format!("kustomize cannot build `{entry}`: {text}"),
        "run `kustomize build` on this folder, correct what it reports, then rerun",
    )
    .at(entry.to_string(), None)
}

/// One line without control characters and without the prefixes of the programs' loggers.
fn clean(complaint: &str) -> String {
    let text = complaint.trim();
    // kubectl: E1121 18:54:14.010571 19529 run.go:72] "command failed" err="..."
    let text = match text.split_once("\"command failed\" err=\"") {
        Some((_, rest)) => rest.trim_end_matches('"').replace("\\\"", "\""),
        None => text.trim_start_matches("Error: ").trim_start_matches("error: ").to_owned(),
    };
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).take(MESSAGE_CHARS_MAX).collect()
}

#[cfg(test)]
#[path = "run_tests.rs"]
mod tests;
