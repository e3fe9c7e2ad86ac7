//! A value before and after, and the way back.

use serde::{Deserialize, Serialize};

/// A value before and after.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Change<T> {
    /// What stands there now.
    pub before: T,
    /// What is proposed.
    pub after: T,
}

impl<T> Change<T> {
    /// The change that undoes this one.
    #[must_use]
    pub fn invert(self) -> Self {
        Self { before: self.after, after: self.before }
    }

    /// Applies a function to both sides.
    pub fn map<U>(self, mut f: impl FnMut(T) -> U) -> Change<U> {
        Change { before: f(self.before), after: f(self.after) }
    }
}

impl<T: PartialEq> Change<T> {
    /// Nothing changes.
    pub fn is_none(&self) -> bool {
        self.before == self.after
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn inverting_twice_gives_the_change_back() {
        let change = Change { before: 1, after: 2 };
        assert_eq!(change.invert(), Change { before: 2, after: 1 });
        assert_eq!(change.invert().invert(), change);
    }
}
