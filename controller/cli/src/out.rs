//! Standard output and error. Colours go when the output is no terminal or NO_COLOR is set; a closed pipe is no error.

use std::io::Write;

use anstyle::{AnsiColor, Style};
use kubeopt_model::Problem;

/// Writes to standard output. A reader that left early (`| head`) is not a failure of ours.
pub(crate) fn print(text: &str) {
    let mut out = anstream::stdout().lock();
    let _closed = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}

/// Writes a line to standard error: hints and problems, never results.
pub(crate) fn hint(text: &str) {
    let mut err = anstream::stderr().lock();
    let _closed = writeln!(err, "{text}");
}

/// Writes problems to standard error, each with its help.
pub(crate) fn problems<'a>(problems: impl IntoIterator<Item = &'a Problem>) {
    for problem in problems {
        hint(&colored("error", AnsiColor::Red, problem));
    }
}

/// Writes what is not taken of something that counts otherwise: the command does not fail for it.
pub(crate) fn warnings<'a>(warnings: impl IntoIterator<Item = &'a Problem>) {
    for warning in warnings {
        hint(&colored("warning", AnsiColor::Yellow, warning));
    }
}

fn colored(word: &str, color: AnsiColor, problem: &Problem) -> String {
    let bold = Style::new().fg_color(Some(color.into())).bold();
    let cyan = Style::new().fg_color(Some(AnsiColor::Cyan.into()));
    let text = kubeopt_runtime::terminal_line(&problem.text);
    let mut shown = format!("{bold}{word}[{}]{bold:#}: {text}", problem.code);
    if let Some(place) = &problem.place {
        shown.push_str(&format!("\n  ┌─ {}", kubeopt_runtime::terminal_line(&place.to_string())));
        if let Some(excerpt) = &place.excerpt {
            shown.push_str(&format!("\n  │ {}", kubeopt_runtime::terminal_line(excerpt)));
        }
    }
    shown.push_str(&format!("\n  {cyan}help:{cyan:#} {}", kubeopt_runtime::terminal_line(&problem.help)));
    shown
}
