//! The journal in SQL, once for all databases: statements that SQLite and PostgreSQL share, each in a file.
//!
//! A macro and no generic function, since the bounds under which sqlx binds and fetches for any database are longer than
//! the statements. What a database does differently, connecting and its errors, stands in its own module.

/// Writes `impl Journal` for a type with `async fn pool(&self) -> Result<Pool<_>, HistoryError>` and `problems`;
/// `broken` turns an error of its database into ours.
macro_rules! journal_in_sql {
    ($journal:ty, $broken:path) => {
        use async_trait::async_trait;
        use kubeopt_model::{Finding, RepositoryId};
        use sqlx::Executor as _;

        use crate::journal::rows;
        use crate::journal::{
            EVENT_DAYS, EVENTS_MAX, Event, EventFilter, FINDING_DAYS, OutboxEntry, PullRequestRecord,
        };

        #[async_trait]
        impl $crate::journal::Journal for $journal {
            async fn note(&self, entry: &OutboxEntry) -> Result<(), HistoryError> {
                let (step, oid, number) = rows::step_columns(&entry.step);
                let query = sqlx::query(include_str!("../../sql/note.sql"))
                    .bind(entry.repository.forge.as_str())
                    .bind(&entry.repository.owner)
                    .bind(&entry.repository.name)
                    .bind(&entry.branch)
                    .bind(&entry.base)
                    .bind(&entry.group)
                    .bind(&entry.proposal)
                    .bind(step)
                    .bind(oid)
                    .bind(number)
                    .bind(entry.at_unix_s);
                self.pool().await?.execute(query).await.map_err($broken)?;
                Ok(())
            }

            async fn outbox(&self) -> Result<Vec<OutboxEntry>, HistoryError> {
                let query = sqlx::query(include_str!("../../sql/outbox.sql"));
                let found = self.pool().await?.fetch_all(query).await.map_err($broken)?;
                found.iter().map(rows::outbox_entry).collect()
            }

            async fn forget(&self, repository: &RepositoryId, branch: &str) -> Result<(), HistoryError> {
                let query = sqlx::query(include_str!("../../sql/forget.sql"))
                    .bind(repository.forge.as_str())
                    .bind(&repository.owner)
                    .bind(&repository.name)
                    .bind(branch);
                self.pool().await?.execute(query).await.map_err($broken)?;
                Ok(())
            }

            async fn record(&self, events: &[Event]) -> Result<(), HistoryError> {
                let Some(newest) = events.iter().map(|event| event.at_unix_s).max() else { return Ok(()) };
                let mut all = self.pool().await?.begin().await.map_err($broken)?;
                for event in events {
                    all.execute($crate::journal::sql::event_row!(event)).await.map_err($broken)?;
                }
                let query = sqlx::query(include_str!("../../sql/prune_events.sql"))
                    .bind(newest - EVENT_DAYS * 86_400);
                all.execute(query).await.map_err($broken)?;
                let query = sqlx::query(include_str!("../../sql/prune_finding_events.sql"))
                    .bind(newest - FINDING_DAYS * 86_400);
                all.execute(query).await.map_err($broken)?;
                all.commit().await.map_err($broken)
            }

            async fn events(&self, filter: &EventFilter) -> Result<Vec<Event>, HistoryError> {
                let limit = if filter.limit == 0 { EVENTS_MAX } else { filter.limit.min(EVENTS_MAX) };
                let query = sqlx::query(include_str!("../../sql/events.sql"))
                    .bind(filter.since_unix_s)
                    .bind(&filter.subject)
                    .bind(&filter.kind)
                    .bind(&filter.pass)
                    .bind(i64::from(limit));
                let found = self.pool().await?.fetch_all(query).await.map_err($broken)?;
                found.iter().map(rows::event).collect()
            }

            async fn remember_pull_request(&self, record: &PullRequestRecord) -> Result<(), HistoryError> {
                let query = sqlx::query(include_str!("../../sql/remember_pull_request.sql"))
                    .bind(record.repository.forge.as_str())
                    .bind(&record.repository.owner)
                    .bind(&record.repository.name)
                    .bind(rows::column(record.number))
                    .bind(&record.branch)
                    .bind(rows::state_column(record.state))
                    .bind(&record.commit)
                    .bind(record.at_unix_s);
                self.pool().await?.execute(query).await.map_err($broken)?;
                Ok(())
            }

            async fn pull_requests(&self) -> Result<Vec<PullRequestRecord>, HistoryError> {
                let query = sqlx::query(include_str!("../../sql/pull_requests.sql"));
                let found = self.pool().await?.fetch_all(query).await.map_err($broken)?;
                found.iter().map(rows::pull_request).collect()
            }

            async fn remember_findings(&self, findings: &[Finding]) -> Result<(), HistoryError> {
                let last = |finding: &Finding| finding.resolved_unix_s.unwrap_or(finding.last_unix_s);
                let Some(newest) = findings.iter().map(last).max() else { return Ok(()) };
                let mut all = self.pool().await?.begin().await.map_err($broken)?;
                for finding in findings {
                    let query = sqlx::query(include_str!("../../sql/remember_finding.sql"))
                        .bind(finding.key())
                        .bind(i64::from(finding.is_open()))
                        .bind(last(finding))
                        .bind(rows::finding_text(finding)?);
                    all.execute(query).await.map_err($broken)?;
                }
                let query = sqlx::query(include_str!("../../sql/prune_findings.sql"))
                    .bind(newest - FINDING_DAYS * 86_400);
                all.execute(query).await.map_err($broken)?;
                all.commit().await.map_err($broken)
            }

            async fn findings(&self) -> Result<Vec<Finding>, HistoryError> {
                let query = sqlx::query(include_str!("../../sql/findings.sql"));
                let found = self.pool().await?.fetch_all(query).await.map_err($broken)?;
                found.iter().filter_map(|row| rows::finding(row).transpose()).collect()
            }

            async fn open_findings(&self) -> Result<Vec<Finding>, HistoryError> {
                let query = sqlx::query(include_str!("../../sql/open_findings.sql"));
                let found = self.pool().await?.fetch_all(query).await.map_err($broken)?;
                found.iter().filter_map(|row| rows::finding(row).transpose()).collect()
            }

            async fn remember_notices(
                &self,
                notices: &$crate::journal::KeptNotices,
            ) -> Result<(), HistoryError> {
                let mut all = self.pool().await?.begin().await.map_err($broken)?;
                for (name, text) in rows::notice_columns(notices) {
                    let query =
                        sqlx::query(include_str!("../../sql/remember_notices.sql")).bind(name).bind(text);
                    all.execute(query).await.map_err($broken)?;
                }
                all.commit().await.map_err($broken)
            }

            async fn notices(&self) -> Result<$crate::journal::KeptNotices, HistoryError> {
                let query = sqlx::query(include_str!("../../sql/notices.sql"));
                let found = self.pool().await?.fetch_all(query).await.map_err($broken)?;
                rows::notices(&found)
            }

            fn take_problems(&self) -> Vec<kubeopt_model::Problem> {
                let mut problems = self.problems.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
                std::mem::take(&mut problems)
            }
        }
    };
}

/// The statement that adds a line to the audit.
macro_rules! event_row {
    ($event:expr) => {
        sqlx::query(include_str!("../../sql/record.sql"))
            .bind(&$event.pass)
            .bind($event.at_unix_s)
            .bind(&$event.kind)
            .bind(&$event.subject)
            .bind(rows::detail_text(&$event.detail))
    };
}

pub(super) use {event_row, journal_in_sql};
