//! The seam: what any store of usage can do.

use async_trait::async_trait;
use kubeopt_model::usage::{ContainerPoints, OomKill};
use kubeopt_model::{ClusterName, ContainerId, ContainerUsage, Problem, Timestamp, Window};

use super::rollup::Rollup;
use crate::error::HistoryError;

/// Usage history of all clusters.
///
/// A slice is read, gathered and stored so:
/// `let mut rollup = store.begin(&cluster, slice); source.read(slice, .., &mut |series| rollup.add(series)).await?;
/// store.append(rollup, report.partial).await?;`
#[async_trait]
pub trait UsageStore: Send + Sync {
    /// An empty slice, to be filled with series and stored by [`UsageStore::append`]. Dropping it stores nothing.
    fn begin(&self, cluster: &ClusterName, slice: Window) -> Rollup {
        Rollup::new(cluster.clone(), slice)
    }

    /// Stores a slice, in the place of whatever was stored of its hours; doing it twice changes nothing. `partial` says
    /// why the slice is incomplete, if it is. A complete hour that has more samples than the slice has of it stays as it is;
    /// gives how many do.
    ///
    /// # Errors
    /// [`HistoryError::Slice`] where the slice is empty or not on whole hours; [`HistoryError::File`],
    /// [`HistoryError::Compute`].
    async fn append(&self, rollup: Rollup, partial: Option<String>) -> Result<u64, HistoryError>;

    /// Stores OOM kills of hours that are stored; those that are known already change nothing.
    ///
    /// # Errors
    /// [`HistoryError::File`].
    async fn remember_oom_kills(&self, cluster: &ClusterName, kills: &[OomKill]) -> Result<(), HistoryError>;

    /// The hours that are stored and need not be read again, joined to windows, oldest first. An hour that was incomplete
    /// when it was read counts as missing until it has been read three times.
    ///
    /// # Errors
    /// [`HistoryError::File`].
    async fn covered(&self, cluster: &ClusterName) -> Result<Vec<Window>, HistoryError>;

    /// Usage over a window, sorted by container: of all containers that were seen in it, or of those that are named. The
    /// window is widened to the start of its first hour.
    ///
    /// # Errors
    /// [`HistoryError::File`], [`HistoryError::Compute`]. Damaged files are set aside, not failed on.
    async fn usage(
        &self,
        cluster: &ClusterName,
        window: Window,
        containers: Option<&[ContainerId]>,
    ) -> Result<Vec<ContainerUsage>, HistoryError>;

    /// 5-minute points over a window, sorted by container: of all containers that have any, or of those that are named.
    /// Points reach back [`Retention::points_days`](super::Retention) before the newest day that is stored. CPU is the mean over the pods of a step in
    /// millicores, memory the highest of them in bytes, both within [`POINT_ERROR`](super::POINT_ERROR). Restarts are those of days that have points.
    ///
    /// 14 days of one container are 130 KB here: ask for some hundreds at a time.
    ///
    /// # Errors
    /// [`HistoryError::File`], [`HistoryError::Compute`]. Damaged files are set aside, not failed on.
    async fn points(
        &self,
        cluster: &ClusterName,
        containers: Option<&[ContainerId]>,
        window: Window,
    ) -> Result<Vec<ContainerPoints>, HistoryError>;

    /// Removes days and points that are older than the store's [`Retention`](super::Retention); gives how many days.
    ///
    /// # Errors
    /// [`HistoryError::File`].
    async fn prune(&self, cluster: &ClusterName, now: Timestamp) -> Result<u64, HistoryError>;

    /// What was found damaged since the last call.
    fn take_problems(&self) -> Vec<Problem>;
}
