//! How the watch of one kind stands.

use kubeopt_model::Problem;

/// How a kind stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum State {
    /// Not yet answered.
    Starting,
    /// Listed, and watched since.
    Synced,
    /// Not answered now; what was seen before is kept.
    Lost(Problem),
}
