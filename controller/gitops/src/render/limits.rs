//! Resource limits that the render process puts on itself; what it becomes inherits them and cannot raise them.

use kubeopt_model::Problem;
use rustix::process::{Resource, Rlimit, setrlimit};

use crate::codes;
use crate::render::protocol::RenderLimits;

/// Threads that Go may run at once; also the factor between elapsed and CPU time.
pub(crate) const RENDERER_CPUS: u64 = 2;

/// Open files. Renderers open one at a time; the rest is for the Go runtime.
const OPEN_FILES_MAX: u64 = 256;

/// Puts the limits on this process. There is no way back.
///
/// # Errors
/// `E-REN-008` where the system refuses, so that nothing runs without limits.
pub(crate) fn limit_self(limits: &RenderLimits) -> Result<(), Problem> {
    for (resource, most) in wanted(limits) {
        let limit = Rlimit { current: Some(most), maximum: Some(most) };
        setrlimit(resource, limit).map_err(|error| {
            Problem::new(
                codes::CHILD,
                format!("unable to set the limit {resource:?} of the render process to {most}: {error}"),
                "raise the hard limits of the container or session in which kubeopt runs",
            )
        })?;
    }
    Ok(())
}

fn wanted(limits: &RenderLimits) -> [(Resource, u64); 5] {
    // The clock of the parent ends what waits, this ends what computes; one second is for rounding.
    let cpu_seconds = limits.time_ms.div_ceil(1000) * RENDERER_CPUS + 1;
    [
        (Resource::Core, 0),
        (Resource::Cpu, cpu_seconds),
        (Resource::As, limits.memory_bytes),
        // Not a byte goes to a disk: a renderer's output and complaints are pipes, and it needs no other file.
        (Resource::Fsize, 0),
        (Resource::Nofile, OPEN_FILES_MAX),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limits_that_are_wanted_are_those_of_the_request() {
        let limits = RenderLimits { time_ms: 1_500, output_bytes: 1, memory_bytes: 3 };
        let wanted = wanted(&limits);
        assert!(wanted.contains(&(Resource::Cpu, 5)));
        assert!(wanted.contains(&(Resource::As, 3)));
        assert!(wanted.contains(&(Resource::Core, 0)));
        assert!(wanted.contains(&(Resource::Fsize, 0)));
    }
}
