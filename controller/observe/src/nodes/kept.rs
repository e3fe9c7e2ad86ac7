//! The file in which is remembered whose cgroups are: written beside and renamed, synced before and after, by one at a time.

use std::fs::{self, File};
use std::io::{self, ErrorKind, Write as _};
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use super::book::Book;
use super::state::{State, locked};

/// Largest file: [`Book`] holds no more.
const BYTES_MAX: u64 = 400 << 20;

/// The file.
#[derive(Debug)]
pub(super) struct Kept {
    path: PathBuf,
    writing: Mutex<()>,
}

impl Kept {
    pub(super) fn at(path: PathBuf) -> Self {
        Self { path, writing: Mutex::new(()) }
    }

    /// What it remembers; nothing where it is not there. One that cannot be used is told.
    pub(super) fn read(&self) -> Book {
        let read = || -> Result<Option<Book>, String> {
            let length = match fs::metadata(&self.path) {
                Ok(metadata) => metadata.len(),
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
                Err(error) => return Err(error.to_string()),
            };
            if length > BYTES_MAX {
                return Err(format!("it is larger than {BYTES_MAX} bytes"));
            }
            let bytes = fs::read(&self.path).map_err(|error| error.to_string())?;
            Book::read(&bytes).map(Some)
        };
        match read() {
            Ok(book) => book.unwrap_or_default(),
            Err(why) => {
                tracing::warn!(
                    "{} cannot be used ({why}): pods that are gone are not recognised, and the hours of node agents are read again",
                    self.path.display()
                );
                Book::default()
            }
        }
    }

    /// Writes what is new. What comes meanwhile is for the next time, as is all of it where writing fails. It takes a while: not
    /// for the threads of the runtime.
    pub(super) fn save(&self, state: &Mutex<State>) {
        // It guards nothing but the turn.
        let _turn = self.writing.lock().unwrap_or_else(PoisonError::into_inner);
        let Some((changes, bytes)) = locked(state).book.unwritten() else { return };
        match self.write(&bytes) {
            Ok(()) => locked(state).book.note_written(changes),
            Err(error) => tracing::warn!(
                "unable to write {}: {error}; until it is written, a restart forgets which pods are gone",
                self.path.display()
            ),
        }
    }

    fn write(&self, bytes: &[u8]) -> io::Result<()> {
        let beside = self.path.with_extension("new");
        let mut file = File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &self.path)?;
        match self.path.parent() {
            Some(folder) => File::open(folder)?.sync_all(),
            None => Ok(()),
        }
    }
}
