//! What was told already: what happened is not told twice, and what stands is told when it begins and when it is over.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use kubeopt_model::Timestamp;
use kubeopt_notify::{NoticeKind, NoticeState};
use serde::{Deserialize, Serialize};

use super::{Lasting, Noticed};

/// Things that happened and are remembered; a pass of a very large installation has some hundred.
const HAPPENED_MAX: usize = 5_000;

/// Things that stand; more than this many at once are not told one by one.
const STANDING_MAX: usize = 1_000;

type Key = (NoticeKind, String);

/// What was told already; as JSON it is kept over a restart.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(from = "Kept", into = "Kept")]
pub struct Standing {
    standing: BTreeMap<Key, Noticed>,
    happened: BTreeSet<(Key, String)>,
    order: VecDeque<(Key, String)>,
}

/// [`Standing`] as it is kept: lists, the oldest first.
#[derive(Default, Serialize, Deserialize)]
#[serde(default)]
struct Kept {
    standing: Vec<Noticed>,
    happened: VecDeque<(Key, String)>,
}

impl From<Kept> for Standing {
    fn from(kept: Kept) -> Self {
        let standing = kept.standing.into_iter().take(STANDING_MAX).map(|one| (key(&one), one)).collect();
        let mut own = Self { standing, ..Self::default() };
        kept.happened.into_iter().for_each(|entry| own.remember(entry));
        own
    }
}

impl From<Standing> for Kept {
    fn from(own: Standing) -> Self {
        Self { standing: own.standing.into_values().collect(), happened: own.order }
    }
}

impl Standing {
    /// What of a whole pass is news. What stood before and is not among it is over.
    pub fn news(&mut self, noticed: Vec<Noticed>, at: Timestamp) -> Vec<Noticed> {
        let now: BTreeSet<Key> =
            noticed.iter().filter(|one| one.lasting == Lasting::Stands).map(key).collect();
        let over: Vec<Key> = self.standing.keys().filter(|key| !now.contains(key)).cloned().collect();
        let mut news: Vec<Noticed> =
            over.iter().filter_map(|key| Some(resolved(self.standing.remove(key)?, at))).collect();
        news.extend(noticed.into_iter().filter_map(|one| self.add(one)));
        news
    }

    /// What is news of something that is no whole pass: nothing is over by it.
    pub fn add(&mut self, noticed: Noticed) -> Option<Noticed> {
        let key = key(&noticed);
        match noticed.lasting {
            Lasting::Stands => {
                let known = self.standing.get(&key);
                let is_news = known.is_none_or(|known| known.version != noticed.version);
                if !is_news || (known.is_none() && self.standing.len() >= STANDING_MAX) {
                    return None;
                }
                self.standing.insert(key, noticed.clone());
                Some(noticed)
            }
            Lasting::Happened => {
                let entry = (key, noticed.version.clone());
                if self.happened.contains(&entry) {
                    return None;
                }
                self.remember(entry);
                Some(noticed)
            }
        }
    }

    /// That it happened; the oldest is forgotten where there are too many.
    fn remember(&mut self, entry: (Key, String)) {
        if !self.happened.insert(entry.clone()) {
            return;
        }
        self.order.push_back(entry);
        if self.order.len() > HAPPENED_MAX
            && let Some(oldest) = self.order.pop_front()
        {
            self.happened.remove(&oldest);
        }
    }
}

fn key(noticed: &Noticed) -> Key {
    (noticed.notice.kind, noticed.notice.key.clone())
}

/// Keeps its severity, so that it passes the same filters.
fn resolved(mut noticed: Noticed, at: Timestamp) -> Noticed {
    noticed.notice.state = NoticeState::Resolved;
    noticed.notice.at = at;
    noticed
}
