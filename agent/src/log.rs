//! Lines for the container's log: time, level, words. One line an event, so that nothing grows.

use std::fmt::Arguments;
use std::io::Write;

/// Says that something happened.
pub(crate) fn info(line: Arguments<'_>) {
    write("info", line);
}

/// Says that something went wrong.
pub(crate) fn warn(line: Arguments<'_>) {
    write("warn", line);
}

fn write(level: &str, line: Arguments<'_>) {
    // What cannot be written cannot be told either.
    let _ = writeln!(std::io::stderr().lock(), "{level} {line}");
}

/// Text of elsewhere in one line: control characters are left out, and so is what is long.
pub(crate) fn plain(text: &str) -> String {
    const CHARS_MAX: usize = 200;
    text.chars().filter(|char| !char.is_control()).take(CHARS_MAX).collect()
}

/// An error and its causes in one line.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let causes = std::iter::successors(Some(error), |error| error.source());
    let texts: Vec<String> = causes.map(|cause| plain(&cause.to_string())).collect();
    texts.join(": ")
}
