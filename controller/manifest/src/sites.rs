//! The lines of plain manifests that set resources: which workload, container and field each one sets.
//!
//! Plain manifests are their own rendering, so no marking is needed. Says nothing of values that are not set.

use std::collections::HashMap;

use kubeopt_model::source::RenderedWorkload;
use kubeopt_model::workload::ContainerRole;
use kubeopt_model::{ContainerName, EditSite, Field, Problem, RepoPath};

use crate::candidate::{Candidate, candidates};
use crate::guard::guard_file;
use crate::pods::{Spot, containers};
use crate::refusal::Refusal;
use crate::role::FileRole;
use crate::stream::NodeId;
use crate::text::Text;
use crate::yaml_text::YamlText;

/// A field that a plain manifest sets, and the scalar that sets it, or why that is not edited.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SiteRead {
    /// The workload.
    pub workload: RenderedWorkload,
    /// The container.
    pub container: ContainerName,
    /// What it is to its pod.
    pub role: ContainerRole,
    /// The field.
    pub field: Field,
    /// The scalar; an error carries the line all the same.
    pub site: Result<EditSite, Problem>,
    /// What is written there, also where it is not edited; none where it is not known which of several counts.
    pub text: Option<String>,
}

/// Reads every resources leaf (four fields, all containers) of every workload of a plain manifest.
///
/// # Errors
/// When the file is no UTF-8 text or no YAML (a template, for example), with the line.
pub fn read_sites(file: &RepoPath, bytes: &[u8]) -> Result<Vec<SiteRead>, Problem> {
    let yaml = YamlText::read(bytes).map_err(|unreadable| {
        let excerpt = Text::read(bytes).map_or(String::new(), |text| text.line(unreadable.line).to_owned());
        unreadable.refusal.at(file, unreadable.line, &excerpt)
    })?;
    let guarded = guard_file(file, bytes);
    let candidates = candidates(file, &yaml, FileRole::Manifest);
    let by_node: HashMap<NodeId, &Candidate> =
        candidates.iter().filter_map(|candidate| Some((candidate.node?, candidate))).collect();
    let (containers, _) = containers(&yaml.stream);
    let mut sites = Vec::new();
    for container in &containers {
        for field in Field::ALL {
            let Some(spot) = container.field(&yaml.stream, field) else { continue };
            let candidate = by_node.get(&spot.node).copied();
            let site = site(file, &yaml, candidate, &spot, &guarded);
            sites.push(SiteRead {
                workload: container.workload.clone(),
                container: container.name.clone(),
                role: container.role,
                field,
                site,
                text: candidate.and_then(text),
            });
        }
    }
    Ok(sites)
}

fn text(candidate: &Candidate) -> Option<String> {
    let is_one_of_two = matches!(candidate.blocked, Some(Refusal::DuplicateKey { .. }));
    (!is_one_of_two).then(|| candidate.text.clone())
}

fn site(
    file: &RepoPath,
    yaml: &YamlText<'_>,
    candidate: Option<&Candidate>,
    spot: &Spot,
    guarded: &Result<(), Problem>,
) -> Result<EditSite, Problem> {
    let line = yaml.stream.node(spot.node).at.line;
    let refuse = |refusal: &Refusal| Err(refusal.at(file, line, yaml.text.line(line)));
    if let Err(problem) = guarded {
        let place = problem.clone().at(file.as_str(), Some(line));
        return Err(place.with_excerpt(yaml.text.line(line).trim_end()));
    }
    if let Some(detour) = &spot.detour {
        return refuse(detour);
    }
    let Some(candidate) = candidate else {
        return refuse(&Refusal::Form { form: "as a list or mapping" });
    };
    match &candidate.blocked {
        Some(refusal) => refuse(refusal),
        None => Ok(candidate.site(file)),
    }
}
