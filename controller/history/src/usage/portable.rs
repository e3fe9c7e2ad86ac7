//! The whole history as one Parquet file: to move it to another machine, to keep it, or to look at it with other tools.
//!
//! One table holds the rows of the store's own: `part` says which a row is of (`ledger`, `bins`, `pods`, `points`),
//! `cluster` and `day` of whom and when, and the other columns are those of that table. The rows of a day stand together,
//! its ledger first. A file is read as a whole before anything of it is stored.

mod contents;
mod flat;

use std::path::{Path, PathBuf};

use kubeopt_model::ClusterName;

use super::files::{UsageFiles, computed};
use super::merge::merged;
use super::shelf::Shelf;
use crate::error::HistoryError;
use contents::Contents;
use flat::FlatWriter;

/// What was written to a file or taken from it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Moved {
    /// Clusters.
    pub clusters: u64,
    /// Days, each cluster's own.
    pub days: u64,
    /// Hours of them; for an import those that were not there yet.
    pub hours: u64,
}

impl<S: Shelf> UsageFiles<S> {
    /// Writes all that is stored to a new file; the journal is not part of it.
    ///
    /// # Errors
    /// [`HistoryError::File`] where the file exists already or cannot be written; [`HistoryError::Compute`].
    pub async fn export(&self, to: &Path) -> Result<Moved, HistoryError> {
        let beside = beside(to);
        let exported = self.export_beside(to, &beside).await;
        if exported.is_err() {
            // What is not whole helps nobody; that it cannot be removed either changes nothing.
            let _kept = tokio::fs::remove_file(&beside).await;
        }
        exported
    }

    async fn export_beside(&self, to: &Path, beside: &Path) -> Result<Moved, HistoryError> {
        let failed = |source: std::io::Error| HistoryError::File { path: to.to_owned(), source };
        if tokio::fs::try_exists(to).await.map_err(failed)? {
            return Err(failed(std::io::ErrorKind::AlreadyExists.into()));
        }
        let place = beside.to_owned();
        let mut writer = computed(move || FlatWriter::create(&place)).await?;
        let mut moved = Moved::default();
        for folder in self.shelf().folders().await? {
            // Folders of others are left alone.
            let Ok(cluster) = ClusterName::new(folder) else { continue };
            let before = moved.days;
            for day in self.days(&cluster).await? {
                let Some(whole) = self.day(&cluster, day).await? else { continue };
                moved.days += 1;
                moved.hours += whole.ledger.hours.len() as u64;
                let of = cluster.clone();
                writer = computed(move || writer.with_day(&of, day, &whole)).await?;
            }
            moved.clusters += u64::from(moved.days > before);
        }
        computed(move || writer.finish()).await?;
        tokio::fs::File::open(beside).await.map_err(failed)?.sync_all().await.map_err(failed)?;
        tokio::fs::rename(beside, to).await.map_err(failed)?;
        Ok(moved)
    }

    /// Takes over what a file has and this store lacks. Hours that are there stay as they are, unless they are incomplete
    /// here and complete in the file; doing it twice changes nothing. No other process may write to the store meanwhile.
    ///
    /// # Errors
    /// [`HistoryError::Portable`] where the file is not what [`UsageFiles::export`] writes, with the place; nothing is
    /// stored then. [`HistoryError::File`], [`HistoryError::Compute`].
    pub async fn import(&self, from: &Path) -> Result<Moved, HistoryError> {
        let path = from.to_owned();
        let contents = computed(move || Contents::open(&path)).await?;
        // All of it is read once before the first write.
        let mut contents = computed(move || {
            (0..contents.days()).try_for_each(|at| contents.day(at).map(|_| ()))?;
            Ok(contents)
        })
        .await?;
        let mut moved = Moved { clusters: contents.clusters(), ..Moved::default() };
        let _one_writer = self.writing().await;
        for at in 0..contents.days() {
            let (read, (cluster, day, other)) = computed(move || {
                let day = contents.day(at)?;
                Ok((contents, day))
            })
            .await?;
            contents = read;
            let own = self.day(&cluster, day).await?;
            let Some(merged) = computed(move || merged(own, other)).await? else { continue };
            moved.days += 1;
            moved.hours += merged.hours as u64;
            self.write_day(&cluster, day, merged.day).await?;
        }
        Ok(moved)
    }
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".new");
    PathBuf::from(name)
}
