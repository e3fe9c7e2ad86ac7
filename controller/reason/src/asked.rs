//! One question to a model's server: at most two attempts, within one limit of time. Knows neither budgets nor texts.

use std::hash::{BuildHasher as _, RandomState};
use std::path::PathBuf;
use std::time::Duration;

use kubeopt_net::{
    Answer, Auth, Client, ClientPolicy, HostRule, Method, NetError, Request, RetryPolicy, SecretSource, Url,
};

use crate::anthropic;
use crate::error::ReasonError;
use crate::openai::{self, Form, LimitName};
use crate::prompt::Prompt;
use crate::reply::Reply;
use crate::wording::Wording;

/// Both attempts together. A text of 200 words takes a few seconds; who waits longer waits in vain.
pub(crate) const TOTAL: Duration = Duration::from_secs(20);

/// Longest wait before the second attempt: after it there is still time for an answer.
const WAIT_MAX: Duration = Duration::from_secs(8);

/// Wait before the second attempt where the server does not say.
const WAIT: Duration = Duration::from_secs(1);

/// Largest answer: a hundred times what is asked for.
const ANSWER_BYTES_MAX: u64 = 256 * 1024;

/// Which API a server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Provider {
    /// The Messages API of Anthropic.
    Anthropic,
    /// The chat completions of OpenAI, which many servers speak: vLLM, Ollama, gateways.
    OpenAiCompatible,
}

impl Provider {
    /// As the configuration writes it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Anthropic => "anthropic",
            Self::OpenAiCompatible => "openai-compatible",
        }
    }
}

/// Where a model is asked.
#[derive(Debug, Clone)]
pub struct Endpoint {
    /// Which API.
    pub provider: Provider,
    /// The address before `v1/messages` (Anthropic) or before `chat/completions`: `https://api.anthropic.com`,
    /// `https://api.openai.com/v1`.
    pub base_url: Url,
    /// The key; none where the server wants none.
    pub key: Option<SecretSource>,
    /// A file with further certificate authorities.
    pub ca_file: Option<PathBuf>,
}

/// A connection to a model's server.
#[derive(Debug)]
pub(crate) struct Server {
    client: Client,
    url: Url,
    provider: Provider,
}

/// What came of a question.
pub(crate) struct Asked {
    /// Of the last attempt.
    pub(crate) reply: Result<Reply, ReasonError>,
    /// Tokens of the attempts before it; none where nobody tells.
    pub(crate) spent_before: Option<u64>,
}

/// What came of one attempt.
enum Attempt {
    /// An answer, or an error that a second attempt would not change.
    Over(Result<Reply, ReasonError>),
    /// It may be otherwise after a wait.
    Later(Option<Duration>, ReasonError),
    /// It may be otherwise when asked for JSON without a schema.
    Plainer(ReasonError),
}

impl Server {
    pub(crate) fn new(endpoint: &Endpoint) -> Result<Self, ReasonError> {
        let mut url = endpoint.base_url.clone();
        let path = match endpoint.provider {
            Provider::Anthropic => ["v1", "messages"],
            Provider::OpenAiCompatible => ["chat", "completions"],
        };
        url.path_segments_mut()
            .map_err(|()| ReasonError::Settings { why: "its address has no path" })?
            .pop_if_empty()
            .extend(path);
        let auth = match (&endpoint.key, endpoint.provider) {
            (None, _) => Auth::None,
            (Some(key), Provider::Anthropic) => {
                Auth::Header { name: "x-api-key".to_owned(), value: key.clone() }
            }
            (Some(key), Provider::OpenAiCompatible) => Auth::Bearer(key.clone()),
        };
        let policy = ClientPolicy {
            timeout: TOTAL,
            max_body_bytes: ANSWER_BYTES_MAX,
            ca_file: endpoint.ca_file.clone(),
            // Attempts are counted here, where it is known what they cost.
            retry: RetryPolicy { attempts: 1, ..RetryPolicy::default() },
            ..ClientPolicy::new(vec![HostRule::for_url(&url)?.with_auth(auth)])
        };
        Ok(Self { client: Client::new(policy)?, url, provider: endpoint.provider })
    }

    /// Asks, at most twice.
    pub(crate) async fn ask(&self, model: &str, prompt: &Prompt) -> Asked {
        let slow = ReasonError::TooSlow { limit_s: TOTAL.as_secs() };
        let asked = tokio::time::timeout(TOTAL, self.attempts(model, prompt)).await;
        // What was spent until then nobody tells.
        asked.unwrap_or(Asked { reply: Err(slow), spent_before: None })
    }

    async fn attempts(&self, model: &str, prompt: &Prompt) -> Asked {
        let (form, first) = match self.attempt(model, prompt, Form::Schema).await {
            Attempt::Over(reply) => return Asked { reply, spent_before: Some(0) },
            Attempt::Later(Some(asked), error) if asked > WAIT_MAX => {
                return Asked { reply: Err(error), spent_before: Some(0) };
            }
            Attempt::Later(asked, error) => {
                tokio::time::sleep(asked.unwrap_or_else(|| jittered(WAIT))).await;
                (Form::Schema, error)
            }
            Attempt::Plainer(error) => (Form::Object, error),
        };
        let reply = match self.attempt(model, prompt, form).await {
            Attempt::Over(result) => result,
            Attempt::Later(_, error) | Attempt::Plainer(error) => Err(error),
        };
        Asked { reply, spent_before: first.tokens() }
    }

    async fn attempt(&self, model: &str, prompt: &Prompt, form: Form) -> Attempt {
        let answer = match self.post(model, prompt, form).await {
            Ok(answer) => answer,
            Err(error @ (NetError::Connect { .. } | NetError::Interrupted { .. })) => {
                return Attempt::Later(None, error.into());
            }
            Err(error) => return Attempt::Over(Err(error.into())),
        };
        let status = answer.status.as_u16();
        match (status, self.provider) {
            (200, Provider::Anthropic) => Attempt::Over(anthropic::read(&answer.body).and_then(shaped)),
            (200, Provider::OpenAiCompatible) => match openai::read(&answer.body).and_then(shaped) {
                // A server that ignores the schema may still know JSON.
                Err(error @ ReasonError::NotTheShape { .. }) => Attempt::Plainer(error),
                result => Attempt::Over(result),
            },
            (408 | 429 | 500 | 502 | 503 | 504 | 529, _) => {
                let asked = answer.retry_after();
                let retry_after_s = asked.map(|asked| asked.as_secs());
                Attempt::Later(asked, ReasonError::Busy { status, retry_after_s })
            }
            // What servers say that know no schemas.
            (400 | 415 | 422 | 501, Provider::OpenAiCompatible) => Attempt::Plainer(status_error(answer)),
            _ => Attempt::Over(Err(status_error(answer))),
        }
    }

    async fn post(&self, model: &str, prompt: &Prompt, form: Form) -> Result<Answer, NetError> {
        let request = Request::new(Method::POST, self.url.clone()).once();
        let request = match self.provider {
            Provider::Anthropic => {
                let (name, version) = anthropic::VERSION;
                request.header(name, version)?.json(&anthropic::request(model, prompt))?
            }
            Provider::OpenAiCompatible => {
                let is_openai = self.url.host_str() == Some("api.openai.com");
                let limit = if is_openai { LimitName::New } else { LimitName::Old };
                request.json(&openai::request(model, prompt, form, limit))?
            }
        };
        self.client.fetch(request).await
    }
}

/// The answer, if its text has the shape that was asked for.
fn shaped(reply: Reply) -> Result<Reply, ReasonError> {
    match reply.text.as_deref().and_then(Wording::read) {
        Some(_) => Ok(reply),
        None => Err(ReasonError::NotTheShape { tokens: reply.tokens.unwrap_or(0) }),
    }
}

fn status_error(answer: Answer) -> ReasonError {
    match answer.success() {
        Err(error) => error.into(),
        // 2xx, but not 200: no such answer is in either API.
        Ok(_) => ReasonError::Malformed,
    }
}

/// Between half and all of the wait, so that many controllers do not come back at the same instant.
fn jittered(wait: Duration) -> Duration {
    let random = RandomState::new().hash_one(());
    wait.mul_f64(0.5 + f64::from((random >> 32) as u32) / f64::from(u32::MAX) / 2.0)
}
