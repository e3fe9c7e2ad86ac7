//! The journal in PostgreSQL: for two replicas, or for state that outlives a volume. The same statements as in SQLite.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr as _;
use std::sync::Mutex;
use std::time::Duration;

use kubeopt_model::Problem;
use sqlx::SqlSafeStr as _;
use sqlx::migrate::{Migration, MigrationType, Migrator};
use sqlx::postgres::{PgConnectOptions, PgPool, PgPoolOptions};
use tokio::io::AsyncReadExt as _;

use super::models_sql::models_in_sql;
use super::sql::journal_in_sql;
use crate::error::HistoryError;

/// Connections: a pass writes one after the other; a second one serves readers meanwhile.
const CONNECTIONS_MAX: u32 = 2;

/// How long a connection is waited for: a server that restarts is back by then, and a pass is not held up for long.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);

/// How long one statement may wait for a lock or run; each takes milliseconds.
const STATEMENT_TIMEOUT_MS: u32 = 30_000;

/// Longest password in bytes; more is a wrong file.
const PASSWORD_BYTES_MAX: u64 = 4096;

/// Where the database is.
#[derive(Clone, PartialEq, Eq)]
pub struct PostgresPlace {
    /// `postgres://user@host:5432/database`, without a password; `?sslmode=` and `?sslrootcert=` as libpq knows them.
    pub url: String,
    /// File that holds the password, read when the journal is opened; none where the server asks for none.
    pub password_file: Option<PathBuf>,
}

impl fmt::Debug for PostgresPlace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The address was checked to hold no password, but this is the wrong place to rely on it.
        f.debug_struct("PostgresPlace")
            .field("url", &"***")
            .field("password_file", &self.password_file)
            .finish()
    }
}

/// A journal in PostgreSQL.
pub struct PostgresJournal {
    pool: PgPool,
    created: bool,
    problems: Mutex<Vec<Problem>>,
}

impl PostgresJournal {
    /// In this database, whose tables are made if they do not exist; see [`PostgresJournal::was_created`].
    ///
    /// # Errors
    /// [`HistoryError::Server`] where it cannot be reached or refuses, [`HistoryError::Open`] where the address or the
    /// password file cannot be used or the tables cannot be made.
    pub async fn open(place: &PostgresPlace) -> Result<Self, HistoryError> {
        let options = options(place).await?;
        let shown = shown(&options);
        let pool = PgPoolOptions::new()
            .max_connections(CONNECTIONS_MAX)
            .acquire_timeout(ACQUIRE_TIMEOUT)
            .connect_with(options)
            .await
            .map_err(|error| refused(&shown, error))?;
        let there: bool = sqlx::query_scalar("SELECT to_regclass('pull_request') IS NOT NULL")
            .fetch_one(&pool)
            .await
            .map_err(|error| refused(&shown, error))?;
        let migration = |version: i64, name: &'static str, text: &'static str| {
            Migration::new(version, name.into(), MigrationType::Simple, text.into_sql_str(), false)
        };
        let migrations = vec![
            migration(1, "journal", include_str!("../../sql/postgres/0001_journal.sql")),
            migration(2, "findings", include_str!("../../sql/postgres/0002_findings.sql")),
            migration(3, "models", include_str!("../../sql/postgres/0003_models.sql")),
            migration(4, "notices", include_str!("../../sql/postgres/0004_notices.sql")),
        ];
        Migrator::with_migrations(migrations)
            .run(&pool)
            .await
            .map_err(|error| HistoryError::Open { place: shown, why: shortened(&error) })?;
        Ok(Self { pool, created: !there, problems: Mutex::new(Vec::new()) })
    }

    /// Whether there were no tables when it was opened: a first start, or another database.
    pub fn was_created(&self) -> bool {
        self.created
    }

    /// Closes all connections.
    pub async fn close(&self) {
        self.pool.close().await;
    }

    /// For the statements; the pool makes new connections by itself.
    async fn pool(&self) -> Result<PgPool, HistoryError> {
        Ok(self.pool.clone())
    }
}

async fn options(place: &PostgresPlace) -> Result<PgConnectOptions, HistoryError> {
    let wrong = |why: &dyn fmt::Display| HistoryError::Open {
        place: "the address of `store.database`".to_owned(),
        why: shortened(why),
    };
    // The environment of libpq (PGPASSWORD, .pgpass) fills in what neither the address nor the file says.
    let parsed = PgConnectOptions::from_str(&place.url).map_err(|error| wrong(&error))?;
    let mut options =
        parsed.application_name("kubeopt").options([("statement_timeout", STATEMENT_TIMEOUT_MS.to_string())]);
    if let Some(path) = &place.password_file {
        let unreadable = |source| HistoryError::File { path: path.clone(), source };
        let file = tokio::fs::File::open(path).await.map_err(unreadable)?;
        let mut text = String::new();
        file.take(PASSWORD_BYTES_MAX + 1).read_to_string(&mut text).await.map_err(unreadable)?;
        if text.len() as u64 > PASSWORD_BYTES_MAX || text.trim().is_empty() {
            return Err(wrong(&"the password file is empty or longer than 4096 bytes"));
        }
        options = options.password(text.trim());
    }
    Ok(options)
}

/// Server and database, without user and password.
fn shown(options: &PgConnectOptions) -> String {
    let database = options.get_database().unwrap_or_default();
    format!("postgres://{}:{}/{database}", options.get_host(), options.get_port())
}

fn shortened(text: &dyn fmt::Display) -> String {
    text.to_string().chars().map(|c| if c.is_control() { ' ' } else { c }).take(300).collect()
}

/// An error of a journal that is open.
fn broken(error: sqlx::Error) -> HistoryError {
    refused("PostgreSQL", error)
}

/// By the classes of <https://www.postgresql.org/docs/current/errcodes-appendix.html>.
fn refused(place: &str, error: sqlx::Error) -> HistoryError {
    let state = error.as_database_error().and_then(|error| error.code()).map(|code| code.into_owned());
    let why = shortened(&error);
    match state.as_deref() {
        Some("53100") => HistoryError::DiskFull,
        // Serialization failure, deadlock, lock not available, statement timeout.
        Some("40001" | "40P01" | "55P03" | "57014") => HistoryError::Locked,
        // Connection, authorization, unknown database, too many connections, shut down.
        Some(state)
            if ["08", "28", "3D", "57"].iter().any(|class| state.starts_with(class)) || state == "53300" =>
        {
            HistoryError::Server { place: place.to_owned(), why }
        }
        Some(_) => HistoryError::Database(why),
        None => HistoryError::Server { place: place.to_owned(), why },
    }
}

journal_in_sql!(PostgresJournal, broken);
models_in_sql!(PostgresJournal, broken);
