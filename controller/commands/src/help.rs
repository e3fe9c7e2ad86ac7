//! The help, made from the table of verbs, so that it cannot say anything else than the parser does.

use crate::lines::LINES_MAX;
use crate::verb::{Needs, Verb};

/// What can be said, as Markdown: of all verbs, or of one.
pub fn help(verb: Option<Verb>) -> String {
    match verb {
        Some(verb) => format!("{} {}, for people who {}.", usage(verb), verb.does(), who(verb)),
        None => {
            let rows: String = Verb::ALL
                .into_iter()
                .map(|verb| format!("| {} | {} | {} |\n", escaped(&usage(verb)), verb.does(), who(verb)))
                .collect();
            format!(
                "| say | and kubeopt | for people who |\n|---|---|---|\n{rows}\n\
                 A command is a line of its own, outside of code and quotes; a comment can hold {LINES_MAX}. A workload is \
                 `[NAMESPACE/]KIND/NAME`, or its name alone while only one has it. `/kubeopt@CLUSTER` speaks to one cluster."
            )
        }
    }
}

fn usage(verb: Verb) -> String {
    let arguments = verb.arguments();
    let space = if arguments.is_empty() { "" } else { " " };
    format!("`/kubeopt {verb}{space}{arguments}`")
}

fn who(verb: Verb) -> &'static str {
    match verb.needs() {
        Needs::Read => "can read",
        Needs::Write => "can push",
    }
}

/// A table's cell ends at a bar, in code too.
fn escaped(cell: &str) -> String {
    cell.replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_help_has_a_row_for_every_verb() {
        let all = help(None);
        for verb in Verb::ALL {
            assert!(all.contains(&format!("| `/kubeopt {verb}")) && all.contains(verb.does()), "{verb}");
        }
        assert!(all.contains("`/kubeopt ignore WORKLOAD\\|* [for 30d] [because \"...\"]`"), "{all}");
        // Head, rule, verbs, an empty line, a paragraph.
        assert_eq!(all.lines().count(), 2 + Verb::ALL.len() + 2);
    }

    #[test]
    fn the_help_of_one_verb_is_a_sentence() {
        let said = help(Some(Verb::Hold));
        assert_eq!(said, "`/kubeopt hold` keeps this pull request as it is, for people who can read.");
    }

    #[test]
    fn what_the_help_shows_of_a_verb_without_arguments_is_understood() {
        for verb in Verb::ALL
            .into_iter()
            .filter(|verb| verb.arguments().is_empty() || verb.arguments().starts_with('['))
        {
            let heard = crate::hear(&format!("/kubeopt {verb}"));
            assert_eq!(heard[0].command.as_ref().map(crate::Command::verb), Ok(verb));
        }
    }
}
