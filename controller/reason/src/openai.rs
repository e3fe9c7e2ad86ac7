//! Servers that speak the chat completions of OpenAI: how they are asked and what their answers mean. Pure: bytes in,
//! values out.
//!
//! Checked against the types that its SDK is generated with from the published specification: `response_format` of type
//! `json_schema` (name, strict, schema), `finish_reason` and `refusal`.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ReasonError;
use crate::prompt::Prompt;
use crate::reply::{ANSWER_TOKENS_MAX, Reply};
use crate::wording::schema;

/// How the shape of the answer is asked for. Servers that know no schemas know JSON.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// By schema, which the server then enforces.
    Schema,
    /// JSON of any shape; the instructions tell which.
    Object,
}

/// Which name the limit of the answer has. OpenAI itself has renamed it and refuses the old one for newer models; other
/// servers know only the old one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LimitName {
    /// `max_completion_tokens`
    New,
    /// `max_tokens`
    Old,
}

/// The body of a request.
pub(crate) fn request(model: &str, prompt: &Prompt, form: Form, limit: LimitName) -> Value {
    let format = match form {
        Form::Schema => json!({
            "type": "json_schema",
            "json_schema": {"name": "explanation", "strict": true, "schema": schema()},
        }),
        Form::Object => json!({"type": "json_object"}),
    };
    let limit = match limit {
        LimitName::New => "max_completion_tokens",
        LimitName::Old => "max_tokens",
    };
    json!({
        "model": model,
        limit: ANSWER_TOKENS_MAX,
        "messages": [
            {"role": "system", "content": prompt.system},
            {"role": "user", "content": prompt.user},
        ],
        "response_format": format,
    })
}

#[derive(Deserialize)]
struct Completion {
    choices: Vec<Choice>,
    usage: Option<Usage>,
}

#[derive(Deserialize)]
struct Choice {
    message: Message,
    finish_reason: Option<String>,
}

#[derive(Deserialize)]
struct Message {
    content: Option<String>,
    refusal: Option<String>,
}

#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    total_tokens: u64,
}

/// Reads an answer with status 200.
///
/// # Errors
/// [`ReasonError::Malformed`] for other content, [`ReasonError::Declined`] and [`ReasonError::CutOff`] where the model
/// stopped for another reason than that it was done.
pub(crate) fn read(body: &[u8]) -> Result<Reply, ReasonError> {
    let completion: Completion = serde_json::from_slice(body).map_err(|_| ReasonError::Malformed)?;
    let told = completion.usage.map_or(0, |usage| usage.total_tokens);
    let choice = completion.choices.into_iter().next().ok_or(ReasonError::Malformed)?;
    if choice.message.refusal.is_some_and(|refusal| !refusal.is_empty()) {
        return Err(ReasonError::Declined { tokens: told });
    }
    match choice.finish_reason.as_deref() {
        // Some servers leave it out.
        Some("stop") | None => Ok(Reply { text: choice.message.content, tokens: (told > 0).then_some(told) }),
        Some("content_filter") => Err(ReasonError::Declined { tokens: told }),
        Some("length") => Err(ReasonError::CutOff { tokens: told }),
        Some(_) => Err(ReasonError::Malformed),
    }
}
