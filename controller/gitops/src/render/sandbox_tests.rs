//! What a hostile renderer can do: a script in the renderer's place, with a real child. It can compute, and no more.

use std::path::Path;

use kubeopt_model::Problem;
use kubeopt_model::source::RendererKind;

use super::testing::{child, has_landlock, request, script, text};
use super::{HelmBinary, RenderRequest, Renderer, Sandbox};
use crate::codes;

const FULL: &str = "full";
const WITHOUT_LANDLOCK: &str = "without landlock";

fn renderer(folder: &Path, kernel: &str, body: &str) -> Renderer {
    let helm = HelmBinary { program: script(folder, "helm", body), version: "v4.0.0".to_owned() };
    let mut renderer = Renderer::new(child(folder, kernel), None, Some(helm));
    if !has_landlock() {
        renderer.sandbox = Sandbox::Reduced;
    }
    renderer
}

fn chart() -> RenderRequest {
    let mut request = request(RendererKind::Helm, "c", &[("c/Chart.yaml", "name: c\n")]);
    request.limits.time_ms = 20_000;
    request
}

async fn run(body: &str) -> Result<String, Problem> {
    let folder = tempfile::tempdir().unwrap();
    text(&renderer(folder.path(), FULL, body), &chart()).await
}

#[tokio::test]
async fn it_reads_what_it_was_given() {
    let output = run(r#"read line <c/Chart.yaml; echo "$line; $1 $2""#).await.unwrap();
    assert_eq!(output, "name: c; template release-name\n");
}

#[tokio::test]
async fn it_opens_no_file_of_the_machine() {
    if !has_landlock() {
        return assert_refused_without_landlock().await;
    }
    let body = r#"for file in /etc/passwd /etc/hostname /proc/self/environ /proc/1/environ /proc/self/cmdline; do
        if read line <"$file"; then echo "read $file"; fi
    done 2>/dev/null; echo done"#;
    assert_eq!(run(body).await.unwrap(), "done\n");
}

#[tokio::test]
async fn it_writes_nowhere() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    let there = folder.path().join("there");
    std::fs::write(&there, "content").unwrap();
    let body = format!(
        r#"for file in '{}' '{}' "$HOME/new" c/Chart.yaml c/new /dev/shm/new /dev/null; do
        if echo x >"$file"; then echo "wrote $file"; fi
        if echo x >>"$file"; then echo "appended to $file"; fi
    done 2>/dev/null; echo done"#,
        outside.display(),
        there.display()
    );
    assert_eq!(text(&renderer(folder.path(), FULL, &body), &chart()).await.unwrap(), "done\n");
    assert!(!outside.exists());
    assert_eq!(std::fs::read_to_string(there).unwrap(), "content");
}

#[tokio::test]
async fn it_starts_no_process() {
    let problem = run(r#"bomb() { bomb | bomb & }; bomb; echo started"#).await.unwrap_err();
    assert_eq!(problem.code, codes::RENDER_FAILED);
    assert!(problem.text.contains("fork"), "{problem}");
}

#[tokio::test]
async fn it_becomes_no_other_program() {
    if !has_landlock() {
        return assert_refused_without_landlock().await;
    }
    let problem = run("exec /usr/bin/env").await.unwrap_err();
    assert_eq!(problem.code, codes::RENDER_FAILED);
    assert!(problem.text.contains("/usr/bin/env"), "{problem}");
}

#[tokio::test]
async fn it_signals_nobody_but_itself() {
    let mut witness = std::process::Command::new("sleep").arg("600").spawn().unwrap();
    let body = format!(
        "kill -9 {} 2>/dev/null && echo killed; kill -9 -1 2>/dev/null && echo killed; echo done",
        witness.id()
    );
    let output = run(&body).await.unwrap();
    let alive = witness.try_wait().unwrap().is_none();
    witness.kill().unwrap();
    witness.wait().unwrap();
    assert_eq!((output.as_str(), alive), ("done\n", true));
}

#[tokio::test]
async fn it_ends_when_it_hangs() {
    let mut request = chart();
    request.limits.time_ms = 1_000;
    let folder = tempfile::tempdir().unwrap();
    let problem = text(&renderer(folder.path(), FULL, "while :; do :; done"), &request).await.unwrap_err();
    assert_eq!(problem.code, codes::RENDER_TIME);
}

#[tokio::test]
async fn it_ends_when_it_writes_gigabytes_to_its_output_or_complaints() {
    let mut request = chart();
    request.limits.output_bytes = 1_000_000;
    let folder = tempfile::tempdir().unwrap();
    let line = "x".repeat(1_000);
    let endless = format!("while :; do echo {line}; done");
    let problem = text(&renderer(folder.path(), FULL, &endless), &request).await.unwrap_err();
    assert_eq!(problem.code, codes::RENDER_OUTPUT);
    let problem =
        text(&renderer(folder.path(), FULL, &format!("{endless} >&2")), &request).await.unwrap_err();
    assert_eq!(problem.code, codes::RENDER_FAILED);
    assert!(problem.text.len() < 2_000, "{problem}");
}

#[tokio::test]
async fn a_program_that_is_none_is_told_as_that() {
    let folder = tempfile::tempdir().unwrap();
    let mut renderer = renderer(folder.path(), FULL, "");
    let program = &mut renderer.helm.as_mut().unwrap().program;
    std::fs::write(&*program, "neither script nor program").unwrap();
    let problem = text(&renderer, &chart()).await.unwrap_err();
    assert_eq!(problem.code, codes::CHILD, "{problem}");
    assert!(problem.text.contains("unable to run"), "{problem}");
}

#[tokio::test]
async fn without_landlock_nothing_is_rendered_unless_a_reduced_sandbox_is_allowed() {
    assert_refused_without_landlock().await;
}

async fn assert_refused_without_landlock() {
    let folder = tempfile::tempdir().unwrap();
    let mut renderer = renderer(folder.path(), WITHOUT_LANDLOCK, "echo rendered");
    renderer.sandbox = Sandbox::Full;
    let problem = renderer.render(&chart()).await.unwrap_err();
    assert_eq!(problem.code, codes::SANDBOX, "{problem}");
    assert_eq!(renderer.check_sandbox().await.unwrap_err().code, codes::SANDBOX);

    renderer.sandbox = Sandbox::Reduced;
    let rendered = renderer.render(&chart()).await.unwrap();
    assert_eq!(rendered.output, b"rendered\n");
    assert_eq!(rendered.by.to_string(), "rendered with helm v4.0.0, reduced sandbox");
    assert!(renderer.check_sandbox().await.unwrap().starts_with("reduced: landlock"));
}

#[tokio::test]
async fn what_is_left_of_a_reduced_sandbox_still_writes_nowhere_and_starts_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let outside = folder.path().join("outside");
    let body = format!("echo x >'{}' || echo refused; (echo y)", outside.display());
    let mut renderer = renderer(folder.path(), WITHOUT_LANDLOCK, &body);
    renderer.sandbox = Sandbox::Reduced;
    let problem = renderer.render(&chart()).await.unwrap_err();
    assert!(problem.text.contains("fork"), "{problem}");
    assert!(!outside.exists());
}

#[tokio::test]
async fn this_kernel_offers_all_of_it_or_says_what_it_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let said = renderer(folder.path(), FULL, "").check_sandbox().await.unwrap();
    assert_eq!(said == "landlock and seccomp", has_landlock(), "{said}");
}
