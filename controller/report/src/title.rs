//! Titles in the repository's own convention. Knows nothing of bodies.

use kubeopt_model::cost::Money;
use serde::Serialize;

use crate::error::ReportError;
use crate::figures;
use crate::templates::Templates;

/// How many of the last commits are asked.
const COMMITS_ASKED: usize = 50;
/// From this share on a repository is taken to use conventional commits; some commits never follow.
const CONVENTIONAL_PERCENT: usize = 60;
/// Longest title: GitHub and Gitea cut at 255 characters, and a subject line above that helps nobody.
const TITLE_CHARS_MAX: usize = 200;

/// The types of the Angular convention, which most others extend.
const TYPES: &[&str] =
    &["build", "chore", "ci", "deps", "docs", "feat", "fix", "perf", "refactor", "revert", "style", "test"];

/// Whether at least 60 % of the newest 50 subjects (newest first) read `type(scope): text`. Merge commits do not count.
pub fn uses_conventional_commits(subjects: &[String]) -> bool {
    let asked: Vec<&String> =
        subjects.iter().filter(|subject| !subject.starts_with("Merge ")).take(COMMITS_ASKED).collect();
    let conventional = asked.iter().filter(|subject| is_conventional(subject)).count();
    !asked.is_empty() && conventional * 100 >= asked.len() * CONVENTIONAL_PERCENT
}

fn is_conventional(subject: &str) -> bool {
    let Some((head, text)) = subject.split_once(": ") else { return false };
    let head = head.strip_suffix('!').unwrap_or(head);
    let kind = match head.split_once('(') {
        Some((kind, scope)) if scope.ends_with(')') => kind,
        Some(_) => return false,
        None => head,
    };
    TYPES.contains(&kind) && !text.trim().is_empty()
}

#[derive(Serialize)]
struct TitleView<'a> {
    conventional: bool,
    label: &'a str,
    workloads: String,
    monthly: Option<String>,
    takes_back: Option<u64>,
}

/// `chore(rightsizing): payments - 2 workloads, -$110/month requested`; without a price the amount is left out. What takes another one
/// back says so.
pub(crate) fn title(
    templates: &Templates,
    conventional: bool,
    label: &str,
    workloads: usize,
    monthly: Option<Money>,
    takes_back: Option<u64>,
) -> Result<String, ReportError> {
    let view = TitleView {
        conventional,
        label,
        workloads: figures::counted(workloads, "workload"),
        monthly: monthly.map(figures::dollars_short),
        takes_back,
    };
    let text = templates.render("pull-request/title.txt.tera", &view)?;
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    Ok(crate::escape::visible(&line, TITLE_CHARS_MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn subjects(texts: &[&str]) -> Vec<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn follows_the_convention_of_most_commits() {
        for (texts, conventional) in [
            (&["feat(api)!: x", "fix: y", "Merge branch 'main'", "oops"][..], true),
            (&["feat: x", "update", "more"][..], false),
            (&["note: this is no type", "http://x: y"][..], false),
            (&["fix(: x", "fix:", "fix: "][..], false),
            (&["Merge branch 'x'"][..], false),
            (&[][..], false),
        ] {
            assert_eq!(uses_conventional_commits(&subjects(texts)), conventional, "{texts:?}");
        }
        let mut many = vec!["fix: x".to_owned(); 50];
        many.extend(vec!["old habits".to_owned(); 500]);
        assert!(uses_conventional_commits(&many));
    }

    #[test]
    fn a_title_says_what_and_how_much_and_nothing_else() {
        let templates = Templates::embedded();
        let money = |text: &str| Some(Money(text.parse().unwrap()));
        let of = |conventional, label, workloads, monthly| {
            title(&templates, conventional, label, workloads, monthly, None).unwrap()
        };
        assert_eq!(
            of(true, "payments", 2, money("-110.10")),
            "chore(rightsizing): payments - 2 workloads, -$110/month requested"
        );
        assert_eq!(of(false, "apps/prod", 1, None), "Rightsize apps/prod: 1 workload");
        assert_eq!(of(false, "a\n[skip ci] @all #1", 1, None), "Rightsize a _skip ci_ _all _1: 1 workload");
        assert!(of(true, &"x".repeat(500), 1, None).chars().count() <= TITLE_CHARS_MAX + 1);
    }
}
