//! Patterns of CODEOWNERS. Globs are matched by hand, step by step with a budget, and without recursion: no pattern makes
//! them slow. Regular expressions are those of a library that is linear in the text; their size is bounded.

use regex::{Regex, RegexBuilder};

/// A compiled regular expression of one line; `.*` with a name takes a hundredth.
const REGEX_BYTES_MAX: usize = 64 << 10;

/// What matching may still take.
#[derive(Debug)]
pub(super) struct Fuel(u64);

impl Fuel {
    pub(super) fn new(steps: u64) -> Self {
        Self(steps)
    }

    /// Takes some; none when there is not enough.
    fn take(&mut self, steps: u64) -> Option<()> {
        self.0 = self.0.checked_sub(steps)?;
        Some(())
    }
}

/// A pattern.
#[derive(Debug, Clone)]
pub(super) enum Pattern {
    /// A glob; with GitLab's `!` what it matches has no owner.
    Glob { exact: Option<Vec<Segment>>, inside: Option<Vec<Segment>>, excludes: bool },
    /// A regular expression; with Gitea's `!` it matches everything else.
    Regex { regex: Box<Regex>, is_negative: bool },
}

/// One part of a glob between slashes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Segment {
    /// `**`: any number of parts.
    Deep,
    /// One part of a path.
    One(Vec<Token>),
}

/// One character of a glob, or what stands for some.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Token {
    Char(char),
    /// `?`
    Any,
    /// `*`
    Star,
    /// `[a-z]`
    Class {
        is_negative: bool,
        ranges: Vec<(char, char)>,
    },
}

impl Pattern {
    /// As in `.gitignore`, without `!`, `[ ]` and `\#`. `docs/*` matches what stands in the folder and nothing deeper.
    pub(super) fn of_github(text: &str) -> Result<Self, &'static str> {
        if text.starts_with('!') || text.starts_with("\\#") || text.contains('[') {
            return Err("GitHub reads neither `!`, `[ ]` nor `\\#` in patterns");
        }
        let is_folder = text.ends_with('/');
        let trimmed = text.trim_end_matches('/');
        let is_anchored = trimmed.contains('/');
        let mut segments = segments(trimmed.trim_start_matches('/'), Brackets::Plain)?;
        if segments.is_empty() {
            return Err("its pattern is empty");
        }
        if !is_anchored {
            segments.insert(0, Segment::Deep);
        }
        let ends_in_star = is_anchored && segments.last() == Some(&Segment::One(vec![Token::Star]));
        if segments.last() == Some(&Segment::Deep) {
            segments.push(Segment::One(vec![Token::Star]));
        }
        let inside = (is_folder || !ends_in_star).then(|| within(&segments));
        Ok(Self::Glob { exact: (!is_folder).then_some(segments), inside, excludes: false })
    }

    /// As `File.fnmatch` with `FNM_PATHNAME`: without a slash at the beginning it may stand anywhere, with one at the end it
    /// means all that is below.
    pub(super) fn of_gitlab(text: &str) -> Result<Self, &'static str> {
        let excludes = text.starts_with('!');
        let text = text.strip_prefix('!').unwrap_or(text);
        let is_folder = text.ends_with('/');
        let is_anchored = text.starts_with('/');
        let mut segments = segments(text.trim_matches('/'), Brackets::Class)?;
        if segments.is_empty() && !is_folder {
            return Err("its pattern is empty");
        }
        if !is_anchored {
            segments.insert(0, Segment::Deep);
        }
        // Only before a slash it stands for any number of folders.
        if segments.last() == Some(&Segment::Deep) {
            segments.pop();
            segments.push(Segment::One(vec![Token::Star]));
        }
        let (exact, inside) =
            if is_folder { (None, Some(within(&segments))) } else { (Some(segments), None) };
        Ok(Self::Glob { exact, inside, excludes })
    }

    /// A regular expression; `!` before it negates. As Gitea does, it is put between `^` and `$` as it is.
    pub(super) fn of_gitea(text: &str) -> Result<Self, &'static str> {
        let is_negative = text.starts_with('!');
        let text = text.strip_prefix('!').unwrap_or(text);
        let regex = RegexBuilder::new(&format!("^{text}$")).size_limit(REGEX_BYTES_MAX).build();
        let regex = regex.map_err(|_| "its pattern is no regular expression, or too large")?;
        Ok(Self::Regex { regex: Box::new(regex), is_negative })
    }

    /// What it matches has no owner, whatever other lines say.
    pub(super) fn excludes(&self) -> bool {
        match self {
            Self::Glob { excludes, .. } => *excludes,
            Self::Regex { .. } => false,
        }
    }

    /// Whether it matches a path; none when the fuel is used up.
    pub(super) fn matches(&self, path: &str, fuel: &mut Fuel) -> Option<bool> {
        match self {
            Self::Glob { exact, inside, .. } => {
                let parts: Vec<&str> = path.split('/').collect();
                for segments in [exact, inside].into_iter().flatten() {
                    if matches_path(segments, &parts, fuel)? {
                        return Some(true);
                    }
                }
                Some(false)
            }
            Self::Regex { regex, is_negative } => {
                fuel.take(path.len() as u64 + 1)?;
                Some(regex.is_match(path) != *is_negative)
            }
        }
    }
}

/// What stands below what the segments match, at any depth.
fn within(segments: &[Segment]) -> Vec<Segment> {
    let below = [Segment::Deep, Segment::One(vec![Token::Star])];
    segments.iter().cloned().chain(below).collect()
}

/// Whether `[` begins a class.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Brackets {
    Class,
    Plain,
}

fn segments(text: &str, brackets: Brackets) -> Result<Vec<Segment>, &'static str> {
    let parts = text.split('/').filter(|part| !part.is_empty());
    parts
        .map(|part| if part == "**" { Ok(Segment::Deep) } else { tokens(part, brackets).map(Segment::One) })
        .collect()
}

fn tokens(part: &str, brackets: Brackets) -> Result<Vec<Token>, &'static str> {
    let mut tokens = Vec::new();
    let mut characters = part.chars();
    while let Some(c) = characters.next() {
        tokens.push(match c {
            '*' if tokens.last() == Some(&Token::Star) => continue,
            '*' => Token::Star,
            '?' => Token::Any,
            '\\' => Token::Char(characters.next().ok_or("its pattern ends with a backslash")?),
            '[' if brackets == Brackets::Class => class(&mut characters)?,
            c => Token::Char(c),
        });
    }
    Ok(tokens)
}

/// A class behind its `[`, up to its `]`.
fn class(characters: &mut std::str::Chars<'_>) -> Result<Token, &'static str> {
    const OPEN: &str = "a `[` of its pattern is not closed";
    let mut inside = Vec::new();
    loop {
        match characters.next().ok_or(OPEN)? {
            ']' if !inside.is_empty() => break,
            '\\' => inside.push(characters.next().ok_or(OPEN)?),
            c => inside.push(c),
        }
    }
    let is_negative = inside.len() > 1 && matches!(inside[0], '^' | '!');
    let mut ranges = Vec::new();
    let mut rest = &inside[usize::from(is_negative)..];
    while let Some((from, behind)) = rest.split_first() {
        rest = behind;
        match rest {
            ['-', to, behind @ ..] => {
                ranges.push((*from, *to));
                rest = behind;
            }
            [..] => ranges.push((*from, *from)),
        }
    }
    Ok(Token::Class { is_negative, ranges })
}

/// Greedy with one point to go back to, the last `**`: what stands before it need not be tried again.
fn matches_path(segments: &[Segment], parts: &[&str], fuel: &mut Fuel) -> Option<bool> {
    let (mut at, mut part) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while part < parts.len() {
        fuel.take(1)?;
        let fits = match segments.get(at) {
            Some(Segment::Deep) => {
                back = Some((at + 1, part));
                at += 1;
                continue;
            }
            Some(Segment::One(tokens)) => matches_part(tokens, parts[part], fuel)?,
            None => false,
        };
        if fits {
            (at, part) = (at + 1, part + 1);
        } else if let Some((after, from)) = back {
            back = Some((after, from + 1));
            (at, part) = (after, from + 1);
        } else {
            return Some(false);
        }
    }
    Some(segments[at..].iter().all(|rest| *rest == Segment::Deep))
}

/// The same within one part of a path, where `*` is what can be long.
fn matches_part(tokens: &[Token], part: &str, fuel: &mut Fuel) -> Option<bool> {
    let characters: Vec<char> = part.chars().collect();
    fuel.take(characters.len() as u64)?;
    let (mut at, mut here) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while here < characters.len() {
        fuel.take(1)?;
        let c = characters[here];
        let fits = match tokens.get(at) {
            Some(Token::Star) => {
                back = Some((at + 1, here));
                at += 1;
                continue;
            }
            Some(Token::Any) => true,
            Some(Token::Char(wanted)) => *wanted == c,
            Some(Token::Class { is_negative, ranges }) => {
                fuel.take(ranges.len() as u64)?;
                ranges.iter().any(|(from, to)| (from..=to).contains(&&c)) != *is_negative
            }
            None => false,
        };
        if fits {
            (at, here) = (at + 1, here + 1);
        } else if let Some((after, from)) = back {
            back = Some((after, from + 1));
            (at, here) = (after, from + 1);
        } else {
            return Some(false);
        }
    }
    Some(tokens[at..].iter().all(|rest| *rest == Token::Star))
}
