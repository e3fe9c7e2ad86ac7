//! *Publishing*: drafts become branches and pull requests, and earlier pull requests are followed until the cluster shows
//! what they merged.
//!
//! `manners` judges whether a draft may go out now, `publish` writes it step by step, `arrange` sees to labels, people and
//! statuses, `voices` counts what people think and `merging` merges what the policy lets kubeopt merge, `withdrawn` says what
//! nothing stands behind any more, `closing` closes it and `cleaned_up` sees to the rest, `dashboard` shows all of it in one
//! issue of the repository and takes up what people tick there, `onboard` asks a new repository whether kubeopt may work
//! there, `order` lets environments wait for each other, and `merges` looks after what was
//! written before.
//!
//! Must not decide any value or edit any file: a draft comes finished from `proposing` and is published as it is.

mod arrange;
mod cleaned_up;
mod closing;
mod dashboard;
mod manners;
mod marked;
mod merges;
mod merging;
mod no_boards;
mod onboard;
mod order;
mod publish;
mod published;
mod voices;
mod withdrawn;
mod written_heads;

pub(crate) use closing::{Moment, is_on_base};
pub(crate) use dashboard::Showing;
pub use dashboard::ShownBoards;
pub(crate) use marked::selector;
pub(crate) use merges::is_overdue;
pub use merges::{Merge, Merges, Sync};
pub(crate) use merging::Deciding;
pub use merging::OwnMerges;
pub use no_boards::NoBoards;
pub(crate) use order::{Earlier, Places, in_order};
pub use publish::BRANCH_PREFIX;
pub(crate) use publish::{is_own, own_pull_requests};
pub use published::Published;
pub(crate) use withdrawn::There;
pub use written_heads::WrittenHeads;
