//! Models and rounds in SQL, once for all databases; see `sql.rs`.

/// The row that counts changes.
pub(super) const STATE: &str = "models";

/// Writes `impl ModelJournal` for a type for which `journal_in_sql` was written.
macro_rules! models_in_sql {
    ($journal:ty, $broken:path) => {
        #[async_trait]
        impl $crate::journal::ModelJournal for $journal {
            async fn models(&self) -> Result<$crate::journal::KeptModels, HistoryError> {
                let pool = self.pool().await?;
                let query = sqlx::query(include_str!("../../sql/models/begin_state.sql"))
                    .bind($crate::journal::models_sql::STATE);
                pool.execute(query).await.map_err($broken)?;
                let query = sqlx::query(include_str!("../../sql/models/state.sql"))
                    .bind($crate::journal::models_sql::STATE);
                rows::models(&pool.fetch_one(query).await.map_err($broken)?)
            }

            async fn models_revision(&self) -> Result<u64, HistoryError> {
                let query = sqlx::query(include_str!("../../sql/models/revision.sql"))
                    .bind($crate::journal::models_sql::STATE);
                let found = self.pool().await?.fetch_optional(query).await.map_err($broken)?;
                found.map_or(Ok(0), |row| rows::count(&row, "revision"))
            }

            async fn weights(&self, sha256: &str) -> Result<Option<Vec<u8>>, HistoryError> {
                let query = sqlx::query(include_str!("../../sql/models/weights.sql")).bind(sha256);
                let found = self.pool().await?.fetch_optional(query).await.map_err($broken)?;
                found.map(|row| rows::bytes(&row, "weights")).transpose()
            }

            async fn rounds(&self) -> Result<Vec<$crate::journal::RoundRecord>, HistoryError> {
                let query = sqlx::query(include_str!("../../sql/models/rounds.sql"))
                    .bind(i64::from($crate::journal::ROUNDS_MAX));
                let found = self.pool().await?.fetch_all(query).await.map_err($broken)?;
                found.iter().map(rows::round).collect()
            }

            async fn uploads(&self, round: u64) -> Result<Vec<$crate::journal::UploadRecord>, HistoryError> {
                let query =
                    sqlx::query(include_str!("../../sql/models/uploads.sql")).bind(rows::column(round));
                let found = self.pool().await?.fetch_all(query).await.map_err($broken)?;
                found.iter().map(rows::upload).collect()
            }

            async fn change_models(
                &self,
                change: &$crate::journal::ModelsChange,
            ) -> Result<bool, HistoryError> {
                let mut all = self.pool().await?.begin().await.map_err($broken)?;
                let query = sqlx::query(include_str!("../../sql/models/change_state.sql"))
                    .bind($crate::journal::models_sql::STATE)
                    .bind(rows::column(change.revision))
                    .bind(change.detail.to_string());
                if all.execute(query).await.map_err($broken)?.rows_affected() == 0 {
                    return Ok(false);
                }
                for own in &change.weights {
                    let query = sqlx::query(include_str!("../../sql/models/add_weights.sql"))
                        .bind(&own.sha256)
                        .bind(own.at_unix_s)
                        .bind(&own.weights);
                    all.execute(query).await.map_err($broken)?;
                }
                for sha256 in &change.forgotten {
                    let query = sqlx::query(include_str!("../../sql/models/forget_weights.sql")).bind(sha256);
                    all.execute(query).await.map_err($broken)?;
                }
                if let Some(round) = &change.round {
                    let query = sqlx::query(include_str!("../../sql/models/remember_round.sql"))
                        .bind(rows::column(round.round))
                        .bind(round.at_unix_s)
                        .bind(round.detail.to_string());
                    all.execute(query).await.map_err($broken)?;
                    let before = round.round.saturating_sub(u64::from($crate::journal::ROUNDS_MAX));
                    let query = sqlx::query(include_str!("../../sql/models/prune_rounds.sql"))
                        .bind(rows::column(before));
                    all.execute(query).await.map_err($broken)?;
                }
                if let Some(upload) = &change.upload {
                    let query = sqlx::query(include_str!("../../sql/models/add_upload.sql"))
                        .bind(rows::column(upload.round))
                        .bind(&upload.node)
                        .bind(&upload.nonce)
                        .bind(upload.at_unix_s)
                        .bind(&upload.delta);
                    if all.execute(query).await.map_err($broken)?.rows_affected() == 0 {
                        return Ok(false);
                    }
                }
                if let Some(round) = change.ended {
                    let query = sqlx::query(include_str!("../../sql/models/forget_uploads.sql"))
                        .bind(rows::column(round));
                    all.execute(query).await.map_err($broken)?;
                }
                for event in &change.events {
                    all.execute($crate::journal::sql::event_row!(event)).await.map_err($broken)?;
                }
                all.commit().await.map_err($broken)?;
                Ok(true)
            }
        }
    };
}

pub(super) use models_in_sql;
