//! Tests of the parent's end, with shell scripts in place of the child. The real child is in `real_tests`.

use std::path::Path;

use kubeopt_model::{FileSet, RepoPath};

use super::*;
use crate::render::kustomize::Flavour;
use crate::render::protocol::RenderLimits;
use crate::render::testing;

/// A renderer whose child is a fake: a shell script with the environment of a real child, plus a path to find `cat`.
fn fake_child(dir: &Path, script: &str) -> Renderer {
    let program = testing::script(dir, "fake-kubeopt", &format!("PATH=/usr/bin:/bin\n{script}"));
    let kustomize = KustomizeBinary {
        program: "/opt/kustomize".into(),
        flavour: Flavour::Kustomize,
        version: "v5.8.2".to_owned(),
    };
    Renderer::new(program, Some(kustomize), None)
}

fn request(kind: RendererKind) -> RenderRequest {
    let file = |path: &str, text: &str| (RepoPath::new(path).unwrap(), text.as_bytes().to_vec());
    RenderRequest {
        kind,
        entry: RepoPath::new("apps").unwrap(),
        files: FileSet::from([file("apps/a.yaml", "a: 1\n")]),
        limits: RenderLimits { time_ms: 60_000, ..RenderLimits::default() },
        overlay: None,
        target_namespace: None,
        helm: None,
    }
}

async fn render(script: &str, request: &RenderRequest) -> Result<Rendered, Problem> {
    let dir = tempfile::tempdir().unwrap();
    fake_child(dir.path(), script).render(request).await
}

#[tokio::test]
async fn a_plain_folder_needs_no_child_and_no_kustomize() {
    let renderer = Renderer::new("/nonexistent".into(), None, None);
    let rendered = renderer.render(&request(RendererKind::Plain)).await.unwrap();
    assert_eq!((rendered.output.as_slice(), rendered.by), (&b"---\na: 1\n"[..], ProvenBy::Parsed));
    for kind in [RendererKind::Kustomize, RendererKind::Helm] {
        assert_eq!(renderer.render(&request(kind)).await.unwrap_err().code, codes::RENDERER_MISSING);
    }
    let mut patched = request(RendererKind::Plain);
    patched.overlay = Some("patches: []".to_owned());
    assert_eq!(renderer.render(&patched).await.unwrap_err().code, codes::RENDERER_MISSING);
}

#[tokio::test]
async fn the_childs_answer_comes_back_with_its_proof() {
    let script = r#"[ "$1" = render ] && grep -q '"program":"/opt/kustomize","arguments":\["build","./apps"' && printf '{"confined":{"missing":[]}}\na: 1\n'"#;
    let rendered = render(script, &request(RendererKind::Kustomize)).await.unwrap();
    assert_eq!(rendered.output, b"a: 1\n");
    assert_eq!(rendered.by.to_string(), "rendered with kustomize v5.8.2");
}

#[tokio::test]
async fn a_proof_says_that_the_sandbox_was_reduced() {
    let script = r#"cat >/dev/null; printf '{"confined":{"missing":["landlock: none"]}}\na: 1\n'"#;
    let dir = tempfile::tempdir().unwrap();
    let renderer = fake_child(dir.path(), script);
    let rendered = renderer.render(&request(RendererKind::Kustomize)).await.unwrap();
    assert_eq!(rendered.by.to_string(), "rendered with kustomize v5.8.2, reduced sandbox");
    assert_eq!(renderer.check_sandbox().await.unwrap(), "reduced: landlock: none");
}

#[tokio::test]
async fn what_was_rendered_before_is_not_rendered_again() {
    let dir = tempfile::tempdir().unwrap();
    let count = dir.path().join("count");
    let script = format!(
        r#"cat >/dev/null; echo x >>{}; printf '{{"confined":{{"missing":[]}}}}\na: 1\n'"#,
        count.display()
    );
    let renderer = fake_child(dir.path(), &script);
    let mut request = request(RendererKind::Kustomize);
    let first = renderer.render(&request).await.unwrap();
    assert_eq!(renderer.clone().render(&request).await.unwrap(), first);
    request.files.insert(RepoPath::new("other/b.yaml").unwrap(), b"not read".to_vec());
    assert_eq!(renderer.render(&request).await.unwrap(), first);
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\n");
    request.files.insert(RepoPath::new("apps/a.yaml").unwrap(), b"a: 2\n".to_vec());
    renderer.render(&request).await.unwrap();
    assert_eq!(std::fs::read_to_string(&count).unwrap(), "x\nx\n");
}

#[tokio::test]
async fn the_child_finds_only_the_files_that_the_entry_refers_to() {
    let mut request = request(RendererKind::Kustomize);
    let file = |path: &str, text: &str| (RepoPath::new(path).unwrap(), text.as_bytes().to_vec());
    request.files.extend([
        file("apps/kustomization.yaml", "resources: [../base/b.yaml]"),
        file("base/b.yaml", "b: 1\n"),
        file("secrets.txt", "unrelated"),
    ]);
    let script = r#"cat >/dev/null; printf '{"confined":{"missing":[]}}\n'; cd "$HOME/../repository"; find . -type f | sort"#;
    let output = render(script, &request).await.unwrap().output;
    assert_eq!(String::from_utf8(output).unwrap(), "./apps/kustomization.yaml\n./base/b.yaml\n");
}

#[tokio::test]
async fn the_childs_environment_holds_nothing_but_what_it_needs() {
    let script =
        r#"cat >/dev/null; printf '{"confined":{"missing":[]}}\n'; /usr/bin/env | cut -d= -f1 | sort"#;
    let rendered = render(script, &request(RendererKind::Kustomize)).await.unwrap();
    let names = String::from_utf8(rendered.output).unwrap();
    let added_by_sh = ["PATH", "PWD", "OLDPWD", "SHLVL", "_"];
    let names: Vec<&str> = names.lines().filter(|name| !added_by_sh.contains(name)).collect();
    let want = "GOGC GOMAXPROCS GOMEMLIMIT HELM_CACHE_HOME HELM_CONFIG_HOME HELM_DATA_HOME HELM_PLUGINS HOME HTTPS_PROXY HTTP_PROXY KUBECONFIG TMPDIR";
    assert_eq!(names.join(" "), want);
}

#[tokio::test]
async fn a_problem_that_the_child_found_is_the_problem() {
    let script =
        r#"cat >/dev/null; echo '{"refused":{"code":"E-REN-018","text":"t","place":null,"help":"h"}}'"#;
    let problem = render(script, &request(RendererKind::Kustomize)).await.unwrap_err();
    assert_eq!(problem, Problem::new("E-REN-018", "t", "h"));
}

#[tokio::test]
async fn a_child_that_crashes_talks_nonsense_or_is_missing_is_a_problem() {
    for (script, part) in [
        ("exit 3", "not understood"),
        ("echo nonsense", "not understood"),
        ("cat >/dev/null; echo 'memory \u{1b}[31m gone' >&2; exit 134", "memory  [31m gone"),
    ] {
        let problem = render(script, &request(RendererKind::Kustomize)).await.unwrap_err();
        assert_eq!(problem.code, codes::CHILD);
        assert!(problem.text.contains(part), "{problem}");
    }
    let dir = tempfile::tempdir().unwrap();
    let mut renderer = fake_child(dir.path(), "");
    renderer.program = "/nonexistent/kubeopt".into();
    assert_eq!(renderer.render(&request(RendererKind::Kustomize)).await.unwrap_err().code, codes::CHILD);
}

#[tokio::test]
async fn a_child_that_says_too_much_is_cut_off() {
    let mut request = request(RendererKind::Kustomize);
    request.limits.output_bytes = 1_000;
    let script = r#"cat >/dev/null; printf '{"confined":{"missing":[]}}\n'; exec yes"#;
    let problem = render(script, &request).await.unwrap_err();
    assert_eq!(problem.code, codes::RENDER_OUTPUT);
}

#[tokio::test]
async fn a_child_that_takes_too_long_ends_with_everything_that_it_started() {
    let dir = tempfile::tempdir().unwrap();
    // The grandchild keeps the write end of a pipe; the pipe's reader sees its end only when the grandchild is gone.
    let fifo = dir.path().join("alive");
    let status = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(status.success());
    let reader = {
        let fifo = fifo.clone();
        std::thread::spawn(move || std::fs::read_to_string(fifo).unwrap())
    };
    let script = format!("( echo started; exec sleep 1000 ) >{} &\nwait", fifo.display());
    let mut request = request(RendererKind::Kustomize);
    request.limits.time_ms = 1_000;
    let problem = fake_child(dir.path(), &script).render(&request).await.unwrap_err();
    assert_eq!(problem.code, codes::RENDER_TIME);
    // Lets the reader begin even where the machine was too slow for the grandchild to do so.
    drop(std::fs::OpenOptions::new().write(true).read(true).open(&fifo).unwrap());
    assert!(["started\n", ""].contains(&reader.join().unwrap().as_str()));
}
