//! The variables that tell a process who it is, as a value that tests can give.

use std::collections::BTreeMap;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;

/// Variables of the environment.
#[derive(Clone, Default)]
pub struct Environment(Option<Arc<BTreeMap<String, String>>>);

impl Environment {
    /// That of this process.
    pub fn of_process() -> Self {
        Self(None)
    }

    /// These variables and no others.
    pub fn of<const N: usize>(variables: [(&str, String); N]) -> Self {
        Self(Some(Arc::new(variables.map(|(name, value)| (name.to_owned(), value)).into())))
    }

    /// The value of a variable; none where it is not set or empty.
    pub(crate) fn get(&self, name: &str) -> Option<String> {
        let value = match &self.0 {
            Some(variables) => variables.get(name).cloned(),
            None => std::env::var(name).ok(),
        };
        value.filter(|value| !value.is_empty())
    }

    /// The value of a variable that names a file.
    pub(crate) fn path(&self, name: &str) -> Option<PathBuf> {
        self.get(name).map(PathBuf::from)
    }
}

/// Some variables are secrets.
impl fmt::Debug for Environment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}
