//! The models that node agents are given, beside the passes.

use std::sync::Arc;

use kubeopt_api::Config;
use kubeopt_cluster::Leadership;
use kubeopt_server::Metrics;

use super::leads::permit;
use crate::edges::Edges;
use crate::models::{Models, OwnModel, Stores};

/// Versions and rounds, where node agents are listened to. Without a network that can be used there are none: agents keep what
/// they have, and the next start looks again.
pub(super) fn models(
    edges: &Edges,
    config: &Config,
    metrics: &Arc<Metrics>,
    leadership: Option<&Arc<Leadership>>,
) -> Option<Arc<Models>> {
    let agents = config.agents.as_ref()?;
    let own = OwnModel::read(config.forecast_model.as_deref())
        .inspect_err(|problem| tracing::warn!("{problem}; node agents are given no network"))
        .ok()?;
    let (stores, metrics, permit) = (Stores::of(edges), Arc::clone(metrics), permit(leadership));
    Some(Arc::new(Models::new(stores, agents.training.clone(), own, metrics, permit)))
}
