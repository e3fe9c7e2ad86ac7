//! Where files of the history lie: a folder on disk, or memory for a scan that keeps nothing.
//!
//! Names are relative paths made by `store`, from checked cluster names and days. Writing is atomic: a reader sees the
//! old bytes or the new ones.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use crate::error::HistoryError;

/// Ending of a file that was found damaged.
const SET_ASIDE: &str = "damaged";

/// Files by name.
#[async_trait]
pub trait Shelf: Send + Sync {
    /// The bytes of a file; none where there is no such file.
    ///
    /// # Errors
    /// [`HistoryError::File`].
    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, HistoryError>;

    /// Writes or replaces a file as a whole.
    ///
    /// # Errors
    /// [`HistoryError::File`].
    async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), HistoryError>;

    /// Removes a file; one that is not there is fine.
    ///
    /// # Errors
    /// [`HistoryError::File`].
    async fn remove(&self, name: &str) -> Result<(), HistoryError>;

    /// Takes a file out of use and keeps it for whoever wants to look.
    ///
    /// # Errors
    /// [`HistoryError::File`].
    async fn set_aside(&self, name: &str) -> Result<(), HistoryError>;

    /// Names of the files in a folder, sorted, without the folder, those set aside left out.
    ///
    /// # Errors
    /// [`HistoryError::File`].
    async fn list(&self, folder: &str) -> Result<Vec<String>, HistoryError>;

    /// Names of the folders that have files, sorted.
    ///
    /// # Errors
    /// [`HistoryError::File`].
    async fn folders(&self) -> Result<Vec<String>, HistoryError>;
}

/// A folder on disk.
#[derive(Debug, Clone)]
pub struct Folder {
    root: PathBuf,
}

impl Folder {
    /// Files below this folder, which is made when the first file is written.
    pub fn new(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Runs on the threads for blocking work.
    async fn on_disk<T: Send + 'static>(
        &self,
        name: &str,
        work: impl FnOnce(&Path) -> std::io::Result<T> + Send + 'static,
    ) -> Result<T, HistoryError> {
        let path = self.root.join(name);
        let shown = path.clone();
        let outcome = tokio::task::spawn_blocking(move || work(&path)).await;
        let source = match outcome {
            Ok(Ok(done)) => return Ok(done),
            Ok(Err(source)) => source,
            Err(stopped) => std::io::Error::other(stopped),
        };
        Err(HistoryError::File { path: shown, source })
    }
}

#[async_trait]
impl Shelf for Folder {
    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, HistoryError> {
        self.on_disk(name, |path| match std::fs::read(path) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(error),
        })
        .await
    }

    async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), HistoryError> {
        self.on_disk(name, move |path| replace(path, &bytes)).await
    }

    async fn remove(&self, name: &str) -> Result<(), HistoryError> {
        self.on_disk(name, |path| fine_if_absent(std::fs::remove_file(path))).await
    }

    async fn set_aside(&self, name: &str) -> Result<(), HistoryError> {
        self.on_disk(name, |path| fine_if_absent(std::fs::rename(path, with_ending(path, SET_ASIDE)))).await
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, HistoryError> {
        self.on_disk(folder, |path| {
            let entries = match std::fs::read_dir(path) {
                Ok(entries) => entries,
                Err(error) if error.kind() == ErrorKind::NotFound => return Ok(Vec::new()),
                Err(error) => return Err(error),
            };
            let mut names = Vec::new();
            for entry in entries {
                names.extend(entry?.file_name().into_string().ok());
            }
            names.retain(|name| !name.ends_with(SET_ASIDE) && !name.ends_with("new"));
            names.sort();
            Ok(names)
        })
        .await
    }

    async fn folders(&self) -> Result<Vec<String>, HistoryError> {
        self.on_disk("", |path| {
            let mut names = Vec::new();
            for entry in std::fs::read_dir(path)? {
                let entry = entry?;
                if entry.file_type()?.is_dir() {
                    names.extend(entry.file_name().into_string().ok());
                }
            }
            names.sort();
            Ok(names)
        })
        .await
    }
}

/// Writes beside the file, flushes to the disk, and renames over it.
fn replace(path: &Path, bytes: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let beside = with_ending(path, "new");
    let written = std::fs::File::create(&beside).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    if let Err(error) = written {
        // A file that does not fit helps nobody; that it cannot be removed either changes nothing.
        let _kept = std::fs::remove_file(&beside);
        return Err(error);
    }
    std::fs::rename(&beside, path)
}

fn with_ending(path: &Path, ending: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".");
    name.push(ending);
    PathBuf::from(name)
}

fn fine_if_absent(outcome: std::io::Result<()>) -> std::io::Result<()> {
    match outcome {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        outcome => outcome,
    }
}

/// Memory, gone with the process.
#[derive(Debug, Default)]
pub struct Memory {
    files: Mutex<BTreeMap<String, Vec<u8>>>,
}

impl Memory {
    fn files(&self) -> std::sync::MutexGuard<'_, BTreeMap<String, Vec<u8>>> {
        // No method panics while it holds the lock, so a poisoned map is still whole.
        self.files.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Shelf for Memory {
    async fn read(&self, name: &str) -> Result<Option<Vec<u8>>, HistoryError> {
        Ok(self.files().get(name).cloned())
    }

    async fn write(&self, name: &str, bytes: Vec<u8>) -> Result<(), HistoryError> {
        self.files().insert(name.to_owned(), bytes);
        Ok(())
    }

    async fn remove(&self, name: &str) -> Result<(), HistoryError> {
        self.files().remove(name);
        Ok(())
    }

    async fn set_aside(&self, name: &str) -> Result<(), HistoryError> {
        let mut files = self.files();
        if let Some(bytes) = files.remove(name) {
            files.insert(format!("{name}.{SET_ASIDE}"), bytes);
        }
        Ok(())
    }

    async fn list(&self, folder: &str) -> Result<Vec<String>, HistoryError> {
        let start = format!("{folder}/");
        let names = self
            .files()
            .keys()
            .filter_map(|name| name.strip_prefix(&start).map(str::to_owned))
            .collect::<Vec<_>>();
        Ok(names.into_iter().filter(|name| !name.ends_with(SET_ASIDE)).collect())
    }

    async fn folders(&self) -> Result<Vec<String>, HistoryError> {
        let mut names: Vec<String> =
            self.files().keys().filter_map(|name| Some(name.split_once('/')?.0.to_owned())).collect();
        names.dedup();
        Ok(names)
    }
}
