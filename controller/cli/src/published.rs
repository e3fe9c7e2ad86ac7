//! What became of pull requests, as lines for people.

use kubeopt_runtime::pipeline::PassReport;
use kubeopt_runtime::publishing::Published;

/// One line a pull request, then what earlier ones have become.
pub(crate) fn published_text(report: &PassReport) -> String {
    let mut text = String::new();
    let first = report.first_contacts.iter().map(|(_, published)| published);
    for published in first.chain(&report.published) {
        let line = match published {
            Published::Opened(pull) => {
                format!("opened {} {}  {}\n", numbered(pull.number, pull.is_draft), pull.title, pull.url)
            }
            Published::Updated(pull) => {
                format!("updated {} {}  {}\n", numbered(pull.number, pull.is_draft), pull.title, pull.url)
            }
            Published::Unchanged(pull) => {
                format!("unchanged {} {}\n", numbered(pull.number, pull.is_draft), pull.title)
            }
            Published::Waiting(problem) => format!("waiting: {}\n", problem.text),
            Published::Failed(problem) => format!("failed: {}\n", problem.text),
        };
        text.push_str(&kubeopt_runtime::terminal_line(line.trim_end()));
        text.push('\n');
    }
    for (subject, answer) in &report.answers.given {
        text.push_str(&kubeopt_runtime::terminal_line(&format!("answered {subject}: {answer}")));
        text.push('\n');
    }
    for line in report.merge_lines() {
        text.push_str(&line);
        text.push('\n');
    }
    if text.is_empty() { "nothing to propose\n".to_owned() } else { text }
}

/// `#4`, or `draft #4`.
fn numbered(number: u64, is_draft: bool) -> String {
    if is_draft { format!("draft #{number}") } else { format!("#{number}") }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_draft_is_called_one() {
        assert_eq!(super::numbered(4, true), "draft #4");
        assert_eq!(super::numbered(4, false), "#4");
    }
}
