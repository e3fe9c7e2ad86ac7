//! What people ask of `kubeopt trace` and `kubeopt set`, and what they are told: of values that Kubernetes refuses, of names
//! that mean nothing or too much, of overlays that nobody can render and of files that are not read.

use std::path::Path;

use kubeopt_tests::{OrFail, servers_enabled};

use super::scenario::kubeopt;

/// A Deployment with one container: its name, its CPU request, its CPU limit.
fn deployment(name: &str, request: &str, limit: &str) -> String {
    format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec:\n  selector: {{}}\n  template:\n    spec:\n      \
         containers:\n      - name: {name}\n        resources:\n          requests:\n            cpu: {request}\n          \
         limits:\n            cpu: {limit}\n"
    )
}

struct Folder(tempfile::TempDir);

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Folder {
    fn new(files: &[(&str, &str)]) -> Self {
        let folder = Self(kubeopt_tests::folder("asked"));
        for (name, text) in files {
            let place = folder.path().join(name);
            std::fs::create_dir_all(place.parent().expect("a file lies in a folder"))
                .or_fail("make a folder");
            std::fs::write(place, text).or_fail("write a file");
        }
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn read(&self, name: &str) -> String {
        std::fs::read_to_string(self.path().join(name)).or_fail("read a file")
    }

    fn run(&self, command: &str, more: &[&str]) -> Said {
        let home = kubeopt_tests::folder("home");
        let output = kubeopt(home.path()).arg(command).arg(self.path()).args(more).output();
        let output = output.or_fail("run kubeopt");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }

    fn set(&self, more: &[&str]) -> Said {
        self.run("set", more)
    }

    /// It fails with all of this in its message, and the file is as before.
    fn refuses(&self, more: &[&str], file: &str, parts: &[&str]) {
        let before = self.read(file);
        let said = self.set(more);
        assert_eq!(said.code, Some(1), "{more:?}: {}{}", said.out, said.err);
        assert_eq!(self.read(file), before, "{more:?}");
        for part in parts {
            assert!(said.err.contains(part), "{more:?}: no `{part}` in {}", said.err);
        }
    }
}

#[test]
fn what_the_api_server_would_refuse_is_not_written() {
    if !servers_enabled() {
        return;
    }
    let folder = Folder::new(&[("api.yaml", &deployment("api", "100m", "200m"))]);
    let file = "api.yaml";
    folder.refuses(&["api", "cpu.request=300m"], file, &["E-SRC-219", "cpu.limit 200m", "cpu.limit=300m"]);
    folder.refuses(&["api", "cpu.limit=50m"], file, &["E-SRC-219", "cpu.request 100m"]);
    folder.refuses(&["*", "cpu.request=1"], file, &["E-SRC-219"]);
    for slip in ["512", "100m", "1"] {
        let asked = format!("memory.request={slip}");
        folder.refuses(&["api", &asked], file, &["E-SRC-219", "no container starts", "Mi"]);
    }
    folder.refuses(&["api", "cpu.request=1", "cpu.request=2"], file, &["E-SRC-219", "asked for twice"]);
    let both = folder.set(&["api", "cpu.request=300m", "cpu.limit=300m"]);
    assert_eq!(both.code, Some(0), "{}", both.err);
    assert!(folder.read(file).contains("cpu: 300m"));
    // A limit alone may come down to its request.
    assert_eq!(folder.set(&["api", "cpu.request=200m"]).code, Some(0));
}

#[test]
fn an_overlay_that_cannot_be_rendered_is_not_called_proven() {
    if !servers_enabled() {
        return;
    }
    let folder = Folder::new(&[
        ("base/kustomization.yaml", "resources: [api.yaml]\n"),
        ("base/api.yaml", &deployment("api", "100m", "200m")),
        ("dev/kustomization.yaml", "resources: [../base]\n"),
        ("prod/kustomization.yaml", "resources: [gone.yaml, ../base]\n"),
        ("other/kustomization.yaml", "resources: [gone.yaml]\n"),
        ("patched/kustomization.yaml", "resources: [../base]\npatches: [{path: p.yaml}]\n"),
        ("patched/p.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata: {name: nobody}\n"),
    ]);
    let said = folder.set(&["api", "cpu.request=150m"]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    let not: Vec<&str> = said.out.lines().filter(|line| line.starts_with("not verified: ")).collect();
    assert_eq!(not.len(), 2, "{}", said.out);
    assert!(
        not[0].contains("patched ") && not[1].contains("prod ") && not[1].contains("gone.yaml"),
        "{not:?}"
    );
    assert!(said.out.contains("verified: dev rendered"), "{}", said.out);
    let json = folder.set(&["api", "cpu.request=160m", "-o", "json"]).out;
    let json: serde_json::Value = serde_json::from_str(&json).or_fail("read JSON");
    assert_eq!(json["notVerified"][1]["entry"], "prod");
    assert_eq!(json["notVerified"][1]["code"], "E-SRC-025");
}

#[test]
fn a_name_that_means_nothing_or_too_much_is_answered_with_those_that_there_are() {
    if !servers_enabled() {
        return;
    }
    let folder = Folder::new(&[
        ("a/api.yaml", &deployment("api", "100m", "200m")),
        ("b/web.yaml", &deployment("web", "100m", "200m")),
        (
            "c/web.yaml",
            &deployment("web", "100m", "200m").replace("{name: web}", "{name: web, namespace: shop}"),
        ),
    ]);
    folder.refuses(
        &["wbe", "cpu.request=1m"],
        "a/api.yaml",
        &["`wbe`", "deploy/api/api", "shop/deploy/web/web"],
    );
    let several =
        ["`web` means 2 containers", "deploy/web/web (b)", "shop/deploy/web/web (c)", "folder in brackets"];
    folder.refuses(&["web", "cpu.request=1m"], "b/web.yaml", &several);

    let unread =
        Folder::new(&[("api.yaml", "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n\tname: api\n")]);
    unread.refuses(&["api", "cpu.request=1m"], "api.yaml", &["E-SRC-005", "api.yaml:4"]);
}

#[test]
fn a_value_that_is_not_edited_is_shown_beside_the_reason() {
    if !servers_enabled() {
        return;
    }
    let generated = format!("# Code generated by x. DO NOT EDIT.\n{}", deployment("api", "100m", "200m"));
    let folder = Folder::new(&[("api.yaml", &generated)]);
    let traced = folder.run("trace", &[]);
    let rows: Vec<&str> = traced.out.lines().filter(|line| line.contains("E-SRC-007 (api.yaml:")).collect();
    assert_eq!(rows.len(), 2, "{}", traced.out);
    assert!(rows[0].contains(" 100m ") && rows[1].contains(" 200m "), "{rows:?}");
    // The reason and the next step stand once.
    assert_eq!(traced.out.matches("DO NOT EDIT").count(), 1, "{}", traced.out);
    assert!(
        traced.out.contains("E-SRC-007 (2 fields): ") && traced.out.contains("  help: "),
        "{}",
        traced.out
    );
    assert!(traced.out.contains("1 entry point, 0 not rendered"), "{}", traced.out);
}

#[cfg(unix)]
#[test]
fn files_that_are_not_read_are_named() {
    if !servers_enabled() {
        return;
    }
    let folder = Folder::new(&[("api.yaml", &deployment("api", "100m", "200m"))]);
    std::os::unix::fs::symlink("api.yaml", folder.path().join("link.yaml")).or_fail("make a link");
    let traced = folder.run("trace", &[]);
    assert!(traced.err.contains("left out: link.yaml is a symbolic link"), "{}", traced.err);
    assert!(!folder.run("trace", &["-q"]).err.contains("left out"));

    let links = Folder::new(&[("kustomization.yaml", "resources: [link.yaml]\n")]);
    std::os::unix::fs::symlink("/etc/hostname", links.path().join("link.yaml")).or_fail("make a link");
    let traced = links.run("trace", &[]);
    assert!(traced.err.contains("symbolic links are not followed"), "{}", traced.err);

    let large =
        Folder::new(&[("big.yaml", &format!("kind: X\napiVersion: v1\n{}", "# long\n".repeat(700_000)))]);
    let traced = large.run("trace", &[]);
    assert_eq!(traced.code, Some(1));
    assert!(traced.err.contains("big.yaml is larger than 4 MiB"), "{}", traced.err);

    let unnamed = folder.run("trace", &["--kustomize", "/nowhere/kustomize"]);
    assert_eq!(unnamed.code, Some(1));
    assert!(unnamed.err.contains("/nowhere/kustomize is no program"), "{}", unnamed.err);

    let file = folder.path().join("api.yaml");
    let home = kubeopt_tests::folder("home");
    let output = kubeopt(home.path()).arg("trace").arg(&file).output().or_fail("run kubeopt");
    assert!(String::from_utf8_lossy(&output.stderr).contains("is a file, not a folder"));
}
