//! The program as a newcomer meets it: every command of the README, the demo with and without kustomize, exit codes, and
//! the demo's page. Needs no server; the picture of the page needs Chromium.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use kubeopt_tests::wait::{START, until};
use kubeopt_tests::{browser, folder, http, port, servers_enabled};

use crate::program::binary;

/// kubeopt with nothing but a home and this PATH.
fn kubeopt(home: &Path, path: &str) -> Command {
    let mut command = Command::new(binary());
    command.env_clear().env("HOME", home).env("PATH", path).env("NO_COLOR", "1").stdin(Stdio::null());
    command
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn run(command: &mut Command) -> Output {
    command.output().expect("the program starts")
}

fn demo(home: &Path, path: &str) -> String {
    let output = run(kubeopt(home, path).args(["demo", "--no-serve", "--quiet"]));
    assert!(output.status.success(), "{}", text(&output.stderr));
    text(&output.stdout)
}

#[test]
fn the_demo_opens_a_pull_request_without_kustomize_and_says_what_is_left_out() {
    let home = folder("demo");
    let printed = demo(home.path(), "");
    assert!(printed.contains("opened #1 "), "{printed}");
    // Its usage ends now, so that the value depends a little on the hour.
    let proposed = printed.lines().find_map(|line| line.strip_prefix("+            memory: "));
    let proposed = format!("2Gi → {}", proposed.unwrap_or_else(|| panic!("no new memory in {printed}")));
    for line in ["-            memory: 2Gi", proposed.as_str(), "# sized by hand in 2024", "verified: parsed"]
    {
        assert!(printed.contains(line), "no `{line}` in {printed}");
    }
    assert!(printed.contains("E-SRC-216"), "the overlay waits, with its reason: {printed}");
    assert!(!printed.contains("cart-resources.yaml"), "{printed}");
    assert!(!printed.contains('\u{1b}'), "NO_COLOR is respected");
}

#[test]
fn the_demo_proves_its_overlay_where_kustomize_is_found() {
    if !servers_enabled() {
        return;
    }
    let home = folder("demo-kustomize");
    let kustomize = kubeopt_tests::servers::kustomize();
    let path = kustomize.parent().expect("a program lies in a folder").to_string_lossy().into_owned();
    let printed = demo(home.path(), &path);
    assert!(printed.contains("apps/storefront/overlays/prod/cart-resources.yaml"), "{printed}");
    assert!(printed.contains("verified: kustomize v5.8.2"), "{printed}");
}

#[test]
fn the_same_demo_folder_goes_on_where_it_was() {
    let home = folder("demo-again");
    let dir = home.path().join("demo");
    let again = || {
        let output = run(kubeopt(home.path(), "").args(["demo", "--no-serve", "--quiet", "--dir"]).arg(&dir));
        assert!(output.status.success(), "{}", text(&output.stderr));
        text(&output.stdout)
    };
    assert!(again().contains("opened #1 "));
    let second = again();
    assert!(second.contains("unchanged #1 ") && !second.contains("opened"), "{second}");
}

/// Command lines of kubeopt in the README, without the program's name.
fn readme_commands() -> Vec<Vec<String>> {
    let readme = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../README.md"))
        .expect("a README");
    readme
        .lines()
        .filter_map(|line| {
            // Indented lines are code; a comment may follow.
            let line = line.strip_prefix("    ")?.split('#').next().unwrap_or_default().trim();
            line.strip_prefix("kubeopt ").or_else(|| line.strip_prefix("cargo run -p kubeopt -- "))
        })
        .map(|line| line.split_whitespace().map(str::to_owned).collect())
        .collect()
}

#[test]
fn every_command_of_the_readme_is_one() {
    let home = folder("readme");
    let commands = readme_commands();
    assert!(commands.len() >= 5, "{commands:?}");
    for command in commands {
        let output = run(kubeopt(home.path(), "").args(&command).arg("--help"));
        assert!(output.status.success(), "{command:?}: {}", text(&output.stderr));
    }
}

#[test]
fn exit_codes_are_those_that_are_documented() {
    let home = folder("exit-codes");
    let code = |arguments: &[&str]| run(kubeopt(home.path(), "").args(arguments)).status.code();
    assert_eq!(code(&["--version"]), Some(0));
    assert_eq!(code(&["scan", "--no-such-flag"]), Some(2));
    assert_eq!(code(&["run"]), Some(1));
    assert_eq!(code(&["plan", "--config", "no-such-file.yaml"]), Some(1));
    assert_eq!(code(&["explain", "not-a-workload"]), Some(2));
    let home = home.path().to_string_lossy();
    for typed in [["no/such/kind", "cpu.request=1"], ["api", "cpu=1"], ["api", "cpu.request=many"]] {
        assert_eq!(code(&["set", &home, typed[0], typed[1]]), Some(2), "{typed:?}");
    }
    assert_eq!(code(&["demo", "--listen", "0.0.0.0:0"]), Some(1));
}

#[test]
fn usage_that_cannot_be_read_is_no_answer() {
    let home = folder("no-usage");
    let kubeconfig = crate::costs::serve_lists(home.path(), crate::costs::recorded);
    // Nothing listens on the discard port of a test machine.
    let unreachable = ["--prometheus", "http://127.0.0.1:9"];
    for command in [&["scan", "--exit-code"][..], &["plan", "--exit-code"], &["get", "findings"]] {
        let mut kubeopt = kubeopt(home.path(), "");
        kubeopt.current_dir(home.path()).env("KUBECONFIG", &kubeconfig);
        let output = run(kubeopt.args(command).args(unreachable));
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(1), "{command:?}: {out}{err}");
        assert!(err.contains("E-OBS-001") && !err.contains("next: "), "{command:?}: {err}");
        assert!(!out.contains("nothing unusual"), "{command:?}: {out}");
    }
}

#[test]
fn a_wrong_configuration_is_shown_with_line_key_and_help() {
    let home = folder("wrong-config");
    let file = home.path().join("kubeopt.yaml");
    std::fs::write(&file, "clusters:\n  - name: prod\n    metrcs: {}\n").expect("the file is written");
    let output = run(kubeopt(home.path(), "").args(["plan", "--config"]).arg(&file));
    let said = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1));
    for part in ["error[E-", "kubeopt.yaml:3", "metrcs", "help: did you mean `metrics`?"] {
        assert!(said.contains(part), "no `{part}` in {said}");
    }
}

#[test]
fn completion_and_man_pages_are_made() {
    let home = folder("man");
    let bash = run(kubeopt(home.path(), "").args(["completion", "bash"]));
    assert!(text(&bash.stdout).contains("_kubeopt"));
    let pages = home.path().join("man");
    assert!(run(kubeopt(home.path(), "").arg("man").arg(&pages)).status.success());
    assert!(text(&std::fs::read(pages.join("kubeopt-scan.1")).expect("a page for scan")).contains("kubeopt"));
}

/// The demo's page, ended with its process.
struct Page {
    process: std::process::Child,
    url: String,
}

impl Drop for Page {
    fn drop(&mut self) {
        // It has ended by itself where this fails.
        let _ended = self.process.kill().and_then(|()| self.process.wait());
    }
}

async fn serve(home: &Path) -> Page {
    let address = format!("127.0.0.1:{}", port::free());
    let process = kubeopt(home, "")
        .args(["demo", "--quiet", "--listen", &address])
        .stdout(Stdio::null())
        .spawn()
        .expect("the demo starts");
    let page = Page { process, url: format!("http://{address}") };
    until("the demo's page", START, async || {
        http().get(format!("{}/livez", page.url)).send().await.map(|_| ()).map_err(|error| error.to_string())
    })
    .await;
    page
}

async fn get(url: &str) -> String {
    http().get(url).send().await.expect("an answer").text().await.expect("a text")
}

async fn post(page: &Page, action: &str, token: &str, more: &[(&str, &str)]) -> u16 {
    let mut form = vec![("token", token)];
    form.extend(more);
    let url = format!("{}/acme/shop/pulls/1/{action}", page.url);
    let sent = http().post(url).header("origin", &page.url).form(&form).send().await.expect("an answer");
    sent.status().as_u16()
}

#[tokio::test]
async fn the_page_is_read_commented_and_merged_and_the_next_pass_says_what_it_sees() {
    let home = folder("demo-page");
    let page = serve(home.path()).await;
    let pull = format!("{}/acme/shop/pulls/1", page.url);
    assert!(get(&page.url).await.contains("/acme/shop/pulls/1"));
    let html = get(&pull).await;
    assert!(html.contains("<svg") && html.contains("2Gi → <strong>"), "the body with its charts");
    let token = html
        .split("name=\"token\" value=\"")
        .nth(1)
        .and_then(|rest| rest.split('"').next())
        .expect("a token");
    assert_eq!(
        post(&page, "merge", "wrong", &[]).await / 100,
        4,
        "a form without the page's token is refused"
    );
    assert!(post(&page, "comments", token, &[("text", "hello <script>alert(1)</script>")]).await < 400);
    let html = get(&pull).await;
    assert!(html.contains("hello") && !html.contains("<script>alert"), "comments are sanitised");
    assert!(post(&page, "merge", token, &[]).await < 400);
    let html = get(&pull).await;
    assert!(html.contains("The next pass has run"), "the next pass speaks on the page");
    assert!(html.contains("the cluster runs all of its values"), "it sees the merge");
}

#[tokio::test]
async fn the_page_is_drawn_in_a_real_browser() {
    if !servers_enabled() {
        return;
    }
    let home = folder("demo-browser");
    let page = serve(home.path()).await;
    let picture: PathBuf = home.path().join("page.png");
    browser::draw(&format!("{}/acme/shop/pulls/1", page.url), (1280, 1310), &picture);
}
