//! Deliveries of webhooks: whose they are by the forge's own check, and what they are worth to a controller that rests.

use std::collections::BTreeMap;
use std::sync::Arc;

use async_trait::async_trait;
use kubeopt_api::config::{ForgeConfig, ForgeKind, WebhookConfig};
use kubeopt_forge::webhook::{self, WebhookError, WebhookEvent, WebhookKind, WebhookSecrets};
use kubeopt_model::Timestamp;
use kubeopt_net::{NetError, SecretSource};
use kubeopt_server::{Delivery, NotTaken, Webhooks, WorthALook};

use super::waking::Waking;

/// The forges that send webhooks, by their names in the configuration.
pub(super) struct Received {
    forges: BTreeMap<String, Sender>,
    waking: Arc<Waking>,
}

struct Sender {
    kind: WebhookKind,
    current: SecretSource,
    previous: Option<SecretSource>,
}

impl Received {
    /// None where no forge is to send any.
    pub(super) fn of(forges: &[ForgeConfig], waking: Arc<Waking>) -> Option<Self> {
        let senders = forges.iter().filter_map(|forge| {
            let sender = Sender::of(kind(&forge.kind)?, forge.webhooks.as_ref()?);
            Some((forge.name.to_string(), sender))
        });
        let forges: BTreeMap<String, Sender> = senders.collect();
        (!forges.is_empty()).then_some(Self { forges, waking })
    }
}

impl Sender {
    fn of(kind: WebhookKind, config: &WebhookConfig) -> Self {
        Self {
            kind,
            current: SecretSource::File(config.secret_file.clone()),
            previous: config.previous_secret_file.clone().map(SecretSource::File),
        }
    }

    /// Read for each delivery, so that a secret that is changed counts at once.
    async fn secrets(&self) -> Result<WebhookSecrets, NetError> {
        let previous = match &self.previous {
            Some(source) => Some(source.read().await?),
            None => None,
        };
        Ok(WebhookSecrets { current: self.current.read().await?, previous })
    }
}

fn kind(forge: &ForgeKind) -> Option<WebhookKind> {
    match forge {
        ForgeKind::Github { .. } => Some(WebhookKind::Github),
        ForgeKind::Gitlab { .. } => Some(WebhookKind::Gitlab),
        ForgeKind::Gitea { .. } | ForgeKind::Forgejo { .. } => Some(WebhookKind::Gitea),
        ForgeKind::Local { .. } => None,
    }
}

#[async_trait]
impl Webhooks for Received {
    fn takes(&self, forge: &str) -> bool {
        self.forges.contains_key(forge)
    }

    async fn check(
        &self,
        forge: &str,
        headers: &[(String, Vec<u8>)],
        body: &[u8],
    ) -> Result<Delivery, NotTaken> {
        let sender = self.forges.get(forge).ok_or(NotTaken::Forged)?;
        let secrets = sender.secrets().await.map_err(|error| {
            tracing::warn!(forge, code = error.code(), "webhooks cannot be checked: {error}");
            NotTaken::Unavailable
        })?;
        let headers: Vec<(&str, &[u8])> =
            headers.iter().map(|(name, value)| (name.as_str(), value.as_slice())).collect();
        let delivery = webhook::Delivery { headers: &headers, body };
        match webhook::hint(sender.kind, &secrets, &delivery, Timestamp::now()) {
            Ok(hint) => Ok(Delivery { id: hint.delivery, worth: worth(hint.event) }),
            Err(error) => Err(not_taken(forge, &error)),
        }
    }

    fn hint(&self, forge: &str, worth: WorthALook) {
        tracing::debug!(forge, ?worth, "a webhook says where to look");
        match worth {
            WorthALook::Nowhere => {}
            WorthALook::Comments => self.waking.said(),
            WorthALook::PullRequests => self.waking.changed(),
        }
    }
}

/// A push needs no look of its own: the merge that made it is told as one, and the next pass reads the branch anyway.
fn worth(event: WebhookEvent) -> WorthALook {
    match event {
        WebhookEvent::Comment => WorthALook::Comments,
        WebhookEvent::PullRequest | WebhookEvent::Check | WebhookEvent::Issue => WorthALook::PullRequests,
        WebhookEvent::Push | WebhookEvent::Ping | WebhookEvent::Other => WorthALook::Nowhere,
    }
}

fn not_taken(forge: &str, error: &WebhookError) -> NotTaken {
    let problem = error.problem();
    match error {
        WebhookError::WeakSecret => {
            tracing::warn!(forge, code = problem.code, help = problem.help, "{}", problem.text);
            NotTaken::Unavailable
        }
        WebhookError::Unsigned
        | WebhookError::Doubled { .. }
        | WebhookError::WrongSignature
        | WebhookError::Stale { .. } => {
            tracing::info!(forge, code = problem.code, help = problem.help, "{}", problem.text);
            NotTaken::Forged
        }
        WebhookError::TooLarge | WebhookError::Malformed { .. } => {
            tracing::info!(forge, code = problem.code, help = problem.help, "{}", problem.text);
            NotTaken::Unreadable
        }
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_api::Config;

    use super::*;

    const SECRET: &str = "0123456789abcdef0123456789abcdef";

    /// A GitLab that sends its secret as it is, and a local forge that sends nothing.
    fn received(folder: &tempfile::TempDir, secret: &str, previous: Option<&str>) -> Received {
        let file = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            path.display().to_string()
        };
        let mut webhooks = format!("secretFile: {}", file("secret", secret));
        if let Some(previous) = previous {
            webhooks.push_str(&format!(", previousSecretFile: {}", file("previous", previous)));
        }
        let text = format!(
            "forges: [{{name: lab, type: gitlab, url: \"https://git.example\", tokenFile: /t, webhooks: {{{webhooks}}}}}, \
             {{name: own, type: local, path: /x}}]"
        );
        let config = Config::parse(&text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap();
        Received::of(&config.forges, Arc::default()).unwrap()
    }

    async fn check(received: &Received, token: &str, body: &str) -> Result<WorthALook, NotTaken> {
        let header = |name: &str, value: &str| (name.to_owned(), value.as_bytes().to_vec());
        let headers = [header("x-gitlab-token", token), header("x-gitlab-event-uuid", "d-1")];
        let headers = [headers.as_slice(), &[header("x-gitlab-webhook-uuid", "w-1")]].concat();
        let delivery = received.check("lab", &headers, body.as_bytes()).await?;
        assert!(!delivery.id.is_empty());
        Ok(delivery.worth)
    }

    const PROJECT: &str = r#""project": {"id": 1, "path_with_namespace": "acme/gitops"}"#;

    #[tokio::test]
    async fn comments_and_pull_requests_are_worth_a_look_and_pushes_are_not() {
        let folder = tempfile::tempdir().unwrap();
        let received = received(&folder, SECRET, None);
        assert!(received.takes("lab") && !received.takes("own") && !received.takes("other"));
        for (kind, rest, worth) in [
            ("note", r#", "merge_request": {"iid": 7}"#, WorthALook::Comments),
            ("merge_request", r#", "object_attributes": {"iid": 7}"#, WorthALook::PullRequests),
            ("push", "", WorthALook::Nowhere),
            ("pipeline", "", WorthALook::Nowhere),
        ] {
            let body = format!(r#"{{"object_kind": "{kind}", {PROJECT}{rest}}}"#);
            assert_eq!(check(&received, SECRET, &body).await, Ok(worth), "{kind}");
        }
    }

    #[tokio::test]
    async fn either_secret_is_taken_while_it_is_changed_and_no_other() {
        let folder = tempfile::tempdir().unwrap();
        let body = format!(r#"{{"object_kind": "push", {PROJECT}}}"#);
        let old = "fedcba9876543210fedcba9876543210";
        let both = received(&folder, SECRET, Some(old));
        for (token, expected) in
            [(SECRET, Ok(WorthALook::Nowhere)), (old, Ok(WorthALook::Nowhere)), ("x", Err(NotTaken::Forged))]
        {
            assert_eq!(check(&both, token, &body).await, expected, "{token}");
        }
        std::fs::write(folder.path().join("secret"), "a new secret of enough bytes").unwrap();
        assert_eq!(check(&both, SECRET, &body).await, Err(NotTaken::Forged), "the file is read each time");
        std::fs::write(folder.path().join("secret"), "short").unwrap();
        assert_eq!(check(&both, "short", &body).await, Err(NotTaken::Unavailable));
        std::fs::remove_file(folder.path().join("secret")).unwrap();
        assert_eq!(check(&both, SECRET, &body).await, Err(NotTaken::Unavailable));
    }

    #[test]
    fn without_secrets_nothing_is_taken() {
        let text = "forges: [{name: lab, type: gitlab, url: \"https://git.example\", tokenFile: /t}]";
        let config = Config::parse(text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap();
        assert!(Received::of(&config.forges, Arc::default()).is_none());
    }
}
