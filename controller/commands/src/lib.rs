//! What people tell kubeopt in comments: `/kubeopt VERB ARGS`, a line anywhere outside of code and quotes.
//!
//! What was carried out and lasts is a [`Wish`]: kubeopt's own reply keeps it, and all of a repository together are its
//! [`Standing`].
//!
//! Pure: a comment's text in, what it asks for out. Who wrote it, whether that person may, and what is done about it are
//! the business of others. Comments are hostile: all of them are bounded, and nothing of them is repeated unescaped.

mod command;
mod help;
mod lines;
mod standing;
mod verb;
mod wish;
mod words;

pub use command::{Command, Misread};
pub use help::help;
pub use lines::{Heard, LINES_MAX, TEXT_MAX, hear};
pub use standing::{Given, Ignored, Paused, Standing};
pub use verb::{Needs, Verb};
pub use wish::{Carried, WISHES_OPEN, Wish};
pub use words::REASON_CHARS_MAX;
