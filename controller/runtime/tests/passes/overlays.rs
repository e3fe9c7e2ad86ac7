//! Overlays: one base that feeds two clusters' worth of workloads gets one recommendation, proven for both.
//!
//! The render child is this test binary itself, called through a script that keeps the test harness' words apart from the
//! child's answer. Where there is neither `KUBEOPT_KUSTOMIZE` nor a kustomize or kubectl on the path, the overlays must be
//! left with E-REN-001; the servers' suite, which builds its own kustomize, renders in any case.

use std::io::{Read as _, Seek as _};
use std::path::{Path, PathBuf};

use kubeopt_gitops::render::{KustomizeBinary, Renderer};
use kubeopt_model::pull_request::Marker;
use kubeopt_model::source::RendererKind;

use crate::apps::{API, ASKED, App, WEB, recorded};
use crate::said::left_code;
use crate::world::World;

/// What the script that stands for kubeopt sets, and nobody else.
const CHILD_VARIABLE: &str = "KUBEOPT_TEST_CHILD";

const EU: App =
    App { namespace: "eu", name: "cart", folder: "overlays/eu", renderer: RendererKind::Kustomize, ..API };
const US: App = App { namespace: "us", folder: "overlays/us", ..EU };

/// Becomes the renderer where the script below calls it, else checks that a child answers nonsense with a problem.
#[test]
fn the_render_child_answers_one_request() {
    if std::env::var_os(CHILD_VARIABLE).is_some() {
        let answer = std::fs::OpenOptions::new().write(true).open("/dev/fd/3").unwrap();
        kubeopt_runtime::render_one(std::io::stdin().lock(), answer.into()).unwrap();
        return;
    }
    let mut answer = tempfile::tempfile().unwrap();
    kubeopt_runtime::render_one(&b"no request"[..], answer.try_clone().unwrap().into()).unwrap();
    let mut text = String::new();
    answer.rewind().unwrap();
    answer.read_to_string(&mut text).unwrap();
    assert!(text.contains("E-REN-"));
}

pub(crate) fn child(folder: &Path) -> PathBuf {
    let own = std::env::current_exe().unwrap();
    let script = folder.join("render-child");
    let test = "overlays::the_render_child_answers_one_request";
    let text = format!(
        "#!/bin/sh\nexec 3>&1 >/dev/null\n{CHILD_VARIABLE}=1 exec '{}' --exact {test} --nocapture\n",
        own.display()
    );
    // Another process writes it: what this one has open for writing, a fork of another test would keep open (ETXTBSY).
    let mut writer = std::process::Command::new("/bin/sh")
        .args(["-c", "cat >\"$1\" && chmod 700 \"$1\"", "sh"])
        .arg(&script)
        .stdin(std::process::Stdio::piped())
        .spawn()
        .unwrap();
    std::io::Write::write_all(&mut writer.stdin.take().unwrap(), text.as_bytes()).unwrap();
    assert!(writer.wait().unwrap().success());
    script
}

#[tokio::test]
async fn one_base_under_two_overlays_gets_one_recommendation_for_both() {
    let base = App { folder: "base", ..EU }.manifest(ASKED).replace("  namespace: eu\n", "");
    let files = [
        ("shop", "base/cart.yaml", base.as_str()),
        ("shop", "base/kustomization.yaml", "resources: [cart.yaml]\n"),
        ("shop", "overlays/eu/kustomization.yaml", "namespace: eu\nresources: [../../base]\n"),
        ("shop", "overlays/us/kustomization.yaml", "namespace: us\nresources: [../../base]\n"),
    ];
    let world = World::with(&[WEB], &files).await;
    let world = world.deploy(&[EU, US]);
    // One of the two uses more: the shared value must be enough for it.
    let mut usage = recorded(&[EU, WEB], |_| 100.0);
    usage.series.extend(recorded(&[US], |_| 200.0).series);
    world.metrics["prod"].set(usage);
    let mut kubeopt = world.controller("a").await;
    let named = std::env::var_os("KUBEOPT_KUSTOMIZE").map(PathBuf::from);
    let kustomize = KustomizeBinary::find(named.as_deref()).await.ok();
    let is_there = kustomize.is_some();
    kubeopt.renderer = Renderer::new(child(world.folder()), kustomize, None);

    let report = world.pass(&kubeopt).await;
    world.the_open_one(&WEB).await;
    if !is_there {
        assert_eq!([left_code(&report, &EU), left_code(&report, &US)], ["E-REN-001", "E-REN-001"]);
        return;
    }
    let proposal = report.decided.proposals.iter().find(|one| one.change_set.group == "base").unwrap();
    assert_eq!(proposal.change_set.recommendations.len(), 1, "{:?}", report.decided.left);
    let members: Vec<String> = proposal.change_set.recommendations[0]
        .members
        .iter()
        .map(|member| member.container.to_string())
        .collect();
    assert_eq!(members, ["eu/deploy/cart/main", "us/deploy/cart/main"]);
    let proven: Vec<&str> = proposal.verifications.iter().map(|one| one.entry.as_str()).collect();
    assert_eq!(proven, ["overlays/eu", "overlays/us"]);
    let files: Vec<&str> = proposal.change_set.files.iter().map(|file| file.path.as_str()).collect();
    assert_eq!(files, ["base/cart.yaml"]);
    let pull = world.the_open_one(&EU).await;
    let marker = Marker::find(&pull.body).unwrap();
    let cpu = marker.fields.iter().find(|field| field.field == "requests.cpu").unwrap();
    assert_eq!(cpu.value.after, "230m", "200m and 15 %");

    assert_eq!(world.pass(&kubeopt).await.problems(), []);
    assert_eq!(world.the_open_one(&EU).await, pull);
}
