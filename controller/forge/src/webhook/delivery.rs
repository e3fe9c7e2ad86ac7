//! A delivery of a forge as it came, what it is about, and why one is not taken.

use kubeopt_model::Problem;
use kubeopt_net::Secret;

/// Largest body. A push of some thousand commits is below it; forges send up to 25 MB, of which the hint would be the
/// same, and the next poll finds what is left out.
pub const WEBHOOK_BYTES_MAX: usize = 1024 * 1024;

/// Shortest secret: what is shorter can be guessed, and an empty one signs for everybody.
pub const SECRET_BYTES_MIN: usize = 16;

/// Whose webhook it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WebhookKind {
    /// GitHub, and its Enterprise server: `X-Hub-Signature-256`.
    Github,
    /// GitLab: `X-Gitlab-Token`, or `webhook-signature` where the webhook has a signing token.
    Gitlab,
    /// Gitea and Forgejo: `X-Gitea-Signature`, `X-Forgejo-Signature`.
    Gitea,
}

/// The secret of a webhook, and the one before it while it is being changed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WebhookSecrets {
    /// The secret as it is now, at least [`SECRET_BYTES_MIN`] bytes.
    pub current: Secret,
    /// The one before; taken as well.
    pub previous: Option<Secret>,
}

/// A delivery as it came.
#[derive(Debug, Clone, Copy)]
pub struct Delivery<'a> {
    /// The headers, each as often as it came; names in any case.
    pub headers: &'a [(&'a str, &'a [u8])],
    /// The body, byte for byte.
    pub body: &'a [u8],
}

impl<'a> Delivery<'a> {
    /// A header's value; none where it is not there.
    pub(super) fn header(&self, name: &'static str) -> Result<Option<&'a [u8]>, WebhookError> {
        let mut found = self.headers.iter().filter(|(other, _)| other.eq_ignore_ascii_case(name));
        let first = found.next().map(|(_, value)| *value);
        if found.next().is_some() {
            return Err(WebhookError::Doubled { header: name });
        }
        Ok(first)
    }

    /// A header's value as text; none where it is not there or no text.
    pub(super) fn text(&self, name: &'static str) -> Result<Option<&'a str>, WebhookError> {
        Ok(self.header(name)?.and_then(|value| std::str::from_utf8(value).ok()).map(str::trim))
    }
}

/// What a delivery is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum WebhookEvent {
    /// The forge tries the webhook.
    Ping,
    /// Commits came to a branch, or it was made or deleted.
    Push,
    /// A pull request was opened, changed, reviewed, closed or merged.
    PullRequest,
    /// Somebody said something on a pull request.
    Comment,
    /// A check of a commit came to an end, other than kubeopt's own.
    Check,
    /// An issue was opened, changed, closed or opened again; a tick in one is a change.
    Issue,
    /// Something else.
    Other,
}

/// A repository as a delivery names it: to be looked up, not believed.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct HintedRepository {
    /// The forge's own id.
    pub id: String,
    /// Owner, with the groups that it is in.
    pub owner: String,
    /// Name.
    pub name: String,
}

/// Where it is worth looking.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hint {
    /// The delivery's id, the same when it is sent again.
    pub delivery: String,
    /// What it is about.
    pub event: WebhookEvent,
    /// Where; none for what is about no repository.
    pub repository: Option<HintedRepository>,
    /// The pull request or the issue, where it is about one.
    pub number: Option<u64>,
}

/// Why a delivery is not taken.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The configured secret is too short to prove anything.
    #[error("the secret of the webhook has fewer than {SECRET_BYTES_MIN} bytes")]
    WeakSecret,
    /// No signature, or an empty one.
    #[error("the delivery is not signed")]
    Unsigned,
    /// A header that says who sent it came more than once: which of them counts is anybody's choice.
    #[error("the delivery has the header `{header}` more than once")]
    Doubled {
        /// The header.
        header: &'static str,
    },
    /// It was made with another secret, or changed on the way.
    #[error("the signature of the delivery is not that of the configured secret")]
    WrongSignature,
    /// Signed, and too long ago, or in the future.
    #[error("the delivery was signed {seconds} seconds from now")]
    Stale {
        /// How far off.
        seconds: u64,
    },
    /// The body is larger than a hint needs.
    #[error("the delivery has more than {WEBHOOK_BYTES_MAX} bytes")]
    TooLarge,
    /// Signed by the forge, and still not readable.
    #[error("the delivery cannot be read: {why}")]
    Malformed {
        /// What is wrong; nothing of the content.
        why: &'static str,
    },
}

impl WebhookError {
    /// The stable code.
    pub fn code(&self) -> &'static str {
        match self {
            Self::WeakSecret => "E-FRG-013",
            Self::Unsigned => "E-FRG-014",
            Self::Doubled { .. } | Self::WrongSignature => "E-FRG-015",
            Self::Stale { .. } => "E-FRG-016",
            Self::TooLarge => "E-FRG-017",
            Self::Malformed { .. } => "E-FRG-018",
        }
    }

    /// As users see it, with the next step.
    pub fn problem(&self) -> Problem {
        Problem::new(self.code(), self.to_string(), self.help())
    }

    fn help(&self) -> &'static str {
        match self {
            Self::WeakSecret => "make one with `openssl rand -hex 32`, and write it on both sides",
            Self::Unsigned => {
                "give the webhook a secret on the forge, the same as in the file that kubeopt.yaml names"
            }
            Self::Doubled { .. } => "check that no proxy adds headers of its own",
            Self::WrongSignature => {
                "write the same secret on both sides, and check that no proxy changes bodies; while it is changed, keep the one before as the previous one"
            }
            Self::Stale { .. } => {
                "check the clocks of both sides; nothing is lost, since kubeopt also asks by itself"
            }
            Self::TooLarge => "nothing to do: kubeopt also asks by itself",
            Self::Malformed { .. } => {
                "let the webhook send JSON, and check that its address is that of this kind of forge"
            }
        }
    }
}
