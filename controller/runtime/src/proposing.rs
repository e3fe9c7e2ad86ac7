//! *Proposing*: from traces, facts and usage to drafts of pull requests whose edits are proven.
//!
//! `demand` joins what runs with what files say, `ahead` asks what load is foretold, `wanted` recommends and admits, `sure` says how sure that is, `shared_base`, `patched` and `overlay`
//! settle what several overlays share, `scaled` moves the targets of autoscalers with their requests,
//! `taken_back` gives back what a merged pull request had changed, `change_set` edits, `prove` renders again and compares, `billing` tells what leaves
//! the bill, `described` writes the drafts, and `decide` strings these together. `weigh` decides one workload again with
//! one thing changed, for people who ask why.
//!
//! Must not know what is open on a forge or what became of earlier pull requests: nothing in here uses `publishing` or
//! `offline`, and nothing is written anywhere. How values are traced is the business of `tracing`.

mod ahead;
mod apart;
mod billing;
mod change_set;
mod decide;
mod demand;
mod described;
mod earlier;
mod filled_in;
mod kept_limits;
mod not_created;
mod overlay;
mod owners;
mod patched;
mod prove;
mod prove_targets;
mod scaled;
mod shared_base;
mod sizes;
mod sure;
mod taken_back;
mod wanted;
mod weigh;

pub use change_set::{Admitted, ChangeSet};
pub use decide::{Decided, Proposal};
pub use sure::KeptPasts;
pub use wanted::{Left, Wanted};
pub use weigh::Weighed;

pub(crate) use demand::strictest;

pub(crate) use prove::compare_entry;
pub(crate) use wanted::IGNORED;
