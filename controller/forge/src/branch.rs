//! Branches: what stands at their head, and how one is written.

use kubeopt_model::EditedFile;

use crate::error::ForgeError;

/// Longest branch name that every forge takes; Gitea refuses more than 100 characters.
const BRANCH_CHARS_MAX: usize = 100;

/// Who made a commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Person {
    /// Name.
    pub name: String,
    /// E-mail address.
    pub email: String,
}

/// Whether the forge is asked to sign a commit. A forge signs in the name of the account that asked, so that author and
/// committer are then the forge's choice.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum Signing {
    /// It names the person of the write as author and committer, and nobody signs it.
    #[default]
    Never,
    /// Signed where the forge can; that it was not is told in the log.
    Wanted,
    /// Not written, or told as refused, where it was not signed.
    Required,
}

/// What a repository asks of commits.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct CommitOptions {
    /// The message ends with a `Signed-off-by` of the person of the write (Developer Certificate of Origin).
    pub sign_off: bool,
    /// Whether the forge signs it.
    pub signing: Signing,
}

/// The commit at the head of a branch.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchHead {
    /// Its id, in hex.
    pub oid: String,
    /// The ids of its parents.
    pub parents: Vec<String>,
    /// The author's e-mail address.
    pub author_email: String,
    /// The committer's e-mail address.
    pub committer_email: String,
    /// The message, without white space at its end.
    pub message: String,
    /// What the forge knows of who made it.
    pub made: Made,
}

/// Who made a commit, as far as a forge put names of its own into it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Made {
    /// Whoever it names.
    AsNamed,
    /// The forge, for kubeopt's own account, which is its committer. GitLab lets only authors be named.
    CommittedByOwn,
    /// The forge, for kubeopt's own account: it names nobody but that account and the forge itself.
    ByOwn,
}

impl BranchHead {
    /// Whether it was made in the name of this address, or by the forge for kubeopt's own account: nobody else had a hand
    /// in it.
    pub fn is_by(&self, email: &str) -> bool {
        match self.made {
            Made::AsNamed => self.author_email == email && self.committer_email == email,
            Made::CommittedByOwn => self.author_email == email,
            Made::ByOwn => true,
        }
    }
}

/// What a branch must be for a write or a removal to happen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ExpectedHead {
    /// Whatever it is.
    Any,
    /// Not there.
    Absent,
    /// At this commit: another replica, or a person, that was faster is not overwritten.
    At(String),
}

impl ExpectedHead {
    /// Compares with what is there.
    ///
    /// # Errors
    /// [`ForgeError::Conflict`] when it is something else.
    pub(crate) fn check(&self, branch: &str, found: Option<&str>) -> Result<(), ForgeError> {
        let as_expected = match self {
            Self::Any => true,
            Self::Absent => found.is_none(),
            Self::At(oid) => found == Some(oid.as_str()),
        };
        if as_expected {
            return Ok(());
        }
        let found = found.unwrap_or("not there");
        Err(ForgeError::Conflict { what: format!("branch `{branch}` is {found}, which was not expected") })
    }
}

/// One commit on top of a base, as a branch: the same value gives the same commit.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BranchWrite {
    /// Base branch.
    pub base: String,
    /// The commit of the base that the files were read from; the write fails when the base has moved on.
    pub base_oid: String,
    /// The branch to write.
    pub branch: String,
    /// The commit's message.
    pub message: String,
    /// Files before and after; empty before means a new file.
    pub files: Vec<EditedFile>,
    /// Author and committer.
    pub by: Person,
    /// The commit's date in seconds since the epoch, fixed by the caller so that repeating gives the same commit.
    pub at_unix_s: i64,
    /// What the branch must be now.
    pub expected: ExpectedHead,
    /// What the repository asks of commits.
    pub options: CommitOptions,
}

impl BranchWrite {
    /// The message as it is stored: forges trim it, so that all of them are given the trimmed one, with its trailer.
    pub(crate) fn stored_message(&self) -> String {
        let message = self.message.trim();
        if !self.options.sign_off {
            return message.to_owned();
        }
        let trailer =
            format!("Signed-off-by: {} <{}>", of_trailer(&self.by.name), of_trailer(&self.by.email));
        match message.lines().next_back() {
            Some(last) if last == trailer => message.to_owned(),
            // One block of trailers; a blank line would begin another, and only the last one counts.
            Some(last) if is_trailer(last) && message.lines().count() > 1 => format!("{message}\n{trailer}"),
            Some(_) | None => format!("{message}\n\n{trailer}"),
        }
    }

    /// Refuses what no forge should be asked for.
    ///
    /// # Errors
    /// [`ForgeError::Refused`] for a write that changes nothing (a pull request whose branch equals its base is closed
    /// by some forges), that writes to its own base, or that has a name no branch can have.
    pub(crate) fn check(&self) -> Result<(), ForgeError> {
        let refused = |why: &str| Err(ForgeError::Refused { why: why.to_owned() });
        if self.branch == self.base {
            return refused("a branch is never written onto itself");
        }
        if !self.files.iter().any(|file| !file.content.is_none()) {
            return refused("the write changes no file, so that the branch would equal its base");
        }
        if self.files.iter().any(|file| file.path.is_root()) {
            return refused("a file needs a path");
        }
        if self.message.trim().is_empty() {
            return refused("a commit needs a message");
        }
        check_branch_name(&self.branch)
    }

    /// The files that change.
    pub(crate) fn changed_files(&self) -> impl Iterator<Item = &EditedFile> {
        self.files.iter().filter(|file| !file.content.is_none())
    }
}

/// A name or address that cannot end its trailer's line or its brackets.
fn of_trailer(text: &str) -> String {
    let plain = |c: &char| !c.is_control() && !matches!(c, '<' | '>');
    text.chars().filter(plain).collect::<String>().trim().to_owned()
}

/// Whether a line is a trailer as Git reads them: a word, a colon, a value.
fn is_trailer(line: &str) -> bool {
    let Some((word, value)) = line.split_once(": ") else { return false };
    let is_word = !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    is_word && word.contains('-') && !value.trim().is_empty()
}

/// Refuses names that Git or a URL would read as something else.
///
/// # Errors
/// [`ForgeError::Refused`].
pub(crate) fn check_branch_name(name: &str) -> Result<(), ForgeError> {
    if is_branch_name(name) {
        return Ok(());
    }
    let shown: String = name.chars().filter(|c| !c.is_control()).take(BRANCH_CHARS_MAX).collect();
    Err(ForgeError::Refused { why: format!("`{shown}` is not a branch name") })
}

/// Whether Git takes the name, and no part of it means something to a URL.
pub(crate) fn is_branch_name(name: &str) -> bool {
    name.chars().count() <= BRANCH_CHARS_MAX
        && !name.starts_with('-')
        && git2::Reference::is_valid_name(&format!("refs/heads/{name}"))
        && name.split('/').all(|part| !matches!(part, "" | "." | ".."))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(message: &str, name: &str, sign_off: bool) -> BranchWrite {
        BranchWrite {
            base: "main".to_owned(),
            base_oid: String::new(),
            branch: "kubeopt/x".to_owned(),
            message: message.to_owned(),
            files: Vec::new(),
            by: Person { name: name.to_owned(), email: "bot@kubeopt.example".to_owned() },
            at_unix_s: 0,
            expected: ExpectedHead::Any,
            options: CommitOptions { sign_off, signing: Signing::Never },
        }
    }

    #[test]
    fn a_sign_off_is_the_last_trailer_and_stands_there_once() {
        let own = "Signed-off-by: kubeopt <bot@kubeopt.example>";
        for (message, stored) in [
            ("size api\n", format!("size api\n\n{own}")),
            ("size api\n\nMeasured.", format!("size api\n\nMeasured.\n\n{own}")),
            ("chore(api): size", format!("chore(api): size\n\n{own}")),
            ("fix-up: size", format!("fix-up: size\n\n{own}")),
            ("size api\n\nReviewed-by: Ada <a@x>", format!("size api\n\nReviewed-by: Ada <a@x>\n{own}")),
            ("size api\n\nNote: it was busy", format!("size api\n\nNote: it was busy\n\n{own}")),
        ] {
            let signed = write(message, "kubeopt", true).stored_message();
            assert_eq!(signed, stored, "{message:?}");
            assert_eq!(write(&signed, "kubeopt", true).stored_message(), signed, "once");
            assert_eq!(write(message, "kubeopt", false).stored_message(), message.trim());
        }
    }

    #[test]
    fn a_name_cannot_add_lines_to_a_message() {
        let stored = write("x", "Eve <e@x>\nSigned-off-by: Ada", true).stored_message();
        assert_eq!(stored, "x\n\nSigned-off-by: Eve e@xSigned-off-by: Ada <bot@kubeopt.example>");
    }
}
