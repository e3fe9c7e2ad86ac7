//! A model is asked beside the passes, by a task of its own: nothing waits for it, and the next pass has the words.

use std::sync::{Arc, Mutex, PoisonError};

use kubeopt_model::Problem;
use kubeopt_reason::ModelExplainer;
use kubeopt_server::Metrics;
use tokio::task::JoinHandle;

use super::telling::Telling;
use crate::edges::Edges;
use crate::pipeline::PassReport;
use crate::wording::{ask, questions};

/// Budgets whose end people are told: of the day, and of a namespace within it. One pull request that is long is no news.
const BUDGETS: [&str; 2] = ["E-RSN-010", "E-RSN-011"];

/// The round of questions that goes on, if one does.
#[derive(Default)]
pub(super) struct Asking(Mutex<Option<JoinHandle<()>>>);

impl Asking {
    /// Begins to ask about a pass, unless the questions of an earlier one are still asked: what is left out then is asked
    /// after the next.
    pub(super) fn after_pass(
        &self,
        edges: &Edges,
        report: &PassReport,
        metrics: &Arc<Metrics>,
        telling: &Arc<Telling>,
    ) {
        let Some(model) = &edges.words else { return };
        let mut round = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if round.as_ref().is_some_and(|round| !round.is_finished()) {
            return;
        }
        let questions = questions(report);
        if !questions.is_empty() {
            let (model, metrics, telling) = (Arc::clone(model), Arc::clone(metrics), Arc::clone(telling));
            let at = report.at;
            *round = Some(tokio::spawn(async move {
                for problem in tell(&model, &questions, &metrics).await {
                    if BUDGETS.contains(&problem.code.as_str()) {
                        telling.after_budget(&problem, at);
                    }
                }
            }));
        }
    }

    /// What is still asked is given up.
    pub(super) fn stop(&self) {
        let round = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(round) = round {
            round.abort();
        }
    }
}

async fn tell(
    model: &ModelExplainer,
    questions: &[crate::wording::Question],
    metrics: &Metrics,
) -> Vec<Problem> {
    let problems = ask(model, questions).await;
    for problem in &problems {
        metrics.count_problem(&problem.code);
        tracing::info!(
            code = problem.code,
            help = problem.help,
            "a model's words are not used: {}",
            problem.text
        );
    }
    problems
}
