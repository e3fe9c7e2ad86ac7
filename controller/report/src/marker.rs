//! The hidden state that a pull request carries in its own body. Knows nothing of the words around it.

use kubeopt_model::pull_request::{MarkedField, MarkedRequest, MarkedTarget, Marker, requests_of};
use kubeopt_model::{Amount, Change, EditSite, Field, Resource};

use crate::pull_request_input::PullRequestInput;

/// Longest marker: a third of a body, so that the words always have room. About a hundred scalars fit.
const MARKER_CHARS_MAX: usize = 20_000;

/// The marker of a pull request. Its hash is over all fields; of very many fields it carries only the first that fit,
/// and the journal keeps the rest.
pub fn marker(input: &PullRequestInput<'_>) -> Marker {
    let mut fields: Vec<MarkedField> = input
        .recommendations
        .iter()
        .flat_map(|recommendation| {
            let container =
                recommendation.members.first().map_or(String::new(), |member| member.container.to_string());
            // An empty text before is a field that nothing set; it is marked with a container that gets it.
            let created = recommendation.additions.iter().map(|addition| MarkedField {
                container: addition.containers.first().map_or(String::new(), ToString::to_string),
                field: addition.field.to_string(),
                file: addition.site.file.clone(),
                value: Change { before: String::new(), after: addition.after.to_string() },
            });
            let patched = recommendation.patches.iter().map(|patch| MarkedField {
                container: patch.containers.first().map_or(String::new(), ToString::to_string),
                field: patch.field.to_string(),
                file: patch.file.clone(),
                value: patch.value.map(|value| value.map_or(String::new(), |amount| amount.to_string())),
            });
            let marked = move |field: Field, site: &EditSite, after: String| MarkedField {
                container: container.clone(),
                field: field.to_string(),
                file: site.file.clone(),
                value: Change { before: site.text.clone(), after },
            };
            // An empty text is a field that goes.
            let removed = recommendation.removals.iter().map({
                let marked = marked.clone();
                move |removal| marked(removal.field, &removal.site, String::new())
            });
            let changed = recommendation.changes.iter();
            changed
                .map(move |change| marked(change.field, &change.site, change.value.after.to_string()))
                .chain(removed)
                .chain(created)
                .chain(patched)
        })
        .collect();
    fields.sort();
    let (requests, targets) = (requests(input), targets(input));
    let mut marker = Marker {
        group: input.group.to_owned(),
        proposal: Marker::proposal_hash(&fields, &targets),
        base: input.base.to_owned(),
        cluster: input.cluster.to_string(),
        labels: input.labels.to_vec(),
        not_rendered: input.verifications.iter().any(|proof| proof.by.not_rendered().is_some()),
        requests: if say_the_same(&requests, &requests_of(&fields)) { Vec::new() } else { requests },
        fields,
        targets,
    };
    // What a saving is estimated from is given up before what makes the pull request idempotent.
    while hidden_text(&marker).chars().count() > MARKER_CHARS_MAX && !marker.requests.is_empty() {
        marker.requests.truncate(marker.requests.len() * 3 / 4);
    }
    while hidden_text(&marker).chars().count() > MARKER_CHARS_MAX && !marker.fields.is_empty() {
        marker.fields.truncate(marker.fields.len() * 3 / 4);
    }
    marker
}

/// The targets of autoscalers that move with requests.
fn targets(input: &PullRequestInput<'_>) -> Vec<MarkedTarget> {
    let mut targets: Vec<MarkedTarget> = input
        .recommendations
        .iter()
        .flat_map(|recommendation| recommendation.targets.iter().map(move |change| (recommendation, change)))
        .map(|(recommendation, change)| MarkedTarget {
            workload: recommendation
                .members
                .first()
                .map_or(String::new(), |member| member.container.workload.to_string()),
            resource: change.target.resource,
            file: change.target.site.file.clone(),
            percent: change.percent(),
        })
        .collect();
    targets.sort();
    targets
}

/// The requests that change, of every container.
fn requests(input: &PullRequestInput<'_>) -> Vec<MarkedRequest> {
    let members = input.recommendations.iter().flat_map(|recommendation| &recommendation.members);
    let mut requests: Vec<MarkedRequest> = members
        .flat_map(|member| [Resource::Cpu, Resource::Memory].map(|resource| (member, resource)))
        .map(|(member, resource)| MarkedRequest {
            container: member.container.to_string(),
            resource,
            value: member.resources.map(|side| {
                side.effective_request(resource).map_or(String::new(), |amount| amount.to_string())
            }),
        })
        .filter(|request| !request.value.is_none())
        .collect();
    requests.sort();
    requests
}

/// Whether both hold the same amounts, however they are written.
fn say_the_same(a: &[MarkedRequest], b: &[MarkedRequest]) -> bool {
    let amounts = |request: &MarkedRequest| {
        request.value.clone().map(|text| Amount::parse(request.resource, &text).ok())
    };
    let same = |(a, b): (&MarkedRequest, &MarkedRequest)| {
        (&a.container, a.resource) == (&b.container, b.resource) && amounts(a) == amounts(b)
    };
    a.len() == b.len() && a.iter().zip(b).all(same)
}

/// The marker as it stands in the body: ASCII only, so that no character of a name turns the reading direction even for
/// those who edit the text.
pub(crate) fn hidden_text(marker: &Marker) -> String {
    let mut out = String::new();
    for c in marker.to_html_comment().chars() {
        if c.is_ascii() {
            out.push(c);
        } else {
            // Outside of JSON strings the comment is ASCII, so this is always within one.
            c.encode_utf16(&mut [0; 2]).iter().for_each(|unit| out.push_str(&format!("\\u{unit:04x}")));
        }
    }
    out
}
