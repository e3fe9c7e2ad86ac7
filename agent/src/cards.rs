//! The device files of GPUs: amdgpu's in sysfs, and on cgroup version 1 the lists of devices that containers were given.
//! Where there is nothing of it, it is looked for now and then.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use kubeopt_sample::{CgroupMode, CharDevice, DRM_MAJOR, device_number, device_word, devices_given};

use crate::gpus::{Gpus, Look, User};
use crate::node::Node;

/// Cards are looked for so often, in steps: five minutes.
const LOOK_STEPS: u64 = 30;

/// Cards of one node.
const CARDS_MAX: usize = 64;

/// Entries of a folder that are looked at.
const ENTRIES_MAX: usize = 1024;

/// Longest file: a list of some hundred devices.
const FILE_BYTES_MAX: u64 = 16 * 1024;

/// The cards of a node.
#[derive(Debug)]
pub(crate) struct Cards {
    /// None: not looked for.
    sys_root: Option<PathBuf>,
    cards: Vec<Card>,
    steps: u64,
    /// At which walk it was read what containers were given.
    given_at: Option<u64>,
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Card {
    id: String,
    /// Its folder `device`.
    folder: PathBuf,
    /// The minor numbers of its render nodes.
    renders: Vec<u32>,
}

impl Cards {
    pub(crate) fn new(sys_root: Option<PathBuf>) -> Self {
        Self { sys_root, cards: Vec::new(), steps: 0, given_at: None, buffer: Vec::new() }
    }

    /// Looks at all cards, at the end of a step; `walks` rises whenever containers may have come or gone.
    pub(crate) fn step(&mut self, node: &Node, walks: u64, gpus: &mut Gpus) {
        if self.steps.is_multiple_of(LOOK_STEPS) {
            self.look_for_cards();
            self.given_at = None;
        }
        self.steps += 1;
        let is_wanted = !self.cards.is_empty() || gpus.is_asked;
        if is_wanted && node.mode() != CgroupMode::V2 && self.given_at != Some(walks) {
            self.given_at = Some(walks);
            self.read_given(node, gpus);
        }
        for card in &self.cards {
            let users = card.renders.iter().map(|minor| CharDevice { major: DRM_MAJOR, minor: *minor });
            let users: Vec<User> = users.map(|device| gpus.user_of(device)).collect();
            // A card in parts may be several containers'.
            let user = users.first().filter(|first| users.iter().all(|user| user == *first));
            let look = card.look(&mut self.buffer);
            if look != Look::default() {
                gpus.note(&card.id, user.cloned().unwrap_or_default(), look);
            }
        }
    }

    fn look_for_cards(&mut self) {
        self.cards.clear();
        let Some(root) = &self.sys_root else { return };
        for name in entries(&root.join("class/drm")) {
            let is_card = name.strip_prefix("card").is_some_and(is_number);
            let folder = root.join("class/drm").join(&name).join("device");
            if !is_card || self.cards.len() >= CARDS_MAX || !folder.join("gpu_busy_percent").is_file() {
                continue;
            }
            let word = read(&folder.join("unique_id"), &mut self.buffer).and_then(device_word);
            let place = || fs::read_link(&folder).ok()?.file_name()?.to_str().map(str::to_owned);
            let id = word.map(str::to_owned).or_else(place).unwrap_or_else(|| name.clone());
            // Parts of one card have one serial number.
            let is_known = self.cards.iter().any(|card| card.id == id);
            let id = if is_known { format!("{id}/{name}") } else { id };
            let minors = entries(&folder.join("drm"));
            let renders = minors.iter().filter_map(|name| name.strip_prefix("renderD")?.parse().ok());
            self.cards.push(Card { id, renders: renders.collect(), folder });
        }
    }

    fn read_given(&mut self, node: &Node, gpus: &mut Gpus) {
        gpus.forget_given();
        let root = node.root().join("devices");
        for container in node.containers() {
            let list = root.join(container.folder().trim_start_matches('/')).join("devices.list");
            for device in read(&list, &mut self.buffer).into_iter().flat_map(devices_given) {
                gpus.give(device, container.path());
            }
        }
    }
}

impl Card {
    fn look(&self, buffer: &mut Vec<u8>) -> Look {
        // Asking one that sleeps would wake it.
        let status = read(&self.folder.join("power/runtime_status"), buffer);
        if status == Some(b"suspended\n") {
            return Look { busy_permille: Some(0), ..Look::default() };
        }
        let mut number = |name: &str| read(&self.folder.join(name), buffer).and_then(device_number);
        let percent = number("gpu_busy_percent").filter(|percent| *percent <= 100);
        Look {
            busy_permille: percent.and_then(|percent| u32::try_from(percent * 10).ok()),
            memory_used_bytes: number("mem_info_vram_used"),
            memory_total_bytes: number("mem_info_vram_total"),
        }
    }
}

/// The beginning of a file; nothing where it cannot be read.
fn read<'b>(path: &Path, buffer: &'b mut Vec<u8>) -> Option<&'b [u8]> {
    buffer.clear();
    File::open(path).ok()?.take(FILE_BYTES_MAX).read_to_end(buffer).ok()?;
    Some(buffer)
}

/// Names in a folder, in order.
fn entries(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().take(ENTRIES_MAX);
    let mut names: Vec<String> =
        entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort_unstable();
    names
}

fn is_number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}
