//! Forges of the configuration: what each one is, as whom kubeopt comes to it, and the secrets of its webhooks. Knows no
//! repository.

use kubeopt_model::ForgeName;
use url::Url;

use crate::config::scalars::{check_url, file, malformed, required};
use crate::config::ssh::{ForgeSsh, check_ssh};
use crate::config::types::{ForgeConfig, ForgeKind, GithubSignIn, WebhookConfig};
use crate::text::tree::Node;
use crate::text::values::{Count, scalar_schema, scalar_text};
use crate::text::{At, Fault, FromNode, Reading, choice, section};

/// Where GitHub is for everybody but those who run a server of their own.
const GITHUB: &str = "https://github.com";

/// Longest id of a GitHub App; client ids have 20 characters.
const APP_ID_CHARS_MAX: usize = 40;

choice! {
    /// What a forge is.
    pub(crate) enum ForgeWord {
        /// GitHub.
        "github" => Github,
        /// GitLab.
        "gitlab" => Gitlab,
        /// Gitea.
        "gitea" => Gitea,
        /// Forgejo.
        "forgejo" => Forgejo,
        /// The embedded forge.
        "local" => Local,
    } later []
}

section! {
    /// One forge.
    pub(crate) struct Forge {
        /// Name, as bindings use it; required.
        "name" => name: String = null,
        /// `github`, `gitlab`, `gitea`, `forgejo` or `local`; required.
        "type" => kind: ForgeWord = null,
        /// Base address, where people look at it; absent is `https://github.com` for `github`, required for the others.
        "url" => url: String = null,
        /// File that holds the token.
        "tokenFile" => token_file: String = null,
        /// A GitHub App, in place of a token.
        "app" => app: GithubApp = null,
        /// Git over ssh instead of https, for fetching.
        "ssh" => ssh: ForgeSsh = null,
        /// What the forge's webhooks are told from forged ones by; absent takes none.
        "webhooks" => webhooks: Webhooks = null,
        /// Folder of `local`.
        "path" => path: String = null,
    }
}

section! {
    /// A GitHub App.
    pub(crate) struct GithubApp {
        /// Its id or its client id; required.
        "id" => id: AppId = null,
        /// Its installation; absent is found out for each owner.
        "installation" => installation: Count<1, { u32::MAX }> = null,
        /// File that holds its private key in PEM; required.
        "privateKeyFile" => private_key_file: String = null,
    }
}

section! {
    /// Secrets of webhooks.
    pub(crate) struct Webhooks {
        /// File that holds the secret, of at least 16 bytes; required.
        "secretFile" => secret_file: String = null,
        /// File that holds the secret from before, while it is being changed: deliveries by either are taken.
        "previousSecretFile" => previous_secret_file: String = null,
    }
}

/// Id of a GitHub App: a number, or a client id such as `Iv23liXXXXXXXXXXXXXX`.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct AppId(String);

impl FromNode for AppId {
    fn read(node: &Node, path: &str, reading: &mut Reading<'_>) -> Option<Self> {
        let is_id = |text: &&str| {
            (1..=APP_ID_CHARS_MAX).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'.')
        };
        match scalar_text(node).filter(is_id) {
            Some(text) => Some(Self(text.to_owned())),
            None => reading.wrong_type(node, path, "the App's number or its client id"),
        }
    }
}

scalar_schema!([] AppId, "AppId", schemars::json_schema!({"type": ["integer", "string"]}));

/// One forge; none after a problem was told.
pub(crate) fn check_forge(section: At<Forge>, reading: &mut Reading<'_>) -> Option<ForgeConfig> {
    let At { value: mut forge, line } = section;
    let name = required(forge.name.take(), line, "forges[].name", "give the forge a name", reading);
    let name = name.and_then(|at| match ForgeName::new(at.value.clone()) {
        Ok(name) => Some(name),
        Err(error) => malformed(&at, "forges[].name", &format!("a name of {}", error.rule), reading),
    });
    let word = required(forge.kind.take(), line, "forges[].type", "say what it is: `type: gitea`", reading)?;
    refuse_what_has_no_meaning(&forge, word.value, reading);
    let (ssh, webhooks) = (forge.ssh.take(), forge.webhooks.take());
    let kind = check_kind(forge, word.value, line, reading);
    let (name, kind) = (name?, kind?);
    let ssh = match ssh {
        Some(section) => Some(check_ssh(section, kind.url(), reading)?),
        None => None,
    };
    let webhooks = match webhooks {
        Some(section) => Some(check_webhooks(section, reading)?),
        None => None,
    };
    Some(ForgeConfig { name, kind, ssh, webhooks })
}

/// Keys that another type of forge has: ignored, they would be believed to work.
fn refuse_what_has_no_meaning(forge: &Forge, word: ForgeWord, reading: &mut Reading<'_>) {
    let is_local = word == ForgeWord::Local;
    let keys = [
        ("app", forge.app.as_ref().map(|at| at.line), word == ForgeWord::Github, "use `tokenFile`"),
        ("ssh", forge.ssh.as_ref().map(|at| at.line), !is_local, "its repositories are read where they are"),
        ("webhooks", forge.webhooks.as_ref().map(|at| at.line), !is_local, "nothing is sent by it"),
        ("path", forge.path.as_ref().map(|at| at.line), is_local, "use `url`"),
    ];
    for (key, line, has_meaning, instead) in keys {
        let Some(line) = line.filter(|_| !has_meaning) else { continue };
        let text = format!("`{key}` has no meaning for a forge of type `{}`", shown(word));
        reading.refuse(line, Fault::Contradiction { text, help: format!("remove it: {instead}") });
    }
}

fn shown(word: ForgeWord) -> &'static str {
    match word {
        ForgeWord::Github => "github",
        ForgeWord::Gitlab => "gitlab",
        ForgeWord::Gitea => "gitea",
        ForgeWord::Forgejo => "forgejo",
        ForgeWord::Local => "local",
    }
}

fn check_kind(forge: Forge, word: ForgeWord, line: usize, reading: &mut Reading<'_>) -> Option<ForgeKind> {
    match word {
        ForgeWord::Local => {
            let help = "name the folder that holds the repositories";
            let path = required(forge.path, line, "forges[].path", help, reading);
            path.map(|at| ForgeKind::Local { path: file(at) })
        }
        ForgeWord::Github => {
            let url = match forge.url {
                Some(at) => check_url(at, "forges[].url", reading),
                None => Url::parse(GITHUB).ok(),
            };
            let auth = check_sign_in(forge.token_file, forge.app, line, reading);
            url.zip(auth).map(|(url, auth)| ForgeKind::Github { url, auth })
        }
        ForgeWord::Gitlab | ForgeWord::Gitea | ForgeWord::Forgejo => {
            let url = required(forge.url, line, "forges[].url", "name its address", reading);
            let url = url.and_then(|at| check_url(at, "forges[].url", reading));
            let help = "write the token to a file and name it";
            let token = required(forge.token_file, line, "forges[].tokenFile", help, reading);
            let (url, token_file) = url.zip(token.map(file))?;
            Some(match word {
                ForgeWord::Gitlab => ForgeKind::Gitlab { url, token_file },
                ForgeWord::Forgejo => ForgeKind::Forgejo { url, token_file },
                ForgeWord::Gitea | ForgeWord::Github | ForgeWord::Local => {
                    ForgeKind::Gitea { url, token_file }
                }
            })
        }
    }
}

/// As whom kubeopt comes to GitHub: by a token or as an App, and not both.
fn check_sign_in(
    token_file: Option<At<String>>,
    app: Option<At<GithubApp>>,
    line: usize,
    reading: &mut Reading<'_>,
) -> Option<GithubSignIn> {
    match (token_file, app) {
        (Some(token), None) => Some(GithubSignIn::Token(file(token))),
        (None, Some(section)) => {
            let At { value: app, line } = section;
            let help = "write the number that the App's page shows";
            let id = required(app.id, line, "app.id", help, reading);
            let help = "write the App's private key to a file and name it";
            let key = required(app.private_key_file, line, "app.privateKeyFile", help, reading);
            Some(GithubSignIn::App {
                id: id?.value.0,
                installation: app.installation.map(|at| u64::from(at.value.0)),
                private_key_file: file(key?),
            })
        }
        (Some(token), Some(_)) => {
            let text = "`tokenFile` and `app` cannot both be used".to_owned();
            let help = "keep `app`: its tokens end after an hour, and it is nobody's account".to_owned();
            reading.refuse(token.line, Fault::Contradiction { text, help });
            None
        }
        (None, None) => {
            let help = "name a GitHub App as `app`, or write a token to a file and name it".to_owned();
            let path = "forges[].app or forges[].tokenFile".to_owned();
            reading.refuse(line, Fault::Missing { path, help });
            None
        }
    }
}

fn check_webhooks(section: At<Webhooks>, reading: &mut Reading<'_>) -> Option<WebhookConfig> {
    let At { value: webhooks, line } = section;
    let help = "write the webhook's secret to a file and name it";
    let secret = required(webhooks.secret_file, line, "webhooks.secretFile", help, reading)?;
    Some(WebhookConfig {
        secret_file: file(secret),
        previous_secret_file: webhooks.previous_secret_file.map(file),
    })
}
