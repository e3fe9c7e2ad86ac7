//! Who may do what with a local repository; labels, reviewers and assignees of its pull requests.

use std::io::{ErrorKind, Read as _};

use super::record::{Record, again, load, store};
use super::storage::{Storage, Swap};
use crate::asked::{Arranged, Asked, Steps, same_account, same_label};
use crate::conversation::Permission;
use crate::error::ForgeError;

/// Longest file of people: some thousand lines.
const FILE_BYTES_MAX: u64 = 64 * 1024;

/// What everybody may where no file says otherwise: whoever reaches the folder or its page already can.
const DEFAULT: Permission = Permission::Write;

pub(super) fn permission(storage: &Storage, login: &str) -> Result<Permission, ForgeError> {
    match read(storage)? {
        None => Ok(DEFAULT),
        Some(text) => permission_in(&text, login),
    }
}

/// Who is asked for a review, and whom it is assigned to; sorted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct People {
    /// Logins, and teams as `organisation/team`.
    pub reviewers: Vec<String>,
    /// Logins.
    pub assignees: Vec<String>,
}

pub(super) fn of(storage: &Storage, number: u64) -> Result<People, ForgeError> {
    let (record, _) = load(storage, number)?;
    Ok(People { reviewers: record.reviewers, assignees: record.assignees })
}

pub(super) fn set_labels(storage: &Storage, number: u64, labels: &[String]) -> Result<(), ForgeError> {
    again("the pull request", || {
        let (mut record, tip) = load(storage, number)?;
        record.labels = labels.to_vec();
        record.labels.sort();
        record.updated_unix_s = storage.now.as_second();
        let swap = store(storage, &record, Some(&tip), None, "label")?;
        Ok((swap == Swap::Done).then_some(()))
    })
}

pub(super) fn arrange_labels(storage: &Storage, number: u64, asked: &Asked) -> Result<Arranged, ForgeError> {
    arrange(storage, number, |record| &mut record.labels, |there| Ok(asked.against(there, same_label)))
}

pub(super) fn arrange_reviewers(
    storage: &Storage,
    number: u64,
    asked: &Asked,
) -> Result<Arranged, ForgeError> {
    arrange(storage, number, |record| &mut record.reviewers, |there| steps_of_people(storage, there, asked))
}

pub(super) fn arrange_assignees(
    storage: &Storage,
    number: u64,
    asked: &Asked,
) -> Result<Arranged, ForgeError> {
    arrange(storage, number, |record| &mut record.assignees, |there| steps_of_people(storage, there, asked))
}

fn arrange(
    storage: &Storage,
    number: u64,
    names_of: impl Fn(&mut Record) -> &mut Vec<String>,
    steps_of: impl Fn(&[String]) -> Result<Steps, ForgeError>,
) -> Result<Arranged, ForgeError> {
    again("the pull request", || {
        let (mut record, tip) = load(storage, number)?;
        let names = names_of(&mut record);
        let steps = steps_of(names)?;
        let is_so = steps.add.is_empty() && steps.remove.is_empty();
        let arranged = steps.done();
        if is_so {
            return Ok(Some(arranged));
        }
        names.clone_from(&arranged.there);
        record.updated_unix_s = storage.now.as_second();
        let swap = store(storage, &record, Some(&tip), None, "arrange")?;
        Ok((swap == Swap::Done).then_some(arranged))
    })
}

/// People who may not even look at the repository cannot be asked.
fn steps_of_people(storage: &Storage, there: &[String], asked: &Asked) -> Result<Steps, ForgeError> {
    let mut steps = asked.against(there, same_account);
    for name in steps.add.clone() {
        if permission(storage, &name)? == Permission::None {
            steps.decline(&name, "this account may not look at the repository");
        }
    }
    Ok(steps)
}

fn read(storage: &Storage) -> Result<Option<String>, ForgeError> {
    let file = match std::fs::File::open(storage.people_file()) {
        Ok(file) => file,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(ForgeError::Storage { why: error.to_string() }),
    };
    let mut bytes = Vec::new();
    file.take(FILE_BYTES_MAX + 1)
        .read_to_end(&mut bytes)
        .map_err(|error| ForgeError::Storage { why: error.to_string() })?;
    if bytes.len() as u64 > FILE_BYTES_MAX {
        return Err(ForgeError::TooLarge { what: "the file of people (64 KiB)".to_owned() });
    }
    String::from_utf8(bytes).map(Some).map_err(|_| malformed("the file of people is not text"))
}

/// The line of a name, else that of everybody, else nothing. A line that cannot be read could have been a refusal, so
/// that nobody may anything before it is put right.
fn permission_in(text: &str, login: &str) -> Result<Permission, ForgeError> {
    let (mut own, mut everybody) = (None, None);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let words: Vec<&str> = line.split_whitespace().collect();
        let &[name, word] = words.as_slice() else {
            return Err(malformed("a line of the file of people is not a name and a permission"));
        };
        let permission = match word {
            "none" => Permission::None,
            "read" => Permission::Read,
            "write" => Permission::Write,
            "admin" => Permission::Admin,
            _ => return Err(malformed("a permission in the file of people has an unknown name")),
        };
        if name == "*" {
            everybody = Some(permission);
        } else if same_account(name, login) {
            own = Some(permission);
        }
    }
    Ok(own.or(everybody).unwrap_or(Permission::None))
}

fn malformed(why: &str) -> ForgeError {
    ForgeError::Malformed { why: why.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_of_ones_own_counts_before_that_of_everybody() {
        let text = "# who may\n* read\nada write\n\n  Grace   admin \nmallory none\n";
        for (login, expected) in [
            ("ada", Permission::Write),
            ("ADA", Permission::Write),
            ("grace", Permission::Admin),
            ("mallory", Permission::None),
            ("eve", Permission::Read),
            ("", Permission::Read),
        ] {
            assert_eq!(permission_in(text, login), Ok(expected), "{login}");
        }
        assert_eq!(permission_in("ada write\n", "eve"), Ok(Permission::None));
        assert_eq!(permission_in("", "eve"), Ok(Permission::None));
    }

    #[test]
    fn a_file_that_cannot_be_read_lets_nobody_do_anything() {
        for text in ["ada", "ada write now", "ada owner", "ada write\n* Write\n"] {
            let outcome = permission_in(text, "ada");
            assert!(matches!(outcome, Err(ForgeError::Malformed { .. })), "{text}: {outcome:?}");
        }
    }
}
