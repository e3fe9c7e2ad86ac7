//! Where the containers are: a walk of the cgroup root, and whether another walk is worth it.

use std::mem::MaybeUninit;
use std::os::fd::OwnedFd;
use std::path::{Path, PathBuf};

use kubeopt_sample::{CgroupMode, ContainerPath, RootSeen, identify};
use rustix::fs::{CWD, FileType, Mode, OFlags, RawDir, openat, stat};

/// Folders deeper than this are not looked at: nested kubelets and systemd stay below ten.
const DEPTH_MAX: usize = 16;

/// Folders of one walk: ten times a node of 500 containers.
const FOLDERS_MAX: usize = 20_000;

/// The cgroup root of a node.
#[derive(Debug)]
pub(crate) struct CgroupTree {
    root: PathBuf,
    mode: CgroupMode,
    /// Folders of pods and above them, with their link counts: one changes when a folder in it comes or goes.
    parents: Vec<(PathBuf, u64)>,
    entries: Vec<MaybeUninit<u8>>,
}

/// One walk.
struct Walk<'a> {
    found: &'a mut Vec<(ContainerPath, String)>,
    found_max: usize,
    folders: usize,
    path: String,
    names: Vec<u8>,
}

impl CgroupTree {
    /// Looks at the root; nothing if it is no cgroup root.
    pub(crate) fn open(root: &Path) -> Option<Self> {
        let controllers = std::fs::read(root.join("cgroup.controllers")).ok();
        let mode = RootSeen {
            controllers: controllers.as_deref(),
            has_v1: root.join("cpuacct").is_dir() || root.join("memory").is_dir(),
            has_unified: root.join("unified/cgroup.controllers").is_file(),
        }
        .mode()?;
        let entries = vec![MaybeUninit::uninit(); 8 * 1024];
        Some(Self { root: root.to_owned(), mode, parents: Vec::new(), entries })
    }

    pub(crate) fn mode(&self) -> CgroupMode {
        self.mode
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Has a folder of a pod, or above one, another number of folders than at the last walk?
    pub(crate) fn has_changed(&self) -> bool {
        self.parents.is_empty() || self.parents.iter().any(|(path, links)| link_count(path) != Some(*links))
    }

    /// All containers, with their path below the root of each tree; `found` is filled anew.
    pub(crate) fn walk(&mut self, found: &mut Vec<(ContainerPath, String)>, found_max: usize) {
        found.clear();
        self.parents.clear();
        let base = self.base();
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let Ok(folder) = openat(CWD, &base, flags, Mode::empty()) else { return };
        let mut walk = Walk { found, found_max, folders: 0, path: String::new(), names: Vec::new() };
        self.descend(&base, &folder, 0, &mut walk);
        walk.found.sort_unstable_by_key(|(container, _)| container.container_id);
        walk.found.dedup_by_key(|(container, _)| container.container_id);
    }

    /// Version 1 has the same paths below each controller.
    fn base(&self) -> PathBuf {
        match self.mode {
            CgroupMode::V2 => self.root.clone(),
            CgroupMode::V1 | CgroupMode::Hybrid => {
                let memory = self.root.join("memory");
                if memory.is_dir() { memory } else { self.root.join("cpuacct") }
            }
        }
    }

    fn descend(&mut self, base: &Path, folder: &OwnedFd, depth: usize, walk: &mut Walk<'_>) {
        walk.folders += 1;
        if depth >= DEPTH_MAX || walk.folders > FOLDERS_MAX {
            return;
        }
        let first_name = walk.names.len();
        self.list(folder, walk);
        if walk.path.contains("kubepods") {
            let path = base.join(walk.path.trim_start_matches('/'));
            if let Some(links) = link_count(&path) {
                self.parents.push((path, links));
            }
        }
        let mut at = first_name;
        while let Some(length) = walk.names[at..].iter().position(|byte| *byte == 0) {
            let name = String::from_utf8(walk.names[at..at + length].to_vec());
            at += length + 1;
            let Ok(name) = name else { continue };
            let parent = walk.path.len();
            walk.path.push('/');
            walk.path.push_str(&name);
            match identify(&walk.path) {
                Some(container) if walk.found.len() < walk.found_max => {
                    walk.found.push((container, walk.path.clone()));
                }
                Some(_) => {}
                None => {
                    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::CLOEXEC | OFlags::NOFOLLOW;
                    if let Ok(child) = openat(folder, &name, flags, Mode::empty()) {
                        self.descend(base, &child, depth + 1, walk);
                    }
                }
            }
            walk.path.truncate(parent);
        }
        walk.names.truncate(first_name);
    }

    /// Appends the names of the folders in a folder, each with a zero byte behind it.
    fn list(&mut self, folder: &OwnedFd, walk: &mut Walk<'_>) {
        let mut entries = RawDir::new(folder, &mut self.entries);
        while let Some(Ok(entry)) = entries.next() {
            let name = entry.file_name().to_bytes_with_nul();
            let is_folder = matches!(entry.file_type(), FileType::Directory | FileType::Unknown);
            if is_folder && !matches!(name, b".\0" | b"..\0") {
                walk.names.extend_from_slice(name);
            }
        }
    }
}

fn link_count(path: &Path) -> Option<u64> {
    stat(path).ok().map(|stat| stat.st_nlink)
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef";
    const POD: &str = "kubepods.slice/kubepods-pod1858680e_b044_4fd5_9dd4_f137e30e2180.slice";

    #[test]
    fn containers_are_found_wherever_they_are_and_changes_are_seen() {
        let root = tempfile::tempdir().unwrap();
        std::fs::write(root.path().join("cgroup.controllers"), "cpu memory\n").unwrap();
        let pod = root.path().join("kubelet.slice").join(POD);
        std::fs::create_dir_all(pod.join(format!("cri-containerd-{ID}.scope/inner"))).unwrap();
        std::fs::create_dir_all(root.path().join("system.slice/ssh.service")).unwrap();
        std::os::unix::fs::symlink(root.path(), root.path().join("system.slice/loop")).unwrap();
        let mut tree = CgroupTree::open(root.path()).unwrap();
        assert_eq!(tree.mode(), CgroupMode::V2);
        assert!(tree.has_changed(), "nothing was seen yet");
        let mut found = Vec::new();
        tree.walk(&mut found, 10);
        assert_eq!(found.len(), 1, "the inner folder belongs to it");
        assert!(found[0].1.ends_with(".scope"));
        assert!(!tree.has_changed());
        std::fs::create_dir(pod.join(format!("cri-containerd-{}.scope", ID.replace('0', "f")))).unwrap();
        assert!(tree.has_changed());
        tree.walk(&mut found, 10);
        assert_eq!(found.len(), 2);
        tree.walk(&mut found, 1);
        assert_eq!(found.len(), 1, "bounded");
    }

    #[test]
    fn what_is_no_cgroup_root_is_said_so() {
        assert!(CgroupTree::open(tempfile::tempdir().unwrap().path()).is_none());
    }
}
