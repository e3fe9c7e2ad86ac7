//! A language model in the configuration: which, where, and how much may be spent on it.

use std::path::PathBuf;

use url::Url;

use crate::config::scalars::{check_url, file, malformed, optional, required};
use crate::text::values::{Count, Share};
use crate::text::{At, Fault, Reading, choice, section};

/// Where Anthropic's API is.
const ANTHROPIC: &str = "https://api.anthropic.com";

/// Some ten questions of about 1,500 tokens for each pull request, and some hundred a day.
const DEFAULT_TOKENS_PER_PULL_REQUEST: u32 = 20_000;
const DEFAULT_TOKENS_PER_DAY: u32 = 200_000;

/// No namespace takes more of a day than a quarter.
const DEFAULT_NAMESPACE_PERCENT: u8 = 25;

/// Longest name of a model.
const MODEL_CHARS_MAX: usize = 200;

choice! {
    /// Who words texts.
    pub(crate) enum ReasoningWord {
        /// Nobody: texts are made by rule.
        "none" => None,
        /// Anthropic.
        "anthropic" => Anthropic,
        /// A server that speaks OpenAI's interface.
        "openai-compatible" => OpenAi,
    } later []
}

choice! {
    /// Which names a model is told.
    pub(crate) enum NamesWord {
        /// Another name in place of each namespace, workload and container.
        "pseudonyms" => Pseudonyms,
        /// As they are.
        "real" => Real,
    } later []
}

section! {
    /// A language model that words texts.
    pub(crate) struct Reasoning {
        /// `none`: texts are made by rule; `anthropic`; or `openai-compatible`, which many servers are.
        "provider" => provider: ReasoningWord = "none",
        /// The model, as its server calls it; required with a provider.
        "model" => model: String = null,
        /// Base address, before `v1/messages` of `anthropic` and before `chat/completions` of the others; absent is
        /// `https://api.anthropic.com`, required for the others.
        "url" => url: String = null,
        /// File that holds the key; absent where the server wants none.
        "keyFile" => key_file: String = null,
        /// Certificate authorities in PEM; absent are those of the system.
        "caFile" => ca_file: String = null,
        /// Most tokens of one pull request.
        "tokensPerPullRequest" => tokens_per_pull_request: Count<1, 10_000_000> = 20_000,
        /// Most tokens of one day (UTC).
        "tokensPerDay" => tokens_per_day: Count<1, 1_000_000_000> = 200_000,
        /// Most of a day's tokens for one namespace.
        "namespaceShare" => namespace_share: Share<1, 100> = "25%",
        /// Which names the model is told: `pseudonyms` or `real`.
        "names" => names: NamesWord = "pseudonyms",
        /// File that holds the key of pseudonyms, so that they are the same after a restart; absent is a new one each time.
        "pseudonymKeyFile" => pseudonym_key_file: String = null,
    }
}

/// A language model.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ModelConfig {
    /// Which interface.
    pub provider: ModelProvider,
    /// Base address.
    pub url: Url,
    /// The model, as its server calls it.
    pub model: String,
    /// File that holds the key.
    pub key_file: Option<PathBuf>,
    /// Certificate authorities in PEM.
    pub ca_file: Option<PathBuf>,
    /// Most tokens of one pull request.
    pub tokens_per_pull_request: u32,
    /// Most tokens of one day.
    pub tokens_per_day: u32,
    /// Most of a day's tokens for one namespace, in per cent.
    pub namespace_percent: u8,
    /// Which names it is told.
    pub names: NamesTold,
}

/// Which interface a model's server speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ModelProvider {
    /// Anthropic's Messages API.
    Anthropic,
    /// OpenAI's chat completions.
    OpenAiCompatible,
}

/// Which names a model is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NamesTold {
    /// As they are.
    Real,
    /// Others in their place.
    Pseudonyms {
        /// File that holds their key; none is a new one for each run.
        key_file: Option<PathBuf>,
    },
}

/// The model, if there is one; none after a problem was told.
pub(crate) fn check_reasoning(
    section: At<Reasoning>,
    reading: &mut Reading<'_>,
) -> Option<Option<ModelConfig>> {
    let At { value: told, line } = section;
    let provider = match told.provider.as_ref().map_or(ReasoningWord::None, |at| at.value) {
        ReasoningWord::None => return without_provider(&told, reading),
        ReasoningWord::Anthropic => ModelProvider::Anthropic,
        ReasoningWord::OpenAi => ModelProvider::OpenAiCompatible,
    };
    let help = "name the model as its server calls it";
    let model = required(told.model, line, "reasoning.model", help, reading).and_then(|at| {
        let is_name = at.value.len() <= MODEL_CHARS_MAX && !at.value.contains(char::is_whitespace);
        if is_name {
            Some(at.value)
        } else {
            malformed(&at, "reasoning.model", "a name without spaces", reading)
        }
    });
    let url = match (told.url, provider) {
        (Some(at), _) => check_url(at, "reasoning.url", reading),
        (None, ModelProvider::Anthropic) => Url::parse(ANTHROPIC).ok(),
        (None, ModelProvider::OpenAiCompatible) => {
            let help = "name its address: `url: https://models.example/v1`";
            required(None::<At<String>>, line, "reasoning.url", help, reading)?;
            None
        }
    };
    let names = optional(told.names, |at| Some(at.value))?.unwrap_or(NamesWord::Pseudonyms);
    let names = check_names(names, told.pseudonym_key_file, reading)?;
    // Below one per cent there is no share; above a hundred the reader refuses it.
    let percent = told.namespace_share.map(|at| (at.value.0 * 100.0).round() as u8);
    Some(Some(ModelConfig {
        provider,
        url: url?,
        model: model?,
        key_file: told.key_file.map(file),
        ca_file: told.ca_file.map(file),
        tokens_per_pull_request: told
            .tokens_per_pull_request
            .map_or(DEFAULT_TOKENS_PER_PULL_REQUEST, |at| at.value.0),
        tokens_per_day: told.tokens_per_day.map_or(DEFAULT_TOKENS_PER_DAY, |at| at.value.0),
        namespace_percent: percent.unwrap_or(DEFAULT_NAMESPACE_PERCENT),
        names,
    }))
}

/// A model that is named and not used would be believed to be.
fn without_provider(told: &Reasoning, reading: &mut Reading<'_>) -> Option<Option<ModelConfig>> {
    let named = told.model.as_ref().or(told.url.as_ref()).or(told.key_file.as_ref());
    let Some(at) = named else { return Some(None) };
    let text = "`reasoning` names a model, and its provider is `none`".to_owned();
    let help = "write `provider: anthropic` or `provider: openai-compatible`, or remove the rest".to_owned();
    reading.refuse(at.line, Fault::Contradiction { text, help });
    None
}

fn check_names(
    word: NamesWord,
    key_file: Option<At<String>>,
    reading: &mut Reading<'_>,
) -> Option<NamesTold> {
    match (word, key_file) {
        (NamesWord::Pseudonyms, key_file) => Some(NamesTold::Pseudonyms { key_file: key_file.map(file) }),
        (NamesWord::Real, None) => Some(NamesTold::Real),
        (NamesWord::Real, Some(at)) => {
            let text = "`pseudonymKeyFile` has no meaning with `names: real`".to_owned();
            let help = "write `names: pseudonyms`, or remove the file".to_owned();
            reading.refuse(at.line, Fault::Contradiction { text, help });
            None
        }
    }
}
