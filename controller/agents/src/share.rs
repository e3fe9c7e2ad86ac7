//! So many of each at a time: connections of an address, calls of a node. Who holds nothing costs nothing.

use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// What each may hold.
#[derive(Debug)]
pub(crate) struct Shares<K> {
    each_max: usize,
    held: Arc<Mutex<HashMap<K, usize>>>,
}

/// One that is held, until it is dropped.
#[derive(Debug)]
pub(crate) struct Share<K: Eq + Hash> {
    who: K,
    held: Arc<Mutex<HashMap<K, usize>>>,
}

impl<K: Eq + Hash + Clone> Shares<K> {
    pub(crate) fn new(each_max: usize) -> Self {
        Self { each_max, held: Arc::default() }
    }

    /// One more; none where it holds all that it may.
    pub(crate) fn take(&self, who: K) -> Option<Share<K>> {
        let mut counts = lock(&self.held);
        let count = counts.entry(who.clone()).or_default();
        if *count >= self.each_max {
            return None;
        }
        *count += 1;
        drop(counts);
        Some(Share { who, held: Arc::clone(&self.held) })
    }
}

impl<K: Eq + Hash> Drop for Share<K> {
    fn drop(&mut self) {
        let mut counts = lock(&self.held);
        if let Some(count) = counts.get_mut(&self.who) {
            *count -= 1;
            if *count == 0 {
                counts.remove(&self.who);
            }
        }
    }
}

fn lock<K>(held: &Mutex<HashMap<K, usize>>) -> MutexGuard<'_, HashMap<K, usize>> {
    // Nothing can panic while it is held.
    held.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_holds_so_many_and_what_is_given_back_can_be_taken_again() {
        let shares = Shares::new(2);
        let (first, second) = (shares.take("a"), shares.take("a"));
        assert!(first.is_some() && second.is_some());
        assert!(shares.take("a").is_none());
        assert!(shares.take("b").is_some(), "another one is not disturbed");
        drop(first);
        assert!(shares.take("a").is_some());
        drop(second);
        assert_eq!(lock(&shares.held).len(), 0, "who holds nothing is forgotten");
    }
}
