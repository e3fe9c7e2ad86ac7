//! What was told today, in memory and in a file, by a fingerprint of all that it rests on. It is a cache: damaged, of another
//! day, of another network or of another version, it is made anew.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use kubeopt_forecast::Load;
use kubeopt_model::{ForetoldLoad, Resource};
use serde::{Deserialize, Serialize};

/// Of the file, and of the way in which loads are foretold: whoever changes that counts on.
const VERSION: u32 = 2;

/// Largest file that is read: 2 kB a load, of 50,000 containers.
const FILE_BYTES_MAX: u64 = 200 << 20;

/// A hash of the hours of a load, the day and the network with what calibrates it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) struct Fingerprint(u64);

impl Fingerprint {
    pub(super) fn of(load: &Load, midnight: i64, network: Option<&str>) -> Self {
        let mut hash = Fnv::new();
        hash.add(match load.resource() {
            Resource::Cpu => 1,
            Resource::Memory => 2,
        });
        hash.add(midnight as u64);
        hash.add(load.hour(0) as u64);
        network.unwrap_or_default().bytes().for_each(|byte| hash.add(u64::from(byte)));
        for (at, (highest, median)) in load.highest().iter().zip(load.median()).enumerate() {
            hash.add(u64::from(highest.to_bits()) << 32 | u64::from(median.to_bits()));
            hash.add(u64::from(load.is_measured(at)));
        }
        Self(hash.0)
    }
}

/// FNV-1a of words in place of bytes, with its high bits folded back: the same on each machine and in each version.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, word: u64) {
        self.0 = (self.0 ^ word).wrapping_mul(0x0000_0100_0000_01b3);
        self.0 ^= self.0 >> 29;
    }
}

/// The file.
#[derive(Debug, Default, Serialize, Deserialize)]
struct OnDisk {
    version: u32,
    midnight: i64,
    /// The mark of the network.
    network: Option<String>,
    /// None where history was too short.
    loads: Vec<(Fingerprint, Option<ForetoldLoad>)>,
}

/// What was told today.
#[derive(Debug, Default)]
pub(super) struct Kept {
    file: Option<PathBuf>,
    day: Option<(i64, Option<String>)>,
    loads: BTreeMap<Fingerprint, Option<ForetoldLoad>>,
    /// Something is not in the file yet.
    is_new: bool,
    /// What was asked for in this pass.
    asked: BTreeSet<Fingerprint>,
}

impl Kept {
    /// Kept in this file too, where one is named.
    pub(super) fn at(file: Option<PathBuf>) -> Self {
        Self { file, ..Self::default() }
    }

    /// Forgets what was told on other days, or by another network; the first call reads the file.
    pub(super) fn begin_day(&mut self, midnight: i64, network: Option<&str>) {
        let day = Some((midnight, network.map(str::to_owned)));
        if self.day == day {
            return;
        }
        let is_first = self.day.is_none();
        self.loads.clear();
        self.asked.clear();
        self.day = day;
        if is_first && let Some(read) = self.read() {
            self.loads = read.loads.into_iter().collect();
        }
    }

    /// What the file says of today; a file that cannot be used is told, and made anew.
    fn read(&self) -> Option<OnDisk> {
        let path = self.file.as_ref()?;
        let length = std::fs::metadata(path).ok()?.len();
        let read = || -> Result<OnDisk, String> {
            if length > FILE_BYTES_MAX {
                return Err(format!("it is larger than {FILE_BYTES_MAX} bytes"));
            }
            let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
            let read: OnDisk = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
            let is_number = |load: &ForetoldLoad| load.peak_week.q99.is_finite() && load.seen.is_finite();
            let fine = read.loads.iter().filter_map(|(_, load)| load.as_ref()).all(is_number);
            if fine { Ok(read) } else { Err("it holds what is no number".to_owned()) }
        };
        match read() {
            Ok(read) => {
                let (midnight, network) = self.day.as_ref()?;
                let is_ours =
                    read.version == VERSION && read.midnight == *midnight && read.network == *network;
                is_ours.then_some(read)
            }
            Err(why) => {
                tracing::warn!(
                    "{} cannot be used ({why}); what is foretold is worked out again",
                    path.display()
                );
                None
            }
        }
    }

    pub(super) fn ask(&mut self, prints: impl Iterator<Item = Fingerprint>) {
        self.asked.extend(prints);
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.loads.len()
    }

    pub(super) fn knows(&self, print: &Fingerprint) -> bool {
        self.loads.contains_key(print)
    }

    pub(super) fn get(&self, print: &Fingerprint) -> Option<&ForetoldLoad> {
        self.loads.get(print)?.as_ref()
    }

    pub(super) fn add(&mut self, print: Fingerprint, told: Option<ForetoldLoad>) {
        self.loads.insert(print, told);
        self.is_new = true;
    }

    /// Forgets what was not asked for since the last call, where something new came: hours of the past may change on a day.
    pub(super) fn end_pass(&mut self) {
        let asked = std::mem::take(&mut self.asked);
        if std::mem::take(&mut self.is_new) {
            self.loads.retain(|print, _| asked.contains(print));
            self.save();
        }
    }

    /// Writes the file beside and renames it. Where that fails the next start works it out again.
    fn save(&self) {
        let (Some(path), Some((midnight, network))) = (&self.file, &self.day) else { return };
        let loads = self.loads.iter().map(|(print, told)| (*print, told.clone())).collect();
        let file = OnDisk { version: VERSION, midnight: *midnight, network: network.clone(), loads };
        let beside = path.with_extension("new");
        let written = serde_json::to_vec(&file)
            .map_err(std::io::Error::other)
            .and_then(|bytes| std::fs::write(&beside, bytes))
            .and_then(|()| std::fs::rename(&beside, path));
        if let Err(error) = written {
            tracing::warn!("unable to write {}: {error}", path.display());
        }
    }
}
