//! Charts: what they depend on, their archives, and where published ones come from.

pub mod dependencies;
