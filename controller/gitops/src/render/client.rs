//! The parent's end: plain folders are done here, everything else in a child that cannot outlive its time.

use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use kubeopt_model::Problem;
use kubeopt_model::edit::ProvenBy;
use kubeopt_model::source::RendererKind;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::process::{Child, Command};

use crate::codes;
use crate::render::cache::{Cache, Key};
use crate::render::complaint::{judge, not_text, too_slow};
use crate::render::helm::HelmBinary;
use crate::render::kustomize::KustomizeBinary;
use crate::render::layout::Layout;
use crate::render::limits::RENDERER_CPUS;
use crate::render::plain::{self, output_too_large};
use crate::render::prepare::Prepared;
use crate::render::protocol::{Launch, RenderLimits, RenderRequest, Sandbox, Started};
use crate::render::rendered::Rendered;
use crate::render::{helm, kustomize};

/// Bytes of complaints that are read; what a renderer writes beyond that ends it.
const COMPLAINT_BYTES_MAX: u64 = 64 * 1024;

/// Longest first line of the child: a problem, or the missing parts of the sandbox.
const STARTED_BYTES_MAX: u64 = 64 * 1024;

/// Renders folders. Clones share what was rendered before.
#[derive(Debug, Clone)]
pub struct Renderer {
    /// The program whose subcommand `render` calls [`crate::serve_one`]: the running kubeopt itself.
    pub program: PathBuf,
    /// kustomize, where one was found.
    pub kustomize: Option<KustomizeBinary>,
    /// Helm, where one was found.
    pub helm: Option<HelmBinary>,
    /// The least confinement in which the two may run.
    pub sandbox: Sandbox,
    cache: Arc<Cache>,
}

impl Renderer {
    /// A renderer with an empty cache and the full sandbox.
    pub fn new(program: PathBuf, kustomize: Option<KustomizeBinary>, helm: Option<HelmBinary>) -> Self {
        Self { program, kustomize, helm, sandbox: Sandbox::Full, cache: Arc::default() }
    }

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
        let tool = self.tool(request)?;
        let key =
            Key::of(tool.program, &tool.label, &tool.prepared, &request.files, &request.limits, self.sandbox);
        if let Some(rendered) = self.cache.get(&key) {
            return Ok(rendered);
        }
        let rendered = self.run(request, &tool).await?;
        self.cache.keep(key, &rendered);
        Ok(rendered)
    }

    /// Tries the sandbox without rendering anything: `landlock and seccomp`, or what is missing.
    ///
    /// # Errors
    /// `E-REN-018` where a part is missing and [`Sandbox::Full`] is wanted, `E-REN-008` where there is no child.
    pub async fn check_sandbox(&self) -> Result<String, Problem> {
        let limits = RenderLimits { output_bytes: 0, ..RenderLimits::default() };
        let root = PathBuf::from("/");
        let launch = Launch {
            program: None,
            arguments: Vec::new(),
            readable: root.clone(),
            start: root,
            limits,
            sandbox: self.sandbox,
        };
        let answer = ask(Command::new(&self.program), &launch).await?.ok_or_else(|| timed_out(&limits))?;
        let missing = answer.started()?.0;
        Ok(if missing.is_empty() {
            "landlock and seccomp".to_owned()
        } else {
            format!("reduced: {}", missing.join("; "))
        })
    }

    fn tool(&self, request: &RenderRequest) -> Result<Tool<'_>, Problem> {
        match request.kind {
            RendererKind::Helm => {
                let binary = self.helm.as_ref().ok_or_else(|| no_binary(request, "helm", helm::INSTALL))?;
                Ok(Tool {
                    program: &binary.program,
                    label: binary.label(),
                    prepared: helm::prepare(request)?,
                })
            }
            RendererKind::Kustomize | RendererKind::Plain => {
                let binary = self
                    .kustomize
                    .as_ref()
                    .ok_or_else(|| no_binary(request, "kustomize", kustomize::INSTALL))?;
                let prepared = kustomize::prepare(request, binary.flavour)?;
                Ok(Tool { program: &binary.program, label: binary.label(), prepared })
            }
        }
    }

    async fn run(&self, request: &RenderRequest, tool: &Tool<'_>) -> Result<Rendered, Problem> {
        let layout = Layout::of(&tool.prepared, &request.files)?;
        let launch = Launch {
            program: Some(tool.program.to_owned()),
            arguments: tool.prepared.arguments.clone(),
            readable: layout.home().to_owned(),
            start: layout.root.clone(),
            limits: request.limits,
            sandbox: self.sandbox,
        };
        let mut command = Command::new(&self.program);
        environment(&mut command, &layout, &request.limits);
        let answer = ask(command, &launch).await?;
        let answer = answer.ok_or_else(|| too_slow(&request.entry, request.limits.time_ms))?;
        let (missing, output) = answer.started()?;
        if output.len() as u64 > request.limits.output_bytes {
            return Err(output_too_large(&request.entry, request.limits.output_bytes));
        }
        if !answer.status.success() {
            let complaint = layout.hide_place(&String::from_utf8_lossy(&answer.complaint));
            return Err(judge(request, answer.status, &complaint));
        }
        if std::str::from_utf8(output).is_err() {
            return Err(not_text(request));
        }
        let label = &tool.label;
        let by = if missing.is_empty() { label.clone() } else { format!("{label}, reduced sandbox") };
        Ok(Rendered { output: output.to_vec(), by: ProvenBy::Rendered(by), left_out: Vec::new() })
    }
}

/// The program for a request, and what it is given.
struct Tool<'a> {
    program: &'a Path,
    label: String,
    prepared: Prepared,
}

/// How much Go's heap grows before it is collected, in percent of what is in use. A rendering is over soon: collecting
/// less takes a fifth to a quarter of its processor time away, and a chart of 12 services needs 52 MiB instead of 50.
const HEAP_GROWTH_PERCENT: u32 = 800;

/// Part of the address space above which Go collects as often as it must.
const HEAP_PART: u64 = 4;

/// Everything that the renderer finds in its environment.
fn environment(command: &mut Command, layout: &Layout, limits: &RenderLimits) {
    command.env_clear().env("KUBECONFIG", "/dev/null").env("GOMAXPROCS", RENDERER_CPUS.to_string());
    command.env("GOGC", HEAP_GROWTH_PERCENT.to_string());
    command.env("GOMEMLIMIT", (limits.memory_bytes / HEAP_PART).to_string());
    // An empty folder as home and search path, so that neither git nor a plugin nor a cache is found.
    for name in
        ["HOME", "PATH", "TMPDIR", "HELM_CACHE_HOME", "HELM_CONFIG_HOME", "HELM_DATA_HOME", "HELM_PLUGINS"]
    {
        command.env(name, &layout.empty);
    }
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY"] {
        // Where the sandbox is reduced, Go's HTTP client connects to a port where nobody listens instead of going out.
        command.env(proxy, "http://127.0.0.1:9");
    }
}

/// What the child wrote, and how it ended.
struct Answer {
    output: Vec<u8>,
    complaint: Vec<u8>,
    status: ExitStatus,
}

impl Answer {
    /// The missing parts of the sandbox, and the renderer's own output.
    fn started(&self) -> Result<(Vec<String>, &[u8]), Problem> {
        let end = self.output.iter().position(|byte| *byte == b'\n').unwrap_or(self.output.len());
        let (line, rest) = self.output.split_at(end);
        match serde_json::from_slice(line) {
            Ok(Started::Confined { missing }) => Ok((missing, rest.get(1..).unwrap_or_default())),
            Ok(Started::Refused(problem)) => Err(problem),
            Err(error) => Err(self.not_understood(&error)),
        }
    }

    fn not_understood(&self, error: &serde_json::Error) -> Problem {
        let complaint: String = String::from_utf8_lossy(&self.complaint)
            .chars()
            .map(|c| if c.is_control() { ' ' } else { c })
            .take(400)
            .collect();
        match complaint.trim() {
            "" => child_failed(&format!("its answer is not understood: {error}")),
            complaint => child_failed(complaint),
        }
    }
}

/// Starts the child, tells it what to become, and reads all that it says; none when its time is over.
async fn ask(mut command: Command, launch: &Launch) -> Result<Option<Answer>, Problem> {
    let question = serde_json::to_vec(launch).map_err(|error| child_failed(&error.to_string()))?;
    let mut child = command
        .arg("render")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| {
            child_failed(&format!("{}: {error}", command.as_std().get_program().to_string_lossy()))
        })?;
    let group = Group::of(&child);
    // One byte more than is allowed tells that there is more.
    let limit = launch.limits.output_bytes.saturating_add(STARTED_BYTES_MAX + 1);
    let time = Duration::from_millis(launch.limits.time_ms);
    let talked = tokio::time::timeout(time, async {
        let (output, complaint) = talk(&mut child, &question, limit).await;
        Answer::ended(child.wait().await, output, complaint)
    });
    let answer = talked.await.ok().transpose()?;
    let confined = |answer: &Answer| answer.started().is_ok_and(|(missing, _)| missing.is_empty());
    if answer.as_ref().is_some_and(confined) {
        // It has ended, and it could not start anything that would be left.
        group.forget();
    } else {
        // Before a leader that hangs is reaped: until then nobody else can have its number.
        drop(group);
    }
    let _ended = child.wait().await;
    Ok(answer)
}

impl Answer {
    fn ended(
        status: std::io::Result<ExitStatus>,
        output: Vec<u8>,
        complaint: Vec<u8>,
    ) -> Result<Self, Problem> {
        let status = status.map_err(|error| child_failed(&error.to_string()))?;
        Ok(Self { output, complaint, status })
    }
}

/// Writes and reads at once: neither side may wait for the other's full pipe. A pipe of which enough was read is closed,
/// which ends who goes on writing.
async fn talk(child: &mut Child, question: &[u8], limit_bytes: u64) -> (Vec<u8>, Vec<u8>) {
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    let write = async {
        if let Some(mut stdin) = stdin {
            // A child that ends without reading has an answer or a complaint, which tells more than a broken pipe.
            let _broken = stdin.write_all(question).await;
            let _broken = stdin.shutdown().await;
        }
    };
    let ((), output, complaint) =
        tokio::join!(write, read(stdout, limit_bytes), read(stderr, COMPLAINT_BYTES_MAX));
    (output, complaint)
}

async fn read(from: Option<impl AsyncRead + Unpin>, limit_bytes: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(from) = from {
        // What could be read is judged; a broken pipe is a short answer.
        let _broken = from.take(limit_bytes).read_to_end(&mut bytes).await;
    }
    bytes
}

/// The child and everything that it started; ended when the value goes.
struct Group(Option<Pid>);

impl Group {
    fn of(child: &Child) -> Self {
        Self(child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw))
    }
}

impl Group {
    /// Nobody is left in it; its number may be another's by now.
    fn forget(mut self) {
        self.0 = None;
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

fn no_binary(request: &RenderRequest, name: &str, install: &str) -> Problem {
    Problem::new(
        codes::RENDERER_MISSING,
        format!("`{}` needs {name}, and none was found", request.entry),
        install,
    )
}

fn timed_out(limits: &RenderLimits) -> Problem {
    child_failed(&format!("it said nothing for {} ms", limits.time_ms))
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
