//! What one entry point renders to, part by part, and what rendering needs beside files.

use std::collections::BTreeSet;

use kubeopt_gitops::render::Renderer;
use kubeopt_model::edit::ProvenBy;
use kubeopt_model::release::ReleaseObject;
use kubeopt_model::{Namespace, Problem, Release, RepoPath};

use crate::tracing::charts::Charts;
use crate::tracing::origins::Origins;
use crate::tracing::unrendered::Unrendered;

/// Charts that a proof names; the others are counted.
const CHARTS_SHOWN: usize = 5;

/// What one entry point renders to.
#[derive(Debug, Clone, Default)]
pub struct Rendering {
    /// The entry's own manifests first, then each release that is among them.
    pub parts: Vec<Part>,
    /// Releases that were not rendered, and what else could not be read; the rest was.
    pub problems: Vec<Problem>,
    /// Every file of the repository that was read.
    pub files: BTreeSet<RepoPath>,
    /// A chart that is not in the repository was read as well.
    pub from_outside: bool,
    /// What the cluster runs told which containers values are for.
    pub asks_cluster: bool,
}

/// Manifests that were made in one go.
#[derive(Debug, Clone)]
pub struct Part {
    /// The release, for manifests of a chart.
    pub release: Option<Release>,
    /// The namespace of objects that name none.
    pub namespace: Option<Namespace>,
    /// YAML documents.
    pub yaml: Vec<u8>,
    /// The same without the values of releases that are parts of their own: what they do shows there.
    pub bare: Vec<u8>,
    /// How.
    pub by: ProvenBy,
    /// The archive of a chart that was fetched: `podinfo 6.5.0 (sha256:0123456789ab)`.
    pub chart: Option<String>,
    /// It is no rendering, and this is what it was read from.
    pub unrendered: Option<Unrendered>,
}

impl Rendering {
    /// How all of it was made that was rendered: `helm v4.3.1, chart podinfo 6.5.0 (sha256:0123456789ab)`. Where its own
    /// manifests were not, that.
    pub fn by(&self) -> ProvenBy {
        if let Some(ProvenBy::NotRendered(why)) = self.parts.first().map(|own| &own.by) {
            return ProvenBy::NotRendered(why.clone());
        }
        let mut programs: Vec<&str> = Vec::new();
        for part in &self.parts {
            if let ProvenBy::Rendered(program) = &part.by
                && !programs.contains(&program.as_str())
            {
                programs.push(program);
            }
        }
        if programs.is_empty() {
            return ProvenBy::Parsed;
        }
        let charts: BTreeSet<&str> = self.parts.iter().filter_map(|part| part.chart.as_deref()).collect();
        ProvenBy::Rendered(programs.join(" and ") + &named_charts(&charts))
    }
}

fn named_charts(charts: &BTreeSet<&str>) -> String {
    let shown: Vec<&str> = charts.iter().take(CHARTS_SHOWN).copied().collect();
    let word = match charts.len() {
        0 => return String::new(),
        1 => "chart",
        _ => "charts",
    };
    let more = match charts.len() - shown.len() {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    format!(", {word} {}{more}", shown.join(", "))
}

impl Part {
    /// Which object describes it, and the name and namespace of its release.
    pub(crate) fn described(&self) -> Option<(Option<&ReleaseObject>, &str, Option<&Namespace>)> {
        let release = self.release.as_ref()?;
        Some((release.object.as_ref(), release.name.as_str(), release.namespace.as_ref()))
    }
}

/// What rendering needs beside files.
#[derive(Clone, Copy)]
pub struct Tools<'a> {
    /// kustomize and helm.
    pub renderer: &'a Renderer,
    /// Charts that are not in the repository.
    pub charts: &'a Charts,
    /// What is known of places that releases name.
    pub origins: Origins<'a>,
}

pub(super) fn named(release: &Release) -> String {
    release.object.as_ref().map_or_else(|| format!("release {}", release.name), ToString::to_string)
}

pub(super) fn of_release(problem: Problem, release: &Release) -> Problem {
    Problem { text: format!("{}: {}", named(release), problem.text), ..problem }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proof_names_its_programs_and_the_first_of_its_charts() {
        let part = |program: &str, chart: Option<&str>| Part {
            release: None,
            namespace: None,
            yaml: Vec::new(),
            bare: Vec::new(),
            by: ProvenBy::Rendered(program.to_owned()),
            chart: chart.map(str::to_owned),
            unrendered: None,
        };
        let by = |parts: Vec<Part>| Rendering { parts, ..Rendering::default() }.by().to_string();
        let own = || part("kustomize v5", None);
        assert_eq!(by(vec![own()]), "rendered with kustomize v5");
        assert_eq!(
            by(vec![own(), part("helm v4", Some("web 1.2 (sha256:0)"))]),
            "rendered with kustomize v5 and helm v4, chart web 1.2 (sha256:0)"
        );
        let names = ["a", "b", "b", "c", "d", "e", "f", "g"];
        assert_eq!(
            by(names.iter().map(|name| part("helm v4", Some(name))).collect()),
            "rendered with helm v4, charts a, b, c, d, e and 2 more"
        );
    }
}
