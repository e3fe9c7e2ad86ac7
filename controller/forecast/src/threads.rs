//! Work on several threads whose results come back in order, so that nothing depends on who was faster.

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

/// What `make` makes of each item, in their order.
pub(crate) fn in_order<I: Sync, T: Send>(
    items: &[I],
    threads: usize,
    make: impl Fn(&I) -> T + Sync,
) -> Vec<T> {
    let next = AtomicUsize::new(0);
    let made = Mutex::new(Vec::with_capacity(items.len()));
    let work = || {
        while let Some((at, item)) = {
            let at = next.fetch_add(1, Ordering::Relaxed);
            items.get(at).map(|item| (at, item))
        } {
            let one = make(item);
            made.lock().unwrap_or_else(std::sync::PoisonError::into_inner).push((at, one));
        }
    };
    std::thread::scope(|scope| {
        let others: Vec<_> = (1..threads.min(items.len())).map(|_| scope.spawn(work)).collect();
        work();
        drop(others);
    });
    let mut made = made.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner);
    made.sort_unstable_by_key(|(at, _)| *at);
    made.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    #[test]
    fn results_come_back_in_the_order_of_the_items() {
        let items: Vec<usize> = (0..100).collect();
        for threads in [0, 1, 7, 200] {
            let made = super::in_order(&items, threads, |item| item * 2);
            assert_eq!(made, items.iter().map(|item| item * 2).collect::<Vec<_>>(), "{threads}");
        }
        assert!(super::in_order(&[0_u8; 0], 2, |item| *item).is_empty());
    }
}
