//! The typical pull requests on the local forge's page, drawn by a browser, and the document that shows them.

use std::path::{Path, PathBuf};

use k8s_openapi::jiff::Timestamp;
use kubeopt_model::{Change, EditedFile, RepoPath};
use kubeopt_report::page::PageState;
use kubeopt_report::templates::{FAVICON_PATH, FAVICON_SVG, STYLE_CSS, STYLE_PATH, Templates};
use kubeopt_report::{PullRequestPage, pull_request_page};
use kubeopt_tests::{OrFail, browser, servers_enabled};

/// Pixels of each picture: as much as says what a pull request is about.
const SIZE: (u32, u32) = (1280, 1400);

/// When the pull requests are looked at; the day on which the tests that wrote them play.
const NOW_S: i64 = 1_750_003_200;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// Name and folder of each typical pull request.
fn typical() -> Vec<(String, PathBuf)> {
    let golden = root().join("controller/runtime/tests/golden/pull-requests");
    let entries = std::fs::read_dir(golden).or_fail("list the golden pull requests");
    let mut found: Vec<(String, PathBuf)> = entries
        .map(|entry| entry.or_fail("list the golden pull requests"))
        .map(|entry| (entry.file_name().to_string_lossy().into_owned(), entry.path()))
        .collect();
    found.sort();
    found
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).or_fail("read a golden file")
}

/// Paths of all files below a folder, relative to it.
fn files_below(folder: &Path, within: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder.join(within)) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flat_map(|entry| {
            let path = within.join(entry.or_fail("list a golden folder").file_name());
            if folder.join(&path).is_dir() { files_below(folder, &path) } else { vec![path] }
        })
        .collect();
    found.sort();
    found
}

fn changed_files(folder: &Path) -> Vec<EditedFile> {
    let side = |side: &str, path: &Path| std::fs::read(folder.join(side).join(path)).unwrap_or_default();
    let edited = |path: PathBuf| EditedFile {
        path: RepoPath::new(&path.to_string_lossy()).or_fail("read the path of a golden file"),
        content: Change { before: side("before", &path), after: side("after", &path) },
    };
    files_below(&folder.join("after"), Path::new("")).into_iter().map(edited).collect()
}

fn page(folder: &Path) -> String {
    let text = read(&folder.join("pull-request.md"));
    let (title, body) = text.split_once("\n\n").expect("a title and a body");
    let page = PullRequestPage {
        owner: "acme",
        name: "shop",
        number: 1,
        title: title.trim_start_matches("# "),
        is_draft: false,
        state: &PageState::Open,
        author: "kubeopt",
        base: "main",
        branch: "kubeopt/payments-0123abcd",
        head: "0123abcd0123abcd0123abcd0123abcd0123abcd",
        opened_unix_s: NOW_S - 3600,
        body,
        files: &changed_files(folder),
        comments: &[],
        labels: &["kubeopt".to_owned()],
        form_token: "",
        notice: None,
        now: Timestamp::from_second(NOW_S).expect("a time of this century"),
    };
    pull_request_page(&Templates::embedded(), &page).or_fail("render a page")
}

#[test]
fn typical_pull_requests_are_drawn_on_the_local_forges_page() {
    if !servers_enabled() {
        return;
    }
    let typical = typical();
    assert_eq!(typical.len(), 6, "{typical:?}");
    let folder = kubeopt_tests::folder("pictures");
    let beside = |path: &str| folder.path().join(path.trim_start_matches('/'));
    for (path, text) in [(STYLE_PATH, STYLE_CSS), (FAVICON_PATH, FAVICON_SVG)] {
        let file = beside(path);
        std::fs::create_dir_all(file.parent().expect("an asset lies in a folder")).or_fail("make a folder");
        std::fs::write(file, text).or_fail("write an asset");
    }
    for (name, golden) in typical {
        let mut html = page(&golden);
        for path in [STYLE_PATH, FAVICON_PATH] {
            html = html.replace(&format!("\"{path}\""), &format!("\"{}\"", path.trim_start_matches('/')));
        }
        let file = folder.path().join(format!("{name}.html"));
        std::fs::write(&file, html).or_fail("write a page");
        let picture = folder.path().join(format!("{name}.png"));
        browser::draw(&format!("file://{}", file.display()), SIZE, &picture);
        if std::env::var_os("KUBEOPT_BLESS").is_some() {
            let kept = root().join(format!("docs/images/pull-requests/{name}.png"));
            std::fs::create_dir_all(kept.parent().expect("it lies in a folder")).or_fail("make a folder");
            std::fs::copy(&picture, kept).or_fail("keep a picture");
        }
    }
}

#[test]
fn the_document_shows_each_of_them() {
    let document = read(&root().join("docs/pull-requests.md"));
    for (name, _) in typical() {
        let picture = format!("images/pull-requests/{name}.png");
        assert!(document.contains(&format!("({picture})")), "docs/pull-requests.md does not show {picture}");
        assert!(root().join("docs").join(&picture).is_file(), "docs/{picture} is not there");
    }
}
