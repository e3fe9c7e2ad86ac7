//! The explainer that needs nobody: facts in, sentences out. The same facts give the same text.

use kubeopt_model::explanation::{
    Confidence, Explanation, RISK_CHARS_MAX, RiskNote, SUMMARY_CHARS_MAX, WordedBy,
};
use kubeopt_model::recommendation::Risk;

use crate::facts::Facts;
use crate::figures::{Figures, figures};
use crate::risks::{RiskText, risks};
use crate::sentences::{Sentence, sentences};
use crate::template::fill;

/// Days from which weeks can be compared.
const HIGH_DAYS: f64 = 14.0;

/// Below a week nothing is known of the others.
const LOW_DAYS: f64 = 7.0;

/// Parts of the expected samples from which data counts as whole, and below which as poor.
const HIGH_COVERAGE: f64 = 0.9;
const LOW_COVERAGE: f64 = 0.6;

/// Explains a recommendation in kubeopt's own words.
///
/// The summary says what the container is, what becomes of each value and why, what an autoscaler has to do with it and
/// what to look at after the merge; the risks say what could go wrong, the worst first. Both keep within the limits of
/// [`kubeopt_model::explanation`], whatever the facts are.
pub fn explain(facts: &Facts) -> Explanation {
    Draft::of(facts).explanation()
}

/// An explanation whose texts still name their figures: what a model may reword.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Draft {
    /// The summary.
    pub(crate) summary: String,
    /// The risks, the worst first.
    pub(crate) risks: Vec<RiskText>,
    /// How much the data supports the values.
    pub(crate) confidence: Confidence,
    /// The figures.
    pub(crate) figures: Figures,
}

impl Draft {
    pub(crate) fn of(facts: &Facts) -> Self {
        let figures = figures(facts);
        let summary = fitting(sentences(facts), &figures);
        let risks = risks(facts).into_iter().filter(|(_, text)| fill(text, &figures).is_ok()).collect();
        Self { summary, risks, confidence: confidence(facts), figures }
    }

    /// Filled in, in kubeopt's own words.
    pub(crate) fn explanation(&self) -> Explanation {
        // Everything in a draft can be filled in: what cannot was left out when it was made.
        let filled = |text: &str, most| cut(fill(text, &self.figures).unwrap_or_default(), most);
        let note = |(code, text): &RiskText| RiskNote { code: *code, text: filled(text, RISK_CHARS_MAX) };
        Explanation {
            summary: filled(&self.summary, SUMMARY_CHARS_MAX),
            risks: self.risks.iter().map(note).collect(),
            confidence: self.confidence,
            figures: self.figures.iter().map(|(name, shown)| ((*name).to_owned(), shown.clone())).collect(),
            worded_by: WordedBy::Kubeopt,
        }
    }
}

/// The sentences that fit: first those that may go, the least important first, then reasons shrink to their numbers.
fn fitting(mut sentences: Vec<Sentence>, figures: &Figures) -> String {
    // Of a reason that names what is not known only the value is said.
    for sentence in sentences.iter_mut().filter(|sentence| fill(&sentence.text, figures).is_err()) {
        sentence.text = sentence.short.clone();
    }
    loop {
        let text = joined(&sentences);
        let long = fill(&text, figures).map_or(0, |filled| filled.chars().count());
        let dearest = |at: &usize| (sentences[*at].rank, sentences[*at].text.len());
        let longer = (0..sentences.len()).filter(|at| sentences[*at].text != sentences[*at].short);
        match longer.max_by_key(dearest) {
            Some(at) if long > SUMMARY_CHARS_MAX => sentences[at].text = sentences[at].short.clone(),
            Some(_) | None => return text,
        }
    }
}

fn joined(sentences: &[Sentence]) -> String {
    let said: Vec<&str> =
        sentences.iter().map(|sentence| sentence.text.as_str()).filter(|text| !text.is_empty()).collect();
    said.join(" ")
}

/// At most so many characters; what is cut says so.
fn cut(text: String, chars_max: usize) -> String {
    if text.chars().count() <= chars_max {
        return text;
    }
    text.chars().take(chars_max - 1).chain(['…']).collect()
}

fn confidence(facts: &Facts) -> Confidence {
    let covered = facts.coverage.ratio();
    let poor =
        facts.days < LOW_DAYS || covered < LOW_COVERAGE || facts.is_partial || facts.risk == Risk::High;
    let good = facts.days >= HIGH_DAYS && covered >= HIGH_COVERAGE && facts.risk == Risk::Low;
    match (poor, good) {
        (true, _) => Confidence::Low,
        (false, true) => Confidence::High,
        (false, false) => Confidence::Medium,
    }
}
