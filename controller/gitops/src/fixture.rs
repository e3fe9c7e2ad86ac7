//! What several tests need: small repositories, and a Git server in front of them. Only in test builds.

use std::io::{BufRead as _, BufReader, Read, Write as _};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Arc, Mutex};

use git2::build::TreeUpdateBuilder;
use git2::{FileMode, ObjectType, Oid, Repository, RepositoryInitOptions, Signature, Time};
use kubeopt_model::{ForgeName, RepositoryId};
use kubeopt_net::Url;

use crate::snapshot::Snapshot;

/// An identity for tests.
pub(crate) fn repository_id() -> RepositoryId {
    RepositoryId {
        forge: ForgeName::new("test").unwrap(),
        owner: "acme".to_owned(),
        name: "gitops".to_owned(),
    }
}

/// A bare repository with the default branch `main`, as forges keep it.
pub(crate) fn bare(path: &Path) -> Repository {
    let mut options = RepositoryInitOptions::new();
    options.bare(true).initial_head("main").external_template(false);
    Repository::init_opts(path, &options).unwrap()
}

/// Adds or replaces files on a branch, which is made if it is not there; gives the commit.
pub(crate) fn commit(repository: &Repository, branch: &str, files: &[(&str, &str)]) -> Oid {
    let files: Vec<(String, Vec<u8>, FileMode)> = files
        .iter()
        .map(|(path, text)| ((*path).to_owned(), text.as_bytes().to_vec(), FileMode::Blob))
        .collect();
    commit_entries(repository, branch, &files)
}

/// The same with modes: links hold the path that they lead to.
pub(crate) fn commit_entries(
    repository: &Repository,
    branch: &str,
    entries: &[(String, Vec<u8>, FileMode)],
) -> Oid {
    let name = format!("refs/heads/{branch}");
    let parent = repository.find_reference(&name).ok().map(|found| found.peel_to_commit().unwrap());
    let mut update = TreeUpdateBuilder::new();
    for (path, bytes, mode) in entries {
        let oid = if *mode == FileMode::Commit {
            Oid::from_str("0123456789012345678901234567890123456789").unwrap()
        } else {
            repository.blob(bytes).unwrap()
        };
        update.upsert(path.as_str(), oid, *mode);
    }
    let empty = repository.treebuilder(None).unwrap().write().unwrap();
    let baseline = match &parent {
        Some(commit) => commit.tree().unwrap(),
        None => repository.find_tree(empty).unwrap(),
    };
    let tree = update.create_updated(repository, &baseline).unwrap();
    commit_tree(repository, &name, tree)
}

/// Hexadecimal digits that hardly compress: 40 characters, so 20 bytes, for each number.
pub(crate) fn noise(from: u32, count: u32) -> String {
    let digits = |n: u32| Oid::hash_object(ObjectType::Blob, &n.to_le_bytes()).unwrap().to_string();
    (from..from + count).map(digits).collect()
}

/// Points a reference to a new commit of this tree.
pub(crate) fn commit_tree(repository: &Repository, name: &str, tree: Oid) -> Oid {
    let parent = repository.find_reference(name).ok().map(|found| found.peel_to_commit().unwrap());
    let who = Signature::new("test", "test@example.com", &Time::new(1_700_000_000, 0)).unwrap();
    let tree = repository.find_tree(tree).unwrap();
    let parents: Vec<&git2::Commit<'_>> = parent.iter().collect();
    repository.commit(Some(name), &who, &who, "change", &tree, &parents).unwrap()
}

/// All files of a commit: path and text.
pub(crate) fn texts(snapshot: &Snapshot) -> Vec<(String, String)> {
    let files = snapshot.files(|_| true).unwrap();
    files.into_iter().map(|(path, bytes)| (path.to_string(), String::from_utf8(bytes).unwrap())).collect()
}

/// One answered request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Served {
    /// Path and query.
    pub(crate) target: String,
    /// Bytes of the answer.
    pub(crate) bytes: usize,
}

/// `git http-backend` behind a loopback port. Its thread ends with the process.
pub(crate) struct GitServer {
    /// Address of the repository `gitops.git` in the served folder.
    pub(crate) url: Url,
    /// What has been answered so far.
    pub(crate) served: Arc<Mutex<Vec<Served>>>,
}

impl GitServer {
    /// Serves the repositories of a folder.
    pub(crate) fn start(root: &Path) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let served = Arc::<Mutex<Vec<Served>>>::default();
        let (root, log) = (root.to_owned(), Arc::clone(&served));
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                answer(&root, stream, &log);
            }
        });
        let url = Url::parse(&format!("http://127.0.0.1:{port}/gitops.git")).unwrap();
        Self { url, served }
    }

    /// Bytes of the last answer, which is the pack where one was sent.
    pub(crate) fn last_bytes(&self) -> usize {
        self.served.lock().unwrap().last().unwrap().bytes
    }

    /// Answered so far.
    pub(crate) fn count(&self) -> usize {
        self.served.lock().unwrap().len()
    }
}

fn backend() -> PathBuf {
    let output = Command::new("git")
        .arg("--exec-path")
        .output()
        .expect("install git: this test serves a repository with it");
    PathBuf::from(String::from_utf8(output.stdout).unwrap().trim()).join("git-http-backend")
}

/// One request per connection is enough here.
fn answer(root: &Path, stream: TcpStream, log: &Mutex<Vec<Served>>) {
    let mut reader = BufReader::new(stream.try_clone().unwrap());
    let mut first = String::new();
    reader.read_line(&mut first).unwrap();
    let mut words = first.split(' ');
    let (Some(method), Some(target)) = (words.next(), words.next()) else { return };
    let mut command = Command::new(backend());
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    command
        .env("GIT_PROJECT_ROOT", root)
        .env("GIT_HTTP_EXPORT_ALL", "1")
        .env("GIT_CONFIG_NOSYSTEM", "1")
        .env("HOME", root)
        .env("REQUEST_METHOD", method)
        .env("PATH_INFO", path)
        .env("QUERY_STRING", query);
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).unwrap();
        let Some((name, value)) = line.trim().split_once(':') else { break };
        match name.to_ascii_lowercase().as_str() {
            "content-length" => length = value.trim().parse().unwrap(),
            "content-type" => {
                command.env("CONTENT_TYPE", value.trim());
            }
            "git-protocol" => {
                command.env("GIT_PROTOCOL", value.trim());
            }
            _ => {}
        }
    }
    let mut body = vec![0; length];
    reader.read_exact(&mut body).unwrap();
    let (head, content) = run_backend(command, &body);
    // Written down before the client can see the answer, so that a test that has it finds it counted.
    log.lock().unwrap().push(Served { target: target.to_owned(), bytes: content.len() });
    send(stream, &head, &content);
}

/// Headers and content of the backend's answer.
fn run_backend(mut command: Command, body: &[u8]) -> (String, Vec<u8>) {
    command.env("CONTENT_LENGTH", body.len().to_string());
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let _gone = stdin.write_all(body);
    drop(stdin);
    let mut output = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut output).unwrap();
    child.wait().unwrap();
    let split = output.windows(4).position(|w| w == b"\r\n\r\n").unwrap();
    (String::from_utf8_lossy(&output[..split]).into_owned(), output.split_off(split + 4))
}

/// A client that is gone is no failure.
fn send(mut stream: TcpStream, head: &str, content: &[u8]) {
    let status = head.lines().find_map(|line| line.strip_prefix("Status: ")).unwrap_or("200 OK").to_owned();
    let _gone = write!(
        stream,
        "HTTP/1.1 {status}\r\n{head}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
        content.len()
    );
    let _gone = stream.write_all(content);
}
