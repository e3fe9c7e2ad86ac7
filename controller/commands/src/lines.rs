//! The lines of a comment that speak to kubeopt: `/kubeopt ...` or `/kubeopt@cluster ...`, outside of code blocks, quotes
//! and what a page does not show.

use kubeopt_model::ClusterName;

use crate::command::{Command, Misread, read_command};

/// Bytes of a comment that are looked at; forges take 64 KiB to 1 MB.
pub const TEXT_MAX: usize = 64 * 1024;

/// Commands of one comment that are carried out. More are a mistake, or somebody who wants to keep kubeopt busy.
pub const LINES_MAX: usize = 5;

/// Bytes of a line that are looked at.
const LINE_MAX: usize = 1000;

/// Spaces before a line that do not make it code.
const INDENT_MAX: usize = 3;

const NAME: &str = "/kubeopt";

/// One line that speaks to kubeopt.
#[derive(Debug, Clone, PartialEq)]
pub struct Heard {
    /// The line as it was written, without the space around it; at most 1,000 bytes. Hostile.
    pub text: String,
    /// The cluster that is spoken to; none where all are.
    pub cluster: Option<ClusterName>,
    /// What it asks for.
    pub command: Result<Command, Misread>,
}

/// What a comment says to kubeopt, in the order of its lines; the commands after the first [`LINES_MAX`] are misread as
/// too many, once.
pub fn hear(comment: &str) -> Vec<Heard> {
    let mut heard = Vec::new();
    let mut shown = Shown::default();
    for line in up_to(comment, TEXT_MAX).lines() {
        if !shown.line(line) {
            continue;
        }
        let Some((cluster, rest)) = spoken_to(line) else { continue };
        let text = up_to(line.trim(), LINE_MAX).to_owned();
        if heard.len() == LINES_MAX {
            heard.push(Heard { text, cluster: None, command: Err(Misread::TooMany) });
            break;
        }
        heard.push(match cluster {
            Some(name) => match ClusterName::new(name) {
                Ok(cluster) => Heard { text, cluster: Some(cluster), command: read_command(rest) },
                Err(_) => Heard { text, cluster: None, command: Err(Misread::Cluster) },
            },
            None => Heard { text, cluster: None, command: read_command(rest) },
        });
    }
    heard
}

/// The cluster after the `@`, if there is one, and what follows; none where the line does not speak to kubeopt.
fn spoken_to(line: &str) -> Option<(Option<&str>, &str)> {
    let line = up_to(line.trim_end(), LINE_MAX).trim_start();
    let (name, rest) = line.split_at_checked(NAME.len())?;
    if !name.eq_ignore_ascii_case(NAME) {
        return None;
    }
    let end = rest.find(|c: char| c.is_ascii_whitespace()).unwrap_or(rest.len());
    let (target, rest) = rest.split_at(end);
    match target.strip_prefix('@') {
        Some(cluster) => Some((Some(cluster), rest)),
        None if target.is_empty() => Some((None, rest)),
        None => None,
    }
}

fn up_to(text: &str, bytes: usize) -> &str {
    let mut end = text.len().min(bytes);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Which lines a page shows as plain text.
#[derive(Debug, Default)]
struct Shown {
    /// The mark and length of the fence that is open.
    fence: Option<(char, usize)>,
    in_html_comment: bool,
}

impl Shown {
    /// Takes the next line; whether it is plain text.
    fn line(&mut self, line: &str) -> bool {
        if let Some((mark, length)) = self.fence {
            let text = line.trim();
            if indent(line) <= INDENT_MAX && text.len() >= length && text.chars().all(|c| c == mark) {
                self.fence = None;
            }
            return false;
        }
        let was_hidden = self.in_html_comment;
        if self.html_comment(line) || was_hidden {
            return false;
        }
        if indent(line) > INDENT_MAX {
            return false;
        }
        let text = line.trim_start();
        if let Some(fence) = opens_fence(text) {
            self.fence = Some(fence);
            return false;
        }
        !text.starts_with('>')
    }

    /// Follows comments of HTML through a line; whether a part of it is one.
    fn html_comment(&mut self, line: &str) -> bool {
        let (mut rest, mut any) = (line, self.in_html_comment);
        loop {
            let mark = if self.in_html_comment { "-->" } else { "<!--" };
            let Some((_, after)) = rest.split_once(mark) else { return any };
            self.in_html_comment = !self.in_html_comment;
            (rest, any) = (after, true);
        }
    }
}

/// Columns before the text; a tab is as wide as four spaces.
fn indent(line: &str) -> usize {
    line.chars().take_while(|c| *c == ' ' || *c == '\t').map(|c| if c == '\t' { 4 } else { 1 }).sum()
}

fn opens_fence(text: &str) -> Option<(char, usize)> {
    let mark = text.chars().next().filter(|c| *c == '`' || *c == '~')?;
    let length = text.chars().take_while(|c| *c == mark).count();
    let rest = &text[length..];
    // A fence of backticks has none after it; else it is code within a line.
    (length >= 3 && !(mark == '`' && rest.contains('`'))).then_some((mark, length))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::verb::Verb;

    fn verbs(comment: &str) -> Vec<Option<Verb>> {
        hear(comment).iter().map(|heard| heard.command.as_ref().ok().map(Command::verb)).collect()
    }

    #[test]
    fn a_line_anywhere_in_a_comment_is_heard() {
        let comment = "Thanks!\r\n\r\n   /kubeopt RERUN  \r\nand later\n/KubeOpt@prod-eu hold\nsay /kubeopt rebase\n/kubeopts help\n";
        assert_eq!(verbs(comment), [Some(Verb::Rerun), Some(Verb::Hold)]);
        let heard = hear(comment);
        assert_eq!((heard[0].text.as_str(), heard[0].cluster.as_ref()), ("/kubeopt RERUN", None));
        assert_eq!(heard[1].cluster.as_ref().map(|name| name.as_str()), Some("prod-eu"));
    }

    #[test]
    fn code_quotes_and_hidden_text_say_nothing() {
        for comment in [
            "```\n/kubeopt rerun\n```",
            "~~~~ sh\n/kubeopt rerun\n~~~\n/kubeopt hold\n~~~~",
            "````\n```\n/kubeopt rerun\n````",
            "    /kubeopt rerun",
            "\t/kubeopt rerun",
            "> /kubeopt rerun",
            "  > > /kubeopt rerun",
            "<!-- \n/kubeopt rerun\n-->",
            "<!-- x --> /kubeopt rerun",
            "`/kubeopt rerun`",
            "```\n/kubeopt rerun",
            "/kub\u{0435}opt rerun",
            "\u{200b}/kubeopt rerun",
            "\u{ff0f}kubeopt rerun",
        ] {
            assert_eq!(hear(comment), [], "{comment:?}");
        }
        assert_eq!(
            verbs("```x```\n/kubeopt rerun\n```\n```\n<!-- a -->\n/kubeopt hold"),
            [Some(Verb::Rerun), Some(Verb::Hold)]
        );
    }

    #[test]
    fn ten_thousand_commands_are_five_and_a_word_about_it() {
        let heard = hear(&"/kubeopt rerun\n".repeat(10_000));
        assert_eq!(heard.len(), LINES_MAX + 1);
        assert_eq!(heard[LINES_MAX].command, Err(Misread::TooMany));
        assert!(heard[..LINES_MAX].iter().all(|one| one.command == Ok(Command::Rerun)));
    }

    #[test]
    fn a_cluster_that_is_none_is_told() {
        assert_eq!(hear("/kubeopt@../.. rerun")[0].command, Err(Misread::Cluster));
        assert_eq!(hear("/kubeopt@ rerun")[0].command, Err(Misread::Cluster));
    }

    proptest! {
        #[test]
        fn any_text_is_heard_within_its_bounds(comment in "\\PC{0,400}", lines in proptest::collection::vec("(/kubeopt(@[a-z]{0,3})?|```|>|<!--|-->| {0,5}|[a-z*/=\"]{0,9}){0,6}", 0..40)) {
            for text in [comment, lines.join("\n")] {
                let heard = hear(&text);
                prop_assert!(heard.len() <= LINES_MAX + 1);
                prop_assert!(heard.iter().all(|one| one.text.len() <= LINE_MAX));
            }
        }
    }
}
