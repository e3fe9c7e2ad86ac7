//! What load will come, told by what came: seasons that were tested, windows of the week, the kind of a workload.
//!
//! Pure, and the home of linfa. It says what is likely; how much a container is then given is for
//! `controller/strategies` and `controller/recommend`.

mod profile;
mod seasons;
mod series;
mod windows;

pub use profile::{Hints, Profile, ProfileKind, Shape, detect_profiles};
pub use seasons::{Season, seasons};
pub use series::Hours;
pub use windows::{LoadWindow, WindowKind, Windows, load_windows};
