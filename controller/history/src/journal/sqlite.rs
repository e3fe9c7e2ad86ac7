//! The journal in SQLite: one file beside the history, or memory for a run that keeps nothing.

use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use kubeopt_model::Problem;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Connection as _, SqlSafeStr as _};

use super::models_sql::models_in_sql;
use super::sql::journal_in_sql;
use crate::error::HistoryError;

/// How long another process's lock is waited for. Writes take milliseconds; who holds the lock longer is a second
/// controller or a backup that runs amok.
const BUSY_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a free connection is waited for; longer than the lock, so that the lock is what is reported.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(10);

/// A journal in SQLite.
pub struct SqliteJournal {
    place: Place,
    pool: tokio::sync::RwLock<SqlitePool>,
    created: bool,
    problems: Mutex<Vec<Problem>>,
}

#[derive(Debug, Clone)]
enum Place {
    File(PathBuf),
    Memory,
}

impl SqliteJournal {
    /// In this file, which is made with its tables if it does not exist; see [`SqliteJournal::was_created`]. One whose pages are
    /// damaged is set aside and made anew, which is told as a problem: what it held is on the forge.
    ///
    /// # Errors
    /// [`HistoryError::Open`], and those of the database.
    pub async fn open(path: impl Into<PathBuf>) -> Result<Self, HistoryError> {
        let path = path.into();
        let created = !path.exists();
        let problem = if !created && is_damaged(&path).await { Some(set_aside(&path)?) } else { None };
        let created = created || problem.is_some();
        let journal = Self::at(Place::File(path), created).await?;
        journal.problems.lock().unwrap_or_else(PoisonError::into_inner).extend(problem);
        Ok(journal)
    }

    /// In memory, gone with the process.
    ///
    /// # Errors
    /// [`HistoryError::Open`].
    pub async fn in_memory() -> Result<Self, HistoryError> {
        Self::at(Place::Memory, true).await
    }

    /// Whether there was no file when it was opened: a first start, or a lost database.
    pub fn was_created(&self) -> bool {
        self.created
    }

    /// Writes everything to the file and closes it.
    pub async fn close(&self) {
        self.pool.read().await.close().await;
    }

    async fn at(place: Place, created: bool) -> Result<Self, HistoryError> {
        let pool = tokio::sync::RwLock::new(connect(&place).await?);
        Ok(Self { place, pool, created, problems: Mutex::new(Vec::new()) })
    }

    /// The connection; a file that was deleted meanwhile is made anew, so that nothing more is written to one that
    /// nobody will find.
    async fn pool(&self) -> Result<SqlitePool, HistoryError> {
        let Place::File(path) = &self.place else { return Ok(self.pool.read().await.clone()) };
        if path.exists() {
            return Ok(self.pool.read().await.clone());
        }
        let mut pool = self.pool.write().await;
        // Another task may have been first.
        if !path.exists() {
            pool.close().await;
            remove_beside(path);
            *pool = connect(&self.place).await?;
            let problem = created_anew(path);
            tracing::warn!(code = problem.code, "{}", problem.text);
            self.problems.lock().unwrap_or_else(PoisonError::into_inner).push(problem);
        }
        Ok(pool.clone())
    }
}

/// What users are told when the database was lost.
pub(super) fn created_anew(path: &Path) -> Problem {
    Problem::new(
        "E-HIS-010",
        format!(
            "the database `{}` did not exist and was created anew: the audit of past passes is lost, and open, merged and closed pull requests are read from the forge again",
            path.display()
        ),
        "nothing to do; to keep the audit, put `store.database` on a volume that outlives the pod",
    )
}

/// Whether a database of ours has pages that do not fit together. What is no database at all is told when it is opened.
async fn is_damaged(path: &Path) -> bool {
    let options = SqliteConnectOptions::new().filename(path).busy_timeout(BUSY_TIMEOUT);
    let Ok(mut connection) = SqliteConnection::connect_with(&options).await else { return false };
    // The first fault is enough; a sound file of 400 days is read within a second or two.
    let found = sqlx::query_scalar::<_, String>("PRAGMA quick_check(1)").fetch_all(&mut connection).await;
    // What it holds is read; an error of closing changes nothing about that.
    let _closed = connection.close().await;
    match found {
        Ok(found) => found != ["ok"],
        Err(error) => primary_code(&error) == Some(CORRUPT),
    }
}

/// Moves a damaged file out of the way, for whoever wants to look at it.
fn set_aside(path: &Path) -> Result<Problem, HistoryError> {
    let mut aside = path.as_os_str().to_owned();
    aside.push(".damaged");
    let aside = PathBuf::from(aside);
    std::fs::rename(path, &aside).map_err(|error| HistoryError::Open {
        place: path.display().to_string(),
        why: format!("it is damaged, and cannot be moved away: {error}"),
    })?;
    remove_beside(path);
    let problem = Problem::new(
        "E-HIS-013",
        format!(
            "the database `{}` was damaged, and was set aside as `{}` and created anew: the audit of past passes is lost, and open, merged and closed pull requests are read from the forge again",
            path.display(),
            aside.display()
        ),
        "look at the volume of `store.database`; the file that was set aside may be deleted",
    );
    tracing::warn!(code = problem.code, "{}", problem.text);
    Ok(problem)
}

async fn connect(place: &Place) -> Result<SqlitePool, HistoryError> {
    let (options, shown) = match place {
        Place::File(path) => {
            if let Some(folder) = path.parent() {
                std::fs::create_dir_all(folder).map_err(|error| HistoryError::Open {
                    place: path.display().to_string(),
                    why: error.to_string(),
                })?;
            }
            // FULL: after a power cut the outbox must not be behind the forge more often than it has to.
            let options = SqliteConnectOptions::new()
                .filename(path)
                .create_if_missing(true)
                .journal_mode(SqliteJournalMode::Wal)
                .synchronous(SqliteSynchronous::Full);
            (options, path.display().to_string())
        }
        Place::Memory => (SqliteConnectOptions::new().in_memory(true), "memory".to_owned()),
    };
    // One connection: SQLite has one writer, and each connection to memory would be a database of its own.
    let pool = SqlitePoolOptions::new()
        .max_connections(1)
        .acquire_timeout(ACQUIRE_TIMEOUT)
        .idle_timeout(None)
        .max_lifetime(None)
        .connect_with(options.busy_timeout(BUSY_TIMEOUT))
        .await
        .map_err(|error| opened(&shown, error))?;
    let migration = |version: i64, name: &'static str, text: &'static str| {
        Migration::new(version, name.into(), MigrationType::Simple, text.into_sql_str(), false)
    };
    let migrations = vec![
        migration(1, "journal", include_str!("../../sql/migrations/0001_journal.sql")),
        migration(2, "findings", include_str!("../../sql/migrations/0002_findings.sql")),
        migration(3, "models", include_str!("../../sql/migrations/0003_models.sql")),
        migration(4, "notices", include_str!("../../sql/migrations/0004_notices.sql")),
    ];
    Migrator::with_migrations(migrations)
        .run(&pool)
        .await
        .map_err(|error| HistoryError::Open { place: shown, why: error.to_string() })?;
    Ok(pool)
}

fn opened(place: &str, error: sqlx::Error) -> HistoryError {
    let error = broken(error);
    if let HistoryError::Database(why) = error {
        return HistoryError::Open { place: place.to_owned(), why };
    }
    error
}

/// The write-ahead log of a file that is gone belongs to nothing; a new database beside it would be damaged.
fn remove_beside(path: &Path) {
    for ending in ["-wal", "-shm"] {
        let mut name = path.as_os_str().to_owned();
        name.push(ending);
        // Usually there is none: closing the last connection removes both.
        let _absent = std::fs::remove_file(PathBuf::from(name));
    }
}

/// An error of the database as ours.
fn broken(error: sqlx::Error) -> HistoryError {
    match (primary_code(&error), &error) {
        (Some(5 | 6), _) | (_, sqlx::Error::PoolTimedOut) => HistoryError::Locked,
        (Some(13), _) => HistoryError::DiskFull,
        _ => HistoryError::Database(error.to_string().chars().take(300).collect()),
    }
}

/// SQLITE_CORRUPT.
const CORRUPT: i32 = 11;

/// The primary result code of SQLite, https://www.sqlite.org/rescode.html; extended ones carry it in the low byte.
fn primary_code(error: &sqlx::Error) -> Option<i32> {
    let code = error.as_database_error()?.code()?.parse::<i32>().ok()?;
    Some(code & 0xff)
}

journal_in_sql!(SqliteJournal, broken);
models_in_sql!(SqliteJournal, broken);
