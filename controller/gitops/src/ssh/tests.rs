//! Fetching over ssh, from a server that runs Git's own program, and from servers that misbehave.

use std::path::Path;
use std::time::Duration;

use kubeopt_model::Bytes;
use kubeopt_net::{Secret, SecretSource};
use russh::keys::PrivateKey;
use russh::keys::ssh_key::{Algorithm, EcdsaCurve, HashAlg};
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpListener;

use super::client::Patience;
use super::fixture::{Manner, SshServer, line_of, random_key, text_of};
use super::{KnownHosts, SshAddress, SshClient, SshPolicy};
use crate::error::GitError;
use crate::fixture::{bare, commit, noise, repository_id, texts};
use crate::store::{GitStore, Location, Remote};
use crate::{StoreLimits, codes};

/// Made for these tests, because finding the primes of one takes too long here. It opens nothing.
const RSA: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAABG5vbmUAAAAEbm9uZQAAAAAAAAABAAABFwAAAAdzc2gtcn
NhAAAAAwEAAQAAAQEAva8ugySC5m1W87UwvkhbscWQXOHPSGzHcMGkeU/sMvviAeaglkc7
QkD3AmpLZARIduZcodDt2nQlb8s1X56ZtPRZmGI8KWfq2vTc24wNz7/D7FACy1jeNczsbr
Cn8+4JSppHTh7tgS+gMlJov7I/ynIwi43mlDt5/35LYBQ4/W7BsHG4KQV45cUYO2T1ursG
30b6yWvjgE9jn4/w1D8Eg2eDOJco9k11KpARkFa0kRsnGMZjuvsWBH3InTkoRCwVPqkAG5
Ag5YIU7G57mH57czqUFDfVqiPVTJghz4S6hGJSvSJDqzCPidwpJ9UQfMW+u+23m0MG8PO/
G6oK9COOxwAAA7guL0o0Li9KNAAAAAdzc2gtcnNhAAABAQC9ry6DJILmbVbztTC+SFuxxZ
Bc4c9IbMdwwaR5T+wy++IB5qCWRztCQPcCaktkBEh25lyh0O3adCVvyzVfnpm09FmYYjwp
Z+ra9NzbjA3Pv8PsUALLWN41zOxusKfz7glKmkdOHu2BL6AyUmi/sj/KcjCLjeaUO3n/fk
tgFDj9bsGwcbgpBXjlxRg7ZPW6uwbfRvrJa+OAT2Ofj/DUPwSDZ4M4lyj2TXUqkBGQVrSR
GycYxmO6+xYEfcidOShELBU+qQAbkCDlghTsbnuYfntzOpQUN9WqI9VMmCHPhLqEYlK9Ik
OrMI+J3Ckn1RB8xb677bebQwbw878bqgr0I47HAAAAAwEAAQAAAQBJccyZI6h5jymFSIlc
jAjQ/vWkORy45sGcY6YLAMqsfQHoCYPxXBhSUXQy37RcQBpMy2pfj1WhaapbLHv4j6DlQ1
1zlsnDoIR7jib77TEl2RMD64EBemHjw/ph643EcczwMWddlLUSeb3V7jm3y81OVkN8rY9z
osnchuqpg3sDiVUD2Hxv1Z5lKJAD2rLCRQoZHCgwQKPCGM71bVwXINf4gfJuH6e2pb6R7t
itPkdAmQjyr2cKXOPcFbukzracdweOwYzh1YBA7in5Z4R03zO6o4J6GfwxHIt5PY9VSCxD
aCSGSAJFTpxzIfY6Cbsnhz7WAnEReFw4j5pdtlWXg+Q5AAAAgQC0mWzruRSdAWX+2tLG2P
xomsTx8xju2SqmLnc3ED0QwOaZLVChh+JH5vRK456nRfn9Omp90SLykGitux/QZ8ggmim3
cdZdeCzUZe4JaAVRaP2b5O9MAUGwmZzYka8rb4anppAF8SLHuyLQE2Tx2+26gzMXc4MGgn
VV7lI+NEQPvQAAAIEA8zpV76WoawUI3i1xnPAcR7hUQQ1fzUq6F/j1z2B3XCgT83jx7XHG
YK4xlg3mwnoIZWLilhdKP9gU69mDA6ZFe8zalqYcoy3lmZISXJZc4g7D4RIAraQ5IPamA5
bsMJtNtjqAUKohhMXkQDckgiIUXYtUTZ3m4ywEfqJfCmc7xP8AAACBAMelEgJ9BGy3f8KA
fOWfL6yISMB/8mbCIUrsCvhU72FHqOaIsp3SXZ09ARUQs0f9WtfocIzg++XLtKUHw8Sxng
XP4VTb+0AxgYvteZ29piu3nEXI4g/qbarE26ujSAhB90ejAZUWXeaqnzvScJfdde3996zE
I4qd8w+ctinzMU45AAAAAAEC
-----END OPENSSH PRIVATE KEY-----";

/// The passphrase is `open sesame`. It opens nothing either.
const LOCKED: &str = "-----BEGIN OPENSSH PRIVATE KEY-----
b3BlbnNzaC1rZXktdjEAAAAACmFlczI1Ni1jdHIAAAAGYmNyeXB0AAAAGAAAABA3Twr+qQ
j2IWSPxdFYC8OdAAAAEAAAAAEAAAAzAAAAC3NzaC1lZDI1NTE5AAAAIIAgN9vSv0cT/6PT
mGyCV48LhW5a5Fkjd6UYxYMlzhkgAAAAkFDjWmN4bPoD2u5Rgla47m/seDOwxPZ5xzYWBl
w8NYCAMnk8IJk6b2/n+dY259OudufvUn6DA3rGOPaHuIqSa1meXMqNPzjDOotcU8pefzvO
Z3ESWhZcBvS+x939iYGVx8J6fZpN1MeK/SvBvYqfw3EWQFVoc+d+XCYrMvc3kBZa8urAOz
LnxzH3k2ab/IJx+Q==
-----END OPENSSH PRIVATE KEY-----";

fn secret(text: impl Into<String>) -> SecretSource {
    SecretSource::Value(Secret::new(text))
}

/// The repository at a path of this machine, behind the port of a test's server.
fn address(port: u16, path: &Path) -> SshAddress {
    let parsed = SshAddress::parse(&format!("ssh://git@127.0.0.1:{port}")).unwrap();
    SshAddress { path: path.to_str().unwrap().to_owned(), ..parsed }
}

fn policy(address: &SshAddress, key: &PrivateKey, known_hosts: &str) -> SshPolicy {
    SshPolicy {
        address: address.clone(),
        key: secret(text_of(key)),
        passphrase: None,
        known_hosts: KnownHosts::parse(known_hosts).unwrap(),
    }
}

fn remote(address: &SshAddress, policy: SshPolicy) -> Remote {
    let client = SshClient::new(policy).unwrap();
    Remote { id: repository_id(), location: Location::Ssh { address: address.clone(), client } }
}

struct Scene {
    dir: tempfile::TempDir,
    origin: git2::Repository,
    store: GitStore,
    key: PrivateKey,
}

impl Scene {
    fn new() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let origin = bare(&dir.path().join("gitops.git"));
        commit(&origin, "main", &[("a.yaml", "a: 1\n")]);
        let store = GitStore::open(&dir.path().join("cache")).unwrap();
        Self { dir, origin, store, key: random_key(Algorithm::Ed25519) }
    }

    fn address(&self, server: &SshServer) -> SshAddress {
        address(server.port, &self.dir.path().join("gitops.git"))
    }

    fn remote(&self, server: &SshServer) -> Remote {
        let address = self.address(server);
        remote(&address, policy(&address, &self.key, &server.known_hosts()))
    }

    async fn refused(&self, remote: &Remote) -> GitError {
        let error = self.store.fetch(remote, None).await.unwrap_err();
        let problem = error.problem();
        assert!(!problem.help.is_empty() && problem.code == error.code(), "{problem}");
        error
    }
}

#[tokio::test]
async fn a_branch_is_fetched_over_ssh_and_then_what_is_new() {
    let scene = Scene::new();
    let server = SshServer::start(&scene.key, Manner::Serves).await;
    let remote = scene.remote(&server);
    let first = scene.store.fetch(&remote, None).await.unwrap();
    assert_eq!((first.branch.as_str(), texts(&first)), ("main", vec![("a.yaml".into(), "a: 1\n".into())]));
    let again = scene.store.fetch(&remote, Some("main")).await.unwrap();
    assert_eq!(again.commit, first.commit);
    let newest = commit(&scene.origin, "main", &[("b.yaml", "b: 1\n")]);
    let changed = scene.store.fetch(&remote, None).await.unwrap();
    assert_eq!(changed.commit, newest.to_string());
    assert_eq!(texts(&changed)[1], ("b.yaml".to_owned(), "b: 1\n".to_owned()));
    let path = scene.dir.path().join("gitops.git");
    let asked = (format!("git-upload-pack '{}'", path.display()), Some("version=2".to_owned()));
    assert_eq!(*server.asked.lock().unwrap(), [asked.clone(), asked.clone(), asked]);
    let missing = scene.store.fetch(&remote, Some("other")).await.unwrap_err();
    assert_eq!(missing.code(), codes::BRANCH_NOT_FOUND);
}

#[tokio::test]
async fn a_path_with_quotes_is_one_path_to_the_servers_shell() {
    let scene = Scene::new();
    let path = scene.dir.path().join("it's $(touch pwned); `touch pwned` \"x\" !1 \\.git");
    commit(&bare(&path), "main", &[("quoted.yaml", "q: 1\n")]);
    let server = SshServer::start(&scene.key, Manner::Serves).await;
    let address = address(server.port, &path);
    let remote = remote(&address, policy(&address, &scene.key, &server.known_hosts()));
    let snapshot = scene.store.fetch(&remote, None).await.unwrap();
    assert_eq!(texts(&snapshot), [("quoted.yaml".to_owned(), "q: 1\n".to_owned())]);
    assert!(!Path::new("pwned").exists());
}

#[tokio::test]
async fn a_host_key_that_is_not_pinned_is_shown_and_nothing_is_asked() {
    let scene = Scene::new();
    let server = SshServer::start(&scene.key, Manner::Serves).await;
    let offered = format!("ssh-ed25519 {}", server.host_key.fingerprint(HashAlg::Sha256));
    let other = random_key(Algorithm::Ed25519).public_key().clone();
    let pinned = format!("`knownHosts` lists ssh-ed25519 {}", other.fingerprint(HashAlg::Sha256));
    let elsewhere = line_of(server.port.wrapping_add(1), &server.host_key);
    let revoked = format!("@revoked {}", server.known_hosts());
    for (known_hosts, code, told) in [
        (elsewhere, codes::HOST_KEY_UNKNOWN, "`knownHosts` names no key for it".to_owned()),
        (line_of(server.port, &other), codes::HOST_KEY_CHANGED, pinned),
        (revoked, codes::HOST_KEY_CHANGED, "`knownHosts` revokes it".to_owned()),
    ] {
        let address = scene.address(&server);
        let remote = remote(&address, policy(&address, &scene.key, &known_hosts));
        let error = scene.refused(&remote).await;
        assert_eq!(error.code(), code, "{error}");
        assert!(!error.is_transient());
        let text = error.to_string();
        assert!(text.contains(&offered) && text.contains(&told), "{text}");
    }
    assert_eq!(*server.asked.lock().unwrap(), []);
}

#[tokio::test]
async fn a_key_that_the_server_does_not_know_is_named_by_its_fingerprint() {
    let scene = Scene::new();
    let server = SshServer::start(&random_key(Algorithm::Ed25519), Manner::Serves).await;
    let error = scene.refused(&scene.remote(&server)).await;
    assert_eq!(error.code(), codes::UNAUTHORIZED, "{error}");
    let fingerprint = scene.key.public_key().fingerprint(HashAlg::Sha256).to_string();
    assert!(error.to_string().contains(&fingerprint), "{error}");
}

#[tokio::test]
async fn keys_of_each_kind_let_in() {
    let rsa = PrivateKey::from_openssh(RSA).unwrap();
    let kinds = [
        random_key(Algorithm::Ecdsa { curve: EcdsaCurve::NistP256 }),
        random_key(Algorithm::Ecdsa { curve: EcdsaCurve::NistP384 }),
        rsa,
    ];
    for key in kinds {
        let scene = Scene { key, ..Scene::new() };
        let server = SshServer::start(&scene.key, Manner::Serves).await;
        let snapshot = scene.store.fetch(&scene.remote(&server), None).await.unwrap();
        assert_eq!(texts(&snapshot).len(), 1, "{}", scene.key.algorithm());
    }
}

#[tokio::test]
async fn a_key_with_a_passphrase_needs_it() {
    let key = PrivateKey::from_openssh(LOCKED).unwrap();
    let opened = key.decrypt("open sesame").unwrap();
    let scene = Scene { key: opened, ..Scene::new() };
    let server = SshServer::start(&scene.key, Manner::Serves).await;
    let address = scene.address(&server);
    let of = |passphrase: Option<&str>| SshPolicy {
        key: secret(LOCKED),
        passphrase: passphrase.map(secret),
        ..policy(&address, &scene.key, &server.known_hosts())
    };
    for wrong in [None, Some("open barley")] {
        let error = scene.refused(&remote(&address, of(wrong))).await;
        assert_eq!(error.code(), codes::SSH_KEY, "{error}");
        assert!(!error.to_string().contains("barley"));
    }
    let snapshot = scene.store.fetch(&remote(&address, of(Some("open sesame"))), None).await.unwrap();
    assert_eq!(texts(&snapshot).len(), 1);
}

#[tokio::test]
async fn what_is_no_private_key_is_told_without_its_content() {
    let scene = Scene::new();
    let server = SshServer::start(&scene.key, Manner::Serves).await;
    let address = scene.address(&server);
    let known_hosts = server.known_hosts();
    let policy = SshPolicy { key: secret("hunter2"), ..policy(&address, &scene.key, &known_hosts) };
    let remote = remote(&address, policy);
    assert!(!format!("{remote:?}").contains("hunter2"));
    let error = scene.refused(&remote).await;
    assert_eq!(error.code(), codes::SSH_KEY, "{error}");
    assert!(!error.to_string().contains("hunter2"), "{error}");
}

#[tokio::test]
async fn a_repository_that_is_not_there_is_told_in_the_servers_words() {
    let scene = Scene::new();
    let server = SshServer::start(&scene.key, Manner::Serves).await;
    let address = address(server.port, &scene.dir.path().join("none.git"));
    let error = scene.refused(&remote(&address, policy(&address, &scene.key, &server.known_hosts()))).await;
    assert_eq!(error.code(), codes::REPOSITORY_NOT_FOUND, "{error}");
    assert!(error.to_string().contains("does not appear to be a git repository"), "{error}");
}

#[tokio::test]
async fn a_server_that_drops_the_version_is_told_how_to_accept_it() {
    let scene = Scene::new();
    let server = SshServer::start(&scene.key, Manner::DropsVariables).await;
    let error = scene.refused(&scene.remote(&server)).await;
    assert_eq!(error.code(), codes::PROTOCOL, "{error}");
    assert!(error.problem().help.contains("AcceptEnv GIT_PROTOCOL"), "{error}");
}

#[tokio::test]
async fn a_server_that_never_stops_complaining_is_left() {
    let scene = Scene::new();
    let server = SshServer::start(&scene.key, Manner::Complains).await;
    let error = scene.refused(&scene.remote(&server)).await;
    assert_eq!(error.code(), codes::SSH, "{error}");
}

/// Too short for any server, so that a test of one that hangs does not wait for long.
const IMPATIENT: Patience =
    Patience { sign_in: Duration::from_millis(300), answer: Duration::from_millis(300) };

async fn left(scene: &Scene, port: u16, known_hosts: &str) -> GitError {
    let address = address(port, &scene.dir.path().join("gitops.git"));
    let client = SshClient::with_patience(policy(&address, &scene.key, known_hosts), IMPATIENT).unwrap();
    let remote = Remote { id: repository_id(), location: Location::Ssh { address, client } };
    scene.refused(&remote).await
}

#[tokio::test]
async fn a_server_that_hangs_before_or_after_it_lets_in_is_left() {
    let scene = Scene::new();
    let silent = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = silent.local_addr().unwrap().port();
    let hanging = SshServer::start(&scene.key, Manner::Hangs).await;
    let line = line_of(port, &hanging.host_key);
    for (port, known_hosts) in [(port, line), (hanging.port, hanging.known_hosts())] {
        let error = left(&scene, port, &known_hosts).await;
        assert!(error.code() == codes::UNREACHABLE && error.is_transient(), "{error}");
    }
    drop(silent);
}

#[tokio::test]
async fn a_server_that_greets_without_end_is_left() {
    let scene = Scene::new();
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        let (mut socket, _) = listener.accept().await.unwrap();
        while socket.write_all(b"welcome, welcome, welcome\r\n").await.is_ok() {}
    });
    let line = line_of(port, random_key(Algorithm::Ed25519).public_key());
    let error = left(&scene, port, &line).await;
    assert!(error.code() == codes::UNREACHABLE || error.code() == codes::SSH, "{error}");
}

#[tokio::test]
async fn a_client_calls_its_own_server_only() {
    let scene = Scene::new();
    let server = SshServer::start(&scene.key, Manner::Serves).await;
    let own = scene.address(&server);
    let client = SshClient::new(policy(&own, &scene.key, &server.known_hosts())).unwrap();
    for other in [
        SshAddress { host: "git.example".to_owned(), ..own.clone() },
        SshAddress { port: 22, ..own.clone() },
        SshAddress { user: "root".to_owned(), ..own.clone() },
    ] {
        let location = Location::Ssh { address: other, client: client.clone() };
        let error = scene.refused(&Remote { id: repository_id(), location }).await;
        assert_eq!(error.code(), "E-NET-001", "{error}");
    }
    let metadata = SshAddress { host: "169.254.169.254".to_owned(), ..own };
    let error = SshClient::new(policy(&metadata, &scene.key, &server.known_hosts())).unwrap_err();
    assert_eq!(error.code(), "E-NET-002");
}

#[tokio::test]
async fn old_commits_go_over_ssh_too_before_a_repository_is_refused() {
    let mut scene = Scene::new();
    let limits = StoreLimits { repository: Bytes(160_000), ..StoreLimits::default() };
    scene.store = scene.store.with_limits(limits);
    let server = SshServer::start(&scene.key, Manner::Serves).await;
    let remote = scene.remote(&server);
    for round in 0..4 {
        let text = noise(round * 2_500, 2_500);
        commit(&scene.origin, "main", &[("big.txt", &text)]);
        let snapshot = scene.store.fetch(&remote, None).await.unwrap();
        assert_eq!(texts(&snapshot)[1], ("big.txt".to_owned(), text), "round {round}");
    }
    commit(&scene.origin, "main", &[("more.txt", &noise(100_000, 10_000))]);
    assert_eq!(scene.refused(&remote).await.code(), codes::OVER_QUOTA);
}
