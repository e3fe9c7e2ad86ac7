//! A pass as people and programs read it: diffs, texts, JSON. Decides nothing.

use std::collections::{BTreeMap, BTreeSet};

use kubeopt_report::escape::terminal_line;
use kubeopt_report::{PlanInput, plan_text, unified_diff};
use serde_json::{Value, json};

use crate::pipeline::PassReport;
use crate::pricing::basis;
use crate::publishing::{Published, Sync};

impl PassReport {
    /// `kubeopt plan`: where, the diff, and what was compared, for each pull request.
    pub fn plan_text(&self) -> String {
        let texts = self.decided.proposals.iter().map(|proposal| {
            let prices = basis(&self.seen.prices, [&proposal.change_set.cluster]);
            let input = PlanInput {
                repository: &proposal.draft.repository.to_string(),
                files: &proposal.change_set.files,
                recommendations: &proposal.change_set.recommendations,
                verifications: &proposal.verifications,
                bill: &proposal.bill,
                prices: prices.as_ref().map(|prices| *prices).map_err(String::as_str),
                now: self.at,
            };
            plan_text(&input)
        });
        texts.collect::<Vec<_>>().join("\n")
    }

    /// All changes as one unified diff, as `git apply` takes it.
    pub fn diff(&self) -> String {
        self.decided.proposals.iter().map(|proposal| unified_diff(&proposal.change_set.files)).collect()
    }

    /// Title and body of every pull request.
    pub fn markdown(&self) -> String {
        let texts = self
            .decided
            .proposals
            .iter()
            .map(|each| format!("# {}\n\n{}\n", each.draft.title, each.draft.body));
        texts.collect::<Vec<_>>().join("\n")
    }

    /// What is left as it is: one line a workload and reason, and below it the help, where there is one that no line
    /// above has given.
    pub fn left_lines(&self) -> Vec<String> {
        let mut by_reason: BTreeMap<(String, String, Option<&str>), Vec<String>> = BTreeMap::new();
        for left in &self.decided.left {
            let containers = left.containers.iter().map(|id| id.container.to_string());
            let key = (
                left.workload.to_string(),
                left.why.sentence(),
                left.why.problem().map(|problem| problem.help.as_str()),
            );
            by_reason.entry(key).or_default().extend(containers);
        }
        let (mut lines, mut helped) = (Vec::new(), BTreeSet::new());
        for ((workload, why, help), containers) in by_reason {
            lines.push(terminal_line(&format!("{workload} [{}]: {why}", containers.join(", "))));
            if let Some(help) = help.filter(|help| helped.insert(*help)) {
                lines.push(format!("  help: {}", terminal_line(help)));
            }
        }
        lines
    }

    /// What became of earlier pull requests: one line each.
    pub fn merge_lines(&self) -> Vec<String> {
        let merged = self.merges.merges.iter().filter(|merge| merge.is_news).map(|merge| {
            let state = match merge.sync {
                Sync::Synced => "the cluster runs all of its values".to_owned(),
                Sync::Waiting { synced, of } => format!("{synced} of {of} values show in the cluster"),
            };
            format!("merged #{} of {}: {state}", merge.pull.number, merge.repository)
        });
        let closed = self
            .merges
            .closed
            .iter()
            .map(|(repository, number, why)| format!("closed #{number} of {repository}: {why}"));
        let own = self
            .own_merges
            .merged
            .iter()
            .map(|(repository, number, why)| format!("kubeopt merged #{number} of {repository}: {why}"));
        merged.chain(closed).chain(own).map(|line| terminal_line(&line)).collect()
    }

    /// The whole pass for programs.
    pub fn to_json(&self) -> Value {
        let proposals: Vec<Value> = self
            .decided
            .proposals
            .iter()
            .enumerate()
            .map(|(index, proposal)| {
                json!({
                    "repository": proposal.draft.repository,
                    "base": proposal.draft.base,
                    "branch": proposal.draft.branch,
                    "group": proposal.draft.marker.group,
                    "title": proposal.draft.title,
                    "body": proposal.draft.body,
                    "diff": unified_diff(&proposal.change_set.files),
                    "recommendations": proposal.change_set.recommendations,
                    "verifications": proposal.verifications,
                    "bill": proposal.bill,
                    "published": self.published.get(index).map(published_json),
                })
            })
            .collect();
        let left: Vec<Value> = self
            .decided
            .left
            .iter()
            .map(|left| json!({ "workload": left.workload, "containers": left.containers, "why": left.why, "text": left.why.sentence() }))
            .collect();
        let merges: Vec<Value> = self
            .merges
            .merges
            .iter()
            .map(|merge| {
                let (synced, of) = match merge.sync {
                    Sync::Synced => (merge.marker.fields.len(), merge.marker.fields.len()),
                    Sync::Waiting { synced, of } => (synced, of),
                };
                json!({
                    "repository": merge.repository,
                    "number": merge.pull.number,
                    "mergeCommit": merge.pull.merge_commit,
                    "syncedFields": synced,
                    "fields": of,
                })
            })
            .collect();
        json!({ "at": self.at, "proposals": proposals, "bill": self.decided.bill, "left": left, "merges": merges, "problems": self.problems() })
    }
}

fn published_json(published: &Published) -> Value {
    let (state, pull, problem) = match published {
        Published::Opened(pull) => ("opened", Some(pull), None),
        Published::Updated(pull) => ("updated", Some(pull), None),
        Published::Unchanged(pull) => ("unchanged", Some(pull), None),
        Published::Waiting(problem) => ("waiting", None, Some(problem)),
        Published::Failed(problem) => ("failed", None, Some(problem)),
    };
    json!({ "state": state, "number": pull.map(|pull| pull.number), "url": pull.map(|pull| &pull.url), "problem": problem })
}
