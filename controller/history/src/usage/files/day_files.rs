//! The files of a day, read and written as a whole; damaged ones are set aside.

use kubeopt_model::{ClusterName, Problem};
use polars::prelude::DataFrame;

use super::names::{FileNames, day_in_name, is_points};
use super::{PROBLEMS_MAX, UsageFiles, computed, whole};
use crate::error::HistoryError;
use crate::usage::day::Ledger;
use crate::usage::digest::Digest;
use crate::usage::frame;
use crate::usage::merge::Day;
use crate::usage::shelf::Shelf;
use crate::usage::tables::Tables;

impl<S: Shelf> UsageFiles<S> {
    pub(in crate::usage) fn shelf(&self) -> &S {
        &self.shelf
    }

    /// Waits until nobody else writes.
    pub(in crate::usage) async fn writing(&self) -> tokio::sync::MutexGuard<'_, ()> {
        self.writing.lock().await
    }

    /// Days that have files, oldest first.
    pub(in crate::usage) async fn days(&self, cluster: &ClusterName) -> Result<Vec<i64>, HistoryError> {
        let names = self.shelf.list(cluster.as_str()).await?;
        let mut days: Vec<i64> = names.iter().filter_map(|name| day_in_name(name)).collect();
        days.sort_unstable();
        days.dedup();
        Ok(days)
    }

    /// The ledger of a day; none where there is none or it was found damaged.
    pub(super) async fn ledger(
        &self,
        cluster: &ClusterName,
        day: i64,
    ) -> Result<Option<Ledger>, HistoryError> {
        let names = FileNames::of(cluster, day);
        let Some(bytes) = self.shelf.read(&names.ledger()).await? else { return Ok(None) };
        match Ledger::read(&bytes) {
            Ok(ledger) => Ok(Some(ledger)),
            Err(why) => {
                self.set_aside(&names, &names.ledger(), why).await?;
                Ok(None)
            }
        }
    }

    /// The tables of a day, those of one segment left out where it is named: the rows that its ledger counts. None where
    /// a file was found damaged or missing; then the day is set aside.
    pub(super) async fn tables(
        &self,
        cluster: &ClusterName,
        day: i64,
        ledger: &Ledger,
        but: Option<u32>,
    ) -> Result<Option<Tables>, HistoryError> {
        let names = FileNames::of(cluster, day);
        let mut all = Tables::default();
        for segment in ledger.segments().into_iter().filter(|segment| Some(*segment) != but) {
            let [bins_name, pods_name, _] = names.segment(segment);
            let (bins, pods) = (self.shelf.read(&bins_name).await?, self.shelf.read(&pods_name).await?);
            let (Some(bins), Some(pods)) = (bins, pods) else {
                self.set_aside(&names, &bins_name, "a table is missing".to_owned()).await?;
                return Ok(None);
            };
            match whole(move || Tables::read(bins, pods)).await? {
                Ok(tables) => all = all.stacked(&tables.picked(&|hour| ledger.counts(hour, segment))?)?,
                Err(why) => {
                    self.set_aside(&names, &bins_name, why).await?;
                    return Ok(None);
                }
            }
        }
        Ok(Some(all))
    }

    /// The points of a day that its ledger counts; none where there are none or they were found damaged.
    pub(in crate::usage) async fn points_of(
        &self,
        cluster: &ClusterName,
        day: i64,
        ledger: &Ledger,
    ) -> Result<Option<DataFrame>, HistoryError> {
        let names = FileNames::of(cluster, day);
        let mut all = None;
        for segment in ledger.segments() {
            let [.., name] = names.segment(segment);
            let Some(bytes) = self.shelf.read(&name).await? else { continue };
            match whole(move || Tables::read_points(bytes)).await? {
                Ok(points) => {
                    let counted = frame::picked(&points, &|hour| ledger.counts(hour, segment))?;
                    all = Some(frame::stacked(all.unwrap_or_default(), &counted)?);
                }
                Err(why) => {
                    self.set_aside(&names, &name, why).await?;
                    return Ok(None);
                }
            }
        }
        Ok(all)
    }

    /// A day that is whole; none where it is not there or was found damaged.
    pub(in crate::usage) async fn day(
        &self,
        cluster: &ClusterName,
        day: i64,
    ) -> Result<Option<Day>, HistoryError> {
        let Some(mut ledger) = self.ledger(cluster, day).await? else { return Ok(None) };
        let Some(tables) = self.tables(cluster, day, &ledger, None).await? else { return Ok(None) };
        let points = self.points_of(cluster, day, &ledger).await?;
        ledger.put_all_in(0);
        Ok(Some(Day { ledger, tables, points }))
    }

    /// The digest of a day, if it is of the ledger's last write.
    pub(super) async fn digest(
        &self,
        cluster: &ClusterName,
        day: i64,
        ledger: &Ledger,
    ) -> Result<Option<Digest>, HistoryError> {
        let Some(table) = self.digest_table(cluster, day).await? else { return Ok(None) };
        let writes = ledger.writes;
        computed(move || Ok(Digest::from_table(&table, writes, &|_| true).ok().flatten())).await
    }

    /// The table of a day's digest; none where it is missing or damaged, as it can be made again.
    pub(super) async fn digest_table(
        &self,
        cluster: &ClusterName,
        day: i64,
    ) -> Result<Option<DataFrame>, HistoryError> {
        let Some(bytes) = self.shelf.read(&FileNames::of(cluster, day).digest()).await? else {
            return Ok(None);
        };
        Ok(whole(move || Digest::read_table(bytes)).await?.ok())
    }

    /// Writes a day as a whole, whatever was there of it. The caller holds [`UsageFiles::writing`].
    pub(in crate::usage) async fn write_day(
        &self,
        cluster: &ClusterName,
        day: i64,
        mut whole: Day,
    ) -> Result<(), HistoryError> {
        let old = self.ledger(cluster, day).await?;
        whole.ledger.put_all_in(old.map_or(0, |old| old.writes.saturating_add(1)));
        self.write_segment(&FileNames::of(cluster, day), whole.ledger, whole.tables, whole.points, None).await
    }

    /// Writes the last segment of a ledger, and the ledger last: until then the day is what it was. Then what no hour
    /// counts from is removed.
    pub(super) async fn write_segment(
        &self,
        names: &FileNames,
        ledger: Ledger,
        mut tables: Tables,
        points: Option<DataFrame>,
        digest: Option<Digest>,
    ) -> Result<(), HistoryError> {
        let (segments, writes) = (ledger.segments(), ledger.writes);
        let (ledger, (bins, pods), points, digest) = computed(move || {
            let points = points.map(|mut points| Tables::write_one(&mut points)).transpose()?;
            let digest =
                digest.map(|digest| Tables::write_one(&mut digest.to_table(ledger.writes)?)).transpose()?;
            Ok((ledger.write()?, tables.write()?, points, digest))
        })
        .await?;
        let [bins_name, pods_name, points_name] = names.segment(writes);
        self.shelf.write(&bins_name, bins).await?;
        self.shelf.write(&pods_name, pods).await?;
        let mut kept = vec![names.ledger(), names.digest()];
        kept.extend(segments.into_iter().flat_map(|segment| names.segment(segment)));
        for (name, bytes) in [(points_name, points), (names.digest(), digest)] {
            match bytes {
                Some(bytes) => self.shelf.write(&name, bytes).await?,
                None => kept.retain(|kept| *kept != name),
            }
        }
        self.shelf.write(&names.ledger(), ledger).await?;
        for name in self.files_of(names).await?.into_iter().filter(|name| !kept.contains(name)) {
            self.shelf.remove(&name).await?;
        }
        Ok(())
    }

    /// The files that there are of a day, the ledger first.
    pub(super) async fn files_of(&self, names: &FileNames) -> Result<Vec<String>, HistoryError> {
        let ledger = names.ledger();
        let folder = ledger.split('/').next().unwrap_or_default();
        Ok(names.own(self.shelf.list(folder).await?))
    }

    /// Removes the points of a day.
    pub(super) async fn forget_points(&self, cluster: &ClusterName, day: i64) -> Result<(), HistoryError> {
        for name in self.files_of(&FileNames::of(cluster, day)).await? {
            if is_points(name.rsplit('/').next().unwrap_or_default()) {
                self.shelf.remove(&name).await?;
            }
        }
        Ok(())
    }

    /// Takes all files of a day out of use, and tells which of them is to blame.
    pub(super) async fn set_aside(
        &self,
        names: &FileNames,
        blamed: &str,
        why: String,
    ) -> Result<(), HistoryError> {
        let why = why.chars().map(|c| if c.is_control() { ' ' } else { c }).take(200).collect();
        let error = HistoryError::Damaged { name: blamed.to_owned(), why };
        tracing::warn!(code = error.code(), "{error}");
        self.tell(error.problem());
        for name in self.files_of(names).await? {
            self.shelf.set_aside(&name).await?;
        }
        Ok(())
    }

    fn tell(&self, problem: Problem) {
        let mut problems = self.problems.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        if problems.len() < PROBLEMS_MAX {
            problems.push(problem);
        }
    }
}
