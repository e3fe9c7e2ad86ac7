//! One line of CODEOWNERS, in each dialect. Knows no other line.

use super::dialect::Dialect;
use super::pattern::Pattern;

/// The longest line; GitHub's own limit is not known, and no path is longer than 4096 bytes.
const LINE_BYTES_MAX: usize = 8192;

/// Most owners of a line: nobody is asked beyond that.
const OWNERS_MAX: usize = 100;

/// The longest name of a user, a team or an address.
const NAME_BYTES_MAX: usize = 255;

/// What a line says.
#[derive(Debug)]
pub(super) enum Line {
    /// A comment, or nothing.
    Nothing,
    /// The beginning of a section of GitLab; the name in lower case.
    Heading { name: String, defaults: Vec<Owner> },
    /// A pattern and who owns what it matches.
    Rule { pattern: Pattern, owners: Vec<Owner> },
}

/// Reads a line; an error says why it is left out.
pub(super) fn read_line(line: &str, dialect: Dialect) -> Result<Line, &'static str> {
    if line.len() > LINE_BYTES_MAX {
        return Err("it is longer than 8192 bytes");
    }
    let line = line.trim();
    if line.is_empty() || line.starts_with('#') {
        return Ok(Line::Nothing);
    }
    if dialect == Dialect::GitLab
        && let Some(heading) = heading(line)
    {
        return heading;
    }
    let words = match dialect {
        Dialect::GitHub => words(line, Escapes::Kept, true),
        Dialect::GitLab => words(line, Escapes::Kept, false),
        Dialect::Gitea => words(line, Escapes::Resolved, true),
    };
    let Some((pattern, names)) = words.split_first() else { return Ok(Line::Nothing) };
    let pattern = match dialect {
        Dialect::GitHub => Pattern::of_github(pattern)?,
        Dialect::GitLab => Pattern::of_gitlab(pattern)?,
        Dialect::Gitea => Pattern::of_gitea(pattern)?,
    };
    let owners = owners(names, dialect)?;
    if dialect == Dialect::Gitea && owners.is_empty() {
        return Err("it names no owner");
    }
    Ok(Line::Rule { pattern, owners })
}

/// `[Name]`, `^[Name]`, `[Name][2] @owner`; none if it is no heading.
fn heading(line: &str) -> Option<Result<Line, &'static str>> {
    let rest = line.strip_prefix('^').unwrap_or(line).strip_prefix('[')?;
    let Some((name, mut rest)) = rest.split_once(']') else {
        return Some(Err("the heading of a section is not closed"));
    };
    if let Some((approvals, behind)) = rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
        if approvals.is_empty() || !approvals.bytes().all(|b| b.is_ascii_digit()) {
            return Some(Err("the number of approvals is none"));
        }
        rest = behind;
    }
    // `[a-z]*.rb` is a pattern: a heading is followed by a space or nothing.
    if !(rest.is_empty() || rest.starts_with(char::is_whitespace)) {
        return None;
    }
    if name.trim().is_empty() {
        return Some(Err("the section has no name"));
    }
    let names = words(rest, Escapes::Kept, false);
    let name = name.trim().to_lowercase();
    Some(owners(&names, Dialect::GitLab).map(|defaults| Line::Heading { name, defaults }))
}

/// What happens to a backslash and what it escapes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escapes {
    /// Both stay, for the pattern.
    Kept,
    /// The backslash goes.
    Resolved,
}

/// The words of a line; what is escaped does not end one. `#` begins a comment where `comments` says so: for GitHub at the
/// beginning of a word behind the pattern, for Gitea anywhere.
fn words(line: &str, escapes: Escapes, comments: bool) -> Vec<String> {
    let mut words = Vec::new();
    let mut word = String::new();
    let mut characters = line.chars();
    while let Some(c) = characters.next() {
        match c {
            '\\' => {
                if escapes == Escapes::Kept {
                    word.push(c);
                }
                word.extend(characters.next());
            }
            '#' if comments && (escapes == Escapes::Resolved || (word.is_empty() && !words.is_empty())) => {
                break;
            }
            c if c.is_whitespace() => {
                if !word.is_empty() {
                    words.push(std::mem::take(&mut word));
                }
            }
            c => word.push(c),
        }
    }
    if !word.is_empty() {
        words.push(word);
    }
    words
}

/// The owners among words. GitHub leaves a line out that names something else; the others leave the word out.
fn owners(words: &[String], dialect: Dialect) -> Result<Vec<Owner>, &'static str> {
    if words.len() > OWNERS_MAX {
        return Err("it names more than 100 owners");
    }
    let read: Vec<Option<Owner>> = words.iter().map(|word| owner(word, dialect)).collect();
    if dialect == Dialect::GitHub && read.contains(&None) {
        return Err("an owner is neither `@user`, `@organisation/team` nor an address");
    }
    Ok(read.into_iter().flatten().collect())
}

fn owner(word: &str, dialect: Dialect) -> Option<Owner> {
    if word.len() > NAME_BYTES_MAX {
        return None;
    }
    let is_part =
        |part: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
    let named = match (word.strip_prefix('@'), dialect) {
        (Some(name), _) => Some(name),
        // Gitea takes names without `@` too.
        (None, Dialect::Gitea) if !word.contains('@') => Some(word),
        (None, Dialect::GitHub | Dialect::GitLab | Dialect::Gitea) => None,
    };
    match named {
        Some(name) => {
            let parts: Vec<&str> = name.split('/').collect();
            let is_name = parts.iter().all(|part| is_part(part));
            match (is_name, parts.len(), dialect) {
                (true, 1, _) => Some(Owner::User(name.to_owned())),
                (true, 2, _) | (true, _, Dialect::GitLab) => Some(Owner::Team(name.to_owned())),
                (true, _, Dialect::GitHub | Dialect::Gitea) | (false, _, _) => None,
            }
        }
        None => {
            let (local, host) = word.split_once('@')?;
            let is_local = local.chars().all(|c| c.is_ascii_alphanumeric() || "-_.+".contains(c));
            (!local.is_empty() && is_local && is_part(host)).then(|| Owner::Email(word.to_owned()))
        }
    }
}

/// Somebody who owns files.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Owner {
    /// A user, or a group of GitLab at the top level: both are `@name`.
    User(String),
    /// `organisation/team`, or a group within a group.
    Team(String),
    /// An address; nobody can be asked for a review by it.
    Email(String),
}
