//! Containers over time, and their files. What cannot fail (counting) comes before what can (writing).

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use kubeopt_sample::ContainerId;
use thiserror::Error;

use crate::account::{Account, PERIOD_MS};
use crate::block::Block;
use crate::load::Container;
use crate::tree::{Entry, Layout};

/// A file or folder could not be made, written or removed.
#[derive(Debug, Error)]
#[error("failed to play to {path}: check that the folder is there, is yours and has room")]
pub struct PlayError {
    /// Which.
    pub path: PathBuf,
    /// What the system said.
    #[source]
    pub source: io::Error,
}

struct Role {
    container: Container,
    account: Account,
    block: Block,
    is_there: bool,
    /// What was last written, in the order of [`Layout::files`].
    written: Vec<String>,
}

/// A changing cgroup tree.
pub struct Player {
    root: PathBuf,
    layout: Layout,
    now_ms: u64,
    roles: Vec<Role>,
}

impl Player {
    /// Makes the tree in `root`, which is made if it is not there, at time 0.
    ///
    /// # Errors
    ///
    /// [`PlayError`] when a file cannot be written.
    pub fn new(root: &Path, layout: Layout, containers: Vec<Container>) -> Result<Self, PlayError> {
        let (trees, files) = layout.root();
        for tree in trees {
            make_folder(&root.join(tree))?;
        }
        make_folder(root)?;
        for (path, content) in files {
            make_folder(root.join(&path).parent().unwrap_or(root))?;
            write_in_place(&root.join(path), &content)?;
        }
        let role = |container: Container| Role {
            block: container.load.block(0),
            container,
            account: Account::default(),
            is_there: true,
            written: Vec::new(),
        };
        let roles = containers.into_iter().map(role).collect();
        let mut player = Self { root: root.to_owned(), layout, now_ms: 0, roles };
        player.write()?;
        Ok(player)
    }

    /// Plays up to a time, in whole periods of 100 ms, and writes the files that changed. A time that has passed changes
    /// nothing.
    ///
    /// # Errors
    ///
    /// [`PlayError`] when a file cannot be written; the counting is done all the same.
    pub fn advance(&mut self, to_ms: u64) -> Result<(), PlayError> {
        let to_ms = to_ms / PERIOD_MS * PERIOD_MS;
        let from_ms = self.now_ms;
        for role in self.roles.iter_mut().filter(|role| role.is_there) {
            let mut at_ms = from_ms;
            while at_ms < to_ms {
                if at_ms >= role.block.until_ms {
                    role.block = role.container.load.block(at_ms);
                }
                role.account.pass(&role.container, &role.block, at_ms);
                at_ms += PERIOD_MS;
            }
        }
        self.now_ms = self.now_ms.max(to_ms);
        self.write()
    }

    /// The time that is played up to, in milliseconds.
    #[must_use]
    pub fn now_ms(&self) -> u64 {
        self.now_ms
    }

    /// All containers, those that vanished too.
    pub fn containers(&self) -> impl Iterator<Item = &Container> {
        self.roles.iter().map(|role| &role.container)
    }

    /// The truth about the container at a place of [`containers`](Self::containers).
    #[must_use]
    pub fn account(&self, at: usize) -> Option<&Account> {
        self.roles.get(at).map(|role| &role.account)
    }

    /// Begins to look for the highest CPU anew, and tells each container's so far, in millicores.
    pub fn take_peaks(&mut self) -> Vec<u64> {
        let take = |role: &mut Role| std::mem::take(&mut role.account.peak_millicores);
        self.roles.iter_mut().map(take).collect()
    }

    /// Removes a container's folders.
    ///
    /// # Errors
    ///
    /// [`PlayError`] when they cannot be removed.
    pub fn vanish(&mut self, at: usize) -> Result<(), PlayError> {
        let Some(role) = self.roles.get_mut(at) else { return Ok(()) };
        role.is_there = false;
        role.written.clear();
        for folder in self.layout.folders(&role.container) {
            let path = self.root.join(folder);
            fs::remove_dir_all(&path).map_err(|source| PlayError { path, source })?;
        }
        Ok(())
    }

    /// The container begins again from zero under an id of its own, as Kubernetes restarts one.
    ///
    /// # Errors
    ///
    /// [`PlayError`] when files cannot be removed or written.
    pub fn restart(&mut self, at: usize, id: ContainerId) -> Result<(), PlayError> {
        self.vanish(at)?;
        let Some(role) = self.roles.get_mut(at) else { return Ok(()) };
        role.container.container_id = id;
        role.is_there = true;
        self.reset(at)
    }

    /// All counters of a container begin from zero in the same folder, as when a runtime makes the same one again.
    ///
    /// # Errors
    ///
    /// [`PlayError`] when files cannot be written.
    pub fn reset(&mut self, at: usize) -> Result<(), PlayError> {
        let Some(role) = self.roles.get_mut(at) else { return Ok(()) };
        role.account = Account::default();
        self.write()
    }

    fn write(&mut self) -> Result<(), PlayError> {
        for role in self.roles.iter_mut().filter(|role| role.is_there) {
            let files = self.layout.files(&role.container, &role.account);
            if role.written.is_empty() {
                for folder in self.layout.folders(&role.container) {
                    make_folder(&self.root.join(folder))?;
                }
            }
            write_changed(&self.root, files, &mut role.written)?;
        }
        Ok(())
    }
}

fn write_changed(root: &Path, files: Vec<Entry>, written: &mut Vec<String>) -> Result<(), PlayError> {
    for (at, (path, content)) in files.into_iter().enumerate() {
        match written.get_mut(at) {
            Some(before) if *before == content => {}
            Some(before) => {
                write_in_place(&root.join(path), &content)?;
                *before = content;
            }
            None => {
                write_in_place(&root.join(path), &content)?;
                written.push(content);
            }
        }
    }
    Ok(())
}

/// Over what was there, not beside it: readers keep files open and read them again, as the kernel's. One write, and what
/// remains of a longer text goes after it: a reader between the two sees the new lines and the end of an old one.
fn write_in_place(path: &Path, content: &str) -> Result<(), PlayError> {
    let write = || {
        let mut file = OpenOptions::new().write(true).create(true).truncate(false).open(path)?;
        let was = file.metadata()?.len();
        file.write_all(content.as_bytes())?;
        let length = u64::try_from(content.len()).unwrap_or(u64::MAX);
        if was > length { file.set_len(length) } else { Ok(()) }
    };
    write().map_err(|source| PlayError { path: path.to_owned(), source })
}

fn make_folder(path: &Path) -> Result<(), PlayError> {
    fs::create_dir_all(path).map_err(|source| PlayError { path: path.to_owned(), source })
}
