//! The contract on a real PostgreSQL, and what is its own. `KUBEOPT_E2E=off` leaves it out and says so.

use std::os::unix::fs::chown;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::*;

/// How long the server may take to accept connections.
const START_MAX: Duration = Duration::from_secs(60);

/// The user that runs the server where the tests run as root, which PostgreSQL refuses: `nobody` everywhere.
const NOBODY: u32 = 65_534;

/// A server with a database of its own, which ends with the test.
struct Server {
    folder: tempfile::TempDir,
    process: Child,
    port: u16,
}

impl Server {
    async fn start() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let password = folder.path().join("password");
        std::fs::write(&password, "se cret\n").unwrap();
        let as_root =
            std::fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        if as_root {
            chown(folder.path(), Some(NOBODY), Some(NOBODY)).unwrap();
            chown(&password, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let data = folder.path().join("data");
        let log = std::fs::File::create(folder.path().join("log")).unwrap();
        let made = command("initdb", as_root)
            .args([
                "--no-sync",
                "--username=kubeopt",
                "--auth=scram-sha-256",
                "--encoding=UTF8",
                "--locale=C.UTF-8",
            ])
            .arg(format!("--pwfile={}", password.display()))
            .arg(&data)
            .stdout(log.try_clone().unwrap())
            .stderr(log.try_clone().unwrap())
            .status()
            .unwrap();
        assert!(made.success(), "initdb: {}", std::fs::read_to_string(folder.path().join("log")).unwrap());
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let process = command("postgres", as_root)
            .arg("-D")
            .arg(&data)
            .args(["-F", "-c", "listen_addresses=127.0.0.1", "-p", &port.to_string(), "-k"])
            .arg(folder.path())
            .stdout(log.try_clone().unwrap())
            .stderr(log)
            .spawn()
            .unwrap();
        let server = Self { folder, process, port };
        let begun = Instant::now();
        while let Err(error) = PostgresJournal::open(&server.place("postgres")).await {
            let log = std::fs::read_to_string(server.folder.path().join("log")).unwrap();
            assert!(begun.elapsed() < START_MAX, "{error}: {log}");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        server
    }

    fn place(&self, database: &str) -> PostgresPlace {
        PostgresPlace {
            url: format!("postgres://kubeopt@127.0.0.1:{}/{database}?sslmode=disable", self.port),
            password_file: Some(self.folder.path().join("password")),
        }
    }

    async fn run(&self, statement: &'static str) {
        let url = format!("postgres://kubeopt:se%20cret@127.0.0.1:{}/postgres?sslmode=disable", self.port);
        let pool = sqlx::PgPool::connect(&url).await.unwrap();
        sqlx::query(statement).execute(&pool).await.unwrap();
        pool.close().await;
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // The children of a server that is killed notice and end; its folder goes with the test.
        let _ended = self.process.kill();
        let _reaped = self.process.wait();
    }
}

fn command(program: &str, as_root: bool) -> Command {
    let program = program_path(program);
    let mut command = if as_root {
        let id = NOBODY.to_string();
        let mut command = Command::new("setpriv");
        command.args(["--reuid", &id, "--regid", &id, "--clear-groups", "--pdeathsig", "KILL"]).arg(program);
        command
    } else {
        Command::new(program)
    };
    command
        .env_clear()
        .env("PATH", "/usr/bin:/bin")
        .env("LC_ALL", "C.UTF-8")
        .current_dir("/")
        .stdin(Stdio::null());
    command
}

/// On PATH, or where Debian puts it: the newest version.
fn program_path(program: &str) -> PathBuf {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let mut found: Vec<PathBuf> = std::env::split_paths(&path).map(|folder| folder.join(program)).collect();
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let mut versions: Vec<PathBuf> =
        versions.map(|version| version.path().join("bin").join(program)).collect();
    versions.sort();
    found.extend(versions.into_iter().rev());
    let there = found.into_iter().find(|path: &PathBuf| Path::is_file(path));
    there.unwrap_or_else(|| {
        panic!("{program} of PostgreSQL is missing: install Debian's postgresql, or set KUBEOPT_E2E=off")
    })
}

fn servers_enabled() -> bool {
    let enabled = std::env::var_os("KUBEOPT_E2E").is_none_or(|value| value != "off");
    if !enabled {
        eprintln!("left out (KUBEOPT_E2E=off): the journal in PostgreSQL");
    }
    enabled
}

#[tokio::test]
async fn a_journal_in_postgresql_keeps_the_contract_and_outlives_its_process() {
    if !servers_enabled() {
        return;
    }
    let server = Server::start().await;
    server.run("CREATE DATABASE kubeopt").await;
    let journal = PostgresJournal::open(&server.place("kubeopt")).await.unwrap();
    assert!(journal.was_created());
    keeps_the_contract(&journal).await;
    let before = (journal.outbox().await.unwrap(), journal.pull_requests().await.unwrap());
    // Not closed, as after a kill; and a second replica beside it.
    let again = PostgresJournal::open(&server.place("kubeopt")).await.unwrap();
    assert!(!again.was_created());
    assert_eq!((again.outbox().await.unwrap(), again.pull_requests().await.unwrap()), before);
    assert!(journal.take_problems().is_empty());

    // Bytes decide the order, whatever the server's locale: an upper-case letter comes before a lower-case one.
    for branch in ["kubeopt/a", "kubeopt/B"] {
        again.note(&entry(branch, 1)).await.unwrap();
    }
    let first: Vec<String> =
        journal.outbox().await.unwrap().into_iter().map(|entry| entry.branch).take(2).collect();
    assert_eq!(first, ["kubeopt/B", "kubeopt/a"]);
    journal.close().await;
    again.close().await;
}

#[tokio::test]
async fn what_the_server_refuses_is_told_without_the_password() {
    if !servers_enabled() {
        return;
    }
    let server = Server::start().await;
    let good = server.place("postgres");
    let wrong_password = server.folder.path().join("wrong");
    std::fs::write(&wrong_password, "hunter2").unwrap();
    let empty = server.folder.path().join("empty");
    std::fs::write(&empty, "\n").unwrap();
    for (place, code, wanted) in [
        (PostgresPlace { password_file: Some(wrong_password), ..good.clone() }, "E-HIS-011", "password"),
        (server.place("nowhere"), "E-HIS-011", "nowhere"),
        (PostgresPlace { password_file: Some(empty), ..good.clone() }, "E-HIS-005", "password file"),
        (PostgresPlace { password_file: Some("/nowhere".into()), ..good.clone() }, "E-HIS-001", "/nowhere"),
        (PostgresPlace { url: "postgres://[".into(), ..good.clone() }, "E-HIS-005", "address"),
    ] {
        let Err(error) = PostgresJournal::open(&place).await else { panic!("it opened: {wanted}") };
        let problem = error.problem();
        assert!(problem.code == code && problem.text.contains(wanted), "{wanted}: {problem}");
        assert!(!problem.text.contains("hunter2") && !problem.text.contains("se cret"), "{problem}");
        assert!(!format!("{place:?}").contains("127.0.0.1"), "{place:?}");
    }
}

#[tokio::test]
async fn connections_that_the_server_ended_are_made_anew() {
    if !servers_enabled() {
        return;
    }
    let server = Server::start().await;
    let journal = PostgresJournal::open(&server.place("postgres")).await.unwrap();
    journal.note(&entry("kubeopt/b", 10)).await.unwrap();
    server
        .run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'kubeopt'")
        .await;
    // The pool looks at a connection before it gives it away.
    assert_eq!(journal.outbox().await.unwrap(), [entry("kubeopt/b", 10)]);
}
