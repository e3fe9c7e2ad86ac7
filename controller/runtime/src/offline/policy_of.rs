//! `kubeopt policy`: which policy holds for a file or folder of a checkout, who set each key, and whether a file is right.
//! Reads the working tree, because it is asked before a commit; a pass reads the base branch.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::{Path, PathBuf};

use kubeopt_api::policy::{
    Asked, ExplainedKey, KnownEnvironment, OPERATOR_LAYER, POLICY_FILE_NAME, explain_policy, not_allowed,
    policy_paths,
};
use kubeopt_api::{Config, Layer, PolicyFile, Subject};
use kubeopt_model::{Namespace, ObjectName, Problem, RepoPath, WorkloadKind};
use serde::Serialize;

use crate::codes;

/// One byte more than the parser takes, so that it tells a file that is too large.
const MOST_BYTES: u64 = (1 << 20) + 1;

/// The workload that a policy is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AskedWorkload {
    /// Namespace.
    pub namespace: Namespace,
    /// Kind.
    pub kind: WorkloadKind,
    /// Name.
    pub name: ObjectName,
    /// Labels of the workload.
    pub labels: BTreeMap<String, String>,
}

/// The policy of one path.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PathPolicy {
    /// The file or folder, relative to the root of its repository; `.` for the root.
    pub path: String,
    /// `payments/deploy/api`, where a workload was asked for.
    pub workload: Option<String>,
    /// The environment, if anything tells one.
    pub environment: Option<KnownEnvironment>,
    /// The files that were read, the farthest first.
    pub layers: Vec<String>,
    /// Every key with its value and what each layer said of it.
    pub keys: Vec<ExplainedKey>,
    /// What depends on the workload and was left out.
    pub undecided: Vec<String>,
    /// What has no effect, and why.
    pub problems: Vec<Problem>,
}

/// The policy of a file or folder, for one workload or for any.
///
/// # Errors
/// When there is no such path, or all problems of the policy files that speak of it: nothing below a wrong file is edited.
pub fn policy_of_path(
    path: &Path,
    workload: Option<&AskedWorkload>,
    operator: Option<&PolicyFile>,
) -> Result<PathPolicy, Vec<Problem>> {
    let (root, within, file) = find(path).map_err(|problem| vec![problem])?;
    let operators: Vec<Layer> = operator
        .map(|file| Layer { name: OPERATOR_LAYER.to_owned(), file: file.clone() })
        .into_iter()
        .collect();
    let own = read_layers(&root, &file)?;
    let mut problems = Vec::new();
    for layer in &own {
        problems.extend(layer.file.warnings().iter().cloned());
        problems.extend(not_allowed(&operators, layer));
    }
    let layers: Vec<Layer> = operators.into_iter().chain(own).collect();
    let explained = match workload {
        Some(AskedWorkload { namespace, kind, name, labels }) => {
            let subject = Subject { path: &file, namespace, kind: *kind, name, labels };
            explain_policy(&layers, Asked::Workload(&subject))
        }
        None => explain_policy(&layers, Asked::Path(&file)),
    };
    Ok(PathPolicy {
        path: within.to_string(),
        workload: workload.map(|asked| format!("{}/{}/{}", asked.namespace, asked.kind.short(), asked.name)),
        environment: explained.environment,
        layers: layers.into_iter().map(|layer| layer.name).collect(),
        keys: explained.keys,
        undecided: explained.undecided,
        problems,
    })
}

/// A file that was read without an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ValidFile {
    /// What it was read as: `repository policy`, `policy of a cluster`, `configuration`.
    pub what: &'static str,
    /// What has no effect, and why.
    pub warnings: Vec<Problem>,
}

/// Reads a file as what its name and its keys say: `kubeopt.yaml` and a file with clusters, forges or bindings is the
/// controller's configuration, a manifest of a `RightsizingPolicy` is one, and everything else is a repository's policy. With the operator's layer, keys that it does not allow are told too.
///
/// # Errors
/// Every problem of the file, each with its line and the next step.
pub fn validate_policy(path: &Path, operator: Option<&PolicyFile>) -> Result<ValidFile, Vec<Problem>> {
    let shown = path.to_string_lossy().into_owned();
    let text = read_text(path, &shown)?;
    if path.file_name().is_some_and(|name| name == OPERATOR_LAYER) || is_configuration(&text) {
        let config = Config::parse(&text, &shown, kubeopt_policy::PRESETS)?;
        return Ok(ValidFile { what: "configuration", warnings: config.warnings });
    }
    if PolicyFile::is_manifest(&text) {
        let file = PolicyFile::parse_manifest(&text, &shown, kubeopt_policy::PRESETS)?;
        return Ok(ValidFile { what: "policy of a cluster", warnings: file.warnings().to_vec() });
    }
    let file = PolicyFile::parse(&text, &shown, kubeopt_policy::PRESETS)?;
    let operators: Vec<Layer> = operator
        .map(|file| Layer { name: OPERATOR_LAYER.to_owned(), file: file.clone() })
        .into_iter()
        .collect();
    let mut warnings = file.warnings().to_vec();
    warnings.extend(not_allowed(&operators, &Layer { name: shown, file }));
    Ok(ValidFile { what: "repository policy", warnings })
}

/// Whether a file of another name is a configuration: it has a key that no policy has.
fn is_configuration(text: &str) -> bool {
    let keys = ["clusters:", "forges:", "bindings:"];
    text.lines().any(|line| keys.iter().any(|key| line.starts_with(key)))
}

/// The root of the repository, the path within it, and the file that stands for it: a folder is asked as a file in it.
fn find(path: &Path) -> Result<(PathBuf, RepoPath, RepoPath), Problem> {
    let asked = std::fs::canonicalize(path).map_err(|error| {
        let text = format!("unable to look at {}: {error}", path.display());
        Problem::new(codes::NO_FOLDER, text, "name a file or folder of a checkout")
    })?;
    let is_folder = asked.is_dir();
    let folder = if is_folder { asked.as_path() } else { asked.parent().unwrap_or(&asked) };
    let root = folder.ancestors().find(|folder| folder.join(".git").exists()).unwrap_or(folder).to_owned();
    let invalid = |why: String| Problem::new(codes::NO_FOLDER, why, "rename the folder");
    let within = asked.strip_prefix(&root).ok().and_then(Path::to_str);
    let within = within.ok_or_else(|| invalid(format!("the path {} is no UTF-8", path.display())))?;
    let within = RepoPath::new(within).map_err(|error| invalid(error.to_string()))?;
    let file = if is_folder {
        within.join(POLICY_FILE_NAME).map_err(|error| invalid(error.to_string()))?
    } else {
        within.clone()
    };
    Ok((root, within, file))
}

/// The policy files that speak of a file, from the root down.
fn read_layers(root: &Path, file: &RepoPath) -> Result<Vec<Layer>, Vec<Problem>> {
    let (mut layers, mut problems) = (Vec::new(), Vec::new());
    for place in policy_paths(file) {
        let path = root.join(place.as_str());
        // A link is no file of the repository: a pass does not follow it either.
        if !std::fs::symlink_metadata(&path).is_ok_and(|there| there.is_file()) {
            continue;
        }
        let read = read_text(&path, place.as_str())
            .and_then(|text| PolicyFile::parse(&text, place.as_str(), kubeopt_policy::PRESETS));
        match read {
            Ok(file) => layers.push(Layer { name: place.to_string(), file }),
            Err(found) => problems.extend(found),
        }
    }
    if problems.is_empty() { Ok(layers) } else { Err(problems) }
}

fn read_text(path: &Path, shown: &str) -> Result<String, Vec<Problem>> {
    let mut bytes = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(MOST_BYTES).read_to_end(&mut bytes));
    read.map_err(|error| {
        let text = format!("unable to read the policy file: {error}");
        vec![Problem::new(codes::POLICY_FILE, text, "name a file that may be read").at(shown, None)]
    })?;
    String::from_utf8(bytes).map_err(|_| {
        let text = "the policy file is not UTF-8 text";
        vec![Problem::new(codes::POLICY_FILE, text, "save it as UTF-8").at(shown, None)]
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot write its files has failed")]

    use super::*;

    fn checkout(files: &[(&str, &str)]) -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(".git")).unwrap();
        for (name, text) in files {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        folder
    }

    fn operator(policy: &str) -> PolicyFile {
        let text = format!("policy: {policy}");
        Config::parse(&text, "kubeopt.yaml", kubeopt_policy::PRESETS).unwrap().policy.unwrap()
    }

    fn set_by(policy: &PathPolicy, key: &str) -> (String, Option<String>) {
        let found = policy.keys.iter().find(|each| each.key == key).unwrap();
        (found.value.to_string(), found.set_by.clone())
    }

    #[test]
    fn a_file_and_its_folder_have_the_policy_of_all_folders_above() {
        let repository = checkout(&[
            (".kubeopt.yaml", "changes: {maxDecrease: 60%}\nsizing: {cpu: {quantile: 0.9}}\n"),
            ("apps/payments/.kubeopt.yaml", "sizing:\n  cpu: {quantile: 0.99}\n"),
            ("apps/payments/api.yaml", "kind: Deployment\n"),
            ("apps/web/api.yaml", "kind: Deployment\n"),
        ]);
        let ask = |path: &str| policy_of_path(&repository.path().join(path), None, None).unwrap();
        for path in ["apps/payments", "apps/payments/api.yaml"] {
            let policy = ask(path);
            assert_eq!((policy.path.as_str(), policy.layers.len()), (path, 2));
            let by = Some("apps/payments/.kubeopt.yaml:2".to_owned());
            assert_eq!(set_by(&policy, "sizing.cpu.quantile"), ("0.99".to_owned(), by));
        }
        let web = ask("apps/web");
        assert_eq!(web.layers, [".kubeopt.yaml"]);
        assert_eq!(
            set_by(&web, "sizing.cpu.quantile"),
            ("0.9".to_owned(), Some(".kubeopt.yaml:2".to_owned()))
        );
        assert_eq!(ask(".").path, ".");
        assert_eq!(web.environment, None);
    }

    #[test]
    fn an_override_counts_for_its_workload_and_is_named_for_a_path() {
        let text =
            "overrides:\n  - match: {environment: prod, labels: {tier: a}}\n    changes: {maxDecrease: 5%}\n";
        let repository = checkout(&[(".kubeopt.yaml", text)]);
        let any = policy_of_path(repository.path(), None, None).unwrap();
        assert_eq!(any.undecided, ["`overrides` of .kubeopt.yaml:2"]);
        assert_eq!(set_by(&any, "changes.maxDecrease").1, None);
        let workload = AskedWorkload {
            namespace: Namespace::new("payments-prod").unwrap(),
            kind: WorkloadKind::Deployment,
            name: ObjectName::new("api").unwrap(),
            labels: BTreeMap::from([("tier".to_owned(), "a".to_owned())]),
        };
        let api = policy_of_path(repository.path(), Some(&workload), None).unwrap();
        assert_eq!((api.workload.as_deref(), api.undecided.len()), (Some("payments-prod/deploy/api"), 0));
        assert_eq!(set_by(&api, "changes.maxDecrease").1.as_deref(), Some(".kubeopt.yaml:3"));
        assert_eq!(api.environment.unwrap().by, "namespace payments-prod");
    }

    #[test]
    fn what_the_operator_keeps_is_told_by_line_and_not_taken() {
        let repository = checkout(&[(".kubeopt.yaml", "sizing:\n  strategy: vpa\n")]);
        let operator = operator("{allowedOverrides: [pullRequests]}");
        let policy = policy_of_path(repository.path(), None, Some(&operator)).unwrap();
        assert_eq!(policy.layers, ["kubeopt.yaml", ".kubeopt.yaml"]);
        assert_eq!(set_by(&policy, "sizing.strategy"), ("\"kubeopt\"".to_owned(), None));
        let told: Vec<_> =
            policy.problems.iter().map(|told| (told.code.as_str(), told.place.clone())).collect();
        assert_eq!((told.len(), told[0].0), (1, "E-POL-011"));
        assert_eq!(told[0].1.as_ref().unwrap().to_string(), ".kubeopt.yaml:2");
        let file = repository.path().join(".kubeopt.yaml");
        assert_eq!(validate_policy(&file, Some(&operator)).unwrap().warnings.len(), 1);
        assert_eq!(validate_policy(&file, None).unwrap().warnings, []);
    }

    #[test]
    fn a_wrong_file_anywhere_above_is_an_error_with_its_line_and_the_nearest_key() {
        let repository = checkout(&[
            (".kubeopt.yaml", "sizing:\n  cpu: {quantil: 0.9}\n"),
            ("apps/.kubeopt.yaml", "enabled: maybe\n"),
        ]);
        let problems = policy_of_path(&repository.path().join("apps"), None, None).unwrap_err();
        let places: Vec<_> = problems.iter().map(|each| each.place.as_ref().unwrap().to_string()).collect();
        assert_eq!(places, [".kubeopt.yaml:2", "apps/.kubeopt.yaml:1"]);
        assert_eq!(problems[0].help, "did you mean `quantile`?");
        let alone = validate_policy(&repository.path().join(".kubeopt.yaml"), None).unwrap_err();
        assert_eq!((alone.len(), alone[0].code.as_str()), (1, "E-POL-002"));
    }

    #[test]
    fn the_sample_is_taken_as_it_is() {
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../examples/.kubeopt.yaml");
        assert_eq!(validate_policy(&sample, None).unwrap().warnings, []);
    }

    #[test]
    fn the_name_says_how_a_file_is_validated() {
        let long = format!("# {}\n", "x".repeat(1 << 20));
        let folder = checkout(&[
            ("kubeopt.yaml", "policy: {enabled: false}\n"),
            (".kubeopt.yaml", "enabled: false\n"),
            ("long.yaml", &long),
            ("cluster.yaml", include_str!("../../../../examples/rightsizing-policy.yaml")),
            ("prod.yaml", "clusters:\n  - name: prod\n"),
        ]);
        let validate = |name: &str| validate_policy(&folder.path().join(name), None);
        assert_eq!(validate("kubeopt.yaml").unwrap().what, "configuration");
        assert_eq!(validate(".kubeopt.yaml").unwrap().what, "repository policy");
        assert_eq!(validate("cluster.yaml").unwrap().what, "policy of a cluster");
        assert_eq!(validate("prod.yaml").unwrap().what, "configuration");
        assert_eq!(validate("long.yaml").unwrap_err()[0].code, "E-POL-001");
        assert_eq!(validate("absent.yaml").unwrap_err()[0].code, codes::POLICY_FILE);
    }

    #[cfg(unix)]
    #[test]
    fn a_link_is_no_policy_file() {
        let repository = checkout(&[("elsewhere.yaml", "enabled: false\n")]);
        std::os::unix::fs::symlink("elsewhere.yaml", repository.path().join(".kubeopt.yaml")).unwrap();
        let policy = policy_of_path(repository.path(), None, None).unwrap();
        assert_eq!((policy.layers.len(), set_by(&policy, "enabled").0.as_str()), (0, "true"));
    }
}
