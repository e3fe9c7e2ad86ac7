//! The loop: seconds, steps, batches. Everything that is read is read from here.

use crate::batch::Filling;
use crate::cards::Cards;
use crate::foretelling::Foretelling;
use crate::kept::keep_hours;
use crate::log;
use crate::metrics::{add, count};
use crate::node::{Node, Step};
use crate::shared::{SECONDS_OF_STEP, Shared};
use crate::training::Training;

const SECOND_US: u64 = 1_000_000;
const STEP_US: u64 = SECONDS_OF_STEP as u64 * SECOND_US;

/// Walks come at least so often, in steps: a minute. Most come sooner, when a pod's folder changes.
const WALK_STEPS: u64 = 6;

/// Hours are kept on disk so often, in steps: every hour, and at the end.
const KEEP_STEPS: u64 = 360;

/// Reads until the agent is to end, or the clock's driver goes; then all that was seen is on disk.
pub(crate) async fn pace(shared: &Shared, mut node: Node) {
    let mut filling = Filling::new(SECONDS_OF_STEP * 1000);
    let mut foretelling = Foretelling::default();
    let mut training = Training::default();
    let mut cards = Cards::new(shared.args.sys_root.clone());
    let begin = shared.clock.now();
    node.walk(begin, &shared.metrics);
    // Steps of all nodes end at the same times.
    let into_step = begin.unix_ms % (u64::from(SECONDS_OF_STEP) * 1000) * 1000;
    let mut step_begin = begin.steady_us.saturating_sub(into_step);
    let mut within = 0_u32;
    let mut steps = 0_u64;
    loop {
        within += 1;
        let next = step_begin + u64::from(within) * SECOND_US;
        if next < begin.steady_us {
            continue;
        }
        let is_over = tokio::select! {
            reached = shared.clock.reach(next, || told(shared)) => reached.err().map(|ended| ended.to_string()),
            () = shared.stopping.notified() => Some("told to stop".to_owned()),
        };
        if let Some(why) = is_over {
            log::info(format_args!("{why}"));
            filling.close(node.take_series(), shared);
            keep_hours(shared, &node);
            shared.buffer.borrow_mut().sync(shared.clock.calm_unix_ms());
            return;
        }
        if within < SECONDS_OF_STEP {
            node.second(within, &shared.clock);
        } else {
            let late = shared.clock.steady_us().saturating_sub(next);
            step(shared, &mut node, &mut filling, &mut cards);
            steps += 1;
            if steps.is_multiple_of(WALK_STEPS) || node.wants_a_walk() {
                node.walk(shared.clock.now(), &shared.metrics);
            }
            if steps.is_multiple_of(KEEP_STEPS) {
                keep_hours(shared, &node);
            }
            // A machine that slept wakes into a new step.
            let missed = late / STEP_US;
            if missed > 0 {
                add(&shared.metrics.steps_missed, missed);
                filling.close(node.take_series(), shared);
            }
            step_begin += STEP_US * (1 + missed);
            within = 0;
        }
        foretelling.second(shared, &mut node, &mut filling.forecasts);
        training.second(shared, &node);
    }
}

fn step(shared: &Shared, node: &mut Node, filling: &mut Filling, cards: &mut Cards) {
    let at = shared.clock.now();
    node.set_hot_max(shared.settings.hot_max.get());
    let full = filling.steps() >= shared.settings.batch_steps.get();
    let jumped = filling.is_jumped(at);
    if jumped {
        count(&shared.metrics.wall_clock_jumps);
    }
    if full || jumped {
        filling.close(node.take_series(), shared);
    }
    let index = filling.next_step(at);
    let mut told = 0;
    node.step(Step { index, at }, &shared.clock, &shared.metrics, &mut |finding| {
        told += 1;
        filling.findings.push(finding);
    });
    cards.step(node, shared.metrics.walks.get(), &mut shared.gpus.borrow_mut());
    add(&shared.metrics.findings, told);
    shared.metrics.last_step_steady_us.set(at.steady_us);
    if filling.steps() >= shared.settings.batch_steps.get() {
        filling.close(node.take_series(), shared);
    }
}

/// What a driver of the clock hears: time, the last step's reading in microseconds, batches kept, sent last, acknowledged.
fn told(shared: &Shared) -> String {
    let buffer = shared.buffer.borrow();
    let metrics = &shared.metrics;
    format!(
        "{} read_us={} steps={} containers={} kept_seq={} acknowledged_seq={}",
        shared.clock.now().unix_ms,
        metrics.collections.last_us(),
        metrics.steps.get(),
        metrics.containers.get(),
        buffer.next_seq() - 1,
        buffer.acknowledged_seq(),
    )
}
