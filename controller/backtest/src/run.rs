//! All traces under all rules, on a few threads, one trace at a time in each.

use std::sync::mpsc::{Receiver, sync_channel};
use std::sync::{Mutex, PoisonError};

use kubeopt_model::trace::UsageTrace;

use crate::contender::{Contender, Role};
use crate::plan::Plan;
use crate::reliability::Stated;
use crate::replay::{Kills, Prepared, Replayed};
use crate::report::Report;
use crate::split::Part;

/// A trace, what each rule did on it, and what kubeopt's would have stated; none for a trace that is too short.
type Done = (usize, Option<(Vec<Replayed>, Vec<Stated>)>);

/// Goes through the traces. `step` is called on the calling thread for each trace that was handed out.
///
/// Memory holds twice as many traces as there are threads.
///
/// # Errors
/// The first one of the traces.
pub fn run<E>(
    plan: &Plan,
    traces: impl Iterator<Item = Result<UsageTrace, E>>,
    mut step: impl FnMut(&UsageTrace),
) -> Result<Report, E> {
    let (out, work) = sync_channel::<(usize, UsageTrace)>(plan.threads.get());
    let work = Mutex::new(work);
    let mut done = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..plan.threads.get()).map(|_| scope.spawn(|| worker(plan, &work))).collect();
        let mut failed = None;
        for (number, trace) in traces.enumerate() {
            match trace {
                Ok(trace) => {
                    step(&trace);
                    let wanted = plan.part.is_none_or(|part| Part::of(&trace.name) == part);
                    // Nobody listens any more when the workers have died, which joining them tells.
                    if wanted && out.send((number, trace)).is_err() {
                        break;
                    }
                }
                Err(error) => {
                    failed = Some(error);
                    break;
                }
            }
        }
        drop(out);
        let done = workers.into_iter().flat_map(joined).collect::<Vec<Done>>();
        failed.map_or(Ok(done), Err)
    })?;
    done.sort_by_key(|(number, _)| *number);
    Ok(Report::of(plan, done.into_iter().map(|(_, replayed)| replayed)))
}

fn joined(worker: std::thread::ScopedJoinHandle<'_, Vec<Done>>) -> Vec<Done> {
    worker.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
}

fn worker(plan: &Plan, work: &Mutex<Receiver<(usize, UsageTrace)>>) -> Vec<Done> {
    let next = || work.lock().unwrap_or_else(PoisonError::into_inner).recv().ok();
    let mut done = Vec::new();
    while let Some((number, trace)) = next() {
        let prepared = Prepared::of(&trace, plan.fleet).map(|prepared| match &plan.foretell {
            Some(foretell) => prepared.with(foretell.as_ref()),
            None => prepared,
        });
        let replay = |prepared: Prepared<'_>| {
            let replay = |contender: &Contender| {
                // Points of a curve are drawn without kills.
                let kills = if contender.role == Role::Curve { Kills::Unanswered } else { Kills::Answered };
                prepared.replay(contender.strategy.as_ref(), kills)
            };
            (plan.contenders.iter().map(replay).collect(), prepared.stated())
        };
        done.push((number, prepared.map(replay)));
    }
    done
}
