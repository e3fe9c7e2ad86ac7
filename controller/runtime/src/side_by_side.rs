//! One question asked of many values, on all processors. Knows nothing of the question.

use std::num::NonZeroUsize;
use std::thread;

/// Threads at most: what comes after is done by one.
const THREADS_MAX: usize = 8;

/// What comes of each, in their order; on all processors.
pub(crate) fn side_by_side<T: Sync, R: Send>(all: &[T], one: &(dyn Fn(&T) -> R + Sync)) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).min(THREADS_MAX);
    let share = all.len().div_ceil(threads).max(1);
    let part = |part: &[T]| part.iter().map(one).collect::<Vec<R>>();
    let part = &part;
    thread::scope(|scope| {
        let working: Vec<_> = all.chunks(share).map(|chunk| scope.spawn(move || part(chunk))).collect();
        let ended = working.into_iter().map(|thread| match thread.join() {
            Ok(done) => done,
            Err(panic) => std::panic::resume_unwind(panic),
        });
        ended.flatten().collect()
    })
}
