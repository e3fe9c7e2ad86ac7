//! What every command is made of: how it ends, what flags mean, and the edges that it works with. Knows no command.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use kubeopt_model::Problem;
use kubeopt_runtime::codes::is_usage_unread;
use kubeopt_runtime::edges::Edges;
use kubeopt_runtime::wiring::{Keep, Options, read_config, wire};

use crate::flags::{Common, Selection};
use crate::out::{problems, warnings};

/// How a command ended.
pub(crate) type Outcome = Result<ExitCode, Vec<Problem>>;

/// Runs to its end what waits for others.
pub(crate) fn in_runtime<T>(
    command: impl Future<Output = Result<T, Vec<Problem>>>,
) -> Result<T, Vec<Problem>> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let runtime =
        runtime.map_err(|error| vec![kubeopt_runtime::own_fault(&format!("no runtime: {error}"))])?;
    runtime.block_on(command)
}

/// Flags to options.
pub(crate) fn options(common: &Common, selection: &Selection) -> Options {
    Options {
        prometheus: selection.prometheus.clone(),
        prometheus_token_file: selection.prometheus_token_file.clone(),
        namespaces: selection.namespaces.clone(),
        history: selection.history.clone(),
        ..options_of_all(common)
    }
}

/// The flags that all commands have.
pub(crate) fn options_of_all(common: &Common) -> Options {
    Options {
        config: common.config.clone(),
        kubeconfig: common.kubeconfig.clone(),
        context: common.context.clone(),
        kustomize: common.kustomize.clone(),
        helm: common.helm.clone(),
        sandbox: common.sandbox.map(Into::into),
        ..Options::default()
    }
}

/// The executable itself, which is also the renderer's child.
pub(crate) fn program() -> Result<PathBuf, Vec<Problem>> {
    std::env::current_exe().map_err(|error| vec![kubeopt_runtime::own_fault(&format!("own path: {error}"))])
}

/// A program that is named and not there would otherwise be told as one that nobody named.
///
/// # Errors
/// The first of the two that leads to nothing.
pub(crate) fn named_programs(common: &Common) -> Result<(), Vec<Problem>> {
    let named = [("--kustomize", &common.kustomize, "KUSTOMIZE"), ("--helm", &common.helm, "HELM")];
    for (flag, program, variable) in named {
        if let Some(program) = program.as_ref().filter(|program| leads_nowhere(program)) {
            let text = format!("{flag} {} is no program", program.display());
            let help = format!(
                "name its file, or leave {flag} and KUBEOPT_{variable} out: it is then looked for on PATH"
            );
            return Err(vec![Problem::new(kubeopt_runtime::codes::NOT_CONFIGURED, text, help)]);
        }
    }
    Ok(())
}

/// A bare name is looked for on PATH.
fn leads_nowhere(program: &Path) -> bool {
    program.components().count() > 1 && !program.is_file()
}

/// Everything that a command needs.
pub(crate) async fn edges(common: &Common, options: &Options, keep: Keep) -> Result<Edges, Vec<Problem>> {
    named_programs(common)?;
    let config = read_config(options)?;
    if !common.quiet {
        warnings(&config.warnings);
    }
    wire(&config, options, &program()?, keep, crate::progress::for_terminal(common.quiet)).await
}

/// A value as JSON for people, with a line end.
pub(crate) fn json(value: &impl serde::Serialize) -> Result<String, Vec<Problem>> {
    let mut text = serde_json::to_string_pretty(value).map_err(|error| own_fault(&error))?;
    text.push('\n');
    Ok(text)
}

/// A fault of our own.
pub(crate) fn own_fault(error: &dyn std::fmt::Display) -> Vec<Problem> {
    vec![kubeopt_runtime::own_fault(&error.to_string())]
}

/// How a command ends that has shown what it knows: failed where usage could not be read, so that no program takes an
/// outage of Prometheus for an answer.
pub(crate) fn ended(found: &[Problem]) -> ExitCode {
    if found.iter().any(is_usage_unread) { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

/// The exit code of wrong usage, which is clap's too.
const WRONG_USAGE: u8 = 2;

/// What was typed wrong, told before anything is done.
pub(crate) fn wrong_usage(found: &Problem) -> Outcome {
    problems([found]);
    Ok(ExitCode::from(WRONG_USAGE))
}

/// Options that say nothing here are refused, so that nobody takes them for heard.
pub(crate) fn refuse_beside(given: &[(&str, bool)], beside: &str) -> Result<(), Vec<Problem>> {
    match given.iter().find(|(_, given)| *given) {
        None => Ok(()),
        Some((option, _)) => {
            let text = format!("{option} says nothing {beside}");
            Err(vec![Problem::new(kubeopt_runtime::codes::NOT_CONFIGURED, text, "leave it out")])
        }
    }
}
