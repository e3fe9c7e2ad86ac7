//! The files of one container: opened once, since the kernel keeps them, and read into one buffer that all share.

use std::os::fd::OwnedFd;
use std::path::Path;

use kubeopt_sample::{Cadence, CgroupMode, Counters, StatFile};
use rustix::fs::{CWD, Mode, OFlags, openat};
use rustix::io::{Errno, pread};

/// A file of a cgroup is a few kilobytes; what is behind this is not read.
const FILE_BYTES_MAX: usize = 16 * 1024;

/// The one buffer that files are read into, and what reading met.
#[derive(Debug)]
pub(crate) struct Reader {
    buffer: Vec<u8>,
    path: String,
    /// Files read.
    pub(crate) reads: u64,
    /// Values that were there and not understood.
    pub(crate) not_understood: u64,
    /// Files that could not be read, other than because their container went.
    pub(crate) errors: u64,
}

/// The files of one container.
#[derive(Debug)]
pub(crate) struct Files {
    /// Below the root of each tree, with a slash before.
    path: String,
    mode: CgroupMode,
    handles: Vec<Handle>,
}

#[derive(Debug)]
enum Handle {
    /// Not looked for yet, or one that is opened for each reading.
    Closed,
    Open(OwnedFd),
    /// It was not there so many times.
    Missing(u8),
}

/// A file that was not there so often is not there at all: runtimes make the folders of version 1 one after the other.
const TRIES: u8 = 6;

/// The container is gone.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Gone;

impl Default for Reader {
    fn default() -> Self {
        Self { buffer: vec![0; FILE_BYTES_MAX], path: String::new(), reads: 0, not_understood: 0, errors: 0 }
    }
}

impl Files {
    pub(crate) fn new(path: String, mode: CgroupMode) -> Self {
        let handles = StatFile::of(mode).iter().map(|_| Handle::Closed).collect();
        Self { path, mode, handles }
    }

    /// Below the root of each tree.
    pub(crate) fn path(&self) -> &str {
        &self.path
    }

    /// Reads all files that are due at this cadence or a quicker one.
    ///
    /// # Errors
    /// The container is gone; what was read before the file that said so is in `counters`.
    pub(crate) fn read(
        &mut self,
        root: &Path,
        cadence: Cadence,
        reader: &mut Reader,
        counters: &mut Counters,
    ) -> Result<(), Gone> {
        let files = StatFile::of(self.mode);
        for (file, handle) in files.iter().zip(&mut self.handles) {
            if file.cadence() > cadence {
                continue;
            }
            match reader.read(root, &self.path, *file, handle) {
                Read::Bytes(length) => {
                    let not_understood = counters.read(*file, &reader.buffer[..length]);
                    reader.not_understood += u64::from(not_understood);
                }
                Read::Missing => counters.missing(*file),
                Read::Gone => {
                    // A runtime may make the same container again: then its files are others.
                    self.handles.fill_with(|| Handle::Closed);
                    return Err(Gone);
                }
            }
        }
        Ok(())
    }
}

enum Read {
    Bytes(usize),
    Missing,
    Gone,
}

impl Reader {
    fn read(&mut self, root: &Path, path: &str, file: StatFile, handle: &mut Handle) -> Read {
        if let Handle::Open(open) = handle {
            return self.read_open(open);
        }
        let tries = match handle {
            Handle::Open(_) | Handle::Closed => 0,
            Handle::Missing(tries) => *tries,
        };
        if tries >= TRIES {
            return Read::Missing;
        }
        self.name(root, path, file);
        match openat(CWD, self.path.as_str(), OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty()) {
            Ok(open) => {
                let read = self.read_open(&open);
                if file.cadence() != Cadence::Seldom && matches!(read, Read::Bytes(_)) {
                    *handle = Handle::Open(open);
                }
                read
            }
            Err(Errno::NOENT | Errno::NODEV | Errno::NOTDIR) if !is_there(root, path) => Read::Gone,
            Err(error) => {
                *handle = Handle::Missing(tries + 1);
                self.errors += u64::from(error != Errno::NOENT);
                Read::Missing
            }
        }
    }

    fn read_open(&mut self, open: &OwnedFd) -> Read {
        self.reads += 1;
        loop {
            // The kernel makes such a file's whole text at once: one reading has all that fits.
            return match pread(open, &mut self.buffer[..], 0) {
                Ok(bytes) => Read::Bytes(bytes),
                Err(Errno::INTR) => continue,
                Err(Errno::NODEV | Errno::NOENT) => Read::Gone,
                // Pressure that is turned off answers so.
                Err(Errno::OPNOTSUPP) => Read::Missing,
                Err(_) => {
                    self.errors += 1;
                    Read::Missing
                }
            };
        }
    }

    fn name(&mut self, root: &Path, path: &str, file: StatFile) {
        let folder = file.tree().folder();
        self.path.clear();
        self.path.push_str(&root.to_string_lossy());
        if !folder.is_empty() {
            self.path.push('/');
            self.path.push_str(folder);
        }
        self.path.push_str(path);
        self.path.push('/');
        self.path.push_str(file.name());
    }
}

/// Is the container's folder in any tree that all containers are in?
fn is_there(root: &Path, path: &str) -> bool {
    let below = path.trim_start_matches('/');
    ["", "memory", "cpuacct"].iter().any(|tree| root.join(tree).join(below).is_dir())
}
