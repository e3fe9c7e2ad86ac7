//! Folders that nobody should have: each costs a bounded time and little memory, is refused with a reason, and leaves the
//! rest of the folder traced.

use std::io::Write as _;
use std::os::unix::fs::{PermissionsExt as _, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use kubeopt_tests::{OrFail, servers_enabled};

use super::scenario::kubeopt;

/// What a hostile folder may take of the address space. The program, its threads and Go's reservations of a renderer fit
/// in; none of the things below would, if it were read, followed or unfolded.
const ADDRESS_SPACE_KIB: u64 = 6 * 1024 * 1024;

/// Far above the 30 s of a renderer that hangs, and far below what each of the things below would take.
const SECONDS_MAX: u64 = 150;

/// Beside every hostile thing stands this one.
const GOOD: &str = "apiVersion: apps/v1
kind: Deployment
metadata: {name: good, namespace: shop}
spec:
  selector: {matchLabels: {app: good}}
  template:
    metadata: {labels: {app: good}}
    spec:
      containers:
      - name: good
        resources: {requests: {cpu: 100m}}
";

/// A folder with one good workload, and something beside it.
struct Folder(tempfile::TempDir);

impl Folder {
    fn new() -> Self {
        let folder = Self(kubeopt_tests::folder("hostile"));
        folder.write("good/good.yaml", GOOD);
        std::fs::create_dir(folder.path().join(".git")).or_fail("make a folder");
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn write(&self, path: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let place = self.path().join(path);
        std::fs::create_dir_all(place.parent().expect("a file lies in a folder")).or_fail("make a folder");
        std::fs::write(&place, content).or_fail("write a file");
        place
    }

    /// Traces it in little memory: what was said on standard error.
    fn trace(&self, more: &[&str]) -> Said {
        let home = kubeopt_tests::folder("home");
        let mut inner = kubeopt(home.path());
        inner.args(["trace", "-o", "json"]).arg(self.path()).args(more);
        let output = limited(&inner).stdin(Stdio::null()).output().or_fail("run kubeopt");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Said { code: output.status.code(), out: text(&output.stdout), err: text(&output.stderr) }
    }
}

struct Said {
    code: Option<i32>,
    out: String,
    err: String,
}

impl Said {
    /// The good workload is traced, and the other thing is refused with this code.
    fn is_refused_alone(&self, code: &str, what: &str) {
        assert_eq!(self.code, Some(0), "{what}: {}", self.err);
        assert!(
            self.out.contains("good/good.yaml"),
            "{what}: the rest is not traced: {} {}",
            self.out,
            self.err
        );
        assert!(self.err.contains(code), "{what}: no {code} in {}", self.err);
        assert!(self.err.contains("help: "), "{what}: {}", self.err);
    }
}

/// The same command within limits of address space and time.
fn limited(command: &Command) -> Command {
    let mut limited = Command::new("/bin/sh");
    let script = format!("ulimit -v {ADDRESS_SPACE_KIB}; exec timeout -s KILL {SECONDS_MAX} \"$@\"");
    limited.args(["-c", &script, "sh"]).arg(command.get_program()).args(command.get_args()).env_clear();
    for (key, value) in command.get_envs() {
        if let Some(value) = value {
            limited.env(key, value);
        }
    }
    limited
}

/// Nine levels of nine: 387 million.
fn alias_bomb() -> String {
    let mut text = "apiVersion: v1\nkind: ConfigMap\na: &a [x, x, x, x, x, x, x, x, x]\n".to_owned();
    for (name, of) in
        ["b", "c", "d", "e", "f", "g", "h", "i"].iter().zip(["a", "b", "c", "d", "e", "f", "g", "h"])
    {
        let all = vec![format!("*{of}"); 9].join(", ");
        text.push_str(&format!("{name}: &{name} [{all}]\n"));
    }
    text
}

#[test]
fn a_manifest_that_cannot_be_read_leaves_its_neighbours_traced() {
    if !servers_enabled() {
        return;
    }
    let deep = format!("apiVersion: v1\nkind: ConfigMap\ndata: {}", "[".repeat(100_000));
    let cases: [(&str, Vec<u8>, &str); 3] = [
        ("nesting", deep.into_bytes(), "E-SRC-005"),
        ("invalid UTF-8", b"apiVersion: v1\nkind: ConfigMap\ndata: \xff\xfe\n".to_vec(), "E-SRC-002"),
        ("no YAML", b"apiVersion: v1\nkind: ConfigMap\ndata: [\n".to_vec(), "E-SRC-005"),
    ];
    for (what, bytes, code) in cases {
        let folder = Folder::new();
        folder.write("bad/bad.yaml", &bytes);
        folder.trace(&[]).is_refused_alone(code, what);
        let folder = Folder::new();
        folder.write("good/bad.yaml", &bytes);
        folder.trace(&[]).is_refused_alone(code, what);
    }
}

#[test]
fn values_as_text_that_are_nested_without_end_are_not_read() {
    if !servers_enabled() {
        return;
    }
    let application = format!(
        "apiVersion: argoproj.io/v1alpha1\nkind: Application\nmetadata: {{name: deep, namespace: argocd}}\nspec:\n  source:\n    repoURL: https://git.example/shop.git\n    path: chart\n    helm:\n      values: |\n        cpuRequest: 100m\n        deep: {}\n",
        "[".repeat(100_000)
    );
    let folder = Folder::new();
    folder.write("good/deep.yaml", application);
    folder.trace(&[]).is_refused_alone("E-REN-010", "values as text");
}

/// Once in a text of its own, and once in an environment variable beside the container's limit.
#[test]
fn a_value_that_a_template_prints_twice_is_refused_with_what_would_change() {
    if !servers_enabled() {
        return;
    }
    let folder = super::scenario::Scenario::named("chart-printed-twice").copy();
    let home = kubeopt_tests::folder("home");
    let set = |wanted: &str| {
        let mut command = kubeopt(home.path());
        let output = command
            .arg("set")
            .arg(folder.path())
            .args(["deploy/web/main", wanted])
            .output()
            .or_fail("run kubeopt");
        (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    let before = std::fs::read(folder.path().join("values.yaml")).or_fail("read a file");
    let (done, said) = set("cpu.request=250m");
    assert!(!done && said.contains("E-SRC-202"), "{said}");
    let (done, said) = set("memory.limit=256Mi");
    assert!(!done && said.contains("E-SRC-023") && said.contains("env[0].value"), "{said}");
    assert_eq!(std::fs::read(folder.path().join("values.yaml")).or_fail("read a file"), before);
}

#[test]
fn an_alias_bomb_is_not_unfolded() {
    if !servers_enabled() {
        return;
    }
    let folder = Folder::new();
    folder.write("good/bomb.yaml", alias_bomb());
    folder.write("overlay/kustomization.yaml", "resources: [bomb.yaml]\n");
    folder.write("overlay/bomb.yaml", alias_bomb());
    folder.trace(&[]).is_refused_alone("E-", "an alias bomb");
}

#[test]
fn a_file_of_300_megabytes_is_not_read() {
    if !servers_enabled() {
        return;
    }
    let folder = Folder::new();
    let place = folder.write("good/large.yaml", "apiVersion: v1\nkind: ConfigMap\n");
    let file = std::fs::File::options().write(true).open(&place).or_fail("open a file");
    file.set_len(300 << 20).or_fail("make a large file");
    folder.trace(&[]).is_refused_alone("E-SRC-208", "a large file");
}

#[test]
fn links_and_submodules_lead_nowhere() {
    if !servers_enabled() {
        return;
    }
    let outside = kubeopt_tests::folder("outside");
    std::fs::write(outside.path().join("secret.yaml"), GOOD.replace("good", "secret"))
        .or_fail("write a file");
    let folder = Folder::new();
    symlink(outside.path().join("secret.yaml"), folder.path().join("good/link.yaml")).or_fail("make a link");
    symlink(outside.path(), folder.path().join("linked")).or_fail("make a link");
    folder.write("overlay/kustomization.yaml", "resources: [../good/link.yaml]\n");
    let said = folder.trace(&[]);
    said.is_refused_alone("E-SRC-025", "a link");
    assert!(!said.out.contains("secret"), "{}", said.out);

    let folder = Folder::new();
    folder.write("module/.git", "gitdir: ../.git/modules/module\n");
    folder.write("module/secret.yaml", GOOD.replace("good", "secret"));
    let said = folder.trace(&[]);
    assert_eq!(said.code, Some(0), "{}", said.err);
    assert!(said.out.contains("good/good.yaml") && !said.out.contains("secret"), "{}", said.out);
}

#[test]
fn an_overlay_that_asks_for_more_than_files_is_refused() {
    if !servers_enabled() {
        return;
    }
    let remote = "resources: [https://example.com/base?ref=v1]\n";
    let plugin = "resources: [good.yaml]\ngenerators: [plugin.yaml]\n";
    let cases = [
        ("a path that leads out", "resources: [a/../../../../etc/secret.yaml]\n", "E-SRC-026"),
        ("a remote base", remote, "E-SRC-207"),
        ("a plugin", plugin, "E-SRC-207"),
        ("a cycle", "resources: [../overlay]\n", "E-REN-004"),
        ("a longer cycle", "resources: [../other]\n", "E-REN-004"),
    ];
    for (what, kustomization, code) in cases {
        let folder = Folder::new();
        folder.write("overlay/kustomization.yaml", kustomization);
        folder.write("overlay/good.yaml", GOOD);
        folder.write(
            "overlay/plugin.yaml",
            "apiVersion: v1\nkind: Any\nmetadata:\n  name: p\n  annotations:\n    config.kubernetes.io/function: 'exec: {path: /bin/sh}'\n",
        );
        folder.write("other/kustomization.yaml", "resources: [../overlay]\n");
        folder.trace(&[]).is_refused_alone(code, what);
    }
}

#[test]
fn a_chart_bomb_is_not_unpacked() {
    if !servers_enabled() {
        return;
    }
    let folder = Folder::new();
    let beside = kubeopt_tests::folder("bomb");
    let chart = beside.path().join("bomb");
    std::fs::create_dir(&chart).or_fail("make a folder");
    std::fs::write(chart.join("Chart.yaml"), "apiVersion: v2\nname: bomb\nversion: 1.0.0\n").or_fail("write");
    let large = std::fs::File::create(chart.join("values.yaml")).or_fail("make a file");
    large.set_len(400 << 20).or_fail("make a large file");
    let archive = beside.path().join("bomb.tgz");
    let packed =
        Command::new("tar").arg("-czf").arg(&archive).arg("-C").arg(beside.path()).arg("bomb").status();
    assert!(packed.or_fail("run tar").success());
    folder.write(
        "apps/bomb.yaml",
        "apiVersion: helm.toolkit.fluxcd.io/v2\nkind: HelmRelease\nmetadata: {name: bomb, namespace: shop}\nspec:\n  interval: 1h\n  chart: {spec: {chart: bomb, sourceRef: {kind: HelmRepository, name: charts}}}\n",
    );
    let said = folder.trace(&["--chart", &format!("bomb={}", archive.display())]);
    said.is_refused_alone("E-REN-020", "a chart bomb");
}

#[test]
fn a_renderer_that_hangs_or_never_stops_talking_is_ended() {
    if !servers_enabled() {
        return;
    }
    for (what, does, code) in [
        ("a renderer that hangs", "while :; do :; done", "E-REN-005"),
        ("a renderer that talks", "while :; do echo \"$line$line$line$line\"; done", "E-REN-006"),
    ] {
        let folder = Folder::new();
        folder.write("overlay/kustomization.yaml", "resources: [good.yaml]\n");
        folder.write("overlay/good.yaml", GOOD);
        let fake = kubeopt_tests::folder("fake");
        let program = fake.path().join("kustomize");
        let line = "x".repeat(16 * 1024);
        let script =
            format!("#!/bin/sh\nif [ \"$1\" = version ]; then echo v5.8.2; exit; fi\nline={line}\n{does}\n");
        let mut file = std::fs::File::create(&program).or_fail("make a script");
        file.write_all(script.as_bytes()).or_fail("write a script");
        drop(file);
        std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755))
            .or_fail("make a script run");
        folder.trace(&["--kustomize", &program.display().to_string()]).is_refused_alone(code, what);
    }
}
