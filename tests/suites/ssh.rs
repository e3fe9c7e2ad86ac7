//! Git over ssh from a real Gitea: a private repository, a deploy key, and the host key that kubeopt.yaml pins.

use std::path::Path;

use kubeopt_api::Config;
use kubeopt_model::{ForgeName, Problem, RepositoryId};
use kubeopt_runtime::edges::Edges;
use kubeopt_runtime::progress::Quiet;
use kubeopt_runtime::wiring::{Keep, Options, wire};
use kubeopt_tests::gitea::ssh::GiteaWithSsh;
use kubeopt_tests::{OrFail as _, servers_enabled};
use russh::keys::key::safe_rng;
use russh::keys::ssh_key::{Algorithm, HashAlg, LineEnding};
use russh::keys::{PrivateKey, PublicKey};

const WEB: &str = "kind: Deployment\n";

fn random_key() -> PrivateKey {
    PrivateKey::random(&mut safe_rng(), Algorithm::Ed25519).or_fail("make a key")
}

fn text_of(key: &PrivateKey) -> String {
    key.to_openssh(LineEnding::LF).or_fail("write a key").to_string()
}

fn line_of(key: &PublicKey) -> String {
    key.to_openssh().or_fail("write a key")
}

struct Scene {
    server: GiteaWithSsh,
    folder: tempfile::TempDir,
    repository: RepositoryId,
}

impl Scene {
    /// The edges of a kubeopt.yaml that pins this host key and names this private key.
    async fn edges(&self, host_key: &PublicKey, key: &PrivateKey) -> Edges {
        let folder = self.folder.path();
        let token = self.server.gitea.admin().token.clone();
        for (name, text) in [("token", token), ("key", text_of(key))] {
            std::fs::write(folder.join(name), text).or_fail("write a secret");
        }
        let (at, url, port) = (folder.display(), self.server.gitea.url(), self.server.port);
        let text = format!(
            "forges:
- name: gitea
  type: gitea
  url: {url}
  tokenFile: {at}/token
  ssh:
    url: ssh://git@127.0.0.1:{port}
    keyFile: {at}/key
    knownHosts: |
      [127.0.0.1]:{port} {}
store: {{git: {at}/git, history: {at}/history, database: {at}/kubeopt.db}}
",
            line_of(host_key)
        );
        let config = Config::parse(&text, "kubeopt.yaml", kubeopt_policy::PRESETS).expect("it is valid");
        let (options, program) = (Options::default(), Path::new("kubeopt"));
        let wired = wire(&config, &options, program, Keep::Nothing, Box::new(Quiet));
        wired.await.unwrap_or_else(|problems| panic!("{problems:?}"))
    }

    async fn web(&self, edges: &Edges) -> Result<String, Problem> {
        let remote = edges.remote(&self.repository).await?;
        let snapshot = edges.git.fetch(&remote, Some("main")).await.map_err(|error| error.problem())?;
        let files =
            snapshot.files(|path| path.as_str() == "apps/web.yaml").map_err(|error| error.problem())?;
        Ok(files.into_values().map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect())
    }
}

#[tokio::test]
async fn a_private_repository_is_fetched_with_a_deploy_key_from_the_server_that_is_pinned() {
    if !servers_enabled() {
        return;
    }
    let (host_key, deploy_key, stranger) = (random_key(), random_key(), random_key());
    let server = GiteaWithSsh::start(&text_of(&host_key)).await;
    let owner = server.gitea.user("person").await;
    let shop = server.gitea.repository(&owner, "it-s-a.shop", &[("apps/web.yaml", WEB)]).await;
    server.make_private(&shop).await;
    server.deploy_key(&shop, "kubeopt", &line_of(deploy_key.public_key())).await;
    let forge = ForgeName::new("gitea").expect("a valid name");
    let repository = RepositoryId { forge, owner: "person".to_owned(), name: "it-s-a.shop".to_owned() };
    let scene = Scene { server, folder: tempfile::tempdir().or_fail("make a folder"), repository };

    let edges = scene.edges(host_key.public_key(), &deploy_key).await;
    assert_eq!(scene.web(&edges).await.as_deref(), Ok(WEB));
    let changed = format!("{WEB}# changed\n");
    let files = [("apps/web.yaml", changed.as_str())];
    scene.server.gitea.commit(&owner, &shop, "main", &files, "Change it").await;
    assert_eq!(scene.web(&edges).await, Ok(changed));

    let edges = scene.edges(host_key.public_key(), &stranger).await;
    let refused = scene.web(&edges).await.expect_err("nobody let this key in");
    assert_eq!(refused.code, "E-SRC-123", "{refused}");

    let edges = scene.edges(stranger.public_key(), &deploy_key).await;
    let refused = scene.web(&edges).await.expect_err("another host key is pinned");
    assert_eq!(refused.code, "E-SRC-132", "{refused}");
    let offered = host_key.public_key().fingerprint(HashAlg::Sha256).to_string();
    assert!(refused.text.contains(&offered), "{refused}");
}
