//! The file that is written, as narrow as it can be: a test stands a full disk in its place.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::Path;

/// Where files are made.
pub(crate) trait Disk: Send {
    /// Makes a file that is not there yet.
    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>>;
}

/// A file that only grows.
pub(crate) trait LogFile: Send {
    /// Writes at the end; a failure may leave a part.
    fn append(&mut self, bytes: &[u8]) -> io::Result<()>;
    /// Returns when all of it is on the disk.
    fn keep(&mut self) -> io::Result<()>;
    /// Shortens it.
    fn cut(&mut self, bytes: u64) -> io::Result<()>;
}

/// The real one.
#[derive(Debug)]
pub(crate) struct RealDisk;

impl Disk for RealDisk {
    fn create(&self, path: &Path) -> io::Result<Box<dyn LogFile>> {
        let file = OpenOptions::new().append(true).create_new(true).open(path)?;
        // The name is on the disk when the folder is.
        path.parent().map(File::open).transpose()?.map(|folder| folder.sync_all()).transpose()?;
        Ok(Box::new(file))
    }
}

impl LogFile for File {
    fn append(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_all(bytes)
    }

    fn keep(&mut self) -> io::Result<()> {
        self.sync_data()
    }

    fn cut(&mut self, bytes: u64) -> io::Result<()> {
        self.set_len(bytes)?;
        self.sync_all()
    }
}
