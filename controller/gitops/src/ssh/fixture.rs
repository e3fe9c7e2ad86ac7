//! A small ssh server for tests: it lets the keys in that it is told, and runs what it is asked in a shell, as OpenSSH
//! does. Only in test builds.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use russh::keys::key::safe_rng;
use russh::keys::ssh_key::{Algorithm, LineEnding};
use russh::keys::{PrivateKey, PublicKey};
use russh::server::{self, Auth, ChannelOpenHandle, Msg, Session, VerifiedPublicKey};
use russh::{Channel, ChannelId};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, copy};
use tokio::net::TcpListener;

/// What the server does with a request to run a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Manner {
    /// It runs the program.
    Serves,
    /// It runs the program, and drops the variables that come with the request.
    DropsVariables,
    /// It says that it does, and then nothing.
    Hangs,
    /// It writes to standard error, and never stops.
    Complains,
}

/// One request that it was asked to run, and the version of Git's protocol that came with it.
pub(crate) type Asked = (String, Option<String>);

/// The server. It ends with the runtime of its test.
pub(crate) struct SshServer {
    /// On 127.0.0.1.
    pub(crate) port: u16,
    /// Its host key.
    pub(crate) host_key: PublicKey,
    /// What it was asked to run.
    pub(crate) asked: Arc<Mutex<Vec<Asked>>>,
}

impl SshServer {
    /// Lets the user `git` in with this key.
    pub(crate) async fn start(user: &PrivateKey, manner: Manner) -> Self {
        let host_key = random_key(Algorithm::Ed25519);
        let public = host_key.public_key().clone();
        let config = Arc::new(server::Config {
            keys: vec![host_key],
            auth_rejection_time: Duration::ZERO,
            ..server::Config::default()
        });
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let asked = Arc::<Mutex<Vec<Asked>>>::default();
        let (user, log) = (user.public_key().clone(), Arc::clone(&asked));
        tokio::spawn(async move {
            while let Ok((socket, _)) = listener.accept().await {
                let guest = Guest {
                    user: user.clone(),
                    manner,
                    channel: None,
                    protocol: None,
                    asked: Arc::clone(&log),
                };
                // A client that goes away while it is let in is what some tests do.
                let _session = server::run_stream(Arc::clone(&config), socket, guest).await;
            }
        });
        Self { port, host_key: public, asked }
    }

    /// A line of `known_hosts` for it.
    pub(crate) fn known_hosts(&self) -> String {
        line_of(self.port, &self.host_key)
    }
}

/// A line of `known_hosts` for a port of this machine.
pub(crate) fn line_of(port: u16, key: &PublicKey) -> String {
    format!("[127.0.0.1]:{port} {}", key.to_openssh().unwrap())
}

/// A new key.
pub(crate) fn random_key(kind: Algorithm) -> PrivateKey {
    PrivateKey::random(&mut safe_rng(), kind).unwrap()
}

/// A key as ssh-keygen writes it.
pub(crate) fn text_of(key: &PrivateKey) -> String {
    key.to_openssh(LineEnding::LF).unwrap().to_string()
}

struct Guest {
    user: PublicKey,
    manner: Manner,
    channel: Option<Channel<Msg>>,
    protocol: Option<String>,
    asked: Arc<Mutex<Vec<Asked>>>,
}

impl server::Handler for Guest {
    type Error = russh::Error;

    async fn auth_publickey(
        &mut self,
        user: &str,
        offered: VerifiedPublicKey<'_>,
    ) -> Result<Auth, Self::Error> {
        let known = user == "git" && offered.public_key.key_data() == self.user.key_data();
        Ok(if known { Auth::Accept } else { Auth::reject() })
    }

    async fn channel_open_session(
        &mut self,
        channel: Channel<Msg>,
        reply: ChannelOpenHandle,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        self.channel = Some(channel);
        reply.accept().await;
        Ok(())
    }

    async fn env_request(
        &mut self,
        _: ChannelId,
        name: &str,
        value: &str,
        _: &mut Session,
    ) -> Result<(), Self::Error> {
        if name == "GIT_PROTOCOL" && self.manner != Manner::DropsVariables {
            self.protocol = Some(value.to_owned());
        }
        Ok(())
    }

    async fn exec_request(
        &mut self,
        id: ChannelId,
        command: &[u8],
        session: &mut Session,
    ) -> Result<(), Self::Error> {
        let command = String::from_utf8(command.to_vec()).unwrap();
        self.asked.lock().unwrap().push((command.clone(), self.protocol.clone()));
        session.channel_success(id)?;
        let channel = self.channel.take().unwrap();
        match self.manner {
            Manner::Hangs => self.channel = Some(channel),
            Manner::Complains => {
                tokio::spawn(
                    async move { while channel.extended_data(1, &[b'!'; 4096][..]).await.is_ok() {} },
                );
            }
            Manner::Serves | Manner::DropsVariables => {
                tokio::spawn(run(command, self.protocol.clone(), channel));
            }
        }
        Ok(())
    }
}

/// Runs a command in a shell, with the channel as its input and output.
async fn run(command: String, protocol: Option<String>, channel: Channel<Msg>) {
    let mut shell = tokio::process::Command::new("sh");
    shell.arg("-c").arg(command).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    shell.env("GIT_CONFIG_NOSYSTEM", "1").env("LC_ALL", "C").env_remove("GIT_PROTOCOL");
    if let Some(protocol) = protocol {
        shell.env("GIT_PROTOCOL", protocol);
    }
    let mut child = shell.kill_on_drop(true).spawn().unwrap();
    let (mut stdin, mut stdout, mut stderr) =
        (child.stdin.take().unwrap(), child.stdout.take().unwrap(), child.stderr.take().unwrap());
    let (mut read, write) = channel.split();
    let input = async {
        let _gone = copy(&mut read.make_reader(), &mut stdin).await;
        let _gone = stdin.shutdown().await;
        drop(stdin);
        std::future::pending::<()>().await;
    };
    let output = async {
        let _gone = copy(&mut stdout, &mut write.make_writer()).await;
        let mut complaint = Vec::new();
        let _gone = stderr.read_to_end(&mut complaint).await;
        let _gone = write.extended_data(1, &complaint[..]).await;
    };
    tokio::select! {
        () = input => {}
        () = output => {}
    }
    let code = child.wait().await.ok().and_then(|status| status.code()).unwrap_or(1);
    let _gone = write.exit_status(u32::try_from(code).unwrap_or(1)).await;
    let _gone = write.eof().await;
    let _gone = write.close().await;
}
