//! A line as a command, or as what is wrong with it.

use kubeopt_model::selection::{InvalidSelection, Selection};
use kubeopt_model::{Amount, Field};

use crate::verb::Verb;
use crate::words::{Word, reason, span_s, words};

/// Most fields of one `set`: all that a container has, and then some.
const FIELDS_MAX: usize = 8;

/// What a line asks for.
#[derive(Debug, Clone, PartialEq)]
pub enum Command {
    /// What can be said; of one verb, or of all.
    Help(Option<Verb>),
    /// What kubeopt waits for.
    Status,
    /// Why the values are what they are.
    Explain(Selection),
    /// Decide again now.
    Rerun,
    /// Make the commit anew.
    Rebase,
    /// Make the commit anew, human edits thrown away.
    Recreate,
    /// These values instead.
    Set {
        /// Whose.
        selection: Selection,
        /// Which; each field once.
        values: Vec<(Field, Amount)>,
    },
    /// A pull request for each workload.
    Split,
    /// Leave it alone.
    Ignore {
        /// What.
        selection: Selection,
        /// For how many seconds; for ever where none.
        seconds: Option<i64>,
        /// Why; hostile text.
        because: Option<String>,
    },
    /// Take an ignore back.
    Unignore(Selection),
    /// Keep this pull request as it is.
    Hold,
    /// Let it change again.
    Unhold,
    /// Approve a large change.
    Approve,
    /// Open nothing new.
    Pause {
        /// For how many seconds; until `resume` where none.
        seconds: Option<i64>,
        /// Why; hostile text.
        because: Option<String>,
    },
    /// Open them again.
    Resume,
    /// Take a merged pull request back.
    Rollback {
        /// Why; hostile text.
        because: Option<String>,
    },
}

/// Why a line is no command, as a clause with the way out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misread {
    /// Nothing follows `/kubeopt`.
    #[error("it names no verb; `/kubeopt help` lists them")]
    NoVerb,
    /// Not a verb.
    #[error("there is no such verb{}; `/kubeopt help` lists them", guess(*.nearest))]
    NoSuchVerb {
        /// What was probably meant.
        nearest: Option<Verb>,
    },
    /// The arguments do not fit.
    #[error("the arguments are not understood; write `/kubeopt {verb}{}{}`", space(.verb.arguments()), .verb.arguments())]
    Arguments {
        /// Of which verb.
        verb: Verb,
    },
    /// A selector that is none.
    #[error(transparent)]
    Selection(InvalidSelection),
    /// A value that is none.
    #[error("a value is not understood; write FIELD=VALUE, such as `cpu.request=250m` or `memory.limit=1Gi`")]
    Value,
    /// The same field twice.
    #[error("it sets one field twice")]
    Twice,
    /// A time that is none.
    #[error(
        "a time is not understood; write hours, days or weeks up to a year, such as `12h`, `30d` or `2w`"
    )]
    Span,
    /// A quotation mark without its other one.
    #[error("a quotation mark is not closed")]
    OpenQuote,
    /// Not the name of a cluster.
    #[error("what follows the @ is not the name of a cluster")]
    Cluster,
    /// More commands than one comment may have.
    #[error("one comment can hold 5 commands; those after them were not carried out")]
    TooMany,
}

fn guess(nearest: Option<Verb>) -> String {
    nearest.map_or_else(String::new, |verb| format!(" (`{verb}` is one)"))
}

fn space(arguments: &str) -> &'static str {
    if arguments.is_empty() { "" } else { " " }
}

impl Command {
    /// Its verb.
    pub fn verb(&self) -> Verb {
        match self {
            Self::Help(_) => Verb::Help,
            Self::Status => Verb::Status,
            Self::Explain(_) => Verb::Explain,
            Self::Rerun => Verb::Rerun,
            Self::Rebase => Verb::Rebase,
            Self::Recreate => Verb::Recreate,
            Self::Set { .. } => Verb::Set,
            Self::Split => Verb::Split,
            Self::Ignore { .. } => Verb::Ignore,
            Self::Unignore(_) => Verb::Unignore,
            Self::Hold => Verb::Hold,
            Self::Unhold => Verb::Unhold,
            Self::Approve => Verb::Approve,
            Self::Pause { .. } => Verb::Pause,
            Self::Resume => Verb::Resume,
            Self::Rollback { .. } => Verb::Rollback,
        }
    }
}

/// Reads what follows `/kubeopt`.
pub(crate) fn read_command(line: &str) -> Result<Command, Misread> {
    let words = words(line).ok_or(Misread::OpenQuote)?;
    let Some((first, rest)) = words.split_first() else { return Err(Misread::NoVerb) };
    let verb = Verb::of(&first.text).filter(|_| !first.is_quoted);
    let verb = verb.ok_or_else(|| Misread::NoSuchVerb { nearest: Verb::nearest(&first.text) })?;
    Arguments { verb, rest }.read()
}

/// The words after the verb.
struct Arguments<'a> {
    verb: Verb,
    rest: &'a [Word],
}

impl<'a> Arguments<'a> {
    fn read(mut self) -> Result<Command, Misread> {
        let command = match self.verb {
            Verb::Help => Command::Help(self.help()?),
            Verb::Status => Command::Status,
            Verb::Explain => Command::Explain(self.selection()?),
            Verb::Rerun => Command::Rerun,
            Verb::Rebase => Command::Rebase,
            Verb::Recreate => Command::Recreate,
            Verb::Set => Command::Set { selection: self.selection()?, values: self.values()? },
            Verb::Split => Command::Split,
            Verb::Ignore => Command::Ignore {
                selection: self.selection()?,
                seconds: self.seconds()?,
                because: self.because()?,
            },
            Verb::Unignore => Command::Unignore(self.selection()?),
            Verb::Hold => Command::Hold,
            Verb::Unhold => Command::Unhold,
            Verb::Approve => Command::Approve,
            Verb::Pause => Command::Pause { seconds: self.seconds()?, because: self.because()? },
            Verb::Resume => Command::Resume,
            Verb::Rollback => Command::Rollback { because: self.because()? },
        };
        if self.rest.is_empty() { Ok(command) } else { Err(self.misfit()) }
    }

    fn misfit(&self) -> Misread {
        Misread::Arguments { verb: self.verb }
    }

    fn next(&mut self) -> Option<&'a Word> {
        let (first, rest) = self.rest.split_first()?;
        self.rest = rest;
        Some(first)
    }

    /// Takes this word, in any case, if it is the next.
    fn takes(&mut self, word: &str) -> bool {
        let is_next =
            self.rest.first().is_some_and(|next| !next.is_quoted && next.text.eq_ignore_ascii_case(word));
        if is_next {
            self.next();
        }
        is_next
    }

    fn help(&mut self) -> Result<Option<Verb>, Misread> {
        let Some(word) = self.next() else { return Ok(None) };
        let nearest = || Misread::NoSuchVerb { nearest: Verb::nearest(&word.text) };
        Verb::of(&word.text).map(Some).ok_or_else(nearest)
    }

    fn selection(&mut self) -> Result<Selection, Misread> {
        let Some(word) = self.next() else { return Err(self.misfit()) };
        word.text.parse().map_err(Misread::Selection)
    }

    fn values(&mut self) -> Result<Vec<(Field, Amount)>, Misread> {
        let mut values: Vec<(Field, Amount)> = Vec::new();
        while let Some(word) = self.next() {
            let (field, value) = word.text.split_once('=').ok_or(Misread::Value)?;
            let field: Field = field.parse().map_err(|_| Misread::Value)?;
            let value = Amount::parse(field.resource, value).map_err(|_| Misread::Value)?;
            if values.iter().any(|(known, _)| *known == field) {
                return Err(Misread::Twice);
            }
            if values.len() == FIELDS_MAX {
                return Err(self.misfit());
            }
            values.push((field, value));
        }
        if values.is_empty() { Err(self.misfit()) } else { Ok(values) }
    }

    /// `for 30d`, or nothing.
    fn seconds(&mut self) -> Result<Option<i64>, Misread> {
        if !self.takes("for") {
            return Ok(None);
        }
        let word = self.next().ok_or(Misread::Span)?;
        span_s(&word.text).map(Some).ok_or(Misread::Span)
    }

    /// `because` and a text, quoted or to the end of the line; or nothing.
    fn because(&mut self) -> Result<Option<String>, Misread> {
        if !self.takes("because") {
            return Ok(None);
        }
        let text = match self.rest.first() {
            Some(word) if word.is_quoted => {
                self.next();
                word.text.clone()
            }
            Some(_) => {
                let all: Vec<&str> =
                    std::mem::take(&mut self.rest).iter().map(|word| word.text.as_str()).collect();
                all.join(" ")
            }
            None => return Err(self.misfit()),
        };
        Ok(reason(&text))
    }
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{Bytes, MilliCores};

    use super::*;

    fn selection(text: &str) -> Selection {
        text.parse().unwrap()
    }

    #[test]
    fn what_is_said_is_what_is_read() {
        for (line, command) in [
            ("help", Command::Help(None)),
            ("help Set", Command::Help(Some(Verb::Set))),
            ("explain payments/deploy/api/envoy", Command::Explain(selection("payments/deploy/api/envoy"))),
            (
                "set deploy/api/api memory.request=512Mi cpu.limit=1.5",
                Command::Set {
                    selection: selection("deploy/api/api"),
                    values: vec![
                        (Field::MEMORY_REQUEST, Amount::Memory(Bytes::mebi(512))),
                        (Field::CPU_LIMIT, Amount::Cpu(MilliCores(1500))),
                    ],
                },
            ),
            (
                "ignore ledger FOR 30d because \"migration\"",
                Command::Ignore {
                    selection: selection("ledger"),
                    seconds: Some(30 * 86_400),
                    because: Some("migration".to_owned()),
                },
            ),
            (
                "ignore * because we move out",
                Command::Ignore {
                    selection: selection("*"),
                    seconds: None,
                    because: Some("we move out".to_owned()),
                },
            ),
            ("unignore *", Command::Unignore(selection("*"))),
            ("pause for 2w", Command::Pause { seconds: Some(1_209_600), because: None }),
            ("rollback", Command::Rollback { because: None }),
        ] {
            assert_eq!(read_command(line), Ok(command), "{line}");
        }
    }

    #[test]
    fn what_is_not_understood_says_what_to_write() {
        for (line, says) in [
            ("", "names no verb"),
            ("rebse", "`rebase` is one"),
            ("xyzzy", "no such verb;"),
            ("hold on", "write `/kubeopt hold`"),
            ("explain", "write `/kubeopt explain WORKLOAD[/CONTAINER]`"),
            ("explain a/b/c/d/e", "does not name a workload"),
            ("set api", "FIELD=VALUE"),
            ("set api cpu=250m", "a value is not understood"),
            ("set api cpu.request=-1", "a value is not understood"),
            ("set api cpu.request=1 requests.cpu=2", "sets one field twice"),
            ("ignore api for ever", "hours, days or weeks"),
            ("ignore api for 30d \"why\"", "write `/kubeopt ignore"),
            ("pause because", "write `/kubeopt pause"),
            ("ignore api because \"open", "is not closed"),
            ("\"rerun\"", "no such verb"),
        ] {
            let said = read_command(line).map_err(|misread| misread.to_string());
            assert!(said.as_ref().is_err_and(|text| text.contains(says)), "{line}: {said:?}");
        }
    }
}
