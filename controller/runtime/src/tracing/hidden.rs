//! Values that something sets which is not read here, a Secret for example: the line that would set them does not count.
//!
//! Pure.

use kubeopt_model::{EditSite, Problem, Release};

use crate::codes;

/// Why a line of a release's values does not set what it says; none where it does.
pub(crate) fn hidden(site: &EditSite, release: &Release) -> Option<Problem> {
    let path = site.path.to_string();
    let ends_with =
        |name: &str| path.strip_suffix(name).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'));
    let hidden = release.hidden.iter().find(|hidden| ends_with(&hidden.name))?;
    let text = format!(
        "`{}` is set by {}, on top of this place; kubeopt reads no Secrets, and nothing that the repository does not show",
        hidden.name, hidden.what
    );
    let help = "set it by a ConfigMap of this repository or in the values of the release, and take its `targetPath` out";
    Some(Problem::new(codes::VALUES_ELSEWHERE, text, help).at(site.file.as_str(), Some(site.line)))
}

#[cfg(test)]
mod tests {
    use kubeopt_model::release::{Capabilities, ChartRef, Hidden};
    use kubeopt_model::{FieldPath, RepoPath, Step};

    use super::*;

    #[test]
    fn only_the_very_path_is_hidden() {
        let release = Release {
            object: None,
            name: "web".to_owned(),
            namespace: None,
            chart: ChartRef::Unknown(String::new()),
            values: Vec::new(),
            parameters: Vec::new(),
            hidden: vec![Hidden {
                name: "resources.requests.cpu".to_owned(),
                what: "Secret shop/sizes, key cpu".to_owned(),
            }],
            capabilities: Capabilities::default(),
            changed_after: None,
        };
        let is_hidden = |path: &str| {
            let path = FieldPath(path.split('.').map(Step::from).collect());
            let site = EditSite { path, ..EditSite::live_only(String::new()) };
            let found = hidden(&EditSite { file: RepoPath::root(), line: 3, ..site }, &release);
            found.is_some_and(|problem| problem.text.contains("Secret shop/sizes, key cpu"))
        };
        assert!(is_hidden("resources.requests.cpu"));
        assert!(is_hidden("spec.values.resources.requests.cpu"));
        assert!(!is_hidden("spec.values.adminresources.requests.cpu"));
        assert!(!is_hidden("resources.requests.memory"));
    }
}
