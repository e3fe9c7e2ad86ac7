//! kubeopt's database as a disk that gets stuck: a row that takes for ever to write, and what is written so far.
//!
//! Opens the file beside the program, as a backup would; the program itself has no part for it.

use std::path::{Path, PathBuf};

use kubeopt_history::{Journal as _, OutboxEntry, SqliteJournal};
use kubeopt_tests::OrFail;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Executor as _, Row as _};

/// Hours of counting before a row is written. A view, because SQLite takes no recursion within a trigger itself.
const ENDLESS: &str = "CREATE VIEW endless AS
    WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 1000000000000) SELECT n FROM number";

/// Which row never gets written.
#[derive(Clone, Copy, Debug)]
pub(super) enum Stuck {
    /// The last step of the outbox.
    Announced,
    /// The events of the pass that opened it; which repository it is was written before.
    Events,
}

impl Stuck {
    /// The step that the outbox shows meanwhile.
    pub(super) fn after(self) -> &'static str {
        match self {
            Self::Announced => "opened",
            Self::Events => "announced",
        }
    }

    fn trigger(self) -> &'static str {
        match self {
            Self::Announced => {
                "CREATE TRIGGER stuck BEFORE INSERT ON outbox WHEN NEW.step = 'announced'
                 BEGIN SELECT count(*) FROM endless; END"
            }
            Self::Events => {
                "CREATE TRIGGER stuck BEFORE INSERT ON event WHEN NEW.kind = 'opened'
                 BEGIN SELECT count(*) FROM endless; END"
            }
        }
    }
}

/// Makes the database and the row that gets stuck.
pub(super) async fn get_stuck(file: &Path, at: Stuck) {
    SqliteJournal::open(file).await.or_fail("make the database").close().await;
    run(file, ENDLESS).await;
    run(file, at.trigger()).await;
}

/// Lets every row be written again.
pub(super) async fn get_going(file: &Path) {
    run(file, "DROP TRIGGER IF EXISTS stuck").await;
    run(file, "DROP VIEW IF EXISTS endless").await;
}

/// The step of the one pull request on its way, as the file shows it now.
pub(super) async fn step(file: &Path) -> Result<String, String> {
    let options = SqliteConnectOptions::new().filename(file).read_only(true);
    let mut connection = options.connect().await.map_err(|error| error.to_string())?;
    let row = connection.fetch_one("SELECT step FROM outbox").await.map_err(|error| error.to_string())?;
    row.try_get(0).map_err(|error| error.to_string())
}

/// All that is on its way.
pub(super) async fn outbox(file: &Path) -> Vec<OutboxEntry> {
    let journal = SqliteJournal::open(file).await.or_fail("open the database");
    let entries = journal.outbox().await.or_fail("read the outbox");
    journal.close().await;
    entries
}

/// Removes the file and what SQLite keeps beside it.
pub(super) fn delete(file: &Path) {
    for ending in ["", "-wal", "-shm"] {
        let mut name = file.as_os_str().to_owned();
        name.push(ending);
        let path = PathBuf::from(name);
        if path.exists() {
            std::fs::remove_file(path).or_fail("delete the database");
        }
    }
}

async fn run(file: &Path, statement: &'static str) {
    let options = SqliteConnectOptions::new().filename(file);
    let mut connection = options.connect().await.or_fail("open the database");
    connection.execute(statement).await.or_fail("change the database");
}
