//! What is compared, and on what: the rules, the traces, and who foretells.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;

use kubeopt_model::Foretold;
use kubeopt_model::trace::UsageTrace;
use kubeopt_strategies::Fleet;

use crate::contender::Contender;
use crate::split::Part;

/// What is foretold of a trace at each of these moments, in seconds since the epoch, from what lies before it.
pub type Foretell = dyn Fn(&UsageTrace, &[i64]) -> BTreeMap<i64, Foretold> + Send + Sync;

/// What is compared, and on what.
pub struct Plan {
    /// The rules.
    pub contenders: Vec<Contender>,
    /// Only traces of this part; all where there is none.
    pub part: Option<Part>,
    /// What containers of the fleet request on average.
    pub fleet: Option<Fleet>,
    /// Who foretells, for the rules that listen to it.
    pub foretell: Option<Box<Foretell>>,
    /// How many traces are worked on at the same time.
    pub threads: NonZeroUsize,
}
