//! The target of an autoscaler in a file: the whole number is set, and nothing else.
//!
//! The same two ways to edit and the same proofs as for amounts ([`crate::edit`]). Who moves a target, and why, is decided
//! elsewhere.

use std::collections::BTreeMap;

use kubeopt_model::{Problem, RepoPath, TargetEdit};

use crate::candidate::{Candidate, Sought, by_place, sought};
use crate::edit::applied;
use crate::guard::guard_file;
use crate::refusal::{Refusal, shortened};
use crate::replace::Replacement;
use crate::role::FileRole;
use crate::yaml_text::YamlText;

/// Sets the targets at the given sites. All other bytes stay; a number that is there already changes nothing.
///
/// # Errors
/// The first reason why a target is not edited, with its line: see [`crate::codes::CODES`].
pub fn edit_targets(path: &RepoPath, bytes: &[u8], edits: &[TargetEdit]) -> Result<Vec<u8>, Problem> {
    guard_file(path, bytes)?;
    let yaml =
        YamlText::read(bytes).map_err(|unreadable| unreadable.refusal.at(path, unreadable.line, ""))?;
    let candidates = sought(path, &yaml, FileRole::Values, Sought::Targets);
    let places = by_place(&candidates);
    let mut wanted: BTreeMap<(usize, usize), (&Candidate, u32)> = BTreeMap::new();
    for TargetEdit { site, after } in edits {
        let at = |refusal: Refusal, line: usize| refusal.at(path, line, yaml.text.line(line));
        let missing =
            || Refusal::Missing { path: shortened(&site.path.to_string()), document: site.document };
        let Some(candidate) = places.get(&(site.document, &site.path)).copied() else {
            return Err(at(missing(), site.line));
        };
        if let Some(refusal) = &candidate.blocked {
            return Err(at(refusal.clone(), candidate.line));
        }
        if candidate.text != site.text {
            let (expected, found) = (shortened(&site.text), shortened(&candidate.text));
            return Err(at(Refusal::Stale { expected, found }, candidate.line));
        }
        let start = candidate.span.as_ref().map_or(0, |span| span.start);
        match wanted.insert((candidate.event, start), (candidate, *after)) {
            Some((_, before)) if before != *after => {
                let (first, second) = (format!("{before} %"), format!("{after} %"));
                return Err(at(Refusal::Contradiction { first, second }, candidate.line));
            }
            Some(_) | None => {}
        }
    }
    let replacement = |(candidate, after): (_, u32)| Replacement { candidate, with: after.to_string() };
    let replacements: Vec<Replacement<'_>> =
        wanted.into_values().map(replacement).filter(|one| one.with != one.candidate.text).collect();
    applied(path, &yaml, bytes, &candidates, &replacements, Sought::Targets)
}

#[cfg(test)]
mod tests {
    use kubeopt_model::{EditSite, FieldPath, FileSet};

    use super::*;
    use crate::mark::mark_targets;
    use crate::mark_index::KnownMarks;
    use crate::scalers::read_back_targets;
    use crate::transform::Origin;

    const V2: &str = "apiVersion: autoscaling/v2
kind: HorizontalPodAutoscaler
metadata: {name: web, namespace: shop}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: front}
  maxReplicas: 9
  metrics:
  - type: Resource
    resource:
      name: cpu
      target: {type: Utilization, averageUtilization: 70} # tuned
";

    const V1: &str = "apiVersion: autoscaling/v1
kind: HorizontalPodAutoscaler
metadata: {name: web}
spec:
  scaleTargetRef: {apiVersion: apps/v1, kind: Deployment, name: front}
  maxReplicas: 9
  targetCPUUtilizationPercentage: 70
";

    fn file() -> RepoPath {
        RepoPath::new("hpa.yaml").expect("a path")
    }

    /// The place of the one target of a plain manifest, as marking finds it.
    fn site(text: &str) -> EditSite {
        let files = FileSet::from([(file(), text.as_bytes().to_vec())]);
        let marked = mark_targets(&files, &|_| FileRole::Manifest);
        let index = marked.index();
        let back = read_back_targets(&marked.files[&file()], &KnownMarks::of([&index])).expect("text");
        let [(target, Origin::Mark(number))] = back.as_slice() else { panic!("{back:?}") };
        assert_eq!((target.scaler.as_str(), target.workload.name.as_str()), ("web", "front"));
        index.marks()[*number].site.clone()
    }

    #[test]
    fn a_target_of_either_version_is_found_and_nothing_else_is_set() {
        for (text, line) in [(V2, 11), (V1, 7)] {
            let site = site(text);
            assert_eq!((site.line, site.text.as_str()), (line, "70"));
            let edits = [TargetEdit { site, after: 233 }];
            let edited = edit_targets(&file(), text.as_bytes(), &edits).expect("edited");
            assert_eq!(String::from_utf8(edited).expect("text"), text.replace("70", "233"));
        }
    }

    #[test]
    fn a_target_that_moved_on_or_is_shared_is_refused() {
        let edits = [TargetEdit { site: site(V2), after: 80 }];
        let other = V2.replace("70", "75");
        let refused = edit_targets(&file(), other.as_bytes(), &edits).expect_err("another number");
        assert_eq!(refused.code, "E-SRC-014");
        let shared = V2
            .replace("averageUtilization: 70", "averageUtilization: *share")
            .replace("maxReplicas: 9", "maxReplicas: &share 70");
        let refused = edit_targets(&file(), shared.as_bytes(), &edits).expect_err("an alias");
        assert_eq!(refused.code, "E-SRC-009");
        let nowhere = EditSite { path: FieldPath(vec!["spec".into()]), ..site(V2) };
        let edits = [TargetEdit { site: nowhere, after: 80 }];
        let refused = edit_targets(&file(), V2.as_bytes(), &edits).expect_err("no such place");
        assert_eq!(refused.code, "E-SRC-015");
    }

    #[test]
    fn values_of_charts_are_marked_and_those_that_switch_a_metric_off_are_not() {
        let values = "autoscaling:\n  enabled: true\n  maxReplicas: 9\n  targetCPUUtilizationPercentage: 80\n  targetMemoryUtilizationPercentage: 0\n";
        let files = FileSet::from([(file(), values.as_bytes().to_vec())]);
        let marked = mark_targets(&files, &|_| FileRole::Values);
        let texts: Vec<&str> = marked.marks.iter().map(|mark| mark.site.text.as_str()).collect();
        assert_eq!(texts, ["80"]);
        let after = String::from_utf8(marked.files[&file()].clone()).expect("text");
        assert!(after.contains("targetCPUUtilizationPercentage: 100060\n"), "{after}");
    }
}
