//! Plays load as a changing cgroup tree: files in a folder that look and count as the kernel's, with the truth known.
//!
//! A [`Player`] has containers, each with a [`Load`]: rows of a [`trace`], or [`synthetic`] ones of a seed. `advance` moves
//! its time, which is nobody's clock, and writes what changed. [`real`] makes cgroups of version 1 instead, with a shell in
//! them that works on command.
//! [`gpus`] has fakes of what tells of GPUs.
//!
//! ```
//! use kubeopt_player::{Layout, Player, synthetic};
//! # let folder = tempfile::tempdir()?;
//! let mut player = Player::new(folder.path(), Layout::SystemdV2, synthetic::containers(10, 1))?;
//! player.advance(10_000)?;
//! let truth = player.account(0).ok_or("ten containers")?;
//! assert!(truth.cpu_used_us > 0);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod account;
pub mod args;
mod block;
pub mod gpus;
mod load;
mod pattern;
mod play;
pub mod real;
pub mod run;
pub mod synthetic;
pub mod trace;
mod tree;

pub use account::{Account, CACHE_BYTES, PERIOD_MS};
pub use block::{Block, Burst};
pub use load::{Container, Load, Point};
pub use play::{PlayError, Player};
pub use tree::Layout;
