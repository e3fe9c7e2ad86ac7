//! What tests with a real child share: the child is this test binary, the renderers are real ones or hostile scripts.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use kubeopt_model::source::RendererKind;
use kubeopt_model::{FileSet, RepoPath};

use super::*;

/// Set by the script that stands for kubeopt, and by nobody else.
const CHILD_VARIABLE: &str = "KUBEOPT_TEST_CHILD";

/// Becomes the renderer where the script below calls it, else checks that a child answers nonsense with a problem.
#[test]
fn the_render_child_answers_one_request() {
    let Some(kind) = std::env::var_os(CHILD_VARIABLE) else {
        let answer = tempfile::tempfile().unwrap();
        serve_one(&b"no request"[..], answer.try_clone().unwrap().into()).unwrap();
        assert!(answer.metadata().unwrap().len() > 0);
        return;
    };
    if kind == "without landlock" {
        old_kernel();
    }
    let output = std::fs::OpenOptions::new().write(true).open("/dev/fd/3").unwrap();
    if let Err(error) = serve_one(std::io::stdin().lock(), output.into()) {
        // The harness' own words are kept from the standard error by `--nocapture`; this is what kubeopt would print.
        std::io::Write::write_all(&mut std::io::stderr(), format!("{error}\n").as_bytes()).unwrap();
        panic!("it did not become the renderer");
    }
}

/// Answers landlock's calls as a kernel does that has none.
fn old_kernel() {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter};
    let calls = [libc::SYS_landlock_create_ruleset, libc::SYS_landlock_restrict_self];
    let filter = SeccompFilter::new(
        calls.into_iter().map(|call| (call, Vec::new())).collect(),
        SeccompAction::Allow,
        SeccompAction::Errno(libc::ENOSYS.unsigned_abs()),
        std::env::consts::ARCH.try_into().unwrap(),
    );
    let program: BpfProgram = filter.unwrap().try_into().unwrap();
    seccompiler::apply_filter(&program).unwrap();
}

/// A script that stands for kubeopt and runs the test above, with the harness' words kept apart.
pub(crate) fn child(folder: &Path, kind: &str) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let test = "render::testing::the_render_child_answers_one_request";
    script(
        folder,
        "kubeopt",
        &format!(
            "exec 3>&1 >/dev/null\n{CHILD_VARIABLE}='{kind}' exec '{}' --exact {test} --nocapture",
            own.display()
        ),
    )
}

/// An executable shell script.
///
/// Another process writes it: a program that this one has open for writing cannot be run (ETXTBSY), and whatever another
/// test starts at that moment keeps it open.
pub(crate) fn script(folder: &Path, name: &str, text: &str) -> PathBuf {
    let path = folder.join(name);
    let mut writer = std::process::Command::new("/bin/sh")
        .args(["-c", "cat >\"$1\" && chmod 700 \"$1\"", "sh"])
        .arg(&path)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    let mut stdin = writer.stdin.take().unwrap();
    stdin.write_all(format!("#!/bin/sh\n{text}\n").as_bytes()).unwrap();
    drop(stdin);
    assert!(writer.wait().unwrap().success());
    path
}

/// A renderer with a real child, the real kustomize and the real helm. The folder must outlive it.
pub(crate) async fn real(folder: &Path) -> Renderer {
    let kustomize = KustomizeBinary::find(program("KUBEOPT_KUSTOMIZE", "kustomize").as_deref()).await;
    let helm = HelmBinary::find(program("KUBEOPT_HELM", "helm").as_deref()).await;
    let kustomize = kustomize.expect("install kustomize, or let KUBEOPT_KUSTOMIZE name it");
    let helm = helm.expect("install helm, or let KUBEOPT_HELM name it");
    Renderer::new(child(folder, "full"), Some(kustomize), Some(helm))
}

/// What the variable names, else what the tests' servers hold; none looks on the path.
fn program(variable: &str, name: &str) -> Option<PathBuf> {
    let built =
        || SERVERS.iter().find(|(server, _)| server == name).map(|(_, path)| path.join("bin").join(name));
    std::env::var_os(variable).map(PathBuf::from).or_else(built).filter(|path| path.is_file())
}

static SERVERS: LazyLock<Vec<(String, PathBuf)>> = LazyLock::new(|| {
    let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/servers/build");
    let output = Command::new(build).arg("--list").output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).into_owned()).unwrap_or_default();
    text.lines()
        .filter_map(|line| line.split_once('\t'))
        .map(|(name, folder)| (name.to_owned(), PathBuf::from(folder)))
        .collect()
});

/// A request with these files and default limits.
pub(crate) fn request(kind: RendererKind, entry: &str, files: &[(&str, &str)]) -> RenderRequest {
    RenderRequest {
        kind,
        entry: RepoPath::new(entry).unwrap(),
        files: files
            .iter()
            .map(|(path, text)| (RepoPath::new(path).unwrap(), text.as_bytes().to_vec()))
            .collect::<FileSet>(),
        limits: RenderLimits::default(),
        overlay: None,
        target_namespace: None,
        helm: None,
    }
}

/// Renders and gives the text, or the problem.
pub(crate) async fn text(
    renderer: &Renderer,
    request: &RenderRequest,
) -> Result<String, kubeopt_model::Problem> {
    let rendered = renderer.render(request).await?;
    Ok(String::from_utf8(rendered.output).unwrap())
}

/// Whether this kernel has landlock: what tests of the sandbox expect differs.
pub(crate) fn has_landlock() -> bool {
    use landlock::{AccessFs, CompatLevel, Compatible as _, Ruleset, RulesetAttr as _};
    let required = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    required.handle_access(AccessFs::Execute).and_then(Ruleset::create).is_ok()
}
