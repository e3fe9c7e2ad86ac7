//! What the generators of an ApplicationSet give: lists, the repository's own folders and files, and the products of two.

use serde_json::Value;

use super::at_hand::AtHand;
use super::described::{list, text};
use super::git_generator;
use super::placeholders::{CHILDREN_MAX, Dialect, Params, fill};

/// Generators within generators. Argo CD takes two levels.
const LEVELS_MAX: usize = 3;

/// Kinds of generators, in the order of Argo CD's documentation.
const KINDS: [&str; 9] = [
    "list",
    "clusters",
    "git",
    "matrix",
    "merge",
    "scmProvider",
    "clusterDecisionResource",
    "pullRequest",
    "plugin",
];

/// What all generators of a set give, in their order.
#[derive(Debug, Default)]
pub(super) struct Generated {
    pub(super) params: Vec<Params>,
    /// What is not expanded, as sentences.
    pub(super) problems: Vec<String>,
}

/// Runs the generators of a set.
pub(super) fn generated(spec: &Value, dialect: Dialect, at_hand: AtHand<'_>) -> Generated {
    let mut all = Generated::default();
    let run = Run { dialect, at_hand };
    for generator in list(spec, "generators") {
        match run.one(generator, 0) {
            Ok(params) => all.params.extend(params),
            Err(why) => all.problems.push(why),
        }
    }
    all
}

#[derive(Clone, Copy)]
struct Run<'a> {
    dialect: Dialect,
    at_hand: AtHand<'a>,
}

impl Run<'_> {
    fn one(self, generator: &Value, level: usize) -> Result<Vec<Params>, String> {
        if level >= LEVELS_MAX {
            return Err("its generators are nested too deep".to_owned());
        }
        let kind = KINDS.into_iter().find(|kind| generator.get(kind).is_some_and(Value::is_object));
        let kind = kind.ok_or("one of its generators is of no known kind")?;
        let body = generator.get(kind).unwrap_or(&Value::Null);
        if is_filled(generator.get("selector")) || is_filled(body.get("template")) {
            return Err(format!(
                "the generator `{kind}` has a selector or a template of its own, which is not applied"
            ));
        }
        match kind {
            "list" => self.list(body),
            "git" => git_generator::params(body, self.dialect, self.at_hand),
            "matrix" => self.matrix(body, level),
            _ => {
                Err(format!("its generator `{kind}` is not expanded: what it gives is not in the repository"))
            }
        }
    }

    fn list(self, body: &Value) -> Result<Vec<Params>, String> {
        if text(body, "elementsYaml").is_some() {
            return Err("`elementsYaml` of a list is not expanded".to_owned());
        }
        list(body, "elements").iter().map(|element| self.element(element)).collect()
    }

    fn element(self, element: &Value) -> Result<Params, String> {
        let element = element.as_object().ok_or("an element of a list is not a mapping")?;
        if self.dialect == Dialect::Go {
            return Ok(element.clone());
        }
        let mut params = Params::new();
        for (key, value) in element {
            match value {
                Value::String(text) => drop(params.insert(key.clone(), Value::from(text.as_str()))),
                Value::Object(values) if key == "values" => {
                    let named = values.iter().map(|(key, value)| (format!("values.{key}"), value.clone()));
                    params.extend(named);
                }
                Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
                    return Err(format!(
                        "`{key}` of an element is no text, which a set without `goTemplate` does not take"
                    ));
                }
            }
        }
        Ok(params)
    }

    /// Everything that the second gives, for everything that the first gives; the second may refer to the first.
    fn matrix(self, body: &Value, level: usize) -> Result<Vec<Params>, String> {
        let [first, second] = list(body, "generators") else {
            return Err("a matrix is made of two generators".to_owned());
        };
        let mut all = Vec::new();
        for outer in self.one(first, level + 1)? {
            let filled = fill(second, &outer, self.dialect);
            if let Some(left) = filled.left {
                return Err(format!("`{left}` of a generator is not expanded"));
            }
            for inner in self.one(&filled.value, level + 1)? {
                let mut params = outer.clone();
                join(&mut params, inner);
                all.push(params);
                if all.len() > CHILDREN_MAX {
                    return Err(format!("a matrix makes more than {CHILDREN_MAX} Applications"));
                }
            }
        }
        Ok(all)
    }
}

/// The second's values win.
fn join(params: &mut Params, more: Params) {
    for (key, value) in more {
        match (params.get_mut(&key), value) {
            (Some(Value::Object(own)), Value::Object(more)) => join(own, more),
            (_, value) => drop(params.insert(key, value)),
        }
    }
}

fn is_filled(value: Option<&Value>) -> bool {
    value.is_some_and(|value| match value {
        Value::Object(map) => map.values().any(|value| is_filled(Some(value))),
        Value::Array(items) => !items.is_empty(),
        Value::String(text) => !text.is_empty(),
        Value::Null => false,
        Value::Bool(_) | Value::Number(_) => true,
    })
}
