//! *Proposing*: from traces, facts and usage to drafts of pull requests whose edits are proven.
//!
//! `demand` joins what runs with what files say, `ahead` asks what load is foretold, `wanted` recommends and admits, `sure` says how sure that is, `shared_base`, `patched` and `overlay`
//! settle what several overlays share, `scaled` moves the targets of autoscalers with their requests,
//! `taken_back` gives back what a merged pull request had changed, `change_set` edits, `prove` renders again and compares, `billing` tells what leaves
//! the bill, `described` writes the drafts, and `decide` strings these together. `weigh` decides one workload again with
//! one thing changed, for people who ask why. What these hand on stands below them: `governed`, `ground`, `admitted`, `left`,
//! `compared` and `proposal`.
//!
//! Must not know what is open on a forge or what became of earlier pull requests: nothing in here uses `publishing` or
//! `offline`, and nothing is written anywhere. How values are traced is the business of `tracing`.

mod admitted;
mod ahead;
mod apart;
mod billing;
mod change_set;
mod compared;
mod decide;
mod demand;
mod described;
mod earlier;
mod filled_in;
mod governed;
mod ground;
mod kept_limits;
mod kept_pasts;
mod left;
mod not_created;
mod overlay;
mod owners;
mod patched;
mod proposal;
mod prove;
mod prove_targets;
mod scaled;
mod shared_base;
mod sizes;
mod sure;
mod taken_back;
mod wanted;
mod weigh;

pub use admitted::{Admitted, Wanted};
pub use change_set::ChangeSet;
pub use kept_pasts::KeptPasts;
pub use left::Left;
pub use proposal::{Decided, Proposal};
pub use weigh::Weighed;

pub(crate) use demand::strictest;

pub(crate) use left::IGNORED;
pub(crate) use prove::compare_entry;
