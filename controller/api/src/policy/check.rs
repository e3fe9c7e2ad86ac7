//! From the keys of a policy file to a layer: what the types cannot say is checked, and the preset resolved. Knows no other layer.

use kubeopt_model::policy::Environment;
use kubeopt_model::{Problem, RepoPath};

use crate::Presets;
use crate::policy::allowed::covers;
use crate::policy::document::{Blackout, PolicyDocument, Sizing};
use crate::policy::file::{Owner, PolicyFile, Rules};
use crate::policy::finding_words::check_silences;
use crate::policy::keys;
use crate::policy::life_cycle::Rollout;
use crate::policy::selector::EnvironmentOf;
use crate::text::fault::nearest;
use crate::text::reading::shown;
use crate::text::{At, Fault, FileKind, Reading};

impl PolicyFile {
    /// Reads a repository's policy file. `path` is its path in the repository, for messages and for the globs in it.
    ///
    /// # Errors
    /// Every problem of the file, each with its line, the text of the line and the next step.
    pub fn parse(text: &str, path: &str, presets: Presets<'_>) -> Result<Self, Vec<Problem>> {
        let folder = RepoPath::new(path).ok().and_then(|path| path.parent()).unwrap_or_default();
        let read = Reading::of(text, path, FileKind::Policy, |document: PolicyDocument, reading| {
            let lines = [
                ("allowedOverrides", document.allowed_overrides.as_ref().map(|at| at.line)),
                ("environments", document.environments.as_ref().map(|at| at.line)),
            ];
            for (key, line) in lines.into_iter().filter_map(|(key, line)| Some((key, line?))) {
                reading.refuse(line, Fault::OperatorOnly { path: key.to_owned() });
            }
            check_layer(document, folder, Owner::Repository, presets, reading)
        });
        read.map(|(file, warnings)| Self { warnings, ..file })
    }
}

/// Checks what the types cannot say, and resolves the preset.
pub(crate) fn check_layer(
    document: PolicyDocument,
    folder: RepoPath,
    owner: Owner,
    presets: Presets<'_>,
    reading: &mut Reading<'_>,
) -> Option<PolicyFile> {
    let preset = match document.extends {
        Some(extends) => Some(preset_rules(extends, presets, reading)?),
        None => None,
    };
    check_sizing(document.sizing.as_ref(), reading);
    check_blackouts(document.blackouts.as_ref(), reading);
    check_order(document.rollout.as_ref(), reading);
    check_silences(document.findings.as_ref(), reading);
    let overrides = document.overrides.map(|at| at.value).unwrap_or_default();
    for each in &overrides {
        check_sizing(each.value.sizing.as_ref(), reading);
        if each.value.matching.as_ref().is_none_or(|matching| matching.value.is_empty()) {
            let help = "say which workloads: `match: {namespace: ..., kind: ..., name: ..., labels: {...}, environment: ...}`"
                .to_owned();
            reading.refuse(each.line, Fault::Missing { path: "overrides[].match".to_owned(), help });
        }
    }
    let environments = document.environments.map(|at| at.value).unwrap_or_default();
    check_environments(&environments, reading);
    let allowed_overrides =
        document.allowed_overrides.map(|at| At { line: at.line, value: check_allowed(at.value, reading) });
    Some(PolicyFile {
        folder,
        preset,
        rules: Rules {
            enabled: document.enabled,
            sizing: document.sizing,
            changes: document.changes,
            blackouts: document.blackouts,
            pull_requests: document.pull_requests,
            commits: document.commits,
            approval: document.approval,
            auto_merge: document.auto_merge,
            rollout: document.rollout,
            watch: document.watch,
            notifications: document.notifications,
            findings: document.findings,
            reasoning: document.reasoning,
        },
        selectors: document.selectors,
        exclude: document.exclude,
        overrides,
        allowed_overrides,
        environments,
        owner,
        is_object: false,
        warnings: Vec::new(),
    })
}

fn preset_rules(
    extends: At<String>,
    presets: Presets<'_>,
    reading: &mut Reading<'_>,
) -> Option<(At<String>, Rules)> {
    let name = extends.value.strip_prefix("kubeopt:");
    let found = name.and_then(|name| presets.iter().find(|(known, _)| *known == name));
    let Some((name, text)) = found else {
        let known = presets.iter().map(|(name, _)| *name);
        let help = match nearest(name.unwrap_or(&extends.value), known.clone()) {
            Some(near) => format!("did you mean `kubeopt:{near}`?"),
            None => {
                let known: Vec<String> = known.map(|name| format!("kubeopt:{name}")).collect();
                format!("presets that there are: {}", known.join(", "))
            }
        };
        reading.refuse(extends.line, Fault::UnknownPreset { name: shown(&extends.value), help });
        return None;
    };
    // Presets are ours: they extend nothing, and a test reads every one of them.
    match PolicyFile::parse(text, &format!("kubeopt:{name}"), &[]) {
        Ok(file) => Some((extends, file.rules)),
        Err(_) => {
            let help = "this is a fault of kubeopt: please report it".to_owned();
            reading.refuse(extends.line, Fault::UnknownPreset { name: (*name).to_owned(), help });
            None
        }
    }
}

fn check_sizing(sizing: Option<&At<Sizing>>, reading: &mut Reading<'_>) {
    let Some(sizing) = sizing.map(|at| &at.value) else { return };
    if let (Some(history), Some(min)) = (&sizing.history, &sizing.min_history)
        && min.value.0 > history.value.0
    {
        let text = "`sizing.minHistory` is longer than `sizing.history`".to_owned();
        let help = "look at no less history than must be there".to_owned();
        reading.refuse(min.line, Fault::Contradiction { text, help });
    }
    let cpu = sizing.cpu.as_ref().map(|at| &at.value);
    if let Some((floor, ceiling)) = cpu.and_then(|cpu| cpu.floor.as_ref().zip(cpu.ceiling.as_ref()))
        && floor.value > ceiling.value
    {
        refuse_floor(ceiling.line, "cpu", reading);
    }
    let memory = sizing.memory.as_ref().map(|at| &at.value);
    if let Some((floor, ceiling)) =
        memory.and_then(|memory| memory.floor.as_ref().zip(memory.ceiling.as_ref()))
        && floor.value > ceiling.value
    {
        refuse_floor(ceiling.line, "memory", reading);
    }
}

fn refuse_floor(line: usize, resource: &str, reading: &mut Reading<'_>) {
    let text = format!("`sizing.{resource}.ceiling` is below `sizing.{resource}.floor`");
    let help = "raise the ceiling or lower the floor".to_owned();
    reading.refuse(line, Fault::Contradiction { text, help });
}

fn check_blackouts(blackouts: Option<&At<Vec<At<Blackout>>>>, reading: &mut Reading<'_>) {
    for blackout in blackouts.iter().flat_map(|at| &at.value) {
        let missing = [
            ("cron", blackout.value.cron.is_none(), "when it begins: `cron: 0 18 * * FRI`"),
            ("duration", blackout.value.duration.is_none(), "how long it lasts: `duration: 62h`"),
        ];
        for (key, _, what) in missing.into_iter().filter(|(_, missing, _)| *missing) {
            let fault = Fault::Missing { path: format!("blackouts[].{key}"), help: format!("say {what}") };
            reading.refuse(blackout.line, fault);
        }
    }
}

/// An order that goes backwards would be followed forwards: environments are sorted by care.
fn check_order(rollout: Option<&At<Rollout>>, reading: &mut Reading<'_>) {
    let Some(order) = rollout.and_then(|at| at.value.order.as_ref()) else { return };
    let words: Vec<Environment> = order.value.iter().map(|word| (*word).into()).collect();
    if !words.is_sorted_by(|a, b| a < b) {
        let text = "`rollout.order` does not go from the least to the most careful environment".to_owned();
        let help = "write those that you have in this order: `[dev, staging, prod]`".to_owned();
        reading.refuse(order.line, Fault::Contradiction { text, help });
    }
}

fn check_environments(environments: &[At<EnvironmentOf>], reading: &mut Reading<'_>) {
    for each in environments {
        let EnvironmentOf { name, namespaces, paths } = &each.value;
        if name.is_none() {
            let help = "say which: `name: prod`".to_owned();
            reading.refuse(each.line, Fault::Missing { path: "environments[].name".to_owned(), help });
        }
        if namespaces.is_none() && paths.is_none() {
            let help = "say where: `namespaces: [...]` or `paths: [...]`".to_owned();
            reading.refuse(each.line, Fault::Missing { path: "environments[].namespaces".to_owned(), help });
        }
    }
}

/// Each entry must be a preference, a mapping that holds one, or `*`.
fn check_allowed(allowed: Vec<At<String>>, reading: &mut Reading<'_>) -> Vec<String> {
    for entry in &allowed {
        let known = keys::preference_paths();
        if entry.value != "*" && !known.iter().any(|path| covers(&entry.value, path)) {
            let help = match nearest(&entry.value, known.iter().copied()) {
                Some(near) => format!("did you mean `{near}`?"),
                None => format!("preferences that there are: {}", known.join(", ")),
            };
            let path = shown(&entry.value);
            reading.refuse(entry.line, Fault::UnknownKey { path, help });
        }
    }
    allowed.into_iter().map(|entry| entry.value).collect()
}
