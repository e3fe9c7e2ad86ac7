//! A panic is a fault of kubeopt's own. It must not end a controller that others rely on, and one object that brings it about
//! must not keep all the others from being looked at: it ends the work that it came from, and is told as a problem.
//!
//! Must not be used in the place of an error: what comes from outside is checked.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use futures::FutureExt as _;
use kubeopt_model::Problem;

use crate::own_fault;

/// Longest message that is told; it may hold text of a hostile object.
const MESSAGE_CHARS_MAX: usize = 200;

/// Works, or says of what it was that kubeopt stumbled over. What is shared is behind locks whose holders leave it whole.
///
/// # Errors
/// [`crate::codes::OWN_FAULT`] where it panicked.
pub(crate) fn caught<T>(of: &dyn Fn() -> String, work: impl FnOnce() -> T) -> Result<T, Problem> {
    catch_unwind(AssertUnwindSafe(work)).map_err(|panic| fault(&of(), panic.as_ref()))
}

/// The same for what waits on the way.
///
/// # Errors
/// As [`caught`].
pub(crate) async fn caught_waiting<T>(of: &str, work: impl Future<Output = T>) -> Result<T, Problem> {
    AssertUnwindSafe(work).catch_unwind().await.map_err(|panic| fault(of, panic.as_ref()))
}

fn fault(of: &str, panic: &(dyn Any + Send)) -> Problem {
    let message = panic.downcast_ref::<String>().map(String::as_str);
    let message = message.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("a panic");
    let message: String = message.chars().take(MESSAGE_CHARS_MAX).collect();
    own_fault(&format!("{of}: {message}"))
}
