//! Which environment a workload is in, as far as its names tell: for overrides that speak of `dev`, `staging` or `prod`, and
//! for `kubeopt policy show`. Pure: names in, a word with its reason out.
//!
//! The operator's `environments` come first. Else the namespace, labels of the workload and folders of the edited file
//! speak, and where they disagree the most careful counts: nobody gets a looser policy by renaming a folder.
//!
//! ```
//! use kubeopt_api::policy::{Environment, environment_in};
//!
//! assert_eq!(environment_in("payments-prod"), Some(Environment::Prod));
//! assert_eq!(environment_in("product-catalog"), None);
//! ```

use kubeopt_model::RepoPath;
use kubeopt_model::policy::Environment;
use serde::Serialize;

use crate::policy::asked::Asked;
use crate::policy::layer::Layer;

/// An environment, and how it is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct KnownEnvironment {
    /// Which.
    pub environment: Environment,
    /// `namespace payments-prod`, `label env=prod`, `folder prod`, or ``environments` of kubeopt.yaml:7`.
    pub by: String,
}

/// Labels that say an environment, as charts and tracing libraries set them.
const LABELS: [&str; 3] = ["environment", "env", "tags.datadoghq.com/env"];

/// Words of names, each with what it means.
const WORDS: [(Environment, &[&str]); 3] = [
    (
        Environment::Dev,
        &["dev", "develop", "development", "test", "testing", "qa", "sandbox", "preview", "nonprod"],
    ),
    (Environment::Staging, &["staging", "stage", "stg", "uat", "preprod", "preproduction", "acceptance"]),
    (Environment::Prod, &["prod", "production", "prd", "live"]),
];

/// The environment that a name tells, by its words between `-`, `_`, `.` and the like; the most careful of several.
pub fn environment_in(name: &str) -> Option<Environment> {
    let lower = name.to_ascii_lowercase();
    let words: Vec<&str> =
        lower.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()).collect();
    let before = |index: usize| index.checked_sub(1).map(|before| words[before]);
    let means = |(index, word): (usize, &&str)| {
        let (environment, _) = WORDS.iter().find(|(_, words)| words.contains(word))?;
        match (environment, before(index)) {
            (Environment::Prod, Some("non" | "not" | "no")) => Some(Environment::Dev),
            (Environment::Prod, Some("pre")) => Some(Environment::Staging),
            (environment, _) => Some(*environment),
        }
    };
    words.iter().enumerate().filter_map(means).max()
}

/// The environment of what is asked, if anything tells one. Only operators' layers may map environments.
pub fn environment_of(layers: &[Layer], asked: Asked<'_>) -> Option<KnownEnvironment> {
    let mapped = layers.iter().filter_map(|layer| mapped(layer, asked)).max_by_key(|known| known.environment);
    if mapped.is_some() {
        return mapped;
    }
    let workload = asked.workload();
    let namespace = workload.and_then(|workload| {
        known(workload.namespace.as_str(), |_| format!("namespace {}", workload.namespace))
    });
    let labels = workload.into_iter().flat_map(|workload| {
        LABELS.iter().filter_map(|key| {
            let value = workload.labels.get(*key)?;
            known(value, |value| format!("label {key}={value}"))
        })
    });
    let all = namespace.into_iter().chain(labels).chain(in_path(asked.path()));
    // `max_by_key` gives the last of equals; the first is what people look at first.
    all.reduce(|best, next| if next.environment > best.environment { next } else { best })
}

fn known(name: &str, by: impl FnOnce(&str) -> String) -> Option<KnownEnvironment> {
    environment_in(name).map(|environment| KnownEnvironment { environment, by: by(name) })
}

/// The nearest part of a path that tells: the file's own name, then its folders.
fn in_path(path: &RepoPath) -> Option<KnownEnvironment> {
    let mut parts = path.as_str().rsplit('/');
    let file = parts.next().and_then(|name| known(name, |name| format!("file {name}")));
    file.or_else(|| parts.find_map(|name| known(name, |name| format!("folder {name}"))))
}

fn mapped(layer: &Layer, asked: Asked<'_>) -> Option<KnownEnvironment> {
    let entries =
        layer.file.environments.iter().filter(|entry| entry.value.speaks_of(asked, &layer.file.folder));
    let entries = entries.filter_map(|entry| {
        let environment = entry.value.name.as_ref()?.value.into();
        Some(KnownEnvironment { environment, by: format!("`environments` of {}", layer.at(entry.line)) })
    });
    entries.max_by_key(|known| known.environment)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_tells_its_environment_by_whole_words() {
        use Environment::{Dev, Prod, Staging};
        for (name, environment) in [
            ("dev", Some(Dev)),
            ("payments-development", Some(Dev)),
            ("QA_2", Some(Dev)),
            ("non-prod", Some(Dev)),
            ("nonprod-eu", Some(Dev)),
            ("staging", Some(Staging)),
            ("pre-prod", Some(Staging)),
            ("preprod", Some(Staging)),
            ("eu.stage.1", Some(Staging)),
            ("prod", Some(Prod)),
            ("Production", Some(Prod)),
            ("values-prod.yaml", Some(Prod)),
            ("prod-eu-dev-tools", Some(Prod)),
            ("product", None),
            ("devices", None),
            ("latest", None),
            ("delivery", None),
            ("", None),
            ("---", None),
        ] {
            assert_eq!(environment_in(name), environment, "{name}");
        }
    }

    #[test]
    fn the_nearest_part_of_a_path_counts() {
        let told = |path: &str| {
            in_path(&RepoPath::new(path).expect("a path")).map(|known| (known.environment.as_str(), known.by))
        };
        assert_eq!(told("apps/api/overlays/prod/patch.yaml"), Some(("prod", "folder prod".to_owned())));
        assert_eq!(told("prod/apps/dev/api.yaml"), Some(("dev", "folder dev".to_owned())));
        assert_eq!(told("dev/values-prod.yaml"), Some(("prod", "file values-prod.yaml".to_owned())));
        assert_eq!(told("apps/api/base/deployment.yaml"), None);
        assert_eq!(in_path(&RepoPath::root()), None);
    }
}
