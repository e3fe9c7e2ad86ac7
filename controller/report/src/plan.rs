//! `kubeopt plan` for the terminal: where, the diff, and what was compared. Holds no colours; nothing of a file's
//! content reaches the terminal as a control sequence.

use std::collections::BTreeSet;

use jiff::Timestamp;
use kubeopt_model::cost::{Money, Prices, ProposedBill};
use kubeopt_model::edit::ProvenBy;
use kubeopt_model::{EditedFile, Recommendation, RepoPath, Verification};

use crate::bill::{bill_line, others};
use crate::cost::basis;
use crate::diff::diff_files;
use crate::escape::terminal_line;
use crate::figures;

/// Ends a plan that is not proven.
const DRAFT: &str = "the pull request would be a draft: install kustomize and Helm, or name them with --kustomize and \
--helm, and list the repository of a chart under `charts` in kubeopt.yaml\n";

const NOT_RENDERED: &str = "not rendered";

/// What one pull request would change.
#[derive(Debug, Clone, Copy)]
pub struct PlanInput<'a> {
    /// Repository as people write it: `github.com/acme/gitops`.
    pub repository: &'a str,
    /// Files before and after.
    pub files: &'a [EditedFile],
    /// What changes.
    pub recommendations: &'a [Recommendation],
    /// The proof of every entry point.
    pub verifications: &'a [Verification],
    /// What leaves the bill, alone and with the others that are proposed.
    pub bill: &'a ProposedBill,
    /// The prices that the members' costs rest on, or why there are none: a sentence without a full stop.
    pub prices: Result<&'a Prices, &'a str>,
    /// Now; the age of prices is told.
    pub now: Timestamp,
}

/// One paragraph a file, then one line a proof, then whether it would be a draft, then what it costs and by
/// which prices; ends with a line feed.
pub fn plan_text(input: &PlanInput<'_>) -> String {
    let mut out = String::new();
    for file in diff_files(input.files) {
        out.push_str(&terminal_line(&file_line(input, &file.path)));
        out.push('\n');
        if file.binary {
            out.push_str("(not text in UTF-8)\n");
        }
        for hunk in &file.hunks {
            out.push_str(&hunk.header);
            out.push('\n');
            for line in &hunk.lines {
                out.push(line.kind.sign());
                out.push_str(&terminal_line(&line.text));
                out.push('\n');
                if line.without_newline {
                    out.push_str("\\ No newline at end of file\n");
                }
            }
        }
        out.push('\n');
    }
    for verification in input.verifications {
        out.push_str(&terminal_line(&verified_line(verification, input.verifications.len() > 1)));
        out.push('\n');
    }
    if input.verifications.iter().any(|verification| verification.by.not_rendered().is_some()) {
        out.push_str(DRAFT);
    }
    for line in cost_lines(input) {
        out.push_str(&terminal_line(&line));
        out.push('\n');
    }
    out
}

/// What is requested, and what leaves the bill: two numbers that are never added. The second is told again with the others
/// that are proposed, because nodes go whole.
fn cost_lines(input: &PlanInput<'_>) -> Vec<String> {
    let members = || input.recommendations.iter().flat_map(|recommendation| &recommendation.members);
    let deltas: Vec<Money> = members().filter_map(|member| Some(member.cost?.delta().to_cents())).collect();
    let unpriced = members().count() - deltas.len();
    let requested = match (deltas.is_empty(), unpriced) {
        (true, _) => "price unknown".to_owned(),
        (false, 0) => format!("{}/month", figures::dollars(deltas.into_iter().sum())),
        (false, unpriced) => format!(
            "{}/month without {} whose price is unknown",
            figures::dollars(deltas.into_iter().sum()),
            figures::counted(unpriced, "container")
        ),
    };
    let mut lines = vec![format!("costs: requested capacity {requested} · {}", bill_line(&input.bill.alone))];
    if let Some(together) = &input.bill.together {
        lines.push(format!("       with {}, {}", others(input.bill.others), bill_line(together)));
    }
    lines.push(match input.prices {
        Ok(prices) => format!("prices: {}", basis(&prices.basis, &prices.date, input.now)),
        Err(why) => format!("prices: unknown, because {why}"),
    });
    lines
}

/// `payments/deploy/api  github.com/acme/gitops  apps/prod/api.yaml:14-19   (kustomize, traced)`
fn file_line(input: &PlanInput<'_>, path: &str) -> String {
    let touched: Vec<Touched<'_>> =
        input.recommendations.iter().flat_map(touched).filter(|each| each.file.as_str() == path).collect();
    let workloads: BTreeSet<String> = touched
        .iter()
        .flat_map(|each| &each.recommendation.members)
        .map(|member| member.container.workload.to_string())
        .collect();
    let lines = || touched.iter().filter_map(|each| each.line);
    let span = match (lines().min(), lines().max()) {
        (Some(first), Some(last)) if first == last => format!(":{first}"),
        (Some(first), Some(last)) => format!(":{first}-{last}"),
        _ => String::new(),
    };
    let renderers: BTreeSet<&str> = input
        .verifications
        .iter()
        .filter(|verification| touched.iter().any(|each| each.feeds.contains(&verification.entry)))
        .map(|verification| match &verification.by {
            ProvenBy::Parsed => "plain",
            ProvenBy::Rendered(version) => version.split(' ').next().unwrap_or("rendered"),
            ProvenBy::NotRendered(_) => NOT_RENDERED,
        })
        .collect();
    // Without a rendering nothing was traced.
    let is_traced = renderers != BTreeSet::from([NOT_RENDERED]);
    let how: Vec<&str> = renderers.into_iter().chain(is_traced.then_some("traced")).collect();
    format!(
        "{}  {}  {path}{span}   ({})",
        workloads.into_iter().collect::<Vec<_>>().join(", "),
        input.repository,
        how.join(", ")
    )
}

/// What a recommendation does to a file.
struct Touched<'a> {
    recommendation: &'a Recommendation,
    file: &'a RepoPath,
    /// None where the lines are yet to come: in a patch, and in the kustomization that names it.
    line: Option<usize>,
    feeds: &'a [RepoPath],
}

fn touched(recommendation: &Recommendation) -> impl Iterator<Item = Touched<'_>> {
    let changed = recommendation.changes.iter().map(|change| (&change.site, change.feeds.as_slice()));
    let removed = recommendation.removals.iter().map(|removal| (&removal.site, removal.feeds.as_slice()));
    let created = recommendation.additions.iter().map(|addition| (&addition.site, addition.feeds.as_slice()));
    let edited = changed.chain(removed).chain(created).map(move |(site, feeds)| Touched {
        recommendation,
        file: &site.file,
        line: Some(site.line),
        feeds,
    });
    let patched = recommendation.patches.iter().flat_map(move |patch| {
        let feeds = std::slice::from_ref(&patch.overlay);
        [&patch.file, &patch.kustomization].map(|file| Touched { recommendation, file, line: None, feeds })
    });
    // A target feeds what its request feeds, which is among the others.
    let retargeted = recommendation.targets.iter().map(move |change| Touched {
        recommendation,
        file: &change.target.site.file,
        line: Some(change.target.site.line),
        feeds: recommendation.changes.first().map_or(&[][..], |change| change.feeds.as_slice()),
    });
    edited.chain(patched).chain(retargeted)
}

/// `verified: kustomize v5.8.2, before/after differ in 2 fields of Deployment payments/api[api] and nothing else`; of several
/// entry points each is named. `not verified: apps/prod could not be rendered (kustomize was not found)` names it always.
fn verified_line(verification: &Verification, name_entry: bool) -> String {
    let containers: BTreeSet<_> =
        verification.changed.iter().map(|changed| (&changed.workload, &changed.container)).collect();
    let of = match containers.iter().next() {
        Some((workload, container)) if containers.len() == 1 => {
            let namespace =
                workload.namespace.as_ref().map_or(String::new(), |namespace| format!("{namespace}/"));
            format!("{} {namespace}{}[{container}]", workload.kind, workload.name)
        }
        _ => figures::counted(containers.len(), "container"),
    };
    let targets = match verification.targets.len() {
        0 => String::new(),
        number => format!(" and {}", figures::counted(number, "HPA target")),
    };
    let fields = figures::counted(verification.changed.len(), "field");
    let entry = if name_entry { format!(" of {}", verification.entry) } else { String::new() };
    let how = match &verification.by {
        ProvenBy::Parsed => "parsed",
        ProvenBy::Rendered(version) => version,
        ProvenBy::NotRendered(why) if verification.changed.is_empty() && verification.targets.is_empty() => {
            return format!(
                "not verified: {} reads a file that changes and could not be rendered ({why}): what becomes of it is not known",
                verification.entry
            );
        }
        ProvenBy::NotRendered(why) => {
            return format!(
                "not verified: {} could not be rendered ({why}); {fields} of {of} were found by reading files, and a \
                 patch, a template or a transformer may change what arrives",
                verification.entry
            );
        }
    };
    format!("verified: {how}, before/after{entry} differ in {fields} of {of}{targets} and nothing else")
}
