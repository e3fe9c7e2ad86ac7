//! What a pass says: every message with its code and its help, in the terminal's form and in JSON.

use kubeopt_model::{NoRecommendation, Problem};
use kubeopt_runtime::PassReport;

use crate::apps::App;

/// The problem of a pass with this code. Checks that a reader finds it with its help in both forms.
pub(crate) fn told(report: &PassReport, code: &str) -> Problem {
    let problems = report.problems();
    let found = problems.iter().find(|problem| problem.code == code);
    let problem = found.unwrap_or_else(|| panic!("{code} is not among {problems:#?}")).clone();
    check(&problem);
    let json = report.to_json();
    let in_json = json["problems"].as_array().unwrap().iter().find(|one| one["code"] == code).unwrap();
    assert_eq!(in_json["help"], problem.help.as_str());
    assert_eq!(in_json["text"], problem.text.as_str());
    problem
}

/// Why a workload is left. Where there is a problem behind it, checks that a reader finds it with its help in both forms.
pub(crate) fn left(report: &PassReport, app: &App) -> NoRecommendation {
    let found = report.decided.left.iter().find(|left| left.workload == app.id());
    let why =
        found.unwrap_or_else(|| panic!("{} is not left: {:#?}", app.name, report.decided.left)).why.clone();
    if let Some(problem) = why.problem() {
        check(problem);
        let lines = report.left_lines().join("\n");
        assert!(lines.contains(&format!("({})", problem.code)) && lines.contains("  help: "), "{lines}");
        let json = report.to_json();
        let in_json =
            json["left"].as_array().unwrap().iter().find(|one| one["why"]["code"] == problem.code.as_str());
        assert_eq!(in_json.unwrap()["why"]["help"], problem.help.as_str());
    }
    why
}

/// The code of the problem for which a workload is left.
pub(crate) fn left_code(report: &PassReport, app: &App) -> String {
    let why = left(report, app);
    why.problem().unwrap_or_else(|| panic!("no problem is behind {why:?}")).code.clone()
}

fn check(problem: &Problem) {
    assert!(!problem.text.is_empty() && !problem.help.is_empty(), "{problem:?}");
    let shown = problem.to_string();
    assert!(shown.starts_with(&format!("error[{}]: ", problem.code)), "{shown}");
    assert!(shown.ends_with(&format!("\n  help: {}", problem.help)), "{shown}");
    let known = kubeopt_runtime::all_codes();
    assert!(known.iter().any(|(code, _)| *code == problem.code), "{} is in no list of codes", problem.code);
}
