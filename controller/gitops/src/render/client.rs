//! The parent's end: plain folders are done here, everything else in a child that cannot outlive its time.

use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use kubeopt_model::edit::ProvenBy;
use kubeopt_model::source::RendererKind;
use kubeopt_model::{Problem, RepoPath};
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use crate::codes;
use crate::render::child::REQUEST_BYTES_MAX;
use crate::render::kustomize::KustomizeBinary;
use crate::render::layout::private_folder;
use crate::render::plain;
use crate::render::protocol::{RenderAnswer, RenderRequest};
use crate::render::run::{check_request, too_slow};

/// Bytes of the child's own complaints that are read; it has none unless it crashes.
const COMPLAINT_BYTES_MAX: u64 = 16 * 1024;

/// JSON makes text longer, by its escapes: at most twice for YAML, whose quotes and line feeds become two bytes.
const JSON_FACTOR_MAX: u64 = 2;

/// Room for the rest of the answer.
const JSON_FRAME_BYTES_MAX: u64 = 64 * 1024;

/// Manifests, and how they came about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rendered {
    /// YAML documents.
    pub output: Vec<u8>,
    /// How.
    pub by: ProvenBy,
    /// Files of a plain folder that are no YAML and were left out.
    pub left_out: Vec<Problem>,
}

/// Renders folders.
#[derive(Debug, Clone)]
pub struct Renderer {
    /// The program whose subcommand `render` calls [`crate::serve_one`]: the running kubeopt itself.
    pub program: PathBuf,
    /// kustomize, where one was found.
    pub kustomize: Option<KustomizeBinary>,
}

impl Renderer {
    /// Renders one request. Dropping the future ends the child and what it started.
    ///
    /// # Errors
    /// Any `E-REN` problem.
    pub async fn render(&self, request: &RenderRequest) -> Result<Rendered, Problem> {
        if request.kind == RendererKind::Plain && request.is_bare() {
            let (output, left_out) =
                plain::concatenate(&request.files, &request.entry, request.limits.output_bytes)?;
            return Ok(Rendered { output, by: ProvenBy::Parsed, left_out });
        }
        let binary = self.kustomize.as_ref().ok_or_else(|| no_binary(request))?;
        let answer = self.ask_child(request, binary).await?;
        match read_answer(&answer)? {
            RenderAnswer::Ok { output, renderer } => Ok(Rendered {
                output: output.into_bytes(),
                by: ProvenBy::Rendered(renderer),
                left_out: Vec::new(),
            }),
            RenderAnswer::Err(problem) => Err(problem),
        }
    }

    async fn ask_child(&self, request: &RenderRequest, binary: &KustomizeBinary) -> Result<Answer, Problem> {
        let narrow = narrowed(request)?;
        let question = serde_json::to_vec(&narrow).map_err(|error| child_failed(&error.to_string()))?;
        if question.len() as u64 > REQUEST_BYTES_MAX {
            return Err(files_too_large(request));
        }
        // Made here, so that it is removed even where the child is killed.
        let private = private_folder()
            .map_err(|error| child_failed(&format!("no folder for temporary files: {error}")))?;
        let mut child = Command::new(&self.program)
            .arg("render")
            .env_clear()
            .env("TMPDIR", private.path())
            .envs(binary.hand_over())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .process_group(0)
            .kill_on_drop(true)
            .spawn()
            .map_err(|error| child_failed(&format!("{}: {error}", self.program.display())))?;
        let group = Group::of(&child);
        let limit = request.limits.output_bytes.saturating_mul(JSON_FACTOR_MAX) + JSON_FRAME_BYTES_MAX;
        let time = Duration::from_millis(request.limits.time_ms);
        let answer = tokio::time::timeout(time, talk(&mut child, &question, limit)).await;
        // The group goes before its leader is reaped: until then nobody else can have its number.
        drop(group);
        let _ended = child.wait().await;
        let answer = answer.map_err(|_| too_slow(&request.entry, request.limits.time_ms))?;
        if answer.output.len() as u64 > limit {
            return Err(plain::output_too_large(&request.entry, request.limits.output_bytes));
        }
        Ok(answer)
    }
}

/// The request with the files that are needed and no others: of a large repository, one entry needs few. The child
/// checks again and does not rely on this.
fn narrowed(request: &RenderRequest) -> Result<RenderRequest, Problem> {
    let needed = check_request(request)?.needed;
    let keep = |path: &RepoPath| Some((path.clone(), request.files.get(path)?.clone()));
    Ok(RenderRequest {
        kind: request.kind,
        entry: request.entry.clone(),
        files: needed.iter().filter_map(keep).collect(),
        limits: request.limits,
        overlay: request.overlay.clone(),
        target_namespace: request.target_namespace.clone(),
    })
}

/// What the child wrote.
struct Answer {
    output: Vec<u8>,
    complaint: Vec<u8>,
}

/// Writes and reads at once: neither side may wait for the other's full pipe.
async fn talk(child: &mut Child, question: &[u8], limit_bytes: u64) -> Answer {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A child that ends without reading has an answer or a complaint, which tells more than a broken pipe.
            let _broken = stdin.write_all(question).await;
            let _broken = stdin.shutdown().await;
        }
    };
    let ((), output, complaint) =
        tokio::join!(write, read(stdout, limit_bytes + 1), read(stderr, COMPLAINT_BYTES_MAX));
    Answer { output, complaint }
}

async fn read(from: Option<impl AsyncRead + Unpin>, limit_bytes: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // What could be read is judged; a broken pipe is a short answer.
        let _broken = from.take(limit_bytes).read_to_end(&mut bytes).await;
    }
    bytes
}

fn read_answer(answer: &Answer) -> Result<RenderAnswer, Problem> {
    serde_json::from_slice(&answer.output).map_err(|error| {
        let complaint: String = String::from_utf8_lossy(&answer.complaint)
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(400)
            .collect();
        match complaint.trim() {
            "" => child_failed(&format!("its answer is not understood: {error}")),
            complaint => child_failed(complaint),
        }
    })
}

/// The child and everything that it started; ended when the value goes.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(leader) = self.0 {
            // The only error is that nobody is left, which is what is wanted.
            let _nobody_left = kill_process_group(leader, Signal::KILL);
        }
    }
}

fn no_binary(request: &RenderRequest) -> Problem {
    Problem::new(
        codes::RENDERER_MISSING,
        format!("`{}` needs kustomize, and none was found", request.entry),
        "install kustomize v5 (or kubectl) on the path, or name its path in the environment variable KUBEOPT_KUSTOMIZE",
    )
}

fn files_too_large(request: &RenderRequest) -> Problem {
    Problem::new(
        codes::RENDER_FILES,
        format!("the files for `{}` are larger than the render process takes", request.entry),
        "keep large files out of the repository, or split it",
    )
}

fn child_failed(why: &str) -> Problem {
    Problem::new(
        codes::CHILD,
        format!("the render process failed: {why}"),
        "check the memory limit of kubeopt's container; if that is not it, please report this message",
    )
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
