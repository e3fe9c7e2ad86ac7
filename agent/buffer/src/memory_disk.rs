//! The folder's twin for tests: full disks and power cuts at any byte.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io;
use std::rc::Rc;

use crate::disk::Disk;

/// Files in memory. Clones share them, so that one outlasts a buffer that died.
#[derive(Debug, Clone, Default)]
pub struct MemoryDisk(Rc<RefCell<Files>>);

#[derive(Debug, Default)]
struct Files {
    written: BTreeMap<String, Vec<u8>>,
    synced: BTreeMap<String, Vec<u8>>,
    capacity: Option<usize>,
    until_cut: Option<usize>,
}

impl MemoryDisk {
    /// The disk is full at so many bytes; None takes the bound away.
    pub fn hold_at_most(&self, bytes: Option<usize>) {
        self.0.borrow_mut().capacity = bytes;
    }

    /// All writes fail after so many more bytes, as if the process had been killed there.
    pub fn cut_after(&self, bytes: Option<usize>) {
        self.0.borrow_mut().until_cut = bytes;
    }

    /// What a power cut leaves: each file as it was synced last.
    pub fn lose_power(&self) {
        let mut files = self.0.borrow_mut();
        files.written = files.synced.clone();
        files.until_cut = None;
    }

    /// Changes the bytes of a file, as a hostile or failing disk would.
    pub fn with_file(&self, name: &str, change: impl FnOnce(&mut Vec<u8>)) {
        change(self.0.borrow_mut().written.entry(name.to_owned()).or_default());
    }

    /// Bytes of all files.
    pub fn bytes(&self) -> usize {
        self.0.borrow().written.values().map(Vec::len).sum()
    }
}

impl Files {
    fn alive(&self) -> io::Result<()> {
        if self.until_cut == Some(0) { Err(io::Error::other("killed")) } else { Ok(()) }
    }
}

impl Disk for MemoryDisk {
    fn names(&self) -> io::Result<Vec<String>> {
        Ok(self.0.borrow().written.keys().cloned().collect())
    }

    fn len(&self, name: &str) -> io::Result<u64> {
        let files = self.0.borrow();
        files.written.get(name).map(|bytes| bytes.len() as u64).ok_or(io::ErrorKind::NotFound.into())
    }

    fn read_at(&self, name: &str, offset: u64, into: &mut [u8]) -> io::Result<usize> {
        let files = self.0.borrow();
        let bytes = files.written.get(name).ok_or(io::ErrorKind::NotFound)?;
        let rest = usize::try_from(offset).ok().and_then(|offset| bytes.get(offset..)).unwrap_or_default();
        let filled = rest.len().min(into.len());
        into[..filled].copy_from_slice(&rest[..filled]);
        Ok(filled)
    }

    fn write_at(&mut self, name: &str, offset: u64, bytes: &[u8]) -> io::Result<()> {
        let mut files = self.0.borrow_mut();
        files.alive()?;
        let others: usize =
            files.written.iter().filter(|(other, _)| *other != name).map(|(_, bytes)| bytes.len()).sum();
        let offset = usize::try_from(offset).map_err(|_| io::ErrorKind::FileTooLarge)?;
        let space = files.capacity.map(|all| all.saturating_sub(others).saturating_sub(offset));
        let taken = bytes.len().min(space.unwrap_or(usize::MAX)).min(files.until_cut.unwrap_or(usize::MAX));
        if let Some(left) = &mut files.until_cut {
            *left -= taken;
        }
        let dead = files.until_cut == Some(0) && taken < bytes.len();
        let file = files.written.entry(name.to_owned()).or_default();
        if file.len() < offset + taken {
            file.resize(offset + taken, 0);
        }
        file[offset..offset + taken].copy_from_slice(&bytes[..taken]);
        if dead {
            return Err(io::Error::other("killed"));
        }
        if taken < bytes.len() { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }

    fn truncate(&mut self, name: &str, len: u64) -> io::Result<()> {
        let mut files = self.0.borrow_mut();
        files.alive()?;
        let len = usize::try_from(len).map_err(|_| io::ErrorKind::FileTooLarge)?;
        files.written.get_mut(name).ok_or(io::ErrorKind::NotFound)?.truncate(len);
        Ok(())
    }

    fn sync(&mut self, name: &str) -> io::Result<()> {
        let mut files = self.0.borrow_mut();
        files.alive()?;
        let bytes = files.written.get(name).ok_or(io::ErrorKind::NotFound)?.clone();
        files.synced.insert(name.to_owned(), bytes);
        Ok(())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        let mut files = self.0.borrow_mut();
        files.alive()?;
        files.written.remove(name);
        files.synced.remove(name);
        Ok(())
    }
}
