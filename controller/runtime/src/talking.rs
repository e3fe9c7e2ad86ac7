//! *Talking*: what people say to kubeopt below pull requests, and what it answers.
//!
//! `listen` reads comments into `memory`, and of kubeopt's own replies what was asked for before; `take_up` asks who may say
//! what and turns commands into orders for the stages of the pass; when these are done, `answer` replies. `edited` says unasked that
//! commits of people are left alone. The forge is the memory:
//! what lasts stands in kubeopt's own replies, so that a lost database loses nothing that people asked for.
//!
//! Must not size, edit or publish anything: orders are obeyed by others.

mod answer;
mod edited;
mod heads;
mod listen;
mod memory;
mod resolve;
mod take_up;
mod told;

pub use answer::Answers;
pub use heads::Heads;
pub use listen::Said;
pub use memory::Memory;
pub(crate) use take_up::take_back;
pub use take_up::{Request, Talk};
