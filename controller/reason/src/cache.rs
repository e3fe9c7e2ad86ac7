//! Texts that were made before, by the digest of what was asked: the same proposal has the same text, and costs once.
//! Given the time; knows no clock.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use crate::wording::Wording;

/// Texts that are kept: each is about a kilobyte, and a pass of a large cluster has some hundred proposals.
const ENTRIES_MAX: usize = 2_000;

/// How long a text is kept: longer than a pull request usually stays open.
const FIT_KEPT: SignedDuration = SignedDuration::from_hours(30 * 24);

/// How long the same question is not asked again after a text that was not fit.
const UNFIT_KEPT: SignedDuration = SignedDuration::from_hours(24);

/// What came of a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Kept {
    /// A text that is checked again whenever it is used.
    Fit(Wording),
    /// None that is shown.
    Unfit,
}

/// An answer and its time.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Entry {
    kept: Kept,
    at: Timestamp,
}

/// Answers by the digest of their question.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub(crate) struct Cache {
    entries: BTreeMap<String, Entry>,
}

impl Cache {
    pub(crate) fn get(&self, key: &str, now: Timestamp) -> Option<&Kept> {
        self.entries.get(key).filter(|entry| entry.is_fresh(now)).map(|entry| &entry.kept)
    }

    pub(crate) fn keep(&mut self, key: String, kept: Kept, now: Timestamp) {
        self.entries.insert(key, Entry { kept, at: now });
        if self.entries.len() > ENTRIES_MAX {
            self.forget(now);
        }
    }

    /// What was kept from before a restart, as far as it is usable.
    pub(crate) fn recalled(mut self, now: Timestamp) -> Self {
        // A key that is no digest matches no question, and a time to come would never end.
        let is_key = |key: &str| key.len() == 64 && key.bytes().all(|byte| byte.is_ascii_hexdigit());
        self.entries.retain(|key, entry| is_key(key) && entry.at <= now);
        self.forget(now);
        self
    }

    /// What is old goes, and then the oldest until the rest has room.
    fn forget(&mut self, now: Timestamp) {
        self.entries.retain(|_, entry| entry.is_fresh(now));
        while self.entries.len() > ENTRIES_MAX {
            let Some(oldest) =
                self.entries.iter().min_by_key(|(_, entry)| entry.at).map(|(key, _)| key.clone())
            else {
                break;
            };
            self.entries.remove(&oldest);
        }
    }
}

impl Entry {
    fn is_fresh(&self, now: Timestamp) -> bool {
        let kept = match self.kept {
            Kept::Fit(_) => FIT_KEPT,
            Kept::Unfit => UNFIT_KEPT,
        };
        now.duration_since(self.at) < kept
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(hours: i64) -> Timestamp {
        Timestamp::from_second(1_800_000_000 + hours * 3600).unwrap()
    }

    fn key(number: usize) -> String {
        format!("{number:064x}")
    }

    #[test]
    fn answers_grow_old_and_the_oldest_go_first() {
        let mut cache = Cache::default();
        for number in 0..=ENTRIES_MAX {
            cache.keep(key(number), Kept::Unfit, at(number as i64 / 200));
        }
        assert_eq!(cache.entries.len(), ENTRIES_MAX);
        assert!(!cache.entries.contains_key(&key(0)));
        assert_eq!(cache.get(&key(5), at(23)), Some(&Kept::Unfit));
        assert_eq!(cache.get(&key(5), at(24)), None, "after a day it is asked again");
    }

    #[test]
    fn what_is_recalled_is_looked_through() {
        let mut cache = Cache::default();
        for (key, hours) in [(key(1), 0), ("../x".to_owned(), 0), (key(2), 500), (key(3), -30)] {
            cache.entries.insert(key, Entry { kept: Kept::Unfit, at: at(hours) });
        }
        let text = serde_json::to_string(&cache).unwrap();
        let recalled = serde_json::from_str::<Cache>(&text).unwrap().recalled(at(1));
        assert_eq!(recalled.entries.keys().collect::<Vec<_>>(), [&key(1)]);
    }
}
