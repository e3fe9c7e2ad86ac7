//! User and password of a server: the key of the configuration, and what it says.

use std::path::PathBuf;

use crate::config::scalars::{file, required};
use crate::text::{At, Reading, section};

section! {
    /// User and password.
    pub(crate) struct Basic {
        /// User; required.
        "username" => username: String = null,
        /// File that holds the password; required.
        "passwordFile" => password_file: String = null,
    }
}

/// User and password.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BasicAuth {
    /// User.
    pub username: String,
    /// File that holds the password.
    pub password_file: PathBuf,
}

/// User and password; none after a problem was told.
pub(crate) fn check_basic(section: At<Basic>, reading: &mut Reading<'_>) -> Option<BasicAuth> {
    let line = section.line;
    let username = required(section.value.username, line, "basic.username", "name the user", reading);
    let help = "write the password to a file and name it";
    let password = required(section.value.password_file, line, "basic.passwordFile", help, reading);
    Some(BasicAuth { username: username?.value, password_file: file(password?) })
}
