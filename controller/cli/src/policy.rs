//! `kubeopt policy`: whether a policy file is right, which policy holds for a path, and who set each key. No cluster.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args as Group, Subcommand, ValueEnum};
use kubeopt_model::Problem;
use kubeopt_runtime::explain::Selector;
use kubeopt_runtime::offline::{AskedWorkload, PathPolicy, policy_of_path, validate_policy};
use kubeopt_runtime::policy_files::{ExplainedKey, PolicyFile, Standing, keys_named};
use kubeopt_runtime::terminal_line;
use kubeopt_runtime::wiring::{Options, read_config};
use serde_json::Value;

use crate::command::{Outcome, json, own_fault};
use crate::flags::Common;
use crate::out::{hint, print, warnings};
use crate::table::{plain, trimmed};

#[derive(Debug, Group)]
pub(crate) struct Policy {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Check policy files: every wrong key, with its line and the nearest that there is.
    Validate {
        /// Files: the controller's configuration, a repository's policy, or a manifest of a RightsizingPolicy.
        #[arg(value_name = "FILE", required = true)]
        files: Vec<PathBuf>,
    },
    /// Show every key of the policy that holds for a path of a checkout, and what set it.
    Show(Show),
    /// Show what each layer said of each key, and why one of them counts.
    Explain(Explain),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Output {
    Table,
    Json,
    Yaml,
}

/// What the policy is asked for.
#[derive(Debug, Group)]
struct Question {
    /// A file or folder of a checkout.
    #[arg(value_name = "PATH")]
    path: PathBuf,
    /// The workload, such as payments/deploy/api; without it, what depends on the workload is left out and named.
    #[arg(long = "for", value_name = "NAMESPACE/KIND/NAME")]
    workload: Option<String>,
    /// A label of the workload; may be repeated.
    #[arg(long = "label", short = 'l', value_name = "KEY=VALUE", value_parser = label, requires = "workload")]
    labels: Vec<(String, String)>,
}

#[derive(Debug, Group)]
struct Show {
    #[command(flatten)]
    question: Question,
    /// Format.
    #[arg(long, short = 'o', value_enum, default_value_t = Output::Table)]
    output: Output,
}

#[derive(Debug, Group)]
struct Explain {
    #[command(flatten)]
    question: Question,
    /// Only this key, or those of a mapping: sizing.cpu.quantile, changes.
    #[arg(value_name = "KEY")]
    key: Option<String>,
    /// Format.
    #[arg(long, short = 'o', value_enum, default_value_t = Output::Table)]
    output: Output,
}

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("write KEY=VALUE, such as app=web")?;
    Ok((key.to_owned(), value.to_owned()))
}

pub(crate) fn run(args: Policy, common: &Common) -> Outcome {
    match args.what {
        What::Validate { files } => validate(&files, common),
        What::Show(show) => {
            let policy = asked(&show.question, common)?;
            let text = match show.output {
                Output::Table => table(&policy),
                Output::Json => json(&policy)?,
                Output::Yaml => yaml(&policy)?,
            };
            finish(&policy, &text, show.output, common)
        }
        What::Explain(explain) => {
            let mut policy = asked(&explain.question, common)?;
            if let Some(key) = &explain.key {
                policy.keys = keys_named(policy.keys, key).map_err(|problem| vec![problem])?;
                // What is not allowed is said beside the key that was asked for.
                policy.problems.retain(|problem| problem.code != "E-POL-011");
            }
            let text = match explain.output {
                Output::Table => explained(&policy.keys),
                Output::Json => json(&policy)?,
                Output::Yaml => yaml(&policy)?,
            };
            finish(&policy, &text, explain.output, common)
        }
    }
}

fn validate(files: &[PathBuf], common: &Common) -> Outcome {
    let operator = operator(common)?;
    let mut failed = Vec::new();
    for file in files {
        match validate_policy(file, operator.as_ref()) {
            Ok(valid) => {
                let shown = terminal_line(&file.display().to_string());
                print(&format!("ok    {shown}: {}\n", valid.what));
                warnings(&valid.warnings);
            }
            Err(found) => failed.extend(found),
        }
    }
    if failed.is_empty() { Ok(ExitCode::SUCCESS) } else { Err(failed) }
}

fn asked(question: &Question, common: &Common) -> Result<PathPolicy, Vec<Problem>> {
    let workload = match &question.workload {
        Some(text) => {
            let Selector { namespace, kind, name } = text.parse().map_err(|problem| vec![problem])?;
            let labels: BTreeMap<String, String> = question.labels.iter().cloned().collect();
            Some(AskedWorkload { namespace, kind, name, labels })
        }
        None => None,
    };
    policy_of_path(&question.path, workload.as_ref(), operator(common)?.as_ref())
}

/// The operator's layer, where a configuration is named.
fn operator(common: &Common) -> Result<Option<PolicyFile>, Vec<Problem>> {
    if common.config.is_none() {
        return Ok(None);
    }
    Ok(read_config(&Options { config: common.config.clone(), ..Options::default() })?.policy)
}

fn finish(policy: &PathPolicy, text: &str, output: Output, common: &Common) -> Outcome {
    print(text);
    warnings(&policy.problems);
    if output == Output::Table && !common.quiet {
        if !policy.undecided.is_empty() {
            let undecided = terminal_line(&policy.undecided.join(", "));
            hint(&format!("left out, because it depends on the workload: {undecided}; name one with --for"));
        }
        if common.config.is_none() {
            hint("without --config kubeopt.yaml the operator's layer is not part of it");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn yaml(policy: &PathPolicy) -> Result<String, Vec<Problem>> {
    serde_yaml::to_string(policy).map_err(|error| own_fault(&error))
}

fn table(policy: &PathPolicy) -> String {
    let mut table = plain();
    table.set_header(vec!["KEY", "VALUE", "SET BY"]);
    for key in &policy.keys {
        let by = key.set_by.as_deref().unwrap_or("default");
        table.add_row(vec![key.key.clone(), shown(&key.value), terminal_line(by)]);
    }
    format!("{}\n\n{}\n", headline(policy), trimmed(&table))
}

/// What was asked, its environment, and the files that speak of it.
fn headline(policy: &PathPolicy) -> String {
    let mut parts = vec![terminal_line(&policy.path)];
    parts.extend(policy.workload.as_deref().map(terminal_line));
    parts.push(match &policy.environment {
        Some(known) => format!("{} ({})", known.environment.as_str(), terminal_line(&known.by)),
        None => "no environment known".to_owned(),
    });
    parts.push(match policy.layers.len() {
        0 => "no policy file".to_owned(),
        _ => terminal_line(&policy.layers.join(", ")),
    });
    parts.join(" · ")
}

/// Each key with all that was said of it, one line a statement.
fn explained(keys: &[ExplainedKey]) -> String {
    let mut text = String::new();
    for key in keys {
        // Writing to a String cannot fail.
        let _ = writeln!(text, "{} = {}   ({})", key.key, shown(&key.value), rule(key));
        for said in &key.said {
            let at = terminal_line(&said.at);
            let _ =
                writeln!(text, "  {at}: {} - {}", shown(&said.value), terminal_line(&why(&said.standing)));
        }
        let used =
            if key.said.iter().any(|said| said.standing == Standing::Counts) { "" } else { " - counts" };
        let _ = writeln!(text, "  default: {}{used}", shown(&key.default));
    }
    text
}

fn rule(key: &ExplainedKey) -> &'static str {
    match (key.key.as_str(), key.merge) {
        ("blackouts" | "findings.silences", _) => "guardrail: those of all layers add up",
        (_, "guardrail") => "guardrail: the most careful layer counts",
        (_, _) => "preference: the nearest layer that may set it counts",
    }
}

fn why(standing: &Standing) -> String {
    match standing {
        Standing::Counts => "counts".to_owned(),
        Standing::Nearer(by) => format!("{by} is nearer"),
        Standing::Careful(by) => format!("no more careful than {by}"),
        Standing::NotAllowed(by) => format!("not taken: {by} does not hold it"),
    }
}

/// A value as one would write it in the file.
fn shown(value: &Value) -> String {
    let text = match value {
        Value::Null => "-".to_owned(),
        Value::String(text) => text.clone(),
        Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => value.to_string(),
    };
    terminal_line(&text)
}

#[cfg(test)]
mod tests {
    use kubeopt_runtime::policy_files::Said;
    use serde_json::json;

    use super::*;

    fn key(said: Vec<Said>, value: Value) -> ExplainedKey {
        let key = "sizing.cpu.quantile".to_owned();
        ExplainedKey { key, merge: "preference", value, default: json!(0.98), set_by: None, said }
    }

    #[test]
    fn each_statement_is_a_line_that_says_why_it_counts_or_not() {
        let say = |at: &str, value: f64, standing: Standing| Said {
            at: at.to_owned(),
            value: json!(value),
            standing,
        };
        let text = explained(&[key(
            vec![
                say("kubeopt.yaml:3", 0.9, Standing::Nearer(".kubeopt.yaml:2".to_owned())),
                say(".kubeopt.yaml:2", 0.95, Standing::Counts),
                say(
                    "a\u{1b}[31m/.kubeopt.yaml:1",
                    0.5,
                    Standing::NotAllowed("`allowedOverrides` of kubeopt.yaml:9".to_owned()),
                ),
            ],
            json!(0.95),
        )]);
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(
            lines[..3],
            [
                "sizing.cpu.quantile = 0.95   (preference: the nearest layer that may set it counts)",
                "  kubeopt.yaml:3: 0.9 - .kubeopt.yaml:2 is nearer",
                "  .kubeopt.yaml:2: 0.95 - counts",
            ]
        );
        assert!(lines[3].ends_with("0.5 - not taken: `allowedOverrides` of kubeopt.yaml:9 does not hold it"));
        assert!(!text.contains('\u{1b}'), "names come from outside");
        assert_eq!(lines[4], "  default: 0.98");
        assert!(explained(&[key(Vec::new(), json!(0.98))]).ends_with("  default: 0.98 - counts\n"));
    }

    #[test]
    fn a_value_is_shown_as_it_is_written() {
        for (value, text) in [
            (json!("75%"), "75%"),
            (json!(null), "-"),
            (json!(true), "true"),
            (json!(["kubeopt"]), "[\"kubeopt\"]"),
        ] {
            assert_eq!(shown(&value), text);
        }
        assert!(label("app=web=1").is_ok_and(|label| label.1 == "web=1") && label("app").is_err());
    }
}
