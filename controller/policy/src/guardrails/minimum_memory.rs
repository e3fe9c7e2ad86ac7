//! No memory value is lowered below 32Mi, whatever the policy says: container runtimes and their shims need some of it, and
//! what could be saved is not worth a kill at the start.

use kubeopt_model::{Amount, Bytes, Resource};

use crate::guardrails::bounds::at_least;
use crate::guardrails::guardrail::{Guardrail, Judgement};
use crate::wanted::Wanted;

pub(super) const GUARDRAIL: Guardrail =
    Guardrail { name: "minimum-memory", about: "no memory value is lowered below 32Mi", judge };

/// Below this many container starts fail; the design's figure.
const MINIMUM: Amount = Amount::Memory(Bytes::mebi(32));

fn judge(wanted: &Wanted<'_>) -> Judgement {
    match wanted.resource() {
        Resource::Cpu => Judgement::Pass,
        Resource::Memory => at_least(wanted, MINIMUM, || format!("memory is never lowered below {MINIMUM}")),
    }
}
