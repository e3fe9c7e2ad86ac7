//! Who explains: kubeopt itself, or a model in its place as far as budgets, its server and its text allow. Either way
//! there is an explanation, and its numbers are the same.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use jiff::Timestamp;
use kubeopt_model::{Explanation, Field, Problem};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::asked::{Asked, Endpoint, Server};
use crate::breaker::Breaker;
use crate::budget::{Spender, Spent, TokenBudget};
use crate::cache::{Cache, Kept};
use crate::error::ReasonError;
use crate::explain::{Draft, explain};
use crate::facts::Facts;
use crate::prompt::Prompt;
use crate::redact::{NamePolicy, Names};
use crate::reply::ANSWER_TOKENS_MAX;
use crate::wording::Wording;

/// Questions at once: a pass must not be what exhausts a server's rate limit.
const CONCURRENT_MAX: usize = 2;

/// Attempts that a question may need; tokens are set aside for all of them.
const ATTEMPTS: u64 = 2;

/// What is to be explained.
#[derive(Debug, Clone, Copy)]
pub struct Subject<'a> {
    /// All that is known.
    pub facts: &'a Facts,
    /// The pull request that it is for: any text that stays the same while it is open. Its tokens are counted together.
    pub pull_request: &'a str,
}

/// An explanation, and why it is not in a model's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Explained {
    /// The explanation; there always is one.
    pub explanation: Explanation,
    /// Why a model's words are not used, where one is configured.
    pub why_not: Option<Problem>,
}

/// Explains recommendations.
#[async_trait]
pub trait Explainer: Send + Sync {
    /// Explains one. Takes at most 20 seconds and fails in no way.
    async fn explain(&self, subject: Subject<'_>) -> Explained;
}

/// kubeopt's own sentences; asks nobody.
#[derive(Debug, Clone, Copy, Default)]
pub struct ComputedExplainer;

#[async_trait]
impl Explainer for ComputedExplainer {
    async fn explain(&self, subject: Subject<'_>) -> Explained {
        Explained { explanation: explain(subject.facts), why_not: None }
    }
}

/// The time, as the caller's clock tells it.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How a model is used.
#[derive(Debug, Clone)]
pub struct ModelSettings {
    /// Where.
    pub endpoint: Endpoint,
    /// Which, as its server calls it.
    pub model: String,
    /// How much may be spent.
    pub budget: TokenBudget,
    /// Which names it is told.
    pub names: NamePolicy,
}

/// A model's words over kubeopt's numbers, with kubeopt's own sentences wherever that does not work.
pub struct ModelExplainer {
    server: Server,
    settings: ModelSettings,
    clock: Clock,
    state: Mutex<State>,
    gate: Semaphore,
}

#[derive(Debug, Default)]
struct State {
    cache: Cache,
    spent: Spent,
    breaker: Breaker,
}

/// What is kept over a restart: texts and what was spent. Its form is kubeopt's own; store it as JSON.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Remembered {
    texts: Cache,
    spent: Spent,
}

/// All that a question and its answer are about.
struct Question {
    draft: Draft,
    names: Names,
    changed: Vec<Field>,
    prompt: Prompt,
    key: String,
}

impl std::fmt::Debug for ModelExplainer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("ModelExplainer").field("settings", &self.settings).finish_non_exhaustive()
    }
}

impl ModelExplainer {
    /// Sets it up; asks nobody yet.
    ///
    /// # Errors
    /// [`ReasonError::Settings`] for a model without a name, [`ReasonError::Net`] for an address that cannot be used.
    pub fn new(settings: ModelSettings, clock: Clock) -> Result<Self, ReasonError> {
        // The name is shown to people, and is part of the keys of texts.
        let name = settings.model.as_str();
        if name.is_empty() || name.len() > 200 || name.chars().any(|c| c.is_control() || c.is_whitespace()) {
            return Err(ReasonError::Settings {
                why: "the model's name is empty, too long, or holds spaces",
            });
        }
        let server = Server::new(&settings.endpoint)?;
        Ok(Self { server, settings, clock, state: Mutex::default(), gate: Semaphore::new(CONCURRENT_MAX) })
    }

    /// The explanation that is at hand: in the model's words if it was asked before, else in kubeopt's own. For a pull
    /// request that does not wait; ask with [`Explainer::explain`] afterwards, and the next pass has the words.
    pub fn at_hand(&self, facts: &Facts) -> Explanation {
        let question = self.question(facts);
        let now = (self.clock)();
        let kept = self.state().cache.get(&question.key, now).cloned();
        match kept {
            Some(Kept::Fit(wording)) => {
                self.worded(&question, &wording).unwrap_or_else(|_| question.draft.explanation())
            }
            Some(Kept::Unfit) | None => question.draft.explanation(),
        }
    }

    /// What to keep over a restart.
    pub fn remembered(&self) -> Remembered {
        let state = self.state();
        Remembered { texts: state.cache.clone(), spent: state.spent.clone() }
    }

    /// Takes over what was kept. Texts are checked again when they are used, so that it need not be trusted.
    pub fn recall(&self, remembered: Remembered) {
        let now = (self.clock)();
        let mut state = self.state();
        state.cache = remembered.texts.recalled(now);
        state.spent = remembered.spent.recalled(now);
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Nothing panics while it is held, and what is in it is whole after each statement.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn question(&self, facts: &Facts) -> Question {
        let draft = Draft::of(facts);
        let names = Names::of(facts, &self.settings.names);
        let prompt = Prompt::of(facts, &draft, &names);
        let key = prompt.key(self.settings.endpoint.provider.as_str(), &self.settings.model);
        Question { draft, names, changed: facts.changed().collect(), prompt, key }
    }

    fn worded(&self, question: &Question, wording: &Wording) -> Result<Explanation, ReasonError> {
        Ok(wording.applied(&question.draft, &question.changed, &question.names, &self.settings.model)?)
    }

    /// The model's words, from before or asked for now.
    async fn words(&self, question: &Question, spender: Spender<'_>) -> Result<Explanation, ReasonError> {
        // Nobody closes it; who waits here may find that the same was asked meanwhile.
        let _turn = self.gate.acquire().await;
        let reserved = question.prompt.tokens().saturating_add(ANSWER_TOKENS_MAX).saturating_mul(ATTEMPTS);
        let now = (self.clock)();
        let kept = {
            let mut state = self.state();
            let kept = state.cache.get(&question.key, now).cloned();
            if kept.is_none() {
                state.breaker.check(now)?;
                state.spent.reserve(&self.settings.budget, spender, reserved, now)?;
            }
            kept
        };
        match kept {
            Some(Kept::Fit(wording)) => self.worded(question, &wording),
            Some(Kept::Unfit) => Err(ReasonError::UnfitBefore),
            None => self.asked(question, spender, reserved).await,
        }
    }

    async fn asked(
        &self,
        question: &Question,
        spender: Spender<'_>,
        reserved: u64,
    ) -> Result<Explanation, ReasonError> {
        let key = &question.key[..16];
        tracing::debug!(question = key, model = self.settings.model, "asking a model to word an explanation");
        let Asked { reply, spent_before } = self.server.ask(&self.settings.model, &question.prompt).await;
        let spent_last = match &reply {
            Ok(reply) => reply.tokens,
            Err(error) => error.tokens(),
        };
        // What is not told is taken for what was set aside.
        let spent = [spent_before, spent_last].map(|spent| spent.unwrap_or(reserved / ATTEMPTS)).iter().sum();
        let outcome = reply.and_then(|reply| {
            let wording = reply.text.as_deref().and_then(Wording::read);
            let wording = wording.ok_or(ReasonError::NotTheShape { tokens: 0 })?;
            Ok((self.worded(question, &wording)?, wording))
        });
        let now = (self.clock)();
        let mut state = self.state();
        state.spent.settle(spender, reserved, spent, now);
        match outcome {
            Ok((explanation, wording)) => {
                state.breaker.succeeded();
                state.cache.keep(question.key.clone(), Kept::Fit(wording), now);
                Ok(explanation)
            }
            Err(error) => {
                state.breaker.failed(&error, now);
                if is_of_the_text(&error) {
                    state.cache.keep(question.key.clone(), Kept::Unfit, now);
                }
                tracing::debug!(question = key, code = error.code(), "a model's words are not used");
                Err(error)
            }
        }
    }
}

#[async_trait]
impl Explainer for ModelExplainer {
    async fn explain(&self, subject: Subject<'_>) -> Explained {
        let question = self.question(subject.facts);
        let namespace = subject.facts.container.workload.namespace.as_str();
        let pull_request = digest(subject.pull_request);
        let spender = Spender { pull_request: &pull_request, namespace };
        match self.words(&question, spender).await {
            Ok(explanation) => Explained { explanation, why_not: None },
            Err(error) => {
                Explained { explanation: question.draft.explanation(), why_not: Some(error.problem()) }
            }
        }
    }
}

/// Whether the same question would most likely end the same way, while its server works.
fn is_of_the_text(error: &ReasonError) -> bool {
    match error {
        ReasonError::Unfit(_)
        | ReasonError::NotTheShape { .. }
        | ReasonError::Declined { .. }
        | ReasonError::CutOff { .. } => true,
        ReasonError::Net(_)
        | ReasonError::Busy { .. }
        | ReasonError::TooSlow { .. }
        | ReasonError::Malformed
        | ReasonError::UnfitBefore
        | ReasonError::PullRequestBudget { .. }
        | ReasonError::DayBudget { .. }
        | ReasonError::NamespaceBudget { .. }
        | ReasonError::Resting { .. }
        | ReasonError::Settings { .. } => false,
    }
}

/// What a pull request is remembered by: as short for any text, and no name.
fn digest(text: &str) -> String {
    hex::encode(&Sha256::digest(text.as_bytes())[..8])
}
