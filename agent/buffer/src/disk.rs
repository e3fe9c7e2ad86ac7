//! The edge to files: names in one folder, whole writes at a place, reads of a given size.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::{DirBuilderExt, FileExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use crate::error::OpenError;

/// Files of a buffer. Names are plain, without folders.
pub trait Disk {
    /// All names, in any order.
    fn names(&self) -> io::Result<Vec<String>>;
    /// Bytes of a file.
    fn len(&self, name: &str) -> io::Result<u64>;
    /// Fills `into` from `offset` on, as far as the file goes; gives how many bytes there were.
    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize>;
    /// Writes all bytes at `offset`; the file is made where it is not there.
    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()>;
    /// Cuts a file.
    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()>;
    /// Returns once a file and its name outlast a power cut.
    fn sync(&mut self, name: &str) -> io::Result<()>;
    /// Removes a file; that it is not there is no error.
    fn remove(&mut self, name: &str) -> io::Result<()>;
}

/// A folder of the file system, locked for this process.
#[derive(Debug)]
pub struct FolderDisk {
    folder: PathBuf,
    _lock: File,
}

impl FolderDisk {
    /// Makes the folder where it is not there, for this user alone, and locks it.
    ///
    /// # Errors
    /// The folder cannot be used, or another process has it.
    pub fn open(folder: &Path) -> Result<Self, OpenError> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(OpenError::Folder)?;
        let lock = OpenOptions::new()
            .create(true)
            .write(true)
            .truncate(false)
            .mode(0o600)
            .open(folder.join("lock"))
            .map_err(OpenError::Folder)?;
        match lock.try_lock() {
            Ok(()) => Ok(Self { folder: folder.to_owned(), _lock: lock }),
            Err(fs::TryLockError::WouldBlock) => Err(OpenError::InUse),
            Err(fs::TryLockError::Error(error)) => Err(OpenError::Folder(error)),
        }
    }

    fn write(&self, name: &str) -> io::Result<File> {
        let mut options = OpenOptions::new();
        options.create(true).write(true).truncate(false).mode(0o600).open(self.folder.join(name))
    }
}

impl Disk for FolderDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        let mut names = Vec::new();
        for entry in fs::read_dir(&self.folder)? {
            if let Ok(name) = entry?.file_name().into_string() {
                names.push(name);
            }
        }
        Ok(names)
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        Ok(fs::metadata(self.folder.join(name))?.len())
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let mut file = File::open(self.folder.join(name))?;
        file.seek(SeekFrom::Start(offset))?;
        let mut filled = 0;
        while filled < into.len() {
            match file.read(&mut into[filled..]) {
                Ok(0) => break,
                Ok(bytes) => filled += bytes,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(filled)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.write(name)?.write_all_at(bytes, offset)
    }

    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        self.write(name)?.set_len(len)
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let mut file = self.write(name)?;
        file.flush()?;
        file.sync_data()?;
        File::open(&self.folder)?.sync_all()
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.folder.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            removed => removed,
        }
    }
}
