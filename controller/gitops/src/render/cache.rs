//! Renderings that were made before, by everything that they depend on.
//!
//! A trace, the plan and the proof render the same files; the "before" of a proof was rendered by the trace.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::{Mutex, PoisonError};

use kubeopt_model::FileSet;
use sha2::{Digest as _, Sha256};

use crate::render::prepare::Prepared;
use crate::render::protocol::{RenderLimits, Sandbox};
use crate::render::rendered::Rendered;

/// Renderings that are kept: a pass over a large repository has some hundred entry points.
const ENTRIES_MAX: usize = 1_000;

/// Bytes that are kept. The output of all entry points of the largest public repository is 20 MiB.
const BYTES_MAX: usize = 64 * 1024 * 1024;

/// The hash of everything that a rendering depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Key([u8; 32]);

impl Key {
    /// Equal keys are equal renderings: program, version, arguments, limits, sandbox, and each file with its content.
    pub(crate) fn of(
        program: &Path,
        label: &str,
        prepared: &Prepared,
        files: &FileSet,
        limits: &RenderLimits,
        sandbox: Sandbox,
    ) -> Self {
        let mut hash = Sha256::new();
        // Each part goes with its length, so that no two lists of parts look the same.
        let mut add = |bytes: &[u8]| {
            hash.update((bytes.len() as u64).to_le_bytes());
            hash.update(bytes);
        };
        add(program.as_os_str().as_encoded_bytes());
        add(label.as_bytes());
        for number in
            [limits.time_ms, limits.output_bytes, limits.memory_bytes, u64::from(sandbox == Sandbox::Full)]
        {
            add(&number.to_le_bytes());
        }
        for list in [&prepared.arguments, &prepared.values] {
            add(&(list.len() as u64).to_le_bytes());
            list.iter().for_each(|text| add(text.as_bytes()));
        }
        for (path, bytes) in prepared.contents(files) {
            add(path.as_str().as_bytes());
            add(bytes);
        }
        Self(hash.finalize().into())
    }
}

/// What is kept; the longest unused goes first.
#[derive(Debug, Default)]
pub(crate) struct Cache {
    kept: Mutex<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    by_key: BTreeMap<Key, (u64, Rendered)>,
    by_use: BTreeMap<u64, Key>,
    bytes: usize,
    uses: u64,
}

impl Cache {
    /// A rendering that was made before.
    pub(crate) fn get(&self, key: &Key) -> Option<Rendered> {
        let mut guard = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        let kept = &mut *guard;
        let (last, rendered) = kept.by_key.get_mut(key)?;
        kept.by_use.remove(last);
        kept.uses += 1;
        *last = kept.uses;
        kept.by_use.insert(kept.uses, *key);
        Some(rendered.clone())
    }

    /// Keeps a rendering. One that is larger than a quarter of all that is kept is not.
    pub(crate) fn keep(&self, key: Key, rendered: &Rendered) {
        if rendered.output.len() > BYTES_MAX / 4 {
            return;
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.remove(&key);
        kept.uses += 1;
        let used = kept.uses;
        kept.bytes += rendered.output.len();
        kept.by_use.insert(used, key);
        kept.by_key.insert(key, (used, rendered.clone()));
        while kept.bytes > BYTES_MAX || kept.by_key.len() > ENTRIES_MAX {
            let Some(oldest) = kept.by_use.values().next().copied() else { break };
            kept.remove(&oldest);
        }
    }
}

impl Kept {
    fn remove(&mut self, key: &Key) {
        if let Some((used, rendered)) = self.by_key.remove(key) {
            self.by_use.remove(&used);
            self.bytes -= rendered.output.len();
        }
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::RepoPath;
    use kubeopt_model::edit::ProvenBy;

    use super::*;

    fn key(number: u32) -> Key {
        let mut bytes = [0; 32];
        bytes[..4].copy_from_slice(&number.to_le_bytes());
        Key(bytes)
    }

    fn rendered(length: usize) -> Rendered {
        Rendered { output: vec![b'a'; length], by: ProvenBy::Parsed, left_out: Vec::new() }
    }

    #[test]
    fn the_longest_unused_go_when_there_are_too_many_or_they_are_too_large() {
        let cache = Cache::default();
        for number in 0..u32::try_from(ENTRIES_MAX).unwrap() {
            cache.keep(key(number), &rendered(1));
        }
        assert!(cache.get(&key(0)).is_some());
        cache.keep(key(5_000), &rendered(1));
        assert!(cache.get(&key(1)).is_none() && cache.get(&key(0)).is_some());

        let large = BYTES_MAX / 4;
        for number in 0..5 {
            cache.keep(key(number), &rendered(large));
        }
        assert!(cache.get(&key(0)).is_none() && cache.get(&key(4)).is_some());
        assert!(cache.kept.lock().unwrap().bytes <= BYTES_MAX);
        cache.keep(key(9), &rendered(large + 1));
        assert!(cache.get(&key(9)).is_none());
    }

    #[test]
    fn whatever_a_rendering_depends_on_changes_its_key() {
        let path = RepoPath::new("a.yaml").unwrap();
        let files = FileSet::from([(path.clone(), b"a: 1".to_vec())]);
        let prepared = |arguments: &[&str], values: &[&str]| Prepared {
            files: vec![(path.clone(), path.clone())],
            arguments: arguments.iter().map(|text| (*text).to_owned()).collect(),
            values: values.iter().map(|text| (*text).to_owned()).collect(),
            ..Prepared::default()
        };
        let limits = RenderLimits::default();
        let of = |prepared: &Prepared, files: &FileSet, label: &str, limits: &RenderLimits, sandbox| {
            Key::of(Path::new("/opt/helm"), label, prepared, files, limits, sandbox)
        };
        let base = of(&prepared(&["a"], &[]), &files, "helm v4", &limits, Sandbox::Full);
        let other = FileSet::from([(path.clone(), b"a: 2".to_vec())]);
        let slow = RenderLimits { time_ms: 1, ..limits };
        let keys = [
            of(&prepared(&["a"], &[]), &other, "helm v4", &limits, Sandbox::Full),
            of(&prepared(&["a"], &["a"]), &files, "helm v4", &limits, Sandbox::Full),
            of(&prepared(&[], &["a"]), &files, "helm v4", &limits, Sandbox::Full),
            of(&prepared(&["a"], &[]), &files, "helm v5", &limits, Sandbox::Full),
            of(&prepared(&["a"], &[]), &files, "helm v4", &slow, Sandbox::Full),
            of(&prepared(&["a"], &[]), &files, "helm v4", &limits, Sandbox::Reduced),
        ];
        assert!(keys.iter().all(|key| *key != base));
        assert_eq!(of(&prepared(&["a"], &[]), &files, "helm v4", &limits, Sandbox::Full), base);
    }
}
