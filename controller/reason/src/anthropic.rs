//! The Messages API of Anthropic: how it is asked and what its answers mean. Pure: bytes in, values out.
//!
//! Checked against the types that its SDK is generated with from the published specification: `output_config.format` of type
//! `json_schema`, and the `stop_reason`s.

use serde::Deserialize;
use serde_json::{Value, json};

use crate::error::ReasonError;
use crate::prompt::Prompt;
use crate::reply::{ANSWER_TOKENS_MAX, Reply};
use crate::wording::schema;

/// The version of the API that this speaks.
pub(crate) const VERSION: (&str, &str) = ("anthropic-version", "2023-06-01");

/// The body of a request.
pub(crate) fn request(model: &str, prompt: &Prompt) -> Value {
    json!({
        "model": model,
        "max_tokens": ANSWER_TOKENS_MAX,
        "system": prompt.system,
        "messages": [{"role": "user", "content": prompt.user}],
        "output_config": {"format": {"type": "json_schema", "schema": schema()}},
    })
}

#[derive(Deserialize)]
struct Message {
    content: Vec<Block>,
    stop_reason: Option<String>,
    #[serde(default)]
    usage: Usage,
}

#[derive(Deserialize)]
struct Block {
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    text: String,
}

#[derive(Deserialize, Default)]
struct Usage {
    #[serde(default)]
    input_tokens: u64,
    #[serde(default)]
    output_tokens: u64,
}

/// Reads an answer with status 200.
///
/// # Errors
/// [`ReasonError::Malformed`] for other content, [`ReasonError::Declined`] and [`ReasonError::CutOff`] where the model
/// stopped for another reason than that it was done: its text need not follow the schema then.
pub(crate) fn read(body: &[u8]) -> Result<Reply, ReasonError> {
    let message: Message = serde_json::from_slice(body).map_err(|_| ReasonError::Malformed)?;
    let tokens = message.usage.input_tokens.saturating_add(message.usage.output_tokens);
    let reply = |text| Reply { text, tokens: (tokens > 0).then_some(tokens) };
    match message.stop_reason.as_deref() {
        Some("end_turn" | "stop_sequence") => {
            let texts = message.content.into_iter().filter(|block| block.kind == "text");
            Ok(reply(Some(texts.map(|block| block.text).collect())))
        }
        Some("refusal") => Err(ReasonError::Declined { tokens }),
        Some("max_tokens" | "model_context_window_exceeded") => Err(ReasonError::CutOff { tokens }),
        // No tool is offered, so that no model has a reason to wait for one.
        Some(_) | None => Err(ReasonError::Malformed),
    }
}
