//! One layer, reduced to what it says of one path or workload, and which layers may set what. Knows no key.

use std::fmt;

use kubeopt_model::policy::Environment;
use kubeopt_model::{EffectivePolicy, Problem};

use crate::policy::allowed::{DEFAULT_ALLOWED, SILENCES, covers};
use crate::policy::asked::Asked;
use crate::policy::document::Override;
use crate::policy::file::Rules;
use crate::policy::finding_words::SilenceWords;
use crate::policy::layer::Layer;
use crate::policy::selector::Selectors;
use crate::text::At;

/// Where a value was said: `apps/.kubeopt.yaml:4`, or `kubeopt:jvm (apps/.kubeopt.yaml:1)` for one of a preset.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Origin<'a> {
    layer: &'a Layer,
    line: usize,
    preset: Option<&'a str>,
}

impl fmt::Display for Origin<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.preset {
            Some(preset) => write!(f, "{preset} ({})", self.layer.at(self.line)),
            None => f.write_str(&self.layer.at(self.line)),
        }
    }
}

impl Origin<'_> {
    /// The preset that said it, if one did.
    pub(crate) fn preset(&self) -> Option<&str> {
        self.preset
    }

    /// A problem at this line.
    pub(crate) fn problem(&self, code: &str, text: String, help: String) -> Problem {
        Problem::new(code, text, help).at(&self.layer.name, Some(self.line))
    }
}

/// The `allowedOverrides` that does not hold a key.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Ban<'a> {
    /// A list of the operator.
    List(Origin<'a>),
    /// The default, because no operator wrote a list.
    Default,
}

impl fmt::Display for Ban<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::List(origin) => write!(f, "`allowedOverrides` of {origin}"),
            Self::Default => write!(f, "`allowedOverrides` ({} by default)", DEFAULT_ALLOWED.join(", ")),
        }
    }
}

/// One layer, reduced to what it says of the subject.
pub(crate) struct Layered<'a> {
    layer: &'a Layer,
    environment: Option<Environment>,
    /// From the farthest to the nearest.
    statements: Vec<Statement<'a>>,
}

/// Rules that stand together: those of the preset, of the file, or of one override.
struct Statement<'a> {
    rules: std::borrow::Cow<'a, Rules>,
    preset: Option<&'a At<String>>,
}

impl<'a> Layered<'a> {
    /// What a layer says where all overrides that speak of the subject count.
    pub(crate) fn new(layer: &'a Layer, asked: Asked<'_>, environment: Option<Environment>) -> Self {
        Self::with(layer, environment, |each| {
            each.matching.as_ref().is_some_and(|matching| matching.value.matches(asked, environment))
        })
    }

    /// Everything that a layer says of anything.
    pub(crate) fn of_all(layer: &'a Layer) -> Self {
        Self::with(layer, None, |_| true)
    }

    fn with(layer: &'a Layer, environment: Option<Environment>, counts: impl Fn(&Override) -> bool) -> Self {
        use std::borrow::Cow::{Borrowed, Owned};
        let file = &layer.file;
        let preset = file
            .preset
            .as_ref()
            .map(|(extends, rules)| Statement { rules: Borrowed(rules), preset: Some(extends) });
        let own = Statement { rules: Borrowed(&file.rules), preset: None };
        let overrides = file.overrides.iter().map(|each| &each.value).filter(|each| counts(each));
        let overrides = overrides.map(|each| Statement { rules: Owned(rules_of(each)), preset: None });
        Self { layer, environment, statements: preset.into_iter().chain([own]).chain(overrides).collect() }
    }

    /// Every statement of this layer on a key, the nearest last.
    pub(crate) fn all<'s, T: 's>(
        &'s self,
        get: fn(&Rules) -> Option<&At<T>>,
    ) -> impl Iterator<Item = (&'s At<T>, Origin<'s>)> {
        self.statements.iter().filter_map(move |statement| {
            let at = get(&statement.rules)?;
            Some((at, self.origin(statement.preset, at.line)))
        })
    }

    fn origin<'s>(&'s self, preset: Option<&'s At<String>>, line: usize) -> Origin<'s> {
        Origin {
            layer: self.layer,
            line: preset.map_or(line, |extends| extends.line),
            preset: preset.map(|extends| extends.value.as_str()),
        }
    }

    /// Why this layer may not set a preference, if it may not: of the lists that operators wrote, one does not hold it.
    /// Operators are not bound by each other's lists.
    pub(crate) fn ban<'s>(&self, path: &str, all: &'s [Layered<'_>]) -> Option<Ban<'s>> {
        if self.layer.file.is_operators() {
            return None;
        }
        let holds = |list: &[String]| list.iter().any(|entry| covers(entry, path));
        let mut lists = all.iter().filter_map(Layered::allowed).peekable();
        if lists.peek().is_none() {
            let held = DEFAULT_ALLOWED.iter().any(|entry| covers(entry, path));
            return (!held).then_some(Ban::Default);
        }
        lists.find(|(list, _)| !holds(list)).map(|(_, origin)| Ban::List(origin))
    }

    fn allowed(&self) -> Option<(&[String], Origin<'_>)> {
        let at = self.layer.file.allowed_overrides.as_ref()?;
        Some((&at.value, self.origin(None, at.line)))
    }

    /// The selector or exclusion by which this layer says nothing may be proposed, as it is shown.
    pub(crate) fn unselected(&self, asked: Asked<'_>) -> Option<String> {
        let file = &self.layer.file;
        let unselected = file.selectors.as_ref().filter(|at| !at.value.all_match(asked, &file.folder));
        let excluded = file.exclude.as_ref().filter(|at| at.value.any_matches(asked, &file.folder));
        let (key, at) = unselected.map(|at| ("selectors", at)).or(excluded.map(|at| ("exclude", at)))?;
        Some(self.shown(key, at))
    }

    /// What cannot be told of a path alone: it depends on the workload.
    pub(crate) fn undecided(&self) -> Vec<String> {
        let file = &self.layer.file;
        let selectors = [("selectors", &file.selectors), ("exclude", &file.exclude)];
        let selectors = selectors.into_iter().filter_map(|(key, at)| {
            at.as_ref().filter(|at| at.value.depends_on_workload()).map(|at: &At<Selectors>| (key, at.line))
        });
        let overrides = file.overrides.iter().map(|at| ("overrides", at.line));
        selectors.chain(overrides).map(|(key, line)| format!("`{key}` of {}", self.layer.at(line))).collect()
    }

    fn shown<T>(&self, key: &str, at: &At<T>) -> String {
        format!("`{key}` of {}", self.layer.at(at.line))
    }

    /// Adds the blackouts of this layer to those of the others.
    pub(crate) fn add_blackouts(&self, policy: &mut EffectivePolicy) {
        for statement in &self.statements {
            for at in statement.rules.blackouts.iter().flat_map(|blackouts| &blackouts.value) {
                let Some((cron, duration)) = at.value.cron.as_ref().zip(at.value.duration.as_ref()) else {
                    continue;
                };
                let zone = at.value.timezone.as_ref().map(|zone| zone.value.0.clone());
                policy.blackouts.push(kubeopt_model::policy::Blackout {
                    cron: cron.value.0.clone(),
                    seconds: duration.value.0,
                    timezone: zone.unwrap_or_else(|| "UTC".to_owned()),
                    reason: at.value.reason.as_ref().map(|reason| reason.value.clone()),
                });
                let index = policy.blackouts.len() - 1;
                let origin = self.origin(statement.preset, at.line);
                policy.set_by.insert(format!("blackouts[{index}]"), origin.to_string());
            }
        }
    }
}

impl Layered<'_> {
    /// Adds the silences of this layer that speak of what is asked to those of the others, where the operator lets it set
    /// them: a silence without an end would switch findings off.
    pub(crate) fn add_silences(&self, policy: &mut EffectivePolicy, asked: Asked<'_>, all: &[Layered<'_>]) {
        if self.ban(SILENCES, all).is_some() {
            return;
        }
        for statement in &self.statements {
            for at in silences_of(statement).iter().flat_map(|silences| &silences.value) {
                let matching = at.value.matching.as_ref();
                if matching.is_some_and(|matching| !matching.value.matches(asked, self.environment)) {
                    continue;
                }
                let by = self.origin(statement.preset, at.line).to_string();
                let Some(silence) = at.value.silence(by.clone()) else { continue };
                policy.set_by.insert(format!("findings.silences[{}]", policy.findings.silences.len()), by);
                policy.findings.silences.push(silence);
            }
        }
    }

    /// Where this layer silences findings.
    pub(crate) fn silence_origins(&self) -> Vec<Origin<'_>> {
        let all = self.statements.iter().filter_map(|statement| Some((statement, silences_of(statement)?)));
        all.map(|(statement, at)| self.origin(statement.preset, at.line)).collect()
    }
}

fn silences_of<'s>(statement: &'s Statement<'_>) -> Option<&'s At<Vec<At<SilenceWords>>>> {
    statement.rules.findings.as_ref()?.value.silences.as_ref()
}

fn rules_of(each: &Override) -> Rules {
    Rules {
        enabled: each.enabled.clone(),
        sizing: each.sizing.clone(),
        changes: each.changes.clone(),
        approval: each.approval.clone(),
        auto_merge: each.auto_merge.clone(),
        watch: each.watch.clone(),
        ..Rules::default()
    }
}
