//! The same where something of it is otherwise.

use kubeopt_model::edit::ProvenBy;
use kubeopt_model::load::{HourSpan, LoadPart, TimedRequest};
use kubeopt_model::quantity::Field;
use kubeopt_model::recommendation::{Effect, Reason, SiteAddition, SiteChange, SitePatch, SiteRemoval};
use kubeopt_model::source::RenderedWorkload;
use kubeopt_model::{ContainerRole, EditSite, RepoPath, Verification, WorkloadKind};

use super::recommended::{API_FILE, cost, site_change};
use super::{Sample, resources, sample};

/// The API without its CPU limit, which was 2 cores.
pub(crate) fn without_cpu_limit() -> Sample {
    let mut sample = sample();
    let api = &mut sample.recommendations[0];
    let change = site_change(API_FILE, 17, Field::CPU_LIMIT, "2", "2");
    let SiteChange { field, site, value, feeds, .. } = change;
    api.removals.push(SiteRemoval { field, site, before: value.before, feeds });
    api.members[0].resources.before.set(field.bound, value.before);
    let text = "the policy wants no cpu limit: 2000m is removed".to_owned();
    api.reasons.push(Reason { rule: "limits".into(), field, effect: Effect::Remove, bound: true, text });
    sample
}

/// The API with busy hours each day, and with so many spans of a week that not all are named.
pub(crate) fn with_hours() -> Sample {
    let mut sample = sample();
    let request = |part, period_hours, spans: Vec<HourSpan>, cpu| TimedRequest {
        part,
        period_hours,
        spans,
        cpu: kubeopt_model::MilliCores(cpu),
    };
    let spans = |from: u32, every: u32, hours: u32| {
        (0..7).map(|at| HourSpan { from_hour: at * every + from, hours }).collect::<Vec<_>>()
    };
    sample.recommendations[0].members[0].timed = vec![
        request(LoadPart::Peak, 24, spans(9, 24, 8), 310),
        request(LoadPart::OffPeak, 24, spans(17, 24, 16), 120),
    ];
    // Each day at other hours.
    let weekly = [spans(3, 25, 2), spans(12, 25, 2)].concat();
    sample.recommendations[1].members[0].timed = vec![request(LoadPart::Peak, 168, weekly, 2000)];
    sample
}

/// The API as it would be had nobody set its requests: with the memory limit alone.
pub(crate) fn without_requests() -> Sample {
    let mut sample = sample();
    let api = &mut sample.recommendations[0];
    let member = &mut api.members[0];
    member.resources.before = resources(["", "", "", "2Gi"]);
    member.cost = cost("50.14", "68.74");
    let text = "nothing in Git sets it: 310m is created".to_owned();
    let (rule, effect) = ("create-request".to_owned(), Effect::Note);
    api.reasons.push(Reason { rule, field: Field::CPU_REQUEST, effect, bound: false, text });
    let containers = [member.container.clone()];
    api.additions = std::mem::take(&mut api.changes)
        .into_iter()
        .map(|SiteChange { field, mut site, value, feeds, .. }| {
            (site.line, site.text) = (12, String::new());
            SiteAddition { field, site, after: value.after, feeds, containers: containers.to_vec() }
        })
        .collect();
    sample
}

/// The API where its requests come from a base that others share: a patch of the overlay sets them.
pub(crate) fn in_a_patch() -> Sample {
    let mut sample = sample();
    let path = |text: &str| RepoPath::new(text).unwrap();
    let api = &mut sample.recommendations[0];
    let id = api.members[0].container.clone();
    api.patches = std::mem::take(&mut api.changes)
        .into_iter()
        .map(|SiteChange { field, site, value, feeds, .. }| SitePatch {
            field,
            base: EditSite { file: path("apps/payments/base/api.yaml"), ..site },
            value: value.map(Some),
            overlay: feeds[0].clone(),
            feeds: ["dev", "prod", "test"]
                .map(|name| path(&format!("apps/payments/overlays/{name}")))
                .to_vec(),
            kustomization: path("apps/payments/overlays/prod/kustomization.yaml"),
            file: path("apps/payments/overlays/prod/kubeopt-resources.yaml"),
            workload: RenderedWorkload {
                kind: WorkloadKind::Deployment,
                namespace: None,
                name: id.workload.name.clone(),
            },
            container: id.container.clone(),
            role: ContainerRole::Main,
            list: vec![id.container.clone()],
            containers: vec![id.clone()],
        })
        .collect();
    sample
}

/// Where kustomize is missing for one of two overlays, and the other is a plain folder.
pub(crate) fn not_rendered() -> Sample {
    let mut sample = sample();
    let proven = &mut sample.verifications[0];
    let ledger = proven.changed.split_off(2);
    proven.by = ProvenBy::NotRendered("kustomize was not found".into());
    let entry = RepoPath::new("apps/payments/base").unwrap();
    sample
        .verifications
        .insert(0, Verification { entry, by: ProvenBy::Parsed, changed: ledger, targets: Vec::new() });
    sample
}
