//! What a model gives back: texts that name figures, in a fixed JSON shape. Has no field for a number.

use kubeopt_model::Field;
use kubeopt_model::explanation::{
    Confidence, Explanation, RISK_CHARS_MAX, RiskCode, RiskNote, SUMMARY_CHARS_MAX, WordedBy,
};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::explain::Draft;
use crate::figures::change_name;
use crate::guard::{Unfit, checked};
use crate::redact::Names;
use crate::template::names;

/// Longest answer text in bytes that is parsed: ten times what the limits of the texts allow.
const ANSWER_BYTES_MAX: usize = 16 * 1024;

/// A model's texts, with their figures by name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Wording {
    /// The summary.
    pub(crate) summary: String,
    /// Texts of risks that kubeopt found.
    pub(crate) risks: Vec<WordedRisk>,
    /// How sure the model is of its words; of the values it is not asked.
    pub(crate) confidence: Confidence,
}

/// A model's text of one risk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct WordedRisk {
    /// Which.
    pub(crate) code: RiskCode,
    /// The text.
    pub(crate) text: String,
}

/// The JSON Schema of a wording, within what both APIs take for constrained output: every property required, none
/// beside, no lengths (those are asked for in words and checked afterwards).
pub(crate) fn schema() -> Value {
    let codes: Vec<&str> = RiskCode::ALL.into_iter().map(RiskCode::as_str).collect();
    json!({
        "type": "object",
        "additionalProperties": false,
        "required": ["summary", "risks", "confidence"],
        "properties": {
            "summary": {"type": "string"},
            "risks": {
                "type": "array",
                "items": {
                    "type": "object",
                    "additionalProperties": false,
                    "required": ["code", "text"],
                    "properties": {
                        "code": {"type": "string", "enum": codes},
                        "text": {"type": "string"},
                    },
                },
            },
            "confidence": {"type": "string", "enum": ["low", "medium", "high"]},
        },
    })
}

impl Wording {
    /// Reads an answer's text. Some servers put the JSON into a code fence although they were asked not to: that is taken
    /// off; anything else beside the object is not JSON.
    pub(crate) fn read(text: &str) -> Option<Self> {
        if text.len() > ANSWER_BYTES_MAX {
            return None;
        }
        let text = text.trim();
        let fenced = text.strip_prefix("```json").or_else(|| text.strip_prefix("```"));
        let text = fenced.and_then(|rest| rest.strip_suffix("```")).unwrap_or(text);
        serde_json::from_str(text).ok()
    }

    /// The explanation in these words. Figures, confidence and the list of risks are those of the draft, whatever the model
    /// says; a risk that it leaves out keeps kubeopt's own sentence.
    ///
    /// # Errors
    /// [`Unfit`] as soon as one text breaks one rule: then none of it is used.
    pub(crate) fn applied(
        &self,
        draft: &Draft,
        changed: &[Field],
        known: &Names,
        model: &str,
    ) -> Result<Explanation, Unfit> {
        if self.confidence == Confidence::Low {
            return Err(Unfit::Unsure);
        }
        let left_out = changed.iter().find(|field| !names(&self.summary, change_name(**field)));
        if left_out.is_some() {
            return Err(Unfit::LeavesOut);
        }
        let mut explanation = draft.explanation();
        explanation.summary = checked(&self.summary, SUMMARY_CHARS_MAX, &draft.figures, known)?;
        for (at, risk) in self.risks.iter().enumerate() {
            if self.risks[..at].iter().any(|earlier| earlier.code == risk.code) {
                return Err(Unfit::Risk);
            }
            let own = explanation.risks.iter_mut().find(|own| own.code == risk.code).ok_or(Unfit::Risk)?;
            *own = RiskNote {
                code: risk.code,
                text: checked(&risk.text, RISK_CHARS_MAX, &draft.figures, known)?,
            };
        }
        explanation.worded_by = WordedBy::Model { model: model.to_owned() };
        Ok(explanation)
    }
}
